//! C-IDN-11: a signed token counts as it was meant, or not at all.

use super::machine::{Machine, expect_refused, now, present, token};
use crate::site::Site;
use crate::{Control, Play, Result};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub const CONTROL: Control = Control {
    id: "C-IDN-11",
    statement: "A token that a machine signs has one algorithm, one key that the site knows, one audience and its times, \
                all there and of their type, and counts once; any other is refused with 401, whatever is wrong with it",
    test: "sign assertions of a service account with a key of the scenario's own: without algorithm or signature, with \
           an algorithm with a shared secret, with keys or addresses in the header, with claims that are missing, of \
           another type, of another time or for somebody else; present each, and the one without a fault, twice",
    references: &["AS V9.1.2", "AS V9.1.3", "AS V9.2.3"],
    scenario,
};

/// What a header says that it must not.
const HEADERS: &[(&str, &str)] = &[
    ("RS256 as the algorithm", r#"{"alg": "RS256"}"#),
    ("ES256 as the algorithm", r#"{"alg": "ES256"}"#),
    ("the algorithm in small letters", r#"{"alg": "eddsa"}"#),
    ("no algorithm", r#"{"alg": null}"#),
    ("an address of keys", r#"{"jku": "https://evil.example/keys"}"#),
    ("an address of a certificate", r#"{"x5u": "https://evil.example/c"}"#),
    ("a certificate", r#"{"x5c": ["AAAA"]}"#),
    ("a key of its own", r#"{"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}}"#),
    ("an extension", r#"{"crit": ["exp"]}"#),
    ("compression", r#"{"zip": "DEF"}"#),
    ("a word that nobody knows", r#"{"role": "admin"}"#),
    ("another type", r#"{"typ": "at+jwt"}"#),
    ("a path as the key's id", r#"{"kid": "../../../../dev/null"}"#),
    ("SQL as the key's id", r#"{"kid": "' OR 1=1 --"}"#),
    ("an unknown key's id", r#"{"kid": "crd_00000000000000000000"}"#),
    ("no key's id", r#"{"kid": null}"#),
];

/// What claims say that they must not. `null` takes a claim away.
const CLAIMS: &[(&str, &str)] = &[
    ("no end", r#"{"exp": null}"#),
    ("no beginning", r#"{"nbf": null}"#),
    ("no time of making", r#"{"iat": null}"#),
    ("no audience", r#"{"aud": null}"#),
    ("no name of its own", r#"{"jti": null}"#),
    ("nobody to act for", r#"{"on_behalf_of": null}"#),
    ("another audience", r#"{"aud": "https://other.example"}"#),
    ("another issuer", r#"{"iss": "svc_00000000000000000000"}"#),
    ("another subject", r#"{"sub": "svc_00000000000000000000"}"#),
    ("a short name of its own", r#"{"jti": "x"}"#),
    ("a further claim", r#"{"admin": true}"#),
    ("a person that is none", r#"{"on_behalf_of": "root"}"#),
];

/// Times that are wrong: the claim, and how far from now it is.
const TIMES: &[(&str, &str, i64)] = &[
    ("an end that has passed", "exp", -1),
    ("an end that is too far", "exp", 86_400),
    ("a beginning to come", "nbf", 45),
    ("a making to come", "iat", 45),
];

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    play.does("make a service account, with a key of the scenario's own");
    let machine = Machine::make(play, &site, &project, "socket")?;
    let (none, good) = (json!({}), machine.assertion(play, now(play)));
    expect_good(play, &site, &good, &project)?;
    let again = play.attack("present the same once more", || present(&site, &good))?;
    expect_refused(play, &again);
    for (what, fault) in HEADERS {
        let fault: Value = serde_json::from_str(fault).unwrap_or_default();
        refuse(play, &site, &format!("{what} in the header"), &spoilt(play, &machine, &fault, &none))?;
    }
    for (what, fault) in CLAIMS {
        let fault: Value = serde_json::from_str(fault).unwrap_or_default();
        refuse(play, &site, what, &spoilt(play, &machine, &none, &fault))?;
    }
    for (what, claim, from_now) in TIMES {
        let at = now(play).saturating_add(*from_now);
        refuse(play, &site, what, &spoilt(play, &machine, &none, &json!({*claim: at})))?;
    }
    for claim in ["exp", "nbf", "iat"] {
        let right = machine.claims(play, now(play)).get(claim).map(Value::to_string);
        let words = spoilt(play, &machine, &none, &json!({claim: right}));
        refuse(play, &site, &format!("`{claim}` as text"), &words)?;
    }
    for (what, assertion) in forged(play, &machine, &Machine::make(play, &site, &project, "socket")?) {
        refuse(play, &site, what, &assertion)?;
    }
    play.does("present one without a fault");
    expect_good(play, &site, &machine.assertion(play, now(play)), &project)
}

/// A right assertion but for this in its header and in its claims.
fn spoilt(play: &Play, machine: &Machine, header: &Value, claims: &Value) -> String {
    let (mut own_header, mut own_claims) = (machine.header(), machine.claims(play, now(play)));
    for (of, fault) in [(&mut own_header, header), (&mut own_claims, claims)] {
        let faults = fault.as_object().into_iter().flatten();
        let Some(of) = of.as_object_mut() else { continue };
        for (name, value) in faults {
            match value {
                Value::Null => drop(of.remove(name)),
                value => drop(of.insert(name.clone(), value.clone())),
            }
        }
    }
    machine.sign(&own_header.to_string(), &own_claims.to_string())
}

/// What somebody without the key makes.
fn forged(play: &Play, machine: &Machine, other: &Machine) -> Vec<(&'static str, String)> {
    let (header, claims) = (machine.header(), machine.claims(play, now(play)).to_string());
    let of = |algorithm: &str| {
        let mut header = header.clone();
        if let Some(own) = header.get_mut("alg") {
            *own = algorithm.into();
        }
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(&claims))
    };
    let shared = hmac::Key::new(hmac::HMAC_SHA256, machine.public());
    let text = of("HS256");
    let confused = hmac::sign(&shared, text.as_bytes());
    let twice = claims.replacen('{', "{\"sub\":\"svc_00000000000000000000\",", 1);
    vec![
        ("`none` as the algorithm and no signature", format!("{}.", of("none"))),
        ("no signature", format!("{}.", of("EdDSA"))),
        ("the public key as a shared secret (HS256)", format!("{text}.{}", URL_SAFE_NO_PAD.encode(confused))),
        ("another machine's signature", other.sign(&header.to_string(), &claims)),
        ("a claim twice", machine.sign(&header.to_string(), &twice)),
        ("four parts", format!("{}.x", machine.sign(&header.to_string(), &claims))),
        ("dots alone", "..".to_owned()),
        ("nothing", String::new()),
    ]
}

fn refuse(play: &mut Play, site: &Site, what: &str, assertion: &str) -> Result<()> {
    let answer = play.attack(&format!("present one with {what}"), || present(site, assertion))?;
    expect_refused(play, &answer);
    Ok(())
}

fn expect_good(play: &mut Play, site: &Site, assertion: &str, project: &str) -> Result<()> {
    let answer = present(site, assertion)?;
    let status = site.ask(&token(&answer), "GET", &format!("/v1/projects/{project}/samples"), "")?;
    let held = answer.status == 200 && status == 200;
    play.expect("it gets a token that is good", held, format!("statuses {} and {status}", answer.status));
    Ok(())
}
