//! What the program around the command line provides.

use crate::{Console, Passphrase};
use base::{SiteId, UserId};
use serde::Serialize;
use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The program: it holds the rooms that the command line must not know, and the environment.
///
/// Contract:
/// * An error that holds a [`crate::Failure`] anywhere in its chain is told as that failure, with its code,
///   hint and exit code; make one with [`crate::Failure::of`]. Any other error is told as internal.
/// * Nothing here prints, except to a [`Console`] that it is given.
/// * The passphrase lives as long as the call; whoever needs it longer copies it into a type that
///   is wiped on drop.
pub trait Host {
    /// Makes a site in a folder that is absent or empty. On failure the folder is as it was.
    fn init(&self, args: &InitArgs, passphrase: Option<&Passphrase>) -> anyhow::Result<NewSite>;

    /// What opens `site`, or the newest set of a backup. Reads nothing but the outside of its sealed keys.
    fn unsealing(&self, site: &Path) -> anyhow::Result<Unsealing>;

    /// Starts the background process of `site` and returns once it has been started, or has said
    /// why it cannot be: a wrong passphrase, a site that another process holds, damage. It need
    /// not answer yet. It must not keep this process's stdin, stdout or stderr.
    fn start_site(&self, site: &Path, passphrase: &Passphrase) -> anyhow::Result<()>;

    /// Looks at what this machine offers. Changes nothing; `site` is looked at too, when given.
    fn doctor(&self, site: Option<&Path>) -> anyhow::Result<Diagnosis>;

    /// The machines that the settings of `site` name, as they stand there: none of anything that is sent to support. What cannot
    /// be read names none.
    fn hosts(&self, site: &Path) -> Vec<String>;

    /// Runs the whole story on a throw-away site, printing each command to `console`. Stops what
    /// it started, and removes the site unless it was asked to keep it.
    fn demo(&self, args: &DemoArgs, console: &mut Console) -> anyhow::Result<()>;

    /// Writes a made data set and gives its files. Replaces nothing.
    fn demo_data(&self, args: &DemoDataArgs) -> anyhow::Result<Vec<PathBuf>>;

    /// Makes a witness that knows no ledger, and gives its verifier key.
    fn witness_init(&self, folder: &Path, name: &str) -> anyhow::Result<String>;

    /// Has the witness in `folder` know the ledger of `key`.
    fn witness_trust(&self, folder: &Path, key: &str) -> anyhow::Result<()>;

    /// Answers for the witness in `folder` until told to stop. `ready` gets the address once it
    /// listens, and under TLS the certificate's pin; its error ends the witness.
    fn witness_serve(
        &self,
        folder: &Path,
        listen: SocketAddr,
        tls: Option<&Tls>,
        ready: &mut dyn FnMut(SocketAddr, Option<String>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()>;

    /// Opens `site` in the foreground, with its door to other machines, until told to stop. `ready` gets where
    /// it listens; its error ends it.
    fn serve(
        &self,
        site: &Path,
        passphrase: &Passphrase,
        ready: &mut dyn FnMut(&Listening) -> anyhow::Result<()>,
    ) -> anyhow::Result<()>;

    /// Makes a certificate that signs itself, in the site's folder.
    fn door_certificate(&self, site: &Path, args: &CertificateArgs) -> anyhow::Result<Made>;

    /// The file of the program that runs, for what runs it again.
    fn program(&self) -> anyhow::Result<PathBuf>;

    /// Moves the metadata of a locked site: to a server, or into a file when there is none.
    fn move_database(
        &self,
        site: &Path,
        to: Option<&DatabaseArgs>,
        passphrase: &Passphrase,
    ) -> anyhow::Result<MovedDatabase>;

    /// Puts a site back from a backup. `say` gets the bytes done and those there are; `hand` gets the token, and
    /// when it has handed it over, the site is made whole: who is stopped before asks again.
    fn restore(
        &self,
        args: &RestoreArgs,
        passphrase: &Passphrase,
        say: &mut dyn FnMut(u64, u64),
        hand: &mut dyn FnMut(&RestoredSite) -> anyhow::Result<()>,
    ) -> anyhow::Result<()>;

    /// Makes the account `name` platform administrator of `site`, which no process holds.
    fn recover(&self, site: &Path, name: &str, passphrase: &Passphrase) -> anyhow::Result<NewAdministrator>;

    /// Runs a hidden subcommand: everything after the word `internal`.
    fn internal(&self, args: &[OsString]) -> ExitCode;

    /// The environment's value of `name`; none when absent or empty.
    fn environment(&self, name: &str) -> Option<OsString>;

    /// A [`Host::environment`] value that is a path.
    fn environment_path(&self, name: &str) -> Option<PathBuf> {
        self.environment(name).filter(|value| value != OsStr::new("")).map(PathBuf::from)
    }
}

/// `init`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitArgs {
    /// The folder to make the site in.
    pub site: PathBuf,
    /// The ledger's name, such as `ledger.example.org/site-1`; the host makes one up when absent.
    pub name: Option<String>,
    /// So many shares of so many open the site; none for a passphrase.
    pub split: Option<(u8, u8)>,
    /// The server that the metadata database is on; none for a file.
    pub database: Option<DatabaseArgs>,
}

/// How a PostgreSQL server is reached. Paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseArgs {
    /// Its address, without a password.
    pub url: String,
    /// PEM file of the authorities that its certificate must come from.
    pub ca: Option<PathBuf>,
    /// A file that holds the password alone.
    pub password_file: Option<PathBuf>,
    /// PEM file of the site's own certificate.
    pub certificate: Option<PathBuf>,
    /// PEM file of the certificate's key.
    pub key: Option<PathBuf>,
}

