//! Who saw a person's data, and the report for that person.

use crate::attend::Signed;
use crate::body::{Asked, blocking, id};
use crate::consent::{UseSummary, Whose};
use crate::failure::Error;
use crate::history::{Reach, decide, ended_word, names_of, said, told};
use crate::{Failure, Site, consent, lent_out, object, sample};
use access::thing::{Project as ProjectThing, Subject as SubjectThing};
use access::verb::View;
use access::{Action, Ask, Permit};
use api::subject::{Accesses, DataAccess, SubjectReport, Within};
use audit::field::Words;
use audit::{Actor, Completeness, Question, Recorded, What};
use axum::Json as Answer;
use axum::extract::{Path, State};
use base::{Id, ObjectId, SubjectId, UserId};
use std::collections::{BTreeMap, BTreeSet};

/// Events of one page of the walk, and pages of one answer: beyond, the answer says that there is more.
const PAGE: usize = 10_000;
const PAGES: usize = 50;

/// What somebody did with a person's data, in words; an act that has none keeps its own, so that none is left out.
const fn did(action: Action) -> &'static str {
    match action {
        Action::ViewSamples => "saw the record of",
        Action::ViewVariants => "saw variants or the report of",
        Action::Ingest => "brought in",
        Action::StartRun => "asked for a workflow run on",
        Action::DownloadObject => "had released",
        Action::VerifyDataset => "compared, with what its generator said, reads of",
        Action::SearchAudit | Action::SearchAuditSite => "looked up who did what with",
        // Of a sheet, the decision is about the project, and `identity-recorded` tells it.
        Action::SplitIdentity => "corrected who is behind",
        Action::ReIdentify => "asked who is behind",
        Action::ViewConsents => "saw the consent of",
        Action::RecordConsent => "recorded a consent or a review of",
        Action::WithdrawConsent => "recorded a withdrawal of",
        Action::SetHold => "put under a legal hold",
        Action::LiftHold => "lifted the legal hold on",
        Action::DeleteObject => "deleted",
        Action::ShredKeys => "had the keys shredded of",
        Action::ViewReceipt => "saw the receipt of",
        Action::ViewRun => "saw the state of a run on",
        Action::CancelRun => "cancelled a run on",
        Action::CheckStorage => "had the stored bytes read through of",
        Action::ExplainAccess | Action::ExplainAccessSite => "asked who may see",
        other => other.as_str(),
    }
}

pub(crate) async fn who_saw(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(subject): Path<String>,
    Asked(within): Asked<Within>,
) -> Result<Answer<Accesses>, Failure> {
    let subject: SubjectId = id(&subject)?;
    if within.since.zip(within.until).is_some_and(|(since, until)| since >= until) {
        let (why, how) = ("it ends before it begins".to_owned(), "`since` is before `until`".to_owned());
        return Err(Error::Value { field: "time", why, how: Some(how) }.into());
    }
    let question = question(&subject);
    let reach = decide(&site, &caller, &question).await?;
    let mut seen = accesses(&site, subject, question, &reach).await?;
    // What began before and ended within counts as well.
    let overlaps = |one: &DataAccess| {
        within.since.is_none_or(|since| one.to >= since) && within.until.is_none_or(|until| one.from < until)
    };
    seen.accesses.retain(overlaps);
    Ok(Answer(seen))
}

