//! Notifications to a real relay and to a collector: told once, in ids, through outages and restarts.

use crate::Trail;
use crate::receivers::{Identity, Taken, collector, secure_collector, somewhere};
use audit::{Event, Outcome, What};
use base::{
    ApplicationId, Clock, Entropy, Id, ObjectId, ProjectId, ReferenceId, RunId, SampleId, Sha256, SupportId,
    SystemEntropy, UserId,
};
use feed::notify::settings::Address;
use feed::notify::{Destination, Mail, Sender, Status, Word};
use feed::{Error, Notifications};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::aiosmtpd::{Relay, Setup, taken};
use tokio::task::JoinHandle;

const TO: &str = "team@ward.example";

/// What somebody must not learn from a message.
const WORDS: [&str; 2] = ["case_7731_qxzv", "zorbina"];

/// The relay: named by `SEQUESTRA_AIOSMTPD`, or where `make deps` puts it.
fn program() -> PathBuf {
    let named = std::env::var_os("SEQUESTRA_AIOSMTPD").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let made = home.join(".cache/sequestra/venv/bin/aiosmtpd");
    named.into_iter().chain([made]).find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("the relay `aiosmtpd` is missing: run `make deps`, or name it in `SEQUESTRA_AIOSMTPD`")
    })
}

struct Told {
    all: Notifications,
    running: Vec<JoinHandle<()>>,
}

impl Drop for Told {
    fn drop(&mut self) {
        self.running.iter().for_each(JoinHandle::abort);
    }
}

impl Trail {
    fn told(&self, mail: Option<&Mail>, all: &[Destination]) -> Result<Told, Error> {
        let sender = Sender { site: self.site.clone(), pages: Some("https://genomes.example".into()) };
        let clock: Arc<dyn Clock> = self.clock.clone();
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let folder = self.folder.path().join("notifications");
        let (all, followers) =
            Notifications::open(mail, all, &folder, &self.audit, &sender, (&clock, &entropy))?;
        let running = followers.into_iter().map(|follower| tokio::spawn(follower.run())).collect();
        Ok(Told { all, running })
    }

    async fn records(&self, project: Option<&ProjectId>, about: &[String], what: What) -> u64 {
        let event = Event::new(audit::Actor::User(UserId::mint(&SystemEntropy)), what)
            .in_project(project.cloned())
            .about(about.iter().cloned());
        self.audit.gate(&event).await.unwrap().position
    }

    /// Somebody asks for a support session, and an event's `about` holds words that it should not.
    async fn support(&self, project: &ProjectId) -> String {
        let id = SupportId::mint(&SystemEntropy).to_string();
        let about = [id.clone(), WORDS[0].to_owned(), WORDS[1].to_owned()];
        self.records(Some(project), &about, What::SupportAsked { sealed_reason: None }).await;
        id
    }

    /// A run from the question for it to its end.
    async fn run(&self, project: &ProjectId, result: Outcome) -> String {
        let run = RunId::mint(&SystemEntropy).to_string();
        let things =
            vec![ObjectId::mint(&SystemEntropy).to_string(), SampleId::mint(&SystemEntropy).to_string()];
        let asked = self.records(Some(project), &things, decision("start-run", true, &[])).await;
        let outcome = |decision, result| What::Outcome {
            decision,
            result,
            stored: true,
            code: None,
            bytes: None,
            unwraps: None,
        };
        let named: Vec<String> = things.iter().cloned().chain([run.clone()]).collect();
        self.records(Some(project), &named, outcome(asked, Outcome::Done)).await;
        let of_it = named.iter().cloned().chain([ReferenceId::mint(&SystemEntropy).to_string()]);
        let of_it: Vec<String> = of_it.collect();
        let own = self.records(Some(project), &of_it, decision("start-run", true, &[])).await;
        // What is decided for its lake and its report is no end of it.
        let after = self.records(Some(project), &named, decision("start-run", true, &[])).await;
        self.records(Some(project), &named, outcome(after, Outcome::Done)).await;
        let renewed = self.records(Some(project), &things, decision("start-run", true, &[])).await;
        self.records(Some(project), &named, outcome(own, result)).await;
        self.records(Some(project), &things, outcome(renewed, result)).await;
        run
    }
}

