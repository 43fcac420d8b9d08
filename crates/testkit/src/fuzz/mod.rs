//! Parsers of bytes that others may have written, driven by changed bytes.
//!
//! A [`Target`] is a plain function of bytes that says what must hold for any of them: not only
//! that nothing panics, but also that what is accepted is what was written. [`drive`] feeds it its
//! corpus and seeded changes of it; the same seed tries the same bytes. `make test` runs each for
//! a fixed number of inputs, `make fuzz NAME=… TIME=…` for as long as one likes.
//!
//! * [`targets`]: all of them; [`sealed`], [`recorded`] and [`outside`]: what they look at
//! * [`mutate`]: how bytes are changed

pub mod mutate;
pub mod outside;
pub mod recorded;
pub mod sealed;

use crate::crash::Dice;
use anyhow::{Context, Result};
use base::{Clock, SystemClock};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A verdict on one input: why a promise is broken, if so.
pub type Verdict = Result<(), String>;

/// Looks at one input.
pub type Look = dyn Fn(&[u8]) -> Verdict;

/// One parser with what must hold of it.
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// Inputs of our own making.
    pub seeds: Vec<Vec<u8>>,
    /// Looks at one input.
    pub run: Box<Look>,
}

/// Every target.
pub fn targets() -> Result<Vec<Target>> {
    let mut all = sealed::targets().context("the targets of sealed objects")?;
    all.extend(recorded::targets().context("the targets of the ledger")?);
    all.extend(outside::targets().context("the targets of what passes outside")?);
    Ok(all)
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After so many changed inputs.
    Inputs(u64),
    /// After this time.
    Time(Duration),
}

/// An input that breaks a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The input, as small as it could be made.
    pub input: Vec<u8>,
    /// What it breaks.
    pub why: String,
}

/// What a drive gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Driven {
    /// Inputs looked at.
    pub inputs: u64,
    /// The first that breaks a promise.
    pub broken: Option<Broken>,
}

/// The folder with a folder of inputs for each target.
pub fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The inputs of a target: its seeds and what lies in its corpus, in order of their names.
pub fn inputs(target: &Target, corpus: &Path) -> Result<Vec<Vec<u8>>> {
    let folder = corpus.join(target.name);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .with_context(|| format!("the corpus of `{}` is not there", target.name))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    files.sort();
    let mut all = target.seeds.clone();
    for file in files {
        all.push(std::fs::read(file)?);
    }
    Ok(all)
}

/// Feeds `target` the inputs and changes of them.
pub fn drive(target: &Target, inputs: &[Vec<u8>], seed: u64, until: Until) -> Driven {
    let clock = SystemClock::default();
    let begun = clock.monotonic();
    let mut done = 0;
    for input in inputs {
        done += 1;
        if let Err(why) = look(target, input) {
            return Driven { inputs: done, broken: Some(smallest(target, input.clone(), why)) };
        }
    }
    let mut dice = Dice::new(seed);
    loop {
        let ended = match until {
            Until::Inputs(count) => done >= count,
            Until::Time(time) => clock.monotonic().saturating_sub(begun) >= time,
        };
        if ended {
            return Driven { inputs: done, broken: None };
        }
        let input = mutate::change(inputs, &mut dice);
        done += 1;
        if let Err(why) = look(target, &input) {
            return Driven { inputs: done, broken: Some(smallest(target, input, why)) };
        }
    }
}

/// The verdict on `input`; a panic is one.
pub fn look(target: &Target, input: &[u8]) -> Verdict {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).unwrap_or_else(|_| Err("it panics".to_owned()))
}

/// Takes parts away for as long as a promise stays broken.
fn smallest(target: &Target, mut input: Vec<u8>, mut why: String) -> Broken {
    let mut part = input.len() / 2;
    while part > 0 {
        let mut at = 0;
        while at < input.len() {
            let mut less = input.clone();
            less.drain(at..(at + part).min(input.len()));
            match look(target, &less) {
                Err(reason) => (input, why) = (less, reason),
                Ok(()) => at += part,
            }
        }
        part /= 2;
    }
    Broken { input, why }
}

/// Fails with `why` unless `holds`.
pub(crate) fn must(holds: bool, why: &str) -> Verdict {
    if holds { Ok(()) } else { Err(why.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_promise_is_found_and_made_small() {
        let run = |input: &[u8]| must(!input.contains(&b'!'), "it holds a mark");
        let target = Target { name: "marks", seeds: vec![b"nothing to see".to_vec()], run: Box::new(run) };
        let driven = drive(&target, &target.seeds, 1, Until::Inputs(100_000));
        assert_eq!(driven.broken, Some(Broken { input: b"!".to_vec(), why: "it holds a mark".to_owned() }));
        assert!(drive(&target, &target.seeds, 1, Until::Inputs(100_000)) == driven, "another sequence");
        let panics = |input: &[u8]| must(input[3] < 250, "high");
        let target = Target { name: "panics", seeds: vec![vec![0; 9]], run: Box::new(panics) };
        let broken = drive(&target, &target.seeds, 1, Until::Inputs(100_000)).broken.unwrap();
        assert!(["it panics", "high"].contains(&broken.why.as_str()), "{broken:?}");
    }
}
