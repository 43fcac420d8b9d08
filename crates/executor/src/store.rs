//! The stored files of registered tools: one folder, each file under its own digest.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base::Blake3;

use crate::closure::{Closure, Item};
use crate::error::{Error, Result};

/// Copies the files of a freshly collected closure into `store_dir` and returns the listing as JSON.
///
/// A file goes to `<digest[..2]>/<digest>`, read-only, whole or not at all. Bytes that changed since
/// the closure was collected, and a stored file that is not what its name says, are refused.
pub fn store(closure: &Closure, store_dir: &Path) -> Result<String> {
    closure.check_listing(closure.digest)?;
    for entry in &closure.entries {
        let Item::File { blake3, .. } = entry.item else { continue };
        let path = path_in(store_dir, blake3);
        if path.exists() {
            check_file(&entry.path, &path, blake3)?;
            continue;
        }
        let origin = closure.origins.get(&entry.path).ok_or_else(|| {
            Error::Invalid("only a closure collected by this process can be stored".to_owned())
        })?;
        let bytes = fs::read(origin).map_err(Error::io("read", origin))?;
        let found = Blake3(blake3::hash(&bytes).into());
        if found != blake3 {
            let found = found.to_string();
            return Err(Error::ToolChanged { path: entry.path.clone(), expected: blake3, found });
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        }
        match base::durable::create_once(&path, &bytes) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => check_file(&entry.path, &path, blake3)?,
            Err(e) => return Err(Error::io("write", &path)(e)),
            Ok(()) => {}
        }
        fs::set_permissions(&path, Permissions::from_mode(0o400)).map_err(Error::io("protect", &path))?;
    }
    Ok(closure.to_json())
}

/// Hashes the listing and every stored file again. The first that differs is named.
pub fn check(closure: &Closure, store_dir: &Path) -> Result<()> {
    closure.check_listing(closure.digest)?;
    for entry in &closure.entries {
        if let Item::File { blake3, .. } = entry.item {
            check_file(&entry.path, &path_in(store_dir, blake3), blake3)?;
        }
    }
    Ok(())
}

/// Where a file with this digest lies in the store.
pub fn path_in(store_dir: &Path, digest: Blake3) -> PathBuf {
    let name = digest.to_string();
    store_dir.join(name.get(..2).unwrap_or_default()).join(&name)
}

fn check_file(named: &str, path: &Path, expected: Blake3) -> Result<()> {
    let found = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => "absent".to_owned(),
        Err(e) => return Err(Error::io("open", path)(e)),
        Ok(file) => {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(file).map_err(Error::io("read", path))?;
            let found = Blake3(hasher.finalize().into());
            if found == expected {
                return Ok(());
            }
            found.to_string()
        }
    };
    Err(Error::ToolChanged { path: named.to_owned(), expected, found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changed_byte_of_a_stored_tool_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let closure = Closure::collect(&[("true", "/bin/true".into())], &[]).unwrap();
        let json = store(&closure, folder.path()).unwrap();
        store(&closure, folder.path()).unwrap();
        let registered = Closure::from_json(&json, closure.digest).unwrap();
        check(&registered, folder.path()).unwrap();

        let entry = registered.entries.iter().find(|e| e.path == "/usr/bin/true").unwrap();
        let Item::File { blake3, .. } = entry.item else { panic!("not a file") };
        let path = path_in(folder.path(), blake3);
        let mut bytes = fs::read(&path).unwrap();
        bytes[100] ^= 1;
        fs::remove_file(&path).unwrap();
        fs::write(&path, &bytes).unwrap();
        match check(&registered, folder.path()) {
            Err(Error::ToolChanged { path, .. }) => assert_eq!(path, "/usr/bin/true"),
            other => panic!("{other:?}"),
        }
        fs::remove_file(&path).unwrap();
        assert!(
            matches!(check(&registered, folder.path()), Err(Error::ToolChanged { found, .. }) if found == "absent")
        );
    }
}
