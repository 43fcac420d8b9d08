//! What must hold when an actor's folder is opened again.

use super::actor::{self, Actor};
use access::thing::{Object, Project};
use access::verb::{Read as ReadVerb, View};
use access::{Action, Ask, Permit};
use anyhow::{Context, Result, ensure};
use base::{ObjectId, ProjectId};
use ledger::Ledger;
use ledger::leaf::Leaf;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// What an actor said is complete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acks {
    /// Each line after its first word.
    pub lines: Vec<String>,
}

impl Acks {
    /// The acknowledgements in what an actor printed. A line that was cut is none.
    pub fn of(printed: &[u8]) -> Self {
        let text = String::from_utf8_lossy(printed);
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = whole.lines().filter_map(|line| line.strip_prefix(actor::ACK)?.strip_prefix(' '));
        Self { lines: lines.map(str::to_owned).collect() }
    }

    fn numbers(&self, word: &str) -> BTreeSet<u64> {
        let last = |line: &String| line.split(' ').next_back()?.parse().ok();
        self.lines.iter().filter(|line| line.starts_with(word)).filter_map(last).collect()
    }
}

/// Starts again in `folder` and looks whether all promises hold. `acts` is how many acts the actor
/// was to do.
pub async fn check(actor: Actor, folder: &Path, acks: &Acks, acts: u64) -> Result<()> {
    match actor {
        Actor::Ledger => check_ledger(folder, acks, acts),
        Actor::Objects => check_objects(folder, acks, acts).await,
        Actor::Rotation => super::rotation::check(folder, acks).await,
        Actor::Migration => super::migration::check(folder, acks),
        Actor::Retention => super::retention::check(folder, acks).await,
    }
}

fn check_ledger(folder: &Path, acks: &Acks, acts: u64) -> Result<()> {
    if acks.lines.iter().any(|line| line == "made") {
        ensure!(folder.join("ledger/vkey").exists(), "a ledger that was made is not there");
    }
    let ledger = actor::open_ledger(folder, Arc::new(ledger::storage::Disk)).context("opening again")?;
    let held = events_hold(&ledger, acts)?;
    for n in acks.numbers("event") {
        ensure!(held.contains(&n), "event {n} was acknowledged and is lost");
    }
    if let Some(published) = acks.numbers("published").into_iter().next_back() {
        let path = folder.join("ledger/checkpoint");
        let text = std::fs::read_to_string(path).context("an acknowledged checkpoint is lost")?;
        let found = ledger::verify::checkpoint(&text, ledger.verifier())?;
        ensure!(found.size >= published, "the checkpoint went back to {}", found.size);
    }
    sound(&ledger)?;
    ledger.append_blocking(actor::event(acts)?).context("going on")?;
    ledger.publish().context("publishing again")?;
    sound(&ledger)?;
    Ok(ledger.close()?)
}

/// The acts whose events are there: whole, in order, each proven against a checkpoint.
fn events_hold(ledger: &Ledger, acts: u64) -> Result<BTreeSet<u64>> {
    let checkpoint = ledger::verify::checkpoint(&ledger.checkpoint()?, ledger.verifier())?;
    let mut held = BTreeSet::new();
    for position in 0..ledger.size() {
        let record = ledger.read(position)?;
        let proof = ledger.inclusion(position, checkpoint.size)?;
        ledger::verify::inclusion(&record.leaf, position, checkpoint.size, checkpoint.root, &proof)?;
        let leaf = Leaf::parse(&record.leaf).context("a leaf is not whole")?;
        let body: serde_json::Value = serde_json::from_str(leaf.event)?;
        let n = body.get("act").and_then(serde_json::Value::as_u64).context("an event is not whole")?;
        ensure!(n == position && n < acts, "event {n} lies at {position}");
        held.insert(n);
    }
    Ok(held)
}

