//! Service accounts: what they may, for whom, from where; and the many tokens that are none.

use crate::rights::{approve, approver, own, propose};
use access::network::Range;
use access::service::{Before, Finding, NewService, Service};
use access::thing::{Project, Site};
use access::verb::{Manage, Release, View};
use access::{Action, Ask, Caller, Error, Permit, Source};
use audit::{Actor, What};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base::{Class, FixedClock, Id, ProjectId, RequestId, Role, ServiceId, SystemEntropy, Timestamp, UserId};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use db::sea_orm::ConnectionTrait;
use db::sea_orm::sea_query::{Expr, ExprTrait, Query};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use testkit::{Members, Spine};

const AUDIENCE: &str = "https://site.example";
const NOW: i64 = 1_900_000_000;
const DAY: Duration = Duration::from_secs(86_400);

fn request() -> RequestId {
    RequestId::mint(&SystemEntropy)
}

fn there() -> Source {
    Source::Network("192.0.2.7".parse().unwrap())
}

struct Machine {
    key: Ed25519KeyPair,
}

impl Machine {
    fn new() -> Self {
        Self { key: Ed25519KeyPair::generate().unwrap() }
    }

    fn public(&self) -> [u8; 32] {
        self.key.public_key().as_ref().try_into().unwrap()
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    fn sign_text(&self, header: &str, claims: &str) -> String {
        let text = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        format!("{text}.{}", BASE64.encode(self.key.sign(text.as_bytes())))
    }
}

struct World {
    spine: Spine,
    clock: Arc<FixedClock>,
    members: Members,
    machine: Machine,
    service: Service,
    person: UserId,
}

async fn manage(spine: &Spine) -> Permit<Manage, Site> {
    spine.permit(&spine.admin, Action::ManageAccounts, &spine.site).await
}

fn new(members: &Members, owner: &UserId, machine: &Machine) -> NewService {
    NewService {
        owner: owner.clone(),
        purpose: "nightly".into(),
        environment: "production".into(),
        project: members.project.clone(),
        actions: BTreeSet::from([Action::ViewSamples, Action::ViewRun]),
        class: Class::Research,
        networks: vec!["192.0.2.0/24".parse::<Range>().unwrap()],
        days: 90,
        key: machine.public(),
    }
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(FixedClock::at(Timestamp::from_second(NOW).unwrap()));
        let spine = Spine::with_store(clock.clone(), None).await;
        let members = spine.project(Class::Research).await;
        let machine = Machine::new();
        let person = members.with(Role::Analyst).user().unwrap().clone();
        let permit = manage(&spine).await;
        let service = spine.access.create_service(&permit, new(&members, &person, &machine)).await.unwrap();
        let analyst = members.with(Role::Analyst);
        spine.access.allow_service(analyst, &service.id, &machine.public()).await.unwrap();
        Self { spine, clock, members, machine, service, person }
    }

    fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": "JWT", "kid": self.service.keys[0].to_string()})
    }

    fn claims(&self) -> Value {
        let now = self.spine.clock.now().as_second();
        let jti: String =
            base::entropy::bytes::<16>(&SystemEntropy).iter().map(|b| format!("{b:02x}")).collect();
        json!({
            "iss": self.service.id, "sub": self.service.id, "aud": AUDIENCE, "exp": now + 60, "nbf": now, "iat": now,
            "jti": jti, "on_behalf_of": self.person,
        })
    }

    async fn redeem(&self, text: &str, source: Source) -> Result<String, Error> {
        let token = self.spine.access.redeem_assertion(text, AUDIENCE, source, &request()).await?;
        Ok(token.expose().to_owned())
    }

    async fn caller(&self) -> Result<Caller, Error> {
        let token = self.redeem(&self.machine.sign(&self.header(), &self.claims()), there()).await?;
        self.spine.access.authenticate_from(&token, there()).await
    }

    async fn view(&self, caller: &Caller) -> Result<Permit<View, Project>, Error> {
        let ask = Ask::new(Action::ViewSamples, [self.members.project.clone()]);
        self.spine.access.decide(caller, ask).await
    }

    async fn count(&self) -> u64 {
        let site = Actor::Site(self.spine.site.clone());
        self.spine.audit.flush_refused_sessions(&site).await.unwrap();
        self.spine.audit.gate(&audit::Event::new(site, What::SiteClosed { watermark: None })).await.unwrap();
        match self.spine.audit.recorded(self.spine.audit.ledger().size() - 2).unwrap().event.what {
            What::SessionsRefused { count, .. } => count,
            _ => 0,
        }
    }
}

