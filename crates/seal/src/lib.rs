//! The sealed-object format: Crypt4GH header and segments, plus the integrity tree.
//!
//! The room knows bytes and keys, `Read` and `Write`; it opens no file and asks nobody's leave.
//! The format is written down in `docs/spec/sealed-object.md`.
//!
//! Promises:
//! * A body is a sequence of Crypt4GH segments that every Crypt4GH reader decodes once a
//!   [`header`] stands in front of it.
//! * No plaintext byte leaves [`body::Reader`] before the leaf of its segment, the segment's tag
//!   and the segment's nonce have been checked. Swapped, repeated, dropped, cut or altered
//!   segments are refused, for a range as for the whole.
//! * The end of an object is where its record says, never where a read came back short.
//! * No key prints itself, and every key and plaintext buffer is wiped when dropped.
//!
//! Modules, in reading order:
//! * [`key`]: session keys, and the key pairs of people
//! * [`segment`]: the one segment, its sizes and its nonce
//! * [`tree`]: the integrity tree over a stored body
//! * [`body`]: writing and reading a sealed body
//! * [`verified`]: reading a stored body as it lies, checked against its tree
//! * [`header`], [`edit`]: the Crypt4GH header and its edit list
//! * [`foreign`]: reading a Crypt4GH stream that someone else made
//! * [`keyfile`]: Crypt4GH key files
//! * [`error`]: what can go wrong

mod blocks;
pub mod body;
pub mod edit;
pub mod error;
pub mod foreign;
pub mod header;
pub mod key;
pub mod keyfile;
pub mod segment;
pub mod tree;
pub mod verified;

pub use body::{Expected, Sealed};
pub use edit::EditList;
pub use error::{Error, Result};
pub use key::{PublicKey, SecretKey, SessionKey};
pub use tree::{Tree, TreeBuilder};
