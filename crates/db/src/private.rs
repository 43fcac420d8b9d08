//! Files that nobody else can read.

use crate::Error;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use zeroize::Zeroizing;

/// Most bytes of a file: a key, a certificate chain, a password.
const MOST: u64 = 64 << 10;

/// The text of a file that is this account's or root's own, and closed to all others.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, Error> {
    let refuse = |why: &str| Error::File { path: path.to_owned(), why: why.to_owned() };
    // A pipe in its place is not waited for.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| refuse(&e.to_string()))?;
    let mut file = File::from(file);
    let about = file.metadata().map_err(|e| refuse(&e.to_string()))?;
    let own = rustix::process::geteuid().as_raw();
    if !about.is_file() || (about.uid() != own && about.uid() != 0) {
        return Err(refuse("it is not a file of this account"));
    }
    if about.mode() & 0o077 != 0 {
        return Err(refuse("others can read or write it: `chmod 600` it"));
    }
    let mut text = Zeroizing::new(String::with_capacity(MOST as usize));
    (&mut file).take(MOST).read_to_string(&mut text).map_err(|_| refuse("it is not a text"))?;
    if text.trim().is_empty() { Err(refuse("it is empty")) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        assert!(read(&path).is_err());
        std::fs::write(&path, "hunter2\n").unwrap();
        for (mode, good) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let read = read(&path);
            assert_eq!(read.is_ok(), good, "{mode:o}");
            assert!(!format!("{:?}", read.err()).contains("hunter2"));
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(&path, " \n").unwrap();
        assert!(read(&path).is_err(), "an empty password is none");
    }
}
