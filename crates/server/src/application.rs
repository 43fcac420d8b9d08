//! Applications to use a dataset of another project. Specification: `docs/spec/sharing.md`.

use crate::attend::{Signed, made};
use crate::body::{Json, id};
use crate::dataset::nothing_known;
use crate::failure::Error;
use crate::policy::{account, or_nobody};
use crate::usable::{day_of, words};
use crate::{Failure, Site};
use access::thing::Project as ProjectThing;
use access::verb::{Manage, View};
use access::{Action, Ask, Caller, Permit};
use api::sharing::{
    Application, ApplicationAnswer, ApplicationChange, NewApplication, PeopleChanged, PeopleList,
};
use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::response::Response;
use base::{ApplicationId, ProjectId, Role, Sensitive, UserId};
use catalog::{Framework, Project, Stated};
use policy::terms::{Answer as TermsAnswer, Terms};
use sharing::{Change, Dataset, Difference, State as Stands, list};
use std::collections::{BTreeMap, BTreeSet};
use subjects::Standing;

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
) -> Result<Answer<Vec<Application>>, Failure> {
    let project: ProjectId = id(&project)?;
    let permit: Permit<View, ProjectThing> = site.permit(&caller, Action::ViewProject, &project).await?;
    // What consents leave to a person can tell of a disease.
    let grants = site.access.own_grants(&caller).await?;
    let is_steward =
        |grant: &access::Grant| grant.role == Role::DataSteward && grant.project.as_ref() == Some(&project);
    let steward = grants.iter().any(is_steward);
    let mut shown = Vec::new();
    for one in site.sharing.applications(&permit).await? {
        let asks = steward && one.home == project;
        shown.push(wire(&site, one, asks).await?);
    }
    Ok(Answer(shown))
}

pub(crate) async fn make(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
    Json(body): Json<NewApplication>,
) -> Result<Response, Failure> {
    let project: ProjectId = id(&project)?;
    let about = [body.dataset.to_string()];
    let permit = ask(&site, &caller, (Action::ApplyForDataset, &project), &about, body.reason).await?;
    let view: Permit<View, ProjectThing> = site.permit(&caller, Action::ViewProject, &project).await?;
    let workspace = site.catalog.project(&view).await?;
    let dataset = site.sharing.dataset(&body.dataset).await?;
    if !dataset.is_open() {
        return Err(access::Error::NotFound.into());
    }
    let against =
        Fit { site: &site, dataset: &dataset, stated: workspace.states() }.against(&workspace).await?;
    if !against.is_empty() {
        return Err(sharing::Error::CannotHold(against).into());
    }
    let members: Vec<UserId> =
        site.access.members(&view).await?.into_iter().map(|grant| grant.account).collect();
    let members = site.access.names_of(&members).await?;
    let mut people = BTreeSet::new();
    for name in &body.people {
        // Whoever is no member here is told of as whoever has no account.
        let found = members.iter().find(|one| one.name == *name && !one.closed);
        people.insert(found.ok_or_else(|| access::Error::no_account(name))?.id.clone());
    }
    let new = sharing::NewApplication { dataset: body.dataset, party: body.party, people, until: body.until };
    let asked = site.sharing.apply(&permit, new).await?;
    let ids = [asked.id.to_string()];
    Ok(made(wire(&site, asked, false).await?, ids))
}

pub(crate) async fn change(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path((project, application)): Path<(String, String)>,
    Json(body): Json<ApplicationChange>,
) -> Result<Answer<Application>, Failure> {
    let (project, application): (ProjectId, ApplicationId) = (id(&project)?, id(&application)?);
    let about = [application.to_string()];
    let permit = ask(&site, &caller, (Action::ApplyForDataset, &project), &about, body.reason).await?;
    let refuse = |why: &str| Error::Value { field: "change", why: why.to_owned(), how: None };
    let change = match (body.change.as_str(), body.until) {
        ("renew", Some(until)) => Change::Renew(until),
        ("report", None) => Change::Report,
        ("end", None) => Change::End,
        ("renew", None) => return Err(refuse("a renewal says until when").into()),
        _ => return Err(refuse("`renew` with its end, `report` or `end` is expected").into()),
    };
    Ok(Answer(wire(&site, site.sharing.change(&permit, &application, change).await?, false).await?))
}

/// A steward of the home answers. What is approved is what was shown, and could hold when it is said.
pub(crate) async fn answer(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path((project, application)): Path<(String, String)>,
    Json(body): Json<ApplicationAnswer>,
) -> Result<Answer<Application>, Failure> {
    let project: ProjectId = id(&project)?;
    let (permit, asked) = about(&site, &caller, (&project, &application), body.reason).await?;
    if !body.approve {
        return Ok(Answer(wire(&site, site.sharing.answer(&permit, &asked.id, None).await?, true).await?));
    }
    let dataset = site.sharing.dataset(&asked.dataset).await?;
    let stated = stated_of(&site, &asked.workspace).await?;
    let fit = Fit { site: &site, dataset: &dataset, stated };
    let (forbidden, open) = fit.said().await?;
    if open != body.reasons.into_iter().collect() {
        return Err(sharing::Error::OtherReasons.into());
    }
    let mut against = forbidden;
    against.extend(fit.conflicts(&asked.workspace).await?);
    if !against.is_empty() {
        return Err(sharing::Error::CannotHold(against).into());
    }
    let until = body.until.unwrap_or(asked.asked_until);
    let approved = site.sharing.answer(&permit, &asked.id, Some((until, open))).await?;
    Ok(Answer(wire(&site, approved, true).await?))
}

