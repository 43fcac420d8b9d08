//! Support sessions: asked for, let in, ended, and shown to those whose data was seen.

use crate::attend::{Signed, made};
use crate::body::{Json, blocking, id};
use crate::break_glass::words;
use crate::history::told;
use crate::policy::{account, or_nobody};
use crate::{Failure, Site};
use access::exception::Seen;
use access::thing::{self, Project};
use access::verb::{Manage, View};
use access::{Action, Ask, Permit, Progress, Support};
use api::exception::{self as wired, Decided, NewApproval, NewException, SupportShown};
use audit::{Completeness, Question, What};
use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::response::Response;
use base::{Id, ProjectId, Sensitive, SupportId};

/// Most decisions of one answer: beyond, it says that there are more.
const MOST: usize = 10_000;

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
) -> Result<Answer<Vec<wired::Support>>, Failure> {
    let permit: Permit<View, Project> = site.permit(&caller, Action::ViewProject, &id(&project)?).await?;
    let mut shown = Vec::new();
    for session in site.access.support_sessions(&permit).await? {
        shown.push(wire(&site, session).await?);
    }
    Ok(Answer(shown))
}

pub(crate) async fn ask(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
    Json(body): Json<NewException>,
) -> Result<Response, Failure> {
    let reason = Sensitive::new(body.reason);
    let ask =
        Ask::<Project>::new(Action::AskSupport, [id::<ProjectId>(&project)?]).because(Some(reason.clone()));
    let permit: Permit<Manage, Project> = site.access.decide(&caller, ask).await?;
    let asked = site.access.ask_support(&permit, &reason).await?;
    let ids = [asked.id.to_string()];
    Ok(made(wire(&site, asked).await?, ids))
}

pub(crate) async fn approve(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(session): Path<String>,
    Json(body): Json<NewApproval>,
) -> Result<Answer<wired::Support>, Failure> {
    let session: SupportId = id(&session)?;
    let holder = or_nobody(site.access.holder_of(session.as_str()).await?.as_ref())?;
    let ask = Ask::<thing::Support>::new(Action::ApproveSupport, [session]).target(&holder);
    let permit: Permit<Manage, thing::Support> = site.access.decide(&caller, ask).await?;
    let approved = site.access.approve_support(&permit, body.until).await?;
    Ok(Answer(wire(&site, approved).await?))
}

pub(crate) async fn end(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(session): Path<String>,
) -> Result<Answer<wired::Support>, Failure> {
    let permit: Permit<Manage, thing::Support> =
        site.permit(&caller, Action::EndException, &id(&session)?).await?;
    let ended = site.access.end_support(&permit).await?;
    Ok(Answer(wire(&site, ended).await?))
}

/// Whoever sees a project reads what was done in it under a session.
pub(crate) async fn show(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(session): Path<String>,
) -> Result<Answer<SupportShown>, Failure> {
    let permit: Permit<View, thing::Support> =
        site.permit(&caller, Action::ViewProject, &id(&session)?).await?;
    let session = site.access.support_session(&permit).await?;
    let (decisions, completeness) = match site.access.seen_by_session(&permit).await? {
        Some(seen) => decided(&site, seen, &session.project).await?,
        None => (Vec::new(), Completeness::NoChain),
    };
    let (complete, _, why_not) = told(&completeness);
    let complete = complete || session.approved.is_none();
    Ok(Answer(SupportShown {
        session: wire(&site, session).await?,
        decisions,
        complete,
        why_not: why_not.filter(|_| !complete),
    }))
}

/// What was decided for who holds a session, in its project, from its approval to its end: by the chain of their account.
async fn decided(
    site: &Site,
    seen: Seen,
    project: &ProjectId,
) -> Result<(Vec<Decided>, Completeness), Failure> {
    let (audit, actor) = (site.audit.clone(), seen.account.to_string());
    let question = Question {
        actor: Some(actor.clone()),
        project: Some(project.clone()),
        within: Some(project.clone()),
        ..Question::default()
    };
    let page = blocking(move || audit.search(&question, None, MOST)).await??;
    let mut decisions: Vec<Decided> = page
        .hits
        .into_iter()
        .map(|hit| hit.recorded)
        .filter(|one| seen.covers(&actor, one.position, one.time))
        .filter_map(|one| match one.event.what {
            What::Decision { action, allowed, .. } => {
                let things = one.event.about;
                Some(Decided { position: one.position, at: one.time, action, allowed, things })
            }
            _ => None,
        })
        .collect();
    decisions.sort_by_key(|one| one.position);
    Ok((decisions, page.completeness))
}

async fn wire(site: &Site, session: Support) -> Result<wired::Support, Failure> {
    let state = match session.progress(site.access.judged_at()) {
        Progress::Asked => "asked",
        Progress::Open => "open",
        Progress::Ended => "ended",
        Progress::Unanswered => "unanswered",
    };
    let Support { id, project, account: holder, asked, reason, approved, ended } = session;
    let reason = match reason {
        Some(sealed) => words(site, &project, &sealed).await,
        None => None,
    };
    let (from, until) = approved.as_ref().map(|one| (one.at, one.until)).unzip();
    let by = match approved {
        Some(approved) => Some(account(site, &approved.by).await?),
        None => None,
    };
    let account = account(site, &holder).await?;
    let state = state.to_owned();
    Ok(wired::Support { id, project, account, asked, state, reason, by, from, until, ended })
}
