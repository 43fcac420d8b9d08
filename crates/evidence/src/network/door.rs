//! C-NET-01: on a network the site speaks TLS 1.3 and nothing else, to those who know its key and are known.

use crate::site::{Done, Site, Who, text};
use crate::{Control, Error, Play, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

pub const CONTROL: Control = Control {
    id: "C-NET-01",
    statement: "The site's door speaks TLS 1.3 and nothing else; a command line sends nothing to a door that shows another \
                key than the pinned one; where clients need a certificate, nobody comes in without",
    test: "serve a site on loopback; try to sign in with another pin, and do with the right one; begin with hellos of TLS \
           1.0, 1.1 and 1.2, and with plain HTTP; set an authority of clients, and come without a certificate",
    references: &["H 312(e)", "AS V12"],
    scenario,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// A fatal alert: the version is none.
const REFUSED: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 70];

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let made = site.json(Who::Administrator, &["door", "certificate"])?;
    let pin = made.get("pin").and_then(Value::as_str).unwrap_or_default().to_owned();
    let invited = site.json(Who::Administrator, &["account", "create", "remote"])?;
    let token = invited.get("token").and_then(Value::as_str).unwrap_or_default();
    let token = site.write("remote.token", token.as_bytes())?;
    site.lock()?;
    let own = site.settings()?;
    let door = Door::open(&site, &own, "")?;
    let login = ["login", "--token-file", text(&token)?];
    let done = play.attack("sign in over the door, which shows another key than the pinned one", || {
        door.run(&site, &format!("sha256:{}", "00".repeat(32)), &login)
    })?;
    play.expect("nothing is sent, CLI-041", done.refused("CLI-041"), done.told());
    play.does("sign in by the same one-time token with the right pin");
    let done = door.run(&site, &pin, &login)?;
    play.expect("it works", done.is_done(), done.told());
    let listens = site.json(Who::Administrator, &["site", "status"])?;
    let listens = listens.get("listens").map(Value::to_string).unwrap_or_default();
    let plain = listens.contains("http://") || !listens.contains("https://");
    play.expect("it listens with TLS, and on its socket", !plain, listens);
    versions(play, &door)?;
    play.does("ask by the command line again");
    let done = door.run(&site, &pin, &["whoami"])?;
    play.expect("it works", done.is_done(), done.told());
    drop(door);
    certified(play, &site, &own, &pin)
}

/// Hellos of other versions, and none.
fn versions(play: &mut Play, door: &Door) -> Result<()> {
    for (name, minor) in [("1.0", 1), ("1.1", 2), ("1.2", 3)] {
        let answer = play.attack(&format!("begin with a hello of TLS {name}"), || door.say(&hello(minor)))?;
        let held = answer == REFUSED;
        play.expect("the alert `protocol_version`, and the end", held, hex::encode(&answer));
    }
    let plain = b"GET /v1/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = play.attack("ask in clear", || Ok(Some(door.say(plain)?)))?;
    let held = answer.as_ref().is_some_and(|bytes| !bytes.starts_with(b"HTTP/"));
    play.expect("no answer in HTTP", held, answer.map_or_else(String::new, hex::encode));
    Ok(())
}

/// A door that asks clients for a certificate.
fn certified(play: &mut Play, site: &Site, own: &str, pin: &str) -> Result<()> {
    let authority = site.folder().join("door/certificate.pem");
    let more = format!("client_ca = \"{}\"", text(&authority)?);
    let door = Door::open(site, own, &more)?;
    let done: Done = play
        .attack("come without a certificate where clients need one", || door.run(site, pin, &["whoami"]))?;
    play.expect("nobody comes in, CLI-058", done.refused("CLI-058"), done.told());
    let status = site.json(Who::Administrator, &["site", "status"])?;
    let mutual = status.pointer("/door/mutual") == Some(&true.into());
    play.expect("the site says that it asks for one", mutual, format!("mutual: {mutual}"));
    Ok(())
}

/// A hello of a version below 1.3, as of a client that speaks no other.
fn hello(minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([7; 32]);
    // No session; five suites of those versions; no compression.
    body.extend([0, 0, 10, 0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30, 0xc0, 0x13, 1, 0]);
    // Groups, points and signatures, so that the version alone is wrong.
    let extensions = [
        &[0, 10, 0, 6, 0, 4, 0, 29, 0, 23][..],
        &[0, 11, 0, 2, 1, 0],
        &[0, 13, 0, 8, 0, 6, 4, 3, 8, 4, 4, 1],
    ]
    .concat();
    let two = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    body.extend(two(extensions.len()));
    body.extend(extensions);
    let mut message = vec![1, 0];
    message.extend(two(body.len()));
    message.extend(body);
    let mut record = vec![0x16, 3, 1];
    record.extend(two(message.len()));
    record.extend(message);
    record
}

/// A site that is served. It ends with its value.
struct Door {
    child: Child,
    address: String,
}

impl Door {
    /// Serves a locked site on loopback, with more in `[door]`.
    fn open(site: &Site, own: &str, more: &str) -> Result<Self> {
        site.settle(&format!("{own}\n[door]\naddress = \"127.0.0.1:0\"\n{more}\n"))?;
        let mut command = site.command(Who::Administrator, &["serve"]);
        let spawned = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = spawned.map_err(Error::io(site.folder()))?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line).map_err(Error::io(site.folder()))?;
        }
        let address = line.split_whitespace().find(|word| word.starts_with("https://")).map(str::to_owned);
        let door = Self { child, address: address.unwrap_or_default() };
        match door.address.is_empty() {
            false => Ok(door),
            true => Err(Error::unplayable(format!("the door does not open: {}", line.trim()))),
        }
    }

    /// A command of somebody at another place, with their own session file.
    fn run(&self, site: &Site, pin: &str, words: &[&str]) -> Result<Done> {
        let mut command = site.bare(words);
        command.args([
            "--site",
            &self.address,
            "--pin",
            pin,
            "--session",
            text(&site.beside("remote.session"))?,
        ]);
        command.env("HOME", site.beside("")).env_remove("XDG_STATE_HOME").env_remove("XDG_CONFIG_HOME");
        site.done(&mut command)
    }

    /// What comes back to these bytes.
    fn say(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let address = self.address.trim_start_matches("https://");
        let failed = Error::io(address.as_ref());
        (|| {
            let mut stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(bytes)?;
            let mut answer = Vec::new();
            // A door that resets the connection has said what it had to say.
            let _ = stream.read_to_end(&mut answer);
            Ok(answer)
        })()
        .map_err(failed)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}
