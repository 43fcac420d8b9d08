//! The PKCS#11 provider against SoftHSM2, a real token in software.
//!
//! SoftHSM2 is told by its environment where its tokens lie, and a process cannot safely change its
//! own: so this program starts itself once more, with the tokens of a temporary folder. It has no
//! harness, so that the second start cannot be mistaken for a test that passed by doing nothing.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test, though one without the harness by which clippy knows tests"
)]

#[path = "../conformance/mod.rs"]
mod conformance;

use base::SystemEntropy;
use keys::token::Token;
use keys::{Credential, Error, Plan, Provider, Reach, Safe, SiteSecrets};
use std::path::Path;
use std::process::Command;

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const CONFIGURATION: &str = "SOFTHSM2_CONF";
const SECOND: &str = "second-start";

fn main() {
    if let Some(tokens) = std::env::args().skip_while(|word| word != SECOND).nth(1) {
        return inside(Path::new(&tokens));
    }
    // `cargo test NAME` and `--list` ask every test program.
    if std::env::args().any(|word| word == "--list") {
        println!("a_token_conforms: test");
        return;
    }
    assert!(Path::new(MODULE).exists(), "SoftHSM2 is missing: apt-get install softhsm2");
    let folder = tempfile::tempdir().unwrap();
    let (tokens, configuration) = (folder.path().join("tokens"), folder.path().join("softhsm2.conf"));
    std::fs::create_dir(&tokens).unwrap();
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        tokens.display()
    );
    std::fs::write(&configuration, text).unwrap();
    for label in ["sequestra", "other"] {
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", label, "--so-pin", "87654321", "--pin", "12345678"])
            .env(CONFIGURATION, &configuration)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    let second = Command::new(std::env::current_exe().unwrap())
        .arg(SECOND)
        .arg(&tokens)
        .env(CONFIGURATION, &configuration)
        .status()
        .unwrap();
    assert!(second.success(), "the token does not conform");
    println!("test a_token_conforms ... ok");
}

fn inside(tokens: &Path) {
    let reach = Reach { pkcs11_module: Some(MODULE.into()), ..Reach::default() };
    let token = |pin: &str| Token::open(&reach, "sequestra", "root", pin).unwrap();
    let right = token("12345678");
    let wrap = |token: &Token| {
        let site = base::Id::mint(&base::SystemEntropy);
        token.wrap(&site, &[7; 32], &base::SystemEntropy)
    };
    assert!(matches!(wrap(&right), Err(Error::Unavailable { .. })), "no key was made yet");
    right.make_key_if_absent().unwrap();
    right.make_key_if_absent().unwrap();
    wrap(&right).unwrap();
    conformance::check(&right, || Box::new(token("12345678")), || Ok(Box::new(token("11111111"))));
    assert!(matches!(wrap(&token("11111111")), Err(Error::Credential("token"))));

    let absent = Token::open(&reach, "absent", "root", "12345678").unwrap();
    assert!(matches!(wrap(&absent), Err(Error::Unavailable { .. })));
    let other = Token::open(&reach, "other", "root", "12345678").unwrap();
    assert!(matches!(wrap(&other), Err(Error::Unavailable { .. })), "the other token has no key");
    for module in ["/nonexistent/module.so", "libsofthsm2.so", "/bin/true"] {
        let reach = Reach { pkcs11_module: Some(module.into()), ..Reach::default() };
        let gone = Token::open(&reach, "sequestra", "root", "12345678").unwrap();
        assert!(matches!(wrap(&gone), Err(Error::Unavailable { .. })), "{module}");
    }
    assert!(matches!(Token::open(&Reach::default(), "t", "k", "p"), Err(Error::Unavailable { .. })));
    taken_away(&reach, tokens);
    println!("token: all checks held");
}

/// What an open site asks is answered as long as token and key are there, whoever takes one of them away.
fn taken_away(reach: &Reach, tokens: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let safe = Safe::new(folder.path().join("site.sealed"), reach.clone());
    let (site, secrets) = (base::Id::mint(&SystemEntropy), SiteSecrets::mint(&SystemEntropy));
    let plan = Plan::Pkcs11 { token: "sequestra".into(), label: "asked".into() };
    let pin = Credential::new("12345678\n".into());
    let ready = plan.prepare(&site, reach, &pin, &SystemEntropy).unwrap();
    let _ = safe.replace(&site, &secrets, &*ready.provider, &SystemEntropy).unwrap();
    let asked = safe.asked(&pin).unwrap().expect("there is a token to ask");
    asked.ask().unwrap();

    let wrong = safe.asked(&Credential::new("11111111".into())).unwrap().unwrap();
    assert!(matches!(wrong.ask(), Err(Error::Credential("token"))), "a refusal");
    asked.ask().unwrap();
    let done = Command::new("pkcs11-tool")
        .args(["--module", MODULE, "--token-label", "sequestra", "--login", "--pin", "12345678"])
        .args(["--delete-object", "--type", "secrkey", "--label", "asked"])
        .output()
        .expect("`pkcs11-tool` is missing: apt-get install opensc");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(matches!(asked.ask(), Err(Error::Unavailable { .. })), "the key is gone");
    // Last: this library does not see a token again in the process that missed it.
    std::fs::rename(tokens, tokens.with_extension("away")).unwrap();
    assert!(matches!(asked.ask(), Err(Error::Unavailable { .. })), "the token is gone");
}
