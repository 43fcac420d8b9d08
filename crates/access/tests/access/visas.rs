//! Passports: what a visa gives, to whom, until when; and the many that give nothing.
//!
//! Tokens are made by a library that shares nothing with the reader of this site.

use access::issuer::{Issuers, Trust};
use access::passport::{Outcome, Verdict};
use access::thing::{Project, Site};
use access::verb::{Manage, View};
use access::{Access, Action, Ask, Caller, Error, Permit};
use audit::{Actor, What};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base::{Class, Clock, Fault, FixedClock, Role, Timestamp, UserId, VisaMappingId};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use db::sea_orm::ConnectionTrait;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use testkit::{Members, Spine};

const NOW: i64 = 1_900_000_000;
const DAY: i64 = 86_400;
const ISSUER: &str = "https://visas.example.org/";
const BROKER: &str = "https://broker.example.org/";
const DAC: &str = "https://dac.example.org/EGAC00000000001";
const DATASET: &str = "https://ega-archive.org/datasets/EGAD00000000432";
const SUBJECT: &str = "7f3a-91@visas.example.org";

/// One that signs.
struct Signer(Ed25519KeyPair);

impl Signer {
    fn new() -> Self {
        Self(Ed25519KeyPair::generate().unwrap())
    }

    fn keys(&self) -> String {
        let x = BASE64.encode(self.0.public_key().as_ref());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": x}]}).to_string()
    }

    fn sign(&self, kind: &str, claims: &Value) -> String {
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = self.0.as_der().unwrap();
        let header =
            Header { typ: Some(kind.into()), kid: Some("one".into()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(der.as_ref())).unwrap()
    }

    fn visa(&self, claims: &Value) -> String {
        self.sign("vnd.ga4gh.visa+jwt", claims)
    }
}

struct World {
    spine: Spine,
    clock: Arc<FixedClock>,
    members: Members,
    issuer: Signer,
    broker: Signer,
    folder: tempfile::TempDir,
    guest: Caller,
    id: UserId,
}

fn settings() -> String {
    format!(
        "[[issuer]]\nname = \"ega\"\nissuer = \"{ISSUER}\"\nkeys.file = \"ega\"\nsources = [\"{DAC}\", \"https://uni.example\"]\n\
         types = [\"ControlledAccessGrants\", \"AffiliationAndRole\"]\ndays = 100\njku = \"{ISSUER}jwk\"\n\
         [[issuer]]\nname = \"broker\"\nissuer = \"{BROKER}\"\nkeys.file = \"broker\"\nbroker = true\n"
    )
}

fn trust(settings: &str, folder: &Path, clock: &Arc<FixedClock>) -> Trust {
    let clock: Arc<dyn Clock> = clock.clone();
    toml::from_str::<Issuers>(settings).unwrap().checked(folder, &clock).unwrap()
}

/// A visa for the dataset, good for ten days.
fn visa() -> Value {
    json!({
        "iss": ISSUER, "sub": SUBJECT, "iat": NOW - 60, "exp": NOW + 10 * DAY, "jti": "a1b2c3",
        "ga4gh_visa_v1": {
            "type": "ControlledAccessGrants", "asserted": NOW - DAY, "value": DATASET, "source": DAC, "by": "dac",
        },
    })
}

fn with(mut visa: Value, pointer: &str, value: Option<Value>) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = visa.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => drop(parent.insert(name.to_owned(), value)),
        None => drop(parent.remove(name)),
    }
    visa
}

/// What another visa of the passport asserts.
fn faculty(until: i64) -> Value {
    let said = json!({
        "type": "AffiliationAndRole", "asserted": NOW - DAY, "value": "faculty@uni.example", "source": "https://uni.example",
    });
    with(with(visa(), "/ga4gh_visa_v1", Some(said)), "/exp", Some(json!(until)))
}

impl World {
    /// With a link of the guest, and a mapping of the dataset to analyst.
    async fn new() -> Self {
        let world = Self::bare().await;
        world.link(&world.id, SUBJECT).await.unwrap();
        world.map(Role::ProjectAdministrator, DATASET, Role::Analyst).await.unwrap();
        world
    }

