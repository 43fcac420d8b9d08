//! The key hierarchy: site root, project and subject keys, object session keys.
//!
//! Promises: no key is printable; a session key is wrapped by its project's key and, when exactly
//! one subject is in the object, inside that by the subject's key, bound to the object's id and
//! version; unwrapping takes a permit, so its record is durable before the key is used; without
//! what the provider asks for nothing opens; each row names the generation of the key that wraps
//! it, so that a rotation can stop anywhere and go on. `docs/spec/keys.md` says the formats.
//!
//! * [`provider`]: what the secrets are sealed under: [`passphrase`], [`shares`], [`token`], [`transit`]
//! * [`sealed`]: the site's secrets as a file; [`safe`]: where it lies, and moves to other providers; [`ask`]: whether
//!   the provider of an open site still opens it
//! * [`root`]: the root keys; [`scope`]: keys of site, projects and subjects, by generation
//! * [`hierarchy`]: the session keys of objects
//! * [`rotate`]: new keys by wrapping anew; [`shred`]: keys destroyed, and what that erased;
//!   [`backup`]: the short-lived keys of key-store backups; [`restored`]: a site that was restored
//! * [`wrap`]: the one wrapping primitive; [`locked`]: the memory that keys lie in
//! * [`columns`]: the key of sealed columns of the database
//! * [`identity`]: the keys of the identity map
//! * [`field`]: readable audit fields under the field keys of their scopes

pub mod ask;
pub mod backup;
pub mod columns;
pub mod field;
pub mod hierarchy;
pub mod identity;
pub mod locked;
pub mod passphrase;
pub mod provider;
pub mod restored;
pub mod root;
pub mod rotate;
pub mod safe;
pub mod scope;
pub mod sealed;
pub mod shares;
pub mod shred;
pub mod token;
pub mod transit;
pub mod wrap;

mod error;
mod table;

pub use error::Error;
pub use hierarchy::{Binding, Keys};
pub use identity::MapKeys;
pub use passphrase::Passphrase;
pub use provider::{Custody, Provider, Wrapped};
pub use root::Roots;
pub use rotate::{Rotated, Standing};
pub use safe::{Credential, Plan, Reach, Safe, Sealing};
pub use sealed::{SealedFile, SiteSecrets};
pub use shares::{Share, Shares};
pub use shred::{Cleared, Erasure, Holds, Shredded};
pub use table::MIGRATIONS;
