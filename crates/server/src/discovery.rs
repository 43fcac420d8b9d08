//! The site looks for identifiers in what it stores by itself. Specification: `docs/spec/discovery.md`.
//!
//! What it remembers is how often it found something, and when: in a file of its own, which may be lost.

use crate::body::blocking;
use crate::discovered::{Where, Word, screened, words};
use crate::history::many;
use crate::{Failure, Site};
use access::thing::Project;
use access::verb::Discover;
use access::{Ended, Permit};
use api::subject::{DiscoveredAt, DiscoveredByItself};
use audit::{Event, What};
use base::{ProjectId, Sha256, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often it is looked whether a project is due.
const PAUSE: Duration = Duration::from_secs(5);
/// Words that are looked at in one go, and the rest after it.
const STEP: usize = 500;
const REST: Duration = Duration::from_millis(50);
/// How long it rests after a project, as a multiple of what the project took.
const EASE: u32 = 10;

/// How often the site looks by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Hours after which a project is looked at again; 0 for never.
    pub every_hours: u64,
    /// Minutes that pass after the site opened before it begins.
    pub after_minutes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { every_hours: 24, after_minutes: 10 }
    }
}

impl Settings {
    /// Whether nothing else was set.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// What the site found by itself, of each project.
#[derive(Debug, Default)]
pub struct Discovery {
    settings: Settings,
    file: PathBuf,
    known: Mutex<BTreeMap<ProjectId, Known>>,
}

/// What is remembered of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    /// When it was tried last.
    tried: Timestamp,
    /// The last look that came to its end.
    last: Option<Look>,
}

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    at: Timestamp,
    found: Found,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    counts: Counts,
    /// Digest of where it was found, and as what: as many can be other ones.
    places: Sha256,
}

/// How many words looked like identifiers, by where they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    words: u64,
    labels: u64,
    files: u64,
    consents: u64,
    runs: u64,
    headers: u64,
}

impl Counts {
    fn add(&mut self, place: Where) {
        let count = match place {
            Where::Project => &mut self.words,
            Where::Label => &mut self.labels,
            Where::File => &mut self.files,
            Where::Consent => &mut self.consents,
            Where::Run => &mut self.runs,
            Where::Header => &mut self.headers,
        };
        *count = count.saturating_add(1);
    }

    fn all(&self) -> u64 {
        let Self { words, labels, files, consents, runs, headers } = *self;
        [words, labels, files, consents, runs, headers].into_iter().fold(0, u64::saturating_add)
    }

    fn event(&self) -> What {
        let Self { words, labels, files, consents, runs, headers } = *self;
        What::IdentifiersFound { words, labels, files, consents, runs, headers }
    }
}

impl Found {
    fn of(findings: &[(Where, DiscoveredAt)]) -> Self {
        let mut counts = Counts::default();
        findings.iter().for_each(|(place, _)| counts.add(*place));
        let mut places: Vec<[&str; 3]> = findings
            .iter()
            .map(|(_, one)| [one.about.as_str(), one.what.as_str(), one.looks_like.as_str()])
            .collect();
        places.sort_unstable();
        let mut hash = sha2::Sha256::new();
        // None of the three holds a line's end.
        places.iter().flatten().for_each(|word| hash.update([word.as_bytes(), b"\n"].concat()));
        Self { counts, places: Sha256(hash.finalize().into()) }
    }

    /// Whether somebody is to hear of it, after what was found before.
    fn is_news(&self, before: Option<&Self>) -> bool {
        self.counts.all() > 0 && before != Some(self)
    }
}

impl Discovery {
    /// As `file` remembers it. One that is gone or cannot be read is begun anew: everything is looked at again.
    pub fn open(settings: Settings, file: &Path) -> Self {
        let known = std::fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { settings, file: file.to_owned(), known: Mutex::new(known.unwrap_or_default()) }
    }

