//! Where an issuer's keys come from: a file, or an address, of the settings.

use crate::fresh::Fresh;
use crate::keys::LONGEST;
use crate::{Error, Keys};
use base::Clock;
use outbound::{Place, WEB, body};
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;

const PATIENCE: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);

/// Where the keys are, as settings say it: `file`, or `url` with `ca` and perhaps `network`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Where {
    /// A file, JWKS; below the site's folder unless its path is absolute. It is read anew each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// An address that gives them, `https://…`, or `http://…` on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// PEM file of the authorities that its certificate must come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The network that its name leads into, where that is one of the house.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
}

/// An issuer's keys, read or fetched when they are needed.
pub struct Source {
    from: From,
    clock: Arc<dyn Clock>,
    last: Fresh<Keys, Error>,
}

enum From {
    File(PathBuf),
    Address { agent: Agent, url: String },
}

impl Source {
    /// The source that the settings name. Nothing is read or asked yet.
    ///
    /// # Errors
    /// Settings that name none or two, or an address that the site may not send to.
    pub fn open(settings: &Where, folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Settings(why.to_owned());
        let from = match (&settings.file, &settings.url) {
            (Some(file), None) if settings.ca.is_none() && settings.network.is_none() => {
                From::File(folder.join(file))
            }
            (Some(_), None) => return Err(wrong("`ca` and `network` go with `url`")),
            (None, Some(url)) => From::Address { agent: agent(settings, url, folder)?, url: url.clone() },
            _ => return Err(wrong("its keys are in a `file`, or at a `url`")),
        };
        Ok(Self { from, clock, last: Fresh::default() })
    }

    /// Where they are: for whoever keeps the site.
    pub fn place(&self) -> String {
        match &self.from {
            From::File(path) => path.display().to_string(),
            From::Address { url, .. } => url.clone(),
        }
    }

    /// Why there are no keys, as far as is known without asking an address. Reads a file, so it blocks for that long.
    pub fn lacks(&self) -> Option<Error> {
        match &self.from {
            From::File(_) => self.keys().err(),
            From::Address { .. } => self.last.failure(),
        }
    }

    /// The keys of now. Reads a file or asks an address, so it blocks.
    ///
    /// # Errors
    /// What cannot be reached, or cannot be used.
    pub fn keys(&self) -> Result<Arc<Keys>, Error> {
        match &self.from {
            From::File(path) => read(path).and_then(|bytes| Keys::parse(&bytes)).map(Arc::new),
            From::Address { agent, url } => {
                self.last.get(&*self.clock, || fetch(agent, url).and_then(|bytes| Keys::parse(&bytes)))
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |error: std::io::Error| Error::Source(format!("their file: {}", error.kind()));
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    // One byte more than is taken, so that what is too long is seen to be.
    file.take(LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn fetch(agent: &Agent, url: &str) -> Result<Vec<u8>, Error> {
    let answer = agent.get(url).header("accept", "application/json").call();
    body(answer, LONGEST as u64).map_err(|why| Error::Source(format!("their address: {why}")))
}

fn agent(settings: &Where, url: &str, folder: &Path) -> Result<Agent, Error> {
    let wrong = |why: &dyn Display| Error::Settings(format!("its `url`: {why}"));
    let place = Place::parse(url, WEB, settings.network.as_deref()).map_err(|why| wrong(&why))?;
    let ca = settings.ca.as_ref().map(|ca| folder.join(ca));
    let config = place.known_by(ca.as_deref()).map_err(|why| wrong(&why))?;
    let config = config.timeout_global(Some(PATIENCE)).timeout_connect(Some(CONNECT));
    Ok(place.agent(config.build()))
}
