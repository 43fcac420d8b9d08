//! People.

use crate::grant::held_by;
use crate::session::Cause;
use crate::table::{account, kept, session, token};
use crate::thing::{Site, Thing};
use crate::verb::Manage;
use crate::{Access, Ends, Error, OneTimeToken, Permit};
use audit::What;
use base::{Boxed, Class, GrantId, Id, ProjectId, UserId};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::Serialize;
use std::collections::BTreeSet;

/// How long a one-time token can be redeemed: a day.
const TOKEN_LIFE_SECONDS: i64 = 24 * 3600;

/// A person's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Its id: what records hold.
    pub id: UserId,
    /// The sign-in name: what people type.
    pub name: String,
    /// Whether it can no longer be used.
    pub closed: bool,
}

impl Access {
    /// Makes an account and a one-time token with which its owner signs in first.
    pub async fn create_account(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        name: &str,
    ) -> Result<(Account, OneTimeToken), Error> {
        self.still(permit, tx).await?;
        self.insert_account(tx, name).await
    }

    /// Makes the first account of a site whose ledger holds nothing but its creation.
    pub async fn create_first_account(&self, tx: &Tx, name: &str) -> Result<(Account, OneTimeToken), Error> {
        if account::Entity::find().one(&**tx).await?.is_some() {
            return Err(Error::NameTaken);
        }
        let made = self.insert_account(tx, name).await?;
        // Without an end: nobody else could give it again.
        let (role, ends) = (base::Role::PlatformAdministrator, Ends::default());
        self.insert_grant(tx, &made.0.id, role, None, ends).await?;
        Ok(made)
    }

    /// Says, on record, that a new account is another one of the person who has `first`: the two count as one
    /// wherever nobody may act for themselves.
    pub async fn link_person(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        account: &UserId,
        first: &UserId,
    ) -> Result<(), Error> {
        permit.live()?;
        let row = account::Entity::find_by_id(first.to_string()).one(&**tx).await?;
        let person = row.map(|row| row.person.unwrap_or(row.id)).ok_or(Error::NotFound)?;
        self.record_act(permit, What::AccountsLinked {}, [account.to_string(), first.to_string()]).await?;
        account::Entity::update_many()
            .col_expr(account::Column::Person, Expr::value(person))
            .filter(account::Column::Id.eq(account.to_string()))
            .exec(&**tx)
            .await?;
        Ok(())
    }

    /// The accounts that are not closed.
    pub(crate) async fn open_accounts(&self) -> Result<BTreeSet<UserId>, Error> {
        let open = account::Entity::find().filter(account::Column::Closed.eq(false));
        let rows = open.all(self.inner.db.reader()).await?;
        rows.into_iter().map(|row| Ok(from_row(row)?.id)).collect()
    }

