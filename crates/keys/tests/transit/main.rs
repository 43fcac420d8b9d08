//! The transit provider, its own code path over TCP and TLS, against recorded exchanges: see
//! `testkit::vault` for what that shows and what not.

#![cfg(test)]

#[path = "../conformance/mod.rs"]
mod conformance;

use base::{Id, SiteId, SystemEntropy};
use keys::transit::{Service, Transit};
use keys::{Credential, Custody, Error, Plan, Provider, Reach, Safe, SiteSecrets, Wrapped};
use testkit::vault::{self, Vault};

const TOKEN: &str = "hvs.CAESIJ-recorded-token";
const SECRET: &str = "84896a0c-recorded-secret-id";

fn reach(vault: &Vault, change: impl Fn(&mut Service)) -> Reach {
    let mut service = Service {
        url: vault.url().to_owned(),
        ca: None,
        network: None,
        namespace: None,
        role: None,
        role_mount: "approle".into(),
    };
    change(&mut service);
    Reach { transit: Some(service), ..Reach::default() }
}

fn open(reach: &Reach, credential: &str) -> Transit {
    Transit::open(reach, "transit", "sequestra", credential).unwrap()
}

fn wrap(provider: &dyn Provider) -> Result<Wrapped, Error> {
    provider.wrap(&SiteId::mint(&SystemEntropy), &[7; 32], &SystemEntropy)
}

fn conforms(reach: &Reach, credential: &str) {
    let right = open(reach, credential);
    assert!(matches!(wrap(&right), Err(Error::Unavailable { .. })), "no key was made yet");
    right.make_key_if_absent().unwrap();
    right.make_key_if_absent().unwrap();
    let again = || Box::new(open(reach, credential)) as Box<dyn Provider>;
    conformance::check(&right, again, || Ok(Box::new(open(reach, "another credential"))));
    assert!(matches!(wrap(&open(reach, "another credential")), Err(Error::Credential("key service"))));
}

#[test]
fn a_transit_engine_conforms_with_a_token() {
    let vault = Vault::start(TOKEN, None).unwrap();
    conforms(&reach(&vault, |_| {}), TOKEN);
    assert_eq!(vault.tokens(), [TOKEN], "a token of somebody else's is not given back");
}

#[test]
fn a_transit_engine_conforms_with_an_app_role_over_tls() {
    let vault = Vault::start(TOKEN, Some(vault::tls().unwrap())).unwrap();
    vault.add_role("db02de05", SECRET);
    let known = |service: &mut Service| {
        service.ca = Some(vault::authority());
        service.role = Some("db02de05".into());
        service.namespace = Some("genomics".into());
    };
    conforms(&reach(&vault, known), SECRET);
    assert_eq!(vault.tokens(), [TOKEN], "each token that was got was given back");
}

#[test]
fn a_service_that_ignores_associated_data_does_not_open_another_sites_key() {
    let vault = Vault::start(TOKEN, None).unwrap();
    let right = open(&reach(&vault, |_| {}), TOKEN);
    right.make_key_if_absent().unwrap();
    let (site, other) = (SiteId::mint(&SystemEntropy), SiteId::mint(&SystemEntropy));
    let wrapped = right.wrap(&site, &[7; 32], &SystemEntropy).unwrap();
    vault.ignore_associated_data();
    assert_eq!(right.unwrap(&site, &wrapped).unwrap().as_slice(), [7; 32]);
    assert!(matches!(right.unwrap(&other, &wrapped), Err(Error::Unwrap)));
}

#[test]
fn whatever_a_service_answers_no_key_comes_of_it_and_no_secret_is_told() {
    let vault = Vault::start(TOKEN, None).unwrap();
    let right = open(&reach(&vault, |_| {}), TOKEN);
    right.make_key_if_absent().unwrap();
    let site = SiteId::mint(&SystemEntropy);
    let wrapped = right.wrap(&site, &[7; 32], &SystemEntropy).unwrap();
    for (recording, code) in [
        ("sealed", "KEYS-014"),
        ("standby", "KEYS-014"),
        ("strange", "KEYS-014"),
        ("no-route", "KEYS-014"),
        ("no-key-to-use", "KEYS-014"),
        ("revoked", "KEYS-014"),
        ("denied", "KEYS-015"),
        ("not-ours", "KEYS-005"),
        ("no-ciphertext", "KEYS-005"),
        // An answer to another question.
        ("encrypt", "KEYS-014"),
        ("decrypt", "KEYS-005"),
    ] {
        vault.answer_always(Some(recording));
        let Err(error) = right.unwrap(&site, &wrapped) else { panic!("{recording} gave a key") };
        let told = format!("{} {error} {error:?} {:?}", base::Fault::code(&error), base::Fault::hint(&error));
        assert!(told.starts_with(code), "{recording}: {told}");
        assert!(!told.contains(TOKEN) && !told.contains("vault:v1"), "{told}");
    }
    vault.answer_always(Some("key-exportable"));
    assert!(
        matches!(right.make_key_if_absent(), Err(Error::Unavailable { .. })),
        "a key that can be exported"
    );
    vault.answer_always(None);
    right.unwrap(&site, &wrapped).unwrap();
    drop(vault);
    assert!(matches!(right.unwrap(&site, &wrapped), Err(Error::Unavailable { .. })), "nobody listens");
}

