//! Each token here is refused, and each is refused for the one thing that is wrong with it.

use crate::maker::{ISSUER, NOW, claims, header, maker, stranger};
use aws_lc_rs::hmac;
use base::{Fault, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD as BASE64};
use jwt::{Audience, Claims, Error, Keys, Rules, verify};
use serde_json::{Value, json};

const KEYS: [&str; 4] = ["ed", "ec", "rsa", "pss"];

fn verified(text: &str, change: impl FnOnce(&mut Rules<'_>)) -> Result<Claims, Error> {
    let keys = Keys::parse(maker().jwks().to_string().as_bytes()).unwrap();
    let mut rules = Rules {
        issuer: ISSUER,
        keys: &keys,
        jku: None,
        types: &["JWT", ""],
        audience: Audience::Among("sit_here"),
        not_before: true,
        lifetime: 600,
        longest: 4096,
    };
    change(&mut rules);
    verify(text, &rules, Timestamp::from_second(NOW).unwrap())
}

/// The code with which a token of this header and these claims, well signed, is refused.
fn refused(header: &Value, claims: &Value) -> &'static str {
    let key = header["kid"].as_str().filter(|kid| KEYS.contains(kid)).unwrap_or("ed");
    code(verified(&maker().sign(key, &header.to_string(), &claims.to_string()), |_| {}))
}

fn code(answer: Result<Claims, Error>) -> &'static str {
    answer.expect_err("a refusal").code()
}

/// `value` with a member set, or taken away where there is none to set.
fn with(mut value: Value, member: &str, to: Option<Value>) -> Value {
    match to {
        Some(to) => drop(value.as_object_mut().unwrap().insert(member.to_owned(), to)),
        None => drop(value.as_object_mut().unwrap().remove(member)),
    }
    value
}

