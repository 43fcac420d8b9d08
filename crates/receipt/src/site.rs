//! The public keys that an auditor is given: the file `site.pub`.
//!
//! ```text
//! sequestra-site/v1
//! site sit_…
//! ledger name+hash+base64
//! receipts name+hash+base64
//! ```

use crate::{Error, Result};
use base::SiteId;
use ledger::VerifierKey;
use std::{fmt, str::FromStr};

const HEAD: &str = "sequestra-site/v1";

/// A site's public keys. Its text is the file; there is one text for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SitePublic {
    /// The site.
    pub site: SiteId,
    /// Verifies checkpoints and commit records; its name is the ledger's.
    pub ledger: VerifierKey,
    /// Verifies receipts.
    pub receipts: VerifierKey,
}

impl fmt::Display for SitePublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}\nsite {}\nledger {}\nreceipts {}", self.site, self.ledger, self.receipts)
    }
}

impl FromStr for SitePublic {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut lines = text.lines();
        let mut next = |name: &str| lines.next()?.strip_prefix(name);
        let mut parse = || {
            next(HEAD)?;
            Some(Self {
                site: next("site ")?.parse().ok()?,
                ledger: next("ledger ")?.parse().ok()?,
                receipts: next("receipts ")?.parse().ok()?,
            })
        };
        parse().filter(|public| public.to_string() == text).ok_or(Error::BadSite)
    }
}
