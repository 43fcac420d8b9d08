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

use keys::token::Token;
use keys::{Error, Provider, Reach};
use std::path::Path;
use std::process::Command;

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const CONFIGURATION: &str = "SOFTHSM2_CONF";
const SECOND: &str = "second-start";

fn main() {
    if std::env::args().any(|word| word == SECOND) {
        return inside();
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
        .env(CONFIGURATION, &configuration)
        .status()
        .unwrap();
    assert!(second.success(), "the token does not conform");
    println!("test a_token_conforms ... ok");
}

fn inside() {
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
    println!("token: all checks held");
}
