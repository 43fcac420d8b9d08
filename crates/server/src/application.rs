//! Applications to use a dataset of another project. Specification: `docs/spec/sharing.md`.

use crate::attend::{Signed, made};
use crate::body::{Json, id};
use crate::dataset::nothing_known;
use crate::failure::{Error, Mistakes};
use crate::policy::{account, or_nobody};
use crate::usable::{day_of, words};
use crate::{Failure, Site};
use access::thing::Project as ProjectThing;
use access::verb::{Manage, View};
use access::{Action, Ask, Caller, Permit};
use api::sharing::{
    Application, ApplicationAnswer, ApplicationChange, Listed, NewApplication, PeopleChanged, PeopleList,
};
use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::response::Response;
use base::{ApplicationId, Class, DatasetId, ProjectId, Role, Sensitive, UserId};
use catalog::{Framework, Stated};
use policy::terms::{Answer as TermsAnswer, Terms};
use sharing::list::{self, Named};
use sharing::{Approval, Change, Dataset, Difference, State as Stands};
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
    let why = Sensitive::new(body.reason.clone());
    let permit = ask(&site, &caller, (Action::ApplyForDataset, &project), &about, why.clone()).await?;
    let view: Permit<View, ProjectThing> = site.permit(&caller, Action::ViewProject, &project).await?;
    let workspace = site.catalog.project(&view).await?;
    let dataset = site.sharing.dataset(&body.dataset).await?;
    if !dataset.is_open() {
        return Err(access::Error::NotFound.into());
    }
    let people = people(&site, &view, &body).await?;
    let fit = Fit::of(&site, &dataset, &workspace.id).await?;
    let mut against = fit.against();
    against.extend(fit.forbidden().await?.0);
    against.extend(fit.conflicts(|other| format!("those of {other}")));
    if !against.is_empty() {
        return Err(sharing::Error::CannotHold(against).into());
    }
    let NewApplication { dataset, party, until, .. } = body;
    let new = sharing::NewApplication { dataset, party, people, until, why };
    let asked = site.sharing.apply(&permit, new).await?;
    let ids = [asked.id.to_string()];
    Ok(made(wire(&site, asked, false).await?, ids))
}

/// Whom an application names; everything that is wrong with it is told at once.
async fn people(
    site: &Site,
    view: &Permit<View, ProjectThing>,
    body: &NewApplication,
) -> Result<BTreeSet<UserId>, Failure> {
    let members: Vec<UserId> =
        site.access.members(view).await?.into_iter().map(|grant| grant.account).collect();
    let members = site.access.names_of(&members).await?;
    let mut mistakes = Mistakes::default();
    mistakes.keep(sharing::agreement::check_party(&body.party));
    mistakes.keep(site.sharing.check_until(body.until));
    let mut people = BTreeSet::new();
    for name in &body.people {
        // Whoever is no member here is told of as whoever has no account.
        let found = members.iter().find(|one| one.name == *name && !one.closed);
        people.extend(
            mistakes.keep(found.ok_or_else(|| access::Error::no_account(name))).map(|one| one.id.clone()),
        );
    }
    mistakes.told()?;
    Ok(people)
}

