//! Histories: who did what to a thing.

use crate::attend::Signed;
use crate::body::{blocking, id};
use crate::failure::Error;
use crate::{Failure, Site};
use access::thing::{self, Thing};
use access::verb::View;
use access::{Action, Ask, Caller, Permit};
use api::record::{Entry, History};
use audit::{Actor, FieldSealer, Outcome, Recorded, What};
use axum::Json as Answer;
use axum::extract::{Path, State};
use base::UserId;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) async fn search(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(about): Path<String>,
) -> Result<Answer<History>, Failure> {
    let inside = match about.get(..4).unwrap_or_default() {
        "prj_" => decide::<thing::Project>(&site, &caller, &about).await?,
        "smp_" => decide::<thing::Sample>(&site, &caller, &about).await?,
        "obj_" => decide::<thing::Object>(&site, &caller, &about).await?,
        "run_" => decide::<thing::Run>(&site, &caller, &about).await?,
        "usr_" => decide_on_site(&site, &caller, &id::<base::UserId>(&about)?).await?,
        "sit_" => decide_on_site(&site, &caller, &id::<base::SiteId>(&about)?).await?,
        "ref_" => decide_on_site(&site, &caller, &id::<base::ReferenceId>(&about)?).await?,
        "tol_" => decide_on_site(&site, &caller, &id::<base::ToolId>(&about)?).await?,
        "sub_" => decide_on_site(&site, &caller, &id::<base::SubjectId>(&about)?).await?,
        "rds_" => decide_on_site(&site, &caller, &id::<base::ReadsetId>(&about)?).await?,
        "pkg_" => decide_on_site(&site, &caller, &id::<base::PackageId>(&about)?).await?,
        _ => return Err(Error::Id("not the id of a thing that has a history".into()).into()),
    };
    let audit = site.audit.clone();
    let asked = about.clone();
    let history = blocking(move || audit.history(&asked)).await??;
    let names = names(&site, &history.events).await?;
    let events = history.events.into_iter().map(|event| entry(&site, event, &names, inside)).collect();
    Ok(Answer(History {
        about,
        events,
        chains: history.chains.into_iter().collect(),
        size: history.size,
        complete: true,
    }))
}

/// Whether the caller holds a role in the thing's project, and so may read people's own words.
async fn decide<T: Thing>(site: &Site, caller: &Caller, about: &str) -> Result<bool, Failure>
where
    <T::Id as std::str::FromStr>::Err: std::fmt::Display,
{
    let permit: Permit<View, T> = site.permit(caller, Action::SearchAudit, &id::<T::Id>(about)?).await?;
    let grants = site.access.own_grants(caller).await?;
    Ok(permit.project().is_some_and(|project| grants.iter().any(|g| g.project.as_ref() == Some(project))))
}

/// The thing searched stands on the record too: who looked someone up is seen on their own chain.
async fn decide_on_site<I: base::Id>(site: &Site, caller: &Caller, about: &I) -> Result<bool, Failure> {
    let ask = Ask::<thing::Site>::new(Action::SearchAuditSite, [site.id.clone()]).about([about.to_string()]);
    let _: Permit<View, thing::Site> = site.access.decide(caller, ask).await?;
    Ok(false)
}

async fn names(site: &Site, events: &[Recorded]) -> Result<BTreeMap<UserId, String>, Failure> {
    let ids: BTreeSet<UserId> = events
        .iter()
        .filter_map(|recorded| match &recorded.event.actor {
            Actor::User(id) => Some(id.clone()),
            _ => None,
        })
        .collect();
    let accounts = site.access.names_of(&ids.into_iter().collect::<Vec<_>>()).await?;
    Ok(accounts.into_iter().map(|account| (account.id, account.name)).collect())
}

fn entry(site: &Site, recorded: Recorded, names: &BTreeMap<UserId, String>, inside: bool) -> Entry {
    let event = recorded.event;
    let reason = match (&event.what, &event.project) {
        (What::Decision { sealed_reason: Some(sealed), .. }, Some(project)) if inside => {
            site.keys.open(project, sealed).ok().map(|reason| reason.into_revealed())
        }
        _ => None,
    };
    let name = match &event.actor {
        Actor::User(id) => names.get(id).cloned(),
        _ => None,
    };
    Entry {
        position: recorded.position,
        time: recorded.time,
        actor: event.actor.to_string(),
        name,
        what: words(&event.what),
        about: event.about.clone(),
        purpose: event.purpose.clone(),
        reason,
        event: serde_json::to_value(&event).unwrap_or_default(),
    }
}

/// One line for people.
fn words(what: &What) -> String {
    match what {
        What::SiteCreated { program } => format!("site created by version {program}"),
        What::SiteOpened { program, .. } => format!("site unsealed by version {program}"),
        What::SiteClosed {} => "site locked".into(),
        What::SessionOpened {} => "signed in".into(),
        What::SessionsRefused { count } => format!("{count} sign-ins refused"),
        What::Decision { action, allowed: true, .. } => format!("{action}: allowed"),
        What::Decision { action, .. } => format!("{action}: DENIED"),
        What::Outcome { decision, result, code, bytes, .. } => {
            let mut text = match result {
                Outcome::Done => format!("done (decided at {decision})"),
                Outcome::Failed => format!("failed (decided at {decision})"),
                Outcome::Unknown => format!("unknown: the process ended (decided at {decision})"),
            };
            if let Some(code) = code {
                text.push_str(&format!(", {code}"));
            }
            if let Some(bytes) = bytes {
                text.push_str(&format!(", {bytes} bytes released"));
            }
            text
        }
        What::ObjectSealed(manifest) => format!("object sealed, {} bytes", manifest.plain_length),
        What::Linked {} => "linked".into(),
        What::JobStarted { closures } => format!("sealed job started with {} tools", closures.len()),
        What::JobEnded { accepted, scratch_destroyed, .. } => format!(
            "sealed job ended, outputs {}, scratch {}",
            if *accepted { "accepted" } else { "refused" },
            if *scratch_destroyed { "destroyed" } else { "NOT destroyed" }
        ),
        What::ReceiptIssued { .. } => "receipt issued".into(),
    }
}
