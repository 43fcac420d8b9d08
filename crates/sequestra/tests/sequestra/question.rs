//! A request for each route, about things that are there.

use crate::http::{self, Reply};
use crate::site::{FILES, SAMPLE, Site, made_data, told, until};
use crate::story::sample_of;
use api::{ROUTES, Route};
use base::{GrantId, Id, SystemEntropy};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::fs;
use totp_rs::Totp;

/// Routes about a subject whom the identity map has.
const OF_WHO_IT_IS: &[&str] = &["subject identify", "subject correct"];

/// Who asks: the column's name, and the account; none for somebody who is not signed in.
pub const CALLERS: &[(&str, Option<&str>)] = &[
    ("nobody", None),
    ("no role", Some("newcomer")),
    ("elsewhere", Some("foreign")),
    ("data roles that ended", Some("lapsed")),
    ("a closed account", Some("closed")),
    ("viewer", Some("viewer")),
    ("analyst", Some("analyst")),
    ("data-exporter", Some("exporter")),
    ("data-steward", Some("steward")),
    ("project-administrator", Some("manager")),
    ("honest-broker", Some("broker")),
    ("support-observer", Some("support")),
    ("emergency", Some("doctor")),
    ("auditor", Some("auditor")),
    ("pipeline-approver", Some("approver")),
    ("platform-administrator", Some("admin")),
];

/// The things that requests are about.
#[derive(Clone)]
pub struct Things {
    pub project: String,
    pub sample: String,
    pub subject: String,
    /// Somebody whom the identity map has.
    minted: String,
    /// Position of the newest statement about the subject.
    pub said: u64,
    pub object: String,
    pub run: String,
    pub reference: String,
    pub package: String,
    pub upload: String,
    /// A proposal of policies, by somebody else than who approves it.
    pub approval: String,
    pub service: String,
    /// A project that nobody administers, and a proposal of somebody for it.
    orphan: String,
    pub naming: String,
    /// A mapping of visas; a fresh one for each who may end it.
    pub mapping: String,
    /// A dataset of the project; one that another project offers, and who applied for the one and the other.
    pub dataset: String,
    pub offered: String,
    pub elsewhere: String,
    theirs: String,
    pub application: String,
    pub agreement: String,
    /// A break-glass, and a support session.
    pub glass: String,
    pub support: String,
    /// The program that shows the codes of who breaks the glass, and the second that it last showed one for.
    codes: std::sync::Arc<(Totp, std::sync::Mutex<u64>)>,
    reads: [Vec<u8>; 2],
    sheet: String,
    manifest: String,
    fasta: Vec<u8>,
    recipient: String,
    passphrase: String,
    room: std::path::PathBuf,
}

