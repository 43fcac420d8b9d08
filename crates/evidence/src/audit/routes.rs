//! C-AUD-04: each route and each act of the site leaves what is declared, and nothing else.

use crate::identity::codes::Codes;
use crate::identity::machine::now;
use crate::site::{Site, Who, text};
use crate::{Control, Error, Play, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

pub const CONTROL: Control = Control {
    id: "C-AUD-04",
    statement: "Each route leaves the events that are declared for it and no other: a decision, an outcome if it was \
                allowed, and what its act is declared to leave; what nobody asked for is of the declared kinds",
    test: "read the product's own list of routes; play the whole story and everything else that people may do; then ask \
           every route as somebody without any role; read the whole ledger with its proofs and compare each event",
    references: &["53 AU-2", "53 AU-12"],
    scenario,
};

/// The product's own list, as `sequestra internal routes` prints it.
#[derive(Deserialize)]
pub(crate) struct Catalogue {
    pub(crate) routes: Vec<Route>,
    unasked: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct Route {
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) action: Option<String>,
    events: Vec<String>,
}

/// The shape of a public key in base64; nobody has the other half.
const NO_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// Another: one that an account has is not given to it again.
const NEXT_KEY: &str = "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// A sheet of one person, with a record number.
const SHEET: &str = "patient,mrn,sample,lane,fastq_1,fastq_2\nC-1,QX-4471,C-1-B,L001,a_R1.fq.gz,a_R2.fq.gz\n";

/// An issuer of visas, which signs none here.
const ISSUER: &str = "[[passports.issuer]]\nname = \"elsewhere\"\nissuer = \"https://visas.example.org/\"\n\
    keys.file = \"visas.jwks\"\nsources = [\"https://dac.example.org/\"]\n";

/// A destination of notifications where nobody listens.
const NOTIFIED: &str = "[[notify]]\nname = \"nobody\"\nto = \"http://127.0.0.1:1/\"\n";

/// An event as it lies in the ledger.
struct Event {
    position: u64,
    kind: String,
    body: Value,
}

/// How often it is asked whether a run has ended, and how many times.
const ASKED: (Duration, u32) = (Duration::from_millis(100), 1800);

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.story()?;
    // Somebody has to be trusted before a project can take their visas; nobody asks for the keys.
    site.lock()?;
    site.set(ISSUER)?;
    site.set(NOTIFIED)?;
    let catalogue = catalogue(&site)?;
    let things = Things::of(&site)?;
    rest(&site, &things, &catalogue)?;
    lent(play, &site, &things.project)?;
    by_exception(play, &site, &things.project)?;
    let (stranger, token) = stranger(&site)?;
    play.does("ask every route as somebody without any role");
    let decided: Vec<&Route> = catalogue.routes.iter().filter(|route| route.action.is_some()).collect();
    let mut asked = Vec::new();
    for route in &decided {
        let status = site.ask(&token, &route.method, &things.fill(&route.path), &things.body(&route.name))?;
        asked.push(status);
    }
    let mut events = read(&site)?;
    play.spoil("a decision and an outcome are taken from what is read", || {
        let denied = |one: &Event| one.kind == "decision" && one.body.get("allowed") == Some(&false.into());
        events.retain({
            let last = events.iter().rfind(|one| denied(one)).map(|one| one.position);
            let outcome = events.iter().find(|one| one.kind == "outcome").map(|one| one.position);
            move |one| Some(one.position) != last && Some(one.position) != outcome
        });
        Ok(())
    })?;
    let wrong = each_once(&decided, &asked, &events, &stranger);
    let told =
        format!("{} routes, {}", decided.len(), wrong.first().map_or("each as declared", String::as_str));
    play.expect(
        "each left one decision of its action, and an outcome if it was allowed",
        wrong.is_empty(),
        told,
    );
    play.does("compare every event of the ledger with what is declared");
    let undeclared = undeclared(&catalogue, &events);
    let told = undeclared.first().cloned().unwrap_or_else(|| format!("{} events", events.len()));
    play.expect("no event is of another kind than declared", undeclared.is_empty(), told);
    let unended = unended(&events);
    let told = unended.first().cloned().unwrap_or_else(|| "each has one".to_owned());
    play.expect("each act that was allowed has one outcome", unended.is_empty(), told);
    let (seen, missing) = coverage(&decided, &events);
    let told = format!("{seen} actions, missing: {missing:?}");
    play.expect(
        "every action of the list was allowed and carried out at least once",
        missing.is_empty(),
        told,
    );
    site.lock()
}

