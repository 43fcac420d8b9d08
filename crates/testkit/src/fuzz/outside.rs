//! What passes between a site and those outside it: requests to witnesses, cosignatures, and the files that
//! auditors check with the second verifier.

use super::recorded::{append, issue};
use super::sealed::Fixed;
use super::{Target, Verdict, must};
use crate::crash::fast_folder;
use anyhow::{Context, Result};
use base::{FixedClock, Timestamp};
use ledger::{Hash, Ledger, Options, SigningKey, VerifierKey, verify};
use receipt::SitePublic;
use sequestra_verify::checkpoint::Trust;
use sequestra_verify::stream::Records;
use sequestra_verify::{checkpoint, export, key, proof, receipt as second, site};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use witness::{Request, Witness, WitnessKey};

const NAME: &str = "fuzz.example/told";
const WITNESS: &str = "witness.example/fuzz";
/// Events when the witness was asked first, and when it was asked last.
const SIZES: (u64, u64) = (7, 13);
/// The event that is proved.
const PROVED: u64 = 3;

/// A ledger with a witness, and what was given away of it.
struct Told {
    witness: TempDir,
    /// What the witness remembers after the first request, and where.
    memory: (PathBuf, Vec<u8>),
    clock: Arc<FixedClock>,
    key: WitnessKey,
    public: SitePublic,
    leaves: Vec<Vec<u8>>,
    asked: [Request; 2],
    /// The newest checkpoint with its cosignature.
    cosigned: String,
    proof: String,
    exported: String,
    received: String,
    receipt: Vec<u8>,
}

impl Told {
    fn new() -> Result<Self> {
        let (folder, witness) = (tempfile::tempdir_in(fast_folder())?, tempfile::tempdir_in(fast_folder())?);
        let clock = Arc::new(FixedClock::at(Timestamp::from_second(1_767_323_045)?));
        let options = Options { publish_every: Duration::from_secs(3600), ..Options::default() };
        let (log, receipts) = (SigningKey::from_seed(&[31; 32])?, SigningKey::from_seed(&[32; 32])?);
        let disk = Arc::new(ledger::storage::Disk);
        let ledger = Ledger::create_with(folder.path(), NAME, log, clock.clone(), disk, options)?;
        let mut asked = Vec::new();
        let (site, receipt) = issue(&ledger, NAME, &receipts)?;
        for size in ledger.size()..=SIZES.1 {
            if [SIZES.0, SIZES.1].contains(&size) {
                let old = asked.last().map_or(0, |_| SIZES.0);
                let proof = ledger.consistency(old, size)?;
                asked.push(Request { old, proof, checkpoint: ledger.checkpoint()? });
            }
            if size < SIZES.1 {
                append(&ledger, json!({"event": "other", "n": size}))?;
            }
        }
        let asked: [Request; 2] = asked.try_into().ok().context("two requests")?;
        let verifier = ledger.verifier().clone();
        let key = Witness::create(witness.path(), WITNESS, &Fixed::new(9))?;
        Witness::trust(witness.path(), &verifier)?;
        let memory = remembered(witness.path(), clock.clone(), &asked[0])?;
        let line = Witness::open(witness.path(), clock.clone())?.add(asked[1].encode().as_bytes());
        let cosigned = format!("{}{}", asked[1].checkpoint, line.body);
        let public = SitePublic { site, ledger: verifier, receipts: receipts.verifier("fuzz.example/made")? };
        let told = Self {
            proof: ledger.prove(PROVED, Some(&asked[0].checkpoint), Some(&cosigned))?,
            exported: exported(&ledger, &asked[1].checkpoint)?,
            received: received(&ledger)?,
            leaves: (0..SIZES.1).map(|at| Ok(ledger.read(at)?.leaf)).collect::<Result<_>>()?,
            witness,
            memory,
            clock,
            key,
            public,
            asked,
            cosigned,
            receipt,
        };
        ledger.close()?;
        Ok(told)
    }

    /// The keys as the second verifier has them.
    fn site(&self) -> Result<site::Site> {
        Ok(site::Site::parse(self.public.to_string().as_bytes())?)
    }

    /// Trust in the ledger, and in so many of its one witness.
    fn trust(&self, quorum: usize) -> Result<Trust> {
        let witness: key::VerifierKey = self.key.to_string().parse()?;
        Ok(Trust::new(self.site()?.ledger, vec![witness], Some(quorum))?)
    }

    /// Size and root of a checkpoint that the ledger signed.
    fn signed(&self, note: &str) -> Option<(u64, Hash)> {
        let found = verify::checkpoint(note, &self.public.ledger).ok()?;
        Some((found.size, found.root))
    }

