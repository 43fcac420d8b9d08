//! Who hears of what happens: the destinations, and a message to try one.

use crate::attend::Signed;
use crate::{Failure, Site};
use access::thing::Site as SiteThing;
use access::verb::View;
use access::{Action, Permit};
use api::notify::{Destination, Tested};
use axum::Json as Answer;
use axum::extract::{Path, State};
use feed::notify::{Shown, Status};

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Answer<Vec<Destination>>, Failure> {
    let _: Permit<View, SiteThing> = site.permit(&caller, Action::ViewSiteStatus, &site.id).await?;
    Ok(Answer(site.notify.list().into_iter().map(|shown| wire(&site, shown)).collect()))
}

/// What the receiver says is the answer, also where it says no: whoever asked wants to know it.
pub(crate) async fn test(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(destination): Path<String>,
) -> Result<Answer<Tested>, Failure> {
    let _: Permit<View, SiteThing> = site.permit(&caller, Action::TestNotification, &site.id).await?;
    let feed::notify::Tested { taken, answer } = site.notify.test(&destination).await?;
    Ok(Answer(Tested { taken, answer }))
}

fn wire(site: &Site, shown: Shown) -> Destination {
    let Shown { name, by, project, what, status } = shown;
    let Status { waiting, since, failure, lost, taken } = status;
    let behind = |since: base::Timestamp| site.clock.now().as_second().saturating_sub(since.as_second());
    Destination {
        name,
        by: by.to_owned(),
        project,
        what: what.into_iter().map(|word| word.as_str().to_owned()).collect(),
        waiting,
        behind_seconds: since.map(|since| u64::try_from(behind(since)).unwrap_or(0)),
        taken,
        failure,
        lost,
    }
}

/// What the site says about its notifications in its status: by their names.
pub(crate) fn limits(site: &Site) -> Vec<String> {
    let mut limits = Vec::new();
    for Shown { name, status, .. } in site.notify.list() {
        if let Some(why) = status.failure {
            let waiting = status.waiting;
            limits.push(format!("the notification {name} does not arrive, {waiting} events wait: {why}"));
        }
        if status.lost > 0 {
            let lost = status.lost;
            limits.push(format!(
                "the notification {name} lost {lost} events, which its receiver refused for good"
            ));
        }
    }
    limits
}
