//! Versioned, immutable, sealed objects.
//!
//! Promises: an object's bytes are sealed before they touch the disk and lie under a random name;
//! its manifest is in the ledger before it becomes visible; opening takes a permit that covers
//! it; every byte read is checked against the tree whose root the record holds; nothing is ever
//! overwritten.
//!
//! * [`draft`]: bytes on their way in, visible to nobody
//! * [`admit`]: from sealed drafts to visible objects
//! * [`withdraw`]: objects taken back before anything shows them
//! * [`open`]: reading in place
//! * [`address`]: an object for a recipient's key
//! * [`object`]: what is known about an object
//! * [`store`]: the folder of bodies

pub mod address;
pub mod admit;
pub mod draft;
pub mod object;
pub mod open;
pub mod store;
pub mod withdraw;

mod error;
mod table;

pub use address::Addressed;
pub use draft::{Draft, Sealed, Spec};
pub use error::Error;
pub use object::{Form, Object};
pub use open::{Opened, OpenedRaw};
pub use store::Archive;
pub use table::MIGRATIONS;
pub use withdraw::Withdrawn;
