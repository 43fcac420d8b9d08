//! C-KEY-07: no nonce twice.

use crate::site::{Site, Who, bodies, text};
use crate::vault::SEGMENT;
use crate::{Control, Error, Play, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

pub const CONTROL: Control = Control {
    id: "C-KEY-07",
    statement: "No key seals twice under one nonce: not after a crash, and not in a copy of the whole machine",
    test: "copy a locked site, take the same reads into both, kill one while it seals and send again; compare the \
           nonces of all segments of both",
    references: &["AS V11.3.4"],
    scenario,
};

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    site.package(&project, 75)?;
    site.reads(76)?;
    site.lock()?;
    play.does("copy the whole site, and take the same reads into both");
    let twin = site.copy()?;
    let known: BTreeSet<Vec<u8>> = nonces(&site)?.into_iter().collect();
    for one in [&site, &twin] {
        let from = one.reads(76)?;
        let (sheet, manifest) = (from.join("samplesheet.csv"), from.join("md5sums.txt"));
        let words = Site::put(&project, text(&sheet)?, text(&manifest)?);
        one.open()?;
        let mut sender = one.command(Who::Analyst, &words);
        sender.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut sender = sender.spawn().map_err(Error::io(play.program()))?;
        std::thread::sleep(std::time::Duration::from_millis(60));
        play.disturb("kill the process while it seals, and send again", || one.kill())?;
        sender.wait().map_err(Error::io(play.program()))?;
        one.json(Who::Analyst, &words)?;
    }
    play.spoil("a copy is given the other's bytes", || match (own(&site, &twin)?, own(&twin, &site)?) {
        (Some(from), Some(to)) => {
            crate::site::writable(&to)?;
            fs::copy(&from, &to).map(drop).map_err(Error::io(&to))
        }
        _ => Err(Error::unplayable("no body was stored")),
    })?;
    let all: Vec<Vec<u8>> =
        nonces(&site)?.into_iter().chain(nonces(&twin)?).filter(|n| !known.contains(n)).collect();
    let distinct: BTreeSet<&Vec<u8>> = all.iter().collect();
    let held = !all.is_empty() && distinct.len() == all.len();
    play.expect(
        "every nonce is another",
        held,
        format!("{} of {} segments sealed since", distinct.len(), all.len()),
    );
    Ok(())
}

/// A body that the other does not have.
fn own(site: &Site, other: &Site) -> Result<Option<PathBuf>> {
    let has = |body: &PathBuf| {
        body.strip_prefix(site.folder()).is_ok_and(|name| other.folder().join(name).exists())
    };
    Ok(bodies(site.folder())?.into_iter().find(|body| !has(body)))
}

/// The nonces of a site's segments.
fn nonces(site: &Site) -> Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    for body in bodies(site.folder())? {
        let bytes = fs::read(&body).map_err(Error::io(&body))?;
        found.extend(bytes.chunks(SEGMENT).filter_map(|segment| segment.get(..12).map(<[u8]>::to_vec)));
    }
    Ok(found)
}
