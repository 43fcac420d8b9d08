//! What is written about requests: one JSON object a line, free of whom and what they are about.

use crate::counts::Counts;
use crate::failure::Error;
use base::{RequestId, Timestamp};
use rustix::fs::OFlags;
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

/// Lines that wait to be written. More are lost, and counted.
const WAITING: usize = 4096;

/// A request that has ended. No address, account, id of data, path or query has a place here.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// When it ended.
    pub time: Timestamp,
    /// The request, as the ledger knows it.
    pub request: RequestId,
    /// The route's name in the contract.
    pub route: &'static str,
    /// The answer's status.
    pub status: u16,
    /// Milliseconds to the answer's last byte.
    pub ms: f64,
    /// Bytes of its body that came.
    pub received: u64,
    /// Bytes of the answer's body that left.
    pub sent: u64,
    /// `door` or `socket`.
    pub over: &'static str,
    /// Whether the answer did not leave whole.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// Why it was refused, where its answer does not say: one of a few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
}

enum Item {
    Line(Box<Line>),
    /// Answered when all before it is written.
    Settle(SyncSender<()>),
}

/// A log with a thread of its own. A writer that takes nothing holds up no request.
#[derive(Debug)]
pub struct Log {
    send: SyncSender<Item>,
}

/// Where lines go, open and not written to yet.
pub struct Place(Box<dyn Write + Send>);

impl Place {
    /// A file, or stderr.
    pub fn open(file: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = file else { return Ok(Self(Box::new(io::stderr()))) };
        if !path.is_absolute() {
            return Err(Error::Settings("`[log] file` is no absolute path".to_owned()));
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)
            .map_err(|error| Error::Settings(format!("`[log] file` cannot be opened: {error}")))?;
        Ok(Self(Box::new(file)))
    }
}

impl Log {
    /// A log to `place`. `counts` gets how many lines were lost.
    pub fn to(place: Place, counts: Arc<Counts>) -> Self {
        let writer = place.0;
        let (send, receive) = sync_channel(WAITING);
        std::thread::spawn(move || write(&receive, writer, &counts));
        Self { send }
    }

    /// Writes a line, soon; false if it is lost.
    pub fn line(&self, line: Line) -> bool {
        self.send.try_send(Item::Line(Box::new(line))).is_ok()
    }

    /// Waits until all is written, `patience` at most.
    pub fn settle(&self, patience: Duration) {
        let (done, written) = sync_channel(1);
        let mut item = Item::Settle(done);
        for _ in 0..patience.as_millis() {
            match self.send.try_send(item) {
                Ok(()) => {
                    let _ = written.recv_timeout(patience);
                    return;
                }
                // It waits behind all lines, and those leave no place for it yet.
                Err(TrySendError::Full(again)) => item = again,
                Err(TrySendError::Disconnected(_)) => return,
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A line, and how many were lost since the one before it.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    line: &'a Line,
    #[serde(skip_serializing_if = "is_none")]
    lost: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it by reference")]
const fn is_none(lost: &u64) -> bool {
    *lost == 0
}

fn write(receive: &Receiver<Item>, mut writer: impl Write, counts: &Counts) {
    let mut told = 0;
    while let Ok(item) = receive.recv() {
        match item {
            Item::Line(line) => {
                let lost = counts.lines_lost();
                let written = Written { line: &line, lost: lost.saturating_sub(told) };
                // One write a line, so that lines of two writers do not mix.
                let mut text = serde_json::to_vec(&written).unwrap_or_default();
                text.push(b'\n');
                match writer.write_all(&text) {
                    Ok(()) => told = lost,
                    Err(_) => counts.line_lost(),
                }
            }
            Item::Settle(done) => drop(done.send(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Id, SystemEntropy};
    use std::sync::Mutex;

    fn line() -> Line {
        Line {
            time: Timestamp::UNIX_EPOCH,
            request: RequestId::mint(&SystemEntropy),
            route: "sample show",
            status: 200,
            ms: 4.125,
            received: 0,
            sent: 812,
            over: "door",
            cut: false,
            why: None,
        }
    }

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>, Arc<Mutex<()>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _held = self.1.lock().unwrap();
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_an_object_and_lost_ones_are_counted() {
        let (kept, counts) = (Kept::default(), Arc::new(Counts::default()));
        let log = Log::to(Place(Box::new(kept.clone())), Arc::clone(&counts));
        // A writer that takes nothing: lines are lost, and nobody waits.
        let held = kept.1.lock().unwrap();
        let lost = (0..2 * WAITING).filter(|_| !log.line(line())).inspect(|_| counts.line_lost()).count();
        assert!(lost >= WAITING - 1, "{lost}");
        drop(held);
        log.settle(Duration::from_secs(10));
        assert!(log.line(line()));
        log.settle(Duration::from_secs(10));
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let told: u64 = lines.iter().filter_map(|line| line["lost"].as_u64()).sum();
        assert_eq!((lines.len() + lost, told), (2 * WAITING + 1, lost as u64));
        let mut names: Vec<&str> = lines[0].as_object().unwrap().keys().map(String::as_str).collect();
        names.retain(|name| *name != "lost");
        names.sort_unstable();
        let mut expected = ["time", "request", "route", "status", "ms", "received", "sent", "over"];
        expected.sort_unstable();
        assert_eq!(names, expected);
    }
}
