//! A replica as `site.toml` has it.

use crate::Error;
use crate::error::Result;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One `[[replica]]`. Either `directory` or `s3`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Its name: 1 to 32 of `a-z0-9-`. It stands in the status, in events, and names the kept position.
    pub name: String,
    /// A folder, by its absolute path; on another disk, or mounted from another host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// Whether the folder's files get the file system's immutable flag. A machine that cannot set it is refused.
    #[serde(default)]
    pub immutable: bool,
    /// A bucket with object lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<bucket::Settings>,
    /// Days for which each file is locked in a bucket.
    #[serde(default = "default_retain")]
    pub retain_days: u32,
    /// Seconds between two rounds.
    #[serde(default = "default_every")]
    pub every_seconds: u64,
    /// Seconds behind after which the site's status names it.
    #[serde(default = "default_alarm")]
    pub alarm_seconds: u64,
}

const fn default_retain() -> u32 {
    3_660
}

const fn default_every() -> u64 {
    30
}

const fn default_alarm() -> u64 {
    300
}

impl Settings {
    /// A replica in a folder, everything else as usual.
    pub fn in_directory(name: &str, directory: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            directory: Some(directory),
            immutable: false,
            s3: None,
            retain_days: default_retain(),
            every_seconds: default_every(),
            alarm_seconds: default_alarm(),
        }
    }

    /// Checks all of a site's replicas, as far as they can be without looking at their places.
    pub fn check_all(all: &[Self]) -> Result<()> {
        for (at, one) in all.iter().enumerate() {
            one.check()?;
            if all.iter().take(at).any(|other| other.name == one.name) {
                return Err(one.refuse("another replica has its name"));
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=32).contains(&self.name.len()) || !self.name.bytes().all(word) {
            return Err(self.refuse("its name takes 1 to 32 of `a-z`, `0-9` and `-`"));
        }
        if !(1..=36_500).contains(&self.retain_days) {
            return Err(self.refuse("`retain_days` is 1 to 36500"));
        }
        if !(1..=3_600).contains(&self.every_seconds) {
            return Err(self.refuse("`every_seconds` is 1 to 3600"));
        }
        match (&self.directory, &self.s3) {
            (Some(folder), None) if folder.is_absolute() => Ok(()),
            (Some(_), None) => Err(self.refuse("the path of its folder is not absolute")),
            (None, Some(_)) if self.immutable => Err(self.refuse("`immutable` is for folders")),
            (None, Some(s3)) => s3.check().map_err(|error| self.refuse(error.to_string())),
            _ => Err(self.refuse("it takes either `directory` or `s3`")),
        }
    }

    pub(crate) fn refuse(&self, why: impl Into<String>) -> Error {
        let name = self.name.chars().filter(|c| !c.is_control()).take(40).collect();
        Error::Settings { name, why: why.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_has_one_place_and_a_name_of_its_own() {
        let good = Settings::in_directory("vault", "/mnt/vault".into());
        let s3 = bucket::Settings::new("https://s3.example", "ledgers");
        Settings::check_all(&[
            good.clone(),
            Settings { name: "b".into(), directory: None, s3: Some(s3.clone()), ..good.clone() },
        ])
        .unwrap();
        for bad in [
            vec![good.clone(), good.clone()],
            vec![Settings { name: String::new(), ..good.clone() }],
            vec![Settings { name: "A/b".into(), ..good.clone() }],
            vec![Settings { directory: None, ..good.clone() }],
            vec![Settings { directory: Some("vault".into()), ..good.clone() }],
            vec![Settings { s3: Some(s3.clone()), ..good.clone() }],
            vec![Settings { directory: None, immutable: true, s3: Some(s3), ..good.clone() }],
            vec![Settings { retain_days: 0, ..good.clone() }],
            vec![Settings { every_seconds: 0, ..good }],
        ] {
            assert!(matches!(Settings::check_all(&bad), Err(Error::Settings { .. })), "{bad:?}");
        }
    }
}
