//! What a program loads before its first instruction.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    if let Some(rest) = bytes.strip_prefix(b"#!") {
        return script(path, rest);
    }
    let elf =
        Elf::parse(&bytes).map_err(|_| refuse(path, "it is neither an ELF program nor a `#!` script"))?;
    Ok(Program::Elf { loader: elf.interpreter.map(PathBuf::from) })
}

/// What the loader maps for `program`. Only the loader runs, with an empty environment.
pub fn libraries(loader: &Path, program: &Path) -> Result<Vec<Library>> {
    let known = ["/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/"];
    if !known.iter().any(|folder| loader.starts_with(folder)) {
        return Err(refuse(program, format!("its loader `{}` is not in a system folder", loader.display())));
    }
    let output = Command::new(loader)
        .arg("--list")
        .arg(program)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .map_err(Error::io("run the loader of", program))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(refuse(program, format!("its loader says: {said}")));
    }
    let found = parse_list(&String::from_utf8_lossy(&output.stdout));
    check_needed(program, &found)?;
    Ok(found)
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

/// Lines are `\tlibz.so.1 => /lib/x/libz.so.1 (0x…)`, `\t/lib64/ld.so (0x…)`, or the kernel's own
/// `linux-vdso.so.1 (0x…)`, which is no file.
fn parse_list(text: &str) -> Vec<Library> {
    let mut found = vec![];
    for line in text.lines() {
        let line = line.trim();
        let line = line.split_once(" (0x").map_or(line, |(left, _)| left);
        let (name, path) = line.split_once(" => ").unwrap_or((line, line));
        if path.starts_with('/') {
            found.push(Library { name: name.trim().to_owned(), path: PathBuf::from(path.trim()) });
        }
    }
    found
}

/// The program's own list of needs must be covered; a loader that skips one would surface only at run time.
fn check_needed(program: &Path, found: &[Library]) -> Result<()> {
    let bytes = fs::read(program).map_err(Error::io("read", program))?;
    let elf = Elf::parse(&bytes).map_err(|e| refuse(program, e.to_string()))?;
    for needed in &elf.libraries {
        let covered = found.iter().any(|l| l.name == *needed || l.path.ends_with(needed));
        if !covered {
            return Err(refuse(program, format!("it needs `{needed}`, which the loader does not find")));
        }
    }
    Ok(())
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

fn refuse(path: &Path, why: impl Into<String>) -> Error {
    Error::Closure { path: path.display().to_string(), why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaders_list_is_read() {
        let list = "\tlinux-vdso.so.1 (0x00007)\n\tlibz.so.1 => /lib/x/libz.so.1 (0x00007f)\n\t/lib64/ld-linux-x86-64.so.2 (0x1)\n";
        let found = parse_list(list);
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].name.as_str(), found[0].path.to_str().unwrap()),
            ("libz.so.1", "/lib/x/libz.so.1")
        );
        assert_eq!(found[1].path, Path::new("/lib64/ld-linux-x86-64.so.2"));
    }

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
