//! What falls due by itself: ends that have come, and reports that are due soon.

use crate::application::{REPORT_WITHIN, approved};
use crate::table::application;
use crate::{Application, Error, Sharing};
use audit::{Actor, Event};
use base::{Id, Timestamp};
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

impl Sharing {
    /// Records, once each, that the day of an approval has passed, and, 30 days before, that a report falls due. An end
    /// ended it already; this says so. Gives how many events that were.
    ///
    /// An event is recorded before it is noted that it was: what a crash leaves between is recorded twice.
    pub async fn record_due(&self, actor: &Actor) -> Result<u64, Error> {
        let now = self.clock.now();
        let rows = application::Entity::find().filter(approved()).all(self.db.reader()).await?;
        let mut count = 0;
        for row in rows {
            let told = (row.told_end, row.told_report);
            let one = self.with_people(self.db.reader(), row).await?;
            let (end, report) = (one.until, one.report_due());
            if let Some(end) = end.filter(|end| *end <= now && told.0 != Some(end.as_second())) {
                self.tell_due(actor, &one, ("lapsed", application::Column::ToldEnd, end)).await?;
                count += 1;
            } else if let Some(due) =
                report.filter(|due| is_near(*due, now) && told.1 != Some(due.as_second()))
            {
                self.tell_due(actor, &one, ("report-due", application::Column::ToldReport, due)).await?;
                count += 1;
            }
        }
        Ok(count)
    }

    async fn tell_due(
        &self,
        actor: &Actor,
        one: &Application,
        (word, column, moment): (&str, application::Column, Timestamp),
    ) -> Result<(), Error> {
        let event = Event::new(actor.clone(), one.stands(word));
        let event = event.in_project(Some(one.workspace.clone())).about(one.about());
        let position = self.audit.gate(&event).await?.position;
        let tx = self.db.begin(position).await?;
        application::Entity::update_many()
            .col_expr(column, Expr::value(moment.as_second()))
            .filter(application::Column::Id.eq(one.id.as_str()))
            .exec(&*tx)
            .await?;
        Ok(tx.commit().await?)
    }
}

/// As long before it is due as it may be late.
fn is_near(due: Timestamp, now: Timestamp) -> bool {
    now.as_second() >= due.as_second().saturating_sub(REPORT_WITHIN)
}
