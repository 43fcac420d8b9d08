//! A stream as `site.toml` has it.

use crate::Error;
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
    /// File that holds a bearer token for HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Bytes after which a file is put aside and a new one begun.
    #[serde(default = "default_rotate")]
    pub rotate_bytes: u64,
    /// Seconds for which the oldest record may wait before the stream counts as lagging.
    #[serde(default = "default_lag")]
    pub lag_seconds: u32,
}

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
    Syslog { host: String, port: u16 },
    Post { tls: bool, host: String, port: u16, path: String },
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
            Target::Syslog { .. } => true,
            Target::Post { tls, .. } => tls,
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
        let uri: hyper::Uri = self.to.parse().map_err(|_| self.refuse("`to` is not an address"))?;
        let host = uri.host().ok_or_else(|| self.refuse("`to` names no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        match uri.scheme_str() {
            Some("syslog+tls") => Ok(Target::Syslog { host, port: uri.port_u16().unwrap_or(6514) }),
            Some("https") => Ok(Target::Post { tls: true, port: uri.port_u16().unwrap_or(443), host, path }),
            Some("http") if is_here(&host) => {
                Ok(Target::Post { tls: false, port: uri.port_u16().unwrap_or(80), host, path })
            }
            Some("http") => Err(self.refuse("`http` without TLS goes to this machine alone")),
            _ => Err(self.refuse("`to` is none of `file:`, `syslog+tls://`, `https://`, `http://`")),
        }
    }

    pub(crate) fn refuse(&self, why: impl Into<String>) -> Error {
        let name = self.name.chars().filter(|c| !c.is_control()).take(40).collect();
        Error::Settings { name, why: why.into() }
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
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
            token_file: None,
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
        let bad = ["http://siem.example/", "http://10.0.0.1/", "syslog://x:1", "file:x", "", "tcp://x:1"];
        for bad in bad {
            assert!(matches!(stream(bad).check(), Err(Error::Settings { .. })), "{bad}");
        }
        for name in ["", "A", "a/b", "..", &"x".repeat(33)] {
            let named = Settings { name: name.to_owned(), ..stream("file:/x") };
            assert!(named.check().is_err(), "{name}");
        }
    }
}
