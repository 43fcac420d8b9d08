//! The file of `ledger prove`: C2SP tlog-proof, whose extra data is the event itself.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64 of the event's leaf, and of what ties an older checkpoint to the newer one>
//! index <position>
//! <hash>…
//!
//! <checkpoint>
//! ```

use crate::checkpoint::{self, Checkpoint, Trust};
use crate::merkle::{self, Hash};
use crate::{Error, Result, refused, text};
use serde_json::Value;

const HEAD: &str = "c2sp.org/tlog-proof@v1";
const CONSISTENCY: &str = "consistency";

/// A proof that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Proved {
    /// The position of the event.
    pub position: u64,
    /// The event's leaf, as hashed.
    pub leaf: Vec<u8>,
    /// The leaf as JSON, if it is one of a Sequestra ledger.
    pub event: Option<Value>,
    /// The checkpoint that it was proved against.
    pub checkpoint: Checkpoint,
    /// The older checkpoint that begins the same history, if the file has one.
    pub older: Option<Checkpoint>,
}

/// Checks a proof file. `leaf` is given where the file does not hold it. With `kept`, a checkpoint
/// that was kept elsewhere, the file must tie that very one to its own.
pub fn verify(file: &[u8], leaf: Option<&[u8]>, kept: Option<&[u8]>, trust: &Trust) -> Result<Proved> {
    let file = File::parse(file).ok_or_else(|| Error::Refused("it is not a proof file".to_owned()))?;
    let extra = file.extra.as_deref().map(Extra::parse).transpose()?;
    let held = extra.as_ref().map(|extra| extra.leaf.as_slice());
    let leaf = match (leaf, held) {
        (Some(given), Some(held)) if given != held => return refused("the file is about another event"),
        (Some(leaf), _) | (None, Some(leaf)) => leaf.to_vec(),
        (None, None) => {
            return Err(Error::Misuse("the file does not hold the event: give it with --leaf".to_owned()));
        }
    };
    let checkpoint = checkpoint::verify(file.checkpoint.as_bytes(), trust)?;
    merkle::inclusion(merkle::leaf(&leaf), file.index, checkpoint.size, checkpoint.root, &file.hashes)?;
    let older = match extra.and_then(|extra| extra.older) {
        Some(older) => Some(follows(&older, &checkpoint, trust)?),
        None => None,
    };
    if let Some(kept) = kept {
        ties(kept, older.as_ref(), &checkpoint, trust)?;
    }
    let event = event(&leaf, file.index)?;
    Ok(Proved { position: file.index, leaf, event, checkpoint, older })
}

/// Checks that the second checkpoint extends the first, by a proof of one hash a line.
pub fn consistent(old: &[u8], new: &[u8], proof: &[u8], trust: &Trust) -> Result<(Checkpoint, Checkpoint)> {
    let (old, new) = (of_log(old, trust)?, checkpoint::verify(new, trust)?);
    let text = std::str::from_utf8(proof).ok();
    let lines = text.map(|text| text.strip_suffix('\n').map_or(Vec::new(), |t| t.split('\n').collect()));
    let whole = text.is_some_and(|text| text.is_empty() || text.ends_with('\n'));
    let hashes: Option<Vec<Hash>> = lines.filter(|_| whole).and_then(|l| l.into_iter().map(hash).collect());
    let hashes = hashes.ok_or_else(|| Error::Refused("the proof is not one hash a line".to_owned()))?;
    merkle::consistency((old.size, old.root), (new.size, new.root), &hashes)?;
    Ok((old, new))
}

/// A checkpoint of the past: the ledger's signature counts; witnesses are asked for the newer one.
fn of_log(bytes: &[u8], trust: &Trust) -> Result<Checkpoint> {
    checkpoint::verify(bytes, &trust.without_quorum())
}

fn follows(older: &Older, newer: &Checkpoint, trust: &Trust) -> Result<Checkpoint> {
    let old = of_log(older.checkpoint.as_bytes(), trust)?;
    merkle::consistency((old.size, old.root), (newer.size, newer.root), &older.hashes)?;
    Ok(old)
}

fn ties(kept: &[u8], older: Option<&Checkpoint>, newer: &Checkpoint, trust: &Trust) -> Result<()> {
    let kept = of_log(kept, trust)?;
    let same = |found: &Checkpoint| (found.size, found.root) == (kept.size, kept.root);
    match older {
        _ if same(newer) => Ok(()),
        Some(older) if same(older) => Ok(()),
        Some(_) => refused("the file ties another older checkpoint than the one that was kept"),
        None => refused("the file does not tie the checkpoint that was kept to its own"),
    }
}

/// A leaf of a Sequestra ledger names its own position; other ledgers' records are bytes.
fn event(leaf: &[u8], index: u64) -> Result<Option<Value>> {
    if !leaf.starts_with(b"{\"position\":") {
        return Ok(None);
    }
    let value: Option<Value> = serde_json::from_slice(leaf).ok();
    let position = value.as_ref().and_then(|value| value.get("position")?.as_u64());
    if position == Some(index) { Ok(value) } else { refused("the event says that it is at another position") }
}

/// The parts of a proof file.
struct File {
    extra: Option<Vec<u8>>,
    index: u64,
    hashes: Vec<Hash>,
    checkpoint: String,
}

impl File {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, checkpoint) = text.split_once("\n\n")?;
        let mut lines = head.split('\n').peekable();
        (lines.next()? == HEAD).then_some(())?;
        let extra = match lines.peek()?.strip_prefix("extra ") {
            Some(extra) => {
                lines.next();
                Some(text::base64(extra)?)
            }
            None => None,
        };
        let index = text::number(lines.next()?.strip_prefix("index ")?)?;
        let hashes = lines.map(hash).collect::<Option<Vec<_>>>()?;
        Some(Self { extra, index, hashes, checkpoint: checkpoint.to_owned() })
    }
}

/// What the extra data holds: the leaf, which has no line feed, and perhaps an older checkpoint.
struct Extra {
    leaf: Vec<u8>,
    older: Option<Older>,
}

struct Older {
    hashes: Vec<Hash>,
    checkpoint: String,
}

impl Extra {
    fn parse(bytes: &[u8]) -> Result<Self> {
        let tag = format!("\n{CONSISTENCY}\n");
        let at = bytes.windows(tag.len()).position(|window| window == tag.as_bytes());
        let Some((leaf, rest)) = at.and_then(|at| bytes.split_at_checked(at)) else {
            return Ok(Self { leaf: bytes.to_vec(), older: None });
        };
        let parse = || {
            let rest = std::str::from_utf8(rest).ok()?.strip_prefix('\n')?;
            let (lines, checkpoint) = rest.split_once("\n\n")?;
            let mut lines = lines.split('\n');
            (lines.next()? == CONSISTENCY).then_some(())?;
            let hashes = lines.map(hash).collect::<Option<Vec<_>>>()?;
            Some(Older { hashes, checkpoint: checkpoint.to_owned() })
        };
        let older = parse().ok_or_else(|| Error::Refused("its extra data is malformed".to_owned()))?;
        Ok(Self { leaf: leaf.to_vec(), older: Some(older) })
    }
}

fn hash(line: &str) -> Option<Hash> {
    text::base64_of(line).map(Hash)
}
