//! C-IDN-12: who is in one project learns nothing of another.

use crate::audit::routes::{Catalogue, Route, Things, catalogue};
use crate::site::{Answer, Site, Who};
use crate::{Control, Play, Result};

pub const CONTROL: Control = Control {
    id: "C-IDN-12",
    statement: "Access is decided for each thing and its project: to somebody of another project a thing that is there \
                and one that never was look alike, in status, words and lists",
    test: "in one of two projects hold every role; ask every route that names a thing with ids of the other project and \
           with ids that were never given, and searches of the record; compare status, head and body; read all of one's \
           own lists, have the other project take reads in, and read them again",
    references: &["AS V8.2.2", "AS V8.4.1"],
    scenario,
};

const OUTSIDER: &str = "outsider";
const ROLES: [&str; 8] = [
    "viewer",
    "analyst",
    "data-exporter",
    "project-administrator",
    "data-steward",
    "honest-broker",
    "support-observer",
    "emergency",
];

/// Searches of the record that name something.
const SEARCHES: [(&str, &str); 5] = [
    ("search by project", "/v1/audit?project={project}"),
    ("search about a sample", "/v1/audit?about={sample}"),
    ("search about an object", "/v1/audit?about={object}"),
    ("search about a project", "/v1/audit?about={project}"),
    ("search in a project about a sample", "/v1/audit?project={project}&about={sample}"),
];

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let (theirs, own) = (site.project("research")?, site.project("research")?);
    play.does("make somebody who holds every role in one of two projects");
    site.invite(OUTSIDER, &[])?;
    for role in ROLES {
        site.json(Who::Manager, &["member", "add", &own, OUTSIDER, "--role", role])?;
    }
    let (there, here) = (things(&site, &theirs, 81)?, things(&site, &own, 82)?);
    let catalogue = catalogue(&site)?;
    alike(play, &site, &catalogue, &there, &here)?;
    unmoved(play, &site, &catalogue, &theirs, &here)
}

/// What a project has, as far as a scenario can make it in seconds.
fn things(site: &Site, project: &str, seed: u32) -> Result<Things> {
    let package = site.package(project, seed)?;
    Ok(Things {
        project: project.to_owned(),
        object: package.objects.first().cloned().unwrap_or_default(),
        sample: package.sample,
        subject: package.subject,
        run: "run_00000000000000000000".to_owned(),
        reference: "ref_00000000000000000000".to_owned(),
        backup: "/absent".to_owned(),
        recovery: String::new(),
        recipient: String::new(),
    })
}

/// The same with ids that nobody was given.
fn absent(things: &Things) -> Things {
    let other = |id: &str| {
        let last = if id.ends_with('0') { '1' } else { '0' };
        id.chars().take(id.len().saturating_sub(1)).chain([last]).collect::<String>()
    };
    Things {
        project: other(&things.project),
        sample: other(&things.sample),
        subject: other(&things.subject),
        object: other(&things.object),
        ..things.clone()
    }
}

/// Whether a route names a thing that this scenario has.
fn names_a_thing(route: &Route) -> bool {
    route.action.is_some()
        && ["{project}", "{sample}", "{subject}", "{object}", "{thing}"]
            .iter()
            .any(|name| route.path.contains(name))
}

