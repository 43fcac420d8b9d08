//! The check as a filter: compressed bytes in, one line of JSON out, so that untrusted data is parsed in
//! a child process with limits of its own.

use std::io::{Read, Write};

use serde::{Deserialize, Serialize};

use crate::{
    fastq::{Checker, FastqFault, Verdict},
    limits::Limits,
};

/// What the child writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The file is whole and well formed.
    Accepted(Verdict),
    /// It is not.
    Refused(FastqFault),
}

const PIECE: usize = 256 << 10;

/// The whole life of the checking process: gives up what it can give up by itself, checks standard input
/// under `caps` (a [`Limits`] as JSON), answers on standard output.
///
/// # Errors
/// Those of [`check_stream`], and caps that are not readable.
pub fn run(caps: &str) -> std::io::Result<()> {
    // On top of the walls around it; a kernel without Landlock has the walls alone.
    executor::confine::no_files();
    let limits = serde_json::from_str(caps)?;
    check_stream(std::io::stdin().lock(), std::io::stdout().lock(), limits)
}

/// Reads a FASTQ file from `reader` and writes an [`Outcome`] to `writer`, as one line of JSON. A refusal is
/// written as soon as it is known, without reading further, so that a bad file is not sent to its end.
///
/// # Errors
/// Only those of reading and writing; a bad file is an outcome. An error, or a child that dies without a
/// line, must be taken by the parent as a refusal.
pub fn check_stream(mut reader: impl Read, mut writer: impl Write, limits: Limits) -> std::io::Result<()> {
    let mut checker = Checker::new(limits);
    let mut buffer = vec![0u8; PIECE];
    let outcome = loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => break checker.finish().map_or_else(Outcome::Refused, Outcome::Accepted),
            Ok(read) => read,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if let Err(fault) = checker.feed(buffer.get(..read).unwrap_or_default()) {
            break Outcome::Refused(fault);
        }
    };
    let mut line = serde_json::to_vec(&outcome)?;
    line.push(b'\n');
    writer.write_all(&line)?;
    writer.flush()
}

/// Reads what [`check_stream`] wrote.
///
/// # Errors
/// Bytes that are not exactly one outcome: the child died, or is not to be believed.
pub fn read_outcome(bytes: &[u8]) -> Result<Outcome, serde_json::Error> {
    serde_json::from_slice(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fastq, gzip};

    fn check(file: &[u8]) -> Outcome {
        let mut line = Vec::new();
        check_stream(file, &mut line, Limits::default()).unwrap();
        assert_eq!(line.iter().filter(|b| **b == b'\n').count(), 1);
        read_outcome(&line).unwrap()
    }

    #[test]
    fn outcomes_survive_the_pipe() {
        let file = gzip(&fastq(5000, 1));
        let Outcome::Accepted(verdict) = check(&file) else { panic!("refused") };
        assert_eq!((verdict.reads, verdict.name_blocks.0.len()), (5000, 2));
        let Outcome::Refused(fault) = check(&file[..file.len() / 2]) else { panic!("accepted") };
        assert!(fault.to_string().contains("ends early"), "{fault}");
        let bad = gzip(b"@r\nACGZ\n+\nFFFF\n");
        let Outcome::Refused(fault) = check(&bad) else { panic!("accepted") };
        assert_eq!(fault.to_string(), "record 1, line 2: base `Z` is no nucleotide code");
    }

    #[test]
    fn half_a_line_is_no_outcome() {
        let mut line = Vec::new();
        check_stream(gzip(b"@r\nAC\n+\nFF\n").as_slice(), &mut line, Limits::default()).unwrap();
        assert!(read_outcome(&line[..line.len() / 2]).is_err());
        assert!(read_outcome(b"").is_err());
    }
}
