//! `consent`, `use`: what people agreed to, and whether their data may be used.

use crate::app::App;
use crate::args::words;
use crate::{Console, Error, Failure, ends, file, text};
use api::consent::{
    Consent as Given, ConsentStatement, Consented, NewApproval, NewConsent, NewReview, SaidWhy, UseShown,
};
use base::{ProjectId, Sha256, SubjectId, Timestamp};
use clap::{Args, Subcommand};
use policy::terms::{Disease, Terms};
use sha2::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

/// What people agreed to, and whether their data may be used
#[derive(Subcommand)]
pub enum Consent {
    List(List),
    Show(Show),
    Record(Box<Record>),
    Withdraw(Withdraw),
    Review(Review),
}

impl Consent {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::List(args) => args.run(app),
            Self::Show(args) => args.run(app),
            Self::Record(args) => args.run(app),
            Self::Withdraw(args) => args.run(app),
            Self::Review(args) => args.run(app),
        }
    }
}

/// Whether a project's data may be used for what it states
#[derive(Subcommand)]
pub enum Use {
    Show(ShowUse),
    Approve(Approve),
    Revoke(Revoke),
    Combine(Combine),
}

impl Use {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Show(args) => args.run(app),
            Self::Approve(args) => args.run(app),
            Self::Revoke(args) => args.run(app),
            Self::Combine(args) => args.run(app),
        }
    }
}

/// Show what a project's terms and its people's consents say of the use that it states: allowed, forbidden, or left to a person.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra use show prj_…\n\nRole: any data role or project-administrator in the project."
)]
pub struct ShowUse {
    /// The project, prj_…
    project: ProjectId,
}

impl ShowUse {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let shown: UseShown = app.client()?.get("use show", &[&self.project.to_string()])?;
        tell(app, shown)
    }
}

/// Approve what the terms leave to a person, all of it, as `use show` has it now. What they forbid stays forbidden.
///
/// A reason is approved with the terms that raise it: another consent with other terms is open again.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra use approve prj_… --reason \"saw the ethics vote 114/31\" --until 2032-12-31 --yes\n\nRole: data-steward in the project."
)]
pub struct Approve {
    /// The project, prj_…
    project: ProjectId,
    /// Why, in your own words; recorded sealed, so that few can read it
    #[arg(long, value_parser = words)]
    reason: String,
    /// The last day of the approval
    #[arg(long, value_name = "DAY", value_parser = ends::day)]
    until: Timestamp,
    /// Approve all that is open; without it, what that is is shown and nothing is approved
    #[arg(long)]
    yes: bool,
}

impl Approve {
    /// What is sent is what is open now; the site refuses it when something else is open by then.
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let project = self.project.to_string();
        let now: UseShown = app.client()?.get("use show", &[&project])?;
        if !self.yes {
            tell(app, now)?;
            let why = "nothing was approved: give `--yes` to approve all that is left to a person".to_owned();
            return Err(app.after_answer(Error::Usage(why)));
        }
        let open = now.reasons.into_iter().filter(|one| !one.forbids && !one.approved);
        let reasons = open.map(|one| one.why).collect();
        let body = NewApproval { reasons, reason: self.reason, until: self.until };
        let shown: UseShown = app.client()?.post("use approve", &[&project], &body)?.json()?;
        tell(app, shown)
    }
}

/// Take back every approval of a project's use that holds. What terms leave to a person is open again from the next request on.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra use revoke prj_… --reason \"the board's vote was annulled\"\n\nRole: data-steward in the project."
)]
pub struct Revoke {
    /// The project, prj_…
    project: ProjectId,
    /// Why, in your own words; recorded sealed, so that few can read it
    #[arg(long, value_parser = words)]
    reason: String,
}

impl Revoke {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let body = SaidWhy { reason: Some(self.reason) };
        let shown: UseShown =
            app.client()?.post("use revoke", &[&self.project.to_string()], &body)?.json()?;
        if !app.console.is_json() {
            app.console.say("revoked; nothing is used on the strength of an approval any more");
        }
        tell(app, shown)
    }
}

/// Say what data of several terms may be used for together: the stricter of them, or why they contradict each other.
///
/// Nothing is asked of a site. Diseases are compared as they are written: one that lies within another is not known.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra use combine \"DUO:0000042 DUO:0000045\" \"DUO:0000007=MONDO:0005148\"\n\nRole: none. Ends with exit code 5 when they contradict each other."
)]
pub struct Combine {
    /// Terms of one of them: DUO codes with their values, in one argument
    #[arg(required = true, num_args = 2..)]
    terms: Vec<String>,
}

