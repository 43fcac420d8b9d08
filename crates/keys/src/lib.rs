//! The key hierarchy: site root, project and subject keys, object session keys.
//!
//! Promises: no key is printable; a session key is wrapped by its project's key and, when exactly
//! one subject is in the object, inside that by the subject's key, bound to the object's id and
//! version; unwrapping takes a permit, so its record is durable before the key is used; without
//! the passphrase nothing opens.
//!
//! * [`sealed`]: the site's secrets as a file under a passphrase
//! * [`hierarchy`]: project and subject keys, and the session keys under them
//! * [`wrap`]: the one wrapping primitive
//! * [`field`]: readable audit fields under a project's key

pub mod field;
pub mod hierarchy;
pub mod sealed;
pub mod wrap;

mod error;
mod table;

pub use error::Error;
pub use hierarchy::{Binding, Keys};
pub use sealed::{Passphrase, SiteSecrets};
pub use table::MIGRATIONS;