fn decision(action: &str, allowed: bool, policies: &[&str]) -> What {
    What::Decision {
        action: action.to_owned(),
        allowed,
        policies: policies.iter().map(|rule| (*rule).to_owned()).collect(),
        policy: Sha256([0; 32]),
        changes: true,
        sealed_reason: None,
        sealed_under: None,
    }
}

fn mail(server: String) -> Mail {
    let from = "sequestra@site.example".to_owned();
    Mail { server, from, ca: None, pin: None, network: None, user: None, password_file: None }
}

fn to(name: &str, to: &str) -> Destination {
    Destination {
        name: name.into(),
        to: Address::new(to),
        project: None,
        what: Word::ALL.to_vec(),
        within_seconds: 1,
        ca: None,
        pin: None,
        network: None,
        token_file: None,
    }
}

fn team() -> Destination {
    to("team", &format!("mailto:{TO}"))
}

/// The files of an identity.
fn identity(identity: &Identity) -> (PathBuf, PathBuf) {
    let certificate = identity.authority();
    let key = certificate.to_str().unwrap().replace(".cert.", ".key.");
    (certificate, key.into())
}

async fn until(what: &str, wanted: impl Fn() -> bool) {
    let begun = Instant::now();
    while !wanted() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: waited in vain");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn messages(mailbox: &Path, count: usize) -> Vec<String> {
    until("mail arrives", || taken(mailbox).len() >= count).await;
    taken(mailbox).iter().map(|one| one["text"].as_str().unwrap().to_owned()).collect()
}