#[tokio::test]
async fn a_service_acts_for_its_person_within_its_scope_and_on_record() {
    let world = World::new().await;
    let caller = world.caller().await.unwrap();
    let permit = world.view(&caller).await.unwrap();
    let event = world.spine.audit.recorded(permit.decision()).unwrap().event;
    assert_eq!(event.actor, Actor::Service(world.service.id.clone()));
    assert_eq!(event.on_behalf_of.as_ref(), Some(&world.person));
    world.spine.access.close(&caller, Default::default()).await.unwrap();
    // Its person may start runs; it was not made for that.
    let run = Ask::<Project>::new(Action::StartRun, [world.members.project.clone()]);
    let refused = world.spine.access.decide::<access::verb::Run, Project>(&caller, run).await.err().unwrap();
    assert!(matches!(refused, Error::OutsideScope), "{refused}");
    // Nor for another project, whatever its person holds there; and it learns of none.
    let other = world.spine.project(Class::Sandbox).await;
    world.spine.add(&other, &world.person, Role::Analyst).await;
    let analyst = world.members.with(Role::Analyst);
    for project in [other.project.clone(), ProjectId::mint(&SystemEntropy)] {
        let ask = |action| Ask::<Project>::new(action, [project.clone()]);
        let refused = world.spine.access.decide::<View, Project>(&caller, ask(Action::ViewSamples)).await;
        assert!(matches!(refused, Err(Error::NotFound)), "as one that is not there");
        let run =
            world.spine.access.decide::<access::verb::Run, Project>(&caller, ask(Action::StartRun)).await;
        assert!(matches!(run, Err(Error::NotFound)), "also for what it was not made for");
    }
    let ask = Ask::<Project>::new(Action::ViewSamples, [other.project.clone()]);
    world.spine.access.decide::<View, Project>(analyst, ask).await.unwrap();
    // It has no account of its own to look after.
    assert!(world.spine.access.own_account(&caller).await.is_err());
}

#[tokio::test]
async fn a_service_stops_where_the_project_becomes_stricter_than_it_was_made_for() {
    let world = World::new().await;
    let caller = world.caller().await.unwrap();
    world.view(&caller).await.unwrap();
    let tx = world.spine.db.begin_without_decision().await.unwrap();
    // As if the project had been made stricter: no command does that yet.
    let laxer = Query::update()
        .table("access_service")
        .value("class", Class::Sandbox.as_str())
        .and_where(Expr::col("id").eq(world.service.id.as_str()))
        .to_owned();
    tx.execute(&laxer).await.unwrap();
    tx.commit().await.unwrap();
    let caller = world.caller().await.unwrap();
    let refused = world.view(&caller).await.err().unwrap();
    assert!(matches!(refused, Error::OutsideScope), "{refused}");
}

#[tokio::test]
async fn a_service_does_not_see_what_its_person_sees_by_way_of_exception() {
    let world = World::new().await;
    let caller = world.caller().await.unwrap();
    world.view(&caller).await.unwrap();
    let sql = format!(
        "UPDATE access_grant SET role = 'viewer', under = 'bgl_00000000000000000001' WHERE account = '{}'",
        world.person
    );
    world.spine.db.reader().execute_unprepared(&sql).await.unwrap();
    assert!(matches!(world.view(&caller).await, Err(Error::NotFound)));
    world.view(world.members.with(Role::Analyst)).await.unwrap();
}

