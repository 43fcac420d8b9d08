//! The same walls around a parser of untrusted bytes: bytes in, a verdict out, nothing to write to.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout};
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::cancel::CancelToken;
use crate::error::{Error, Result};
use crate::jail::{Inside, Jail};
use crate::job::Finished;
use crate::limits::Limits;
use crate::lines::Lines;
use crate::root::Root;
use crate::supervise::{Orders, watch};

/// A program made ready for many starts; cheap to clone. It has no scratch and no writable file.
///
/// Inside, the program given to [`crate::Executor::filter`] is called `filter`.
#[derive(Clone)]
pub struct Filter {
    jail: Jail,
    root: Arc<Root>,
}

/// A started parser.
pub struct FilterChild {
    /// Feed it here and drop it at the end. Writing fails with a broken pipe once it has ended.
    pub stdin: Option<ChildStdin>,
    /// Read its answer here. The reader sets the bound.
    pub stdout: Option<ChildStdout>,
    cancel: CancelToken,
    watcher: Option<JoinHandle<Result<Finished>>>,
}

/// What a parser that was fed to its end answered.
#[derive(Debug)]
pub struct Filtered {
    /// How it ended.
    pub finished: Finished,
    /// What it wrote to standard output, cut at the bound.
    pub answer: Vec<u8>,
    /// Whether it wrote more than the bound.
    pub cut: bool,
    /// Bytes that it took before it ended.
    pub fed: u64,
}

impl Filter {
    pub(crate) fn new(jail: Jail, root: Root) -> Self {
        Self { jail, root: Arc::new(root) }
    }

    /// Starts the parser. A watcher thread keeps its limits; dropping the child ends it.
    pub fn start(&self, argv: &[&str], limits: &Limits) -> Result<FilterChild> {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        let inside = Inside { root: &self.root, scratch: None, argv: &argv, env: &[], limits, fed: true };
        let mut started = self.jail.start(&inside)?;
        let (stdin, stdout) = (started.outer.stdin.take(), started.outer.stdout.take());
        let lines = Lines::read(None::<std::io::Empty>, started.outer.stderr.take());
        let cancel = CancelToken::new();
        let (token, limits, root) = (cancel.clone(), limits.clone(), Arc::clone(&self.root));
        let watcher = std::thread::Builder::new().name("filter-watcher".to_owned()).spawn(move || {
            // The file system must outlive the process that stands on it.
            let _root = root;
            let orders = Orders {
                limits: &limits,
                cancel: &token,
                lease: &mut || true,
                scratch: None,
                on_line: &mut |_, _| (),
            };
            watch(started, lines, orders)
        });
        let watcher = watcher.map_err(Error::io("watch", Path::new("filter")))?;
        Ok(FilterChild { stdin, stdout, cancel, watcher: Some(watcher) })
    }

    /// Feeds `input` to a fresh start and returns its answer of at most `most` bytes.
    ///
    /// An error of reading `input` is an error here; a parser that ends early, is killed or fails is
    /// `Ok` with a [`Finished`] that says so. More than `most` bytes of answer stop it.
    pub fn feed(
        &self,
        argv: &[&str],
        limits: &Limits,
        mut input: impl Read + Send,
        most: usize,
    ) -> Result<Filtered> {
        let mut child = self.start(argv, limits)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let cancel = child.cancel.clone();
        let mut answer = vec![];
        let mut cut = false;
        let fed = std::thread::scope(|scope| {
            let feeder = scope.spawn(move || pour(&mut input, stdin));
            if let Some(stdout) = stdout {
                let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
                let _ = stdout.take(bound).read_to_end(&mut answer);
                cut = answer.len() > most;
                answer.truncate(most);
            }
            if cut {
                cancel.cancel();
            }
            feeder.join().unwrap_or_else(|_| Err(std::io::Error::other("the feeding thread failed")))
        });
        let finished = child.wait()?;
        let fed = fed.map_err(Error::io("read", Path::new("input")))?;
        Ok(Filtered { finished, answer, cut, fed })
    }

    /// See [`crate::Executor::probe_version`].
    pub(crate) fn first_line(&self, argv: &[&str], limits: &Limits) -> Result<String> {
        let filtered = self.feed(argv, limits, std::io::empty(), 64 << 10)?;
        let answer = String::from_utf8_lossy(&filtered.answer).into_owned();
        let log = filtered.finished.log_tail;
        let lines: Vec<&str> = answer.lines().chain(log.iter().map(String::as_str)).map(str::trim).collect();
        let versions = lines.iter().find(|line| line.to_ascii_lowercase().starts_with("version"));
        let line = versions.or_else(|| lines.iter().find(|line| !line.is_empty()));
        let line = line.ok_or(Error::NoVersion)?;
        Ok(line.chars().filter(|c| !c.is_control()).take(200).collect())
    }
}

impl FilterChild {
    /// Closes what is left of the pipes and waits for the end.
    pub fn wait(mut self) -> Result<Finished> {
        drop((self.stdin.take(), self.stdout.take()));
        self.join()
    }

    fn join(&mut self) -> Result<Finished> {
        let gone = || Error::Walls("the watcher of a parser failed".to_owned());
        self.watcher.take().ok_or_else(gone)?.join().map_err(|_| gone())?
    }
}

impl Drop for FilterChild {
    fn drop(&mut self) {
        if self.watcher.is_some() {
            self.cancel.cancel();
            let _ = self.join();
        }
    }
}

/// Copies until the end of the input or of the parser. A parser that has seen enough is no error.
fn pour(input: &mut impl Read, pipe: Option<ChildStdin>) -> std::io::Result<u64> {
    let Some(mut pipe) = pipe else { return Ok(0) };
    let mut buffer = vec![0u8; 64 << 10];
    let mut fed = 0;
    loop {
        let count = input.read(&mut buffer)?;
        let piece = buffer.get(..count).unwrap_or_default();
        if piece.is_empty() || pipe.write_all(piece).is_err() {
            return Ok(fed);
        }
        fed += u64::try_from(count).unwrap_or_default();
    }
}
