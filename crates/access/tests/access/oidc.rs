//! Sign-in through a provider: whom it signs in, and everything that a wicked one, or somebody between, tries.

use crate::provider::{Says, Signer, Wicked, http};
use access::oidc::{Arrival, Departure, Provider, Refused, Settings};
use access::thing::{Project, Site};
use access::verb::{Manage, View};
use access::{Action, Ask, Caller, Error, Permit, Proof, Source};
use audit::{Actor, What};
use base::{Class, Fault, FixedClock, Id, RequestId, Role, SystemEntropy, Timestamp, UserId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;
use testkit::Spine;
use url::Url;

const NOW: i64 = 1_900_000_000;
const ORIGIN: &str = "https://site.example";
/// A little more than a document, or keys, are used for.
const LATER: Duration = Duration::from_secs(301);

/// A site with a provider, and somebody who has an account.
struct World {
    spine: Spine,
    clock: Arc<FixedClock>,
    wicked: Wicked,
    guest: Caller,
    user: UserId,
    folder: tempfile::TempDir,
}

/// What a browser knows while it is away.
struct Away {
    query: BTreeMap<String, String>,
    departure: Departure,
}

impl World {
    async fn new() -> Self {
        Self::of(|_| {}).await
    }

    async fn of(change: impl FnOnce(&mut Settings)) -> Self {
        let clock = Arc::new(FixedClock::at(Timestamp::from_second(NOW).unwrap()));
        let spine = Spine::with_store(clock.clone(), None).await;
        let (wicked, folder) = (Wicked::start(NOW), tempfile::tempdir().unwrap());
        let mut settings = Settings {
            name: "uni".into(),
            issuer: wicked.says().issuer.clone(),
            client_id: "sequestra".into(),
            client_secret_file: None,
            ca: None,
            network: None,
            also: Vec::new(),
            max_age_minutes: None,
        };
        change(&mut settings);
        let provider = Provider::open(settings, ORIGIN, folder.path(), clock.clone()).unwrap();
        spine.access.use_provider(provider.patient(Duration::from_millis(300)));
        let (guest, user) = spine.account("guest").await;
        Self { spine, clock, wicked, guest, user, folder }
    }

    /// With alice linked to the guest's account.
    async fn linked() -> Self {
        let world = Self::new().await;
        world.link().await.unwrap();
        world
    }

    fn away(&self, departure: Departure) -> Away {
        let query: BTreeMap<_, _> =
            Url::parse(&departure.address).unwrap().query_pairs().into_owned().collect();
        self.wicked.says().claim("nonce", json!(query["nonce"]));
        Away { query, departure }
    }

    async fn leave(&self) -> Away {
        self.away(self.spine.access.begin_oidc(Source::Socket).await.unwrap())
    }

    async fn come_back(&self, arrival: Arrival) -> Result<Caller, Error> {
        let token = self.spine.access.finish_oidc(arrival, Source::Socket, &request()).await?;
        self.spine.access.authenticate(token.expose()).await
    }

    async fn sign_in(&self) -> Result<Caller, Error> {
        let away = self.leave().await;
        self.come_back(away.arrival()).await
    }

    async fn link(&self) -> Result<(), Error> {
        self.link_as(&self.guest).await
    }

    async fn link_as(&self, caller: &Caller) -> Result<(), Error> {
        let departure = self.spine.access.begin_oidc_link(caller, Source::Socket).await?;
        let away = self.away(departure);
        self.spine.access.finish_oidc_link(caller, away.arrival()).await
    }

    /// The word of the refusal of a sign-in for which the provider says this.
    async fn refused(&self, change: impl FnOnce(&mut Says)) -> &'static str {
        let away = self.leave().await;
        change(&mut self.wicked.says());
        let refused = word(self.come_back(away.arrival()).await);
        let now = NOW + i64::try_from(self.clock_since().as_secs()).unwrap();
        self.wicked.says().reset(now);
        refused
    }

    fn clock_since(&self) -> Duration {
        use base::Clock;
        Duration::from_secs((self.clock.now().as_second() - NOW).unsigned_abs())
    }

    fn kinds(&self) -> Vec<What> {
        let events = self.spine.audit.history(self.user.as_str()).unwrap().events;
        events.into_iter().map(|event| event.event.what).collect()
    }

    async fn manage(&self) -> Permit<Manage, Site> {
        self.spine.permit(&self.spine.admin, Action::ManageAccounts, &self.spine.site).await
    }
}

