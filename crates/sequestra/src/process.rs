//! The site's process: unsealed, listening on a socket inside the site, until it is locked, idle,
//! told to stop, or can no longer record.

use crate::attest::Attest;
use crate::layout::{Layout, Settings};
use crate::open::open;
use crate::serve::Ways;
use crate::{replicas, streams};
use access::{Account, OneTimeToken};
use anyhow::{Context, Result};
use audit::{Event, What};
use base::{Kind, SystemClock, SystemEntropy};
use feed::{Alarms, Cause};
use keys::Credential;
use server::Site;
use server::door::Shown;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How often the process looks whether it should stop.
const LOOK: Duration = Duration::from_millis(200);
/// How often refused tokens are recorded, as a count, while there are any.
const COUNTS: Duration = Duration::from_secs(60);
/// How long the end of the process waits for alarms to be heard.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long it waits for the log of requests.
const LAST_LINES: Duration = Duration::from_secs(1);
/// How long requests under way may take to end once the process stops.
const GRACE: Duration = Duration::from_secs(5);

/// Runs the process in the background. The passphrase, PIN or shares come on standard input; one line goes to
/// standard output: `ready`, or a problem as JSON.
pub fn serve(root: &Path) -> Result<()> {
    // A process of its own session: the terminal's end is not the site's.
    let _ = rustix::process::setsid();
    keys::locked::lock_process();
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read the passphrase")?;
    hold(root, Credential::new(text), false, &mut |_| announce())
}

/// Runs the process in the foreground, with the door open. `ready` gets what the door says of itself.
pub fn serve_door(
    root: &Path,
    credential: Credential,
    ready: &mut dyn FnMut(&Shown) -> Result<()>,
) -> Result<()> {
    keys::locked::lock_process();
    hold(root, credential, true, &mut |shown| match shown {
        Some(shown) => ready(shown),
        None => Ok(()),
    })
}

/// A file size limit must be an error of the write, not the end of the process (SIGXFSZ).
fn too_large() -> std::io::Result<Signal> {
    signal(SignalKind::from_raw(25))
}

/// Opens the site for nobody, makes the account `name` its platform administrator, and closes it.
pub fn recover(root: &Path, credential: Credential, name: &str) -> Result<(Account, OneTimeToken)> {
    keys::locked::lock_process();
    let layout = Layout::at(root)?;
    let settings = layout.settings()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let _too_large = too_large()?;
        let (site, mut attest) = opened(&layout, settings, credential).await?;
        let made = site.access.recover(&site.id, name).await;
        // Also where nobody can say whether it took effect.
        let about = match &made {
            Ok((account, _)) => Some(account.id.to_string()),
            Err(error) => matches!(error, access::Error::Db(db::Error::Undecided)).then(String::new),
        };
        if let Some(about) = about {
            let why = "whoever opens the site made an administrator".to_owned();
            site.alarms.set(Cause::AdministratorMade, &about, Some(why));
        }
        close(&site, &mut attest).await;
        clear_memory(layout.root());
        Ok(made?)
    })
}

fn hold(
    root: &Path,
    credential: Credential,
    foreground: bool,
    ready: &mut dyn FnMut(Option<&Shown>) -> Result<()>,
) -> Result<()> {
    let layout = Layout::at(root)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let _too_large = too_large()?;
        // Heard from now on: one that comes while the site opens ends it once it is open.
        let told = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
        let mut settings = layout.settings()?;
        if foreground {
            // Who serves others does not lock up while nobody asks.
            settings.idle_minutes = 0;
        }
        let mut ways = Ways::open(&layout, &settings, foreground).await?;
        let shown = ways.shown();
        let (site, mut attest) = opened(&layout, settings, credential).await?;
        // Before the first request.
        server::vigil::room(&site).await;
        // An open site is closed, whatever goes wrong from here on.
        let held = async {
            let listener = listen(&layout, Layout::SOCKET)?;
            ways.attach(&layout, &site)?;
            ready(shown.as_deref())?;
            run(&site, (listener, ways), told, &mut attest).await
        };
        let ended = held.await;
        for socket in [Layout::SOCKET, Layout::METRICS] {
            let _ = std::fs::remove_file(layout.run().join(socket));
        }
        close(&site, &mut attest).await;
        clear_memory(layout.root());
        ended
    })
}

/// Opens the site. That something is not what was stored is heard of on the second channel, too.
async fn opened(layout: &Layout, settings: Settings, credential: Credential) -> Result<(Site, Attest)> {
    let (clock, entropy) = (Arc::new(SystemClock::default()), Arc::new(SystemEntropy));
    let alarms = Alarms::open(&settings.alarm, &layout.alarms(), &settings.site.to_string(), clock.clone())?;
    let opened = open(layout, settings, &credential, alarms.clone(), clock, entropy).await;
    if let Err(error) = &opened {
        let found = crate::host::fault(error).filter(|fault| fault.kind() == Kind::Integrity);
        if let Some(fault) = found {
            alarms.set(Cause::NotOpened, "", Some(format!("the site was not opened: {}", fault.code())));
            alarms.settle(LAST_WORDS).await;
        }
    }
    opened
}

