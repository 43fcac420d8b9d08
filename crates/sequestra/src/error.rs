//! What the program itself refuses: settings that do not fit what the site has.

use base::{Fault, Kind};
use std::path::PathBuf;

/// The page of the guide that says what to write.
const PAGE: &str = "docs/guide/bucket.md";

/// Settings that cannot be read, or do not fit what the site has.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bodies are in a bucket, and `site.toml` names none.
    #[error("the bodies of the site are in the bucket `{0}`, which site.toml does not name")]
    InBucket(String),
    /// Both kinds of lock are asked for.
    #[error("`immutable` is for bodies in the site's folder, and site.toml names a bucket")]
    TwoLocks,
    /// The bodies are in another bucket.
    #[error("the bodies of the site are in the bucket `{here}`, and site.toml names `{named}`")]
    OtherBucket {
        /// Where they are.
        here: String,
        /// What is named.
        named: String,
    },
    /// The bodies are in the folder, and `site.toml` names a bucket.
    #[error("the bodies of the site are in its folder, and site.toml names the bucket `{0}`")]
    InFolder(String),
    /// A file of settings is not what it should be.
    #[error("`{}` is not valid: {why}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// Where, and what of it.
        why: String,
    },
    /// A file of settings is not there, or cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Unread {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Unread { .. } => Kind::NotFound,
            _ => Kind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::InBucket(_) => "SEQUESTRA-002",
            Self::TwoLocks => "SEQUESTRA-003",
            Self::OtherBucket { .. } => "SEQUESTRA-004",
            Self::InFolder(_) => "SEQUESTRA-005",
            Self::Settings { .. } => "SEQUESTRA-006",
            Self::Unread { .. } => "SEQUESTRA-007",
        }
    }

    fn hint(&self) -> Option<String> {
        let what = match self {
            Self::InBucket(bucket) => {
                format!("write `[archive.s3]` with its `endpoint` and `bucket = \"{bucket}\"` into site.toml")
            }
            Self::TwoLocks => {
                "remove `immutable` from `[archive]`: a bucket has a lock of its own".to_owned()
            }
            Self::OtherBucket { here, .. } => {
                format!("write `bucket = \"{here}\"` under `[archive.s3]`: a site keeps its first place")
            }
            Self::InFolder(_) => {
                "remove `[archive.s3]`: a bucket is named before the first body, and bodies are not moved"
                    .to_owned()
            }
            Self::Settings { .. } => {
                return Some("mend that line; docs/spec/site.md lists what the file can say".to_owned());
            }
            Self::Unread { .. } => {
                return Some(
                    "name a `site.toml` of your own that this account of the machine can read".to_owned(),
                );
            }
        };
        Some(format!("{what}; see {PAGE}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_says_what_to_write_and_where_to_read() {
        let (here, named) = ("genomes".to_owned(), "other".to_owned());
        for (error, word) in [
            (Error::InBucket(here.clone()), "bucket = \"genomes\""),
            (Error::TwoLocks, "remove `immutable`"),
            (Error::OtherBucket { here: here.clone(), named }, "bucket = \"genomes\""),
            (Error::InFolder(here), "remove `[archive.s3]`"),
        ] {
            let hint = error.hint().unwrap();
            assert!(hint.contains(word) && hint.contains(PAGE), "{error}: {hint}");
            assert_eq!(error.kind(), Kind::Invalid);
        }
    }
}
