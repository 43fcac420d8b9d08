//! An event as others read it: OCSF 1.3.0, one JSON object.
//!
//! The mapping is a pure function of the leaf, so that a receiver's record can be made again and
//! compared. The table of classes: `docs/spec/audit.md`.

use audit::{Actor, Event, Hit, Outcome, What};
use base::{ProjectId, Sha256};
use serde_json::{Map, Value, json};

/// The schema's version.
pub const SCHEMA: &str = "1.3.0";

/// What the record says of where it came from.
#[derive(Debug, Clone)]
pub struct Source {
    /// The ledger's name.
    pub ledger: String,
    /// The program's version.
    pub version: String,
}

/// A class with its category, and the activity in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Class {
    category: u32,
    class: u32,
    activity: u32,
}

const fn class(class: u32, activity: u32) -> Class {
    Class { category: class / 1000, class, activity }
}

const ENTITY: u32 = 3004;
const AUTHENTICATION: u32 = 3002;
const LIFECYCLE: u32 = 6002;
const API: u32 = 6003;
const DATASTORE: u32 = 6005;

/// The OCSF record of a hit. `before` is the position before it in the same stream: a receiver that
/// holds the record at `before` for each record that it holds has no gap.
pub fn record(source: &Source, hit: &Hit, hash: [u8; 32], before: Option<u64>) -> Value {
    let recorded = &hit.recorded;
    let event = &recorded.event;
    let class = class_of(&event.what);
    let mut out = Map::new();
    let mut set = |name: &str, value: Value| out.insert(name.to_owned(), value);
    set("category_uid", class.category.into());
    set("class_uid", class.class.into());
    set("activity_id", class.activity.into());
    set("type_uid", (class.class * 100 + class.activity).into());
    set("severity_id", severity(&event.what).into());
    set("time", recorded.time.as_millisecond().into());
    set("metadata", metadata(source, hit));
    set("message", event.what.kind().into());
    if let Some(status) = status(&event.what) {
        set("status_id", status.into());
    }
    if let What::SessionsRefused { count } = event.what {
        set("count", count.into());
    }
    if let What::Outcome { code: Some(code), .. } = &event.what {
        set("status_code", code.as_str().into());
    }
    for (name, value) in of_class(class, source, event) {
        set(&name, value);
    }
    let leaf = String::from_utf8_lossy(&hit.leaf);
    set("raw_data", leaf.as_ref().into());
    set(
        "unmapped",
        json!({
            "position": recorded.position,
            "before": before,
            "leaf_hash": Sha256(hash).to_string(),
            "project": event.project.as_ref().map(ProjectId::to_string),
            "purpose": event.purpose,
            "on_behalf_of": event.on_behalf_of.as_ref().map(ToString::to_string),
            "unwraps": unwraps(&event.what),
        }),
    );
    Value::Object(out)
}

/// Keys of objects that were unwrapped for what ended.
const fn unwraps(what: &What) -> Option<u64> {
    match what {
        What::Outcome { unwraps, .. } => *unwraps,
        _ => None,
    }
}

