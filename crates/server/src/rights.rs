//! What a change of rights would do, and why somebody can do something or cannot.

use crate::attend::Signed;
use crate::body::{Json, id};
use crate::failure::Error;
use crate::people::{administer, known, manage, wire};
use crate::{Failure, Site};
use access::thing::{self, Thing};
use access::verb::{Verb, View};
use access::{Action, Ask, Comparison, Factor, Network, Permit, Step};
use api::people::Account;
use api::rights::{Change, Changes, Explained, Proposed, RightChange, Why};
use axum::Json as Answer;
use axum::extract::{Path, State};
use base::UserId;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How long somebody waits for a turn.
const TURN: Duration = Duration::from_secs(20);
/// Whoever has something compared.
static COMPARING: Semaphore = Semaphore::const_new(1);

pub(crate) async fn preview_member(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
    Json(body): Json<Proposed>,
) -> Result<Answer<Changes>, Failure> {
    let (permit, target) = administer(&site, &caller, &project, &body.account).await?;
    let target = target.ok_or_else(|| access::Error::no_account(&body.account))?;
    let compared = site.access.preview_member(&permit, &target, step(&body)?).await?;
    told(&site, &permit, compared).await.map(Answer)
}

pub(crate) async fn preview_site(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Proposed>,
) -> Result<Answer<Changes>, Failure> {
    let (permit, account) = manage(&site, &caller, &body.account).await?;
    let compared = site.access.preview_site(&permit, &account.id, step(&body)?).await?;
    told(&site, &permit, compared).await.map(Answer)
}

pub(crate) async fn explain(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(thing): Path<String>,
    Json(body): Json<Why>,
) -> Result<Answer<Explained>, Failure> {
    match thing.split_once('_').map(|(kind, _)| kind) {
        Some("smp") => of::<thing::Sample>(&site, &caller, &thing, &body).await,
        Some("obj") => of::<thing::Object>(&site, &caller, &thing, &body).await,
        Some("run") => of::<thing::Run>(&site, &caller, &thing, &body).await,
        _ => of::<thing::Project>(&site, &caller, &thing, &body).await,
    }
}

pub(crate) async fn explain_site(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Why>,
) -> Result<Answer<Explained>, Failure> {
    because::<thing::Site>(&site, &caller, Action::ExplainAccessSite, site.id.clone(), &body).await
}

async fn of<T: Thing>(
    site: &Site,
    caller: &access::Caller,
    thing: &str,
    body: &Why,
) -> Result<Answer<Explained>, Failure>
where
    <T::Id as std::str::FromStr>::Err: std::fmt::Display,
{
    because::<T>(site, caller, Action::ExplainAccess, id(thing)?, body).await
}

/// Decides before it says whether the account exists.
async fn because<T: Thing>(
    site: &Site,
    caller: &access::Caller,
    right: Action,
    thing: T::Id,
    body: &Why,
) -> Result<Answer<Explained>, Failure> {
    let account = known(site, &body.account).await?;
    let mut ask = Ask::<T>::new(right, [thing]);
    if let Some(account) = &account {
        ask = ask.about([account.to_string()]);
    }
    let permit: Permit<View, T> = site.access.decide(caller, ask).await?;
    let account = account.ok_or_else(|| access::Error::no_account(&body.account))?;
    let unknown = |field| Error::Value { field, why: "there is no such word".to_owned(), how: None };
    let action: Action = body.action.parse().map_err(|_| Error::Value {
        field: "action",
        why: "there is no such action".to_owned(),
        how: Some(format!(
            "one of {}",
            Action::ALL.iter().map(|a| a.as_str()).collect::<Vec<_>>().join(", ")
        )),
    })?;
    let network = match &body.network {
        Some(word) => Network::named(word).ok_or_else(|| unknown("network"))?,
        None => Network::Local,
    };
    let why = site.access.explain(&permit, &account, action, network).await?;
    Ok(Answer(Explained {
        allowed: why.allowed,
        reasons: why.reasons,
        roles: why.roles,
        missing: why.missing,
        policy: why.policy,
    }))
}

fn step(body: &Proposed) -> Result<Step, Error> {
    match (body.change, body.role) {
        (Change::Give, Some(role)) => Ok(Step::Give(role)),
        (Change::Take, Some(role)) => Ok(Step::Take(role)),
        (Change::Take, None) => Ok(Step::TakeAll),
        (Change::Give, None) => {
            Err(Error::Value { field: "role", why: "what is given is one role".to_owned(), how: None })
        }
    }
}

/// Decides what is compared, and tells it with the names of the accounts.
pub(crate) async fn told<V: Verb, T: Thing>(
    site: &Site,
    permit: &Permit<V, T>,
    compared: Comparison,
) -> Result<Changes, Failure> {
    // One at a time, away from the threads that requests are answered on: whoever asks keeps nobody else waiting
    // but those who ask the same, and these not for longer than their right to the answer lasts.
    let turn = tokio::time::timeout(TURN, COMPARING.acquire())
        .await
        .map_err(|_| Error::NotReady("other rights are being compared"))?;
    let changes = tokio::task::spawn_blocking(move || compared.changes()).await;
    drop(turn);
    permit.live()?;
    let access::Changes { changes, untold, whole } = changes.map_err(|_| Error::Ended)?;
    let ids: Vec<UserId> = changes.iter().map(|change| change.right.account.clone()).collect();
    let names = site.access.names_of(&ids).await?;
    let names: BTreeMap<UserId, Account> = names.into_iter().map(|a| (a.id.clone(), wire(a))).collect();
    let changes = changes.into_iter().filter_map(|change| {
        Some(RightChange {
            account: names.get(&change.right.account)?.clone(),
            project: change.right.project,
            action: change.right.action.as_str().to_owned(),
            gained: change.gained,
            from: change.from.iter().map(|network| network.as_str().to_owned()).collect(),
            second_factor: match change.factor {
                Factor::Any => None,
                Factor::With => Some(true),
                Factor::Without => Some(false),
            },
            sometimes: change.sometimes,
        })
    });
    let untold = untold.into_iter().map(str::to_owned).collect();
    Ok(Changes { changes: changes.collect(), untold, whole })
}
