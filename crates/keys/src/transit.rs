//! A Vault or OpenBao transit engine as provider: a key that the service keeps wraps the file key.
//!
//! The service is asked at unsealing, at each sealing, and again while the site is open. It sees the file key,
//! never the secrets. What it wraps begins with a digest of the site's id, which is compared after unwrapping: services older
//! than associated data ignore it without a word. Over the network it is TLS with the one authority that
//! `site.toml` names; in clear only to this machine. What the service says stands in no error: its status
//! does, and our words for it.

use crate::Error;
use crate::provider::{Provider, Wrapped, binding};
use crate::safe::Reach;
use base::{Entropy, SiteId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use outbound::{Place, WEB, unanswered};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;
use ureq::{Agent, Body, http};
use zeroize::{Zeroize, Zeroizing};

const WHAT: &str = "key service";
/// Bytes of an answer that are read.
const LONGEST: u64 = 64 << 10;
/// How long one exchange may take, and how long the connection.
const PATIENCE: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);

/// `[keys.transit]` of `site.toml`: how the service is reached. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its address, such as `https://vault.example:8200`.
    pub url: String,
    /// The certificate of the authority that vouches for it, PEM. Needed for `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The network that its name leads into, such as `10.20.0.0/16`, where that is one of the house.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The namespace, where the service has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The role's id, if the credential is an AppRole's secret id; else it is a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Where AppRole is mounted.
    #[serde(default = "approle", skip_serializing_if = "is_approle")]
    pub role_mount: String,
}

/// One key of one transit engine, and the credential that lets us use it.
pub struct Transit {
    service: Service,
    mount: String,
    name: String,
    credential: Zeroizing<String>,
    agent: Agent,
}

/// A token for the length of one act. One that we got for an AppRole is given back.
struct Signed {
    token: Zeroizing<String>,
    ours: bool,
}

#[derive(Serialize)]
struct Encrypt<'a> {
    plaintext: &'a str,
    associated_data: &'a str,
}

#[derive(Serialize)]
struct Decrypt<'a> {
    ciphertext: &'a str,
    associated_data: &'a str,
}

#[derive(Serialize)]
struct Login<'a> {
    role_id: &'a str,
    secret_id: &'a str,
}

#[derive(Serialize)]
struct NewKey {
    #[serde(rename = "type")]
    kind: &'static str,
    exportable: bool,
}

#[derive(Deserialize)]
struct Given<T> {
    data: T,
}

#[derive(Deserialize)]
struct Ciphertext {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Plaintext<'a> {
    #[serde(borrow)]
    plaintext: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Entered<'a> {
    #[serde(borrow)]
    auth: Auth<'a>,
}

#[derive(Deserialize)]
struct Auth<'a> {
    #[serde(borrow)]
    client_token: Cow<'a, str>,
}

#[derive(Deserialize, Default)]
struct Problem {
    #[serde(default)]
    errors: Vec<String>,
}

/// An answer's status and its bytes, which may hold a key.
struct Told {
    status: u16,
    bytes: Zeroizing<Vec<u8>>,
}

impl Transit {
    /// The key `name` of the engine at `mount`, reached as `reach` says. `credential` is a token, or the
    /// secret id of the role that `reach` names.
    pub fn open(reach: &Reach, mount: &str, name: &str, credential: &str) -> Result<Self, Error> {
        let Some(service) = reach.transit.clone() else {
            return Err(unavailable("site.toml has no `[keys.transit]`"));
        };
        let plain = |text: &str| {
            let good = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
            !text.is_empty() && text.split('/').all(|part| !part.is_empty() && part.bytes().all(good))
        };
        if !plain(mount) || !plain(name) || name.contains('/') || !plain(&service.role_mount) {
            return Err(unavailable("the names of engine and key are letters, digits, `-` and `_`"));
        }
        let agent = agent(&service)?;
        let credential = Zeroizing::new(credential.to_owned());
        let (mount, name) = (mount.to_owned(), name.to_owned());
        Ok(Self { service, mount, name, credential, agent })
    }

