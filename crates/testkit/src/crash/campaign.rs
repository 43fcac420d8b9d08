//! Many points of an actor, and one table of what came of them.

use super::actor::{ACK, Actor, Flaw};
use super::check::{Acks, check};
use super::inject::{End, Fault, Point, Ran, Run, points};
use super::power::{Disk, Left};
use super::trace::Call;
use super::{Dice, fast_folder};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The actor.
    pub actor: &'static str,
    /// What was done to it.
    pub fault: String,
    /// Points at which it was done.
    pub points: usize,
    /// Points that were asked for and did not come.
    pub missed: usize,
    /// Acts that were acknowledged before, in all.
    pub acknowledged: usize,
    /// What did not hold, with its point.
    pub broken: Vec<String>,
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { actor, fault, points, missed, acknowledged, broken } = self;
        write!(f, "{actor:<8} {fault:<34} {points:>6} {missed:>6} {acknowledged:>12} {:>6}", broken.len())
    }
}

/// The table's first line.
pub fn head() -> String {
    format!(
        "{:<8} {:<34} {:>6} {:>6} {:>12} {:>6}",
        "actor", "fault", "points", "missed", "acknowledged", "broken"
    )
}

/// An actor, prepared, traced once undisturbed.
pub struct Campaign {
    run: Run,
    prepared: TempDir,
    /// The folder of the undisturbed run.
    folder: PathBuf,
    calls: Vec<Call>,
}

/// The flushes of a trace that a program without them would lack.
pub type Lacking<'a> = &'a dyn Fn(&Call, &Path) -> bool;

impl Campaign {
    /// Prepares the actor's folder and traces one undisturbed run. `program` knows the word `actor`.
    pub async fn new(program: &Path, actor: Actor, acts: u64, flaw: Flaw) -> Result<Self> {
        let run = Run { program: program.to_owned(), actor, acts, flaw };
        let prepared = tempfile::tempdir_in(fast_folder())?;
        let before = prepared.path().join("before");
        std::fs::create_dir(&before)?;
        actor.prepare(&before).await?;
        let campaign = Self { run, folder: prepared.path().join("undisturbed"), prepared, calls: Vec::new() };
        copy_folder(&before, &campaign.folder)?;
        let ran = campaign.run.undisturbed(&campaign.folder)?;
        check(actor, &campaign.folder, &ran.acks, acts).await.context("undisturbed")?;
        Ok(Self { calls: ran.calls, ..campaign })
    }

    fn before(&self) -> PathBuf {
        self.prepared.path().join("before")
    }

    /// Every point at which a call touches the actor's folder.
    pub fn points(&self) -> Vec<Point> {
        points(&self.calls, &self.folder)
    }

    /// Runs the actor once for each of `points` with `fault` there.
    pub async fn inject(&self, points: &[Point], fault: Fault) -> Result<Row> {
        let mut row = self.row(fault.word().to_owned());
        for point in points {
            let room = tempfile::tempdir_in(fast_folder())?;
            let folder = room.path().join("site");
            copy_folder(&self.before(), &folder)?;
            let ran = self.run.with_fault(&folder, point, fault);
            let held = match ran {
                Ok(ran) if !ran.hit => {
                    row.missed += 1;
                    continue;
                }
                Ok(Ran { end: End::Hung, .. }) => Err(anyhow::anyhow!("the actor hangs")),
                Ok(ran) => {
                    row.acknowledged += ran.acks.lines.len();
                    check(self.run.actor, &folder, &ran.acks, self.run.acts).await
                }
                Err(error) => Err(error),
            };
            row.points += 1;
            if let Err(error) = held {
                row.broken.push(format!("{} {point:?}: {error:#}", fault.word()));
            }
        }
        Ok(row)
    }

    /// Cuts the power after `cuts` of the calls that change the disk, or after all for `None`, and
    /// leaves the unflushed in several ways. `lacking` says which flushes the program is to be
    /// without.
    pub async fn cut_power(
        &self,
        cuts: Option<usize>,
        seed: u64,
        lacking: Option<(&str, Lacking<'_>)>,
    ) -> Result<Row> {
        let mut row = self
            .row(lacking.map_or("power cut".to_owned(), |(name, _)| format!("power cut, without {name}")));
        let kept: Vec<&Call> = self
            .calls
            .iter()
            .filter(|call| !lacking.is_some_and(|(_, lacks)| lacks(call, &self.folder)))
            .collect();
        let chosen = self.chosen(&kept, cuts, seed)?;
        let mut disk = self.disk()?;
        let mut acks = Acks::default();
        for (at, call) in kept.iter().enumerate() {
            disk.apply(call);
            acks.lines.extend(said(call));
            let Some(left) = chosen.get(&at) else { continue };
            let room = tempfile::tempdir_in(fast_folder())?;
            let folder = room.path().join("site");
            std::fs::create_dir(&folder)?;
            disk.lose_power(*left, &folder)?;
            row.points += 1;
            row.acknowledged += acks.lines.len();
            if let Err(error) = check(self.run.actor, &folder, &acks, self.run.acts).await {
                row.broken.push(format!("{} after call {at}, {}, {left:?}: {error:#}", row.fault, call.name));
            }
        }
        Ok(row)
    }

    /// The calls after which the power is cut, with what is left then.
    fn chosen(&self, kept: &[&Call], cuts: Option<usize>, seed: u64) -> Result<BTreeMap<usize, Left>> {
        let mut disk = self.disk()?;
        // Acknowledgements too: right after one is the hardest moment.
        let changing: Vec<usize> = (0..)
            .zip(kept)
            .filter(|(_, call)| disk.apply(call) | said(call).is_some())
            .map(|(at, _)| at)
            .collect();
        let mut dice = Dice::new(seed);
        let mut left = |at: usize| match dice.below(4) {
            0 | 1 => (at, Left::Nothing),
            2 => (at, Left::All),
            _ => (at, Left::Some(seed ^ at as u64)),
        };
        Ok(match cuts {
            None => changing.into_iter().map(left).collect(),
            Some(cuts) => {
                let mut pick = Dice::new(!seed);
                let mut picked = BTreeMap::new();
                while picked.len() < cuts.min(changing.len()) {
                    let Some(at) = changing.get(pick.below(changing.len())) else { break };
                    let (at, how) = left(*at);
                    picked.entry(at).or_insert(how);
                }
                picked
            }
        })
    }

    /// The disk before the undisturbed run, under the name that the run's folder has.
    fn disk(&self) -> Result<Disk> {
        Disk::of(&self.before(), &self.folder)
    }

    fn row(&self, fault: String) -> Row {
        let actor = self.run.actor.word();
        Row { actor, fault, points: 0, missed: 0, acknowledged: 0, broken: Vec::new() }
    }
}

/// What a call to standard output acknowledged.
fn said(call: &Call) -> Option<String> {
    if call.name != "write" || call.descriptor_number(0) != Some(1) {
        return None;
    }
    let text = String::from_utf8(call.bytes(1)?).ok()?;
    Some(text.strip_prefix(ACK)?.strip_prefix(' ')?.trim_end().to_owned())
}

/// Takes `count` of `all` by seed, in order.
pub fn sample<T: Clone>(all: &[T], count: usize, seed: u64) -> Vec<T> {
    let mut dice = Dice::new(seed);
    let mut taken: Vec<usize> = (0..all.len()).collect();
    while taken.len() > count {
        taken.swap_remove(dice.below(taken.len()));
    }
    taken.sort_unstable();
    taken.into_iter().filter_map(|at| all.get(at).cloned()).collect()
}

pub(crate) fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
