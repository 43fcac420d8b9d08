//! How people sign in, and how a session ends.

use crate::account::{is_strict, usable};
use crate::limits::Limits;
use crate::proof::FRESH_SECONDS;
use crate::signed::{SignedIn, Source, session_id};
use crate::table::{kept, session, token};
use crate::thing::Site;
use crate::token::{OneTimeToken, SessionToken};
use crate::verb::Manage;
use crate::{Access, Caller, Error, Permit, Proof};
use audit::{Actor, Event, What};
use base::{Boxed, Class, Id, RequestId, SessionId, Timestamp, UserId};
use db::Look;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use std::time::Duration;

/// How long what is known of the site's strictest class may be old.
const STRICTEST: Duration = Duration::from_secs(30);

/// A session, as its owner and those who keep accounts see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// What proved who its owner is.
    pub proof: Proof,
    /// Where its sign-in came from.
    pub source: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Timestamp,
    /// When it ends, used or not.
    pub ends_at: Timestamp,
}

/// Why sessions are ended by others than their owner's signing out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A further one would be more than an account may have.
    Displaced,
    /// Somebody ended it.
    Revoked,
    /// The account was closed.
    AccountClosed,
    /// The account got a new one-time token.
    NewToken,
    /// A passkey of the account was copied.
    Copied,
    /// Its owner removed a passkey in another session.
    PasskeyRemoved,
    /// The account is linked to the provider's subject no more.
    Unlinked,
}

impl Cause {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Displaced => "displaced",
            Self::Revoked => "revoked",
            Self::AccountClosed => "account-closed",
            Self::NewToken => "new-token",
            Self::Copied => "passkey-copied",
            Self::PasskeyRemoved => "passkey-removed",
            Self::Unlinked => "unlinked",
        }
    }
}

/// A session that is to begin.
pub(crate) struct Opening<'a> {
    user: &'a UserId,
    proof: Proof,
    source: Source,
    by: Option<SessionId>,
    proved_at: Option<i64>,
    created_at: Option<i64>,
}

impl<'a> Opening<'a> {
    /// By a proof that was given just now.
    pub const fn of(user: &'a UserId, proof: Proof, source: Source) -> Self {
        Self { user, proof, source, by: None, proved_at: None, created_at: None }
    }

    /// The same, approved in another session, by a proof that was given then.
    pub fn approved(self, by: SessionId, at: i64) -> Self {
        Self { by: Some(by), proved_at: Some(at), ..self }
    }

    /// The same, for no longer than one that began then.
    pub fn since(self, at: i64) -> Self {
        Self { created_at: Some(at), ..self }
    }
}

impl Access {
    /// Takes the one-time token that someone typed. One that cannot be a token counts as refused.
    pub fn one_time_token(&self, text: &str) -> Result<OneTimeToken, Error> {
        self.counted(OneTimeToken::parse(text))
    }

    /// Turns a one-time token into a session, over the site's socket.
    pub async fn redeem(&self, once: &OneTimeToken, request: &RequestId) -> Result<SessionToken, Error> {
        self.redeem_from(once, Source::Socket, request).await
    }

    /// Turns a one-time token into a session. The token is spent.
    pub async fn redeem_from(
        &self,
        once: &OneTimeToken,
        source: Source,
        request: &RequestId,
    ) -> Result<SessionToken, Error> {
        if let Some(session) = self.accept_invitation(once, source, request).await? {
            return Ok(session);
        }
        let now = self.now();
        let found = token::Entity::find_by_id(once.digest()).one(self.inner.db.reader()).await?;
        let Some(found) = found.filter(|row| row.expires_at > now) else {
            self.inner.audit.count_refused_session();
            return Err(Error::Token);
        };
        let user = self.counted(usable(self.inner.db.reader(), &found.account).await)?;
        let limits = self.limits().await?;
        let look = self.inner.db.look().await?;
        let spent = token::Entity::delete_by_id(once.digest()).exec(&*look).await?;
        if spent.rows_affected != 1 {
            self.inner.audit.count_refused_session();
            return Err(Error::Token);
        }
        self.open_session(look, Opening::of(&user, Proof::OneTimeToken, source), &limits, request).await
    }