#[tokio::test]
async fn a_service_never_has_more_than_its_person() {
    let world = World::new().await;
    let caller = world.caller().await.unwrap();
    world.view(&caller).await.unwrap();
    // Made for downloads, for somebody who may not download.
    let permit = manage(&world.spine).await;
    let machine = Machine::new();
    let wanted = NewService {
        actions: BTreeSet::from([Action::DownloadObject]),
        ..new(&world.members, &world.person, &machine)
    };
    let service = world.spine.access.create_service(&permit, wanted).await.unwrap();
    let analyst = world.members.with(Role::Analyst);
    world.spine.access.allow_service(analyst, &service.id, &machine.public()).await.unwrap();
    let world = World { service, machine, ..world };
    let exporter = world.caller().await.unwrap();
    let ask = Ask::<Project>::new(Action::DownloadObject, [world.members.project.clone()])
        .because(Some(base::Sensitive::new("nightly copy".into())));
    let refused = world.spine.access.decide::<Release, Project>(&exporter, ask).await.err().unwrap();
    assert!(matches!(refused, Error::Denied { .. }), "{refused}");
    // The person's role goes, and the service's right with it, at the next decision.
    let manager = world.members.with(Role::ProjectAdministrator);
    let ask =
        Ask::<Project>::new(Action::AdministerProject, [world.members.project.clone()]).target(&world.person);
    let permit: Permit<Manage, Project> = world.spine.access.decide(manager, ask).await.unwrap();
    let tx = world.spine.db.begin(permit.decision()).await.unwrap();
    world.spine.access.remove_member(&permit, &tx, &world.person).await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(world.view(&caller).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn what_a_policy_asks_of_people_it_asks_of_whom_a_service_acts_for() {
    let world = World::new().await;
    let caller = world.caller().await.unwrap();
    world.view(&caller).await.unwrap();
    let (second, _) = approver(&world.spine, "second", None).await;
    let text = "@id(\"own\") @why(\"strong\") forbid (principal, action == Action::\"view-samples\", resource) \
                unless { context.strong_authentication };";
    let proposal = propose(&world.spine, &world.spine.admin, &own(text)).await.unwrap();
    approve(&world.spine, &second, &proposal).await.unwrap();
    // The machine's key proves more than its person did when they let it act.
    assert!(matches!(world.view(&caller).await, Err(Error::Denied { .. })));
}

#[tokio::test]
async fn what_leaves_a_strict_project_is_for_people_and_lending_there_takes_a_passkey() {
    let world = World::new().await;
    let strict = world.spine.project(Class::Controlled).await;
    let exporter = strict.with(Role::DataExporter);
    let permit = manage(&world.spine).await;
    let machine = Machine::new();
    let wanted = |action| NewService {
        actions: BTreeSet::from([action]),
        class: Class::Controlled,
        ..new(&strict, exporter.user().unwrap(), &machine)
    };
    let refused = world.spine.access.create_service(&permit, wanted(Action::DownloadObject)).await;
    assert!(matches!(refused, Err(Error::Service(_))));
    let service = world.spine.access.create_service(&permit, wanted(Action::ViewSamples)).await.unwrap();
    // By a one-time token nobody lends what takes a passkey.
    let weak = testkit::token(&world.spine, exporter.user().unwrap()).await;
    let weak = world.spine.access.redeem(&weak, &request()).await.unwrap();
    let weak = world.spine.access.authenticate(weak.expose()).await.unwrap();
    let lent = world.spine.access.allow_service(&weak, &service.id, &machine.public()).await;
    assert!(matches!(lent, Err(Error::PasskeyNeeded)));
    world.spine.access.allow_service(exporter, &service.id, &machine.public()).await.unwrap();
    let person = exporter.user().unwrap().clone();
    let world = World { service, machine, person, members: strict, ..world };
    let caller = world.caller().await.unwrap();
    world.view(&caller).await.unwrap();
}

#[tokio::test]
async fn an_account_that_begins_anew_lends_nothing_any_more() {
    let world = World::new().await;
    let token = world.redeem(&world.machine.sign(&world.header(), &world.claims()), there()).await.unwrap();
    let access = &world.spine.access;
    access.authenticate_from(&token, there()).await.unwrap();
    let ask = Ask::<Site>::new(Action::ManageAccounts, [world.spine.site.clone()]).target(&world.person);
    let permit: Permit<Manage, Site> = access.decide(&world.spine.admin, ask).await.unwrap();
    access.renew_token(&permit, &world.person).await.unwrap();
    assert!(matches!(access.authenticate_from(&token, there()).await, Err(Error::NotSignedIn)));
    // Nor does a request that was held open lend it again.
    let analyst = world.members.with(Role::Analyst);
    let late = access.allow_service(analyst, &world.service.id, &world.machine.public()).await;
    assert!(matches!(late, Err(Error::NotSignedIn)));
}

#[tokio::test]
async fn a_token_of_before_a_withdrawal_does_not_come_back() {
    let world = World::new().await;
    let assertion = world.machine.sign(&world.header(), &world.claims());
    let token = world.redeem(&assertion, there()).await.unwrap();
    let (access, id) = (&world.spine.access, &world.service.id);
    let analyst = world.members.with(Role::Analyst);
    access.withdraw_service(analyst, id).await.unwrap();
    access.allow_service(analyst, id, &world.machine.public()).await.unwrap();
    assert!(matches!(access.authenticate_from(&token, there()).await, Err(Error::NotSignedIn)));
    let again = world.redeem(&assertion, there()).await;
    assert!(matches!(again, Err(Error::NotSignedIn)), "what was spent stays spent");
    world.caller().await.unwrap();
}

#[tokio::test]
async fn a_service_acts_for_nobody_who_did_not_let_it() {
    let world = World::new().await;
    let viewer = world.members.with(Role::Viewer);
    let foreign = |world: &World| {
        let mut claims = world.claims();
        claims["on_behalf_of"] = json!(viewer.user().unwrap());
        world.machine.sign(&world.header(), &claims)
    };
    assert!(matches!(world.redeem(&foreign(&world), there()).await, Err(Error::NotSignedIn)));
    let (service, key) = (&world.service.id, world.machine.public());
    world.spine.access.allow_service(viewer, service, &key).await.unwrap();
    let token = world.redeem(&foreign(&world), there()).await.unwrap();
    let caller = world.spine.access.authenticate_from(&token, there()).await.unwrap();
    assert_eq!(caller.on_behalf_of(), viewer.user());
    let mine = world.spine.access.own_services(viewer).await.unwrap();
    assert_eq!(mine.iter().map(|one| &one.id).collect::<Vec<_>>(), [service]);
    world.spine.access.withdraw_service(viewer, service).await.unwrap();
    assert_eq!(world.spine.access.own_services(viewer).await.unwrap(), []);
    let again = world.spine.access.withdraw_service(viewer, service).await;
    assert!(matches!(again, Err(Error::NotFound)), "nothing is on record of whom it never acted for");
    assert!(world.spine.access.authenticate_from(&token, there()).await.is_err());
    let gone = world.spine.access.allow_service(viewer, &ServiceId::mint(&SystemEntropy), &key).await;
    assert!(matches!(gone, Err(Error::NotFound)));
}

#[tokio::test]
async fn whoever_keeps_accounts_acts_by_that_for_nobody() {
    let world = World::new().await;
    let access = &world.spine.access;
    // A service account of the analyst's, made with an administrator's own key.
    let mine = Machine::new();
    let permit = manage(&world.spine).await;
    let made = access.create_service(&permit, new(&world.members, &world.person, &mine)).await.unwrap();
    let theirs = World { service: made, machine: mine, ..world };
    assert!(matches!(theirs.caller().await, Err(Error::NotSignedIn)), "nobody let it");
    // The analyst names the key of a machine of theirs, which this account does not have.
    let other = Machine::new();
    let (access, id) = (&theirs.spine.access, &theirs.service.id);
    let analyst = theirs.members.with(Role::Analyst);
    assert!(matches!(access.allow_service(analyst, id, &other.public()).await, Err(Error::ServiceKey)));
    assert!(matches!(theirs.caller().await, Err(Error::NotSignedIn)));
    // A key that is given to an account which acts for somebody acts for nobody until they say so.
    access.allow_service(analyst, id, &theirs.machine.public()).await.unwrap();
    theirs.caller().await.unwrap();
    let permit = manage(&theirs.spine).await;
    let rotated = access.rotate_service(&permit, id, &other.public(), Before::Overlaps).await.unwrap();
    let new_key = rotated.keys.iter().find(|key| **key != theirs.service.keys[0]).unwrap().clone();
    let added = World { machine: other, service: Service { keys: vec![new_key], ..rotated }, ..theirs };
    assert!(matches!(added.caller().await, Err(Error::NotSignedIn)), "nor a key that was added");
    let analyst = added.members.with(Role::Analyst);
    added.spine.access.allow_service(analyst, &added.service.id, &added.machine.public()).await.unwrap();
    added.caller().await.unwrap();
}

#[tokio::test]
async fn lending_ones_rights_is_confirmed_by_those_who_can() {
    let world = World::new().await;
    let (id, key) = (world.service.id.clone(), world.machine.public());
    let (caller, _) = world.spine.account("lender").await;
    let (_, strong) = world.spine.with_passkey(&caller).await;
    let access = &world.spine.access;
    assert!(matches!(access.allow_service(&caller, &id, &key).await, Err(Error::Confirm)));
    access.allow_service(&strong, &id, &key).await.unwrap();
    world.clock.advance(Duration::from_secs(300));
    let stale = access.again(&strong).await.unwrap();
    assert!(matches!(access.allow_service(&stale, &id, &key).await, Err(Error::Confirm)));
    // A program lends nobody's rights.
    let program = world.caller().await.unwrap();
    assert!(matches!(access.allow_service(&program, &id, &key).await, Err(Error::ForPeople)));
}

#[tokio::test]
async fn assertions_that_are_none_open_nothing_and_count() {
    let world = World::new().await;
    let other = Machine::new();
    let header = |change: fn(&mut Value)| {
        let mut header = world.header();
        change(&mut header);
        world.machine.sign(&header, &world.claims())
    };
    let claim = |change: fn(&mut Value)| {
        let mut claims = world.claims();
        change(&mut claims);
        world.machine.sign(&world.header(), &claims)
    };
    let unsigned = |alg: &str| {
        let header = json!({"alg": alg, "typ": "JWT", "kid": world.service.keys[0].to_string()});
        format!("{}.{}.", BASE64.encode(header.to_string()), BASE64.encode(world.claims().to_string()))
    };
    // The public key as the secret of a symmetric algorithm.
    let confused = {
        let header = jsonwebtoken::Header {
            kid: Some(world.service.keys[0].to_string()),
            ..jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256)
        };
        let secret = jsonwebtoken::EncodingKey::from_secret(&world.machine.public());
        jsonwebtoken::encode(&header, &world.claims(), &secret).unwrap()
    };
    // One reader takes the first, another the last.
    let doubled = {
        let claims = world.claims().to_string().replacen('{', r#"{"on_behalf_of":"root","#, 1);
        world.machine.sign_text(&world.header().to_string(), &claims)
    };
    let attacks: Vec<(&str, String)> = vec![
        ("no algorithm", unsigned("none")),
        ("no signature", unsigned("EdDSA")),
        ("HS256 with the public key", confused),
        ("RS256 in the header", header(|h| h["alg"] = json!("RS256"))),
        ("ES256 in the header", header(|h| h["alg"] = json!("ES256"))),
        ("algorithm in small letters", header(|h| h["alg"] = json!("eddsa"))),
        ("another machine's key", other.sign(&world.header(), &world.claims())),
        ("a key address", header(|h| h["jku"] = json!("https://evil.example/keys"))),
        ("a certificate address", header(|h| h["x5u"] = json!("https://evil.example/c"))),
        ("a certificate", header(|h| h["x5c"] = json!(["AAAA"]))),
        ("a key of its own", header(|h| h["jwk"] = json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}))),
        ("an extension", header(|h| h["crit"] = json!(["exp"]))),
        ("compressed", header(|h| h["zip"] = json!("DEF"))),
        ("a header of its own", header(|h| h["role"] = json!("admin"))),
        ("another type", header(|h| h["typ"] = json!("at+jwt"))),
        ("a path as key id", header(|h| h["kid"] = json!("../../../../dev/null"))),
        ("SQL as key id", header(|h| h["kid"] = json!("' OR 1=1 --"))),
        ("a key id that no database takes", header(|h| h["kid"] = json!("\u{0}"))),
        ("an unknown key id", header(|h| h["kid"] = json!("crd_00000000000000000000"))),
        ("no key id", header(|h| *h = json!({"alg": "EdDSA"}))),
        ("nbf as text", claim(|c| c["nbf"] = json!("1900000000"))),
        ("exp as text", claim(|c| c["exp"] = json!("1900000060"))),
        ("exp as fraction", claim(|c| c["exp"] = json!(1_900_000_060.5))),
        ("no exp", claim(|c| drop(c.as_object_mut().unwrap().remove("exp")))),
        ("no nbf", claim(|c| drop(c.as_object_mut().unwrap().remove("nbf")))),
        ("no iat", claim(|c| drop(c.as_object_mut().unwrap().remove("iat")))),
        ("no aud", claim(|c| drop(c.as_object_mut().unwrap().remove("aud")))),
        ("no jti", claim(|c| drop(c.as_object_mut().unwrap().remove("jti")))),
        ("nobody to act for", claim(|c| drop(c.as_object_mut().unwrap().remove("on_behalf_of")))),
        ("another audience", claim(|c| c["aud"] = json!("https://other.example"))),
        ("several audiences", claim(|c| c["aud"] = json!([AUDIENCE, "https://other.example"]))),
        ("exp in the far future", claim(|c| c["exp"] = json!(NOW + 86_400))),
        ("good for too long", claim(|c| c["exp"] = json!(c["iat"].as_i64().unwrap() + 301))),
        ("a name twice", doubled),
        ("exp in the past", claim(|c| (c["iat"], c["exp"]) = (json!(NOW - 60), json!(NOW)))),
        ("not good yet", claim(|c| c["nbf"] = json!(NOW + 31))),
        ("made in the future", claim(|c| c["iat"] = json!(NOW + 31))),
        ("another issuer", claim(|c| c["iss"] = json!("svc_00000000000000000000"))),
        ("another subject", claim(|c| c["sub"] = json!("svc_00000000000000000000"))),
        ("a short name", claim(|c| c["jti"] = json!("x"))),
        ("a further claim", claim(|c| c["admin"] = json!(true))),
        ("a person that is none", claim(|c| c["on_behalf_of"] = json!("root"))),
        ("empty", String::new()),
        ("dots", "..".into()),
        ("four parts", format!("{}.x", world.machine.sign(&world.header(), &world.claims()))),
        ("very long", "a".repeat(100_000)),
    ];
    world.count().await;
    for (what, text) in &attacks {
        let refused = world.redeem(text, there()).await;
        assert!(matches!(refused, Err(Error::NotSignedIn)), "{what}: {refused:?}");
        assert_eq!(world.count().await, 1, "{what} counts");
    }
    // The same without the fault is good, once, and from its network alone.
    let good = world.machine.sign(&world.header(), &world.claims());
    assert!(matches!(world.redeem(&good, Source::Socket).await, Err(Error::NotSignedIn)));
    let good = world.machine.sign(&world.header(), &world.claims());
    let token = world.redeem(&good, there()).await.unwrap();
    assert!(matches!(world.redeem(&good, there()).await, Err(Error::NotSignedIn)), "replayed");
    let elsewhere = Source::Network("198.51.100.1".parse().unwrap());
    assert!(world.spine.access.authenticate_from(&token, elsewhere).await.is_err());
    assert!(world.spine.access.authenticate(&token).await.is_err());
    world.spine.access.authenticate_from(&token, there()).await.unwrap();
}

