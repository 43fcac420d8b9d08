//! From a caller and a question to a permit.

use crate::action::{changes, verb_of};
use crate::caller::Act;
use crate::exception::is_exception;
use crate::judge::{Checks, Judge, Judgement};
use crate::permit::{Ground, Permit};
use crate::settings::Checked;
use crate::terminal::Terminals;
use crate::thing::Thing;
use crate::verb::Verb;
use crate::{Ask, Caller, Error, Facts, Place};
use audit::field::{SealedField, Whose};
use audit::{Actor, Audit, Event, FieldSealer, What};
use base::{Boxed, Clock, Entropy, Id, ProjectId, Role, SubjectId};
use db::Db;
use policy::{Action, Policies, Request, Resource};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The door: accounts, sessions, grants and decisions. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub db: Db,
    pub audit: Audit,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub judge: Judge,
    settings: OnceLock<Checked>,
    pub facts: OnceLock<Arc<dyn Facts>>,
    sealer: OnceLock<Arc<dyn FieldSealer>>,
    read_only: Mutex<Option<String>>,
    pub sessions: OnceLock<crate::limits::Asked>,
    pub passkeys: OnceLock<crate::passkey::Passkeys>,
    pub terminals: Terminals,
    pub passwords: crate::password::Passwords,
    pub trust: OnceLock<crate::issuer::Trust>,
    pub provider: OnceLock<Arc<crate::oidc::Provider>>,
    pub oidc: crate::oidc::Ceremonies,
    pub strictest: Mutex<Option<(std::time::Duration, base::Class)>>,
    pub exceptions: OnceLock<crate::Exceptions>,
}

/// The record's word for why a decision denies while the site changes nothing.
const READ_ONLY: &str = "site-read-only";

/// Bytes of a reason that a record takes.
const LONGEST_REASON: usize = 2000;