impl Things {
    /// Signs in who is missing from the story, and has a second package begun.
    pub fn gather(site: &Site) -> Self {
        for name in ["newcomer", "foreign", "support", "spare", "leaver", "doctor"] {
            site.invite(name);
        }
        let codes = (crate::password::set(site, "doctor"), std::sync::Mutex::new(now()));
        let project = site.last("analyst", &["project", "list"]);
        site.json("manager", &["member", "add", &project, "support", "--role", "support-observer"]);
        site.json("manager", &["member", "add", &project, "doctor", "--role", "emergency"]);
        let elsewhere = [
            "project",
            "create",
            "--name",
            "Elsewhere",
            "--class",
            "sandbox",
            "--purpose",
            "research",
            "--term",
            "DUO:0000042",
            "--granularity",
            "panel",
            "--framework",
            "none",
            "--incidental",
            "not-reported",
            "--basis",
            "board",
            "--region",
            "EU",
            "--retention",
            "90-days",
            "--consent",
            "NONE-1",
            "--administrator",
            "foreign",
        ];
        site.json("admin", &elsewhere);
        let other = site.last("foreign", &["project", "list"]);
        for role in ["viewer", "analyst", "data-exporter", "data-steward"] {
            site.json("foreign", &["member", "add", &other, "foreign", "--role", role]);
        }
        people_of_the_past(site, &project);
        site.invite("broker");
        site.json("manager", &["member", "add", &project, "broker", "--role", "honest-broker"]);
        let sample = sample_of(site);
        let objects = site.json("viewer", &["object", "list", &sample]);
        let object = objects.as_array().unwrap().iter().find(|o| o["kind"] == "variants").unwrap();
        let more = site.room.join("more");
        made_data(&more, 2, 1);
        let read = |name: &str| fs::read(more.join(name)).unwrap();
        let text = |name: &str| {
            let text = fs::read_to_string(more.join(name)).unwrap();
            text.replace("CASE-0100-B", SAMPLE)
                .replace("CASE-0100", crate::site::PATIENT)
                .replace(",L001,", ",L002,")
        };
        let mut things = Self {
            run: site.last("viewer", &["run", "list", &project]),
            reference: site.last("approver", &["reference", "list"]),
            object: object["id"].as_str().unwrap().to_owned(),
            subject: subject_of(site, &sample),
            minted: String::new(),
            said: 0,
            project,
            sample,
            package: String::new(),
            upload: "req_00000000000000000000".into(),
            approval: proposal(site),
            service: String::new(),
            orphan: orphan(site),
            naming: "apr_00000000000000000000".into(),
            mapping: "vsm_00000000000000000000".into(),
            glass: "bgl_00000000000000000000".into(),
            support: "sup_00000000000000000000".into(),
            codes: std::sync::Arc::new(codes),
            reads: [read("reads_L001_R1.fastq.gz"), read("reads_L001_R2.fastq.gz")],
            sheet: text("samplesheet.csv"),
            manifest: text("md5sums.txt"),
            fasta: fs::read(told().data.join("reference.fa")).unwrap(),
            recipient: fs::read_to_string(site.room.join("recipient.pub")).unwrap(),
            dataset: String::new(),
            offered: String::new(),
            elsewhere: other,
            theirs: String::new(),
            application: String::new(),
            agreement: "agr_00000000000000000000".into(),
            room: site.room.clone(),
            passphrase: fs::read_to_string(site.room.join("passphrase")).unwrap(),
        };
        assert!(!things.sheet.contains(FILES[0]));
        let made = things.ask(site, "service create", Some("admin"));
        assert!(made.good(), "{made:?}");
        things.service = made.json()["id"].as_str().unwrap().to_owned();
        let split = things.ask(site, "intake split", Some("steward"));
        assert!(split.good(), "{split:?}");
        let clean = split.json()["clean"].as_str().unwrap().to_owned();
        things.minted = clean.lines().nth(1).unwrap().split(',').next().unwrap().to_owned();
        let begun = things.ask(site, "package begin", Some("analyst"));
        assert!(begun.good(), "{begun:?}");
        things.package = begun.json()["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/projects/{}/packages/{}/files/1", things.project, things.package);
        let sent =
            http::call(&site.folder, Some(&site.token("analyst")), "PUT", &path, &things.reads[1]).unwrap();
        assert!(sent.good(), "{sent:?}");
        things.lend(site);
        things
    }

    /// Two projects offer something to each other, and ask for it.
    fn lend(&mut self, site: &Site) {
        let more = site.room.join("more");
        let file = |name: &str| more.join(name).to_str().unwrap().to_owned();
        let (sheet, manifest) = (file("samplesheet.csv"), file("md5sums.txt"));
        let put = ["intake", "put", &self.elsewhere, "--sheet", &sheet, "--manifest", &manifest];
        site.json("foreign", &put);
        self.dataset = offer(site, "steward", &self.project);
        self.offered = offer(site, "foreign", &self.elsewhere);
        let guests = "project create --name Guests --class research --purpose research --term DUO:0000042 \
                      --granularity genome --framework none --incidental not-reported --basis board --region EU \
                      --retention 90-days --consent NONE-6 --administrator manager";
        let made = site.json("admin", &guests.split_whitespace().collect::<Vec<_>>());
        let guests = made["id"].as_str().unwrap().to_owned();
        site.json("manager", &["member", "add", &guests, "foreign", "--role", "analyst"]);
        self.theirs = applied(site, "foreign", (&guests, &self.dataset));
        self.application = applied(site, "analyst", (&self.project, &self.offered));
        let words =
            ["application", "approve", &self.elsewhere, &self.application, "--reason", "a second look"];
        site.json("foreign", &words);
    }

