//! Which libraries a program loads, found by reading: nothing of what is offered ever runs here.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use goblin::elf::Elf;
use goblin::elf::dynamic::DT_NEEDED;

use crate::elf::{Library, bytes_of, refuse};
use crate::error::{Error, Result};

/// Tags that make the loader load more than is needed; no tool of a job has them.
const DT_DEPAUDIT: u64 = 0x6fff_fefb;
const DT_AUDIT: u64 = 0x6fff_fefc;
const DT_AUXILIARY: u64 = 0x7fff_fffd;
const DT_FILTER: u64 = 0x7fff_ffff;

/// A chain of libraries beyond this is a mistake or an attack.
const MOST_LIBRARIES: usize = 4096;

/// What the loader `loader` maps for `program`, itself included, in the order in which it finds it.
///
/// The search is the loader's own: `DT_RPATH` of the asking file and of those that asked for it,
/// `DT_RUNPATH`, the folders of `/etc/ld.so.conf`, the system's folders. Variants for newer
/// processors (`glibc-hwcaps`) are left out, so that a closure does not depend on the processor.
pub fn libraries(loader: &Path, program: &Path) -> Result<Vec<Library>> {
    check_loader(program, loader)?;
    let first = Object::read(program)?;
    let own = Object::read(loader)?;
    let kind = first.kind;
    if own.kind != kind {
        return Err(refuse(program, "its loader is made for another processor"));
    }
    let folders = system_folders();
    let mut known: BTreeSet<String> = own.soname.into_iter().collect();
    known.extend(loader.file_name().and_then(|name| name.to_str()).map(str::to_owned));
    let mut found = vec![Library { name: loader.display().to_string(), path: loader.to_owned() }];
    let mut queue = VecDeque::from([(first, Vec::<PathBuf>::new())]);
    while let Some((object, inherited)) = queue.pop_front() {
        let mut searched = vec![];
        // A file with a `DT_RUNPATH` of its own asks nobody else's `DT_RPATH`.
        if object.runpath.is_empty() {
            searched.extend(object.rpath.iter().chain(&inherited).cloned());
        }
        searched.extend(object.runpath.iter().chain(&folders).cloned());
        let handed: Vec<PathBuf> = match object.runpath.is_empty() {
            true => object.rpath.iter().chain(&inherited).cloned().collect(),
            false => inherited.clone(),
        };
        for name in &object.needed {
            if known.contains(name) {
                continue;
            }
            if found.len() >= MOST_LIBRARIES {
                return Err(refuse(program, "it needs too many libraries"));
            }
            let (path, library) = find(&object, name, kind, &searched)?;
            known.insert(name.clone());
            let again = library.soname.clone().is_some_and(|own| own != *name && !known.insert(own));
            found.push(Library { name: name.clone(), path });
            if !again {
                queue.push_back((library, handed.clone()));
            }
        }
    }
    Ok(found)
}

/// A loader is named by the program, so it must be one of the system's and nobody else's to change.
pub fn check_loader(program: &Path, loader: &Path) -> Result<()> {
    let bad = |why: &str| refuse(program, format!("its loader `{}` {why}", loader.display()));
    let plain = loader.is_absolute()
        && !loader.components().any(|part| matches!(part, Component::ParentDir))
        && loader.components().collect::<PathBuf>().as_os_str() == loader.as_os_str();
    if !plain || !is_loader(loader) {
        return Err(bad("is not one of the system's"));
    }
    let real = fs::canonicalize(loader).map_err(Error::io("find", loader))?;
    if !is_loader(&real) {
        return Err(bad("leads out of the system's folders"));
    }
    for path in real.ancestors() {
        let found = fs::metadata(path).map_err(Error::io("look at", path))?;
        if found.uid() != 0 || found.permissions().mode() & 0o022 != 0 {
            return Err(bad("can be changed by somebody else than root"));
        }
    }
    Ok(())
}

