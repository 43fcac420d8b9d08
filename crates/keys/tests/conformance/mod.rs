//! What every provider promises; see `keys::provider::Provider`.

use base::{Id, SiteId, SystemEntropy};
use keys::{Error, Passphrase, Provider, SealedFile, SiteSecrets};

/// Checks a provider. `again` makes it anew with the same credential, as another process would;
/// `wrong` makes it with another credential, or says that it cannot.
pub fn check(
    provider: &dyn Provider,
    again: impl Fn() -> Box<dyn Provider>,
    wrong: impl Fn() -> Result<Box<dyn Provider>, Error>,
) {
    let site = SiteId::mint(&SystemEntropy);
    let secrets = SiteSecrets::mint(&SystemEntropy);
    let bytes = secrets.seal(&site, provider, &SystemEntropy).unwrap();
    let file = SealedFile::parse(&bytes).unwrap();

    let opened = file.open(&*again()).expect("the same credential opens");
    assert!(opened.roots.same_as(&secrets.roots));
    assert_eq!(*opened.database, *secrets.database);
    let twice = secrets.seal(&site, &*again(), &SystemEntropy).unwrap();
    assert_ne!(bytes, twice, "each sealing has a key and nonces of its own");

    let refused = wrong().and_then(|wrong| file.open(&*wrong));
    assert!(refused.is_err(), "another credential opened it");

    let text = String::from_utf8(bytes).unwrap();
    let foreign = text.replace(site.as_str(), SiteId::mint(&SystemEntropy).as_str());
    assert!(SealedFile::parse(foreign.as_bytes()).unwrap().open(&*again()).is_err(), "another site's id");

    for changed in changes(&text) {
        let opened = SealedFile::parse(changed.as_bytes()).and_then(|file| file.open(&*again()));
        assert!(opened.is_err(), "a changed file opened: {changed}");
    }
    if !matches!(file.wrapped(), keys::Wrapped::Passphrase { .. }) {
        let other = Passphrase::new("a sentence of another kind".into());
        assert!(matches!(file.open(&other), Err(Error::OtherProvider(_))));
    }
}

/// The file with each of its values changed, a few places in each.
fn changes(text: &str) -> Vec<String> {
    let whole: serde_json::Value = serde_json::from_str(text).unwrap();
    let mut found = Vec::new();
    for pointer in [
        "/sealed",
        "/under/key",
        "/under/salt",
        "/under/set",
        "/under/label",
        "/under/token",
        "/under/mount",
        "/under/name",
    ] {
        let Some(serde_json::Value::String(value)) = whole.pointer(pointer) else { continue };
        for at in [0, value.len() / 2] {
            let mut bytes = value.clone().into_bytes();
            bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
            let mut changed = whole.clone();
            *changed.pointer_mut(pointer).unwrap() = String::from_utf8(bytes).unwrap().into();
            found.push(changed.to_string());
        }
    }
    assert!(found.len() >= 4);
    found
}
