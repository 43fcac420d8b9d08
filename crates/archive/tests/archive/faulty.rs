//! A store that behaves badly on purpose, around one that does not.

use archive::store::{Incoming, Lock, Name, Part, Source, Store};
use base::Timestamp;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: calls are counted.
    None,
    /// The call of this number fails.
    Fails(u64),
    /// Reads and writes take one byte at a time, and are interrupted now and then.
    Drips,
    /// The body's byte at this place comes back with a bit changed.
    Changes(u64),
    /// Bodies end this many bytes early.
    CutsShort(u64),
    /// Bodies are not there.
    Loses,
}

/// A store and what goes wrong with it.
pub struct Faulty {
    inner: Arc<dyn Store>,
    fault: Fault,
    calls: Arc<AtomicU64>,
}

impl Faulty {
    pub fn new(inner: Arc<dyn Store>, fault: Fault) -> Self {
        Self { inner, fault, calls: Arc::default() }
    }

    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    fn call(&self) -> io::Result<()> {
        count(&self.calls, self.fault)
    }
}

fn count(calls: &AtomicU64, fault: Fault) -> io::Result<()> {
    let number = calls.fetch_add(1, Ordering::Relaxed);
    match fault {
        Fault::Fails(at) if at == number => Err(io::Error::other("made to fail")),
        Fault::Drips if number % 7 == 3 => Err(io::ErrorKind::Interrupted.into()),
        _ => Ok(()),
    }
}

impl Store for Faulty {
    fn create(&self, name: &Name, part: Part) -> io::Result<Box<dyn Incoming>> {
        if self.fault != Fault::Drips {
            self.call()?;
        }
        let inner = self.inner.create(name, part)?;
        Ok(Box::new(Writing { inner, fault: self.fault, calls: self.calls.clone() }))
    }

    fn open(&self, name: &Name, part: Part) -> io::Result<Box<dyn Source>> {
        if self.fault != Fault::Drips {
            self.call()?;
        }
        if self.fault == Fault::Loses && part == Part::Body {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut inner = self.inner.open(name, part)?;
        let length = inner.seek(SeekFrom::End(0))?;
        inner.seek(SeekFrom::Start(0))?;
        let fault = match (self.fault, part) {
            (Fault::Changes(_) | Fault::CutsShort(_), Part::Tree) => Fault::None,
            (fault, _) => fault,
        };
        let ends = match fault {
            Fault::CutsShort(by) => length - by,
            _ => length,
        };
        Ok(Box::new(Reading { inner, fault, calls: self.calls.clone(), at: 0, ends }))
    }

    fn lock(&self, name: &Name, lock: &Lock) -> io::Result<Lock> {
        self.call()?;
        self.inner.lock(name, lock)
    }

    fn locked(&self, name: &Name) -> io::Result<Lock> {
        self.call()?;
        self.inner.locked(name)
    }

    fn remove(&self, name: &Name) -> io::Result<()> {
        self.call()?;
        self.inner.remove(name)
    }

    fn names_in(&self, shard: Option<u8>) -> io::Result<Vec<Name>> {
        self.call()?;
        self.inner.names_in(shard)
    }

    fn set_aside(&self, name: &Name) -> io::Result<()> {
        self.call()?;
        self.inner.set_aside(name)
    }

    fn clear_aside(&self, moment: Timestamp, shard: Option<u8>) -> io::Result<usize> {
        self.call()?;
        self.inner.clear_aside(moment, shard)
    }

    fn strength(&self) -> String {
        self.inner.strength()
    }
}

struct Writing {
    inner: Box<dyn Incoming>,
    fault: Fault,
    calls: Arc<AtomicU64>,
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        count(&self.calls, self.fault)?;
        let some = if self.fault == Fault::Drips { bytes.len().min(1) } else { bytes.len() };
        self.inner.write(&bytes[..some])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Incoming for Writing {
    fn keep(self: Box<Self>) -> io::Result<()> {
        if self.fault != Fault::Drips {
            count(&self.calls, self.fault)?;
        }
        self.inner.keep()
    }
}

struct Reading {
    inner: Box<dyn Source>,
    fault: Fault,
    calls: Arc<AtomicU64>,
    at: u64,
    ends: u64,
}

impl Read for Reading {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        count(&self.calls, self.fault)?;
        let left = usize::try_from(self.ends.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = if self.fault == Fault::Drips { 1 } else { usize::MAX };
        let some = out.len().min(left).min(most);
        let taken = self.inner.read(&mut out[..some])?;
        if let Fault::Changes(place) = self.fault
            && (self.at..self.at + taken as u64).contains(&place)
        {
            out[(place - self.at) as usize] ^= 0x10;
        }
        self.at += taken as u64;
        Ok(taken)
    }
}

impl Seek for Reading {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::End(by) => SeekFrom::Start(self.ends.saturating_add_signed(by)),
            to => to,
        };
        self.at = self.inner.seek(to)?;
        Ok(self.at)
    }
}