    /// Breaks the glass; what it is called.
    pub fn broken(&self, site: &Site) -> String {
        self.confirmed(site);
        let opened = self.ask(site, "break-glass open", Some("doctor"));
        assert!(opened.good(), "{opened:?}");
        opened.json()["id"].as_str().unwrap().to_owned()
    }

    /// The same, over.
    pub fn mended(&self, site: &Site) -> String {
        let glass = self.broken(site);
        site.json("doctor", &["break-glass", "close", &glass]);
        glass
    }

    /// Asks for a support session; what it is called.
    pub fn asked(&self, site: &Site) -> String {
        let asked = self.ask(site, "support ask", Some("support"));
        assert!(asked.good(), "{asked:?}");
        asked.json()["id"].as_str().unwrap().to_owned()
    }

    /// Who breaks the glass confirms by the next code that counts.
    pub fn confirmed(&self, site: &Site) {
        let (totp, last) = &*self.codes;
        let mut last = last.lock().unwrap();
        // Each code counts once, and one of the next half minute already.
        until("a code counts that was not shown yet", || *last / 30 < (now() + 30) / 30);
        *last = (*last + 30).max(now());
        let typed = format!("{}\n{}\n", crate::password::PASSWORD, totp.generate(*last));
        let done = crate::password::typed(site, "doctor", &["confirm", "--password"], &typed);
        assert_eq!(done.exit, 0, "{}", done.err);
    }

    /// Asks one route as an account.
    pub fn ask(&self, site: &Site, route: &str, who: Option<&str>) -> Reply {
        let route = api::route::named(route).unwrap();
        let token = who.map(|who| site.token(who));
        let (path, body) = (self.path(route), self.body(route, who.unwrap_or("nobody")));
        http::call(&site.folder, token.as_deref(), route.method, &path, &body).unwrap()
    }

    /// The route's path with these things in it.
    pub fn path(&self, route: &Route) -> String {
        let about = if route.name == "receipt show" { &self.run } else { &self.sample };
        let query = if route.name == "audit search" { "?about={about}" } else { "" };
        format!("{}{query}", route.path)
            .replace("{project}", &self.project)
            .replace("{package}", &self.package)
            .replace("{number}", "0")
            .replace("{sample}", &self.sample)
            .replace(
                "{subject}",
                if OF_WHO_IT_IS.contains(&route.name) { &self.minted } else { &self.subject },
            )
            .replace("{object}", &self.object)
            .replace("{run}", &self.run)
            .replace("{upload}", &self.upload)
            .replace("{role}", if route.name == "account revoke" { "auditor" } else { "reference.fa" })
            .replace(
                "{approval}",
                if route.name == "administrator approve" { &self.naming } else { &self.approval },
            )
            .replace("{thing}", &self.sample)
            .replace("{about}", about)
            .replace("{service}", &self.service)
            .replace("{mapping}", &self.mapping)
            .replace("{dataset}", &self.dataset)
            .replace("{agreement}", &self.agreement)
            .replace(
                "{application}",
                if route.name == "application change" { &self.application } else { &self.theirs },
            )
            .replace("{glass}", &self.glass)
            .replace("{support}", &self.support)
            .replace("{issuer}", "elsewhere")
            .replace("{destination}", "hook")
            .replace("{passkey}", "crd_00000000000000000000")
            .replace("{session}", "sgn_00000000000000000000")
            .replace(
                "{name}",
                if ["account close", "account reopen"].contains(&route.name) { "leaver" } else { "spare" },
            )
    }

    fn beside(&self, name: &str) -> String {
        self.room.join(name).to_str().unwrap().to_owned()
    }

