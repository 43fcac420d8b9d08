//! C-AUD-01: no record, no act.

use super::{findings, muted};
use crate::site::{Site, Who, text};
use crate::vault::take_in;
use crate::{Control, Play, Result};

pub const CONTROL: Control = Control {
    id: "C-AUD-01",
    statement: "No protected act happens without a durable record before it; when nothing can be recorded, nothing \
                is done and nothing leaves",
    test: "let the site's process write nothing, then ask for a release, a query, a change of rights and an intake; \
           each time let it write again and see that it goes on",
    references: &["53 AU-5", "AS V16.5.3"],
    scenario,
};

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let (package, stored) = take_in(&site, &project, 80)?;
    let object = stored.first().map(|one| one.object.clone()).unwrap_or_default();
    muted(play, &site, || site.release(&object))?;
    muted(play, &site, || Ok((site.run(Who::Exporter, &["object", "list", &package.sample])?, None)))?;
    let member = ["member", "add", &project, "auditor", "--role", "viewer"];
    muted(play, &site, || Ok((site.run(Who::Manager, &member)?, None)))?;
    let from = site.reads(81)?;
    let (sheet, manifest) = (from.join("samplesheet.csv"), from.join("md5sums.txt"));
    let words = Site::put(&project, text(&sheet)?, text(&manifest)?);
    muted(play, &site, || Ok((site.run(Who::Analyst, &words)?, None)))?;
    let (done, count) = findings(&site)?;
    play.expect("the ledger is sound after all of it", count == 0, done.told());
    Ok(())
}
