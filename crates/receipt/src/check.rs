//! The check of a receipt, offline.

use crate::{Error, Receipt, Result, SitePublic, Statement};
use base::{Sha256, Timestamp};
use ledger::leaf::Leaf;
use serde::Deserialize;

/// The event that records a receipt in the ledger.
const EVENT: &str = "receipt-issued";

/// A receipt that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// What it says.
    pub statement: Statement,
    /// Where the ledger recorded it.
    pub position: u64,
    /// When the ledger recorded it.
    pub time: Timestamp,
    /// The size of the ledger that it was proved against.
    pub ledger_size: u64,
}

/// The parts of the event that bind it to a statement.
#[derive(Deserialize)]
struct Issued {
    event: String,
    payload: Sha256,
}

/// Checks the bytes of a receipt file against the site's public keys.
///
/// 1. The document is in its one form.
/// 2. The receipt key signed the statement; it is of this site and this ledger.
/// 3. The ledger's key signed the checkpoint, with no further signature that nobody checked.
/// 4. The leaf is in the tree of that checkpoint, at the position named.
/// 5. The leaf is an event that names the digest of the statement, after the decision it names.
pub fn verify(bytes: &[u8], public: &SitePublic) -> Result<Verified> {
    let receipt = Receipt::parse(bytes)?;
    let (statement, digest) = receipt.envelope.open(&public.receipts)?;
    let named = &statement.predicate;
    if named.site != public.site || named.ledger.origin != public.ledger.name() {
        return Err(Error::OtherSite);
    }
    let inclusion = &receipt.inclusion;
    // Signatures of keys unknown here would be bytes that nothing protects.
    if inclusion.checkpoint.matches("\n\u{2014} ").count() != 1 {
        return Err(Error::Malformed("its checkpoint has other than one signature"));
    }
    let checkpoint = ledger::verify::checkpoint(&inclusion.checkpoint, &public.ledger)?;
    ledger::verify::inclusion(
        inclusion.leaf.as_bytes(),
        inclusion.position,
        checkpoint.size,
        checkpoint.root,
        &inclusion.hashes()?,
    )?;
    let leaf = Leaf::parse(inclusion.leaf.as_bytes()).ok_or(Error::NotBound)?;
    let issued: Issued = serde_json::from_str(leaf.event).map_err(|_| Error::NotBound)?;
    let bound = issued.event == EVENT
        && issued.payload == digest
        && leaf.position == inclusion.position
        && named.ledger.position < leaf.position;
    if !bound {
        return Err(Error::NotBound);
    }
    let time = leaf.time.parse().map_err(|_| Error::NotBound)?;
    Ok(Verified { position: leaf.position, time, ledger_size: checkpoint.size, statement })
}
