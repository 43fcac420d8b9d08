//! A permit that is decided anew while work goes on.

use crate::Error;
use access::thing::Thing;
use access::verb::Verb;
use access::{Access, Action, Permit};
use base::{Fault, Kind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How often it looks whether other policies are in force.
const LOOK: Duration = Duration::from_millis(200);

/// Holds the newest permit. A renewal that is refused ends it for good.
pub(crate) struct Lease<V: Verb, T: Thing> {
    shared: Arc<Shared<V, T>>,
    renewals: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

struct Shared<V: Verb, T: Thing> {
    state: Mutex<Current<V, T>>,
}

struct Current<V: Verb, T: Thing> {
    permit: Arc<Permit<V, T>>,
    lost: Option<access::Error>,
}

impl<V: Verb, T: Thing> Lease<V, T> {
    /// Renews `permit` by a new decision on `action` every `every`, until [`Lease::end`].
    pub fn hold(
        handle: &Handle,
        access: Access,
        action: Action,
        permit: Permit<V, T>,
        every: Duration,
    ) -> Self {
        let shared = Arc::new(Shared { state: Mutex::new(Current { permit: Arc::new(permit), lost: None }) });
        let (stop, stopped) = oneshot::channel();
        let renewals = handle.spawn(renew(shared.clone(), access, action, every, stopped));
        Self { shared, renewals: Mutex::new(Some((stop, renewals))) }
    }

    /// The newest permit.
    pub fn permit(&self) -> Arc<Permit<V, T>> {
        self.shared.lock().permit.clone()
    }

    /// Whether the right still stands.
    pub fn holds(&self) -> bool {
        let current = self.shared.lock();
        current.lost.is_none() && stands(&current.permit)
    }

    /// Fails when the right was lost: revoked, or not decided anew in time.
    pub fn check(&self) -> Result<(), Error> {
        let mut current = self.shared.lock();
        match current.lost.take() {
            Some(why) => {
                current.lost = Some(access::Error::PermitEnded);
                Err(lost(why))
            }
            None if stands(&current.permit) => Ok(()),
            None => Err(Error::Access(access::Error::PermitEnded)),
        }
    }

    /// Ends the renewals and waits for one that is under way, so that each decision that was
    /// recorded is known to the caller and gets its outcome.
    pub async fn end(&self) {
        let renewals = self.renewals.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, task)) = renewals {
            drop(stop);
            let _ = task.await;
        }
    }
}

impl<V: Verb, T: Thing> Shared<V, T> {
    fn lock(&self) -> std::sync::MutexGuard<'_, Current<V, T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a refused decision means for work that is under way.
pub(crate) fn lost(why: access::Error) -> Error {
    match why {
        access::Error::NotUsable(why) => Error::Unusable(why),
        why if matches!(why.kind(), Kind::Denied | Kind::NotFound) => Error::Revoked,
        why => why.into(),
    }
}

/// Whether a permit stands, or ended with the policies that gave it and is being asked for again: whoever uses
/// it meanwhile is refused, but the work is not yet over.
fn stands<V: Verb, T: Thing>(permit: &Permit<V, T>) -> bool {
    permit.live().is_ok() || permit.is_superseded()
}

/// Until `every` has passed, or other policies came into force.
async fn due<V: Verb, T: Thing>(shared: &Shared<V, T>, every: Duration) {
    let mut waited = Duration::ZERO;
    while waited < every && !shared.lock().permit.is_superseded() {
        let step = LOOK.min(every.saturating_sub(waited));
        tokio::time::sleep(step).await;
        waited = waited.saturating_add(step);
    }
}

async fn renew<V: Verb, T: Thing>(
    shared: Arc<Shared<V, T>>,
    access: Access,
    action: Action,
    every: Duration,
    mut stopped: oneshot::Receiver<()>,
) {
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            () = due(&shared, every) => {}
        }
        let permit = shared.lock().permit.clone();
        let renewed = access.renew(&permit, action).await;
        let mut current = shared.lock();
        match renewed {
            Ok(next) => current.permit = Arc::new(next),
            Err(why) => {
                current.lost = Some(why);
                return;
            }
        }
    }
}
