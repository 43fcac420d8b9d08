//! Moves a locked site's metadata between a file and a server.

use crate::layout::{Layout, Settings};
use crate::open;
use anyhow::{Context, Result};
use audit::{Actor, Event, What};
use base::Clock;
use cli::{Left, MovedDatabase};
use db::{Db, Error, Server};
use keys::Credential;
use ledger::SigningKey;
use ledger::reserve::Reserved;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

/// Moves it.
///
/// 1. The ledger is opened, which takes its lock: no process has the site. The old database is opened and
///    compared with it, as at a start. Crash here: nothing changed.
/// 2. The rows go into the new one, in one transaction that is read back. Crash here: a copy that
///    no settings name; it has to be emptied before this is asked for again.
/// 3. The move is recorded, and the settings name the new place. From here on the site is there.
/// 4. The old database is removed. Crash here: it stays, and nothing reads it; remove it by hand. The site has moved
///    whether or not that succeeds, so a failure is told and not returned.
pub async fn database(
    site: &Path,
    to: Option<Server>,
    credential: &Credential,
    clock: Arc<dyn Clock>,
) -> Result<MovedDatabase> {
    let layout = Layout::at(site)?;
    let old = layout.settings()?;
    let new = Settings { database: to, ..old.clone() };
    refuse_same(&old, &new)?;
    let (_, _, secrets) = open::unseal(&layout, &old, credential)?;
    let key = SigningKey::from_seed(&secrets.ledger)?;
    let reserved = Reserved::open(&layout.ledger(), open::mib(old.room.reserve_mib))?;
    // With its witnesses and replicas: a ledger that was put back must not grow.
    let (audit, ..) = open::open_ledger(&layout, &old, key, reserved, &clock).await?;
    let actor = Actor::Site(old.site.clone());
    let from = open::database(&layout, &old, &secrets).await?;
    open::compared(&from, &audit, &old, &secrets).await?;
    let into = open::database(&layout, &new, &secrets).await?;
    let rows = from.transfer_to(&into, &[]).await?.rows;
    if let Some(opening) = from.opening().await? {
        into.open_for_work(&opening).await?;
    }
    let place = place_of(&new);
    let kind = if new.database.is_some() { "server" } else { "file" };
    audit.gate(&Event::new(actor.clone(), What::DatabaseMoved { to: kind.to_owned(), rows })).await?;
    let watermark = into.watermark();
    into.close().await?;
    if new.database.is_none() {
        std::fs::set_permissions(layout.database(), PermissionsExt::from_mode(0o600))?;
    }
    let text = toml::to_string(&new).context("site.toml cannot be written")?;
    base::durable::replace(&layout.settings_file(), text.as_bytes())?;
    let left = remove(&layout, &old, from)
        .await
        .err()
        .map(|error| Left { place: place_of(&old), why: format!("{error:#}") });
    audit.gate(&Event::new(actor, What::SiteClosed { watermark })).await?;
    audit.ledger().close()?;
    Ok(MovedDatabase { place, rows, left })
}

fn place_of(settings: &Settings) -> String {
    match &settings.database {
        Some(server) => format!("PostgreSQL at {}", server.place().unwrap_or_default()),
        None => "a file in the site's folder".to_owned(),
    }
}

fn refuse_same(old: &Settings, new: &Settings) -> Result<(), Error> {
    match (&old.database, &new.database) {
        (None, None) => Err(Error::Setting("the database is in a file already".to_owned())),
        (Some(_), Some(_)) => {
            Err(Error::Setting("the database is on a server already: move it into a file first".to_owned()))
        }
        (_, Some(server)) => server.check(),
        _ => Ok(()),
    }
}

/// An old database would keep keys that are shredded later.
async fn remove(layout: &Layout, old: &Settings, from: Db) -> Result<()> {
    if old.database.is_some() {
        from.drop_all().await?;
        return Ok(from.close().await?);
    }
    from.close().await?;
    let file = layout.database();
    for end in ["", "-wal", "-shm"] {
        let path = file.with_file_name(format!("metadata.db{end}"));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove `{}`", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}
