//! C-SUP-06: what goes out to people holds ids alone, and who hears of it sees no more than before.

use crate::site::{Receiver, Site, Who};
use crate::{Control, Error, Play, Result};
use std::fs;
use std::time::Duration;

pub const CONTROL: Control = Control {
    id: "C-SUP-06",
    statement: "Notifications, streams of events and reports of cost carry ids, times, numbers and the program's own words; \
                whoever gets one opens details under their own rights",
    test: "name receivers of notifications and of events on loopback; put words that tell of a person into the name of a \
           project, its consent reference, the labels and names of files of a package and the reason of a request; search \
           everything that arrives and the report of cost for them, and ask for what a notification names \
           as somebody without a role",
    references: &["G 25", "G 32"],
    scenario,
};

/// What tells of somebody. All of it is made up.
const NAME: &str = "zanzibar-7731";
const CONSENT: &str = "QUOKKA-7732";
const REASON: &str = "zorbina-quibbleton-7733";
/// The reads whose labels hold the number, and the label.
const SEED: u32 = 7734;
const LABEL: &str = "CASE-7734";
/// How long a message may take, and how often it is looked for.
const LOOKS: u32 = 300;
const LOOK: Duration = Duration::from_millis(100);

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let (team, siem) = (Receiver::start()?, Receiver::start()?);
    site.lock()?;
    site.set(&format!(
        "[[notify]]\nname = \"team\"\nto = \"{}/in\"\nwithin_seconds = 0\n\
         [[audit.stream]]\nname = \"siem\"\nto = \"{}/events\"\n",
        team.url(),
        siem.url()
    ))?;
    let project = site.project_named("research", NAME, CONSENT)?;
    for name in ["support", "stranger"] {
        site.invite(name, &[])?;
    }
    site.json(Who::Manager, &["member", "add", &project, "support", "--role", "support-observer"])?;
    let words = planted(&site, &project)?;
    play.does("ask for a support session, for a reason that tells of a person");
    let asked = site.run_as("support", &["support", "ask", &project, "--reason", REASON])?;
    play.expect("it waits for approval", asked.is_done(), asked.told());
    for (who, receiver) in [("team", &team), ("siem", &siem)] {
        let heard = || {
            let came = receiver.came();
            came.contains("support-asked") && came.contains(&project)
        };
        let mut looks = 0..LOOKS;
        while !heard() && looks.next().is_some() {
            std::thread::sleep(LOOK);
        }
        let saw = format!("{} bytes", receiver.came().len());
        play.expect(&format!("{who} hears of it, by the project's id"), heard(), saw);
    }
    for (channel, receiver) in [("what the team was told", &team), ("the stream of events", &siem)] {
        search(play, &words, channel, || Ok(receiver.came()))?;
    }
    search(play, &words, "the report of cost", || {
        site.json(Who::Administrator, &["usage", "show"]).map(|told| told.to_string())
    })?;

    play.does("ask for what the notification names as somebody without a role");
    play.spoil("they are given a role", || {
        site.json(Who::Manager, &["member", "add", &project, "stranger", "--role", "data-steward"]).map(drop)
    })?;
    let shown = site.run_as("stranger", &["support", "list", &project])?;
    play.expect("the notification gives no right to it", shown.refused("ACCESS-001"), shown.told());
    Ok(())
}

/// Takes a package in whose sheet labels and names of files tell of somebody; everything that does.
fn planted(site: &Site, project: &str) -> Result<Vec<String>> {
    let package = site.package(project, SEED)?;
    let sheet = package.from.join("samplesheet.csv");
    let cells = fs::read_to_string(&sheet).map_err(Error::io(&sheet))?;
    let files = cells.split([',', '\n']).filter(|cell| cell.contains(".f")).map(str::trim);
    let words = [NAME, CONSENT, REASON, LABEL].into_iter().chain(files).map(str::to_lowercase).collect();
    let shown = site.json(Who::Analyst, &["sample", "show", &package.sample])?;
    if shown.to_string().contains(LABEL) {
        return Ok(words);
    }
    Err(Error::unplayable("the label did not come in"))
}

fn search(
    play: &mut Play,
    words: &[String],
    channel: &str,
    read: impl FnOnce() -> Result<String>,
) -> Result<()> {
    let mut found = read()?.to_lowercase();
    play.does(&format!("search {channel}"));
    play.spoil(&format!("what was typed stands in {channel}"), || {
        found.push_str(&words.concat());
        Ok(())
    })?;
    let hits = words.iter().filter(|word| found.contains(word.as_str())).count();
    let saw = format!("{hits} hits of {} words in {} bytes", words.len(), found.len());
    play.expect(&format!("nothing of it is in {channel}"), hits == 0, saw);
    Ok(())
}
