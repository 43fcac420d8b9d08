//! Readers that tell the archive of damage they meet.

use crate::object::Object;
use crate::{Archive, Error};
use base::{Fault, Kind, ObjectId};
use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// A checked reader of an object. When it meets bytes that are not those that were sealed, the object is
/// suspect from that moment: nobody else opens it, and it is quarantined with a record as soon as
/// [`Archive::settle_suspects`] runs.
pub struct Watched<R> {
    inner: R,
    archive: Archive,
    object: ObjectId,
    version: u32,
}

/// Damage as it travels through `Read`, with the object that it is in.
#[derive(Debug, thiserror::Error)]
#[error("the stored bytes of `{object}` are not those that were sealed")]
pub(crate) struct Damage {
    pub object: ObjectId,
    #[source]
    pub source: seal::Error,
}

impl Archive {
    pub(crate) fn watch<R>(&self, object: &Object, inner: R) -> Watched<R> {
        Watched { inner, archive: self.clone(), object: object.id.clone(), version: object.version }
    }

    /// The error for damage found in `object`, which is suspect from now on.
    pub(crate) fn damaged(&self, object: &Object, source: seal::Error) -> Error {
        if source.kind() == Kind::Integrity {
            self.suspects().insert((object.id.clone(), object.version), word(&source));
        }
        Error::Damaged { object: object.id.clone(), source }
    }

    /// The error for an object of which body or tree is gone. A store that holds nothing at all is not there,
    /// which says nothing about the object. Blocks.
    pub(crate) fn lost(&self, object: &Object) -> Error {
        match self.store.is_there() {
            Ok(true) => {}
            Ok(false) => {
                self.known.set_away(true);
                return Error::Away;
            }
            Err(error) => return error.into(),
        }
        self.suspects().insert((object.id.clone(), object.version), "missing");
        Error::Lost(object.id.clone())
    }
}

/// The closed word for what a check found.
pub(crate) fn word(source: &seal::Error) -> &'static str {
    match source {
        seal::Error::Leaf { .. } | seal::Error::Tag { .. } | seal::Error::Nonce { .. } => "bytes",
        seal::Error::BodyLength { .. } | seal::Error::Truncated { .. } => "length",
        seal::Error::Root | seal::Error::TreeForm(_) => "tree",
        _ => "record",
    }
}

impl<R> Watched<R> {
    /// The reader inside.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    fn told<T>(&self, read: io::Result<T>) -> io::Result<T> {
        read.map_err(|error| match seal::Error::from_io(error) {
            seal::Error::Io(error) => error,
            source if source.kind() == Kind::Integrity => {
                let suspect = (self.object.clone(), self.version);
                self.archive.suspects().insert(suspect, word(&source));
                io::Error::new(io::ErrorKind::InvalidData, Damage { object: self.object.clone(), source })
            }
            other => other.into(),
        })
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out);
        self.told(read)
    }
}

impl<R: BufRead> BufRead for Watched<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if let Err(error) = self.inner.fill_buf() {
            return self.told(Err(error));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
    }
}

impl<R: Seek> Seek for Watched<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}
