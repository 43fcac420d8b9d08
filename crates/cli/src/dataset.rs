//! `dataset`: samples that a project offers to others.

use crate::app::App;
use crate::{Failure, text};
use api::project::Sample;
use api::sharing::{Checked, Dataset as Shown, LentSample, NewDataset, Verified};
use base::{DatasetId, ProjectId, SampleId};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

/// Samples that projects offer to others, and under what terms
#[derive(Subcommand)]
pub enum Dataset {
    List(List),
    Show(Show),
    Samples(Samples),
    Verify(Verify),
    Check(Check),
    Publish(Publish),
    Close(Close),
}

impl Dataset {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::List(args) => args.run(app),
            Self::Show(args) => args.run(app),
            Self::Samples(args) => args.run(app),
            Self::Verify(args) => args.run(app),
            Self::Check(args) => send(app, args.offer, true),
            Self::Publish(args) => send(app, args.offer, false),
            Self::Close(args) => args.run(app),
        }
    }
}

/// List the datasets that the site's projects offer, the newest first.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra dataset list\n\nRole: any account.")]
pub struct List {}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let all: Vec<Shown> = app.client()?.get("dataset list", &[])?;
        if app.console.is_json() {
            return app.console.json(&all);
        }
        let rows: Vec<_> = all
            .into_iter()
            .map(|one| {
                let (samples, persons) = (text::count(one.samples), text::count(one.persons));
                vec![
                    one.id.to_string(),
                    one.name,
                    if one.closed.is_some() { "closed" } else { "offered" }.to_owned(),
                    one.purposes.join(" "),
                    one.terms.join(" "),
                    samples,
                    persons,
                ]
            })
            .collect();
        app.console.table(&["DATASET", "NAME", "STATE", "FOR", "TERMS", "SAMPLES", "PERSONS"], &rows)
    }
}

/// Show all that a dataset states.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra dataset show dst_…\n\nRole: any account.")]
pub struct Show {
    /// The dataset, dst_…
    dataset: DatasetId,
}

impl Show {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let all: Vec<Shown> = app.client()?.get("dataset list", &[])?;
        let found = all.into_iter().find(|one| one.id == self.dataset);
        let Some(one) = found else {
            return Err(crate::Error::NotListed(self.dataset.to_string()).into());
        };
        tell(app, &one)
    }
}

fn tell(app: &mut App<'_>, one: &Shown) -> Result<(), Failure> {
    if app.console.is_json() {
        return app.console.json(one);
    }
    for (name, value) in [
        ("id", one.id.to_string()),
        ("name", one.name.clone()),
        ("home", one.project.to_string()),
        ("samples", text::count(one.samples)),
        ("persons", text::count(one.persons)),
        ("for", one.purposes.join(" ")),
        ("terms", one.terms.join(" ")),
        ("granularity", one.granularity.clone()),
        ("frameworks", one.frameworks.join(" ")),
        ("agreement", text::or_dash(one.agreement.clone())),
        ("class", one.class.clone()),
        ("region", one.region.clone()),
        ("published", one.published.to_string()),
        ("closed", text::or_dash(one.closed)),
    ] {
        app.console.line(&format!("{name:<11} {value}"))?;
    }
    Ok(())
}

/// List the samples that other projects lend to this one, without their labels.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra dataset samples prj_…\n\nRole: viewer, analyst, data-exporter or data-steward in the project, and named in the application."
)]
pub struct Samples {
    /// The project that uses them, prj_…
    project: ProjectId,
}

impl Samples {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let all: Vec<LentSample> = app.client()?.get("dataset samples", &[&self.project.to_string()])?;
        if app.console.is_json() {
            return app.console.json(&all);
        }
        let rows: Vec<_> = all
            .into_iter()
            .map(|one| {
                let reads = one.readsets.iter().map(|r| r.reads).fold(0, u64::saturating_add);
                let (id, subject, dataset) =
                    (one.id.to_string(), one.subject.to_string(), one.dataset.to_string());
                vec![
                    id,
                    subject,
                    dataset,
                    text::or_dash(one.sex),
                    text::or_dash(one.status),
                    text::count(reads),
                ]
            })
            .collect();
        app.console.table(&["SAMPLE", "SUBJECT", "DATASET", "SEX", "STATUS", "READS"], &rows)
    }
}

/// Read a project's reads through and compare them with the digests that their generator stated.
///
/// One sample after the other; run again, it starts anew. What matched counts for 30 days.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra dataset verify prj_…\n\nRole: data-steward in the project. Ends with exit code 7 when a file differs."
)]
pub struct Verify {
    /// The project, prj_…
    project: ProjectId,
    /// Only this sample, smp_…; may be given several times
    #[arg(long = "sample", value_name = "SAMPLE")]
    samples: Vec<SampleId>,
}

