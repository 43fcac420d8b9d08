//! `intake`: the controlled door.

use crate::app::App;
use crate::client::{Body, Client, Upload};
use crate::file;
use crate::{Error, Failure, sample, text};
use api::identity::{NewSplit, SplitColumn, SplitDone};
use api::project::{Committed, NewPackage, Package, PackageFile, Received};
use base::ProjectId;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Component, Path, PathBuf};

/// The controlled door through which reads come in
#[derive(Subcommand)]
pub enum Intake {
    Put(Put),
    Split(Split),
}

impl Intake {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Put(args) => args.run(app),
            Self::Split(args) => args.run(app),
        }
    }
}

/// Bring a package of reads in: check, seal, and print the samples with their ids.
///
/// The sheet has the columns patient,sample,lane,fastq_1,fastq_2 and may have sex, status and
/// specimen_type; its files lie beside it or below. The manifest lists an md5 or sha256 for each
/// file, as the sequencer wrote it. Names of people and other direct identifiers stop the whole package; so
/// does a file that is cut, wrong or badly paired. Nothing is visible until everything is well.
///
/// Sending the same package again is harmless, and one that was interrupted goes on where it stopped.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra intake put prj_… --sheet run42/samplesheet.csv --manifest run42/md5sums.txt\n\n\
    Role: analyst in the project."
)]
pub struct Put {
    /// The project, prj_…
    project: ProjectId,
    /// The sample sheet, CSV; file names in it are relative to its folder
    #[arg(long, value_name = "FILE")]
    sheet: PathBuf,
    /// The list of checksums, as md5sum or sha256sum writes it
    #[arg(long, value_name = "FILE")]
    manifest: PathBuf,
}

impl Put {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let sheet = file::read_text(&self.sheet)?;
        let manifest = file::read_text(&self.manifest)?;
        let mut client = app.client()?;
        let project = self.project.to_string();
        let body = NewPackage { sheet, manifest };
        let package: Package = client.post("package begin", &[&project], &body)?.json()?;
        let folder = self.sheet.parent().unwrap_or(Path::new(""));
        if package.committed {
            app.console.say("this package is in already");
        } else {
            send_files(app, &mut client, &project, &package, folder, &body.sheet)?;
        }
        let parts = [project.as_str(), &package.id.to_string()];
        let committed: Committed = client.get("package commit", &parts)?;
        if app.console.is_json() {
            return app.console.json(&committed);
        }
        sample::table(app.console, &committed.samples)
    }
}

/// Take a sheet that says who people are apart: their identities go into the site's identity map, and two files come back that name nobody.
///
/// The clean sheet is for `intake put`: each patient is a subject, sub_…, and samples that were called by names or numbers have
/// other labels. The table is for analysis: the subject, what the sheet says of the sample, and the columns that `--keep` names. Every
/// column that neither the door knows nor `--keep` names goes into the map. People are found again by their record number and
/// who gave it; without a column of record numbers, `patient` is the number.
///
/// The sheet itself is left as it is: destroy it when it is not needed any more.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra intake split ward.csv --project prj_… --issuer general-hospital --dry-run\n  \
    sequestra intake split ward.csv --project prj_… --issuer general-hospital --keep diagnosis_code --age-at 2026-01-01 \\\n    \
    --clean samplesheet.csv --table table.csv\n\nRole: data-steward in the project."
)]
pub struct Split {
    /// The sheet, CSV
    sheet: PathBuf,
    /// The project, prj_…
    #[arg(long)]
    project: ProjectId,
    /// Who gave the record numbers: 1 to 64 of letters, digits and . _ -
    #[arg(long, value_name = "NAME")]
    issuer: String,
    /// A column that identifies nobody, for the table; may be given more than once
    #[arg(long, value_name = "COLUMN")]
    keep: Vec<String>,
    /// The day at which the table tells ages, 2026-01-01; no ages without it
    #[arg(long, value_name = "DAY")]
    age_at: Option<String>,
    /// Where the clean sheet goes; refused if it exists
    #[arg(long, value_name = "FILE", required_unless_present = "dry_run")]
    clean: Option<PathBuf>,
    /// Where the table goes; refused if it exists
    #[arg(long, value_name = "FILE", required_unless_present = "dry_run")]
    table: Option<PathBuf>,
    /// Tell where each column would go, and store and write nothing
    #[arg(long, conflicts_with_all = ["clean", "table"])]
    dry_run: bool,
}

