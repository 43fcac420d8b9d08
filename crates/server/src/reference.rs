//! References: begun, sent file by file, finished.

use crate::attend::{Signed, made};
use crate::body::{Json, blocking, reader};
use crate::failure::Error;
use crate::{Failure, Site};
use access::thing;
use access::verb::{Manage, View};
use access::{Action, Caller, Permit};
use api::run::{NewReference, Reference, ReferenceUpload};
use audit::Actor;
use axum::Json as Answer;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use base::{Id, RequestId};
use runs::ReferenceRole;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Uploads under way at once: each holds a mounted scratch.
const MOST_UPLOADS: usize = 4;

/// An upload that nobody went on with for this long is given up, and its scratch destroyed.
const GIVEN_UP: Duration = Duration::from_secs(30 * 60);

/// A reference on its way in: whose, since when idle, and its files.
type Upload = (Actor, Duration, runs::ReferenceUpload);

/// References on their way in, by the name of the upload. They end with the process.
#[derive(Default)]
pub struct Uploads {
    open: Mutex<BTreeMap<String, Upload>>,
}

impl Uploads {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Upload>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an upload that this caller began; whoever took it puts it back or ends it.
    fn take(&self, upload: &str, caller: &Caller) -> Result<runs::ReferenceUpload, Failure> {
        let mut open = self.lock();
        match open.remove(upload) {
            Some((actor, _, found)) if actor == *caller.actor() => Ok(found),
            Some(other) => {
                open.insert(upload.to_owned(), other);
                Err(access::Error::NotFound.into())
            }
            None => Err(access::Error::NotFound.into()),
        }
    }
}

pub(crate) async fn begin(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<NewReference>,
) -> Result<Answer<ReferenceUpload>, Failure> {
    let permit = register(&site, &caller).await?;
    let now = site.clock.monotonic();
    site.uploads.lock().retain(|_, (_, since, _)| now.saturating_sub(*since) < GIVEN_UP);
    if site.uploads.lock().len() >= MOST_UPLOADS {
        return Err(Error::TooMany.into());
    }
    let begun = site.runs.begin_reference(&permit, &body.label).await?;
    let upload = RequestId::mint(&*site.entropy).to_string();
    site.uploads.lock().insert(upload.clone(), (caller.actor().clone(), now, begun));
    Ok(Answer(ReferenceUpload { upload }))
}

pub(crate) async fn file(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path((upload, role)): Path<(String, String)>,
    request: Request,
) -> Result<Answer<u64>, Failure> {
    let _permit = register(&site, &caller).await?;
    let role = ReferenceRole::parse(&role)?;
    let mut taken = site.uploads.take(&upload, &caller)?;
    let body = reader(request.into_body());
    // An upload that fails is not put back: its scratch is destroyed.
    let (taken, bytes) = blocking(move || {
        let bytes = taken.write_file(role, body);
        (taken, bytes)
    })
    .await?;
    let bytes = bytes?;
    let now = site.clock.monotonic();
    site.uploads.lock().insert(upload, (caller.actor().clone(), now, taken));
    Ok(Answer(bytes))
}

pub(crate) async fn finish(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(upload): Path<String>,
) -> Result<Response, Failure> {
    let permit = register(&site, &caller).await?;
    let taken = site.uploads.take(&upload, &caller)?;
    let reference = taken.finish(permit, |_| ()).await?;
    let ids: Vec<String> = std::iter::once(reference.id.to_string()).collect();
    Ok(made(wire(reference), ids))
}

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Answer<Vec<Reference>>, Failure> {
    let permit: Permit<View, thing::Site> = site.permit(&caller, Action::ViewReferences, &site.id).await?;
    Ok(Answer(site.catalog.references(&permit).await?.into_iter().map(wire).collect()))
}

async fn register(site: &Site, caller: &Caller) -> Result<Permit<Manage, thing::Site>, Failure> {
    Ok(site.permit(caller, Action::RegisterReference, &site.id).await?)
}

fn wire(reference: catalog::Reference) -> Reference {
    Reference {
        id: reference.id,
        label: reference.label,
        created_at: reference.created_at,
        files: reference.files.into_iter().map(|file| (file.role, file.object)).collect(),
    }
}
