//! Break-glass: opened, closed and reviewed, and heard of.

use crate::attend::{Signed, made};
use crate::body::{Json, id};
use crate::policy::{account, or_nobody};
use crate::{Failure, Site};
use access::thing::{self, Project};
use access::verb::{Manage, View};
use access::{Action, Ask, BreakGlass, Permit, Stands};
use api::exception::{self as wired, NewException, NewReview};
use audit::FieldSealer;
use audit::field::{Whose, Words};
use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::response::Response;
use base::{BreakGlassId, Id, ProjectId, Role, Sensitive};
use feed::alarm::Cause;
use std::collections::BTreeMap;

/// How many `site status` names.
const SHOWN: usize = 10;

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
) -> Result<Answer<Vec<wired::BreakGlass>>, Failure> {
    let project: ProjectId = id(&project)?;
    let permit: Permit<View, Project> = site.permit(&caller, Action::ViewProject, &project).await?;
    // Why somebody broke the glass can tell of a patient.
    let grants = site.access.own_grants(&caller).await?;
    let steward = grants
        .iter()
        .any(|grant| grant.role == Role::DataSteward && grant.project.as_ref() == Some(&project));
    let mut shown = Vec::new();
    for glass in site.access.break_glasses(&permit).await? {
        let may_read = steward || Some(&glass.account) == caller.user();
        shown.push(wire(&site, glass, may_read).await?);
    }
    Ok(Answer(shown))
}

pub(crate) async fn open(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
    Json(body): Json<NewException>,
) -> Result<Response, Failure> {
    let reason = Sensitive::new(body.reason);
    let ask =
        Ask::<Project>::new(Action::BreakGlass, [id::<ProjectId>(&project)?]).because(Some(reason.clone()));
    let permit: Permit<Manage, Project> = site.access.decide(&caller, ask).await?;
    let opened = site.access.open_break_glass(&permit, &reason).await?;
    // At once, and whatever the next look can read.
    let why = format!("somebody broke the glass in {} at {}", opened.project, opened.opened);
    site.alarms.set(Cause::BreakGlass, opened.id.as_str(), Some(why));
    heed(&site).await;
    let ids = [opened.id.to_string()];
    Ok(made(wire(&site, opened, true).await?, ids))
}

pub(crate) async fn close(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(glass): Path<String>,
) -> Result<Answer<wired::BreakGlass>, Failure> {
    let permit: Permit<Manage, thing::BreakGlass> =
        site.permit(&caller, Action::EndException, &id(&glass)?).await?;
    let closed = site.access.close_break_glass(&permit).await?;
    Ok(Answer(wire(&site, closed, true).await?))
}

pub(crate) async fn review(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(glass): Path<String>,
    Json(body): Json<NewReview>,
) -> Result<Answer<wired::BreakGlass>, Failure> {
    let glass: BreakGlassId = id(&glass)?;
    let holder = or_nobody(site.access.holder_of(glass.as_str()).await?.as_ref())?;
    let reason = Sensitive::new(body.reason);
    let ask = Ask::<thing::BreakGlass>::new(Action::ReviewBreakGlass, [glass]).target(&holder);
    let ask = ask.because(Some(reason.clone()));
    let permit: Permit<Manage, thing::BreakGlass> = site.access.decide(&caller, ask).await?;
    let reviewed = site.access.review_break_glass(&permit, body.justified, &reason).await?;
    heed(&site).await;
    Ok(Answer(wire(&site, reviewed, true).await?))
}