    /// The body that a route takes of somebody.
    pub fn body_of(&self, route: &str, who: &str) -> Vec<u8> {
        self.body(api::route::named(route).unwrap(), who)
    }

    fn body(&self, route: &Route, who: &str) -> Vec<u8> {
        let value = match route.name {
            "session create" => json!({"token": format!("once_{}", "0".repeat(64))}),
            "passkey login" | "confirm passkey" => json!({"ceremony": "none", "credential": {}}),
            "oidc login" | "oidc link" => json!({"state": "none", "code": "none"}),
            "password login" => json!({"name": "spare", "password": "none of hers", "code": "000000"}),
            "password set" => json!({"ceremony": "none", "password": "none of hers", "code": "000000"}),
            "confirm password" => json!({"password": "none of hers", "code": "000000"}),
            "passkey add" => json!({"ceremony": "none", "label": "none", "credential": {}}),
            "terminal show" | "terminal challenge" | "terminal refuse" => json!({"code": "BBBB-BBBB"}),
            "terminal approve" => json!({"code": "BBBB-BBBB", "ceremony": "none", "credential": {}}),
            "service token" => json!({"assertion": "none"}),
            "service allow" => json!({"key": "A".repeat(43) + "="}),
            // Another each time: one that it has is refused.
            "service rotate" => {
                json!({"key": STANDARD.encode(base::entropy::bytes::<32>(&SystemEntropy))})
            }
            "service create" => json!({
                "owner": "spare", "purpose": "nightly", "environment": "test", "project": self.project,
                "actions": ["view-run"], "class": "research", "networks": ["socket"], "days": 7, "key": "A".repeat(43) + "=",
            }),
            "passport present" => json!({"passport": "none"}),
            "account link" => json!({"issuer": "elsewhere", "subject": unused()}),
            "visa map" => json!({"issuer": "elsewhere", "value": unused(), "role": "viewer"}),
            "terminal finish" => json!({"secret": "none", "answer": "none"}),
            "keys shred" => json!({}),
            "keys rotate" => json!({"scope": "site", "begin": true}),
            // The site moves from its passphrase to the same one, so that it can be opened afterwards.
            "keys prepare" => json!({
                "credential": self.passphrase, "to": {"provider": "passphrase"}, "new": self.passphrase,
            }),
            "keys complete" => json!({"credential": self.passphrase}),
            "account create" => json!({"name": format!("made-by-{who}")}),
            "account grant" => json!({"role": "auditor"}),
            "account preview" => json!({"account": "spare", "change": "give", "role": "auditor"}),
            "member preview" => json!({"account": "spare", "change": "give", "role": "viewer"}),
            "policy propose" => json!({"files": {}}),
            "administrator propose" => json!({"project": self.orphan, "account": "spare"}),
            "access explain" => json!({"account": "spare", "action": "view-run"}),
            "access explain-site" => json!({"account": "spare", "action": "verify-ledger"}),
            "project create" => json!({
                "name": format!("Made by {who}"), "class": "research", "purpose": "research",
                "terms": ["DUO:0000042"], "granularity": "genome", "frameworks": ["none"],
                "incidental": "not-reported", "basis": "board", "region": "EU", "retention": "90-days", "consent": "NONE-2",
            }),
            "member add" => json!({"account": "spare", "role": "viewer"}),
            "consent record" => {
                json!({"form": "broad-1", "terms": ["DUO:0000042"], "document": "07".repeat(32)})
            }
            "consent withdraw" => json!({}),
            "use revoke" => json!({"reason": "a second look"}),
            "consent review" => json!({"newest": self.said}),
            "use approve" => json!({
                "reasons": ["an ethics approval is not on record, and the terms have DUO:0000021 IRB [DUO:0000042 DUO:0000021]"],
                "reason": "a second look", "until": "2999-01-01T00:00:00Z",
            }),
            // Somebody else each time, but for the first one, whom `minted` names.
            "intake split" => {
                let number = if self.minted.is_empty() { "QX-4471".to_owned() } else { unused() };
                json!({"sheet": split_sheet(&number), "issuer": "ward"})
            }
            "subject identify" => json!({"reason": "a second look"}),
            "subject correct" => json!({
                "field": "record-number", "issuer": "ward", "value": "QX-4471", "reason": "a second look",
            }),
            "subject find" => json!({"number": "QX-4471", "issuer": "ward", "reason": "a second look"}),
            "package begin" => json!({"sheet": self.sheet, "manifest": self.manifest}),
            // Those who may not are told so before a byte of the file is looked at.
            "package file" if who == "analyst" => return self.reads[0].clone(),
            "reference file" => return self.fasta.clone(),
            "object get" => json!({"recipient": self.recipient, "reason": "a second look"}),
            "object hold" | "object lift" | "object delete" | "break-glass open" | "support ask" => {
                json!({"reason": "a second look"})
            }
            "dataset publish" => json!({
                "name": "Offered", "purposes": ["research"], "granularity": "genome", "frameworks": ["none"],
            }),
            "application make" => json!({
                "dataset": self.offered, "party": "ror:05a28rw58", "people": ["analyst"],
                "until": in_days(100), "reason": "a second look",
            }),
            "application change" => json!({"change": "report", "reason": "a second look"}),
            "application answer" => json!({"approve": true, "reason": "a second look"}),
            "application import" => json!({"list": "login,status\nforeign,active\n"}),
            "agreement add" => json!({
                "contract": "DUA", "party": "ror:05a28rw58", "document": "07".repeat(32), "until": in_days(100),
            }),
            "break-glass review" => json!({"justified": true, "reason": "a second look"}),
            "support approve" => json!({}),
            "archive check" => json!({"objects": [self.object]}),
            "archive scrub" => json!({"all": true}),
            "backup create" => {
                json!({"folder": self.beside("backup"), "recovery": self.beside("recovery"), "days": 30})
            }
            "backup verify" => json!({"folder": self.beside("backup")}),
            "tool add" => json!({"name": "bwa"}),
            "reference begin" => json!({"label": "another"}),
            "run start" => json!({"workflow": "germline", "reference": self.reference}),
            "variant query" | "ledger verify" => json!({}),
            "ledger prove" => json!({"position": 0}),
            "ledger watch" => json!({"from": 0}),
            "audit export" => json!({"search": {"about": self.sample}}),
            "audit incident" => json!({"about": self.sample}),
            _ => return Vec::new(),
        };
        serde_json::to_vec(&value).unwrap()
    }
}