/// What a list of authorized people changes; with the digest of that, changed.
pub(crate) async fn import(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path((project, application)): Path<(String, String)>,
    Json(body): Json<PeopleList>,
) -> Result<Answer<PeopleChanged>, Failure> {
    let project: ProjectId = id(&project)?;
    let why = "the list of who is authorized".to_owned();
    let (permit, asked) = about(&site, &caller, (&project, &application), why).await?;
    let names = list::authorized(&body.list, body.study.as_deref(), permit.now())?;
    let people: Vec<UserId> = asked.people.iter().cloned().collect();
    let now: BTreeMap<String, UserId> =
        site.access.names_of(&people).await?.into_iter().map(|one| (one.name, one.id)).collect();
    let mut accounts = BTreeMap::new();
    for name in &names {
        if let Ok(found) = site.access.account_named(&permit, name).await
            && !found.closed
        {
            accounts.insert(found.name, found.id);
        }
    }
    let made = Difference::between(&now, &names, &accounts);
    let digest = made.digest();
    if body.confirm.is_some_and(|confirmed| confirmed != digest) {
        return Err(sharing::Error::OtherDifference.into());
    }
    if body.confirm.is_some() {
        let kept = now.iter().filter(|(name, _)| !made.removed.contains_key(*name));
        let named = kept.chain(&made.added).map(|(_, id)| id.clone()).collect();
        site.sharing.name_people(&permit, &asked.id, named).await?;
    }
    Ok(Answer(PeopleChanged {
        added: made.added.into_keys().collect(),
        removed: made.removed.into_keys().collect(),
        unknown: made.unknown.into_iter().collect(),
        digest,
        applied: body.confirm.is_some(),
    }))
}

