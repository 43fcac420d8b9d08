//! Who asks, and the acts of one request.

use crate::signed::SignedIn;
use audit::Actor;
use base::{ProjectId, RequestId, UserId};
use policy::Network;
use std::sync::{Arc, Mutex, PoisonError};

/// Someone who signed in, within one request. Cheap to clone; the clones share the list of acts.
#[derive(Clone, Debug)]
pub struct Caller {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    actor: Actor,
    request: RequestId,
    network: Network,
    signed: Option<SignedIn>,
    bound: bool,
    acts: Mutex<Vec<Act>>,
}

/// A decision of this request that has no outcome yet.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    pub decision: u64,
    pub project: Option<ProjectId>,
    pub about: Vec<String>,
    /// Keys that were unwrapped for it so far.
    pub unwraps: u64,
}

impl Caller {
    pub(crate) fn new(user: UserId, request: RequestId, signed: Option<SignedIn>) -> Self {
        let (actor, network, bound) = (Actor::User(user), Network::default(), true);
        Self { inner: Arc::new(Inner { actor, request, network, signed, bound, acts: Mutex::default() }) }
    }

    /// The same caller, as the transport saw where they speak from. For the beginning of a request.
    #[must_use]
    pub fn speaking_from(&self, network: Network) -> Self {
        self.anew(network, self.inner.bound)
    }

    fn anew(&self, network: Network, bound: bool) -> Self {
        let (actor, request) = (self.inner.actor.clone(), self.inner.request.clone());
        let (signed, acts) = (self.inner.signed.clone(), Mutex::default());
        Self { inner: Arc::new(Inner { actor, request, network, signed, bound, acts }) }
    }

    /// The same person in work that outlives the request that started it, with acts of its own. It
    /// outlives their session as well, and ends with their account or their right.
    #[must_use]
    pub fn detached(&self) -> Self {
        self.anew(self.inner.network, false)
    }

    /// How they signed in for the request.
    pub fn signed(&self) -> Option<&SignedIn> {
        self.inner.signed.as_ref()
    }

    /// Whether what they do ends with the session that it began in.
    pub(crate) fn is_bound(&self) -> bool {
        self.inner.bound
    }

    /// The account.
    pub fn actor(&self) -> &Actor {
        &self.inner.actor
    }

    /// The account, if it is a person's.
    pub fn user(&self) -> Option<&UserId> {
        match &self.inner.actor {
            Actor::User(id) => Some(id),
            _ => None,
        }
    }

    /// Where they speak from.
    pub fn network(&self) -> Network {
        self.inner.network
    }

    /// The request.
    pub fn request(&self) -> &RequestId {
        &self.inner.request
    }

    pub(crate) fn push(&self, act: Act) {
        self.inner.acts.lock().unwrap_or_else(PoisonError::into_inner).push(act);
    }

    /// Counts one unwrapping for a decision; false when its outcome was already taken for the record.
    pub(crate) fn count_unwrap(&self, decision: u64) -> bool {
        let mut acts = self.inner.acts.lock().unwrap_or_else(PoisonError::into_inner);
        let act = acts.iter_mut().rev().find(|act| act.decision == decision);
        act.map(|act| act.unwraps = act.unwraps.saturating_add(1)).is_some()
    }

    pub(crate) fn take(&self) -> Vec<Act> {
        std::mem::take(&mut *self.inner.acts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