fn status(told: &Told) -> Status {
    told.all.list()[0].status.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_one_mail_of_ids_under_tls_with_a_login() {
    let trail = Trail::new(3).await;
    let password = trail.folder.path().join("password");
    std::fs::write(&password, "t0p-s3cret\n").unwrap();
    let mode = |mode| std::fs::set_permissions(&password, PermissionsExt::from_mode(mode)).unwrap();
    mode(0o640);
    let open = Mail {
        user: Some("site".into()),
        password_file: Some(password.clone()),
        ..mail("smtp+tls://127.0.0.1:9".into())
    };
    let open = Mail { pin: Some(Identity::KNOWN.pin()), ..open };
    assert!(trail.told(Some(&open), &[team()]).is_err(), "others can read it");
    mode(0o600);
    let project = ProjectId::mint(&SystemEntropy);
    // What was recorded before a destination is there is not told.
    trail.support(&project).await;
    for speech in ["tls", "starttls"] {
        let mailbox = trail.folder.path().join(speech);
        let login = Some(("site", "t0p-s3cret"));
        let setup = Setup { speech, identity: identity(&Identity::KNOWN), login, ..Setup::clear(program()) };
        let relay = Relay::start(&setup, &mailbox);
        let mail = Mail {
            user: Some("site".into()),
            password_file: Some(password.clone()),
            pin: Some(Identity::KNOWN.pin()),
            ..mail(format!("smtp+{speech}://127.0.0.1:{}", relay.port()))
        };
        let told = trail.told(Some(&mail), &[Destination { name: speech.into(), ..team() }]).unwrap();
        let (ended, failed) =
            (trail.run(&project, Outcome::Done).await, trail.run(&project, Outcome::Failed).await);
        let asked = trail.support(&project).await;
        let all = messages(&mailbox, 1).await;
        let text = &all[0];
        assert!(text.contains(&format!("\r\nSubject: Sequestra: 3 events in {project}\r\n")), "{text}");
        for expected in [
            "From: Sequestra <sequestra@site.example>\r\n",
            "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n",
            "https://genomes.example/",
            &format!("sequestra run show {ended}"),
            &format!("sequestra run show {failed}"),
            &asked,
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert!(WORDS.iter().all(|word| !text.contains(word)), "{text}");
        let taken = taken(&mailbox);
        assert_eq!((taken.len(), &taken[0]["to"], &taken[0]["tls"]), (1, &vec![TO].into(), &true.into()));
        let status = status(&told);
        assert!(status.failure.is_none() && status.taken.is_some() && status.waiting == 0, "{status:?}");
        // A relay of another name gets nothing, not even the password.
        let other = Mail { pin: Some(Identity::OTHER.pin()), ..mail.clone() };
        let wrong = trail.told(Some(&other), &[Destination { name: "wrong".into(), ..team() }]).unwrap();
        let answer = wrong.all.test("wrong").await.unwrap();
        assert!(!answer.taken && answer.answer.contains("FEED-002"), "{answer:?}");
        let stranger = Mail { user: Some("other".into()), ..mail };
        let stranger =
            trail.told(Some(&stranger), &[Destination { name: "stranger".into(), ..team() }]).unwrap();
        let answer = stranger.all.test("stranger").await.unwrap();
        assert!(!answer.taken && answer.answer.starts_with("535 "), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_away_loses_nothing_and_a_restart_repeats_nothing() {
    let trail = Trail::new(3).await;
    let (mailbox, at) = (trail.folder.path().join("box"), somewhere());
    let mail = mail(format!("smtp://{at}"));
    let project = ProjectId::mint(&SystemEntropy);
    let mut asked = Vec::new();
    {
        let told = trail.told(Some(&mail), &[team()]).unwrap();
        asked.push(trail.support(&project).await);
        until("the outage is known", || status(&told).failure.is_some()).await;
        asked.push(trail.support(&project).await);
        until("both wait", || status(&told).waiting == 2).await;
        assert!(status(&told).since.is_some());
    }
    // The process ended before anybody took it.
    asked.push(trail.support(&project).await);
    let told = trail.told(Some(&mail), &[team()]).unwrap();
    until("the outage is known again", || status(&told).failure.is_some()).await;
    let relay = Relay::start(&Setup { port: at.port(), ..Setup::clear(program()) }, &mailbox);
    let first = messages(&mailbox, 1).await;
    assert!(asked.iter().all(|id| first[0].contains(id)), "{first:?}");
    until("it is known to be taken", || status(&told).taken.is_some()).await;
    drop(told);
    // Nothing that is not asked for, and nothing again.
    let told = trail.told(Some(&mail), &[team()]).unwrap();
    trail.grow(5).await;
    let last = trail.support(&project).await;
    let all = messages(&mailbox, 2).await;
    assert_eq!(all.len(), 2);
    assert!(all[1].contains(&last) && asked.iter().all(|id| !all[1].contains(id)), "{all:?}");
    drop((told, relay));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_for_good_is_not_offered_again_and_is_counted() {
    let trail = Trail::new(3).await;
    let mailbox = trail.folder.path().join("box");
    let project = ProjectId::mint(&SystemEntropy);
    let relay = Relay::start(&Setup { refuse: &[TO], ..Setup::clear(program()) }, &mailbox);
    let mail = mail(format!("smtp://127.0.0.1:{}", relay.port()));
    let told = trail.told(Some(&mail), &[team(), to("other", "mailto:other@ward.example")]).unwrap();
    trail.support(&project).await;
    trail.support(&project).await;
    until("it is refused", || status(&told).lost == 2).await;
    let refused = status(&told);
    assert!(refused.failure.as_ref().unwrap().ends_with("it answered 550 5.1.1"), "{refused:?}");
    assert!(!format!("{:?}", told.all.list()).contains("ward.example"));
    assert_eq!(refused.waiting, 0);
    // The other one hears of it, once.
    assert_eq!(messages(&mailbox, 1).await.len(), 1);
    let said = told.all.test("team").await.unwrap();
    assert_eq!((said.taken, said.answer.as_str()), (false, "550 5.1.1 [address] nobody has this mailbox"));
    assert!(told.all.test("other").await.unwrap().taken);
    assert!(matches!(told.all.test("nobody").await, Err(Error::NoDestination)));
    drop(told);
    // What was lost stays known.
    let told = trail.told(Some(&mail), &[team()]).unwrap();
    assert_eq!((status(&told).lost, status(&told).waiting), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_gets_lines_of_ids_of_what_it_asked_for() {
    let trail = Trail::new(3).await;
    let (at, taken) = (somewhere(), Taken::default());
    let (own, other) = (ProjectId::mint(&SystemEntropy), ProjectId::mint(&SystemEntropy));
    let hook = Destination {
        project: Some(own.clone()),
        what: vec![Word::SupportAsked, Word::UseUnderReview, Word::UseRefused],
        pin: Some(Identity::KNOWN.pin()),
        ..to("hook", &format!("https://127.0.0.1:{}/in", at.port()))
    };
    let told = trail.told(None, &[hook]).unwrap();
    trail.support(&other).await;
    trail.run(&own, Outcome::Done).await;
    let sample = SampleId::mint(&SystemEntropy).to_string();
    for rules in [vec!["use-under-review"], vec!["consent-terms"], vec!["strict-needs-passkey"]] {
        trail
            .records(Some(&own), std::slice::from_ref(&sample), decision("view-variants", false, &rules))
            .await;
    }
    let asked = trail.support(&own).await;
    until("it is away", || status(&told).failure.is_some()).await;
    let receiver = secure_collector(at, &Identity::KNOWN, &taken);
    until("it is taken", || !taken.lock().unwrap().is_empty()).await;
    let lines: Vec<Value> = taken.lock().unwrap().clone();
    let words: Vec<&str> = lines.iter().map(|line| line["notification"].as_str().unwrap()).collect();
    assert_eq!(words, ["use-under-review", "use-refused", "support-asked"]);
    assert_eq!((&lines[2]["about"], &lines[2]["project"]), (&vec![asked].into(), &own.as_str().into()));
    let all = serde_json::to_string(&lines).unwrap();
    assert!(WORDS.iter().all(|word| !all.contains(word)), "{all}");
    receiver.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_projects_hear_of_an_application_between_them() {
    let trail = Trail::new(3).await;
    let (at, taken) = (somewhere(), Taken::default());
    let receiver = collector(at, &taken, 0, 0);
    let ids = [0; 3].map(|_| ProjectId::mint(&SystemEntropy));
    let [home, workspace, elsewhere] = &ids;
    let of = |name: &str, project: &ProjectId| Destination {
        project: Some(project.clone()),
        ..to(name, &format!("http://{at}/in"))
    };
    let all = [of("home", home), of("workspace", workspace), of("elsewhere", elsewhere)];
    let told = trail.told(None, &all).unwrap();
    let application = ApplicationId::mint(&SystemEntropy).to_string();
    let about = [application.clone(), home.to_string(), workspace.to_string()];
    for state in ["asked", "approved", "people-changed", "report-due", "reported", "lapsed"] {
        let what = What::ApplicationStands { state: state.into(), until: trail.clock.now(), people: 1 };
        trail.records(Some(workspace), &about, what).await;
    }
    trail.support(elsewhere).await;
    until("all is taken", || told.all.list().iter().all(|one| one.status.taken.is_some())).await;
    let lines = taken.lock().unwrap().clone();
    let heard = |project: &ProjectId| -> Vec<String> {
        let own = lines.iter().filter(|line| line["project"] == project.as_str());
        own.map(|line| line["notification"].as_str().unwrap().to_owned()).collect()
    };
    let words = [
        "application-asked",
        "application-answered",
        "report-due",
        "application-reported",
        "application-ended",
    ];
    assert_eq!(
        (heard(home), heard(workspace)),
        (words.map(str::to_owned).to_vec(), words.map(str::to_owned).to_vec())
    );
    assert_eq!(heard(elsewhere), ["support-asked"]);
    let line = lines.iter().find(|line| line["project"] == home.as_str()).unwrap();
    assert_eq!(line["look"], format!("sequestra application list {home}"));
    assert!(line["about"].as_array().unwrap().contains(&application.as_str().into()), "{line}");
    receiver.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_answers_503_is_asked_again() {
    let trail = Trail::new(3).await;
    let (at, taken) = (somewhere(), Taken::default());
    let receiver = collector(at, &taken, 1, 0);
    let told = trail.told(None, &[to("hook", &format!("http://{at}/in"))]).unwrap();
    let asked = trail.support(&ProjectId::mint(&SystemEntropy)).await;
    until("it is taken", || status(&told).taken.is_some()).await;
    let lines = taken.lock().unwrap().clone();
    assert_eq!((lines.len(), &lines[0]["about"][0]), (1, &asked.as_str().into()));
    receiver.kill().await;
}

#[tokio::test]
async fn a_destination_that_cannot_be_is_refused_and_so_is_another_ledger() {
    let trail = Trail::new(3).await;
    assert!(matches!(trail.told(None, &[team()]).err(), Some(Error::Notify { .. })));
    let mail = mail("smtp://127.0.0.1:9".into());
    drop(trail.told(Some(&mail), &[team()]).unwrap());
    let other = Trail::new(3).await;
    let folder = |trail: &Trail| trail.folder.path().join("notifications");
    std::fs::create_dir_all(folder(&other)).unwrap();
    std::fs::copy(folder(&trail).join("team.json"), folder(&other).join("team.json")).unwrap();
    assert!(matches!(other.told(Some(&mail), &[team()]).err(), Some(Error::Diverged(2))));
}