/// A report shows records, consents and the trail, so it takes the right to each.
pub(crate) async fn report(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(subject): Path<String>,
) -> Result<Answer<SubjectReport>, Failure> {
    let subject: SubjectId = id(&subject)?;
    let consents: Permit<View, SubjectThing> = site.permit(&caller, Action::ViewConsents, &subject).await?;
    let question = question(&subject);
    let reach = decide(&site, &caller, &question).await?;
    let project = consents.in_project()?.clone();
    let ask = Ask::<ProjectThing>::new(Action::ViewSamples, [project.clone()]).about([subject.to_string()]);
    let view: Permit<View, ProjectThing> = site.access.decide(&caller, ask).await?;
    let own = site.catalog.samples(&view).await?.into_iter().filter(|sample| sample.subject == subject);
    let samples: Vec<_> = own.collect();
    let mut ids: Vec<ObjectId> = Vec::new();
    for sample in &samples {
        ids.extend(site.catalog.read_objects(&sample.id).await?);
        let results = site.catalog.results_of_sample(&sample.id, &project).await?;
        ids.extend(results.into_iter().map(|result| result.object));
    }
    let stated = site.catalog.project(&view).await?;
    let loans = lent_out::loans(&site, &view, &samples).await?;
    Ok(Answer(SubjectReport {
        identity: site.map.entries(&consents).await?,
        purpose: stated.purpose.as_str().to_owned(),
        terms: stated.terms.split(' ').map(str::to_owned).collect(),
        retention: stated.retention.as_str().to_owned(),
        consents: consent::statements(&site, &consents).await?,
        use_: UseSummary::of(&site, &view, &project, Whose::One(&subject)).await?.shown(),
        objects: site.archive.describe(&view, &ids).await?.into_iter().map(object::wire).collect(),
        samples: samples.into_iter().map(sample::wire).collect(),
        elsewhere: lent_out::made(&site, &consents, &loans).await?,
        loans,
        accesses: accesses(&site, subject.clone(), question, &reach).await?,
        project,
        subject,
    }))
}

fn question(subject: &SubjectId) -> Question {
    Question { about: Some(subject.to_string()), ..Question::default() }
}

/// Walks the person's chains to their beginning, page by page, and tells the acts.
async fn accesses(
    site: &Site,
    subject: SubjectId,
    mut question: Question,
    reach: &Reach,
) -> Result<Accesses, Failure> {
    // Everything about the person, wherever it was done: their own project decided that this one may know.
    question.within = None;
    let (mut events, mut chains, mut cursor) = (Vec::new(), BTreeSet::new(), None);
    let (mut size, mut completeness) = (0, Completeness::More);
    for _ in 0..PAGES {
        if !reach.is_live() {
            return Err(access::Error::PermitEnded.into());
        }
        let (audit, asked) = (site.audit.clone(), question.clone());
        let page = blocking(move || audit.search(&asked, cursor, PAGE)).await??;
        events.extend(page.hits.into_iter().map(|hit| hit.recorded));
        chains.extend(page.chains);
        (size, completeness, cursor) = (page.size, page.completeness, page.next);
        if cursor.is_none() {
            break;
        }
    }
    events.sort_by_key(|recorded: &Recorded| recorded.position);
    let people = events.iter().map(|recorded| recorded.event.actor.clone());
    let others = events.iter().filter_map(|recorded| recorded.event.on_behalf_of.clone()).map(Actor::User);
    let all: Vec<Actor> = people.chain(others).collect();
    let names = names_of(site, all.iter()).await?;
    let mut exceptions = Vec::new();
    if reach.project.is_some() {
        let projects: BTreeSet<_> =
            events.iter().filter_map(|recorded| recorded.event.project.as_ref()).collect();
        for project in projects {
            exceptions.extend(site.access.seen_by_exception(project).await?);
        }
    }
    let (acts, by, of, split) = (Vec::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut told_of = Told { names, exceptions, chains: &chains, acts, by, of, split };
    for recorded in &events {
        let reason = match &recorded.event.what {
            What::Decision { sealed_reason: Some(_), .. } => said(site, &recorded.event, reach).await,
            _ => None,
        };
        told_of.take(recorded, reason);
    }
    let accesses = told_of.acts;
    let (complete, broken, why_not) = told(&completeness);
    Ok(Accesses { subject, accesses, chains: chains.len(), size, complete, broken, why_not })
}

struct Told<'a> {
    names: BTreeMap<UserId, String>,
    /// When somebody saw data of the project by way of exception.
    exceptions: Vec<access::exception::Seen>,
    chains: &'a BTreeSet<String>,
    acts: Vec<DataAccess>,
    /// By whose request and which act: where in the list.
    by: BTreeMap<(String, String, String, bool), usize>,
    /// By a decision's position: where in the list.
    of: BTreeMap<u64, usize>,
    /// By its request, what a sheet said of them: where in the list.
    split: BTreeMap<String, usize>,
}

