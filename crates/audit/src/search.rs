//! Searches: along the chains of predecessors where the question names one, else through the ledger.

use crate::walk::{Walk, leads_on};
use crate::{Audit, Error, Event, Question};
use base::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// An event as it stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Its position.
    pub position: u64,
    /// When the committer wrote it.
    pub time: Timestamp,
    /// For each of its chains, the position of the chain's event before it.
    pub previous: BTreeMap<String, Option<u64>>,
    /// The event.
    pub event: Event,
}

/// Everything the ledger holds about a thing and the things linked to it.
#[derive(Debug, Clone, Serialize)]
pub struct History {
    /// The events by position.
    pub events: Vec<Recorded>,
    /// The ids whose chains were walked: the one asked for and those linked to it.
    pub chains: BTreeSet<String>,
    /// The ledger's size when the walk began: complete for every position below it.
    pub size: u64,
}

/// A page of a search's answer.
#[derive(Debug, Clone)]
pub struct Page {
    /// The hits, newest first.
    pub hits: Vec<Hit>,
    /// The ids whose chains were walked.
    pub chains: BTreeSet<String>,
    /// The ledger's size when the first page was asked for: later events are on no page.
    pub size: u64,
    /// Every position from here up to `size`, or to the page before, was answered for.
    pub from: u64,
    /// Where the next page goes on.
    pub next: Option<Cursor>,
    /// What is known of events that are on no page.
    pub completeness: Completeness,
    /// How many events were read for it.
    pub read: usize,
}

/// A hit, as it was read and asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The event.
    pub recorded: Recorded,
    /// The leaf as stored.
    pub leaf: Vec<u8>,
}

/// What is known of events that a search does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    /// The chains were walked to their beginning, each event naming the one before it: nothing that
    /// answers the question is missing from this page and those before it.
    Proven,
    /// No gap so far; there are more pages.
    More,
    /// The question names no chain: the hits are true, and nothing proves that they are all.
    NoChain,
    /// A chain is broken: what lies before the place is not shown.
    Broken(String),
}

/// Where a search goes on: two numbers, so that it stays good while the ledger grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    size: u64,
    below: u64,
}

/// Most events that one page reads: a question that few events answer comes back with what was found
/// so far and the place to go on from.
const LOOKS: usize = 50_000;

/// How much one page may have.
#[derive(Debug, Clone, Copy)]
struct Most {
    hits: usize,
    reads: usize,
}

/// Events that a walk without a chain reads at once.
const ROUND: u64 = 512;
/// Positions that the index is asked for at once, and how often for one page.
const WINDOW: u64 = 1 << 18;
const WINDOWS: u32 = 64;

impl Recorded {
    /// The position before this one on `chain`, which this event stands on; none at its beginning.
    pub(crate) fn before(&self, chain: &str) -> Result<Option<u64>, Error> {
        let broken =
            |why: &str| Error::Unknown { position: self.position, source: serde::de::Error::custom(why) };
        match self.previous.get(chain) {
            None => Err(broken("it does not say what stands before it on a chain it is on")),
            Some(Some(before)) if *before >= self.position => {
                Err(broken("it names a later event as the one before it"))
            }
            Some(before) => Ok(*before),
        }
    }
}

impl Audit {
    /// The event at `position`.
    pub fn recorded(&self, position: u64) -> Result<Recorded, Error> {
        Ok(self.hit(position)?.recorded)
    }

    fn hit(&self, position: u64) -> Result<Hit, Error> {
        Hit::parse(position, self.ledger().read(position).map_err(Error::Unreadable)?.leaf)
    }

    /// Everything about `id`, and about the objects, readsets and runs linked to it.
    ///
    /// Each chain is walked from its newest event to the one that says it has no predecessor, so
    /// nothing on it can be missing: an event that does not say what came before it on the chain,
    /// or names a later one, ends the walk with [`Error::Unknown`].
    pub fn history(&self, id: &str) -> Result<History, Error> {
        let size = self.ledger().size();
        let mut walk = Walk::new(id);
        walk.go_on(self, usize::MAX)?;
        let events = walk.positions.iter().map(|position| self.recorded(*position));
        Ok(History { events: events.collect::<Result<_, _>>()?, chains: walk.chains, size })
    }

    /// At most `limit` events that answer the question, newest first, from `cursor` on.
    pub fn search(&self, asked: &Question, cursor: Option<Cursor>, limit: usize) -> Result<Page, Error> {
        self.search_reading(asked, cursor, Most { hits: limit, reads: LOOKS })
    }