    fn was_asked_for(&self, note: &str) -> bool {
        let found = self.signed(note);
        found.is_some() && self.asked.iter().any(|asked| self.signed(&asked.checkpoint) == found)
    }

    fn has(&self, position: u64, leaf: &[u8]) -> bool {
        usize::try_from(position).is_ok_and(|at| self.leaves.get(at).is_some_and(|own| own == leaf))
    }
}

/// Has the witness answer a request; gives the file of its memory, and what it holds then.
fn remembered(folder: &Path, clock: Arc<FixedClock>, request: &Request) -> Result<(PathBuf, Vec<u8>)> {
    let reply = Witness::open(folder, clock)?.add(request.encode().as_bytes());
    anyhow::ensure!(reply.status == 200, "the witness says {}", reply.body);
    let entry = std::fs::read_dir(folder.join("logs"))?.next().context("a memory")?;
    let path = entry?.path();
    let bytes = std::fs::read(&path)?;
    Ok((path, bytes))
}

/// `audit export --form proof`, of the events from the second on: `docs/spec/audit.md`.
fn exported(ledger: &Ledger, checkpoint: &str) -> Result<String> {
    let head = json!({
        "export": "sequestra-audit-export/v1", "ledger": NAME, "checkpoint": checkpoint,
        "events": 3, "positions": [1, 4], "complete": true,
    });
    let mut text = format!("{head}\n");
    for position in 1..4 {
        let leaf = String::from_utf8(ledger.read(position)?.leaf)?;
        let proof = ledger.inclusion(position, SIZES.1)?;
        let proof: Vec<String> = proof.iter().map(ToString::to_string).collect();
        writeln!(text, "{}", json!({"position": position, "leaf": leaf, "proof": proof}))?;
    }
    Ok(text)
}

/// What a receiver of the site's stream holds, as far as it is compared: `docs/spec/audit.md`.
fn received(ledger: &Ledger) -> Result<String> {
    let mut text = String::new();
    for position in 0..SIZES.1 {
        let leaf = String::from_utf8(ledger.read(position)?.leaf)?;
        let hash: String =
            sequestra_verify::merkle::leaf(leaf.as_bytes()).0.iter().map(|b| format!("{b:02x}")).collect();
        let place = json!({"position": position, "before": position.checked_sub(1), "leaf_hash": hash});
        let record = json!({"metadata": {"log_name": NAME}, "raw_data": leaf, "unmapped": place});
        writeln!(text, "{record}")?;
    }
    Ok(text)
}

/// The targets.
pub fn targets() -> Result<Vec<Target>> {
    let told = Rc::new(Told::new()?);
    Ok(vec![
        requests(&told),
        cosignatures(&told)?,
        proofs(&told)?,
        streams(&told)?,
        exports(&told)?,
        receipts(&told)?,
        sites(&told),
    ])
}

/// A witness that cosigned the first checkpoint is asked.
fn requests(told: &Rc<Told>) -> Target {
    let (told, seeds) =
        (Rc::clone(told), told.asked.iter().map(|asked| asked.encode().into_bytes()).collect());
    let run = move |input: &[u8]| -> Verdict {
        let parsed = Request::parse(input);
        if let Some(request) = &parsed {
            must(request.encode().as_bytes() == input, "a request has two forms")?;
        }
        std::fs::write(&told.memory.0, &told.memory.1).map_err(|error| error.to_string())?;
        let witness =
            Witness::open(told.witness.path(), told.clock.clone()).map_err(|error| error.to_string())?;
        let reply = witness.add(input);
        let said = parsed.filter(|_| reply.status == 200);
        let Some(request) = said else {
            return must(reply.status != 200, "bytes that are no request are cosigned");
        };
        must(told.was_asked_for(&request.checkpoint), "a tree that the ledger did not sign is cosigned")?;
        let note = format!("{}{}", request.checkpoint, reply.body);
        must(told.key.cosigned(&note).is_some(), "the cosignature does not hold")
    };
    Target { name: "witness-request", seeds, run: Box::new(run) }
}

fn cosignatures(told: &Rc<Told>) -> Result<Target> {
    let trust = told.trust(1)?;
    let known = checkpoint::verify(told.cosigned.as_bytes(), &trust)?;
    let seeds = vec![told.cosigned.clone().into_bytes(), told.key.to_string().into_bytes()];
    let told = Rc::clone(told);
    let run = move |input: &[u8]| -> Verdict {
        let Ok(text) = std::str::from_utf8(input) else { return Ok(()) };
        if let Ok(key) = text.parse::<WitnessKey>() {
            must(key.to_string() == text, "a witness's key has two forms")?;
        }
        let time = told.key.cosigned(text);
        if let Some(time) = time {
            must(known.cosigned.iter().any(|(_, at)| *at == time), "another time holds")?;
            must(body(text) == body(&told.cosigned), "a text that nobody cosigned holds")?;
        }
        let Ok(found) = checkpoint::verify(input, &trust) else { return Ok(()) };
        let same = (found.size, found.root) == (known.size, known.root) && found.cosigned == known.cosigned;
        must(same && told.was_asked_for(text) && time.is_some(), "the two verifiers differ")
    };
    Ok(Target { name: "cosignature", seeds, run: Box::new(run) })
}

