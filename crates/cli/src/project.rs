//! `project`: what data belongs to, and under which terms.

use crate::Failure;
use crate::app::App;
use crate::text;
use api::project::{self, NewProject};
use api::subject::Discovered;
use base::{Class, ProjectId};
use clap::{Args, Subcommand};

/// Projects: what data belongs to, and under which terms
#[derive(Subcommand)]
pub enum Project {
    Create(Box<Create>),
    List(List),
    Show(Show),
    Screen(Screen),
}

impl Project {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Create(args) => args.run(app),
            Self::List(args) => args.run(app),
            Self::Show(args) => args.run(app),
            Self::Screen(args) => args.run(app),
        }
    }
}

/// Make a project and print its id.
///
/// Every term is stated, none is guessed: later rules ask for them, and nobody can add them afterwards for
/// data that is already there. In a controlled or clinical project people act by passkeys: its administrators enrol theirs
/// first.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra project create --name \"Rare disease 7\" --class controlled --purpose care \\\n    \
    --term DUO:0000042 --term DUO:0000043 --granularity exome --framework GDPR --incidental reported --basis each \\\n    --region DE --retention 10-years --consent board-2031-114 --administrator lead --administrator deputy\n\n\
    Role: platform-administrator on the site."
)]
pub struct Create {
    /// Display name; no name of a person
    #[arg(long)]
    name: String,
    /// How strict it is: sandbox, research, controlled or clinical
    #[arg(long)]
    class: Class,
    /// Why the data is processed: care, research, quality, methods or teaching
    #[arg(long)]
    purpose: String,
    /// A data-use term that the data came under, a DUO code with its value; may be given several times
    #[arg(long = "term", value_name = "CODE", required = true)]
    terms: Vec<String>,
    /// What else is true of the use, for terms that ask: see docs/spec/data-use.md; may be given several times
    #[arg(long = "use", value_name = "FACT")]
    use_: Vec<String>,
    /// How much of a genome the data shows: panel, exome or genome
    #[arg(long)]
    granularity: String,
    /// A law that the data is under: HIPAA, GDPR, GINA or 28-CFR-202; none for invented or public data; may be given several times
    #[arg(long = "framework", value_name = "LAW", required = true)]
    frameworks: Vec<String>,
    /// What becomes of findings that nobody looked for: not-reported, or reported to who cares for the person
    #[arg(long)]
    incidental: String,
    /// Whose agreement the use stands on: board, for all by the decision that --consent names, or each person's own
    #[arg(long)]
    basis: String,
    /// Where the data must stay: a country code, or EU
    #[arg(long)]
    region: String,
    /// How long it is kept at least: 90-days, 2-years, 10-years, 30-years or permanent
    #[arg(long)]
    retention: String,
    /// Reference to the consent or the board's decision
    #[arg(long)]
    consent: String,
    /// Sign-in name of a first project administrator; two are better, since nobody renews their own role [default: you]
    #[arg(long = "administrator", value_name = "NAME")]
    administrators: Vec<String>,
}

impl Create {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let body = NewProject {
            name: self.name,
            class: self.class,
            purpose: self.purpose,
            terms: self.terms,
            use_: self.use_,
            granularity: self.granularity,
            frameworks: self.frameworks,
            incidental: self.incidental,
            basis: self.basis,
            region: self.region,
            retention: self.retention,
            consent: self.consent,
            administrators: self.administrators,
        };
        let made: project::Project = app.client()?.post("project create", &[], &body)?.json()?;
        if app.console.is_json() {
            return app.console.json(&made);
        }
        app.console.say(&format!("made {} project `{}`", made.class, made.name));
        match made.answer.as_str() {
            "deny" => app.console.say(
                "its terms forbid the use that it states: nothing of it can be used (`use show` says why)",
            ),
            "needs-person" => app.console.say(
                "its terms leave the use to a person: a data steward approves it (`use show`, `use approve`)",
            ),
            _ => {}
        }
        app.console.line(&made.id.to_string())
    }
}

/// List the projects in which you hold a role.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra project list\n\nRole: none; it shows your own.")]
pub struct List {}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let projects: Vec<project::Project> = app.client()?.get("project list", &[])?;
        if app.console.is_json() {
            return app.console.json(&projects);
        }
        let rows: Vec<_> = projects
            .into_iter()
            .map(|p| vec![p.id.to_string(), p.class.to_string(), p.purpose, p.region, p.name])
            .collect();
        app.console.table(&["ID", "CLASS", "PURPOSE", "REGION", "NAME"], &rows)
    }
}

/// Show a project with its terms.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra project show prj_…\n\nRole: any data role or project-administrator in the project."
)]
pub struct Show {
    /// The project, prj_…
    project: ProjectId,
}

impl Show {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let p: project::Project = app.client()?.get("project show", &[&self.project.to_string()])?;
        if app.console.is_json() {
            return app.console.json(&p);
        }
        for (name, value) in [
            ("id", p.id.to_string()),
            ("name", p.name),
            ("class", p.class.to_string()),
            ("purpose", p.purpose),
            ("terms", p.terms.join(", ")),
            ("use", p.use_.join(", ")),
            ("basis", p.basis),
            ("shows", text::or_dash(p.granularity)),
            ("laws", text::or_dash(Some(p.frameworks.join(", ")).filter(|laws| !laws.is_empty()))),
            ("incidental findings", text::or_dash(p.incidental)),
            ("region", p.region),
            ("retention", p.retention),
            ("consent", p.consent),
            ("made", p.created_at),
        ] {
            app.console.line(&format!("{name:<20} {value}"))?;
        }
        Ok(())
    }
}

/// Look for names, numbers of records and addresses in the words that are stored of a project: labels, names of files, forms, and what runs said.
///
/// The door screens what comes in; this looks again at what is there. It tells where something is and its shape, never the word. Contents of objects are not opened.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra project screen prj_…\n\nRole: data-steward in the project.")]
pub struct Screen {
    /// The project, prj_…
    project: ProjectId,
}

impl Screen {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let found: Discovered = app.client()?.get("project screen", &[&self.project.to_string()])?;
        if app.console.is_json() {
            return app.console.json(&found);
        }
        let looked = text::many(found.looked, "word", "words");
        let count = found.findings.len() as u64;
        let like = if count == 1 { "looks like an identifier" } else { "look like identifiers" };
        let rows: Vec<_> = found
            .findings
            .into_iter()
            .map(|one| vec![one.about, one.what, one.looks_like, one.shape, one.advice])
            .collect();
        if !rows.is_empty() {
            app.console.table(&["ABOUT", "WHAT", "LOOKS LIKE", "SHAPE", "ADVICE"], &rows)?;
        }
        app.console.say(&format!("looked at {looked}, {} {like}", text::count(count)));
        if let Some(last) = found.by_itself {
            let (at, count) = (last.at, text::count(last.found));
            app.console.say(&format!("the site looked by itself at {at}, and found {count}"));
        }
        Ok(())
    }
}