/// What the story does not do. One object is asked to be deleted before its floor: allowed, on record, and not done.
fn rest(site: &Site, things: &Things, catalogue: &Catalogue) -> Result<()> {
    let acts = [
        (Who::Administrator, "keys status"),
        (Who::Administrator, "keys rotate"),
        (Who::Steward, "consent list"),
        (Who::Steward, "consent withdraw"),
        (Who::Steward, "consent record"),
        (Who::Steward, "intake split"),
        (Who::Steward, "project screen"),
        (Who::Steward, "visa map"),
        (Who::Steward, "object hold"),
        (Who::Steward, "object lift"),
        (Who::Steward, "object delete"),
        (Who::Administrator, "notify list"),
        (Who::Administrator, "notify test"),
        (Who::Administrator, "archive stat"),
        (Who::Administrator, "archive scrub"),
        (Who::Administrator, "backup create"),
        (Who::Manager, "project show"),
        (Who::Analyst, "tool list"),
        (Who::Analyst, "reference list"),
        (Who::Auditor, "audit volume"),
        (Who::Manager, "access explain"),
        (Who::Administrator, "access explain-site"),
        (Who::Administrator, "policy list"),
    ];
    for (who, name) in acts {
        let route = catalogue.routes.iter().find(|route| route.name == name);
        let route = route.ok_or_else(|| Error::unplayable(format!("there is no route `{name}`")))?;
        let status =
            site.ask(&site.session(who)?, &route.method, &things.fill(&route.path), &things.body(name))?;
        let refused = name == "object delete" && status == 409;
        if !(200..300).contains(&status) && !refused {
            return Err(Error::unplayable(format!("`{name}` was answered with {status}")));
        }
    }
    who_it_is(site, things)?;
    by_two(site)?;
    named_by_two(site)?;
    site.json(Who::Steward, &["consent", "review", &things.subject])?;
    left_to_a_person(site)?;
    let start = ["run", "start", "germline", "--sample", &things.sample, "--reference", &things.reference];
    let started = site.json(Who::Analyst, &start)?;
    let run = started.get("id").and_then(Value::as_str).unwrap_or_default();
    site.json(Who::Analyst, &["run", "cancel", run])?;
    for _ in 0..ASKED.1 {
        let shown = site.json(Who::Analyst, &["run", "show", run])?;
        if !["queued", "running"].contains(&shown.get("state").and_then(Value::as_str).unwrap_or_default()) {
            break;
        }
        std::thread::sleep(ASKED.0);
    }
    // A project of its own goes with its keys.
    let gone = site.project("sandbox")?;
    site.json(Who::Steward, &["keys", "shred", "--project", &gone, "--yes"])?;
    Ok(())
}

/// Somebody who holds the link, and which subject a record number is.
fn who_it_is(site: &Site, things: &Things) -> Result<()> {
    site.invite("broker", &[])?;
    site.json(Who::Manager, &["member", "add", &things.project, "broker", "--role", "honest-broker"])?;
    let token = site.session_in("broker.session")?;
    let path = things.fill("/v1/projects/{project}/identities/find");
    match site.ask(&token, "POST", &path, &things.body("subject find"))? {
        200 => Ok(()),
        status => Err(Error::unplayable(format!("`subject find` was answered with {status}"))),
    }
}