    /// Makes the key in the service, unless it has one of this name. A key that could be exported is
    /// refused: what it wraps could be opened elsewhere.
    pub fn make_key_if_absent(&self) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct Key {
            exportable: bool,
            #[serde(rename = "type")]
            kind: String,
        }
        self.signed(|token| {
            let path = format!("{}/keys/{}", self.mount, self.name);
            let found = self.get(&path, token)?;
            if found.status == 404 {
                let new = NewKey { kind: "aes256-gcm96", exportable: false };
                return self.post(&path, Some(token), &new)?.good().map(|_| ());
            }
            let key: Given<Key> = parse(&found.good()?)?;
            match (key.data.exportable, key.data.kind.as_str()) {
                (false, "aes256-gcm96" | "chacha20-poly1305") => Ok(()),
                (true, _) => Err(unavailable("its key can be exported")),
                _ => Err(unavailable("its key is of a kind without associated data")),
            }
        })
    }

    fn signed<T>(&self, act: impl FnOnce(&str) -> Result<T, Error>) -> Result<T, Error> {
        let signed = match &self.service.role {
            None => Signed { token: self.credential.clone(), ours: false },
            Some(role) => {
                let path = format!("auth/{}/login", self.service.role_mount);
                let told = self.post(&path, None, &Login { role_id: role, secret_id: &self.credential })?;
                if told.status == 400 {
                    return Err(Error::Credential(WHAT));
                }
                let bytes = told.good()?;
                let entered: Entered<'_> = serde_json::from_slice(&bytes).map_err(|_| strange())?;
                Signed { token: Zeroizing::new(entered.auth.client_token.into_owned()), ours: true }
            }
        };
        let done = act(&signed.token);
        if signed.ours {
            // It ends by itself soon; that it ends now is a courtesy.
            let _ = self.post("auth/token/revoke-self", Some(&signed.token), &serde_json::json!({}));
        }
        done
    }

    fn get(&self, path: &str, token: &str) -> Result<Told, Error> {
        let request = self.agent.get(self.address(path));
        let request = self.headers(request, Some(token));
        told(request.call())
    }

    fn post(&self, path: &str, token: Option<&str>, body: &impl Serialize) -> Result<Told, Error> {
        let bytes = Zeroizing::new(serde_json::to_vec(body).map_err(|_| Error::Wrap)?);
        let request = self.agent.post(self.address(path)).header("content-type", "application/json");
        told(self.headers(request, token).send(bytes.as_slice()))
    }

    fn address(&self, path: &str) -> String {
        format!("{}/v1/{path}", self.service.url.trim_end_matches('/'))
    }

    fn headers<B>(&self, request: ureq::RequestBuilder<B>, token: Option<&str>) -> ureq::RequestBuilder<B> {
        let request = request.header("x-vault-request", "true");
        let request = match &self.service.namespace {
            Some(namespace) => request.header("x-vault-namespace", namespace),
            None => request,
        };
        match token {
            Some(token) => request.header("x-vault-token", token),
            None => request,
        }
    }
}

impl Provider for Transit {
    fn wrap(&self, site: &SiteId, key: &[u8], _: &dyn Entropy) -> Result<Wrapped, Error> {
        let mut plain = Zeroizing::new(mark(site).to_vec());
        plain.extend_from_slice(key);
        let plaintext = Zeroizing::new(STANDARD.encode(plain.as_slice()));
        let body = Encrypt { plaintext: &plaintext, associated_data: &STANDARD.encode(binding(site)) };
        self.signed(|token| {
            let path = format!("{}/encrypt/{}", self.mount, self.name);
            let given: Given<Ciphertext> = parse(&self.post(&path, Some(token), &body)?.good()?)?;
            let (mount, name) = (self.mount.clone(), self.name.clone());
            Ok(Wrapped::Transit { mount, name, key: given.data.ciphertext })
        })
    }

