//! C-NET-03: a flow to a party is open only under a live agreement.

use crate::site::{Receiver, Site, Who, text};
use crate::{Control, Error, Play, Result};
use serde_json::Value;
use std::time::Duration;

pub const CONTROL: Control = Control {
    id: "C-NET-03",
    statement: "A stream of events to a party that names an agreement sends while that is live, and nothing once its day has passed or \
                it was ended, nor where there is none of that id; what waits is kept, and the status says why",
    test: "name agreements in the setting of a stream: one whose day has passed, one that there is not, one that is live; \
           end that one while the site runs, and look at what the receiver gets",
    references: &["H 308(b)", "G 28"],
    scenario,
};

/// An agreement that nobody registered.
const NONE: &str = "agr_00000000000000000000";
/// How long a stream may take to send or to close, and how often it is looked at.
const LOOKS: u32 = 150;
const LOOK: Duration = Duration::from_millis(100);
/// How long the agreement lasts whose day is to pass.
const SOON: i64 = 5;

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    site.write("agreement.pdf", b"signed")?;
    let now = play.clock().now();
    let soon = now.checked_add(Duration::from_secs(SOON.unsigned_abs()));
    let soon = soon.map_err(|_| Error::unplayable("the clock is at its end"))?;
    let past = agreed(&site, &project, &soon.to_string())?;
    let live = agreed(&site, &project, "2099-12-31")?;
    let plain = {
        site.lock()?;
        site.settings()?
    };
    let receiver = Receiver::start()?;
    let name = |agreement: &str| {
        let to = receiver.url();
        site.settle(&format!(
            "{plain}\n[[audit.stream]]\nname = \"partner\"\nto = \"{to}/events\"\nagreement = \"{agreement}\"\n"
        ))
    };
    while play.clock().now() < soon {
        std::thread::sleep(LOOK);
    }
    for (what, agreement, why) in
        [("whose day has passed", past.as_str(), "is past"), ("that there is not", NONE, "is unknown")]
    {
        play.does(&format!("name an agreement {what} in the setting of a stream, and open the site"));
        name(agreement)?;
        play.spoil("the setting names one that is live", || name(&live))?;
        site.open()?;
        let told = waits(|| Ok(closed(&site)?.filter(|told| told.contains(why))))?;
        play.expect("the stream is closed, and the status says why", told.is_some(), format!("{told:?}"));
        let came = receiver.came().len();
        play.expect("nothing was sent", came == 0, format!("{came} bytes"));
        site.lock()?;
    }

    play.does("name one that is live");
    name(&live)?;
    site.open()?;
    let first = site.invite("first", &[])?;
    let came = waits(|| Ok(Some(()).filter(|()| receiver.came().contains(&first))))?;
    play.expect(
        "what waited is sent, and what happens now",
        came.is_some(),
        format!("{} bytes", receiver.came().len()),
    );

    play.attack("end the agreement while the site runs", || {
        site.json(Who::Steward, &["agreement", "end", &project, &live]).map(drop)
    })?;
    let told = waits(|| Ok(closed(&site)?.filter(|told| told.contains("is ended"))))?;
    let second = site.invite("second", &[])?;
    let came = match told {
        Some(_) => None,
        None => waits(|| Ok(Some(()).filter(|()| receiver.came().contains(&second))))?,
    };
    play.expect("the stream is closed with the next batch", told.is_some(), format!("{told:?}"));
    let saw = if came.is_some() { "it was sent" } else { "not sent" };
    play.expect(
        "what happens after the end is not sent",
        came.is_none() && !receiver.came().contains(&second),
        saw,
    );
    Ok(())
}

fn agreed(site: &Site, project: &str, until: &str) -> Result<String> {
    let document = site.beside("agreement.pdf");
    let document = text(&document)?;
    let words = [
        "agreement",
        "add",
        project,
        "--kind",
        "DUA",
        "--party",
        "ror:05a28rw58",
        "--document",
        document,
        "--until",
        until,
    ];
    let made = site.json(Who::Steward, &words)?;
    let id = made.get("id").and_then(Value::as_str).map(str::to_owned);
    id.ok_or_else(|| Error::unplayable("no agreement was registered"))
}

/// What the status says of the stream, if it is closed.
fn closed(site: &Site) -> Result<Option<String>> {
    let status = site.json(Who::Administrator, &["site", "status"])?;
    let stream = status.pointer("/streams/0").unwrap_or(&Value::Null);
    let is_closed = stream.get("closed").and_then(Value::as_bool) == Some(true);
    Ok(stream.get("failure").and_then(Value::as_str).filter(|_| is_closed).map(str::to_owned))
}

/// Looks until something is there, and for a bounded time.
fn waits<T>(mut look: impl FnMut() -> Result<Option<T>>) -> Result<Option<T>> {
    for _ in 0..LOOKS {
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        std::thread::sleep(LOOK);
    }
    Ok(None)
}
