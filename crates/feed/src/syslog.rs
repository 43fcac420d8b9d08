//! Syslog (RFC 5424) over TLS with octet counting (RFC 5425).

use crate::Error;
use crate::sink::Record;
use crate::tls::Peer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Facility 13 (log audit), severity informational.
const PRIORITY: u32 = 13 * 8 + 6;
/// The structured data's name. 32473 is the number that IANA keeps for examples: the product has none.
const DATA: &str = "sequestra@32473";

pub(crate) struct Syslog {
    peer: Peer,
    host: String,
}

impl Syslog {
    pub fn new(peer: Peer, host: &str) -> Self {
        Self { peer, host: host.to_owned() }
    }

    /// One connection a batch: syslog has no acknowledgement of its own, and the receiver's answer to the
    /// end of the TLS session is the only word that it has read everything before it. A receiver that
    /// was killed ends the connection without it, and the batch comes again.
    pub async fn deliver(&mut self, batch: &[Record]) -> Result<(), Error> {
        let mut stream = self.peer.connect().await?;
        let mut bytes = Vec::new();
        for record in batch {
            bytes.extend_from_slice(frame(record, &self.host).as_bytes());
        }
        stream.write_all(&bytes).await.map_err(Error::sink)?;
        stream.shutdown().await.map_err(Error::sink)?;
        // An end without the closing alert is an error here.
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.map_err(Error::sink)?;
        Ok(())
    }
}

fn frame(record: &Record, host: &str) -> String {
    let before = record.before.map_or_else(|| "none".to_owned(), |before| before.to_string());
    let message = format!(
        "<{PRIORITY}>1 {} {host} sequestra - {} [{DATA} position=\"{}\" before=\"{before}\" leaf=\"{}\"] {}",
        record.time, record.kind, record.position, record.leaf, record.body
    );
    format!("{} {message}", message.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_counts_its_octets() {
        let record = Record {
            position: 7,
            before: None,
            kind: "decision",
            time: "2026-01-02T03:04:05Z".into(),
            leaf: "ab".into(),
            body: serde_json::json!({"ü": 1}),
        };
        let framed = frame(&record, "sit_1");
        let (length, message) = framed.split_once(' ').unwrap();
        assert_eq!(length.parse::<usize>().unwrap(), message.len());
        assert_eq!(
            message,
            "<110>1 2026-01-02T03:04:05Z sit_1 sequestra - decision \
             [sequestra@32473 position=\"7\" before=\"none\" leaf=\"ab\"] {\"ü\":1}"
        );
    }
}
