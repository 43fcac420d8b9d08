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
use audit::{Completeness, Question, Recorded, What};
use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::response::Response;
use base::{Id, ProjectId, Sensitive, SupportId};

/// Events of one page of the walk.
const PAGE: usize = 10_000;
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
    blocking(move || {
        let (mut decisions, mut cursor) = (Vec::new(), None);
        // Whatever they did since is walked past: nobody hides a session behind what came after it.
        loop {
            let page = audit.search(&question, cursor, PAGE)?;
            let under = page.hits.into_iter().map(|hit| hit.recorded);
            let under = under.filter(|one| seen.covers(&actor, one.position, one.time));
            decisions.extend(under.filter_map(of_decision));
            match page.next {
                Some(next) if decisions.len() < MOST => cursor = Some(next),
                _ => {
                    decisions.sort_by_key(|one: &Decided| one.position);
                    return Ok((decisions, page.completeness));
                }
            }
        }
    })
    .await?
}

fn of_decision(one: Recorded) -> Option<Decided> {
    let What::Decision { action, allowed, .. } = one.event.what else { return None };
    Some(Decided { position: one.position, at: one.time, action, allowed, things: one.event.about })
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
