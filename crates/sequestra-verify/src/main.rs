//! `sequestra-verify`: see [`sequestra_verify`].

use sequestra_verify::command::{HELP, run};
use sequestra_verify::said::refusal;
use sequestra_verify::{Error, Result};
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    // As the first word alone: a file of such a name must not pass for a verdict.
    match args.first().and_then(|word| word.to_str()) {
        Some("--help" | "-h" | "help") => return told(HELP.trim_end(), 0),
        Some("--version") => return told(concat!("sequestra-verify ", env!("CARGO_PKG_VERSION")), 0),
        _ => {}
    }
    let (args, json) = as_json(args);
    let result = run(args);
    let code = match &result {
        Ok(_) => 0,
        Err(Error::Refused(_)) => 1,
        Err(Error::Misuse(_)) => 2,
    };
    if json {
        return told(&document(&result), code);
    }
    match &result {
        Ok(said) => told(&said.words().join("\n"), code),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(code)
        }
    }
}

/// The arguments without `--json`, which counts before the `--` that ends options, and whether it was there.
fn as_json(mut args: Vec<OsString>) -> (Vec<OsString>, bool) {
    let options = args.iter().position(|word| word == "--").unwrap_or(args.len());
    let at = args.iter().take(options).position(|word| word == "--json");
    if let Some(at) = at {
        args.remove(at);
    }
    (args, at.is_some())
}

fn document(result: &Result<sequestra_verify::said::Said>) -> String {
    let value = match result {
        Ok(said) => said.json(),
        Err(error) => refusal(error),
    };
    format!("{value:#}")
}

/// A verdict that nobody could read is no verdict.
fn told(text: &str, code: u8) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => ExitCode::from(code),
        Err(_) => ExitCode::from(2),
    }
}
