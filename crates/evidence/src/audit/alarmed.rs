//! C-AUD-05: a failing record is heard of elsewhere.

use crate::site::Who;
use crate::{Control, Error, Play, Result};
use rustix::process::{Resource, Rlimit, prlimit};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

pub const CONTROL: Control = Control {
    id: "C-AUD-05",
    statement: "When the record fails, or a receiver of it is out of reach, people are told within 60 seconds by a \
                channel that does not need the record",
    test: "name a receiver of alarms on loopback; let a stream's sink be away, then let the site's process write \
           nothing; measure when each alarm arrives",
    references: &["53 AU-5"],
    scenario,
};

/// Within which an alarm has to arrive. A play that must break does not wait so long.
const WITHIN: Duration = Duration::from_secs(60);
const SPOILED: Duration = Duration::from_secs(5);

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    site.lock()?;
    let (address, heard) = listen()?;
    let away = closed_port()?;
    site.set(&format!("[[alarm]]\nname = \"pager\"\nto = \"http://{address}/alarm\"\n"))?;
    play.attack("name a stream whose sink is away", || {
        site.set(&format!(
            "[[audit.stream]]\nname = \"siem\"\nto = \"http://127.0.0.1:{away}/events\"\nlag_seconds = 1\n"
        ))
    })?;
    site.open()?;
    expect_alarm(play, &heard, "stream-lags");
    let process = site.open()?;
    play.attack("let the site's process write nothing", || {
        let none = Rlimit { current: Some(0), maximum: None };
        prlimit(Some(process), Resource::Fsize, none)
            .map(drop)
            .map_err(|e| Error::io(Path::new("the process's limits"))(e.into()))
    })?;
    let done = site.run(Who::Administrator, &["account", "list"])?;
    play.expect("nothing is done without a record", !done.is_done(), done.told());
    expect_alarm(play, &heard, "ledger-failed");
    if play.is_spoiled() { Ok(()) } else { site.ended() }
}

pub(crate) fn expect_alarm(play: &mut Play, heard: &Receiver<String>, cause: &str) {
    let (began, within) = (play.time(), if play.is_spoiled() { SPOILED } else { WITHIN });
    let mut arrived = None;
    while let Some(left) = within.checked_sub(play.time().saturating_sub(began)) {
        let Ok(alarm) = heard.recv_timeout(left) else { break };
        if alarm.contains(&format!("\"{cause}\"")) {
            arrived = Some(play.time().saturating_sub(began));
            break;
        }
    }
    let saw =
        arrived.map_or_else(|| "no alarm".to_owned(), |after| format!("after {:.1} s", after.as_secs_f64()));
    play.expect(&format!("the alarm `{cause}` within {} s", WITHIN.as_secs()), arrived.is_some(), saw);
}

/// A receiver on loopback that takes every request and passes its body on.
pub(crate) fn listen() -> Result<(String, Receiver<String>)> {
    let loopback = Path::new("a port of 127.0.0.1");
    let listener = TcpListener::bind("127.0.0.1:0").map_err(Error::io(loopback))?;
    let address = listener.local_addr().map_err(Error::io(loopback))?.to_string();
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Ends with the scenario, which drops the other end.
            let Ok(body) = take(stream) else { continue };
            if send.send(body).is_err() {
                return;
            }
        }
    });
    Ok((address, receive))
}

fn take(mut stream: TcpStream) -> std::io::Result<String> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body)?;
    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")?;
    Ok(body)
}

/// A port on which nobody listens.
pub(crate) fn closed_port() -> Result<u16> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    Ok(bound.map_err(Error::io(Path::new("a port of 127.0.0.1")))?.port())
}