/// The right to answer an application, and the application. Who asked is the target: nobody answers their own.
async fn about(
    site: &Site,
    caller: &Caller,
    (project, application): (&ProjectId, &str),
    reason: String,
) -> Result<(Permit<Manage, ProjectThing>, sharing::Application), Failure> {
    let application: ApplicationId = id(application)?;
    let found = match site.sharing.application(&application).await {
        Ok(found) => Some(found).filter(|found| found.home == *project),
        Err(sharing::Error::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    let who = or_nobody(found.as_ref().map(|found| &found.applicant))?;
    let ask = Ask::<ProjectThing>::new(Action::AnswerApplication, [project.clone()])
        .about([application.to_string()])
        .target(&who)
        .because(Some(Sensitive::new(reason)));
    let permit = site.access.decide(caller, ask).await?;
    Ok((permit, found.ok_or(access::Error::NotFound)?))
}

async fn ask(
    site: &Site,
    caller: &Caller,
    (action, project): (Action, &ProjectId),
    about: &[String],
    reason: String,
) -> Result<Permit<Manage, ProjectThing>, Failure> {
    let ask = Ask::<ProjectThing>::new(action, [project.clone()])
        .about(about.iter().cloned())
        .because(Some(Sensitive::new(reason)));
    Ok(site.access.decide(caller, ask).await?)
}

async fn stated_of(site: &Site, workspace: &ProjectId) -> Result<Stated, Failure> {
    Ok(site.catalog.stated(workspace).await?.ok_or(access::Error::NotFound)?)
}

/// A dataset, and what a workspace would use it for.
struct Fit<'a> {
    site: &'a Site,
    dataset: &'a Dataset,
    stated: Stated,
}

impl Fit<'_> {
    /// Why it could never hold.
    async fn against(&self, workspace: &Project) -> Result<Vec<String>, Failure> {
        let (dataset, mut found) = (self.dataset, Vec::new());
        if workspace.class < dataset.class {
            found.push(format!("class: {} data is not used in a {} project", dataset.class, workspace.class));
        }
        if workspace.region != dataset.region {
            let (own, its) = (&workspace.region, &dataset.region);
            found.push(format!("region: the data stays in {its}, and the workspace is in {own}"));
        }
        let laws = workspace.scope.iter().flat_map(|scope| &scope.frameworks).collect::<BTreeSet<_>>();
        let missing = dataset.frameworks.iter().filter(|law| **law != Framework::None && !laws.contains(law));
        found.extend(missing.map(|law| format!("frameworks: the workspace is not under {}", law.as_str())));
        let purpose = workspace.purpose.as_str();
        if !dataset.purposes.contains(purpose) {
            found.push(format!("purpose: it is not offered for {purpose}"));
        }
        let stated = workspace.stated.words(workspace.purpose);
        let offered = dataset.purposes.contains(sharing::dataset::COMMERCIAL);
        if stated.iter().any(|word| word == "commercial") && !offered {
            found.push("purpose: it is not offered for commercial use".to_owned());
        }
        found.extend(self.said().await?.0);
        found.extend(self.conflicts(&workspace.id).await?);
        Ok(found)
    }

    /// What its terms and its people's forbid of the use that the workspace states, and what they leave to a person. Only
    /// what the dataset's own terms forbid keeps an application from being made: of a person who forbids it nothing is used.
    async fn said(&self) -> Result<(Vec<String>, BTreeSet<String>), Failure> {
        let (mut forbidden, mut open) = (Vec::new(), BTreeSet::new());
        match &self.dataset.terms {
            None => forbidden.push("terms: those of the dataset cannot be read".to_owned()),
            Some(terms) => match self.answer(terms) {
                Some(TermsAnswer::Approve) => {}
                Some(TermsAnswer::NeedsPerson(reasons)) => open.extend(words(terms, &reasons)),
                Some(TermsAnswer::Deny(reasons)) => {
                    forbidden.extend(words(terms, &reasons).into_iter().map(|why| format!("terms: {why}")));
                }
                None => forbidden.push("terms: the day cannot be told".to_owned()),
            },
        }
        for terms in self.consents().await?.values() {
            if let Some(TermsAnswer::NeedsPerson(reasons)) = self.answer(terms) {
                open.extend(words(terms, &reasons));
            }
        }
        Ok((forbidden, open))
    }

    fn answer(&self, terms: &Terms) -> Option<TermsAnswer> {
        let today = day_of(self.site.access.clock().now())?;
        Some(terms.answer(&self.stated.on(today), &nothing_known()))
    }

    /// The terms that its people's consents have, each once.
    async fn consents(&self) -> Result<BTreeMap<String, Terms>, Failure> {
        let mut all = BTreeMap::new();
        let mut people = BTreeSet::new();
        for sample in self.site.sharing.samples_of(&self.dataset.id).await? {
            people.extend(self.site.catalog.subject_of(base::Id::as_str(&sample)).await?);
        }
        for subject in people {
            let standing = self.site.subjects.standing(&self.dataset.home, &subject).await?;
            if let Standing::Given(consent) = standing {
                all.insert(consent.terms.to_string(), consent.terms);
            }
        }
        Ok(all)
    }

    /// Whether what the workspace uses has anything in common: its own terms, those of the datasets that it has, and these.
    async fn conflicts(&self, workspace: &ProjectId) -> Result<Vec<String>, Failure> {
        let mut together = vec![(workspace.to_string(), self.stated.terms.clone())];
        for held in self.site.sharing.approved_in(workspace).await? {
            if held.dataset != self.dataset.id {
                let other = self.site.sharing.dataset(&held.dataset).await?;
                together.push((other.id.to_string(), other.terms));
            }
        }
        let mut all = match &self.dataset.terms {
            Some(terms) => terms.clone(),
            None => return Ok(Vec::new()),
        };
        for (whose, terms) in together {
            let Some(terms) = terms else {
                return Ok(vec![format!("terms: those of {whose} cannot be read")]);
            };
            match all.combine([&terms], &nothing_known()) {
                Ok(both) => all = both,
                Err(conflict) => {
                    return Ok(vec![format!("terms: together with those of {whose}: {conflict}")]);
                }
            }
        }
        Ok(Vec::new())
    }
}

async fn wire(site: &Site, one: sharing::Application, asks: bool) -> Result<Application, Failure> {
    let now = site.access.clock().now();
    let loan = site.sharing.loan(one.clone()).await?;
    // Somebody whom it names, if it names anybody.
    let against = loan.against(one.people.first(), now);
    let waits = matches!(one.state, Stands::Asked | Stands::RenewalAsked);
    let stated = stated_of(site, &one.workspace).await?;
    let purpose = site.catalog.place_in(&one.workspace).await?.and_then(|place| place.purpose);
    let own = purpose.iter().filter_map(|word| word.parse().ok()).flat_map(|word| stated.stated.words(word));
    let use_ = purpose.iter().cloned().chain(own).collect();
    let reasons = match asks && waits {
        true => Fit { site, dataset: &loan.dataset, stated: stated.clone() }.said().await?.1,
        false => BTreeSet::new(),
    };
    let named: Vec<UserId> = one.people.iter().cloned().collect();
    let mut people: Vec<_> =
        site.access.names_of(&named).await?.into_iter().map(crate::people::wire).collect();
    people.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Application {
        report_due: one.report_due(),
        applicant: account(site, &one.applicant).await?,
        id: one.id,
        dataset: one.dataset,
        home: one.home,
        workspace: one.workspace,
        use_,
        party: one.party,
        people,
        state: one.state.as_str().to_owned(),
        asked_until: one.asked_until,
        until: one.until,
        gives: against.is_none(),
        why_not: against.map(|one| one.why),
        reasons: reasons.into_iter().collect(),
    })
}
