//! Passwords with a second factor: what counts, how often, where, and what a guesser learns.

use access::password::Typed;
use access::thing::{Project, Site};
use access::verb::{Manage, View};
use access::{Action, Ask, Caller, Error, Permit, Proof, Source};
use audit::What;
use base::{Class, FixedClock, Id, RequestId, Role, SystemEntropy, Timestamp, UserId};
use std::sync::Arc;
use std::time::Duration;
use testkit::Spine;
use totp_rs::{Builder, Secret, Totp};

const PASSWORD: &str = "four words in a row";
const STEP: Duration = Duration::from_secs(30);

fn request() -> RequestId {
    RequestId::mint(&SystemEntropy)
}

fn typed(password: &str, code: &str) -> Typed {
    Typed { password: password.to_owned().into(), code: code.to_owned() }
}

fn from(address: &str) -> Source {
    Source::Network(address.parse().unwrap())
}

/// Somebody with a password, and the program that shows their codes.
struct World {
    spine: Spine,
    clock: Arc<FixedClock>,
    user: UserId,
    name: String,
    caller: Caller,
    totp: Totp,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(FixedClock::at(Timestamp::from_second(1_900_000_000).unwrap()));
        let spine = Spine::with_store(clock.clone(), None).await;
        let (caller, user) = spine.account("somebody").await;
        let name = spine.access.own_account(&caller).await.unwrap().name;
        let shown = spine.access.begin_password(&caller).await.unwrap();
        let secret = Secret::try_from_base32(shown.secret.as_str()).unwrap();
        let totp = Builder::new().with_secret(secret).with_account_name("somebody").build().unwrap();
        let world = Self { spine, clock, user, name, caller, totp };
        let code = world.code();
        world
            .spine
            .access
            .set_password(&world.caller, &shown.ceremony, typed(PASSWORD, &code))
            .await
            .unwrap();
        world.clock.advance(STEP);
        world
    }

    fn code(&self) -> String {
        self.totp.generate(self.spine.clock.now().as_second().unsigned_abs()).to_string()
    }

    async fn sign_in(&self, name: &str, password: &str, code: &str, source: Source) -> Result<Caller, Error> {
        let token =
            self.spine.access.sign_in_by_password(name, typed(password, code), source, &request()).await?;
        self.spine.access.authenticate(token.expose()).await
    }

    async fn good(&self) -> Result<Caller, Error> {
        self.sign_in(&self.name, PASSWORD, &self.code(), Source::Socket).await
    }

    /// A try that must be refused as every other one is.
    async fn refused(&self, what: &str, name: &str, password: &str, code: &str) {
        let refused = self.sign_in(name, password, code, Source::Socket).await.err();
        assert!(matches!(refused, Some(Error::Password)), "{what}: {refused:?}");
    }

    async fn manage(&self) -> Permit<Manage, Site> {
        let ask = Ask::<Site>::new(Action::ManageAccounts, [self.spine.site.clone()]).target(&self.user);
        self.spine.access.decide(&self.spine.admin, ask).await.unwrap()
    }
}

fn last(spine: &Spine) -> What {
    spine.audit.recorded(spine.audit.ledger().size() - 1).unwrap().event.what
}

#[tokio::test]
async fn a_password_and_a_code_sign_in_weakly_and_on_record() {
    let world = World::new().await;
    let session = world.good().await.unwrap();
    assert_eq!(session.user(), Some(&world.user));
    assert_eq!(session.signed().unwrap().proof, Proof::PasswordTotp);
    assert!(!session.signed().unwrap().proof.resists_phishing());
    assert_eq!(last(&world.spine), What::SessionOpened { proof: Some("password-totp".into()) });
    let history = world.spine.audit.history(world.user.as_str()).unwrap().events;
    let added = What::CredentialAdded { proof: "password-totp".into() };
    assert!(history.iter().any(|one| one.event.what == added));
}

#[tokio::test]
async fn each_part_counts_and_a_refusal_says_nothing() {
    let world = World::new().await;
    world.refused("another password", &world.name, "four words in a Row", &world.code()).await;
    world.refused("another code", &world.name, PASSWORD, "000000").await;
    world.refused("no code", &world.name, PASSWORD, "").await;
    world.refused("no password", &world.name, "", &world.code()).await;
    world.refused("nobody's name", "nobody", PASSWORD, &world.code()).await;
    let (other, _) = world.spine.account("other").await;
    let other = world.spine.access.own_account(&other).await.unwrap().name;
    world.refused("somebody without a password", &other, PASSWORD, &world.code()).await;
    world.good().await.unwrap();
    // Its owner's account is closed.
    world.clock.advance(STEP);
    let permit = world.manage().await;
    world.spine.access.close_account(&permit, &world.user).await.unwrap();
    world.refused("a closed account", &world.name, PASSWORD, &world.code()).await;
}