fn is_loader(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let folder = path.parent().unwrap_or(Path::new("/"));
    let top = |folder: &Path| ROOTS.iter().any(|root| folder == Path::new(root));
    let under = folder.parent().is_some_and(top) && is_multiarch(folder);
    (name.starts_with("ld-") || name.starts_with("ld64.")) && (top(folder) || under)
}

fn is_multiarch(folder: &Path) -> bool {
    folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.contains("-linux-"))
}

const ROOTS: [&str; 4] = ["/lib64", "/usr/lib64", "/lib", "/usr/lib"];

/// Class, byte order and machine: what must agree within one process.
type Kind = (bool, bool, u16);

/// What the loader reads of a file.
struct Object {
    path: PathBuf,
    kind: Kind,
    soname: Option<String>,
    needed: Vec<String>,
    rpath: Vec<PathBuf>,
    runpath: Vec<PathBuf>,
}

impl Object {
    fn read(path: &Path) -> Result<Self> {
        let bytes = bytes_of(path)?;
        let elf = Elf::parse(&bytes).map_err(|e| refuse(path, e.to_string()))?;
        let tags: Vec<u64> =
            elf.dynamic.iter().flat_map(|dynamic| &dynamic.dyns).map(|entry| entry.d_tag).collect();
        for (tag, name) in [
            (DT_AUDIT, "DT_AUDIT"),
            (DT_DEPAUDIT, "DT_DEPAUDIT"),
            (DT_FILTER, "DT_FILTER"),
            (DT_AUXILIARY, "DT_AUXILIARY"),
        ] {
            if tags.contains(&tag) {
                return Err(refuse(path, format!("it names further code for the loader by `{name}`")));
            }
        }
        if tags.iter().filter(|tag| **tag == DT_NEEDED).count() != elf.libraries.len() {
            return Err(refuse(path, "its list of libraries cannot be read"));
        }
        let folders = |lists: &[&str]| -> Result<Vec<PathBuf>> {
            let all = lists.iter().flat_map(|list| list.split(':')).map(|folder| expand(path, folder));
            all.filter(|folder| folder.as_ref().map_or(true, |folder| folder.is_absolute())).collect()
        };
        Ok(Self {
            path: path.to_owned(),
            kind: (elf.is_64, elf.little_endian, elf.header.e_machine),
            soname: elf.soname.map(str::to_owned),
            needed: elf.libraries.iter().map(|name| (*name).to_owned()).collect(),
            rpath: folders(&elf.rpaths)?,
            runpath: folders(&elf.runpaths)?,
        })
    }
}

/// Puts the folder of `file` for `$ORIGIN`.
fn expand(file: &Path, text: &str) -> Result<PathBuf> {
    let origin = file.parent().and_then(Path::to_str).ok_or_else(|| refuse(file, "its path is not UTF-8"))?;
    let full = text.replace("${ORIGIN}", origin).replace("$ORIGIN", origin);
    let rest = text.replace("${ORIGIN}", "").replace("$ORIGIN", "");
    if rest.contains('$') {
        return Err(refuse(file, format!("it looks for libraries in `{text}`; only `$ORIGIN` is known")));
    }
    Ok(PathBuf::from(full))
}

fn find(object: &Object, name: &str, kind: Kind, folders: &[PathBuf]) -> Result<(PathBuf, Object)> {
    let missing = || refuse(&object.path, format!("it needs `{name}`, which the loader does not find"));
    let candidates: Vec<PathBuf> = match name.contains('/') {
        true => vec![expand(&object.path, name)?],
        false => folders.iter().map(|folder| folder.join(name)).collect(),
    };
    for path in candidates {
        if name.is_empty() || !path.is_absolute() || !path.is_file() || kind_of(&path)? != Some(kind) {
            continue;
        }
        let library = Object::read(&path)?;
        return Ok((path, library));
    }
    Err(missing())
}