async fn run(
    site: &Site,
    (listener, ways): (UnixListener, Ways),
    [mut terminate, mut interrupt]: [Signal; 2],
    attest: &mut Attest,
) -> Result<()> {
    let (stopping, actor) = (site.clone(), site.actor());
    let stop = async move {
        tokio::select! {
            () = stopping.stopped() => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = idle_or_failed(&stopping) => {}
            _ = stopping.audit.count_refused_sessions(&actor, COUNTS) => {}
        }
        stopping.stop();
    };
    let caring = tokio::spawn(server::care(site.clone()));
    let watching = tokio::spawn(server::vigil::vigil(site.clone()));
    let asking = tokio::spawn(server::provider::ask(site.clone()));
    let router = server::router(site.clone());
    let local = router.clone().layer(axum::Extension(access::Network::Local));
    let served = axum::serve(listener, local).with_graceful_shutdown(stop);
    let served = async {
        let (served, ()) = tokio::join!(served.into_future(), ways.serve(site, &router));
        served.context("the socket failed")
    };
    let too_long = async {
        site.stopped().await;
        tokio::time::sleep(GRACE).await;
    };
    let witnessed = async {
        let why = attest.run().await;
        match why.downcast_ref::<witness::Error>() {
            Some(witness::Error::NoQuorum { .. }) => {
                site.alarms.set(Cause::NoQuorum, "", Some(format!("{why}: the site stops")));
                site.end("no-quorum").await;
            }
            // A witness knows another ledger: what is under way ends, and the next start says why.
            _ => site.alarms.set(Cause::WitnessRefused, "", Some(why.to_string())),
        }
        site.stop();
        std::future::pending().await
    };
    let condemned = async {
        replicas::condemned(site).await;
        // A replica has a signed checkpoint of another ledger than this: the same.
        site.stop();
        std::future::pending().await
    };
    let ended = tokio::select! {
        ended = served => ended,
        () = too_long => Ok(()),
        () = witnessed => Ok(()),
        () = condemned => Ok(()),
    };
    // It ends by itself; what it has under way on a blocking thread reads alone.
    caring.abort();
    watching.abort();
    asking.abort();
    ended
}

/// A site that cannot record refuses everything; it ends, so that the next start recovers.
async fn idle_or_failed(site: &Site) {
    loop {
        tokio::time::sleep(LOOK).await;
        if site.is_idle() {
            return;
        }
        if let Some(lost) = site.db.lost() {
            // Its rights and its record are another process's, or of another time: it refuses everything.
            site.alarms.set(Cause::DatabaseLost, "", Some(base::fault::chain(&lost)));
            tokio::time::sleep(LOOK).await;
            return site.end("database-lost").await;
        }
        if site.audit.ledger().failure().is_some() {
            // Those who wait get their refusal first.
            tokio::time::sleep(LOOK).await;
            return;
        }
    }
}

async fn close(site: &Site, attest: &mut Attest) {
    site.runs.stop_all().await;
    if let Some(failure) = site.audit.ledger().failure() {
        site.alarms.set(Cause::LedgerFailed, "", Some(base::fault::chain(&failure)));
    }
    // If the ledger failed, the stop cannot be recorded; the next start says so.
    let _ = site.audit.flush_refused_sessions(&site.actor()).await;
    let _ = site.access.record_checks(&site.actor()).await;
    let _ =
        site.audit.gate(&Event::new(site.actor(), What::SiteClosed { watermark: site.db.watermark() })).await;
    // The witness knows the whole ledger, if it can be reached: the next start is compared with that.
    let _ = attest.catch_up().await;
    streams::settle(site).await;
    let _ = site.audit.ledger().close();
    replicas::settle(site).await;
    let _ = site.map.close().await;
    let _ = site.db.close().await;
    site.alarms.settle(LAST_WORDS).await;
    site.traffic().settle(LAST_LINES);
}

/// Clears the site's folder in memory: no run is left, and what a job's file system was made of
/// would stay there until the machine starts again. A failure is found by the next opening.
fn clear_memory(root: &Path) {
    let memory = executor::Settings::for_site(root).memory;
    let _ = executor::scratch::sweep(&memory);
    let _ = std::fs::remove_dir(&memory);
}

/// Listens on a socket in the site's `run` folder. The name is bound by way of the open folder, since a socket's
/// path takes 107 bytes at most.
pub fn listen(layout: &Layout, name: &str) -> Result<UnixListener> {
    use std::os::fd::AsRawFd;
    let folder = std::fs::File::open(layout.run()).context("cannot open the site's run folder")?;
    let path = layout.run().join(name);
    // The ledger's lock is held: a socket that is there is a leftover.
    let _ = std::fs::remove_file(&path);
    let short = format!("/proc/self/fd/{}/{}", folder.as_raw_fd(), name);
    let listener =
        std::os::unix::net::UnixListener::bind(short).context("cannot listen on the site's socket")?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(UnixListener::from_std(listener)?)
}

fn announce() -> Result<()> {
    let mut out = std::io::stdout();
    out.write_all(b"ready\n")?;
    out.flush()?;
    Ok(())
}

/// Keys must not reach a disk by way of a core file, nor another process by way of a debugger.
pub fn no_core_dumps() -> Result<()> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(())
}