/// A dataset that one project offers and another one asks for, and the agreement beside it.
fn lent(play: &Play, site: &Site, project: &str) -> Result<()> {
    let workspace = site.project("research")?;
    site.json(Who::Steward, &["dataset", "verify", project])?;
    let words = "--name Offered --for research --granularity genome --framework none";
    let words: Vec<&str> = ["dataset", "publish", project].into_iter().chain(words.split(' ')).collect();
    let made = site.json(Who::Steward, &words)?;
    let dataset = made.pointer("/dataset/id").and_then(Value::as_str).unwrap_or_default();
    site.json(Who::Analyst, &["dataset", "list"])?;
    let until = in_days(play, 100)?;
    let words =
        ["application", "make", &workspace, dataset, "--party", "control", "--person", Who::Analyst.name()];
    let words: Vec<&str> = words.into_iter().chain(["--reason", "control", "--until", &until]).collect();
    let asked = site.json(Who::Analyst, &words)?;
    let asked = asked.get("id").and_then(Value::as_str).unwrap_or_default();
    site.json(Who::Steward, &["application", "approve", project, asked, "--reason", "control"])?;
    let document = format!("sha256:{}", "07".repeat(32));
    let words = ["agreement", "add", project, "--kind", "DUA", "--party", "control", "--document", &document];
    site.json(Who::Steward, &words.into_iter().chain(["--until", &until]).collect::<Vec<_>>()).map(drop)
}

/// A moment so many days away, as commands take it.
fn in_days(play: &Play, days: i64) -> Result<String> {
    let second = now(play).saturating_add(days.saturating_mul(24 * 3600));
    let at = base::Timestamp::from_second(second);
    at.map(|at| at.to_string()).map_err(|_| Error::unplayable("there is no such day"))
}

/// Data that is seen by way of exception: in an emergency, and to help.
fn by_exception(play: &Play, site: &Site, project: &str) -> Result<()> {
    for (name, role) in [("doctor", "emergency"), ("helper", "support-observer")] {
        site.invite(name, &[])?;
        site.json(Who::Manager, &["member", "add", project, name, "--role", role])?;
    }
    let codes = Codes::set(play, site, "doctor", now(play))?;
    let doctor = codes.session(site, now(play))?;
    let why = json!({"reason": "control"}).to_string();
    let opened = site.answer(&doctor, "POST", &format!("/v1/projects/{project}/break-glass"), &why)?;
    let opened: Value = serde_json::from_str(&opened.body).unwrap_or_default();
    let glass = opened.get("id").and_then(Value::as_str).unwrap_or_default();
    let closed = site.ask(&doctor, "POST", &format!("/v1/break-glass/{glass}/close"), "")?;
    if closed != 200 {
        return Err(Error::unplayable(format!("`break-glass close` was answered with {closed}")));
    }
    let words = ["break-glass", "review", glass, "--finding", "justified", "--reason", "control"];
    site.json(Who::Steward, &words)?;
    site.run_as("helper", &["support", "ask", project, "--reason", "control"])?.must("support ask")?;
    let sessions = site.json(Who::Manager, &["support", "list", project])?;
    let session = sessions.pointer("/0/id").and_then(Value::as_str).unwrap_or_default();
    site.json(Who::Manager, &["support", "approve", session])?;
    site.json(Who::Manager, &["support", "end", session]).map(drop)
}

/// A site's own policies, none, proposed by an administrator and approved by somebody else.
fn by_two(site: &Site) -> Result<()> {
    let invited =
        site.json(Who::Administrator, &["account", "create", "second", "--role", "pipeline-approver"])?;
    let (_, second) = signed_in(site, "second", &invited)?;
    let folder = site.beside("policies");
    fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
    let proposed = site.json(Who::Administrator, &["policy", "propose", text(&folder)?])?;
    let id = proposed.get("id").and_then(Value::as_str).unwrap_or_default();
    match site.ask(&second, "POST", &format!("/v1/policies/{id}/approve"), "")? {
        200 => Ok(()),
        status => Err(Error::unplayable(format!("`policy approve` was answered with {status}"))),
    }
}