/// What moving a database did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MovedDatabase {
    /// Where it is now.
    pub place: String,
    /// Rows that were moved.
    pub rows: u64,
    /// The old database, where it could not be removed.
    pub left: Option<Left>,
}

/// A database that the site has left, and that is still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Where it is.
    pub place: String,
    /// Why it could not be removed.
    pub why: String,
}

/// With what a witness is known under TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of its certificate, and of those between it and an authority.
    pub certificate: PathBuf,
    /// PEM file of its key.
    pub key: PathBuf,
}

/// Where a door listens, and what it is known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listening {
    /// `https://address:port`.
    pub address: String,
    /// `sha256:…` of its key.
    pub pin: String,
}

/// `door certificate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateArgs {
    /// Host names and addresses of the site; of none, those of the certificate that is renewed, or the machine itself.
    pub names: Vec<String>,
    /// Days that it is good for.
    pub days: u32,
    /// Whether it is a new certificate for the key that is there.
    pub renew: bool,
}

/// A certificate that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Made {
    /// Its file.
    pub certificate: PathBuf,
    /// The file of its key.
    pub key: PathBuf,
    /// `sha256:…` of the key.
    pub pin: String,
    /// When it ends.
    pub until: String,
}

/// What opens a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsealing {
    /// A passphrase.
    Passphrase,
    /// Shares of several people.
    Shares {
        /// How many it takes.
        needed: u8,
        /// How many there are.
        made: u8,
    },
    /// The PIN of a token.
    Pin,
    /// The token of a key service.
    Token,
}

/// A site that was just made.
#[derive(Clone, Serialize)]
pub struct NewSite {
    /// Its id.
    pub site: SiteId,
    /// Its folder.
    pub folder: PathBuf,
    /// Its ledger's name.
    pub ledger: String,
    /// The sign-in name of the first administrator.
    pub administrator: String,
    /// The administrator's one-time token. Shown once, kept nowhere.
    pub token: String,
    /// The shares that open it together, one line each. Shown once, kept nowhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<String>,
}

/// `backup restore`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreArgs {
    /// The folder of the backup.
    pub folder: PathBuf,
    /// The folder to make the site in.
    pub site: PathBuf,
    /// The recovery file.
    pub recovery: PathBuf,
    /// The newest ledger that is left; none for the backup's own.
    pub ledger: Option<PathBuf>,
    /// The set; the newest when absent.
    pub set: Option<u32>,
    /// A `site.toml` that says how a token or a key service is reached.
    pub settings: Option<PathBuf>,
    /// Whether it is a rehearsal: a site that speaks to nobody outside.
    pub rehearse: bool,
    /// Whose account keeps the restored site.
    pub administrator: String,
}

/// A site that was put back.
#[derive(Clone, Serialize)]
pub struct RestoredSite {
    /// Its id.
    pub site: SiteId,
    /// Its folder.
    pub folder: PathBuf,
    /// The set.
    pub set: u32,
    /// When its database was copied.
    pub made: String,
    /// Scopes whose keys were destroyed again.
    pub shredded: u64,
    /// Objects that were deleted again.
    pub deleted: u64,
    /// Objects whose legal hold was set or lifted again.
    pub holds: u64,
    /// Roles that were taken away.
    pub roles: u64,
    /// People of whom the backup lacks the newest consent or withdrawal: nothing of theirs is used.
    pub consents: u64,
    /// How often other policies were approved since. Those of the backup are in force.
    pub policies: u64,
    /// Versions that came after the backup and are lost.
    pub lost: u64,
    /// Versions that the backup does not have, as they were damaged.
    pub missing: u64,
    /// Who signs in with the token.
    pub administrator: String,
    /// The one-time token. Shown once, kept nowhere.
    pub token: String,
}

/// `site recover`.
#[derive(Clone, Serialize)]
pub struct NewAdministrator {
    /// The account's id.
    pub account: UserId,
    /// Its sign-in name.
    pub name: String,
    /// The one-time token. Shown once, kept nowhere.
    pub token: String,
}

/// What the machine offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// What was looked at, in order.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// Whether nothing that is needed is missing.
    pub fn is_well(&self) -> bool {
        !self.findings.iter().any(|finding| finding.state == State::Missing)
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `sandbox`, `scratch`, `kernel`, `tool`, `site`, …
    pub area: String,
    /// The thing.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// What was found: a version, a digest, a reason.
    pub detail: String,
    /// How to get it, when it is missing or limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// There, and as it should be.
    Ok,
    /// There or absent with a consequence that the detail names; nothing that is needed.
    Limited,
    /// Needed and not there.
    Missing,
}

/// `demo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoArgs {
    /// Where to make the site; a fresh temporary folder when absent.
    pub site: Option<PathBuf>,
    /// A folder with reads and reference in the layout of `demo-data`; made ones when absent.
    pub data: Option<PathBuf>,
    /// Whether the site stays afterwards.
    pub keep: bool,
    /// Whether stdout is to be one JSON document.
    pub json: bool,
}

/// `demo-data`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoDataArgs {
    /// The folder to write, absent or empty.
    pub folder: PathBuf,
    /// The seed; the same seed gives the same bytes.
    pub seed: Option<u64>,
    /// Mean depth of the reads.
    pub coverage: Option<u32>,
}