pub(super) fn sound(ledger: &Ledger) -> Result<()> {
    let report = ledger.verify_full()?;
    ensure!(report.is_sound(), "verification finds {}", words(&report.findings));
    Ok(())
}

fn words(findings: &[ledger::Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

async fn check_objects(folder: &Path, acks: &Acks, acts: u64) -> Result<()> {
    let (spine, project, caller) = actor::reopen(folder).await.context("opening again")?;
    let held = objects_hold(&spine, &project, &caller).await?;
    for line in acks.lines.iter().filter_map(|line| line.strip_prefix("object ")) {
        let (id, n) = line.split_once(' ').context("an acknowledgement of an object")?;
        let found = held.get(id).with_context(|| format!("object {n} was acknowledged and is lost"))?;
        ensure!(found.to_string() == n, "object {n} has the content of {found}");
    }
    let distinct: BTreeSet<u64> = held.values().copied().collect();
    ensure!(distinct.len() == held.len(), "an act made two objects");
    ensure!(distinct.iter().all(|n| *n < acts), "there is an object that nobody made");
    // What a stop left without record was put aside at the start. Beside the shards there is the site's mark, and
    // what a stop left of its making.
    let mut files = 0;
    for entry in std::fs::read_dir(folder.join("objects"))? {
        let path = entry?.path();
        files += if path.is_dir() && !path.ends_with("aside") { files_below(&path)? } else { 0 };
    }
    ensure!(files == 2 * held.len(), "{} objects and {files} files", held.len());
    sound(spine.audit.ledger())?;
    actor::put(&spine, &project, &caller, acts, |_, _| Ok(())).await.context("going on")?;
    spine.audit.ledger().publish()?;
    sound(spine.audit.ledger())?;
    spine.close().await;
    Ok(())
}

/// Every object by its id with the act that made it: content whole, manifest in the ledger.
pub(super) async fn objects_hold(
    spine: &crate::Spine,
    project: &ProjectId,
    caller: &access::Caller,
) -> Result<BTreeMap<String, u64>> {
    let ledger = spine.audit.ledger();
    let size = ledger.size();
    // No object is visible without its manifest, so the manifests lead to all there can be.
    let mut manifests = BTreeMap::new();
    for position in 0..size {
        if let audit::What::ObjectSealed(manifest) = spine.audit.recorded(position)?.event.what {
            manifests.insert(manifest.object.clone(), position);
        }
    }
    let ids: Vec<ObjectId> = manifests.keys().cloned().collect();
    let view: Permit<View, Project> =
        spine.access.decide(caller, Ask::new(Action::ViewSamples, [project.clone()])).await?;
    let mut held = BTreeMap::new();
    for object in spine.archive.describe(&view, &ids).await? {
        let ask = Ask::new(Action::ViewVariants, [object.id.clone()]);
        let permit: Permit<ReadVerb, Object> = spine.access.decide(caller, ask).await?;
        let mut bytes = Vec::new();
        let opened = spine.archive.open_object(&permit, &object.id).await;
        opened
            .context("an object is not whole")?
            .read_to_end(&mut bytes)
            .context("an object is not whole")?;
        let n = bytes.first_chunk().map(|first| u64::from_le_bytes(*first)).context("an empty object")?;
        ensure!(bytes == actor::content(n), "an object has other content than was written");
        held.insert(object.id.to_string(), n);
        let position = *manifests.get(&object.id).context("an object has no manifest in the ledger")?;
        ensure!(position == object.position, "an object's record names another manifest");
        let leaf = ledger.read(position)?.leaf;
        let proof = ledger.inclusion(position, size)?;
        ledger::verify::inclusion(&leaf, position, size, ledger.root(size)?, &proof)?;
    }
    spine.access.close(caller, Default::default()).await?;
    Ok(held)
}

fn files_below(folder: &Path) -> Result<usize> {
    if !folder.exists() {
        return Ok(0);
    }
    let mut count = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        count += if path.is_dir() { files_below(&path)? } else { 1 };
    }
    Ok(count)
}
