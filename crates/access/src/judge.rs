//! The policies in force, and the check that their compiled form says what Cedar says.

use crate::proposal::Texts;
use base::{Entropy, Sha256};
use policy::{Action, Decision, Policies, Request};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// What a record names as deciding when the two forms disagreed.
pub(crate) const DISAGREES: &str = "compiled-form-disagrees";

/// Decides by the compiled form, and asks Cedar about some of its answers.
///
/// INVARIANT (cedar-is-the-truth): after the first disagreement Cedar alone decides, until another set comes
/// into force.
pub(crate) struct Judge {
    force: RwLock<Force>,
    /// Decides alone who changes policies.
    shipped: Arc<Policies>,
    /// Ends the permits that stand on a set that is no longer in force.
    epoch: Arc<AtomicU64>,
    distrusted: AtomicBool,
    /// Decisions until the next is checked; 0 before the first was drawn.
    left: Mutex<u32>,
    counts: Counts,
}

/// A set in both forms. They are of one set; a test makes them of two.
#[derive(Clone)]
struct Force {
    fast: Arc<Policies>,
    truth: Arc<Policies>,
    /// The site's own files in it.
    own: Arc<Texts>,
}

#[derive(Default)]
struct Counts {
    decisions: AtomicU64,
    compiled: AtomicU64,
    checked: AtomicU64,
    disagreed: AtomicU64,
}

/// How many decisions there were since the last time that somebody asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checks {
    /// All of them.
    pub decisions: u64,
    /// Those that the compiled form answered.
    pub compiled: u64,
    /// Those of these that were put to Cedar as well.
    pub checked: u64,
    /// Those of these that Cedar answered differently.
    pub disagreed: u64,
}

/// The epoch of a set of policies.
#[derive(Debug, Clone)]
pub(crate) struct Epoch {
    at: u64,
    now: Arc<AtomicU64>,
}

impl Epoch {
    /// Whether the set is still in force.
    pub(crate) fn is_now(&self) -> bool {
        self.now.load(Ordering::SeqCst) == self.at
    }
}

/// One decision.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub decision: Decision,
    /// What Cedar said, where the compiled form said something else.
    pub cedar: Option<bool>,
}

/// Whether a site's own policies have no say in an action.
///
/// INVARIANT (way-back): what sees, proposes and approves policies is decided by the shipped ones alone, and so is what
/// lets somebody sign in to do it. So no set that came into force can keep people from replacing it, and none can say
/// who approves the next.
const fn is_of_way_back(action: Action) -> bool {
    matches!(
        action,
        Action::ViewPolicy | Action::ProposePolicy | Action::ApprovePolicy | Action::ManageAccounts
    )
}

impl Judge {
    pub(crate) fn new(policies: Policies) -> Self {
        let policies = Arc::new(policies);
        Self::of(Force { fast: policies.clone(), truth: policies, own: Arc::default() })
    }

    fn of(force: Force) -> Self {
        Self {
            shipped: force.truth.clone(),
            force: RwLock::new(force),
            epoch: Arc::new(AtomicU64::new(0)),
            distrusted: AtomicBool::new(false),
            left: Mutex::new(0),
            counts: Counts::default(),
        }
    }

    /// The set in force.
    pub(crate) fn policies(&self) -> Arc<Policies> {
        self.force().truth
    }

    /// The policies without a site's own.
    pub(crate) fn shipped(&self) -> &Policies {
        &self.shipped
    }

    /// The site's own files in the set in force.
    pub(crate) fn own(&self) -> Texts {
        Texts::clone(&self.force().own)
    }

    /// The number of sets that were in force before, and where to see it change.
    pub(crate) fn epoch(&self) -> Epoch {
        Epoch { at: self.epoch.load(Ordering::SeqCst), now: self.epoch.clone() }
    }

    /// Puts another set in force.
    ///
    /// INVARIANT (one-set-a-permit): the epoch is raised after the new set decides. A permit takes its epoch before
    /// its decision, so none that the old set gave outlives it. Unless another set came into force since `epoch`:
    /// what was read before that is out of date.
    pub(crate) fn replace_since(&self, epoch: &Epoch, policies: Policies, own: Texts) {
        let policies = Arc::new(policies);
        let mut force = self.force.write().unwrap_or_else(PoisonError::into_inner);
        if epoch.is_now() {
            *force = Force { fast: policies.clone(), truth: policies, own: Arc::new(own) };
            self.distrusted.store(false, Ordering::SeqCst);
            self.epoch.fetch_add(1, Ordering::SeqCst);
        }
    }

    pub(crate) fn digest(&self) -> Sha256 {
        self.policies().digest()
    }

    /// What `policies` would decide if they were in force. Counts nothing.
    pub(crate) fn would(&self, policies: &Policies, request: &Request) -> Decision {
        let policies = if is_of_way_back(request.action) { &self.shipped } else { policies };
        if self.is_distrusted() { policies.interpret(request) } else { policies.decide(request) }
    }

