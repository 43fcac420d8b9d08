//! The ledger and what auditors are given: segments with their commit records, tiles, bundles,
//! checkpoints, keys, leaves, receipts.

use super::{Target, Verdict, must};
use crate::crash::fast_folder;
use anyhow::{Context, Result};
use base::{Blake3, FixedClock, Id, ObjectId, SiteId, Timestamp};
use ledger::leaf::Leaf;
use ledger::{Body, Entry, Hash, Ledger, Options, SigningKey, VerifierKey, check, verify};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const NAME: &str = "fuzz.example/ledger";
/// Events: more than a full tile.
const EVENTS: u64 = 260;

/// A ledger whose bytes are the same in every run, closed.
struct Made {
    folder: TempDir,
    verifier: VerifierKey,
    /// The root of each size that was a commit's.
    roots: HashMap<u64, Hash>,
    leaf: Vec<u8>,
    receipt: Vec<u8>,
    public: receipt::SitePublic,
}

impl Made {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir_in(fast_folder())?;
        let key = SigningKey::from_seed(&[21; 32])?;
        let clock = Arc::new(FixedClock::at(Timestamp::UNIX_EPOCH));
        let options =
            Options { segment_bytes: 4096, publish_every: Duration::from_secs(3600), ..Options::default() };
        let disk = Arc::new(ledger::storage::Disk);
        let ledger = Ledger::create_with(folder.path(), NAME, key.clone(), clock, disk, options)?;
        let mut roots = HashMap::new();
        for n in 0..EVENTS {
            append(&ledger, serde_json::json!({"event": "other", "n": n}))?;
            roots.insert(n + 1, ledger.root(n + 1)?);
        }
        let receipts = SigningKey::from_seed(&[22; 32])?;
        let (site, receipt) = issue(&ledger, NAME, &receipts)?;
        roots.insert(EVENTS + 1, ledger.root(EVENTS + 1)?);
        let verifier = ledger.verifier().clone();
        let public = receipt::SitePublic {
            site,
            ledger: verifier.clone(),
            receipts: receipts.verifier("fuzz.example/receipts")?,
        };
        let leaf = ledger.read(3)?.leaf;
        ledger.close()?;
        Ok(Self { folder, verifier, roots, leaf, receipt, public })
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        std::fs::read(self.folder.path().join(name)).with_context(|| format!("`{name}`"))
    }

    /// What a full check says while the file `name` has other bytes.
    fn with(&self, name: &Path, input: &[u8]) -> std::result::Result<check::Report, String> {
        let path = self.folder.path().join(name);
        let whole = std::fs::read(&path).map_err(|error| error.to_string())?;
        std::fs::write(&path, input).map_err(|error| error.to_string())?;
        let report = check::folder(self.folder.path(), &self.verifier);
        std::fs::write(&path, whole).map_err(|error| error.to_string())?;
        report.map_err(|error| format!("a full check ends without a report: {error}"))
    }
}

pub(super) fn append(ledger: &Ledger, body: serde_json::Value) -> Result<u64> {
    Ok(ledger.append_blocking(Entry::new(["run_a"], Body::of(&body)?)?)?.position)
}

/// A receipt, recorded, with its proof.
pub(super) fn issue(ledger: &Ledger, name: &str, key: &SigningKey) -> Result<(SiteId, Vec<u8>)> {
    use receipt::{Inclusion, Object, Predicate, Receipt, Statement, What, sign};
    let entropy = super::sealed::Fixed::new(8);
    let site = SiteId::mint(&entropy);
    let time = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
    let origin = receipt::Ledger { origin: name.to_owned(), position: 2 };
    let run = base::RunId::mint(&entropy).to_string();
    let actor = base::UserId::mint(&entropy).to_string();
    let mut predicate = Predicate::new(What::Run, run, site.clone(), actor, time, origin);
    predicate.inputs = vec![Object { id: ObjectId::mint(&entropy), root: Blake3([1; 32]) }];
    let made = Object { id: ObjectId::mint(&entropy), root: Blake3([4; 32]) };
    let envelope = sign(&Statement::new([made], predicate), key)?;
    let body = serde_json::json!({"event": "receipt-issued", "payload": envelope.payload_digest()?});
    let position = append(ledger, body)?;
    let inclusion = Inclusion::from_ledger(ledger, position)?;
    Ok((site, Receipt { envelope, inclusion }.to_json()?))
}

