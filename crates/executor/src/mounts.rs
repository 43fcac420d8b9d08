//! Mount points, memory file systems and the removal of whole folders.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::statfs;
use rustix::mount::{UnmountFlags, unmount};

use crate::error::{Error, Result};

/// The magic number of a FUSE file system.
pub const FUSE: u64 = 0x6573_5546;
const TMPFS: u64 = 0x0102_1994;
const RAMFS: u64 = 0x8584_58f6;

/// The magic number of the file system that holds `path`.
pub fn magic(path: &Path) -> Result<u64> {
    let found = statfs(path).map_err(Error::io("look at", path))?;
    Ok(u64::from(found.f_type.cast_unsigned() as u32))
}

/// Whether `path` lies on a file system that is held in memory.
pub fn in_memory(path: &Path) -> Result<bool> {
    Ok(matches!(magic(path)?, TMPFS | RAMFS))
}

/// Free bytes of the file system that holds `path`.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let found = statfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(u64::try_from(found.f_bsize).ok()?))
}

/// Whether our mounts are apart from those of the process that started us. Asked while it waits for us.
pub fn are_apart_from_parents() -> bool {
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/mnt"));
    let parent = rustix::process::getppid().map_or(0, rustix::process::Pid::as_raw_pid).to_string();
    matches!((namespace("self"), namespace(&parent)), (Ok(ours), Ok(theirs)) if ours != theirs)
}

/// Whether something is mounted at `path` itself: its device is not its parent's.
pub fn is_mount_point(path: &Path) -> bool {
    let device = |p: &Path| fs::symlink_metadata(p).map(|found| found.dev());
    match (device(path), path.parent().map(device)) {
        (Ok(here), Some(Ok(above))) => here != above,
        // A file server that died answers no question, and is a mount all the same.
        (Err(e), _) => e.raw_os_error() == Some(libc::ENOTCONN),
        _ => false,
    }
}

/// Mount points at or below `folder`, the innermost first.
pub fn below(folder: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut found: Vec<PathBuf> = text
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|path| PathBuf::from(unescape(path)))
        .filter(|path| path.starts_with(folder))
        .collect();
    found.reverse();
    found
}

/// Detaches the mount at `path`, by ourselves when we may, else by the helper of FUSE.
pub fn detach(path: &Path) -> Result<()> {
    match unmount(path, UnmountFlags::DETACH) {
        Ok(()) => return Ok(()),
        Err(rustix::io::Errno::PERM) => {}
        Err(e) => return Err(Error::io("unmount", path)(e)),
    }
    let run = |program: &str| {
        let mut command = Command::new(program);
        command.args(["-u", "-z", "-q"]).arg(path).env_clear().env("PATH", "/usr/bin:/bin");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    match run("fusermount3").or_else(|_| run("fusermount")) {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Error::io("unmount", path)(io::Error::from(io::ErrorKind::PermissionDenied))),
        Err(e) => Err(Error::io("unmount", path)(e)),
    }
}

/// Removes `path` with all below it, also folders that a job has closed against us. Links are
/// removed, never followed. An absent path is fine.
pub fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Ok(()) => return Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => open_folders(path, 0),
    }
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(e)),
        _ => Ok(()),
    }
}

fn open_folders(path: &Path, depth: u16) {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    if !is_folder || depth > 1000 {
        return;
    }
    let _ = fs::set_permissions(path, Permissions::from_mode(0o700));
    for item in fs::read_dir(path).into_iter().flatten().flatten() {
        open_folders(&item.path(), depth + 1);
    }
}

/// Mount tables write blanks and the like as `\040`.
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = tail.get(..3).and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 8).ok());
        match (first, code) {
            (b'\\', Some(byte)) => {
                out.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_table_escapes_are_read() {
        assert_eq!(unescape("/a\\040b\\134c"), "/a b\\c");
        assert_eq!(unescape("/plain\\"), "/plain\\");
    }

    #[test]
    fn memory_is_told_from_disk_by_magic() {
        assert!(in_memory(Path::new("/dev/shm")).unwrap());
        assert!(!in_memory(Path::new("/proc")).unwrap());
        assert!(is_mount_point(Path::new("/proc")) && !is_mount_point(Path::new("/usr/bin")));
    }
}
