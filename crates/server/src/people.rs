//! Accounts and members.

use crate::attend::{Signed, made};
use crate::body::{Json, id};
use crate::failure::Error;
use crate::{Failure, Site};
use access::thing::{self, Project};
use access::verb::{Manage, View};
use access::{Action, Ask, Grant, Permit};
use api::people::{
    Account, Closed, Ends, Given, HeldRole, Invitation, Listed, Me, Member, NewAccount, NewMember, NewRole,
    Standing,
};
use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::response::Response;
use base::UserId;
use std::collections::BTreeMap;

/// A role that ends within thirty days ends soon.
pub(crate) const SOON_SECONDS: i64 = 30 * 24 * 3600;

pub(crate) async fn me(State(site): State<Site>, Signed(caller): Signed) -> Result<Answer<Me>, Failure> {
    let account = wire(site.access.own_account(&caller).await?);
    let grants = site.access.own_grants(&caller).await?;
    let roles = grants
        .into_iter()
        .map(|grant| {
            let until = grant.ends.first().map(|(end, _)| end.to_string());
            HeldRole { role: grant.role, until, project: grant.project }
        })
        .collect();
    Ok(Answer(Me { account, roles }))
}

pub(crate) async fn create(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<NewAccount>,
) -> Result<Response, Failure> {
    // Roles for another account of one's own are roles for oneself.
    let (permit, person) = match &body.person {
        Some(name) if !body.roles.is_empty() => {
            let (permit, person) = manage(&site, &caller, name).await?;
            (permit, Some(person))
        }
        Some(name) => {
            let permit = site.permit(&caller, Action::ManageAccounts, &site.id).await?;
            let person = site.access.account_named(&permit, name).await?;
            (permit, Some(person))
        }
        None => (site.permit(&caller, Action::ManageAccounts, &site.id).await?, None),
    };
    let tx = site.begin(&permit).await?;
    let (account, token) = site.access.create_account(&permit, &tx, &body.name).await?;
    if let Some(person) = person {
        site.access.link_person(&permit, &tx, &account.id, &person.id).await?;
    }
    for role in body.roles {
        site.access.grant_on_site(&permit, &tx, &account.id, role, &Default::default()).await?;
    }
    tx.commit().await?;
    let ids = [account.id.to_string()];
    Ok(made(Invitation { account: wire(account), token: token.expose().to_owned() }, ids))
}

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Answer<Vec<Listed>>, Failure> {
    let permit: Permit<Manage, thing::Site> = site.permit(&caller, Action::ManageAccounts, &site.id).await?;
    let mut roles: BTreeMap<UserId, Vec<Given>> = BTreeMap::new();
    for grant in site.access.grants_on_site(&permit).await? {
        roles.entry(grant.account.clone()).or_default().push(given(&site, &grant));
    }
    let accounts = site.access.accounts(&permit).await?.into_iter().map(|account| Listed {
        roles: roles.remove(&account.id).unwrap_or_default(),
        id: account.id,
        name: account.name,
        closed: account.closed,
    });
    Ok(Answer(accounts.collect()))
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
    site.access.grant_on_site(&permit, &tx, &account.id, body.role, &ends(body.ends)).await?;
    tx.commit().await?;
    Ok(Answer(wire(account)))
}

pub(crate) async fn revoke(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path((name, role)): Path<(String, String)>,
) -> Result<Answer<Account>, Failure> {
    let refuse =
        |e: base::role::ParseWordError| Error::Value { field: "role", why: e.to_string(), how: None };
    let (permit, account) = manage(&site, &caller, &name).await?;
    let role = role.parse().map_err(refuse)?;
    let tx = site.begin(&permit).await?;
    site.access.revoke_on_site(&permit, &tx, &account.id, role).await?;
    tx.commit().await?;
    Ok(Answer(wire(account)))
}

pub(crate) async fn close(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(name): Path<String>,
) -> Result<Answer<Closed>, Failure> {
    let (permit, account) = manage(&site, &caller, &name).await?;
    // Asked before: what is done is done, whatever cannot be read then.
    let gone = site.keys.shredded_projects().await?;
    let mut without_administrator = site.access.close_account(&permit, &account.id).await?;
    without_administrator.retain(|project| !gone.contains(project));
    Ok(Answer(Closed { account: Account { closed: true, ..wire(account) }, without_administrator }))
}

pub(crate) async fn reopen(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(name): Path<String>,
) -> Result<Answer<Invitation>, Failure> {
    let (permit, account) = manage(&site, &caller, &name).await?;
    let token = site.access.reopen_account(&permit, &account.id).await?;
    let account = Account { closed: false, ..wire(account) };
    Ok(Answer(Invitation { account, token: token.expose().to_owned() }))
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
        Some(Member { account, given: given(&site, &grant) })
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
    let made = site.access.add_member(&permit, &tx, &target, body.role, &ends(body.ends)).await?;
    tx.commit().await?;
    let account = Account { id: target, name: body.account, closed: false };
    Ok(Answer(Member { account, given: given(&site, &made) }))
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
pub(crate) async fn administer(
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
    let target = known(site, name).await?;
    if let Some(target) = &target {
        ask = ask.target(target);
    }
    let permit = site.access.decide(caller, ask).await?;
    // One that was made since was not decided about.
    let target = target.ok_or_else(|| access::Error::no_account(name))?;
    let account = site.access.account_named(&permit, name).await?;
    if account.id != target {
        return Err(access::Error::no_account(name).into());
    }
    Ok((permit, account))
}

/// The account of this name, if there is one. Any other failure is a failure: a decision without
/// its target would not see that someone raises themselves.
pub(crate) async fn known(site: &Site, name: &str) -> Result<Option<UserId>, Failure> {
    match site.access.resolve_account(name).await {
        Ok(target) => Ok(Some(target)),
        Err(access::Error::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn wire(account: access::Account) -> Account {
    Account { id: account.id, name: account.name, closed: account.closed }
}

/// How it is with a role that was given.
fn given(site: &Site, grant: &Grant) -> Given {
    let (until, by) = grant.ends.first().unzip();
    // By the time that decisions go by.
    let now = site.access.judged_at();
    let left = until.map(|until| until.as_second().saturating_sub(now.as_second()));
    let standing = match left {
        _ if !grant.holds(now) => Standing::Ended,
        Some(left) if left <= SOON_SECONDS => Standing::EndsSoon,
        _ => Standing::Held,
    };
    let access::Ends { until: own, training_until, agreement_until, approval_until } = grant.ends.clone();
    let ends = Ends { until: own, training_until, agreement_until, approval_until };
    let issuer = grant.by.as_ref().map(|by| site.access.word_for(by.issuer.clone()));
    let under = grant.under.as_ref().map(|under| under.as_str().to_owned());
    Given { issuer, under, role: grant.role, standing, until, by: by.map(str::to_owned), ends }
}

fn ends(asked: Ends) -> access::Ends {
    let Ends { until, training_until, agreement_until, approval_until } = asked;
    access::Ends { until, training_until, agreement_until, approval_until }
}
