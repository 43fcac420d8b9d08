//! Every route as every role: what it answers, and what it leaves in the ledger.

use crate::http::{self, Reply};
use crate::question::{CALLERS, Things, in_order};
use crate::site::{Site, until};
use api::Route;
use base::{
    ApprovalId, BreakGlassId, Id, ObjectId, PackageId, ProjectId, RunId, SampleId, SupportId, SystemEntropy,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// One call.
struct Cell {
    route: &'static Route,
    caller: &'static str,
    reply: Reply,
    /// The request under which the ledger knows it, if it does.
    request: Option<String>,
}

/// All calls, and the whole ledger after them.
struct Pass {
    cells: Vec<Cell>,
    events: Vec<Value>,
    /// The ledger's size before the first call.
    began: usize,
}

fn pass() -> &'static Pass {
    static PASS: OnceLock<Pass> = OnceLock::new();
    PASS.get_or_init(|| {
        let site = Site::copy();
        crate::question::trusting(&site);
        site.start();
        let mut things = Things::gather(&site);
        let began = site.events().len();
        let mut cells = Vec::new();
        let mut known = BTreeSet::new();
        for route in in_order() {
            match route.name {
                "site lock" => wait_for_runs(&site, began),
                "session end" => {
                    site.wait_until_ended();
                    site.start();
                }
                _ => (),
            }
            for (caller, who) in CALLERS {
                let own = things_of(&site, &things, route, *who);
                let before = site.events().len();
                let reply = own.ask(&site, route.name, *who);
                if route.name == "reference begin" && reply.good() {
                    things.upload = reply.json()["upload"].as_str().unwrap().to_owned();
                }
                let request = request_of(&site, before, route, &reply, &known);
                known.extend(request.iter().cloned());
                cells.push(Cell { route, caller, reply, request });
            }
        }
        let events = site.events();
        Pass { cells, events, began }
    })
}

/// What can be cancelled is a run under way; everything else stays.
fn things_of(site: &Site, things: &Things, route: &Route, who: Option<&str>) -> Things {
    let mut own = things.clone();
    if ["use approve", "use revoke"].contains(&route.name) && who == Some("steward") {
        // One whose terms leave something to a person.
        let create = "project create --name Ethics --class sandbox --purpose research --term DUO:0000042 --term DUO:0000021 \
                      --granularity panel --framework none --incidental not-reported --basis board --region EU \
                      --retention 90-days --consent NONE-4 --administrator manager";
        let made = site.json("admin", &create.split_whitespace().collect::<Vec<_>>());
        own.project = made["id"].as_str().unwrap().to_owned();
        site.json("manager", &["member", "add", &own.project, "steward", "--role", "data-steward"]);
        if route.name == "use revoke" {
            assert!(own.ask(site, "use approve", who).good());
        }
    }
    if route.name == "consent review" && who == Some("steward") {
        let said = site.json("steward", &["consent", "show", &things.subject]);
        own.said = said.as_array().unwrap().last().unwrap()["position"].as_u64().unwrap();
    }
    if route.name == "keys shred" && who == Some("steward") {
        // One that nobody needs any more, and that holds nothing.
        let create = "project create --name Gone --class sandbox --purpose methods --term DUO:0000042 \
             --granularity genome --framework none --incidental not-reported --basis board \
             --region EU \
                      --retention 90-days --consent NONE-3 --administrator manager";
        let made = site.json("admin", &create.split_whitespace().collect::<Vec<_>>());
        own.project = made["id"].as_str().unwrap().to_owned();
        site.json("manager", &["member", "add", &own.project, "steward", "--role", "data-steward"]);
    }
    if (route.name, who) == ("policy approve", Some("approver"))
        || (route.name, who) == ("policy withdraw", Some("admin"))
    {
        own.approval = crate::question::proposal(site);
    }
    if (route.name, who) == ("administrator approve", Some("admin")) {
        own.naming = crate::question::naming(site, things);
    }
    if route.name == "visa unmap" && [Some("manager"), Some("steward")].contains(&who) {
        let made = things.ask(site, "visa map", who);
        assert!(made.good(), "{made:?}");
        own.mapping = made.json()["id"].as_str().unwrap().to_owned();
    }
    by_exception(site, &mut own, route, who);
    shared(site, &mut own, route, who);
    if route.name == "run cancel" && who == Some("analyst") {
        let started = things.ask(site, "run start", who);
        assert!(started.good(), "{started:?}");
        own.run = started.json()["id"].as_str().unwrap().to_owned();
    }
    own
}

