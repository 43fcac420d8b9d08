//! C-SUP-04: each break-glass is reviewed by somebody else in time, and a habit of it is heard of.

use super::{expect_refused, id_of, said};
use crate::audit::alarmed::{expect_alarm, listen};
use crate::audit::clock::Clocked;
use crate::identity::codes::Codes;
use crate::identity::machine::now;
use crate::site::{Site, Who};
use crate::{Control, Play, Result};
use serde_json::{Value, json};

pub const CONTROL: Control = Control {
    id: "C-SUP-04",
    statement: "Each break-glass is reviewed within 72 hours by another person, or somebody hears of it; more of them in 30 days than \
                the site sets is heard of as well; whoever has one open changes no rights, keys, holds or objects of the project",
    test: "break the glass as somebody who is data steward and administrator of the project as well, and try each; review it oneself; \
           break it again where one in 30 days is usual; show the site a clock that is 73 hours ahead (libfaketime), and have it \
           reviewed late",
    references: &["53 AC-6(9)"],
    scenario,
};

const DOCTOR: &str = "doctor";
const HOUR: i64 = 3_600;

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let package = site.package(&project, 103)?;
    site.invite(DOCTOR, &[])?;
    for role in ["emergency", "data-steward", "project-administrator"] {
        site.json(Who::Manager, &["member", "add", &project, DOCTOR, "--role", role])?;
    }
    let codes = Codes::set(play, &site, DOCTOR, now(play))?;
    let steward = Codes::set(play, &site, Who::Steward.name(), now(play))?;
    site.lock()?;
    let (address, heard) = listen()?;
    site.set(&format!(
        "[[alarm]]\nname = \"pager\"\nto = \"http://{address}/alarm\"\n[access]\nbreak_glass_per_month = 1\n"
    ))?;
    let mut clock = Clocked::of(&site)?;
    clock.start()?;
    let doctor = codes.session(&site, now(play))?;
    let open = format!("/v1/projects/{project}/break-glass");
    let why = json!({"reason": "control"}).to_string();
    play.does("break the glass");
    let first = site.answer(&doctor, "POST", &open, &why)?;
    play.expect("it is opened", first.status == 200, said(&first));
    let object = package.objects.first().cloned().unwrap_or_default();
    changes_nothing(play, &site, &project, &object, &doctor)?;
    let first = id_of(&first);
    site.answer(&doctor, "POST", &format!("/v1/break-glass/{first}/close"), "")?;
    let review = |glass: &str| format!("/v1/break-glass/{glass}/review");
    let found = json!({"justified": true, "reason": "control"}).to_string();
    let own = play.attack("review it oneself, as a data steward", || {
        site.answer(&doctor, "POST", &review(&first), &found)
    })?;
    expect_refused(play, "nobody-reviews-their-own", &own);
    let again = play.attack("break the glass again", || site.answer(&doctor, "POST", &open, &why))?;
    play.expect("it is opened", again.status == 200, said(&again));
    expect_alarm(play, &heard, "break-glass-often");

    let mut ahead = 0;
    play.attack("show the site a clock that is 73 hours ahead, with nobody having reviewed it", || {
        ahead = 73 * HOUR;
        clock.show("+73h")
    })?;
    expect_alarm(play, &heard, "break-glass-unreviewed");
    play.does("review it late, as somebody else");
    let token = steward.session(&site, now(play).saturating_add(ahead))?;
    let reviewed = site.answer(&token, "POST", &review(&first), &found)?;
    play.expect("the finding is kept", reviewed.status == 200, said(&reviewed));
    listed(play, &site, &project, &token)?;
    clock.stop()
}

/// Rights, keys, holds and objects, by roles that give each of them.
fn changes_nothing(play: &mut Play, site: &Site, project: &str, object: &str, doctor: &str) -> Result<()> {
    let because = json!({"reason": "control"}).to_string();
    let member = json!({"account": "viewer", "role": "viewer"}).to_string();
    let acts = [
        ("give somebody a role", format!("/v1/projects/{project}/members"), member),
        ("shred the project's keys", format!("/v1/projects/{project}/shred"), "{}".to_owned()),
        ("put an object under a legal hold", format!("/v1/objects/{object}/hold"), because.clone()),
        ("lift it", format!("/v1/objects/{object}/lift"), because.clone()),
        ("delete the object", format!("/v1/objects/{object}/delete"), because),
    ];
    for (what, path, body) in acts {
        let answer = play.attack(what, || site.answer(doctor, "POST", &path, &body))?;
        expect_refused(play, "break-glass-shows-and-no-more", &answer);
    }
    Ok(())
}

/// The list says which waits and which is settled.
fn listed(play: &mut Play, site: &Site, project: &str, steward: &str) -> Result<()> {
    play.does("list the uses of it");
    let answer = site.answer(steward, "GET", &format!("/v1/projects/{project}/break-glass"), "")?;
    let all: Vec<Value> = serde_json::from_str(&answer.body).unwrap_or_default();
    let mut states: Vec<&str> = all.iter().filter_map(|one| one.get("state")?.as_str()).collect();
    // Two that were opened within one second have no order.
    states.sort_unstable();
    let held = states == ["overdue", "reviewed"] || play.is_spoiled();
    play.expect("one waits, overdue, and one is reviewed", held, states.join(", "));
    Ok(())
}
