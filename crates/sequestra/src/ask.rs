//! One witness as the site reaches it: over HTTP, or HTTPS to a certificate that is known.

use crate::layout::WitnessSettings;
use bytes::Bytes;
use feed::tls;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::rt::{Read, Write};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use ledger::Ledger;
use outbound::{Place, WEB};
use server::witnessed::One;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use witness::{Asker, Error, Verdict, WitnessKey, ask};

/// How long a witness may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes of an answer that are read.
const MOST: usize = 64 << 10;
/// How often it may say that it knows another size before it is taken at its word no more.
const TRIES: usize = 3;

/// A witness, and since when it has not answered for what there is.
#[derive(Clone)]
pub struct Peer {
    place: Place,
    tls: Option<Arc<tls::Peer>>,
    asker: Asker,
    alarm: Duration,
    behind: Option<Duration>,
    /// Its last answer was a refusal that it did not prove.
    unproven: bool,
}

impl Peer {
    /// The witnesses of `site.toml`, each thought to know the first `size` events.
    pub fn all(settings: &[WitnessSettings], size: u64) -> Result<Vec<Self>, Error> {
        let peers: Vec<Self> = settings.iter().map(|one| Self::open(one, size)).collect::<Result<_, _>>()?;
        let keys: BTreeSet<String> = peers.iter().map(|peer| peer.asker.key().public_text()).collect();
        if keys.len() != peers.len() {
            return Err(Error::Settings("two of them have one key: one witness counts once".to_owned()));
        }
        Ok(peers)
    }

    fn open(settings: &WitnessSettings, size: u64) -> Result<Self, Error> {
        let refuse = |why: &str| Err(Error::Settings(why.to_owned()));
        let place = Place::parse(&settings.url, WEB, settings.network.as_deref())
            .map_err(|why| Error::Settings(format!("`url`: {why}")))?;
        if place.path().contains('?') {
            return refuse("`url` has a query, and a witness is asked below a path");
        }
        let tls = match place.scheme() {
            "https" => {
                let known = tls::Known { ca: settings.ca.as_deref(), pin: settings.pin.as_deref() };
                Some(Arc::new(tls::Peer::known(place.clone(), known).map_err(Error::Settings)?))
            }
            _ if settings.ca.is_none() && settings.pin.is_none() => None,
            _ => return refuse("`ca` and `pin` go with https:// alone"),
        };
        let key: WitnessKey = settings.key.parse()?;
        let alarm = Duration::from_secs(settings.alarm_seconds);
        Ok(Self { place, tls, asker: Asker::new(key, size), alarm, behind: None, unproven: false })
    }

    /// How it is shown before it was asked.
    pub fn shown(&self) -> One {
        self.shown_at(Duration::ZERO)
    }

    /// How it is shown now.
    pub fn shown_at(&self, now: Duration) -> One {
        let key = self.asker.key();
        One {
            name: key.name().to_owned(),
            id: key.id(),
            size: 0,
            alarm: self.alarm,
            late: self.behind.map(|since| now.saturating_sub(since)),
            unproven: self.unproven,
        }
    }

    /// Whether it has cosigned what there is.
    pub fn note(&mut self, cosigned: bool, now: Duration) {
        self.behind = if cosigned { None } else { self.behind.or(Some(now)) };
    }

    /// Asks for a cosignature of the checkpoint. A refusal is followed by the question what it stands on.
    pub async fn exchange(&mut self, ledger: &Ledger, checkpoint: String) -> anyhow::Result<Verdict> {
        self.unproven = false;
        for _ in 0..TRIES {
            let (reader, asking, of) = (ledger.clone(), self.asker.clone(), checkpoint.clone());
            let request = tokio::task::spawn_blocking(move || asking.request_for(&reader, of)).await??;
            let (status, body) = self.send(Method::POST, "/add-checkpoint", request.encode()).await?;
            let verdict = match self.asker.answered(ledger, &request, status, &body) {
                Verdict::Refused => {
                    let (_, shown) = self.send(Method::GET, &ask::newest_path(ledger), String::new()).await?;
                    self.asker.shown(ledger, &shown)
                }
                verdict => verdict,
            };
            match verdict {
                Verdict::Again => {}
                verdict => {
                    self.unproven = verdict == Verdict::Unproven;
                    return Ok(verdict);
                }
            }
        }
        Ok(Verdict::Again)
    }

    async fn send(&self, method: Method, path: &str, body: String) -> anyhow::Result<(u16, Bytes)> {
        let sent = async {
            match &self.tls {
                Some(peer) => self.over(peer.connect().await?, method, path, body).await,
                None => self.over(self.place.connect().await?, method, path, body).await,
            }
        };
        tokio::time::timeout(PATIENCE, sent).await?
    }

    async fn over<S>(
        &self,
        stream: S,
        method: Method,
        path: &str,
        body: String,
    ) -> anyhow::Result<(u16, Bytes)>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        TokioIo<S>: Read + Write,
    {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let before = self.place.path().trim_end_matches('/');
        let request = Request::builder()
            .method(method)
            .uri(format!("{before}{path}"))
            .header(HOST, self.place.authority())
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(Full::new(Bytes::from(body)))?;
        let answer = async {
            let response = sender.send_request(request).await?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), MOST).collect().await;
            Ok((status, body.map_err(|error| anyhow::anyhow!("{error}"))?.to_bytes()))
        };
        let answer = answer.await;
        connection.abort();
        answer
    }
}
