//! What a receiver of a site's events holds: OCSF records, one a line, as streams and exports give them.
//!
//! A record names its position, the position before it in the stream, and its leaf with its hash. Whoever
//! holds for each record the one before it has no gap; whoever holds everything from the first event on can
//! make the ledger's root again and compare it with a signed checkpoint.

use crate::checkpoint::Checkpoint;
use crate::merkle::{self, Hash};
use crate::{Error, Result, refused, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

/// Most bytes of a line: a leaf of 65,535 bytes twice escaped, and what stands around it.
const LONGEST: u64 = 1 << 20;

/// Records that hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The ledger that they say they are of.
    pub ledger: String,
    /// How many there are, each position once.
    pub records: u64,
    /// How many came again.
    pub repeats: u64,
    /// The first position.
    pub first: u64,
    /// The last position.
    pub last: u64,
    /// Whether every position between them is there.
    pub every: bool,
    /// The checkpoint whose root the leaves make again, if one was given.
    pub checkpoint: Option<Checkpoint>,
}

/// The records of a receiver, line by line.
#[derive(Debug, Default)]
pub struct Records {
    ledger: Option<String>,
    seen: BTreeMap<u64, One>,
    repeats: u64,
}

#[derive(Debug, PartialEq, Eq)]
struct One {
    before: Option<u64>,
    hash: Hash,
}

impl Records {
    /// Takes every line of a file. What stands before a line's first `{` is the receiver's own.
    pub fn take(&mut self, name: &str, mut lines: impl BufRead) -> Result<()> {
        let mut line = Vec::new();
        for number in 1u64.. {
            line.clear();
            let read = std::io::Read::take(&mut lines, LONGEST).read_until(b'\n', &mut line);
            let place = || format!("{}, line {number}", text::clean(name));
            match read {
                Err(error) => return refused(format!("{}: cannot be read: {error}", place())),
                Ok(0) => return Ok(()),
                Ok(_) if line.last() != Some(&b'\n') => {
                    return refused(format!("{}: it is cut, or longer than any record", place()));
                }
                Ok(_) => {}
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let added = parse(&line).and_then(|(ledger, position, one)| self.add(ledger, position, one));
            added.map_err(|why| Error::Refused(format!("{}: {why}", place())))?;
        }
        Ok(())
    }

    fn add(&mut self, ledger: String, position: u64, one: One) -> std::result::Result<(), String> {
        if *self.ledger.get_or_insert_with(|| ledger.clone()) != ledger {
            return Err("it is of another ledger than the records before it".to_owned());
        }
        match self.seen.get(&position) {
            Some(known) if *known == one => self.repeats = self.repeats.saturating_add(1),
            Some(_) => return Err(format!("two different records have the position {position}")),
            None => {
                self.seen.insert(position, one);
            }
        }
        Ok(())
    }

    /// Checks that no record is missing between the first and the last, and, with a checkpoint, that they
    /// are the ledger's.
    pub fn verify(&self, checkpoint: Option<Checkpoint>) -> Result<Held> {
        let (Some((first, _)), Some((last, _))) = (self.seen.first_key_value(), self.seen.last_key_value())
        else {
            return refused("there is no record");
        };
        for (position, one) in self.seen.iter().skip(1) {
            match one.before {
                Some(before) if before < *position && self.seen.contains_key(&before) => {}
                Some(before) => {
                    return refused(format!("a gap: {position} follows {before}, which is not there"));
                }
                None => return refused(format!("a gap: {position} says that it is the first of its stream")),
            }
        }
        // A branch would hide what its other arm leaves out.
        let befores: BTreeSet<_> = self.seen.values().map(|one| one.before).collect();
        if befores.len() != self.seen.len() {
            return refused("two records follow the same one: they are of two streams; check each by itself");
        }
        let records = self.seen.len() as u64;
        let ledger = self.ledger.clone().unwrap_or_default();
        if let Some(checkpoint) = &checkpoint {
            self.compare(&ledger, checkpoint)?;
        }
        let every = last.checked_sub(*first).is_some_and(|span| span.checked_add(1) == Some(records));
        Ok(Held { ledger, records, repeats: self.repeats, first: *first, last: *last, every, checkpoint })
    }

    /// The root over the leaves of every position below the checkpoint's size must be its root.
    fn compare(&self, ledger: &str, checkpoint: &Checkpoint) -> Result<()> {
        if ledger != checkpoint.origin {
            return refused("the records are of another ledger than the checkpoint");
        }
        let mut tree = merkle::Growing::default();
        for (wanted, (position, one)) in (0..checkpoint.size).zip(&self.seen) {
            if *position != wanted {
                return refused(format!(
                    "the record at {wanted} is not there: the checkpoint's root is over every event from the first on"
                ));
            }
            tree.push(one.hash);
        }
        if tree.size() != checkpoint.size {
            return refused(format!(
                "the checkpoint is over {} events, and the records end before",
                checkpoint.size
            ));
        }
        if tree.root() != checkpoint.root {
            return refused(
                "the records are not what the checkpoint was signed over: one was changed or exchanged",
            );
        }
        Ok(())
    }
}

/// The ledger, the position and what is compared of a record.
fn parse(line: &[u8]) -> std::result::Result<(String, u64, One), String> {
    let start = line.iter().position(|byte| *byte == b'{').ok_or("it holds no record")?;
    let record: Value = line
        .get(start..)
        .and_then(|json| serde_json::from_slice(json).ok())
        .ok_or("it is not a record in JSON")?;
    let number = |pointer: &str| record.pointer(pointer).and_then(Value::as_u64);
    let word = |pointer: &str| record.pointer(pointer).and_then(Value::as_str);
    let position = number("/unmapped/position").ok_or("it names no position")?;
    let before = match record.pointer("/unmapped/before") {
        Some(Value::Null) => None,
        Some(value) => Some(value.as_u64().ok_or("`before` is no position")?),
        None => return Err("it does not say which record is before it".to_owned()),
    };
    let leaf = word("/raw_data").ok_or("it holds no leaf")?;
    let hash = merkle::leaf(leaf.as_bytes());
    if word("/unmapped/leaf_hash") != Some(text::hex(&hash.0).as_str()) {
        return Err(format!("the leaf of {position} is not the one that was hashed"));
    }
    let inner: Option<Value> = serde_json::from_str(leaf).ok();
    if inner.and_then(|leaf| leaf.get("position")?.as_u64()) != Some(position) {
        return Err(format!("the leaf says that it is at another position than {position}"));
    }
    let ledger = word("/metadata/log_name").ok_or("it names no ledger")?;
    Ok((ledger.to_owned(), position, One { before, hash }))
}