/// A project whose administrator has gone gets another, proposed by an administrator and approved by somebody else.
fn named_by_two(site: &Site) -> Result<()> {
    let words = ["account", "create", "keeper", "--role", "platform-administrator"];
    let (_, keeper) = signed_in(site, "keeper", &site.json(Who::Administrator, &words)?)?;
    site.invite("gone", &[])?;
    let words = "project create --name Left --class sandbox --purpose research --term DUO:0000042 \
         --granularity genome --framework none --incidental not-reported --basis board \
         --region EU \
                 --retention 90-days --consent NONE-2 --administrator gone";
    let made = site.json(Who::Administrator, &words.split(' ').collect::<Vec<_>>())?;
    let project = made.get("id").and_then(Value::as_str).unwrap_or_default();
    site.json(Who::Administrator, &["account", "close", "gone"])?;
    let proposed = site.json(Who::Administrator, &["administrator", "propose", project, "viewer"])?;
    let id = proposed.get("id").and_then(Value::as_str).unwrap_or_default();
    match site.ask(&keeper, "POST", &format!("/v1/administrators/{id}/approve"), "")? {
        200 => Ok(()),
        status => Err(Error::unplayable(format!("`administrator approve` was answered with {status}"))),
    }
}

/// A project whose terms leave something to a person, and the person's approval.
fn left_to_a_person(site: &Site) -> Result<()> {
    let words = "project create --name Ethics --class sandbox --purpose research --term DUO:0000042 --term DUO:0000021 \
                 --granularity panel --framework none --incidental not-reported --basis board --region EU \
                 --retention 90-days --consent NONE-4 --administrator manager";
    let made = site.json(Who::Administrator, &words.split_whitespace().collect::<Vec<_>>())?;
    let project = made.get("id").and_then(Value::as_str).unwrap_or_default();
    site.json(Who::Manager, &["member", "add", project, Who::Steward.name(), "--role", "data-steward"])?;
    let words = ["use", "approve", project, "--reason", "control", "--until", "2999-01-01", "--yes"];
    site.json(Who::Steward, &words).map(drop)
}

pub(crate) fn catalogue(site: &Site) -> Result<Catalogue> {
    let done = site.done(&mut site.bare(&["internal", "routes"]))?;
    serde_json::from_str(&done.out).map_err(|_| Error::unplayable("the list of routes is none"))
}

/// An account that holds nothing; its id and its session's token.
fn stranger(site: &Site) -> Result<(String, String)> {
    let invited = site.json(Who::Administrator, &["account", "create", "stranger"])?;
    signed_in(site, "stranger", &invited)
}

/// Whoever was invited, by their id and their session's token.
fn signed_in(site: &Site, name: &str, invited: &Value) -> Result<(String, String)> {
    let id = invited.pointer("/account/id").and_then(Value::as_str).unwrap_or_default().to_owned();
    site.sign_in_as(name, invited)?;
    Ok((id, site.session_in(&format!("{name}.session"))?))
}

/// Puts the number of the sheet in the place of another.
fn correction() -> Value {
    json!({"field": "record-number", "issuer": "ward", "value": "QX-4471", "reason": "control"})
}

/// The whole ledger, by an export with proofs.
fn read(site: &Site) -> Result<Vec<Event>> {
    let out = site.beside("everything.jsonl");
    let words = ["audit", "export", "--form", "proof", "--from", "0", "--out", text(&out)?];
    let done = site.run(Who::Auditor, &words)?;
    if !done.is_done() {
        return Err(Error::Command {
            command: "audit export".to_owned(),
            exit: done.exit,
            said: done.told(),
        });
    }
    let all = fs::read_to_string(&out).map_err(Error::io(&out))?;
    let leaves = all.lines().skip(1).filter_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        let leaf: Value = serde_json::from_str(line.get("leaf")?.as_str()?).ok()?;
        let body = leaf.get("event")?.clone();
        let kind = body.get("event")?.as_str()?.to_owned();
        Some(Event { position: leaf.get("position")?.as_u64()?, kind, body })
    });
    Ok(leaves.collect())
}

