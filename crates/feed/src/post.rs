//! Batches by HTTP POST: lines of JSON; any 2xx acknowledges the whole batch.

use crate::settings::is_encrypted;
use crate::sink::{Record, lines};
use crate::tls::Peer;
use crate::{Error, Settings};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::handshake;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::rt::{Read, Write};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use outbound::Place;

/// Bytes of an answer that are looked at.
const ANSWER: usize = 64 << 10;

pub(crate) struct Post {
    way: Way,
    token: Option<HeaderValue>,
}

enum Way {
    Secure(Peer),
    Here(Place),
}

impl Post {
    pub fn open(settings: &Settings, place: Place) -> Result<Self, Error> {
        let way = match is_encrypted(&place) {
            true => Way::Secure(Peer::new(settings, place)?),
            false => Way::Here(place),
        };
        Ok(Self { way, token: token(settings)? })
    }

    pub async fn deliver(&self, batch: &[Record]) -> Result<(), Error> {
        let body = lines(batch);
        let status = match &self.way {
            Way::Secure(peer) => self.exchange(peer.connect().await?, peer.place(), body).await?,
            Way::Here(place) => {
                self.exchange(place.connect().await.map_err(Error::sink)?, place, body).await?
            }
        };
        if status.is_success() { Ok(()) } else { Err(Error::sink(format!("it answers {status}"))) }
    }

    async fn exchange<S>(&self, stream: S, place: &Place, body: Vec<u8>) -> Result<StatusCode, Error>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        TokioIo<S>: Read + Write,
    {
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(Error::sink)?;
        let connection = tokio::spawn(connection);
        let mut request = Request::post(place.path())
            .header(HOST, place.authority())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(Error::sink)?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(Error::sink)?;
            let status = response.status();
            // Read to its end, so that the status is not that of half an answer. A long one says no more than a short one.
            match Limited::new(response.into_body(), ANSWER).collect().await {
                Err(error) if !error.is::<LengthLimitError>() => Err(Error::sink(error)),
                _ => Ok(status),
            }
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
