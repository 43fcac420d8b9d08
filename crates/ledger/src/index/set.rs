//! The parts of the index, and the newest events that are in none of them yet.

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
    parts: Vec<Arc<Part>>,
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
            view.parts.push(Arc::new(part));
        }
        view.upto = end;
        Ok(Self { kind, step: step.max(1), view: RwLock::new(view), upkeep: Mutex::default() })
    }

    /// Ranges before the end of the last part that no part covers.
    pub(crate) fn gaps(&self) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut end = 0;
        for part in &self.read().parts {
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
        view.parts.push(Arc::new(part));
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
        view.parts.retain(|part| !is_old(part));
        view.parts.extend(new.into_iter().map(Arc::new));
        view.parts.sort_by_key(|part| part.head.first);
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

    /// Positions at which the last event of `chain` in the parts may be, newest first: one a part.
    pub(crate) fn newest(&self, chain: &str) -> impl Iterator<Item = std::result::Result<u64, Broken>> {
        let key = key_of_chain(chain);
        let mut parts = self.read().parts.clone();
        std::iter::from_fn(move || {
            while let Some(part) = parts.pop() {
                match part.newest(key) {
                    Ok(None) => {}
                    Ok(Some(position)) => return Some(Ok(position)),
                    Err(error) => return Some(Err(broken(&part, error))),
                }
            }
            None
        })
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
        for part in self.read().parts.clone() {
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
