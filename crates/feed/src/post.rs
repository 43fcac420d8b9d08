//! Batches by HTTP POST: lines of JSON; any 2xx acknowledges the whole batch.

use crate::sink::{Record, lines};
use crate::tls::Peer;
use crate::{Error, Settings};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::rt::{Read, Write};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Bytes of an answer that are looked at.
const ANSWER: usize = 64 << 10;

pub(crate) struct Post {
    way: Way,
    path: String,
    token: Option<HeaderValue>,
}

enum Way {
    Secure(Peer),
    Here { host: String, port: u16 },
}

impl Post {
    pub fn secure(settings: &Settings, peer: Peer, path: String) -> Result<Self, Error> {
        Ok(Self { way: Way::Secure(peer), path, token: token(settings)? })
    }

    pub fn here(settings: &Settings, host: String, port: u16, path: String) -> Result<Self, Error> {
        Ok(Self { way: Way::Here { host, port }, path, token: token(settings)? })
    }

    pub async fn deliver(&mut self, batch: &[Record]) -> Result<(), Error> {
        let body = lines(batch);
        let status = match &self.way {
            Way::Secure(peer) => self.exchange(peer.connect().await?, &peer.host, body).await?,
            Way::Here { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(Error::sink)?;
                self.exchange(stream, host, body).await?
            }
        };
        if status.is_success() { Ok(()) } else { Err(Error::sink(format!("it answers {status}"))) }
    }

    async fn exchange<S>(&self, stream: S, host: &str, body: Vec<u8>) -> Result<StatusCode, Error>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        TokioIo<S>: Read + Write,
    {
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(Error::sink)?;
        let connection = tokio::spawn(connection);
        let mut request = Request::post(&self.path)
            .header(HOST, host)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(Error::sink)?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(Error::sink)?;
            let status = response.status();
            // Read to its end, so that the status is not that of half an answer.
            Limited::new(response.into_body(), ANSWER).collect().await.map_err(Error::sink)?;
            Ok(status)
        };
        let answer = answer.await;
        connection.abort();
        answer
    }
}

fn token(settings: &Settings) -> Result<Option<HeaderValue>, Error> {
    let Some(file) = &settings.token_file else { return Ok(None) };
    let text = std::fs::read_to_string(file).map_err(|e| settings.refuse(format!("its token: {e}")))?;
    let value = HeaderValue::from_str(&format!("Bearer {}", text.trim()));
    let mut value = value.map_err(|_| settings.refuse("its token is not a word"))?;
    value.set_sensitive(true);
    Ok(Some(value))
}
