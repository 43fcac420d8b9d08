//! A passport from elsewhere: whom it is about, what it gives, and what ends that.

use crate::site::{Done, Site};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use std::fs;

const DATASET: &str = "https://ega-archive.org/datasets/EGAD00000000432";
const SETTINGS: &str = "[[passports.issuer]]\nname = \"ega\"\nissuer = \"https://visas.example.org/\"\nkeys.file = \"ega.jwks\"\n\
    sources = [\"https://dac.example.org/1\"]\nbroker = true\n";

fn sign(key: &Ed25519KeyPair, claims: &Value) -> String {
    let header = json!({"alg": "EdDSA", "kid": "one", "typ": "JWT"});
    let text = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    format!("{text}.{}", BASE64.encode(key.sign(text.as_bytes())))
}

/// A passport with one visa, as a file.
fn passport(site: &Site, key: &Ed25519KeyPair, subject: &str) -> String {
    let now = base::Timestamp::now().as_second();
    let about = json!({"iss": "https://visas.example.org/", "sub": subject, "iat": now, "exp": now + 3600, "jti": "one"});
    let with = |member: &str, value: Value| {
        let mut claims = about.clone();
        claims[member] = value;
        claims
    };
    let said = json!({
        "type": "ControlledAccessGrants", "asserted": now - 60, "value": DATASET, "source": "https://dac.example.org/1", "by": "dac",
    });
    let visa = sign(key, &with("ga4gh_visa_v1", said));
    let file = site.room.join("passport.jwt");
    fs::write(&file, sign(key, &with("ga4gh_passport_v1", json!([visa]))) + "\n").unwrap();
    file.to_str().unwrap().to_owned()
}

fn ends(done: &Done, exit: i32, told: &str) {
    assert!(done.exit == exit && done.err.contains(told), "{told}: {} {}", done.exit, done.err);
}

#[test]
fn a_passport_gives_its_owner_a_role_until_somebody_or_the_settings_end_it() {
    let site = Site::copy();
    site.invite("researcher");
    let key = Ed25519KeyPair::generate().unwrap();
    let file = passport(&site, &key, "7f3a-91");
    let project = site.last("viewer", &["project", "list"]);
    let present = || site.run("researcher", &["passport", "present", &file]);
    let view = || site.run("researcher", &["sample", "list", &project]);
    ends(&present(), 6, "ACCESS-060");
    site.lock();
    let x = BASE64.encode(key.public_key().as_ref());
    let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": x}]});
    fs::write(site.folder.join("ega.jwks"), keys.to_string()).unwrap();
    let settings = fs::read_to_string(site.folder.join("site.toml")).unwrap();
    fs::write(site.folder.join("site.toml"), settings.clone() + SETTINGS).unwrap();
    site.start();

    // Whom it is about is shown to who presents it, and nobody is linked to that yet.
    ends(&present(), 4, "its subject is 7f3a-91");
    ends(&view(), 3, "ACCESS-001");
    let map = |value: &str, role: &str| {
        site.run("steward", &["visa", "map", &project, "--issuer", "ega", "--value", value, "--role", role])
    };
    ends(&map(DATASET, "data-steward"), 2, "ACCESS-065");
    ends(&map("", "viewer"), 2, "ACCESS-065");
    ends(&map(DATASET, "viewer"), 0, "give viewer");
    ends(&map(DATASET, "viewer"), 5, "ACCESS-066");
    let link = |issuer: &str, name: &str| {
        site.run("admin", &["account", "link", name, "--issuer", issuer, "--subject", "7f3a-91"])
    };
    ends(&link("nobody", "researcher"), 3, "ACCESS-062");
    ends(&link("ega", "admin"), 4, "ACCESS-002");
    ends(&link("ega", "researcher"), 0, "count for researcher");
    ends(&link("ega", "viewer"), 5, "ACCESS-064");
    let given = site.json("researcher", &["passport", "present", &file]);
    assert_eq!((&given[0]["outcome"], &given[0]["role"]), (&json!("given"), &json!("viewer")), "{given}");
    assert_eq!(view().exit, 0);
    assert_eq!(site.json("researcher", &["passport", "present", &file])[0]["outcome"], "held");
    // Keys that cannot be read: who presents is told whose, who keeps the site also where they should be.
    let (keys, elsewhere) = (site.folder.join("ega.jwks"), site.folder.join("elsewhere"));
    fs::rename(&keys, &elsewhere).unwrap();
    ends(&present(), 6, "of `ega`: ");
    assert!(!present().err.contains("ega.jwks"), "a path of the site's machine");
    let status = site.json("admin", &["site", "status"]);
    let limits = status["limits"].to_string();
    assert!(limits.contains("of the issuer ega counts") && limits.contains("/ega.jwks"), "{limits}");
    let found = site.run("admin", &["doctor"]);
    assert!(found.exit == 6 && found.out.contains("/ega.jwks: "), "{}", found.out);
    fs::rename(&elsewhere, &keys).unwrap();
    assert!(!site.json("admin", &["site", "status"])["limits"].to_string().contains("issuer ega"));
    assert_eq!(site.json("admin", &["account", "identities", "researcher"])[0]["issuer"], "ega");
    let members = site.run("manager", &["member", "list", &project]);
    assert!(members.out.contains("by a visa of ega"), "{}", members.out);
    let mapping = site.json("viewer", &["visa", "list", &project])[0].clone();
    assert_eq!((&mapping["by"], &mapping["value"]), (&json!("steward"), &json!(DATASET)));

    // An issuer that the settings name no more has given nothing; named again, it has.
    site.lock();
    fs::write(site.folder.join("site.toml"), &settings).unwrap();
    site.start();
    ends(&view(), 3, "ACCESS-001");
    site.lock();
    fs::write(site.folder.join("site.toml"), settings + SETTINGS).unwrap();
    site.start();
    assert_eq!(site.run("researcher", &["passport", "present", &file]).exit, 0);
    assert_eq!(view().exit, 0);
    // Whom somebody took out stays out.
    assert_eq!(site.run("manager", &["member", "remove", &project, "researcher"]).exit, 0);
    ends(&present(), 4, "ACCESS-081");
    ends(&view(), 3, "ACCESS-001");
    let unmap = || site.run("manager", &["visa", "unmap", &project, mapping["id"].as_str().unwrap()]);
    assert_eq!(unmap().exit, 0);
    ends(&unmap(), 3, "ACCESS-001");
    ends(&present(), 4, "ACCESS-079");

    let kinds: Vec<String> =
        site.events().iter().filter_map(|leaf| leaf["event"]["event"].as_str().map(str::to_owned)).collect();
    for kind in ["identity-changed", "visa-mapping-changed", "passport-presented", "visa-accepted"] {
        assert!(kinds.iter().any(|found| found == kind), "{kind}");
    }
    assert!(
        !site.events().iter().any(|leaf| leaf.to_string().contains("7f3a")),
        "the record names a subject"
    );
    site.assert_sound();
}
