//! Which account a subject of the provider signs in to. Its owner says so, having shown both: that the account is theirs, by a
//! fresh confirmation, and that the subject is, by signing in as it.
//!
//! Links for visas lie in the same table and are others: who keeps accounts makes those, and could sign in as anybody by these.

use super::{Arrival, Departure, Provider};
use crate::identity::named;
use crate::passkey::{own, passkeys_of};
use crate::session::Cause;
use crate::signed::Source;
use crate::table::{identity, kept, password};
use crate::{Access, Caller, Error, Proof};
use audit::What;
use base::{CredentialId, Entropy, Id, Timestamp, UserId};
use db::Look;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

/// For what a subject's digest is made.
const SIGNS_IN: &str = "sequestra 2026 subject that signs in";
/// Seconds for which a sign-in at the provider may be old that makes a link: somebody else's, left open in a shared browser,
/// makes none.
const FRESH: i64 = 300;

/// A link as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The word for the provider; its address where the settings name it no more.
    pub provider: String,
    /// When it was made.
    pub since: Timestamp,
}

impl Access {
    /// Sends a browser to the provider, to link its subject to the caller's account. Whoever has something to confirm with
    /// confirms with it first.
    pub async fn begin_oidc_link(&self, caller: &Caller, source: Source) -> Result<Departure, Error> {
        self.the_provider()?;
        let (user, signed) = own(caller)?;
        self.may_set(caller, user).await?;
        self.depart(source, Some(signed.digest.clone()), Some(FRESH)).await
    }

    /// Links the subject that it brings to the caller's account, on record. What was linked before is no more.
    pub async fn finish_oidc_link(&self, caller: &Caller, arrival: Arrival) -> Result<(), Error> {
        let (user, signed) = own(caller)?;
        let subject = self.arrive(arrival, Some(&signed.digest)).await?;
        let provider = self.the_provider()?;
        let name = named(SIGNS_IN, provider.issuer(), &subject);
        let look = self.inner.db.look().await?;
        self.still_own(&*look, caller).await?;
        self.may_set_by(&*look, caller, user).await?;
        // INVARIANT (one-subject-one-account): who signs in is told no other account's name.
        if let Some(row) = identity::Entity::find_by_id(name.clone()).one(&*look).await?
            && row.account != user.as_str()
        {
            return Err(Error::LinkedElsewhere);
        }
        let before = links_of(&*look, user).await?;
        let what = What::CredentialAdded { proof: Proof::Oidc.as_str().to_owned() };
        let mut last = self.note(caller, what, [id_of(&name).to_string(), user.to_string()]).await?;
        for gone in before.iter().filter(|gone| **gone != name) {
            last = self.tell_unlinked(caller, user, gone).await?;
        }
        if !before.is_empty() {
            last = self.end_links(&*look, caller, user, before).await?.unwrap_or(last);
        }
        let tx = look.decided(last);
        let row = identity::ActiveModel {
            name: Set(name),
            issuer: Set(provider.issuer().to_owned()),
            account: Set(user.to_string()),
            since: Set(self.now()),
            signs_in: Set(true),
        };
        identity::Entity::insert(row).exec_without_returning(&*tx).await?;
        Ok(tx.commit().await?)
    }

    /// The caller's own link, if there is one.
    pub async fn own_oidc_link(&self, caller: &Caller) -> Result<Option<Link>, Error> {
        let row = identity::Entity::find().filter(of(caller.own()?)).one(self.inner.db.reader()).await?;
        row.map(|row| {
            let since = kept(Timestamp::from_second(row.since))?;
            Ok(Link { provider: self.word_for(row.issuer), since })
        })
        .transpose()
    }

    /// Takes the caller's own link away, on record, after a confirmation, and ends the sessions that it began. It stays
    /// where it is all there is.
    pub async fn remove_oidc_link(&self, caller: &Caller) -> Result<(), Error> {
        let (user, _) = own(caller)?;
        let look = self.inner.db.look().await?;
        self.still_own(&*look, caller).await?;
        if links_of(&*look, user).await?.is_empty() {
            return Err(Error::NotFound);
        }
        self.may_set_by(&*look, caller, user).await?;
        let passkey = passkeys_of(&*look, user).await?.iter().any(|one| !one.suspended);
        let password = password::Entity::find_by_id(user.to_string()).one(&*look).await?;
        if !passkey && password.is_none() {
            return Err(Error::LastPasskey);
        }
        self.forget_within(look, caller, user).await
    }

    /// Takes an account's link away, on record: its owner begins anew.
    pub(crate) async fn forget_oidc_link(&self, caller: &Caller, account: &UserId) -> Result<(), Error> {
        self.forget_within(self.inner.db.look().await?, caller, account).await
    }

    async fn forget_within(&self, look: Look, caller: &Caller, account: &UserId) -> Result<(), Error> {
        let names = links_of(&*look, account).await?;
        let mut last = None;
        for name in &names {
            last = Some(self.tell_unlinked(caller, account, name).await?);
        }
        let Some(told) = last else { return Ok(()) };
        let ended = self.end_links(&*look, caller, account, names).await?;
        Ok(look.decided(ended.unwrap_or(told)).commit().await?)
    }

    /// Records that a link ends, before it does.
    pub(crate) async fn tell_unlinked(
        &self,
        caller: &Caller,
        account: &UserId,
        name: &[u8],
    ) -> Result<u64, Error> {
        let what = What::CredentialRemoved { proof: Proof::Oidc.as_str().to_owned() };
        self.note(caller, what, [id_of(name).to_string(), account.to_string()]).await
    }

    /// Ends links whose end is on record, and the sessions that they began. Gives the position of the last record of those, if
    /// there is any.
    pub(crate) async fn end_links<C: ConnectionTrait>(
        &self,
        within: &C,
        caller: &Caller,
        account: &UserId,
        names: Vec<Vec<u8>>,
    ) -> Result<Option<u64>, Error> {
        identity::Entity::delete_many().filter(identity::Column::Name.is_in(names)).exec(within).await?;
        self.end_begun_by(within, caller, account, Proof::Oidc, Cause::Unlinked).await
    }
}

/// The account that a subject of the provider signs in to.
pub(super) async fn account_of<C: ConnectionTrait>(
    from: &C,
    provider: &Provider,
    subject: &str,
) -> Result<Option<String>, Error> {
    let row = identity::Entity::find_by_id(named(SIGNS_IN, provider.issuer(), subject)).one(from).await?;
    Ok(row.filter(|row| row.signs_in).map(|row| row.account))
}

async fn links_of<C: ConnectionTrait>(from: &C, account: &UserId) -> Result<Vec<Vec<u8>>, Error> {
    let rows = identity::Entity::find().filter(of(account)).all(from).await?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

/// The links of an account that sign in.
fn of(account: &UserId) -> db::sea_orm::Condition {
    let own = db::sea_orm::Condition::all().add(identity::Column::Account.eq(account.to_string()));
    own.add(identity::Column::SignsIn.eq(true))
}

/// A link's id in the record. It follows from the digest, and nothing follows from it.
fn id_of(name: &[u8]) -> CredentialId {
    struct Derived<'a>(&'a [u8]);
    impl Entropy for Derived<'_> {
        fn fill(&self, bytes: &mut [u8]) {
            let mut hasher = blake3::Hasher::new_derive_key("sequestra 2026 id of a link");
            hasher.update(self.0);
            hasher.finalize_xof().fill(bytes);
        }
    }
    CredentialId::mint(&Derived(name))
}
