//! C-VLT-05: a scrub that covers everything.

use super::{Stored, take_in};
use crate::site::{Done, Site, Who, change, writable};
use crate::{Control, Error, Play, Result};
use serde_json::Value;
use std::fs;

pub const CONTROL: Control = Control {
    id: "C-VLT-05",
    statement: "A rolling scrub reads every stored object within the days set, finds damage before anybody needs the \
                bytes, and names it",
    test: "scrub a whole site and compare what was read with what is stored; then change a byte of one object, cut \
           one and remove one, and scrub again",
    references: &["53 SI-7"],
    scenario,
};

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let mut stored: Vec<Stored> = take_in(&site, &project, 51)?.1;
    stored.extend(take_in(&site, &project, 52)?.1);
    play.does("scrub everything");
    let done = scrub(&site)?;
    let said: Value = serde_json::from_str(&done.out).unwrap_or_default();
    let read = said.get("objects").and_then(Value::as_u64);
    play.expect("whole, and every version was read", done.is_done() && read >= Some(stored.len() as u64), {
        format!("{read:?} read, {} taken in; exit code {}", stored.len(), done.exit)
    });
    let status = site.json(Who::Administrator, &["archive", "stat"])?;
    let days = status.get("scrub_days").and_then(Value::as_u64);
    play.expect(
        "the site does so by itself within the days set",
        days.is_some_and(|days| days > 0),
        format!("{days:?} days"),
    );
    let [flipped, cut, removed] = [0, 1, 2].map(|at| stored.get(at).cloned().unwrap_or_default());
    play.attack("change a byte of one body, cut another, remove a third", || {
        change(&flipped.body, |body| {
            if let Some(byte) = body.get_mut(70_000) {
                *byte ^= 0x40;
            }
        })?;
        change(&cut.body, |body| body.truncate(70_000))?;
        writable(&removed.body)?;
        fs::remove_file(&removed.body).map_err(Error::io(&removed.body))
    })?;
    let done = scrub(&site)?;
    play.expect("the scrub ends with exit code 7", done.exit == 7, done.told());
    for one in [&flipped, &cut, &removed] {
        let named = done.out.contains(&one.object) && done.out.contains(&project);
        play.expect("object and project are named", named, if named { &one.object } else { "not named" });
    }
    let done = site.run(Who::Administrator, &["site", "status"])?;
    play.expect("and `site status` says so", done.out.contains("DAMAGE"), {
        done.out.lines().find(|line| line.contains("DAMAGE")).unwrap_or("no word of it")
    });
    Ok(())
}

fn scrub(site: &Site) -> Result<Done> {
    site.run(Who::Administrator, &["archive", "scrub", "--all", "--json"])
}
