//! HTTP/1.1 over the socket inside the site, or over TLS to its door, one request at a time.
//!
//! * `socket`: dialling, also where the path is longer than the kernel takes
//! * `tls`: dialling a door, whose key is known; `stream`: either connection
//! * `reach`: which key a door is known by
//! * `body`: what goes up: nothing, bytes, or a file as it is read

mod body;
mod reach;
mod socket;
mod stream;
mod tls;

pub use body::{Body, Upload};

use crate::app::App;
use crate::place::Address;
use crate::remote::Papers;
use crate::{Error, Failure, passphrase};
use api::Problem;
use api::site::Health;
use base::Sha256;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::time::Duration;
use stream::Patient;
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

/// Most bytes of an answer that is held in memory.
const MOST: usize = 64 << 20;
/// How often and how far apart a process that was started is asked whether it answers: 10 s.
const TRIES: u32 = 1000;
const APART: Duration = Duration::from_millis(10);
/// A process that listens and does not say in this time how it is, is not well.
const HEALTH: Duration = Duration::from_secs(5);

/// A client of one site's process.
pub struct Client {
    runtime: Runtime,
    way: Way,
    sender: SendRequest<Body>,
    health: Health,
    /// Whether the connection may have a request on it that was not finished.
    stale: bool,
    authorization: Option<HeaderValue>,
}

/// How a process is reached.
enum Way {
    /// By the socket in a folder.
    Socket(PathBuf),
    /// By a door, whose key this is.
    Door { address: Address, pin: Sha256, papers: Option<Papers> },
}

impl Way {
    /// A connection; none if nobody listens on the socket.
    async fn dial(&self) -> Result<Option<Patient>, Failure> {
        match self {
            Self::Socket(folder) => socket::dial(folder).await,
            Self::Door { address, pin, papers } => tls::dial(address, *pin, papers.as_ref()).await.map(Some),
        }
    }

    /// The `host` of requests.
    fn host(&self) -> String {
        match self {
            Self::Socket(_) => "site".to_owned(),
            Self::Door { address, .. } => address.authority(),
        }
    }
}

impl Client {
    /// A client of the process of the site in `folder`; none if no process listens.
    pub fn running(folder: &Path) -> Result<Option<Self>, Failure> {
        Self::by(Way::Socket(folder.to_owned()))
    }

    /// Fails if a process has the site in `folder` open.
    pub fn must_be_locked(folder: &Path) -> Result<(), Failure> {
        match Self::running(folder)? {
            Some(client) => Err(Error::Open(client.health.pid.unwrap_or_default()).into()),
            None => Ok(()),
        }
    }

    fn by(way: Way) -> Result<Option<Self>, Failure> {
        let runtime = runtime()?;
        let Some(stream) = runtime.block_on(way.dial())? else { return Ok(None) };
        let host = way.host();
        let (sender, health) = runtime.block_on(async {
            let mut sender = greet(stream).await?;
            let health = tokio::time::timeout(HEALTH, ask_health(&mut sender, &host)).await;
            let health = health.map_err(|_| Failure::from(Error::NotAnswering))??;
            Ok::<_, Failure>((sender, health))
        })?;
        Ok(Some(Self { runtime, way, sender, health, stale: false, authorization: None }))
    }

    /// Starts the process and waits until it answers.
    pub fn start(folder: &Path, app: &App<'_>) -> Result<Self, Failure> {
        let passphrase = passphrase::existing(app, folder)?;
        if let Err(error) = app.host.start_site(folder, &passphrase) {
            // Another command may have started it in the same moment.
            return match Self::running(folder) {
                Ok(Some(client)) => Ok(client),
                _ => Err(error.into()),
            };
        }
        drop(passphrase);
        for _ in 0..TRIES {
            if let Ok(Some(client)) = Self::running(folder) {
                return Ok(client);
            }
            std::thread::sleep(APART);
        }
        Err(Error::NotAnswering.into())
    }

    /// The site's folder, absolute and without links, for what needs it.
    pub fn folder(&self) -> Result<&Path, Failure> {
        match &self.way {
            Way::Socket(folder) => Ok(folder),
            Way::Door { .. } => Err(Error::NeedsFolder.into()),
        }
    }

    /// Where the site is, as its sessions are kept for: a folder or an address.
    pub fn place(&self) -> PathBuf {
        match &self.way {
            Way::Socket(folder) => folder.clone(),
            Way::Door { address, .. } => PathBuf::from(address.to_string()),
        }
    }