    /// Whether two accounts are one person's.
    pub(crate) fn same_person<'a>(
        &'a self,
        one: &'a UserId,
        other: &'a UserId,
    ) -> Boxed<'a, Result<bool, Error>> {
        Box::pin(self.same_person_in(self.inner.db.reader(), one, other))
    }

    /// The same, within a transaction.
    pub(crate) async fn same_person_in(
        &self,
        from: &impl ConnectionTrait,
        one: &UserId,
        other: &UserId,
    ) -> Result<bool, Error> {
        if one == other {
            return Ok(true);
        }
        let rows = account::Entity::find()
            .filter(account::Column::Id.is_in([one.to_string(), other.to_string()]))
            .all(from)
            .await?;
        let mut people = rows.into_iter().map(|row| row.person.unwrap_or(row.id));
        // An account that is not there is nobody's; a target is resolved before.
        Ok(match (people.next(), people.next()) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        })
    }

    /// Makes a new one-time token for an account whose owner cannot sign in, ends the account's
    /// sessions and takes its passkeys away: its owner begins anew, and notices. Whoever makes it could use
    /// it, so it is refused for accounts with a role in a controlled or clinical project.
    pub async fn renew_token(
        &self,
        permit: &Permit<Manage, Site>,
        account: &UserId,
    ) -> Result<OneTimeToken, Error> {
        permit.live()?;
        let looked_at = self.refuse_takeover(account).await?;
        usable(self.inner.db.reader(), account.as_str()).await.map_err(closed)?;
        // Without its passkeys nobody gives it a strict role from here on; one that was given meanwhile is seen below.
        self.forget_credentials(permit.caller(), account).await?;
        let tx = self.inner.db.begin(permit.decision()).await?;
        self.still(permit, &tx).await?;
        if self.live(&*tx, held_by(account)).await?.iter().any(|grant| !looked_at.contains(&grant.id)) {
            return Err(Error::Takeover);
        }
        self.forget_namings(&tx, account).await?;
        let token = self.insert_token(&tx, account).await?;
        tx.commit().await?;
        // The token of before is worth nothing from here on: a session that it began meanwhile is among these.
        self.forget_services(permit.caller(), account).await?;
        let rows = self.sessions_of(account).await?;
        self.end_sessions(permit.caller(), account, rows, Cause::NewToken).await?;
        // And what such a session did while it lasted.
        self.forget_credentials(permit.caller(), account).await?;
        self.forget_services(permit.caller(), account).await?;
        Ok(token)
    }

    /// Closes an account, on record: its sessions and its one-time token end at once and its roles are taken,
    /// what it has under way ends within a minute. Neither its id nor its name is given to anybody again. Gives the
    /// projects that have no administrator from then on.
    pub async fn close_account(
        &self,
        permit: &Permit<Manage, Site>,
        account: &UserId,
    ) -> Result<Vec<ProjectId>, Error> {
        permit.live()?;
        usable(self.inner.db.reader(), account.as_str()).await.map_err(closed)?;
        let tx = self.inner.db.begin(permit.decision()).await?;
        self.still(permit, &tx).await?;
        let alone = self.administers_alone(&tx, account).await?;
        self.record_act(permit, What::AccountClosed {}, [account.to_string()]).await?;
        mark(&tx, account, true).await?;
        self.take_all(permit.caller(), &tx, account).await?;
        self.forget_namings(&tx, account).await?;
        self.forget_identities(permit.caller(), &tx, account, None).await?;
        token::Entity::delete_many()
            .filter(token::Column::Account.eq(account.to_string()))
            .exec(&*tx)
            .await?;
        tx.commit().await?;
        // From here on nobody signs in; a session that began meanwhile is among these.
        let rows = self.sessions_of(account).await?;
        self.end_sessions(permit.caller(), account, rows, Cause::AccountClosed).await?;
        Ok(alone)
    }

    /// Opens a closed account again, on record, for the same person; gives a one-time token.
    ///
    /// INVARIANT (reopened-with-nothing): roles and sessions go in the transaction that opens it, whatever closed
    /// it: releases before this one left both, and so can a crash while an account is closed.
    pub async fn reopen_account(
        &self,
        permit: &Permit<Manage, Site>,
        account: &UserId,
    ) -> Result<OneTimeToken, Error> {
        permit.live()?;
        match usable(self.inner.db.reader(), account.as_str()).await.map_err(closed) {
            Err(Error::Closed) => {}
            Err(other) => return Err(other),
            Ok(_) => return Err(Error::Open),
        }
        // Nor does it have anything to sign in with, or anything that acts for it: a closed account adds none.
        self.forget_credentials(permit.caller(), account).await?;
        self.forget_services(permit.caller(), account).await?;
        let tx = self.inner.db.begin(permit.decision()).await?;
        self.still(permit, &tx).await?;
        self.record_act(permit, What::AccountReopened {}, [account.to_string()]).await?;
        self.take_all(permit.caller(), &tx, account).await?;
        self.forget_namings(&tx, account).await?;
        self.forget_identities(permit.caller(), &tx, account, None).await?;
        session::Entity::delete_many()
            .filter(session::Column::Account.eq(account.to_string()))
            .exec(&*tx)
            .await?;
        mark(&tx, account, false).await?;
        let token = self.insert_token(&tx, account).await?;
        tx.commit().await?;
        Ok(token)
    }

    /// Records what is done under `permit`, before it is.
    pub(crate) async fn record_act(
        &self,
        permit: &Permit<Manage, Site>,
        what: What,
        about: impl IntoIterator<Item = String>,
    ) -> Result<(), Error> {
        self.inner.audit.gate(&permit.event(what).about(about)).await?;
        Ok(())
    }

    /// The account with this sign-in name.
    pub async fn account_named<T: Thing>(
        &self,
        permit: &Permit<Manage, T>,
        name: &str,
    ) -> Result<Account, Error> {
        permit.live()?;
        self.find_account(name).await.map_err(|error| match error {
            Error::NotFound => Error::no_account(name),
            other => other,
        })
    }

    /// The open account with this sign-in name, if it holds a role in `project`: whoever asks learns of nobody else.
    pub async fn member_named(
        &self,
        permit: &Permit<Manage, crate::thing::Project>,
        project: &ProjectId,
        name: &str,
    ) -> Result<Option<UserId>, Error> {
        permit.live()?;
        let account = match self.find_account(name).await {
            Ok(account) => account,
            Err(Error::NotFound) => return Ok(None),
            Err(other) => return Err(other),
        };
        let here = |grant: &crate::Grant| grant.project.as_ref() == Some(project);
        Ok(self.live_grants(&account.id).await?.iter().any(here).then_some(account.id))
    }

    /// The account with this sign-in name, before a decision whose target it is. Gives the id
    /// alone; whether it exists is shown to those who may manage a project's members or accounts.
    pub async fn resolve_account(&self, name: &str) -> Result<UserId, Error> {
        Ok(self.find_account(name).await?.id)
    }

    /// All accounts, by name.
    pub async fn accounts(&self, permit: &Permit<Manage, Site>) -> Result<Vec<Account>, Error> {
        permit.live()?;
        let rows =
            account::Entity::find().order_by_asc(account::Column::Name).all(self.inner.db.reader()).await?;
        rows.into_iter().map(from_row).collect()
    }

    /// The accounts with these ids, for lists of members and histories: who asks has the right to
    /// either already.
    pub async fn names_of(&self, ids: &[UserId]) -> Result<Vec<Account>, Error> {
        let rows = account::Entity::find()
            .filter(account::Column::Id.is_in(ids.iter().map(ToString::to_string)))
            .all(self.inner.db.reader())
            .await?;
        rows.into_iter().map(from_row).collect()
    }

    /// The caller's own account.
    pub async fn own_account(&self, caller: &crate::Caller) -> Result<Account, Error> {
        let id = caller.own()?;
        let row = account::Entity::find_by_id(id.to_string()).one(self.inner.db.reader()).await?;
        from_row(row.ok_or(Error::NotSignedIn)?)
    }

    async fn find_account(&self, name: &str) -> Result<Account, Error> {
        let row = account::Entity::find()
            .filter(account::Column::Name.eq(name))
            .one(self.inner.db.reader())
            .await?;
        from_row(row.ok_or(Error::NotFound)?)
    }

    fn insert_account<'a>(
        &'a self,
        tx: &'a Tx,
        name: &'a str,
    ) -> Boxed<'a, Result<(Account, OneTimeToken), Error>> {
        Box::pin(async {
            let account = self.new_account(&**tx, name).await?;
            let token = self.insert(tx, &account).await?;
            Ok((account, token))
        })
    }

    /// An account of this name that can be made.
    pub(crate) async fn new_account(
        &self,
        connection: &impl ConnectionTrait,
        name: &str,
    ) -> Result<Account, Error> {
        check_name(name)?;
        let taken = account::Entity::find().filter(account::Column::Name.eq(name)).one(connection).await?;
        if taken.is_some() {
            return Err(Error::NameTaken);
        }
        Ok(Account { id: UserId::mint(&*self.inner.entropy), name: name.to_owned(), closed: false })
    }

    pub(crate) async fn insert(&self, tx: &Tx, account: &Account) -> Result<OneTimeToken, Error> {
        let row = account::ActiveModel {
            id: Set(account.id.to_string()),
            name: Set(account.name.clone()),
            created_at: Set(self.inner.clock.now().to_string()),
            closed: Set(false),
            person: Set(None),
        };
        account::Entity::insert(row).exec_without_returning(&**tx).await?;
        self.insert_token(tx, &account.id).await
    }

    /// Fails for an account with a role in a strict project; gives the roles that it holds.
    async fn refuse_takeover(&self, account: &UserId) -> Result<BTreeSet<GrantId>, Error> {
        let held = self.live_grants(account).await?;
        for project in held.iter().filter_map(|grant| grant.project.as_ref()) {
            if is_strict(self.class_of(project).await?) {
                return Err(Error::Takeover);
            }
        }
        Ok(held.into_iter().map(|grant| grant.id).collect())
    }

    pub(crate) async fn insert_token(&self, tx: &Tx, account: &UserId) -> Result<OneTimeToken, Error> {
        let token = OneTimeToken::mint(&*self.inner.entropy);
        token::Entity::delete_many()
            .filter(token::Column::Account.eq(account.to_string()))
            .exec(&**tx)
            .await?;
        let row = token::ActiveModel {
            digest: Set(token.digest()),
            account: Set(account.to_string()),
            expires_at: Set(self.inner.clock.now().as_second().saturating_add(TOKEN_LIFE_SECONDS)),
        };
        token::Entity::insert(row).exec_without_returning(&**tx).await?;
        Ok(token)
    }
}