#[test]
fn an_open_site_asks_again_and_tells_silence_from_a_refusal() {
    let vault = Vault::start(TOKEN, None).unwrap();
    vault.add_role("db02de05", SECRET);
    let folder = tempfile::tempdir().unwrap();
    let reach = reach(&vault, |service| service.role = Some("db02de05".into()));
    let safe = Safe::new(folder.path().join("site.sealed"), reach.clone());
    let (site, secrets) = (SiteId::mint(&SystemEntropy), SiteSecrets::mint(&SystemEntropy));
    let secret = Credential::new(SECRET.to_owned());
    let plan = Plan::Transit { mount: "transit".into(), name: "sequestra".into() };
    let ready = plan.prepare(&site, &reach, &secret, &SystemEntropy).unwrap();
    let _ = safe.replace(&site, &secrets, &*ready.provider, &SystemEntropy).unwrap();
    let asked = safe.asked(&secret).unwrap().expect("there is a service to ask");
    asked.ask().unwrap();
    for silence in ["sealed", "standby", "strange", "no-route"] {
        vault.answer_always(Some(silence));
        assert!(matches!(asked.ask(), Err(Error::Unavailable { .. })), "{silence}");
        vault.answer_always(None);
        asked.ask().unwrap();
    }
    vault.answer_always(Some("denied"));
    assert!(matches!(asked.ask(), Err(Error::Credential("key service"))));
    vault.answer_always(Some("wrong-login"));
    assert!(matches!(asked.ask(), Err(Error::Credential("key service"))));
    vault.answer_always(None);
    asked.ask().unwrap();
    assert_eq!(vault.tokens(), [TOKEN], "each token that was got was given back");
    drop(vault);
    assert!(matches!(asked.ask(), Err(Error::Unavailable { .. })), "nobody listens");
}

#[test]
fn a_service_is_reached_by_tls_that_its_authority_vouches_for_and_not_otherwise() {
    let vault = Vault::start(TOKEN, Some(vault::tls().unwrap())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let known = |service: &mut Service| service.ca = Some(vault::authority());
    open(&reach(&vault, known), TOKEN).make_key_if_absent().unwrap();
    let before = vault.asked().len();
    let try_with = |change: &dyn Fn(&mut Service)| {
        Transit::open(&reach(&vault, change), "transit", "sequestra", TOKEN)
            .and_then(|service| service.make_key_if_absent())
    };
    let (other, none) = (file("other.pem", vault::other_authority()), file("none.pem", b"no certificate"));
    let changes: [&dyn Fn(&mut Service); 6] = [
        &|service| service.ca = Some(other.clone()),
        &|service| service.ca = Some(none.clone()),
        &|service| service.ca = None,
        &|service| service.ca = Some("/nonexistent/ca.pem".into()),
        &|service| service.url = "http://vault.example:8200".into(),
        &|service| service.url = "vault".into(),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        assert!(matches!(try_with(change), Err(Error::Unavailable { .. })), "change {at}");
    }
    assert_eq!(vault.asked().len(), before, "no token went to what nobody vouches for");
    for (mount, name) in [("transit/../sys", "k"), ("", "k"), ("transit", "a/b"), ("transit", "k?x=1")] {
        assert!(Transit::open(&reach(&vault, known), mount, name, TOKEN).is_err(), "{mount} {name}");
    }
    assert!(Transit::open(&Reach::default(), "transit", "k", TOKEN).is_err());
}

#[test]
fn a_site_moves_to_a_service_and_back() {
    let vault = Vault::start(TOKEN, None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let reach = reach(&vault, |_| {});
    let safe = Safe::new(folder.path().join("site.sealed"), reach.clone());
    let (site, secrets) = (SiteId::mint(&SystemEntropy), SiteSecrets::mint(&SystemEntropy));
    let credential = |text: &str| Credential::new(format!("{text}\n"));
    let sentence = "a right good sentence";
    let first = Plan::Passphrase.prepare(&site, &reach, &credential(sentence), &SystemEntropy).unwrap();
    let _ = safe.replace(&site, &secrets, &*first.provider, &SystemEntropy).unwrap();

    let plan = Plan::Transit { mount: "transit".into(), name: "sequestra".into() };
    let wrong = safe.prepare(&credential(sentence), &plan, &credential("wrong"), &SystemEntropy);
    assert!(matches!(wrong, Err(Error::Credential("key service"))));
    safe.prepare(&credential(sentence), &plan, &credential(TOKEN), &SystemEntropy).unwrap();
    safe.unseal(&credential(sentence)).unwrap();
    assert!(safe.complete(&credential("wrong"), &secrets.roots, |_| Ok(())).is_err());
    let (custody, _) = safe.complete(&credential(TOKEN), &secrets.roots, |_| Ok(())).unwrap();
    assert_eq!(custody, Custody::Service);
    assert!(custody.is_strong());
    assert!(safe.unseal(&credential(sentence)).is_err());
    assert!(safe.unseal(&credential(TOKEN)).unwrap().1.roots.same_as(&secrets.roots));
    let text = std::fs::read_to_string(safe.path()).unwrap();
    assert!(text.contains("vault:v1:") && !text.contains(TOKEN), "{text}");

    safe.prepare(&credential(TOKEN), &Plan::Passphrase, &credential(sentence), &SystemEntropy).unwrap();
    let _ = safe.complete(&credential(sentence), &secrets.roots, |_| Ok(())).unwrap();
    assert!(safe.unseal(&credential(sentence)).unwrap().1.roots.same_as(&secrets.roots));
}