/// Raises what somebody has to hear of: each that was opened, until it was reviewed; each that nobody reviewed in time;
/// each project in which it happens often.
pub(crate) async fn heed(site: &Site) {
    // A database that does not answer is heard of by what watches that; `site status` says it as well.
    let Ok(watched) = watched(site).await else { return };
    for (glass, stands) in &watched.each {
        let why = format!("somebody broke the glass in {} at {}", glass.project, glass.opened);
        let waits = *stands != Stands::Reviewed;
        site.alarms.set(Cause::BreakGlass, glass.id.as_str(), waits.then_some(why));
        let why = format!("a break-glass in {} was not reviewed within 72 hours", glass.project);
        site.alarms.set(
            Cause::BreakGlassUnreviewed,
            glass.id.as_str(),
            (*stands == Stands::Overdue).then_some(why),
        );
    }
    let most = watched.most;
    for (project, count) in watched.counts {
        let why = format!("the glass was broken {count} times in 30 days in this project; {most} is usual");
        site.alarms.set(Cause::BreakGlassOften, project.as_str(), (count > most).then_some(why));
    }
}

/// What `site status` says of it.
pub(crate) async fn limits(site: &Site) -> Vec<String> {
    let Ok(watched) = watched(site).await else {
        return vec!["whether the glass was broken anywhere cannot be read".to_owned()];
    };
    let of = |wanted: &[Stands]| {
        let those = watched.each.iter().filter(|(_, stands)| wanted.contains(stands));
        those.map(|(glass, _)| format!("{} in {}", glass.id, glass.project)).collect::<Vec<_>>()
    };
    let often = watched.counts.iter().filter(|(_, count)| **count > watched.most);
    let often = often.map(|(project, count)| format!("{count} times in {project}")).collect::<Vec<_>>();
    let told = [
        (of(&[Stands::Overdue]), "break-glass not reviewed within 72 hours"),
        (of(&[Stands::Open, Stands::ToReview]), "break-glass that waits for its review"),
        (often, "the glass was broken often in 30 days"),
    ];
    let told = told.into_iter().filter(|(which, _)| !which.is_empty());
    told.map(|(which, what)| {
        let more = which.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let shown: Vec<String> = which.into_iter().take(SHOWN).collect();
        format!("{what}: {}{more} (`break-glass list`, `break-glass review`)", shown.join(", "))
    })
    .collect()
}

struct Watched {
    each: Vec<(BreakGlass, Stands)>,
    /// How often in thirty days, by project; also where it was none.
    counts: BTreeMap<ProjectId, u32>,
    most: u32,
}

async fn watched(site: &Site) -> Result<Watched, Failure> {
    let now = site.access.judged_at();
    let (mut each, mut counts) = (Vec::new(), BTreeMap::new());
    for glass in site.access.every_break_glass().await? {
        let count: &mut u32 = counts.entry(glass.project.clone()).or_default();
        *count += u32::from(glass.is_of_late(now));
        each.push((glass.clone(), glass.stands(now)));
    }
    Ok(Watched { each, counts, most: site.access.exceptions().break_glass_per_month })
}

async fn wire(site: &Site, glass: BreakGlass, may_read: bool) -> Result<wired::BreakGlass, Failure> {
    let state = word(glass.stands(site.access.judged_at()));
    let BreakGlass { id, project, account: holder, opened, until, closed, reason, review } = glass;
    let reason = match reason.filter(|_| may_read) {
        Some(sealed) => words(site, &project, &sealed).await,
        None => None,
    };
    let review = match review {
        Some(review) => {
            let by = account(site, &review.by).await?;
            Some(wired::Review { by, at: review.at, justified: review.justified })
        }
        None => None,
    };
    let account = account(site, &holder).await?;
    Ok(wired::BreakGlass { id, project, account, opened, until, closed, state, reason, review })
}

fn word(stands: Stands) -> String {
    let word = match stands {
        Stands::Open => "open",
        Stands::ToReview => "to-review",
        Stands::Overdue => "overdue",
        Stands::Reviewed => "reviewed",
    };
    word.to_owned()
}

/// Somebody's own words, as they were sealed under the project's key; none where nobody can read them any more.
pub(crate) async fn words(site: &Site, project: &ProjectId, sealed: &str) -> Option<String> {
    let whose = Whose { project: project.clone(), subject: None };
    match site.keys.open(&whose, sealed).await {
        Ok(Words::Said(words)) => Some(words.into_revealed()),
        _ => None,
    }
}
