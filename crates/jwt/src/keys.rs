//! The public keys of an issuer.

use crate::{Error, json};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

pub(crate) const BASE64: GeneralPurpose = URL_SAFE_NO_PAD;
/// Bytes of a set of keys at most.
pub const LONGEST: usize = 64 << 10;
/// Keys of one issuer at most.
const MOST: usize = 32;
/// Bytes of a key's name at most.
const LONGEST_NAME: usize = 255;
/// Members that belong to a private or a shared key. Whoever publishes one has lost it.
const PRIVATE: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// How a key signs. A key has one; a token has no say in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA over P-256 with SHA-256 (RFC 7518, 3.4).
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, 3.3).
    Rs256,
    /// RSASSA-PSS with SHA-256 (RFC 7518, 3.5).
    Ps256,
}

impl Algorithm {
    /// The word in headers and key sets.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
        }
    }
}

/// One public key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub algorithm: Algorithm,
    public: Public,
}

#[derive(Clone, PartialEq, Eq)]
enum Public {
    /// 32 bytes, or an uncompressed point.
    Whole(Vec<u8>),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

/// The keys of one issuer, each under its name.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys(BTreeMap<String, Key>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

impl Keys {
    /// Reads a JWKS. Keys that are not for signatures, or of a kind that is not known here, are left out.
    ///
    /// # Errors
    /// A set without a usable key, with a private or a shared one, with two of one name or one without, and keys whose
    /// members contradict one another. It is refused as a whole: half a set would fail at some later time.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Keys(why.to_owned());
        if bytes.len() > LONGEST {
            return Err(wrong("they are longer than 64 KiB"));
        }
        let set = json::parse(bytes).map_err(|_| wrong("they are no JSON that says each thing once"))?;
        let all = set.get("keys").and_then(Value::as_array).ok_or_else(|| wrong("they are no JWKS"))?;
        if all.len() > MOST {
            return Err(wrong("there are more than 32"));
        }
        let mut keys = BTreeMap::new();
        for one in all {
            let one = one.as_object().ok_or_else(|| wrong("one is no object"))?;
            if PRIVATE.iter().any(|member| one.contains_key(*member)) {
                return Err(wrong("one is a private or a shared key, which everybody knows now"));
            }
            let Some(key) = key(one)? else { continue };
            let name = text(one, "kid")?.ok_or_else(|| wrong("one has no `kid`"))?;
            if name.is_empty() || name.len() > LONGEST_NAME {
                return Err(wrong("a `kid` has 1 to 255 bytes"));
            }
            if keys.insert(name.to_owned(), key).is_some() {
                return Err(wrong("two have one `kid`"));
            }
        }
        if keys.is_empty() {
            Err(wrong("there is none for signatures that is known here"))
        } else {
            Ok(Self(keys))
        }
    }

    /// One Ed25519 key, under its name.
    pub fn ed25519(name: &str, public: &[u8; 32]) -> Self {
        let key = Key { algorithm: Algorithm::EdDsa, public: Public::Whole(public.to_vec()) };
        Self(BTreeMap::from([(name.to_owned(), key)]))
    }

    /// The key of this name. Names are compared and nothing else: none is a path, an address or a query.
    pub(crate) fn named(&self, name: &str) -> Option<&Key> {
        self.0.get(name)
    }
}

impl Key {
    /// Whether `signature` is this key's over `message`.
    pub fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let checked = match (&self.public, self.algorithm) {
            (Public::Whole(key), Algorithm::EdDsa) => {
                UnparsedPublicKey::new(&ED25519, key).verify(message, signature)
            }
            (Public::Whole(key), Algorithm::Es256) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(message, signature)
            }
            (Public::Rsa { n, e }, Algorithm::Rs256) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            (Public::Rsa { n, e }, Algorithm::Ps256) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PSS_2048_8192_SHA256, message, signature)
            }
            _ => return false,
        };
        checked.is_ok()
    }
}

/// A key of a set; none for one that is for something else.
fn key(one: &Map<String, Value>) -> Result<Option<Key>, Error> {
    let wrong = |why: &str| Error::Keys(why.to_owned());
    if text(one, "use")?.is_some_and(|used| used != "sig") {
        return Ok(None);
    }
    if let Some(operations) = one.get("key_ops") {
        let operations = operations.as_array().ok_or_else(|| wrong("`key_ops` is no list"))?;
        if !operations.iter().any(|operation| operation == "verify") {
            return Ok(None);
        }
    }
    let (kind, curve, said) = (text(one, "kty")?, text(one, "crv")?, text(one, "alg")?);
    let (algorithm, public) = match (kind, curve) {
        (Some("OKP"), Some("Ed25519")) => (Algorithm::EdDsa, Public::Whole(bytes(one, "x", 32)?)),
        (Some("EC"), Some("P-256")) => {
            (Algorithm::Es256, Public::Whole([vec![4], bytes(one, "x", 32)?, bytes(one, "y", 32)?].concat()))
        }
        (Some("RSA"), None) => match said {
            None | Some("RS256") => (Algorithm::Rs256, rsa(one)?),
            Some("PS256") => (Algorithm::Ps256, rsa(one)?),
            Some(_) => return Ok(None),
        },
        (Some("oct"), _) => return Err(wrong("one is a shared key, which everybody knows now")),
        _ => return Ok(None),
    };
    if said.is_some_and(|said| said != algorithm.as_str()) {
        return Err(wrong("an `alg` is not one of its key's kind"));
    }
    Ok(Some(Key { algorithm, public }))
}

