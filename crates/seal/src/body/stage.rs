//! What sealed segments pass on their way out: the tree, then the stream below. On the writer's thread, or on
//! one beside it, so that the next segments are sealed meanwhile.

use crate::{Error, Result, TreeBuilder};
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

/// Tree and stream.
pub(super) struct Below<W> {
    pub tree: TreeBuilder,
    pub inner: W,
}

impl<W: Write> Below<W> {
    pub(super) fn take(&mut self, sealed: &[u8]) -> io::Result<()> {
        self.tree.update(sealed);
        self.inner.write_all(sealed)
    }
}

/// A buffer, and how much of it is filled.
type Piece = (Vec<u8>, usize);
/// What the thread ends with; nothing when it was given nothing.
type Ended<W> = Option<(Box<Below<W>>, io::Result<()>)>;

/// The same on another thread. Dropping it waits until that one has let go of the stream.
pub(super) struct Beside<W> {
    /// None once nothing more will come.
    full: Option<SyncSender<Piece>>,
    empty: Receiver<Vec<u8>>,
    thread: Option<JoinHandle<Ended<W>>>,
}

impl<W: Write + Send + 'static> Beside<W> {
    /// Hands `below` to a thread of its own, or back when none can be had. Buffers have `room` bytes.
    pub(super) fn start(below: Box<Below<W>>, room: usize) -> std::result::Result<Self, Box<Below<W>>> {
        let (hand_over, taken) = sync_channel::<Box<Below<W>>>(1);
        let (full, pieces) = sync_channel::<Piece>(1);
        let (back, empty) = channel();
        // One is filled, one waits, one is on its way out.
        let _ = back.send(vec![0; room]);
        let _ = back.send(vec![0; room]);
        let spawned = thread::Builder::new().name("seal-below".to_owned()).spawn(move || {
            let mut below = taken.recv().ok()?;
            let done = pass(&mut below, &pieces, &back);
            Some((below, done))
        });
        match spawned {
            Err(_) => Err(below),
            Ok(thread) => {
                // The thread waits for it; were it gone, the first piece would say so.
                let _ = hand_over.send(below);
                Ok(Self { full: Some(full), empty, thread: Some(thread) })
            }
        }
    }
}

/// Passes pieces on until no more come, or one fails.
fn pass<W: Write>(below: &mut Below<W>, pieces: &Receiver<Piece>, back: &Sender<Vec<u8>>) -> io::Result<()> {
    for (piece, filled) in pieces {
        below.take(piece.get(..filled).unwrap_or_default())?;
        let _ = back.send(piece);
    }
    Ok(())
}

impl<W> Beside<W> {
    /// Passes the first `filled` bytes of `piece` on and puts an empty buffer in its place. An error may be that
    /// of an earlier piece.
    pub(super) fn take(&mut self, piece: &mut Vec<u8>, filled: usize) -> Result<()> {
        let sent = self.full.as_ref().is_some_and(|full| full.send((std::mem::take(piece), filled)).is_ok());
        match self.empty.recv() {
            Ok(empty) if sent => {
                *piece = empty;
                Ok(())
            }
            // It ended early: what it ended with says why.
            _ => self.end().and(Err(Error::Spent)),
        }
    }

    /// Waits until everything has passed.
    pub(super) fn end(&mut self) -> Result<Box<Below<W>>> {
        self.full = None;
        let ended = self.thread.take().and_then(|thread| thread.join().ok()).flatten();
        let (below, done) = ended.ok_or(Error::Library)?;
        done.map_err(Error::from_io)?;
        Ok(below)
    }
}

impl<W> Drop for Beside<W> {
    fn drop(&mut self) {
        let _ = self.end();
    }
}
