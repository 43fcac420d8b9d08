//! Where a bucket is, as `site.toml` has it.

use crate::Error;
use crate::error::Result;
use outbound::{Place, WEB};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// What Debian and its like keep the authorities of the machine in.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
const MIB: usize = 1 << 20;

/// A bucket. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The store's address, `https://host:port`; `http://` to this machine alone.
    pub endpoint: String,
    /// The bucket's name.
    pub bucket: String,
    /// The region that requests are signed for.
    #[serde(default = "default_region")]
    pub region: String,
    /// Whether the bucket's name stands in the path; else before the host's name.
    #[serde(default = "yes")]
    pub path_style: bool,
    /// PEM file of the authorities that the store's certificate must come from; the machine's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The network that its name leads into, such as `10.20.0.0/16`, where that is one of the house.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// File of the credentials; the systemd credential `sequestra-s3` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<PathBuf>,
    /// Seconds without a byte after which a try is given up.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
    /// How often a request is tried.
    #[serde(default = "default_tries")]
    pub tries: u32,
    /// Seconds for which an upload in parts that loses the store waits for it, and then goes on with the part at which
    /// it was.
    #[serde(default = "default_patience")]
    pub patience_seconds: u64,
    /// Mebibytes of the first parts of a large body; it lies in memory that long.
    #[serde(default = "default_part")]
    pub part_mib: usize,
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

const fn yes() -> bool {
    true
}

const fn default_timeout() -> u64 {
    30
}

const fn default_tries() -> u32 {
    5
}

const fn default_patience() -> u64 {
    120
}

const fn default_part() -> usize {
    16
}

impl Settings {
    /// A bucket with everything else as usual.
    pub fn new(endpoint: &str, bucket: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            bucket: bucket.to_owned(),
            region: default_region(),
            path_style: true,
            ca: None,
            network: None,
            credentials: None,
            timeout_seconds: default_timeout(),
            tries: default_tries(),
            patience_seconds: default_patience(),
            part_mib: default_part(),
        }
    }

    /// Checks them as far as they can be without asking the store.
    pub fn check(&self) -> Result<()> {
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        if !(3..=63).contains(&self.bucket.len()) || !self.bucket.bytes().all(word) {
            return refuse("a bucket's name has 3 to 63 of `a-z`, `0-9`, `-` and `.`");
        }
        let region = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if self.region.is_empty() || self.region.len() > 64 || !self.region.bytes().all(region) {
            return refuse("a region has letters, digits, `-` and `_`");
        }
        self.place()?;
        if !(1..=600).contains(&self.timeout_seconds) || !(1..=20).contains(&self.tries) {
            return refuse("`timeout_seconds` is 1 to 600, `tries` is 1 to 20");
        }
        if self.patience_seconds > 3_600 {
            return refuse("`patience_seconds` is 0 to 3600");
        }
        if !(5..=512).contains(&self.part_mib) {
            return refuse("`part_mib` is 5 to 512: stores take no smaller parts");
        }
        Ok(())
    }

    /// Where the store is.
    pub(crate) fn place(&self) -> Result<Place> {
        let place = Place::parse(&self.endpoint, WEB, self.network.as_deref())
            .map_err(|why| Error::Settings(format!("`endpoint`: {why}")))?;
        if place.path() != "/" {
            return refuse("`endpoint` is a scheme, a host and a port, and nothing else");
        }
        if !place.is_private() {
            return refuse("`http` without TLS goes to this machine alone");
        }
        Ok(place)
    }

    pub(crate) fn authorities(&self) -> PathBuf {
        self.ca.clone().unwrap_or_else(|| PathBuf::from(AUTHORITIES))
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.patience_seconds)
    }

    pub(crate) fn part(&self) -> usize {
        self.part_mib.saturating_mul(MIB)
    }
}

fn refuse<T>(why: &str) -> Result<T> {
    Err(Error::Settings(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_would_fail_later_are_refused_at_once() {
        for good in
            ["https://s3.example", "https://s3.example:9000/", "http://127.0.0.1:7480", "http://[::1]:1"]
        {
            Settings::new(good, "genomes").check().unwrap();
        }
        for bad in [
            "",
            "s3.example",
            "http://s3.example",
            "ftp://127.0.0.1",
            "https://",
            "https://a/b",
            "https://a?x=1",
            "https://key:secret@s3.example",
            "https://169.254.169.254",
            "https://2130706433",
        ] {
            assert!(matches!(Settings::new(bad, "genomes").check(), Err(Error::Settings(_))), "{bad}");
        }
        let good = Settings::new("https://s3.example", "genomes");
        for bad in ["", "ab", "UPPER", "a/b", "under_score", &"x".repeat(64)] {
            assert!(Settings { bucket: bad.to_owned(), ..good.clone() }.check().is_err(), "{bad}");
        }
        assert!(Settings { region: "eu west".to_owned(), ..good.clone() }.check().is_err());
        assert!(Settings { tries: 0, ..good.clone() }.check().is_err());
        assert!(Settings { timeout_seconds: 0, ..good.clone() }.check().is_err());
        assert!(Settings { patience_seconds: 3_601, ..good.clone() }.check().is_err());
        assert!(Settings { part_mib: 4, ..good }.check().is_err());
    }
}
