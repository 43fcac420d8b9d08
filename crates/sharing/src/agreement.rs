//! Contracts with parties.

use crate::dataset::invalid;
use crate::table::agreement;
use crate::{Error, Sharing, kept, moment};
use access::Permit;
use access::thing::Project;
use access::verb::{Manage, View};
use audit::What;
use base::{AgreementId, DatasetId, Id, ProjectId, Sha256, Timestamp};
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder};
use std::str::FromStr;

/// What is agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contract {
    /// A data use agreement.
    Use,
    /// A business associate agreement: 45 CFR 164.504(e).
    Associate,
}

impl Contract {
    /// The word as written in commands and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Use => "DUA",
            Self::Associate => "BAA",
        }
    }
}

impl FromStr for Contract {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Use, Self::Associate]
            .into_iter()
            .find(|one| one.as_str() == text)
            .ok_or_else(|| invalid("kind of agreement", "DUA or BAA is expected"))
    }
}

/// An agreement to be registered.
#[derive(Debug, Clone)]
pub struct NewAgreement {
    /// What is agreed.
    pub contract: Contract,
    /// With whom: 1 to 64 letters, digits or `. _ : / -`, such as `ror:05a28rw58`.
    pub party: String,
    /// About which dataset; about all of the project's when absent.
    pub dataset: Option<DatasetId>,
    /// SHA-256 of the signed document, which stays where it is kept.
    pub document: Sha256,
    /// Until when it holds.
    pub until: Timestamp,
}

/// An agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Its id.
    pub id: AgreementId,
    /// The project that has it.
    pub home: ProjectId,
    /// What is agreed.
    pub contract: Contract,
    /// With whom.
    pub party: String,
    /// About which dataset; about all when absent.
    pub dataset: Option<DatasetId>,
    /// SHA-256 of the signed document.
    pub document: Sha256,
    /// Until when it holds.
    pub until: Timestamp,
    /// When it was ended before.
    pub ended: Option<Timestamp>,
}

impl Agreement {
    /// Whether it holds for a dataset.
    pub fn holds(&self, contract: Contract, party: &str, dataset: &DatasetId, now: Timestamp) -> bool {
        let about = self.dataset.as_ref().is_none_or(|own| own == dataset);
        about && self.contract == contract && self.party == party && self.ended.is_none() && self.until > now
    }
}

/// Whether a text names a party.
///
/// # Errors
/// [`Error::Invalid`].
pub fn check_party(party: &str) -> Result<(), Error> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"._:/-".contains(&b);
    if party.is_empty() || party.len() > 64 || !party.bytes().all(fits) {
        return Err(invalid("party", "1 to 64 letters, digits or . _ : / - are expected: ror:05a28rw58"));
    }
    Ok(())
}

impl Sharing {
    /// Registers an agreement of the permit's project.
    pub async fn agree(
        &self,
        permit: &Permit<Manage, Project>,
        new: NewAgreement,
    ) -> Result<Agreement, Error> {
        let home = permit.in_project()?;
        check_party(&new.party)?;
        if new.until <= self.clock.now() {
            return Err(invalid("end of the agreement", "it has passed"));
        }
        if let Some(dataset) = &new.dataset
            && self.dataset(dataset).await?.home != *home
        {
            return Err(Error::NotFound);
        }
        let id = AgreementId::mint(&*self.entropy);
        let tx = self.db.begin(permit.decision()).await?;
        let position = self.agreed(permit, &id, "live", (new.contract, new.until)).await?;
        let row = agreement::ActiveModel {
            id: Set(id.to_string()),
            home: Set(home.to_string()),
            contract: Set(new.contract.as_str().to_owned()),
            party: Set(new.party),
            dataset: Set(new.dataset.map(|id| id.to_string())),
            document: Set(new.document.to_string()),
            valid_until: Set(new.until.as_second()),
            ended: Set(None),
            position: Set(kept(position.try_into())?),
        };
        agreement::Entity::insert(row).exec_without_returning(&*tx).await?;
        permit.live()?;
        tx.commit().await?;
        self.agreement(home, &id).await
    }

