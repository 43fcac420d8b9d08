//! The lease that functions on protected data ask for.

use crate::judge::Epoch;
use crate::{Caller, Error};
use audit::{Actor, Audit};
use base::{Class, Clock, Id, ProjectId, Retention, Timestamp};
use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// How long a permit lasts before a new decision is needed.
pub const LEASE: Duration = Duration::from_secs(60);
/// How long work that lasts goes on under one decision before it asks for the next. What is on its way then comes to its
/// end within the lease.
pub const RENEW: Duration = Duration::from_secs(20);

/// What a permit lets its holder do.
pub mod verb {
    /// A right that a permit carries.
    pub trait Verb: Send + Sync + 'static {
        /// Its name in messages.
        const NAME: &'static str;
    }
    /// Verbs under which objects may be opened.
    pub trait Opens: Verb {}
    /// Verbs under which new objects may be sealed into a project.
    pub trait Seals: Verb {}
    /// Verbs under which the identity map is read.
    pub trait Knows: Verb {}
    /// Verbs under which the words of a project are read: labels, names, what runs said.
    pub trait Sees: Verb {}

    macro_rules! verbs {
        ($($(#[$doc:meta])* $name:ident = $text:literal $(: $role:ident)*;)*) => {$(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}
            impl Verb for $name { const NAME: &'static str = $text; }
            $(impl $role for $name {})*
        )*};
    }

    verbs! {
        /// See metadata: ids, labels, states.
        View = "view": Sees;
        /// Look for identifiers in the words of a project, with nobody to show them to: the site's own.
        Discover = "discover": Sees;
        /// Open content to show what was asked for; the content stays inside.
        Read = "read": Opens;
        /// Re-address content to a recipient: it leaves.
        Release = "release": Opens;
        /// Seal what arrives.
        Write = "write": Seals;
        /// Open inputs for a sealed job and seal its outputs.
        Run = "run": Opens: Seals;
        /// Change records that are not protected data: accounts, members, tools, references.
        Manage = "manage": Seals;
        /// Take who people are out of a sheet, and keep it apart.
        Split = "split": Seals: Knows;
        /// Say who somebody is.
        Identify = "identify": Knows;
    }
}

/// What a permit is about.
pub mod thing {
    use base::Id;

    /// A kind of thing that permits are made for.
    pub trait Thing: Send + Sync + 'static {
        /// The type of its id.
        type Id: Id;
        /// The policy's word for it.
        const KIND: &'static str;
    }

    macro_rules! things {
        ($($(#[$doc:meta])* $name:ident, $id:ident, $kind:literal;)*) => {$(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}
            impl Thing for $name { type Id = base::$id; const KIND: &'static str = $kind; }
        )*};
    }

    things! {
        /// The site as a whole.
        Site, SiteId, "site";
        /// A project.
        Project, ProjectId, "project";
        /// A data subject.
        Subject, SubjectId, "subject";
        /// A sample.
        Sample, SampleId, "sample";
        /// A sealed object.
        Object, ObjectId, "object";
        /// A run.
        Run, RunId, "run";
        /// A reference.
        Reference, ReferenceId, "reference";
        /// A deletion, of which a certificate speaks.
        Deletion, DeletionId, "deletion";
        /// A break-glass.
        BreakGlass, BreakGlassId, "break-glass";
        /// A support session.
        Support, SupportId, "support-session";
    }
}

/// The right to do one thing, for a while, to certain things. Made by
/// [`Access::decide`](crate::Access::decide), and of the site's own by
/// [`Access::discover_by_itself`](crate::Access::discover_by_itself).
///
/// INVARIANT (no-permit-without-record): the only constructor is private to this room and is
/// called after the decision's event is durable.
pub struct Permit<V: verb::Verb, T: thing::Thing> {
    things: BTreeSet<T::Id>,
    project: Option<ProjectId>,
    home: Option<ProjectId>,
    purpose: Option<String>,
    retention: Option<Retention>,
    class: Option<Class>,
    caller: Caller,
    decision: u64,
    grants: Vec<String>,
    ends: Duration,
    epoch: Epoch,
    clock: Arc<dyn Clock>,
    audit: Audit,
    verb: PhantomData<fn() -> V>,
}

/// What [`Permit::new`] needs, by name.
pub(crate) struct Ground<T: thing::Thing> {
    pub things: BTreeSet<T::Id>,
    pub project: Option<ProjectId>,
    pub home: Option<ProjectId>,
    pub purpose: Option<String>,
    pub retention: Option<Retention>,
    pub class: Option<Class>,
    pub caller: Caller,
    pub decision: u64,
    pub grants: Vec<String>,
    pub epoch: Epoch,
}

impl<V: verb::Verb, T: thing::Thing> Permit<V, T> {
    pub(crate) fn new(ground: Ground<T>, clock: Arc<dyn Clock>, audit: Audit) -> Self {
        let Ground { things, project, home, purpose, retention, class, caller, decision, grants, epoch } =
            ground;
        let ends = clock.monotonic().saturating_add(LEASE);
        let verb = PhantomData;
        Self {
            things,
            project,
            home,
            purpose,
            retention,
            class,
            caller,
            decision,
            grants,
            ends,
            epoch,
            clock,
            audit,
            verb,
        }
    }

    /// Fails when the permit has ended: with its lease, or with the policies that gave it. Holders ask before
    /// each range and each step.
    pub fn live(&self) -> Result<(), Error> {
        if self.is_leased() && self.epoch.is_now() { Ok(()) } else { Err(Error::PermitEnded) }
    }

    /// Whether work that lasts asks for the next one now.
    pub fn is_due(&self) -> bool {
        self.live().is_err()
            || self.clock.monotonic() >= self.ends.saturating_sub(LEASE.saturating_sub(RENEW))
    }

    /// The grants whose roles counted for it.
    pub(crate) fn grants(&self) -> &[String] {
        &self.grants
    }

    /// Whether it ended because other policies are in force now, so that asking again may well give another.
    pub fn is_superseded(&self) -> bool {
        self.is_leased() && !self.epoch.is_now()
    }

    fn is_leased(&self) -> bool {
        self.clock.monotonic() < self.ends
    }

    /// The time by the clock that it ends by.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Fails when the permit has ended or does not cover `id`.
    pub fn covers(&self, id: &T::Id) -> Result<(), Error> {
        self.live()?;
        if self.things.contains(id) { Ok(()) } else { Err(Error::NotCovered(id.as_str().to_owned())) }
    }

    /// The thing of a permit for one thing. Fails when the permit has ended.
    pub fn one(&self) -> Result<&T::Id, Error> {
        self.live()?;
        match (self.things.first(), self.things.len()) {
            (Some(id), 1) => Ok(id),
            _ => Err(Error::NotFound),
        }
    }

    /// Counts one unwrapping of a key, before it happens. The decision is the record of who may and why;
    /// how many keys were used stands in its outcome.
    ///
    /// INVARIANT (unwrap-on-record): refused when the ledger takes nothing any more, and when the outcome
    /// is already on its way there: what could not be counted is not unwrapped.
    pub fn count_unwrap(&self) -> Result<(), Error> {
        self.live()?;
        if let Some(failure) = self.audit.ledger().failure() {
            return Err(audit::Error::NotRecorded(failure).into());
        }
        if self.caller.count_unwrap(self.decision) { Ok(()) } else { Err(Error::PermitEnded) }
    }

    /// The things it covers.
    pub fn things(&self) -> &BTreeSet<T::Id> {
        &self.things
    }

    /// The project that it was given in.
    pub fn project(&self) -> Option<&ProjectId> {
        self.project.as_ref()
    }

    /// The project that its things are of: another one than [`Permit::project`] where they are lent to that.
    pub fn home(&self) -> Option<&ProjectId> {
        self.home.as_ref().or(self.project.as_ref())
    }

    /// The project that its things are lent to, if they are.
    pub fn workspace(&self) -> Option<ProjectId> {
        self.home.is_some().then(|| self.project.clone()).flatten()
    }

    /// The project, for functions that need one.
    pub fn in_project(&self) -> Result<&ProjectId, Error> {
        self.live()?;
        self.project.as_ref().ok_or_else(|| Error::NotCovered("a project".into()))
    }

    /// The purpose it was given for.
    pub fn purpose(&self) -> Option<&str> {
        self.purpose.as_deref()
    }

    /// How long its project keeps objects at least; none on the site.
    pub fn retention(&self) -> Option<Retention> {
        self.retention
    }

    /// How strict its project is; none on the site.
    pub(crate) fn class(&self) -> Option<Class> {
        self.class
    }

    /// The ledger position of the decision it stands on.
    pub fn decision(&self) -> u64 {
        self.decision
    }

    /// Who holds it.
    pub fn actor(&self) -> &Actor {
        self.caller.actor()
    }

    /// An event of whoever holds it, in their request.
    pub fn event(&self, what: audit::What) -> audit::Event {
        self.caller.event(what)
    }

    /// The request it was given in.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Judge;
    use base::{FixedClock, RequestId, SystemEntropy, Timestamp, UserId};

    #[test]
    fn a_permit_covers_what_it_names_until_its_lease_ends() {
        let clock = Arc::new(FixedClock::at(Timestamp::UNIX_EPOCH));
        let (own, project) = (ProjectId::mint(&SystemEntropy), ProjectId::mint(&SystemEntropy));
        let judge = Judge::new(policy::Policies::shipped().unwrap());
        let ground = |judge: &Judge| Ground {
            things: BTreeSet::from([own.clone()]),
            project: Some(own.clone()),
            home: None,
            purpose: None,
            retention: None,
            class: None,
            caller: Caller::new(UserId::mint(&SystemEntropy), RequestId::mint(&SystemEntropy), None),
            decision: 7,
            grants: Vec::new(),
            epoch: judge.epoch(),
        };
        let folder = tempfile::tempdir().unwrap();
        let key = ledger::SigningKey::from_seed(&[3; 32]).unwrap();
        let ledger = ledger::Ledger::create(&folder.path().join("l"), "test/site", key, clock.clone());
        let audit = Audit::new(ledger.unwrap());
        let permit: Permit<verb::View, thing::Project> =
            Permit::new(ground(&judge), clock.clone(), audit.clone());
        // No act of this decision waits for its outcome, so nothing would count it.
        assert!(matches!(permit.count_unwrap(), Err(Error::PermitEnded)));
        permit.covers(&own).unwrap();
        assert!(matches!(permit.covers(&project), Err(Error::NotCovered(_))));
        clock.advance(RENEW - Duration::from_nanos(1));
        assert!(!permit.is_due());
        clock.advance(Duration::from_nanos(1));
        assert!(permit.is_due());
        clock.advance(LEASE - RENEW - Duration::from_nanos(1));
        permit.live().unwrap();
        clock.advance(Duration::from_nanos(1));
        assert!(matches!(permit.live(), Err(Error::PermitEnded)));
        assert!(matches!(permit.covers(&own), Err(Error::PermitEnded)));
        assert!(matches!(permit.in_project(), Err(Error::PermitEnded)));
        assert!(!permit.is_superseded());
        // One that other policies gave ends with them, whatever is left of its lease.
        let permit: Permit<verb::View, thing::Project> = Permit::new(ground(&judge), clock.clone(), audit);
        permit.live().unwrap();
        judge.replace_since(&judge.epoch(), policy::Policies::shipped().unwrap(), Default::default());
        assert!(matches!(permit.live(), Err(Error::PermitEnded)) && permit.is_superseded());
        assert!(matches!(permit.covers(&own), Err(Error::PermitEnded)));
    }
}
