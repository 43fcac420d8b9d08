//! Terminals without a browser: a code that is typed into a page, where a passkey approves it, and an
//! answer that is typed back. The shape of RFC 8628, with the answer instead of polling.
//!
//! Whoever has others approve a code of theirs gets nothing by that: the session goes to the terminal into which
//! the page's answer is typed, and the page says so.

use crate::ceremony::{Pending, Room, same, secret};
use crate::limits::Limits;
use crate::passkey::{Challenge, keep_confirmation};
use crate::session::Opening;
use crate::signed::{Source, session_id};
use crate::table::{passkey, session};
use crate::token::SessionToken;
use crate::{Access, Caller, Error, Proof, SignedIn};
use audit::{Actor, Event, What};
use base::{Entropy, Id, RequestId, Timestamp, UserId};
use db::sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::Value;
use std::time::Duration;

/// How long a terminal waits: ten minutes.
pub const LIFE: Duration = Duration::from_secs(600);
/// Terminals that wait at once for people whom nobody knows yet.
const ROOM: Room = Room { one: 50, near: 200, all: 1000 };
/// Most that confirm a session, of which each session has one, or are approved.
const MOST: usize = 10_000;
/// Wrong codes that an account may type while terminals wait, and wrong answers that a terminal may give.
const TRIES: u8 = 5;
/// Letters that are not taken for one another or make words.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const CODE: usize = 8;
const ANSWER: usize = 6;

/// Terminals that wait, and the wrong codes of accounts.
pub(crate) struct Terminals {
    waiting: Pending<Waiting>,
    tries: Pending<u8>,
}

impl Default for Terminals {
    fn default() -> Self {
        Self { waiting: Pending::of(LIFE, MOST), tries: Pending::of(LIFE, ROOM.all) }
    }
}

/// A terminal that waits.
#[derive(Clone)]
struct Waiting {
    code: String,
    source: Source,
    since: Timestamp,
    /// The session that is to be confirmed; none for a new one.
    confirms: Option<(UserId, SignedIn)>,
    approved: Option<Approval>,
    wrong: u8,
}

/// Who approved a terminal, by what, and when: what comes of it is no stronger and no younger.
#[derive(Clone)]
struct Approval {
    user: UserId,
    answer: String,
    /// The session in which it was approved.
    session: Vec<u8>,
    /// The passkey that answered.
    passkey: Vec<u8>,
    at: i64,
    /// What the terminal proves by it.
    proof: Proof,
}

/// What a terminal is told.
pub struct Terminal {
    /// Its secret, with which it comes back.
    pub secret: String,
    /// The code to type into the page.
    pub code: String,
    /// The page.
    pub page: String,
}

/// What a page shows of a terminal that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// Where it asks from.
    pub source: String,
    /// Since when.
    pub since: Timestamp,
    /// Whether it confirms a session that is there, and begins none.
    pub confirms: bool,
}

impl Access {
    /// Lets a terminal wait for somebody to approve it: for a new session, or to confirm the caller's.
    pub fn begin_terminal(&self, source: Source, confirms: Option<&Caller>) -> Result<Terminal, Error> {
        let page = format!("{}/device", self.passkeys()?.origin());
        let now = self.inner.clock.monotonic();
        let terminals = &self.inner.terminals;
        let code = letters(&*self.inner.entropy, CODE);
        let confirms = match confirms {
            Some(caller) => {
                Some((caller.own()?.clone(), caller.signed().cloned().ok_or(Error::NotSignedIn)?))
            }
            None => None,
        };
        let since = self.inner.clock.now();
        let waiting = Waiting { code: code.clone(), source, since, confirms, approved: None, wrong: 0 };
        let secret = secret(&*self.inner.entropy);
        if let Some((_, signed)) = &waiting.confirms {
            let same =
                |one: &Waiting| one.confirms.as_ref().is_some_and(|(_, own)| own.digest == signed.digest);
            terminals.waiting.drop_all(same);
        }
        // A session that is there asks for itself: strangers take no place of its, nor it of theirs.
        // Nor does one that somebody approved make room for anybody.
        let stranger =
            |one: &Waiting| (one.confirms.is_none() && one.approved.is_none()).then_some(one.source);
        if !terminals.waiting.keep_of((secret.clone(), waiting), now, &ROOM, stranger) {
            return Err(Error::ManyWait);
        }
        let (head, tail) = code.split_at_checked(CODE / 2).unwrap_or((&code, ""));
        Ok(Terminal { secret, code: format!("{head}-{tail}"), page })
    }

