//! From arguments to an exit code.

use crate::app::App;
use crate::args::{self, Arguments};
use crate::{Console, Error, Failure, Host, login};
use clap::Parser;
use clap::error::ErrorKind;
use std::ffi::OsString;
use std::process::ExitCode;

/// The word after which the arguments are the host's own.
const INTERNAL: &str = "internal";

/// Runs one command with the arguments of this process, the program's name first, and gives the
/// exit code. Prints to the process's own stdout and stderr.
pub fn run(args: impl Iterator<Item = OsString>, host: &dyn Host) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    if args.get(1).is_some_and(|word| word == INTERNAL) {
        return host.internal(args.get(2..).unwrap_or_default());
    }
    ExitCode::from(run_on(args.into_iter(), host, &mut Console::standard()))
}

/// As [`run`], on a console of the caller's, without the hidden subcommands. For programs and tests
/// that drive commands and read what they print.
pub fn run_on(args: impl Iterator<Item = OsString>, host: &dyn Host, console: &mut Console) -> u8 {
    let args: Vec<OsString> = args.collect();
    let wants_json = args.iter().any(|word| word == "--json");
    let parsed = match Arguments::try_parse_from(&args) {
        Ok(parsed) => parsed,
        Err(error) => return usage(&error, wants_json, console),
    };
    console.configure(parsed.global.json, parsed.global.quiet);
    let (global, command) = (parsed.global, parsed.command);
    let mut result = args::dispatch(command, &mut App::new(host, console, global.clone()));
    if let Err(Failure::Problem(problem)) = &result
        && problem.code == login::CONFIRM
        && console.can_ask()
        && let Ok(again) = Arguments::try_parse_from(&args)
    {
        // Refused before anything was done: it is confirmed, and asked for again.
        console.problem_for_people(problem);
        let confirmed = login::Confirm::default().ask(&mut App::new(host, console, global.clone()));
        result = confirmed.and_then(|()| args::dispatch(again.command, &mut App::new(host, console, global)));
    }
    match result.and_then(|()| console.finish()) {
        Ok(()) => 0,
        Err(failure) => tell(&failure, console),
    }
}

/// Help and version are data; anything else is a mistake in the arguments.
fn usage(error: &clap::Error, wants_json: bool, console: &mut Console) -> u8 {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return match console.text(&error.render().to_string()) {
            Ok(()) => 0,
            Err(failure) => tell(&failure, console),
        };
    }
    console.configure(wants_json, false);
    if wants_json {
        let rendered = error.render().to_string();
        let first = rendered.lines().next().unwrap_or_default();
        let message = first.trim_start_matches("error: ").to_owned();
        return tell(&Failure::from(Error::Usage(message)), console);
    }
    console.talk(&error.render().to_string());
    Failure::from(Error::Usage(String::new())).exit_code()
}

fn tell(failure: &Failure, console: &mut Console) -> u8 {
    match failure {
        // Whoever read our output has what they wanted.
        Failure::ReaderGone | Failure::Interrupted => {}
        Failure::Problem(problem) => console.problem(problem),
        Failure::Told(inner) => {
            // The document on stdout says what there is to say.
            console.configure(false, true);
            let _ = console.finish();
            tell(inner, console);
        }
    }
    failure.exit_code()
}
