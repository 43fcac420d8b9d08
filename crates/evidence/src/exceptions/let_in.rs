//! C-SUP-02: who helps a project sees its data when somebody of the project lets them, until a moment, and on record.

use super::{expect_refused, id_of, said};
use crate::audit::clock::Clocked;
use crate::identity::RECIPIENT;
use crate::site::{Site, Who};
use crate::{Control, Error, Play, Result};
use serde_json::{Value, json};

pub const CONTROL: Control = Control {
    id: "C-SUP-02",
    statement: "Support sees a project's data when another person of the project approves it, read-only and until a moment; it \
                ends by itself at that moment, whatever was open, and everything that was decided meanwhile is shown to the project",
    test: "as a support observer ask for a report; ask for a session without being a member, and approve one's own; have one of an \
           hour approved; look at the report, have an object released and held by other roles that one has; show the site a clock \
           that is two hours ahead (libfaketime) and look again; read what the project is shown",
    references: &["53 MA-4", "171 03.07.05"],
    scenario,
};

const HELPER: &str = "helper";
const HOUR: i64 = 3_600;

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.story()?;
    let first = |who, words: &[&str]| {
        let found = site.ids(who, words)?.into_iter().next();
        found.ok_or_else(|| Error::unplayable(format!("`{}` is empty", words.join(" "))))
    };
    let project = first(Who::Analyst, &["project", "list"])?;
    let sample = first(Who::Analyst, &["sample", "list", &project])?;
    let object = first(Who::Exporter, &["object", "list", &sample])?;
    site.invite("stranger", &[])?;
    site.invite(HELPER, &[])?;
    for role in ["support-observer", "data-exporter", "data-steward"] {
        site.json(Who::Manager, &["member", "add", &project, HELPER, "--role", role])?;
    }
    site.lock()?;
    let mut clock = Clocked::of(&site)?;
    clock.start()?;
    let helper = site.session_in(&format!("{HELPER}.session"))?;
    let report = format!("/v1/samples/{sample}/report");
    let look = |site: &Site| site.answer(&helper, "GET", &report, "");
    let before = play.attack("as support, ask for a report without a session", || look(&site))?;
    expect_refused(play, "ACCESS-002", &before);
    let session = asked(play, &site, &project, &helper)?;
    let end = play.clock().now().as_second().saturating_add(HOUR);
    let end = base::Timestamp::from_second(end).map(|end| end.to_string()).unwrap_or_default();
    play.does("have somebody of the project approve it for an hour");
    site.json(Who::Manager, &["support", "approve", &session, "--until", &end])?;
    let seen = look(&site)?;
    play.expect("the report is seen", seen.status == 200, format!("status {}", seen.status));
    read_only(play, &site, &object, &helper)?;
    play.attack("show the site a clock that is two hours ahead", || clock.show("+2h"))?;
    let after = look(&site)?;
    expect_refused(play, "ACCESS-002", &after);
    shown(play, &site, &session)?;
    clock.stop()
}

/// A session that was asked for, and that neither a stranger nor who asked gets any further with.
fn asked(play: &mut Play, site: &Site, project: &str, helper: &str) -> Result<String> {
    let ask = format!("/v1/projects/{project}/support");
    let why = json!({"reason": "control"}).to_string();
    let stranger = site.session_in("stranger.session")?;
    let outside = play.attack("ask for a session in a project that one is not in", || {
        site.answer(&stranger, "POST", &ask, &why)
    })?;
    expect_refused(play, "ACCESS-001", &outside);
    play.does("ask for a session");
    let asked = site.answer(helper, "POST", &ask, &why)?;
    let session = id_of(&asked);
    play.expect("it is asked for", !session.is_empty(), said(&asked));
    let approve = format!("/v1/support/{session}/approve");
    let own = play.attack("approve it oneself, as a data steward as well", || {
        site.answer(helper, "POST", &approve, "{}")
    })?;
    expect_refused(play, "nobody-reviews-their-own", &own);
    Ok(session)
}

/// By whatever other role: nothing leaves, nothing changes.
fn read_only(play: &mut Play, site: &Site, object: &str, helper: &str) -> Result<()> {
    let release = json!({"recipient": RECIPIENT, "reason": "control"}).to_string();
    let hold = json!({"reason": "control"}).to_string();
    let acts = [
        ("have an object released, as a data exporter as well", "release", release),
        ("put it under a legal hold, as a data steward as well", "hold", hold),
    ];
    for (what, verb, body) in acts {
        let path = format!("/v1/objects/{object}/{verb}");
        let answer = play.attack(what, || site.answer(helper, "POST", &path, &body))?;
        expect_refused(play, "support-looks-and-no-more", &answer);
    }
    Ok(())
}

/// The project reads what was done.
fn shown(play: &mut Play, site: &Site, session: &str) -> Result<()> {
    play.does("show the session to the project");
    let shown = site.json(Who::Manager, &["support", "show", session])?;
    let decisions = shown.get("decisions").and_then(Value::as_array).cloned().unwrap_or_default();
    let did = |action: &str| decisions.iter().any(|one| one.get("action") == Some(&action.into()));
    let whole = shown.get("complete") == Some(&true.into());
    let state = shown.pointer("/session/state").and_then(Value::as_str).unwrap_or_default();
    let held = whole && state == "ended" && did("view-variants") && did("download-object");
    let saw = format!("{state}, {} decisions, complete: {whole}", decisions.len());
    play.expect("it has ended, and every decision under it is there", held, saw);
    Ok(())
}