/// What is offered, compared or agreed just before.
fn shared(site: &Site, own: &mut Things, route: &Route, who: Option<&str>) {
    match (route.name, who) {
        // The package that a route before made visible was not compared yet.
        ("dataset publish", Some("steward")) => {
            drop(site.json("steward", &["dataset", "verify", &own.project]))
        }
        ("application make", Some("analyst")) => {
            own.offered = crate::question::offer(site, "foreign", &own.elsewhere);
        }
        ("agreement end", Some("steward")) => {
            let made = own.ask(site, "agreement add", who);
            assert!(made.good(), "{made:?}");
            own.agreement = text(&made.json()["id"]).to_owned();
        }
        _ => {}
    }
}

/// A break-glass or a support session, in the state in which who may act on it does.
fn by_exception(site: &Site, own: &mut Things, route: &Route, who: Option<&str>) {
    match (route.name, who) {
        ("break-glass open", Some("doctor")) => own.confirmed(site),
        ("break-glass close", Some("doctor")) => {
            // The one that the route before opened.
            let all = site.json("doctor", &["break-glass", "list", &own.project]);
            own.glass = all[0]["id"].as_str().unwrap().to_owned();
        }
        ("break-glass review", Some("steward")) => own.glass = own.mended(site),
        ("support ask", Some("support")) => {}
        ("support approve", Some("manager" | "steward")) => {
            let all = site.json("manager", &["support", "list", &own.project]);
            for one in all.as_array().unwrap().iter().filter(|one| one["state"] != "ended") {
                if one["state"] != "unanswered" {
                    site.json("manager", &["support", "end", one["id"].as_str().unwrap()]);
                }
            }
            own.support = own.asked(site);
        }
        ("support show" | "support end", Some(_)) => {
            let all = site.json("manager", &["support", "list", &own.project]);
            own.support = all[0]["id"].as_str().unwrap().to_owned();
            if route.name == "support end" && ["manager", "steward", "support"].contains(&who.unwrap()) {
                let open = all
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|one| ["asked", "open"].contains(&text(&one["state"])));
                own.support = match open {
                    Some(open) => text(&open["id"]).to_owned(),
                    None => own.asked(site),
                };
            }
        }
        _ => {}
    }
}

/// The request of a call, by the first new decision. A call that was decided and good leaves its
/// outcome before the next one begins.
fn request_of(
    site: &Site,
    before: usize,
    route: &Route,
    reply: &Reply,
    known: &BTreeSet<String>,
) -> Option<String> {
    if reply.status == 401 {
        return None;
    }
    if route.action.is_none() {
        // What nobody decides is recorded before it is answered.
        let events = site.events();
        let mut fresh = events[before..].iter().map(|e| text(&e["event"]["request"]));
        return fresh.find(|request| !request.is_empty() && !known.contains(*request)).map(str::to_owned);
    }
    let mut found = None;
    until(&format!("{} is in the ledger", route.name), || {
        let events = site.events();
        let fresh = |e: &&Value| kind(e) == "decision" && !known.contains(text(&e["event"]["request"]));
        let request = events[before..].iter().find(fresh).map(|e| text(&e["event"]["request"]).to_owned());
        let ended = |request: &String| {
            !reply.good()
                || events.iter().any(|e| kind(e) == "outcome" && text(&e["event"]["request"]) == request)
        };
        found = request.filter(ended);
        found.is_some()
    });
    found
}

/// Runs go on after the call that started them; each ends with a last outcome or a cancelled job.
fn wait_for_runs(site: &Site, began: usize) {
    let project = site.last("viewer", &["project", "list"]);
    until("the runs end", || {
        let runs = site.json("support", &["run", "list", &project]);
        runs.as_array().unwrap().iter().all(|run| !["queued", "running"].contains(&text(&run["state"])))
    });
    until("the outcomes are written", || {
        let events = site.events();
        open_decisions(&events[began..]).is_empty()
    });
}

fn open_decisions(events: &[Value]) -> BTreeSet<u64> {
    let mut open = BTreeSet::new();
    for event in events {
        match kind(event) {
            "decision" if event["event"]["allowed"] == true => {
                open.insert(event["position"].as_u64().unwrap())
            }
            "outcome" => open.remove(&event["event"]["decision"].as_u64().unwrap()),
            _ => false,
        };
    }
    open
}

