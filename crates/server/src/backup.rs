//! Backups: a step of making one, a step of checking one.

use crate::attend::Signed;
use crate::body::Json;
use crate::failure::Error;
use crate::{Failure, Site};
use access::thing::Site as SiteThing;
use access::verb::Manage;
use access::{Action, Permit};
use api::backup::{Create, Created, Verified, Verify, Version};
use axum::Json as Answer;
use axum::extract::State;
use backup::Wanted;
use backup::place::Identity;
use std::path::PathBuf;

/// Days of an epoch: a year ten times over is no short life for a key.
const DAYS: std::ops::RangeInclusive<u32> = 1..=3_660;

pub(crate) async fn create(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Create>,
) -> Result<Answer<Created>, Failure> {
    if !DAYS.contains(&body.days) {
        let why = format!("it is not between {} and {}", DAYS.start(), DAYS.end());
        let how = Some("30 is usual: each backup then opens for 20 days at least".to_owned());
        return Err(Error::Value { field: "number of days", why, how }.into());
    }
    let wanted = Wanted {
        to: folder(body.folder)?,
        recovery: folder(body.recovery)?,
        days: body.days,
        from: body.from,
        meant: [body.folder_is, body.recovery_is].map(identity),
    };
    let turn = site.backup.turn().await;
    let permit: Permit<Manage, SiteThing> = site.permit(&caller, Action::MakeBackup, &site.id).await?;
    let step = site.backup.create(&permit, &wanted, &turn).await?;
    Ok(Answer(Created {
        set: step.set,
        next: step.next,
        objects: step.objects,
        copied: step.copied,
        bytes: step.bytes,
        recovery: step.recovery.0.display().to_string(),
        expires: step.recovery.1.to_string(),
        days: step.days,
        damaged: step.damaged.into_iter().map(version).collect(),
        done: step.done.is_some(),
        absent: step.done.into_iter().flatten().map(version).collect(),
    }))
}

pub(crate) async fn verify(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Verify>,
) -> Result<Answer<Verified>, Failure> {
    let (at, meant) = (folder(body.folder)?, identity(body.folder_is));
    let turn = site.backup.turn().await;
    let permit: Permit<Manage, SiteThing> = site.permit(&caller, Action::MakeBackup, &site.id).await?;
    let step = site.backup.verify(&permit, (&at, meant), body.set, body.from, &turn).await?;
    Ok(Answer(Verified {
        set: step.set,
        next: step.next,
        objects: step.objects,
        compared: step.compared,
        bytes: step.bytes,
        findings: step.findings,
    }))
}

fn folder(text: String) -> Result<PathBuf, Failure> {
    let path = PathBuf::from(text);
    if path.is_absolute() {
        return Ok(path);
    }
    let (why, how) = ("it is not an absolute path".to_owned(), Some("begin it with `/`".to_owned()));
    Err(Error::Value { field: "folder", why, how }.into())
}

fn identity(said: Option<api::backup::Identity>) -> Option<Identity> {
    said.map(|said| Identity { device: said.device, inode: said.inode })
}

fn version(absent: backup::set::Absent) -> Version {
    Version { object: absent.object, version: absent.version }
}
