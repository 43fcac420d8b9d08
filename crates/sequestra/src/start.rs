//! Starts the site's process in the background.

use crate::error::Error;
use anyhow::{Context, Result, bail};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

/// Where systemd puts a unit's credentials: a folder's name, and no secret.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// Mounts of its own: what is mounted on the machine later comes in, where the machine's mounts are shared, and nothing
/// goes out. A disk for backups, for replicas or for bodies is mounted while the site is open.
const APART: [&str; 3] = ["--mount", "--propagation", "slave"];

/// Starts the process of the site at `root` and waits until it is ready or says why it is not.
pub fn start(root: &Path, passphrase: &str) -> Result<()> {
    let owner = std::fs::metadata(root).map_err(Error::unusable(root))?.uid();
    let own = rustix::process::geteuid().as_raw();
    if owner != own {
        return Err(Error::OtherUser(root.to_owned()).into());
    }
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(root.join("run").join("process.log"))
        .map_err(Error::unusable(root))?;
    let mut child = with_own_mounts(&std::env::current_exe()?, own)
        .args(["internal", "serve"])
        .arg(root)
        .env_clear()
        .env("PATH", base::host::PATH)
        .envs(std::env::var_os(CREDENTIALS).map(|folder| (CREDENTIALS, folder)))
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .context("cannot start the site's process")?;
    let mut stdin = child.stdin.take().context("no way to hand over the passphrase")?;
    stdin.write_all(passphrase.as_bytes())?;
    drop(stdin);
    let mut line = String::new();
    let stdout = child.stdout.take().context("no answer from the site's process")?;
    BufReader::new(stdout).read_line(&mut line)?;
    match line.trim_end() {
        "ready" => Ok(()),
        "" => bail!("the site's process ended before it was ready; see `run/process.log` in the site"),
        problem => Err(match serde_json::from_str::<api::Problem>(problem) {
            Ok(problem) => anyhow::Error::new(cli::Failure::from(problem)),
            Err(_) => anyhow::anyhow!("the site's process gave an answer that is none"),
        }),
    }
}

/// The program with mounts of its own, where we may give it any: what it mounts for jobs then ends
/// with it and with them, even when it is killed.
fn with_own_mounts(program: &Path, user: u32) -> Command {
    let tool = ["/usr/bin/unshare", "/bin/unshare"].map(Path::new).into_iter().find(|path| path.exists());
    let Some(tool) = tool.filter(|tool| user == 0 && may_unshare(tool)) else {
        return Command::new(program);
    };
    let mut command = Command::new(tool);
    command.args([&APART[..], &["--"]].concat()).arg(program);
    command
}

/// Root in a container may lack the right.
fn may_unshare(tool: &Path) -> bool {
    let mut trial = Command::new(tool);
    trial.args([&APART[..], &["--", "true"]].concat());
    trial.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    trial.status().is_ok_and(|status| status.success())
}
