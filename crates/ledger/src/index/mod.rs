//! Where a term occurs: the chains of an event, and what a caller's [`Terms`] finds in its body.
//!
//! The index is disposable. It is built from the log, kept below `index/`, and built again whenever
//! it is absent, of other terms, or not what was written.

mod filter;
mod page;
mod part;
pub(crate) mod set;
mod write;

use crate::leaf::{self, Leaf};
use crate::publish::Bell;
use crate::shared::{Shared, lock};
use crate::{Error, Finding, Ledger, Result, stored};
use part::{Key, key_of_chain, key_of_term};
use set::{Broken, Set};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Events taken into memory at once while the log itself is looked through.
const STRIDE: u64 = 4096;

/// The words by which events can be found, beside their chains.
///
/// A pure function of the event's body: the index is thrown away and built again from the log at
/// any time, so the same body must always give the same terms.
pub trait Terms: Send + Sync + 'static {
    /// Calls `add` with each term of `event`, the caller's JSON object as it stands in the leaf.
    /// Repeats do not matter. An event that is not understood has no terms.
    fn terms(&self, event: &str, add: &mut dyn FnMut(&str));

    /// Raised whenever the function changes: an index built by another version is built again.
    fn version(&self) -> u32 {
        0
    }
}

/// No terms: events are found by their chains alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChainsAlone;

impl Terms for ChainsAlone {
    fn terms(&self, _: &str, _: &mut dyn FnMut(&str)) {}
}

