//! Passkeys: enrolment, sign-in and confirmation by WebAuthn, with the user verified each time.

use crate::account::usable;
use crate::ceremony::{Pending, Room, secret};
use crate::session::{Cause, Opening};
use crate::signed::{Source, session_id};
use crate::table::{kept, passkey, session};
use crate::token::{OneTimeToken, SessionToken};
use crate::{Access, Caller, Error, Proof, SignedIn};
use audit::{Actor, Event, What};
use base::{Boxed, CredentialId, Id, RequestId, Timestamp, UserId};
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::Value;
use std::time::Duration;
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, Passkey as Key, PasskeyAuthentication,
    PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, Url, Uuid, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// Most passkeys of one account.
const MOST: usize = 10;
/// How long a one-time token lasts that somebody makes for themselves, and how many there are.
const INVITATION: (Duration, usize) = (Duration::from_secs(600), 1000);
/// Sign-ins that people begin at once whom nobody knows yet.
const ROOM: Room = Room { one: 500, near: 2000, all: 10_000 };
/// Longest label, in characters.
const LABEL: usize = 40;

/// What passkeys are made for and tried against: one origin, that of the site's pages.
pub struct Passkeys {
    webauthn: Webauthn,
    origin: String,
    enrolments: Pending<Enrolment>,
    sign_ins: Pending<SignIn>,
    confirmations: Pending<Confirmation>,
    invitations: Pending<Invitation>,
}

/// A one-time token that somebody made for themselves, in this session.
struct Invitation {
    account: UserId,
    session: Vec<u8>,
    proved_at: i64,
}

impl Passkeys {
    /// For pages at `origin`, such as `https://genomes.example.org:8443`. Browsers make passkeys for names
    /// alone, not for addresses, and over HTTPS alone, but for `localhost`.
    pub fn at(origin: &str) -> Result<Self, Error> {
        let refused = || Error::Origin(origin.chars().filter(|c| !c.is_control()).take(80).collect());
        let url = Url::parse(origin).map_err(|_| refused())?;
        let name = url.domain().ok_or_else(refused)?.to_owned();
        let secure = url.scheme() == "https" || (url.scheme() == "http" && name == "localhost");
        if !secure || url.origin().ascii_serialization() != origin {
            return Err(refused());
        }
        let builder = WebauthnBuilder::new(&name, &url).map_err(|_| refused())?;
        let webauthn = builder.rp_name("Sequestra").build().map_err(|_| refused())?;
        let (enrolments, sign_ins) = (Pending::default(), Pending::default());
        Ok(Self {
            webauthn,
            origin: origin.to_owned(),
            enrolments,
            sign_ins,
            confirmations: Pending::default(),
            invitations: Pending::of(INVITATION.0, INVITATION.1),
        })
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }
}

/// Somebody who was asked for a passkey: from where, and when.
struct SignIn {
    source: Source,
    at: i64,
    state: DiscoverableAuthentication,
}

/// Who was asked for a new passkey, in which session.
struct Enrolment {
    user: UserId,
    session: Vec<u8>,
    state: PasskeyRegistration,
}

/// Who was asked to confirm, and what their passkeys were like then.
struct Confirmation {
    session: Vec<u8>,
    /// The terminal that the answer approves; none if it confirms its own session alone.
    terminal: Option<String>,
    at: i64,
    state: PasskeyAuthentication,
    keys: Vec<String>,
}

/// What a passkey answered in a session that is there.
pub(crate) struct Proved {
    pub user: UserId,
    pub session: Vec<u8>,
    pub passkey: Vec<u8>,
    pub at: i64,
}

/// A passkey as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// Its id.
    pub id: CredentialId,
    /// What its owner calls it.
    pub label: String,
    /// When it was enrolled.
    pub created_at: Timestamp,
    /// When it was last used.
    pub used_at: Timestamp,
    /// Whether it is out of use because its counter went back.
    pub suspended: bool,
}

/// What a browser is asked to do, and the name that its answer must bring.
pub struct Challenge {
    /// The name.
    pub ceremony: String,
    /// The options for `navigator.credentials`.
    pub options: Value,
}

impl Access {
    /// Lets people use passkeys. Once; later calls change nothing.
    pub fn use_passkeys(&self, passkeys: Passkeys) {
        let _ = self.inner.passkeys.set(passkeys);
    }

    /// Where the pages are on which passkeys are used; none if the site offers none.
    pub fn pages(&self) -> Option<&str> {
        self.inner.passkeys.get().map(|passkeys| passkeys.origin.as_str())
    }