/// The targets.
pub fn targets() -> Result<Vec<Target>> {
    let made = Rc::new(Made::new()?);
    Ok(vec![
        segments(&made)?,
        published(&made, "tile", "tile/0/000")?,
        published(&made, "bundle", "tile/entries/000.zst")?,
        published(&made, "checkpoint-file", "checkpoint")?,
        checkpoints(&made)?,
        keys(&made),
        leaves(&made),
        receipts(&made),
    ])
}

/// The last segment: its header, batches, commit records, and the unwritten space behind them.
fn segments(made: &Rc<Made>) -> Result<Target> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(made.folder.path().join("segments"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    names.sort();
    let last = names.pop().context("a segment")?.strip_prefix(made.folder.path())?.to_owned();
    let whole = std::fs::read(made.folder.path().join(&last))?;
    let (made, seed) = (Rc::clone(made), whole.clone());
    let run = move |input: &[u8]| -> Verdict {
        let report = made.with(&last, input)?;
        if !report.is_sound() || report.unfinished {
            return Ok(());
        }
        must(report.root == made.roots.get(&report.size).copied(), "other events pass for the ledger's own")
    };
    Ok(Target { name: "segment", seeds: vec![seed], run: Box::new(run) })
}

/// A published file: any other bytes in it are found.
fn published(made: &Rc<Made>, name: &'static str, file: &'static str) -> Result<Target> {
    let whole = made.read(file)?;
    let (made, seeds) = (Rc::clone(made), vec![whole.clone()]);
    let run = move |input: &[u8]| -> Verdict {
        let report = made.with(Path::new(file), input)?;
        let named = report.findings.iter().any(|finding| finding.file == file);
        must(named || input == whole, "a changed file is not named")
    };
    Ok(Target { name, seeds, run: Box::new(run) })
}

fn checkpoints(made: &Rc<Made>) -> Result<Target> {
    let text = made.read("checkpoint")?;
    let cosigned = [&text[..], "\u{2014} witness.example AAAAAAAAAAAA\n".as_bytes()].concat();
    let known = verify::checkpoint(&String::from_utf8(text.clone())?, &made.verifier)?;
    let made = Rc::clone(made);
    let run = move |input: &[u8]| -> Verdict {
        let Ok(text) = std::str::from_utf8(input) else { return Ok(()) };
        let Ok(found) = verify::checkpoint(text, &made.verifier) else { return Ok(()) };
        must(found == known, "a checkpoint that nobody signed holds")
    };
    Ok(Target { name: "checkpoint", seeds: vec![text, cosigned], run: Box::new(run) })
}

fn keys(made: &Rc<Made>) -> Target {
    let seeds = vec![made.verifier.to_string().into_bytes(), made.public.to_string().into_bytes()];
    let run = |input: &[u8]| -> Verdict {
        let Ok(text) = std::str::from_utf8(input) else { return Ok(()) };
        if let Ok(key) = text.parse::<VerifierKey>() {
            must(key.to_string() == text, "a key has two forms")?;
        }
        if let Ok(public) = text.parse::<receipt::SitePublic>() {
            must(public.to_string().parse().ok() == Some(public), "public keys do not come back")?;
        }
        Ok(())
    };
    Target { name: "public-key", seeds, run: Box::new(run) }
}

fn leaves(made: &Rc<Made>) -> Target {
    let run = |input: &[u8]| -> Verdict {
        let Some(leaf) = Leaf::parse(input) else { return Ok(()) };
        let chain = |(id, before): &(&str, Option<u64>)| match before {
            Some(position) => format!("\"{id}\":{position}"),
            None => format!("\"{id}\":null"),
        };
        let previous = leaf.previous.iter().map(chain).collect::<Vec<_>>().join(",");
        let (position, time, event) = (leaf.position, leaf.time, leaf.event);
        let text = format!(
            "{{\"position\":{position},\"time\":\"{time}\",\"previous\":{{{previous}}},\"event\":{event}}}"
        );
        must(text.as_bytes() == input, "a leaf has two forms")
    };
    Target { name: "leaf", seeds: vec![made.leaf.clone()], run: Box::new(run) }
}

fn receipts(made: &Rc<Made>) -> Target {
    let made = Rc::clone(made);
    let seeds = vec![made.receipt.clone()];
    let run = move |input: &[u8]| -> Verdict {
        must(
            receipt::verify(input, &made.public).is_err() || input == made.receipt,
            "a changed receipt holds",
        )
    };
    Target { name: "receipt", seeds, run: Box::new(run) }
}