fn now() -> u64 {
    base::Timestamp::now().as_second().unsigned_abs()
}

fn in_days(days: u64) -> String {
    (base::Timestamp::now() + std::time::Duration::from_secs(days * 24 * 3600)).to_string()
}

/// Publishes a dataset of all that is in a project.
pub fn offer(site: &Site, who: &str, project: &str) -> String {
    site.json(who, &["dataset", "verify", project]);
    let words = ["dataset", "publish", project, "--name", "Offered", "--for", "research", "--granularity"];
    let made =
        site.json(who, &words.into_iter().chain(["genome", "--framework", "none"]).collect::<Vec<_>>());
    made["dataset"]["id"].as_str().unwrap().to_owned()
}

fn applied(site: &Site, who: &str, (workspace, dataset): (&str, &str)) -> String {
    let until = in_days(100);
    let words = ["application", "make", workspace, dataset, "--party", "ror:05a28rw58", "--person", who];
    let rest = ["--until", &*until, "--reason", "a second look"];
    let made = site.json(who, &words.into_iter().chain(rest).collect::<Vec<_>>());
    made["id"].as_str().unwrap().to_owned()
}

/// The subject of a sample.
fn subject_of(site: &Site, sample: &str) -> String {
    let shown = site.json("viewer", &["sample", "show", sample]);
    shown["subject"].as_str().unwrap().to_owned()
}

