//! A key service on loopback that answers as a transit engine does, from recorded exchanges.
//!
//! The answers are `recordings/transit.json`: the documented ones of Vault's and OpenBao's HTTP interface,
//! each with a `@value@` where a live service puts what it makes. Which of them is given follows from the
//! request, as their documentation says. What was encrypted is kept in a table, not enciphered.
//! **It shows that our side of the exchange is right, not that a live server agrees.**

use anyhow::{Context, Result, bail};
use aws_lc_rs::digest::{SHA256, digest};
use base::SystemEntropy;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

const RECORDINGS: &str = include_str!("../recordings/transit.json");

/// What the service knows and is asked.
#[derive(Debug, Default)]
struct State {
    /// Tokens that are good.
    tokens: Vec<String>,
    /// Secret ids by role.
    roles: BTreeMap<String, String>,
    /// Keys by name.
    keys: Vec<String>,
    /// What ciphertexts stand for: associated data and plaintext.
    sealed: BTreeMap<String, (String, String)>,
    /// The recording that each answer is, whatever is asked.
    always: Option<&'static str>,
    /// Whether associated data is ignored, as old services do.
    ignores_data: bool,
    /// Requests so far, as method and path.
    asked: Vec<String>,
}

/// A service that listens until it is dropped.
pub struct Vault {
    url: String,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How the service shows itself by TLS, with a certificate made for tests and good for nothing else.
pub fn tls() -> Result<Arc<ServerConfig>> {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("../recordings/transit.crt"))?;
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../recordings/transit.key"))?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok(Arc::new(config))
}

/// The file of the certificate that vouches for it: its own.
pub fn authority() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/transit.crt")
}

/// The pin of that certificate's key, as the door writes pins.
pub fn pin() -> String {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("../recordings/transit.crt"));
    let certificate = certificate.expect("a certificate");
    let parsed = rustls::server::ParsedCertificate::try_from(&certificate).expect("a certificate");
    let digest = digest(&SHA256, parsed.subject_public_key_info().as_ref());
    format!("sha256:{}", base::Sha256(digest.as_ref().try_into().expect("32 bytes")))
}

/// Another certificate of the same names, PEM.
pub fn other_authority() -> &'static [u8] {
    include_bytes!("../recordings/other.crt")
}

struct Request {
    method: String,
    path: String,
    token: Option<String>,
    body: Value,
}

