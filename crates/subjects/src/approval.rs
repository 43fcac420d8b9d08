//! What a steward approved that a program leaves to a person.

use crate::consent::kept;
use crate::sealed::{REASONS, Words};
use crate::table::approval;
use crate::{Error, Subjects};
use access::Permit;
use access::thing::Project;
use access::verb::Manage;
use audit::What;
use base::{Id, ProjectId, Timestamp};
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use std::collections::BTreeSet;

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

    /// The reasons that approvals cover now. For decisions, so it takes no permit: it names nobody.
    pub async fn approved(&self, project: &ProjectId) -> Result<BTreeSet<String>, Error> {
        let rows = approval::Entity::find()
            .filter(approval::Column::Project.eq(project.as_str()))
            .filter(approval::Column::ValidUntil.gt(self.clock.now().as_second()))
            .all(self.db.reader())
            .await?;
        let words = Words::of(&self.db)?;
        let mut approved = BTreeSet::new();
        for row in rows {
            let text = words.open(REASONS, kept(row.position.try_into())?, Some(row.reasons))?;
            approved.extend(text.lines().map(str::to_owned));
        }
        Ok(approved)
    }
}
