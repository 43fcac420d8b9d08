//! A disk that is full: an actor on a small file system in memory, which then gets more room.

use super::actor::{Actor, Flaw};
use super::campaign::{Row, copy_folder};
use super::check::{Acks, check};
use anyhow::{Context, Result, ensure};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use std::path::Path;
use std::process::{Command, Stdio};

/// The room that a disk gets for the check.
const ENOUGH: &str = "size=512m";

/// Why a file system cannot be mounted here, if so.
pub fn obstacle() -> Option<String> {
    let room = tempfile::tempdir().ok()?;
    match mount_small(room.path(), "size=64k") {
        Ok(()) => {
            let _ = unmount(room.path(), UnmountFlags::DETACH);
            None
        }
        Err(error) => Some(format!("a small file system cannot be mounted here: {error}")),
    }
}

/// Rounds on a small disk.
const ROUNDS: u64 = 10;

/// Kilobytes of further room from round to round: the last one is still too small for [`ACTS`].
const fn step(actor: Actor) -> u64 {
    match actor {
        Actor::Ledger => 4,
        Actor::Objects | Actor::Rotation | Actor::Retention => 48,
        Actor::Migration => 4,
    }
}

/// Acts that no round has room for.
const ACTS: u64 = 200;

/// Lets `actor` act in rounds, each with a little more room beyond what is there before, until the
/// disk is full.
pub async fn fill(program: &Path, actor: Actor) -> Result<Row> {
    let mut row = Row {
        actor: actor.word(),
        fault: "full disk".to_owned(),
        points: 0,
        missed: 0,
        acknowledged: 0,
        broken: Vec::new(),
    };
    let prepared = tempfile::tempdir()?;
    let before = prepared.path().join("before");
    std::fs::create_dir(&before)?;
    actor.prepare(&before).await?;
    for room in (0..ROUNDS).map(|round| round * step(actor)) {
        let place = tempfile::tempdir()?;
        let size = format!("size={}k", size_of(&before)? / 1024 + room);
        mount_small(place.path(), &size).context("mounting a small file system")?;
        let done = round(program, actor, &before, place.path()).await;
        unmount(place.path(), UnmountFlags::DETACH).context("unmounting")?;
        match done {
            Ok((acknowledged, filled)) => {
                row.acknowledged += acknowledged;
                row.points += usize::from(filled);
                row.missed += usize::from(!filled);
            }
            Err(error) => row.broken.push(format!("{size}: {error:#}")),
        }
    }
    Ok(row)
}

/// The acknowledgements of a round, and whether the disk was full.
async fn round(program: &Path, actor: Actor, before: &Path, disk: &Path) -> Result<(usize, bool)> {
    let folder = disk.join("site");
    copy_folder(before, &folder)?;
    let output = Command::new(program)
        .args(["actor", actor.word()])
        .arg(&folder)
        .args([&ACTS.to_string(), Flaw::None.word()])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()?;
    let acks = Acks::of(&output.stdout);
    mount_remount(disk, MountFlags::empty(), ENOUGH).context("making room")?;
    check(actor, &folder, &acks, ACTS).await?;
    Ok((acks.lines.len(), !output.status.success()))
}

fn mount_small(place: &Path, size: &str) -> std::io::Result<()> {
    let data = std::ffi::CString::new(size)?;
    Ok(mount("tmpfs", place, "tmpfs", MountFlags::empty(), Some(data.as_c_str()))?)
}

fn size_of(folder: &Path) -> Result<u64> {
    let mut size = 4096;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        size += if meta.is_dir() { size_of(&entry.path())? } else { meta.len().next_multiple_of(4096) };
    }
    ensure!(size < 1 << 30, "more than a test should have");
    Ok(size)
}
