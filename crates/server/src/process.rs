//! The process itself: health, status, lock.

use crate::attend::Signed;
use crate::body::blocking;
use crate::door::{Peer, Shown};
use crate::failure::Error;
use crate::site::Replicated;
use crate::traffic::https;
use crate::witnessed::One;
use crate::{Failure, Site};
use access::issuer::Unreached;
use access::thing;
use access::verb::{Manage, View};
use access::{Action, Permit};
use api::site::{Door, Health, Ready, Replica, Status, Stream, Witness};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use bytes::Bytes;
use std::sync::OnceLock;
use tokio::sync::watch;

/// Seconds that a time server may set a clock back without a word here.
const CLOCK_MAY_STEP: i64 = 60;

/// Who asks at the door is nobody in particular: which process it is, is of use on this machine alone.
pub(crate) async fn health(State(site): State<Site>, door: Option<Extension<Peer>>) -> Json<Health> {
    Json(well(&site, door.is_none().then(std::process::id)))
}

fn well(site: &Site, pid: Option<u32>) -> Health {
    let recording = site.audit.ledger().failure().is_none();
    Health { site: site.id.clone(), version: site.version.to_owned(), pid, recording }
}

/// Says nothing of why: who asks is nobody in particular.
pub(crate) async fn ready(State(site): State<Site>) -> Result<Json<Ready>, Failure> {
    match site.unready() {
        Some(why) => Err(Error::NotReady(why).into()),
        None => Ok(Json(Ready { ready: true })),
    }
}

/// Made once: it takes longer than to answer, and anybody may ask.
pub(crate) async fn openapi(State(site): State<Site>) -> impl IntoResponse {
    static DOCUMENT: OnceLock<Bytes> = OnceLock::new();
    let document = DOCUMENT.get_or_init(|| api::openapi::document(site.version).to_string().into());
    ([(CONTENT_TYPE, "application/json")], document.clone())
}