/// Whether people act by passkeys alone in a project of this class. One whose place is not known counts as the strictest.
pub(crate) fn is_strict(class: Option<Class>) -> bool {
    class.is_none_or(|class| class >= Class::Controlled)
}

/// The account with this id, if it can be used.
pub(crate) async fn usable(connection: &impl ConnectionTrait, id: &str) -> Result<UserId, Error> {
    let row = account::Entity::find_by_id(id).one(connection).await?;
    let account = from_row(row.ok_or(Error::NotSignedIn)?)?;
    if account.closed { Err(Error::NotSignedIn) } else { Ok(account.id) }
}

/// What is asked of an account that is closed, by those who may know that it is there.
pub(crate) fn closed(error: Error) -> Error {
    match error {
        Error::NotSignedIn => Error::Closed,
        other => other,
    }
}

async fn mark(tx: &Tx, account: &UserId, closed: bool) -> Result<(), Error> {
    account::Entity::update_many()
        .col_expr(account::Column::Closed, Expr::value(closed))
        .filter(account::Column::Id.eq(account.to_string()))
        .exec(&**tx)
        .await?;
    Ok(())
}

fn from_row(row: account::Model) -> Result<Account, Error> {
    let id = kept(row.id.parse())?;
    Ok(Account { id, name: row.name, closed: row.closed })
}

fn check_name(name: &str) -> Result<(), Error> {
    let shape = (2..=32).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
    if shape { Ok(()) } else { Err(Error::Name(shown(name))) }
}

impl Error {
    /// No account has the name that somebody typed, who may know.
    pub fn no_account(name: &str) -> Self {
        Self::NoAccount(shown(name))
    }
}

/// As much of a typed name as an error repeats.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(40).collect()
}
