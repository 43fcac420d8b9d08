//! C-KEY-05: no key is used before it is on record.

use crate::audit::muted;
use crate::site::Who;
use crate::vault::take_in;
use crate::{Control, Play, Result};
use serde_json::Value;

pub const CONTROL: Control = Control {
    id: "C-KEY-05",
    statement: "Every use of an object's key is on record, with who, what and why, before the key is unwrapped",
    test: "release an object and find the decision on record, with who, for which request, project and purpose, and by \
           which policy; then let the ledger write nothing and see that nothing is released",
    references: &["53 AU-12"],
    scenario,
};

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let (_, stored) = take_in(&site, &project, 74)?;
    let object = stored.first().map(|one| one.object.clone()).unwrap_or_default();
    play.attack("release an object", || site.release(&object).map(drop))?;
    let found =
        site.json(Who::Steward, &["audit", "search", "--about", &object, "--action", "download-object"])?;
    let events = found.get("events").and_then(Value::as_array).cloned().unwrap_or_default();
    let said = format!("{} events of a download", events.len());
    let whole = events.iter().any(|event| {
        let text = event.to_string();
        ["actor", "request", "project", "purpose", "policy"]
            .iter()
            .all(|field| text.contains(&format!("\"{field}\"")))
    });
    play.expect(
        "the decision is on record: who, for which request, project and purpose, by which policy",
        whole,
        said,
    );
    muted(play, &site, || site.release(&object))
}