const fn class_of(what: &What) -> Class {
    match what {
        What::SiteCreated { .. } | What::SiteRestored { .. } => class(LIFECYCLE, 1),
        What::SiteOpened { .. } | What::JobStarted { .. } => class(LIFECYCLE, 3),
        What::SiteClosed { .. } | What::SiteStopped { .. } | What::JobEnded { .. } => class(LIFECYCLE, 4),
        What::StreamLags { .. }
        | What::StreamCaughtUp { .. }
        | What::StreamClosed { .. }
        | What::StreamOpened { .. }
        | What::RoomLow { .. }
        | What::RoomBack { .. }
        | What::WitnessSilent { .. }
        | What::WitnessReturned { .. } => class(LIFECYCLE, 99),
        What::SessionOpened { .. } | What::SessionsRefused { .. } => class(AUTHENTICATION, 1),
        What::SessionEnded { .. } => class(AUTHENTICATION, 2),
        What::Decision { changes: true, .. } => class(API, 3),
        What::Decision { .. } => class(API, 2),
        What::Outcome { .. } => class(API, 99),
        What::ObjectSealed(_) => class(DATASTORE, 6),
        What::ObjectsScrubbed { .. } | What::BackupMade { .. } => class(DATASTORE, 1),
        What::ObjectsWithdrawn {} | What::ObjectDeleted { .. } | What::BackupKeysDestroyed { .. } => {
            class(DATASTORE, 7)
        }
        What::ObjectDamaged { .. } | What::DatabaseMoved { .. } => class(DATASTORE, 99),
        What::ObjectWhole { .. } | What::ReplicaDiffers { .. } | What::IdentifiersFound { .. } => {
            class(DATASTORE, 99)
        }
        What::PolicyProposed { .. } | What::AdministratorProposed {} | What::ConsentGiven { .. } => {
            class(ENTITY, 1)
        }
        What::IdentityRecorded {} => class(ENTITY, 1),
        What::IdentityCorrected { .. } => class(ENTITY, 3),
        What::DatasetStands { .. } | What::ApplicationStands { .. } | What::AgreementStands { .. } => {
            class(ENTITY, 3)
        }
        What::BreakGlassOpened { .. } | What::SupportAsked { .. } => class(ENTITY, 1),
        What::BreakGlassClosed {}
        | What::BreakGlassReviewed { .. }
        | What::SupportApproved { .. }
        | What::SupportEnded {} => class(ENTITY, 3),
        What::ConsentWithdrawn {} | What::UseReviewed {} | What::UseApproved { .. } | What::UseRevoked {} => {
            class(ENTITY, 3)
        }
        What::PolicyWithdrawn { .. } | What::PolicyChanged { .. } => class(ENTITY, 3),
        What::AccountsLinked {} => class(ENTITY, 3),
        What::AccountReopened {} | What::RightsChanged { .. } | What::GrantLapsed { .. } => class(ENTITY, 3),
        What::Linked {} | What::HoldChanged { .. } | What::KeysSealed { .. } => class(ENTITY, 3),
        What::PolicyChecked { .. } | What::PolicyDisagreed { .. } => class(LIFECYCLE, 99),
        What::AccountClosed {} => class(ENTITY, 4),
        What::SessionConfirmed { .. } | What::TerminalDecided { .. } => class(AUTHENTICATION, 99),
        What::ServiceChanged { .. } => class(ENTITY, 3),
        What::IdentityChanged { .. } | What::VisaMappingChanged { .. } | What::VisaAccepted { .. } => {
            class(ENTITY, 3)
        }
        What::PassportPresented { .. } => class(API, 99),
        What::CredentialAdded { .. } => class(ENTITY, 1),
        What::CredentialRemoved { .. } => class(ENTITY, 4),
        What::CredentialSuspended {} => class(ENTITY, 3),
        What::ReceiptIssued { .. } | What::AdministratorMade {} => class(ENTITY, 1),
    }
}

/// Informational, or low for what someone may want to look at.
const fn severity(what: &What) -> u32 {
    match what {
        What::Decision { allowed: false, .. }
        | What::SessionsRefused { .. }
        | What::Outcome { result: Outcome::Unknown, .. }
        | What::JobEnded { accepted: false, .. } => 2,
        What::JobEnded { scratch_destroyed: false, .. }
        | What::StreamLags { .. }
        | What::StreamClosed { .. }
        | What::SiteRestored { .. }
        | What::AdministratorMade {}
        | What::BreakGlassOpened { .. }
        | What::BreakGlassReviewed { justified: false, .. }
        | What::DatabaseMoved { .. }
        | What::IdentifiersFound { .. }
        | What::WitnessSilent { .. } => 3,
        What::ObjectDamaged { .. }
        | What::CredentialSuspended {}
        | What::ReplicaDiffers { .. }
        | What::RoomLow { .. }
        | What::PolicyDisagreed { .. }
        | What::SiteStopped { .. } => 4,
        _ => 1,
    }
}