    fn search_reading(&self, asked: &Question, cursor: Option<Cursor>, most: Most) -> Result<Page, Error> {
        let at = cursor.unwrap_or_else(|| Cursor::of(self.ledger().size()));
        if at.size > self.ledger().size() || at.below > at.size {
            return Err(Error::Cursor);
        }
        match asked.chain() {
            Some(thing) if asked.about.is_some() && leads_on(&thing) => {
                self.search_links(asked, &thing, at, most)
            }
            Some(chain) => self.search_chain(asked, &chain, at, cursor.is_some(), most),
            None => match asked.term() {
                Some(term) => self.search_term(asked, &term, at, most),
                None => self.search_all(asked, at, most),
            },
        }
    }

    /// Along one chain, from its head or from where the page before ended.
    fn search_chain(
        &self,
        asked: &Question,
        chain: &str,
        at: Cursor,
        goes_on: bool,
        most: Most,
    ) -> Result<Page, Error> {
        let mut page = Page::new(at, BTreeSet::from([chain.to_owned()]));
        let mut next = match goes_on {
            true => at.below.checked_sub(1),
            false => self.ledger().head(chain).map_err(Error::Unreadable)?,
        };
        while let Some(position) = next {
            if page.has(most) {
                page.stop_at(position.saturating_add(1));
                return Ok(page);
            }
            let hit = self.hit(position)?;
            if goes_on && page.read == 0 && !hit.recorded.previous.contains_key(chain) {
                return Err(Error::Cursor);
            }
            page.read += 1;
            match hit.recorded.before(chain) {
                Ok(before) => next = before,
                Err(broken) => {
                    page.completeness = Completeness::Broken(base::fault::chain(&broken));
                    page.from = position;
                    return Ok(page);
                }
            }
            page.take(asked, hit);
        }
        page.completeness = Completeness::Proven;
        page.from = 0;
        Ok(page)
    }

    /// Along the chains of a thing and of what is linked to it. To know them, all are walked before the first event
    /// is shown, over as many pages as that takes; how far the walk is, is kept until the next page.
    fn search_links(&self, asked: &Question, thing: &str, at: Cursor, most: Most) -> Result<Page, Error> {
        let mut walk = self.walks().take(thing, at.size);
        let read = match walk.go_on(self, most.reads) {
            Ok(read) => read,
            Err(broken @ Error::Unknown { .. }) => {
                let mut page = Page::new(at, BTreeSet::from([thing.to_owned()]));
                page.completeness = Completeness::Broken(base::fault::chain(&broken));
                page.from = at.below;
                return Ok(page);
            }
            Err(error) => return Err(error),
        };
        let mut page = Page::new(at, walk.chains.clone());
        page.read = read;
        if !walk.is_over() {
            page.stop_at(at.below);
            self.walks().keep(thing, at.size, walk);
            return Ok(page);
        }
        for position in walk.positions.range(..at.below).rev().copied() {
            if page.has(most) {
                page.stop_at(position.saturating_add(1));
                self.walks().keep(thing, at.size, walk);
                return Ok(page);
            }
            page.read += 1;
            page.take(asked, self.hit(position)?);
        }
        page.completeness = Completeness::Proven;
        page.from = 0;
        Ok(page)
    }

    /// Through the index, whose every candidate is read and asked again.
    fn search_term(&self, asked: &Question, term: &str, at: Cursor, most: Most) -> Result<Page, Error> {
        let mut page = Page::new(at, BTreeSet::new());
        page.completeness = Completeness::NoChain;
        let mut end = at.below;
        for _ in 0..WINDOWS {
            let start = end.saturating_sub(WINDOW);
            let candidates = self.ledger().postings(term, start..end).map_err(Error::Unreadable)?;
            for position in candidates.into_iter().rev() {
                if page.has(most) {
                    page.stop_at(position.saturating_add(1));
                    return Ok(page);
                }
                page.read += 1;
                page.take(asked, self.hit(position)?);
            }
            end = start;
        }
        page.from = end;
        if end > 0 {
            page.stop_at(end);
        }
        Ok(page)
    }

