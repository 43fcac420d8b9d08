//! Whether somebody whose request goes on may still ask.

use crate::account::usable;
use crate::table::session;
use crate::{Access, Caller, Error};
use base::Boxed;
use db::sea_orm::{ConnectionTrait, EntityTrait};
use std::time::Duration;

/// A request that was let in so recently is not asked again.
const JUST_NOW: Duration = Duration::from_secs(1);

impl Access {
    /// Fails when the caller's account was closed since, or the session that the request came with was
    /// ended. Decisions ask this first, and permits last a minute: so an end reaches a download, an
    /// upload and a run that are under way within a minute.
    ///
    /// A session that nobody ended goes on for what began in it, also past its limit of idleness: what
    /// is under way is its use. Past its absolute limit nothing goes on.
    pub(crate) fn standing<'a>(&'a self, caller: &'a Caller) -> Boxed<'a, Result<(), Error>> {
        Box::pin(self.still_standing(caller))
    }

    async fn still_standing(&self, caller: &Caller) -> Result<(), Error> {
        let now = self.inner.clock.monotonic();
        if caller.signed().is_some_and(|signed| now.saturating_sub(signed.at) < JUST_NOW) {
            return Ok(());
        }
        if let Some(acting) = caller.acting() {
            return self.usable_service(&acting.service.id, &acting.person, &acting.key).await.map(|_| ());
        }
        let Some(user) = caller.user() else { return Ok(()) };
        usable(self.inner.db.reader(), &user.to_string()).await?;
        let Some(signed) = caller.signed().filter(|_| caller.is_bound()) else { return Ok(()) };
        let row = session::Entity::find_by_id(signed.digest.clone()).one(self.inner.db.reader()).await?;
        let (now, limits) = (self.now(), self.limits().await?);
        row.filter(|row| !limits.is_past(row.created_at, now)).map(|_| ()).ok_or(Error::NotSignedIn)
    }

    /// Fails when the session in which somebody does something with their own account, or the account, ended since
    /// the request was let in. For the transaction of the act.
    ///
    /// INVARIANT (end-before-act): a request may be held open for long before its last byte; what it does for its
    /// account is done while the session stands, or not at all. So what takes an account back takes all of it.
    pub(crate) async fn still_own<C: ConnectionTrait>(&self, from: &C, caller: &Caller) -> Result<(), Error> {
        usable(from, &caller.own()?.to_string()).await?;
        let signed = caller.signed().ok_or(Error::NotSignedIn)?;
        let row = session::Entity::find_by_id(signed.digest.clone()).one(from).await?;
        row.map(|_| ()).ok_or(Error::NotSignedIn)
    }
}
