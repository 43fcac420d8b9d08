//! Accounts and members.

use crate::attend::{Signed, made};
use crate::body::{Json, id};
use crate::{Failure, Site};
use access::thing::{self, Project};
use access::verb::{Manage, View};
use access::{Action, Ask, Grant, Permit};
use api::people::{Account, HeldRole, Invitation, Me, Member, NewAccount, NewMember, NewRole};
use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::response::Response;
use base::{Timestamp, UserId};
use std::collections::BTreeMap;

pub(crate) async fn me(State(site): State<Site>, Signed(caller): Signed) -> Result<Answer<Me>, Failure> {
    let account = wire(site.access.own_account(&caller).await?);
    let grants = site.access.own_grants(&caller).await?;
    let roles = grants
        .into_iter()
        .map(|grant| HeldRole { role: grant.role, until: until(&grant), project: grant.project })
        .collect();
    Ok(Answer(Me { account, roles }))
}

pub(crate) async fn create(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<NewAccount>,
) -> Result<Response, Failure> {
    let permit: Permit<Manage, thing::Site> = site.permit(&caller, Action::ManageAccounts, &site.id).await?;
    let tx = site.begin(&permit).await?;
    let (account, token) = site.access.create_account(&permit, &tx, &body.name).await?;
    for role in body.roles {
        site.access.grant_on_site(&permit, &tx, &account.id, role).await?;
    }
    tx.commit().await?;
    let ids = [account.id.to_string()];
    Ok(made(Invitation { account: wire(account), token: token.expose().to_owned() }, ids))
}

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Answer<Vec<Account>>, Failure> {
    let permit: Permit<Manage, thing::Site> = site.permit(&caller, Action::ManageAccounts, &site.id).await?;
    Ok(Answer(site.access.accounts(&permit).await?.into_iter().map(wire).collect()))
}

pub(crate) async fn token(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(name): Path<String>,
) -> Result<Answer<Invitation>, Failure> {
    let (permit, account) = manage(&site, &caller, &name).await?;
    let token = site.access.renew_token(&permit, &account.id).await?;
    Ok(Answer(Invitation { account: wire(account), token: token.expose().to_owned() }))
}

pub(crate) async fn grant(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(name): Path<String>,
    Json(body): Json<NewRole>,
) -> Result<Answer<Account>, Failure> {
    let (permit, account) = manage(&site, &caller, &name).await?;
    let tx = site.begin(&permit).await?;
    site.access.grant_on_site(&permit, &tx, &account.id, body.role).await?;
    tx.commit().await?;
    Ok(Answer(wire(account)))
}

pub(crate) async fn close(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(name): Path<String>,
) -> Result<Answer<Account>, Failure> {
    let (permit, account) = manage(&site, &caller, &name).await?;
    site.access.close_account(&permit, &account.id).await?;
    Ok(Answer(Account { closed: true, ..wire(account) }))
}

pub(crate) async fn members(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
) -> Result<Answer<Vec<Member>>, Failure> {
    let permit: Permit<View, Project> = site.permit(&caller, Action::ViewProject, &id(&project)?).await?;
    let grants = site.access.members(&permit).await?;
    let ids: Vec<UserId> = grants.iter().map(|grant| grant.account.clone()).collect();
    let names: BTreeMap<UserId, Account> =
        site.access.names_of(&ids).await?.into_iter().map(|a| (a.id.clone(), wire(a))).collect();
    let members = grants.into_iter().filter_map(|grant| {
        let account = names.get(&grant.account)?.clone();
        Some(Member { account, role: grant.role, until: until(&grant) })
    });
    Ok(Answer(members.collect()))
}

pub(crate) async fn add_member(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
    Json(body): Json<NewMember>,
) -> Result<Answer<Member>, Failure> {
    let (permit, target) = administer(&site, &caller, &project, &body.account).await?;
    let target = target.ok_or_else(|| access::Error::no_account(&body.account))?;
    let tx = site.begin(&permit).await?;
    site.access.add_member(&permit, &tx, &target, body.role).await?;
    tx.commit().await?;
    Ok(Answer(Member {
        account: Account { id: target, name: body.account, closed: false },
        role: body.role,
        until: None,
    }))
}

pub(crate) async fn remove_member(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path((project, name)): Path<(String, String)>,
) -> Result<Answer<u64>, Failure> {
    let (permit, target) = administer(&site, &caller, &project, &name).await?;
    let target = target.ok_or_else(|| access::Error::no_account(&name))?;
    let tx = site.begin(&permit).await?;
    let gone = site.access.remove_member(&permit, &tx, &target).await?;
    tx.commit().await?;
    Ok(Answer(gone))
}

/// Decides before it says whether the account exists.
async fn administer(
    site: &Site,
    caller: &access::Caller,
    project: &str,
    name: &str,
) -> Result<(Permit<Manage, Project>, Option<UserId>), Failure> {
    let target = known(site, name).await?;
    let mut ask = Ask::<Project>::new(Action::AdministerProject, [id(project)?]);
    if let Some(target) = &target {
        ask = ask.target(target);
    }
    Ok((site.access.decide(caller, ask).await?, target))
}

/// The right to manage the account of this name, and the account.
pub(crate) async fn manage(
    site: &Site,
    caller: &access::Caller,
    name: &str,
) -> Result<(Permit<Manage, thing::Site>, access::Account), Failure> {
    let mut ask = Ask::<thing::Site>::new(Action::ManageAccounts, [site.id.clone()]);
    if let Some(target) = known(site, name).await? {
        ask = ask.target(&target);
    }
    let permit = site.access.decide(caller, ask).await?;
    let account = site.access.account_named(&permit, name).await?;
    Ok((permit, account))
}

/// The account of this name, if there is one. Any other failure is a failure: a decision without
/// its target would not see that someone raises themselves.
async fn known(site: &Site, name: &str) -> Result<Option<UserId>, Failure> {
    match site.access.resolve_account(name).await {
        Ok(target) => Ok(Some(target)),
        Err(access::Error::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn wire(account: access::Account) -> Account {
    Account { id: account.id, name: account.name, closed: account.closed }
}

fn until(grant: &Grant) -> Option<String> {
    grant.expires_at.and_then(|second| Timestamp::from_second(second).ok()).map(|t| t.to_string())
}