impl Verify {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let (mut samples, mut client) = (self.samples, app.client()?);
        if samples.is_empty() {
            let all: Vec<Sample> = client.get("sample list", &[&self.project.to_string()])?;
            samples = all.into_iter().map(|one| one.id).collect();
        }
        let shown = app.console.is_watched();
        let bar = if shown { ProgressBar::new(samples.len() as u64) } else { ProgressBar::hidden() };
        if let Ok(style) =
            ProgressStyle::with_template("comparing {wide_bar} {pos}/{len} samples, {eta} left")
        {
            bar.set_style(style);
        }
        let mut total = Verified { matching: 0, differing: Vec::new(), bytes: 0 };
        for sample in samples {
            let one: Verified = client.get("dataset verify", &[&sample.to_string()])?;
            total.matching = total.matching.saturating_add(one.matching);
            total.bytes = total.bytes.saturating_add(one.bytes);
            total.differing.extend(one.differing);
            bar.inc(1);
        }
        bar.finish_and_clear();
        if app.console.is_json() {
            app.console.json(&total)?;
        } else {
            for object in &total.differing {
                app.console.line(&format!("{object} is NOT what its generator said, or cannot be read"))?;
            }
            let (matching, size) = (text::many(total.matching, "file", "files"), text::size(total.bytes));
            let differ = text::count(total.differing.len() as u64);
            app.console
                .say(&format!("the same as its generator said: {matching}; not: {differ} ({size} read)"));
        }
        match total.differing.len() {
            0 => Ok(()),
            many => Err(app.after_answer(crate::Error::Differing(many))),
        }
    }
}

/// What a dataset states. None of it is guessed.
#[derive(Args)]
pub struct Offer {
    /// The project whose samples they are, prj_…
    project: ProjectId,
    /// Its name, which everybody with an account reads
    #[arg(long)]
    name: String,
    /// A purpose that it is offered for: care, research, quality, methods, teaching; commercial beside them. May be given several times
    #[arg(long = "for", value_name = "PURPOSE", required = true)]
    purposes: Vec<String>,
    /// How much of a genome it shows: panel, exome, genome
    #[arg(long)]
    granularity: String,
    /// A law that it is under: HIPAA, GDPR, GINA, 28-CFR-202; or none alone. May be given several times
    #[arg(long = "framework", value_name = "LAW", required = true)]
    frameworks: Vec<String>,
    /// The contract that an application needs: DUA, BAA
    #[arg(long, value_name = "KIND")]
    agreement: Option<String>,
    /// What it may be used for, a DUO code with its value; may be given several times [default: the project's terms]
    #[arg(long = "term", value_name = "CODE")]
    terms: Vec<String>,
    /// Only this sample, smp_…; may be given several times [default: all of the project's]
    #[arg(long = "sample", value_name = "SAMPLE")]
    samples: Vec<SampleId>,
}

/// Say what would keep a dataset from being published, and publish nothing.
///
/// Consents and terms of everybody in it, its own statements, digests and names are looked at.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra dataset check prj_… --name \"Heart cohort\" --for research --granularity genome --framework GDPR\n\n\
    Role: data-steward in the project. Ends with exit code 5 when something is found."
)]
pub struct Check {
    #[command(flatten)]
    offer: Offer,
}

/// Offer samples to other projects, once nothing keeps them from it.
///
/// It is never changed: another list, or other terms, are another dataset. Who wants to use it applies, and a data steward
/// of this project answers.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra dataset publish prj_… --name \"Heart cohort\" --for research --granularity genome --framework GDPR --agreement DUA\n\n\
    Role: data-steward in the project."
)]
pub struct Publish {
    #[command(flatten)]
    offer: Offer,
}

fn send(app: &mut App<'_>, offer: Offer, check: bool) -> Result<(), Failure> {
    let Offer { project, name, purposes, granularity, frameworks, agreement, terms, samples } = offer;
    let body = NewDataset { name, samples, terms, purposes, granularity, frameworks, agreement, check };
    let done: Checked = app.client()?.post("dataset publish", &[&project.to_string()], &body)?.json()?;
    if let Some(dataset) = &done.dataset {
        app.console.say(&format!("published {} for {}", dataset.id, dataset.purposes.join(", ")));
        if app.console.is_json() {
            return app.console.json(&done);
        }
        return app.console.line(&dataset.id.to_string());
    }
    if app.console.is_json() {
        app.console.json(&done)?;
    } else {
        let rows: Vec<_> = done
            .findings
            .iter()
            .map(|one| vec![one.what.clone(), one.about.clone(), one.why.clone()])
            .collect();
        if !rows.is_empty() {
            app.console.table(&["FINDING", "ABOUT", "WHY"], &rows)?;
        }
    }
    match done.findings.len() {
        0 => {
            app.console.say("nothing keeps it from being published");
            Ok(())
        }
        many => Err(app.after_answer(crate::Error::Unpublishable(many))),
    }
}

/// Close a dataset: nobody applies for it, and who uses it does so no more from the next decision on.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra dataset close prj_… dst_…\n\nRole: data-steward in the project."
)]
pub struct Close {
    /// The project whose samples they are, prj_…
    project: ProjectId,
    /// The dataset, dst_…
    dataset: DatasetId,
}

impl Close {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let parts = [self.project.to_string(), self.dataset.to_string()];
        let closed: Shown = app.client()?.get("dataset close", &parts.each_ref().map(String::as_str))?;
        app.console.say("closed; what was made from it in other projects is used no more either");
        if app.console.is_json() { app.console.json(&closed) } else { Ok(()) }
    }
}