    /// Through the whole ledger, backwards.
    fn search_all(&self, asked: &Question, at: Cursor, most: Most) -> Result<Page, Error> {
        let mut page = Page::new(at, BTreeSet::new());
        page.completeness = Completeness::NoChain;
        let mut end = at.below;
        let lowest = at.below.saturating_sub(most.reads as u64);
        while end > lowest {
            let start = end.saturating_sub(ROUND).max(lowest);
            let records = self.ledger().range(start..end).map_err(Error::Unreadable)?;
            page.read = page.read.saturating_add(records.len());
            for record in records.into_iter().rev() {
                if page.hits.len() == most.hits {
                    page.stop_at(record.position.saturating_add(1));
                    return Ok(page);
                }
                page.take(asked, Hit::parse(record.position, record.leaf)?);
            }
            end = start;
        }
        page.from = end;
        if end > 0 {
            page.stop_at(end);
        }
        Ok(page)
    }
}

impl Page {
    fn new(at: Cursor, chains: BTreeSet<String>) -> Self {
        let (size, from) = (at.size, at.below);
        Self { hits: Vec::new(), chains, size, from, next: None, completeness: Completeness::More, read: 0 }
    }

    /// Whether it has as much as it may have.
    fn has(&self, most: Most) -> bool {
        self.hits.len() == most.hits || self.read >= most.reads
    }

    fn take(&mut self, asked: &Question, hit: Hit) {
        // An event that came after the first page was asked for is on no page.
        if hit.recorded.position < self.size && asked.keeps(&hit.recorded, &self.chains) {
            self.hits.push(hit);
        }
    }

    /// More lies below `below`.
    fn stop_at(&mut self, below: u64) {
        self.from = below;
        self.next = Some(Cursor { size: self.size, below });
    }
}

impl Cursor {
    fn of(size: u64) -> Self {
        Self { size, below: size }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.size, self.below)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (size, below) = text.split_once('.').ok_or(Error::Cursor)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| Error::Cursor);
        Ok(Self { size: number(size)?, below: number(below)? })
    }
}

impl Hit {
    /// The event in a leaf that was read at `position`.
    pub fn parse(position: u64, leaf: Vec<u8>) -> Result<Self, Error> {
        let recorded = serde_json::from_slice(&leaf).map_err(|source| Error::Unknown { position, source })?;
        Ok(Self { recorded, leaf })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, Outcome, What};
    use base::{FixedClock, Id, ProjectId, RequestId, SampleId, SiteId, SystemEntropy, UserId};
    use ledger::storage::Disk;
    use ledger::{Ledger, SigningKey};
    use std::sync::Arc;
    use std::time::Duration;

    fn at(position: u64, previous: &[(&str, Option<u64>)]) -> Recorded {
        let site = Actor::Site(SiteId::mint(&SystemEntropy));
        Recorded {
            position,
            time: Timestamp::UNIX_EPOCH,
            previous: previous.iter().map(|(chain, before)| ((*chain).to_owned(), *before)).collect(),
            event: Event::new(site, What::SiteClosed { watermark: None }),
        }
    }

    #[test]
    fn a_walk_ends_at_a_beginning_and_never_at_a_gap() {
        assert_eq!(at(5, &[("smp_a", Some(3))]).before("smp_a").unwrap(), Some(3));
        assert_eq!(at(5, &[("smp_a", None)]).before("smp_a").unwrap(), None);
        for broken in [at(5, &[("smp_b", None)]), at(5, &[("smp_a", Some(5))]), at(5, &[("smp_a", Some(9))])]
        {
            assert!(matches!(broken.before("smp_a"), Err(Error::Unknown { position: 5, .. })));
        }
    }

    /// Two people, two projects and a sample, ten rounds of a decision and its outcome, a minute each.
    struct Trail {
        audit: Audit,
        people: [UserId; 2],
        projects: [ProjectId; 2],
        sample: String,
        requests: Vec<RequestId>,
        _folder: tempfile::TempDir,
    }

    impl Trail {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let clock = Arc::new(FixedClock::at(Timestamp::UNIX_EPOCH));
            let key = SigningKey::from_seed(&[3; 32]).unwrap();
            let (path, disk, options) = (folder.path().join("l"), Arc::new(Disk), Audit::options());
            let ledger = Ledger::create_with(&path, "test/site", key, clock.clone(), disk, options).unwrap();
            let trail = Self {
                audit: Audit::new(ledger),
                people: [UserId::mint(&SystemEntropy), UserId::mint(&SystemEntropy)],
                projects: [ProjectId::mint(&SystemEntropy), ProjectId::mint(&SystemEntropy)],
                sample: SampleId::mint(&SystemEntropy).to_string(),
                requests: (0..10).map(|_| RequestId::mint(&SystemEntropy)).collect(),
                _folder: folder,
            };
            for round in 0..10usize {
                let allowed = round % 3 != 0;
                let what = What::Decision {
                    action: ["view-run", "ingest"][round % 2].into(),
                    allowed,
                    policies: vec![],
                    policy: base::Sha256([0; 32]),
                    changes: false,
                    sealed_reason: None,
                    sealed_under: None,
                };
                let decision = trail.record(round, what).await;
                let result = Outcome::Done;
                let what =
                    What::Outcome { decision, result, stored: false, code: None, bytes: None, unwraps: None };
                trail.record(round, what).await;
                clock.advance(Duration::from_secs(60));
            }
            trail
        }

