//! Where a site's bodies lie: its own folder, or a bucket.

use crate::error::Error;
use crate::layout::{ArchiveSettings, Layout};
use anyhow::{Context, Result};
use archive::store::{Flag, Local, S3, Store};
use base::{Clock, Entropy, SiteId};
use bucket::{Bucket, Credentials, Settings, credentials};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

/// The file in the folder of objects that says which bucket they are in.
const ELSEWHERE: &str = "bucket";

/// The store of `site`. A bucket is tried before anything is put there. A site whose bodies lie in one place does
/// not open with another: everything would look lost.
///
/// 1. The bucket is tried, and cleared of uploads that a crash cut off. Crash here: the bucket holds nothing of
///    the site; the next start does the same.
/// 2. Its name is kept in the folder of objects, durably, before the first body is put. Crash before: as above.
///    Crash while: the name is there, whole, or absent, and then so is every body. From here on no other place is
///    taken.
pub async fn open(
    layout: &Layout,
    settings: &ArchiveSettings,
    site: &SiteId,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Arc<dyn Store>> {
    let elsewhere = elsewhere(layout)?;
    let Some(s3) = &settings.s3 else {
        return match elsewhere {
            Some(name) => Err(Error::InBucket(name).into()),
            None => local(layout, settings, site, clock),
        };
    };
    if settings.immutable {
        return Err(Error::TwoLocks.into());
    }
    if let Some(here) = elsewhere.as_ref().filter(|here| **here != s3.bucket) {
        return Err(Error::OtherBucket { here: here.clone(), named: s3.bucket.clone() }.into());
    }
    if elsewhere.is_none() && has_bodies(layout, clock.clone())? {
        return Err(Error::InFolder(s3.bucket.clone()).into());
    }
    let (bucket, site) = (bucket(s3, clock.clone())?, site.clone());
    let store = tokio::task::spawn_blocking(move || S3::open(bucket, &site, clock, &*entropy)).await?;
    let store = store.map_err(archive::Error::from)?;
    if elsewhere.is_none() {
        base::durable::create_once(&layout.objects().join(ELSEWHERE), s3.bucket.as_bytes())
            .context("cannot keep which bucket the bodies are in")?;
    }
    Ok(Arc::new(store))
}

/// The bucket of these settings, asked by whom they name.
pub fn bucket(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Bucket, archive::Error> {
    let path = match &settings.credentials {
        Some(path) => path.clone(),
        None => given().ok_or_else(|| {
            bucket::Error::Settings("it names no `credentials`, and systemd gave none".to_owned())
        })?,
    };
    Ok(Bucket::new(settings, Credentials::read(&path)?, clock)?)
}

/// The credential that systemd gave this unit.
fn given() -> Option<PathBuf> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty())?;
    Some(PathBuf::from(folder).join(credentials::CREDENTIAL))
}

fn local(
    layout: &Layout,
    settings: &ArchiveSettings,
    site: &SiteId,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn Store>> {
    let flag = if settings.immutable { Flag::On } else { Flag::Off };
    let store = Local::open(&layout.objects(), clock, flag).context(match flag {
        Flag::On => "cannot use the folder of objects, or not set its files immutable; see `doctor`",
        Flag::Off => "cannot use the folder of objects",
    })?;
    Ok(Arc::new(store.of(site)))
}

fn elsewhere(layout: &Layout) -> Result<Option<String>> {
    match std::fs::read_to_string(layout.objects().join(ELSEWHERE)) {
        Ok(name) => Ok(Some(name)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context("cannot read which bucket the bodies are in"),
    }
}

fn has_bodies(layout: &Layout, clock: Arc<dyn Clock>) -> Result<bool> {
    let folder =
        Local::open(&layout.objects(), clock, Flag::Off).context("cannot use the folder of objects")?;
    Ok(!folder.names().context("cannot read the folder of objects")?.is_empty())
}