    fn of(&self, project: &ProjectId) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(project).copied()
    }

    fn last(&self, project: &ProjectId) -> Option<Look> {
        self.of(project)?.last
    }

    /// Projects in which something was found last.
    fn found(&self) -> usize {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().filter_map(|known| known.last).filter(|last| last.found.counts.all() > 0).count()
    }

    /// Forgets every project but these.
    fn keep(&self, living: &BTreeSet<ProjectId>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|project, _| living.contains(project));
    }

    /// Whether a project is due. One that was tried in the future was so by a wrong clock.
    fn is_due(&self, project: &ProjectId, now: Timestamp) -> bool {
        let every = Duration::from_secs(self.settings.every_hours.saturating_mul(3600));
        self.of(project).is_none_or(|known| match known.tried.checked_add(every) {
            Ok(next) => next <= now || known.tried > now,
            Err(_) => false,
        })
    }

    fn learn(&self, project: &ProjectId, known: Known) -> io::Result<()> {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(project.clone(), known);
        base::durable::replace(&self.file, &serde_json::to_vec(&*all)?)
    }
}

/// When the site looked at a project by itself, and how much it found.
pub(crate) fn last(site: &Site, project: &ProjectId) -> Option<DiscoveredByItself> {
    let Look { at, found } = site.discovery.last(project)?;
    Some(DiscoveredByItself { at, found: found.counts.all() })
}

/// What the site says of it in its status: no project by name or id.
pub(crate) fn limits(site: &Site) -> Option<String> {
    let found = site.discovery.found();
    (found > 0).then(|| {
        format!(
            "words that look like identifiers are stored in {}: `project screen` shows a data steward where",
            many(found as u64, "project", "projects")
        )
    })
}

