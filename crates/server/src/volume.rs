//! Keys unwrapped, by day and account.

use crate::attend::Signed;
use crate::body::{Asked, blocking};
use crate::history::{name_of, names_of};
use crate::{Failure, Site};
use access::thing;
use access::verb::View;
use access::{Action, Ask, Permit};
use api::record::{Since, Volume, Volumes};
use axum::Json as Answer;
use axum::extract::State;
use base::Timestamp;
use std::time::Duration;

/// How far back they reach when the question does not say.
const USUAL: Duration = Duration::from_secs(30 * 24 * 3600);

/// It names who did how much, so it asks for the right to read the whole trail.
pub(crate) async fn volume(
    State(site): State<Site>,
    Signed(caller): Signed,
    Asked(body): Asked<Since>,
) -> Result<Answer<Volumes>, Failure> {
    let ask = Ask::<thing::Site>::new(Action::SearchAuditSite, [site.id.clone()]);
    let _: Permit<View, thing::Site> = site.access.decide(&caller, ask).await?;
    let usual = || site.clock.now().checked_sub(USUAL).unwrap_or(Timestamp::UNIX_EPOCH);
    let (audit, since) = (site.audit.clone(), body.since.unwrap_or_else(usual));
    let found = blocking(move || audit.volumes(since)).await??;
    let names = names_of(&site, found.each.iter().map(|volume| &volume.actor)).await?;
    let volumes = found.each.into_iter().map(|volume| Volume {
        day: volume.day,
        name: name_of(&names, &volume.actor),
        actor: volume.actor.to_string(),
        unwraps: volume.unwraps,
        decisions: volume.decisions,
    });
    Ok(Answer(Volumes { volumes: volumes.collect(), whole: found.whole }))
}
