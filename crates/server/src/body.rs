//! Bodies: JSON in, ids in paths, and bridges between asynchronous bodies and blocking readers.

use crate::Failure;
use crate::failure::Error;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use bytes::Bytes;
use futures_util::StreamExt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Largest JSON body: sheets of some ten thousand rows fit.
const JSON_LIMIT: usize = 8 << 20;
/// Bytes moved at once between an asynchronous body and a blocking reader.
pub(crate) const CHUNK: usize = 256 << 10;
/// How long a sender may be silent in the middle of a body.
const STALL: Duration = Duration::from_secs(60);
/// Chunks in flight: what a slow side can hold up.
const IN_FLIGHT: usize = 4;
/// How often it is asked whether the right to a body still holds, while its reader takes nothing.
const LOOK: Duration = Duration::from_secs(1);

/// A JSON body of at most [`JSON_LIMIT`] bytes, unknown fields refused by its type.
pub(crate) struct Json<T>(pub T);

impl<T: serde::de::DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let bytes = whole(request.into_body(), STALL).await?;
        let value = serde_json::from_slice(&bytes).map_err(|e| Error::Body(without_values(&e)))?;
        Ok(Self(value))
    }
}

/// A whole body of at most [`JSON_LIMIT`] bytes. A sender that stalls would hold the site open and keep its
/// scrub waiting.
async fn whole(body: Body, within: Duration) -> Result<Bytes, Failure> {
    match tokio::time::timeout(within, axum::body::to_bytes(body, JSON_LIMIT)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(Error::Body(format!("it is longer than {JSON_LIMIT} bytes, or was cut")).into()),
        Err(_) => Err(Error::Body("it did not arrive in time".to_owned()).into()),
    }
}

/// The fields of a query, unknown ones refused by its type.
pub(crate) struct Asked<T>(pub T);

impl<T: serde::de::DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, Failure> {
        match Query::try_from_uri(&head.uri) {
            Ok(Query(value)) => Ok(Self(value)),
            // Not the rejection's own words: they repeat what was asked.
            Err(_) => {
                Err(Error::Body("its query has an unknown field or a value of the wrong shape".into()).into())
            }
        }
    }
}

/// The place of a JSON error without the words of the body, which may hold identifiers.
fn without_values(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

/// An id from a path.
pub(crate) fn id<T: base::Id>(text: &str) -> Result<T, Failure>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|e: T::Err| Error::Id(e.to_string()).into())
}

/// A blocking reader over an asynchronous body. A body that is cut ends in an error, never in a
/// clean end of file.
pub(crate) fn reader(body: Body) -> impl Read + Send {
    let (send, receive) = mpsc::channel::<io::Result<Bytes>>(IN_FLIGHT);
    tokio::spawn(async move {
        let mut stream = body.into_data_stream();
        loop {
            // A sender that stalls must not hold a file, a package or the site open.
            let Ok(next) = tokio::time::timeout(STALL, stream.next()).await else {
                let _ = send.send(Err(io::ErrorKind::TimedOut.into())).await;
                return;
            };
            let Some(chunk) = next else { return };
            let chunk = chunk.map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof));
            if send.send(chunk).await.is_err() {
                return;
            }
        }
    });
    Channel { receive, held: Bytes::new() }
}

struct Channel {
    receive: mpsc::Receiver<io::Result<Bytes>>,
    held: Bytes,
}

impl Read for Channel {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.held.is_empty() {
            match self.receive.blocking_recv() {
                Some(chunk) => self.held = chunk?,
                None => return Ok(0),
            }
        }
        let length = out.len().min(self.held.len());
        let chunk = self.held.split_to(length);
        if let Some(out) = out.get_mut(..length) {
            out.copy_from_slice(&chunk);
        }
        Ok(length)
    }
}

/// Where a blocking writer puts a body's chunks.
pub(crate) struct Outlet {
    send: mpsc::Sender<io::Result<Bytes>>,
    cut: Arc<AtomicBool>,
}

impl Outlet {
    /// Takes the next chunk once there is room for it. Fails when the other side has gone, or when the right to it
    /// has: `holds` is asked before, and while a slow reader keeps it waiting.
    pub(crate) fn push(&self, chunk: Bytes, holds: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        let handle = Handle::current();
        loop {
            holds()?;
            match handle.block_on(async { tokio::time::timeout(LOOK, self.send.reserve()).await }) {
                Ok(Ok(room)) => {
                    room.send(Ok(chunk));
                    return Ok(());
                }
                Ok(Err(_)) => return Err(io::ErrorKind::BrokenPipe.into()),
                Err(_) => {}
            }
        }
    }

    /// The client sees a body cut short of its length, and nothing of what still waits for it.
    fn cut(&self, error: io::Error) {
        self.cut.store(true, Ordering::Release);
        let _ = self.send.try_send(Err(error));
    }
}

/// An asynchronous body fed by a blocking writer on a thread of its own.
pub(crate) fn streamed(write: impl FnOnce(&Outlet) -> io::Result<()> + Send + 'static) -> Body {
    let (send, receive) = mpsc::channel::<io::Result<Bytes>>(IN_FLIGHT);
    let cut = Arc::new(AtomicBool::new(false));
    let outlet = Outlet { send, cut: cut.clone() };
    tokio::task::spawn_blocking(move || {
        if let Err(error) = write(&outlet) {
            outlet.cut(error);
        }
    });
    let stream = futures_util::stream::unfold((receive, cut), |(mut receive, cut)| async move {
        let chunk = receive.recv().await?;
        let chunk = if cut.load(Ordering::Acquire) { Err(io::ErrorKind::BrokenPipe.into()) } else { chunk };
        Some((chunk, (receive, cut)))
    });
    Body::from_stream(stream)
}

/// Runs blocking work on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Ended.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sender that begins a JSON body and says no more.
    #[tokio::test]
    async fn a_json_body_that_stalls_is_refused() {
        let begun = futures_util::stream::once(async { Ok::<_, io::Error>(Bytes::from_static(b"{")) });
        let stalled = Body::from_stream(begun.chain(futures_util::stream::pending()));
        assert!(whole(stalled, Duration::from_millis(20)).await.is_err());
        let sent = whole(Body::from("{}"), STALL).await;
        assert!(sent.is_ok_and(|bytes| bytes == "{}"));
    }
}