    async fn bare() -> Self {
        Self::of(&settings()).await
    }

    async fn of(settings: &str) -> Self {
        let clock = Arc::new(FixedClock::at(Timestamp::from_second(NOW).unwrap()));
        let spine = Spine::with_store(clock.clone(), None).await;
        let members = spine.project(Class::Research).await;
        let (issuer, broker) = (Signer::new(), Signer::new());
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ega"), issuer.keys()).unwrap();
        std::fs::write(folder.path().join("broker"), broker.keys()).unwrap();
        spine.access.trust_issuers(trust(settings, folder.path(), &clock));
        let (guest, id) = spine.account("guest").await;
        Self { spine, clock, members, issuer, broker, folder, guest, id }
    }

    async fn link(&self, account: &UserId, subject: &str) -> Result<(), Error> {
        let permit: Permit<Manage, Site> =
            self.spine.permit(&self.spine.admin, Action::ManageAccounts, &self.spine.site).await;
        let tx = self.spine.db.begin(permit.decision()).await.unwrap();
        self.spine.access.link_identity(&permit, &tx, account, "ega", subject).await?;
        tx.commit().await.unwrap();
        Ok(())
    }

    async fn unlink(&self) -> u64 {
        let permit: Permit<Manage, Site> =
            self.spine.permit(&self.spine.admin, Action::ManageAccounts, &self.spine.site).await;
        let tx = self.spine.db.begin(permit.decision()).await.unwrap();
        let gone = self.spine.access.unlink_identity(&permit, &tx, &self.id, "ega").await.unwrap();
        tx.commit().await.unwrap();
        gone
    }

    async fn map(&self, who: Role, value: &str, role: Role) -> Result<VisaMappingId, Error> {
        self.map_of("ega", who, value, role).await
    }

    async fn map_of(&self, issuer: &str, who: Role, value: &str, role: Role) -> Result<VisaMappingId, Error> {
        let ask = Ask::<Project>::new(Action::MapVisas, [self.members.project.clone()]);
        let permit: Permit<Manage, Project> = self.spine.access.decide(self.members.with(who), ask).await?;
        let tx = self.spine.db.begin(permit.decision()).await.unwrap();
        let made = self.spine.access.map_visa(&permit, &tx, issuer, value, role).await?;
        tx.commit().await.unwrap();
        Ok(made.id)
    }

    async fn administer(&self) -> Permit<Manage, Project> {
        let ask =
            Ask::<Project>::new(Action::AdministerProject, [self.members.project.clone()]).target(&self.id);
        self.spine.access.decide(self.members.with(Role::ProjectAdministrator), ask).await.unwrap()
    }

    fn passport(&self, visas: &[String]) -> String {
        let now = self.clock.now().as_second();
        let claims = json!({
            "iss": BROKER, "sub": "at-the-broker", "iat": now, "exp": now + 3600, "jti": "p", "ga4gh_passport_v1": visas,
        });
        self.broker.sign("vnd.ga4gh.passport+jwt", &claims)
    }

    async fn present_as(&self, caller: &Caller, visas: &[String]) -> Result<Vec<Verdict>, Error> {
        let keys = self.spine.access.issuer_keys();
        self.spine.access.present(caller, &self.passport(visas), &keys).await
    }

    async fn present(&self, claims: &Value) -> Vec<Verdict> {
        self.present_as(&self.guest, &[self.issuer.visa(claims)]).await.unwrap()
    }

    /// The code with which a passport of these visas gives nothing: that of its first.
    async fn refused(&self, visas: &[String]) -> &'static str {
        let verdicts = self.present_as(&self.guest, visas).await.unwrap();
        let Outcome::Refused(refused) = &verdicts[0].outcome else { panic!("{verdicts:?}") };
        assert!(refused.hint().is_some(), "{refused}");
        assert!(self.held().await.is_empty(), "a refused visa gave a role");
        assert!(self.refusals().contains(refused.code()), "{refused} is not on record");
        refused.code()
    }

    async fn held(&self) -> Vec<(Role, i64)> {
        let grants = self.spine.access.own_grants(&self.guest).await.unwrap();
        grants.into_iter().map(|grant| (grant.role, grant.ends.until.unwrap().as_second())).collect()
    }

    async fn view(&self) -> Result<Permit<View, Project>, Error> {
        self.spine
            .access
            .decide(&self.guest, Ask::new(Action::ViewSamples, [self.members.project.clone()]))
            .await
    }

    /// The codes of the last presentation on record.
    fn refusals(&self) -> BTreeSet<String> {
        match self.last(1) {
            What::PassportPresented { refused, .. } => refused.into_iter().collect(),
            other => panic!("{other:?}"),
        }
    }

    fn last(&self, back: u64) -> What {
        self.spine.audit.recorded(self.spine.audit.ledger().size() - back).unwrap().event.what
    }
}

