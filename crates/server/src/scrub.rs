//! The store on command: what it holds, checks and scrubs.

use crate::attend::Signed;
use crate::body::Json;
use crate::failure::Error;
use crate::{Failure, Site};
use access::thing::Site as SiteThing;
use access::verb::{Manage, View};
use access::{Action, Ask, Permit};
use api::archive::{Check, Checked, Scrub, Scrubbed, Storage, Stored, Swept};
use archive::Pace;
use axum::Json as Answer;
use axum::extract::State;
use base::Timestamp;
use std::time::Duration;

/// How long one step of a scrub reads, or as long as its last object takes.
const STEP: Duration = Duration::from_secs(2);

pub(crate) async fn stat(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Answer<Storage>, Failure> {
    let permit: Permit<View, SiteThing> = site.permit(&caller, Action::ViewStorage, &site.id).await?;
    let projects = site.archive.stat(&permit).await?.into_iter().map(stored).collect();
    let quarantine = site.archive.quarantine_list(&permit).await?.into_iter().map(checked).collect();
    let store = site.archive.store().strength();
    let archive::Standing { strays, sweep, .. } = site.archive.standing();
    let swept = swept(&sweep);
    Ok(Answer(Storage { store, scrub_days: site.care.scrub_days, projects, quarantine, strays, swept }))
}

pub(crate) async fn check(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Check>,
) -> Result<Answer<Vec<Checked>>, Failure> {
    // One decision, one object: who may see the one's history is not shown the others.
    let [object] = body.objects.as_slice() else {
        return Err(value("list of objects", "it takes one".to_owned(), "ask for each object by itself"));
    };
    let ask = Ask::<SiteThing>::new(Action::CheckStorage, [site.id.clone()]).about([object.to_string()]);
    let permit: Permit<Manage, SiteThing> = site.access.decide(&caller, ask).await?;
    let found = site.archive.check(&permit, &body.objects).await?;
    Ok(Answer(found.into_iter().map(checked).collect()))
}

/// One step of a scrub. A client asks again, with the moment of the first answer, until nothing is due;
/// what was read is on record, so that a scrub that was interrupted does not read it again.
pub(crate) async fn scrub(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Scrub>,
) -> Result<Answer<Scrubbed>, Failure> {
    let before = moment(&site, &body)?;
    let permit: Permit<Manage, SiteThing> = site.permit(&caller, Action::CheckStorage, &site.id).await?;
    let pace = Pace { every: site.care.every(), per_second: 0, step: STEP };
    let step = site.archive.scrub_for(&permit, before, &pace).await?;
    let (quarantined, _) = site.archive.health().await?;
    Ok(Answer(Scrubbed {
        before: before.to_string(),
        objects: step.objects,
        bytes: step.bytes,
        damaged: step.found.into_iter().map(checked).collect(),
        unread: step.unread.into_iter().map(checked).collect(),
        due: step.due,
        due_bytes: step.due_bytes,
        quarantined,
    }))
}

/// What was found right before this moment is read. Never one that is to come: such a scrub would not end.
fn moment(site: &Site, body: &Scrub) -> Result<Timestamp, Failure> {
    let now = site.clock.now();
    let Some(text) = &body.before else {
        let every = if body.all { Duration::ZERO } else { site.care.every() };
        return Ok(now.checked_sub(every).unwrap_or(Timestamp::MIN));
    };
    let how = "a moment of the past, as `2031-05-14T12:00:00Z`";
    match text.parse::<Timestamp>() {
        Ok(moment) if moment <= now => Ok(moment),
        Ok(_) => Err(value("moment", "it is still to come".to_owned(), how)),
        Err(_) => Err(value("moment", "it is not a time".to_owned(), how)),
    }
}

fn value(field: &'static str, why: String, how: &str) -> Failure {
    Error::Value { field, why, how: Some(how.to_owned()) }.into()
}

fn stored(stat: archive::Stat) -> Stored {
    Stored {
        project: stat.project,
        objects: stat.objects,
        versions: stat.versions,
        bytes: stat.bytes,
        quarantined: stat.quarantined,
        held: stat.held,
        unlocked: stat.unlocked,
        oldest_check: stat.oldest_check,
    }
}

fn swept(sweep: &archive::Sweep) -> Swept {
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    Swept {
        parts: u64::from(sweep.shards),
        of: u64::from(archive::sweep::SHARDS),
        aside: number(sweep.swept.aside),
        removed: number(sweep.swept.removed),
        failing: sweep.failing,
    }
}

fn checked(found: archive::Checked) -> Checked {
    Checked {
        object: found.object,
        project: found.project,
        version: found.version,
        bytes: found.bytes,
        damage: found.damage,
    }
}