    /// Ends an agreement of the permit's project before its day: what stands on it is lent no more from the next decision on.
    pub async fn end_agreement(
        &self,
        permit: &Permit<Manage, Project>,
        id: &AgreementId,
    ) -> Result<Agreement, Error> {
        let home = permit.in_project()?;
        let found = self.agreement(home, id).await?;
        let ended = Error::Stands { what: "agreement", stands: "ended already" };
        if found.ended.is_some() {
            return Err(ended);
        }
        let tx = self.db.begin(permit.decision()).await?;
        self.agreed(permit, id, "ended", (found.contract, found.until)).await?;
        let changed = agreement::Entity::update_many()
            .col_expr(agreement::Column::Ended, Expr::value(self.clock.now().as_second()))
            .filter(agreement::Column::Id.eq(id.as_str()))
            .filter(agreement::Column::Ended.is_null())
            .exec(&*tx)
            .await?;
        if changed.rows_affected == 0 {
            return Err(ended);
        }
        tx.commit().await?;
        self.agreement(home, id).await
    }

    /// The agreements of the permit's project, the newest first.
    pub async fn agreements(&self, permit: &Permit<View, Project>) -> Result<Vec<Agreement>, Error> {
        let of_home = agreement::Column::Home.eq(permit.in_project()?.as_str());
        let rows = agreement::Entity::find()
            .filter(of_home)
            .order_by_desc(agreement::Column::Position)
            .all(self.db.reader())
            .await?;
        rows.into_iter().map(from_row).collect()
    }

    /// The agreement of this id, whichever project has it: what the site's own flows stand on, for which there is no
    /// permit.
    pub async fn registered(&self, id: &AgreementId) -> Result<Option<Agreement>, Error> {
        let row = agreement::Entity::find_by_id(id.as_str()).one(self.db.reader()).await?;
        row.map(from_row).transpose()
    }

    /// Whether a party has the contract that a dataset asks for.
    pub(crate) async fn has_agreed(
        &self,
        home: &ProjectId,
        (contract, party): (Contract, &str),
        dataset: &DatasetId,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let with = Condition::all()
            .add(agreement::Column::Home.eq(home.as_str()))
            .add(agreement::Column::Party.eq(party));
        let rows = agreement::Entity::find().filter(with).all(self.db.reader()).await?;
        let all = rows.into_iter().map(from_row).collect::<Result<Vec<_>, _>>()?;
        Ok(all.iter().any(|one| one.holds(contract, party, dataset, now)))
    }

    async fn agreement(&self, home: &ProjectId, id: &AgreementId) -> Result<Agreement, Error> {
        let row = agreement::Entity::find_by_id(id.as_str()).one(self.db.reader()).await?;
        from_row(row.filter(|row| row.home == home.as_str()).ok_or(Error::NotFound)?)
    }

    async fn agreed(
        &self,
        permit: &Permit<Manage, Project>,
        id: &AgreementId,
        state: &str,
        (contract, until): (Contract, Timestamp),
    ) -> Result<u64, Error> {
        let home = permit.in_project()?;
        let what =
            What::AgreementStands { state: state.to_owned(), contract: contract.as_str().to_owned(), until };
        let event = permit.event(what).in_project(Some(home.clone()));
        Ok(self.audit.gate(&event.about([id.to_string(), home.to_string()])).await?.position)
    }
}

fn from_row(row: agreement::Model) -> Result<Agreement, Error> {
    Ok(Agreement {
        id: kept(row.id.parse())?,
        home: kept(row.home.parse())?,
        contract: kept(row.contract.parse())?,
        party: row.party,
        dataset: row.dataset.map(|id| kept(id.parse())).transpose()?,
        document: kept(row.document.parse())?,
        until: moment(row.valid_until)?,
        ended: row.ended.map(moment).transpose()?,
    })
}
