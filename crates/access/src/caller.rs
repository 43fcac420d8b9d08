//! Who asks, and the acts of one request.

use audit::Actor;
use base::{ProjectId, RequestId, UserId};
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
    pub(crate) fn new(user: UserId, request: RequestId) -> Self {
        Self { inner: Arc::new(Inner { actor: Actor::User(user), request, acts: Mutex::default() }) }
    }

    /// The same person in work that outlives the request that started it, with acts of its own.
    #[must_use]
    pub fn detached(&self) -> Self {
        let inner = Inner {
            actor: self.inner.actor.clone(),
            request: self.inner.request.clone(),
            acts: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
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
