//! Agreements with parties.

use crate::attend::{Signed, made};
use crate::body::{Json, id};
use crate::{Failure, Site};
use access::thing::Project as ProjectThing;
use access::verb::{Manage, View};
use access::{Action, Ask, Permit};
use api::sharing::{Agreement, NewAgreement};
use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::response::Response;
use base::{AgreementId, ProjectId, Timestamp};

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
) -> Result<Answer<Vec<Agreement>>, Failure> {
    let permit: Permit<View, ProjectThing> =
        site.permit(&caller, Action::ViewProject, &id(&project)?).await?;
    let now = permit.now();
    let all = site.sharing.agreements(&permit).await?;
    Ok(Answer(all.into_iter().map(|one| wire(one, now)).collect()))
}

pub(crate) async fn add(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
    Json(body): Json<NewAgreement>,
) -> Result<Response, Failure> {
    let permit: Permit<Manage, ProjectThing> =
        site.permit(&caller, Action::KeepAgreements, &id(&project)?).await?;
    let NewAgreement { contract, party, dataset, document, until } = body;
    let new = sharing::NewAgreement { contract: contract.parse()?, party, dataset, document, until };
    let agreed = site.sharing.agree(&permit, new).await?;
    let ids = [agreed.id.to_string()];
    Ok(made(wire(agreed, permit.now()), ids))
}

pub(crate) async fn end(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path((project, agreement)): Path<(String, String)>,
) -> Result<Answer<Agreement>, Failure> {
    let (project, agreement): (ProjectId, AgreementId) = (id(&project)?, id(&agreement)?);
    let ask = Ask::<ProjectThing>::new(Action::KeepAgreements, [project]).about([agreement.to_string()]);
    let permit: Permit<Manage, ProjectThing> = site.access.decide(&caller, ask).await?;
    Ok(Answer(wire(site.sharing.end_agreement(&permit, &agreement).await?, permit.now())))
}

fn wire(one: sharing::Agreement, now: Timestamp) -> Agreement {
    Agreement {
        holds: one.ended.is_none() && one.until > now,
        id: one.id,
        project: one.home,
        contract: one.contract.as_str().to_owned(),
        party: one.party,
        dataset: one.dataset,
        document: one.document,
        until: one.until,
        ended: one.ended,
    }
}
