//! C-SUP-03: in an emergency data is seen with nobody's approval, and everybody hears of it.

use super::{expect_refused, id_of, said};
use crate::audit::alarmed::{closed_port, expect_alarm, listen};
use crate::audit::clock::records;
use crate::identity::RECIPIENT;
use crate::identity::passkey::{PAGES, Passkey};
use crate::site::{Site, Who};
use crate::{Control, Play, Result};
use serde_json::{Value, json};

pub const CONTROL: Control = Control {
    id: "C-SUP-03",
    statement: "Whom a project has named for emergencies sees its data while the organisation's identity provider is away and \
                nobody is there to approve, with a reason and a second factor and not without, for hours and without carrying \
                anything off; people are told within 60 seconds",
    test: "name a provider on a port where nobody listens, and close the accounts of the project's administrator and steward; break the \
           glass without a role, by a one-time token, and without a reason; then with all three, and measure when the alarm arrives; \
           look at data, and have an object released by another role that is held",
    references: &["H 312(a)(2)(ii)"],
    scenario,
};

const DOCTOR: &str = "doctor";

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let package = site.package(&project, 102)?;
    site.invite(DOCTOR, &[])?;
    for role in ["emergency", "data-exporter"] {
        site.json(Who::Manager, &["member", "add", &project, DOCTOR, "--role", role])?;
    }
    site.lock()?;
    let ((address, heard), away) = (listen()?, closed_port()?);
    site.set(&format!("[[alarm]]\nname = \"pager\"\nto = \"http://{address}/alarm\"\n{PAGES}"))?;
    let provider =
        format!("[oidc]\nname = \"uni\"\nissuer = \"http://127.0.0.1:{away}\"\nclient_id = \"c\"\n");
    site.set(&provider)?;
    site.open()?;
    let mut passkey = Passkey::enrol(play, &site, DOCTOR)?;
    nobody_else(play, &site)?;

    let open = format!("/v1/projects/{project}/break-glass");
    let why = json!({"reason": "control"}).to_string();
    let bare = site.session_in(&format!("{DOCTOR}.session"))?;
    let doctor = passkey.sign_in(&site)?;
    let cases = [
        ("break the glass without the role", site.session(Who::Analyst)?, why.clone(), "ACCESS-002"),
        ("break it in a session by a one-time token", bare, why.clone(), "ACCESS-035"),
        (
            "break it without a reason",
            doctor.clone(),
            json!({"reason": " "}).to_string(),
            "exceptions-need-a-reason",
        ),
    ];
    for (what, token, body, code) in cases {
        let answer = play.attack(what, || site.answer(&token, "POST", &open, &body))?;
        expect_refused(play, code, &answer);
    }
    let report = format!("/v1/samples/{}/variants", package.sample);
    let look = |site: &Site| site.answer(&doctor, "POST", &report, "{}");
    let before = look(&site)?;
    play.does("ask for variants before");
    play.expect("the role alone shows none", before.body.contains("ACCESS-002"), said(&before));

    let opened = play.attack("break the glass with role, second factor and reason", || {
        site.answer(&doctor, "POST", &open, &why)
    })?;
    play.expect("it is opened", opened.status == 200, said(&opened));
    expect_alarm(play, &heard, "break-glass");
    let seen = look(&site)?;
    // No run was made: what is there is asked for by somebody who may.
    play.expect("its data is shown", !seen.body.contains("ACCESS-"), said(&seen));
    let object = package.objects.first().cloned().unwrap_or_default();
    let release = json!({"recipient": RECIPIENT, "reason": "control"}).to_string();
    let left = play.attack("have an object released, as a data exporter as well", || {
        site.answer(&doctor, "POST", &format!("/v1/objects/{object}/release"), &release)
    })?;
    expect_refused(play, "break-glass-shows-and-no-more", &left);
    recorded(play, &site, &id_of(&opened))
}

/// Nobody is there to ask: neither a provider nor those of the project who approve.
fn nobody_else(play: &mut Play, site: &Site) -> Result<()> {
    play.does("ask for the sign-in of the organisation");
    let answer = site.answer("none", "POST", "/v1/oidc/challenge", "")?;
    play.expect("its provider is away", answer.body.contains("ACCESS-050"), said(&answer));
    for who in [Who::Manager, Who::Steward] {
        site.json(Who::Administrator, &["account", "close", who.name()])?;
    }
    Ok(())
}

/// It is on record, and its reason is not to be read there.
fn recorded(play: &mut Play, site: &Site, glass: &str) -> Result<()> {
    let opening = records(site.folder())?.into_iter().find(|leaf| {
        leaf.pointer("/event/event") == Some(&"break-glass-opened".into())
            && leaf.pointer("/event/about/0").and_then(Value::as_str) == Some(glass)
    });
    let event = opening.and_then(|leaf| leaf.get("event").cloned()).unwrap_or_default();
    let held = event.get("sealed_reason").is_some() && !event.to_string().contains("control");
    play.does("read the record");
    play.expect("the opening is on record, its reason sealed", held || play.is_spoiled(), event.to_string());
    Ok(())
}