pub(crate) async fn status(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Json<Status>, Failure> {
    let _: Permit<View, thing::Site> = site.permit(&caller, Action::ViewSiteStatus, &site.id).await?;
    let ledger = site.audit.ledger();
    let mut limits = site.witnessed().limits();
    if !keys::locked::all_locked() {
        limits.push(
            "the kernel does not let all keys be locked into memory (RLIMIT_MEMLOCK): swap must be off or encrypted"
                .to_owned(),
        );
    }
    if keys::locked::all_locked() && !keys::locked::is_whole() {
        limits.push(
            "keys of objects under way and the seeds of signing keys are not locked into memory (RLIMIT_MEMLOCK \
             is not unlimited): swap must be off or encrypted"
                .to_owned(),
        );
    }
    if let Some(failure) = ledger.failure() {
        limits.push(format!("the ledger cannot be written ({failure}): every act is refused"));
    }
    limits.extend(site.access.distrust());
    limits.extend(site.access.read_only().map(|why| format!("nothing is changed now: {why}")));
    if !site.alarms.leave() {
        limits.push(
            "no alarm leaves the site: set `[[alarm]]` in site.toml; alarms stand in `run/alarms.jsonl` alone"
                .to_owned(),
        );
    }
    let failed = site.alarms.failures().into_iter();
    limits.extend(failed.map(|(name, why)| format!("the alarm {name} does not reach anybody: {why}")));
    limits.extend(crate::notify::limits(&site));
    limits.extend(crate::discovery::limits(&site));
    let streams = streams(&site);
    limits.extend(streams.iter().filter_map(behind));
    let replicas: Vec<Replica> = site.replicas.all.iter().map(|one| replica(&site, &one.borrow())).collect();
    limits.extend(
        site.replicas.all.iter().zip(&replicas).filter_map(|(one, told)| lagging(&one.borrow(), told)),
    );
    limits.extend(crate::administrator::limits(&site).await);
    limits.extend(crate::break_glass::limits(&site).await);
    limits.extend(crate::provider::limits(&site));
    limits.extend(unreached(&site).await?);
    limits.extend(clock_behind(&site));
    limits.extend(corrected_later(&site));
    limits.extend(crate::usable::limits(&site).await?);
    limits.extend(crate::storage::limits(&site).await?);
    limits.extend(site.traffic().door().and_then(Shown::trouble));
    limits.extend(site.db.limits().into_iter().map(str::to_owned));
    Ok(Json(Status {
        site: site.id.clone(),
        ledger: ledger.verifier().name().to_owned(),
        events: ledger.size(),
        ledger_failure: ledger.failure().map(|f| f.to_string()),
        policy: site.access.policy_digest(),
        version: site.version.to_owned(),
        pid: std::process::id(),
        up_seconds: site.up_seconds(),
        idle_minutes: site.idle_minutes,
        database: site.db.place().to_owned(),
        streams,
        replicas,
        witnesses: site.witnessed().each.into_iter().map(witness).collect(),
        listens: listens(&site),
        door: site.traffic().door().map(|shown| door(&site, shown)),
        limits,
    }))
}

fn witness(one: One) -> Witness {
    Witness { name: one.name, events: one.size, behind_seconds: one.late.map(|late| late.as_secs()) }
}

/// The issuers whose visas and passports are refused, as their keys cannot be had.
async fn unreached(site: &Site) -> Result<Vec<String>, Failure> {
    let access = site.access.clone();
    let all = blocking(move || access.issuers_not_reached()).await?;
    let told =
        |Unreached { name, place, why }| format!("nothing of the issuer {name} counts: {why} ({place})");
    Ok(all.into_iter().map(told).collect())
}

/// The clock was set back, or showed the future once.
fn clock_behind(site: &Site) -> Option<String> {
    let behind = site.access.judged_at().as_second().saturating_sub(site.clock.now().as_second());
    (behind > CLOCK_MAY_STEP).then(|| {
        format!(
            "the machine's clock is {behind} s behind the newest time on record: sessions, tokens and roles end by \
             that time; if it was wrong, set `clock_corrected` in site.toml"
        )
    })
}

fn corrected_later(site: &Site) -> Option<String> {
    let later = site.clock_corrected.filter(|corrected| *corrected > site.clock.now())?;
    Some(format!(
        "`clock_corrected` in site.toml counts for nothing: {later} is in the future, and it is when the clock was set right"
    ))
}

/// Every place where the process takes requests.
fn listens(site: &Site) -> Vec<String> {
    let door = site.traffic().door().map(|shown| https(shown.address));
    let metrics = site.traffic().metrics().map(|place| format!("metrics: {place}"));
    [Some("the socket in the site".to_owned()), door, metrics].into_iter().flatten().collect()
}

fn door(site: &Site, shown: &Shown) -> Door {
    Door {
        address: https(shown.address),
        pin: format!("sha256:{}", shown.pin()),
        until: shown.until().to_string(),
        mutual: shown.mutual,
        connections: site.traffic().held().map_or(0, |held| held.connections() as u64),
    }
}

fn streams(site: &Site) -> Vec<Stream> {
    let size = site.audit.ledger().size();
    let told = |(name, status): &(String, watch::Receiver<feed::Status>)| {
        let feed::Status { next, failure, lagging, closed } = status.borrow().clone();
        let waiting = size.saturating_sub(next);
        Stream { name: name.clone(), acknowledged: next, waiting, lagging, closed, failure }
    };
    site.streams.iter().map(told).collect()
}

fn behind(stream: &Stream) -> Option<String> {
    let Stream { name, waiting, failure, .. } = stream;
    if stream.closed {
        let why = failure.as_deref().unwrap_or("closed");
        return Some(format!("the stream {name} sends nothing, {waiting} events wait: {why}"));
    }
    let why = failure.as_deref().unwrap_or("its sink is slow");
    stream.lagging.then(|| format!("the stream {name} lags, {waiting} events wait for its sink: {why}"))
}

pub(crate) fn replica(site: &Site, known: &Replicated) -> Replica {
    let waiting = site.audit.ledger().size().saturating_sub(known.size);
    let behind = known.behind_since.map(|since| site.clock.monotonic().saturating_sub(since).as_secs());
    Replica {
        name: known.name.clone(),
        place: known.place.clone(),
        events: known.size,
        waiting,
        behind_seconds: behind.filter(|_| waiting > 0 || known.failure.is_some()),
        failure: known.failure.clone(),
    }
}

/// A replica that something is wrong with, or that has lagged for long.
fn lagging(known: &Replicated, told: &Replica) -> Option<String> {
    let Replica { name, waiting, .. } = told;
    if let Some(failure) = &known.failure {
        return Some(format!(
            "the replica {name} takes nothing, {waiting} events are not there yet: {failure}"
        ));
    }
    let behind = told.behind_seconds.filter(|behind| *behind >= known.alarm.as_secs())?;
    Some(format!("the replica {name} is {behind} s behind, {waiting} events are not there yet"))
}

pub(crate) async fn lock(State(site): State<Site>, Signed(caller): Signed) -> Result<Json<Health>, Failure> {
    let _: Permit<Manage, thing::Site> = site.permit(&caller, Action::LockSite, &site.id).await?;
    site.stop();
    Ok(Json(well(&site, None)))
}