#[tokio::test]
async fn a_token_ends_with_its_key_and_stays_at_its_address() {
    let world = World::new().await;
    let token = world.redeem(&world.machine.sign(&world.header(), &world.claims()), there()).await.unwrap();
    let access = &world.spine.access;
    access.authenticate_from(&token, there()).await.unwrap();
    // Another address of the same network.
    let beside = Source::Network("192.0.2.8".parse().unwrap());
    assert!(matches!(access.authenticate_from(&token, beside).await, Err(Error::NotSignedIn)));
    // A minute before the old key ends a token is good, and a minute after it is not.
    let permit = manage(&world.spine).await;
    access
        .rotate_service(&permit, &world.service.id, &Machine::new().public(), Before::Overlaps)
        .await
        .unwrap();
    world.clock.advance(7 * DAY - Duration::from_secs(60));
    let token = world.redeem(&world.machine.sign(&world.header(), &world.claims()), there()).await.unwrap();
    access.authenticate_from(&token, there()).await.unwrap();
    world.clock.advance(Duration::from_secs(120));
    assert!(matches!(access.authenticate_from(&token, there()).await, Err(Error::NotSignedIn)));
}

#[tokio::test]
async fn a_key_that_somebody_else_has_ends_at_once() {
    let world = World::new().await;
    let token = world.redeem(&world.machine.sign(&world.header(), &world.claims()), there()).await.unwrap();
    let access = &world.spine.access;
    let permit = manage(&world.spine).await;
    access
        .rotate_service(&permit, &world.service.id, &Machine::new().public(), Before::Overlaps)
        .await
        .unwrap();
    access.authenticate_from(&token, there()).await.unwrap();
    let rotated = access
        .rotate_service(&permit, &world.service.id, &Machine::new().public(), Before::Ends)
        .await
        .unwrap();
    assert_eq!(rotated.keys.len(), 1);
    assert!(matches!(access.authenticate_from(&token, there()).await, Err(Error::NotSignedIn)));
    assert!(matches!(world.caller().await, Err(Error::NotSignedIn)));
}