/// Until when the first visa gives something.
fn given(verdicts: &[Verdict]) -> i64 {
    match &verdicts[0].outcome {
        Outcome::Gave(given) => given.until.as_second(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_visa_gives_its_holder_a_role_until_it_ends_and_on_record() {
    let world = World::new().await;
    assert!(matches!(world.view().await, Err(Error::NotFound)));
    let verdicts = world.present(&visa()).await;
    assert_eq!(given(&verdicts), NOW + 10 * DAY);
    assert_eq!((verdicts[0].issuer.as_deref(), verdicts[0].value.as_deref()), (Some("ega"), Some(DATASET)));
    assert!(verdicts[0].subject.is_none());
    let until = Timestamp::from_second(NOW + 10 * DAY).unwrap();
    assert_eq!(world.last(1), What::RightsChanged { role: Role::Analyst, given: true, until: Some(until) });
    assert!(
        matches!(world.last(2), What::VisaAccepted { issuer, role: Role::Analyst, until: end, .. } if issuer == "ega" && end == until)
    );
    assert!(matches!(world.last(3), What::PassportPresented { visas: 1, refused, .. } if refused.is_empty()));
    world.view().await.unwrap();
    // Once more, and under a signature made anew: nothing is given, and nothing becomes longer.
    for text in [world.issuer.visa(&visa()), world.issuer.visa(&visa())] {
        let again = world.present_as(&world.guest, &[text]).await.unwrap();
        assert!(matches!(&again[0].outcome, Outcome::Held(given) if given.until == until), "{again:?}");
    }
    assert_eq!(world.held().await, [(Role::Analyst, NOW + 10 * DAY)]);
    world.clock.advance(Duration::from_secs(10 * DAY as u64));
    assert!(matches!(world.view().await, Err(Error::NotFound)));
    assert_eq!(world.spine.access.record_lapses(&Actor::Site(world.spine.site.clone())).await.unwrap(), 1);
    assert_eq!(world.last(1), What::GrantLapsed { role: Role::Analyst, cause: "time".into() });
}

#[tokio::test]
async fn the_first_of_three_ends_counts() {
    let world = World::new().await;
    // Its own end is above; here what is asserted is too old before it, then the site gives no role for so long.
    let long = with(visa(), "/exp", Some(json!(NOW + 9000 * DAY)));
    assert_eq!(given(&world.present(&long).await), NOW - DAY + 100 * DAY);
    // What was asserted this moment counts for a day longer than the site gives any role.
    let long = with(long, "/ga4gh_visa_v1/asserted", Some(json!(NOW)));
    let short = World::of(&settings().replace("days = 100", "days = 366")).await;
    short.link(&short.id, SUBJECT).await.unwrap();
    short.map(Role::DataSteward, DATASET, Role::Viewer).await.unwrap();
    assert_eq!(given(&short.present(&long).await), NOW + 365 * DAY);
    // The same visa, the next day and after that: until then, and never again.
    short.clock.advance(Duration::from_secs(DAY as u64));
    let again = short.present(&long).await;
    assert!(matches!(&again[0].outcome, Outcome::Held(given) if given.until.as_second() == NOW + 365 * DAY));
    short.clock.advance(Duration::from_secs(364 * DAY as u64));
    assert_eq!(short.refused(&[short.issuer.visa(&long)]).await, "ACCESS-082");
    // A visa that is an access token counts for an hour: nobody asks its issuer whether it still does.
    let token = with(visa(), "/scope", Some(json!("openid ga4gh_passport_v1")));
    let other = World::new().await;
    assert_eq!(given(&other.present(&token).await), NOW - 60 + 3600);
}

#[tokio::test]
async fn visas_that_give_nothing_say_why() {
    let world = World::new().await;
    let sign = |claims: &Value| vec![world.issuer.visa(claims)];
    let said =
        |member: &str, value: Option<Value>| sign(&with(visa(), &format!("/ga4gh_visa_v1/{member}"), value));
    let claim = |name: &str, value: Option<Value>| sign(&with(visa(), &format!("/{name}"), value));
    let stranger = Signer::new();
    for (what, visas, code) in [
        ("expired", claim("exp", Some(json!(NOW))), "JWT-010"),
        ("without an end", claim("exp", None), "JWT-009"),
        ("an end in words", claim("exp", Some(json!("2099"))), "JWT-009"),
        ("made later", claim("iat", Some(json!(NOW + 100))), "JWT-011"),
        ("not good yet", claim("nbf", Some(json!(NOW + 100))), "JWT-011"),
        ("for somebody", claim("aud", Some(json!("another-site"))), "JWT-008"),
        ("without a subject", claim("sub", None), "JWT-009"),
        ("of an issuer nobody trusts", claim("iss", Some(json!("https://other.example/"))), "ACCESS-070"),
        ("of the broker, who speaks for nobody", claim("iss", Some(json!(BROKER))), "JWT-006"),
        ("signed by a stranger", vec![stranger.visa(&visa())], "JWT-006"),
        ("of another kind of token", vec![world.issuer.sign("dpop+jwt", &visa())], "JWT-002"),
        ("no token", vec!["visa".to_owned()], "JWT-001"),
        ("without what it says", claim("ga4gh_visa_v1", None), "ACCESS-071"),
        ("without a value", said("value", None), "ACCESS-071"),
        ("a value that is a list", said("value", Some(json!([DATASET]))), "ACCESS-071"),
        ("without a source", said("source", None), "ACCESS-071"),
        ("a source beyond any URL", said("source", Some(json!("a".repeat(256)))), "ACCESS-071"),
        ("asserted at no time", said("asserted", None), "ACCESS-071"),
        ("asserted in words", said("asserted", Some(json!(NOW.to_string()))), "ACCESS-071"),
        ("asserted later", said("asserted", Some(json!(NOW + 100))), "JWT-011"),
        ("asserted long ago", said("asserted", Some(json!(NOW - 100 * DAY))), "ACCESS-075"),
        (
            "of a type that its issuer may not sign",
            said("type", Some(json!("ResearcherStatus"))),
            "ACCESS-072",
        ),
        (
            "of a source that its issuer may not speak for",
            said("source", Some(json!("https://dac.example.org/"))),
            "ACCESS-073",
        ),
        ("decided by nobody", said("by", None), "ACCESS-074"),
        ("decided by its holder", said("by", Some(json!("self"))), "ACCESS-074"),
        ("decided by a system", said("by", Some(json!("system"))), "ACCESS-074"),
        (
            "for another dataset",
            said("value", Some(json!("https://ega-archive.org/datasets/EGAD1"))),
            "ACCESS-079",
        ),
        ("for the dataset in capitals", said("value", Some(json!(DATASET.to_uppercase()))), "ACCESS-079"),
        ("about somebody else", claim("sub", Some(json!("another"))), "ACCESS-078"),
        (
            "conditions nobody knows",
            said("conditions", Some(json!([[{"type": "AffiliationAndRole", "value": "regex:.*"}]]))),
            "ACCESS-076",
        ),
        (
            "conditions that are not met",
            said("conditions", Some(json!([[{"type": "AffiliationAndRole", "value": "pattern:*"}]]))),
            "ACCESS-077",
        ),
        ("a scope that is no text", claim("scope", Some(json!(["openid"]))), "ACCESS-071"),
        (
            "an access token of yesterday",
            sign(&with(with(visa(), "/scope", Some(json!("openid"))), "/iat", Some(json!(NOW - 3600)))),
            "JWT-010",
        ),
    ] {
        assert_eq!(world.refused(&visas).await, code, "{what}");
        assert!(
            matches!(world.last(1), What::PassportPresented { refused, .. } if refused == [code]),
            "{what}"
        );
    }
    // Whom a visa is about is told to who presents it, and prints itself nowhere.
    let verdicts = world.present(&with(visa(), "/sub", Some(json!("another")))).await;
    assert_eq!(verdicts[0].subject.as_ref().map(|subject| subject.reveal().as_str()), Some("another"));
    assert!(!format!("{verdicts:?}").contains("another"));
    // The same guest, with a visa that nothing is wrong with.
    assert_eq!(given(&world.present(&visa()).await), NOW + 10 * DAY);
}

#[tokio::test]
async fn passports_that_are_none_are_refused_whole_and_on_record() {
    let world = World::new().await;
    let (good, keys) = (world.issuer.visa(&visa()), world.spine.access.issuer_keys());
    let claims = |visas: Value| json!({"iss": BROKER, "sub": "p", "iat": NOW, "exp": NOW + 60, "ga4gh_passport_v1": visas});
    let passport = |claims: &Value| world.broker.sign("vnd.ga4gh.passport+jwt", claims);
    let mine = world.issuer.sign("JWT", &with(claims(json!([good])), "/iss", Some(json!(ISSUER))));
    for (what, text, code) in [
        ("a visa alone", good.clone(), "ACCESS-083"),
        ("of one who is no broker", mine, "ACCESS-084"),
        (
            "of one whom nobody trusts",
            passport(&with(claims(json!([good])), "/iss", Some(json!("x")))),
            "ACCESS-070",
        ),
        ("signed by somebody else", world.issuer.sign("JWT", &claims(json!([good]))), "JWT-006"),
        ("expired", passport(&with(claims(json!([good])), "/exp", Some(json!(NOW)))), "JWT-010"),
        (
            "for years",
            passport(&with(claims(json!([good])), "/exp", Some(json!(NOW + 400 * DAY)))),
            "JWT-012",
        ),
        ("for somebody else", passport(&with(claims(json!([good])), "/aud", Some(json!("x")))), "JWT-008"),
        ("without visas", passport(&claims(json!([]))), "ACCESS-071"),
        ("with too many", passport(&claims(json!(vec!["a"; 65]))), "ACCESS-071"),
        ("visas that are no texts", passport(&claims(json!([1]))), "ACCESS-071"),
        (
            "another token of the broker",
            passport(&with(claims(json!([])), "/ga4gh_passport_v1", None)),
            "ACCESS-071",
        ),
        ("what a userinfo endpoint says", json!({"ga4gh_passport_v1": [good]}).to_string(), "JWT-001"),
        ("too long", "a".repeat(300 << 10), "JWT-001"),
    ] {
        let error = world.spine.access.present(&world.guest, &text, &keys).await.unwrap_err();
        assert_eq!(error.code(), code, "{what}");
        assert!(
            matches!(world.last(1), What::PassportPresented { visas: 0, refused, .. } if refused == [code]),
            "{what}"
        );
    }
    assert!(world.held().await.is_empty());
}

#[tokio::test]
async fn a_visa_that_depends_on_another_lasts_no_longer_than_that() {
    let world = World::new().await;
    let asks = |value: &str| {
        let conditions =
            json!([[{"type": "AffiliationAndRole", "value": value, "source": "const:https://uni.example"}]]);
        world.issuer.visa(&with(visa(), "/ga4gh_visa_v1/conditions", Some(conditions)))
    };
    let other = |claims: &Value| world.issuer.visa(claims);
    let theirs = with(faculty(NOW + 3 * DAY), "/sub", Some(json!("another")));
    // Not the value, not the same person, not itself on conditions, over.
    let conditional = with(
        faculty(NOW + 3 * DAY),
        "/ga4gh_visa_v1/conditions",
        Some(json!([[{"type": "A", "by": "const:x"}]])),
    );
    for (what, visas) in [
        ("another value", vec![asks("const:student@uni.example"), other(&faculty(NOW + 3 * DAY))]),
        ("somebody else's", vec![asks("pattern:faculty@*"), other(&theirs)]),
        ("one with conditions", vec![asks("pattern:faculty@*"), other(&conditional)]),
        ("one that is over", vec![asks("pattern:faculty@*"), other(&faculty(NOW - 1))]),
        ("a stranger's", vec![asks("pattern:faculty@*"), Signer::new().visa(&faculty(NOW + 3 * DAY))]),
    ] {
        assert_eq!(world.refused(&visas).await, "ACCESS-077", "{what}");
    }
    let visas = [asks("pattern:faculty@*"), other(&faculty(NOW + 3 * DAY))];
    let verdicts = world.present_as(&world.guest, &visas).await.unwrap();
    assert_eq!(given(&verdicts), NOW + 3 * DAY);
    assert_eq!(verdicts[1].outcome, Outcome::Good);
}

#[tokio::test]
async fn nobody_gains_by_a_mapping_or_a_visa_that_is_not_for_them() {
    let world = World::new().await;
    // Somebody else with the guest's passport.
    let (thief, thiefs) = world.spine.account("thief").await;
    let stolen = world.present_as(&thief, &[world.issuer.visa(&visa())]).await.unwrap();
    assert_eq!(stolen[0].outcome.refusal().map(Fault::code), Some("ACCESS-078"));
    assert!(matches!(world.link(&thiefs, SUBJECT).await, Err(Error::LinkedElsewhere)));
    // The administrator of the project, who mapped what they have a visa for.
    let manager = world.members.with(Role::ProjectAdministrator);
    world.link(manager.user().unwrap(), "manager").await.unwrap();
    let own = world.issuer.visa(&with(visa(), "/sub", Some(json!("manager"))));
    let verdicts = world.present_as(manager, &[own]).await.unwrap();
    assert_eq!(verdicts[0].outcome.refusal().map(Fault::code), Some("ACCESS-080"));
    assert!(world.refusals().contains("ACCESS-080"), "what is refused last is on record too");
    // Who may map: those the policies let, and no role but three is given.
    for who in [Role::Viewer, Role::Analyst, Role::DataExporter, Role::SupportObserver] {
        assert!(matches!(world.map(who, "x", Role::Viewer).await, Err(Error::Denied { .. })), "{who}");
    }
    for role in Role::ALL {
        let made = world.map(Role::DataSteward, "https://example.org/another", *role).await;
        let may = [Role::Viewer, Role::Analyst, Role::DataExporter].contains(role);
        assert_eq!(made.err().map(|error| error.code()), (!may).then_some("ACCESS-065"), "{role}");
    }
    // A row that somebody wrote into the database gives no such role either.
    let sql = "UPDATE access_mapping SET role = 'project-administrator' WHERE role = 'analyst'";
    world.spine.db.reader().execute_unprepared(sql).await.unwrap();
    let before = world.spine.audit.ledger().size();
    let verdicts = world.present_as(&world.guest, &[world.issuer.visa(&visa())]).await.unwrap();
    assert_eq!(verdicts[0].outcome.refusal().map(Fault::code), Some("ACCESS-079"));
    // Nothing is on record as given that was not.
    assert!(world.refusals().contains("ACCESS-079"));
    assert_eq!(world.spine.audit.ledger().size(), before + 1);
    assert!(world.held().await.is_empty());
    let made = world.map_of("broker", Role::DataSteward, DATASET, Role::Viewer).await;
    assert_eq!(made.unwrap_err().code(), "ACCESS-065", "of one who may grant nothing");
    let blank = format!("{DATASET} ");
    for (value, code) in
        [("", "ACCESS-065"), ("a\nb", "ACCESS-065"), (&blank, "ACCESS-065"), (DATASET, "ACCESS-066")]
    {
        let role = if value == DATASET { Role::Viewer } else { Role::Analyst };
        if value == DATASET {
            world.map(Role::DataSteward, value, role).await.unwrap();
        }
        assert_eq!(world.map(Role::DataSteward, value, role).await.unwrap_err().code(), code, "{value:?}");
    }
}

#[tokio::test]
async fn a_strict_project_gives_its_role_to_who_has_a_passkey() {
    let mut world = World::bare().await;
    world.members = world.spine.project(Class::Clinical).await;
    world.link(&world.id, SUBJECT).await.unwrap();
    world.map(Role::ProjectAdministrator, DATASET, Role::Analyst).await.unwrap();
    let text = [world.issuer.visa(&visa())];
    assert_eq!(world.refused(&text).await, "ACCESS-085");
    let once = testkit::token(&world.spine, &world.id).await;
    world.spine.with_passkey(&crate::rights::sign_in(&world.spine, &once).await).await;
    assert_eq!(given(&world.present(&visa()).await), NOW + 10 * DAY);
}

#[tokio::test]
async fn what_is_taken_back_stays_so() {
    let world = World::new().await;
    let text = [world.issuer.visa(&visa())];
    // A person's word and a visa stand beside one another.
    let permit = world.administer().await;
    let ends = access::Ends { until: Some(Timestamp::from_second(NOW + DAY).unwrap()), ..Default::default() };
    let tx = world.spine.db.begin(permit.decision()).await.unwrap();
    world.spine.access.add_member(&permit, &tx, &world.id, Role::Analyst, &ends).await.unwrap();
    tx.commit().await.unwrap();
    world.present(&visa()).await;
    let mut held = world.held().await;
    held.sort_by_key(|(_, until)| *until);
    assert_eq!(held, [(Role::Analyst, NOW + DAY), (Role::Analyst, NOW + 10 * DAY)]);
    // Whom somebody takes out of the project, no visa brings back in.
    let tx = world.spine.db.begin(permit.decision()).await.unwrap();
    assert_eq!(world.spine.access.remove_member(&permit, &tx, &world.id).await.unwrap(), 2);
    tx.commit().await.unwrap();
    assert!(matches!(world.view().await, Err(Error::NotFound)));
    assert_eq!(world.refused(&text).await, "ACCESS-081");
    assert_eq!(
        world.refused(&[world.issuer.visa(&with(visa(), "/jti", Some(json!("new"))))]).await,
        "ACCESS-081"
    );
    // Until somebody makes them a member.
    let tx = world.spine.db.begin(permit.decision()).await.unwrap();
    world.spine.access.add_member(&permit, &tx, &world.id, Role::Viewer, &ends).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(given(&world.present_as(&world.guest, &text).await.unwrap()), NOW + 10 * DAY);
    // A link that ends takes what its visas gave, and nothing else.
    assert_eq!(world.unlink().await, 1);
    assert_eq!(world.held().await, [(Role::Viewer, NOW + DAY)]);
    assert_eq!(
        world.present_as(&world.guest, &text).await.unwrap()[0].outcome.refusal().map(Fault::code),
        Some("ACCESS-078")
    );
    world.link(&world.id, SUBJECT).await.unwrap();
    world.present_as(&world.guest, &text).await.unwrap();
    assert_eq!(world.held().await.len(), 2);
    // Whoever is taken out stays out, also who held nothing by a visa at that moment.
    assert_eq!(world.unlink().await, 1);
    let tx = world.spine.db.begin(permit.decision()).await.unwrap();
    assert_eq!(world.spine.access.remove_member(&permit, &tx, &world.id).await.unwrap(), 1);
    tx.commit().await.unwrap();
    world.link(&world.id, SUBJECT).await.unwrap();
    assert_eq!(world.refused(&text).await, "ACCESS-081");
    // A restore cannot tell who was taken out since its copy was made, and takes out whoever may have been.
    let tx = world.spine.db.begin(permit.decision()).await.unwrap();
    world.spine.access.add_member(&permit, &tx, &world.id, Role::Viewer, &ends).await.unwrap();
    world.spine.access.take_away(&tx, &world.id, Some(permit.project().unwrap())).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.refused(&text).await, "ACCESS-081");
}

#[tokio::test]
async fn a_mapping_that_ends_takes_its_roles_and_a_closed_account_its_links() {
    let world = World::bare().await;
    world.link(&world.id, SUBJECT).await.unwrap();
    let id = world.map(Role::DataSteward, DATASET, Role::DataExporter).await.unwrap();
    assert_eq!(given(&world.present(&visa()).await), NOW + 10 * DAY);
    let ask = Ask::<Project>::new(Action::MapVisas, [world.members.project.clone()]);
    let permit: Permit<Manage, Project> =
        world.spine.access.decide(world.members.with(Role::DataSteward), ask).await.unwrap();
    let tx = world.spine.db.begin(permit.decision()).await.unwrap();
    assert_eq!(world.spine.access.unmap_visa(&permit, &tx, &id).await.unwrap(), 1);
    assert!(matches!(world.spine.access.unmap_visa(&permit, &tx, &id).await, Err(Error::NotFound)));
    tx.commit().await.unwrap();
    assert!(matches!(world.last(1), What::RightsChanged { role: Role::DataExporter, given: false, .. }));
    assert!(matches!(world.last(2), What::VisaMappingChanged { given: false, .. }));
    assert!(world.held().await.is_empty());
    let close: Permit<Manage, Site> =
        world.spine.permit(&world.spine.admin, Action::ManageAccounts, &world.spine.site).await;
    world.spine.access.close_account(&close, &world.id).await.unwrap();
    assert!(world.spine.access.identities(&close, &world.id).await.unwrap().is_empty());
    // The subject is free: whoever has another account now may be linked.
    let (_, other) = world.spine.account("other").await;
    world.link(&other, SUBJECT).await.unwrap();
}

/// The settings of the next start, in a site that is open already.
#[tokio::test]
async fn an_issuer_that_nobody_trusts_any_more_gives_nothing() {
    let world = World::new().await;
    world.present(&visa()).await;
    let without = settings().replace(&format!("\"{DAC}\", "), "");
    for (what, trusted, holds) in [
        ("as before", Some(settings()), true),
        ("without its source", Some(without), false),
        ("without the right to grant", Some(settings().replace("\"ControlledAccessGrants\", ", "")), false),
        ("without the issuer", Some(settings().replace(ISSUER, "https://another.example/")), false),
        ("without any", None, false),
    ] {
        let (db, audit, clock) =
            (world.spine.db.clone(), world.spine.audit.clone(), world.spine.clock.clone());
        let policies = policy::Policies::shipped().unwrap();
        let next = Access::new(db, audit, policies, clock, world.spine.entropy.clone());
        if let Some(settings) = trusted {
            next.trust_issuers(trust(&settings, world.folder.path(), &world.clock));
        }
        assert_eq!(next.own_grants(&world.guest).await.unwrap().len(), usize::from(holds), "{what}");
        if what == "without any" {
            let keys = next.issuer_keys();
            assert!(matches!(next.present(&world.guest, "x", &keys).await, Err(Error::NoPassports)));
            assert_eq!(next.record_lapses(&Actor::Site(world.spine.site.clone())).await.unwrap(), 1);
            assert_eq!(world.last(1), What::GrantLapsed { role: Role::Analyst, cause: "issuer".into() });
        }
    }
    // What is on record as ended stays so; who presents the visa again under an issuer that is trusted again has it again.
    assert!(world.held().await.is_empty());
    assert_eq!(given(&world.present(&visa()).await), NOW + 10 * DAY);
    // Keys that are out of reach verify nothing.
    std::fs::remove_file(world.folder.path().join("ega")).unwrap();
    let verdicts = world.present(&visa()).await;
    let refused = verdicts[0].outcome.refusal().unwrap();
    assert_eq!((refused.code(), verdicts[0].issuer.as_deref()), ("JWT-014", Some("ega")));
    let lacking = world.spine.access.issuers_not_reached();
    assert_eq!((lacking.len(), lacking[0].name.as_str()), (1, "ega"));
    assert_eq!(Path::new(&lacking[0].place), world.folder.path().join("ega"));
    std::fs::remove_file(world.folder.path().join("broker")).unwrap();
    let refused = world.present_as(&world.guest, &[]).await.unwrap_err();
    assert!(refused.code() == "JWT-014" && refused.to_string().starts_with("of `broker`: "), "{refused}");
}

#[tokio::test]
async fn a_site_that_changes_nothing_takes_no_passport() {
    let world = World::new().await;
    world.spine.access.set_read_only(Some("no room".into()));
    let refused = world.present_as(&world.guest, &[world.issuer.visa(&visa())]).await;
    assert!(matches!(refused, Err(Error::ReadOnly(_))));
}
