//! `audit incident`: what somebody's acts touched, and the folder that is handed over about it.

use super::export::Seen;
use super::time;
use crate::app::App;
use crate::client::Body;
use crate::file::{NewFile, folder_for, write_new};
use crate::{Console, Error, Failure, receipt, text};
use api::incident::{Account, Acts, Incident, Left, Suspected, Touched};
use api::record::ExportHead;
use base::Timestamp;
use clap::Args;
use std::path::{Path, PathBuf};

/// What the folder holds.
const EVENTS: &str = "incident.jsonl";
const WORDS: &str = "incident.md";

/// Show what somebody's acts touched: whose data, which things, who got them, when, and what left the site.
///
/// Everything is read from the ledger, so it can be told when the database is lost or in doubt. What was listed of a
/// whole project is told apart from what was opened. With `--out`, a folder is written that can be handed over:
/// incident.md in words, and incident.jsonl with every event that it stands on and the proof of each, which
/// `sequestra-verify export` checks.
#[derive(Args)]
#[command(after_help = "Example:\n  \
    sequestra audit incident --actor usr_… --since 2026-03-01T22:00:00Z --until 2026-03-02 --out breach/\n  \
    sequestra audit incident --about obj_…\n\n\
    Role: data-steward in the project, or auditor on the site.")]
pub struct Investigate {
    /// Who acted: the account that was misused, usr_…, svc_…
    #[arg(long, value_name = "ID", value_parser = receipt::id)]
    actor: Option<String>,
    /// The person for whom a service account acted, usr_…
    #[arg(long, value_name = "ID", value_parser = receipt::id)]
    on_behalf_of: Option<String>,
    /// What was got at: obj_…, smp_…, run_…, sub_…, prj_…
    #[arg(long, value_name = "ID", value_parser = receipt::id)]
    about: Option<String>,
    /// The project, prj_…
    #[arg(long, value_name = "ID", value_parser = receipt::id)]
    project: Option<String>,
    /// Not before this day (UTC) or time: 2026-01-31, 2026-01-31T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Before this day (UTC) or time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// The folder to write; it may be there, the files may not
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Investigate {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let Self { actor, on_behalf_of, about, project, since, until, out } = self;
        let body = Body::json(&Suspected { about, actor, on_behalf_of, project, since, until })?;
        let mut client = app.client()?;
        let mut file = out.as_deref().map(begun).transpose()?;
        let mut seen = Seen::new(true);
        client.stream("audit incident", &[], body, |_, piece| {
            seen.take(piece);
            file.as_mut().map_or(Ok(()), |file| file.write(piece))
        })?;
        let (events, Some(head)) = seen.end()? else { return Err(Error::Answer(200).into()) };
        let Some(incident) = &head.incident else { return Err(Error::Answer(200).into()) };
        if let (Some(folder), Some(file)) = (&out, file) {
            file.keep()?;
            write_new(&folder.join(WORDS), words(&head, incident).as_bytes())?;
        }
        if app.console.is_json() {
            app.console.json(&head)?;
        } else {
            tables(app.console, incident, about_one(&head))?;
        }
        if let Some(folder) = &out {
            let folder = folder.display();
            let count = text::count(events);
            app.console.say(&format!("written: {folder}/{WORDS}, {folder}/{EVENTS} ({count} events)"));
        }
        if head.broken {
            let broken = Failure::from(Error::Incomplete).with_findings(head.why_not.into_iter().collect());
            return Err(app.after_answer(broken));
        }
        app.console.say(&completeness(&head));
        Ok(())
    }
}

/// The events' file in a folder that can be written.
fn begun(folder: &Path) -> Result<NewFile, Failure> {
    folder_for(folder)?;
    let words = folder.join(WORDS);
    if words.symlink_metadata().is_ok() {
        return Err(Error::Exists(words).into());
    }
    NewFile::create(&folder.join(EVENTS))
}

/// The thing that was asked about, if it is one and no account or project.
fn about_one(head: &ExportHead) -> Option<&str> {
    let about = head.suspected.as_ref()?.about.as_deref()?;
    Some(about).filter(|id| ["sub_", "smp_", "rds_", "run_", "obj_"].iter().any(|kind| id.starts_with(kind)))
}

