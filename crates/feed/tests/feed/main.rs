//! Streams into real receivers that are killed and started again: no gap, and each repeat is seen as one.

// Tells clippy that the helpers are tests too.
#![cfg(test)]

mod alarms;
mod notify;
mod receivers;

use audit::{Actor, Audit, Event, Outcome, What};
use base::{
    AgreementId, Clock, FixedClock, Id, ProjectId, SampleId, SiteId, SystemEntropy, Timestamp, UserId,
};
use feed::{Agreements, Error, Settings, Standing, Status, Stream};
use ledger::{Ledger, SigningKey};
use receivers::{Identity, Taken, collector, secure_collector, somewhere, syslog};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

struct Trail {
    folder: tempfile::TempDir,
    audit: Audit,
    site: Actor,
    clock: Arc<FixedClock>,
}

impl Trail {
    async fn new(events: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::at(Timestamp::from_second(1_800_000_000).unwrap()));
        let key = SigningKey::from_seed(&[3; 32]).unwrap();
        let ledger = Ledger::create(&folder.path().join("l"), "test/site", key, clock.clone()).unwrap();
        let trail = Self {
            audit: Audit::new(ledger),
            site: Actor::Site(SiteId::mint(&SystemEntropy)),
            folder,
            clock,
        };
        trail.grow(events).await;
        trail
    }

    async fn grow(&self, events: u64) {
        for n in 0..events {
            let what = What::Outcome {
                decision: n,
                result: Outcome::Done,
                stored: true,
                code: None,
                bytes: None,
                unwraps: None,
            };
            let event = Event::new(Actor::User(UserId::mint(&SystemEntropy)), what)
                .in_project(Some(ProjectId::mint(&SystemEntropy)))
                .about([SampleId::mint(&SystemEntropy).to_string()]);
            if n + 1 == events {
                self.audit.gate(&event).await.unwrap();
            } else {
                self.audit.follow(&event).await.unwrap();
            }
        }
    }

    fn marks(&self) -> PathBuf {
        self.folder.path().join("streams")
    }

    fn open(&self, settings: &Settings) -> Result<Stream, Error> {
        let clock: Arc<dyn Clock> = self.clock.clone();
        Stream::open(settings.clone(), &self.marks(), self.audit.clone(), self.site.clone(), "1", clock)
    }

    /// Runs the stream until it has acknowledged `size` events, then ends it.
    async fn until(&self, settings: &Settings, size: u64) {
        let stream = self.open(settings).unwrap();
        let status = stream.status();
        let running = tokio::spawn(stream.run());
        reached(status, |status| status.next >= size).await;
        running.abort();
    }
}

async fn reached(mut status: watch::Receiver<Status>, wanted: impl Fn(&Status) -> bool) -> Status {
    let seen = tokio::time::timeout(Duration::from_secs(30), status.wait_for(wanted)).await;
    seen.expect("waited in vain").unwrap().clone()
}

fn settings(to: String) -> Settings {
    Settings {
        name: "siem".into(),
        to,
        ca: None,
        pin: None,
        network: None,
        token_file: None,
        agreement: None,
        rotate_bytes: 1 << 40,
        lag_seconds: 300,
    }
}

/// What a receiver checks: each record's leaf has the hash that it names, each but the first names one
/// before it that is there, and those of one position are the same. Gives how many there are.
fn check(taken: &[Value]) -> Result<u64, String> {
    let mut by_position: BTreeMap<u64, &Value> = BTreeMap::new();
    for record in taken {
        let (position, leaf) =
            (record["unmapped"]["position"].as_u64().unwrap(), record["raw_data"].as_str());
        let hash = base::Sha256(tlog_hash(leaf.unwrap().as_bytes())).to_string();
        if record["unmapped"]["leaf_hash"] != hash.as_str() {
            return Err(format!("{position} is not what was hashed"));
        }
        if by_position.insert(position, record).is_some_and(|other| other != record) {
            return Err(format!("two records at {position}"));
        }
    }
    for (position, record) in &by_position {
        match record["unmapped"]["before"].as_u64() {
            Some(before) if by_position.contains_key(&before) => {}
            None if *position == 0 => {}
            before => return Err(format!("a gap before {position}: {before:?}")),
        }
    }
    Ok(by_position.len() as u64)
}

