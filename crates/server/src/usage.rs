//! What projects take of the machine: by id, without a name.

use crate::attend::Signed;
use crate::body::Asked;
use crate::{Failure, Site};
use access::thing::Site as SiteThing;
use access::verb::View;
use access::{Action, Permit};
use api::subject::Within;
use api::usage::{Usage, UsedBy};
use axum::Json as Answer;
use axum::extract::State;
use std::collections::BTreeMap;

pub(crate) async fn show(
    State(site): State<Site>,
    Signed(caller): Signed,
    Asked(within): Asked<Within>,
) -> Result<Answer<Usage>, Failure> {
    let permit: Permit<View, SiteThing> = site.permit(&caller, Action::ViewStorage, &site.id).await?;
    let mut projects: BTreeMap<String, UsedBy> = BTreeMap::new();
    for (project, used) in site.runs.used(&permit, (within.since, within.until)).await? {
        let one = projects.entry(project.to_string()).or_default();
        one.runs = used.runs;
        one.cpu_seconds = used.cpu_seconds;
        one.wall_seconds = used.wall_seconds;
        one.peak_bytes = used.max_memory_bytes;
    }
    for stored in site.archive.stat(&permit).await? {
        let Some(project) = stored.project else { continue };
        let one = projects.entry(project.to_string()).or_default();
        (one.objects, one.stored_bytes) = (stored.objects, stored.bytes);
    }
    let projects = projects.into_iter().map(|(project, used)| UsedBy { project, ..used }).collect();
    Ok(Answer(Usage { at: site.access.clock().now(), projects }))
}