    /// What the process said of itself.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Sends this session with every request from now on.
    pub fn sign(&mut self, token: Zeroizing<String>) -> Result<(), Failure> {
        let header = Zeroizing::new(format!("Bearer {}", token.as_str()));
        let mut value = HeaderValue::from_str(&header).map_err(|_| Error::NotSignedIn)?;
        value.set_sensitive(true);
        self.authorization = Some(value);
        Ok(())
    }

    /// Calls a route and reads its JSON. `parts` fill the `{…}` of its path, in order.
    pub fn get<T: DeserializeOwned>(&mut self, route: &str, parts: &[&str]) -> Result<T, Failure> {
        self.send(route, parts, Body::empty())?.json()
    }

    /// As [`Client::get`], with a query.
    pub fn ask<T: DeserializeOwned>(
        &mut self,
        route: &str,
        parts: &[&str],
        query: &impl Serialize,
    ) -> Result<T, Failure> {
        let request = self.request(route, parts, &query_of(query)?, Body::empty())?;
        self.exchange(request)?.json()
    }

    /// As [`Client::send`] without a body, with a query.
    pub fn fetch(&mut self, route: &str, parts: &[&str], query: &impl Serialize) -> Result<Answer, Failure> {
        let request = self.request(route, parts, &query_of(query)?, Body::empty())?;
        self.exchange(request)
    }

    /// As [`Client::ask`], for an answer that may take long: none if the person interrupted it.
    pub fn await_answer<T: DeserializeOwned>(
        &mut self,
        route: &str,
        parts: &[&str],
        query: &impl Serialize,
    ) -> Result<Option<T>, Failure> {
        let request = self.request(route, parts, &query_of(query)?, Body::empty())?;
        let answer = self.with_connection(async |sender| {
            let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
            let answer = async { hold(call(sender, request).await?).await };
            tokio::select! {
                answer = answer => answer,
                _ = &mut interrupted => Err(Failure::Interrupted),
            }
        });
        match answer {
            Err(Failure::Interrupted) => Ok(None),
            answer => answer?.json().map(Some),
        }
    }

    /// Calls a route that has no JSON to give, or none that matters.
    pub fn tell(&mut self, route: &str, parts: &[&str]) -> Result<(), Failure> {
        self.send(route, parts, Body::empty()).map(|_| ())
    }

    /// Calls a route with a JSON body.
    pub fn post(&mut self, route: &str, parts: &[&str], body: &impl Serialize) -> Result<Answer, Failure> {
        self.send(route, parts, Body::json(body)?)
    }

    /// Calls a route and holds the whole answer.
    pub fn send(&mut self, route: &str, parts: &[&str], body: Body) -> Result<Answer, Failure> {
        let request = self.request(route, parts, "", body)?;
        self.exchange(request)
    }

    fn exchange(&mut self, request: Request<Body>) -> Result<Answer, Failure> {
        self.with_connection(async |sender| {
            let response = call(sender, request).await?;
            hold(response).await
        })
    }

    /// Calls a route and hands its body on as it arrives. `take` gets the length, where the answer
    /// tells it, with each piece. An interrupt ends it between two pieces.
    pub fn stream(
        &mut self,
        route: &str,
        parts: &[&str],
        body: Body,
        mut take: impl FnMut(Option<u64>, &[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let request = self.request(route, parts, "", body)?;
        self.with_connection(async |sender| {
            let response = call(sender, request).await?;
            let length = response.headers().get(CONTENT_LENGTH);
            let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
            let mut incoming = response.into_body();
            let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
            loop {
                let frame = tokio::select! {
                    frame = incoming.frame() => frame,
                    _ = &mut interrupted => return Err(Failure::Interrupted),
                };
                let Some(frame) = frame else { return Ok(()) };
                if let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() {
                    take(length, &data)?;
                }
            }
        })
    }

    fn request(
        &self,
        route: &str,
        parts: &[&str],
        query: &str,
        body: Body,
    ) -> Result<Request<Body>, Failure> {
        let route = api::route::named(route).ok_or_else(|| Error::Host(format!("no route `{route}`")))?;
        let mut request = Request::builder()
            .method(route.method)
            .uri(fill(route.path, parts) + query)
            .header(HOST, self.way.host())
            .header(CONTENT_TYPE, body.media_type());
        if let Some(value) = &self.authorization {
            request = request.header(AUTHORIZATION, value);
        }
        request.body(body).map_err(|error| Error::Host(error.to_string()).into())
    }

    /// Dials again if the process closed the connection since the last request, or that one failed,
    /// then acts.
    fn with_connection<T>(
        &mut self,
        act: impl AsyncFnOnce(&mut SendRequest<Body>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Self { runtime, way, sender, stale, .. } = self;
        runtime.block_on(async {
            if *stale || sender.ready().await.is_err() {
                let stream = way.dial().await?.ok_or(Error::Locked)?;
                *sender = greet(stream).await?;
            }
            let result = act(sender).await;
            *stale = result.is_err();
            result
        })
    }
}

/// A whole answer.
pub struct Answer {
    status: StatusCode,
    pub bytes: Bytes,
}

impl Answer {
    /// Its JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.bytes).map_err(|_| Error::Answer(self.status.as_u16()).into())
    }
}

fn runtime() -> Result<Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Error::Connection(error.to_string()).into())
}

