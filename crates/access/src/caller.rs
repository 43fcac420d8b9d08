//! Who asks, and the acts of one request.

use crate::service::Service;
use crate::signed::SignedIn;
use crate::{Error, Place, Proof};
use audit::{Actor, Event, What};
use base::{ProjectId, RequestId, SiteId, UserId};
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
    acting: Option<Acting>,
    acts: Mutex<Vec<Act>>,
}

/// A service account that acts for somebody.
#[derive(Debug, Clone)]
pub(crate) struct Acting {
    pub service: Service,
    pub person: UserId,
    /// What proved who the person is when they let it act for them.
    pub lent: Proof,
    /// The key that it proved itself with.
    pub key: String,
}

impl Acting {
    /// Whether it may learn that something is there: what lies in its own project, and the site's own.
    pub fn may_know(&self, place: &Place) -> bool {
        place.project.as_ref().is_none_or(|project| *project == self.service.project)
    }
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
        let (actor, network, bound, acting) = (Actor::User(user), Network::default(), true, None);
        let acts = Mutex::default();
        Self { inner: Arc::new(Inner { actor, request, network, signed, bound, acting, acts }) }
    }

    /// The site itself, in work that nobody asked for.
    pub(crate) fn of_site(site: SiteId, request: RequestId) -> Self {
        let (actor, network, bound) = (Actor::Site(site), Network::Local, false);
        let acts = Mutex::default();
        Self { inner: Arc::new(Inner { actor, request, network, signed: None, bound, acting: None, acts }) }
    }

    /// A service account that acts for somebody.
    pub(crate) fn of_service(acting: Acting, request: RequestId, signed: SignedIn) -> Self {
        let (actor, signed) = (Actor::Service(acting.service.id.clone()), Some(signed));
        let (network, bound, acting) = (Network::default(), true, Some(acting));
        let acts = Mutex::default();
        Self { inner: Arc::new(Inner { actor, request, network, signed, bound, acting, acts }) }
    }

    /// The same caller, as the transport saw where they speak from. For the beginning of a request.
    #[must_use]
    pub fn speaking_from(&self, network: Network) -> Self {
        self.anew(network, self.inner.bound)
    }

    fn anew(&self, network: Network, bound: bool) -> Self {
        let (actor, request) = (self.inner.actor.clone(), self.inner.request.clone());
        let (signed, acting) = (self.inner.signed.clone(), self.inner.acting.clone());
        let acts = Mutex::default();
        Self { inner: Arc::new(Inner { actor, request, network, signed, bound, acting, acts }) }
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

    /// The account, for what people do with their own.
    pub(crate) fn own(&self) -> Result<&UserId, Error> {
        let missing = if self.acting().is_some() { Error::ForPeople } else { Error::NotSignedIn };
        self.user().ok_or(missing)
    }

    /// The service account and whom it acts for, if it is one.
    pub(crate) fn acting(&self) -> Option<&Acting> {
        self.inner.acting.as_ref()
    }

    /// The person that a service account acts for.
    pub fn on_behalf_of(&self) -> Option<&UserId> {
        self.acting().map(|acting| &acting.person)
    }

    /// The person whose rights count: the caller, or whom they act for.
    pub fn person(&self) -> Option<&UserId> {
        self.user().or_else(|| self.on_behalf_of())
    }

    /// An event of theirs, in this request: who acted, and for whom.
    pub fn event(&self, what: What) -> Event {
        let mut event = Event::new(self.actor().clone(), what).during(Some(self.request().clone()));
        event.on_behalf_of = self.on_behalf_of().cloned();
        event
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