impl Told<'_> {
    fn take(&mut self, recorded: &Recorded, reason: Option<Words>) {
        let Recorded { position, time, event, .. } = recorded;
        match &event.what {
            What::Decision { action, allowed, policies, .. } => {
                let words: &str = action.parse::<Action>().map(did).unwrap_or(action);
                let request = event.request.as_ref().map(ToString::to_string).unwrap_or_default();
                let key = (event.actor.to_string(), request.clone(), action.clone(), *allowed);
                let known = self.by.get(&key).copied().filter(|_| !request.is_empty());
                let at = known.unwrap_or(self.acts.len());
                if known.is_none() {
                    self.by.insert(key, at);
                    self.acts.push(self.begun(recorded, action, words, *allowed, policies));
                }
                self.of.insert(*position, at);
                let things = event.about.iter().filter(|id| self.chains.contains(*id)).cloned();
                let Some(act) = self.acts.get_mut(at) else { return };
                let new: BTreeSet<String> = act.things.drain(..).chain(things).collect();
                act.things = new.into_iter().collect();
                act.positions.push(*position);
                act.to = *time;
                if let Some(Words::Said(words)) = reason {
                    act.reason = Some(words.into_revealed());
                }
            }
            // Its decision is about the project.
            What::IdentityRecorded {} => {
                self.beside(recorded, Action::SplitIdentity, "took out of a sheet who is behind");
            }
            // So is that of a package, whose objects are linked one by one. A run has said itself what it was asked for.
            What::Linked {} if !event.about.iter().any(|id| id.starts_with("run_")) => {
                self.beside(recorded, Action::Ingest, did(Action::Ingest));
            }
            What::Outcome { decision, result, bytes, .. } => {
                let request = event.request.as_ref().map(ToString::to_string).unwrap_or_default();
                let at = self.of.get(decision).or_else(|| self.split.get(&request));
                let act = at.and_then(|at| self.acts.get_mut(*at));
                let Some(act) = act else { return };
                act.to = *time;
                act.ended = Some(ended_word(*result).to_owned());
                // Ledgers of before say it once for each decision of the request.
                act.released = act.released.max(*bytes);
            }
            _ => {}
        }
    }

    /// An act whose decision names no person: what one request says of it is one.
    fn beside(&mut self, recorded: &Recorded, action: Action, words: &str) {
        let event = &recorded.event;
        let request = event.request.as_ref().map(ToString::to_string).unwrap_or_default();
        let at = match self.split.get(&request) {
            Some(at) if !request.is_empty() => *at,
            _ => {
                self.acts.push(self.begun(recorded, action.as_str(), words, true, &[]));
                self.acts.len() - 1
            }
        };
        self.split.insert(request, at);
        let things = event.about.iter().filter(|id| self.chains.contains(*id)).cloned();
        let Some(act) = self.acts.get_mut(at) else { return };
        let all: BTreeSet<String> = act.things.drain(..).chain(things).collect();
        act.things = all.into_iter().collect();
        act.positions.push(recorded.position);
        act.to = recorded.time;
    }

    fn begun(
        &self,
        recorded: &Recorded,
        action: &str,
        did: &str,
        allowed: bool,
        policies: &[String],
    ) -> DataAccess {
        let Recorded { position, time, ref event, .. } = *recorded;
        let name = |of: &Actor| match of {
            Actor::User(user) => self.names.get(user).cloned(),
            _ => None,
        };
        let behind = event.on_behalf_of.clone();
        let actor = event.actor.to_string();
        let under =
            self.exceptions.iter().find(|one| one.covers(&actor, position, time)).map(|one| one.id.clone());
        DataAccess {
            under,
            from: time,
            to: time,
            name: name(&event.actor),
            actor,
            on_behalf_of_name: behind.clone().and_then(|user| name(&Actor::User(user))),
            on_behalf_of: behind.map(|user| user.as_str().to_owned()),
            action: action.to_owned(),
            did: did.to_owned(),
            things: Vec::new(),
            to_key: event.about.iter().find(|id| id.starts_with("rcp_")).cloned(),
            purpose: event.purpose.clone(),
            allowed,
            refused_by: if allowed { Vec::new() } else { policies.to_vec() },
            reason: None,
            released: None,
            ended: None,
            positions: Vec::new(),
        }
    }
}
