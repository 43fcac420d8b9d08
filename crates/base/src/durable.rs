//! Files written so that a crash leaves the old or the new one, whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Creates `path` with `bytes`, mode 0600, and fails if it exists. Callers keep two writers of one
/// path apart: both would use the same neighbour.
///
/// 1. Write and flush a neighbour. Crash here: the neighbour is litter, `path` is absent.
/// 2. Link it to `path`, which fails if `path` exists. Crash here: `path` is whole; litter stays.
/// 3. Unlink the neighbour and flush the folder. Crash before: the name may be lost, never half.
pub fn create_once(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let neighbour = write_neighbour(path, bytes)?;
    let linked = fs::hard_link(&neighbour, path);
    fs::remove_file(&neighbour)?;
    linked?;
    flush_folder_of(path)
}

/// Replaces `path` by a file with `bytes`, mode 0600.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let neighbour = write_neighbour(path, bytes)?;
    fs::rename(&neighbour, path)?;
    flush_folder_of(path)
}

/// Flushes the folder that holds `path`, so that a new name in it survives a crash.
pub fn flush_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn write_neighbour(path: &Path, bytes: &[u8]) -> io::Result<std::path::PathBuf> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(".new");
    let neighbour = path.with_file_name(name);
    match fs::remove_file(&neighbour) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&neighbour)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(neighbour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn create_once_never_replaces() {
        let folder = std::env::temp_dir().join(format!("durable-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a");
        create_once(&path, b"one").unwrap();
        assert!(create_once(&path, b"two").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace(&path, b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }
}
