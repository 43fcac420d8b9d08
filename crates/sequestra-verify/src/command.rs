//! The command line: arguments and files in, a finding or a refusal out.

use crate::checkpoint::{self, Trust};
use crate::key::VerifierKey;
use crate::said::Said;
use crate::site::Site;
use crate::{Error, Result, export, proof, receipt, stream};
use pico_args::Arguments;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// What to print when asked for help.
pub const HELP: &str = "\
Checks what a Sequestra site hands out, offline, with this file and public keys alone.

Usage:
  sequestra-verify receipt FILE --site-key SITE.PUB
  sequestra-verify checkpoint FILE KEYS
  sequestra-verify proof FILE KEYS [--leaf FILE] [--against FILE]
  sequestra-verify consistency OLD NEW PROOF KEYS
  sequestra-verify stream FILE... [--checkpoint FILE KEYS]
  sequestra-verify export FILE KEYS

  receipt      how a result came to be, and that the ledger recorded it
  checkpoint   the signed size and root of a ledger
  proof        the file of `sequestra ledger prove`: an event is in the ledger
  consistency  the ledger of NEW begins with the ledger of OLD; PROOF has one hash a line
  stream       OCSF records that a receiver keeps: none is missing between the first and the last;
               with a checkpoint, which takes every record from the first event on, they are the ledger's
  export       the file of `sequestra audit export --form proof`: each of its events is in the ledger

KEYS:
  --site-key FILE        the site's public keys (`site.pub`), or
  --log-key KEY          the ledger's verifier key, name+hash+base64
  --witness-key KEY      the key of a witness; may be given several times
  --quorum N             how many of the witnesses must have cosigned [default: all given]

Options:
  --leaf FILE            the event, where the proof file does not hold it
  --against FILE         a checkpoint that you kept: the proof file must tie it to its own
  --json                 one JSON document on stdout
  --                     what follows are files, whatever their names: `stream -- *`
  --help, --version      as the first word

Exit codes: 0 verified, 1 refused, 2 nothing could be checked (arguments, keys, files).
";

/// Most bytes of a file that is read.
const MOST: u64 = 16 << 20;

/// Runs one command; `args` are those after the program's name and without `--json`.
pub fn run(mut args: Vec<OsString>) -> Result<Said> {
    // What stands behind `--` is put before everything that is taken for an option.
    let behind = match args.iter().position(|word| word == "--") {
        Some(at) => args.split_off(at).split_off(1),
        None => Vec::new(),
    };
    let mut args = Arguments::from_vec(args);
    let command = args.subcommand().map_err(misuse)?;
    match command.as_deref() {
        Some("receipt") => {
            let site = site(&mut args)?.ok_or_else(|| Error::Misuse("give --site-key".to_owned()))?;
            let [file] = files(args, behind)?;
            Ok(Said::Receipt(receipt::verify(&read(&file)?, &site)?, Box::new(site)))
        }
        Some("checkpoint") => {
            let trust = trust(&mut args)?;
            let [file] = files(args, behind)?;
            Ok(Said::Checkpoint(checkpoint::verify(&read(&file)?, &trust)?))
        }
        Some("proof") => {
            let trust = trust(&mut args)?;
            let (leaf, kept) = (file(&mut args, "--leaf")?, file(&mut args, "--against")?);
            let [file] = files(args, behind)?;
            let proved = proof::verify(&read(&file)?, leaf.as_deref(), kept.as_deref(), &trust)?;
            Ok(Said::Proof(proved))
        }
        Some("consistency") => {
            let trust = trust(&mut args)?;
            let [old, new, file] = files(args, behind)?;
            let (old, new) = proof::consistent(&read(&old)?, &read(&new)?, &read(&file)?, &trust)?;
            Ok(Said::Consistency(old, new))
        }
        Some("stream") => held(args, behind).map(Said::Stream),
        Some("export") => {
            let trust = trust(&mut args)?;
            let [file] = files(args, behind)?;
            Ok(Said::Export(export::verify(open(&file)?, &trust)?))
        }
        Some(other) => Err(Error::Misuse(format!("there is no command `{other}`; see --help"))),
        None => Err(Error::Misuse("no command was given; see --help".to_owned())),
    }
}

