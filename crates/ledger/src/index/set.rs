//! The parts of the index, and the newest events that are in none of them yet.

use super::filter::Probe;
use super::part::{Key, Part, Unusable, key_of_chain};
use super::write::{Kind, build, merge, remove};
use crate::storage::Storage;
use crate::{Error, Finding, Result, SigningKey, shared};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// So many adjacent parts of one size become one.
const MERGED: usize = 8;

/// INVARIANT (index covers the log): parts lie side by side from position 0 to some end; `recent`
/// holds the terms from there to `upto`.
#[derive(Default)]
struct View {
    /// Shared with whoever asks: a look-up of a chain costs less than counting each part.
    parts: Arc<Vec<Arc<Part>>>,
    recent: Vec<(Key, u64)>,
    upto: u64,
}

pub(crate) struct Set {
    pub kind: Kind,
    /// Events for which a part is made.
    pub step: u64,
    view: RwLock<View>,
    /// Held while parts are replaced.
    pub upkeep: Mutex<()>,
}

impl Set {
    /// Opens the parts below `folder` that are of this ledger and lie below `durable`. What is left
    /// over, of other terms or beyond the end is removed. Between the parts there may be gaps.
    pub(crate) fn open(
        folder: &Path,
        (key, origin): (&SigningKey, &str),
        (terms, step): (u32, u64),
        durable: u64,
        storage: &dyn Storage,
    ) -> Result<Self> {
        let folder = folder.join("index");
        storage.make_folder(&folder).map_err(Error::io(&folder))?;
        let kind =
            Kind { key: super::page::PageKey::new(key, origin), origin: origin.to_owned(), terms, folder };
        let mut found: Vec<Part> = Vec::new();
        for entry in std::fs::read_dir(&kind.folder).map_err(Error::io(&kind.folder))? {
            let path = entry.map_err(Error::io(&kind.folder))?.path();
            let range = range_of(&path).filter(|range| range.start < range.end && range.end <= durable);
            match range.and_then(|range| kind.open(range).ok()).filter(|part| part.path == path) {
                Some(part) => found.push(part),
                None => remove(storage, &path),
            }
        }
        // The widest first: what a merge left behind lies within what it made.
        found.sort_by_key(|part| (part.head.first, u64::MAX - part.head.end));
        let mut view = View::default();
        let mut end = 0;
        for part in found {
            if part.head.first < end {
                remove(storage, &part.path);
                continue;
            }
            end = part.head.end;
            Arc::make_mut(&mut view.parts).push(Arc::new(part));
        }
        view.upto = end;
        Ok(Self { kind, step: step.max(1), view: RwLock::new(view), upkeep: Mutex::default() })
    }

