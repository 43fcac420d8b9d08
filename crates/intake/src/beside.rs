//! The digest of an upload, computed beside sealing it.
//!
//! MD5, which sequencers ship, takes longer than sealing does. On a thread of its own it holds up nobody who has a
//! second core. What waits for that thread is bounded, and is wiped when it is dropped: these are bytes in clear.

use crate::manifest::{Digest, Hasher};
use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use zeroize::Zeroizing;

/// Bytes handed over at once. A shorter upload needs no thread.
const PIECE: usize = 256 << 10;

/// Made once at its full length, so that it never grows: a buffer that grew would leave what it held behind.
type Piece = Zeroizing<Vec<u8>>;

/// A hasher that moves to a thread of its own once there is enough to hash.
pub(crate) struct Beside {
    at: At,
    /// What was not handed over yet.
    piece: Piece,
}

enum At {
    Here(Hasher),
    There(Running),
    /// The thread could not be had, or is gone.
    Lost,
}

struct Running {
    full: SyncSender<Piece>,
    empty: Receiver<Piece>,
    thread: JoinHandle<Hasher>,
}

impl Beside {
    pub(crate) fn new(hasher: Hasher) -> Self {
        Self { at: At::Here(hasher), piece: piece() }
    }

    /// Takes the next bytes; waits while two pieces are ahead of them.
    pub(crate) fn update(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE - self.piece.len()));
            self.piece.extend_from_slice(now);
            if self.piece.len() == PIECE {
                self.hand_over()?;
            }
            bytes = later;
        }
        Ok(())
    }

    /// The digest of all bytes taken.
    pub(crate) fn finish(self) -> io::Result<Digest> {
        let mut hasher = match self.at {
            At::Here(hasher) => hasher,
            At::There(Running { full, thread, .. }) => {
                drop(full);
                thread.join().map_err(|_| gone())?
            }
            At::Lost => return Err(gone()),
        };
        hasher.update(&self.piece);
        Ok(hasher.finish())
    }

    fn hand_over(&mut self) -> io::Result<()> {
        let running = match std::mem::replace(&mut self.at, At::Lost) {
            At::Here(hasher) => start(hasher)?,
            At::There(running) => running,
            At::Lost => return Err(gone()),
        };
        let empty = running.empty.recv().map_err(|_| gone())?;
        let full = std::mem::replace(&mut self.piece, empty);
        running.full.send(full).map_err(|_| gone())?;
        self.at = At::There(running);
        Ok(())
    }
}

fn start(mut hasher: Hasher) -> io::Result<Running> {
    let (full, pieces) = sync_channel::<Piece>(1);
    let (back, empty): (Sender<Piece>, _) = channel();
    // One is filled, one waits, one is hashed.
    for _ in 0..2 {
        back.send(piece()).map_err(|_| gone())?;
    }
    let thread = thread::Builder::new().name("intake-digest".to_owned()).spawn(move || {
        for mut piece in pieces {
            hasher.update(&piece);
            piece.clear();
            // Whoever fills them may be gone.
            let _ = back.send(piece);
        }
        hasher
    })?;
    Ok(Running { full, empty, thread })
}

fn piece() -> Piece {
    Zeroizing::new(Vec::with_capacity(PIECE))
}

fn gone() -> io::Error {
    io::Error::other("the thread that computes the digest is gone")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_bytes_however_they_come() {
        let bytes: Vec<u8> = (0..5 * PIECE + 77).map(|n| (n * 31 + n / 251) as u8).collect();
        let known = "00".repeat(16);
        for digest in [known.clone(), known.repeat(2)] {
            let digest = Digest::parse(&digest).unwrap();
            for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, bytes.len()] {
                for step in [1_000, PIECE - 1, PIECE, 2 * PIECE + 5, usize::MAX] {
                    let whole = &bytes[..length];
                    let mut alone = digest.hasher();
                    alone.update(whole);
                    let mut beside = Beside::new(digest.hasher());
                    whole.chunks(step).for_each(|piece| beside.update(piece).unwrap());
                    assert_eq!(beside.finish().unwrap(), alone.finish(), "{length} by {step}");
                }
            }
        }
    }

    #[test]
    fn buffers_never_grow_and_are_emptied_between_pieces() {
        let mut beside = Beside::new(Digest::parse(&"0".repeat(32)).unwrap().hasher());
        for n in 0..40usize {
            beside.update(&vec![7; n * 10_007]).unwrap();
            assert_eq!(beside.piece.capacity(), PIECE);
            assert!(beside.piece.len() < PIECE);
        }
    }

    #[test]
    fn a_thread_that_is_gone_fails_what_comes_after() {
        let mut beside = Beside::new(Digest::parse(&"0".repeat(32)).unwrap().hasher());
        beside.at = At::Lost;
        assert!(beside.update(&[7; PIECE - 1]).is_ok());
        assert!(beside.update(&[7]).is_err());
        assert!(beside.finish().is_err());
    }
}
