//! The command line: one file a noun, each command a client of the site's process.
//!
//! Promises:
//! * stdout is data, stderr is talk; `--json` gives the types of `api` as they are, and for a
//!   failure its [`api::Problem`].
//! * Nothing that comes from a file or the site reaches a terminal with control characters in it.
//! * A command acts as a signed-in account, over the socket inside the site or over TLS to
//!   the holder of one key; the passphrase is
//!   asked for only when the site's process has to be started, and goes to [`Host`] alone.
//! * A file that a command writes appears whole or not at all, mode 0600, and replaces nothing.
//! * The exit code is that of the failure's kind: `docs/reference/exit-codes.md`.
//!
//! In reading order:
//! * [`run()`], [`run_on()`]: from arguments to an exit code
//! * [`host`]: what the program around it provides
//! * `args`: the tree of commands and the global options
//! * `app`: what every command is given
//! * `client`: HTTP over the site's socket; `place`, `session`, `passphrase`: where it is, as whom, and
//!   how it opens
//! * [`console`], `text`, `file`: what people and programs read, and files that are whole
//! * `error`: what can go wrong on this side
//! * one module a noun: `init`, `login`, `sessions`, `site`, `account`, `project`, `administrator`, `member`, `break_glass`, `support_session`, `support` (with `bundle`), `visa`, `passport`, `consent` (with `use`), `dataset`, `application`, `agreement`, `usage`, `subject`, `intake`, `sample`,
//!   `object` (with `keep`), `archive`, `backup`, `tool`, `reference`, `run`, `variant`, `report`, `receipt`,
//!   `audit`, `ledger`, `witness`, `serve`, `door`, `remote`, `contract`, `keys`, `controls`, `doctor`, `demo`, `completion`

mod access;
mod account;
mod administrator;
mod agreement;
mod app;
mod application;
mod archive;
mod args;
mod audit;
mod backup;
mod break_glass;
mod bundle;
mod client;
mod completion;
mod consent;
pub mod console;
mod contract;
mod controls;
mod database;
mod dataset;
mod demo;
mod doctor;
mod door;
mod ends;
mod entry;
mod error;
mod file;
pub mod host;
mod init;
mod intake;
mod keep;
mod keys;
mod ledger;
mod login;
mod member;
mod notify;
mod object;
mod passkey;
mod passphrase;
mod passport;
mod password;
mod place;
mod policy;
mod project;
mod receipt;
mod reference;
mod remote;
mod report;
mod run;
mod sample;
mod serve;
mod service;
mod session;
mod sessions;
mod site;
mod subject;
mod support;
mod support_session;
mod text;
mod tool;
mod usage;
mod variant;
mod visa;
mod watch;
mod witness;

#[cfg(test)]
mod testing;

pub use args::command;
pub use console::Console;
pub use entry::{run, run_on};
pub use error::{Error, Failure};
pub use host::{
    DatabaseArgs, DemoArgs, DemoDataArgs, Diagnosis, Finding, Host, InitArgs, Left, MovedDatabase,
    NewAdministrator, NewSite, RestoreArgs, RestoredSite,
};
pub use passphrase::Passphrase;
