//! A second channel: what a person has to hear at once, whatever becomes of the ledger.
//!
//! An alarm *stands* from when its cause begins until it is over; both are sent once. What is sent holds
//! closed words, ids and numbers, as events do.

use crate::file::File;
use crate::sink::{Record, Sink, lines};
use crate::{Error, Settings};
use base::{Clock, Fault};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::{mpsc, watch};

/// How long after a failure a destination is asked again.
const AGAIN: Duration = Duration::from_secs(5);
/// How long a destination may take for one alarm.
const PATIENCE: Duration = Duration::from_secs(10);
/// Severities of syslog.
const ALERT: u32 = 1;
const NOTICE: u32 = 5;
/// Bytes of the site's own file before it is put aside.
const OWN_BYTES: u64 = 4 << 20;

/// One `[[alarm]]` of `site.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// Its name: 1 to 32 of `a-z0-9-`.
    pub name: String,
    /// Where to: as a stream's, or `command:/absolute/path`, which gets the alarm on its standard input.
    pub to: String,
    /// As a stream's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// As a stream's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// As a stream's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// As a stream's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
}

impl Destination {
    fn as_stream(&self) -> Settings {
        let Self { name, to, ca, pin, network, token_file } = self.clone();
        Settings {
            name,
            to,
            ca,
            pin,
            network,
            token_file,
            agreement: None,
            rotate_bytes: OWN_BYTES,
            lag_seconds: 0,
        }
    }

    /// The program, if it is one.
    fn command(&self) -> Result<Option<PathBuf>, Error> {
        let Some(program) = self.to.strip_prefix("command:") else { return Ok(None) };
        let program = PathBuf::from(program);
        // Its name is checked like that of any other.
        let named = Settings { to: "file:/".to_owned(), ..self.as_stream() };
        named.check().map_err(|e| self.own(e))?;
        let runs =
            program.is_absolute() && program.metadata().is_ok_and(|m| m.is_file() && m.mode() & 0o111 != 0);
        if runs {
            Ok(Some(program))
        } else {
            Err(self.refuse("its command is no program by its absolute path"))
        }
    }

    fn refuse(&self, why: &str) -> Error {
        self.own(self.as_stream().refuse(why))
    }

    /// A stream's failure, said of an alarm.
    fn own(&self, error: Error) -> Error {
        match error {
            Error::Settings { name, why } => Error::Alarm { name, why },
            other => other,
        }
    }
}

/// Why an alarm stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The ledger cannot be written: the site refuses everything and ends.
    LedgerFailed,
    /// The ledger's reserve was used up: the site records its end and stops.
    NoRoom,
    /// Little room is left: the site changes nothing.
    RoomLow,
    /// A witness does not cosign.
    WitnessSilent,
    /// Too few witnesses cosign.
    NoQuorum,
    /// A witness knows another ledger, or more of this one.
    WitnessRefused,
    /// A stream's sink takes no events.
    StreamLags,
    /// A replica of the ledger differs, is away or is behind.
    ReplicaBehind,
    /// The compiled form of the policies and Cedar answered differently.
    PolicyDisagrees,
    /// The metadata database is another process's now, or went back in time: the site ends.
    DatabaseLost,
    /// Stored bytes of objects are not those that were sealed.
    ObjectsDamaged,
    /// The door's certificate ends soon, or the one that should follow it cannot be used.
    DoorCertificate,
    /// The store locks objects otherwise than their records say.
    LocksDiffer,
    /// Not everything was read within the time of the scrub.
    ScrubLate,
    /// What unseals the site gives no answer.
    KeysSilent,
    /// What unseals the site was taken away: the site gave up its keys and ends.
    KeysLost,
    /// Somebody broke the glass, and nobody reviewed it yet.
    BreakGlass,
    /// Nobody reviewed it in time.
    BreakGlassUnreviewed,
    /// It happens often in a project.
    BreakGlassOften,
    /// Projects have no administrator.
    NobodyAdministers,
    /// Whoever opens the site made a platform administrator.
    AdministratorMade,
    /// The site was not opened: something is not what was stored.
    NotOpened,
}