#[test]
fn a_good_token_of_each_algorithm_is_taken() {
    for key in KEYS {
        let text = maker().sign(key, &header(key).to_string(), &claims().to_string());
        let claims = verified(&text, |_| {}).unwrap();
        assert_eq!((claims.issuer.as_str(), claims.subject.as_str()), (ISSUER, "someone"));
        assert_eq!((claims.expires.as_second(), claims.issued.as_second()), (NOW + 300, NOW - 5));
        assert!(claims.more.is_empty() && claims.id.as_deref() == Some("one"));
        assert!(!format!("{claims:?}").contains("someone"), "claims print whom they are about");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let good = maker().sign("ed", &header("ed").to_string(), &claims().to_string());
    let parts: Vec<&str> = good.split('.').collect();
    let padded = |part: &str| URL_SAFE.encode(BASE64.decode(part).unwrap());
    let plain = |part: &str| STANDARD.encode(BASE64.decode(part).unwrap());
    let array = maker().sign("ed", &header("ed").to_string(), "[]");
    // The last letter of 64 bytes carries four bits that mean nothing.
    let mut loose = good.clone();
    let last = loose.pop().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.find(last).unwrap();
    loose.push(alphabet.chars().nth(place + 1).unwrap());
    for (what, text) in [
        ("nothing", String::new()),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("four parts", format!("{good}.{}", parts[2])),
        ("five parts, as encrypted ones have", format!("{good}.a.b")),
        ("padding", format!("{}.{}.{}", parts[0], padded(parts[1]), padded(parts[2]))),
        ("another alphabet", format!("{}.{}.{}", parts[0], parts[1], plain(parts[2]))),
        ("bits that mean nothing", loose),
        ("blanks", format!("{good} ")),
        ("claims that are a list", array),
        ("JSON instead of its compact form", json!({"payload": parts[1]}).to_string()),
    ] {
        assert_eq!(code(verified(&text, |_| {})), "JWT-001", "{what}");
    }
    assert_eq!(code(verified(&good, |rules| rules.longest = good.len() - 1)), "JWT-001");
    verified(&good, |rules| rules.longest = good.len()).unwrap();
}

#[test]
fn what_is_said_twice_is_refused() {
    let (head, body) = (header("ed").to_string(), claims().to_string());
    let twice = |text: &str, more: &str| format!("{},{more}}}", text.strip_suffix('}').unwrap());
    for (head, body) in [
        (twice(&head, r#""kid":"ed""#), body.clone()),
        (head.clone(), twice(&body, r#""sub":"another""#)),
        (head.clone(), twice(&body, r#""exp":9999999999"#)),
        (head.clone(), twice(&body, r#""more":{"a":1,"a":2}"#)),
    ] {
        assert_eq!(code(verified(&maker().sign("ed", &head, &body), |_| {})), "JWT-001", "{head} {body}");
    }
}

#[test]
fn no_algorithm_is_taken_from_a_token() {
    for (key, said) in [
        ("ed", "none"),
        ("ed", "None"),
        ("ed", "nOnE"),
        ("ed", "NONE"),
        ("ed", ""),
        ("ed", "eddsa"),
        ("ed", "ES256"),
        ("rsa", "HS256"),
        ("rsa", "PS256"),
        ("rsa", "RS512"),
        ("rsa", "RS1"),
        ("pss", "RS256"),
        ("ec", "ES384"),
        ("ec", "EdDSA"),
    ] {
        let head = with(header(key), "alg", Some(json!(said)));
        assert_eq!(refused(&head, &claims()), "JWT-004", "{key} {said}");
    }
    for not_a_word in [None, Some(json!(null)), Some(json!(1)), Some(json!(["EdDSA"]))] {
        assert_eq!(refused(&with(header("ed"), "alg", not_a_word), &claims()), "JWT-004");
    }
    // The RSA key of each kind signs for the other kind, and is believed for its own alone.
    let head = with(header("rsa"), "kid", Some(json!("pss")));
    let text =
        maker().sign("rsa", &with(head, "alg", Some(json!("PS256"))).to_string(), &claims().to_string());
    assert_eq!(code(verified(&text, |_| {})), "JWT-006");
}

#[test]
fn a_token_without_a_signature_or_with_another_is_refused() {
    for key in KEYS {
        let text = maker().sign(key, &header(key).to_string(), &claims().to_string());
        let (signed, signature) = text.rsplit_once('.').unwrap();
        let mut bytes = BASE64.decode(signature).unwrap();
        let zeros = vec![0u8; bytes.len()];
        bytes[10] ^= 1;
        for (what, signature) in [
            ("none", Vec::new()),
            ("a changed one", bytes.clone()),
            ("zeros", zeros),
            ("a cut one", bytes[..bytes.len() - 1].to_vec()),
            ("another issuer's", stranger().signature(key, signed.as_bytes())),
        ] {
            let text = format!("{signed}.{}", BASE64.encode(signature));
            assert_eq!(code(verified(&text, |_| {})), "JWT-006", "{key}: {what}");
        }
        let other = BASE64.encode(with(claims(), "sub", Some(json!("another"))).to_string());
        let (head, _) = signed.split_once('.').unwrap();
        assert_eq!(code(verified(&format!("{head}.{other}.{signature}"), |_| {})), "JWT-006");
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let der = maker().rsa_der();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(&der));
    let modulus = maker().jwks()["keys"][2]["n"].as_str().unwrap().to_owned();
    for secret in [der.as_slice(), pem.as_bytes(), modulus.as_bytes(), b"", &BASE64.decode(&modulus).unwrap()]
    {
        for said in ["HS256", "RS256"] {
            let head = with(header("rsa"), "alg", Some(json!(said)));
            let signed =
                format!("{}.{}", BASE64.encode(head.to_string()), BASE64.encode(claims().to_string()));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
            let text = format!("{signed}.{}", BASE64.encode(tag.as_ref()));
            assert!(matches!(verified(&text, |_| {}), Err(Error::Algorithm | Error::Signature)));
        }
    }
}

#[test]
fn a_key_is_one_of_the_issuers_by_its_name_alone() {
    let long = "a".repeat(2000);
    for kid in [
        "",
        "ED",
        "ed ",
        "ed\0",
        "../ed",
        "/dev/null",
        "../../../../etc/passwd",
        "ed' OR '1'='1",
        "ed|true",
        "https://example.org/keys#ed",
        "*",
        &long,
    ] {
        assert_eq!(refused(&with(header("ed"), "kid", Some(json!(kid))), &claims()), "JWT-005", "{kid:?}");
    }
    for kid in [None, Some(json!(null)), Some(json!(0)), Some(json!(["ed"]))] {
        assert_eq!(refused(&with(header("ed"), "kid", kid), &claims()), "JWT-005");
    }
    // Another key of the same issuer did not sign it.
    let text = maker().sign(
        "ed",
        &with(header("ec"), "alg", Some(json!("ES256"))).to_string(),
        &claims().to_string(),
    );
    assert_eq!(code(verified(&text, |_| {})), "JWT-006");
    // A stranger whose key has the name of a good one.
    let text = stranger().sign("ed", &header("ed").to_string(), &claims().to_string());
    assert_eq!(code(verified(&text, |_| {})), "JWT-006");
}

/// A stranger's own key in each of the places that the standards know, and each thing that changes what was signed.
#[test]
fn nothing_in_a_header_leads_to_a_key() {
    let strangers = stranger().jwks()["keys"][0].clone();
    for (member, value) in [
        ("jwk", strangers),
        ("jku", json!("https://attacker.example/keys")),
        ("jku", json!("https://visas.example.org/oidc/jwk.attacker.example")),
        ("jku", json!(null)),
        ("x5u", json!("https://attacker.example/cert")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AA")),
        ("x5t#S256", json!("AA")),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("cty", json!("JWT")),
        ("enc", json!("A256GCM")),
        ("zip", json!("DEF")),
        ("typ", json!("dpop+jwt")),
        ("typ", json!(1)),
    ] {
        let head = with(header("ed"), member, Some(value.clone()));
        assert_eq!(refused(&head, &claims()), "JWT-002", "{member} {value}");
        let text = stranger().sign("ed", &head.to_string(), &claims().to_string());
        assert_eq!(code(verified(&text, |_| {})), "JWT-002", "{member} {value}");
    }
    assert_eq!(refused(&with(header("ed"), "keyid", Some(json!("ed"))), &claims()), "JWT-003");
}

/// GA4GH has visas name the address of their keys: it may be the one in the settings, and is asked by nobody.
#[test]
fn the_address_of_keys_is_the_one_of_the_settings() {
    let known = "https://visas.example.org/oidc/jwk";
    let said = |address: &str| {
        let head = with(header("ed"), "jku", Some(json!(address)));
        let text = maker().sign("ed", &head.to_string(), &claims().to_string());
        verified(&text, |rules| rules.jku = Some(known))
    };
    said(known).unwrap();
    for other in [
        "https://visas.example.org/oidc/jwk/",
        "https://VISAS.example.org/oidc/jwk",
        "https://visas.example.org/oidc/jwk?a",
        "https://visas.example.org@attacker.example/oidc/jwk",
        "http://visas.example.org/oidc/jwk",
        "",
    ] {
        assert_eq!(code(said(other)), "JWT-002", "{other}");
    }
    let without = maker().sign("ed", &header("ed").to_string(), &claims().to_string());
    verified(&without, |rules| rules.jku = Some(known)).unwrap();
}

#[test]
fn each_claim_is_there_and_of_its_type() {
    for claim in ["iss", "sub", "aud", "exp", "iat", "nbf"] {
        assert_eq!(refused(&header("ed"), &with(claims(), claim, None)), "JWT-009", "{claim}");
        for wrong in [json!(null), json!(true), json!({}), json!([]), json!([1]), json!("")] {
            let code = refused(&header("ed"), &with(claims(), claim, Some(wrong.clone())));
            // An empty text for an audience is a text, and not ours.
            let expected = if claim == "aud" && wrong == "" { "JWT-008" } else { "JWT-009" };
            assert_eq!(code, expected, "{claim} {wrong}");
        }
    }
    // Times that a lenient reader takes for numbers, or not at all, which then are never compared.
    for claim in ["exp", "iat", "nbf"] {
        for wrong in [
            json!((NOW + 300).to_string()),
            json!(NOW as f64 + 0.5),
            json!(1e300),
            json!(-1),
            json!(u64::MAX),
            json!(NOW * 1_000_000),
            json!("2099-01-01T00:00:00Z"),
        ] {
            assert_eq!(
                refused(&header("ed"), &with(claims(), claim, Some(wrong.clone()))),
                "JWT-009",
                "{claim} {wrong}"
            );
        }
    }
    for (claim, wrong) in [
        ("iss", json!(1)),
        ("sub", json!(1)),
        ("jti", json!(1)),
        ("sub", json!("a\u{0}b")),
        ("sub", json!("a".repeat(1025))),
    ] {
        assert_eq!(refused(&header("ed"), &with(claims(), claim, Some(wrong))), "JWT-009", "{claim}");
    }
}

#[test]
fn issuer_and_audience_are_compared_letter_by_letter() {
    for other in [
        "https://visas.example.org/oidc",
        "https://visas.example.org/oidc//",
        "HTTPS://visas.example.org/oidc/",
        "someone",
    ] {
        assert_eq!(refused(&header("ed"), &with(claims(), "iss", Some(json!(other)))), "JWT-007", "{other}");
    }
    for other in [json!("sit_there"), json!("sit_here "), json!(["sit_there", "SIT_HERE"])] {
        assert_eq!(refused(&header("ed"), &with(claims(), "aud", Some(other.clone()))), "JWT-008", "{other}");
    }
    let among = with(claims(), "aud", Some(json!(["sit_there", "sit_here"])));
    let text = maker().sign("ed", &header("ed").to_string(), &among.to_string());
    verified(&text, |_| {}).unwrap();
    // Whoever else it was made for could bring it here.
    let alone = |rules: &mut Rules<'_>| rules.audience = Audience::Alone("sit_here");
    assert_eq!(code(verified(&text, alone)), "JWT-008");
    for one in [json!("sit_here"), json!(["sit_here"])] {
        let only = with(claims(), "aud", Some(one));
        verified(&maker().sign("ed", &header("ed").to_string(), &only.to_string()), alone).unwrap();
    }
    // What is made for somebody is not taken where nobody is expected.
    assert_eq!(code(verified(&text, |rules| rules.audience = Audience::Nobody)), "JWT-008");
    let nobodys = maker().sign("ed", &header("ed").to_string(), &with(claims(), "aud", None).to_string());
    verified(&nobodys, |rules| rules.audience = Audience::Nobody).unwrap();
}

#[test]
fn times_are_judged_by_the_clock_that_is_passed_in() {
    let at = |claim: &str, time: i64| {
        let text = maker().sign(
            "ed",
            &header("ed").to_string(),
            &with(claims(), claim, Some(json!(time))).to_string(),
        );
        verified(&text, |_| {})
    };
    assert_eq!(code(at("exp", NOW)), "JWT-010");
    assert_eq!(code(at("exp", NOW - 86_400)), "JWT-010");
    at("exp", NOW + 1).unwrap();
    for claim in ["iat", "nbf"] {
        at(claim, NOW + 30).unwrap();
        assert_eq!(code(at(claim, NOW + 31)), "JWT-011", "{claim}");
    }
    at("exp", NOW - 5 + 600).unwrap();
    assert_eq!(code(at("exp", NOW - 5 + 601)), "JWT-012");
    let without = maker().sign("ed", &header("ed").to_string(), &with(claims(), "nbf", None).to_string());
    verified(&without, |rules| rules.not_before = false).unwrap();
}

/// Nothing of a token's claims is looked at, and told, before its signature is good.
#[test]
fn a_stranger_learns_nothing_from_refusals() {
    for claims in [with(claims(), "exp", Some(json!(0))), with(claims(), "iss", Some(json!("x"))), json!([])]
    {
        let text = stranger().sign("ed", &header("ed").to_string(), &claims.to_string());
        assert_eq!(code(verified(&text, |_| {})), "JWT-006");
    }
}

#[test]
fn the_issuer_that_rules_are_chosen_by_is_read_as_strictly() {
    let named = |claims: &str| jwt::issuer_named(&maker().sign("ed", "{}", claims), 4096);
    assert_eq!(named(&claims().to_string()).unwrap(), ISSUER);
    assert!(
        named(r#"{"iss":"a","iss":"b"}"#).is_err() && named("{}").is_err() && named(r#"{"iss":1}"#).is_err()
    );
    assert!(jwt::issuer_named(&"a".repeat(5000), 4096).is_err());
    let has = |text: &str, claim: &str| jwt::has_claim(text, claim, 4096);
    let token = maker().sign("ed", "{}", r#"{"iss":1}"#);
    assert_eq!((has(&token, "iss"), has(&token, "sub")), (Ok(true), Ok(false)));
    for none in ["a.b.c", &format!("x{token}"), &"a".repeat(5000)] {
        assert_eq!(has(none, "iss").unwrap_err().code(), "JWT-001");
    }
}
