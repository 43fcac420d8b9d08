//! Policies: what is in force, what is proposed, and what it would change.

use crate::attend::{Signed, made};
use crate::body::{Json, id};
use crate::people::wire;
use crate::rights::told;
use crate::{Failure, Site};
use access::thing;
use access::verb::{Manage, View};
use access::{Action, Ask, Permit};
use api::people::Account;
use api::policy::{Interpreted, NewPolicies, Policies, Proposal, Shown};
use api::rights::Changes;
use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::response::Response;
use base::{ApprovalId, UserId};
use std::collections::BTreeMap;

/// Whose something is that is not there.
const NOBODY: &str = "usr_00000000000000000000";

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Answer<Policies>, Failure> {
    let permit: Permit<View, thing::Site> = site.permit(&caller, Action::ViewPolicy, &site.id).await?;
    let proposals = site.access.proposals(&permit).await?;
    let ids: Vec<UserId> = proposals.iter().map(|proposal| proposal.by.clone()).collect();
    let names = site.access.names_of(&ids).await?.into_iter();
    let names: BTreeMap<UserId, Account> = names.map(|a| (a.id.clone(), wire(a))).collect();
    let proposals = proposals.into_iter().filter_map(|one| Some(told_of(names.get(&one.by)?.clone(), one)));
    Ok(Answer(Policies {
        policy: site.access.policy_digest(),
        shipped: access::proposal::shipped().map(str::to_owned).collect(),
        own: site.access.own_policies().await?.into_keys().collect(),
        interpreted: interpreted(site.access.interpreted()),
        proposals: proposals.collect(),
    }))
}

pub(crate) async fn propose(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<NewPolicies>,
) -> Result<Response, Failure> {
    let permit: Permit<Manage, thing::Site> = site.permit(&caller, Action::ProposePolicy, &site.id).await?;
    let proposal = site.access.propose(&permit, &body.files).await?;
    let by = wire(site.access.own_account(&caller).await?);
    let ids = [proposal.id.to_string()];
    Ok(made(told_of(by, proposal), ids))
}

pub(crate) async fn show(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(approval): Path<String>,
) -> Result<Answer<Shown>, Failure> {
    let approval: ApprovalId = id(&approval)?;
    let permit: Permit<View, thing::Site> =
        site.access.decide(&caller, ask(&site, Action::ViewPolicy, &approval)).await?;
    let proposal = site.access.proposal(&approval).await?;
    let candidate = access::proposal::with_shipped(&proposal.texts)?;
    let not_compiled = interpreted(candidate.interpreted().to_vec());
    let compared = site.access.preview_policies(&permit, candidate).await?;
    let Changes { changes, untold, whole } = told(&site, &permit, compared).await?;
    let by = account(&site, &proposal.by).await?;
    Ok(Answer(Shown {
        before: site.access.own_policies().await?,
        after: proposal.texts.clone(),
        interpreted: not_compiled,
        proposal: told_of(by, proposal),
        changes,
        untold,
        whole,
    }))
}

pub(crate) async fn approve(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(approval): Path<String>,
) -> Result<Answer<Proposal>, Failure> {
    let approval: ApprovalId = id(&approval)?;
    let proposal = match site.access.proposal(&approval).await {
        Err(access::Error::NotFound) => None,
        found => Some(found?),
    };
    let by = or_nobody(proposal.as_ref().map(|proposal| &proposal.by))?;
    let ask = ask(&site, Action::ApprovePolicy, &approval).target(&by);
    let permit: Permit<Manage, thing::Site> = site.access.decide(&caller, ask).await?;
    let by = account(&site, &proposal.ok_or(access::Error::NotFound)?.by).await?;
    Ok(Answer(told_of(by, site.access.approve(&permit, &approval).await?)))
}

pub(crate) async fn withdraw(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(approval): Path<String>,
) -> Result<Answer<Proposal>, Failure> {
    let approval: ApprovalId = id(&approval)?;
    let permit: Permit<Manage, thing::Site> =
        site.access.decide(&caller, ask(&site, Action::ProposePolicy, &approval)).await?;
    let proposal = site.access.withdraw(&permit, &approval).await?;
    let by = account(&site, &proposal.by).await?;
    Ok(Answer(told_of(by, proposal)))
}

fn ask(site: &Site, action: Action, approval: &ApprovalId) -> Ask<thing::Site> {
    Ask::new(action, [site.id.clone()]).about([approval.to_string()])
}

/// Whose something is, for the target of a decision: also where it is not there, so that whoever may decide nothing is
/// told the same of both.
pub(crate) fn or_nobody(known: Option<&UserId>) -> Result<UserId, Failure> {
    known.map_or_else(|| id(NOBODY), |known| Ok(known.clone()))
}

pub(crate) async fn account(site: &Site, id: &UserId) -> Result<Account, Failure> {
    let found = site.access.names_of(std::slice::from_ref(id)).await?.into_iter().next();
    Ok(wire(found.ok_or(access::Error::NotFound)?))
}

fn told_of(by: Account, proposal: access::Proposal) -> Proposal {
    Proposal {
        id: proposal.id,
        by,
        at: proposal.at,
        state: proposal.state.as_str().to_owned(),
        policy: proposal.digest,
        replaces: proposal.replaces,
    }
}

fn interpreted(all: Vec<access::Interpreted>) -> Vec<Interpreted> {
    all.into_iter().map(|one| Interpreted { policy: one.policy, why: one.why }).collect()
}