    pub(crate) fn passkeys(&self) -> Result<&Passkeys, Error> {
        self.inner.passkeys.get().ok_or(Error::NoPasskeys)
    }

    /// A one-time token for the caller's own account, for ten minutes, on record: a browser begins with it whose
    /// owner signed in on a terminal and spent theirs there. Whoever has a passkey confirms with it first.
    pub async fn invite_browser(&self, caller: &Caller) -> Result<OneTimeToken, Error> {
        let passkeys = self.passkeys()?;
        let (user, signed) = own(caller)?;
        may_add(caller, self.passkeys_of(user).await?.len())?;
        let row = session::Entity::find_by_id(signed.digest.clone()).one(self.inner.db.reader()).await?;
        let row = row.ok_or(Error::NotSignedIn)?;
        let what = What::CredentialAdded { proof: Proof::OneTimeToken.as_str().to_owned() };
        self.note(caller, what, [user.to_string()]).await?;
        let token = OneTimeToken::mint(&*self.inner.entropy);
        let invitation = Invitation { account: user.clone(), session: row.digest, proved_at: row.proved_at };
        passkeys.invitations.keep(named(&token), self.inner.clock.monotonic(), invitation);
        Ok(token)
    }

    /// The session that begins with such a token; none if it is none.
    ///
    /// INVARIANT (no-proof-from-a-proof): it is no fresher than the session that asked for it, ends with its days, and does
    /// not begin when that has ended. It resists no phishing, whatever that one did.
    pub(crate) async fn accept_invitation(
        &self,
        once: &OneTimeToken,
        source: Source,
        request: &RequestId,
    ) -> Result<Option<SessionToken>, Error> {
        let now = self.inner.clock.monotonic();
        let taken = self.inner.passkeys.get().and_then(|own| own.invitations.take(&named(once), now));
        let Some(invited) = taken else { return Ok(None) };
        let user = self.counted(usable(self.inner.db.reader(), invited.account.as_str()).await)?;
        let by = session_id(&invited.session);
        let limits = self.limits().await?;
        let look = self.inner.db.look().await?;
        let row = session::Entity::find_by_id(invited.session).one(&*look).await?;
        let row = row.filter(|row| !limits.is_over(row.created_at, row.used_at, self.now()));
        let row = self.counted(row.ok_or(Error::Token))?;
        let opening = Opening::of(&user, Proof::OneTimeToken, source)
            .approved(by, row.proved_at.min(invited.proved_at))
            .since(row.created_at);
        Ok(Some(self.open_session(look, opening, &limits, request).await?))
    }

    /// Asks for a new passkey. Whoever has one confirms with it first: somebody at an open session must
    /// not add theirs.
    pub async fn begin_enrolment(&self, caller: &Caller) -> Result<Challenge, Error> {
        let passkeys = self.passkeys()?;
        let account = self.own_account(caller).await?;
        let rows = self.passkeys_of(&account.id).await?;
        may_add(caller, rows.len())?;
        let known = rows.iter().map(|row| row.id.clone()).collect();
        let (mut options, state) = passkeys
            .webauthn
            .start_passkey_registration(handle(&account.id), &account.name, &account.name, Some(known))
            .map_err(|_| Error::Passkey)?;
        // Found by the browser at sign-in, so that nobody types a name and no page tells which names exist.
        if let Some(wanted) = &mut options.public_key.authenticator_selection {
            wanted.resident_key = Some(webauthn_rs_proto::ResidentKeyRequirement::Required);
            wanted.require_resident_key = true;
        }
        let options = serde_json::to_value(&options).map_err(|_| Error::Passkey)?;
        let now = self.inner.clock.monotonic();
        let (_, signed) = own(caller)?;
        let asked = Enrolment { user: account.id, session: signed.digest.clone(), state };
        let same = |one: &Enrolment| one.session == signed.digest;
        let ceremony = passkeys.enrolments.ask_anew(&*self.inner.entropy, now, asked, same);
        Ok(Challenge { ceremony, options })
    }

