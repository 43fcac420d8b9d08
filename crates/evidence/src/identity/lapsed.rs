//! C-IDN-09: a right ends with what it stands on.

use super::codes::Codes;
use super::machine::now;
use crate::audit::clock::{Clocked, records};
use crate::site::{Site, Who};
use crate::{Control, Play, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

pub const CONTROL: Control = Control {
    id: "C-IDN-09",
    statement: "A role ends by itself with its time, or with the training, the agreement or the approval that it stands \
                on, whichever comes first; that it ended, and by what, is on record",
    test: "give somebody a role in five projects, in four with an end of one kind each; move the clock of the site's process (libfaketime) \
           a day on, and four; sign in anew each time and ask for each project; read the record",
    references: &["SA 1.6.04", "SA 1.4.02"],
    scenario,
};

/// What ends somebody's role in a project; in the last one nothing does.
const ENDS: [(&str, &str); 5] = [
    ("--until", "time"),
    ("--training-until", "training"),
    ("--agreement-until", "agreement"),
    ("--approval-until", "approval"),
    ("", ""),
];
const NAME: &str = "member";
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// How often the record is looked at, and how many times.
const ASKED: (Duration, u32) = (Duration::from_millis(200), 300);

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let day = play.clock().now().as_second().saturating_add(2 * DAY);
    let day = base::Timestamp::from_second(day).map(|at| at.to_string().chars().take(10).collect::<String>());
    let day = day.map_err(|_| crate::Error::unplayable("there is no day after tomorrow"))?;
    site.invite(NAME, &[])?;
    let mut projects = Vec::new();
    for (option, _) in ENDS {
        let project = site.project("research")?;
        let mut words = vec!["member", "add", &project, NAME, "--role", "viewer"];
        if !option.is_empty() {
            words.extend([option, &day]);
        }
        site.json(Who::Manager, &words)?;
        projects.push(project);
    }
    let codes = Codes::set(play, &site, NAME, now(play))?;
    site.lock()?;
    let mut clock = Clocked::of(&site)?;
    clock.start()?;
    play.does("show the site a clock that is a day ahead, and sign in anew");
    clock.show("+1d")?;
    expect_seen(play, &site, &projects, &codes, DAY, true)?;
    // A code counts once, so the clock moves on in any case.
    let mut ahead = DAY + HOUR;
    clock.show("+25h")?;
    play.attack("show it one that is four days ahead, and sign in anew", || {
        ahead = 4 * DAY;
        clock.show("+4d")
    })?;
    expect_seen(play, &site, &projects, &codes, ahead, false)?;
    clock.stop()?;
    clock.start()?;
    expect_on_record(play, &site)?;
    clock.stop()
}

/// Signs in and asks for the samples of each project: all are shown, or only those of the role without an end.
fn expect_seen(
    play: &mut Play,
    site: &Site,
    projects: &[String],
    codes: &Codes,
    ahead: i64,
    all: bool,
) -> Result<()> {
    let token = codes.session(site, now(play).saturating_add(ahead))?;
    for ((_, cause), project) in ENDS.iter().zip(projects) {
        let status = site.ask(&token, "GET", &format!("/v1/projects/{project}/samples"), "")?;
        let saw = format!("status {status}");
        if all || cause.is_empty() {
            play.expect("the samples are shown", status == 200, saw);
        } else {
            play.expect(&format!("the role has ended by its {cause}"), matches!(status, 403 | 404), saw);
        }
    }
    Ok(())
}

/// The end of each role is on record with what ended it.
fn expect_on_record(play: &mut Play, site: &Site) -> Result<()> {
    let expected: BTreeSet<&str> =
        ENDS.iter().map(|(_, cause)| *cause).filter(|one| !one.is_empty()).collect();
    let times = if play.is_spoiled() { 1 } else { ASKED.1 };
    let mut causes = BTreeSet::new();
    for _ in 0..times {
        causes = lapses(site)?;
        if causes.iter().map(String::as_str).eq(expected.iter().copied()) {
            break;
        }
        std::thread::sleep(ASKED.0);
    }
    let held = causes.iter().map(String::as_str).eq(expected.iter().copied());
    play.expect("each end is on record, with its cause", held, format!("{causes:?}"));
    Ok(())
}

fn lapses(site: &Site) -> Result<BTreeSet<String>> {
    let lapsed = |leaf: &Value| {
        let lapse = leaf.pointer("/event/event") == Some(&"grant-lapsed".into());
        lapse.then(|| leaf.pointer("/event/cause").and_then(Value::as_str).unwrap_or_default().to_owned())
    };
    Ok(records(site.folder())?.iter().filter_map(lapsed).collect())
}