fn word<'a>(event: &'a Event, field: &str) -> &'a str {
    event.body.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The routes that did not leave just what they had to for somebody who may do next to nothing.
fn each_once(routes: &[&Route], asked: &[u16], events: &[Event], stranger: &str) -> Vec<String> {
    let mut requests: Vec<(&str, Vec<&Event>)> = Vec::new();
    let own = events.iter().filter(|one| word(one, "actor") == stranger && one.kind != "session-opened");
    for event in own {
        let request = word(event, "request");
        match requests.iter_mut().find(|(known, _)| *known == request) {
            Some((_, of_it)) => of_it.push(event),
            None => requests.push((request, vec![event])),
        }
    }
    let mut left = requests.into_iter();
    let mut wrong = Vec::new();
    for (route, status) in routes.iter().zip(asked) {
        let of_it = left.next().map(|(_, events)| events).unwrap_or_default();
        let kinds: Vec<&str> = of_it.iter().map(|event| event.kind.as_str()).collect();
        let first = of_it.first().map(|event| (word(event, "action"), event.body.get("allowed")));
        let as_declared = match (first, kinds.as_slice()) {
            (Some((action, Some(Value::Bool(false)))), ["decision"])
            | (Some((action, Some(Value::Bool(true)))), ["decision", "outcome"]) => {
                route.action.as_deref() == Some(action)
            }
            _ => false,
        };
        if !as_declared {
            wrong.push(format!("{} was answered with {status} and left {kinds:?}", route.name));
        }
    }
    wrong.extend(left.map(|(request, _)| format!("{request} belongs to no route that was asked")));
    wrong
}

/// Events of kinds that nothing declares where they stand.
fn undeclared(catalogue: &Catalogue, events: &[Event]) -> Vec<String> {
    let mut by_action: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    // What people do with their own accounts is decided by nobody.
    let mut own: BTreeSet<&str> = BTreeSet::new();
    for route in &catalogue.routes {
        let kinds = match &route.action {
            Some(action) => by_action.entry(action).or_default(),
            None => &mut own,
        };
        kinds.extend(route.events.iter().map(String::as_str));
    }
    let mut acts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.kind == "decision") {
        acts.entry(word(event, "request")).or_default().insert(word(event, "action"));
    }
    let fits = |event: &Event| match event.kind.as_str() {
        "decision" => by_action.contains_key(word(event, "action")),
        "outcome" => event.body.get("decision").is_some(),
        kind if catalogue.unasked.iter().any(|one| one == kind) => true,
        kind => match acts.get(word(event, "request")) {
            Some(actions) => {
                actions.iter().any(|action| by_action.get(action).is_some_and(|kinds| kinds.contains(kind)))
            }
            None => own.contains(kind),
        },
    };
    let wrong = events.iter().filter(|event| !fits(event));
    wrong.map(|event| format!("`{}` at position {}", event.kind, event.position)).collect()
}

/// Allowed acts without an outcome, or with two. The export that read them is under way itself.
fn unended(events: &[Event]) -> Vec<String> {
    let mut ended: BTreeMap<u64, u32> = BTreeMap::new();
    for outcome in events.iter().filter(|event| event.kind == "outcome") {
        if let Some(decision) = outcome.body.get("decision").and_then(Value::as_u64) {
            *ended.entry(decision).or_default() += 1;
        }
    }
    let allowed = |one: &&Event| one.kind == "decision" && one.body.get("allowed") == Some(&true.into());
    let reading = events.iter().rfind(|one| word(one, "action").starts_with("search-audit"));
    let reading = reading.map(|event| event.position);
    let open = events.iter().filter(allowed).filter(|one| Some(one.position) != reading);
    let wrong = open.filter(|one| ended.get(&one.position) != Some(&1));
    wrong.map(|one| format!("`{}` at position {}", word(one, "action"), one.position)).collect()
}

