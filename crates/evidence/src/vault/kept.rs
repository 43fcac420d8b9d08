//! C-VLT-06: nothing goes before its time.

use super::{expect_whole, take_in};
use crate::site::{Who, bodies, text, writable};
use crate::{Control, Error, Play, Result};
use std::fs::{self, OpenOptions};

pub const CONTROL: Control = Control {
    id: "C-VLT-06",
    statement: "Nothing is overwritten, and nothing is deleted before its retention ends or under a legal hold, \
                whatever role asks; where the file system can, the kernel refuses as well",
    test: "as each role ask for the deletion of an object and the shredding of its key; as whoever owns the files \
           overwrite and remove a body under the immutable flag",
    references: &["P11 11.10(c)"],
    scenario,
};

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let (_, stored) = take_in(&site, &project, 53)?;
    let object = stored.first().map(|one| one.object.clone()).unwrap_or_default();
    let everyone =
        [Who::Administrator, Who::Auditor, Who::Manager, Who::Analyst, Who::Exporter, Who::Steward];
    let delete = ["object", "delete", &object, "--reason", "no room left"];
    let shred = ["keys", "shred", "--project", &project, "--yes"];
    for who in everyone {
        let is_steward = who == Who::Steward;
        let tries = [
            ("its deletion", &delete[..], if is_steward { "ARCHIVE-011" } else { "ACCESS-" }),
            ("the shredding of its key", &shred[..], if is_steward { "KEYS-019" } else { "ACCESS-" }),
        ];
        for (what, words, code) in tries {
            let done = play.attack(&format!("{} asks for {what}", who.name()), || site.run(who, words))?;
            play.expect(&format!("refused, {code}"), done.refused(code), done.told());
        }
    }
    play.attack("set a legal hold", || {
        site.json(Who::Steward, &["object", "hold", &object, "--reason", "court order"]).map(drop)
    })?;
    let done = site.run(Who::Steward, &delete)?;
    play.expect("deletion is refused for the hold, ARCHIVE-013", done.refused("ARCHIVE-013"), done.told());
    expect_whole(play, &site, &object)?;
    by_hand(play)
}

/// What whoever owns the files may do where the kernel keeps them.
fn by_hand(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    site.lock()?;
    let settings = site.folder().join("site.toml");
    let text = fs::read_to_string(&settings).map_err(Error::io(&settings))?;
    fs::write(&settings, immutable(&text)).map_err(Error::io(&settings))?;
    play.does("open a site with the immutable flag");
    let done = site.run(Who::Administrator, &["whoami"])?;
    if !done.is_done() {
        return Err(Error::unplayable(format!("the immutable flag cannot be set here: {}", done.told())));
    }
    let project = site.project("research")?;
    let (_, stored) = take_in(&site, &project, 54)?;
    for one in &stored {
        locked(&one.body)?;
        play.does("overwrite a body as the files' owner");
        play.spoil("take the flag away, then overwrite a body", || writable(&one.body))?;
        let written = OpenOptions::new().write(true).open(&one.body);
        play.expect("the kernel refuses to overwrite it", written.is_err(), said(&written));
        play.does("remove a body as the files' owner");
        play.spoil("take the flag away, then remove a body", || writable(&one.body))?;
        let removed = fs::remove_file(&one.body);
        play.expect("the kernel refuses to remove it", removed.is_err(), said(&removed));
    }
    let left = bodies(site.folder())?.len();
    play.expect("every body is there", left >= stored.len() || play.is_spoiled(), format!("{left} bodies"));
    site.lock()
}

/// The settings with `immutable = true` in their `[archive]`, whatever they say of it.
fn immutable(settings: &str) -> String {
    let others = settings.lines().filter(|line| !line.starts_with("immutable"));
    let lines = others.flat_map(|line| match line {
        "[archive]" => vec![line, "immutable = true"],
        _ => vec![line],
    });
    let text = lines.collect::<Vec<&str>>().join("\n");
    if text.contains("[archive]") { text + "\n" } else { text + "\n[archive]\nimmutable = true\n" }
}

/// New bodies are locked within seconds, by the site itself.
fn locked(body: &std::path::Path) -> Result<()> {
    for _ in 0..200 {
        if OpenOptions::new().write(true).open(body).is_err() {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    Err(Error::unplayable(format!("`{}` is not locked within 20 s", text(body)?)))
}

fn said<T>(result: &std::io::Result<T>) -> String {
    result.as_ref().map_or_else(ToString::to_string, |_| "it was done".to_owned())
}