    fn unwrap(&self, site: &SiteId, wrapped: &Wrapped) -> Result<Zeroizing<Vec<u8>>, Error> {
        let Wrapped::Transit { mount, name, key } = wrapped else { return Err(wrapped.other()) };
        if (mount, name) != (&self.mount, &self.name) {
            return Err(Error::SealedFile);
        }
        let body = Decrypt { ciphertext: key, associated_data: &STANDARD.encode(binding(site)) };
        let bytes = self.signed(|token| {
            let path = format!("{}/decrypt/{}", self.mount, self.name);
            let told = self.post(&path, Some(token), &body)?;
            if told.status == 400 && !told.says("key not found") {
                return Err(Error::Unwrap);
            }
            told.good()
        })?;
        let given: Given<Plaintext<'_>> = serde_json::from_slice(&bytes).map_err(|_| strange())?;
        let mut text = given.data.plaintext.into_owned();
        let plain = STANDARD.decode(&text).map(Zeroizing::new);
        text.zeroize();
        let plain = plain.map_err(|_| Error::Unwrap)?;
        let (found, key) = plain.split_first_chunk::<32>().ok_or(Error::Unwrap)?;
        if *found != mark(site) {
            return Err(Error::Unwrap);
        }
        Ok(Zeroizing::new(key.to_vec()))
    }
}

impl Told {
    /// The bytes of a good answer; else what its status says.
    fn good(self) -> Result<Zeroizing<Vec<u8>>, Error> {
        match self.status {
            200..=299 => Ok(self.bytes),
            401 | 403 => Err(Error::Credential(WHAT)),
            400 if self.says("key not found") => Err(unavailable("it has no key of that name")),
            404 => Err(unavailable("it has no engine there, or no key of that name")),
            307 => {
                Err(unavailable("it is a standby and names another node: give the address of the active one"))
            }
            503 => Err(unavailable("it is sealed or under maintenance")),
            status => Err(unavailable(&format!("it answers with status {status}"))),
        }
    }

    /// Whether the service gave this reason.
    fn says(&self, reason: &str) -> bool {
        let problem: Problem = serde_json::from_slice(&self.bytes).unwrap_or_default();
        problem.errors.iter().any(|error| error.contains(reason))
    }
}

/// The digest by which what was wrapped names its site.
fn mark(site: &SiteId) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, binding(site).as_bytes());
    digest.as_ref().try_into().unwrap_or_default()
}

fn agent(service: &Service) -> Result<Agent, Error> {
    let wrong = |why: &dyn Display| unavailable(&format!("its `url`: {why}"));
    let place = Place::parse(&service.url, WEB, service.network.as_deref()).map_err(|why| wrong(&why))?;
    let config = place.known_by(service.ca.as_deref()).map_err(|why| wrong(&why))?;
    let config = config.timeout_global(Some(PATIENCE)).timeout_connect(Some(CONNECT));
    Ok(place.agent(config.build()))
}

fn told(answer: Result<http::Response<Body>, ureq::Error>) -> Result<Told, Error> {
    let why = |error: ureq::Error| match (&error, unanswered(&error)) {
        (_, Some(why)) => unavailable(&why),
        // A header's value would be refused here: a credential with a character that none has.
        (ureq::Error::Http(_), None) => Error::Credential(WHAT),
        _ => strange(),
    };
    let mut answer = answer.map_err(why)?;
    let status = answer.status().as_u16();
    let bytes = answer.body_mut().with_config().limit(LONGEST).read_to_vec().map_err(why)?;
    Ok(Told { status, bytes: Zeroizing::new(bytes) })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|_| strange())
}

fn strange() -> Error {
    unavailable("its answer is not that of a transit engine")
}

fn unavailable(why: &str) -> Error {
    Error::Unavailable { what: WHAT, why: why.to_owned() }
}

fn approle() -> String {
    "approle".to_owned()
}

fn is_approle(mount: &String) -> bool {
    *mount == approle()
}