    /// The terminal that shows `code`, for somebody who may approve it.
    pub fn asking(&self, caller: &Caller, code: &str) -> Result<Asking, Error> {
        let (_, waiting) = self.find_terminal(caller, code)?;
        let confirms = waiting.confirms.is_some();
        Ok(Asking { source: waiting.source.to_string(), since: waiting.since, confirms })
    }

    /// Asks the caller for one of their passkeys, to approve the terminal that shows `code` and no other.
    pub async fn begin_approval(&self, caller: &Caller, code: &str) -> Result<Challenge, Error> {
        let (name, _) = self.own_terminal(caller, code)?;
        self.ask_for_passkey(caller, Some(name)).await
    }

    /// Approves the terminal that shows `code`, and gives the answer that its owner types there.
    ///
    /// INVARIANT (no-proof-from-a-proof): each approval takes an answer of a passkey that was asked for this terminal.
    /// A session alone, however fresh, begins no other session and makes none fresh, itself included.
    pub async fn approve_terminal(
        &self,
        caller: &Caller,
        code: &str,
        (ceremony, answer): (&str, Value),
        source: Source,
    ) -> Result<String, Error> {
        let (name, waiting) = self.own_terminal(caller, code)?;
        let proved = self.prove(caller, Some(&name), ceremony, answer).await?;
        let answer = letters(&*self.inner.entropy, ANSWER);
        // At one place, or inside the site, nobody was talked into it from afar.
        let near = waiting.source == source || waiting.source == Source::Socket;
        let approved = Approval {
            user: proved.user,
            answer: answer.clone(),
            session: proved.session,
            passkey: proved.passkey,
            at: proved.at,
            proof: if near { Proof::Passkey } else { Proof::Terminal },
        };
        let (waiting, now) = (&self.inner.terminals.waiting, self.inner.clock.monotonic());
        let kept = waiting.with(&name, now, |one| {
            let free = one.approved.is_none();
            if free {
                one.approved = Some(approved);
            }
            free
        });
        if kept != Some(true) {
            return Err(Error::Code);
        }
        // Nobody knows the answer yet, so nothing comes of it before it is on record, and nothing if it cannot be.
        if let Err(error) = self.note_terminal(caller, true).await {
            waiting.take(&name, now);
            return Err(error);
        }
        Ok(answer)
    }

    /// Ends the wait of the terminal that shows `code`: nobody approves it.
    pub async fn refuse_terminal(&self, caller: &Caller, code: &str) -> Result<(), Error> {
        let (name, _) = self.find_terminal(caller, code)?;
        self.note_terminal(caller, false).await?;
        self.inner.terminals.waiting.take(&name, self.inner.clock.monotonic());
        Ok(())
    }

    /// Gives a terminal what was approved, for the page's answer: a new session, or none where one was
    /// confirmed.
    pub async fn finish_terminal(
        &self,
        secret: &str,
        answer: &str,
        source: Source,
        request: &RequestId,
    ) -> Result<Option<SessionToken>, Error> {
        self.passkeys()?;
        let now = self.inner.clock.monotonic();
        let answer = normal(answer);
        let terminals = &self.inner.terminals;
        let judged = terminals.waiting.with(secret, now, |one| {
            // One terminal, one address: the secret is of no use elsewhere.
            let Some(right) = one.approved.as_ref().filter(|_| one.source == source) else {
                return Verdict::Waits;
            };
            if same(&right.answer, &answer) {
                return Verdict::Right;
            }
            one.wrong = one.wrong.saturating_add(1);
            if one.wrong >= TRIES { Verdict::Over } else { Verdict::Wrong }
        });
        match judged {
            Some(Verdict::Right) => {}
            Some(Verdict::Waits) => return Err(Error::NotApproved),
            Some(Verdict::Wrong) => return self.accepted(None).map_err(|_| Error::Code),
            Some(Verdict::Over) => {
                terminals.waiting.take(secret, now);
                return self.accepted(None).map_err(|_| Error::Code);
            }
            None => return self.accepted(None).map_err(|_| Error::Code),
        }
        let taken = terminals.waiting.take(secret, now);
        let Some(Waiting { approved: Some(approval), confirms, .. }) = taken else {
            return Err(Error::Code);
        };
        self.counted(crate::account::usable(self.inner.db.reader(), approval.user.as_str()).await)?;
        let limits = self.limits().await?;
        let look = self.inner.db.look().await?;
        // Where nobody else writes: what it stands on may have ended since.
        self.upheld(&*look, &approval, &limits).await?;
        let by = session_id(&approval.session);
        if let Some((_, signed)) = confirms {
            let what = What::SessionConfirmed { proof: approval.proof.as_str().to_owned() };
            keep_confirmation(&*look, &signed.digest, approval.proof, approval.at).await?;
            let event = Event::new(Actor::User(approval.user.clone()), what)
                .during(Some(request.clone()))
                .about([signed.session.to_string(), by.to_string()]);
            look.decided(self.inner.audit.gate(&event).await?.position).commit().await?;
            return Ok(None);
        }
        let opening = Opening::of(&approval.user, approval.proof, source).approved(by, approval.at);
        Ok(Some(self.open_session(look, opening, &limits, request).await?))
    }

