//! C-KEY-03: without the project's key there is nothing to read.

use crate::site::{KeyService, Site, Who, below, change};
use crate::vault::{expect_whole, take_in};
use crate::{Control, Error, Play, Result};
use std::fs;
use std::time::Duration;

pub const CONTROL: Control = Control {
    id: "C-KEY-03",
    statement: "Each object has a key of its own, wrapped by its project's; without what seals the site's keys no \
                object can be read once the site is locked; an open site whose key is with a key service locks itself \
                in the time that is set once the service refuses, and one under a passphrase has its keys in memory",
    test: "put another site's sealed keys in the place of an open site's own, and read; lock it and try to read, and \
           measure how long that takes; put them back and read; move the site to a key service on loopback, let that \
           refuse, and measure how long the site stays open and reads",
    references: &["53 SC-12"],
    scenario,
};

/// Within which a site that asks each second is locked: the interval, an answer, and the end of its process. A play that
/// must break does not wait so long.
const WITHIN: Duration = Duration::from_secs(30);
const SPOILED: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

fn scenario(play: &mut Play) -> Result<()> {
    let (site, other) = (play.site()?, play.site()?);
    other.lock()?;
    let project = site.project("research")?;
    let (_, stored) = take_in(&site, &project, 71)?;
    let object = stored.first().map(|one| one.object.clone()).unwrap_or_default();
    play.does("take reads in");
    expect_whole(play, &site, &object)?;
    let sealed = site.folder().join("keys/site.sealed");
    let kept = fs::read(&sealed).map_err(Error::io(&sealed))?;
    play.disturb("put another site's sealed keys in place of its own, while it is open", || {
        let foreign = other.folder().join("keys/site.sealed");
        let foreign = fs::read(&foreign).map_err(Error::io(&foreign))?;
        change(&sealed, |bytes| *bytes = foreign)
    })?;
    // Said, not wished: what takes a key away has to lock the site.
    let (done, _) = site.release(&object)?;
    play.expect("an open site still reads", done.is_done(), done.told());
    let began = play.time();
    play.attack("lock the site", || site.lock())?;
    let (done, file) = site.release(&object)?;
    let took = play.time().saturating_sub(began).as_millis();
    play.expect(
        "nothing is released",
        !done.is_done() && file.is_none(),
        format!("{}, after {took} ms", done.told()),
    );
    play.does("put the site's own back");
    change(&sealed, |bytes| *bytes = kept)?;
    expect_whole(play, &site, &object)?;
    let names = below(&site.folder().join("keys"))?.len();
    play.expect("the keys lie in that file alone", names == 1, format!("{names} files in keys/"));
    at_a_service(play, &site, &object)
}

/// The same site under a key that a service keeps, which then refuses.
fn at_a_service(play: &mut Play, site: &Site, object: &str) -> Result<()> {
    play.does("move the site to a key service on loopback that the control makes, asked each second");
    let token = play.secret();
    let service = KeyService::start(&token)?;
    site.move_to(&service, &token, "[keys.asking]\nevery_seconds = 1\n")?;
    expect_whole(play, site, object)?;
    let began = play.time();
    play.attack("let the service refuse", || {
        service.refuse(true);
        Ok(())
    })?;
    let within = if play.is_spoiled() { SPOILED } else { WITHIN };
    while site.is_held()? && play.time().saturating_sub(began) < within {
        std::thread::sleep(LOOK);
    }
    let took = play.time().saturating_sub(began).as_millis();
    let held = site.is_held()?;
    let saw = if held { "it is open".to_owned() } else { format!("after {took} ms") };
    play.expect(&format!("the open site locks itself within {} s", WITHIN.as_secs()), !held, saw);
    let (done, file) = site.release(object)?;
    play.expect("nothing is released", !done.is_done() && file.is_none(), done.told());
    play.does("let the service answer again");
    service.refuse(false);
    expect_whole(play, site, object)?;
    let found = site.json(Who::Auditor, &["audit", "search", "--action", "site-stopped"])?;
    let recorded = found.to_string().contains("keys-refused");
    let saw = if recorded { "site-stopped: keys-refused" } else { "no such record" };
    play.expect("why it locked itself is on record", recorded, saw);
    Ok(())
}
