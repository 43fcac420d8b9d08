//! C-KEY-04: rotation.

use super::recipient::Recipient;
use crate::site::{Site, Who, bodies};
use crate::vault::take_in;
use crate::{Control, Error, Play, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

pub const CONTROL: Control = Control {
    id: "C-KEY-04",
    statement: "Rotation replaces the root and the keys of projects and subjects, wraps what is under them anew without \
                touching a body, goes on after a crash, and leaves nothing on an old key",
    test: "rotate all of them while the process is killed at random moments, then to the end; count what is on an \
           older key, compare all bodies, release each object before and after to a recipient whose key is known, open \
           it with that key and compare the content",
    references: &["SA 2.8.05"],
    scenario,
};

/// How often the process is killed, and within how many milliseconds.
const KILLS: (u32, u32) = (5, 120);

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let (_, mut stored) = take_in(&site, &project, 72)?;
    stored.extend(take_in(&site, &project, 73)?.1);
    play.does("take reads in");
    let objects: Vec<&str> = stored.iter().map(|one| one.object.as_str()).collect();
    let recipient = Recipient::mint(play.key())?;
    site.recipient(&recipient.public)?;
    let before = (content(&site)?, opened(&site, &objects, &recipient)?);
    let passphrase = site.beside("passphrase");
    for _ in 0..KILLS.0 {
        site.open()?;
        let wait = play.moment(KILLS.1);
        play.disturb(&format!("kill the process {} ms into a rotation", wait.as_millis()), || {
            let mut rotation = site.command(Who::Administrator, &["keys", "rotate", "--all"]);
            rotation.stdout(Stdio::null()).stderr(Stdio::null());
            let mut rotation = rotation.spawn().map_err(Error::io(&passphrase))?;
            std::thread::sleep(wait);
            site.kill()?;
            rotation.wait().map(drop).map_err(Error::io(&passphrase))
        })?;
        let done = site.run(Who::Administrator, &["whoami"])?;
        play.expect("the site opens again", done.is_done(), done.told());
    }
    play.attack("rotate every key to the end", || {
        site.json(Who::Administrator, &["keys", "rotate", "--all"])
    })?;
    let status = site.json(Who::Administrator, &["keys", "status"])?;
    let scopes = status.get("scopes").and_then(Value::as_array).cloned().unwrap_or_default();
    let number = |scope: &Value, name: &str| scope.get(name).and_then(Value::as_u64);
    let older: u64 = scopes.iter().filter_map(|scope| number(scope, "older")).sum();
    let newest =
        scopes.iter().filter_map(|scope| scope.get("generations")?.as_array()?.last()?.as_u64()).min();
    play.expect(
        "the root and every project's and subject's key is a new one",
        newest >= Some(2),
        format!("lowest generation: {newest:?}"),
    );
    let single =
        scopes.iter().all(|s| s.get("generations").and_then(Value::as_array).is_some_and(|g| g.len() == 1));
    play.expect(
        "nothing is on an older key, and none is kept",
        older == 0 && single,
        format!("{older} rows, {} scopes", scopes.len()),
    );
    let after = (content(&site)?, opened(&site, &objects, &recipient)?);
    play.expect("no body was touched", before.0 == after.0, format!("{} bodies compared", after.0.len()));
    play.expect(
        "every object opens with its recipient's key, to the same content",
        before.1 == after.1 && after.1.iter().all(|content| !content.is_empty()),
        format!("{} objects, {} bytes", after.1.len(), after.1.iter().map(Vec::len).sum::<usize>()),
    );
    Ok(())
}

fn content(site: &Site) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let bodies = bodies(site.folder())?.into_iter();
    bodies.map(|body| fs::read(&body).map_err(Error::io(&body)).map(|bytes| (body, bytes))).collect()
}

/// What each object holds, as its recipient reads it.
fn opened(site: &Site, objects: &[&str], recipient: &Recipient) -> Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    for object in objects {
        let (done, file) = site.release(object)?;
        let file = file.ok_or_else(|| Error::unplayable(format!("nothing was released: {}", done.told())))?;
        let bytes = fs::read(&file).map_err(Error::io(&file))?;
        let content = recipient.open(&bytes);
        found.push(content.ok_or_else(|| Error::unplayable("what was released does not open"))?);
    }
    Ok(found)
}
