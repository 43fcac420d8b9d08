//! A folder whose files the kernel can be told to keep.

use std::path::PathBuf;
use tempfile::TempDir;

/// Where one is looked for, beside the folder of temporary files: disks, and memory, where recent kernels keep the
/// flag too.
const PLACES: [&str; 3] = ["/var/tmp", "/dev/shm", "/run"];

/// A temporary folder of a file system that takes the immutable flag, as `tries` finds by trying it.
///
/// # Panics
/// When no place takes it, with what each of them said: a promise of the kernel is not tested without the kernel.
pub fn lockable_folder(tries: impl Fn(&std::path::Path) -> std::io::Result<()>) -> TempDir {
    let mut said = Vec::new();
    for place in std::iter::once(std::env::temp_dir()).chain(PLACES.map(PathBuf::from)) {
        let tried = tempfile::tempdir_in(&place).and_then(|folder| tries(folder.path()).map(|()| folder));
        match tried {
            Ok(folder) => return folder,
            Err(error) => said.push(format!("`{}`: {error}", place.display())),
        }
    }
    panic!(
        "no place takes the immutable flag, which needs root or CAP_LINUX_IMMUTABLE and ext4, xfs, btrfs, or the tmpfs of \
         a recent kernel; set TMPDIR to one that does: {}",
        said.join("; ")
    )
}
