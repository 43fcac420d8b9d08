//! What the program itself refuses: settings that do not fit what the site has.

use base::{Fault, Kind};
use std::path::{Path, PathBuf};

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
    /// The sealed keys are of another site than the settings say.
    #[error("the sealed keys are those of another site than site.toml names")]
    OtherSite,
    /// Something is where a site is to be.
    #[error("`{}` is not empty; a site needs a folder of its own", .0.display())]
    NotEmpty(PathBuf),
    /// A ledger's name of the wrong shape.
    #[error("`{0}` is no name for a ledger")]
    LedgerName(String),
    /// A folder that the machine refuses.
    #[error("`{}` cannot be used: {source}", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The folder is somebody else's.
    #[error("`{}` belongs to another user of this machine", .0.display())]
    OtherUser(PathBuf),
    /// No reads where the demo is to find them.
    #[error("`{}` has no `{file}`", folder.display())]
    NoData {
        /// The folder.
        folder: PathBuf,
        /// What it lacks.
        file: &'static str,
    },
}

impl Error {
    /// For `map_err`, with the path.
    pub fn unusable(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Unusable { path, source }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Unread { .. } | Self::NoData { .. } => Kind::NotFound,
            Self::NotEmpty(_) => Kind::Conflict,
            Self::Unusable { .. } => Kind::Unavailable,
            Self::OtherUser(_) => Kind::Denied,
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
            Self::OtherSite => "SEQUESTRA-008",
            Self::NotEmpty(_) => "SEQUESTRA-009",
            Self::LedgerName(_) => "SEQUESTRA-010",
            Self::Unusable { .. } => "SEQUESTRA-011",
            Self::OtherUser(_) => "SEQUESTRA-012",
            Self::NoData { .. } => "SEQUESTRA-013",
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
            Self::OtherSite => {
                return Some("`site` and `ledger` in site.toml are as `init` wrote them: put the copy of this site back".to_owned());
            }
            Self::NotEmpty(_) => return Some("name a folder that is absent or empty".to_owned()),
            Self::LedgerName(_) => {
                return Some(
                    "1 to 60 lower-case letters, digits, `-`, `.` and `/`, none of the marks at an end: such as \
                     `ledger.example.org/lab`"
                        .to_owned(),
                );
            }
            Self::Unusable { .. } => {
                return Some(
                    "see that it is there, that its file system is not read-only, has room, and lets your account write"
                        .to_owned(),
                );
            }
            Self::OtherUser(_) => return Some("run the command as that user (`sudo -u`)".to_owned()),
            Self::NoData { .. } => {
                return Some("`sequestra demo-data DIR` writes a folder of that layout".to_owned());
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

    #[test]
    fn a_users_mistake_is_told_as_one() {
        let path = || PathBuf::from("/somewhere");
        for (error, kind) in [
            (Error::OtherSite, Kind::Invalid),
            (Error::NotEmpty(path()), Kind::Conflict),
            (Error::LedgerName("Bad Name!".to_owned()), Kind::Invalid),
            (Error::unusable(&path())(std::io::ErrorKind::ReadOnlyFilesystem.into()), Kind::Unavailable),
            (Error::OtherUser(path()), Kind::Denied),
            (Error::NoData { folder: path(), file: "reference.fa" }, Kind::NotFound),
        ] {
            assert!(error.kind() == kind && error.hint().is_some(), "{error}");
        }
    }
}
