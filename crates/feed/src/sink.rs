//! What takes records, and when it has taken them.

use crate::settings::Target;
use crate::{Error, Settings, file, post, syslog, tls};
use serde_json::Value;
use std::time::Duration;

/// How long a sink may take for one batch.
const PATIENCE: Duration = Duration::from_secs(30);

/// A record on its way.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// What a file is named after that is put aside before it: an event's position, an alarm's second.
    pub number: u64,
    pub kind: &'static str,
    /// As syslog counts.
    pub severity: u32,
    pub time: String,
    /// As syslog's structured data.
    pub data: String,
    pub body: Value,
}

pub(crate) enum Sink {
    File(file::File),
    Syslog(syslog::Syslog),
    Post(post::Post),
}

impl Sink {
    pub fn open(settings: &Settings, host: &str) -> Result<Self, Error> {
        settings.check()?;
        Ok(match settings.target()? {
            Target::File(path) => Self::File(file::File::new(path, settings.rotate_bytes)),
            Target::Syslog(place) => {
                Self::Syslog(syslog::Syslog::new(tls::Peer::new(settings, place)?, host))
            }
            Target::Post(place) => Self::Post(post::Post::open(settings, place)?),
        })
    }

    /// Hands over a batch. Done when the sink has acknowledged all of it; after an error it may have
    /// taken any part of it.
    pub async fn deliver(&mut self, batch: &[Record]) -> Result<(), Error> {
        let delivery = async {
            match self {
                Self::File(file) => file.deliver(batch).await,
                Self::Syslog(syslog) => syslog.deliver(batch).await,
                Self::Post(post) => post.deliver(batch).await,
            }
        };
        tokio::time::timeout(PATIENCE, delivery)
            .await
            .map_err(|_| Error::sink("it did not answer in time"))?
    }
}

/// Records as lines of JSON.
pub(crate) fn lines(batch: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in batch {
        out.extend_from_slice(record.body.to_string().as_bytes());
        out.push(b'\n');
    }
    out
}
