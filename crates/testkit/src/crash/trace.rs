//! What `strace -f -y -xx` wrote, read back.

use anyhow::{Context, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A system call that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The thread.
    pub thread: u32,
    /// The call's name.
    pub name: String,
    /// Its arguments as strace wrote them.
    pub args: Vec<String>,
    /// What it gave; negative for an error.
    pub result: i64,
    /// Whether strace made it fail.
    pub injected: bool,
    /// What stood behind a descriptor that it gave.
    pub opened: Option<PathBuf>,
    /// The number of the line on which it began; the call itself stands where it ended.
    pub began: usize,
    /// The number of the line on which it ended.
    pub ended: usize,
}

impl Call {
    /// The path behind the descriptor in argument `at`, which is not that of a removed file.
    pub fn descriptor(&self, at: usize) -> Option<PathBuf> {
        let (_, rest) = self.args.get(at)?.split_once('<')?;
        let bytes = unhex(rest.split_once('>')?.0)?;
        (!bytes.ends_with(b" (deleted)")).then(|| path_of(bytes))
    }

    /// The number of the descriptor in argument `at`.
    pub fn descriptor_number(&self, at: usize) -> Option<i64> {
        let arg = self.args.get(at)?;
        arg.split_once('<').map_or(arg.as_str(), |(number, _)| number).parse().ok()
    }

    /// The path in argument `at`, below the folder of the descriptor in `base` if it is relative.
    pub fn path(&self, base: Option<usize>, at: usize) -> Option<PathBuf> {
        let given = path_of(self.bytes(at)?);
        match base.filter(|_| given.is_relative()).and_then(|base| self.descriptor(base)) {
            Some(folder) => Some(folder.join(given)),
            None => Some(given),
        }
    }

    /// The bytes in argument `at`.
    pub fn bytes(&self, at: usize) -> Option<Vec<u8>> {
        unhex(self.args.get(at)?.strip_prefix('"')?.strip_suffix('"')?)
    }

    /// The number in argument `at`.
    pub fn number(&self, at: usize) -> Option<u64> {
        self.args.get(at)?.parse().ok()
    }

    /// Whether any argument names something below `folder`.
    pub fn touches(&self, folder: &Path) -> Option<PathBuf> {
        let below = |path: PathBuf| path.starts_with(folder).then_some(path);
        (0..self.args.len())
            .find_map(|at| {
                self.descriptor(at).and_then(below).or_else(|| self.path(None, at).and_then(below))
            })
            .or_else(|| self.opened.clone().and_then(below))
    }
}

fn path_of(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

/// The bytes of `\x41\x42…`; nothing else occurs with `-xx`.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split("\\x");
    parts.next().filter(|before| before.is_empty())?;
    parts.map(|two| u8::from_str_radix(two, 16).ok()).collect()
}

/// The calls that ended, in the order in which they ended. Of a call that never did, nothing is
/// known, and it is left out.
pub fn parse(text: &str) -> Result<Vec<Call>> {
    let mut begun: HashMap<u32, (usize, String)> = HashMap::new();
    let mut calls = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some((thread, rest)) = line.trim_start().split_once(' ') else { continue };
        let Ok(thread) = thread.parse::<u32>() else { continue };
        let rest = rest.trim_start();
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(head) =
            rest.strip_suffix(" <unfinished ...>").or_else(|| rest.strip_suffix("<unfinished ...>"))
        {
            begun.insert(thread, (number, head.to_owned()));
            continue;
        }
        let (began, whole) = match rest.strip_prefix("<... ") {
            Some(resumed) => {
                let tail = resumed.split_once(" resumed>").map_or("", |(_, tail)| tail);
                let Some((began, head)) = begun.remove(&thread) else { continue };
                (began, format!("{head}{tail}"))
            }
            None => (number, rest.to_owned()),
        };
        if let Some(call) = call(thread, &whole, began, number).with_context(|| format!("line {number}"))? {
            calls.push(call);
        }
    }
    Ok(calls)
}

/// `name(args) = result…`. A call during which the process ended has the result `?`.
fn call(thread: u32, text: &str, began: usize, ended: usize) -> Result<Option<Call>> {
    let (name, rest) = text.split_once('(').context("no call")?;
    let (args, tail) = arguments(rest);
    let tail = tail.trim_start().strip_prefix('=').context("no result")?.trim_start();
    let word = tail.split_whitespace().next().unwrap_or("?");
    let number = word.split_once('<').map_or(word, |(number, _)| number);
    let Ok(result) = number.parse() else { return Ok(None) };
    let opened = word.split_once('<').and_then(|(_, rest)| unhex(rest.split_once('>')?.0)).map(path_of);
    let injected = tail.ends_with("(INJECTED)");
    Ok(Some(Call { injected, thread, name: name.to_owned(), args, result, opened, began, ended }))
}

/// The arguments up to the closing bracket, and what follows it. Nothing in quotes or angle
/// brackets needs care but their ends: all bytes in them are written as numbers.
fn arguments(text: &str) -> (Vec<String>, &str) {
    let (mut args, mut now, mut depth, mut quoted) = (Vec::new(), String::new(), 0_u32, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '[' | '{' | '(' => depth += 1,
            ')' if depth == 0 => {
                if !now.trim().is_empty() {
                    args.push(now.trim().to_owned());
                }
                return (args, text.get(at + 1..).unwrap_or_default());
            }
            ']' | '}' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                args.push(std::mem::take(&mut now).trim().to_owned());
                continue;
            }
            _ => {}
        }
        now.push(c);
    }
    (args, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_put_together_again() {
        let text = "\
7 openat(AT_FDCWD, \"\\x2f\\x61\", O_RDWR|O_CREAT, 0600) = 3<\\x2f\\x61>
7 pwrite64(3<\\x2f\\x61>, \"\\x28\\x2c\", 2, 16 <unfinished ...>
8 write(1<\\x70>, \"\\x6f\\x6b\", 2)           = 2
7 <... pwrite64 resumed>)           = 2
8 fdatasync(3<\\x2f\\x61>) = -1 EIO (Input/output error) (INJECTED)
8 fdatasync(3<\\x2f\\x61>) = ?
7 +++ killed by SIGKILL +++
";
        let calls = parse(text).unwrap();
        let names: Vec<_> = calls.iter().map(|call| (call.name.as_str(), call.result)).collect();
        assert_eq!(names, [("openat", 3), ("write", 2), ("pwrite64", 2), ("fdatasync", -1)]);
        assert_eq!(calls[0].opened.as_deref(), Some(Path::new("/a")));
        assert_eq!((calls[2].began, calls[2].ended), (1, 3));
        assert_eq!(calls[2].bytes(1).unwrap(), b"(,");
        assert_eq!((calls[2].number(3), calls[2].descriptor(0)), (Some(16), Some("/a".into())));
        assert_eq!(calls[0].touches(Path::new("/a")), Some("/a".into()));
        assert_eq!(calls[1].touches(Path::new("/a")), None);
        assert_eq!(calls.iter().map(|call| call.injected).collect::<Vec<_>>(), [false, false, false, true]);
    }
}