#[tokio::test]
async fn a_code_counts_once_within_a_step_on_each_side() {
    let world = World::new().await;
    let code = world.code();
    world.good().await.unwrap();
    world.refused("again", &world.name, PASSWORD, &code).await;
    let late = world.totp.generate(world.spine.clock.now().as_second().unsigned_abs() + 30).to_string();
    world.clock.advance(2 * STEP);
    world.sign_in(&world.name, PASSWORD, &late, Source::Socket).await.unwrap();
    let old = world.code();
    world.clock.advance(2 * STEP);
    world.refused("two steps late", &world.name, PASSWORD, &old).await;
    // The code of a step before one that counted is no more.
    world.good().await.unwrap();
    let before = world.totp.generate(world.spine.clock.now().as_second().unsigned_abs() - 30).to_string();
    world.refused("a step before the last", &world.name, PASSWORD, &before).await;
    // Of two sign-ins by one code at once one gets in.
    world.clock.advance(2 * STEP);
    let (one, other) = tokio::join!(world.good(), world.good());
    assert!(one.is_ok() != other.is_ok());
    // Nor does the code with which it was set sign in.
    let mine = World::new().await;
    let set = mine.totp.generate(mine.spine.clock.now().as_second().unsigned_abs() - 30).to_string();
    mine.refused("the code of the setting", &mine.name, PASSWORD, &set).await;
}

#[tokio::test]
async fn five_wrong_tries_lock_a_name_for_a_quarter_of_an_hour_whether_anybody_has_it() {
    let world = World::new().await;
    for _ in 0..5 {
        world.refused("wrong", &world.name, "wrong wrong wrong", "000000").await;
        world.refused("wrong", "nobody", "wrong wrong wrong", "000000").await;
    }
    world.refused("right, and too late", &world.name, PASSWORD, &world.code()).await;
    world.clock.advance(Duration::from_secs(899));
    world.refused("still", &world.name, PASSWORD, &world.code()).await;
    world.clock.advance(Duration::from_secs(1));
    world.good().await.unwrap();
    // Whoever gets in begins to count anew.
    for _ in 0..4 {
        world.refused("wrong", &world.name, "wrong wrong wrong", "000000").await;
    }
    world.clock.advance(STEP);
    world.good().await.unwrap();
    world.refused("wrong", &world.name, "wrong wrong wrong", "000000").await;
    world.clock.advance(STEP);
    world.good().await.unwrap();
}

#[tokio::test]
async fn an_address_has_so_many_tries_whatever_the_names() {
    let world = World::new().await;
    // Those who get in are not counted: many may share an address.
    for _ in 0..21 {
        world.sign_in(&world.name, PASSWORD, &world.code(), from("2001:db8::1")).await.unwrap();
        world.clock.advance(STEP);
    }
    for number in 0..20 {
        let source = from(&format!("2001:db8::{number:x}"));
        let refused = world.sign_in(&format!("name{number}"), PASSWORD, "000000", source).await;
        assert!(matches!(refused, Err(Error::Password)));
    }
    let beside = world.sign_in(&world.name, PASSWORD, &world.code(), from("2001:db8::ffff")).await;
    assert!(matches!(beside, Err(Error::Password)), "one subscriber has a /64");
    world.sign_in(&world.name, PASSWORD, &world.code(), from("2001:db8:0:1::1")).await.unwrap();
}

#[tokio::test]
async fn no_password_beside_strict_data() {
    let world = World::new().await;
    let weak = world.good().await.unwrap();
    let members = world.spine.project(Class::Controlled).await;
    world.spine.add_from_before(&members, &world.user, Role::Viewer).await;
    world.clock.advance(STEP);
    // What was begun before does nothing in such a project.
    let view = Ask::<Project>::new(Action::ViewSamples, [members.project.clone()]);
    let refused = world.spine.access.decide::<View, Project>(&weak, view).await.err();
    assert!(matches!(refused, Some(Error::PasskeyNeeded)), "{refused:?}");
    assert!(matches!(world.good().await, Err(Error::NoPasswords)));
    assert!(matches!(world.spine.access.begin_password(&weak).await, Err(Error::NoPasswords)));
    let confirm =
        world.spine.access.confirm_by_password(&weak, typed(PASSWORD, &world.code()), Source::Socket).await;
    assert!(matches!(confirm, Err(Error::NoPasswords)));
}

