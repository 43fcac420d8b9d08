//! `archive`: what the store holds, and whether it is whole.

use crate::app::App;
use crate::{Error, Failure, text};
use api::archive::{Check, Checked, Scrub, Scrubbed, Storage, Swept};
use base::ObjectId;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

/// The store of sealed objects: what it holds, and whether its bytes are whole
#[derive(Subcommand)]
pub enum Archive {
    Stat(Stat),
    Check(Look),
    Scrub(Turn),
}

impl Archive {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Stat(args) => args.run(app),
            Self::Check(args) => args.run(app),
            Self::Scrub(args) => args.run(app),
        }
    }
}

/// Show what the store holds by project, how well it locks what it holds, and what is in quarantine.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra archive stat\n\nRole: platform-administrator on the site.")]
pub struct Stat {}

impl Stat {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let storage: Storage = app.client()?.get("archive stat", &[])?;
        if app.console.is_json() {
            return app.console.json(&storage);
        }
        let rows: Vec<_> = storage
            .projects
            .into_iter()
            .map(|of| {
                let counts = [of.objects, of.versions, of.held, of.unlocked, of.quarantined].map(text::count);
                let [objects, versions, held, unlocked, quarantined] = counts;
                let project = of.project.unwrap_or_else(|| "the site".to_owned());
                let oldest = text::or_dash(of.oldest_check);
                vec![project, objects, versions, text::size(of.bytes), held, unlocked, quarantined, oldest]
            })
            .collect();
        let head = [
            "PROJECT",
            "OBJECTS",
            "VERSIONS",
            "STORED",
            "HELD",
            "NOT LOCKED",
            "QUARANTINED",
            "CHECKED SINCE",
        ];
        app.console.table(&head, &rows)?;
        app.console.say(&format!("store: {}", storage.store));
        app.console.say(&match storage.scrub_days {
            0 => "the site does not scrub by itself".to_owned(),
            days => format!("the site reads everything once in {days} days by itself"),
        });
        if storage.strays > 0 {
            let strays = storage.strays;
            app.console.say(&format!(
                "{strays} bodies without a record, or of deleted objects, are locked and left"
            ));
        }
        app.console.say(&sweep_line(&storage.swept));
        storage.quarantine.iter().try_for_each(|one| app.console.line(&damage_line(one)))
    }
}

/// How far the look for what a crash left is, in a line.
fn sweep_line(swept: &Swept) -> String {
    let Swept { parts, of, aside, removed, failing } = swept;
    let found = match aside.saturating_add(*removed) {
        0 => "nothing so far".to_owned(),
        _ => format!("{aside} bodies without a record put aside, {removed} of deleted objects removed"),
    };
    let how = match (failing, parts < of) {
        (true, _) => format!("the store could not be read after {parts} of {of} parts; it is tried again"),
        (false, true) => format!("{parts} of {of} parts looked through"),
        (false, false) => "all looked through".to_owned(),
    };
    format!("what a crash may have left: {how}; {found}")
}

/// Read objects through, every version, and compare them with tree, record and ledger.
///
/// Needs no key and shows no content. What is damaged is recorded, put into quarantine and given to
/// nobody; the command then ends with exit code 7.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra archive check obj_… obj_…\n\nRole: platform-administrator on the site."
)]
pub struct Look {
    /// The objects, obj_…
    #[arg(required = true)]
    objects: Vec<ObjectId>,
}

