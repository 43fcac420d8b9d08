//! The program starts itself a second time, with an environment of our choosing.
//!
//! A job may start us with any environment or none. The engine's HTTP clients, which are made
//! even when nothing is fetched, abort where the host has no certificate authorities, and a
//! sealed job has none. So they are given one: a certificate whose key was never kept, which
//! vouches for nobody. A process cannot safely change its own environment while threads run,
//! hence the second start; it happens before any thread exists and keeps the process id.

use std::env;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::args;
use crate::error::Error;

/// Set for the second start, to the directory that the first one made.
const MARK: &str = "SEQUESTRA_WDL_STARTED";
/// Where the HTTP clients look for authorities.
const AUTHORITIES: &str = "SSL_CERT_FILE";
/// The authority that nobody can use.
const NOBODY: &str = include_str!("nobody.pem");
/// The name of its file.
const NOBODY_FILE: &str = "nobody.pem";
/// Where programs are found when the caller does not say.
const PATH: &str = "/usr/bin:/bin";

/// Returns in the second start, and only there.
///
/// # Errors
/// [`Error::Io`] when the authority cannot be written, [`Error::Engine`] when the program does
/// not start again.
pub fn enter(command: &args::Command) -> Result<(), Error> {
    if env::var_os(MARK).is_some() {
        return Ok(());
    }
    let private = match command {
        args::Command::Run(args) => args.work.join("engine"),
        args::Command::Check { .. } => env::temp_dir().join(format!("sequestra-wdl-{}", std::process::id())),
    };
    let failed =
        |path: &Path, source: io::Error| Error::Io { verb: "create", path: path.to_path_buf(), source };
    let temporary = private.join("tmp");
    fs::create_dir_all(&temporary).map_err(|source| failed(&temporary, source))?;
    let authorities = private.join(NOBODY_FILE);
    fs::write(&authorities, NOBODY).map_err(|source| failed(&authorities, source))?;

    let program = env::current_exe().map_err(|error| Error::Engine { reason: error.to_string() })?;
    let path = env::var_os("PATH").filter(|path| !path.is_empty()).unwrap_or_else(|| PATH.into());
    // `exec` returns only when it failed.
    let error = Command::new(program)
        .args(env::args_os().skip(1))
        .env_clear()
        .env("PATH", path)
        .env("LC_ALL", "C")
        .env("TMPDIR", &temporary)
        .env(AUTHORITIES, &authorities)
        .env(MARK, &private)
        .exec();
    Err(Error::Engine { reason: format!("cannot start again: {error}") })
}

/// Removes what [`enter`] wrote for a `check`, which has no work directory to leave it in.
pub fn leave(command: &args::Command) {
    if let (args::Command::Check { .. }, Some(private)) = (command, env::var_os(MARK)) {
        let private = PathBuf::from(private);
        // By name and never recursively: the mark is only a variable, anybody may have set it.
        let _ = fs::remove_file(private.join(NOBODY_FILE));
        let _ = fs::remove_dir(private.join("tmp"));
        let _ = fs::remove_dir(private);
    }
}