pub(crate) async fn change(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path((project, application)): Path<(String, String)>,
    Json(body): Json<ApplicationChange>,
) -> Result<Answer<Application>, Failure> {
    let (project, application): (ProjectId, ApplicationId) = (id(&project)?, id(&application)?);
    let about = [application.to_string()];
    let why = Sensitive::new(body.reason.clone());
    let permit = ask(&site, &caller, (Action::ApplyForDataset, &project), &about, why.clone()).await?;
    let refuse = |why: &str| Error::Value { field: "change", why: why.to_owned(), how: None };
    let change = match (body.change.as_str(), body.until) {
        ("renew", Some(until)) => Change::Renew(until, why),
        ("report", None) => Change::Report(why),
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
    let fit = Fit::of(&site, &dataset, &asked.workspace).await?;
    let (forbidden, reasons) = fit.forbidden().await?;
    if reasons != body.reasons.into_iter().collect() {
        return Err(sharing::Error::OtherReasons.into());
    }
    let mut against = fit.against();
    against.extend(forbidden);
    // What else is lent to the workspace is between it and others.
    against.extend(fit.conflicts(|_| "those of something else that is used there".to_owned()));
    if !against.is_empty() {
        return Err(sharing::Error::CannotHold(against).into());
    }
    let (until, beside) = (body.until.unwrap_or(asked.asked_until), fit.beside());
    let approved = site.sharing.answer(&permit, &asked.id, Some(Approval { until, reasons, beside })).await?;
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
    let list::Authorized { people: names, repeated } =
        list::authorized(&body.list, body.study.as_deref(), permit.now())?;
    let people: Vec<UserId> = asked.people.keys().cloned().collect();
    let mut now = BTreeMap::new();
    for one in site.access.names_of(&people).await? {
        let until = asked.people.get(&one.id).copied().flatten();
        now.insert(one.name, (one.id, until));
    }
    let mut accounts = BTreeMap::new();
    for name in names.keys() {
        // Whoever is not of the workspace could use nothing there, and is told of as whoever has no account.
        if let Some(found) = site.access.member_named(&permit, &asked.workspace, name).await? {
            accounts.insert(name.clone(), found);
        }
    }
    let made = Difference::between(&now, &names, &accounts);
    let digest = made.digest();
    if body.confirm.is_some_and(|confirmed| confirmed != digest) {
        return Err(sharing::Error::OtherDifference.into());
    }
    if body.confirm.is_some() {
        site.sharing.name_people(&permit, &asked.id, made.applied(&now)).await?;
    }
    let listed = |people: BTreeMap<String, Named>| {
        people.into_iter().map(|(name, (_, until))| Listed { name, until }).collect()
    };
    Ok(Answer(PeopleChanged {
        added: listed(made.added),
        changed: listed(made.changed),
        removed: made.removed.into_keys().collect(),
        unknown: made.unknown.into_iter().collect(),
        repeated: repeated.into_iter().collect(),
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
    reason: Sensitive<String>,
) -> Result<Permit<Manage, ProjectThing>, Failure> {
    let ask = Ask::<ProjectThing>::new(action, [project.clone()])
        .about(about.iter().cloned())
        .because(Some(reason));
    Ok(site.access.decide(caller, ask).await?)
}

async fn stated_of(site: &Site, workspace: &ProjectId) -> Result<Stated, Failure> {
    Ok(site.catalog.stated(workspace).await?.ok_or(access::Error::NotFound)?)
}

/// A dataset, the workspace that would use it, and what that was lent besides.
struct Fit<'a> {
    site: &'a Site,
    dataset: &'a Dataset,
    stated: Stated,
    place: access::Place,
    frameworks: BTreeSet<Framework>,
    others: Vec<Dataset>,
}

impl<'a> Fit<'a> {
    async fn of(site: &'a Site, dataset: &'a Dataset, workspace: &ProjectId) -> Result<Self, Failure> {
        let mut others = Vec::new();
        for held in site.sharing.approved_in(workspace).await? {
            if held.dataset != dataset.id {
                others.push(site.sharing.dataset(&held.dataset).await?);
            }
        }
        let place = site.catalog.place_in(workspace).await?.ok_or(access::Error::NotFound)?;
        let frameworks = site.catalog.frameworks_of(workspace).await?;
        Ok(Self { site, dataset, stated: stated_of(site, workspace).await?, place, frameworks, others })
    }

    fn beside(&self) -> BTreeSet<DatasetId> {
        self.others.iter().map(|one| one.id.clone()).collect()
    }

    /// Why the workspace is not one for it.
    fn against(&self) -> Vec<String> {
        let (dataset, mut found) = (self.dataset, Vec::new());
        let class = self.place.class.unwrap_or(Class::Sandbox);
        if class < dataset.class {
            found.push(format!("class: {} data is not used in a {class} project", dataset.class));
        }
        let (own, its) = (self.place.region.as_deref().unwrap_or_default(), &dataset.region);
        if own != its {
            found.push(format!("region: the data stays in {its}, and the workspace is in {own}"));
        }
        let missing = dataset
            .frameworks
            .iter()
            .filter(|law| **law != Framework::None && !self.frameworks.contains(law));
        found.extend(missing.map(|law| format!("frameworks: the workspace is not under {}", law.as_str())));
        let purpose = self.place.purpose.as_deref().unwrap_or_default();
        let offered = |word: &str| dataset.purposes.contains(word);
        if !offered(purpose) {
            found.push(format!("purpose: it is not offered for {purpose}"));
        }
        if self.uses().iter().any(|word| word == sharing::dataset::COMMERCIAL)
            && !offered(sharing::dataset::COMMERCIAL)
        {
            found.push("purpose: it is not offered for commercial use".to_owned());
        }
        found
    }

    /// The words that the workspace states its use in, beside its purpose.
    fn uses(&self) -> Vec<String> {
        let purpose = self.place.purpose.iter().filter_map(|word| word.parse().ok());
        purpose.flat_map(|purpose| self.stated.stated.words(purpose)).collect()
    }

    /// What its terms and its people's forbid of the use that the workspace states, and what they leave to a person. Only
    /// what the dataset's own terms forbid keeps an application from being made: of a person who forbids it nothing is used.
    async fn forbidden(&self) -> Result<(Vec<String>, BTreeSet<String>), Failure> {
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
    fn conflicts(&self, named: impl Fn(&DatasetId) -> String) -> Vec<String> {
        let Some(mut all) = self.dataset.terms.clone() else { return Vec::new() };
        let own = ("those of the workspace".to_owned(), &self.stated.terms);
        let others = self.others.iter().map(|other| (named(&other.id), &other.terms));
        for (whose, terms) in std::iter::once(own).chain(others) {
            let Some(terms) = terms else { return vec![format!("terms: {whose} cannot be read")] };
            match all.combine([terms], &nothing_known()) {
                Ok(both) => all = both,
                Err(conflict) => return vec![format!("terms: together with {whose}: {conflict}")],
            }
        }
        Vec::new()
    }
}

async fn wire(site: &Site, one: sharing::Application, asks: bool) -> Result<Application, Failure> {
    let now = site.access.clock().now();
    let loan = site.sharing.loan(one.clone()).await?;
    let (against, said) = (loan.against_all(now), format!("{}: ", one.id));
    let waits = matches!(one.state, Stands::Asked | Stands::RenewalAsked);
    let fit = Fit::of(site, &loan.dataset, &one.workspace).await?;
    let use_ = fit.place.purpose.iter().cloned().chain(fit.uses()).collect();
    let reasons = if asks && waits { fit.forbidden().await?.1 } else { BTreeSet::new() };
    let named: Vec<UserId> = one.people.keys().cloned().collect();
    let mut people = Vec::new();
    for account in site.access.names_of(&named).await? {
        let until = one.people.get(&account.id).copied().flatten();
        people.push(Listed { name: account.name, until });
    }
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
        why_not: against.map(|one| one.why.trim_start_matches(&said).to_owned()),
        reason: one.why.filter(|_| asks).map(Sensitive::into_revealed),
        report: one.report.filter(|_| asks).map(Sensitive::into_revealed),
        reasons: reasons.into_iter().collect(),
    })
}
