//! From a text and rules to claims.

use crate::keys::{BASE64, Keys};
use crate::{Error, json};
use base::Timestamp;
use base64::Engine;
use serde_json::{Map, Value};
use std::fmt;

/// How far the issuer's clock may be off, in seconds.
pub const LEEWAY: i64 = 30;
/// Bytes of a text claim at most.
const LONGEST_TEXT: usize = 1024;
/// Times beyond the year 9999 are none.
const LAST: i64 = 253_402_300_799;
const NO_HEADER: &str = "its header is no JSON object that says each thing once";
const NO_CLAIMS: &str = "its claims are no JSON object that says each thing once";
/// Parameters of a header that lead to a key, that change what was signed, or that mean encryption.
const NOT_TAKEN: &[&str] =
    &["jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "cty", "enc", "zip", "p2c", "p2s", "epk"];

/// Whom a token has to be made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience<'a> {
    /// Nobody: a token that names somebody is refused.
    Nobody,
    /// This one, perhaps beside others, who can then bring it here as well.
    Among(&'a str),
    /// This one and nobody else.
    Alone(&'a str),
}

/// What is expected of a token.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Its issuer, letter by letter.
    pub issuer: &'a str,
    /// That issuer's keys.
    pub keys: &'a Keys,
    /// The address of keys that a header may name, and need not: it is compared and never asked. None may name any.
    pub jku: Option<&'a str>,
    /// The words that its header may have for what it is. An empty one lets a header have none.
    pub types: &'a [&'a str],
    /// Whom it has to be made for.
    pub audience: Audience<'a>,
    /// Whether it has to say since when it is good.
    pub not_before: bool,
    /// Seconds from its making to its end, at most.
    pub lifetime: i64,
    /// Bytes of it at most.
    pub longest: usize,
}

/// What a token says that was verified. It does not print itself: it names a person.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims {
    /// Who issued it.
    pub issuer: String,
    /// Whom it is about.
    pub subject: String,
    /// When it was made.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// Its name, if it has one.
    pub id: Option<String>,
    /// What else it says, each member once.
    pub more: Map<String, Value>,
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "claims until {}", self.expires)
    }
}

/// Verifies a token in its compact form at the time `now`.
///
/// # Errors
/// One for each rule that it breaks; the first is told. Nothing of its claims is looked at before its signature is good.
pub fn verify(text: &str, rules: &Rules<'_>, now: Timestamp) -> Result<Claims, Error> {
    let parts = Parts::of(text, rules.longest)?;
    let header = object(parts.header, NO_HEADER)?;
    let key = {
        let said = Said::of(&header, rules)?;
        let key = rules.keys.named(said.key).ok_or(Error::Key)?;
        // INVARIANT (one-algorithm): the key has one. What the header says is compared with it, and picks nothing.
        if said.algorithm != key.algorithm.as_str() {
            return Err(Error::Algorithm);
        }
        key
    };
    let signature =
        BASE64.decode(parts.signature).map_err(|_| Error::Form("its signature is no base64url"))?;
    if !key.signed(parts.signed.as_bytes(), &signature) {
        return Err(Error::Signature);
    }
    let claims = object(parts.claims, NO_CLAIMS)?;
    claims_of(claims, rules, now.as_second())
}

/// The issuer that a token names, for choosing the rules that it is then verified by. Nobody has verified it.
///
/// # Errors
/// What is no token of at most `longest` bytes, or names none.
pub fn issuer_named(text: &str, longest: usize) -> Result<String, Error> {
    let parts = Parts::of(text, longest)?;
    let mut claims = object(parts.claims, NO_CLAIMS)?;
    taken_text(&mut claims, "iss")?.ok_or(Error::Claim("iss"))
}

/// Whether a token has this claim, for telling what it is. Nobody has verified it.
///
/// # Errors
/// What is no token of at most `longest` bytes.
pub fn has_claim(text: &str, claim: &str, longest: usize) -> Result<bool, Error> {
    let parts = Parts::of(text, longest)?;
    object(parts.header, NO_HEADER)?;
    Ok(object(parts.claims, NO_CLAIMS)?.contains_key(claim))
}

/// The key that a token names, for looking it up among keys that the site keeps one by one. Nobody has verified it.
///
/// # Errors
/// What is no token of at most `longest` bytes, or names none.
pub fn key_named(text: &str, longest: usize) -> Result<String, Error> {
    let parts = Parts::of(text, longest)?;
    let header = object(parts.header, NO_HEADER)?;
    header.get("kid").and_then(Value::as_str).map(str::to_owned).ok_or(Error::Key)
}

struct Parts<'a> {
    header: &'a str,
    claims: &'a str,
    signature: &'a str,
    /// Header and claims as they were signed.
    signed: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str, longest: usize) -> Result<Self, Error> {
        if text.len() > longest {
            return Err(Error::Form("it is too long"));
        }
        let three = Error::Form("it does not have three parts");
        let (signed, signature) = text.rsplit_once('.').ok_or_else(|| three.clone())?;
        let (header, claims) = signed.split_once('.').ok_or_else(|| three.clone())?;
        if claims.contains('.') {
            return Err(three);
        }
        Ok(Self { header, claims, signature, signed })
    }
}

