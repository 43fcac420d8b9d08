//! What people agreed to, and whether data may be used.

use crate::attend::{Signed, made};
use crate::body::{Json, id};
use crate::failure::Error;
use crate::usable::{Judge, words};
use crate::{Failure, Site};
use access::thing::{Project as ProjectThing, Subject as SubjectThing};
use access::verb::{Manage, View};
use access::{Action, Ask, Caller, Permit};
use api::consent::{
    Consent, ConsentStatement, Consented, NewApproval, NewConsent, NewReview, SaidWhy, UseApproval,
    UseReason, UseShown,
};
use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::response::Response;
use base::{Fault, ProjectId, Role, Sensitive, SubjectId};
use catalog::Stated;
use policy::terms::{Answer as TermsAnswer, Terms};
use std::collections::{BTreeMap, BTreeSet};
use subjects::{Said, Standing, Statement};

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
) -> Result<Answer<Vec<Consented>>, Failure> {
    let project: ProjectId = id(&project)?;
    let permit: Permit<View, ProjectThing> = site.permit(&caller, Action::ViewConsents, &project).await?;
    let mut standings = site.subjects.standings(&permit).await?;
    let (stated, approved) = states(&site, &project).await?;
    let judge = Judge { stated: &stated, approved: &approved, now: site.access.clock().now() };
    let mut rows = Vec::new();
    for subject in site.catalog.subjects(&permit).await? {
        let standing = standings.remove(&subject.id).unwrap_or(Standing::Unasked);
        let refusals: Vec<_> = judge.of_project().into_iter().chain(judge.of_person(&standing)).collect();
        rows.push(Consented {
            subject: subject.id,
            label: subject.label.into_revealed(),
            standing: standing.as_str().to_owned(),
            usable: refusals.is_empty(),
            why_not: refusals.into_iter().map(|one| one.why).collect(),
            consent: standing.consent().cloned().map(wire),
        });
    }
    Ok(Answer(rows))
}

pub(crate) async fn show_use(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
) -> Result<Answer<UseShown>, Failure> {
    let project: ProjectId = id(&project)?;
    let permit: Permit<View, ProjectThing> = site.permit(&caller, Action::ViewProject, &project).await?;
    // How many people said what is for those who keep consents.
    let grants = site.access.own_grants(&caller).await?;
    let steward =
        |grant: &access::Grant| grant.role == Role::DataSteward && grant.project.as_ref() == Some(&project);
    let whose = if grants.iter().any(steward) { Whose::All } else { Whose::Nobody };
    Ok(Answer(UseSummary::of(&site, &permit, &project, whose).await?.shown()))
}

/// What is left to a person is approved as a whole, and as it was shown: what came up since is shown first.
pub(crate) async fn approve_use(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
    Json(body): Json<NewApproval>,
) -> Result<Answer<UseShown>, Failure> {
    let project: ProjectId = id(&project)?;
    let reason = Some(Sensitive::new(body.reason));
    let ask = Ask::<ProjectThing>::new(Action::ApproveUse, [project.clone()]).because(reason);
    let permit: Permit<Manage, ProjectThing> = site.access.decide(&caller, ask).await?;
    let view: Permit<View, ProjectThing> = site.permit(&caller, Action::ViewProject, &project).await?;
    let open = UseSummary::of(&site, &view, &project, Whose::All).await?.open();
    if !open.is_empty() && open != body.reasons.into_iter().collect() {
        return Err(subjects::Error::OtherReasons.into());
    }
    site.subjects.approve_use(&permit, &open, body.until).await?;
    Ok(Answer(UseSummary::of(&site, &view, &project, Whose::All).await?.shown()))
}

