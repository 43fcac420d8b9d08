//! A disk that is full: an actor on a small file system, which then gets more room.
//!
//! The file system is ext4 in a file, by a loop device, and memory where the machine has no such device; the table
//! says which. A file of ballast leaves the actor the room that a round gives it.

use super::actor::{Actor, Flaw};
use super::campaign::{Row, copy_folder};
use super::check::{Acks, check};
use anyhow::{Context, Result, ensure};
use rustix::fs::{FallocateFlags, fallocate, statvfs, syncfs};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The size of the file system; what is not written takes no room on the machine's own disk.
const SIZE: &str = "256M";
/// Rounds on a small disk, in the long run.
pub const ROUNDS: u64 = 10;
/// Acts that no round has room for, of the actors that do not come to an end before.
const ACTS: u64 = 200;

/// What the small disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// ext4 with its journal, in a file, by a loop device.
    Ext4,
    /// Memory.
    Tmpfs,
}

impl Kind {
    /// What this machine lets us mount.
    ///
    /// # Errors
    /// Why it is neither.
    pub fn here() -> Result<Self> {
        match Disk::mount(Self::Ext4) {
            Ok(_) => Ok(Self::Ext4),
            Err(_) => Disk::mount(Self::Tmpfs)
                .map(|_| Self::Tmpfs)
                .context("a small disk is mounted, which takes root and CAP_SYS_ADMIN"),
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Ext4 => "full ext4",
            Self::Tmpfs => "full tmpfs",
        }
    }
}

/// Kilobytes of further room for the last round; still too small for what the actor does.
const fn most(actor: Actor) -> u64 {
    match actor {
        Actor::Ledger | Actor::Migration => 36,
        Actor::Rotation => 216,
        Actor::Objects | Actor::Retention => 432,
    }
}

/// Lets `actor` act in `rounds`, each with a little more room beyond what is there before, until the
/// disk is full.
pub async fn fill(program: &Path, actor: Actor, rounds: u64) -> Result<Row> {
    let kind = Kind::here()?;
    let mut row = Row {
        actor: actor.word(),
        fault: kind.words().to_owned(),
        points: 0,
        missed: 0,
        acknowledged: 0,
        broken: Vec::new(),
    };
    let prepared = tempfile::tempdir()?;
    let before = prepared.path().join("before");
    std::fs::create_dir(&before)?;
    actor.prepare(&before).await?;
    for room in (0..rounds).map(|round| most(actor) * round / rounds.saturating_sub(1).max(1)) {
        let disk = Disk::mount(kind)?;
        match round(program, actor, &before, &disk, room).await {
            Ok((acknowledged, filled)) => {
                row.acknowledged += acknowledged;
                row.points += usize::from(filled);
                row.missed += usize::from(!filled);
            }
            Err(error) => row.broken.push(format!("{room} KiB: {error:#}")),
        }
    }
    Ok(row)
}

/// The acknowledgements of a round, and whether the disk was full.
async fn round(program: &Path, actor: Actor, before: &Path, disk: &Disk, room: u64) -> Result<(usize, bool)> {
    let folder = disk.place().join("site");
    copy_folder(before, &folder)?;
    let ballast = disk.leave(room * 1024).context("filling the disk")?;
    let output = Command::new(program)
        .args(["actor", actor.word()])
        .arg(&folder)
        .args([&ACTS.to_string(), Flaw::None.word()])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()?;
    let acks = Acks::of(&output.stdout);
    std::fs::remove_file(ballast).context("making room")?;
    check(actor, &folder, &acks, ACTS).await?;
    Ok((acks.lines.len(), !output.status.success()))
}

/// A small file system, unmounted when dropped.
struct Disk {
    room: TempDir,
}

impl Disk {
    fn mount(kind: Kind) -> Result<Self> {
        let disk = Self { room: tempfile::tempdir()? };
        std::fs::create_dir(disk.place())?;
        let place = disk.place().display().to_string();
        match kind {
            Kind::Tmpfs => tool("mount", &["-t", "tmpfs", "-o", &format!("size={SIZE}"), "tmpfs", &place])?,
            Kind::Ext4 => {
                let image = disk.room.path().join("image").display().to_string();
                tool("truncate", &["--size", SIZE, &image])?;
                // Blocks kept back for root would be room that the actor has and the count does not show.
                tool("mkfs.ext4", &["-q", "-F", "-b", "4096", "-m", "0", &image])?;
                tool("mount", &["-t", "ext4", "-o", "loop", &image, &place])?;
            }
        }
        Ok(disk)
    }

    fn place(&self) -> PathBuf {
        self.room.path().join("disk")
    }

    /// Fills the disk so that this many bytes are left. The file that does.
    fn leave(&self, bytes: u64) -> Result<PathBuf> {
        let path = self.place().join("ballast");
        let file = File::create(&path)?;
        // What was copied is counted once it has its place.
        syncfs(&file)?;
        let mut length = 0;
        loop {
            let disk = statvfs(&path)?;
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let more = free.saturating_sub(bytes) / disk.f_frsize * disk.f_frsize;
            if more == 0 {
                break;
            }
            // A large extent may need a block of its own for its place: the last ones one by one.
            let part = if more > 64 * disk.f_frsize { more - 32 * disk.f_frsize } else { disk.f_frsize };
            match fallocate(&file, FallocateFlags::empty(), length, part) {
                Err(Errno::NOSPC) => break,
                done => done?,
            }
            length += part;
        }
        ensure!(length > 0, "the disk is too small for what is there before");
        Ok(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = unmount(self.place(), UnmountFlags::DETACH);
    }
}

fn tool(name: &str, words: &[&str]) -> Result<()> {
    let done = Command::new(name).args(words).stdin(Stdio::null()).output();
    let done = done.with_context(|| format!("cannot start `{name}`"))?;
    ensure!(done.status.success(), "`{name}`: {}", String::from_utf8_lossy(&done.stderr).trim());
    Ok(())
}