    /// Records what somebody decided about a terminal.
    async fn note_terminal(&self, caller: &Caller, approved: bool) -> Result<u64, Error> {
        let session = caller.signed().map(|signed| signed.session.to_string());
        self.note(caller, What::TerminalDecided { approved }, session).await
    }

    /// Fails when the session in which a terminal was approved, or the passkey that answered, is no more: what
    /// ends those ends what they approved.
    async fn upheld<C: ConnectionTrait>(
        &self,
        from: &C,
        approval: &Approval,
        limits: &Limits,
    ) -> Result<(), Error> {
        let session = session::Entity::find_by_id(approval.session.clone()).one(from).await?;
        let session = session.filter(|row| !limits.is_over(row.created_at, row.used_at, self.now()));
        let passkey = passkey::Entity::find_by_id(approval.passkey.clone()).one(from).await?;
        let both = session.zip(passkey.filter(|row| !row.suspended));
        self.accepted(both).map(|_| ()).map_err(|_| Error::Code)
    }

    /// The terminal that shows `code`, if the caller may approve it: one that confirms a session is its
    /// owner's.
    fn own_terminal(&self, caller: &Caller, code: &str) -> Result<(String, Waiting), Error> {
        let (name, waiting) = self.find_terminal(caller, code)?;
        let user = caller.own()?;
        let own = waiting.confirms.as_ref().is_none_or(|(owner, _)| owner == user);
        if own { Ok((name, waiting)) } else { Err(Error::Code) }
    }

    fn find_terminal(&self, caller: &Caller, code: &str) -> Result<(String, Waiting), Error> {
        let user = caller.own()?;
        let now = self.inner.clock.monotonic();
        let terminals = &self.inner.terminals;
        let wrong = terminals.tries.with(user.as_str(), now, |wrong| *wrong).unwrap_or_default();
        if wrong >= TRIES {
            return Err(Error::Code);
        }
        let code = normal(code);
        let found = terminals.waiting.find(now, |one| same(&one.code, &code));
        let waiting = found.and_then(|name| {
            let waiting = terminals.waiting.with(&name, now, |one| one.clone())?;
            Some((name, waiting))
        });
        waiting.ok_or_else(|| {
            if terminals.tries.with(user.as_str(), now, |wrong| *wrong = wrong.saturating_add(1)).is_none() {
                terminals.tries.keep(user.to_string(), now, 1);
            }
            self.inner.audit.count_refused_session();
            Error::Code
        })
    }
}

enum Verdict {
    Right,
    Wrong,
    Over,
    Waits,
}

/// What was typed, without what people add: spaces, hyphens, small letters.
fn normal(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphabetic()).take(64).map(|c| c.to_ascii_uppercase()).collect()
}

/// Random letters, each as likely as another.
fn letters(entropy: &dyn Entropy, count: usize) -> String {
    let mut text = String::with_capacity(count);
    while text.len() < count {
        let [byte] = base::entropy::bytes::<1>(entropy);
        // 240 is the largest multiple of 20 in a byte.
        if byte < 240
            && let Some(letter) = LETTERS.get(usize::from(byte % 20))
        {
            text.push(char::from(*letter));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SystemEntropy;

    #[test]
    fn codes_are_of_their_letters_and_read_as_people_type_them() {
        let code = letters(&SystemEntropy, CODE);
        assert!(code.len() == CODE && code.bytes().all(|b| LETTERS.contains(&b)));
        assert_eq!(normal(" bcdf-ghjk\n"), "BCDFGHJK");
        assert!(same("AB", "AB") && !same("AB", "AC") && !same("AB", "A") && !same("", "A"));
    }
}
