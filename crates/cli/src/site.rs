//! `site`: the site's process.

use crate::app::App;
use crate::client::Client;
use crate::file::NewFile;
use crate::init::{json_with_token, keep_token};
use crate::{Error, Failure, passphrase, text};
use api::site::Status;
use base::{Clock, SystemClock};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// How long `site lock` waits for the process to end.
const ENDS_WITHIN: Duration = Duration::from_secs(60);
/// What a site says of a name that an account has.
const NAME_TAKEN: &str = "ACCESS-008";
/// How often it looks.
const LOOK: Duration = Duration::from_millis(20);

/// The site's process: is it open, is it well, close it
#[derive(Subcommand)]
pub enum Site {
    Status(Show),
    Lock(Lock),
    Recover(Recover),
}

impl Site {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Status(args) => args.run(app),
            Self::Lock(args) => args.run(app),
            Self::Recover(args) => args.run(app),
        }
    }
}

/// Show whether the site is open, whether its ledger can be written, and what it cannot promise.
///
/// Does not open a locked site; that ends with exit code 6.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra site status\n\nRole: platform-administrator on the site.")]
pub struct Show {}

impl Show {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let mut client = app.client_if_open()?.ok_or(Error::Locked)?;
        let status: Status = client.get("site status", &[])?;
        if app.console.is_json() {
            return app.console.json(&status);
        }
        let ledger = status
            .ledger_failure
            .map_or_else(|| "can be written".to_owned(), |why| format!("cannot be written: {why}"));
        let idle = match status.idle_minutes {
            0 => "never".to_owned(),
            minutes => format!("after {minutes} minutes without a request"),
        };
        for (name, value) in [
            ("site", status.site.to_string()),
            ("ledger", status.ledger),
            ("events", text::count(status.events)),
            ("ledger state", ledger),
            ("policy", status.policy.to_string()),
            ("version", status.version),
            ("process", status.pid.to_string()),
            ("open for", format!("{} s", text::count(status.up_seconds))),
            ("locks itself", idle),
            ("metadata", status.database),
        ] {
            app.console.line(&format!("{name:<13} {value}"))?;
        }
        for place in &status.listens {
            app.console.line(&format!("{:<13} {place}", "listens on"))?;
        }
        if let Some(door) = &status.door {
            let mutual = if door.mutual { "; clients need a certificate" } else { "" };
            app.console.line(&format!("{:<13} {} until {}{mutual}", "door", door.pin, door.until))?;
            app.console.line(&format!("{:<13} {}", "connections", text::count(door.connections)))?;
        }
        for stream in &status.streams {
            let failure = stream.failure.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            let done = text::many(stream.acknowledged, "event", "events");
            let waiting = text::count(stream.waiting);
            let name = format!("stream {}", stream.name);
            app.console.line(&format!("{name:<13} {done} acknowledged, {waiting} waiting{failure}"))?;
        }
        for replica in &status.replicas {
            let failure = replica.failure.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            let has = text::many(replica.events, "event", "events");
            let lacks = text::count(replica.waiting);
            let name = format!("replica {}", replica.name);
            app.console.line(&format!("{name:<13} {has}, {lacks} not there yet{failure}"))?;
        }
        for witness in &status.witnesses {
            let late = witness.behind_seconds.map(|late| format!(", {late} s behind")).unwrap_or_default();
            let name = format!("witness {}", witness.name);
            app.console.line(&format!(
                "{name:<13} {} cosigned{late}",
                text::many(witness.events, "event", "events")
            ))?;
        }
        for limit in &status.limits {
            app.console.line(&format!("{:<13} {limit}", "limit"))?;
        }
        Ok(())
    }
}

/// Lock the site: its process forgets every key and stops.
///
/// A site that is locked already stays so, and that is no failure.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra site lock\n\nRole: platform-administrator on the site.")]
pub struct Lock {}

impl Lock {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match app.client_if_open()? {
            Some(mut client) => {
                let process = client.health().pid;
                client.tell("site lock", &[])?;
                gone(process)?;
                app.console.say("locked");
            }
            None => app.console.say("it is locked already"),
        }
        if app.console.is_json() { app.console.json(&serde_json::json!({"locked": true})) } else { Ok(()) }
    }
}

/// Waits until the process that was told to stop has: what it has under way ends in good order first.
fn gone(process: Option<u32>) -> Result<(), Failure> {
    // At a door, it is on another machine.
    let Some(process) = process else { return Ok(()) };
    let clock = SystemClock::default();
    let began = clock.monotonic();
    while is_there(process) {
        if clock.monotonic().saturating_sub(began) >= ENDS_WITHIN {
            return Err(Error::Open(process).into());
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// A process that ended and that nobody has asked after yet is not there.
fn is_there(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
    let state = stat.ok().and_then(|stat| stat.rsplit_once(") ")?.1.chars().next());
    state.is_some_and(|state| !"ZX".contains(state))
}

/// Make a new platform administrator for a locked site whose administrators cannot sign in.
///
/// It takes what opens the site. The new account holds that one role, and no account that is there gains or loses
/// anything. Nothing checks that the others cannot sign in: it is on record as made this way, for every auditor to see,
/// and the alarm `administrator-made` says it at once.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra site recover second-admin --token-out ./token\n  sequestra login --token-file \
    ./token\n\nRole: none; what opens the site."
)]
pub struct Recover {
    /// The sign-in name of the new account
    name: String,
    /// A file to write the one-time token to, readable by you alone [default: stdout]
    #[arg(long, value_name = "FILE")]
    token_out: Option<PathBuf>,
}

impl Recover {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let site = app.site()?;
        Client::must_be_locked(&site)?;
        let file = self.token_out.as_deref().map(NewFile::create).transpose()?;
        let passphrase = passphrase::existing(app, &site)?;
        let made = app.host.recover(&site, &self.name, &passphrase);
        let made = made.map_err(|error| explained(error.into()))?;
        let apart = keep_token(file, &made.token)?;
        if app.console.is_json() {
            return json_with_token(app.console, &made, apart);
        }
        app.console.say(&format!("{} is {}, platform administrator of the site", made.name, made.account));
        if apart { Ok(()) } else { app.console.line(&made.token) }
    }
}

/// Where a name is taken, nobody is there who could make a token for that account.
fn explained(failure: Failure) -> Failure {
    match failure {
        Failure::Problem(mut problem) if problem.code == NAME_TAKEN => {
            problem.hint = Some("take another name: the account that has it stays as it is".to_owned());
            Failure::Problem(problem)
        }
        other => other,
    }
}