impl Split {
    /// The two files are begun before the site is asked: what it stores, it can give again.
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let sheet = file::read_text(&self.sheet)?;
        if self.clean.is_some() && self.clean == self.table {
            return Err(Error::Usage("the clean sheet and the table go into two files".into()).into());
        }
        let (clean, table) = (begin(self.clean.as_deref())?, begin(self.table.as_deref())?);
        let Self { issuer, keep, age_at, dry_run, .. } = self;
        let body = NewSplit { sheet, issuer, keep, age_at, dry_run };
        let mut done: SplitDone =
            app.client()?.post("intake split", &[&self.project.to_string()], &body)?.json()?;
        for (file, text) in [(clean, done.clean.take()), (table, done.table.take())] {
            if let (Some(mut file), Some(text)) = (file, text) {
                file.write(text.as_bytes())?;
                file.keep()?;
            }
        }
        if app.console.is_json() {
            return app.console.json(&done);
        }
        let rows: Vec<_> = done.columns.into_iter().map(heading).collect();
        app.console.table(&["COLUMN", "NAME", "GOES TO", "HOLDS"], &rows)?;
        let (people, fresh) = (text::many(done.people, "person", "people"), text::count(done.fresh));
        let (would, be) = if dry_run { ("would be ", "nothing was stored: ") } else { ("", "") };
        app.console.say(&format!("{be}{people}, of whom {fresh} {would}new to the map"));
        Ok(())
    }
}

fn begin(path: Option<&Path>) -> Result<Option<file::NewFile>, Failure> {
    path.map(file::NewFile::create).transpose()
}

fn heading(column: SplitColumn) -> Vec<String> {
    vec![column.position.to_string(), text::or_dash(column.name), column.goes, text::or_dash(column.holds)]
}

fn send_files(
    app: &mut App<'_>,
    client: &mut Client,
    project: &str,
    package: &Package,
    folder: &Path,
    sheet: &str,
) -> Result<(), Failure> {
    // Everything is looked at before the first byte goes up.
    let mut waiting = Vec::new();
    for listed in package.files.iter().filter(|listed| !listed.sealed) {
        let path = folder.join(beside_sheet(listed, sheet)?);
        file::open_plain(&path)?;
        waiting.push((listed, path));
    }
    let sealed = package.files.len().saturating_sub(waiting.len());
    if sealed > 0 {
        app.console.say(&format!(
            "{sealed} of {} in already",
            text::many(package.files.len() as u64, "file is", "files are")
        ));
    }
    for (listed, path) in waiting {
        let (file, length) = file::open_plain(&path)?;
        let bar = upload_bar(app, &listed.name, length);
        let parts = [project, &package.id.to_string(), &listed.number.to_string()];
        let upload = Body::File(Upload::new(file, length, bar.clone()));
        let answer = client.send("package file", &parts, upload);
        bar.finish_and_clear();
        let received: Received = answer?.json()?;
        let reads = text::many(received.reads, "read", "reads");
        app.console.say(&format!("{}: {reads}, {}, {}", listed.name, text::size(length), received.object));
    }
    Ok(())
}

/// The file that the site asks for, as a path below the sheet's folder. The site learns names from
/// the sheet alone; any other would be the caller's own file that nobody meant to send.
fn beside_sheet(listed: &PackageFile, sheet: &str) -> Result<PathBuf, Failure> {
    let path = Path::new(&listed.name);
    let below = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !below || listed.name.is_empty() || !sheet.contains(listed.name.as_str()) {
        return Err(Error::NotInSheet(listed.name.clone()).into());
    }
    Ok(path.to_owned())
}

/// A bar for a file that goes up; hidden when nobody looks.
pub fn upload_bar(app: &App<'_>, name: &str, length: u64) -> ProgressBar {
    if !app.console.is_watched() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{msg:32!} {bar:24} {bytes:>10} of {total_bytes} {bytes_per_sec}, {eta} left",
    );
    let bar = ProgressBar::new(length).with_message(text::clean(name));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_the_sheet_names_are_sent() {
        let sheet = "patient,sample,lane,fastq_1,fastq_2\np,s,1,a/r1.fq.gz,../up.fq.gz\n";
        let listed =
            |name: &str| PackageFile { number: 0, row: 1, mate: 1, name: name.to_owned(), sealed: false };
        assert_eq!(beside_sheet(&listed("a/r1.fq.gz"), sheet).unwrap(), Path::new("a/r1.fq.gz"));
        for name in ["/etc/shadow", "../up.fq.gz", "a/../../x", "other.fq.gz", ""] {
            let Err(Failure::Problem(problem)) = beside_sheet(&listed(name), sheet) else { panic!("{name}") };
            assert_eq!(problem.code, "CLI-022", "{name}");
        }
    }
}
