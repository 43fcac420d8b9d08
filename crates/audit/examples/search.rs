//! "Everything about this sample in this year" on a made ledger: how long, and whether it is complete. And what one
//! account touched in all the years, as after a breach.
//!
//! `cargo run --release -p audit --example search -- EVENTS [FOLDER]`. The bound printed beside the result is
//! the target, one second for 10 million events, and ten minutes for an incident. A folder that holds such a ledger is used again.

use audit::incident::{Investigation, Judge};
use audit::{Actor, Audit, Completeness, Event, Question, What};
use base::{
    FixedClock, Id, ObjectId, ProjectId, ReadsetId, SampleId, SiteId, SubjectId, SystemEntropy, Timestamp,
    UserId,
};
use ledger::storage::Disk;
use ledger::{Body, Entry, Ledger, SigningKey};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Events about one sample and its data, over all years.
const OF_A_SAMPLE: u64 = 1000;
/// The years that the events spread over.
const YEARS: u64 = 3;
const YEAR: u64 = 365 * 24 * 3600;
const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let events: u64 = args.next().as_deref().unwrap_or("1000000").parse()?;
    let temporary = tempfile::tempdir()?;
    let folder = args.next().map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    if !folder.join("account").exists() {
        let began = Instant::now();
        make(&folder, events)?;
        println!("made {events} events in {:.1} s", began.elapsed().as_secs_f64());
    }
    let sample = std::fs::read_to_string(folder.join("sample"))?;
    let account = std::fs::read_to_string(folder.join("account"))?;
    let began = Instant::now();
    let audit = Audit::new(open(&folder, Arc::new(FixedClock::at(Timestamp::UNIX_EPOCH)))?);
    println!("opened in {:.1} s, {} events", began.elapsed().as_secs_f64(), audit.ledger().size());
    let second = |years: u64| Timestamp::from_second(i64::try_from(years * YEAR).unwrap_or(0));
    let question = Question {
        about: Some(sample),
        since: Some(second(1)?),
        until: Some(second(2)?),
        ..Question::default()
    };
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let began = Instant::now();
        let page = audit.search(&question, None, 10_000)?;
        times.push(began.elapsed().as_secs_f64());
        println!(
            "{} hits on {} chains, complete: {}",
            page.hits.len(),
            page.chains.len(),
            page.completeness == Completeness::Proven
        );
    }
    times.sort_by(f64::total_cmp);
    if let [min, _, median, _, max] = times.as_slice() {
        println!("bound 1.000 s; result {min:.3} / {median:.3} / {max:.3} s (min / median / max of {RUNS})");
    }
    incident(&audit, account.trim())?;
    println!("load average: {}", std::fs::read_to_string("/proc/loadavg")?.trim_end());
    Ok(())
}

/// A hundredth of all acts.
fn incident(audit: &Audit, account: &str) -> Result<(), Box<dyn std::error::Error>> {
    let began = Instant::now();
    let asked = Question { actor: Some(account.to_owned()), ..Question::default() };
    let mut walk = Investigation::new(asked, Judge { lists: |_| false, releases: |_| false });
    while walk.go_on(audit)? {}
    let found = walk.end();
    println!(
        "an incident of {} acts on {} things of {} people, complete: {}",
        found.acts,
        found.things.len(),
        found.people.len(),
        found.completeness == Completeness::Proven
    );
    println!("bound 600.0 s; result {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn open(folder: &Path, clock: Arc<FixedClock>) -> ledger::Result<Ledger> {
    let key = SigningKey::from_seed(&[3; 32])?;
    let path = folder.join("ledger");
    match path.exists() {
        true => Ledger::open_with(&path, key, clock, Arc::new(Disk), Audit::options()),
        false => Ledger::create_with(&path, "bench/search", key, clock, Arc::new(Disk), Audit::options()),
    }
}

/// Samples in 20 projects, each with a readset and five objects; 100 people; decisions about them.
fn make(folder: &Path, events: u64) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(folder)?;
    let clock = Arc::new(FixedClock::at(Timestamp::UNIX_EPOCH));
    let ledger = open(folder, clock.clone())?;
    let entropy = &SystemEntropy;
    let site = Actor::Site(SiteId::mint(entropy));
    let people: Vec<Actor> = (0..100).map(|_| Actor::User(UserId::mint(entropy))).collect();
    let projects: Vec<ProjectId> = (0..20).map(|_| ProjectId::mint(entropy)).collect();
    let samples: Vec<[String; 8]> = (0..(events / OF_A_SAMPLE).max(1))
        .map(|_| {
            let object = || ObjectId::mint(entropy).to_string();
            let (sample, readset) =
                (SampleId::mint(entropy).to_string(), ReadsetId::mint(entropy).to_string());
            let subject = SubjectId::mint(entropy).to_string();
            [sample, readset, object(), object(), object(), object(), object(), subject]
        })
        .collect();
    let step = Duration::from_secs(YEARS * YEAR) / u32::try_from(events)?;
    let of = |n: u64, all: usize| usize::try_from(n % all as u64).unwrap_or(0);
    for n in 0..events {
        let ids = samples.get(of(n, samples.len())).ok_or("no sample")?;
        let round = n / samples.len() as u64;
        let (actor, what, about) = match round {
            0 => (&site, What::Linked {}, ids.to_vec()),
            _ => {
                let one = ids.get(of(round, 7)).ok_or("no id")?;
                (people.get(of(n, 100)).ok_or("nobody")?, decision(round), vec![one.clone()])
            }
        };
        let project = projects.get(of(n, samples.len().min(20))).cloned();
        let event = Event::new(actor.clone(), what).in_project(project).about(about);
        clock.advance(step);
        ledger.follow_blocking(Entry::new(event.chains(), Body::of(&event)?)?)?;
    }
    ledger.close()?;
    std::fs::write(folder.join("sample"), samples.first().map_or("", |ids| &ids[0]))?;
    std::fs::write(folder.join("account"), people.first().map(ToString::to_string).unwrap_or_default())?;
    Ok(())
}

fn decision(round: u64) -> What {
    What::Decision {
        action: "view-variants".into(),
        allowed: !round.is_multiple_of(10),
        policies: vec!["viewer-reads".into()],
        policy: base::Sha256([7; 32]),
        changes: false,
        sealed_reason: None,
        sealed_under: None,
    }
}