    /// Ranges before the end of the last part that no part covers.
    pub(crate) fn gaps(&self) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut end = 0;
        for part in self.read().parts.iter() {
            if part.head.first > end {
                gaps.push(end..part.head.first);
            }
            end = part.head.end;
        }
        gaps
    }

    /// Where the parts end.
    pub(crate) fn end(&self) -> u64 {
        self.read().end()
    }

    /// Up to where parts and memory know everything.
    pub(crate) fn upto(&self) -> u64 {
        self.read().upto
    }

    /// Takes the terms of the events up to `upto`, which follow those taken before.
    pub(crate) fn note(&self, terms: &mut Vec<(Key, u64)>, upto: u64) {
        let mut view = self.write();
        view.recent.append(terms);
        view.upto = upto;
    }

    /// Writes a part for what is in memory alone, if that is `least` events or more. `true`: it did.
    pub(crate) fn seal(&self, storage: &dyn Storage, least: u64) -> Result<bool> {
        let (range, pairs) = {
            let view = self.read();
            (view.end()..view.upto, view.recent.clone())
        };
        if range.end - range.start < least.max(1) {
            return Ok(false);
        }
        let count = pairs.len();
        let part = build(&self.kind, storage, range, pairs).map_err(|error| self.failed(error))?;
        let mut view = self.write();
        Arc::make_mut(&mut view.parts).push(Arc::new(part));
        let count = count.min(view.recent.len());
        view.recent.drain(..count);
        Ok(true)
    }

    /// Merges the oldest run of adjacent parts of one size. `true`: there may be more to do.
    pub(crate) fn merge_once(
        &self,
        storage: &dyn Storage,
        stop: &AtomicBool,
    ) -> std::result::Result<bool, Broken> {
        let _upkeep = shared::lock(&self.upkeep);
        let Some(run) = self.run() else { return Ok(false) };
        match merge(&self.kind, storage, &run, stop) {
            Ok(None) => Ok(false),
            Ok(Some(part)) => {
                self.splice(&run, vec![part], storage);
                Ok(true)
            }
            Err((Some(part), Unusable::Damaged)) => Err(Broken::Part(part)),
            Err((_, error)) => Err(Broken::Error(self.failed(error))),
        }
    }

    /// Puts `new` in the place of `old`, and removes the files of `old`.
    pub(crate) fn splice(&self, old: &[Arc<Part>], new: Vec<Part>, storage: &dyn Storage) {
        let kept: Vec<_> = new.iter().map(|part| part.path.clone()).collect();
        let mut view = self.write();
        let is_old = |part: &Arc<Part>| old.iter().any(|gone| Arc::ptr_eq(gone, part));
        let parts = Arc::make_mut(&mut view.parts);
        parts.retain(|part| !is_old(part));
        parts.extend(new.into_iter().map(Arc::new));
        parts.sort_by_key(|part| part.head.first);
        view.upto = view.upto.max(view.end());
        drop(view);
        for part in old.iter().filter(|part| !kept.contains(&part.path)) {
            remove(storage, &part.path);
        }
    }

    /// Whether `part` is still in use.
    pub(crate) fn holds(&self, part: &Arc<Part>) -> bool {
        self.read().parts.iter().any(|held| Arc::ptr_eq(held, part))
    }

    fn run(&self) -> Option<Vec<Arc<Part>>> {
        let view = self.read();
        let tier =
            |part: &Part| ((part.head.end - part.head.first) / self.step).max(1).ilog2() / MERGED.ilog2();
        view.parts
            .windows(MERGED)
            .find(|run| run.first().is_some_and(|first| run.iter().all(|part| tier(part) == tier(first))))
            .map(<[Arc<Part>]>::to_vec)
    }

    /// The position at which the last event of `chain` in the parts may be.
    pub(crate) fn newest(&self, chain: &str) -> std::result::Result<Option<u64>, Broken> {
        let probe = Probe::of(key_of_chain(chain));
        let parts = Arc::clone(&self.read().parts);
        for part in parts.iter().rev() {
            if let Some(position) = part.newest(&probe).map_err(|error| broken(part, error))? {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    /// The positions of `key` in `within`, ascending, below what this returns beside them.
    pub(crate) fn positions(
        &self,
        key: Key,
        within: &Range<u64>,
    ) -> std::result::Result<(Vec<u64>, u64), Broken> {
        let (parts, recent, upto) = {
            let view = self.read();
            let matching = |(found, position): &&(Key, u64)| *found == key && within.contains(position);
            let recent: Vec<u64> =
                view.recent.iter().filter(matching).map(|(_, position)| *position).collect();
            (view.parts.clone(), recent, view.upto)
        };
        let mut out = Vec::new();
        for part in parts.iter().filter(|part| part.head.first < within.end && within.start < part.head.end) {
            part.positions(key, within, &mut out).map_err(|error| broken(part, error))?;
        }
        out.extend(recent);
        Ok((out, upto))
    }

    /// Parts with a page that is not what was written.
    pub(crate) fn check(&self, findings: &mut Vec<Finding>) -> Result<()> {
        for part in Arc::clone(&self.read().parts).iter() {
            if !part.is_sound().map_err(Error::io(&part.path))? {
                let name = part.path.file_name().unwrap_or_default().to_string_lossy();
                let what = "the index part is not what was written; it will be built again";
                findings.push(Finding::new(&format!("index/{name}"), Some(part.head.first), what));
            }
        }
        Ok(())
    }

    pub(crate) fn failed(&self, error: Unusable) -> Error {
        let source = match error {
            Unusable::Io(error) => error,
            Unusable::Damaged => std::io::Error::other("a part of the index changed while it was written"),
        };
        Error::io(&self.kind.folder)(source)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View {
    fn end(&self) -> u64 {
        self.parts.last().map_or(0, |part| part.head.end)
    }
}

/// Why the index cannot answer.
pub(crate) enum Broken {
    /// This part has to be built again.
    Part(Arc<Part>),
    Error(Error),
}

fn broken(part: &Arc<Part>, error: Unusable) -> Broken {
    match error {
        Unusable::Damaged => Broken::Part(Arc::clone(part)),
        Unusable::Io(source) => Broken::Error(Error::io(&part.path)(source)),
    }
}

fn range_of(path: &Path) -> Option<Range<u64>> {
    let (first, end) = path.file_name()?.to_str()?.strip_suffix(".part")?.split_once('-')?;
    Some(first.parse().ok()?..end.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::super::page::tests::READ;
    use super::*;
    use crate::storage::Disk;

    const PARTS: u64 = 20;
    const EVENTS: u64 = 2_000;

    /// Parts of events that are each on a chain of their own.
    fn made(folder: &Path) -> Set {
        let key = SigningKey::from_seed(&[1; 32]).unwrap();
        let set = Set::open(folder, (&key, "site.example/ledger"), (0, EVENTS), 0, &Disk).unwrap();
        for end in (1..=PARTS).map(|part| part * EVENTS) {
            let events = end - EVENTS..end;
            set.note(&mut events.map(|n| (key_of_chain(format!("obj_{n}")), n)).collect(), end);
            assert!(set.seal(&Disk, EVENTS).unwrap());
        }
        set
    }

    /// What `ask` returns, and pages read for it.
    fn counted<T>(ask: impl FnOnce() -> std::result::Result<T, Broken>) -> (T, u64) {
        let before = READ.get();
        let found = ask().unwrap_or_else(|_| panic!("the index cannot answer"));
        (found, READ.get() - before)
    }

    #[test]
    fn a_chain_that_is_absent_costs_no_page_and_one_that_is_there_costs_one() {
        let folder = tempfile::tempdir().unwrap();
        let set = made(folder.path());
        // Of twenty filters each takes five in a thousand chains for its own.
        let (mut absent, mut present, mut most) = (0, 0, 0);
        for n in 0..EVENTS {
            let (found, read) = counted(|| set.newest(&format!("smp_{n}")));
            assert_eq!(found, None);
            absent += read;
            let position = n * PARTS;
            let (found, read) = counted(|| set.newest(&format!("obj_{position}")));
            assert_eq!(found, Some(position));
            present += read;
            most = most.max(read);
        }
        assert!(absent < EVENTS / 6, "{absent} pages for {EVENTS} chains that are absent");
        assert!((EVENTS..EVENTS + EVENTS / 6).contains(&present), "{present} pages for {EVENTS} chains");
        assert!(most <= 4, "{most} pages for one chain");

        // A filter that lets everything through: the count sees it.
        let mut view = set.write();
        Arc::make_mut(&mut view.parts)
            .iter_mut()
            .for_each(|part| Arc::get_mut(part).unwrap().forget_filter());
        drop(view);
        let (found, read) = counted(|| set.newest("smp_0"));
        assert_eq!((found, read), (None, PARTS));
    }
}