/// How many actions were allowed, and those of the list that never were.
fn coverage(routes: &[&Route], events: &[Event]) -> (usize, Vec<String>) {
    let allowed = events.iter().filter(|one| one.body.get("allowed") == Some(&true.into()));
    let done: BTreeSet<&str> = allowed.map(|one| word(one, "action")).collect();
    let all: BTreeSet<&str> = routes.iter().filter_map(|route| route.action.as_deref()).collect();
    (done.len(), all.difference(&done).map(|action| (*action).to_owned()).collect())
}

/// What requests are about: things that are there.
#[derive(Clone)]
pub(crate) struct Things {
    pub(crate) project: String,
    pub(crate) sample: String,
    pub(crate) subject: String,
    pub(crate) object: String,
    pub(crate) run: String,
    pub(crate) reference: String,
    pub(crate) backup: String,
    pub(crate) recovery: String,
    pub(crate) recipient: String,
}

impl Things {
    fn of(site: &Site) -> Result<Self> {
        let first = |who, words: &[&str]| {
            let found = site.ids(who, words)?.into_iter().next();
            found.ok_or_else(|| Error::unplayable(format!("`{}` is empty", words.join(" "))))
        };
        let project = first(Who::Analyst, &["project", "list"])?;
        let sample = first(Who::Analyst, &["sample", "list", &project])?;
        let recipient = site.beside("recipient.pub");
        let shown = site.json(Who::Analyst, &["sample", "show", &sample])?;
        Ok(Self {
            subject: shown.get("subject").and_then(Value::as_str).unwrap_or_default().to_owned(),
            object: first(Who::Exporter, &["object", "list", &sample])?,
            run: first(Who::Analyst, &["run", "list", &project])?,
            reference: first(Who::Analyst, &["reference", "list"])?,
            backup: text(&site.beside("backup"))?.to_owned(),
            recovery: text(&site.beside("recovery"))?.to_owned(),
            recipient: fs::read_to_string(&recipient).map_err(Error::io(&recipient))?,
            project,
            sample,
        })
    }

    pub(crate) fn fill(&self, path: &str) -> String {
        let query = if path == "/v1/audit" { format!("?about={}", self.sample) } else { String::new() };
        path.replace("{project}", &self.project)
            .replace("{sample}", &self.sample)
            .replace("{subject}", &self.subject)
            .replace("{object}", &self.object)
            .replace("{run}", &self.run)
            .replace("{about}", &self.run)
            .replace("{package}", "pkg_00000000000000000000")
            .replace("{upload}", "req_00000000000000000000")
            .replace("{role}", "reference.fa")
            .replace("{thing}", &self.sample)
            .replace("{approval}", "apr_00000000000000000000")
            .replace("{glass}", "bgl_00000000000000000000")
            .replace("{dataset}", "dst_00000000000000000000")
            .replace("{application}", "apl_00000000000000000000")
            .replace("{agreement}", "agr_00000000000000000000")
            .replace("{support}", "sup_00000000000000000000")
            .replace("{number}", "0")
            .replace("{service}", "svc_00000000000000000000")
            .replace("{mapping}", "vsm_00000000000000000000")
            .replace("{issuer}", "elsewhere")
            .replace("{destination}", "nobody")
            .replace("{name}", "viewer")
            + &query
    }