fn body(note: &str) -> Option<&str> {
    Some(note.rsplit_once("\n\n")?.0)
}

fn proofs(told: &Rc<Told>) -> Result<Target> {
    let (trust, seeds) = (told.trust(1)?, vec![told.proof.clone().into_bytes()]);
    let told = Rc::clone(told);
    let run = move |input: &[u8]| -> Verdict {
        let kept = told.asked[0].checkpoint.as_bytes();
        let Ok(proved) = proof::verify(input, None, Some(kept), &trust) else { return Ok(()) };
        must(told.has(proved.position, &proved.leaf), "an event that is not in the ledger is proved")
    };
    Ok(Target { name: "proof", seeds, run: Box::new(run) })
}

fn streams(told: &Rc<Told>) -> Result<Target> {
    let newest = checkpoint::verify(told.asked[1].checkpoint.as_bytes(), &told.trust(0)?)?;
    let (told, seeds) = (Rc::clone(told), vec![told.received.clone().into_bytes()]);
    let run = move |input: &[u8]| -> Verdict {
        let mut records = Records::default();
        let taken = records.take("received", input).and_then(|()| records.verify(Some(newest.clone())));
        if taken.is_err() {
            return Ok(());
        }
        for line in input.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            let start = line.iter().position(|byte| *byte == b'{').unwrap_or_default();
            let record: Value =
                serde_json::from_slice(line.get(start..).unwrap_or_default()).unwrap_or_default();
            let position = record.pointer("/unmapped/position").and_then(Value::as_u64).unwrap_or(u64::MAX);
            let leaf = record.pointer("/raw_data").and_then(Value::as_str).unwrap_or_default();
            must(told.has(position, leaf.as_bytes()), "a record that is not the ledger's passes")?;
        }
        Ok(())
    };
    Ok(Target { name: "stream-records", seeds, run: Box::new(run) })
}

fn exports(told: &Rc<Told>) -> Result<Target> {
    let (trust, seeds) = (told.trust(0)?, vec![told.exported.clone().into_bytes()]);
    let told = Rc::clone(told);
    let run = move |input: &[u8]| -> Verdict {
        let Ok(found) = export::verify(input, &trust) else { return Ok(()) };
        let mut lines = 0;
        for line in input.split(|byte| *byte == b'\n').skip(1).filter(|line| !line.is_empty()) {
            let event: Value = serde_json::from_slice(line).unwrap_or_default();
            let leaf = event.get("leaf").and_then(Value::as_str).unwrap_or_default();
            let position = event.get("position").and_then(Value::as_u64).unwrap_or(u64::MAX);
            must(told.has(position, leaf.as_bytes()), "an event that is not the ledger's passes")?;
            lines += 1;
        }
        must(found.events == lines, "events are counted that are not there")
    };
    Ok(Target { name: "export", seeds, run: Box::new(run) })
}

fn receipts(told: &Rc<Told>) -> Result<Target> {
    let (site, seeds) = (told.site()?, vec![told.receipt.clone()]);
    let told = Rc::clone(told);
    let run = move |input: &[u8]| -> Verdict {
        let (first, second) = (receipt::verify(input, &told.public), second::verify(input, &site));
        must(first.is_ok() == second.is_ok(), "the two verifiers differ")?;
        must(second.is_err() || input == told.receipt, "a changed receipt holds")
    };
    Ok(Target { name: "second-receipt", seeds, run: Box::new(run) })
}

fn sites(told: &Rc<Told>) -> Target {
    let run = |input: &[u8]| -> Verdict {
        let Ok(text) = std::str::from_utf8(input) else { return Ok(()) };
        if let Ok(key) = text.parse::<key::VerifierKey>() {
            must(key.to_string() == text, "a key has two forms")?;
            let known = text.parse::<VerifierKey>().is_ok() || text.parse::<WitnessKey>().is_ok();
            must(known, "a key that the product does not know")?;
        }
        if site::Site::parse(input).is_ok() {
            let first = text.parse::<SitePublic>().map(|public| public.to_string());
            must(first.is_ok_and(|first| first == text), "public keys that the product does not know")?;
        }
        Ok(())
    };
    let seeds = vec![told.public.to_string().into_bytes(), told.key.to_string().into_bytes()];
    Target { name: "second-keys", seeds, run: Box::new(run) }
}
