//! People of a site that was restored: rights as old as the backup are worth less than the record since.

use crate::proposal::State;
use crate::table::{
    account, exception, grant, identity, kept, mapping, naming, passkey, password, presented, proposal,
    service, service_key, service_person, service_token, session, token,
};
use crate::token::OneTimeToken;
use crate::{Access, Ends, Error};
use base::{ProjectId, Role, ServiceId, UserId};
use db::Tx;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

impl Access {
    /// The open account of this name: who will keep a restored site.
    pub async fn keeper(&self, name: &str) -> Result<UserId, Error> {
        let row = account::Entity::find().filter(account::Column::Name.eq(name));
        let row = row.one(self.inner.db.reader()).await?.filter(|row| !row.closed);
        let row = row.ok_or_else(|| Error::no_account(name))?;
        kept(row.id.parse())
    }

    /// Takes an account's roles in a project, or on the site, away. Without a permit: there is nobody yet who
    /// could be asked, and nothing is given. Gives how many those were.
    pub async fn take_away(
        &self,
        tx: &Tx,
        account: &UserId,
        project: Option<&ProjectId>,
    ) -> Result<u64, Error> {
        let place = match project {
            Some(project) => grant::Column::Project.eq(project.to_string()),
            None => grant::Column::Project.is_null(),
        };
        let gone = grant::Entity::delete_many()
            .filter(grant::Column::Account.eq(account.to_string()))
            .filter(place)
            .exec(&**tx)
            .await?;
        // Whom somebody may have taken out since, no visa brings back in. An account that was made since is not there.
        if let Some(project) = project
            && account::Entity::find_by_id(account.to_string()).one(&**tx).await?.is_some()
        {
            self.note_taken(tx, account, project).await?;
        }
        Ok(gone.rows_affected)
    }

    /// Closes accounts again that were closed by the record.
    pub async fn close_again<'a>(
        &self,
        tx: &Tx,
        accounts: impl IntoIterator<Item = &'a UserId>,
    ) -> Result<(), Error> {
        let ids: Vec<String> = accounts.into_iter().map(ToString::to_string).collect();
        account::Entity::update_many()
            .col_expr(account::Column::Closed, Expr::value(true))
            .filter(account::Column::Id.is_in(ids))
            .exec(&**tx)
            .await?;
        Ok(())
    }

    /// Takes credentials away again that were taken away or found to be copied, closes service accounts again
    /// that were closed, and lets them act again for nobody who withdrew, by the record.
    pub async fn forget_again<'a>(
        &self,
        tx: &Tx,
        credentials: impl IntoIterator<Item = &'a String>,
        services: impl IntoIterator<Item = &'a ServiceId>,
        withdrawn: impl IntoIterator<Item = &'a (ServiceId, UserId)>,
    ) -> Result<(), Error> {
        let names: Vec<String> = credentials.into_iter().cloned().collect();
        password::Entity::delete_many()
            .filter(password::Column::Name.is_in(names.clone()))
            .exec(&**tx)
            .await?;
        passkey::Entity::delete_many().filter(passkey::Column::Name.is_in(names)).exec(&**tx).await?;
        let ids: Vec<String> = services.into_iter().map(ToString::to_string).collect();
        service::Entity::update_many()
            .col_expr(service::Column::Closed, Expr::value(true))
            .filter(service::Column::Id.is_in(ids))
            .exec(&**tx)
            .await?;
        for (service, person) in withdrawn {
            service_person::Entity::delete_many()
                .filter(service_person::Column::Service.eq(service.to_string()))
                .filter(service_person::Column::Account.eq(person.to_string()))
                .exec(&**tx)
                .await?;
        }
        Ok(())
    }

    /// Ends every session, token and open proposal of a restored site, what has to do with visas, and every key of a service account, and gives
    /// its [keeper](Self::keeper), who is or
    /// becomes its platform administrator, a token to sign in with. Whoever restores a site holds what
    /// opens it, as whoever makes one does.
    pub async fn begin_again(&self, tx: &Tx, id: &UserId) -> Result<OneTimeToken, Error> {
        session::Entity::delete_many().exec(&**tx).await?;
        token::Entity::delete_many().exec(&**tx).await?;
        // One that was withdrawn since would be open again.
        proposal::Entity::update_many()
            .col_expr(proposal::Column::State, Expr::value(State::Withdrawn.as_str()))
            .filter(proposal::Column::State.eq(State::Open.as_str()))
            .exec(&**tx)
            .await?;
        // A request to be let in that was taken back since would be open again.
        exception::Entity::update_many()
            .col_expr(exception::Column::EndedAt, Expr::value(self.inner.clock.now().as_second()))
            .filter(exception::Column::Judge.is_null())
            .filter(exception::Column::Until.is_null())
            .filter(exception::Column::EndedAt.is_null())
            .exec(&**tx)
            .await?;
        // What visas gave is as old as the backup, and so is whose they are and what they count for: since then somebody
        // may have said otherwise.
        grant::Entity::delete_many().filter(grant::Column::Mapping.is_not_null()).exec(&**tx).await?;
        identity::Entity::delete_many().exec(&**tx).await?;
        mapping::Entity::delete_many().exec(&**tx).await?;
        presented::Entity::delete_many().exec(&**tx).await?;
        naming::Entity::delete_many().exec(&**tx).await?;
        service_token::Entity::delete_many().exec(&**tx).await?;
        service_key::Entity::delete_many().exec(&**tx).await?;
        grant::Entity::delete_many()
            .filter(grant::Column::Account.eq(id.to_string()))
            .filter(grant::Column::Role.eq(Role::PlatformAdministrator.as_str()))
            .exec(&**tx)
            .await?;
        self.insert_grant(tx, id, Role::PlatformAdministrator, None, Ends::default()).await?;
        self.insert_token(tx, id).await
    }
}
