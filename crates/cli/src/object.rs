//! `object`: sealed objects, and the way out for those who may carry them off.

use crate::app::App;
use crate::args::words;
use crate::client::Body;
use crate::file::{self, NewFile};
use crate::keep::{Delete, Hold, Lift};
use crate::{Failure, text};
use api::project::{self, Release};
use base::{ObjectId, SampleId};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;

/// Sealed objects: reads, alignments, variants, reports
#[derive(Subcommand)]
pub enum Object {
    List(List),
    Show(Show),
    Get(Get),
    Hold(Hold),
    Lift(Lift),
    Delete(Delete),
}

impl Object {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::List(args) => args.run(app),
            Self::Show(args) => args.run(app),
            Self::Get(args) => args.run(app),
            Self::Hold(args) => args.run(app),
            Self::Lift(args) => args.run(app),
            Self::Delete(args) => args.run(app),
        }
    }
}

/// List a sample's objects: what came in and what runs made of it.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra object list smp_…\n\nRole: viewer, analyst, data-exporter or data-steward in the project."
)]
pub struct List {
    /// The sample, smp_…
    sample: SampleId,
}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let objects: Vec<project::Object> = app.client()?.get("object list", &[&self.sample.to_string()])?;
        if app.console.is_json() {
            return app.console.json(&objects);
        }
        let rows: Vec<_> = objects
            .into_iter()
            .map(|o| vec![o.id.to_string(), o.kind, o.form, text::size(o.plain_bytes), o.created_at])
            .collect();
        app.console.table(&["OBJECT", "KIND", "FORM", "SIZE", "SEALED"], &rows)
    }
}

/// Show an object's record: what it is, how large, its root and its place in the ledger.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra object show obj_…\n\nRole: viewer, analyst, data-exporter or data-steward in the project."
)]
pub struct Show {
    /// The object, obj_…
    object: ObjectId,
}

impl Show {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let o: project::Object = app.client()?.get("object show", &[&self.object.to_string()])?;
        if app.console.is_json() {
            return app.console.json(&o);
        }
        for (name, value) in [
            ("id", o.id.to_string()),
            ("version", o.version.to_string()),
            ("kind", o.kind),
            ("form", o.form),
            ("subject", text::or_dash(o.subject)),
            ("in clear", format!("{} bytes", text::count(o.plain_bytes))),
            ("stored", format!("{} bytes", text::count(o.stored_bytes))),
            ("root", o.root.to_string()),
            ("ledger", format!("position {}", o.position)),
            ("sealed", o.created_at),
            ("kept until", text::or_dash(o.kept_until)),
            ("legal hold", if o.held { "yes" } else { "no" }.to_owned()),
        ] {
            app.console.line(&format!("{name:<10} {value}"))?;
        }
        for (name, value) in [("DAMAGED", o.quarantined), ("deleted", o.deleted_at)] {
            value.map_or(Ok(()), |value| app.console.line(&format!("{name:<10} {value}")))?;
        }
        Ok(())
    }
}

/// Have an object re-addressed to a recipient's Crypt4GH key and write it to a file.
///
/// The file can be opened by the holder of the recipient's secret key alone, with any Crypt4GH
/// tool. Who took it, for whom and why is recorded before the first byte leaves. The file appears
/// whole or not at all.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra object get obj_… --to recipient.pub --reason \"second opinion, case board 14 May\"\n  \
    crypt4gh decrypt --sk recipient.sec < obj_….c4gh > reads.fastq.gz\n\n\
    Role: data-exporter in the project."
)]
pub struct Get {
    /// The object, obj_…
    object: ObjectId,
    /// The recipient's Crypt4GH public key file
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Why, in your own words; recorded sealed, so that few can read it
    #[arg(long, value_parser = words)]
    reason: String,
    /// The file to write [default: the object's id with `.c4gh`]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Get {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let recipient = file::read_recipient(&self.to)?;
        let path = self.out.unwrap_or_else(|| PathBuf::from(format!("{}.c4gh", self.object)));
        let mut client = app.client()?;
        // Before the request: nothing is released that cannot be kept.
        let mut file = NewFile::create(&path)?;
        let bar = if app.console.is_watched() { ProgressBar::no_length() } else { ProgressBar::hidden() };
        bar.set_style(download_style());
        let body = Body::json(&Release { recipient, reason: self.reason })?;
        let mut bytes = 0u64;
        client.stream("object get", &[&self.object.to_string()], body, |length, piece| {
            if let Some(length) = length {
                bar.set_length(length);
            }
            bytes = bytes.saturating_add(piece.len() as u64);
            bar.inc(piece.len() as u64);
            file.write(piece)
        })?;
        file.keep()?;
        bar.finish_and_clear();
        app.console.say(&format!("wrote {} ({})", path.display(), text::size(bytes)));
        if app.console.is_json() {
            let (object, file) = (self.object, path.display().to_string());
            return app.console.json(&serde_json::json!({"object": object, "file": file, "bytes": bytes}));
        }
        Ok(())
    }
}

fn download_style() -> ProgressStyle {
    ProgressStyle::with_template("{bytes} of {total_bytes} {bar:30} {bytes_per_sec}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
