//! C-AUD-02: append-only.

use crate::site::{Done, Site, Who, below, change, text};
use crate::{Control, Error, Play, Result};
use std::fs;
use std::path::{Path, PathBuf};

pub const CONTROL: Control = Control {
    id: "C-AUD-02",
    statement: "The ledger only grows: any byte of it that is changed, and any part that is taken away or put in \
                another's place, is found and named",
    test: "in a locked site flip a bit in the middle of each file of the ledger, remove each, and put each in the next \
           one's place; each time check the ledger with public keys alone",
    references: &["53 AU-9", "H 164.312(b)"],
    scenario,
};

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    site.package(&project, 82)?;
    for word in ["one", "two", "three"] {
        site.json(Who::Administrator, &["account", "create", word])?;
    }
    site.lock()?;
    play.does("lock the site");
    let ledger = site.folder().join("ledger");
    let files = parts(&ledger)?;
    let done = fsck(&site)?;
    let before = size(&done);
    play.expect(
        "sound before",
        done.is_done() && files.len() > 2,
        format!("{} files, {}", files.len(), done.told()),
    );
    for file in &files {
        let name = file.strip_prefix(&ledger).unwrap_or(file).display().to_string();
        let kept = fs::read(file).map_err(Error::io(file))?;
        play.attack(&format!("flip a bit in {name}"), || flip(file))?;
        let done = fsck(&site)?;
        play.expect("found, and the file is named", is_named(&done, &name), done.told());
        change(file, |bytes| bytes.clone_from(&kept))?;
        play.disturb(&format!("remove {name}"), || fs::remove_file(file).map_err(Error::io(file)))?;
        let done = fsck(&site)?;
        // What follows from the rest is made again by the next start; nothing else may be missing unseen.
        let whole = size(&done) == before;
        play.expect("found, or no event is lost", done.exit != 0 || whole, done.told());
        fs::write(file, &kept).map_err(Error::io(file))?;
    }
    for pair in files.windows(2) {
        let [file, next] = pair else { continue };
        let name = file.strip_prefix(&ledger).unwrap_or(file).display().to_string();
        let kept = fs::read(file).map_err(Error::io(file))?;
        play.attack(&format!("put the next file in the place of {name}"), || {
            fs::copy(next, file).map(drop).map_err(Error::io(file))
        })?;
        let done = fsck(&site)?;
        play.expect("found", done.exit != 0, done.told());
        fs::write(file, &kept).map_err(Error::io(file))?;
    }
    let done = fsck(&site)?;
    play.expect("sound again with everything put back", done.is_done(), done.told());
    Ok(())
}

/// The files that make the ledger; not its lock, not the room set aside, and not the index, which is made
/// anew from the rest.
fn parts(ledger: &Path) -> Result<Vec<PathBuf>> {
    let mut files = below(ledger)?;
    files.retain(|file| {
        let name = file.strip_prefix(ledger).unwrap_or(file);
        let apart = ["index", "lock", "reserve"].iter().any(|apart| name.starts_with(apart));
        !apart && file.metadata().is_ok_and(|m| m.len() > 0)
    });
    Ok(files)
}

/// In the middle of what is not empty space.
fn flip(file: &Path) -> Result<()> {
    change(file, |bytes| {
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap_or_default();
        if let Some(byte) = bytes.get_mut(end / 2) {
            *byte ^= 1;
        }
    })
}

fn fsck(site: &Site) -> Result<Done> {
    site.done(&mut site.bare(&["ledger", "fsck", text(site.folder())?, "--json"]))
}

/// How many events the check saw.
fn size(done: &Done) -> Option<u64> {
    serde_json::from_str::<serde_json::Value>(&done.out).ok()?.get("size")?.as_u64()
}

fn is_named(done: &Done, name: &str) -> bool {
    done.exit != 0 && (done.err.contains(name) || done.out.contains(name))
}
