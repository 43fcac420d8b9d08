//! Projects.

use crate::attend::{Signed, made};
use crate::body::{Json, id};
use crate::failure::Error;
use crate::usable::answer_of;
use crate::{Failure, Site};
use access::thing::{self, Project as ProjectThing};
use access::verb::{Manage, View};
use access::{Action, Permit};
use api::project::{NewProject, Project};
use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::response::Response;
use base::{ProjectId, UserId};
use catalog::{Scope, StatedUse};
use std::collections::BTreeSet;

pub(crate) async fn create(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<NewProject>,
) -> Result<Response, Failure> {
    let permit: Permit<Manage, thing::Site> = site.permit(&caller, Action::CreateProject, &site.id).await?;
    let mut administrators = BTreeSet::new();
    for name in &body.administrators {
        administrators.insert(site.access.account_named(&permit, name).await?.id);
    }
    if administrators.is_empty() {
        administrators.insert(caller.user().cloned().ok_or(access::Error::NotSignedIn)?);
    }
    let purpose: catalog::Purpose = body.purpose.parse()?;
    let frameworks = body.frameworks.iter().map(|one| one.parse()).collect::<Result<_, catalog::Error>>()?;
    let new = catalog::NewProject {
        name: body.name,
        class: body.class,
        purpose,
        terms: crate::consent::read(&body.terms)?,
        stated: StatedUse::parse(purpose, body.use_.iter().map(String::as_str))?,
        scope: Scope {
            granularity: body.granularity.parse()?,
            frameworks,
            incidental: body.incidental.parse()?,
        },
        basis: body.basis.parse()?,
        region: body.region,
        retention: body.retention.parse().map_err(|e: base::role::ParseWordError| Error::Value {
            field: "retention class",
            why: e.to_string(),
            how: None,
        })?,
        consent: body.consent,
    };
    let tx = site.begin(&permit).await?;
    let project = site.catalog.create_project(&permit, &tx, new).await?;
    site.keys.create_project_key(&permit, &tx, &project.id, project.class).await?;
    let administrators: Vec<UserId> = administrators.into_iter().collect();
    site.access.adopt_project(&permit, &tx, (&project.id, project.class), &administrators).await?;
    tx.commit().await?;
    site.keys.load_project_key(&project.id).await?;
    let ids = [project.id.to_string()];
    Ok(made(wire(&site, project), ids))
}

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Answer<Vec<Project>>, Failure> {
    let permit: Permit<View, thing::Site> = site.permit(&caller, Action::ListOwnProjects, &site.id).await?;
    let grants = site.access.own_grants(&caller).await?;
    let own: Vec<ProjectId> = grants.into_iter().filter_map(|grant| grant.project).collect();
    let projects = site.catalog.projects(&permit, &own).await?;
    Ok(Answer(projects.into_iter().map(|project| wire(&site, project)).collect()))
}

pub(crate) async fn show(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
) -> Result<Answer<Project>, Failure> {
    let permit: Permit<View, ProjectThing> =
        site.permit(&caller, Action::ViewProject, &id(&project)?).await?;
    Ok(Answer(wire(&site, site.catalog.project(&permit).await?)))
}

fn wire(site: &Site, project: catalog::Project) -> Project {
    let answer = answer_of(&project.states(), site.access.clock().now()).to_owned();
    Project {
        answer,
        id: project.id,
        name: project.name,
        class: project.class,
        purpose: project.purpose.as_str().to_owned(),
        terms: project.terms.split(' ').map(str::to_owned).collect(),
        use_: project.stated.words(project.purpose),
        granularity: project.scope.as_ref().map(|scope| scope.granularity.as_str().to_owned()),
        frameworks: project
            .scope
            .iter()
            .flat_map(|scope| &scope.frameworks)
            .map(|one| one.as_str().to_owned())
            .collect(),
        incidental: project.scope.as_ref().map(|scope| scope.incidental.as_str().to_owned()),
        basis: project.basis.as_str().to_owned(),
        region: project.region,
        retention: project.retention.as_str().to_owned(),
        consent: project.consent,
        created_at: project.created_at,
    }
}