impl Ledger {
    /// The positions in `within` whose events may be on the chain `term` or have it among their
    /// [`Terms`], ascending. None is missing; one too many is possible, so the caller looks at the
    /// event before it believes. What lies beyond the durable events is left out.
    pub fn postings(&self, term: &str, within: Range<u64>) -> Result<Vec<u64>> {
        let shared = self.shared();
        let end = within.end.min(self.size());
        let mut found = Vec::new();
        let mut upto = u64::MAX;
        for key in [key_of_chain(term), key_of_term(term)] {
            let (positions, known) = looked_up(shared, |set| set.positions(key, &(within.start..end)))?;
            found.extend(positions);
            upto = upto.min(known);
        }
        // What the index has not taken yet is looked for in the log. It may hold a part of it by now.
        found.retain(|position| *position < upto);
        let mut from = within.start.max(upto);
        while from < end {
            let to = end.min(from.saturating_add(STRIDE));
            for (position, leaf) in (from..).zip(stored::leaves(shared, from..to)?.iter()) {
                if has(shared, position, leaf, term)? {
                    found.push(position);
                }
            }
            from = to;
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}

fn has(shared: &Shared, position: u64, leaf: &[u8], term: &str) -> Result<bool> {
    let leaf = parsed(position, leaf)?;
    let mut named = leaf.previous.iter().any(|(chain, _)| *chain == term);
    shared.options.terms.terms(leaf.event, &mut |word| named |= word == term);
    Ok(named)
}

fn parsed(position: u64, leaf: &[u8]) -> Result<Leaf<'_>> {
    Leaf::parse(leaf).ok_or_else(|| not_a_leaf(position))
}

fn not_a_leaf(position: u64) -> Error {
    Error::Damaged(Finding::new("tile/entries", Some(position), "a leaf is not of the ledger's form"))
}

/// Asks the index; builds a part again that cannot be used, and asks again.
fn looked_up<T>(shared: &Shared, ask: impl Fn(&Set) -> std::result::Result<T, Broken>) -> Result<T> {
    loop {
        match ask(&shared.index) {
            Ok(found) => return Ok(found),
            Err(Broken::Error(error)) => return Err(error),
            Err(Broken::Part(part)) => rebuild(shared, &part)?,
        }
    }
}

/// The newest event of `chain` among those in the index's parts.
///
/// INVARIANT (heads are proven): what the index says is believed only if the leaf itself names the
/// chain; and no page is believed that this ledger did not write.
pub(crate) fn newest(shared: &Shared, chain: &str) -> Result<Option<u64>> {
    let candidate = looked_up(shared, |set| set.newest(chain))?;
    let Some(position) = candidate else { return Ok(None) };
    if is_on(shared, position, chain)? {
        return Ok(Some(position));
    }
    // Another chain has the same key: all of its positions, then, from the newest on.
    let end = shared.index.end();
    let (positions, _) = looked_up(shared, |set| set.positions(key_of_chain(chain), &(0..end)))?;
    for position in positions.into_iter().rev().filter(|position| *position < end) {
        if is_on(shared, position, chain)? {
            return Ok(Some(position));
        }
    }
    Ok(None)
}

fn is_on(shared: &Shared, position: u64, chain: &str) -> Result<bool> {
    let leaves = stored::leaves(shared, position..position + 1)?;
    let leaf = parsed(position, leaves.get(0).unwrap_or_default())?;
    Ok(leaf.position == position && leaf.previous.iter().any(|(found, _)| *found == chain))
}

/// The terms of the event in `leaf`, as keys with its position.
pub(crate) fn terms_of(shared: &Shared, position: u64, leaf: &[u8], out: &mut Vec<(Key, u64)>) -> Result<()> {
    let found = leaf::scan(leaf, |chain, _| out.push((key_of_chain(chain), position)));
    let event = found.and_then(|leaf| std::str::from_utf8(leaf.event).ok());
    let event = event.ok_or_else(|| not_a_leaf(position))?;
    shared.options.terms.terms(event, &mut |term| out.push((key_of_term(term), position)));
    Ok(())
}

/// Brings the index up to `published` at start: fills its gaps, and takes what lies behind it into
/// memory, chains too.
pub(crate) fn catch_up(shared: &Shared, published: u64) -> Result<()> {
    for gap in shared.index.gaps() {
        let parts = built(shared, gap)?;
        shared.index.splice(&[], parts, &*shared.storage);
    }
    let mut from = shared.index.end();
    while from < published {
        let to = published.min(from + STRIDE);
        let mut terms = Vec::new();
        {
            let mut heads = lock(&shared.heads);
            for (position, leaf) in (from..).zip(stored::leaves(shared, from..to)?.iter()) {
                terms_of(shared, position, leaf, &mut terms)?;
                for (chain, _) in parsed(position, leaf)?.previous {
                    heads.note(chain.as_bytes(), position);
                }
            }
        }
        shared.index.note(&mut terms, to);
        seal(shared, shared.index.step)?;
        from = to;
    }
    Ok(())
}

/// Writes a part for what only memory holds, if that is `least` events or more.
pub(crate) fn seal(shared: &Shared, least: u64) -> Result<()> {
    if shared.index.seal(&*shared.storage, least)? {
        lock(&shared.heads).indexed(shared.index.end());
    }
    Ok(())
}

/// Builds again what `part` held.
///
/// 1. Build parts for its range beside it. Crash here: drafts, or parts that overlap it; the next
///    open takes the widest that is sound.
/// 2. Put them in its place; remove its file.
pub(crate) fn rebuild(shared: &Shared, part: &Arc<part::Part>) -> Result<()> {
    let _upkeep = lock(&shared.index.upkeep);
    if !shared.index.holds(part) {
        return Ok(());
    }
    let parts = built(shared, part.head.first..part.head.end)?;
    shared.index.splice(std::slice::from_ref(part), parts, &*shared.storage);
    Ok(())
}

/// Parts for `range` from the log, each of so many events.
fn built(shared: &Shared, range: Range<u64>) -> Result<Vec<part::Part>> {
    let mut parts = Vec::new();
    let mut from = range.start;
    while from < range.end {
        let end = range.end.min(from + shared.index.step);
        let mut terms = Vec::new();
        let mut at = from;
        while at < end {
            let to = end.min(at + STRIDE);
            for (position, leaf) in (at..).zip(stored::leaves(shared, at..to)?.iter()) {
                terms_of(shared, position, leaf, &mut terms)?;
            }
            at = to;
        }
        let set = &shared.index;
        let part = write::build(&set.kind, &*shared.storage, from..end, terms);
        parts.push(part.map_err(|error| set.failed(error))?);
        from = end;
    }
    Ok(parts)
}

/// Merges parts whenever told that there are more, until the stop. A failure ends the ledger.
pub(crate) fn run(shared: &Shared, bell: &Bell, stop: &AtomicBool) {
    while !bell.wait_for_ring() {
        loop {
            let done = match shared.index.merge_once(&*shared.storage, stop) {
                Ok(more) => Ok(!more),
                Err(Broken::Part(part)) => rebuild(shared, &part).map(|()| false),
                Err(Broken::Error(error)) => Err(error),
            };
            match done {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => return shared.fail(std::io::Error::other(error)),
            }
        }
    }
}