fn kind(leaf: &Value) -> &str {
    text(&leaf["event"]["event"])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

#[test]
fn every_route_answers_every_role_as_reviewed() {
    let pass = pass();
    let mut table = String::new();
    for (number, (caller, _)) in CALLERS.iter().enumerate() {
        writeln!(table, "{}: {caller}", letter(number)).unwrap();
    }
    writeln!(table, "\n+ done   f done just after the sign-in   x may not   . not found   ! not signed in\n")
        .unwrap();
    let letters: String = (0..CALLERS.len()).map(|n| format!(" {}", letter(n))).collect();
    writeln!(table, "{:<20}{letters}", "").unwrap();
    let mut others: BTreeMap<String, String> = BTreeMap::new();
    for route in in_order() {
        let cells = pass.cells.iter().filter(|cell| cell.route.name == route.name);
        let mut marks = String::new();
        for (number, cell) in cells.enumerate() {
            write!(marks, " {}", mark(cell)).unwrap();
            if mark(cell) == '?' {
                let told = others.entry(format!("{} {}", route.name, cell.reply.code())).or_default();
                write!(told, " {}", letter(number)).unwrap();
            }
        }
        writeln!(table, "{:<20}{marks}  {}", route.name, route.action.unwrap_or("")).unwrap();
    }
    let others: String = others.iter().map(|(what, who)| format!("\n? {what}:{who}")).collect();
    writeln!(table, "{others}").unwrap();
    insta::assert_snapshot!("access", table);
}

fn letter(number: usize) -> char {
    char::from(b'a' + u8::try_from(number).unwrap())
}

fn mark(cell: &Cell) -> char {
    match (cell.reply.good(), cell.reply.code().as_str()) {
        // By how long ago somebody signed in.
        (true, _) | (_, "ACCESS-043") if cell.route.name == "password begin" => 'f',
        (true, _) => '+',
        (_, "ACCESS-001") => '.',
        (_, "ACCESS-002") => 'x',
        (_, "ACCESS-003") => '!',
        _ => '?',
    }
}

#[test]
fn every_call_leaves_its_events_and_only_those() {
    let pass = pass();
    let wrong: Vec<String> = pass.cells.iter().flat_map(|cell| faults(cell, &pass.events)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let undeclared: Vec<String> = pass.cells.iter().flat_map(|cell| undeclared(cell, &pass.events)).collect();
    assert!(undeclared.is_empty(), "declare it in api::trail: {undeclared:#?}");
    // Nothing else is in the ledger than what belongs to a call that was made.
    let asked: BTreeSet<&str> = pass.cells.iter().filter_map(|cell| cell.request.as_deref()).collect();
    let stray: Vec<&Value> = pass.events[pass.began..]
        .iter()
        .filter(|e| !matches!(kind(e), "site-closed" | "site-opened" | "sessions-refused"))
        .filter(|e| !asked.contains(text(&e["event"]["request"])))
        .collect();
    let own = stray.iter().filter(|e| ["decision", "outcome"].contains(&kind(e)));
    let actions: BTreeSet<&str> = own.filter_map(|e| e["event"]["action"].as_str()).collect();
    // The test's own: the proposals that it approves and withdraws, of policies and of an administrator, the run that it cancels, its waiting for runs to end, the project that is shredded.
    let mine = BTreeSet::from([
        "administer-project",
        "approve-use",
        "ask-support",
        "break-glass",
        "end-exception",
        "create-project",
        "keep-agreements",
        "publish-dataset",
        "verify-dataset",
        "view-samples",
        "list-own-projects",
        "map-visas",
        "name-administrator",
        "propose-policy",
        "start-run",
        "view-consents",
        "view-project",
        "view-run",
    ]);
    assert!(actions.is_subset(&mine), "{actions:?}");

    let mut table = String::new();
    for route in in_order().into_iter().filter(|route| route.action.is_some()) {
        let mut cells = pass.cells.iter().filter(|cell| cell.route.name == route.name);
        let done = match route.name {
            // No floor passes within a test: what is on record is that it was allowed, and failed at the floor.
            "object delete" => cells.find(|cell| cell.reply.code() == "ARCHIVE-011"),
            _ => cells.find(|cell| cell.reply.good()),
        };
        let done = done.unwrap_or_else(|| panic!("nobody may {}", route.name));
        writeln!(table, "{:<20} {}", route.name, kinds(done, &pass.events)).unwrap();
    }
    insta::assert_snapshot!("trail", table);
}

/// The kinds of a call's events, with how many there are.
fn kinds(cell: &Cell, events: &[Value]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for event in of_cell(cell, events) {
        let name = match kind(event) {
            "decision" => format!("decision {}", text(&event["event"]["action"])),
            "outcome" => format!("outcome {}", text(&event["event"]["result"])),
            other => other.to_owned(),
        };
        *counts.entry(name).or_default() += 1;
    }
    let told: Vec<String> =
        counts.into_iter().map(|(name, n)| if n == 1 { name } else { format!("{name} (several)") }).collect();
    told.join(", ")
}

fn of_cell<'a>(cell: &'a Cell, events: &'a [Value]) -> impl Iterator<Item = &'a Value> {
    events
        .iter()
        .filter(|e| cell.request.is_some() && e["event"]["request"].as_str() == cell.request.as_deref())
}

/// Kinds that a call left and that nothing declares for what it was decided as.
fn undeclared(cell: &Cell, events: &[Value]) -> Vec<String> {
    let own: Vec<&Value> = of_cell(cell, events).collect();
    let actions = || own.iter().filter_map(|event| event["event"]["action"].as_str());
    let declared = |kind: &str| {
        ["decision", "outcome"].contains(&kind)
            || api::trail::UNASKED.contains(&kind)
            || api::trail::own(cell.route.name).contains(&kind)
            || actions().any(|action| api::trail::beside(action).contains(&kind))
    };
    let wrong = own.iter().map(|event| kind(event)).filter(|kind| !declared(kind));
    wrong.map(|kind| format!("{}: {kind}", cell.route.name)).collect()
}

/// What is wrong with the trail of one call.
fn faults(cell: &Cell, events: &[Value]) -> Vec<String> {
    let told = |what: &str| vec![format!("{} as {}: {what}", cell.route.name, cell.caller)];
    let own: Vec<&Value> = of_cell(cell, events).collect();
    let Some(action) = cell.route.action else {
        let silent = cell.reply.good() && own.is_empty() && !api::trail::own(cell.route.name).is_empty();
        return if silent { told("nothing recorded") } else { Vec::new() };
    };
    if cell.reply.status == 401 {
        return if own.is_empty() { Vec::new() } else { told("recorded for nobody") };
    }
    let Some(first) = own.first() else { return told("nothing recorded") };
    if kind(first) != "decision" || text(&first["event"]["action"]) != action {
        return told(&format!("begins with {first}"));
    }
    let decisions: BTreeSet<u64> = own
        .iter()
        .filter(|e| e["event"]["allowed"] == true)
        .map(|e| e["position"].as_u64().unwrap())
        .collect();
    let outcomes: Vec<u64> = own
        .iter()
        .filter(|e| kind(e) == "outcome")
        .map(|e| e["event"]["decision"].as_u64().unwrap())
        .collect();
    if !cell.reply.good() {
        let denied = own.len() == 1 && first["event"]["allowed"] == false;
        let failed = first["event"]["allowed"] == true
            && !["ACCESS-001", "ACCESS-002"].contains(&cell.reply.code().as_str());
        return if denied || failed { Vec::new() } else { told(&format!("refused, and recorded {own:?}")) };
    }
    if outcomes.len() != decisions.len()
        || outcomes.iter().collect::<BTreeSet<_>>() != decisions.iter().collect()
    {
        return told(&format!("decided at {decisions:?}, ended {outcomes:?}"));
    }
    Vec::new()
}

#[test]
fn every_kind_of_event_is_declared_somewhere_and_no_other() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spec/audit-event.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut kinds = BTreeSet::new();
    let mut waiting = vec![&schema];
    while let Some(value) = waiting.pop() {
        kinds.extend(value.pointer("/properties/event/const").and_then(Value::as_str));
        match value {
            Value::Array(values) => waiting.extend(values),
            Value::Object(fields) => waiting.extend(fields.values()),
            _ => {}
        }
    }
    let mut declared = BTreeSet::from(["decision", "outcome"]);
    declared.extend(api::trail::UNASKED);
    declared.extend(api::trail::catalogue().routes.iter().flat_map(|route| route.events));
    assert_eq!(declared, kinds);
}

#[test]
fn a_call_without_its_event_is_noticed() {
    let route = api::route::named("variant query").unwrap();
    let reply = |status| Reply { status, head: Vec::new(), body: b"{\"code\": \"ACCESS-002\"}".to_vec() };
    let cell = |status| Cell { route, caller: "viewer", reply: reply(status), request: Some("req_1".into()) };
    let decision = |allowed: bool| json!({"position": 0, "event": {"event": "decision", "request": "req_1", "action": "view-variants", "allowed": allowed}});
    let outcome = json!({"position": 1, "event": {"event": "outcome", "request": "req_1", "decision": 0}});
    assert_eq!(faults(&cell(200), &[decision(true), outcome.clone()]), Vec::<String>::new());
    assert_eq!(faults(&cell(403), &[decision(false)]), Vec::<String>::new());
    let stray = json!({"position": 2, "event": {"event": "keys-sealed", "request": "req_1", "sealing": 4}});
    let told = undeclared(&cell(200), &[decision(true), outcome.clone(), stray]);
    assert_eq!(told, ["variant query: keys-sealed"]);
    for (status, events) in [
        (200, vec![]),
        (200, vec![decision(true)]),
        (200, vec![outcome.clone(), decision(true)]),
        (200, vec![decision(false), outcome.clone()]),
        (403, vec![]),
        (403, vec![decision(true), outcome]),
        (401, vec![decision(false)]),
    ] {
        assert_eq!(faults(&cell(status), &events).len(), 1, "{status} {events:?}");
    }
}

#[test]
fn what_is_elsewhere_and_what_is_not_there_are_told_apart_by_nothing() {
    let site = Site::copy();
    site.start();
    let began = site.events().len();
    let things = Things::gather(&site);
    // What was done so far leaves its outcomes in its own time.
    until("the outcomes are written", || open_decisions(&site.events()[began..]).is_empty());
    let mut absent = things.clone();
    absent.project = ProjectId::mint(&SystemEntropy).to_string();
    absent.sample = SampleId::mint(&SystemEntropy).to_string();
    absent.object = ObjectId::mint(&SystemEntropy).to_string();
    absent.run = RunId::mint(&SystemEntropy).to_string();
    absent.package = PackageId::mint(&SystemEntropy).to_string();
    let mut things = things;
    things.glass = things.mended(&site);
    things.support = things.asked(&site);
    absent.glass = BreakGlassId::mint(&SystemEntropy).to_string();
    absent.support = SupportId::mint(&SystemEntropy).to_string();
    until("the outcomes are written", || open_decisions(&site.events()[began..]).is_empty());
    // What the site notes of itself (an alarm, a lease) falls between any two questions.
    let records = || {
        let by_people =
            |leaf: &Value| leaf["event"]["actor"].as_str().is_some_and(|who| !who.starts_with("sit_"));
        site.events().iter().filter(|leaf| by_people(leaf)).count()
    };
    let mut compared = 0;
    for route in in_order().into_iter().filter(|route| things.path(route) != absent.path(route)) {
        for who in ["foreign", "newcomer", "admin", "approver"] {
            // As many records of each, too: what an answer costs is what it asks and what it writes.
            let before = records();
            let asked = Instant::now();
            let real = things.ask(&site, route.name, Some(who));
            let (first, between, asked) = (asked.elapsed(), records(), Instant::now());
            let none = absent.ask(&site, route.name, Some(who));
            let (second, after) = (asked.elapsed(), records());
            // Neither comes before the tick, which both take less than on a machine that does nothing else.
            assert!(
                first.min(second) >= Duration::from_millis(5),
                "{} as {who}: {first:?}, {second:?}",
                route.name
            );
            assert_eq!(real, none, "{} as {who}", route.name);
            assert_eq!(between - before, after - between, "{} as {who}", route.name);
            assert_eq!((real.status, real.code().as_str()), (404, "ACCESS-001"), "{} as {who}", route.name);
            compared += 1;
        }
    }
    assert!(compared >= 4 * 15, "{compared}");
    // Whoever has no right to proposals is told the same of one that is there.
    let mut unknown = things.clone();
    unknown.approval = ApprovalId::mint(&SystemEntropy).to_string();
    unknown.naming = ApprovalId::mint(&SystemEntropy).to_string();
    things.naming = crate::question::naming(&site, &things);
    for route in ["policy show", "policy withdraw", "policy approve", "administrator approve"] {
        for who in ["foreign", "newcomer"] {
            let (real, none) = (things.ask(&site, route, Some(who)), unknown.ask(&site, route, Some(who)));
            assert_eq!((&real, real.status), (&none, 403), "{route} as {who}");
        }
    }
    // A package of another project, asked for by way of one's own.
    let own = site.last("foreign", &["project", "list"]);
    let token = site.token("foreign");
    let answers = [&things.package, &absent.package].map(|package| {
        let path = format!("/v1/projects/{own}/packages/{package}/commit");
        http::call(&site.folder, Some(&token), "POST", &path, b"").unwrap()
    });
    assert_eq!(answers[0], answers[1]);
    assert!(!answers[0].good());
}