/// Somebody whose roles have ended, somebody whose account is closed, and an administrator beside the first.
fn people_of_the_past(site: &Site, project: &str) {
    for name in ["lapsed", "closed", "warden"] {
        site.invite(name);
    }
    site.json("admin", &["account", "grant", "warden", "--role", "platform-administrator"]);
    for role in ["viewer", "analyst", "data-exporter", "data-steward"] {
        site.json("manager", &["member", "add", project, "closed", "--role", role]);
        // As short as a machine allows that takes its time for a command.
        until("a role that ends soon is given", || {
            let end = base::Timestamp::now() + std::time::Duration::from_secs(5);
            let give = ["member", "add", project, "lapsed", "--role", role, "--until", &end.to_string()];
            site.run("manager", &give).exit == 0
        });
    }
    site.json("admin", &["account", "close", "closed"]);
    until("the roles have ended", || {
        site.json("lapsed", &["project", "list"]).as_array().unwrap().is_empty()
    });
    let lapsed = || site.events().iter().filter(|e| e["event"]["event"] == "grant-lapsed").count() == 4;
    until("their end is on record", lapsed);
}

/// A proposal to keep the shipped policies alone, by the other administrator.
pub fn proposal(site: &Site) -> String {
    let empty = site.room.join("no-policies");
    fs::create_dir_all(&empty).unwrap();
    let made = site.json("warden", &["policy", "propose", empty.to_str().unwrap()]);
    made["id"].as_str().unwrap().to_owned()
}

/// A project whose administrator has gone.
fn orphan(site: &Site) -> String {
    site.invite("gone");
    let create = "project create --name Left --class sandbox --purpose methods --term DUO:0000042 \
         --granularity genome --framework none --incidental not-reported --basis board \
         --region EU \
                  --retention 90-days --consent NONE-2 --administrator gone";
    let made = site.json("admin", &create.split_whitespace().collect::<Vec<_>>());
    let closed = site.json("admin", &["account", "close", "gone"]);
    assert_eq!(closed["without_administrator"], json!([made["id"]]));
    made["id"].as_str().unwrap().to_owned()
}

/// A proposal of an administrator for a project, by the other administrator.
pub fn naming(site: &Site, things: &Things) -> String {
    let made = site.json("warden", &["administrator", "propose", &things.orphan, "spare"]);
    made["id"].as_str().unwrap().to_owned()
}

/// Has the site trust an issuer of visas, before it is started. Nobody has its key.
pub fn trusting(site: &Site) {
    let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": "A".repeat(43)}]});
    fs::write(site.folder.join("visas.jwks"), keys.to_string()).unwrap();
    let file = site.folder.join("site.toml");
    let settings = fs::read_to_string(&file).unwrap()
        + "[[passports.issuer]]\nname = \"elsewhere\"\nissuer = \"https://visas.example.org/\"\n\
           keys.file = \"visas.jwks\"\nsources = [\"https://dac.example.org/\"]\nbroker = true\n\
           [[notify]]\nname = \"hook\"\nto = \"http://127.0.0.1:1/\"\n";
    fs::write(file, settings).unwrap();
}

/// A sheet of one person with a record number.
fn split_sheet(number: &str) -> String {
    format!("patient,mrn,sample,lane,fastq_1,fastq_2\nC-1,{number},C-1-B,L001,a_R1.fq.gz,a_R2.fq.gz\n")
}

/// A text that nothing was named by before.
fn unused() -> String {
    GrantId::mint(&SystemEntropy).to_string()
}

/// The routes in an order in which each can be done after those before it.
pub fn in_order() -> Vec<&'static Route> {
    let last = ["site lock", "session end"];
    // Where so many wrong passwords come from as the other routes are asked with, no right one counts any more.
    let (first, rest): (Vec<&Route>, Vec<&Route>) =
        ROUTES.iter().partition(|route| route.name.starts_with("break-glass "));
    let middle = first.into_iter().chain(rest).filter(|route| !last.contains(&route.name));
    middle.chain(last.iter().map(|name| api::route::named(name).unwrap())).collect()
}
