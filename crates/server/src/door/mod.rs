//! The door: the contract over HTTPS, for other machines. `docs/spec/door.md`.
//!
//! Promises: nothing is spoken without TLS 1.3; what one side can hold up or use up is bounded, whoever it is; a
//! broken certificate never replaces one that works.
//!
//! * [`settings`]: `[door]`, `[metrics]` and `[log]` of `site.toml`
//! * [`tls`]: the certificate, loaded, checked, and loaded again; [`issue`]: one for a start; `names`: whom it names
//! * `held`, `bucket`: connections and requests, counted; `stream`: one connection, with patience that ends
//! * `connection`: HTTP/1.1 and HTTP/2 on one connection

mod bucket;
mod connection;
mod held;
pub mod issue;
mod names;
pub mod settings;
mod stream;
pub mod tls;

pub use held::Held;
pub use settings::Settings;

use crate::Site;
use crate::failure::Error;
use axum::Router;
use base::{Clock, Sha256, Timestamp};
use connection::Connection;
use feed::Cause;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tls::{Files, Identity, Seen};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

/// How often the certificate's files are looked at.
pub const LOOK: Duration = Duration::from_secs(1);
/// How long no connection is taken after the system gave none.
const BREATH: Duration = Duration::from_millis(50);

/// Who is at the other end of a request that came by the door.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub SocketAddr);

/// A door that listens and does not serve yet.
pub struct Door {
    listener: TcpListener,
    files: Files,
    seen: Seen,
    shown: Arc<Shown>,
    identity: watch::Sender<Identity>,
    held: Held,
}

/// What a door says of itself.
pub struct Shown {
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether clients need a certificate.
    pub mutual: bool,
    state: Mutex<State>,
}

#[derive(Clone)]
struct State {
    pin: Sha256,
    until: Timestamp,
    trouble: Option<String>,
}

impl Shown {
    /// The pin of the key that new connections see.
    pub fn pin(&self) -> Sha256 {
        self.state().pin
    }

    /// When the certificate that they see ends.
    pub fn until(&self) -> Timestamp {
        self.state().until
    }

    /// What is wrong with the certificate's files, or soon will be.
    pub fn trouble(&self) -> Option<String> {
        self.state().trouble
    }

    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, identity: &Identity, trouble: Option<String>) {
        let state = State { pin: identity.pin, until: identity.until, trouble };
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Door {
    /// Checks the settings and the certificate of the site in `folder`, and listens.
    pub async fn open(settings: &Settings, folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        settings.limits.check()?;
        let files = Files::of(settings, folder);
        let seen = files.look();
        let identity = files.load(&*clock)?;
        let listener = TcpListener::bind(settings.address).await;
        let failed = |error: io::Error| Error::Listen { address: settings.address, why: error.to_string() };
        let listener = listener.map_err(failed)?;
        let shown = Arc::new(Shown {
            address: listener.local_addr().map_err(failed)?,
            mutual: settings.client_ca.is_some(),
            state: Mutex::new(State { pin: identity.pin, until: identity.until, trouble: None }),
        });
        let held = Held::new(settings, clock);
        Ok(Self { listener, files, seen, shown, identity: watch::Sender::new(identity), held })
    }

    /// What it says of itself, as long as it lives.
    pub fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown)
    }

    /// What it holds and counts.
    pub fn held(&self) -> Held {
        self.held.clone()
    }

    /// Serves until the site stops and every connection has ended.
    pub async fn serve(self, site: Site, router: Router) {
        let Self { listener, files, seen, shown, identity, held } = self;
        let renewed = identity.subscribe();
        let renewing = tokio::spawn(renew(site.clone(), files, seen, shown, identity));
        // Every connection holds a sender: when the last has gone, all have ended.
        let (open, mut ended) = mpsc::channel::<()>(1);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = site.stopped() => break,
            };
            let Ok((stream, address)) = accepted else {
                // The process has no descriptor left, or the other side went away in between.
                tokio::time::sleep(BREATH).await;
                continue;
            };
            let Some(place) = held.admit(address.ip()) else {
                site.traffic().counts.refused();
                continue;
            };
            let config = Arc::clone(&renewed.borrow().config);
            let connection = Connection {
                site: site.clone(),
                router: router.clone(),
                held: held.clone(),
                address,
                place,
                open: open.clone(),
            };
            tokio::spawn(connection.run(stream, config));
        }
        drop(listener);
        drop(open);
        let _ = ended.recv().await;
        renewing.abort();
    }
}

/// Looks after the certificate: a pair that passes the checks of a start is taken, any other is not.
async fn renew(
    site: Site,
    files: Files,
    mut seen: Seen,
    shown: Arc<Shown>,
    identity: watch::Sender<Identity>,
) {
    let mut broken = None;
    loop {
        let now = files.look();
        if now != seen {
            let (loading, clock) = (files.clone(), Arc::clone(&site.clock));
            match tokio::task::spawn_blocking(move || loading.load(&*clock)).await {
                Ok(Ok(new)) => {
                    identity.send_replace(new);
                    broken = None;
                }
                Ok(Err(error)) => broken = Some(format!("the door keeps its certificate: {error}")),
                Err(_) => {}
            }
            seen = now;
        }
        let current = identity.borrow().clone();
        let trouble = broken.clone().or_else(|| soon(&current, &*site.clock));
        site.alarms.set(Cause::DoorCertificate, "", trouble.clone());
        shown.set(&current, trouble);
        tokio::time::sleep(LOOK).await;
    }
}

fn soon(identity: &Identity, clock: &dyn Clock) -> Option<String> {
    let left = identity.until.as_second().saturating_sub(clock.now().as_second());
    match u64::try_from(left) {
        Ok(left) if left > tls::SOON.as_secs() => None,
        Ok(_) => Some(format!("the door's certificate ends at {}", identity.until)),
        Err(_) => Some(format!("the door's certificate ended at {}", identity.until)),
    }
}
