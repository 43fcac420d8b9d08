//! A passkey in software, with everything that can be wrong about one.
#![expect(clippy::indexing_slicing, reason = "a test that gets another shape has failed")]

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

/// The origin of every spine's pages.
pub const ORIGIN: &str = "https://site.example";

/// A passkey for one account. What it says of itself is its fields', right unless a test changes them.
pub struct Authenticator {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    user: Option<Value>,
    /// The origin that its browser names.
    pub origin: String,
    /// The name that it thinks it is asked by.
    pub relying_party: String,
    /// Whether it verified its user.
    pub verified: bool,
    /// How often it was used, as it says.
    pub counter: u32,
    /// The kind of ceremony that its browser names.
    pub kind: Option<&'static str>,
    /// A challenge of its own, instead of the one it was given.
    pub challenge: Option<String>,
    /// A change of its signature.
    pub spoil: bool,
}

impl Authenticator {
    /// A new one.
    pub fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        Self {
            key,
            id: base::entropy::bytes::<16>(&base::SystemEntropy).to_vec(),
            user: None,
            origin: ORIGIN.to_owned(),
            relying_party: "site.example".to_owned(),
            verified: true,
            counter: 0,
            kind: None,
            challenge: None,
            spoil: false,
        }
    }

    /// Answers the options of an enrolment.
    pub fn enrol(&mut self, options: &Value) -> Value {
        let options = &options["publicKey"];
        self.user = Some(options["user"]["id"].clone());
        let client = self.client("webauthn.create", options);
        let mut data = self.data(0x40);
        data.extend([0u8; 16]);
        data.extend(u16::try_from(self.id.len()).expect("short").to_be_bytes());
        data.extend(&self.id);
        data.extend(self.cose_key());
        // {"fmt": "none", "attStmt": {}, "authData": h'…'}
        let mut object = vec![0xa3, 0x63];
        object.extend(b"fmt\x64none\x67attStmt\xa0\x68authData\x58");
        object.push(u8::try_from(data.len()).expect("below 256 bytes"));
        object.extend(&data);
        json!({
            "id": BASE64.encode(&self.id), "rawId": BASE64.encode(&self.id), "type": "public-key",
            "response": {
                "attestationObject": BASE64.encode(object), "clientDataJSON": BASE64.encode(client),
            },
            "clientExtensionResults": {},
        })
    }

    /// Answers the options of a sign-in or a confirmation.
    pub fn answer(&mut self, options: &Value) -> Value {
        let client = self.client("webauthn.get", &options["publicKey"]);
        self.counter += 1;
        let data = self.data(0);
        let mut signed = data.clone();
        signed.extend(digest(&SHA256, &client).as_ref());
        let mut signature =
            self.key.sign(&SystemRandom::new(), &signed).expect("a signature").as_ref().to_vec();
        if self.spoil {
            let last = signature.len() - 1;
            signature[last] ^= 1;
        }
        json!({
            "id": BASE64.encode(&self.id), "rawId": BASE64.encode(&self.id), "type": "public-key",
            "response": {
                "authenticatorData": BASE64.encode(data), "clientDataJSON": BASE64.encode(client),
                "signature": BASE64.encode(signature), "userHandle": self.user,
            },
            "clientExtensionResults": {},
        })
    }

    fn client(&self, kind: &str, options: &Value) -> Vec<u8> {
        let challenge = self.challenge.clone().map_or_else(|| options["challenge"].clone(), Value::String);
        let kind = self.kind.unwrap_or(kind);
        let said = json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false});
        said.to_string().into_bytes()
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let mut data = digest(&SHA256, self.relying_party.as_bytes()).as_ref().to_vec();
        data.push(0x01 | if self.verified { 0x04 } else { 0 } | flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// ES256 on P-256: {1: 2, 3: -7, -1: 1, -2: x, -3: y}.
    fn cose_key(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        let mut key = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        key.extend(&point[1..33]);
        key.extend([0x22, 0x58, 0x20]);
        key.extend(&point[33..65]);
        key
    }
}

impl Default for Authenticator {
    fn default() -> Self {
        Self::new()
    }
}
