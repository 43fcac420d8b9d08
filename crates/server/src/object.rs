//! Objects: their records, and their release to a recipient.

use crate::attend::{Later, Signed};
use crate::body::{CHUNK, Json, Outlet, id, streamed};
use crate::failure::Error;
use crate::{Failure, Site};
use access::thing::{Object as ObjectThing, Sample as SampleThing};
use access::verb::{Release as ReleaseVerb, View};
use access::{Action, Ask, Caller, Ended, Permit};
use api::project::{Object, Release};
use axum::Json as Answer;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base::{Fault, Kind, ObjectId, RecipientId, SampleId, Sensitive, Sha256};
use bytes::{Bytes, BytesMut};
use sha2::Digest;
use std::io::{self, Read};
use tokio::runtime::Handle;

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(sample): Path<String>,
) -> Result<Answer<Vec<Object>>, Failure> {
    let sample: SampleId = id(&sample)?;
    let permit: Permit<View, SampleThing> = site.permit(&caller, Action::ViewSamples, &sample).await?;
    let mut ids = site.catalog.read_objects(&sample).await?;
    if let Some(project) = permit.project() {
        let results = site.catalog.results_of_sample(&sample, project).await?;
        ids.extend(results.into_iter().map(|result| result.object));
    }
    Ok(Answer(site.archive.describe(&permit, &ids).await?.into_iter().map(wire).collect()))
}

pub(crate) async fn show(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(object): Path<String>,
) -> Result<Answer<Object>, Failure> {
    let object: ObjectId = id(&object)?;
    let permit: Permit<View, ObjectThing> = site.permit(&caller, Action::ViewSamples, &object).await?;
    let found = site.archive.describe(&permit, &[object]).await?.into_iter().next();
    Ok(Answer(wire(found.ok_or(access::Error::NotFound)?)))
}

pub(crate) async fn release(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(object): Path<String>,
    Json(body): Json<Release>,
) -> Result<Response, Failure> {
    let object: ObjectId = id(&object)?;
    let recipient = seal::keyfile::read_public(body.recipient.as_bytes()).map_err(|e| Error::Value {
        field: "recipient's key",
        why: e.to_string(),
        how: e.hint(),
    })?;
    let to = RecipientId::of_key(&Sha256(sha2::Sha256::digest(recipient.as_bytes()).into()));
    let ask = Ask::<ObjectThing>::new(Action::DownloadObject, [object.clone()])
        .about([to.to_string()])
        .because(Some(Sensitive::new(body.reason)));
    let permit: Permit<ReleaseVerb, ObjectThing> = site.access.decide(&caller, ask.clone()).await?;
    let addressed = site.archive.address(&permit, &object, &recipient).await?;
    let length = addressed.length;
    let (first, reader) = begin(&site, addressed.bytes).await?;
    let stream = Stream { site, caller, ask, permit, first, reader, sent: 0 };
    let mut response = Response::builder()
        .header("content-type", "application/octet-stream")
        .header("content-length", length)
        .body(stream.into_body())
        .unwrap_or_else(|_| Failure::from(Error::Ended).into_response());
    response.extensions_mut().insert(Later);
    Ok(response)
}

/// Reads the first chunk before anything is answered: damage there is a refusal with its reason, and no
/// download that breaks off.
async fn begin<R: Read + Send + 'static>(site: &Site, mut reader: R) -> Result<(Bytes, R), Failure> {
    let read = tokio::task::spawn_blocking(move || chunk(&mut reader).map(|first| (first, reader)));
    match read.await {
        Ok(Ok(begun)) => Ok(begun),
        Ok(Err(error)) => {
            site.archive.settle_suspects().await?;
            Err(archive::Error::from(error).into())
        }
        Err(_) => Err(Error::Ended.into()),
    }
}

/// The next [`CHUNK`], whole unless it is the last; none at the end.
fn chunk(reader: &mut impl Read) -> io::Result<Bytes> {
    let mut chunk = BytesMut::zeroed(CHUNK);
    let mut length = 0;
    while let Some(free) = chunk.get_mut(length..).filter(|free| !free.is_empty()) {
        match reader.read(free)? {
            0 => break,
            read => length = length.saturating_add(read),
        }
    }
    chunk.truncate(length);
    Ok(chunk.freeze())
}

/// A release on its way out. Its outcome, with the bytes that left, is recorded when it ends.
struct Stream<R> {
    site: Site,
    caller: Caller,
    ask: Ask<ObjectThing>,
    permit: Permit<ReleaseVerb, ObjectThing>,
    first: Bytes,
    reader: R,
    sent: u64,
}

impl<R: Read + Send + 'static> Stream<R> {
    fn into_body(mut self) -> Body {
        let handle = Handle::current();
        let used = self.site.in_use();
        streamed(move |outlet| {
            let (code, ended) = match self.send(&handle, outlet) {
                Ok(()) => (None, Ok(())),
                Err(error) => {
                    let cut = io::Error::from(error.kind());
                    (Some(code_of(error)), Err(cut))
                }
            };
            let outcome = Ended { code, released: Some(self.sent), made: &[] };
            // What was found damaged is in quarantine before anybody asks again.
            let _ = handle.block_on(self.site.archive.settle_suspects());
            // The bytes have left; if this cannot be recorded, the decision is closed as unknown
            // at the next start, and nothing else can be decided until then.
            let _ = handle.block_on(self.site.access.close(&self.caller, outcome));
            drop(used);
            ended
        })
    }

    /// Asks again before the permit ends, so that a revoked right stops a download, also one that its reader draws out.
    fn send(&mut self, handle: &Handle, outlet: &Outlet) -> io::Result<()> {
        let mut next = std::mem::take(&mut self.first);
        while !next.is_empty() {
            let length = next.len();
            outlet.push(next, &mut || {
                if self.permit.is_due() {
                    let again = self.site.access.decide(&self.caller, self.ask.clone());
                    match handle.block_on(again) {
                        Ok(permit) => self.permit = permit,
                        // What cannot be decided now is asked again while the permit lasts.
                        Err(error) if error.kind() == Kind::Unavailable && self.permit.live().is_ok() => {}
                        Err(error) => return Err(io::Error::other(error)),
                    }
                }
                Ok(())
            })?;
            self.sent = self.sent.saturating_add(length as u64);
            next = chunk(&mut self.reader)?;
        }
        Ok(())
    }
}

fn code_of(error: io::Error) -> &'static str {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<access::Error>()) {
        Some(refused) => refused.code(),
        None if error.kind() == io::ErrorKind::BrokenPipe => Error::Gone.code(),
        None => archive::Error::from(error).code(),
    }
}

pub(crate) fn wire(object: archive::Object) -> Object {
    Object {
        id: object.id,
        version: object.version,
        kind: object.kind,
        form: match object.form {
            archive::Form::Crypt4gh => "crypt4gh".to_owned(),
            archive::Form::Parquet => "parquet".to_owned(),
        },
        subject: object.subject,
        plain_bytes: object.plain_length,
        stored_bytes: object.cipher_length,
        root: object.root,
        position: object.position,
        created_at: object.created_at,
        kept_until: object.kept_until.map(|until| until.to_string()),
        held: object.held,
        quarantined: object.quarantined,
        deleted_at: object.deleted_at,
    }
}