/// Looks at each project that is due, one after the other and with rests, until the site stops.
pub(crate) async fn keep_looking(site: &Site) {
    let Settings { every_hours, after_minutes } = site.discovery.settings;
    if every_hours == 0 {
        return;
    }
    let mut pause = Duration::from_secs(after_minutes.saturating_mul(60));
    loop {
        tokio::select! {
            () = site.stopped() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = turn(site).await.unwrap_or_default().max(PAUSE);
    }
}

/// Looks at the first project that is due; how long to rest then.
async fn turn(site: &Site) -> Option<Duration> {
    // Without room, what is left is kept for the record of those who read.
    if site.access.read_only().is_some() {
        return None;
    }
    let now = site.clock.now();
    let all = site.catalog.project_ids().await.ok()?;
    // Of an erased project nothing can be mended: it is looked at no more.
    let all: BTreeSet<ProjectId> = all.into_iter().collect();
    let erased = site.keys.without_key(site.db.reader(), &all).await.ok()?;
    let all: BTreeSet<ProjectId> = all.difference(&erased).cloned().collect();
    site.discovery.keep(&all);
    let project = all.into_iter().find(|project| site.discovery.is_due(project, now))?;
    let began = site.clock.monotonic();
    let before = site.discovery.last(&project);
    // INVARIANT (a-failure-closes): a project that could not be looked at is not taken for a clean one. Its failure is on
    // record, and it is tried again when it is due, so that it does not fill the record.
    let found = look(site, &project).await.ok();
    if let Some(found) = found.filter(|found| found.is_news(before.map(|last| last.found).as_ref())) {
        let event = Event::new(site.actor(), found.counts.event()).in_project(Some(project.clone()));
        // A ledger that takes no events ends the process.
        site.audit.follow(&event).await.ok()?;
    }
    let last = found.map(|found| Look { at: now, found }).or(before);
    // What cannot be written is forgotten by the next start, which looks again.
    let _ = site.discovery.learn(&project, Known { tried: now, last });
    Some(site.clock.monotonic().saturating_sub(began).saturating_mul(EASE))
}

/// Looks at one project, on record from its decision to its outcome.
async fn look(site: &Site, project: &ProjectId) -> Result<Found, Failure> {
    let (caller, permit) = site.access.discover_by_itself(&site.id, project).await?;
    let looked = find(site, &permit, project).await;
    let code = looked.as_ref().err().map(Failure::code);
    site.access.close(&caller, Ended { code, ..Ended::default() }).await?;
    looked
}

/// Looks at some words at a time: whoever works waits for none of it.
async fn find(
    site: &Site,
    permit: &Permit<Discover, Project>,
    project: &ProjectId,
) -> Result<Found, Failure> {
    let mut all = words(site, permit, project).await?;
    let mut findings = Vec::new();
    while !all.is_empty() {
        let some: Vec<Word> = step(&mut all);
        findings.extend(blocking(move || screened(&some)).await?);
        tokio::time::sleep(REST).await;
    }
    Ok(Found::of(&findings))
}

/// Takes as many as are looked at in one go.
fn step<T>(all: &mut Vec<T>) -> Vec<T> {
    all.split_off(all.len().saturating_sub(STEP))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Id, SystemEntropy};

    fn finding(place: Where, about: &str) -> (Where, DiscoveredAt) {
        let word = |text: &str| text.to_owned();
        let (what, looks_like) = (word("label"), word("a name"));
        (place, DiscoveredAt { about: word(about), what, looks_like, shape: word("x"), advice: word("-") })
    }

    #[test]
    fn a_project_is_due_once_in_its_time_and_what_is_known_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("discovery.json");
        let settings = Settings { every_hours: 24, after_minutes: 0 };
        let at = |hours: i64| Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap();
        let [project, clean, failed] = [(); 3].map(|()| ProjectId::mint(&SystemEntropy));
        let discovery = Discovery::open(settings, &file);
        assert!(discovery.is_due(&project, at(0)) && discovery.found() == 0);
        let found =
            Found::of(&[finding(Where::Label, "1"), finding(Where::Header, "2"), finding(Where::Run, "3")]);
        let looked = |found| Known { tried: at(0), last: Some(Look { at: at(0), found }) };
        discovery.learn(&project, looked(found)).unwrap();
        discovery.learn(&clean, looked(Found::of(&[]))).unwrap();
        discovery.learn(&failed, Known { tried: at(0), last: None }).unwrap();
        let again = Discovery::open(settings, &file);
        assert_eq!(
            [0, 23, 24, -1].map(|hours| again.is_due(&project, at(hours))),
            [false, false, true, true]
        );
        assert!(!again.is_due(&failed, at(23)) && again.last(&failed).is_none(), "not taken for clean");
        assert_eq!((again.found(), again.last(&project).unwrap().found.counts.all()), (1, 3));
        std::fs::write(&file, b"{").unwrap();
        assert!(Discovery::open(settings, &file).is_due(&project, at(0)));
    }

    #[test]
    fn each_word_is_looked_at_once_and_few_in_one_go() {
        let mut all: Vec<usize> = (0..1201).collect();
        let mut steps = Vec::new();
        while !all.is_empty() {
            steps.push(step(&mut all));
        }
        assert_eq!(steps.iter().map(Vec::len).collect::<Vec<_>>(), [500, 500, 201]);
        let mut looked = steps.concat();
        looked.sort_unstable();
        assert!(looked.into_iter().eq(0..1201));
    }

    #[test]
    fn what_is_known_is_not_told_again_and_as_many_other_ones_are() {
        let (one, two) = (finding(Where::Label, "1"), finding(Where::File, "2"));
        let found = Found::of(&[one.clone(), two.clone()]);
        assert!(found.is_news(None) && !found.is_news(Some(&Found::of(&[two, one.clone()]))));
        assert!(found.is_news(Some(&Found::of(&[one, finding(Where::File, "3")]))), "as many, and others");
        assert!(!Found::of(&[]).is_news(None) && !Found::of(&[]).is_news(Some(&found)), "nothing is no news");
        assert_eq!(found.counts.event().kind(), "identifiers-found");
        assert_eq!((found.counts.labels, found.counts.files), (1, 1));
    }
}
