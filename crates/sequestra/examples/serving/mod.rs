//! A site that serves over loopback, for programs that measure it.

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A site that serves, in a process of its own.
pub struct Serving {
    child: Child,
    /// Where it serves.
    pub port: u16,
}

impl Serving {
    /// Makes a site in `room` and serves it. The administrator's one-time token is in `room`, in `token`.
    pub fn start(room: &Path, connections: usize) -> Result<Self> {
        let (site, passphrase) = (room.join("site"), room.join("passphrase"));
        base::durable::create_once(&passphrase, b"twelve characters and more")?;
        let run = |words: &[&str]| -> Result<Command> {
            let mut command = Command::new(program()?);
            command.args(words).arg("--passphrase-file").arg(&passphrase).stdin(Stdio::null());
            Ok(command)
        };
        let text = site.to_str().context("a path that is no text")?;
        let token = room.join("token");
        let token = token.to_str().context("a path that is no text")?;
        for words in [&["init", text, "--token-out", token][..], &["door", "certificate", "--site", text]] {
            ensure!(run(words)?.stdout(Stdio::null()).status()?.success(), "{words:?} failed");
        }
        let settings = format!(
            "{}\n[door]\naddress = \"127.0.0.1:0\"\n[door.limits]\nconnections = {most}\nconnections_per_address = {most}\n\
             requests_per_second_per_address = 1000000\nrequests_per_second_per_account = 1000000\nheader_seconds = 3600\n",
            fs::read_to_string(site.join("site.toml"))?,
            most = connections + 16,
        );
        fs::write(site.join("site.toml"), settings)?;
        let log = fs::File::create(room.join("serve.log"))?;
        let mut child = run(&["serve", "--site", text])?.stdout(Stdio::piped()).stderr(log).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.with_context(|| format!("the site does not serve: {line}"))?;
        Ok(Self { child, port })
    }

    /// KiB of memory that the process has.
    pub fn memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        Ok(line.context("no VmRSS")?.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// The program beside this one.
fn program() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let program = own.parent().and_then(Path::parent).context("no folder")?.join("sequestra");
    ensure!(program.exists(), "`{}` is not built", program.display());
    Ok(program)
}

/// A connection of TLS to whoever serves there.
pub async fn connect(port: u16, config: &Arc<ClientConfig>) -> Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("localhost")?;
    Ok(TlsConnector::from(Arc::clone(config)).connect(name, stream).await?)
}