impl Access {
    /// Makes the door. [`Access::attach`] follows before the first decision about a thing.
    pub fn new(
        db: Db,
        audit: Audit,
        policies: Policies,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let (facts, sealer, read_only) = (OnceLock::new(), OnceLock::new(), Mutex::default());
        let (judge, settings) = (Judge::new(policies), OnceLock::new());
        let (sessions, strictest) = (OnceLock::new(), Mutex::default());
        let (passkeys, terminals, trust) = (OnceLock::new(), Terminals::default(), OnceLock::new());
        let passwords = crate::password::Passwords::default();
        let (provider, oidc) = (OnceLock::new(), crate::oidc::Ceremonies::default());
        let inner = Inner {
            db,
            audit,
            clock,
            entropy,
            judge,
            settings,
            facts,
            sealer,
            read_only,
            sessions,
            passkeys,
            terminals,
            passwords,
            trust,
            provider,
            oidc,
            strictest,
            exceptions: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Takes what the site sets about its decisions. Once; later calls change nothing.
    pub fn configure(&self, settings: Checked) {
        let _ = self.inner.settings.set(settings);
    }

    /// Why Cedar alone decides now, if so.
    pub fn distrust(&self) -> Option<String> {
        self.inner.judge.is_distrusted().then(|| {
            "the compiled form of the policies disagreed with Cedar, which decides alone since".to_owned()
        })
    }

    /// The policies that have no compiled form, and why.
    pub fn interpreted(&self) -> Vec<policy::Interpreted> {
        self.inner.judge.policies().interpreted().to_vec()
    }

    /// Records how many decisions there were since the last such record, and how many were checked.
    pub async fn record_checks(&self, actor: &Actor) -> Result<(), Error> {
        let Checks { decisions, compiled, checked, disagreed } = self.inner.judge.take_checks();
        if decisions == 0 {
            return Ok(());
        }
        let what = What::PolicyChecked { decisions, compiled, checked, disagreed };
        self.inner.audit.follow(&Event::new(actor.clone(), what)).await?;
        Ok(())
    }

    pub(crate) fn settings(&self) -> &Checked {
        self.inner.settings.get_or_init(Checked::default)
    }

    /// The clock that decisions go by: what ended by it stays ended, also where the machine's is set back.
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock.clone()
    }

    /// Attaches what knows the places of things, and what seals readable fields. Once; later
    /// calls change nothing. Before it, every decision about a thing is denied.
    pub fn attach(&self, facts: Arc<dyn Facts>, sealer: Arc<dyn FieldSealer>) {
        let _ = self.inner.facts.set(facts);
        let _ = self.inner.sealer.set(sealer);
    }

    /// Shortens sessions, as the site's settings ask. Once; later calls change nothing.
    pub fn limit_sessions(&self, asked: crate::limits::Asked) {
        let _ = self.inner.sessions.set(asked);
    }

    /// Has every new decision to change something deny, as long as there is a reason. Work that was begun
    /// may end.
    pub fn set_read_only(&self, why: Option<String>) {
        *self.inner.read_only.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Why the site changes nothing now, if so.
    pub fn read_only(&self) -> Option<String> {
        self.inner.read_only.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The trail that decisions are recorded in.
    pub fn audit(&self) -> &Audit {
        &self.inner.audit
    }

    /// The digest of the policies in force.
    pub fn policy_digest(&self) -> base::Sha256 {
        self.inner.judge.digest()
    }

    /// Decides, records the decision durably, and gives a permit when it was allowed.
    ///
    /// INVARIANT (no-permit-without-record): the permit is made after `gate` returned.
    pub async fn decide<V: Verb, T: Thing>(
        &self,
        caller: &Caller,
        ask: Ask<T>,
    ) -> Result<Permit<V, T>, Error> {
        let hindered = self.read_only().filter(|_| changes(ask.action));
        self.decide_unless(hindered, caller, ask).await
    }

    /// INVARIANT (read-only): a decision that is hindered is recorded as one that denies.
    async fn decide_unless<V: Verb, T: Thing>(
        &self,
        hindered: Option<String>,
        caller: &Caller,
        ask: Ask<T>,
    ) -> Result<Permit<V, T>, Error> {
        // A reason that does not fit into a record is none: the act is decided, and recorded, without it.
        let too_long = ask.reason.as_ref().is_some_and(|reason| reason.reveal().len() > LONGEST_REASON);
        let ask = if too_long { ask.because(None) } else { ask };
        if verb_of(ask.action) != V::NAME {
            return Err(Error::Verb { action: ask.action.as_str(), verb: V::NAME });
        }
        self.standing(caller).await?;
        // Before anything is asked: what follows stands on these policies or on newer ones.
        let epoch = self.inner.judge.epoch();
        let (place, home) = self.place_of_all::<T>(&ask).await?;
        // What is not in its project is, to a service account, as what is not there.
        let Some(place) = place.filter(|place| caller.acting().is_none_or(|acting| acting.may_know(place)))
        else {
            let by = By { allowed: false, policies: Vec::new(), set: self.policy_digest() };
            self.record(caller, &ask, None, by).await?;
            return Err(Error::NotFound);
        };
        let roles = self.roles_of(caller, place.project.as_ref()).await?;
        let same_person = match (caller.person(), &ask.target) {
            (Some(user), Some(target)) => self.same_person(user, target).await?,
            _ => false,
        };
        // INVARIANT (one-holder): what was just read is what counts, and the record it goes into is the site's. A
        // process that another one has taken the database from decides nothing, also where it would only read.
        self.inner.db.held().await?;
        let opened = self.opened_by(caller.person(), &place).await?;
        let known = policy::Context {
            same_person,
            break_glass_open: opened.break_glass,
            support_open: opened.support,
            ..policy::Context::default()
        };
        let Judgement { decision, cedar } = self.ask_policy(caller, &ask, &place, &roles, known);
        if let Some(cedar) = cedar {
            self.disagreed(caller, ask.action, cedar).await?;
        }
        if decision.allowed
            && let Some((policies, refused)) = self.beside(caller, &ask, &place, hindered).await?
        {
            let by = By { allowed: false, policies, set: decision.policy };
            self.record(caller, &ask, Some(&place), by).await?;
            return Err(refused);
        }
        let policies = decision.reasons.clone();
        let by = By { allowed: decision.allowed, policies, set: decision.policy };
        let committed = self.record(caller, &ask, Some(&place), by).await?;
        if !decision.allowed {
            let refused = refusal(ask.action, &roles, place.project.is_some(), &decision.reasons);
            return Err(match refused {
                Error::Denied { .. } if too_long => Error::LongReason(LONGEST_REASON),
                refused => refused,
            });
        }
        let about = ask.ids();
        caller.push(Act { decision: committed, project: place.project.clone(), about, unwraps: 0 });
        let ground = Ground {
            things: ask.things,
            project: place.project,
            home,
            purpose: place.purpose,
            retention: place.retention,
            class: place.class,
            caller: caller.clone(),
            decision: committed,
            grants: roles.grants,
            epoch,
        };
        Ok(Permit::new(ground, self.inner.clock.clone(), self.inner.audit.clone()))
    }

    /// Decides about the same things again, for work that outlives a lease: by the roles and the
    /// policy of now. What the first question stated beyond the things (reason, target, what else
    /// the record stands with) is not repeated; an action that needs it is asked for anew.
    pub async fn renew<V: Verb, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        action: Action,
    ) -> Result<Permit<V, T>, Error> {
        let again = Ask::new(action, permit.things().iter().cloned()).in_workspace(permit.workspace());
        self.decide_unless(None, permit.caller(), again).await
    }

    /// The class of a project, as far as it is known.
    pub(crate) async fn class_of(&self, project: &ProjectId) -> Result<Option<base::Class>, Error> {
        Ok(self.place_of(project.as_str()).await?.and_then(|place| place.class))
    }

    /// The place that all things of a question are asked for in, and, where that is another, their home.
    ///
    /// INVARIANT (lent-alone-is-elsewhere): a thing is asked for outside of its own project only where its home has lent it.
    pub(crate) async fn place_of_all<T: Thing>(
        &self,
        ask: &Ask<T>,
    ) -> Result<(Option<Place>, Option<ProjectId>), Error> {
        let mut common: Option<Place> = None;
        for thing in &ask.things {
            let Some(place) = self.place_of(thing.as_str()).await? else { return Ok((None, None)) };
            match &common {
                Some(first) if *first != place => return Err(Error::MixedProjects),
                _ => common = Some(place),
            }
        }
        let home = common.as_ref().and_then(|place| place.project.clone());
        let Some(workspace) = ask.workspace.as_ref().filter(|own| home.as_ref() != Some(*own)) else {
            return Ok((common, None));
        };
        let Some(facts) = self.inner.facts.get() else { return Ok((None, None)) };
        for thing in &ask.things {
            if !facts.is_lent(workspace, thing.as_str()).await.map_err(Error::Facts)? {
                return Ok((None, None));
            }
        }
        Ok((self.place_of(workspace.as_str()).await?, home))
    }

    fn ask_policy<T: Thing>(
        &self,
        caller: &Caller,
        ask: &Ask<T>,
        place: &Place,
        roles: &Roles,
        known: policy::Context,
    ) -> Judgement {
        let resource = Resource {
            kind: T::KIND,
            id: ask.things.first().map(|id| id.as_str().to_owned()).unwrap_or_default(),
            project: place.project.as_ref().map(ToString::to_string),
            class: place.class,
            region: place.region.clone(),
        };
        let context = policy::Context {
            purpose: ask.reason.as_ref().map(|r| r.reveal().clone()),
            strong_authentication: caller.signed().is_some_and(|signed| signed.proof.resists_phishing()),
            on_behalf_of: caller.on_behalf_of().map(ToString::to_string),
            target: ask.target.as_ref().map(ToString::to_string),
            network: caller.network(),
            ..known
        };
        let context = self.here_and_now(Some(place), context);
        let actor = policy::Actor {
            id: caller.actor().to_string(),
            service: matches!(caller.actor(), Actor::Service(_)),
            site_roles: roles.site.clone(),
            project_roles: roles.project.clone(),
        };
        let one_in = self.settings().settings.check_one_in;
        let asked = Request { actor, action: ask.action, resource, context };
        let own = self.inner.judge.decide(&asked, one_in, &*self.inner.entropy);
        // INVARIANT (never-more-than-its-person): what a service may do, its person may do as well.
        let Some(person) = caller.on_behalf_of().filter(|_| own.decision.allowed) else { return own };
        let actor = policy::Actor { id: person.to_string(), service: false, ..asked.actor };
        // By what the person proved themselves when they let it act, not by what the machine did.
        let strong_authentication = caller.acting().is_some_and(|acting| acting.lent.resists_phishing());
        let context = policy::Context { on_behalf_of: None, strong_authentication, ..asked.context };
        let theirs = Request { actor, context, ..asked };
        let theirs = self.inner.judge.decide(&theirs, one_in, &*self.inner.entropy);
        if theirs.decision.allowed { own } else { theirs }
    }

    /// The circumstances with the time at the site, and whether the place may lie here.
    pub(crate) fn here_and_now(&self, place: Option<&Place>, stated: policy::Context) -> policy::Context {
        let Checked { settings, zone } = self.settings();
        let time = self.inner.clock.now().to_zoned(zone.clone());
        let project = place.filter(|place| place.project.is_some() && !settings.regions.is_empty());
        let lies_here = |place: &Place| place.region.as_ref().is_some_and(|r| settings.regions.contains(r));
        policy::Context {
            hour: time.hour().unsigned_abs(),
            weekday: time.weekday().to_monday_one_offset().unsigned_abs(),
            out_of_region: project.is_some_and(|place| !lies_here(place)),
            ..stated
        }
    }

    /// The set in force.
    pub(crate) fn policies(&self) -> Arc<Policies> {
        self.inner.judge.policies()
    }

    /// What `policies` would decide if they were in force. It is no decision: nothing is recorded, nothing given.
    pub(crate) fn would(&self, policies: &Policies, request: &Request) -> policy::Decision {
        self.inner.judge.would(policies, request)
    }

    /// The place of the thing with this id.
    pub(crate) async fn place_of(&self, id: &str) -> Result<Option<Place>, Error> {
        let Some(facts) = self.inner.facts.get() else { return Ok(None) };
        if !is_exception(id) {
            return facts.place(id).await.map_err(Error::Facts);
        }
        // Of these this room itself knows the project.
        match self.project_of_exception(id).await? {
            Some(project) => facts.place(&project).await.map_err(Error::Facts),
            None => Ok(None),
        }
    }

    /// What seals readable fields, once it is attached.
    pub(crate) fn sealer(&self) -> Option<&Arc<dyn FieldSealer>> {
        self.inner.sealer.get()
    }

    /// Puts on record that Cedar said something else than the compiled form.
    async fn disagreed(&self, caller: &Caller, action: Action, cedar: bool) -> Result<(), Error> {
        let (action, policy) = (action.as_str().to_owned(), self.inner.judge.digest());
        self.inner.audit.gate(&caller.event(What::PolicyDisagreed { action, policy, cedar })).await?;
        Ok(())
    }

    pub(crate) async fn record<T: Thing>(
        &self,
        caller: &Caller,
        ask: &Ask<T>,
        place: Option<&Place>,
        by: By,
    ) -> Result<u64, Error> {
        let project = place.and_then(|p| p.project.clone());
        let words = match ask.words_follow && by.allowed {
            true => None,
            false => self.seal_reason(project.as_ref(), ask).await?,
        };
        let (sealed_reason, sealed_under) = words.map(|words| (words.text, words.subject)).unzip();
        let what = What::Decision {
            action: ask.action.as_str().to_owned(),
            allowed: by.allowed,
            policies: by.policies,
            policy: by.set,
            changes: ask.action.changes_state(),
            sealed_reason,
            sealed_under: sealed_under.flatten(),
        };
        let mut event = caller.event(what).in_project(project).about(ask.ids());
        event.purpose = place.and_then(|p| p.purpose.clone());
        Ok(self.inner.audit.gate(&event).await?.position)
    }

    /// Words about one subject's things are sealed under that subject's key and the project's, others
    /// under the project's. Outside of a project no words are kept: no key there can be shredded.
    async fn seal_reason<T: Thing>(
        &self,
        project: Option<&ProjectId>,
        ask: &Ask<T>,
    ) -> Result<Option<SealedField>, Error> {
        let (Some(project), Some(reason), Some(sealer)) = (project, &ask.reason, self.inner.sealer.get())
        else {
            return Ok(None);
        };
        let whose = Whose { project: project.clone(), subject: self.subject_of_all(ask).await? };
        Ok(sealer.seal(&whose, reason).await?)
    }

    /// The one subject that all things of a question are about, if there is one.
    async fn subject_of_all<T: Thing>(&self, ask: &Ask<T>) -> Result<Option<SubjectId>, Error> {
        let Some(facts) = self.inner.facts.get() else { return Ok(None) };
        let mut common: Option<SubjectId> = None;
        for thing in &ask.things {
            let Some(subject) = facts.subject(thing.as_str()).await.map_err(Error::Facts)? else {
                return Ok(None);
            };
            match &common {
                Some(first) if *first != subject => return Ok(None),
                _ => common = Some(subject),
            }
        }
        Ok(common)
    }

    /// What stands against an act that the policies allow, if something does: the words for the record, and what is said.
    async fn beside<T: Thing>(
        &self,
        caller: &Caller,
        ask: &Ask<T>,
        place: &Place,
        hindered: Option<String>,
    ) -> Result<Option<(Vec<String>, Error)>, Error> {
        if let Some(missing) = self.unproved(caller, ask.action, place).await? {
            return Ok(Some((vec![crate::proof::word(&missing).to_owned()], missing)));
        }
        if let Some(refused) = self.unusable(caller, ask, place).await {
            return Ok(Some(refused));
        }
        Ok(hindered.map(|why| (vec![READ_ONLY.to_owned()], Error::ReadOnly(why))))
    }

    fn roles_of<'a>(
        &'a self,
        caller: &'a Caller,
        project: Option<&'a ProjectId>,
    ) -> Boxed<'a, Result<Roles, Error>> {
        Box::pin(self.held_roles(caller, project))
    }