        async fn record(&self, round: usize, what: What) -> u64 {
            let mut event = Event::new(Actor::User(self.people[round % 2].clone()), what)
                .during(Some(self.requests[round].clone()))
                .in_project(Some(self.projects[round / 5].clone()))
                .about([self.sample.clone()]);
            // The second person, every other time for the first.
            event.on_behalf_of = (round % 4 == 3).then(|| self.people[0].clone());
            self.audit.gate(&event).await.unwrap().position
        }

        fn found(&self, asked: &Question) -> (Vec<u64>, Completeness) {
            let page = self.audit.search(asked, None, 1000).unwrap();
            (page.hits.iter().map(|hit| hit.recorded.position).collect(), page.completeness)
        }

        /// By the plain definition: every event looked at.
        fn expected(&self, keeps: impl Fn(&Recorded) -> bool) -> Vec<u64> {
            let all = (0..self.audit.ledger().size()).map(|p| self.audit.recorded(p).unwrap());
            let mut kept: Vec<u64> = all.filter(keeps).map(|r| r.position).collect();
            kept.reverse();
            kept
        }
    }

    #[tokio::test]
    async fn each_condition_alone_and_together_finds_what_it_names() {
        let trail = Trail::new().await;
        let [one, two] = &trail.people;
        let by_one = |r: &Recorded| r.event.actor == Actor::User(one.clone());
        let in_second = |r: &Recorded| r.event.project.as_ref() == Some(&trail.projects[1]);
        let denied = |r: &Recorded| matches!(r.event.what, What::Decision { allowed: false, .. });
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let check = |asked: Question, keeps: &dyn Fn(&Recorded) -> bool, completeness: Completeness| {
            let expected = trail.expected(keeps);
            assert!(!expected.is_empty() && expected.len() < 20, "{asked:?}");
            assert_eq!(trail.found(&asked), (expected, completeness), "{asked:?}");
        };
        let proven = || Completeness::Proven;
        let none = Question::default;
        check(Question { actor: Some(one.to_string()), ..none() }, &by_one, proven());
        check(Question { project: Some(trail.projects[1].clone()), ..none() }, &in_second, proven());
        let for_one = |r: &Recorded| r.event.on_behalf_of.as_ref() == Some(one);
        let behind = Question { on_behalf_of: Some(one.clone()), ..none() };
        check(behind.clone(), &for_one, proven());
        let also = |r: &Recorded| for_one(r) && denied(r);
        check(Question { allowed: Some(false), ..behind.clone() }, &also, proven());
        for nobody in [
            Question { on_behalf_of: Some(two.clone()), ..none() },
            Question { actor: Some(one.to_string()), ..behind },
        ] {
            assert_eq!(trail.found(&nobody), (vec![], proven()), "who acts is not who is behind it");
        }
        check(Question { allowed: Some(false), ..none() }, &denied, Completeness::NoChain);
        let ingest =
            |r: &Recorded| matches!(&r.event.what, What::Decision { action, .. } if action == "ingest");
        check(Question { action: Some("ingest".into()), ..none() }, &ingest, Completeness::NoChain);
        let outcome = |r: &Recorded| matches!(r.event.what, What::Outcome { .. });
        check(Question { action: Some("outcome".into()), ..none() }, &outcome, Completeness::NoChain);
        let fourth = |r: &Recorded| r.event.request.as_ref() == Some(&trail.requests[4]);
        check(
            Question { request: Some(trail.requests[4].clone()), ..none() },
            &fourth,
            Completeness::NoChain,
        );
        let between = |r: &Recorded| r.time >= at(5) && r.time < at(8);
        let asked = Question { since: Some(at(5)), until: Some(at(8)), ..none() };
        check(asked.clone(), &between, Completeness::NoChain);
        check(Question { about: Some(trail.sample.clone()), ..asked.clone() }, &between, proven());
        check(
            Question { actor: Some(one.to_string()), allowed: Some(false), ..asked },
            &|r| by_one(r) && denied(r) && between(r),
            proven(),
        );
        // What may not be seen is absent.
        let within = Some(trail.projects[1].clone());
        check(Question { about: Some(trail.sample.clone()), within, ..none() }, &in_second, proven());
    }

    #[tokio::test]
    async fn no_page_reads_more_than_it_may_whatever_is_asked_about() {
        let trail = Trail::new().await;
        // Two more chains that links lead to, on which the sample's events are not.
        let [readset, object] = ["rds", "obj"].map(|kind| trail.sample.replacen("smp", kind, 1));
        let site = Actor::Site(SiteId::mint(&SystemEntropy));
        for about in [[&trail.sample, &readset], [&readset, &object], [&object, &object], [&object, &object]]
        {
            let about: BTreeSet<String> = about.into_iter().cloned().collect();
            let what = if about.len() == 2 { What::Linked {} } else { What::SiteClosed { watermark: None } };
            trail.audit.gate(&Event::new(site.clone(), what).about(about)).await.unwrap();
        }
        let (none, about) = (Question::default, |id: &String| Some(id.clone()));
        let questions = [
            Question { about: about(&trail.sample), ..none() },
            Question { about: about(&readset), ..none() },
            Question { about: about(&object), ..none() },
            Question { project: Some(trail.projects[1].clone()), ..none() },
            Question { actor: Some(trail.people[0].to_string()), allowed: Some(true), ..none() },
            Question { about: about(&trail.sample), allowed: Some(false), ..none() },
            Question { allowed: Some(true), ..none() },
            Question { since: Some(Timestamp::UNIX_EPOCH), ..none() },
        ];
        for asked in questions {
            let whole = trail.audit.search(&asked, None, 1000).unwrap();
            for (reads, hits) in [(1, 1000), (3, 1000), (7, 2)] {
                let (mut joined, mut cursor, mut pages) = (Vec::new(), None, 0);
                let last = loop {
                    let page = trail.audit.search_reading(&asked, cursor, Most { hits, reads }).unwrap();
                    assert!(page.read <= reads && page.hits.len() <= hits, "{asked:?}: {} read", page.read);
                    joined.extend(page.hits.iter().map(|hit| hit.recorded.position));
                    pages += 1;
                    assert!(pages < 200, "{asked:?} never ends");
                    match page.next {
                        Some(next) => cursor = Some(next),
                        None => break page,
                    }
                };
                let expected: Vec<u64> = whole.hits.iter().map(|hit| hit.recorded.position).collect();
                assert_eq!(joined, expected, "{asked:?}");
                assert_eq!(
                    (last.completeness, last.chains),
                    (whole.completeness.clone(), whole.chains.clone())
                );
            }
        }
    }

    #[tokio::test]
    async fn pages_join_without_gap_or_repeat_while_the_ledger_grows() {
        let trail = Trail::new().await;
        let by_chain = Question { actor: Some(trail.people[0].to_string()), ..Question::default() };
        let by_links = Question { about: Some(trail.sample.clone()), ..Question::default() };
        let by_scan = Question { allowed: Some(true), ..Question::default() };
        for asked in [by_chain, by_links, by_scan] {
            let (whole, completeness) = trail.found(&asked);
            let (mut joined, mut cursor) = (Vec::new(), None);
            loop {
                let page = trail.audit.search(&asked, cursor, 3).unwrap();
                joined.extend(page.hits.iter().map(|hit| hit.recorded.position));
                trail.record(0, What::Linked {}).await;
                match page.next {
                    Some(next) => {
                        assert_ne!(page.completeness, Completeness::Proven);
                        cursor = Some(next.to_string().parse().unwrap());
                    }
                    None => {
                        assert_eq!(page.completeness, completeness);
                        break;
                    }
                }
            }
            assert_eq!(joined, whole, "{asked:?}");
        }
        let foreign = Cursor { size: 3, below: 3 };
        let asked = Question { actor: Some(UserId::mint(&SystemEntropy).to_string()), ..Question::default() };
        assert!(matches!(trail.audit.search(&asked, Some(foreign), 3), Err(Error::Cursor)));
        for bad in ["", "1", "1.x", "9999.1", "3.5"] {
            let cursor = bad.parse::<Cursor>();
            assert!(cursor.is_err() || trail.audit.search(&asked, cursor.ok(), 3).is_err(), "{bad}");
        }
    }
}
