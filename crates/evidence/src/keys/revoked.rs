//! C-KEY-03: without the project's key there is nothing to read.

use crate::site::{below, change};
use crate::vault::{expect_whole, take_in};
use crate::{Control, Error, Play, Result};
use std::fs;

pub const CONTROL: Control = Control {
    id: "C-KEY-03",
    statement: "Each object has a key of its own, wrapped by its project's; without what seals the site's keys no \
                object can be read once the site is locked; an open site has its keys in memory until then",
    test: "put another site's sealed keys in the place of an open site's own, and read; lock it and try to read, and \
           measure how long that takes; put them back and read",
    references: &["53 SC-12"],
    scenario,
};

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
    Ok(())
}
