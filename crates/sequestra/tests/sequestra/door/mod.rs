//! The contract over HTTPS.
//!
//! * `tls`: versions, certificates, clients' certificates
//! * `limits`: what is too large, too slow, too much or framed in two ways
//! * `told`: headers, request ids, the log, metrics, health
//! * `remote`: the command line from another machine, and the contract in others' words
//! * `two`: HTTP/2, by hand
//! * `work`: what people do, over the door

mod limits;
mod remote;
mod tls;
mod told;
mod two;
mod work;

use crate::http::{self, Reply};
use crate::site::{Site, until};
use rustix::process::{Pid, Signal, kill_process};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
pub use testkit::tls::any;

/// A connection to a door.
pub type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A site that serves.
pub struct Door {
    child: Option<Child>,
    pub site: Site,
    pub port: u16,
    /// What it wrote to stderr.
    pub log: PathBuf,
}

impl Door {
    /// A new site, served with usual settings.
    pub fn open() -> Self {
        Self::open_with("", "")
    }

    /// The same with more in `[door]`, and with more tables.
    pub fn open_with(door: &str, tables: &str) -> Self {
        Self::certified(Site::fresh(&["viewer", "analyst", "auditor"]), door, tables)
    }

    /// A copy of the story's site, served with usual settings.
    pub fn of_story() -> Self {
        Self::certified(Site::copy(), "", "")
    }

    fn certified(site: Site, door: &str, tables: &str) -> Self {
        let made = site.run("admin", &["door", "certificate"]);
        assert_eq!(made.exit, 0, "{}", made.err);
        Self::serve(site, door, tables)
    }

    /// Serves a site that has a certificate.
    pub fn serve(site: Site, door: &str, tables: &str) -> Self {
        Self::serve_at(site, 0, door, tables)
    }

    /// The same at a port that was chosen before.
    pub fn serve_at(site: Site, port: u16, door: &str, tables: &str) -> Self {
        let mut settings = OpenOptions::new().append(true).open(site.folder.join("site.toml")).unwrap();
        writeln!(settings, "\n[door]\naddress = \"127.0.0.1:{port}\"\n{door}\n{tables}").unwrap();
        let log = site.room.join("serve.log");
        let mut command = site.command("admin", &["serve"]);
        let mut child = command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.unwrap_or_else(|| panic!("{line}{}", fs::read_to_string(&log).unwrap()));
        Self { child: Some(child), site, port, log }
    }

    /// A connection, whatever key is shown.
    pub fn connect(&self) -> Tls {
        connect(self.port, &any()).unwrap()
    }

    /// One request on a connection of its own.
    pub fn call(&self, who: Option<&str>, method: &str, path: &str, body: &[u8]) -> Reply {
        let token = who.map(|who| self.site.token(who));
        http::exchange(&mut self.connect(), token.as_deref(), method, path, body).unwrap()
    }

    /// The same, with this session's token.
    pub fn call_with(&self, token: &str, method: &str, path: &str, body: &[u8]) -> Reply {
        http::exchange(&mut self.connect(), Some(token), method, path, body).unwrap()
    }

    /// Sends bytes as they are, and gives what comes until the end of the connection.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        let _ = stream.write_all(bytes);
        read(&mut stream)
    }

    /// The lines of the log that are JSON.
    pub fn lines(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(&self.log).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().unwrap())
    }

    /// Ends it by a signal, and gives its exit code.
    pub fn stop(&mut self) -> i32 {
        let mut child = self.child.take().unwrap();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.stop();
        }
    }
}

/// A command of openssl's that must succeed, and what it prints.
pub fn openssl(args: &[&str]) -> String {
    let output = Command::new("openssl").args(args).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Everything until the end, as far as it is there within 20 s.
pub fn read(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

pub fn connect(port: u16, config: &ClientConfig) -> io::Result<Tls> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.set_write_timeout(Some(Duration::from_secs(20)))?;
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::new(config.clone()), name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(client, stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// Waits until the door's status says something about its certificate, or no more.
pub fn until_limit(door: &Door, words: &str, there: bool) {
    until(words, || {
        let status = door.site.json("admin", &["site", "status"]);
        let limits = status["limits"].as_array().unwrap();
        limits.iter().any(|limit| limit.as_str().unwrap().contains(words)) == there
    });
}
