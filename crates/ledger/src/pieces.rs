//! Files read into memory that is used again: fresh memory for each costs more than reading does.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What is read of a segment at once: few calls, and still near the processor when it is looked at.
const PIECE: usize = 1 << 20;

/// One whole file after another.
#[derive(Default)]
pub(crate) struct Whole {
    memory: Vec<u8>,
    length: usize,
}

impl Whole {
    /// Reads the file at `path`; after an error there is nothing.
    pub(crate) fn read(&mut self, path: &Path) -> io::Result<&[u8]> {
        self.length = 0;
        let file = File::open(path)?;
        let mut length = 0;
        loop {
            if self.memory.len() == length {
                self.memory.resize((length * 2).max(64 * 1024), 0);
            }
            let space = self.memory.get_mut(length..).unwrap_or_default();
            match read_at(&file, space, length as u64)? {
                0 => break,
                read => length += read,
            }
        }
        self.length = length;
        Ok(self.bytes())
    }

    /// What was read last.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.memory.get(..self.length).unwrap_or_default()
    }
}

/// A segment, of which a part is in memory.
#[derive(Default)]
pub(crate) struct Window {
    file: Option<File>,
    /// The file's length when it was opened, or where it turned out to end.
    pub length: u64,
    /// Bytes of the file from `start` on, `filled` of them.
    memory: Vec<u8>,
    start: u64,
    filled: usize,
}

impl Window {
    /// Looks at another file.
    pub(crate) fn open(&mut self, path: &Path) -> io::Result<()> {
        let file = File::open(path)?;
        (self.length, self.start, self.filled) = (file.metadata()?.len(), 0, 0);
        self.file = Some(file);
        Ok(())
    }

    /// The bytes from `offset` on that are in memory: at least so many, unless the file ends before.
    pub(crate) fn at(&mut self, offset: u64, least: usize) -> io::Result<&[u8]> {
        let least = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX).min(least);
        let skip = offset.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        let mut skip = skip.filter(|skip| *skip <= self.filled).unwrap_or_else(|| {
            (self.start, self.filled) = (offset, 0);
            0
        });
        if self.filled - skip < least {
            self.memory.copy_within(skip..self.filled, 0);
            (self.start, self.filled, skip) = (offset, self.filled - skip, 0);
            self.fill(least.max(PIECE))?;
        }
        Ok(self.memory.get(skip..self.filled).unwrap_or_default())
    }

    /// Reads on until there are `wanted` bytes, or the file ends.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        if self.memory.len() < wanted {
            self.memory.resize(wanted, 0);
        }
        while let Some(file) = self.file.as_ref()
            && let Some(space) = self.memory.get_mut(self.filled..wanted).filter(|space| !space.is_empty())
        {
            let from = self.start + self.filled as u64;
            match read_at(file, space, from)? {
                0 => {
                    self.length = from;
                    break;
                }
                read => self.filled += read,
            }
        }
        Ok(())
    }

    /// Whether all bytes from `offset` on are NUL.
    pub(crate) fn is_unwritten(&mut self, mut offset: u64) -> io::Result<bool> {
        loop {
            let piece = self.at(offset, 1)?;
            if !crate::frame::is_unwritten(piece) {
                return Ok(false);
            }
            if piece.is_empty() {
                return Ok(true);
            }
            offset += piece.len() as u64;
        }
    }
}

fn read_at(file: &File, space: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(space, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_those_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> =
            (0..3_000_000u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        let (mut window, mut whole) = (Window::default(), Whole::default());
        for length in [bytes.len(), 0, 1, PIECE, PIECE + 1, 70_000] {
            let path = dir.path().join("file");
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(whole.read(&path).unwrap() == &bytes[..length], "{length}");
            window.open(&path).unwrap();
            assert_eq!(window.length, length as u64);
            // Forwards in steps of all sizes, backwards, beyond the end, and more than a piece.
            let mut steps: Vec<(usize, usize)> =
                (0..40).map(|n| (n * length / 37, 1 << (n % 23))).chain([(0, 5), (length / 2, 0)]).collect();
            steps.push((7, length));
            for (offset, least) in steps {
                let piece = window.at(offset as u64, least).unwrap();
                let rest = bytes[..length].get(offset..).unwrap_or_default();
                assert!(piece.len() >= least.min(rest.len()), "{length} {offset} {least}");
                assert!(rest.starts_with(piece), "{length} {offset} {least}");
            }
        }
        assert!(whole.read(&dir.path().join("none")).is_err() && whole.bytes().is_empty());
    }

    #[test]
    fn a_byte_behind_many_nuls_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut window = Window::default();
        for (at, unwritten_from) in [(None, 0), (Some(2 * PIECE + 77), 2 * PIECE + 78), (Some(0), 1)] {
            let mut bytes = vec![0; 3 * PIECE + 5];
            at.into_iter().for_each(|at: usize| bytes[at] = 1);
            std::fs::write(&path, bytes).unwrap();
            for (from, expected) in [(unwritten_from, true), (0, at.is_none()), (4 * PIECE, true)] {
                window.open(&path).unwrap();
                assert_eq!(window.is_unwritten(from as u64).unwrap(), expected, "{at:?} {from}");
            }
        }
    }
}
