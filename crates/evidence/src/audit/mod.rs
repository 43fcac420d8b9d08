//! The record: before every act, append-only, whole, witnessed, clean.

pub mod alarmed;
pub mod append_only;
pub mod clean;
pub mod clock;
pub mod old_state;
pub mod recorded;
pub mod room;
pub mod routes;
pub mod schema;
pub mod witnessed;

use crate::site::{Done, Site, Who};
use crate::{Error, Play, Result};
use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Lets the site's process write nothing, then expects that `act` is refused and gives nothing, and that
/// the site goes on without repair once it may write again.
pub fn muted(play: &mut Play, site: &Site, act: impl Fn() -> Result<(Done, Option<PathBuf>)>) -> Result<()> {
    let process = site.open()?;
    play.attack("let the site's process write nothing", || {
        let none = Rlimit { current: Some(0), maximum: None };
        prlimit(Some(process), Resource::Fsize, none)
            .map(drop)
            .map_err(|e| Error::io(Path::new("the process's limits"))(e.into()))
    })?;
    let (done, file) = act()?;
    play.expect(
        "refused, AUDIT-001, and nothing came out",
        done.refused("AUDIT-001") && file.is_none(),
        done.told(),
    );
    if !play.is_spoiled() {
        site.ended()?;
    }
    let (done, _) = act()?;
    play.expect("once it can write, it goes on without repair", done.is_done(), done.told());
    Ok(())
}

/// The findings of `ledger verify`.
fn findings(site: &Site) -> Result<(Done, usize)> {
    let done = site.run(Who::Auditor, &["ledger", "verify", "--json"])?;
    let said: Value = serde_json::from_str(&done.out).unwrap_or_default();
    let count = said.get("findings").and_then(Value::as_array).map_or(usize::from(!done.is_done()), Vec::len);
    Ok((done, count))
}
