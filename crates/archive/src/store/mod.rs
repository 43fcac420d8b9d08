//! What keeps bodies and their trees: the contract that every backend keeps.
//!
//! * [`Local`]: a directory
//! * [`S3`]: a bucket with object lock
//!
//! A backend knows names and bytes. It knows no record, no key and no permit: what it holds is sealed,
//! and its tree lets every reader check what it gives.

mod limit;
mod local;
mod s3;

pub use limit::Limited;
pub use local::{Flag, Local};
pub use s3::S3;

use base::{Entropy, Timestamp};
use std::io::{self, Read, Seek, Write};

/// A body's name: 20 random bytes in hexadecimal. It says nothing, and no two collide, so that "create
/// once" holds also where a server does not know conditional writes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// Characters of a name.
    pub const LENGTH: usize = 40;

    /// A new one.
    pub fn mint(entropy: &dyn Entropy) -> Self {
        Self(hex::encode(base::entropy::bytes::<20>(entropy)))
    }

    /// Takes a name as it was stored; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (text.len() == Self::LENGTH && text.bytes().all(digit)).then(|| Self(text.to_owned()))
    }

    /// The name's bytes.
    pub fn bytes(&self) -> [u8; 20] {
        let mut bytes = [0; 20];
        // INVARIANT (hexadecimal): `mint` and `parse` see to it.
        let _ = hex::decode_to_slice(&self.0, &mut bytes);
        bytes
    }

    /// Whether its first byte is `shard`; any is when there is none.
    pub fn is_in(&self, shard: Option<u8>) -> bool {
        shard.is_none_or(|shard| self.bytes().first() == Some(&shard))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The two things that are kept under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The sealed body.
    Body,
    /// Its integrity tree.
    Tree,
}

impl Part {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Body, Self::Tree];
}

/// What forbids the removal of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lock {
    /// Not before this moment.
    pub until: Option<Timestamp>,
    /// Not while this is set, whatever the moment.
    pub hold: bool,
}

/// Bytes of one part, from any place. A read may be short, and that is not the end.
pub trait Source: Read + Seek + Send {}
impl<T: Read + Seek + Send> Source for T {}

/// A part on its way in. Dropped before [`Incoming::keep`] returned, it leaves nothing that
/// [`Store::open`] gives.
pub trait Incoming: Write + Send {
    /// Ends the part. When this returns, the part is whole and durable, and the backend has compared what
    /// is stored with what was written as far as it can; on an error the caller treats it as absent.
    fn keep(self: Box<Self>) -> io::Result<()>;
}

/// What keeps bodies and their trees. Calls block.
///
/// The contract, which `tests/archive/conformance.rs` holds every backend to:
///
/// 1. **Create once.** [`Store::create`] of a part that exists fails with
///    [`AlreadyExists`](io::ErrorKind::AlreadyExists) and changes nothing. There is no way to change a part.
/// 2. **Whole or absent.** A part that was not kept is not given by [`Store::open`], or the reader's check
///    of its tree refuses it; a part that was kept survives a crash.
/// 3. **Absence is told apart from failure.** [`Store::open`] of what is not there is
///    [`NotFound`](io::ErrorKind::NotFound); anything else is an error of the backend.
/// 4. **Locked is locked.** [`Store::lock`] sets the moment and the hold of a name and gives back what is
///    then in force, as read back. The moment never moves to an earlier one. While either forbids it,
///    [`Store::remove`] fails with [`Locked`] inside and removes nothing.
/// 5. **Removal is idempotent.** Removing what is not there is no error.
/// 6. **Its own place.** Where a place can be swapped for another, as a folder under a mount, [`Store::create`] fails
///    with [`NotOwn`] inside, and puts nothing, unless the place bears the site's mark.
/// 7. **Aside is not gone.** [`Store::set_aside`] takes a name out of [`Store::names`] and out of reach of
///    [`Store::open`]; its bytes stay until [`Store::clear_aside`] finds it old enough.
pub trait Store: Send + Sync + 'static {
    /// Begins a part that is not there yet.
    fn create(&self, name: &Name, part: Part) -> io::Result<Box<dyn Incoming>>;
    /// Opens a part.
    fn open(&self, name: &Name, part: Part) -> io::Result<Box<dyn Source>>;
    /// Sets what forbids the removal of a name that has both parts, and gives what is in force now.
    fn lock(&self, name: &Name, lock: &Lock) -> io::Result<Lock>;
    /// What forbids the removal of a name now.
    fn locked(&self, name: &Name) -> io::Result<Lock>;
    /// Whether each part that is there carries what the backend sets on it beside the lock. A backend that keeps
    /// the lock with the parts sets nothing else.
    fn is_marked(&self, _name: &Name) -> io::Result<bool> {
        Ok(true)
    }
    /// Removes both parts of a name.
    fn remove(&self, name: &Name) -> io::Result<()>;
    /// The names of which any part is there, in no order: those whose first byte is `shard`, or all.
    fn names_in(&self, shard: Option<u8>) -> io::Result<Vec<Name>>;
    /// All of them. Only for a store that is known to be small.
    fn names(&self) -> io::Result<Vec<Name>> {
        self.names_in(None)
    }
    /// Whether any part of any name is there: a folder or a bucket that holds nothing is another one, or away.
    fn is_there(&self) -> io::Result<bool> {
        Ok(!self.names()?.is_empty())
    }
    /// Whether the place is marked as the site's own. A place that tells sites apart by its names needs no mark.
    fn is_own(&self) -> io::Result<bool> {
        Ok(true)
    }
    /// Marks the place as the site's own, durably.
    fn claim(&self) -> io::Result<()> {
        Ok(())
    }
    /// Puts both parts of a name aside.
    fn set_aside(&self, name: &Name) -> io::Result<()>;
    /// Removes what was put aside before `moment`, of the names whose first byte is `shard`, or of all; gives how
    /// many names that were.
    fn clear_aside(&self, moment: Timestamp, shard: Option<u8>) -> io::Result<usize>;
    /// How well it locks, in one sentence for people.
    fn strength(&self) -> String;
}