fn kind_of(path: &Path) -> Result<Option<Kind>> {
    let bytes = bytes_of(path)?;
    let header = Elf::parse_header(&bytes).ok();
    Ok(header.and_then(|header| {
        let little = header.endianness().ok()?.is_little();
        Some((header.container().ok()?.is_big(), little, header.e_machine))
    }))
}

/// The folders of the loader's configuration, then the built-in ones.
fn system_folders() -> Vec<PathBuf> {
    let mut folders = vec![];
    configured(Path::new("/etc/ld.so.conf"), 0, &mut folders);
    for root in ROOTS.map(Path::new) {
        folders.push(root.to_owned());
        let mut below: Vec<PathBuf> =
            fs::read_dir(root).into_iter().flatten().flatten().map(|item| item.path()).collect();
        below.retain(|folder| is_multiarch(folder) && folder.is_dir());
        below.sort();
        folders.extend(below);
    }
    folders
}

fn configured(file: &Path, depth: u8, folders: &mut Vec<PathBuf>) {
    let text = fs::read_to_string(file).unwrap_or_default();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        match line.strip_prefix("include").filter(|rest| rest.starts_with([' ', '\t'])) {
            Some(patterns) if depth < 4 => {
                let base = file.parent().unwrap_or(Path::new("/"));
                for pattern in patterns.split_whitespace() {
                    for included in matching(&base.join(pattern)) {
                        configured(&included, depth + 1, folders);
                    }
                }
            }
            Some(_) => {}
            None if line.starts_with('/') => {
                folders.push(PathBuf::from(line.split('=').next().unwrap_or(line).trim()));
            }
            None => {}
        }
    }
}