impl Look {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let mut client = app.client()?;
        let bar = bar(app, "{pos} of {len} objects {bar:30}", self.objects.len() as u64);
        let mut found: Vec<Checked> = Vec::new();
        for object in self.objects {
            // One at a time: an object may take minutes to read.
            let body = Check { objects: vec![object] };
            found.extend(client.post("archive check", &[], &body)?.json::<Vec<Checked>>()?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        let (damaged, whole): (Vec<_>, Vec<_>) = found.into_iter().partition(|one| one.damage.is_some());
        let quarantined = damaged.iter().filter(|one| !is_lock(one)).count() as u64;
        if app.console.is_json() {
            sound(&damaged, quarantined)?;
            return app.console.json(&whole);
        }
        for one in whole {
            let size = text::size(one.bytes);
            app.console.line(&format!("{}  version {}  {size}  whole", one.object, one.version))?;
        }
        sound(&damaged, quarantined)
    }
}

/// Read what is due through: what was not found right within the site's `scrub_days`, or `--all`.
///
/// The site does this by itself, slowly, while it is open; the command does it at once and as fast as
/// the disk gives. What was read is on record, so a scrub that was interrupted goes on where it was:
/// after `--all`, with the `--before` that it printed. Damage is recorded and put into quarantine. As
/// long as anything is in quarantine, the command ends with exit code 7. What the store could not read is named,
/// holds up nothing, and ends the command with exit code 6.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra archive scrub --all\n  sequestra archive scrub --before 2031-05-14T12:00:00Z\n\nRole: platform-administrator on the site."
)]
pub struct Turn {
    /// Everything, also what was found right a moment ago
    #[arg(long, conflicts_with = "before")]
    all: bool,
    /// What was last found right before this moment
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
}

impl Turn {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let mut client = app.client()?;
        let bar = bar(app, "{bytes} of {total_bytes} {bar:30} {bytes_per_sec}, {eta} left", 0);
        let mut ask = Scrub { before: self.before, all: self.all };
        let mut total: Option<Scrubbed> = None;
        loop {
            let mut step: Scrubbed = client.post("archive scrub", &[], &ask)?.json()?;
            if ask.before.is_none() && step.due > 0 {
                let go_on =
                    format!("if this is interrupted: sequestra archive scrub --before {}", step.before);
                app.console.say(&go_on);
            }
            bar.inc(step.bytes);
            bar.set_length(bar.position().saturating_add(step.due_bytes));
            ask = Scrub { before: Some(step.before.clone()), all: false };
            if let Some(so_far) = total {
                step.objects = step.objects.saturating_add(so_far.objects);
                step.bytes = step.bytes.saturating_add(so_far.bytes);
                step.damaged.splice(0..0, so_far.damaged);
                step.unread.splice(0..0, so_far.unread);
            }
            if step.due == 0 {
                bar.finish_and_clear();
                return finish(app, &step);
            }
            total = Some(step);
        }
    }
}

fn finish(app: &mut App<'_>, total: &Scrubbed) -> Result<(), Failure> {
    let (objects, bytes) = (text::count(total.objects), text::size(total.bytes));
    app.console.say(&format!("read {objects} versions, {bytes}"));
    sound(&total.damaged, total.quarantined)?;
    if !total.unread.is_empty() {
        let named =
            |one: &Checked| format!("UNREAD {}  version {}  of {}", one.object, one.version, place(one));
        let error = Error::Unread(total.unread.len() as u64);
        return Err(Failure::from(error).with_findings(total.unread.iter().map(named).collect()));
    }
    if app.console.is_json() { app.console.json(total) } else { Ok(()) }
}

/// Damage is the command's failure, and so is a lock that differs, whose bytes are whole; the findings are the versions.
fn sound(found: &[Checked], quarantined: u64) -> Result<(), Failure> {
    let error = match (quarantined, found.len() as u64) {
        (0, 0) => return Ok(()),
        (0, locks) => Error::Locks(locks),
        (quarantined, _) => Error::Damage(quarantined),
    };
    Err(Failure::from(error).with_findings(found.iter().map(damage_line).collect()))
}

/// Whether it is the store's lock that is not as recorded.
fn is_lock(one: &Checked) -> bool {
    one.damage.as_deref() == Some("lock")
}

fn damage_line(one: &Checked) -> String {
    let (project, damage) = (place(one), one.damage.as_deref().unwrap_or("none"));
    format!("DAMAGE {}  version {}  of {project}  {damage}", one.object, one.version)
}

fn place(one: &Checked) -> String {
    one.project.as_ref().map_or_else(|| "the site".to_owned(), ToString::to_string)
}

fn bar(app: &App<'_>, template: &str, length: u64) -> ProgressBar {
    let bar = if app.console.is_watched() { ProgressBar::new(length) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
