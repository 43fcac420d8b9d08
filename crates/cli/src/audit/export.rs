//! `audit export`: events as lines for others.

use super::Conditions;
use crate::app::App;
use crate::client::Body;
use crate::file::NewFile;
use crate::{Console, Error, Failure, text};
use api::record::{self, ExportHead, Form, Search};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Give events as lines that other programs read, by their positions or by conditions.
///
/// `ocsf` gives one OCSF record a line, as the streams send them: exported positions fill a gap in what a receiver
/// holds. `proof` gives each event as hashed with the proof that one signed checkpoint holds it;
/// `sequestra-verify export` checks such a file offline. The lowest position comes first. Exporting is recorded,
/// and asks for the right to search for the same.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra audit export --from 1204 --before 1300 --out gap.jsonl\n  \
    sequestra audit export --form proof --project prj_… --since 2026-01-01 --out year.jsonl\n\n\
    Role: auditor on the site; data-steward for a project and its things.")]
pub struct Export {
    /// What a line is
    #[arg(long, value_enum, default_value = "ocsf")]
    form: Word,
    /// The first position [default: 0]
    #[arg(long, value_name = "POSITION")]
    from: Option<u64>,
    /// The position after the last [default: the ledger's size]
    #[arg(long, value_name = "POSITION")]
    before: Option<u64>,
    #[command(flatten)]
    conditions: Conditions,
    /// The file to write [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What a line is.
#[derive(Clone, Copy, ValueEnum)]
enum Word {
    /// An OCSF record
    Ocsf,
    /// The event with its proof
    Proof,
}

impl Export {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let search = Some(self.conditions.asked()).filter(|asked| *asked != Search::default());
        if search.is_some() && (self.from.is_some() || self.before.is_some()) {
            let why = "--from and --before name positions, which do not go with conditions";
            return Err(Error::Usage(why.to_owned()).into());
        }
        let form = match self.form {
            Word::Ocsf => Form::Ocsf,
            Word::Proof => Form::Proof,
        };
        let body = Body::json(&record::Export { form, from: self.from, before: self.before, search })?;
        let mut client = app.client()?;
        let mut file = self.out.as_deref().map(NewFile::create).transpose()?;
        let mut seen = Seen::new(form == Form::Proof);
        let console = &mut *app.console;
        client.stream("audit export", &[], body, |_, piece| {
            seen.take(piece);
            match &mut file {
                Some(file) => file.write(piece),
                None => console.bytes(piece),
            }
        })?;
        if let Some(file) = file {
            file.keep()?;
        }
        seen.tell(app.console, self.out)
    }
}

/// What can be said of lines that passed by.
pub(super) struct Seen {
    lines: u64,
    /// The first line, where it is a head.
    first: Vec<u8>,
    head: bool,
}

impl Seen {
    pub fn new(head: bool) -> Self {
        Self { lines: 0, first: Vec::new(), head }
    }

    pub fn take(&mut self, piece: &[u8]) {
        if self.head && self.lines == 0 {
            self.first.extend(piece.iter().take_while(|byte| **byte != b'\n'));
        }
        let ends = piece.iter().filter(|byte| **byte == b'\n').count();
        self.lines = self.lines.saturating_add(ends as u64);
    }

    /// How many events there were, and the head.
    pub fn end(self) -> Result<(u64, Option<ExportHead>), Failure> {
        let events = self.lines.saturating_sub(u64::from(self.head));
        let head: Option<ExportHead> = match self.head {
            true => Some(serde_json::from_slice(&self.first).map_err(|_| Error::Answer(200))?),
            false => None,
        };
        if head.as_ref().is_some_and(|head| head.events != events) {
            return Err(Error::Answer(200).into());
        }
        Ok((events, head))
    }

    fn tell(self, console: &mut Console, out: Option<PathBuf>) -> Result<(), Failure> {
        let (events, head) = self.end()?;
        let place = out.as_deref().map(|path| format!(" to {}", path.display())).unwrap_or_default();
        console.say(&format!("{}{place}", text::many(events, "event", "events")));
        if let Some(head) = &head {
            if head.broken {
                let why = head.why_not.clone();
                return Err(Failure::from(Error::Incomplete).with_findings(why.into_iter().collect()));
            }
            if let Some(why) = head.why_not.as_ref().filter(|_| !head.complete) {
                console.say(&format!("not proven complete: {why}"));
            }
        }
        match out.filter(|_| console.is_json()) {
            Some(path) => console.json(&serde_json::json!({
                "events": events, "file": path.display().to_string(), "complete": head.map(|head| head.complete),
            })),
            None => Ok(()),
        }
    }
}