/// Every approval that holds ends at once: what terms leave to a person is open again.
pub(crate) async fn revoke_use(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
    Json(body): Json<SaidWhy>,
) -> Result<Answer<UseShown>, Failure> {
    let project: ProjectId = id(&project)?;
    let ask = Ask::<ProjectThing>::new(Action::ApproveUse, [project.clone()]);
    let permit: Permit<Manage, ProjectThing> =
        site.access.decide(&caller, ask.because(body.reason.map(Sensitive::new))).await?;
    site.subjects.revoke_use(&permit).await?;
    let view: Permit<View, ProjectThing> = site.permit(&caller, Action::ViewProject, &project).await?;
    Ok(Answer(UseSummary::of(&site, &view, &project, Whose::All).await?.shown()))
}

/// Of whose data a summary speaks beside the project's terms.
pub(crate) enum Whose<'a> {
    Nobody,
    All,
    One(&'a SubjectId),
}

/// Why a use is not approved by itself, and who says so.
#[derive(Default)]
struct Why {
    forbids: bool,
    project: bool,
    people: u64,
}

/// What the terms of a project and of its people say of its use.
pub(crate) struct UseSummary {
    approved: BTreeSet<String>,
    reasons: BTreeMap<String, Why>,
    people: BTreeMap<String, u64>,
    usable: u64,
    approvals: Vec<UseApproval>,
}

impl UseSummary {
    pub async fn of(
        site: &Site,
        permit: &Permit<View, ProjectThing>,
        project: &ProjectId,
        whose: Whose<'_>,
    ) -> Result<Self, Failure> {
        let (stated, approved) = states(site, project).await?;
        let judge = Judge { stated: &stated, approved: &approved, now: site.access.clock().now() };
        let (reasons, people) = (BTreeMap::new(), BTreeMap::new());
        let approvals = site.subjects.approvals(permit).await?.into_iter().map(approval).collect();
        let mut summary = Self { approved: approved.clone(), reasons, people, usable: 0, approvals };
        let of_project = judge.of_project();
        summary.take(&judge, stated.terms.as_ref(), true);
        let standings = match whose {
            Whose::Nobody => return Ok(summary),
            Whose::One(subject) => vec![site.subjects.standing(project, subject).await?],
            Whose::All => {
                let mut known = site.subjects.standings(permit).await?;
                let all = site.catalog.subject_ids(permit).await?.into_iter();
                all.map(|subject| known.remove(&subject).unwrap_or(Standing::Unasked)).collect()
            }
        };
        for standing in standings {
            if let Standing::Given(consent) = &standing {
                summary.take(&judge, Some(&consent.terms), false);
            }
            let usable = of_project.is_empty() && judge.of_person(&standing).is_none();
            summary.usable += u64::from(usable);
            *summary.people.entry(standing.as_str().to_owned()).or_default() += 1;
        }
        Ok(summary)
    }

    fn take(&mut self, judge: &Judge<'_>, terms: Option<&Terms>, project: bool) {
        let answer = terms.and_then(|terms| Some((terms, judge.answer(terms)?)));
        let (forbids, reasons) = match &answer {
            None => (true, vec!["the terms cannot be read".to_owned()]),
            Some((terms, answer)) => (matches!(answer, TermsAnswer::Deny(_)), words(terms, answer.reasons())),
        };
        for reason in reasons {
            let one = self.reasons.entry(reason).or_default();
            one.forbids |= forbids;
            one.project |= project;
            one.people += u64::from(!project);
        }
    }

    fn is_open(&self, reason: &str, why: &Why) -> bool {
        !why.forbids && !self.approved.contains(reason)
    }

    /// What is left to a person and not approved.
    fn open(&self) -> BTreeSet<String> {
        let left = self.reasons.iter().filter(|(reason, why)| self.is_open(reason, why));
        left.map(|(reason, _)| reason.clone()).collect()
    }

    pub fn shown(self) -> UseShown {
        let of_project = || self.reasons.iter().filter(|(_, why)| why.project);
        let answer = if of_project().any(|(_, why)| why.forbids) {
            "deny"
        } else if of_project().any(|(reason, why)| self.is_open(reason, why)) {
            "needs-person"
        } else {
            "approve"
        };
        let one = |(reason, why): (&String, &Why)| UseReason {
            why: reason.clone(),
            forbids: why.forbids,
            approved: !why.forbids && self.approved.contains(reason),
            project: why.project,
            people: why.people,
        };
        UseShown {
            answer: answer.to_owned(),
            reasons: self.reasons.iter().map(one).collect(),
            people: self.people,
            usable: self.usable,
            approvals: self.approvals,
        }
    }
}

