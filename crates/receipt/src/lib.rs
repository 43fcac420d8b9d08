//! Signed in-toto receipts with ledger inclusion proofs, made and verified offline.
//!
//! Promises:
//! * A receipt verifies with nothing but its file and the site's public keys ([`SitePublic`]).
//! * Any changed byte of the file is refused: the document has one form, and every part of it is
//!   signed, or hashed into something signed.
//! * It names things by id and bytes by the root over their ciphertext: no label, no digest of
//!   anything in clear.
//!
//! The format: `docs/spec/receipt.md`.
//!
//! In reading order:
//! * [`statement`]: what a receipt says (in-toto Statement v1)
//! * [`envelope`]: the signature around it (DSSE)
//! * [`document`]: the file: envelope and ledger proof together
//! * [`site`]: the public keys that an auditor is given
//! * [`verify()`]: the check

pub mod document;
pub mod envelope;
pub mod error;
pub mod site;
pub mod statement;

mod check;

pub use check::{Verified, verify};
pub use document::{Inclusion, Receipt};
pub use envelope::{Envelope, sign};
pub use error::{Error, Result};
pub use site::SitePublic;
pub use statement::{
    Ledger, Object, PREDICATE_TYPE, Predicate, Reference, Statement, Subject, Tool, What, Workflow,
};