impl Combine {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let wrong = |error: policy::Error| Error::Terms(error.to_string());
        let read = |text: &String| Terms::parse(text).map_err(|error| Error::Usage(error.to_string()));
        let all = self.terms.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let Some((first, rest)) = all.split_first() else { return Ok(()) };
        let known = BTreeMap::<Disease, BTreeSet<Disease>>::new();
        let both = first.combine(rest, &known).map_err(wrong)?.to_string();
        if app.console.is_json() {
            return app.console.json(&serde_json::json!({"terms": both.split(' ').collect::<Vec<_>>()}));
        }
        app.console.line(&both)
    }
}

fn tell(app: &mut App<'_>, shown: UseShown) -> Result<(), Failure> {
    if app.console.is_json() {
        return app.console.json(&shown);
    }
    let answer = match shown.answer.as_str() {
        "approve" => "allowed",
        "deny" => "forbidden",
        _ => "left to a person",
    };
    app.console.line(&format!("by the project's terms the use is {answer}"))?;
    let all: u64 = shown.people.values().sum();
    if all > 0 {
        let people: Vec<String> =
            shown.people.iter().map(|(word, count)| format!("{word} {count}")).collect();
        let (usable, people) = (shown.usable, people.join(", "));
        let all = text::many(all, "person", "people");
        app.console.line(&format!("the data of {usable} of {all} may be used (consents: {people})"))?;
    }
    let rows: Vec<_> = shown
        .reasons
        .into_iter()
        .map(|one| {
            let state = match (one.forbids, one.approved) {
                (true, _) => "forbidden",
                (false, true) => "approved",
                (false, false) => "left to a person",
            };
            let people = (one.people > 0).then(|| text::many(one.people, "person", "people"));
            let whose: Vec<String> =
                one.project.then(|| "project".to_owned()).into_iter().chain(people).collect();
            vec![state.to_owned(), whose.join(", "), one.why]
        })
        .collect();
    if !rows.is_empty() {
        app.console.table(&["STATE", "WHOSE TERMS", "WHY"], &rows)?;
    }
    for one in shown.approvals {
        let what = text::many(one.reasons, "reason", "reasons");
        let until = text::until(one.until);
        app.console.line(&format!("approved until {until}: {what} (position {})", one.position))?;
    }
    Ok(())
}

/// List a project's people, how their consent stands, and whether their data may be used now.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra consent list prj_…\n\nRole: data-steward in the project.")]
pub struct List {
    /// The project, prj_…
    project: ProjectId,
}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let people: Vec<Consented> = app.client()?.get("consent list", &[&self.project.to_string()])?;
        if app.console.is_json() {
            return app.console.json(&people);
        }
        let rows: Vec<_> = people.into_iter().map(row).collect();
        app.console.table(&["SUBJECT", "LABEL", "CONSENT", "UNTIL", "TERMS", "USABLE"], &rows)
    }
}

fn row(one: Consented) -> Vec<String> {
    let consent = one.consent.as_ref();
    vec![
        one.subject.to_string(),
        one.label,
        one.standing,
        text::or_dash(consent.and_then(|consent| consent.until).map(text::until)),
        text::or_dash(consent.map(|consent| consent.terms.join(" "))),
        if one.usable { "yes".to_owned() } else { format!("no: {}", one.why_not.join("; ")) },
    ]
}

/// Show what was said about one subject's data, oldest first.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra consent show sub_…\n\nRole: data-steward in the project.")]
pub struct Show {
    /// The subject, sub_…
    subject: SubjectId,
}

impl Show {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let said: Vec<ConsentStatement> = app.client()?.get("consent show", &[&self.subject.to_string()])?;
        told(app, &said)
    }
}

/// Record a consent. It takes the place of what was said before.
///
/// The signed document stays where it is: only its digest is recorded, so that nobody exchanges it unseen.
/// A consent that differs from the one before, or follows a withdrawal, waits for `consent review`.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra consent record sub_… --form broad-2.1 --term DUO:0000006 --document signed.pdf --until 2036-12-31\n\nRole: data-steward in the project."
)]
pub struct Record {
    /// The subject, sub_…
    subject: SubjectId,
    /// The form that was signed, with its version; no name of a person
    #[arg(long)]
    form: String,
    /// What it allows, a DUO code with its value; may be given several times
    #[arg(long = "term", value_name = "CODE", required = true)]
    terms: Vec<String>,
    /// The signed document, whose digest is recorded; or `sha256:` and its digest, where it lies elsewhere
    #[arg(long, value_name = "FILE")]
    document: String,
    /// Its first day [default: from now on]
    #[arg(long, value_name = "DAY", value_parser = ends::begin)]
    from: Option<Timestamp>,
    /// Its last day [default: without end]
    #[arg(long, value_name = "DAY", value_parser = ends::day)]
    until: Option<Timestamp>,
}