/// RFC 6962's hash of a leaf, without the product's own.
fn tlog_hash(leaf: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn syslog_over_tls_has_no_gap_through_kills() {
    let trail = Trail::new(1800).await;
    let (at, identity, taken) = (somewhere(), Identity::KNOWN, Taken::default());
    let stream = Settings { pin: Some(identity.pin()), ..settings(format!("syslog+tls://{at}")) };
    let running = trail.open(&stream).unwrap();
    let status = running.status();
    let running = tokio::spawn(running.run());
    // Dies in the middle of the second batch, and again of a later one, without a closing alert.
    for most in [700, 300, 900] {
        let receiver = syslog(at, &identity, &taken, most);
        reached(status.clone(), |status| status.failure.is_some() || status.next >= 1800).await;
        receiver.kill().await;
        reached(status.clone(), |status| status.failure.is_some() || status.next >= 1800).await;
    }
    let receiver = syslog(at, &identity, &taken, usize::MAX);
    reached(status.clone(), |status| status.next >= 1800).await;
    running.abort();
    let taken = taken.lock().unwrap().clone();
    assert_eq!(check(&taken), Ok(1800));
    assert!(taken.len() > 1800, "the kills left repeats: {}", taken.len());
    receiver.kill().await;
    // The check itself sees a gap and a changed record.
    let gap: Vec<Value> = taken.iter().filter(|r| r["unmapped"]["position"] != 900).cloned().collect();
    assert!(check(&gap).unwrap_err().contains("a gap before 901"));
    let mut changed = taken;
    changed[3]["raw_data"] = "{}".into();
    assert!(check(&changed).unwrap_err().contains("not what was hashed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_counts_an_answer_alone_and_goes_on_after_a_restart_of_either_side() {
    let trail = Trail::new(1200).await;
    let (at, taken) = (somewhere(), Taken::default());
    let stream = settings(format!("http://{at}/in"));
    let receiver = collector(at, &taken, 1, 1);
    trail.until(&stream, 1200).await;
    assert_eq!(check(&taken.lock().unwrap()), Ok(1200));
    assert_eq!(taken.lock().unwrap().len(), 1700, "one batch was taken and not answered");
    receiver.kill().await;
    // Another process goes on where the answers ended, and repeats nothing.
    trail.grow(10).await;
    let receiver = collector(at, &taken, 0, 0);
    trail.until(&stream, 1210).await;
    let taken = taken.lock().unwrap().clone();
    assert_eq!((check(&taken), taken.len()), (Ok(1210), 1710));
    receiver.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_known_receiver_gets_a_record() {
    let trail = Trail::new(5).await;
    let (at, identity, taken) = (somewhere(), Identity::KNOWN, Taken::default());
    let to = format!("syslog+tls://127.0.0.1:{}", at.port());
    let other = Settings { pin: Some(Identity::OTHER.pin()), ..settings(to.clone()) };
    let foreign = Settings { ca: Some(Identity::OTHER.authority()), ..settings(to.clone()) };
    let receiver = syslog(at, &identity, &taken, usize::MAX);
    for stream in [other, foreign] {
        let stream = trail.open(&stream).unwrap();
        let status = stream.status();
        let running = tokio::spawn(stream.run());
        let failed = reached(status, |status| status.failure.is_some()).await;
        assert!(failed.failure.unwrap().contains("FEED-002"));
        running.abort();
    }
    assert!(taken.lock().unwrap().is_empty());
    let known = Settings { ca: Some(identity.authority()), ..settings(to) };
    trail.until(&known, 5).await;
    assert_eq!(check(&taken.lock().unwrap()), Ok(5));
    receiver.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn https_goes_to_the_pinned_collector_with_its_token() {
    let trail = Trail::new(600).await;
    let (at, taken) = (somewhere(), Taken::default());
    let receiver = secure_collector(at, &Identity::KNOWN, &taken);
    let token = trail.folder.path().join("token");
    std::fs::write(&token, "t0ken\n").unwrap();
    let to = format!("https://127.0.0.1:{}/in", at.port());
    let stream = Settings { pin: Some(Identity::OTHER.pin()), token_file: Some(token), ..settings(to) };
    let wrong = trail.open(&stream).unwrap();
    let status = wrong.status();
    let running = tokio::spawn(wrong.run());
    reached(status, |status| status.failure.is_some()).await;
    running.abort();
    assert!(taken.lock().unwrap().is_empty());
    trail.until(&Settings { pin: Some(Identity::KNOWN.pin()), ..stream }, 600).await;
    assert_eq!(check(&taken.lock().unwrap()), Ok(600));
    receiver.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_put_aside_when_long_and_loses_no_line_to_a_crash() {
    let trail = Trail::new(700).await;
    let path = trail.folder.path().join("events.jsonl");
    let stream = Settings { rotate_bytes: 100_000, ..settings(format!("file:{}", path.display())) };
    trail.until(&stream, 700).await;
    // A crash in the middle of a line.
    let mut text = std::fs::read(&path).unwrap();
    text.extend_from_slice(b"{\"category_uid\":6,");
    std::fs::write(&path, text).unwrap();
    trail.grow(3).await;
    trail.until(&stream, 703).await;
    let mut taken = Vec::new();
    let mut files = 0;
    for entry in std::fs::read_dir(trail.folder.path()).unwrap() {
        let file = entry.unwrap().path();
        if file.file_name().unwrap().to_str().unwrap().starts_with("events.jsonl") {
            files += 1;
            let text = std::fs::read_to_string(file).unwrap();
            taken.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
    }
    assert_eq!((check(&taken), taken.len()), (Ok(703), 703));
    assert!(files > 1, "nothing was put aside");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_lags_is_on_record_and_holds_up_nobody() {
    let trail = Trail::new(5).await;
    let at = somewhere();
    let stream = trail.open(&settings(format!("http://{at}/in"))).unwrap();
    let status = stream.status();
    let running = tokio::spawn(stream.run());
    reached(status.clone(), |status| status.failure.is_some() && !status.lagging).await;
    trail.clock.advance(Duration::from_secs(301));
    reached(status.clone(), |status| status.lagging).await;
    // The ledger takes events all the while.
    trail.grow(100).await;
    let taken = Taken::default();
    let receiver = collector(at, &taken, 0, 0);
    // The last that it sends is the record that it has caught up.
    reached(status, |status| !status.lagging && status.next >= 107).await;
    running.abort();
    receiver.kill().await;
    let size = trail.audit.ledger().size();
    let kinds: Vec<What> = (0..size).map(|p| trail.audit.recorded(p).unwrap().event.what).collect();
    let lags = kinds.iter().filter(|what| matches!(what, What::StreamLags { next: 0, .. })).count();
    let over = kinds.iter().filter(|what| matches!(what, What::StreamCaughtUp { .. })).count();
    assert_eq!((lags, over), (1, 1));
}

/// What stands as a test says.
struct Stated(std::sync::Mutex<Standing>);

impl Agreements for Stated {
    fn standing<'a>(&'a self, _: &'a AgreementId) -> feed::agreed::Answer<'a> {
        let now = *self.0.lock().unwrap();
        Box::pin(async move { now })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_sends_only_while_its_agreement_is_live_and_goes_on_where_it_was() {
    let trail = Trail::new(5).await;
    let (at, taken) = (somewhere(), Taken::default());
    let receiver = collector(at, &taken, 0, 0);
    let id = AgreementId::mint(&SystemEntropy);
    let stream = Settings { agreement: Some(id.clone()), ..settings(format!("http://{at}/in")) };
    // Where nobody can be asked it is closed.
    let alone = trail.open(&stream).unwrap();
    let status = alone.status();
    let running = tokio::spawn(alone.run());
    assert_eq!(reached(status, |status| status.closed).await.next, 0);
    running.abort();

    let stated = Arc::new(Stated(std::sync::Mutex::new(Standing::Live)));
    let running = trail.open(&stream).unwrap().under(stated.clone());
    let status = running.status();
    let running = tokio::spawn(running.run());
    let mut sent = reached(status.clone(), |status| status.next >= 6).await.next;
    let closed = [Standing::Ended, Standing::Past, Standing::Unknown, Standing::Unread];
    for now in closed {
        *stated.0.lock().unwrap() = now;
        trail.grow(1).await;
        let seen = reached(status.clone(), |status| status.closed && status.failure.is_some()).await;
        assert_eq!(seen.next, sent, "{now:?}");
        assert!(seen.failure.unwrap().contains(now.as_str()), "{now:?}");
        *stated.0.lock().unwrap() = Standing::Live;
        // What waited, and that it closed and opened.
        sent = reached(status.clone(), |status| !status.closed && status.next >= sent + 3).await.next;
    }
    running.abort();
    receiver.kill().await;
    let size = trail.audit.ledger().size();
    let all = (0..size).map(|p| trail.audit.recorded(p).unwrap().event);
    let told: Vec<_> = all.filter(|event| event.about.contains(&id.to_string())).collect();
    let why: Vec<_> = told
        .iter()
        .filter_map(|event| match &event.what {
            What::StreamClosed { why, .. } => Some(why.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(why, ["unread", "ended", "past", "unknown", "unread"], "each once");
    let opened = told.iter().filter(|event| matches!(event.what, What::StreamOpened { .. })).count();
    assert_eq!(opened, 4);
}

#[tokio::test]
async fn another_ledger_is_not_taken_for_this_one() {
    let trail = Trail::new(5).await;
    let file = settings(format!("file:{}", trail.folder.path().join("x").display()));
    trail.until(&file, 5).await;
    let other = Trail::new(5).await;
    std::fs::create_dir_all(other.marks()).unwrap();
    std::fs::copy(trail.marks().join("siem.json"), other.marks().join("siem.json")).unwrap();
    assert!(matches!(other.open(&file).err(), Some(Error::Diverged(4))));
}