impl Vault {
    /// Listens on loopback, in clear or by TLS, and takes `token`.
    pub fn start(token: &str, tls: Option<Arc<ServerConfig>>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let state = State { tokens: vec![token.to_owned()], ..State::default() };
        let (state, stop) = (Arc::new(Mutex::new(state)), Arc::new(AtomicBool::new(false)));
        let (own, told) = (state.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if told.load(Ordering::SeqCst) {
                    return;
                }
                // A client that breaks off is its own matter.
                let _ = attend(stream, tls.clone(), &own);
            }
        });
        Ok(Self { url: format!("{scheme}://localhost:{port}"), state, stop, thread: Some(thread) })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Takes the secret id of a role from now on.
    pub fn add_role(&self, role: &str, secret: &str) {
        self.state().roles.insert(role.to_owned(), secret.to_owned());
    }

    /// Gives this recording for each request from now on; none to answer by the request again.
    pub fn answer_always(&self, recording: Option<&'static str>) {
        self.state().always = recording;
    }

    /// Ignores associated data from now on, as services before it do.
    pub fn ignore_associated_data(&self) {
        self.state().ignores_data = true;
    }

    /// The requests so far, as method and path.
    pub fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    /// The tokens that are good now.
    pub fn tokens(&self) -> Vec<String> {
        self.state().tokens.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.url.rsplit("//").next().unwrap_or_default());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl State {
    /// The recording for a request, and its value.
    fn answer(&mut self, request: &Request) -> (&'static str, String) {
        self.asked.push(format!("{} {}", request.method, request.path));
        if let Some(always) = self.always {
            return (always, String::new());
        }
        let nothing = |name| (name, String::new());
        if request.path == "/v1/auth/approle/login" {
            let (role, secret) = (text(&request.body, "role_id"), text(&request.body, "secret_id"));
            if self.roles.get(&role) != Some(&secret) {
                return nothing("wrong-login");
            }
            let token = format!("hvs.{}", fresh());
            self.tokens.push(token.clone());
            return ("login", token);
        }
        let Some(token) = request.token.as_ref().filter(|token| self.tokens.contains(token)) else {
            return nothing("denied");
        };
        if request.path == "/v1/auth/token/revoke-self" {
            self.tokens.retain(|own| own != token);
            return nothing("revoked");
        }
        let Some((verb, name)) =
            request.path.strip_prefix("/v1/transit/").and_then(|path| path.split_once('/'))
        else {
            return nothing("no-route");
        };
        let there = self.keys.iter().any(|key| key == name);
        match (request.method.as_str(), verb) {
            ("GET", "keys") if there => ("key", name.to_owned()),
            ("GET", "keys") => nothing("no-key"),
            ("POST", "keys") => {
                self.keys.push(name.to_owned());
                ("key-made", name.to_owned())
            }
            ("POST", _) if !there => nothing("no-key-to-use"),
            ("POST", "encrypt") => {
                let sealed = format!("vault:v1:{}", fresh());
                let of = (text(&request.body, "associated_data"), text(&request.body, "plaintext"));
                self.sealed.insert(sealed.clone(), of);
                ("encrypt", sealed)
            }
            ("POST", "decrypt") => {
                let sealed = text(&request.body, "ciphertext");
                match self.sealed.get(&sealed) {
                    _ if !sealed.starts_with("vault:v") => nothing("no-ciphertext"),
                    Some((data, plain))
                        if self.ignores_data || *data == text(&request.body, "associated_data") =>
                    {
                        ("decrypt", plain.clone())
                    }
                    _ => nothing("not-ours"),
                }
            }
            _ => nothing("no-route"),
        }
    }
}

fn attend(stream: TcpStream, tls: Option<Arc<ServerConfig>>, state: &Mutex<State>) -> Result<()> {
    match tls {
        None => exchange(stream, state),
        Some(config) => {
            let connection = ServerConnection::new(config)?;
            exchange(StreamOwned::new(connection, stream), state)
        }
    }
}

/// One exchange a connection, so that each is in the order that it was made.
fn exchange(stream: impl Read + Write, state: &Mutex<State>) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let request = read(&mut stream)?;
    let (name, value) = state.lock().unwrap_or_else(PoisonError::into_inner).answer(&request);
    let recordings: Value = serde_json::from_str(RECORDINGS)?;
    let recording = recordings.get(name).with_context(|| format!("no recording `{name}`"))?;
    let status = recording.get("status").and_then(Value::as_u64).context("a recording has no status")?;
    let body = match recording.get("body") {
        None | Some(Value::Null) => String::new(),
        Some(body) => body.to_string().replace("@value@", &value),
    };
    let head = format!(
        "HTTP/1.1 {status} Recorded\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let out = stream.get_mut();
    out.write_all(head.as_bytes())?;
    out.write_all(body.as_bytes())?;
    Ok(out.flush()?)
}

fn read(stream: &mut impl BufRead) -> Result<Request> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let mut words = line.split(' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else { bail!("no request") };
    let (method, path) = (method.to_owned(), path.to_owned());
    let (mut token, mut length) = (None, 0usize);
    loop {
        let mut header = String::new();
        stream.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "x-vault-token" => token = Some(value.to_owned()),
            "content-length" => length = value.parse()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? };
    Ok(Request { method, path, token, body })
}

fn text(body: &Value, name: &str) -> String {
    body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn fresh() -> String {
    STANDARD.encode(base::entropy::bytes::<24>(&SystemEntropy))
}
