//! A stream as `site.toml` has it.

use crate::Error;
use base::AgreementId;
use outbound::{Place, Refused};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// One `[[audit.stream]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Its name: 1 to 32 of `a-z0-9-`. It names the kept position, too: another name begins anew.
    pub name: String,
    /// Where to: `file:/path`, `syslog+tls://host:port`, `https://host/path`, or `http://` to this machine.
    pub to: String,
    /// PEM file of the authorities that the receiver's certificate must come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// SHA-256 of the receiver's certificate (DER) in hexadecimal, instead of authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// The network that its name leads into, such as `10.20.0.0/16`, where that is one of the house.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// File that holds a bearer token for HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// The agreement that the stream stands on: without it being live nothing is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<AgreementId>,
    /// Bytes after which a file is put aside and a new one begun.
    #[serde(default = "default_rotate")]
    pub rotate_bytes: u64,
    /// Seconds for which the oldest record may wait before the stream counts as lagging.
    #[serde(default = "default_lag")]
    pub lag_seconds: u32,
}

/// What is spoken, and on which port unless another is named.
const SCHEMES: &[(&str, u16)] = &[("syslog+tls", 6514), ("https", 443), ("http", 80)];

const fn default_rotate() -> u64 {
    64 << 20
}

const fn default_lag() -> u32 {
    300
}

/// Where records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    File(PathBuf),
    Syslog(Place),
    /// Under TLS, or to this machine.
    Post(Place),
}

/// Checks all streams of a site: each by itself, and that no two have one name, which names the kept position.
pub fn check_all(streams: &[Settings]) -> Result<(), Error> {
    let mut names = BTreeSet::new();
    for stream in streams {
        stream.check()?;
        if !names.insert(stream.name.as_str()) {
            return Err(stream.refuse("another stream has its name"));
        }
    }
    Ok(())
}

impl Settings {
    /// Checks the settings as far as they can be without asking the receiver.
    pub fn check(&self) -> Result<(), Error> {
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if self.name.is_empty() || self.name.len() > 32 || !self.name.bytes().all(word) {
            return Err(self.refuse("its name takes 1 to 32 of `a-z`, `0-9` and `-`"));
        }
        let encrypted = match self.target()? {
            Target::File(_) => false,
            Target::Syslog(_) => true,
            Target::Post(place) => is_encrypted(&place),
        };
        if encrypted && self.ca.is_some() == self.pin.is_some() {
            return Err(self.refuse("it takes either `ca` or `pin`"));
        }
        if self.rotate_bytes == 0 {
            return Err(self.refuse("`rotate_bytes` is zero"));
        }
        Ok(())
    }

    pub(crate) fn target(&self) -> Result<Target, Error> {
        if let Some(path) = self.to.strip_prefix("file:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() {
                Ok(Target::File(path))
            } else {
                Err(self.refuse("the path of its file is not absolute"))
            };
        }
        let place = Place::parse(&self.to, SCHEMES, self.network.as_deref());
        let place = place.map_err(|why| match why {
            Refused::Scheme(all) => self.refuse(format!("`to` begins with none of `file:`, {all}")),
            why => self.refuse(format!("`to`: {why}")),
        })?;
        match place.scheme() {
            "syslog+tls" => Ok(Target::Syslog(place)),
            _ if place.is_private() => Ok(Target::Post(place)),
            _ => Err(self.refuse("`http` without TLS goes to this machine alone")),
        }
    }

    pub(crate) fn refuse(&self, why: impl Into<String>) -> Error {
        let name = self.name.chars().filter(|c| !c.is_control()).take(40).collect();
        Error::Settings { name, why: why.into() }
    }
}

/// Whether HTTP is spoken there under TLS.
pub(crate) fn is_encrypted(place: &Place) -> bool {
    place.scheme() == "https"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(to: &str) -> Settings {
        Settings {
            name: "siem".into(),
            to: to.into(),
            ca: None,
            pin: Some("00".repeat(32)),
            network: None,
            token_file: None,
            agreement: None,
            rotate_bytes: 1,
            lag_seconds: 1,
        }
    }

    #[test]
    fn a_name_is_given_once() {
        let (one, other) = (stream("https://x/"), Settings { name: "other".into(), ..stream("https://x/") });
        check_all(&[one.clone(), other]).unwrap();
        let twice = check_all(&[one.clone(), one]).unwrap_err();
        assert!(twice.to_string().contains("another stream has its name"), "{twice}");
    }

    #[test]
    fn records_leave_the_machine_only_under_tls_and_to_a_known_receiver() {
        for good in ["syslog+tls://[::1]:7000", "https://siem.example/in?x=1"] {
            stream(good).check().unwrap();
            let nobody = Settings { pin: None, ..stream(good) };
            assert!(matches!(nobody.check(), Err(Error::Settings { .. })), "{good}");
        }
        for good in ["file:/var/x.jsonl", "http://127.0.0.1:9/", "http://localhost/"] {
            Settings { pin: None, ..stream(good) }.check().unwrap();
        }
        let bad = [
            "http://siem.example/",
            "http://10.0.0.1/",
            "syslog://x:1",
            "file:x",
            "",
            "tcp://x:1",
            "https://2130706433/",
            "https://169.254.169.254/",
        ];
        for bad in bad {
            assert!(matches!(stream(bad).check(), Err(Error::Settings { .. })), "{bad}");
        }
        for name in ["", "A", "a/b", "..", &"x".repeat(33)] {
            let named = Settings { name: name.to_owned(), ..stream("file:/x") };
            assert!(named.check().is_err(), "{name}");
        }
    }
}