/// Files that match a pattern with at most one `*`, in its last part, in order of their names.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let name = pattern.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some((before, after)) = name.split_once('*') else { return vec![pattern.to_owned()] };
    let folder = pattern.parent().unwrap_or(Path::new("/"));
    let fits = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let long = name.len() >= before.len() + after.len() && !name.starts_with('.');
        long && name.starts_with(before) && name.ends_with(after)
    };
    let mut found: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|item| item.path()).filter(fits).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Lines are `\tlibz.so.1 => /lib/x/libz.so.1 (0x…)`, `\t/lib64/ld.so (0x…)`, or the kernel's own
    /// `linux-vdso.so.1 (0x…)`, which is no file.
    fn as_the_loader_says(loader: &Path, program: &Path) -> BTreeSet<(String, PathBuf)> {
        let output = Command::new(loader).arg("--list").arg(program).env_clear().output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| line.trim().split(" (0x").next().unwrap().to_owned());
        lines
            .map(|line| {
                line.split_once(" => ").map_or((line.clone(), line.clone()), |(a, b)| (a.into(), b.into()))
            })
            .filter(|(_, path)| path.starts_with('/'))
            .map(|(name, path)| (name, PathBuf::from(path)))
            .collect()
    }

    #[test]
    fn reading_finds_what_the_loader_finds() {
        for name in ["bash", "samtools", "bcftools", "bwa", "fastp"] {
            let program = crate::executor::find_program(name).unwrap();
            let real = fs::canonicalize(program).unwrap();
            let crate::elf::Program::Elf { loader: Some(loader) } = crate::elf::inspect(&real).unwrap()
            else {
                panic!("{name} has no loader")
            };
            let found: BTreeSet<_> =
                libraries(&loader, &real).unwrap().into_iter().map(|l| (l.name, l.path)).collect();
            assert_eq!(found, as_the_loader_says(&loader, &real), "{name}");
        }
    }

    fn build(folder: &Path, source: &str, words: &[&str]) {
        fs::write(folder.join("x.c"), source).unwrap();
        let built = Command::new("gcc").current_dir(folder).arg("x.c").args(words).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    }

    /// A library whose code leaves the file `ran` when anybody loads or starts it.
    fn trap(folder: &Path, words: &[&str]) -> PathBuf {
        let ran = folder.join("ran");
        let source = format!(
            "#include <fcntl.h>\nunsigned la_version(unsigned v) {{ return v; }}\n\
             __attribute__((constructor)) void f(void) {{ open(\"{}\", O_CREAT|O_WRONLY, 0644); }}\n",
            ran.display()
        );
        build(folder, &source, words);
        ran
    }

    fn refused(program: &Path, why: &str) {
        let error = crate::Closure::collect(&[("x", program.to_owned())], &[]).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn a_program_that_names_an_auditor_is_refused_and_nothing_runs() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let ran = trap(here, &["-shared", "-fPIC", "-o", "evil.so"]);
        let evil = here.join("evil.so");
        for (option, tag) in [("--audit", "DT_AUDIT"), ("--depaudit", "DT_DEPAUDIT")] {
            let option = format!("-Wl,{option}={}", evil.display());
            build(here, "int main(void) { return 0; }", &["-o", "program", &option]);
            refused(&here.join("program"), tag);
            assert!(!ran.exists(), "{tag}");
        }
        let loader = Path::new("/lib64/ld-linux-x86-64.so.2");
        build(
            here,
            "int main(void) { return 0; }",
            &["-o", "program", &format!("-Wl,--audit={}", evil.display())],
        );
        if loader.exists() {
            let _ = Command::new(loader).arg("--list").arg(here.join("program")).output().unwrap();
            assert!(ran.exists(), "the trap works where the loader runs");
        }
    }

    #[test]
    fn a_loader_that_is_not_the_systems_is_refused_and_does_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let ran = here.join("ran");
        let script = here.join("ld-evil.so");
        fs::write(&script, format!("#!/bin/sh\ntouch {}\n", ran.display())).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let climbing = format!("/lib64/../..{}", script.display());
        let climbing_usr = format!("/usr/lib/x86_64-linux-gnu/../../..{}", script.display());
        for loader in [
            climbing.as_str(),
            &climbing_usr,
            script.to_str().unwrap(),
            "/lib64//ld-linux-x86-64.so.2",
            "lib64/ld-linux-x86-64.so.2",
        ] {
            let option = format!("-Wl,--dynamic-linker={loader}");
            build(here, "int main(void) { return 0; }", &["-o", "program", &option]);
            refused(&here.join("program"), "is not one of the system's");
            assert!(!ran.exists(), "{loader}");
        }
    }

    #[test]
    fn a_library_is_found_beside_its_program_and_a_missing_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        fs::create_dir(here.join("lib")).unwrap();
        build(here, "int two(void) { return 2; }", &["-shared", "-fPIC", "-o", "lib/libtwo.so"]);
        let one = ["-shared", "-fPIC", "-o", "lib/libone.so", "-Llib", "-ltwo", "-Wl,-soname,libone.so"];
        build(here, "int two(void); int one(void) { return two() - 1; }", &one);
        for tags in ["-Wl,--disable-new-dtags", "-Wl,--enable-new-dtags"] {
            let words =
                ["-o", "program", "-Llib", "-lone", "-Wl,-rpath,$ORIGIN/lib", "-Wl,-rpath-link,lib", tags];
            build(here, "int one(void); int main(void) { return one() - 1; }", &words);
            let (loader, program) = (Path::new("/lib64/ld-linux-x86-64.so.2"), here.join("program"));
            let found = libraries(loader, &program);
            if tags.contains("enable") {
                // A `DT_RUNPATH` serves its own file alone.
                assert!(found.err().unwrap().to_string().contains("libtwo.so"));
            } else {
                let found: BTreeSet<_> = found.unwrap().into_iter().map(|l| (l.name, l.path)).collect();
                assert_eq!(found, as_the_loader_says(loader, &program));
            }
        }
    }

    #[test]
    fn a_program_of_more_than_a_gibibyte_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("huge");
        fs::File::create(&path).unwrap().set_len((1 << 30) + 1).unwrap();
        refused(&path, "larger than 1 GiB");
    }
}