impl Away {
    fn arrival(&self) -> Arrival {
        Arrival {
            state: self.query["state"].clone(),
            code: "a code".to_owned().into(),
            issuer: None,
            browser: Some(self.departure.browser.clone()),
        }
    }
}

fn request() -> RequestId {
    RequestId::mint(&SystemEntropy)
}

/// Why, for the log; to whoever asked each refusal is the same.
fn word<T>(result: Result<T, Error>) -> &'static str {
    let Err(error) = result else { return "taken" };
    let Error::NotVouched(refused) = &error else { panic!("{error}") };
    assert_eq!(base::fault::chain(&error), "the sign-in through your organisation was not accepted");
    assert_eq!(error.code(), "ACCESS-048");
    if let Refused::Token(why) = refused { why.code() } else { refused.word() }
}

#[tokio::test]
async fn a_linked_subject_signs_in_and_proves_no_more_than_the_providers_word() {
    let world = World::new().await;
    assert_eq!(word(world.sign_in().await), "stranger");
    world.link().await.unwrap();
    let caller = world.sign_in().await.unwrap();
    assert_eq!(caller.user(), Some(&world.user));
    let signed = caller.signed().unwrap();
    assert_eq!((signed.proof, signed.confirmed), (Proof::Oidc, false));
    assert!(!signed.proof.resists_phishing());
    assert!(world.kinds().contains(&What::CredentialAdded { proof: "oidc".into() }));
    let opened = world.spine.audit.history(signed.session.as_str()).unwrap().events;
    assert_eq!(opened[0].event.what, What::SessionOpened { proof: Some("oidc".into()) });
    let link = world.spine.access.own_oidc_link(&caller).await.unwrap().unwrap();
    assert_eq!((link.provider.as_str(), link.since.as_second()), ("uni", NOW));
    // Its subject is kept nowhere.
    let rows = format!("{:?}", world.spine.access.own_sessions(&caller).await.unwrap());
    assert!(!rows.contains("alice"));
}

#[tokio::test]
async fn what_leaves_is_random_and_what_is_sent_belongs_to_it() {
    let world = World::of(|settings| {
        settings.client_id = "site/of+ours".into();
        settings.client_secret_file = Some("secret".into());
        settings.max_age_minutes = Some(10);
    })
    .await;
    let file = world.folder.path().join("secret");
    std::fs::write(&file, "p:s +é\n").unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    let (one, other) = (world.leave().await, world.leave().await);
    let (first, second) = (&one.query, &other.query);
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(first[name], second[name], "{name}");
    }
    assert_ne!(one.departure.browser, other.departure.browser);
    assert!([&first["state"], &first["nonce"], &*one.departure.browser].iter().all(|text| text.len() == 64));
    assert_eq!((first["tenant"].as_str(), first["scope"].as_str()), ("1", "openid"));
    assert_eq!((first["response_type"].as_str(), first["code_challenge_method"].as_str()), ("code", "S256"));
    assert_eq!(first["redirect_uri"], "https://site.example/oidc");
    assert_eq!(first["max_age"], "600");
    let _ = world.come_back(other.arrival()).await;
    let asked = world.wicked.says().asked.clone();
    let (_, who, body) = asked.iter().find(|(path, ..)| path.ends_with("/token")).unwrap();
    let pair = STANDARD.encode("site%2Fof%2Bours:p%3As+%2B%C3%A9");
    assert_eq!(*who, format!("Basic {pair}"));
    let form: BTreeMap<_, _> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, form["code_verifier"].as_bytes());
    let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
    assert_eq!(second["code_challenge"], challenge);
    assert_eq!((form["grant_type"].as_str(), form["code"].as_str()), ("authorization_code", "a code"));
    assert_eq!(form["redirect_uri"], "https://site.example/oidc");
    assert!(!form.contains_key("client_id") && !form.contains_key("client_secret"));
    // A secret that others can read, and one that is not there, is sent to nobody.
    for mode in [0o644, 0o620] {
        std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        assert_eq!(world.refused(|_| {}).await, "away", "{mode:o}");
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(world.refused(|_| {}).await, "away");
}