    /// Lets a session begin, on record, in the transaction in which what it stands on was looked at. The sessions that it
    /// makes one too many end for it.
    pub(crate) fn open_session<'a>(
        &'a self,
        look: Look,
        opening: Opening<'a>,
        limits: &'a Limits,
        request: &'a RequestId,
    ) -> Boxed<'a, Result<SessionToken, Error>> {
        Box::pin(self.newly_opened(look, opening, limits, request))
    }

    async fn newly_opened(
        &self,
        look: Look,
        opening: Opening<'_>,
        limits: &Limits,
        request: &RequestId,
    ) -> Result<SessionToken, Error> {
        let Opening { user, proof, source, by, proved_at, created_at } = opening;
        self.counted(usable(&*look, user.as_str()).await)?;
        let rows = sessions_of(&*look, user).await?;
        // Not before the rows are read: one that began since would look as if it was still to begin.
        let now = self.now();
        let (mut over, mut live): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| limits.is_over(row.created_at, row.used_at, now));
        live.sort_by_key(|row| (row.used_at, row.created_at));
        let most = limits.parallel.saturating_sub(1);
        for row in live.drain(..live.len().saturating_sub(most)) {
            self.record_end(&Actor::User(user.clone()), request, user, &row.digest, Cause::Displaced).await?;
            over.push(row);
        }
        let token = SessionToken::mint(&*self.inner.entropy);
        let digest = token.digest();
        let what = What::SessionOpened { proof: Some(proof.as_str().to_owned()) };
        let event = Event::new(Actor::User(user.clone()), what)
            .during(Some(request.clone()))
            .about([session_id(&digest).to_string()])
            .about(by.map(|by| by.to_string()));
        let tx = look.decided(self.inner.audit.gate(&event).await?.position);
        let over = over.into_iter().map(|row| row.digest);
        session::Entity::delete_many().filter(session::Column::Digest.is_in(over)).exec(&*tx).await?;
        let row = session::ActiveModel {
            digest: Set(digest),
            account: Set(user.to_string()),
            created_at: Set(created_at.unwrap_or(now)),
            used_at: Set(now),
            proof: Set(proof.as_str().to_owned()),
            source: Set(source.to_string()),
            proved_at: Set(proved_at.unwrap_or(now)),
        };
        session::Entity::insert(row).exec_without_returning(&*tx).await?;
        tx.commit().await?;
        Ok(token)
    }

    /// The caller behind a session token, for one request.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, Error> {
        self.authenticate_from(token, Source::Socket).await
    }

    /// The same, for a request from `source`: a service account is bound to where it comes from.
    pub fn authenticate_from<'a>(
        &'a self,
        token: &'a str,
        source: Source,
    ) -> Boxed<'a, Result<Caller, Error>> {
        Box::pin(self.caller_of(token, source))
    }

    async fn caller_of(&self, token: &str, source: Source) -> Result<Caller, Error> {
        if token.starts_with("svt_") {
            return self.admit_service(token, source).await;
        }
        let Ok(token) = SessionToken::parse(token) else {
            self.inner.audit.count_refused_session();
            return Err(Error::NotSignedIn);
        };
        self.admit(token.digest()).await
    }

    /// The caller in a further request of the same session.
    pub async fn again(&self, caller: &Caller) -> Result<Caller, Error> {
        self.admit(caller.signed().ok_or(Error::NotSignedIn)?.digest.clone()).await
    }

    async fn admit(&self, digest: Vec<u8>) -> Result<Caller, Error> {
        let limits = self.limits().await?;
        let row = session::Entity::find_by_id(digest).one(self.inner.db.reader()).await?;
        let now = self.now();
        let Some(row) = row.filter(|row| !limits.is_over(row.created_at, row.used_at, now)) else {
            self.inner.audit.count_refused_session();
            return Err(Error::NotSignedIn);
        };
        let user = self.counted(usable(self.inner.db.reader(), &row.account).await)?;
        if now.saturating_sub(row.used_at) >= limits.touch_seconds() {
            // A session whose use cannot be noted ends sooner, never later; what it is used for says
            // for itself whether it can be recorded.
            let _ = self.touch(row.digest.clone(), now).await;
        }
        let proof = proof_of(&row)?;
        // INVARIANT (no-fresh-word): what a provider says is never a confirmation, however new it is.
        let fresh = proof != Proof::Oidc && (0..FRESH_SECONDS).contains(&now.saturating_sub(row.proved_at));
        let signed = SignedIn {
            session: session_id(&row.digest),
            proof,
            confirmed: fresh,
            at: self.inner.clock.monotonic(),
            digest: row.digest,
        };
        Ok(Caller::new(user, RequestId::mint(&*self.inner.entropy), Some(signed)))
    }

    /// The newest time at which anybody used a session, if there is one.
    pub async fn last_use(&self) -> Result<Option<Timestamp>, Error> {
        let rows = session::Entity::find().all(self.inner.db.reader()).await?;
        let newest = rows.into_iter().map(|row| row.used_at.max(row.created_at)).max();
        Ok(newest.and_then(|seconds| Timestamp::from_second(seconds).ok()))
    }

    /// The time by which sessions, tokens and roles end.
    pub fn judged_at(&self) -> Timestamp {
        self.inner.clock.now()
    }

    async fn touch(&self, digest: Vec<u8>, now: i64) -> Result<(), Error> {
        let tx = self.inner.db.begin_without_decision().await?;
        session::Entity::update_many()
            .col_expr(session::Column::UsedAt, Expr::value(now))
            .filter(session::Column::Digest.eq(digest))
            .exec(&*tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Ends the caller's session, on record. Ending one that is not there is no error.
    pub async fn sign_out(&self, caller: &Caller) -> Result<(), Error> {
        if caller.acting().is_some() {
            return Err(Error::ForPeople);
        }
        let (Some(user), Some(signed)) = (caller.user(), caller.signed()) else { return Ok(()) };
        let event = caller.event(What::SessionEnded { cause: None });
        let event = event.about([signed.session.to_string(), user.to_string()]);
        let position = self.inner.audit.gate(&event).await?.position;
        self.delete_sessions(position, vec![signed.digest.clone()]).await
    }

    /// The caller's own sessions, the last used first.
    pub async fn own_sessions(&self, caller: &Caller) -> Result<Vec<Session>, Error> {
        self.live_sessions(caller.own()?).await
    }

    /// Ends one of the caller's own sessions, on record.
    pub async fn revoke_own_session(&self, caller: &Caller, id: &SessionId) -> Result<(), Error> {
        let user = caller.own()?;
        let rows = self.sessions_of(user).await?;
        let row = rows.into_iter().find(|row| session_id(&row.digest) == *id).ok_or(Error::NotFound)?;
        self.end_sessions(caller, user, vec![row], Cause::Revoked).await.map(|_| ())
    }

    /// The sessions of an account, for those who keep accounts.
    pub async fn sessions(
        &self,
        permit: &Permit<Manage, Site>,
        account: &UserId,
    ) -> Result<Vec<Session>, Error> {
        permit.live()?;
        self.live_sessions(account).await
    }

    /// Ends every session of an account, on record; gives how many there were.
    pub async fn revoke_sessions(
        &self,
        permit: &Permit<Manage, Site>,
        account: &UserId,
    ) -> Result<usize, Error> {
        permit.live()?;
        let rows = self.sessions_of(account).await?;
        self.end_sessions(permit.caller(), account, rows, Cause::Revoked).await
    }

    /// The limits of sessions as they are now: a site is as strict as its strictest project.
    pub async fn limits(&self) -> Result<Limits, Error> {
        let asked = self.inner.sessions.get().copied().unwrap_or_default();
        Ok(Limits::of(self.strictest().await?, self.pages().is_some()).within(asked))
    }

    /// The class of the site's strictest project; that of a sandbox while there is none.
    pub(crate) async fn strictest(&self) -> Result<Class, Error> {
        let now = self.inner.clock.monotonic();
        let known = *self.inner.strictest.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, class)) = known.filter(|(since, _)| now.saturating_sub(*since) < STRICTEST) {
            return Ok(class);
        }
        let Some(facts) = self.inner.facts.get() else { return Ok(Class::Clinical) };
        // A site that cannot say is as strict as any; nobody is kept out for it.
        let class = facts.strictest().await.map_or(Class::Clinical, |class| class.unwrap_or(Class::Sandbox));
        *self.inner.strictest.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((now, class));
        Ok(class)
    }

    /// A project of this class is being made: from now on the site is as strict as that. What is known would be old for
    /// half a minute; where the project is not made after all, the site is stricter for that long.
    pub(crate) fn grows_as_strict_as(&self, class: Class) {
        let mut known = self.inner.strictest.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *known = grown(*known, class, self.inner.clock.monotonic());
    }

    async fn live_sessions(&self, account: &UserId) -> Result<Vec<Session>, Error> {
        let limits = self.limits().await?;
        let mut rows = self.sessions_of(account).await?;
        let now = self.now();
        rows.retain(|row| !limits.is_over(row.created_at, row.used_at, now));
        rows.sort_by_key(|row| std::cmp::Reverse((row.used_at, row.created_at)));
        rows.iter().map(|row| from_row(row, &limits)).collect()
    }

    pub(crate) async fn sessions_of(&self, account: &UserId) -> Result<Vec<session::Model>, Error> {
        sessions_of(self.inner.db.reader(), account).await
    }

    /// Ends sessions of `account`, each on record before it is over.
    pub(crate) async fn end_sessions(
        &self,
        caller: &Caller,
        account: &UserId,
        rows: Vec<session::Model>,
        cause: Cause,
    ) -> Result<usize, Error> {
        let mut last = None;
        let (now, limits) = (self.now(), self.limits().await?);
        // What is over already is ended by nobody.
        let rows: Vec<_> =
            rows.into_iter().filter(|row| !limits.is_over(row.created_at, row.used_at, now)).collect();
        for row in &rows {
            let (actor, request) = (caller.actor(), caller.request());
            last = Some(self.record_end(actor, request, account, &row.digest, cause).await?);
        }
        let digests: Vec<Vec<u8>> = rows.into_iter().map(|row| row.digest).collect();
        let count = digests.len();
        if let Some(position) = last {
            self.delete_sessions(position, digests).await?;
        }
        Ok(count)
    }

    /// Ends the sessions that a passkey of `user` may have begun, but the one that stays, each on record, in the
    /// transaction that takes the passkey out of use. Gives the position of the last record, if there is any.
    pub(crate) async fn end_begun_by_passkeys<C: ConnectionTrait>(
        &self,
        within: &C,
        user: &UserId,
        request: &RequestId,
        cause: Cause,
        stays: Option<&SignedIn>,
    ) -> Result<Option<u64>, Error> {
        let by_passkeys = [Proof::Passkey.as_str(), Proof::Terminal.as_str()];
        let ends = |row: &session::Model| {
            by_passkeys.contains(&row.proof.as_str())
                && stays.is_none_or(|signed| signed.digest != row.digest)
        };
        let rows = sessions_of(within, user).await?;
        let digests = rows.into_iter().filter(ends).map(|row| row.digest).collect();
        self.end_within(within, &Actor::User(user.clone()), request, user, digests, cause).await
    }

    /// Ends the sessions of `user` that stand on this proof, as those of a passkey.
    pub(crate) async fn end_begun_by<C: ConnectionTrait>(
        &self,
        within: &C,
        caller: &Caller,
        user: &UserId,
        proof: Proof,
        cause: Cause,
    ) -> Result<Option<u64>, Error> {
        let rows = sessions_of(within, user).await?;
        let digests =
            rows.into_iter().filter(|row| row.proof == proof.as_str()).map(|row| row.digest).collect();
        self.end_within(within, caller.actor(), caller.request(), user, digests, cause).await
    }

    async fn end_within<C: ConnectionTrait>(
        &self,
        within: &C,
        actor: &Actor,
        request: &RequestId,
        user: &UserId,
        digests: Vec<Vec<u8>>,
        cause: Cause,
    ) -> Result<Option<u64>, Error> {
        let mut last = None;
        for digest in &digests {
            last = Some(self.record_end(actor, request, user, digest, cause).await?);
        }
        session::Entity::delete_many().filter(session::Column::Digest.is_in(digests)).exec(within).await?;
        Ok(last)
    }

    async fn record_end(
        &self,
        actor: &Actor,
        request: &RequestId,
        account: &UserId,
        digest: &[u8],
        cause: Cause,
    ) -> Result<u64, Error> {
        let what = What::SessionEnded { cause: Some(cause.as_str().to_owned()) };
        let event = Event::new(actor.clone(), what)
            .during(Some(request.clone()))
            .about([session_id(digest).to_string(), account.to_string()]);
        Ok(self.inner.audit.gate(&event).await?.position)
    }

    async fn delete_sessions(&self, position: u64, digests: Vec<Vec<u8>>) -> Result<(), Error> {
        let tx = self.inner.db.begin(position).await?;
        session::Entity::delete_many().filter(session::Column::Digest.is_in(digests)).exec(&*tx).await?;
        Ok(tx.commit().await?)
    }

    /// Counts a refused token; other failures are no attempt of anybody.
    pub(crate) fn counted<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if matches!(result, Err(Error::NotSignedIn | Error::Token)) {
            self.inner.audit.count_refused_session();
        }
        result
    }

    /// Seconds since 1970, by a clock that is never set back.
    pub(crate) fn now(&self) -> i64 {
        self.inner.clock.now().as_second()
    }
}

