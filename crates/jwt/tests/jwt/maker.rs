//! An issuer that signs whatever a test wants signed.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use std::sync::OnceLock;

pub const ISSUER: &str = "https://visas.example.org/oidc/";
/// The moment at which the tests take place.
pub const NOW: i64 = 1_790_000_000;

/// One key pair of each kind.
pub struct Maker {
    pub ed: Ed25519KeyPair,
    ec: EcdsaKeyPair,
    rsa: RsaKeyPair,
    pss: RsaKeyPair,
}

/// The issuer, made once: RSA keys take a while.
pub fn maker() -> &'static Maker {
    static MADE: OnceLock<Maker> = OnceLock::new();
    MADE.get_or_init(Maker::new)
}

/// Another issuer, with keys of its own under the same names.
pub fn stranger() -> &'static Maker {
    static MADE: OnceLock<Maker> = OnceLock::new();
    MADE.get_or_init(Maker::new)
}

impl Maker {
    fn new() -> Self {
        Self {
            ed: Ed25519KeyPair::generate().unwrap(),
            ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            pss: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
        }
    }

    /// Its public keys: `ed`, `ec`, `rsa` for RS256 and `pss` for PS256.
    pub fn jwks(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        let rsa = |name: &str, key: &RsaKeyPair, more: Value| {
            // RSAPublicKey of RFC 8017: a sequence of two numbers, of 2048 bits and 65537.
            let der = key.public_key().as_ref();
            assert_eq!(
                (der[..9].to_vec(), &der[265..]),
                (vec![0x30, 0x82, 1, 0x0a, 2, 0x82, 1, 1, 0], &[2, 3, 1, 0, 1][..])
            );
            let (n, e) = (BASE64.encode(&der[9..265]), "AQAB");
            let mut key = json!({"kty": "RSA", "kid": name, "use": "sig", "n": n, "e": e});
            key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            key
        };
        json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": BASE64.encode(self.ed.public_key().as_ref())},
            {"kty": "EC", "crv": "P-256", "kid": "ec", "alg": "ES256",
             "x": BASE64.encode(&point[1..33]), "y": BASE64.encode(&point[33..])},
            rsa("rsa", &self.rsa, json!({})),
            rsa("pss", &self.pss, json!({"alg": "PS256"})),
        ]})
    }

    /// The RSA key as text, as those who confuse keys use it for a secret.
    pub fn rsa_der(&self) -> Vec<u8> {
        let der: aws_lc_rs::encoding::PublicKeyX509Der<'_> = self.rsa.public_key().as_der().unwrap();
        der.as_ref().to_vec()
    }

    /// A token with this header and these claims, as they are written, signed by the key of this name.
    pub fn sign(&self, key: &str, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        format!("{signed}.{}", BASE64.encode(self.signature(key, signed.as_bytes())))
    }

    pub fn signature(&self, key: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let rsa = |key: &RsaKeyPair, way: &'static dyn aws_lc_rs::signature::RsaEncoding| {
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign(way, &random, message, &mut signature).unwrap();
            signature
        };
        match key {
            "ed" => self.ed.sign(message).as_ref().to_vec(),
            "ec" => self.ec.sign(&random, message).unwrap().as_ref().to_vec(),
            "rsa" => rsa(&self.rsa, &RSA_PKCS1_SHA256),
            "pss" => rsa(&self.pss, &RSA_PSS_SHA256),
            other => panic!("no key {other}"),
        }
    }
}

/// The algorithm of the key of this name.
pub fn algorithm(key: &str) -> &'static str {
    match key {
        "ed" => "EdDSA",
        "ec" => "ES256",
        "rsa" => "RS256",
        _ => "PS256",
    }
}

/// A header that is right.
pub fn header(key: &str) -> Value {
    json!({"alg": algorithm(key), "kid": key, "typ": "JWT"})
}

/// Claims that are right.
pub fn claims() -> Value {
    json!({"iss": ISSUER, "sub": "someone", "aud": "sit_here", "exp": NOW + 300, "nbf": NOW - 5, "iat": NOW - 5, "jti": "one"})
}
