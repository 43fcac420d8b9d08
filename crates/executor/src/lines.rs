//! The live output of a job, line by line, with bounds.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Which of the two outputs a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Bytes of a line that are kept.
pub const LONGEST_LINE: usize = 4096;
/// Bytes of each output that are passed on; the rest is read and thrown away.
pub const MOST_BYTES: usize = 4 << 20;
/// Lines kept for [`crate::Finished::log_tail`].
pub const TAIL: usize = 64;

/// Reads the outputs of a job on threads of their own.
pub struct Lines {
    receiver: Receiver<(Stream, String)>,
    readers: Vec<JoinHandle<()>>,
    tail: VecDeque<String>,
}

impl Lines {
    /// Starts to read the pipes that are there.
    pub fn read<O, E>(out: Option<O>, err: Option<E>) -> Self
    where
        O: Read + Send + 'static,
        E: Read + Send + 'static,
    {
        let (sender, receiver) = sync_channel(1024);
        let mut readers = vec![];
        if let Some(out) = out {
            let sender = sender.clone();
            readers.push(std::thread::spawn(move || pump(Stream::Out, out, &sender)));
        }
        if let Some(err) = err {
            readers.push(std::thread::spawn(move || pump(Stream::Err, err, &sender)));
        }
        Self { receiver, readers, tail: VecDeque::new() }
    }

    /// Hands over what has arrived.
    pub fn drain(&mut self, on_line: &mut dyn FnMut(Stream, &str)) {
        while let Ok((stream, line)) = self.receiver.try_recv() {
            self.pass(stream, line, on_line);
        }
    }

    /// Hands over the rest, once the job has ended, and returns the last lines.
    pub fn finish(mut self, on_line: &mut dyn FnMut(Stream, &str)) -> Vec<String> {
        while let Ok((stream, line)) = self.receiver.recv() {
            self.pass(stream, line, on_line);
        }
        for reader in std::mem::take(&mut self.readers) {
            let _ = reader.join();
        }
        self.tail.into()
    }

    fn pass(&mut self, stream: Stream, line: String, on_line: &mut dyn FnMut(Stream, &str)) {
        on_line(stream, &line);
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }
}

fn pump(stream: Stream, pipe: impl Read, sender: &SyncSender<(Stream, String)>) {
    let mut pipe = BufReader::with_capacity(64 << 10, pipe);
    let mut passed = 0usize;
    loop {
        let mut line = Vec::new();
        let limit = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
        match (&mut pipe).take(limit).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                let cut = line.last() != Some(&b'\n') && count == LONGEST_LINE;
                if cut && pipe.skip_until(b'\n').is_err() {
                    return;
                }
                if passed > MOST_BYTES {
                    continue;
                }
                passed += count;
                let mut text = clean(&line);
                if cut {
                    text.push('…');
                }
                if passed > MOST_BYTES {
                    text = "(further output is not kept)".to_owned();
                }
                // The watcher is gone only when it failed; the job must still not block on us.
                let _ = sender.send((stream, text));
            }
        }
    }
}

/// Text without control characters: a line must not steer the terminal or the log that shows it.
fn clean(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.trim_end_matches(['\n', '\r'])
        .chars()
        .map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: Vec<u8>) -> Vec<String> {
        let lines = Lines::read(Some(std::io::Cursor::new(bytes)), None::<std::io::Empty>);
        let mut seen = vec![];
        lines.finish(&mut |_, line| seen.push(line.to_owned()));
        seen
    }

    #[test]
    fn lines_are_cut_and_cleaned() {
        assert_eq!(all(b"a\x1b[2Jb\r\nlast".to_vec()), ["a\u{fffd}[2Jb", "last"]);
        let long = all([vec![b'x'; 3 * LONGEST_LINE], b"\nnext\n".to_vec()].concat());
        assert_eq!((long[0].chars().count(), long[1].as_str()), (LONGEST_LINE + 1, "next"));
    }

    #[test]
    fn a_flood_ends() {
        let seen = all(b"0123456789abcde\n".repeat(MOST_BYTES / 16 + 100));
        assert_eq!(seen.last().unwrap(), "(further output is not kept)");
        assert!(seen.len() <= MOST_BYTES / 16 + 2);
    }
}
