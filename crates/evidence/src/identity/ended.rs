//! C-IDN-08: what was taken away reaches what is under way.

use crate::site::{Package, Site, Who};
use crate::{Control, Error, Play, Result};
use base::Clock;
use serde_json::{Value, json};
use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use std::{fmt, fs};

pub const CONTROL: Control = Control {
    id: "C-IDN-08",
    statement: "The end of a session, of a role and of an account reaches every path within 60 seconds: the next request \
                at once, and a download that is under way, also one that its reader draws out",
    test: "take a role away, end a session and close an account, each with a request right after it; begin three \
           downloads that are read slowly, take the role of one, the session of the second and the account of the third \
           away, and measure the seconds until the last byte of each",
    references: &["H 308(a)(3)(ii)(C)"],
    scenario,
};

/// What is promised.
const WITHIN: Duration = Duration::from_secs(60);
/// How fast a slow reader reads: it would take minutes to the end.
const PIECE: usize = 8 << 10;
const PAUSE: Duration = Duration::from_millis(250);
/// How long a play that has to break looks whether bytes go on coming.
const SPOILED: Duration = Duration::from_secs(5);
const COVERAGE: u32 = 120;

/// What ends.
struct Ending {
    what: &'static str,
    name: &'static str,
    who: Who,
    words: Vec<String>,
}

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    play.does("take in reads that fill some ten megabytes");
    site.reads_of(95, COVERAGE)?;
    let package = site.package(&project, 95)?;
    let largest = largest(&site, &package)?;
    for name in ["by-role", "by-session", "by-account"] {
        let invited = site.json(Who::Administrator, &["account", "create", name])?;
        site.sign_in_as(name, &invited)?;
        site.json(Who::Manager, &["member", "add", &project, name, "--role", "data-exporter"])?;
    }
    let endings = endings(&project);
    let mut downloads = Vec::new();
    for ending in &endings {
        downloads.push(begin(play, &site, &largest, ending)?);
    }
    for (ending, download) in endings.iter().zip(&mut downloads) {
        end(play, &site, &largest, ending, download)?;
    }
    let within = if play.is_spoiled() { SPOILED } else { WITHIN + SPOILED };
    let clock = play.clock();
    let read: Vec<Drained> = std::thread::scope(|scope| {
        let readers = downloads.into_iter().map(|one| scope.spawn(|| one.drain(&*clock, within)));
        let readers: Vec<_> = readers.collect();
        readers.into_iter().filter_map(|reader| reader.join().ok()).collect()
    });
    for (ending, read) in endings.iter().zip(&read) {
        play.does(ending.what);
        let broke = read.over && read.last <= WITHIN;
        play.expect("the download breaks off within 60 s", broke, read.to_string());
    }
    play.expect("all three were read", read.len() == endings.len(), read.len().to_string());
    Ok(())
}

fn endings(project: &str) -> [Ending; 3] {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    [
        Ending {
            what: "take the role away",
            name: "by-role",
            who: Who::Manager,
            words: words(&format!("member remove {project} by-role")),
        },
        Ending {
            what: "end the session",
            name: "by-session",
            who: Who::Administrator,
            words: words("session end --account by-session"),
        },
        Ending {
            what: "close the account",
            name: "by-account",
            who: Who::Administrator,
            words: words("account close by-account"),
        },
    ]
}

/// A download that is read slowly, and when its right ended.
struct Download {
    stream: UnixStream,
    ended: Duration,
}

/// What came of it after that.
struct Drained {
    bytes: usize,
    /// From the end of the right to the last byte.
    last: Duration,
    over: bool,
}

impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let then = if self.over { "then it broke off" } else { "and it goes on" };
        write!(f, "{} bytes in {:.1} s, {then}", self.bytes, self.last.as_secs_f64())
    }
}

impl Download {
    /// Reads until it breaks off, or has gone on for so long since its right ended.
    fn drain(mut self, clock: &dyn Clock, within: Duration) -> Drained {
        let mut piece = vec![0; PIECE];
        let mut drained = Drained { bytes: 0, last: Duration::ZERO, over: false };
        while !drained.over {
            let since = clock.monotonic().saturating_sub(self.ended);
            if since >= within {
                break;
            }
            match self.stream.read(&mut piece) {
                Ok(0) => drained.over = true,
                Ok(read) => {
                    drained.bytes = drained.bytes.saturating_add(read);
                    drained.last = clock.monotonic().saturating_sub(self.ended);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => drained.over = true,
            }
            std::thread::sleep(PAUSE);
        }
        drained
    }
}

fn begin(play: &mut Play, site: &Site, object: &str, ending: &Ending) -> Result<Download> {
    play.does("begin a download that is read slowly");
    let token = site.session_in(&format!("{}.session", ending.name))?;
    let mut stream = site.begin(&token, "POST", &format!("/v1/objects/{object}/release"), &request(site)?)?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).map_err(Error::io(site.folder()))?;
    let mut piece = vec![0; PIECE];
    let begun = stream.read(&mut piece).map_err(Error::io(site.folder()))?;
    let head = String::from_utf8_lossy(piece.get(..begun).unwrap_or_default()).into_owned();
    play.expect("it begins", head.starts_with("HTTP/1.1 200"), head.lines().next().unwrap_or("nothing"));
    Ok(Download { stream, ended: play.time() })
}

/// Ends the right to a download, and asks for the same once more.
fn end(play: &mut Play, site: &Site, object: &str, ending: &Ending, download: &mut Download) -> Result<()> {
    let token = site.session_in(&format!("{}.session", ending.name))?;
    let words: Vec<&str> = ending.words.iter().map(String::as_str).collect();
    download.ended = play.time();
    play.attack(ending.what, || site.json(ending.who, &words).map(drop))?;
    let status = site.ask(&token, "POST", &format!("/v1/objects/{object}/release"), &request(site)?)?;
    let took = play.time().saturating_sub(download.ended).as_millis();
    let refused = [401, 403, 404].contains(&status);
    play.expect("the next request is refused", refused, format!("status {status}, after {took} ms"));
    Ok(())
}

fn request(site: &Site) -> Result<String> {
    let path = site.beside("recipient.pub");
    if !path.exists() {
        site.recipient(&[9; 32])?;
    }
    let recipient = fs::read_to_string(&path).map_err(Error::io(&path))?;
    Ok(json!({"recipient": recipient, "reason": "control"}).to_string())
}

fn largest(site: &Site, package: &Package) -> Result<String> {
    let mut found = Vec::new();
    for object in &package.objects {
        let shown = site.json(Who::Exporter, &["object", "show", object])?;
        found.push((shown.get("stored_bytes").and_then(Value::as_u64).unwrap_or_default(), object.clone()));
    }
    let largest = found.into_iter().max().map(|(_, object)| object);
    largest.ok_or_else(|| Error::unplayable("the package has no object"))
}