async fn sessions_of<C: ConnectionTrait>(from: &C, account: &UserId) -> Result<Vec<session::Model>, Error> {
    let own = session::Entity::find().filter(session::Column::Account.eq(account.to_string()));
    Ok(own.all(from).await?)
}

/// What is known of the strictest class once a project of `class` is made at `now`. A loose one makes nothing known: the
/// site may be stricter than that.
fn grown(known: Option<(Duration, Class)>, class: Class, now: Duration) -> Option<(Duration, Class)> {
    if !is_strict(Some(class)) {
        return known;
    }
    Some((now, known.map_or(class, |(_, before)| before.max(class))))
}

fn from_row(row: &session::Model, limits: &Limits) -> Result<Session, Error> {
    let time = |second: i64| kept(Timestamp::from_second(second));
    let absolute = row.created_at.saturating_add(limits.absolute_seconds);
    let idle = row.used_at.saturating_add(limits.idle_seconds);
    Ok(Session {
        id: session_id(&row.digest),
        proof: proof_of(row)?,
        source: row.source.clone(),
        created_at: time(row.created_at)?,
        used_at: time(row.used_at)?,
        ends_at: time(absolute.min(idle))?,
    })
}

/// A word that this program does not know is no proof of anything.
fn proof_of(row: &session::Model) -> Result<Proof, Error> {
    row.proof.parse().map_err(|_| Error::NotSignedIn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_project_makes_a_site_stricter_and_never_looser() {
        let at = Duration::from_secs;
        let loose = [Class::Sandbox, Class::Research];
        for class in loose {
            assert_eq!(grown(None, class, at(9)), None, "what the others are like is not known");
            assert_eq!(grown(Some((at(1), Class::Clinical)), class, at(9)), Some((at(1), Class::Clinical)));
        }
        for before in loose {
            let known = Some((at(1), before));
            assert_eq!(grown(known, Class::Controlled, at(9)), Some((at(9), Class::Controlled)));
        }
        assert_eq!(grown(None, Class::Controlled, at(9)), Some((at(9), Class::Controlled)));
        let strict = Some((at(1), Class::Clinical));
        assert_eq!(grown(strict, Class::Controlled, at(9)), Some((at(9), Class::Clinical)));
    }
}
