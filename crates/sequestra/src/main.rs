//! The `sequestra` program: configuration and wiring.
//!
//! * [`layout`]: where things lie in a site's directory
//! * [`create`], [`open`]: a new site; a site unsealed, its rooms wired together
//! * [`store`]: where its bodies lie
//! * [`process`], [`start`]: the site's process, and how it is started in the background
//! * [`serve`]: what the process opens beside its socket: the door, metrics, the log of requests
//! * [`streams`]: the site's events out to others; [`replicas`]: its ledger, copied elsewhere
//! * [`restore`]: a site put back from a backup
//! * [`attest`]: has the site's ledger witnessed; [`ask`]: one witness as the site reaches it; [`witnessing`]: a witness as a process
//! * [`host`]: what the command line asks of the program around it
//! * [`error`]: settings that do not fit what a site has
//! * [`doctor`]: what this machine offers
//! * [`demo`]: the whole story, by the ordinary commands

mod ask;
mod attest;
mod create;
mod demo;
mod doctor;
mod error;
mod host;
mod layout;
mod moving;
mod open;
mod process;
mod replicas;
mod restore;
mod serve;
mod start;
mod store;
mod streams;
mod witnessing;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Every command may hold a passphrase, a share or a token.
    if let Err(error) = process::no_core_dumps() {
        let _ =
            std::io::Write::write_all(&mut std::io::stderr(), format!("sequestra: {error:#}\n").as_bytes());
        return ExitCode::FAILURE;
    }
    cli::run(std::env::args_os(), &host::Program)
}