impl Cause {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LedgerFailed => "ledger-failed",
            Self::NoRoom => "no-room",
            Self::RoomLow => "room-low",
            Self::WitnessSilent => "witness-silent",
            Self::NoQuorum => "no-quorum",
            Self::WitnessRefused => "witness-refused",
            Self::StreamLags => "stream-lags",
            Self::ReplicaBehind => "replica-behind",
            Self::PolicyDisagrees => "policy-disagrees",
            Self::DatabaseLost => "database-lost",
            Self::ObjectsDamaged => "objects-damaged",
            Self::DoorCertificate => "door-certificate",
            Self::LocksDiffer => "locks-differ",
            Self::ScrubLate => "scrub-late",
            Self::KeysSilent => "keys-silent",
            Self::KeysLost => "keys-lost",
            Self::BreakGlass => "break-glass",
            Self::BreakGlassUnreviewed => "break-glass-unreviewed",
            Self::BreakGlassOften => "break-glass-often",
            Self::NobodyAdministers => "nobody-administers",
            Self::AdministratorMade => "administrator-made",
            Self::NotOpened => "not-opened",
        }
    }
}

/// The alarms of a site. Cheap to clone.
#[derive(Clone)]
pub struct Alarms {
    inner: Arc<Inner>,
}

struct Inner {
    host: String,
    clock: Arc<dyn Clock>,
    standing: Mutex<BTreeMap<(Cause, String), String>>,
    ways: Vec<Way>,
}

/// A destination, with what waits for it.
struct Way {
    name: String,
    send: mpsc::UnboundedSender<Record>,
    state: Arc<watch::Sender<State>>,
}

#[derive(Debug, Clone, Default)]
struct State {
    waiting: u64,
    failure: Option<String>,
}

