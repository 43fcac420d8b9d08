//! Versioned, immutable, sealed objects.
//!
//! Promises: an object's bytes are sealed before they touch the store and lie under a random name;
//! its manifest is in the ledger before it becomes visible; opening takes a permit that covers
//! it; every byte read is checked against the tree whose root the record holds; nothing is ever
//! overwritten; nothing is deleted before its floor or under a hold, by anyone; damage that was
//! found is on record and is given to nobody.
//!
//! * [`store`]: what keeps bodies: the contract, a directory
//! * [`archive`]: the handle, over a store and the rooms below
//! * [`draft`]: bytes on their way in, visible to nobody
//! * [`admit`]: from sealed drafts to visible objects and versions
//! * [`withdraw`]: objects taken back before anything shows them
//! * [`open`], [`watched`]: reading in place, and telling of damage
//! * [`address`]: an object for a recipient's key
//! * [`object`]: what is known about an object
//! * [`retain`]: floors, locks, holds, deletion
//! * [`scrub`]: checks, the rolling scrub, quarantine
//! * [`locks`]: whether the store still forbids what it was told to
//! * [`rolling`]: the site's own scrub, also of a busy site
//! * [`moment`]: from when a floor counts
//! * [`sweep`]: what a crash left, shard by shard
//! * [`standing`]: how the store stands, for the status
//! * [`restored`]: what a backup lists, and what must not come back with one

pub mod address;
pub mod admit;
pub mod archive;
pub mod draft;
pub mod locks;
pub mod moment;
pub mod object;
pub mod open;
pub mod restored;
pub mod retain;
pub mod rolling;
pub mod scrub;
pub mod standing;
pub mod store;
pub mod sweep;
pub mod watched;
pub mod withdraw;

mod count;
mod error;
mod table;

pub use address::Addressed;
pub use archive::{Archive, ArchiveParts};
pub use draft::{Draft, Sealed, Spec};
pub use error::Error;
pub use object::{Form, MadeElsewhere, Object};
pub use open::{Opened, OpenedRaw};
pub use retain::Keeps;
pub use rolling::Rolling;
pub use scrub::{Checked, Pace, Stat, Step};
pub use standing::Standing;
pub use sweep::{Sweep, Swept};
pub use table::MIGRATIONS;
pub use withdraw::Withdrawn;