#[tokio::test]
async fn a_token_ends_after_a_quarter_of_an_hour_and_an_account_on_its_day() {
    let world = World::new().await;
    let token = world.redeem(&world.machine.sign(&world.header(), &world.claims()), there()).await.unwrap();
    world.clock.advance(Duration::from_secs(899));
    world.spine.access.authenticate_from(&token, there()).await.unwrap();
    world.clock.advance(Duration::from_secs(1));
    assert!(world.spine.access.authenticate_from(&token, there()).await.is_err());
    world.clock.advance(90 * DAY - Duration::from_secs(901));
    let caller = world.caller().await.unwrap();
    world.clock.advance(Duration::from_secs(2));
    assert!(matches!(world.caller().await, Err(Error::NotSignedIn)));
    assert!(matches!(world.view(&caller).await, Err(Error::NotSignedIn)), "and what it has under way");
}

#[tokio::test]
async fn closing_ends_everything_and_rotation_lets_both_keys_be_good_for_a_week() {
    let world = World::new().await;
    let (first, second) = (Machine::new(), Machine::new());
    let permit = manage(&world.spine).await;
    let rotated = world
        .spine
        .access
        .rotate_service(&permit, &world.service.id, &first.public(), Before::Overlaps)
        .await
        .unwrap();
    assert_eq!((rotated.keys.len(), &rotated.keys[0]), (2, &world.service.keys[0]), "the newest is last");
    let same = first.public();
    let again = world.spine.access.rotate_service(&permit, &world.service.id, &same, Before::Ends).await;
    assert!(matches!(again, Err(Error::SameKey)));
    world.caller().await.unwrap();
    world.clock.advance(7 * DAY);
    assert!(matches!(world.caller().await, Err(Error::NotSignedIn)), "the old key has ended");
    let new_key = rotated.keys.iter().find(|key| **key != world.service.keys[0]).unwrap().clone();
    let analyst = world.members.with(Role::Analyst);
    world.spine.access.allow_service(analyst, &world.service.id, &first.public()).await.unwrap();
    let world = World { machine: first, service: Service { keys: vec![new_key], ..rotated }, ..world };
    let caller = world.caller().await.unwrap();
    world.clock.advance(Duration::from_secs(2));
    world.view(&caller).await.unwrap();
    let permit = manage(&world.spine).await;
    world.spine.access.close_service(&permit, &world.service.id).await.unwrap();
    assert!(matches!(world.view(&caller).await, Err(Error::NotSignedIn)));
    assert!(matches!(world.caller().await, Err(Error::NotSignedIn)));
    let again = world.spine.access.close_service(&permit, &world.service.id).await;
    assert!(matches!(again, Err(Error::ServiceClosed)));
    let rotated = world
        .spine
        .access
        .rotate_service(&permit, &world.service.id, &second.public(), Before::Overlaps)
        .await;
    assert!(matches!(rotated, Err(Error::ServiceClosed)));
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_and_what_is_neglected_is_found() {
    let world = World::new().await;
    let permit = manage(&world.spine).await;
    let good = || new(&world.members, &world.person, &world.machine);
    for wrong in [
        NewService { days: 0, ..good() },
        NewService { days: 91, ..good() },
        NewService { purpose: " ".into(), ..good() },
        NewService { environment: "a\nb".into(), ..good() },
        NewService { networks: Vec::new(), ..good() },
        NewService { actions: BTreeSet::new(), ..good() },
        NewService { actions: BTreeSet::from([Action::AdministerProject]), ..good() },
        NewService { actions: BTreeSet::from([Action::ManageKeys]), ..good() },
        NewService { class: Class::Sandbox, ..good() },
    ] {
        let refused = world.spine.access.create_service(&permit, wrong.clone()).await;
        assert!(matches!(refused, Err(Error::Service(_))), "{wrong:?}");
    }
    let findings = async || {
        let permit = manage(&world.spine).await;
        world.spine.access.services(&permit).await.unwrap().remove(0).findings
    };
    assert_eq!(findings().await, []);
    world.clock.advance(30 * DAY);
    assert_eq!(findings().await, [Finding::Unused]);
    world.caller().await.unwrap();
    assert_eq!(findings().await, []);
    world.clock.advance(46 * DAY);
    assert_eq!(findings().await, [Finding::Unused, Finding::EndsSoon]);
    let ask = Ask::<Site>::new(Action::ManageAccounts, [world.spine.site.clone()]).target(&world.person);
    let permit: Permit<Manage, Site> = world.spine.access.decide(&world.spine.admin, ask).await.unwrap();
    world.spine.access.close_account(&permit, &world.person).await.unwrap();
    assert_eq!(findings().await, [Finding::Ownerless, Finding::Unused, Finding::EndsSoon]);
    assert!(matches!(world.caller().await, Err(Error::NotSignedIn)), "nothing acts for nobody");
    world.clock.advance(14 * DAY);
    assert_eq!(findings().await, [Finding::Ownerless, Finding::Unused, Finding::Overdue]);
}