/// Success, failure, or none where an event has no end.
const fn status(what: &What) -> Option<u32> {
    match what {
        What::Decision { allowed: true, .. }
        | What::SessionOpened { .. }
        | What::SessionEnded { .. }
        | What::SessionConfirmed { .. }
        | What::TerminalDecided { approved: true }
        | What::Outcome { result: Outcome::Done, .. }
        | What::JobEnded { accepted: true, .. } => Some(1),
        What::Decision { .. }
        | What::SessionsRefused { .. }
        | What::Outcome { result: Outcome::Failed, .. }
        | What::JobEnded { .. } => Some(2),
        What::Outcome { .. } => Some(0),
        _ => None,
    }
}

fn metadata(source: &Source, hit: &Hit) -> Value {
    let recorded = &hit.recorded;
    let mut metadata = json!({
        "version": SCHEMA,
        "product": product(source),
        "log_name": source.ledger,
        "uid": format!("{}#{}", source.ledger, recorded.position),
        "sequence": recorded.position,
        "original_time": recorded.time.to_string(),
    });
    if let (Some(request), Some(fields)) = (&recorded.event.request, metadata.as_object_mut()) {
        fields.insert("correlation_uid".to_owned(), request.to_string().into());
    }
    metadata
}

fn product(source: &Source) -> Value {
    json!({"name": "Sequestra", "vendor_name": "Sequestra", "version": source.version})
}

/// What the class requires beside the fields of every event.
fn of_class(class: Class, source: &Source, event: &Event) -> Vec<(String, Value)> {
    let fields = match class.class {
        AUTHENTICATION => vec![("user", user(event)), ("service", json!({"name": source.ledger}))],
        LIFECYCLE => vec![("app", app(source, event)), ("actor", actor(event))],
        ENTITY => vec![("entity", entity(event)), ("actor", actor(event))],
        DATASTORE => vec![
            ("databucket", json!({"type_id": 99, "type": "sealed object", "uid": first(event)})),
            ("actor", actor(event)),
            ("src_endpoint", endpoint(source)),
        ],
        _ => vec![
            ("api", api(event)),
            ("actor", actor(event)),
            ("src_endpoint", endpoint(source)),
            ("resources", event.about.iter().map(|id| json!({"uid": id})).collect()),
        ],
    };
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Requests come over the socket inside the site: there is no address.
fn endpoint(source: &Source) -> Value {
    json!({"uid": source.ledger, "name": "site socket"})
}

fn actor(event: &Event) -> Value {
    match &event.actor {
        Actor::Site(id) => json!({"app_name": "Sequestra", "app_uid": id.to_string()}),
        _ => json!({"user": user(event)}),
    }
}

fn user(event: &Event) -> Value {
    match (&event.actor, &event.what) {
        // Whoever was refused is nobody that is known.
        (_, What::SessionsRefused { .. }) => json!({"type_id": 0, "uid": "unknown"}),
        (Actor::User(id), _) => json!({"type_id": 1, "uid": id.to_string()}),
        (Actor::Service(id), _) => json!({"type_id": 4, "uid": id.to_string()}),
        (Actor::Site(id), _) => json!({"type_id": 3, "uid": id.to_string()}),
    }
}

fn app(source: &Source, event: &Event) -> Value {
    match event.what {
        What::JobStarted { .. } | What::JobEnded { .. } => {
            json!({"name": "sealed job", "vendor_name": "Sequestra", "uid": first(event)})
        }
        _ => product(source),
    }
}

fn entity(event: &Event) -> Value {
    json!({"uid": first(event), "type": kind_of(first(event)), "data": {"about": event.about}})
}

fn api(event: &Event) -> Value {
    match &event.what {
        What::Decision { action, allowed, policies, policy, .. } => json!({
            "operation": action,
            "response": {"code": if *allowed { 200 } else { 403 }},
            "service": {"name": "policy", "version": policy.to_string(), "labels": policies},
        }),
        What::Outcome { decision, bytes, .. } => json!({
            "operation": "outcome",
            "request": {"uid": decision.to_string()},
            "response": {"length": bytes},
        }),
        _ => json!({"operation": event.what.kind()}),
    }
}

fn first(event: &Event) -> &str {
    event.about.first().map_or("", String::as_str)
}

fn kind_of(id: &str) -> &str {
    id.split_once('_').map_or("", |(kind, _)| kind)
}
