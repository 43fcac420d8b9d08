//! Administrators of projects: who they are, what is said of projects without one, and how these get one.

use crate::attend::{Signed, made};
use crate::body::{Json, blocking, id};
use crate::people::{SOON_SECONDS, known, wire};
use crate::policy::{account, or_nobody};
use crate::{Failure, Site};
use access::naming::Refused;
use access::thing;
use access::verb::{Manage, View};
use access::{Action, Ask, Grant, Naming, Permit};
use api::administrator::{self as wired, Administered, Kept, NewAdministrator};
use api::people::{Account, Standing};
use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::response::Response;
use base::{ApprovalId, Id, ProjectId, Timestamp, UserId};
use feed::alarm::Cause;
use std::collections::{BTreeMap, BTreeSet};

/// How many projects `site status` names.
const SHOWN: usize = 10;

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Answer<Vec<Administered>>, Failure> {
    let permit: Permit<View, thing::Site> = site.permit(&caller, Action::ViewSiteStatus, &site.id).await?;
    let projects = site.catalog.every_project(&permit).await?;
    let mut grants = site.access.administrators().await?;
    let mut proposed = BTreeMap::new();
    for one in site.access.namings(&permit).await? {
        proposed.insert(one.project.clone(), of(&site, one).await?);
    }
    let people: BTreeSet<UserId> = grants.values().flatten().map(|grant| grant.account.clone()).collect();
    let names = site.access.names_of(&people.into_iter().collect::<Vec<_>>()).await?;
    let names: BTreeMap<UserId, Account> = names.into_iter().map(|one| (one.id.clone(), wire(one))).collect();
    let list = projects.into_iter().map(|project| {
        let held = grants.remove(&project.id).unwrap_or_default();
        Administered {
            name: project.name,
            class: project.class,
            administrators: held.iter().filter_map(|grant| names.get(&grant.account).cloned()).collect(),
            until: last_end(&held),
            standing: standing(&site, &held),
            proposed: proposed.remove(&project.id).filter(|_| held.is_empty()),
            project: project.id,
        }
    });
    Ok(Answer(list.collect()))
}

pub(crate) async fn propose(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<NewAdministrator>,
) -> Result<Response, Failure> {
    let target = known(&site, &body.account).await?;
    let asked = or_nobody(target.as_ref())?;
    let ask = ask(&site, [body.project.to_string()]).target(&asked);
    let permit: Permit<Manage, thing::Site> = site.access.decide(&caller, ask).await?;
    let target = target.ok_or_else(|| access::Error::no_account(&body.account))?;
    let proposed = site.access.propose_administrator(&permit, &body.project, &target).await?;
    let ids = [proposed.id.to_string()];
    Ok(made(of(&site, proposed).await?, ids))
}

/// Two decisions: whoever approves is not who proposed, and names somebody else than themselves.
pub(crate) async fn approve(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(approval): Path<String>,
) -> Result<Answer<wired::Naming>, Failure> {
    let approval: ApprovalId = id(&approval)?;
    let proposed = match site.access.naming(&approval).await {
        Err(access::Error::Naming(Refused::Gone)) => None,
        found => Some(found?),
    };
    let by = or_nobody(proposed.as_ref().map(|proposed| &proposed.by))?;
    let _: Permit<Manage, thing::Site> =
        site.access.decide(&caller, ask(&site, [approval.to_string()]).target(&by)).await?;
    let proposed = proposed.ok_or(access::Error::from(Refused::Gone))?;
    let about = [approval.to_string(), proposed.project.to_string()];
    let permit = site.access.decide(&caller, ask(&site, about).target(&proposed.account)).await?;
    site.access.approve_administrator(&permit, &proposed).await?;
    Ok(Answer(of(&site, proposed).await?))
}

/// What `site status` says of projects that nobody administers, or soon nobody does.
pub(crate) async fn limits(site: &Site) -> Vec<String> {
    let Ok(watched) = watched(site).await else {
        return vec!["who administers the projects cannot be read".to_owned()];
    };
    let of = |wanted: Standing| {
        let is = |held: &Option<Vec<Grant>>| held.as_ref().is_some_and(|held| standing(site, held) == wanted);
        let those = watched.iter().filter(|(_, held)| is(held));
        those.map(|(project, _)| project.to_string()).collect::<Vec<_>>()
    };
    let told = [
        (of(Standing::Ended), ("nobody administers", "two people name somebody (`administrator propose`)")),
        (
            of(Standing::EndsSoon),
            (
                "within thirty days nobody administers",
                "its administrator makes another, who gives the role again",
            ),
        ),
    ];
    let told = told.into_iter().filter(|(projects, _)| !projects.is_empty());
    told.map(|(projects, (what, hint))| {
        let more = projects.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more (`administrator list`)") } else { String::new() };
        let shown: Vec<String> = projects.into_iter().take(SHOWN).collect();
        format!("{what} {}{more}: {hint}", shown.join(", "))
    })
    .collect()
}

/// Raises an alarm for each project that nobody administers.
pub(crate) async fn heed(site: &Site) {
    // A database that does not answer is heard of by what watches that; `site status` says it as well.
    let Ok(watched) = watched(site).await else { return };
    for (project, held) in watched {
        let nobody = held.is_some_and(|held| held.is_empty());
        let why = nobody.then(|| "nobody administers this project".to_owned());
        site.alarms.set(Cause::NobodyAdministers, project.as_str(), why);
    }
}

/// Projects and the roles by which they are administered; none where nobody has to, as the keys were shredded.
async fn watched(site: &Site) -> Result<Vec<(ProjectId, Option<Vec<Grant>>)>, Failure> {
    // Before the roles: a project is made together with its administrator's.
    let projects = site.catalog.project_ids().await?;
    let gone = site.keys.shredded_projects().await?;
    let mut grants = site.access.administrators().await?;
    let held = |project: ProjectId| {
        let held = grants.remove(&project).unwrap_or_default();
        let held = (!gone.contains(&project)).then_some(held);
        (project, held)
    };
    Ok(projects.into_iter().map(held).collect())
}

/// When nobody is left of these; none if there is nobody now, or somebody stays.
fn last_end(held: &[Grant]) -> Option<Timestamp> {
    let ends: Option<Vec<Timestamp>> = held.iter().map(|grant| Some(grant.ends.first()?.0)).collect();
    ends?.into_iter().max()
}

fn standing(site: &Site, held: &[Grant]) -> Standing {
    let left = |end: Timestamp| end.as_second().saturating_sub(site.access.judged_at().as_second());
    match last_end(held) {
        _ if held.is_empty() => Standing::Ended,
        Some(end) if left(end) <= SOON_SECONDS => Standing::EndsSoon,
        _ => Standing::Held,
    }
}

fn ask(site: &Site, about: impl IntoIterator<Item = String>) -> Ask<thing::Site> {
    Ask::new(Action::NameAdministrator, [site.id.clone()]).about(about)
}

async fn of(site: &Site, proposed: Naming) -> Result<wired::Naming, Failure> {
    let Naming { id, project, account: named, by, at } = proposed;
    let (access, whose) = (site.access.clone(), named.clone());
    let kept = match blocking(move || access.last_kept(&whose)).await?? {
        Some((by, at)) => Some(Kept { by: account(site, &by).await?, at }),
        None => None,
    };
    let (account, by) = (account(site, &named).await?, account(site, &by).await?);
    Ok(wired::Naming { id, project, account, by, at, kept })
}
