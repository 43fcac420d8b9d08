//! Backups of a site: made, checked, and put back without what was erased.
//!
//! Promises: a backup holds sealed bytes and the ledger, and opens by nothing that lies in it; each set is
//! vouched for by the ledger, and each file by its set; what was interrupted goes on; what was erased,
//! deleted, held or taken away after a backup stays so in the site that comes out of it, as far as a newer
//! ledger tells. The format and what a restore cannot know: `docs/spec/backup.md`.
//!
//! In reading order:
//! * [`place`]: the folder of a backup
//! * [`set`]: one backup: its head and lists
//! * [`recovery`]: the file that opens an epoch when the site is lost
//! * [`create`], [`verify`]: what a live site does; inside, `begin`: a set's database and lists
//! * [`mirror`]: the copy of the ledger
//! * [`restore`]: files back into a folder; [`tombs`]: what must not come back
//! * inside: `files` (whole or absent), `sealed` (the database under the set's key)

pub mod create;
pub mod mirror;
pub mod place;
pub mod recovery;
pub mod restore;
pub mod set;
pub mod tombs;
pub mod verify;

mod begin;
mod error;
mod files;
mod sealed;

pub use create::{Backup, Parts, Progress, Turn, Wanted};
pub use error::Error;
pub use place::Place;
pub use recovery::Recovery;
pub use set::{Head, Set};
pub use tombs::Tombs;
pub use verify::Look;
