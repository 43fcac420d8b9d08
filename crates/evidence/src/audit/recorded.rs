//! C-AUD-01: no record, no act.

use super::{findings, muted};
use crate::site::{Site, Who, text};
use crate::vault::take_in;
use crate::{Control, Error, Play, Result};
use rustix::process::{Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

pub const CONTROL: Control = Control {
    id: "C-AUD-01",
    statement: "No protected act happens without a durable record before it; when nothing can be recorded, nothing \
                is done and nothing leaves",
    test: "let the site's process write nothing, then ask for a release, a query, a change of rights and an intake; \
           each time let it write again and see that it goes on; kill it at random moments of a release until some \
           fell between the record and the end of the act, and compare what left with what is on record",
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
    killed(play, &site, &object)?;
    let (done, count) = findings(&site)?;
    play.expect("the ledger is sound after all of it", count == 0, done.told());
    Ok(())
}

/// How many kills must fall between record and act, after how many at most.
const KILLS: (u32, u32) = (3, 60);

/// The microseconds of a release within which the next kill falls. How long a release takes, and where in it the act
/// comes, differs by machine: a kill that came too early or too late bounds the next one.
struct Span {
    from: u32,
    to: u32,
}

impl Span {
    const WHOLE: Self = Self { from: 0, to: 400_000 };
    /// A span this short has missed: releases differ from one another. It begins again.
    const SHORTEST: u32 = 500;

    /// The moment at so many thousandths of the span.
    fn at(&self, thousandths: u32) -> u32 {
        let length = u64::from(self.to.saturating_sub(self.from));
        let into = length.saturating_mul(u64::from(thousandths)) / 1000;
        self.from.saturating_add(u32::try_from(into).unwrap_or(0))
    }

    fn learn(&mut self, wait: u32, on_record: bool, came_out: bool) {
        match (on_record, came_out) {
            (_, true) => self.to = wait,
            (false, false) => self.from = wait,
            (true, false) => {}
        }
        if self.to.saturating_sub(self.from) < Self::SHORTEST {
            *self = Self::WHOLE;
        }
    }
}

/// Where kills fell.
#[derive(Default)]
struct Kills {
    tried: u32,
    /// On record, and nothing came out.
    between: u32,
    /// Something came out and is not on record.
    unrecorded: u32,
}

fn killed(play: &mut Play, site: &Site, object: &str) -> Result<()> {
    let chosen: Vec<_> = (0..KILLS.1).map(|_| play.moment(1000).subsec_millis()).collect();
    let kills = play.attack("kill the site's process at random moments of a release", || {
        let (mut kills, mut span) = (Kills::default(), Span::WHOLE);
        for wait in chosen {
            let wait = span.at(wait);
            if kills.between == KILLS.0 {
                break;
            }
            let (process, before) = (site.open()?, recorded(site, object)?);
            let (mut release, out) = site.releasing(object)?;
            release.stdout(Stdio::null()).stderr(Stdio::null());
            let mut release = release.spawn().map_err(Error::io(site.folder()))?;
            std::thread::sleep(Duration::from_micros(u64::from(wait)));
            let _ = kill_process(process, Signal::KILL);
            site.ended()?;
            release.wait().map_err(Error::io(site.folder()))?;
            let came_out = fs::metadata(&out).is_ok_and(|file| file.len() > 0);
            // The client may have opened the site once more, and then asked again.
            let on_record = recorded(site, object)? > before;
            span.learn(wait, on_record, came_out);
            kills.tried += 1;
            kills.between += u32::from(on_record && !came_out);
            kills.unrecorded += u32::from(came_out && !on_record);
        }
        Ok(kills)
    })?;
    let said = format!("{} of {} kills", kills.between, kills.tried);
    play.expect("some fell between the record and the act", kills.between > 0, said);
    let said = format!("{} of {} kills", kills.unrecorded, kills.tried);
    play.expect("nothing came out that is not on record", kills.unrecorded == 0, said);
    Ok(())
}

/// How many releases of an object are on record.
fn recorded(site: &Site, object: &str) -> Result<usize> {
    let words = ["audit", "search", "--about", object, "--action", "download-object"];
    let found = site.json(Who::Steward, &words)?;
    Ok(found.get("events").and_then(Value::as_array).map_or(0, Vec::len))
}
