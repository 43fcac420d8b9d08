//! C-KEY-06: an older state of the keys opens nothing.

use crate::audit::old_state::{put_back, start};
use crate::site::Who;
use crate::{Control, Play, Result};

pub const CONTROL: Control = Control {
    id: "C-KEY-06",
    statement: "Keys that were put back to an earlier state open no site: neither an older table of keys nor an older \
                sealed file, beside a ledger that knows the newer",
    test: "keep a copy of the locked site and replace its root key; then put back the copy's database alone, its sealed \
           file alone, and both together",
    references: &["53 SC-12", "53 SI-7"],
    scenario,
};

/// What is put back, and how it is refused.
const STATES: [(&[&str], &str); 3] = [
    (&["metadata.db"], "AUDIT-005"),
    (&["keys/site.sealed"], "AUDIT-008"),
    (&["metadata.db", "keys/site.sealed"], "AUDIT-005"),
];

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    site.project("research")?;
    site.lock()?;
    let older = site.copy()?;
    site.json(Who::Administrator, &["keys", "rotate", "--root"])?;
    site.lock()?;
    for (files, code) in STATES {
        let live = site.copy()?;
        let named = files.join(" and ");
        play.attack(&format!("put back yesterday's {named}"), || {
            files.iter().try_for_each(|file| put_back(&older, &live, file))
        })?;
        let done = start(&live)?;
        play.expect(&format!("does not start, {code}"), done.refused(code), done.told());
    }
    play.does("leave the site as it is");
    let done = start(&site)?;
    play.expect("the site itself starts", done.is_done(), done.told());
    Ok(())
}
