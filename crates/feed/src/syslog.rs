//! Syslog (RFC 5424) over TLS with octet counting (RFC 5425).

use crate::Error;
use crate::sink::Record;
use crate::tls::Peer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Facility 13, log audit.
const FACILITY: u32 = 13;

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
    let Record { severity, time, kind, data, body, .. } = record;
    let priority = FACILITY * 8 + severity;
    let message = format!("<{priority}>1 {time} {host} sequestra - {kind} {data} {body}");
    format!("{} {message}", message.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_counts_its_octets() {
        let record = Record {
            number: 7,
            kind: "decision",
            severity: 6,
            time: "2026-01-02T03:04:05Z".into(),
            data: "[sequestra@32473 position=\"7\" before=\"none\" leaf=\"ab\"]".into(),
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