#[tokio::test]
async fn what_is_set_takes_the_strongest_that_there_is() {
    let world = World::new().await;
    let access = &world.spine.access;
    // A one-time token of before does not set another one.
    let again = access.again(&world.caller).await.unwrap();
    assert!(matches!(access.begin_password(&again).await, Err(Error::Confirm)));
    let session = world.good().await.unwrap();
    access.begin_password(&session).await.unwrap();
    // With a passkey it takes that, and so do confirmations.
    let (_, strong) = world.spine.with_passkey(&session).await;
    assert!(matches!(access.begin_password(&session).await, Err(Error::Confirm)));
    assert!(matches!(access.invite_browser(&session).await, Err(Error::Confirm)));
    let shown = access.begin_password(&strong).await.unwrap();
    // It is set with a code, by the session that was shown the secret, and long enough.
    let short = access.set_password(&strong, &shown.ceremony, typed("eleven char", "000000")).await;
    assert!(matches!(short, Err(Error::ShortPassword(12, 128))));
    let wrong = access.set_password(&strong, &shown.ceremony, typed(PASSWORD, "000000")).await;
    assert!(matches!(wrong, Err(Error::Password)));
    let elsewhere = access.set_password(&session, &shown.ceremony, typed(PASSWORD, "000000")).await;
    assert!(matches!(elsewhere, Err(Error::Password)), "another session's");
    // A wrong code is typed again; what is set is set once.
    let secret = Secret::try_from_base32(shown.secret.as_str()).unwrap();
    let totp = Builder::new().with_secret(secret).with_account_name("somebody").build().unwrap();
    let code = totp.generate(world.spine.clock.now().as_second().unsigned_abs()).to_string();
    access.set_password(&strong, &shown.ceremony, typed(PASSWORD, &code)).await.unwrap();
    let again = access.set_password(&strong, &shown.ceremony, typed(PASSWORD, &code)).await;
    assert!(matches!(again, Err(Error::Password)));
    world.clock.advance(STEP);
    let confirm = access.confirm_by_password(&session, typed(PASSWORD, &world.code()), Source::Socket).await;
    assert!(matches!(confirm, Err(Error::Confirm)));
    let keys = Ask::<Site>::new(Action::ManageKeys, [world.spine.site.clone()]);
    let mine = world.manage().await;
    let tx = world.spine.db.begin(mine.decision()).await.unwrap();
    access
        .grant_on_site(&mine, &tx, &world.user, Role::PlatformAdministrator, &access::Ends::default())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let refused = access.decide::<Manage, Site>(&session, keys.clone()).await.err();
    assert!(matches!(refused, Some(Error::Confirm)), "{refused:?}");
    access.decide::<Manage, Site>(&strong, keys).await.unwrap();
}

#[tokio::test]
async fn a_confirmation_by_password_lasts_five_minutes() {
    let world = World::new().await;
    let access = &world.spine.access;
    let session = world.good().await.unwrap();
    world.clock.advance(Duration::from_secs(300));
    let stale = access.again(&session).await.unwrap();
    assert!(!stale.signed().unwrap().confirmed);
    let wrong =
        access.confirm_by_password(&stale, typed("wrong wrong wrong", &world.code()), Source::Socket).await;
    assert!(matches!(wrong, Err(Error::Password)));
    access.confirm_by_password(&stale, typed(PASSWORD, &world.code()), Source::Socket).await.unwrap();
    assert_eq!(last(&world.spine), What::SessionConfirmed { proof: "password-totp".into() });
    assert!(access.again(&session).await.unwrap().signed().unwrap().confirmed);
}

#[tokio::test]
async fn it_is_taken_away_by_its_owner_and_by_a_new_token() {
    let world = World::new().await;
    let access = &world.spine.access;
    let session = world.good().await.unwrap();
    assert!(matches!(access.remove_password(&session).await, Err(Error::LastPasskey)));
    let (_, strong) = world.spine.with_passkey(&session).await;
    assert!(matches!(access.remove_password(&session).await, Err(Error::Confirm)));
    access.remove_password(&strong).await.unwrap();
    assert_eq!(last(&world.spine), What::CredentialRemoved { proof: "password-totp".into() });
    world.clock.advance(STEP);
    world.refused("removed", &world.name, PASSWORD, &world.code()).await;

    let world = World::new().await;
    let permit = world.manage().await;
    let held = world.spine.access.begin_password(&world.good().await.unwrap()).await.unwrap();
    let session = world.caller.clone();
    world.spine.access.renew_token(&permit, &world.user).await.unwrap();
    world.clock.advance(STEP);
    world.refused("begun anew", &world.name, PASSWORD, &world.code()).await;
    // Nor does a request that was held open set one.
    let late = world.spine.access.set_password(&session, &held.ceremony, typed(PASSWORD, "000000")).await;
    assert!(late.is_err());
}

#[tokio::test]
async fn the_secret_is_shown_as_programs_read_it() {
    let world = World::new().await;
    let shown = world.spine.access.begin_password(&world.good().await.unwrap()).await.unwrap();
    assert!(
        shown.url.starts_with(&format!("otpauth://totp/Sequestra:{}?secret=", world.name)),
        "{}",
        shown.url.as_str()
    );
}
