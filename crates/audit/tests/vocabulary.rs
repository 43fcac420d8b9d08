//! The vocabulary as it is documented: each kind of event, as it is stored, against the schema that others
//! read (`docs/spec/audit-event.schema.json`).

// Tells clippy that the helpers are tests too.
#![cfg(test)]

use audit::{Actor, Event, Manifest, Outcome, What};
use base::{
    Blake3, Id, ObjectId, ProjectId, RequestId, Role, SampleId, ServiceId, Sha256, SiteId, SubjectId,
    SystemEntropy, Timestamp, UserId,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spec/audit-event.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// One event of each kind, with every field that it can have.
fn all() -> Vec<Event> {
    let (object, site) = (ObjectId::mint(&SystemEntropy), Actor::Site(SiteId::mint(&SystemEntropy)));
    let person = || Actor::User(UserId::mint(&SystemEntropy));
    let asked = |actor: Actor, what: What| {
        let mut event = Event::new(actor, what)
            .during(Some(RequestId::mint(&SystemEntropy)))
            .in_project(Some(ProjectId::mint(&SystemEntropy)))
            .about([SampleId::mint(&SystemEntropy).to_string()]);
        event.purpose = Some("research".into());
        event.on_behalf_of = Some(UserId::mint(&SystemEntropy));
        event
    };
    let manifest = Manifest {
        object,
        version: 1,
        plain_length: 1,
        cipher_length: 2,
        segments: 1,
        root: Blake3([1; 32]),
        sealed_digest: "AAAA".into(),
        kept_until: Some(base::Timestamp::UNIX_EPOCH),
    };
    let decision = What::Decision {
        action: "view-run".into(),
        allowed: true,
        policies: vec!["p".into()],
        policy: Sha256([0; 32]),
        changes: false,
        sealed_reason: Some("AAAA".into()),
        sealed_under: Some(SubjectId::mint(&SystemEntropy)),
    };
    let outcome = What::Outcome {
        decision: 3,
        result: Outcome::Failed,
        stored: true,
        code: Some("RUNS-001".into()),
        bytes: Some(7),
        unwraps: Some(2),
    };
    let ended = What::JobEnded { accepted: true, exit: Some(0), scratch_destroyed: true };
    let made = What::BackupMade {
        set: 1,
        digest: Blake3([4; 32]),
        objects: 3,
        bytes: 9,
        absent: 0,
        epoch: 1,
        expires: Timestamp::UNIX_EPOCH,
    };
    let restored = What::SiteRestored {
        set: 1,
        digest: Blake3([4; 32]),
        made: Timestamp::UNIX_EPOCH,
        newer: true,
        shredded: 1,
        deleted: 0,
        rights: 2,
        sealing: 3,
    };
    vec![
        Event::new(site.clone(), What::SiteCreated { program: "1".into() }),
        Event::new(
            site.clone(),
            What::SiteOpened {
                program: "1".into(),
                watermark: Some(3),
                sealing: Some(2),
                latest: Some(Timestamp::UNIX_EPOCH),
            },
        ),
        Event::new(site.clone(), What::SiteClosed { watermark: Some(4) }),
        asked(person(), What::KeysSealed { sealing: 3 }),
        Event::new(site.clone(), What::SessionsRefused { count: 3 }),
        asked(person(), What::SessionOpened { proof: Some("passkey".into()) }),
        asked(person(), What::SessionEnded { cause: Some("revoked".into()) }),
        asked(person(), What::SessionConfirmed { proof: "passkey".into() }),
        asked(person(), What::TerminalDecided { approved: true }),
        asked(person(), What::CredentialAdded { proof: "passkey".into() }),
        asked(person(), What::CredentialRemoved { proof: "passkey".into() }),
        asked(person(), What::CredentialSuspended {}),
        asked(person(), What::ServiceChanged { change: "created".into() }),
        asked(person(), What::AccountClosed {}),
        asked(person(), What::AccountReopened {}),
        asked(person(), What::AccountsLinked {}),
        asked(person(), What::IdentityChanged { issuer: "ega".into(), linked: true }),
        asked(
            person(),
            What::VisaMappingChanged {
                issuer: "ega".into(),
                value: Blake3([5; 32]),
                role: Role::Viewer,
                given: true,
            },
        ),
        asked(
            person(),
            What::PassportPresented {
                passport: Blake3([6; 32]),
                visas: 2,
                refused: vec!["ACCESS-079".into()],
            },
        ),
        asked(
            person(),
            What::VisaAccepted {
                issuer: "ega".into(),
                visa: Blake3([7; 32]),
                role: Role::Viewer,
                until: Timestamp::UNIX_EPOCH,
            },
        ),
        asked(Actor::Service(ServiceId::mint(&SystemEntropy)), decision),
        asked(person(), outcome),
        asked(person(), What::ObjectSealed(Box::new(manifest))),
        asked(person(), What::ObjectsWithdrawn {}),
        asked(person(), What::HoldChanged { held: true }),
        asked(person(), What::ObjectDeleted { versions: 2 }),
        Event::new(site.clone(), What::ObjectDamaged { version: 1, found: "bytes".into() }),
        asked(person(), What::ObjectWhole { version: 1 }),
        Event::new(site.clone(), What::ObjectsScrubbed { objects: 3, bytes: 9, damaged: 1 }),
        asked(person(), made),
        Event::new(site.clone(), What::BackupKeysDestroyed { epochs: vec![1, 2] }),
        Event::new(site.clone(), restored),
        Event::new(site.clone(), What::AdministratorMade {}),
        Event::new(
            site.clone(),
            What::IdentifiersFound { words: 1, labels: 2, files: 3, consents: 4, runs: 5, headers: 6 },
        )
        .in_project(Some(ProjectId::mint(&SystemEntropy))),
        asked(person(), What::Linked {}),
        asked(person(), What::JobStarted { closures: vec![Blake3([2; 32])] }),
        asked(person(), ended),
        asked(person(), What::ReceiptIssued { payload: Sha256([3; 32]) }),
        asked(
            person(),
            What::RightsChanged {
                role: Role::Analyst,
                given: true,
                until: Some(base::Timestamp::UNIX_EPOCH),
            },
        ),
        asked(person(), What::GrantLapsed { role: Role::Analyst, cause: "training".into() }),
        asked(person(), What::AdministratorProposed {}),
        asked(
            person(),
            What::ConsentGiven {
                document: Sha256([1; 32]),
                since: base::Timestamp::UNIX_EPOCH,
                until: Some(base::Timestamp::UNIX_EPOCH),
            },
        ),
        asked(person(), What::ConsentWithdrawn {}),
        asked(person(), What::IdentityRecorded {}),
        asked(person(), What::IdentityCorrected { field: "birth-date".into() }),
        asked(person(), What::UseReviewed {}),
        asked(person(), What::UseRevoked {}),
        asked(person(), What::DatasetStands { state: "published".into(), samples: 2, persons: 2 }),
        asked(
            person(),
            What::ApplicationStands {
                state: "approved".into(),
                until: base::Timestamp::UNIX_EPOCH,
                people: 2,
            },
        ),
        asked(
            person(),
            What::AgreementStands {
                state: "live".into(),
                contract: "DUA".into(),
                until: base::Timestamp::UNIX_EPOCH,
            },
        ),
        asked(
            person(),
            What::BreakGlassOpened { until: base::Timestamp::UNIX_EPOCH, sealed_reason: Some("AAAA".into()) },
        ),
        asked(person(), What::BreakGlassClosed {}),
        asked(person(), What::BreakGlassReviewed { justified: false, sealed_reason: Some("AAAA".into()) }),
        asked(person(), What::SupportAsked { sealed_reason: Some("AAAA".into()) }),
        asked(person(), What::SupportApproved { until: base::Timestamp::UNIX_EPOCH }),
        asked(person(), What::SupportEnded {}),
        asked(person(), What::UseApproved { reasons: 2, until: base::Timestamp::UNIX_EPOCH }),
        asked(person(), What::PolicyProposed { policy: Sha256([1; 32]) }),
        asked(person(), What::PolicyWithdrawn { policy: Sha256([1; 32]) }),
        asked(
            person(),
            What::PolicyChanged { from: Sha256([0; 32]), to: Sha256([1; 32]), own: Sha256([2; 32]) },
        ),
        Event::new(site.clone(), What::PolicyChecked { decisions: 4, compiled: 3, checked: 2, disagreed: 1 }),
        asked(
            person(),
            What::PolicyDisagreed { action: "view-run".into(), policy: Sha256([0; 32]), cedar: true },
        ),
        Event::new(site.clone(), What::RoomLow { free: 7 }),
        Event::new(site.clone(), What::RoomBack { free: 9 }),
        Event::new(site.clone(), What::WitnessSilent { witness: "0a1b2c3d".into(), size: 4 }),
        Event::new(site.clone(), What::WitnessReturned { witness: "0a1b2c3d".into(), size: 5 }),
        Event::new(site.clone(), What::SiteStopped { cause: "no-room".into() }),
        Event::new(site.clone(), What::DatabaseMoved { to: "server".into(), rows: 12 }),
        Event::new(site.clone(), What::ReplicaDiffers { replica: "vault".into(), found: "differs".into() }),
        Event::new(site.clone(), What::StreamLags { stream: "siem".into(), next: 3 }),
        Event::new(site.clone(), What::StreamClosed { stream: "siem".into(), why: "ended".into() }),
        Event::new(site.clone(), What::StreamOpened { stream: "siem".into() }),
        Event::new(site, What::StreamCaughtUp { stream: "siem".into(), next: 4 }),
    ]
}

/// The part of JSON Schema that the document uses: `type`, `const`, `enum`, `pattern` as a prefix of an id,
/// `items`, `properties`, `required`, `additionalProperties: false`, `oneOf` by kind.
fn check(schema: &Value, event: &Value) -> Result<(), String> {
    let kind = event["event"].as_str().ok_or("no kind")?;
    let branch =
        schema["oneOf"].as_array().unwrap().iter().find(|b| b["properties"]["event"]["const"] == kind);
    let branch = branch.ok_or(format!("`{kind}` is not in the schema"))?;
    let required =
        schema["required"].as_array().unwrap().iter().chain(branch["required"].as_array().unwrap());
    for name in required.map(|name| name.as_str().unwrap()) {
        event.get(name).ok_or(format!("{kind}: `{name}` is missing"))?;
    }
    for (name, value) in event.as_object().unwrap() {
        let field = [branch, schema].into_iter().find_map(|part| part["properties"].get(name));
        let field = field.ok_or(format!("{kind}: `{name}` is not in the schema"))?;
        of_type(field, value).map_err(|why| format!("{kind}: `{name}` {why}"))?;
    }
    Ok(())
}

fn of_type(field: &Value, value: &Value) -> Result<(), String> {
    let types: Vec<&str> = match &field["type"] {
        Value::String(one) => vec![one],
        Value::Array(some) => some.iter().map(|one| one.as_str().unwrap()).collect(),
        _ => vec![],
    };
    let is = |wanted: &str| match wanted {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        other => panic!("the schema says {other}"),
    };
    if !types.is_empty() && !types.iter().any(|wanted| is(wanted)) {
        return Err(format!("is {value}, not {types:?}"));
    }
    if field["const"].is_string() && field["const"] != *value {
        return Err(format!("is {value}"));
    }
    if field["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return Err(format!("is {value}"));
    }
    if let Some(pattern) = field["pattern"].as_str() {
        let kinds = pattern.strip_prefix("^(").unwrap().split_once(')').unwrap().0;
        let text = value.as_str().unwrap();
        let known = kinds.split('|').any(|kind| text.starts_with(&format!("{kind}_")));
        if !known || text.len() != 24 {
            return Err(format!("is {value}"));
        }
    }
    value.as_array().into_iter().flatten().try_for_each(|item| of_type(&field["items"], item))
}

#[test]
fn every_kind_of_event_is_as_documented() {
    let schema = schema();
    let mut kinds = BTreeSet::new();
    for event in all() {
        let stored = serde_json::to_value(&event).unwrap();
        assert_eq!(stored["event"], event.what.kind());
        check(&schema, &stored).unwrap();
        kinds.insert(event.what.kind().to_owned());
        // What has to be there, is asked for; what is not documented, is noticed.
        for name in ["actor", "event"] {
            let mut less = stored.clone();
            less.as_object_mut().unwrap().remove(name);
            check(&schema, &less).unwrap_err();
        }
        let mut more = stored.clone();
        more["patient"] = json!("x");
        assert!(check(&schema, &more).unwrap_err().contains("`patient`"));
        let mut free = stored;
        free["actor"] = json!("Jane Doe");
        check(&schema, &free).unwrap_err();
    }
    let documented: BTreeSet<String> = schema["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|branch| branch["properties"]["event"]["const"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, documented);
}

#[test]
fn who_what_object_project_decision_and_policy_stand_where_they_apply() {
    let schema = schema();
    let decision = all().into_iter().find(|event| event.what.kind() == "decision").unwrap();
    let stored = serde_json::to_value(&decision).unwrap();
    for name in ["action", "allowed", "policies", "policy", "changes"] {
        let mut less = stored.clone();
        less.as_object_mut().unwrap().remove(name);
        assert!(check(&schema, &less).unwrap_err().contains(&format!("`{name}` is missing")));
    }
    for name in ["actor", "on_behalf_of", "request", "project", "purpose", "about"] {
        assert!(!stored[name].is_null(), "{name}");
    }
}