/// What a header says that is taken.
struct Said<'a> {
    algorithm: &'a str,
    key: &'a str,
}

impl<'a> Said<'a> {
    fn of(header: &'a Map<String, Value>, rules: &Rules<'_>) -> Result<Self, Error> {
        let (mut algorithm, mut key, mut kind) = (None, None, "");
        for (name, value) in header {
            let value = value.as_str();
            match name.as_str() {
                "alg" => algorithm = value,
                "kid" => key = value,
                "typ" => kind = value.ok_or(Error::Header("typ"))?,
                "jku" if value.is_some() && value == rules.jku => {}
                "jku" => return Err(Error::Header("jku")),
                other => {
                    let known = NOT_TAKEN.iter().find(|known| **known == other);
                    return Err(known.map_or(Error::Parameter, |known| Error::Header(known)));
                }
            }
        }
        if !rules.types.iter().any(|one| one.eq_ignore_ascii_case(kind)) {
            return Err(Error::Header("typ"));
        }
        let (algorithm, key) = (algorithm.ok_or(Error::Algorithm)?, key.ok_or(Error::Key)?);
        Ok(Self { algorithm, key })
    }
}

fn claims_of(mut claims: Map<String, Value>, rules: &Rules<'_>, now: i64) -> Result<Claims, Error> {
    let issuer = taken_text(&mut claims, "iss")?.ok_or(Error::Claim("iss"))?;
    if issuer != rules.issuer {
        return Err(Error::Issuer);
    }
    let subject = taken_text(&mut claims, "sub")?.ok_or(Error::Claim("sub"))?;
    audience(claims.remove("aud"), rules.audience)?;
    let expires = taken_time(&mut claims, "exp")?.ok_or(Error::Claim("exp"))?;
    let issued = taken_time(&mut claims, "iat")?.ok_or(Error::Claim("iat"))?;
    let since = taken_time(&mut claims, "nbf")?;
    if rules.not_before && since.is_none() {
        return Err(Error::Claim("nbf"));
    }
    let soon = now.saturating_add(LEEWAY);
    if issued > soon {
        return Err(Error::Early("iat"));
    }
    if since.is_some_and(|since| since > soon) {
        return Err(Error::Early("nbf"));
    }
    // The leeway is for what begins: what has ended has ended, by the site's own clock.
    if expires <= now {
        return Err(Error::Expired);
    }
    if expires.saturating_sub(issued) > rules.lifetime {
        return Err(Error::Long);
    }
    let id = taken_text(&mut claims, "jti")?;
    let at = |second, claim| Timestamp::from_second(second).map_err(|_| Error::Claim(claim));
    Ok(Claims { issuer, subject, issued: at(issued, "iat")?, expires: at(expires, "exp")?, id, more: claims })
}

/// One text, or a list of texts.
fn audience(said: Option<Value>, expected: Audience<'_>) -> Result<(), Error> {
    let all = match said {
        None => Vec::new(),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) if !all.is_empty() => {
            let text = |one| if let Value::String(one) = one { Ok(one) } else { Err(Error::Claim("aud")) };
            all.into_iter().map(text).collect::<Result<_, _>>()?
        }
        Some(_) => return Err(Error::Claim("aud")),
    };
    let good = match expected {
        Audience::Nobody => all.is_empty(),
        Audience::Among(_) | Audience::Alone(_) if all.is_empty() => return Err(Error::Claim("aud")),
        Audience::Among(site) => all.iter().any(|one| one == site),
        Audience::Alone(site) => all == [site],
    };
    if good { Ok(()) } else { Err(Error::Audience) }
}

fn taken_text(claims: &mut Map<String, Value>, claim: &'static str) -> Result<Option<String>, Error> {
    match claims.remove(claim) {
        None => Ok(None),
        Some(Value::String(text))
            if (1..=LONGEST_TEXT).contains(&text.len()) && !text.contains(char::is_control) =>
        {
            Ok(Some(text))
        }
        Some(_) => Err(Error::Claim(claim)),
    }
}

/// A whole number of seconds. RFC 7519 allows fractions, and nobody needs them; a text that reads like a number is none.
fn taken_time(claims: &mut Map<String, Value>, claim: &'static str) -> Result<Option<i64>, Error> {
    match claims.remove(claim) {
        None => Ok(None),
        Some(value) => match value.as_i64() {
            Some(second) if (0..=LAST).contains(&second) => Ok(Some(second)),
            _ => Err(Error::Claim(claim)),
        },
    }
}

fn object(part: &str, why: &'static str) -> Result<Map<String, Value>, Error> {
    let bytes = BASE64.decode(part).map_err(|_| Error::Form("a part of it is no base64url"))?;
    match json::parse(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(Error::Form(why)),
    }
}