fn rsa(one: &Map<String, Value>) -> Result<Public, Error> {
    let wrong = |why: &str| Err(Error::Keys(why.to_owned()));
    let (n, e) = (decoded(one, "n")?, decoded(one, "e")?);
    if !(256..=1024).contains(&n.len()) || n.first() == Some(&0) {
        return wrong("an RSA key has 2048 to 8192 bits");
    }
    // Small exponents forgive what a signature lacks in form, and even ones sign nothing.
    let exponent = e.iter().try_fold(0u64, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)));
    match exponent {
        Some(exponent) if (65_537..1 << 33).contains(&exponent) && exponent % 2 == 1 => {
            Ok(Public::Rsa { n, e })
        }
        _ => wrong("an RSA key's exponent is odd and at least 65537"),
    }
}

fn text<'a>(one: &'a Map<String, Value>, member: &str) -> Result<Option<&'a str>, Error> {
    match one.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::Keys(format!("`{member}` is no text"))),
    }
}

fn decoded(one: &Map<String, Value>, member: &str) -> Result<Vec<u8>, Error> {
    let wrong = || Error::Keys(format!("`{member}` is not there, or no base64url"));
    BASE64.decode(text(one, member)?.ok_or_else(wrong)?).map_err(|_| wrong())
}

fn bytes(one: &Map<String, Value>, member: &str, length: usize) -> Result<Vec<u8>, Error> {
    let bytes = decoded(one, member)?;
    if bytes.len() == length {
        Ok(bytes)
    } else {
        Err(Error::Keys(format!("`{member}` is not {length} bytes long")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn ed(more: &str) -> String {
        format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"a","x":"{X}"{more}}}"#)
    }

    fn check(keys: &str) -> Result<Keys, Error> {
        Keys::parse(format!(r#"{{"keys":[{keys}]}}"#).as_bytes())
    }

    #[test]
    fn sets_that_cannot_be_are_refused_whole() {
        assert_eq!(check(&ed("")).unwrap().0.len(), 1);
        let short = format!(r#"{{"kty":"RSA","kid":"r","e":"AQAB","n":"{}"}}"#, BASE64.encode([0xff; 128]));
        let three = format!(r#"{{"kty":"RSA","kid":"r","e":"Aw","n":"{}"}}"#, BASE64.encode([0xff; 256]));
        let cases = [
            ("none", String::new()),
            ("a shared key", format!(r#"{},{{"kty":"oct","kid":"s","k":"AAAA"}}"#, ed(""))),
            ("a shared key without its bytes", format!(r#"{},{{"kty":"oct","kid":"s"}}"#, ed(""))),
            ("a private key", ed(&format!(r#","d":"{X}""#))),
            ("one name twice", format!("{},{}", ed(""), ed(""))),
            ("no name", ed("").replace(r#""kid":"a","#, "")),
            ("an empty name", ed("").replace(r#""kid":"a""#, r#""kid":"""#)),
            ("an algorithm of another kind", ed(r#","alg":"RS256""#)),
            ("a member twice", ed(r#","kid":"b""#)),
            ("a short point", ed("").replace(X, "AAAA")),
            ("1024 bits", short),
            ("an exponent of 3", three),
            ("a text that is a number", ed(r#","use":1"#)),
        ];
        for (what, keys) in cases {
            assert!(matches!(check(&keys), Err(Error::Keys(_))), "{what}");
        }
        assert!(Keys::parse(b"[]").is_err());
        let set = format!(r#"{{"keys":[{}]}}"#, ed(""));
        let padded = |length: usize| Keys::parse((set.clone() + &" ".repeat(length - set.len())).as_bytes());
        assert!(padded(LONGEST).is_ok() && padded(LONGEST + 1).is_err());
        let many: Vec<String> = (0..=MOST).map(|n| ed("").replace(r#""a""#, &format!("\"{n}\""))).collect();
        assert!(check(&many.join(",")).is_err());
    }

    #[test]
    fn keys_for_something_else_are_left_out() {
        for other in [
            r#"{"kty":"RSA","use":"enc","kid":"e","n":"AA","e":"AQAB"}"#,
            r#"{"kty":"EC","crv":"P-521","kid":"p","x":"AA","y":"AA"}"#,
            r#"{"kty":"RSA","alg":"RSA-OAEP","kid":"o","n":"AA","e":"AQAB"}"#,
            r#"{"kty":"RSA","key_ops":["encrypt"],"kid":"w","n":"AA","e":"AQAB"}"#,
            r#"{"kty":"new"}"#,
        ] {
            let keys = check(&format!("{},{other}", ed(""))).unwrap();
            assert_eq!(keys.0.keys().collect::<Vec<_>>(), ["a"], "{other}");
            assert!(check(other).is_err(), "{other}");
        }
    }

    /// Signatures that others made: RFC 7515, A.2 and A.3, and RFC 8037, A.4.
    #[test]
    fn signatures_of_the_standards_are_taken() {
        const JOE: &str =
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let ec = r#"{"kty":"EC","crv":"P-256","kid":"a","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
        let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
        let rsa = format!(r#"{{"kty":"RSA","kid":"a","n":"{n}","e":"AQAB"}}"#);
        for (key, message, signature) in [
            (
                ed(""),
                "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
                "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
            ),
            (
                ec.to_owned(),
                format!("eyJhbGciOiJFUzI1NiJ9.{JOE}"),
                "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            ),
            (
                rsa,
                format!("eyJhbGciOiJSUzI1NiJ9.{JOE}"),
                "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
            ),
        ] {
            let keys = check(&key).unwrap();
            let signature = BASE64.decode(signature).unwrap();
            assert!(keys.named("a").unwrap().signed(message.as_bytes(), &signature), "{message}");
            assert!(!keys.named("a").unwrap().signed(&message.as_bytes()[1..], &signature), "{message}");
        }
    }
}