/// Every route, with what is there in the other project and with what is nowhere.
fn alike(play: &mut Play, site: &Site, all: &Catalogue, there: &Things, here: &Things) -> Result<()> {
    play.does("ask every route with ids of the other project, and with ids that were never given");
    play.spoil("the outsider is made a viewer of the other project", || {
        site.json(Who::Manager, &["member", "add", &there.project, OUTSIDER, "--role", "viewer"]).map(drop)
    })?;
    let (token, nowhere) = (site.session_in(&format!("{OUTSIDER}.session"))?, absent(there));
    let ask = |method: &str, path: &str, things: &Things, body: String| -> Result<Answer> {
        let mut answer = site.answer(&token, method, &filled(path, things), &body)?;
        for id in [&things.project, &things.sample, &things.object] {
            answer.body = answer.body.replace(id.as_str(), "{id}");
        }
        Ok(answer)
    };
    let (mut asked, mut told, mut shown) = (0, Vec::new(), Vec::new());
    for route in all.routes.iter().filter(|route| names_a_thing(route)) {
        let foreign = ask(&route.method, &route.path, there, there.body(&route.name))?;
        let none = ask(&route.method, &route.path, &nowhere, nowhere.body(&route.name))?;
        asked += 1;
        told.extend(
            (foreign != none).then(|| format!("{}: {} and {}", route.name, foreign.status, none.status)),
        );
        shown.extend((foreign.status < 400).then(|| route.name.clone()));
    }
    let saw = told.first().map_or_else(|| format!("{asked} routes, no difference"), Clone::clone);
    play.expect("each answers the same, but for the request's id", told.is_empty() && asked > 20, saw);
    let saw = if shown.is_empty() { "none".to_owned() } else { shown.join(", ") };
    play.expect("none shows or does anything", shown.is_empty(), saw);
    let mut told = Vec::new();
    for (name, path) in SEARCHES {
        let (foreign, none) =
            (ask("GET", path, there, String::new())?, ask("GET", path, &nowhere, String::new())?);
        told.extend((foreign != none).then(|| format!("{name}: {} and {}", foreign.status, none.status)));
    }
    let saw =
        told.first().map_or_else(|| format!("{} searches, no difference", SEARCHES.len()), Clone::clone);
    play.expect("searches of the record answer the same", told.is_empty(), saw);
    let own = ask("GET", "/v1/samples/{sample}", here, String::new())?.status;
    play.expect("their own they see", own == 200, format!("status {own}"));
    Ok(())
}

/// A path with ids in it, and with the query that it has.
fn filled(path: &str, things: &Things) -> String {
    match path.split_once('?') {
        None => things.fill(path),
        Some((path, query)) => {
            let query = query.replace("{project}", &things.project).replace("{sample}", &things.sample);
            format!("{path}?{}", query.replace("{object}", &things.object))
        }
    }
}

/// What the other project does changes nothing in one's own lists.
fn unmoved(play: &mut Play, site: &Site, all: &Catalogue, theirs: &str, here: &Things) -> Result<()> {
    play.does("read all of one's own lists, and again after the other project took more reads in");
    let token = site.session_in(&format!("{OUTSIDER}.session"))?;
    // A search of the record is on record itself, also one for a person.
    let of_record =
        |path: &str| path == "/v1/audit" || path.ends_with("/accesses") || path.ends_with("/report");
    let reads = |route: &&Route| {
        route.method == "GET"
            && route.action.is_some()
            && !of_record(&route.path)
            && !route.path.contains("{name}")
    };
    let lists: Vec<&Route> = all.routes.iter().filter(reads).collect();
    let read = || -> Result<Vec<Answer>> {
        lists.iter().map(|one| site.answer(&token, "GET", &here.fill(&one.path), "")).collect()
    };
    let before = read()?;
    site.package(theirs, 83)?;
    play.spoil("their own project gets a member meanwhile", || {
        let words = ["member", "add", &here.project, Who::Auditor.name(), "--role", "viewer"];
        site.json(Who::Manager, &words).map(drop)
    })?;
    let after = read()?;
    let differ = before.iter().zip(&after).zip(&lists).filter(|((one, other), _)| one != other);
    let differ: Vec<&str> = differ.map(|(_, route)| route.name.as_str()).collect();
    let shown = before.iter().filter(|answer| answer.status == 200).count();
    let saw = format!("{} lists, {shown} of them shown; other than before: {differ:?}", before.len());
    play.expect("each is as it was", differ.is_empty() && shown > 5, saw);
    let named = after.iter().filter(|answer| answer.body.contains(theirs)).count();
    play.expect("none names the other project", named == 0, format!("{named} do"));
    Ok(())
}
