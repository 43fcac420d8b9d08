//! Bytes in clear on their way into a scratch, and nowhere else.

use crate::Error;
use std::fs::{OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Bytes between two questions whether to go on.
const PIECE: usize = 1 << 20;

/// Writes all of `from` to the new file `to`, readable by the job, asking `go_on` before each
/// piece. Gives the number of bytes.
///
/// INVARIANT (nothing in clear on disk): callers pass paths inside a mounted scratch alone.
pub(crate) fn write(
    to: &Path,
    from: &mut dyn Read,
    go_on: &mut dyn FnMut() -> Result<(), Error>,
) -> Result<u64, Error> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o444).open(to)?;
    let mut buffer = vec![0u8; PIECE];
    let mut total = 0u64;
    loop {
        go_on()?;
        let count = from.read(&mut buffer)?;
        let piece = buffer.get(..count).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        file.write_all(piece)?;
        total = total.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }
    // A strict mode mask must not hide an input from the job's own user.
    file.set_permissions(Permissions::from_mode(0o444))?;
    Ok(total)
}