    async fn held_roles(&self, caller: &Caller, project: Option<&ProjectId>) -> Result<Roles, Error> {
        let Some(user) = caller.person() else { return Ok(Roles::default()) };
        let mut roles = Roles::default();
        for grant in self.live_grants(user).await? {
            // INVARIANT (by-themselves): what somebody sees by way of exception no program sees for them.
            if grant.under.is_some() && caller.acting().is_some() {
                continue;
            }
            match &grant.project {
                None => roles.site.insert(grant.role),
                Some(own) if Some(own) == project => roles.project.insert(grant.role),
                Some(_) => continue,
            };
            roles.grants.push(grant.id.to_string());
        }
        Ok(roles)
    }
}

/// What decided, for the record.
pub(crate) struct By {
    pub allowed: bool,
    pub policies: Vec<String>,
    /// The digest of the set.
    pub set: base::Sha256,
}

#[derive(Debug, Default)]
struct Roles {
    site: BTreeSet<Role>,
    project: BTreeSet<Role>,
    /// The grants that they come from.
    grants: Vec<String>,
}

/// Someone without any role in a project learns nothing of its things, not even that they exist.
fn refusal(action: Action, roles: &Roles, of_project: bool, reasons: &[String]) -> Error {
    if of_project && roles.project.is_empty() {
        return Error::NotFound;
    }
    let held = if of_project { &roles.project } else { &roles.site };
    let held: Vec<_> = held.iter().map(|role| role.as_str()).collect();
    let held = if held.is_empty() { "no role here".to_owned() } else { held.join(", ") };
    let why = if reasons.is_empty() {
        format!("you hold {held}, and none of that gives the right to {action}; ask who administers it")
    } else {
        format!("{}; you hold {held}", reasons.join(", "))
    };
    Error::Denied { action: action.as_str(), why }
}
