//! What can go wrong with keys.

use base::{Fault, Kind};

/// Failures of the key hierarchy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The passphrase does not open the site's secrets.
    #[error("the passphrase does not open this site")]
    Passphrase,
    /// A passphrase too short to protect a site.
    #[error("the passphrase has fewer than {0} characters")]
    WeakPassphrase(usize),
    /// The sealed file is not one, or not one of this version.
    #[error("the sealed key file is not readable")]
    SealedFile,
    /// The derivation of the passphrase's key failed.
    #[error("the passphrase's key could not be derived")]
    Derive,
    /// A wrapped key does not open under the key and binding it should.
    #[error("a wrapped key does not open: it was changed, moved or wrapped under another key")]
    Unwrap,
    /// A key could not be wrapped.
    #[error("a key could not be wrapped")]
    Wrap,
    /// There is no key with this name: never made, or shredded.
    #[error("there is no key for `{0}`")]
    NoKey(String),
    /// A share that is not one, or was mistyped.
    #[error("a share is not readable: it was mistyped or cut")]
    Share,
    /// A share of another site, or of an older set of this one.
    #[error("a share is of another set than the site's secrets are sealed under")]
    ForeignShare,
    /// The same share twice.
    #[error("share {0} was given twice")]
    SameShare(u8),
    /// Not enough shares.
    #[error("{given} of {needed} shares were given")]
    FewShares {
        /// How many it takes.
        needed: u8,
        /// How many came.
        given: usize,
    },
    /// A split that makes no sense or protects nothing.
    #[error("{needed} of {made} shares is no split: it takes 2 of 2 to 16 of 16")]
    Split {
        /// How many it would take.
        needed: u8,
        /// How many would be made.
        made: u8,
    },
    /// The wrong kind of credential for the provider of this site.
    #[error("the site's secrets are sealed under {0}")]
    OtherProvider(&'static str),
    /// The device or service that holds the key cannot be reached.
    #[error("the key's {what} cannot be used: {why}")]
    Unavailable {
        /// `token` or `key service`.
        what: &'static str,
        /// What it or its library says; it holds no secret.
        why: String,
    },
    /// The device or service does not accept the credential.
    #[error("the key's {0} does not accept the credential")]
    Credential(&'static str),
    /// A project whose class asks for more than one passphrase.
    #[error("a {0} project needs a site whose secrets are under shares, a token or a key service")]
    Custody(base::Class),
    /// There is nothing to shred or to rotate under this name.
    #[error("`{0}` is no scope of keys")]
    NoScope(String),
    /// The scope's keys were shredded.
    #[error("the keys of `{0}` were shredded: what they sealed cannot be read again")]
    Shredded(String),
    /// Shredding is refused.
    #[error("shredding is refused: {0}")]
    Held(&'static str),
    /// Rows of a scope are left on an older key.
    #[error("{0} rows are still on an older key")]
    RowsLeft(u64),
    /// The old key of a scope is to be destroyed, and not every row was seen to open with the new one.
    #[error("not every row was opened with the new key yet")]
    NotChecked,
    /// The prepared file was made from other secrets than the site has now.
    #[error("no move to another provider is prepared, or the site's root was rotated since")]
    NotPrepared,
    /// Intervals at which nothing would be asked.
    #[error("`[keys.asking]` takes 1 to 3600 as `every_seconds` and at most 86400 as `silent_seconds`")]
    Asking,
    /// What unseals the site was taken away while it was open.
    #[error("the site gave up its keys: what unseals it was taken away")]
    GivenUp,
    /// The sealed file cannot be read or written.
    #[error("the sealed key file cannot be read or written")]
    File(#[from] std::io::Error),
    /// The permit does not allow it.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The metadata database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl From<db::sea_orm::DbErr> for Error {
    fn from(error: db::sea_orm::DbErr) -> Self {
        Self::Db(error.into())
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Passphrase | Self::Credential(_) => Kind::Denied,
            Self::WeakPassphrase(_)
            | Self::Share
            | Self::ForeignShare
            | Self::SameShare(_)
            | Self::FewShares { .. }
            | Self::Split { .. }
            | Self::Asking => Kind::Invalid,
            Self::SealedFile | Self::Unwrap => Kind::Integrity,
            Self::Derive | Self::Wrap => Kind::Internal,
            Self::NoKey(_) | Self::NoScope(_) => Kind::NotFound,
            Self::OtherProvider(_)
            | Self::Custody(_)
            | Self::Shredded(_)
            | Self::Held(_)
            | Self::RowsLeft(_)
            | Self::NotChecked
            | Self::NotPrepared => Kind::Conflict,
            Self::Unavailable { .. } | Self::GivenUp | Self::File(_) => Kind::Unavailable,
            Self::Access(e) => e.kind(),
            Self::Db(e) => e.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Passphrase => "KEYS-001",
            Self::WeakPassphrase(_) => "KEYS-002",
            Self::SealedFile => "KEYS-003",
            Self::Derive => "KEYS-004",
            Self::Unwrap => "KEYS-005",
            Self::Wrap => "KEYS-006",
            Self::NoKey(_) => "KEYS-007",
            Self::Share => "KEYS-008",
            Self::ForeignShare => "KEYS-009",
            Self::SameShare(_) => "KEYS-010",
            Self::FewShares { .. } => "KEYS-011",
            Self::Split { .. } => "KEYS-012",
            Self::OtherProvider(_) => "KEYS-013",
            Self::Unavailable { .. } => "KEYS-014",
            Self::Credential(_) => "KEYS-015",
            Self::Custody(_) => "KEYS-016",
            Self::NoScope(_) => "KEYS-017",
            Self::Shredded(_) => "KEYS-018",
            Self::Held(_) => "KEYS-019",
            Self::RowsLeft(_) => "KEYS-020",
            Self::NotPrepared => "KEYS-021",
            Self::File(_) => "KEYS-022",
            Self::NotChecked => "KEYS-023",
            Self::Asking => "KEYS-024",
            Self::GivenUp => "KEYS-025",
            Self::Access(e) => e.code(),
            Self::Db(e) => e.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Passphrase => {
                "type it again, or give the right file with `--passphrase-file`; a damaged `keys/site.sealed` looks the same: \
                 if the passphrase is surely right, restore that file from a backup"
            }
            Self::WeakPassphrase(_) => "use a sentence, or 20 random characters from a generator",
            Self::SealedFile => "restore the site's `keys` folder from a backup",
            Self::Share => "copy the whole line again, from `share1.` to its last character",
            Self::ForeignShare => "gather shares that were printed together, for this site, last",
            Self::SameShare(_) => "ask another holder for theirs",
            Self::FewShares { .. } => {
                "give one `--share-file` for each holder, or type the shares at the prompt"
            }
            Self::Split { .. } => "2-of-3 is a good beginning",
            Self::Unavailable { .. } => {
                "see that it is plugged in or running, and look at `[keys]` in site.toml"
            }
            Self::Credential("key service") => {
                "get a new token or secret id for the role, with the right to encrypt and decrypt by this key"
            }
            Self::Credential(_) => {
                "a token locks itself after some wrong PINs: ask its officer before trying on"
            }
            Self::Custody(_) => {
                "move the site first: `sequestra keys migrate --to shares --split 2-of-3 --shares-out DIR`, or to a token, then \
                 `sequestra keys migrate --complete`; where a move is prepared already, only that is left to do"
            }
            Self::NoKey(_) => {
                "it was never made, or it was shredded or has ended: `sequestra keys status` lists what there is"
            }
            Self::Shredded(_) => {
                "it is done, and its certificate is kept: `sequestra audit search --about prj_…` shows its id, and \
                 `receipt show del_…` gives it again"
            }
            Self::File(_) => "check that `keys/site.sealed` is there, its permissions, and space on its disk",
            Self::Held(_) => {
                "`consent withdraw` ends the use meanwhile; shred when the hold or the floor has ended"
            }
            Self::RowsLeft(_) | Self::NotChecked => "run the rotation again: it goes on where it stopped",
            Self::Asking => "leave it out for 60 and 300",
            Self::GivenUp => "put back what unseals the site; the next command opens it again",
            Self::NotPrepared => "begin again: `sequestra keys migrate --to …`",
            Self::Access(e) => return e.hint(),
            Self::Db(e) => return e.hint(),
            _ => return None,
        };
        Some(text.into())
    }
}
