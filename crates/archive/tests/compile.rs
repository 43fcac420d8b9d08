//! What the compiler refuses: protected bytes cannot be touched without a permit of the right kind.
//!
//! Each case under `compile/refused` is compiled against the very rooms that this test was built
//! with and must fail for the reason in its first line. The case under `compile/taken` differs from
//! them by what they are about alone and must compile.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// The libraries of one build: a crate's name and its file.
type Rooms = Vec<(&'static str, PathBuf)>;

#[test]
fn no_permit_no_bytes() {
    let taken = cases("taken");
    let rooms = rooms(taken.first().unwrap());
    let refused = cases("refused");
    assert_eq!((taken.len(), refused.len()), (1, 3));
    for case in refused {
        let source = fs::read_to_string(&case).unwrap();
        let code = source.lines().next().unwrap().strip_prefix("//! ").unwrap().split(':').next().unwrap();
        let told = compile(&case, &rooms).expect_err("a case that must be refused compiles");
        let errors: Vec<&str> = told.lines().filter(|line| line.starts_with("error[")).collect();
        assert!(!errors.is_empty(), "{}: {told}", case.display());
        for error in errors {
            assert!(error.starts_with(&format!("error[{code}]")), "{}: {error}", case.display());
        }
    }
}

fn cases(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile").join(kind);
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// The rooms as this test was built with them: a folder of builds may hold several of each, and
/// only those of one build go together.
fn rooms(taken: &Path) -> Rooms {
    let mut told = String::new();
    for archive in libraries("archive") {
        for access in libraries("access") {
            for base in libraries("base") {
                let rooms = vec![("archive", archive.clone()), ("access", access.clone()), ("base", base)];
                match compile(taken, &rooms) {
                    Ok(()) => return rooms,
                    Err(error) => told = error,
                }
            }
        }
    }
    panic!("the case that must compile does not: {told}")
}

/// The newest libraries of a crate, newest first.
fn libraries(name: &str) -> Vec<PathBuf> {
    let prefix = format!("lib{name}-");
    let mut found: Vec<(SystemTime, PathBuf)> = fs::read_dir(deps())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "rlib"))
        .map(|entry| (entry.metadata().unwrap().modified().unwrap(), entry.path()))
        .collect();
    found.sort();
    found.into_iter().rev().take(4).map(|(_, path)| path).collect()
}

/// Where this test was built.
fn deps() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

fn compile(case: &Path, rooms: &Rooms) -> Result<(), String> {
    let out = tempfile::tempdir().unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command
        .args(["--edition", "2024", "--emit", "metadata", "--color", "never", "--out-dir"])
        .arg(out.path());
    command.arg("-L").arg(format!("dependency={}", deps().display()));
    for (name, file) in rooms {
        command.arg("--extern").arg(format!("{name}={}", file.display()));
    }
    let output = command.arg(case).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