    /// Keeps a new passkey, on record.
    pub async fn finish_enrolment(
        &self,
        caller: &Caller,
        ceremony: &str,
        label: &str,
        answer: Value,
    ) -> Result<CredentialId, Error> {
        let passkeys = self.passkeys()?;
        let label = checked(label)?;
        let now = self.inner.clock.monotonic();
        let asked = passkeys.enrolments.take(ceremony, now);
        let (_, signed) = own(caller)?;
        let for_this =
            |asked: &Enrolment| Some(&asked.user) == caller.user() && asked.session == signed.digest;
        let Enrolment { user, state, .. } = self.accepted(asked.filter(for_this))?;
        let answer: RegisterPublicKeyCredential = self.accepted(serde_json::from_value(answer).ok())?;
        let key = self.accepted(passkeys.webauthn.finish_passkey_registration(&answer, &state).ok())?;
        let id = CredentialId::mint(&*self.inner.entropy);
        let row = passkey::ActiveModel {
            id: Set(key.cred_id().to_vec()),
            name: Set(id.to_string()),
            account: Set(user.to_string()),
            label: Set(label),
            key: Set(serde_json::to_string(&key).map_err(|_| Error::Passkey)?),
            created_at: Set(self.now()),
            used_at: Set(self.now()),
            suspended: Set(false),
        };
        let look = self.inner.db.look().await?;
        self.still_own(&*look, caller).await?;
        may_add(caller, passkeys_of(&*look, &user).await?.len())?;
        // The credential's id is the primary key: one that is enrolled anywhere is not enrolled again.
        if passkey::Entity::find_by_id(key.cred_id().to_vec()).one(&*look).await?.is_some() {
            return Err(Error::Passkey);
        }
        let what = What::CredentialAdded { proof: Proof::Passkey.as_str().to_owned() };
        let tx = look.decided(self.note(caller, what, [id.to_string(), user.to_string()]).await?);
        passkey::Entity::insert(row).exec_without_returning(&*tx).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Asks whoever it is for one of their passkeys.
    pub fn begin_passkey(&self, source: Source) -> Result<Challenge, Error> {
        let passkeys = self.passkeys()?;
        let now = self.inner.clock.monotonic();
        let begun = passkeys.webauthn.start_discoverable_authentication();
        let (mut options, state) = begun.map_err(|_| Error::Passkey)?;
        // The page asks when the person presses its button.
        options.mediation = None;
        let options = serde_json::to_value(&options).map_err(|_| Error::Passkey)?;
        let (ceremony, asked) = (secret(&*self.inner.entropy), SignIn { source, at: self.now(), state });
        if !passkeys.sign_ins.keep_of((ceremony.clone(), asked), now, &ROOM, |one| Some(one.source)) {
            return Err(Error::ManyWait);
        }
        Ok(Challenge { ceremony, options })
    }

    /// Turns a passkey's answer into a session.
    pub fn finish_passkey<'a>(
        &'a self,
        ceremony: &'a str,
        answer: Value,
        source: Source,
        request: &'a RequestId,
    ) -> Boxed<'a, Result<SessionToken, Error>> {
        Box::pin(self.signed_in_by_passkey(ceremony, answer, source, request))
    }

    async fn signed_in_by_passkey(
        &self,
        ceremony: &str,
        answer: Value,
        source: Source,
        request: &RequestId,
    ) -> Result<SessionToken, Error> {
        let passkeys = self.passkeys()?;
        let asked = self.accepted(passkeys.sign_ins.take(ceremony, self.inner.clock.monotonic()))?;
        let answer: PublicKeyCredential = self.accepted(serde_json::from_value(answer).ok())?;
        let identified = passkeys.webauthn.identify_discoverable_authentication(&answer).ok();
        let (named, id) = self.accepted(identified)?;
        let (row, key) = self.accepted(self.usable_passkey(id).await?)?;
        let user = self.accepted(usable(self.inner.db.reader(), &row.account).await.ok())?;
        if handle(&user) != named {
            return self.accepted(None);
        }
        let done = passkeys.webauthn.finish_discoverable_authentication_v2(&answer, asked.state, &key);
        let used = self.judged(done, asked.at, &user, &row, request).await?;
        let limits = self.limits().await?;
        let look = self.inner.db.look().await?;
        self.keep_use(&*look, &row, key, &used).await?;
        self.open_session(look, Opening::of(&user, Proof::Passkey, source), &limits, request).await
    }

    /// Asks the caller for one of their own passkeys, to confirm that it is still them.
    pub async fn begin_confirmation(&self, caller: &Caller) -> Result<Challenge, Error> {
        self.ask_for_passkey(caller, None).await
    }

    /// Notes, on record, that the caller's session was confirmed by a passkey.
    pub async fn finish_confirmation(
        &self,
        caller: &Caller,
        ceremony: &str,
        answer: Value,
    ) -> Result<(), Error> {
        self.prove(caller, None, ceremony, answer).await.map(|_| ())
    }

    /// Asks for a passkey in a session, for what is said here and nothing else.
    pub(crate) async fn ask_for_passkey(
        &self,
        caller: &Caller,
        terminal: Option<String>,
    ) -> Result<Challenge, Error> {
        let passkeys = self.passkeys()?;
        let (user, signed) = own(caller)?;
        let mut rows = self.passkeys_of(user).await?;
        rows.retain(|row| !row.suspended);
        let keys: Vec<Key> = rows.iter().map(parsed).collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(Error::NothingEnrolled);
        }
        let begun = passkeys.webauthn.start_passkey_authentication(&keys);
        let (options, state) = begun.map_err(|_| Error::Passkey)?;
        let options = serde_json::to_value(&options).map_err(|_| Error::Passkey)?;
        let now = self.inner.clock.monotonic();
        let keys = rows.into_iter().map(|row| row.key).collect();
        let asked = Confirmation { session: signed.digest.clone(), terminal, at: self.now(), state, keys };
        let same = |one: &Confirmation| one.session == signed.digest;
        let ceremony = passkeys.confirmations.ask_anew(&*self.inner.entropy, now, asked, same);
        Ok(Challenge { ceremony, options })
    }

    /// Takes the answer to that, which confirms the session, on record.
    pub(crate) async fn prove(
        &self,
        caller: &Caller,
        terminal: Option<&str>,
        ceremony: &str,
        answer: Value,
    ) -> Result<Proved, Error> {
        let passkeys = self.passkeys()?;
        let (user, signed) = own(caller)?;
        let asked = passkeys.confirmations.take(ceremony, self.inner.clock.monotonic());
        let for_this =
            |asked: &Confirmation| asked.session == signed.digest && asked.terminal.as_deref() == terminal;
        let asked = self.accepted(asked.filter(for_this))?;
        let answer: PublicKeyCredential = self.accepted(serde_json::from_value(answer).ok())?;
        let found = self.usable_passkey(answer.get_credential_id()).await?;
        // The question compares with the counter that it saw: a passkey that was used since is asked anew.
        let as_asked = |row: &passkey::Model| row.account == user.as_str() && asked.keys.contains(&row.key);
        let (row, key) = self.accepted(found.filter(|(row, _)| as_asked(row)))?;
        let done = passkeys.webauthn.finish_passkey_authentication(&answer, &asked.state);
        let used = self.judged(done, asked.at, user, &row, caller.request()).await?;
        let what = What::SessionConfirmed { proof: Proof::Passkey.as_str().to_owned() };
        let at = self.now();
        let look = self.inner.db.look().await?;
        self.keep_use(&*look, &row, key, &used).await?;
        keep_confirmation(&*look, &signed.digest, Proof::Passkey, at).await?;
        let position = self.note(caller, what, [signed.session.to_string()]).await?;
        look.decided(position).commit().await?;
        Ok(Proved { user: user.clone(), session: signed.digest.clone(), passkey: row.id, at })
    }

    /// The caller's passkeys, the oldest first.
    pub async fn own_passkeys(&self, caller: &Caller) -> Result<Vec<Passkey>, Error> {
        let rows = self.passkeys_of(caller.own()?).await?;
        rows.iter().map(from_row).collect()
    }

    /// Takes one of the caller's passkeys away, on record, after a confirmation. The last one stays: enrol
    /// another first.
    pub async fn remove_passkey(&self, caller: &Caller, id: &CredentialId) -> Result<(), Error> {
        let (user, _) = own(caller)?;
        let rows = self.passkeys_of(user).await?;
        let row = rows.iter().find(|row| row.name == id.as_str()).ok_or(Error::NotFound)?;
        confirmed(caller)?;
        others(&rows, row)?;
        let what = What::CredentialRemoved { proof: Proof::Passkey.as_str().to_owned() };
        let look = self.inner.db.look().await?;
        self.still_own(&*look, caller).await?;
        // Once more where nobody else writes: two may have been removed at the same time.
        others(&passkeys_of(&*look, user).await?, row)?;
        passkey::Entity::delete_by_id(row.id.clone()).exec(&*look).await?;
        let removed = self.note(caller, what, [id.to_string(), user.to_string()]).await?;
        // It may be lost, and somebody signed in by it: what passkeys began elsewhere begins anew.
        let (request, cause) = (caller.request(), Cause::PasskeyRemoved);
        let ended = self.end_begun_by_passkeys(&*look, user, request, cause, caller.signed()).await?;
        Ok(look.decided(ended.unwrap_or(removed)).commit().await?)
    }

    /// Takes all passkeys of an account away, its password and its link to the site's provider, on record: its owner lost them and begins anew.
    pub(crate) async fn forget_credentials(&self, caller: &Caller, account: &UserId) -> Result<(), Error> {
        self.forget_password(caller, account).await?;
        self.forget_oidc_link(caller, account).await?;
        for row in self.passkeys_of(account).await? {
            let what = What::CredentialRemoved { proof: Proof::Passkey.as_str().to_owned() };
            let position = self.note(caller, what, [row.name, account.to_string()]).await?;
            let tx = self.inner.db.begin(position).await?;
            passkey::Entity::delete_by_id(row.id).exec(&*tx).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    pub(crate) async fn passkeys_of(&self, account: &UserId) -> Result<Vec<passkey::Model>, Error> {
        passkeys_of(self.inner.db.reader(), account).await
    }

    async fn usable_passkey(&self, id: &[u8]) -> Result<Option<(passkey::Model, Key)>, Error> {
        let row = passkey::Entity::find_by_id(id.to_vec()).one(self.inner.db.reader()).await?;
        let row = row.filter(|row| !row.suspended);
        row.map(|row| parsed(&row).map(|key| (row, key))).transpose()
    }

    /// What became of an answer to a question of `asked_at`. A counter that went back means that the passkey was
    /// copied: it is out of use from then on, for the copy and for its owner. Not so if it was used since it was asked:
    /// of two honest answers the second to be given may be the first to arrive.
    async fn judged(
        &self,
        done: Result<AuthenticationResult, WebauthnError>,
        asked_at: i64,
        user: &UserId,
        row: &passkey::Model,
        request: &RequestId,
    ) -> Result<AuthenticationResult, Error> {
        let copied = matches!(done, Err(WebauthnError::CredentialPossibleCompromise));
        if !copied || row.used_at >= asked_at {
            return self.accepted(done.ok().filter(AuthenticationResult::user_verified));
        }
        let event = Event::new(Actor::User(user.clone()), What::CredentialSuspended {})
            .during(Some(request.clone()))
            .about([row.name.clone()]);
        let look = self.inner.db.look().await?;
        passkey::Entity::update_many()
            .col_expr(passkey::Column::Suspended, Expr::value(true))
            .filter(passkey::Column::Id.eq(row.id.clone()))
            .exec(&*look)
            .await?;
        let suspended = self.inner.audit.gate(&event).await?.position;
        let ended = self.end_begun_by_passkeys(&*look, user, request, Cause::Copied, None).await?;
        look.decided(ended.unwrap_or(suspended)).commit().await?;
        self.accepted(None)
    }

    /// Keeps the new counter. Of two answers that came at once with one counter, the second is refused.
    async fn keep_use<C: ConnectionTrait>(
        &self,
        within: &C,
        row: &passkey::Model,
        mut key: Key,
        used: &AuthenticationResult,
    ) -> Result<(), Error> {
        key.update_credential(used);
        let text = serde_json::to_string(&key).map_err(|_| Error::Passkey)?;
        let kept = passkey::Entity::update_many()
            .col_expr(passkey::Column::Key, Expr::value(text))
            .col_expr(passkey::Column::UsedAt, Expr::value(self.now()))
            .filter(passkey::Column::Id.eq(row.id.clone()))
            .filter(passkey::Column::Key.eq(row.key.clone()))
            .filter(passkey::Column::Suspended.eq(false))
            .exec(within)
            .await?;
        self.accepted((kept.rows_affected == 1).then_some(()))
    }

    pub(crate) async fn note(
        &self,
        caller: &Caller,
        what: What,
        about: impl IntoIterator<Item = String>,
    ) -> Result<u64, Error> {
        Ok(self.inner.audit.gate(&caller.event(what).about(about)).await?.position)
    }

    /// An answer that is none counts as a refused sign-in. What was wrong with it is told to nobody.
    pub(crate) fn accepted<T>(&self, answer: Option<T>) -> Result<T, Error> {
        answer.ok_or_else(|| {
            self.inner.audit.count_refused_session();
            Error::Passkey
        })
    }
}

/// Keeps that a session was confirmed then. One that ended meanwhile is not, nor one that more proved: what is weaker
/// neither renews that nor takes its place.
pub(crate) async fn keep_confirmation<C: ConnectionTrait>(
    within: &C,
    session: &[u8],
    proof: Proof,
    at: i64,
) -> Result<(), Error> {
    let no_stronger = Proof::ALL.iter().filter(|one| **one <= proof).map(|one| one.as_str());
    let kept = session::Entity::update_many()
        .col_expr(session::Column::ProvedAt, Expr::value(at))
        .col_expr(session::Column::Proof, Expr::value(proof.as_str()))
        .filter(session::Column::Digest.eq(session.to_vec()))
        .filter(session::Column::Proof.is_in(no_stronger))
        .exec(within)
        .await?;
    if kept.rows_affected == 1 {
        return Ok(());
    }
    let is_there = session::Entity::find_by_id(session.to_vec()).one(within).await?.is_some();
    if is_there { Err(Error::Weaker) } else { Err(Error::NotSignedIn) }
}

pub(crate) async fn passkeys_of(
    from: &impl ConnectionTrait,
    account: &UserId,
) -> Result<Vec<passkey::Model>, Error> {
    let own = passkey::Entity::find().filter(passkey::Column::Account.eq(account.to_string()));
    let oldest_first = own.order_by_asc(passkey::Column::CreatedAt).order_by_asc(passkey::Column::Name);
    Ok(oldest_first.all(from).await?)
}

/// The name under which an invitation is kept: not the token itself.
fn named(token: &OneTimeToken) -> String {
    blake3::hash(&token.digest()).to_string()
}

/// Fails unless the caller may add something to sign in with, beside so many passkeys: with a confirmation, and the first
/// one just after the sign-in, so that a session that somebody found is not made theirs.
fn may_add(caller: &Caller, passkeys: usize) -> Result<(), Error> {
    match passkeys {
        0 if caller.signed().is_some_and(|signed| signed.confirmed) => Ok(()),
        0 => Err(Error::FirstPasskey),
        MOST.. => Err(Error::ManyPasskeys(MOST)),
        _ => confirmed(caller),
    }
}

/// Fails if nothing is left to sign in with.
fn others(rows: &[passkey::Model], without: &passkey::Model) -> Result<(), Error> {
    let left = rows.iter().any(|other| other.id != without.id && !other.suspended);
    if left { Ok(()) } else { Err(Error::LastPasskey) }
}

pub(crate) fn own(caller: &Caller) -> Result<(&UserId, &SignedIn), Error> {
    Ok((caller.own()?, caller.signed().ok_or(Error::NotSignedIn)?))
}

/// Fails unless the caller proved themselves by a passkey just now.
pub(crate) fn confirmed(caller: &Caller) -> Result<(), Error> {
    let fresh = caller.signed().is_some_and(|signed| signed.confirmed && signed.proof == Proof::Passkey);
    if fresh { Ok(()) } else { Err(Error::Confirm) }
}

/// What an authenticator knows an account by: it follows from the id, and stands on no screen.
fn handle(account: &UserId) -> Uuid {
    let key = blake3::derive_key("sequestra 2026 user handle of a passkey", account.as_str().as_bytes());
    let mut bytes = [0u8; 16];
    bytes.iter_mut().zip(key).for_each(|(to, from)| *to = from);
    Uuid::from_bytes(bytes)
}

fn parsed(row: &passkey::Model) -> Result<Key, Error> {
    serde_json::from_str(&row.key).map_err(|_| Error::Passkey)
}

fn from_row(row: &passkey::Model) -> Result<Passkey, Error> {
    Ok(Passkey {
        id: kept(row.name.parse())?,
        label: row.label.clone(),
        created_at: kept(Timestamp::from_second(row.created_at))?,
        used_at: kept(Timestamp::from_second(row.used_at))?,
        suspended: row.suspended,
    })
}

fn checked(label: &str) -> Result<String, Error> {
    let label = label.trim();
    let shape = !label.is_empty() && label.chars().count() <= LABEL && !label.chars().any(char::is_control);
    if shape { Ok(label.to_owned()) } else { Err(Error::Label(LABEL)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_are_for_names_over_https() {
        for good in ["https://genomes.example.org", "https://a.example:8443", "http://localhost:8080"] {
            assert_eq!(Passkeys::at(good).unwrap().origin, good);
        }
        for bad in [
            "http://genomes.example.org",
            "https://192.0.2.7",
            "https://a.example/",
            "https://a.example/path",
            "https://user@a.example",
            "ftp://localhost",
            "genomes.example.org",
            "",
        ] {
            assert!(matches!(Passkeys::at(bad), Err(Error::Origin(_))), "{bad}");
        }
    }
}
