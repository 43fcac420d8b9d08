//! `ledger watch`: events as they become durable, one leaf a line.

use crate::attend::{Later, Signed};
use crate::body::{Json, blocking};
use crate::failure::Error;
use crate::site::InUse;
use crate::{Failure, Site};
use access::verb::View;
use access::{Action, Caller, Ended, Permit, thing};
use api::record::Watch;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::io;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Events read at once.
const AT_ONCE: u64 = 256;
/// Pieces in flight: what a slow reader holds up is its own tail and nothing else.
const IN_FLIGHT: usize = 4;

type Piece = io::Result<Bytes>;

pub(crate) async fn watch(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Watch>,
) -> Result<Response, Failure> {
    let permit: Permit<View, thing::Site> = site.permit(&caller, Action::SearchAuditSite, &site.id).await?;
    let size = site.audit.ledger().size();
    let next = body.from.unwrap_or(size);
    if next > size {
        return Err(ledger::Error::Beyond { position: next, size }.into());
    }
    let until = if body.follow { None } else { Some(size) };
    let (send, receive) = channel(IN_FLIGHT);
    let used = site.in_use();
    tokio::spawn(Tail { site, caller, permit, next, until }.run(send, used));
    let mut response = Response::builder()
        .header("content-type", "application/x-ndjson")
        .body(stream(receive))
        .unwrap_or_else(|_| Failure::from(Error::Ended).into_response());
    response.extensions_mut().insert(Later);
    Ok(response)
}

fn stream(receive: Receiver<Piece>) -> Body {
    Body::from_stream(futures_util::stream::unfold(receive, |mut receive| async move {
        receive.recv().await.map(|piece| (piece, receive))
    }))
}

/// A reader of the ledger's end.
struct Tail {
    site: Site,
    caller: Caller,
    permit: Permit<View, thing::Site>,
    next: u64,
    /// Where it ends; none follows.
    until: Option<u64>,
}

impl Tail {
    async fn run(mut self, send: Sender<Piece>, used: InUse) {
        let code = match self.tell(&send).await {
            Ok(()) => None,
            Err(failure) => {
                let _ = send.send(Err(io::ErrorKind::ConnectionAborted.into())).await;
                Some(failure.0.code)
            }
        };
        let ended = Ended { code: code.as_deref(), released: None, made: &[] };
        // What was read has been shown; a decision without an outcome is closed at the next start.
        let _ = self.site.access.close(&self.caller, ended).await;
        drop(used);
    }

    async fn tell(&mut self, send: &Sender<Piece>) -> Result<(), Failure> {
        let mut growth = self.site.audit.ledger().watch();
        loop {
            let size = self.site.audit.ledger().size().min(self.until.unwrap_or(u64::MAX));
            while self.next < size {
                self.renew().await?;
                let some = self.next..size.min(self.next.saturating_add(AT_ONCE));
                self.next = some.end;
                let ledger = self.site.audit.ledger().clone();
                let records = blocking(move || ledger.range(some)).await??;
                let lines = records.into_iter().flat_map(|record| [record.leaf, b"\n".to_vec()]);
                let piece = Bytes::from(lines.collect::<Vec<_>>().concat());
                send.send(Ok(piece)).await.map_err(|_| Error::Gone)?;
            }
            if self.until.is_some() {
                return Ok(());
            }
            tokio::select! {
                grown = growth.changed() => if grown.is_err() { return Ok(()) },
                () = self.site.stopped() => return Ok(()),
                () = send.closed() => return Err(Error::Gone.into()),
            }
        }
    }

    /// Asks again when the permit has ended, so that a right that was taken away ends the tail. Only
    /// when there is something to show: a quiet tail leaves no trace, and its own traces end.
    async fn renew(&mut self) -> Result<(), Failure> {
        if self.permit.live().is_ok() {
            return Ok(());
        }
        self.site.access.close(&self.caller, Ended { code: None, released: None, made: &[] }).await?;
        self.permit = self.site.permit(&self.caller, Action::SearchAuditSite, &self.site.id).await?;
        Ok(())
    }
}