/// The records of one receiver, in any number of files.
fn held(mut args: Arguments, behind: Vec<OsString>) -> Result<stream::Held> {
    let checkpoint = file(&mut args, "--checkpoint")?;
    let checkpoint = match checkpoint {
        Some(bytes) => Some(checkpoint::verify(&bytes, &trust(&mut args)?)?),
        None if args.clone().finish().iter().any(|word| is_key(word)) => {
            return Err(Error::Misuse("keys are for a checkpoint: give --checkpoint too".to_owned()));
        }
        None => None,
    };
    let mut records = stream::Records::default();
    let left = left(args, behind)?;
    if left.is_empty() {
        return Err(Error::Misuse("expected files with records; see --help".to_owned()));
    }
    for path in left {
        records.take(&path.to_string_lossy(), open(&path)?)?;
    }
    records.verify(checkpoint)
}

fn is_key(word: &std::ffi::OsStr) -> bool {
    ["--site-key", "--log-key", "--witness-key", "--quorum"].iter().any(|key| word == *key)
}

fn open(path: &Path) -> Result<impl BufRead + use<>> {
    let name = crate::text::clean(&path.to_string_lossy());
    let file =
        File::open(path).map_err(|error| Error::Misuse(format!("`{name}` cannot be read: {error}")))?;
    Ok(BufReader::new(file))
}

/// The keys that are trusted.
fn trust(args: &mut Arguments) -> Result<Trust> {
    let site = site(args)?;
    let log: Option<VerifierKey> = args.opt_value_from_str("--log-key").map_err(misuse)?;
    let witnesses: Vec<VerifierKey> = args.values_from_str("--witness-key").map_err(misuse)?;
    let quorum: Option<usize> = args.opt_value_from_str("--quorum").map_err(misuse)?;
    let log = match (site, log) {
        (Some(site), None) => site.ledger,
        (None, Some(log)) => log,
        _ => return Err(Error::Misuse("give either --site-key or --log-key".to_owned())),
    };
    Trust::new(log, witnesses, quorum)
}

fn site(args: &mut Arguments) -> Result<Option<Site>> {
    file(args, "--site-key")?.map(|bytes| Site::parse(&bytes)).transpose()
}

/// The content of the file that an option names.
fn file(args: &mut Arguments, option: &'static str) -> Result<Option<Vec<u8>>> {
    let path = args.opt_value_from_os_str(option, path).map_err(misuse)?;
    path.map(|path| read(&path)).transpose()
}

#[expect(clippy::unnecessary_wraps, reason = "the shape that the parser of arguments asks for")]
fn path(text: &std::ffi::OsStr) -> std::result::Result<PathBuf, std::convert::Infallible> {
    Ok(PathBuf::from(text))
}

/// What is left of the arguments: exactly so many files.
fn files<const N: usize>(args: Arguments, behind: Vec<OsString>) -> Result<[PathBuf; N]> {
    let files = left(args, behind)?;
    let found = files.len();
    files.try_into().map_err(|_| Error::Misuse(format!("expected {N} files, found {found}; see --help")))
}

/// What is left of the arguments: files.
fn left(args: Arguments, behind: Vec<OsString>) -> Result<Vec<PathBuf>> {
    let left = args.finish();
    if let Some(option) = left.iter().find(|word| word.to_string_lossy().starts_with('-')) {
        let option = crate::text::clean(&option.to_string_lossy());
        return Err(Error::Misuse(format!("`{option}` is not known here; see --help")));
    }
    Ok(left.into_iter().chain(behind).map(PathBuf::from).collect())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes));
    let name = crate::text::clean(&path.to_string_lossy());
    match read {
        Ok(_) if bytes.len() as u64 > MOST => Err(Error::Misuse(format!("`{name}` is larger than 16 MiB"))),
        Ok(_) => Ok(bytes),
        Err(error) => Err(Error::Misuse(format!("`{name}` cannot be read: {error}"))),
    }
}

fn misuse(error: pico_args::Error) -> Error {
    Error::Misuse(crate::text::clean(&error.to_string()))
}
