//! What may leave a job: declared files, opened without following anything, checked as a whole.

mod bgzf;
mod cram;
mod text;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// An output that a job may leave behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// Path below `/out`, plain: no `..`, no link on the way.
    pub name: String,
    /// What it must be.
    pub kind: OutputKind,
    /// Whether the job has failed without it.
    pub required: bool,
}

/// What a file must be as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputKind {
    /// BAM: an unbroken chain of BGZF blocks, the BAM magic, the end-of-file block.
    Bam,
    /// CRAM 2.1 or 3.x: an unbroken chain of containers that ends in the end-of-file container.
    Cram,
    /// VCF in BGZF: an unbroken chain, a first line `##fileformat=VCF`, the end-of-file block.
    BgzfVcf,
    /// Gzip: every member decodes, with the right sum and length.
    Gzip,
    /// One JSON value.
    Json,
    /// UTF-8 without NUL.
    Text,
    /// UTF-8 that begins like a page.
    Html,
    /// Anything, but not nothing.
    Other,
}

/// An output that passed: the file that was checked is the file that is open here.
#[derive(Debug)]
pub struct OutputFile {
    /// Its declared name.
    pub name: String,
    /// Where it lies, for messages only: read from `file`.
    pub path: PathBuf,
    /// The file, at its start.
    pub file: File,
    /// Bytes.
    pub len: u64,
}

/// Opens and checks the outputs in `out_dir`, in the order of `declared`. Call it after the job has
/// ended, while the scratch is mounted.
///
/// Errors name the output and the rule: something undeclared, a missing required file, a link, a
/// second name, a special file, a set-user-id bit, or bytes that are not a whole file of its kind.
pub fn collect(out_dir: &Path, declared: &[Declared]) -> Result<Vec<OutputFile>> {
    let mut names = BTreeSet::new();
    for item in declared {
        if !plain(&item.name) || !names.insert(item.name.as_str()) {
            return Err(Error::output(&item.name, "its declared name is not a plain path, or stands twice"));
        }
    }
    refuse_undeclared(out_dir, "", &names, 0)?;
    let folder = File::open(out_dir).map_err(Error::io("open", out_dir))?;
    let mut found = vec![];
    for item in declared {
        match open(&folder, &item.name)? {
            Some((mut file, len)) => {
                check(&mut file, len, item)?;
                found.push(OutputFile { name: item.name.clone(), path: out_dir.join(&item.name), file, len });
            }
            None if item.required => return Err(Error::output(&item.name, "the job did not write it")),
            None => {}
        }
    }
    Ok(found)
}

/// The whole-file check alone, for a file from elsewhere. Leaves `file` at its start.
pub fn check(file: &mut File, len: u64, item: &Declared) -> Result<()> {
    let refuse = |why: String| Error::output(&item.name, why);
    if len == 0 {
        return Err(refuse("it is empty".to_owned()));
    }
    text::rewind(file).map_err(refuse)?;
    match item.kind {
        OutputKind::Bam => bgzf::check_bam(file, len),
        OutputKind::BgzfVcf => bgzf::check_vcf(file, len),
        OutputKind::Cram => cram::check(file, len),
        OutputKind::Gzip => text::check_gzip(file),
        OutputKind::Json => text::check_json(file),
        OutputKind::Text => text::check_text(file),
        OutputKind::Html => text::check_html(file),
        OutputKind::Other => Ok(()),
    }
    .map_err(refuse)?;
    text::rewind(file).map_err(refuse)
}

fn open(folder: &File, name: &str) -> Result<Option<(File, u64)>> {
    let how = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let within = ResolveFlags::BENEATH
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_XDEV;
    let file = match openat2(folder, name, how, Mode::empty(), within) {
        Ok(fd) => File::from(fd),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(rustix::io::Errno::LOOP) => {
            return Err(Error::output(name, "it is a symbolic link, or lies behind one"));
        }
        Err(e) => return Err(Error::output(name, format!("it cannot be opened: {e}"))),
    };
    let found = file.metadata().map_err(|e| Error::output(name, e.to_string()))?;
    if !found.is_file() {
        return Err(Error::output(name, "it is not a regular file"));
    }
    if found.nlink() != 1 {
        return Err(Error::output(name, "it has more than one name"));
    }
    if found.mode() & 0o7000 != 0 {
        return Err(Error::output(name, "it has a set-user-id, set-group-id or sticky bit"));
    }
    Ok(Some((file, found.len())))
}

/// A job that writes more than it declared is a job that nobody reviewed.
fn refuse_undeclared(folder: &Path, prefix: &str, names: &BTreeSet<&str>, depth: u16) -> Result<()> {
    for item in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let item = item.map_err(Error::io("list", folder))?;
        let name = item.file_name();
        let shown = format!("{prefix}{}", name.to_string_lossy().replace(char::is_control, "\u{fffd}"));
        let kind = item.file_type().map_err(|e| Error::output(&shown, e.to_string()))?;
        let known = name.to_str().is_some_and(|n| names.contains(format!("{prefix}{n}").as_str()));
        let below = format!("{shown}/");
        if kind.is_dir() && !known && depth < 64 {
            if !names.iter().any(|declared| declared.starts_with(&below)) {
                return Err(Error::output(&shown, "this folder is not declared"));
            }
            refuse_undeclared(&item.path(), &below, names, depth + 1)?;
        } else if !known {
            let what = match () {
                () if kind.is_symlink() => "symbolic link",
                () if kind.is_fifo() => "pipe",
                () if kind.is_socket() => "socket",
                () if kind.is_file() => "file",
                () => "special file",
            };
            return Err(Error::output(&shown, format!("this {what} is not declared")));
        }
    }
    Ok(())
}

fn plain(name: &str) -> bool {
    name.len() <= 1024
        && !name.contains(|c: char| c.is_control() || c == '\\')
        && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

#[cfg(test)]
mod tests;