async fn greet(stream: Patient) -> Result<SendRequest<Body>, Failure> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    // Ends with the connection or with the runtime; what went wrong reaches the request.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

async fn ask_health(sender: &mut SendRequest<Body>, host: &str) -> Result<Health, Failure> {
    let path = api::route::named("health").map_or("/", |route| route.path);
    let request = Request::get(path).header(HOST, host).body(Body::empty());
    let request = request.map_err(|error| Error::Host(error.to_string()))?;
    hold(call(sender, request).await?).await?.json()
}

/// The answer's head, if it is a good one.
async fn call(sender: &mut SendRequest<Body>, request: Request<Body>) -> Result<Response<Incoming>, Failure> {
    let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
    if response.status().is_success() {
        return Ok(response);
    }
    let answer = hold(response).await?;
    Err(answer.json::<Problem>().map_or_else(|failure| failure, Failure::from))
}

async fn hold(response: Response<Incoming>) -> Result<Answer, Failure> {
    let status = response.status();
    let body = Limited::new(response.into_body(), MOST).collect().await;
    let body = body.map_err(|error| Failure::from(Error::Connection(error.to_string())))?;
    Ok(Answer { status, bytes: body.to_bytes() })
}

/// A broken exchange, with its causes: among them a file that became shorter while it was sent.
fn broken(error: &hyper::Error) -> Failure {
    // A door looks at who came when the client takes the handshake for done.
    tls::turned_away(error).unwrap_or_else(|| Error::Connection(base::fault::chain(error))).into()
}

/// The path with its `{…}` filled in.
fn fill(path: &str, parts: &[&str]) -> String {
    let mut parts = parts.iter();
    path.split('/')
        .map(|piece| match piece.starts_with('{') {
            true => parts.next().map_or_else(String::new, |part| percent(part)),
            false => piece.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("/")
}

/// The fields of a flat value as a query: none is a word that a path or another field could end in.
fn query_of(query: &impl Serialize) -> Result<String, Failure> {
    let value = serde_json::to_value(query).map_err(|error| Error::Host(error.to_string()))?;
    let mut out = String::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        let text = match value {
            serde_json::Value::Null => continue,
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        out.push(if out.is_empty() { '?' } else { '&' });
        out.push_str(&format!("{}={}", percent(name), percent(&text)));
    }
    Ok(out)
}

/// All but RFC 3986's unreserved characters as `%XX`. A part of dots alone would change the path,
/// so its dots are escaped too.
fn percent(part: &str) -> String {
    let dots = part.bytes().all(|b| b == b'.');
    part.bytes().fold(String::new(), |mut out, byte| {
        let plain =
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') || (byte == b'.' && !dots);
        if plain {
            out.push(char::from(byte));
        } else {
            use std::fmt::Write as _;
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_query_stay_fields() {
        let query = serde_json::json!({"a": "x&b=1 #", "n": 7, "none": null, "yes": true});
        assert_eq!(query_of(&query).unwrap(), "?a=x%26b%3D1%20%23&n=7&yes=true");
        assert_eq!(query_of(&serde_json::json!({})).unwrap(), "");
    }

    #[test]
    fn parts_of_a_path_stay_parts() {
        assert_eq!(
            fill("/v1/projects/{project}/members/{name}", &["prj_1", "a/../b c"]),
            "/v1/projects/prj_1/members/a%2F..%2Fb%20c"
        );
        assert_eq!(fill("/v1/accounts/{name}/token", &[".."]), "/v1/accounts/%2E%2E/token");
        assert_eq!(fill("/x/{role}", &["reference.fa"]), "/x/reference.fa");
    }
}
