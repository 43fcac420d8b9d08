//! What a steward approved that a program leaves to a person.

use crate::consent::kept;
use crate::sealed::{REASONS, Words};
use crate::table::approval;
use crate::{Error, Subjects};
use access::Permit;
use access::thing::Project;
use access::verb::{Manage, View};
use audit::What;
use base::{Id, ProjectId, Timestamp};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder};
use std::collections::BTreeSet;

/// An approval that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The ledger position of its event.
    pub position: u64,
    /// Until when it holds.
    pub until: Timestamp,
    /// What it covers.
    pub reasons: BTreeSet<String>,
}

/// Reasons that one approval covers at most: more are read by nobody.
const MOST: usize = 1_000;

impl Subjects {
    /// Approves the use of the permit's project as far as these reasons leave it to a person, until a moment.
    ///
    /// 1. The event is on record. 2. The approval is stored. Crash in between: nothing is approved.
    pub async fn approve_use(
        &self,
        permit: &Permit<Manage, Project>,
        reasons: &BTreeSet<String>,
        until: Timestamp,
    ) -> Result<(), Error> {
        permit.live()?;
        let project = permit.in_project()?;
        if reasons.is_empty() {
            return Err(Error::NothingToApprove);
        }
        if reasons.len() > MOST {
            let why = format!("{} reasons are open, and one approval covers {MOST} at most", reasons.len());
            return Err(Error::Invalid { field: "approval of a use", why });
        }
        if until <= self.clock.now() {
            return Err(Error::Invalid { field: "end of an approval", why: "it has passed".into() });
        }
        let text = reasons.iter().cloned().collect::<Vec<_>>().join("\n");
        let tx = self.db.begin(permit.decision()).await?;
        let event = permit.event(What::UseApproved { reasons: reasons.len() as u64, until });
        let event = event.in_project(Some(project.clone())).about([project.to_string()]);
        let position = self.audit.gate(&event).await?.position;
        let row = approval::ActiveModel {
            position: Set(kept(position.try_into())?),
            project: Set(project.to_string()),
            reasons: Set(Words::of(&self.db)?.seal(REASONS, position, &text)?),
            valid_until: Set(until.as_second()),
        };
        approval::Entity::insert(row).exec_without_returning(&*tx).await?;
        permit.live()?;
        Ok(tx.commit().await?)
    }

    /// Ends every approval of the permit's project that holds. The next decision knows it.
    ///
    /// 1. The event is on record. 2. The approvals end. Crash in between: they hold, the command was not answered, and is
    ///    given again; a restored copy has them ended.
    pub async fn revoke_use(&self, permit: &Permit<Manage, Project>) -> Result<(), Error> {
        permit.live()?;
        let project = permit.in_project()?;
        let now = self.clock.now();
        let tx = self.db.begin(permit.decision()).await?;
        if approval::Entity::find().filter(holds(project, now)).one(&*tx).await?.is_none() {
            return Err(Error::NothingToRevoke);
        }
        let event = permit.event(What::UseRevoked {}).in_project(Some(project.clone()));
        self.audit.gate(&event.about([project.to_string()])).await?;
        end(&tx, holds(project, now)).await?;
        // It is on record now: what ends the permit meanwhile must not keep it from taking effect.
        Ok(tx.commit().await?)
    }

    /// The approvals that hold now in the permit's project, oldest first.
    pub async fn approvals(&self, permit: &Permit<View, Project>) -> Result<Vec<Approval>, Error> {
        self.holding(permit.in_project()?).await
    }

    /// The reasons that approvals cover now. For decisions, so it takes no permit: it names nobody.
    pub async fn approved(&self, project: &ProjectId) -> Result<BTreeSet<String>, Error> {
        Ok(self.holding(project).await?.into_iter().flat_map(|one| one.reasons).collect())
    }

    async fn holding(&self, project: &ProjectId) -> Result<Vec<Approval>, Error> {
        let rows = approval::Entity::find()
            .filter(holds(project, self.clock.now()))
            .order_by_asc(approval::Column::Position)
            .all(self.db.reader())
            .await?;
        let words = Words::of(&self.db)?;
        let read = |row: approval::Model| {
            let position = kept(row.position.try_into())?;
            let text = words.open(REASONS, position, Some(row.reasons))?;
            let until = kept(Timestamp::from_second(row.valid_until))?;
            Ok(Approval { position, until, reasons: text.lines().map(str::to_owned).collect() })
        };
        rows.into_iter().map(read).collect()
    }
}

fn holds(project: &ProjectId, now: Timestamp) -> Condition {
    Condition::all()
        .add(approval::Column::Project.eq(project.as_str()))
        .add(approval::Column::ValidUntil.gt(now.as_second()))
}

/// Ends those of `which` for good: also under a clock that is set back.
pub(crate) async fn end(tx: &Tx, which: Condition) -> Result<u64, Error> {
    let ended = approval::Entity::update_many()
        .col_expr(approval::Column::ValidUntil, Expr::value(0))
        .filter(which)
        .exec(&**tx)
        .await?;
    Ok(ended.rows_affected)
}