fn approval(one: subjects::Approval) -> UseApproval {
    UseApproval { position: one.position, until: one.until, reasons: one.reasons.len() as u64 }
}

async fn states(site: &Site, project: &ProjectId) -> Result<(Stated, BTreeSet<String>), Failure> {
    let stated = site.catalog.stated(project).await?.ok_or(access::Error::NotFound)?;
    Ok((stated, site.subjects.approved(project).await?))
}

pub(crate) async fn show(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(subject): Path<String>,
) -> Result<Answer<Vec<ConsentStatement>>, Failure> {
    let permit: Permit<View, SubjectThing> =
        site.permit(&caller, Action::ViewConsents, &id(&subject)?).await?;
    Ok(Answer(statements(&site, &permit).await?))
}

/// What was said about the permit's subject.
pub(crate) async fn statements(
    site: &Site,
    permit: &Permit<View, SubjectThing>,
) -> Result<Vec<ConsentStatement>, Failure> {
    Ok(site.subjects.statements(permit).await?.into_iter().map(told).collect())
}

pub(crate) async fn record(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(subject): Path<String>,
    Json(body): Json<NewConsent>,
) -> Result<Response, Failure> {
    let permit = ask(&site, &caller, Action::RecordConsent, &subject, None).await?;
    let NewConsent { form, terms, document, from, until } = body;
    let new = subjects::NewConsent { form, terms: read(&terms)?, document, from, until };
    let given = site.subjects.give(&permit, new).await?;
    let ids = [given.id.to_string()];
    Ok(made(wire(given), ids))
}

pub(crate) async fn withdraw(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(subject): Path<String>,
    Json(body): Json<SaidWhy>,
) -> Result<Answer<Vec<ConsentStatement>>, Failure> {
    let permit = ask(&site, &caller, Action::WithdrawConsent, &subject, body.reason).await?;
    Ok(Answer(site.subjects.withdraw(&permit).await?.into_iter().map(told).collect()))
}

pub(crate) async fn review(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(subject): Path<String>,
    Json(body): Json<NewReview>,
) -> Result<Answer<Vec<ConsentStatement>>, Failure> {
    let permit = ask(&site, &caller, Action::RecordConsent, &subject, body.reason).await?;
    Ok(Answer(site.subjects.review(&permit, body.newest).await?.into_iter().map(told).collect()))
}

async fn ask(
    site: &Site,
    caller: &Caller,
    action: Action,
    subject: &str,
    reason: Option<String>,
) -> Result<Permit<Manage, SubjectThing>, Failure> {
    let subject: SubjectId = id(subject)?;
    let ask = Ask::<SubjectThing>::new(action, [subject]).because(reason.map(Sensitive::new));
    Ok(site.access.decide(caller, ask).await?)
}

/// Terms as people write them, one code a word.
pub(crate) fn read(terms: &[String]) -> Result<Terms, Failure> {
    let refuse =
        |why: policy::Error| Error::Value { field: "data-use term", why: why.to_string(), how: why.hint() };
    Ok(Terms::parse(&terms.join(" ")).map_err(refuse)?)
}

fn wire(consent: subjects::Consent) -> Consent {
    let subjects::Consent { id, form, terms, document, from, until } = consent;
    Consent {
        id,
        form,
        terms: terms.to_string().split(' ').map(str::to_owned).collect(),
        document,
        from,
        until,
    }
}

fn told(statement: Statement) -> ConsentStatement {
    let Statement { position, at, said } = statement;
    let (said, consent) = match said {
        Said::Given(consent) => ("given", Some(wire(*consent))),
        Said::Withdrawn => ("withdrawn", None),
        Said::Reviewed => ("reviewed", None),
    };
    ConsentStatement { position, at, said: said.to_owned(), consent }
}