/// The place does not bear the site's mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the place of the store is not marked as the site's own")]
pub struct NotOwn;

impl From<NotOwn> for io::Error {
    fn from(error: NotOwn) -> Self {
        Self::new(io::ErrorKind::NotConnected, error)
    }
}

/// Why a name was not removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("locked{}{}", .0.until.map(|t| format!(" until {t}")).unwrap_or_default(), if .0.hold { ", under a legal hold" } else { "" })]
pub struct Locked(pub Lock);

impl Locked {
    /// The refusal as a backend tells it.
    pub fn refuse(lock: Lock) -> io::Error {
        io::Error::new(io::ErrorKind::PermissionDenied, Self(lock))
    }

    /// The lock inside a refusal.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()).copied()
    }
}

impl Lock {
    /// Whether it forbids a removal at `now`.
    pub fn forbids(&self, now: Timestamp) -> bool {
        self.hold || self.until.is_some_and(|until| now < until)
    }

    /// What holds after asking for `asked`: the later moment, and the hold that was asked for.
    #[must_use]
    pub fn moved_to(&self, asked: &Self) -> Self {
        Self { until: self.until.max(asked.until), hold: asked.hold }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SystemEntropy;

    #[test]
    fn names_are_forty_hexadecimal_digits() {
        let name = Name::mint(&SystemEntropy);
        assert_eq!(Name::parse(name.as_str()), Some(name));
        for bad in [
            "",
            "ab",
            &"g".repeat(40),
            &"A".repeat(40),
            &"a".repeat(41),
            "../../../../../../../../../../../etc/pas",
        ] {
            assert_eq!(Name::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_name_is_in_one_shard() {
        let name = Name::parse(&format!("c0{}", "1".repeat(38))).unwrap();
        let shards: Vec<u8> = (0..=255).filter(|shard| name.is_in(Some(*shard))).collect();
        assert!(shards == [0xc0] && name.is_in(None));
    }

    #[test]
    fn a_moment_never_moves_back_and_a_hold_is_what_was_asked() {
        let (early, late) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
        let now = Lock { until: Some(late), hold: true };
        for (asked, until, hold) in [(Some(early), Some(late), false), (None, Some(late), true)] {
            assert_eq!(now.moved_to(&Lock { until: asked, hold }), Lock { until, hold });
        }
        assert_eq!(Lock::default().moved_to(&Lock { until: Some(early), hold: false }).until, Some(early));
        assert!(now.forbids(Timestamp::MAX) && !Lock::default().forbids(early));
        assert!(!Lock { until: Some(early), hold: false }.forbids(early));
    }
}