impl Alarms {
    /// Alarms of the site `host` to `destinations`, and to the file `own` in any case. Destinations that
    /// cannot be are refused; ones that are away are asked again and again.
    pub fn open(
        destinations: &[Destination],
        own: &Path,
        host: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let sendings = Self::sendings(destinations, host)?;
        let to_file = Sending::Sink(Sink::File(File::new(own.to_owned(), OWN_BYTES)));
        let mut ways = vec![Way::open("own".to_owned(), to_file)];
        let named = destinations.iter().map(|one| one.name.clone());
        ways.extend(named.zip(sendings).map(|(name, sending)| Way::open(name, sending)));
        let inner = Inner { host: host.to_owned(), clock, standing: Mutex::default(), ways };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Refuses what [`Alarms::open`] refuses, and sends nothing.
    pub fn check(destinations: &[Destination]) -> Result<(), Error> {
        Self::sendings(destinations, "").map(drop)
    }

    fn sendings(destinations: &[Destination], host: &str) -> Result<Vec<Sending>, Error> {
        let mut names = BTreeSet::new();
        let open = |one: &Destination| {
            if !names.insert(one.name.clone()) {
                return Err(one.refuse("another alarm has its name"));
            }
            Sending::open(one, host)
        };
        destinations.iter().map(open).collect()
    }

    /// Says whether the alarm of `cause` about `about` stands, and why. Sends when it begins and when it is over,
    /// and nothing in between.
    pub fn set(&self, cause: Cause, about: &str, why: Option<String>) {
        let mut standing = self.inner.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (cause, about.to_owned());
        let (state, why) = match (why, standing.contains_key(&key)) {
            (Some(why), false) => {
                standing.insert(key, why.clone());
                ("raised", why)
            }
            (None, true) => ("over", standing.remove(&key).unwrap_or_default()),
            _ => return,
        };
        let record = self.inner.record(cause, about, state, &why);
        for way in &self.inner.ways {
            way.state.send_modify(|state| state.waiting = state.waiting.saturating_add(1));
            // Its task ends after the last sender.
            let _ = way.send.send(record.clone());
        }
    }

    /// Waits until every destination has taken everything or has failed, `patience` at most: before the process
    /// ends. The ledger is locked until then, so one that is known to be away is not waited for.
    pub async fn settle(&self, patience: Duration) {
        let ended = |state: &State| state.waiting == 0 || state.failure.is_some();
        let all = async {
            for way in &self.inner.ways {
                let _ = way.state.subscribe().wait_for(ended).await;
            }
        };
        let _ = tokio::time::timeout(patience, all).await;
    }

    /// What stands now, in words.
    pub fn standing(&self) -> Vec<(Cause, String)> {
        let standing = self.inner.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.iter().map(|((cause, _), why)| (*cause, why.clone())).collect()
    }

    /// Whether alarms go anywhere but to the site's own file.
    pub fn leave(&self) -> bool {
        self.inner.ways.len() > 1
    }

    /// Destinations that do not take alarms now, and why.
    pub fn failures(&self) -> Vec<(String, String)> {
        let failed = |way: &Way| Some((way.name.clone(), way.state.borrow().failure.clone()?));
        self.inner.ways.iter().filter_map(failed).collect()
    }
}

impl Inner {
    fn record(&self, cause: Cause, about: &str, state: &str, why: &str) -> Record {
        let (time, cause) = (self.clock.now(), cause.as_str());
        let body = json!({
            "alarm": cause, "state": state, "about": about, "why": why,
            "site": self.host, "time": time.to_string(),
        });
        Record {
            number: u64::try_from(time.as_second()).unwrap_or(0),
            kind: "alarm",
            severity: if state == "raised" { ALERT } else { NOTICE },
            time: time.to_string(),
            data: format!("[alarm@32473 cause=\"{cause}\" state=\"{state}\"]"),
            body,
        }
    }
}

impl Way {
    fn open(name: String, to: Sending) -> Self {
        let (send, receive) = mpsc::unbounded_channel();
        let state = Arc::new(watch::Sender::new(State::default()));
        tokio::spawn(deliver(to, receive, state.clone()));
        Self { name, send, state }
    }
}

/// Hands over one alarm after the other, each until it is taken.
async fn deliver(
    mut to: Sending,
    mut waiting: mpsc::UnboundedReceiver<Record>,
    state: Arc<watch::Sender<State>>,
) {
    while let Some(record) = waiting.recv().await {
        while let Err(error) = to.deliver(&record).await {
            let why = format!("{} ({})", base::fault::chain(&error), error.code());
            state.send_modify(|state| state.failure = Some(why));
            tokio::time::sleep(AGAIN).await;
        }
        state.send_modify(|state| {
            *state = State { waiting: state.waiting.saturating_sub(1), failure: None };
        });
    }
}

enum Sending {
    Sink(Sink),
    Command(PathBuf),
}

impl Sending {
    fn open(to: &Destination, host: &str) -> Result<Self, Error> {
        match to.command()? {
            Some(program) => Ok(Self::Command(program)),
            None => Sink::open(&to.as_stream(), host).map(Self::Sink).map_err(|e| to.own(e)),
        }
    }

    async fn deliver(&mut self, record: &Record) -> Result<(), Error> {
        let done = async {
            match self {
                Self::Sink(sink) => sink.deliver(std::slice::from_ref(record)).await,
                Self::Command(program) => run(program, record).await,
            }
        };
        tokio::time::timeout(PATIENCE, done).await.map_err(|_| Error::sink("it took too long"))?
    }
}

/// Runs a program of the administrator's with the alarm as one line of JSON on its standard input. It has taken the
/// alarm when it ends with 0. It gets nothing of this process but its user and `PATH`.
async fn run(program: &Path, record: &Record) -> Result<(), Error> {
    let mut child = Command::new(program)
        .env_clear()
        .env("PATH", base::host::PATH)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(Error::sink)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read says with its end whether it is content.
        let _ = stdin.write_all(&lines(std::slice::from_ref(record))).await;
    }
    let ended = child.wait().await.map_err(Error::sink)?;
    if ended.success() { Ok(()) } else { Err(Error::sink(format!("the program ended with {ended}"))) }
}