    /// A body that the route takes; an empty object where it needs nothing.
    pub(crate) fn body(&self, route: &str) -> String {
        let because = || json!({"reason": "control"});
        let value = match route {
            "keys rotate" => json!({"scope": "site", "begin": true}),
            "keys prepare" => json!({"credential": "none", "to": {"provider": "passphrase"}, "new": "none"}),
            "keys complete" => json!({"credential": "none"}),
            "account create" => json!({"name": "another"}),
            "account grant" => json!({"role": "auditor"}),
            "account preview" | "member preview" => json!({"account": "viewer", "change": "take"}),
            "access explain" => json!({"account": "analyst", "action": "view-run"}),
            "access explain-site" => json!({"account": "analyst", "action": "verify-ledger"}),
            "policy propose" => json!({"files": {}}),
            "administrator propose" => json!({"project": self.project, "account": "viewer"}),
            "service create" => json!({
                "owner": "viewer", "purpose": "control", "environment": "test", "project": self.project,
                "actions": ["view-run"], "class": "research", "networks": ["socket"], "days": 1, "key": NO_KEY,
            }),
            "service rotate" => json!({"key": NEXT_KEY}),
            "account link" => json!({"issuer": "elsewhere", "subject": "someone"}),
            "visa map" => json!({"issuer": "elsewhere", "value": "dataset", "role": "viewer"}),
            "project create" => json!({
                "name": "Throw-away", "class": "research", "purpose": "research", "terms": ["DUO:0000042"], "granularity": "genome", "frameworks": ["none"],
                "incidental": "not-reported", "basis": "board",
                "region": "EU", "retention": "90-days", "consent": "NONE-2",
            }),
            "member add" => json!({"account": "viewer", "role": "viewer"}),
            "use revoke" => because(),
            "use approve" => json!({"reasons": [], "reason": "control", "until": "2999-01-01T00:00:00Z"}),
            "consent record" => {
                json!({"form": "control", "terms": ["DUO:0000042"], "document": "07".repeat(32)})
            }
            "consent review" => json!({"newest": 0}),
            "intake split" => json!({"sheet": SHEET, "issuer": "ward"}),
            "subject identify" => because(),
            "subject correct" => correction(),
            "subject find" => json!({"number": "QX-4471", "issuer": "ward", "reason": "control"}),
            "package begin" => json!({"sheet": "", "manifest": ""}),
            "object get" => json!({"recipient": self.recipient, "reason": "control"}),
            "object hold" | "object lift" | "object delete" | "break-glass open" | "support ask" => because(),
            "break-glass review" => json!({"justified": true, "reason": "control"}),
            "dataset publish" => json!({
                "name": "Offered", "purposes": ["research"], "granularity": "genome", "frameworks": ["none"],
            }),
            "application make" => json!({
                "dataset": "dst_00000000000000000000", "party": "control", "people": ["viewer"],
                "until": "2999-01-01T00:00:00Z", "reason": "control",
            }),
            "application change" => json!({"change": "report", "reason": "control"}),
            "application answer" => json!({"approve": true, "reason": "control"}),
            "application import" => json!({"list": "login,status\nviewer,active\n"}),
            "agreement add" => json!({
                "contract": "DUA", "party": "control", "document": "07".repeat(32), "until": "2999-01-01T00:00:00Z",
            }),
            "archive check" => json!({"objects": [self.object]}),
            "archive scrub" => json!({"all": true}),
            "backup create" => {
                json!({"folder": self.backup, "recovery": self.recovery, "days": 30, "from": 0})
            }
            "backup verify" => json!({"folder": self.backup, "from": 0}),
            "tool add" => json!({"name": "bwa"}),
            "reference begin" => json!({"label": "another"}),
            "run start" => json!({"workflow": "germline", "reference": self.reference}),
            "ledger prove" => json!({"position": 0}),
            "ledger watch" => json!({"from": 0}),
            "audit export" => json!({"search": {"about": self.sample}}),
            "audit incident" => json!({"about": self.sample}),
            _ => json!({}),
        };
        value.to_string()
    }
}