    /// Decides. `one_in` of the compiled form's answers is put to Cedar; which one is drawn from `entropy`.
    pub(crate) fn decide(&self, request: &Request, one_in: u32, entropy: &dyn Entropy) -> Judgement {
        let mut force = self.force();
        if is_of_way_back(request.action) {
            (force.fast, force.truth) = (self.shipped.clone(), self.shipped.clone());
        }
        count(&self.counts.decisions);
        let compiled = match self.is_distrusted() {
            true => None,
            false => force.fast.compiled(request),
        };
        let Some(fast) = compiled else {
            return Judgement { decision: force.truth.interpret(request), cedar: None };
        };
        count(&self.counts.compiled);
        if !self.is_due(one_in, entropy) {
            return Judgement { decision: fast, cedar: None };
        }
        count(&self.counts.checked);
        let truth = force.truth.interpret(request);
        if (fast.allowed, &fast.reasons) == (truth.allowed, &truth.reasons) {
            return Judgement { decision: truth, cedar: None };
        }
        self.distrusted.store(true, Ordering::SeqCst);
        count(&self.counts.disagreed);
        let denied = Decision { allowed: false, reasons: vec![DISAGREES.to_owned()], policy: truth.policy };
        Judgement { decision: denied, cedar: Some(truth.allowed) }
    }

    /// Whether Cedar alone decides, since the compiled form was once wrong.
    pub(crate) fn is_distrusted(&self) -> bool {
        self.distrusted.load(Ordering::SeqCst)
    }

    /// The counts since the last call.
    pub(crate) fn take_checks(&self) -> Checks {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        Checks {
            decisions: take(&self.counts.decisions),
            compiled: take(&self.counts.compiled),
            checked: take(&self.counts.checked),
            disagreed: take(&self.counts.disagreed),
        }
    }

    /// Whether this decision is one to check. The number until the next is drawn evenly from 1 to twice
    /// `one_in` less one.
    fn is_due(&self, one_in: u32, entropy: &dyn Entropy) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if *left == 0 {
            let faces = one_in.max(1).saturating_mul(2).saturating_sub(1);
            *left = 1 + u32::from_le_bytes(base::entropy::bytes(entropy)) % faces;
        }
        *left -= 1;
        *left == 0
    }

    fn force(&self) -> Force {
        self.force.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Class, Role, SystemEntropy};
    use policy::{Action, Actor, Resource, set::SHIPPED};

    fn asked(role: Role) -> Request {
        Request {
            actor: Actor { id: "usr_a".into(), project_roles: [role].into(), ..Actor::default() },
            action: Action::ViewVariants,
            resource: Resource::of_project("sample", "smp_a", "prj_a", Class::Clinical),
            context: policy::Context::default(),
        }
    }

    /// The shipped policies in compiled form, beside a truth that lacks the limits and rights in `without`.
    fn split(without: &str) -> Judge {
        let texts = SHIPPED.iter().filter(|(name, _)| *name != without);
        let truth = Policies::load(texts.map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect()).unwrap();
        let fast = Arc::new(Policies::shipped().unwrap());
        Judge::of(Force { fast, truth: Arc::new(truth), own: Arc::default() })
    }

    #[test]
    fn agreeing_forms_are_checked_and_counted() {
        let judge = Judge::new(Policies::shipped().unwrap());
        for _ in 0..1_000 {
            assert!(judge.decide(&asked(Role::Analyst), 10, &SystemEntropy).decision.allowed);
        }
        let checks = judge.take_checks();
        assert_eq!((checks.decisions, checks.compiled, checks.disagreed), (1_000, 1_000, 0));
        // A tenth, evenly drawn: further off than this it is once in many millions of runs.
        assert!((50..200).contains(&checks.checked), "{checks:?}");
        assert_eq!(judge.take_checks(), Checks::default());
        let judge = Judge::new(Policies::shipped().unwrap());
        for _ in 0..100 {
            judge.decide(&asked(Role::Analyst), 1, &SystemEntropy);
        }
        assert_eq!(judge.take_checks().checked, 100);
    }

    #[test]
    fn a_disagreement_denies_and_from_then_on_cedar_decides() {
        let judge = split("project.cedar");
        let judgement = judge.decide(&asked(Role::Analyst), 1, &SystemEntropy);
        assert_eq!(judgement.cedar, Some(false));
        assert!(!judgement.decision.allowed);
        assert_eq!(judgement.decision.reasons, [DISAGREES]);
        assert!(judge.is_distrusted());
        // The compiled form would allow.
        let next = judge.decide(&asked(Role::Analyst), 1_000, &SystemEntropy);
        assert!(!next.decision.allowed && next.cedar.is_none());
        assert_eq!(judge.take_checks(), Checks { decisions: 2, compiled: 1, checked: 1, disagreed: 1 });
    }

    #[test]
    fn a_disagreement_denies_what_either_would_allow() {
        // The truth lacks the limits, so it gives fewer reasons for the same denial.
        let judge = split("limits.cedar");
        let judgement = judge.decide(&asked(Role::Auditor), 1, &SystemEntropy);
        assert!(!judgement.decision.allowed);
        let judge = split("limits.cedar");
        let mut download = asked(Role::DataExporter);
        download.action = Action::DownloadObject;
        let judgement = judge.decide(&download, 1, &SystemEntropy);
        assert_eq!((judgement.cedar, judgement.decision.allowed), (Some(true), false));
    }
}