#[tokio::test]
async fn a_public_client_names_itself_and_sends_no_secret() {
    let world = World::linked().await;
    let asked = world.wicked.says().asked.clone();
    let (_, who, body) = asked.iter().find(|(path, ..)| path.ends_with("/token")).unwrap();
    assert_eq!(who, "");
    assert!(body.contains("client_id=sequestra"), "{body}");
}

#[tokio::test]
async fn tokens_that_are_somebody_elses_or_nobodys_sign_nobody_in() {
    let world = World::linked().await;
    let stranger = json!("https://elsewhere.example");
    let claim = |name: &'static str, value: Value| move |says: &mut Says| says.claim(name, value);
    let absent = |name: &'static str| {
        move |says: &mut Says| {
            says.claims.remove(name);
        }
    };
    type Change = Box<dyn FnOnce(&mut Says)>;
    let cases: Vec<(&str, Change, &str)> = vec![
        ("another issuer", Box::new(claim("iss", stranger)), "JWT-007"),
        ("another audience", Box::new(claim("aud", json!("other"))), "JWT-008"),
        ("further audiences", Box::new(claim("aud", json!(["sequestra", "other"]))), "JWT-008"),
        ("no audience", Box::new(absent("aud")), "JWT-009"),
        ("another party", Box::new(claim("azp", json!("other"))), "party"),
        ("a party that is no text", Box::new(claim("azp", json!(["sequestra"]))), "party"),
        ("another nonce", Box::new(claim("nonce", json!("0".repeat(64)))), "nonce"),
        ("no nonce", Box::new(absent("nonce")), "nonce"),
        ("an end that has come", Box::new(claim("exp", json!(NOW))), "JWT-010"),
        ("no end", Box::new(absent("exp")), "JWT-009"),
        ("from the future", Box::new(claim("iat", json!(NOW + 31))), "JWT-011"),
        ("good for longer than a day", Box::new(claim("exp", json!(NOW + 86_401))), "JWT-012"),
        ("no subject", Box::new(absent("sub")), "JWT-009"),
        ("another access token's", Box::new(claim("at_hash", Says::half("other"))), "access-token"),
        ("a hash that is no text", Box::new(claim("at_hash", json!(1))), "access-token"),
        ("a stranger's key", Box::new(|says: &mut Says| says.signer = Signer::Stranger), "JWT-006"),
        (
            "no signature",
            Box::new(|says: &mut Says| {
                (says.signer, says.header["alg"]) = (Signer::Nobody, json!("none"));
            }),
            "JWT-004",
        ),
        (
            "the public key as a secret",
            Box::new(|says: &mut Says| {
                (says.signer, says.header["alg"]) = (Signer::Shared, json!("HS256"));
            }),
            "JWT-004",
        ),
        ("a key of its own", Box::new(|says: &mut Says| says.header["jwk"] = json!({})), "JWT-002"),
        ("no key's name", Box::new(|says: &mut Says| says.header["kid"] = Value::Null), "JWT-005"),
        ("another kind", Box::new(|says: &mut Says| says.header["typ"] = json!("at+jwt")), "JWT-002"),
        ("somebody else", Box::new(claim("sub", json!("mallory"))), "stranger"),
        ("nearly the same", Box::new(claim("sub", json!("Alice"))), "stranger"),
    ];
    for (what, change, wanted) in cases {
        assert_eq!(world.refused(change).await, wanted, "{what}");
    }
    // Right ones are taken in between and after, and so is what goes beside.
    for change in [
        claim("aud", json!(["sequestra"])),
        claim("azp", json!("sequestra")),
        claim("at_hash", Says::half("opaque")),
    ] {
        assert_eq!(world.refused(change).await, "taken");
    }
}