impl Record {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let document = digest_of(&self.document)?;
        let Self { subject, form, terms, from, until, .. } = self;
        let body = NewConsent { form, terms, document, from, until };
        let given: Given = app.client()?.post("consent record", &[&subject.to_string()], &body)?.json()?;
        if app.console.is_json() {
            return app.console.json(&given);
        }
        app.console.say(&format!("recorded the consent of {subject}: {}", given.terms.join(" ")));
        app.console.talk(
            "whether the data may be used now, and what waits for a review: `consent list`, `use show`",
        );
        app.console.line(&given.id.to_string())
    }
}

/// Record that somebody forbids all use of their data, also where no consent of theirs is recorded.
///
/// The next request is refused, and so is work that is under way, within a minute. What is there stays until it is
/// erased: `keys shred` does that.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra consent withdraw sub_… --reason \"letter of 3 May\"\n\nRole: data-steward in the project."
)]
pub struct Withdraw {
    /// The subject, sub_…
    subject: SubjectId,
    /// Why, in your own words; recorded sealed, so that few can read it
    #[arg(long, value_parser = words)]
    reason: Option<String>,
}

impl Withdraw {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let body = SaidWhy { reason: self.reason };
        let said: Vec<ConsentStatement> =
            app.client()?.post("consent withdraw", &[&self.subject.to_string()], &body)?.json()?;
        if app.console.is_json() {
            return app.console.json(&said);
        }
        app.console.say("withdrawn; nothing of theirs is used in this project any more");
        app.console.talk("in another project the same person is another subject, and withdraws there");
        Ok(())
    }
}

/// Record that you looked at what a newer consent changes, and that what is there may be used as it says.
///
/// Look at `consent show` first, and at what was made under the older one (`subject report`).
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra consent review sub_… --reason \"the new form allows what the project does\"\n\nRole: data-steward in the project."
)]
pub struct Review {
    /// The subject, sub_…
    subject: SubjectId,
    /// What you found, in your own words; recorded sealed
    #[arg(long, value_parser = words)]
    reason: Option<String>,
}

impl Review {
    /// The review names the newest statement that was shown: the site refuses it when another was made since.
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let subject = self.subject.to_string();
        let before: Vec<ConsentStatement> = app.client()?.get("consent show", &[&subject])?;
        let newest = before.last().map(|one| one.position).unwrap_or_default();
        let body = NewReview { newest, reason: self.reason };
        let said: Vec<ConsentStatement> = app.client()?.post("consent review", &[&subject], &body)?.json()?;
        if app.console.is_json() {
            return app.console.json(&said);
        }
        let last = before.get(before.len().saturating_sub(2)..).unwrap_or_default();
        table(app.console, last)?;
        app.console.say(
            "reviewed; the newest consent holds from now on, as far as its terms allow the use: `use show`",
        );
        Ok(())
    }
}

fn told(app: &mut App<'_>, said: &[ConsentStatement]) -> Result<(), Failure> {
    if app.console.is_json() {
        return app.console.json(&said);
    }
    table(app.console, said)
}

/// Statements as people read them.
pub fn table(console: &mut Console, said: &[ConsentStatement]) -> Result<(), Failure> {
    let rows: Vec<_> = said.iter().map(statement).collect();
    console.table(&["POSITION", "RECORDED", "SAID", "FORM", "TERMS", "FROM", "UNTIL", "DOCUMENT"], &rows)
}

fn statement(one: &ConsentStatement) -> Vec<String> {
    let consent = one.consent.as_ref();
    vec![
        one.position.to_string(),
        one.at.to_string(),
        one.said.clone(),
        text::or_dash(consent.map(|consent| consent.form.clone())),
        text::or_dash(consent.map(|consent| consent.terms.join(" "))),
        text::or_dash(consent.map(|consent| consent.from)),
        text::or_dash(consent.and_then(|consent| consent.until).map(text::until)),
        text::or_dash(consent.map(|consent| consent.document)),
    ]
}

/// The digest that was given, or that of the file that was named.
pub(crate) fn digest_of(document: &str) -> Result<Sha256, Failure> {
    if let Some(digest) = document.strip_prefix("sha256:") {
        let wrong = || Error::Usage("a SHA-256 has 64 hexadecimal digits".into());
        return Ok(digest.parse().map_err(|_| wrong())?);
    }
    let path = Path::new(document);
    let (mut file, length) = file::open_plain(path)?;
    if length == 0 {
        return Err(Error::Usage(format!("{document} is empty: nothing was signed in it")).into());
    }
    let mut hash = sha2::Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece).map_err(|error| file::unreadable(path, error))? {
            0 => return Ok(Sha256(hash.finalize().into())),
            read => hash.update(piece.get(..read).unwrap_or_default()),
        }
    }
}
