//! The files of a throw-away site, as whoever controls the machine can change them.

use crate::{Error, Result};
use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every file below a folder, in the order of paths.
pub fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut waiting) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::io(&folder))? {
            let entry = entry.map_err(Error::io(&folder))?;
            let kind = entry.file_type().map_err(Error::io(&folder))?;
            if kind.is_dir() {
                waiting.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The bodies of a site's objects.
pub fn bodies(site: &Path) -> Result<Vec<PathBuf>> {
    let mut found = below(&site.join("objects"))?;
    found.retain(|path| path.extension().is_none());
    Ok(found)
}

/// Lets a file be changed, whatever the site did to keep it: takes away the kernel's flag and gives its
/// owner the right to write.
pub fn writable(path: &Path) -> Result<()> {
    let file = File::open(path).map_err(Error::io(path))?;
    if let Ok(flags) = ioctl_getflags(&file) {
        // Only these two: the file system refuses a change of flags that it sets itself.
        let mut kept = flags;
        kept.remove(IFlags::IMMUTABLE | IFlags::APPEND);
        if kept != flags {
            ioctl_setflags(&file, kept).map_err(|e| Error::io(path)(e.into()))?;
        }
    }
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(Error::io(path))
}

/// Lets every file below a folder be removed.
pub fn free(folder: &Path) -> Result<()> {
    below(folder)?.iter().try_for_each(|path| writable(path))
}

/// Changes the bytes of a file in place.
pub fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
    writable(path)?;
    let mut bytes = fs::read(path).map_err(Error::io(path))?;
    change(&mut bytes);
    fs::write(path, bytes).map_err(Error::io(path))
}

/// Copies a folder as it is.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let done = Command::new("cp").arg("-a").arg("--").args([from, to]).status();
    match done {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Error::unplayable("the site cannot be copied")),
        Err(error) => Err(Error::io(Path::new("cp"))(error)),
    }
}
