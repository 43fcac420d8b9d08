//! A provider on this machine that says whatever a test wants said.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What tokens are signed with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    Own,
    Stranger,
    Nobody,
    /// With the public key for a shared secret.
    Shared,
}

/// What it says, right unless a test changes it.
pub struct Says {
    pub issuer: String,
    pub document: Map<String, Value>,
    pub header: Value,
    pub claims: Map<String, Value>,
    pub answer: Map<String, Value>,
    pub signer: Signer,
    /// Instead of the answer of these paths, as it goes over the wire.
    pub raw: BTreeMap<&'static str, String>,
    /// The status of its answers, and how many bytes that mean nothing stand behind them.
    pub status: &'static str,
    pub padding: usize,
    /// How long it says nothing.
    pub silence: Duration,
    own: EcdsaKeyPair,
    stranger: EcdsaKeyPair,
    /// What was asked: the path, the header that says who asks, the body.
    pub asked: Vec<(String, String, String)>,
}

/// The provider. It ends with the test's process.
pub struct Wicked {
    says: Arc<Mutex<Says>>,
}

impl Wicked {
    pub fn start(now: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://127.0.0.1:{}/realm", listener.local_addr().unwrap().port());
        let key = || EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let mut says = Says {
            issuer,
            document: Map::new(),
            header: Value::Null,
            claims: Map::new(),
            answer: Map::new(),
            signer: Signer::Own,
            raw: BTreeMap::new(),
            status: "",
            padding: 0,
            silence: Duration::ZERO,
            own: key(),
            stranger: key(),
            asked: Vec::new(),
        };
        says.reset(now);
        let says = Arc::new(Mutex::new(says));
        let own = says.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let says = own.clone();
                std::thread::spawn(move || attend(stream, &says));
            }
        });
        Self { says }
    }

    pub fn says(&self) -> MutexGuard<'_, Says> {
        self.says.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Says {
    /// Says everything right again, at that time.
    pub fn reset(&mut self, now: i64) {
        let issuer = self.issuer.clone();
        self.document = object(json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize?tenant=1"),
            "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
            "code_challenge_methods_supported": ["plain", "S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "none"],
        }));
        self.header = json!({"alg": "ES256", "kid": "one", "typ": "JWT"});
        self.claims = object(json!({
            "iss": issuer, "sub": "alice", "aud": "sequestra", "iat": now, "exp": now + 300, "auth_time": now,
        }));
        self.answer = object(json!({"access_token": "opaque", "token_type": "Bearer", "expires_in": 300}));
        (self.signer, self.silence) = (Signer::Own, Duration::ZERO);
        (self.status, self.padding) = ("200 OK", 0);
        self.raw.clear();
    }

    pub fn claim(&mut self, name: &str, value: Value) {
        self.claims.insert(name.to_owned(), value);
    }

    /// The hash of an access token that goes beside it.
    pub fn half(token: &str) -> Value {
        json!(BASE64.encode(&digest(&SHA256, token.as_bytes()).as_ref()[..16]))
    }

    fn token(&self) -> String {
        let part = |value: &Value| BASE64.encode(value.to_string());
        let signed = format!("{}.{}", part(&self.header), part(&Value::Object(self.claims.clone())));
        let by =
            |key: &EcdsaKeyPair| key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref().to_vec();
        let signature = match self.signer {
            Signer::Own => by(&self.own),
            Signer::Stranger => by(&self.stranger),
            Signer::Nobody => Vec::new(),
            Signer::Shared => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.own.public_key().as_ref());
                hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
            }
        };
        format!("{signed}.{}", BASE64.encode(signature))
    }

    fn keys(&self) -> Value {
        let point = self.own.public_key().as_ref();
        let (x, y) = (BASE64.encode(&point[1..33]), BASE64.encode(&point[33..]));
        json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "one", "x": x, "y": y}]})
    }

    fn reply(&mut self, path: &str) -> String {
        let (_, name) = path.rsplit_once('/').unwrap_or_default();
        if let Some((_, raw)) = self.raw.iter().find(|(at, _)| **at == name) {
            return raw.clone();
        }
        let body = match name {
            "openid-configuration" | "document-elsewhere" => Value::Object(self.document.clone()),
            "keys" => self.keys(),
            "token" | "token-elsewhere" => {
                let mut answer = self.answer.clone();
                answer.entry("id_token").or_insert_with(|| json!(self.token()));
                Value::Object(answer)
            }
            _ => return http("404 Not Found", "", ""),
        };
        let body = body.to_string() + &" ".repeat(self.padding);
        http(self.status, "content-type: application/json\r\n", &body)
    }
}

pub fn http(status: &str, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n{body}", body.len())
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn attend(mut stream: TcpStream, says: &Mutex<Says>) {
    let mut got = Vec::new();
    let (head, length) = loop {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(read) => got.extend_from_slice(&buffer[..read]),
        }
        let text = String::from_utf8_lossy(&got).into_owned();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = field(head, "content-length").parse().unwrap_or(0);
            if got.len() >= head.len() + 4 + length {
                break (head.to_owned(), length);
            }
        }
    };
    let body = String::from_utf8_lossy(&got[head.len() + 4..head.len() + 4 + length]).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let (answer, silence) = {
        let mut says = says.lock().unwrap_or_else(PoisonError::into_inner);
        says.asked.push((path.clone(), field(&head, "authorization"), body));
        (says.reply(&path), says.silence)
    };
    std::thread::sleep(silence);
    let _ = stream.write_all(answer.as_bytes());
}

fn field(head: &str, name: &str) -> String {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut found = lines.filter(|(own, _)| own.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}