fn completeness(head: &ExportHead) -> String {
    match &head.why_not {
        None if head.complete => "complete by proof: no act that answers is missing".to_owned(),
        why => format!("not proven complete: {}", why.as_deref().unwrap_or("it is not said why")),
    }
}

/// A table with its heading, in words and on a terminal.
struct Sheet {
    title: &'static str,
    /// What is said where there are no rows.
    none: &'static str,
    head: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

fn tables(console: &mut Console, incident: &Incident, about: Option<&str>) -> Result<(), Failure> {
    for line in summary(incident) {
        console.talk(&line);
    }
    for sheet in sheets(incident, about).into_iter().filter(|sheet| !sheet.rows.is_empty()) {
        console.talk(&format!("\n{}", sheet.title));
        console.table(sheet.head, &sheet.rows)?;
    }
    Ok(())
}

fn summary(incident: &Incident) -> Vec<String> {
    let count = |number: usize| text::count(number as u64);
    let mut lines = vec![format!(
        "acts: {}, refused besides: {}",
        text::count(incident.acts),
        text::count(incident.refused)
    )];
    let firsts = incident.accounts.iter().map(|one| one.by.first).min();
    let lasts = incident.accounts.iter().map(|one| one.by.last).max();
    if let Some((first, last)) = firsts.zip(lasts) {
        lines.push(format!("from {first} to {last}"));
    }
    let left = incident.people.iter().filter(|one| one.left != Left::No).count();
    lines.push(format!(
        "people whose data was touched: {}; of {} something left the site or may have, {} in all",
        count(incident.people.len()),
        count(left),
        text::size(incident.released)
    ));
    let listed: usize = incident.lists.iter().map(|one| one.people.len()).sum();
    if listed > 0 {
        lines.push(format!("people who stood in lists of whole projects: {}", count(listed)));
    }
    if !incident.of_others.is_empty() {
        let of = count(incident.of_others.len());
        lines.push(format!("things whose people another project knows, ask there: {of}"));
    }
    lines
}

fn sheets(incident: &Incident, about: Option<&str>) -> Vec<Sheet> {
    let touched = |all: &[Touched]| -> Vec<Vec<String>> {
        let row = |one: &Touched| {
            let left = match one.left {
                Left::No => "no",
                Left::Unknown => "not known: its end is not on record",
                Left::Yes => "yes",
            };
            [vec![one.id.clone()], acts(&one.by), vec![left.to_owned()]].concat()
        };
        all.iter().map(row).collect()
    };
    const TOUCHED: &[&str] = &["WHICH", "ACTS", "WHAT", "FIRST", "LAST", "LEFT THE SITE"];
    let lists = incident.lists.iter().map(|one| {
        let people = if one.people.is_empty() { "nobody".to_owned() } else { one.people.join(" ") };
        [vec![one.project.clone()], acts(&one.by), vec![people]].concat()
    });
    let given = incident.given.iter().map(|one| {
        vec![one.time.to_string(), one.event.clone(), one.about.join(" "), one.position.to_string()]
    });
    let others = incident.of_others.iter().map(|one| vec![one.id.clone(), one.project.clone()]);
    vec![
        Sheet {
            title: "Whose data was named in acts",
            none: "Nobody's.",
            head: TOUCHED,
            rows: touched(&incident.people),
        },
        Sheet {
            title: "Who acted",
            none: "Nobody.",
            head: &["WHO", "ACTS", "WHAT", "FIRST", "LAST", "LEFT THE SITE"],
            rows: incident.accounts.iter().map(account).collect(),
        },
        Sheet {
            title: "To which keys objects were released",
            none: "To none.",
            head: TOUCHED,
            rows: touched(&incident.keys),
        },
        Sheet {
            title: "Lists of whole projects",
            none: match about {
                // Lists stand on the project's chain alone.
                Some(_) => "Not looked for: they do not stand with one thing. Ask with `--project`.",
                None => "None was asked for.",
            },
            head: &["PROJECT", "ACTS", "WHAT", "FIRST", "LAST", "WHO STOOD IN IT BY THEN"],
            rows: lists.collect(),
        },
        Sheet {
            title: "Who was let in, and what was given on, meanwhile",
            none: "Nobody, and nothing.",
            head: &["WHEN", "WHAT", "ABOUT", "POSITION"],
            rows: given.collect(),
        },
        Sheet {
            title: "What was touched",
            none: "Nothing by itself.",
            head: TOUCHED,
            rows: touched(&incident.things),
        },
        Sheet {
            title: "Things whose people another project knows",
            none: "None.",
            head: &["WHICH", "PROJECT"],
            rows: others.collect(),
        },
    ]
}

fn account(one: &Account) -> Vec<String> {
    let mut who =
        one.name.as_ref().map_or_else(|| one.actor.clone(), |name| format!("{name} ({})", one.actor));
    if let Some(behind) = &one.on_behalf_of {
        who = format!("{who} for {behind}");
    }
    [vec![who], acts(&one.by), vec![text::size(one.bytes)]].concat()
}

fn acts(by: &Acts) -> Vec<String> {
    vec![text::count(by.acts), by.actions.join(", "), by.first.to_string(), by.last.to_string()]
}

/// The incident in words, as Markdown.
fn words(head: &ExportHead, incident: &Incident) -> String {
    let mut out = vec!["# Incident".to_owned(), String::new()];
    out.push(format!("From the ledger `{}` alone. {}.", head.ledger, capital(&completeness(head))));
    out.push(String::new());
    out.extend(asked(head.suspected.as_ref()).into_iter().map(|line| format!("* {line}")));
    out.extend(summary(incident).into_iter().map(|line| format!("* {line}")));
    for sheet in sheets(incident, about_one(head)) {
        out.extend([String::new(), format!("## {}", sheet.title), String::new()]);
        if sheet.rows.is_empty() {
            out.push(sheet.none.to_owned());
            continue;
        }
        out.push(format!("| {} |", sheet.head.join(" | ").to_lowercase()));
        out.push(format!("|{}", "---|".repeat(sheet.head.len())));
        out.extend(sheet.rows.iter().map(|row| format!("| {} |", row.join(" | "))));
    }
    out.extend([
        String::new(),
        "## What the record does not say".to_owned(),
        String::new(),
        "* Who sat behind an account, and what anybody did with what they saw.".to_owned(),
        "* The names of the people. `subject identify` gives them to those who hold that right, for a reason that is \
         recorded."
            .to_owned(),
        "* Whose the things are that no link leads from to a person, such as references:".to_owned()
            + &none_or(&incident.of_nobody),
        "* Whom a list of a project named beside its own people: those of datasets that were lent to it.".to_owned(),
        String::new(),
        "## How this can be checked".to_owned(),
        String::new(),
        format!(
            "`{EVENTS}` holds each event that this stands on, as it was hashed into the ledger, with its proof. \
             `sequestra-verify export {EVENTS} --site-key site.pub` checks them without this program."
        ),
    ]);
    out.join("\n") + "\n"
}

fn none_or(ids: &[String]) -> String {
    if ids.is_empty() { " none here.".to_owned() } else { format!(" {}.", ids.join(", ")) }
}

fn asked(suspected: Option<&Suspected>) -> Vec<String> {
    let Some(asked) = suspected else { return Vec::new() };
    let time = |time: &Timestamp| time.to_string();
    let parts = [
        ("acts of", asked.actor.clone()),
        ("on behalf of", asked.on_behalf_of.as_ref().map(ToString::to_string)),
        ("about", asked.about.clone()),
        ("in the project", asked.project.clone()),
        ("not before", asked.since.as_ref().map(time)),
        ("before", asked.until.as_ref().map(time)),
    ];
    let said: Vec<String> =
        parts.into_iter().filter_map(|(word, what)| Some(format!("{word} {}", what?))).collect();
    vec![format!("asked: {}", said.join(", "))]
}

fn capital(words: &str) -> String {
    let mut all = words.chars();
    all.next().map_or_else(String::new, |first| first.to_uppercase().chain(all).collect())
}
