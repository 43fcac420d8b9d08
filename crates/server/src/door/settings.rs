//! `[door]`, `[metrics]` and `[log]` of `site.toml`. Unknown keys are refused.

use crate::failure::Error;
use base::Network;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// `[door]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where it listens; port 0 takes any that is free.
    pub address: SocketAddr,
    /// PEM file of the certificate, with those between it and an authority; from the site's folder.
    #[serde(default = "usual_certificate")]
    pub certificate: PathBuf,
    /// PEM file of its key; from the site's folder.
    #[serde(default = "usual_key")]
    pub key: PathBuf,
    /// PEM file of the authorities whose certificates clients need; none for clients without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
    /// Where clients may come from; anywhere when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
    /// The networks that policies know as inside; the rest is outside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inside: Vec<Network>,
    /// How much it takes.
    #[serde(default)]
    pub limits: Limits,
}

impl Settings {
    /// A door at `address`, with everything else as it is unless said.
    pub fn usual(address: SocketAddr) -> Self {
        Self {
            address,
            certificate: usual_certificate(),
            key: usual_key(),
            client_ca: None,
            networks: Vec::new(),
            inside: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// `[door.limits]`. The meaning of each, and what follows past it: `docs/spec/door.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the specification's table says each by its name")]
pub struct Limits {
    pub connections: usize,
    pub connections_per_address: usize,
    pub header_bytes: usize,
    pub headers: usize,
    pub header_seconds: u64,
    pub idle_seconds: u64,
    pub body_kib: u64,
    pub upload_gib: u64,
    pub requests_per_second_per_address: u32,
    pub requests_per_second_per_account: u32,
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_address: 200,
            header_bytes: 32 << 10,
            headers: 64,
            header_seconds: 15,
            idle_seconds: 60,
            body_kib: 256,
            upload_gib: 1024,
            requests_per_second_per_address: 100,
            requests_per_second_per_account: 50,
            streams: 64,
        }
    }
}

impl Limits {
    /// Time for a request's head.
    pub fn header_time(&self) -> Duration {
        Duration::from_secs(self.header_seconds)
    }

    /// Time in which a body or an answer has to move.
    pub fn idle_time(&self) -> Duration {
        Duration::from_secs(self.idle_seconds)
    }

    /// Refuses values with which nothing, or anything, would pass.
    pub fn check(&self) -> Result<(), Error> {
        let positive = [
            ("connections", self.connections as u64),
            ("connections_per_address", self.connections_per_address as u64),
            ("headers", self.headers as u64),
            ("header_seconds", self.header_seconds),
            ("idle_seconds", self.idle_seconds),
            ("body_kib", self.body_kib),
            ("upload_gib", self.upload_gib),
            ("requests_per_second_per_address", self.requests_per_second_per_address.into()),
            ("requests_per_second_per_account", self.requests_per_second_per_account.into()),
            ("streams", self.streams.into()),
        ];
        if let Some((name, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(Error::Settings(format!("`{name}` is 0: nothing would pass")));
        }
        // hyper's own buffer for a head is no smaller than the one, and memory by connection grows with the other.
        if !(8 << 10..=1 << 20).contains(&self.header_bytes) {
            return Err(Error::Settings("`header_bytes` lies between 8,192 and 1,048,576".to_owned()));
        }
        if self.headers > 1000 {
            return Err(Error::Settings("`headers` is 1,000 at most".to_owned()));
        }
        Ok(())
    }
}

/// `[metrics]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// A loopback address; the socket in the site when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
}

impl Metrics {
    /// What is measured is told in clear, so it stays on the machine.
    pub fn check(&self) -> Result<(), Error> {
        match self.address {
            Some(address) if !address.ip().is_loopback() => Err(Error::Settings(format!(
                "`[metrics] address` {address} is no loopback address, and metrics are told in clear"
            ))),
            _ => Ok(()),
        }
    }
}

/// `[log]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A file by its absolute path; stderr when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

fn usual_certificate() -> PathBuf {
    PathBuf::from("door/certificate.pem")
}

fn usual_key() -> PathBuf {
    PathBuf::from("door/key.pem")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(text: &str) -> Result<Settings, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn an_address_is_enough_and_unknown_words_are_refused() {
        let settings = door("address = \"127.0.0.1:0\"").unwrap();
        assert_eq!(settings.limits, Limits::default());
        assert!(settings.limits.check().is_ok() && settings.networks.is_empty());
        for wrong in [
            "",
            "address = \"localhost:8443\"",
            "address = \"127.0.0.1:0\"\nplaintext = true",
            "address = \"127.0.0.1:0\"\nnetworks = [\"10.0.0.0/33\"]",
            "address = \"127.0.0.1:0\"\n[limits]\nconection = 1",
        ] {
            assert!(door(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn limits_that_limit_nothing_are_refused() {
        let spoil: [fn(&mut Limits); 6] = [
            |limits| limits.connections = 0,
            |limits| limits.requests_per_second_per_account = 0,
            |limits| limits.idle_seconds = 0,
            |limits| limits.header_bytes = 100,
            |limits| limits.header_bytes = 2 << 20,
            |limits| limits.headers = 5000,
        ];
        for spoil in spoil {
            let mut limits = Limits::default();
            spoil(&mut limits);
            assert!(limits.check().is_err(), "{limits:?}");
        }
    }

    #[test]
    fn metrics_stay_on_the_machine() {
        let at = |address: &str| Metrics { address: Some(address.parse().unwrap()) };
        assert!(Metrics::default().check().is_ok());
        assert!(at("127.0.0.1:9464").check().is_ok() && at("[::1]:9464").check().is_ok());
        assert!(at("0.0.0.0:9464").check().is_err() && at("192.0.2.1:9464").check().is_err());
    }
}
