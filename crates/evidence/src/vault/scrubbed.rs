//! C-VLT-05: a scrub that covers everything.

use super::{Stored, take_in};
use crate::audit::clock::{Clocked, records};
use crate::site::{Done, Site, Who, change, writable};
use crate::{Control, Error, Play, Result};
use serde_json::Value;
use std::fs;
use std::time::Duration;

pub const CONTROL: Control = Control {
    id: "C-VLT-05",
    statement: "A rolling scrub reads every stored object within the days set, finds damage before anybody needs the \
                bytes, and names it",
    test: "scrub a whole site and compare what was read with what is stored; change a byte of one object, cut one and \
           remove one, and scrub again; show another site's process a clock that is ahead by the days set \
           (libfaketime), and count what it reads unasked",
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
    by_itself(play)
}

/// How often it is looked, how often while nothing is due, and how often in a play that has to break.
const LOOKS: (Duration, u32, u32) = (Duration::from_millis(500), 120, 14);

/// What the site reads unasked, once the days set have gone by and not before. Sessions end with the days, so the
/// ledger's files are read.
fn by_itself(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    take_in(&site, &project, 55)?;
    let status = site.json(Who::Administrator, &["archive", "stat"])?;
    let days = status.get("scrub_days").and_then(Value::as_u64).unwrap_or_default();
    let projects = status.get("projects").and_then(Value::as_array).into_iter().flatten();
    let stored: u64 = projects.filter_map(|of| of.get("versions")?.as_u64()).sum();
    site.lock()?;
    let mut clock = Clocked::of(&site)?;
    clock.start()?;
    play.does("leave the site alone");
    let early = read_within(&site, 1, LOOKS.2)?;
    play.expect(
        "nothing is read again before it is due",
        early == 0,
        format!("{early} of {stored} versions"),
    );
    play.attack(&format!("set the clock forward by {days} days and one"), || {
        clock.show(&format!("+{}d", days.saturating_add(1)))
    })?;
    let looks = if play.is_spoiled() { LOOKS.2 } else { LOOKS.1 };
    let read = read_within(&site, stored, looks)?;
    let said = format!("{read} of {stored} versions read, {days} days set");
    play.expect("every version is read, unasked, and it is on record", stored > 0 && read == stored, said);
    clock.stop()
}

/// How many versions the site has read by its records, looked at until there are so many.
fn read_within(site: &Site, enough: u64, looks: u32) -> Result<u64> {
    let mut read = 0;
    for _ in 0..looks {
        let records = records(site.folder())?;
        let scrubs = records.iter().filter_map(|leaf| leaf.get("event"));
        let scrubs = scrubs.filter(|event| event.get("event") == Some(&"objects-scrubbed".into()));
        read = scrubs.filter_map(|event| event.get("objects")?.as_u64()).sum();
        if read >= enough {
            break;
        }
        std::thread::sleep(LOOKS.0);
    }
    Ok(read)
}

fn scrub(site: &Site) -> Result<Done> {
    site.run(Who::Administrator, &["archive", "scrub", "--all", "--json"])
}
