//! Who somebody is elsewhere: the subject of an issuer, linked to an account by an administrator, for its visas. Links by which
//! people sign in lie beside these and are their owners' alone (`oidc`).
//!
//! The subject itself is kept nowhere: a digest is enough to find the account when its visas come.

use crate::account::{closed, usable};
use crate::table::{grant, identity, kept};
use crate::thing::Site;
use crate::verb::Manage;
use crate::{Access, Caller, Error, Permit};
use audit::What;
use base::{Id, Timestamp, UserId};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

/// Bytes of a subject at most, as of a token's claim.
const LONGEST: usize = 1024;
/// For what a subject's digest is made whose visas count. One that signs in has another: who may make the first makes none of
/// the second.
pub(crate) const VISAS: &str = "sequestra 2026 subject of an issuer";

/// A link that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The issuer's word in the settings; its address where they name it no more.
    pub issuer: String,
    /// When the link was made.
    pub since: Timestamp,
    /// Whether its subject signs in as the account; else visas about it count.
    pub signs_in: bool,
}

impl Access {
    /// Says, on record, that `subject` of an issuer is the person who has the account. It gives nothing by itself: visas
    /// about that subject then count for that account, when its owner presents them.
    ///
    /// INVARIANT (one-subject-one-account): a subject is linked once. Who presents a visa that is about somebody else, or
    /// about nobody who is known, is refused alike.
    pub async fn link_identity(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        account: &UserId,
        issuer: &str,
        subject: &str,
    ) -> Result<(), Error> {
        self.still(permit, tx).await?;
        usable(&**tx, account.as_str()).await.map_err(closed)?;
        let trusted = self.trust().named(issuer).ok_or_else(|| Error::no_issuer(issuer))?;
        if subject.is_empty() || subject.len() > LONGEST || subject.chars().any(char::is_control) {
            return Err(Error::Subject);
        }
        let name = named(VISAS, &trusted.settings.issuer, subject);
        match identity::Entity::find_by_id(name.clone()).one(&**tx).await? {
            Some(row) if row.account == account.to_string() => return Ok(()),
            Some(_) => return Err(Error::LinkedElsewhere),
            None => {}
        }
        self.tell_identity(permit.caller(), issuer, account, true).await?;
        let row = identity::ActiveModel {
            name: Set(name),
            issuer: Set(trusted.settings.issuer.clone()),
            account: Set(account.to_string()),
            since: Set(self.inner.clock.now().as_second()),
            signs_in: Set(false),
        };
        identity::Entity::insert(row).exec_without_returning(&**tx).await?;
        Ok(())
    }

    /// Ends every link of the account to subjects of an issuer, on record, and with it the roles that visas of that issuer
    /// gave it. Gives how many links there were.
    pub async fn unlink_identity(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        account: &UserId,
        issuer: &str,
    ) -> Result<u64, Error> {
        self.still(permit, tx).await?;
        // An issuer that the settings name no more is known by its address.
        let trusted = self.trust().named(issuer).map(|trusted| trusted.settings.issuer.as_str());
        let provider = self.inner.provider.get().filter(|provider| provider.name() == issuer);
        // One word may be that of both.
        let mut addresses: Vec<&str> = trusted.into_iter().chain(provider.map(|one| one.issuer())).collect();
        if addresses.is_empty() {
            addresses.push(issuer);
        }
        let of = identity::Column::Issuer.is_in(addresses.clone());
        let gone = self.forget_identities(permit.caller(), tx, account, Some(of)).await?;
        let by = Condition::all()
            .add(grant::Column::Account.eq(account.to_string()))
            .add(grant::Column::Issuer.is_in(addresses));
        self.take(permit.caller(), tx, by).await?;
        Ok(gone)
    }

    /// The links of an account.
    pub async fn identities(
        &self,
        permit: &Permit<Manage, Site>,
        account: &UserId,
    ) -> Result<Vec<Identity>, Error> {
        permit.live()?;
        self.identities_of(account).await
    }

    async fn identities_of(&self, account: &UserId) -> Result<Vec<Identity>, Error> {
        let rows = identity::Entity::find()
            .filter(identity::Column::Account.eq(account.to_string()))
            .all(self.inner.db.reader())
            .await?;
        let shown = |row: identity::Model| {
            let since = kept(Timestamp::from_second(row.since))?;
            Ok(Identity { issuer: self.word_for(row.issuer), since, signs_in: row.signs_in })
        };
        rows.into_iter().map(shown).collect()
    }

    /// The settings' word for an issuer, or its address where they have none any more.
    pub fn word_for(&self, issuer: String) -> String {
        if let Some(trusted) = self.trust().of(&issuer) {
            return trusted.settings.name.clone();
        }
        let provider = self.inner.provider.get().filter(|provider| provider.issuer() == issuer);
        provider.map_or(issuer, |provider| provider.name().to_owned())
    }

    /// Ends links of an account, on record.
    pub(crate) async fn forget_identities(
        &self,
        caller: &Caller,
        tx: &Tx,
        account: &UserId,
        which: Option<db::sea_orm::sea_query::Expr>,
    ) -> Result<u64, Error> {
        let of = Condition::all().add(identity::Column::Account.eq(account.to_string())).add_option(which);
        let rows = identity::Entity::find().filter(of.clone()).all(&**tx).await?;
        let mut ended = Vec::new();
        for row in rows {
            if row.signs_in {
                self.tell_unlinked(caller, account, &row.name).await?;
                ended.push(row.name);
                continue;
            }
            let issuer = self.word_for(row.issuer);
            self.tell_identity(caller, &issuer, account, false).await?;
        }
        let signed_in = ended.len() as u64;
        if signed_in > 0 {
            self.end_links(&**tx, caller, account, ended).await?;
        }
        Ok(signed_in + identity::Entity::delete_many().filter(of).exec(&**tx).await?.rows_affected)
    }

    async fn tell_identity(
        &self,
        caller: &Caller,
        issuer: &str,
        account: &UserId,
        linked: bool,
    ) -> Result<(), Error> {
        let what = What::IdentityChanged { issuer: issuer.to_owned(), linked };
        self.inner.audit.gate(&caller.event(what).about([account.to_string()])).await?;
        Ok(())
    }
}

/// What a subject is found by, for this purpose and no other.
pub(crate) fn named(purpose: &'static str, issuer: &str, subject: &str) -> Vec<u8> {
    let mut hash = blake3::Hasher::new_derive_key(purpose);
    // The length first, so that no issuer and subject read like others.
    hash.update(&(issuer.len() as u64).to_le_bytes()).update(issuer.as_bytes()).update(subject.as_bytes());
    hash.finalize().as_bytes().to_vec()
}
