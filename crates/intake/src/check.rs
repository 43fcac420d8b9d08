//! The FASTQ check behind its walls: no network, no file, capped memory, processor and time.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use executor::{Executor, Filter, Filtered};

use crate::child::{Outcome, read_outcome};
use crate::{Error, Limits};

/// An answer beyond this is none: room for the name blocks of ten thousand million reads.
const MOST_ANSWER: usize = 48 << 20;
/// Memory of the child: a few lines of the longest kind, its program, its name blocks.
const MEMORY: u64 = 512 << 20;
/// The child waits for the sender's line, so its time is long; its processor time is not.
const WALL: Duration = Duration::from_secs(48 * 3600);
/// A file whose length nobody announced is given the processor time of this many bytes.
const UNANNOUNCED: u64 = 1 << 40;

/// How the untrusted-FASTQ check is run: a program that calls [`crate::child::run`], in
/// [`executor::Filter`]. Cheap to clone.
#[derive(Clone)]
pub struct FastqCheck {
    filter: Filter,
    argv: Vec<String>,
}

/// How a check ended.
pub(crate) struct Checked {
    /// What the child found, or why there is nothing to be believed.
    pub outcome: Result<Outcome, &'static str>,
    /// Bytes that the child took.
    pub fed: u64,
}

impl FastqCheck {
    /// Makes `program` ready to be started for each file with `words` and, last, `caps` as JSON: the
    /// product's own program, its internal subcommand, which gives its last word to [`crate::child::run`].
    ///
    /// # Errors
    /// Those of [`Executor::filter`].
    pub fn new(executor: &Executor, program: &Path, words: &[&str], caps: &Limits) -> Result<Self, Error> {
        let mut argv = vec!["filter".to_owned()];
        argv.extend(words.iter().map(|word| (*word).to_owned()));
        argv.push(serde_json::to_string(caps).map_err(|_| Error::Task)?);
        Ok(Self { filter: executor.filter(program)?, argv })
    }

    /// Feeds `body`, of which `length` bytes were announced, to a fresh child. Blocks.
    pub(crate) fn run(&self, body: impl Read + Send, length: Option<u64>) -> Result<Checked, Error> {
        let argv: Vec<&str> = self.argv.iter().map(String::as_str).collect();
        let filtered = self.filter.feed(&argv, &limits(length), body, MOST_ANSWER)?;
        Ok(Checked { outcome: believe(&filtered), fed: filtered.fed })
    }
}

/// 30 s of processor and one more for each 8 MiB: five times what a slow machine needs.
fn limits(length: Option<u64>) -> executor::Limits {
    executor::Limits {
        wall: WALL,
        cpu_seconds: (length.unwrap_or(UNANNOUNCED) >> 23).saturating_add(30),
        memory_bytes: MEMORY,
        ..executor::Limits::for_filter()
    }
}

/// A child is believed when it ended well and said exactly one thing.
fn believe(filtered: &Filtered) -> Result<Outcome, &'static str> {
    let end = &filtered.finished;
    match end {
        _ if filtered.cut => Err("it answered too much"),
        _ if end.oom => Err("it needed more memory than it may have"),
        _ if end.timed_out => Err("it took too long"),
        _ if end.stopped.is_some() => Err("it was stopped at its limits"),
        _ if end.signal.is_some() => Err("it was killed"),
        _ if !end.success() => Err("it failed"),
        _ => match read_outcome(&filtered.answer) {
            // A finding goes to the sender's screen: one that holds more than a shape is no finding of ours.
            Ok(Outcome::Refused(fault)) if !fault.is_plain() => Err("it gave no answer that can be read"),
            answer => answer.map_err(|_| "it gave no answer that can be read"),
        },
    }
}
