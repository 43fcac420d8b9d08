//! What the site's process opens beside its socket: the door, the metrics, the log of requests.

use crate::layout::{Layout, Settings};
use anyhow::{Context, Result};
use axum::Router;
use base::SystemClock;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::Site;
use server::door::{Door, Shown};
use server::failure::Error;
use server::log;
use server::measured::{self, Place};
use std::sync::Arc;

/// What is open, and does not answer yet.
#[derive(Default)]
pub struct Ways {
    door: Option<Door>,
    metrics: Option<Place>,
    /// Whether metrics are told on a socket in the site, which is made once the site is held.
    socket: bool,
    log: Option<log::Place>,
}

impl Ways {
    /// Opens what `site.toml` names, before the site is unsealed: a mistake costs nobody a passphrase. The door
    /// opens in the foreground alone.
    pub async fn open(layout: &Layout, settings: &Settings, foreground: bool) -> Result<Self> {
        let mut ways = Self::default();
        if foreground {
            let door = settings
                .door
                .as_ref()
                .ok_or_else(|| Error::Settings("`site.toml` has no `[door]` with an `address`".to_owned()))?;
            raise_files();
            ways.door = Some(Door::open(door, layout.root(), Arc::new(SystemClock::default())).await?);
        }
        if let Some(metrics) = &settings.metrics {
            metrics.check()?;
            ways.socket = metrics.address.is_none();
            if let Some(address) = metrics.address {
                ways.metrics = Some(Place::loopback(address).await?);
            }
        }
        let file = settings.log.as_ref().and_then(|log| log.file.as_deref());
        if foreground || file.is_some() {
            ways.log = Some(log::Place::open(file)?);
        }
        Ok(ways)
    }

    /// Has an open site know of all of them, and opens what lies in it: what lies there is then a leftover.
    pub fn attach(&mut self, layout: &Layout, site: &Site) -> Result<()> {
        let traffic = site.traffic();
        if let Some(place) = self.log.take() {
            traffic.log_to(place);
        }
        if let Some(door) = &self.door {
            traffic.attach(door);
        }
        if self.socket {
            self.metrics = Some(Place::Socket(crate::process::listen(layout, Layout::METRICS)?));
        }
        if let Some(metrics) = &self.metrics {
            traffic.metrics_at(&metrics.name());
        }
        Ok(())
    }

    /// What the door says of itself.
    pub fn shown(&self) -> Option<Arc<Shown>> {
        self.door.as_ref().map(Door::shown)
    }

    /// Answers by all of them until the site stops.
    pub async fn serve(self, site: &Site, router: &Router) {
        let door = async {
            if let Some(door) = self.door {
                door.serve(site.clone(), router.clone()).await;
            }
        };
        let metrics = async {
            if let Some(place) = self.metrics {
                measured::serve(site.clone(), place).await;
            }
        };
        tokio::join!(door, metrics);
    }
}

/// As many open files as the machine allows without asking: each connection is one.
fn raise_files() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// How many files the process may have open.
pub fn most_files() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// The certificate that `sequestra door certificate` makes, and its pin.
pub fn certificate(layout: &Layout, wanted: &server::door::issue::Wanted) -> Result<cli::host::Made> {
    let clock = SystemClock::default();
    let folder = layout.root().join("door");
    let file = server::door::issue::issue(&folder, wanted, &clock)?;
    let address = "127.0.0.1:0".parse().context("no address")?;
    let usual = server::door::Settings::usual(address);
    let identity = server::door::tls::Files::of(&usual, layout.root()).load(&clock)?;
    Ok(cli::host::Made {
        certificate: file,
        key: folder.join("key.pem"),
        pin: format!("sha256:{}", identity.pin),
        until: identity.until.to_string(),
    })
}