#[tokio::test]
async fn answers_that_are_none_sign_nobody_in() {
    let world = World::linked().await;
    // To where a good answer is.
    let elsewhere = &format!("location: {}/token-elsewhere\r\n", world.wicked.says().issuer);
    for (what, raw) in [
        ("a refusal", http("400 Bad Request", "", r#"{"error":"invalid_grant"}"#)),
        ("a redirect", http("302 Found", elsewhere, "")),
        ("a redirect of what was sent", http("307 Temporary Redirect", elsewhere, "")),
        ("no JSON", http("200 OK", "", "<html>")),
        ("a list", http("200 OK", "", "[]")),
        ("a member twice", http("200 OK", "", r#"{"id_token":"a","id_token":"b","token_type":"Bearer"}"#)),
        ("no token", http("200 OK", "", r#"{"access_token":"a","token_type":"Bearer"}"#)),
        ("no HTTP", "hello\r\n\r\n".to_owned()),
        ("nothing", String::new()),
    ] {
        let refused = world.refused(|says| drop(says.raw.insert("token", raw))).await;
        assert_eq!(refused, "exchange", "{what}");
    }
    // Good ones, with the status of a failure and longer than is read.
    for status in ["400 Bad Request", "201 Created", "500 Oops"] {
        assert_eq!(world.refused(|says| says.status = status).await, "exchange", "{status}");
    }
    assert_eq!(world.refused(|says| says.padding = 70_000).await, "exchange");
    assert_eq!(world.refused(|says| says.padding = 60_000).await, "taken");
    let kind = |kind: Value| move |says: &mut Says| drop(says.answer.insert("token_type".into(), kind));
    assert_eq!(world.refused(kind(json!("mac"))).await, "exchange");
    assert_eq!(world.refused(kind(Value::Null)).await, "exchange");
    assert_eq!(world.refused(kind(json!("bearer"))).await, "taken");
    assert_eq!(world.refused(|says| says.silence = Duration::from_secs(2)).await, "exchange");
    let bare = |says: &mut Says| drop(says.answer.insert("id_token".into(), json!("a.b.c")));
    assert_eq!(world.refused(bare).await, "JWT-001");
    // Its keys are out of reach when they are asked for anew.
    world.clock.advance(LATER);
    let now = NOW + 301;
    world.wicked.says().reset(now);
    assert_eq!(world.refused(|says| drop(says.raw.insert("keys", String::new()))).await, "JWT-014");
}

#[tokio::test]
async fn an_answer_is_good_once_in_time_for_its_browser_and_for_what_it_was_asked_for() {
    let world = World::linked().await;
    let away = world.leave().await;
    world.come_back(away.arrival()).await.unwrap();
    assert_eq!(word(world.come_back(away.arrival()).await), "state", "twice");
    let with = |away: &Away, change: fn(&mut Arrival)| {
        let mut arrival = away.arrival();
        change(&mut arrival);
        arrival
    };
    type Wrong = (fn(&mut Arrival), &'static str);
    let wrong: [Wrong; 5] = [
        (|arrival| arrival.state = "0".repeat(64), "state"),
        (|arrival| arrival.browser = Some("0".repeat(64).into()), "browser"),
        (|arrival| arrival.browser = None, "browser"),
        (|arrival| arrival.issuer = Some("https://elsewhere.example".into()), "answerer"),
        (|arrival| arrival.code = String::new().into(), "exchange"),
    ];
    for (change, wanted) in wrong {
        let away = world.leave().await;
        assert_eq!(word(world.come_back(with(&away, change)).await), wanted);
        if wanted != "state" {
            // A wrong answer takes what was asked as a right one does.
            assert_eq!(word(world.come_back(away.arrival()).await), "state");
        }
    }
    // Two browsers that are away at once: neither takes what the other brings.
    let (mine, theirs) = (world.leave().await, world.leave().await);
    let mixed = Arrival { browser: Some(mine.departure.browser.clone()), ..theirs.arrival() };
    assert_eq!(word(world.come_back(mixed).await), "browser");
    // A token that another sign-in asked for.
    let (first, second) = (world.leave().await, world.leave().await);
    assert_eq!(word(world.come_back(first.arrival()).await), "nonce");
    world.come_back(second.arrival()).await.unwrap();
    // What asks for a sign-in makes no link, and the other way round; a link is its session's.
    let away = world.leave().await;
    assert_eq!(word(world.spine.access.finish_oidc_link(&world.guest, away.arrival()).await), "purpose");
    let departure = world.spine.access.begin_oidc_link(&world.guest, Source::Socket).await.unwrap();
    let away = world.away(departure);
    assert_eq!(word(world.come_back(away.arrival()).await), "purpose");
    let (other, _) = world.spine.account("other").await;
    let departure = world.spine.access.begin_oidc_link(&world.guest, Source::Socket).await.unwrap();
    let away = world.away(departure);
    assert_eq!(word(world.spine.access.finish_oidc_link(&other, away.arrival()).await), "purpose");
    // Five minutes, and no more.
    for (after, wanted) in [(299, "taken"), (300, "state")] {
        let away = world.leave().await;
        world.clock.advance(Duration::from_secs(after));
        world.wicked.says().claim("exp", json!(NOW + 3600));
        assert_eq!(word(world.come_back(away.arrival()).await), wanted, "{after}");
    }
}

#[tokio::test]
async fn a_provider_that_says_who_it_is_says_it_each_time() {
    let world = World::new().await;
    world.wicked.says().document.insert("authorization_response_iss_parameter_supported".into(), json!(true));
    let issuer = world.wicked.says().issuer.clone();
    let away = world.leave().await;
    assert_eq!(word(world.come_back(away.arrival()).await), "answerer");
    let away = world.leave().await;
    let named = Arrival { issuer: Some(issuer), ..away.arrival() };
    assert_eq!(word(world.come_back(named).await), "stranger");
}

#[tokio::test]
async fn a_document_leads_nowhere_but_where_the_settings_say() {
    let world = World::linked().await;
    let issuer = world.wicked.says().issuer.clone();
    let port = Url::parse(&issuer).unwrap().port().unwrap();
    let mut cases: Vec<(&str, &str, Value)> = vec![
        ("another issuer", "issuer", json!("https://elsewhere.example")),
        ("nearly the same issuer", "issuer", json!(format!("{issuer}/"))),
        ("no issuer", "issuer", Value::Null),
        ("no PKCE", "code_challenge_methods_supported", json!(["plain"])),
        ("no way to know the site", "token_endpoint_auth_methods_supported", json!(["client_secret_post"])),
    ];
    for member in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        for elsewhere in [
            json!("http://169.254.169.254/latest/meta-data/"),
            json!("https://elsewhere.example/x"),
            json!(format!("http://127.0.0.1:{}/x", port ^ 1)),
            json!(format!("http://localhost:{port}/x")),
            json!(format!("https://127.0.0.1:{port}/x")),
            json!(format!("http://127.0.0.1:{port}@elsewhere.example/")),
            json!("file:///etc/passwd"),
            json!("javascript:alert(1)"),
            json!(7),
            Value::Null,
        ] {
            cases.push((member, member, elsewhere));
        }
    }
    for (what, member, value) in cases {
        world.clock.advance(LATER);
        world.wicked.says().document.insert(member.to_owned(), value.clone());
        let error = world.spine.access.begin_oidc(Source::Socket).await.err();
        let Some(error) = error else { panic!("{what}: {value} is followed") };
        let Error::ProviderAway(why) = &error else { panic!("{error}") };
        assert_eq!((why.word(), error.code()), ("document", "ACCESS-050"), "{what}: {value}");
        assert_eq!(base::fault::chain(&error), "the sign-in of your organisation is out of reach");
        world.wicked.says().reset(NOW);
    }
    for (what, raw) in [
        ("a redirect", http("302 Found", &format!("location: {issuer}/document-elsewhere\r\n"), "")),
        ("no JSON", http("200 OK", "", "<html>")),
        ("nothing", String::new()),
    ] {
        world.clock.advance(LATER);
        world.wicked.says().raw.insert("openid-configuration", raw);
        let error = world.spine.access.begin_oidc(Source::Socket).await.err().unwrap();
        assert!(matches!(&error, Error::ProviderAway(Refused::Away(_))), "{what}: {error:?}");
        world.wicked.says().reset(NOW);
    }
    let wrong: [fn(&mut Says); 2] = [|says| says.status = "503 Oops", |says| says.padding = 70_000];
    for change in wrong {
        world.clock.advance(LATER);
        change(&mut world.wicked.says());
        assert!(world.spine.access.begin_oidc(Source::Socket).await.is_err());
        world.wicked.says().reset(NOW);
    }
    world.clock.advance(LATER);
    world.wicked.says().silence = Duration::from_secs(2);
    assert!(world.spine.access.begin_oidc(Source::Socket).await.is_err(), "a provider that says nothing");
    world.wicked.says().reset(NOW);
    // A failure is not asked again at once, by however many; then all is well.
    let asked = world.wicked.says().asked.len();
    for _ in 0..3 {
        assert!(world.spine.access.begin_oidc(Source::Socket).await.is_err());
    }
    assert_eq!(world.wicked.says().asked.len(), asked, "a flood here is a flood there");
    world.clock.advance(Duration::from_secs(10));
    world.leave().await;
}

#[tokio::test]
async fn an_origin_that_the_settings_list_may_be_named() {
    let also = Wicked::start(NOW);
    let elsewhere = also.says().issuer.clone();
    let origin = Url::parse(&elsewhere).unwrap().origin().ascii_serialization();
    let world = World::of(|settings| settings.also = vec![origin]).await;
    world.wicked.says().document.insert("token_endpoint".into(), json!(format!("{elsewhere}/token")));
    let away = world.leave().await;
    let _ = world.come_back(away.arrival()).await;
    assert!(also.says().asked.iter().any(|(path, ..)| path.ends_with("/token")));
}

#[tokio::test]
async fn a_sign_in_at_the_provider_is_as_new_as_was_asked_for() {
    let world = World::of(|settings| settings.max_age_minutes = Some(10)).await;
    world.link().await.unwrap();
    let time = |value: Value| move |says: &mut Says| says.claim("auth_time", value);
    assert_eq!(world.refused(time(json!(NOW - 630))).await, "taken");
    assert_eq!(world.refused(time(json!(NOW as f64 - 12.5))).await, "taken");
    for wrong in [json!(NOW - 631), json!(NOW + 31), json!("1900000000"), Value::Null] {
        assert_eq!(world.refused(time(wrong.clone())).await, "age", "{wrong}");
    }
    // A link takes a new one, whatever sign-ins take.
    let departure = world.spine.access.begin_oidc_link(&world.guest, Source::Socket).await.unwrap();
    let away = world.away(departure);
    assert_eq!(away.query["max_age"], "300");
    world.wicked.says().claim("auth_time", json!(NOW - 331));
    assert_eq!(word(world.spine.access.finish_oidc_link(&world.guest, away.arrival()).await), "age");
}

#[tokio::test]
async fn one_address_does_not_push_others_out() {
    let world = World::new().await;
    let from = |last: u16| Source::Network(format!("2001:db8::{last:x}").parse().unwrap());
    for last in 0..500 {
        world.spine.access.begin_oidc(from(last)).await.unwrap();
    }
    assert!(matches!(world.spine.access.begin_oidc(from(500)).await, Err(Error::ManyWait)));
    world.leave().await;
    world.clock.advance(Duration::from_secs(300));
    world.spine.access.begin_oidc(from(500)).await.unwrap();
}

#[tokio::test]
async fn the_providers_word_is_no_confirmation_and_opens_nothing_strict() {
    let world = World::linked().await;
    let access = &world.spine.access;
    let strict = world.spine.project(Class::Clinical).await;
    let loose = world.spine.project(Class::Research).await;
    world.spine.add(&loose, &world.user, Role::Viewer).await;
    world.spine.add_from_before(&strict, &world.user, Role::Viewer).await;
    let caller = world.sign_in().await.unwrap();
    let view = |project: &base::ProjectId| Ask::<Project>::new(Action::ViewProject, [project.clone()]);
    access.decide::<View, Project>(&caller, view(&loose.project)).await.unwrap();
    let refused = access.decide::<View, Project>(&caller, view(&strict.project)).await.err();
    assert!(matches!(refused, Some(Error::PasskeyNeeded)), "{refused:?}");
    // It adds nothing to sign in with, and confirms nothing.
    assert!(matches!(access.begin_enrolment(&caller).await, Err(Error::FirstPasskey)));
    assert!(matches!(access.invite_browser(&caller).await, Err(Error::FirstPasskey)));
    assert!(matches!(access.begin_oidc_link(&caller, Source::Socket).await, Err(Error::FirstPasskey)));
    assert!(matches!(access.remove_oidc_link(&caller).await, Err(Error::FirstPasskey)));
}

#[tokio::test]
async fn keys_are_touched_by_nobody_whom_only_a_provider_vouches_for() {
    let world = World::new().await;
    let spine = &world.spine;
    world.link_as(&spine.admin).await.unwrap();
    let ask = || Ask::<Site>::new(Action::ManageKeys, [spine.site.clone()]);
    // Who has no more than a one-time token acts with what they have.
    spine.access.decide::<Manage, Site>(&spine.admin, ask()).await.unwrap();
    let caller = world.sign_in().await.unwrap();
    let refused = spine.access.decide::<Manage, Site>(&caller, ask()).await.err();
    assert!(matches!(refused, Some(Error::Confirm)), "{refused:?}");
}

#[tokio::test]
async fn a_link_is_its_owners_to_make_and_ends_what_it_began() {
    let world = World::new().await;
    let access = &world.spine.access;
    let (passkey, strong) = world.spine.with_passkey(&world.guest).await;
    drop(passkey);
    // Whoever has a passkey confirms with it.
    assert!(matches!(access.begin_oidc_link(&world.guest, Source::Socket).await, Err(Error::Confirm)));
    world.link_as(&strong).await.unwrap();
    let (other, _) = world.spine.account("other").await;
    let taken = world.link_as(&other).await;
    assert!(matches!(taken, Err(Error::LinkedElsewhere)), "{taken:?}");
    let caller = world.sign_in().await.unwrap();
    assert_eq!(caller.user(), Some(&world.user));

    // Another subject takes the place of the one before, and what that began is over.
    world.wicked.says().claim("sub", json!("alice2"));
    world.link_as(&strong).await.unwrap();
    assert!(matches!(access.again(&caller).await, Err(Error::NotSignedIn)));
    world.wicked.says().claim("sub", json!("alice"));
    assert_eq!(word(world.sign_in().await), "stranger");
    world.wicked.says().claim("sub", json!("alice2"));
    let caller = world.sign_in().await.unwrap();
    assert!(matches!(access.remove_oidc_link(&caller).await, Err(Error::Confirm)));
    access.remove_oidc_link(&strong).await.unwrap();
    assert!(matches!(access.again(&caller).await, Err(Error::NotSignedIn)));
    assert!(matches!(access.remove_oidc_link(&strong).await, Err(Error::NotFound)));
    assert_eq!(word(world.sign_in().await), "stranger");
    let counted = |wanted: &What| world.kinds().iter().filter(|what| *what == wanted).count();
    assert_eq!(counted(&What::CredentialAdded { proof: "oidc".into() }), 2);
    assert_eq!(counted(&What::CredentialRemoved { proof: "oidc".into() }), 2);
    assert_eq!(counted(&What::SessionEnded { cause: Some("unlinked".into()) }), 2);
}

#[tokio::test]
async fn a_confirmation_that_is_over_when_the_browser_comes_back_makes_no_link() {
    let world = World::new().await;
    world.clock.advance(Duration::from_secs(200));
    let departure = world.spine.access.begin_oidc_link(&world.guest, Source::Socket).await.unwrap();
    let away = world.away(departure);
    world.clock.advance(Duration::from_secs(200));
    world.wicked.says().claim("exp", json!(NOW + 3600));
    world.wicked.says().claim("auth_time", json!(NOW + 400));
    let late = world.spine.access.again(&world.guest).await.unwrap();
    let refused = world.spine.access.finish_oidc_link(&late, away.arrival()).await;
    assert!(matches!(refused, Err(Error::FirstPasskey)), "{refused:?}");
    assert_eq!(word(world.sign_in().await), "stranger");
    assert!(!world.kinds().iter().any(|what| matches!(what, What::CredentialAdded { .. })), "on record");
}

#[tokio::test]
async fn refusals_count_with_refused_tokens() {
    let world = World::new().await;
    let site = Actor::Site(world.spine.site.clone());
    let audit = &world.spine.audit;
    audit.flush_refused_sessions(&site).await.unwrap();
    for _ in 0..3 {
        assert_eq!(word(world.sign_in().await), "stranger");
    }
    assert_eq!(world.refused(|says| says.signer = Signer::Stranger).await, "JWT-006");
    let away = world.leave().await;
    assert_eq!(word(world.come_back(Arrival { browser: None, ..away.arrival() }).await), "browser");
    let before = audit.ledger().size();
    audit.flush_refused_sessions(&site).await.unwrap();
    audit.gate(&audit::Event::new(site, What::SiteClosed { watermark: None })).await.unwrap();
    assert_eq!(audit.recorded(before).unwrap().event.what, What::SessionsRefused { count: 5 });
}

#[tokio::test]
async fn a_link_that_is_all_there_is_stays() {
    let world = World::linked().await;
    assert!(matches!(world.spine.access.remove_oidc_link(&world.guest).await, Err(Error::LastPasskey)));
    world.sign_in().await.unwrap();
}

#[tokio::test]
async fn who_keeps_accounts_ends_links_and_makes_none() {
    let world = World::linked().await;
    let access = &world.spine.access;
    let links = access.identities(&world.manage().await, &world.user).await.unwrap();
    assert_eq!((links.len(), links[0].issuer.as_str(), links[0].signs_in), (1, "uni", true));
    let first = world.sign_in().await.unwrap();
    let permit = world.manage().await;
    let tx = world.spine.db.begin(permit.decision()).await.unwrap();
    let made = access.link_identity(&permit, &tx, &world.user, "uni", "mallory").await;
    assert!(matches!(made, Err(Error::NoIssuer(_))), "{made:?}");
    assert_eq!(access.unlink_identity(&permit, &tx, &world.user, "uni").await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert!(matches!(access.again(&first).await, Err(Error::NotSignedIn)));
    assert_eq!(word(world.sign_in().await), "stranger");

    // A new one-time token: its owner begins anew.
    world.link().await.unwrap();
    let second = world.sign_in().await.unwrap();
    access.renew_token(&world.manage().await, &world.user).await.unwrap();
    assert!(matches!(access.again(&second).await, Err(Error::NotSignedIn)));
    assert_eq!(word(world.sign_in().await), "stranger");
}

#[tokio::test]
async fn a_closed_account_is_signed_in_to_by_nobody() {
    let world = World::linked().await;
    let caller = world.sign_in().await.unwrap();
    let away = world.leave().await;
    world.spine.access.close_account(&world.manage().await, &world.user).await.unwrap();
    assert!(world.spine.access.again(&caller).await.is_err());
    assert_eq!(word(world.come_back(away.arrival()).await), "stranger");
    world.spine.access.reopen_account(&world.manage().await, &world.user).await.unwrap();
    assert_eq!(word(world.sign_in().await), "stranger", "a link came back with its account");
}

/// A link that an administrator makes, for visas, lets nobody sign in; and one that signs in lets no visa count.
#[tokio::test]
async fn links_for_visas_and_links_that_sign_in_are_apart() {
    let world = World::new().await;
    let access = &world.spine.access;
    let issuer = world.wicked.says().issuer.clone();
    let settings = format!(
        "[[issuer]]\nname = \"uni-visas\"\nissuer = \"{issuer}\"\nkeys.file = \"k\"\nbroker = true\n"
    );
    let clock: Arc<dyn base::Clock> = world.clock.clone();
    let trust = toml::from_str::<access::Issuers>(&settings).unwrap();
    access.trust_issuers(trust.checked(world.folder.path(), &clock).unwrap());
    let permit = world.manage().await;
    let tx = world.spine.db.begin(permit.decision()).await.unwrap();
    access.link_identity(&permit, &tx, &world.user, "uni-visas", "alice").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(word(world.sign_in().await), "stranger");
    world.link().await.unwrap();
    world.sign_in().await.unwrap();
    let links = access.identities(&world.manage().await, &world.user).await.unwrap();
    assert_eq!(links.iter().filter(|link| link.signs_in).count(), 1);
    assert_eq!(links.len(), 2);
    // One word ends both.
    let permit = world.manage().await;
    let tx = world.spine.db.begin(permit.decision()).await.unwrap();
    assert_eq!(access.unlink_identity(&permit, &tx, &world.user, "uni-visas").await.unwrap(), 2);
    tx.commit().await.unwrap();
    assert_eq!(word(world.sign_in().await), "stranger");
}
