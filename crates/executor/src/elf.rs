//! What a program loads before its first instruction.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use goblin::elf::Elf;

use crate::error::{Error, Result};

/// What kind of program a file is.
pub enum Program {
    /// Machine code with the loader it names, if it names one.
    Elf {
        /// The loader, an absolute path; `None` for a static program.
        loader: Option<PathBuf>,
    },
    /// A text that starts with `#!`: the interpreter and its one argument.
    Script {
        /// The interpreter, an absolute path.
        interpreter: PathBuf,
        /// What stands behind it on the first line.
        argument: Option<String>,
    },
}

/// One library as the loader resolves it.
pub struct Library {
    /// The name that was asked for (`libz.so.1`), or a path.
    pub name: String,
    /// Where the loader found it.
    pub path: PathBuf,
}

/// Reads what `path` is.
pub fn inspect(path: &Path) -> Result<Program> {
    let bytes = bytes_of(path)?;
    if let Some(rest) = bytes.strip_prefix(b"#!") {
        return script(path, rest);
    }
    let elf =
        Elf::parse(&bytes).map_err(|_| refuse(path, "it is neither an ELF program nor a `#!` script"))?;
    Ok(Program::Elf { loader: elf.interpreter.map(PathBuf::from) })
}

/// A program or library larger than this is refused before it is read.
const MOST_BYTES: u64 = 1 << 30;

/// The bytes of a program or library: a regular file of at most 1 GiB.
pub fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    check_length(path)?;
    let mut bytes = vec![];
    let file = File::open(path).map_err(Error::io("read", path))?;
    // It may grow meanwhile.
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    Ok(bytes)
}

/// Whether `path` can be a program or library by what it is and how long it is.
pub fn check_length(path: &Path) -> Result<()> {
    let found = fs::metadata(path).map_err(Error::io("read", path))?;
    if !found.is_file() {
        return Err(refuse(path, "it is not a regular file"));
    }
    if found.len() > MOST_BYTES {
        return Err(refuse(path, "a program or library larger than 1 GiB is not read"));
    }
    Ok(())
}

/// What the GNU C library opens by name at run time: without it, a thread that ends or is cancelled
/// aborts the program.
pub fn loaded_later(found: &[Library]) -> Option<Library> {
    const NAME: &str = "libgcc_s.so.1";
    let c_library = found.iter().find(|library| library.name == "libc.so.6")?;
    let path = c_library.path.with_file_name(NAME);
    let wanted = path.is_file() && found.iter().all(|library| library.name != NAME);
    wanted.then(|| Library { name: NAME.to_owned(), path })
}

fn script(path: &Path, rest: &[u8]) -> Result<Program> {
    let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = std::str::from_utf8(line).map_err(|_| refuse(path, "its first line is not text"))?.trim();
    let (interpreter, argument) = match line.split_once([' ', '\t']) {
        Some((program, argument)) => (program, Some(argument.trim().to_owned())),
        None => (line, None),
    };
    if !interpreter.starts_with('/') {
        return Err(refuse(path, format!("its interpreter `{interpreter}` is not an absolute path")));
    }
    Ok(Program::Script { interpreter: PathBuf::from(interpreter), argument })
}

/// The error that `path` cannot be in a closure.
pub fn refuse(path: &Path, why: impl Into<String>) -> Error {
    Error::Closure { path: path.display().to_string(), why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_interpreter_is_no_program() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, "echo hello\n").unwrap();
        assert!(matches!(inspect(&path), Err(Error::Closure { .. })));
        fs::write(&path, "#!bin/sh\n").unwrap();
        assert!(matches!(inspect(&path), Err(Error::Closure { .. })));
    }
}
