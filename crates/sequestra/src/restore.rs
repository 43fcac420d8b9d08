//! Puts a site back from a backup: the second exception to "nothing without a permit", after unsealing. There
//! is no account yet that could be asked, and whoever holds the backup, the recovery file and what unseals
//! the site could read everything by other means. What it leaves is a record, before anything opens.

use crate::error::Error;
use crate::layout::{self, Layout, Settings, Witnessing};
use crate::open::{MIGRATIONS, Seen, access};
use crate::store;
use anyhow::{Context, Result, bail};
use audit::Audit;
use backup::{Place, Recovery, Set, Tombs, restore};
use base::{Clock, Entropy};
use cli::{RestoreArgs, RestoredSite};
use db::{Db, DbKey};
use keys::restored::PeopleOf;
use keys::{Credential, Custody, Provider, Reach, Safe, SiteSecrets};
use ledger::storage::Disk;
use ledger::{Ledger, SigningKey};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What unseals the newest set of the backup in `folder`, or the set whose folder that is.
pub fn sealed_file(folder: &Path) -> Result<Option<Safe>> {
    let set = if folder.join("set.json").is_file() {
        folder.to_owned()
    } else if folder.parent().is_some_and(|sets| sets.ends_with("sets")) {
        return Err(backup::Error::NoSet.into());
    } else if !folder.join("site.toml").is_file() {
        // A backup, or nothing: then this says so.
        let place = Place::open(folder)?;
        place.set(place.sets()?.last().copied().ok_or(backup::Error::NoSet)?)
    } else {
        return Ok(None);
    };
    // What lies beside it is not believed: who can write the backup could name a library there.
    Ok(Some(Safe::new(set.join("site.sealed"), Reach::default())))
}

fn settings_of(set: &Set) -> Result<Settings> {
    let text = String::from_utf8(set.read_file("site.toml")?).unwrap_or_default();
    Ok(layout::settings(&set.path("site.toml"), &text)?)
}

/// Restores.
///
/// INVARIANT (vouched): until the ledger, signed by the key that was unsealed, has vouched for the set, nothing
/// that lies in the backup is acted on: no address, no library, no bucket of its `site.toml`.
///
/// 1. Everything that opens the set is checked. Crash here: nothing was written.
/// 2. The ledger, which vouches for the set. Crash here: it is written anew.
/// 3. Tools and bodies. Crash here: asked again, it goes on.
/// 4. Database and keys. Crash here: they are written anew.
/// 5. The restore is recorded, then what must not come back is taken away. Crash here: as 4.
/// 6. The token is handed over by `hand`. Crash here: as 4, with another token.
/// 7. `site.toml`: the site is whole.
pub async fn restore(
    args: &RestoreArgs,
    credential: &Credential,
    (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>),
    say: &mut dyn FnMut(u64, u64),
    hand: &mut dyn FnMut(&RestoredSite) -> Result<()>,
) -> Result<()> {
    let place = Place::open(&args.folder)?;
    let set = Set::read(&place, args.set)?;
    for stated in &set.head.files {
        set.check(&stated.name)?;
    }
    restore::still_opens(&set, clock.now())?;
    let (mut secrets, provider) = unseal(args, &set, credential)?;
    let said = settings_of(&set)?;
    if said.site != *place.site() {
        bail!("the sealed keys of the set are those of another site");
    }
    let by = Recovery::read(&args.recovery)?.open(&said.site, set.head.epoch, &secrets.roots)?;
    let key = restore::key_of(&set, &by)?;
    let layout = Layout::at(&restore::claim(&args.site, &set)?)?;
    let (audit, tombs) = vouched(args, &place, &set, &secrets, &said.ledger, &layout, &clock)?;
    // From here on the set's own words count.
    let (settings, instead) = if args.rehearse { alone(said)? } else { in_a_file(said)? };
    let from = place.store(clock.clone())?;
    let to = store::open(&layout, &settings.archive, &settings.site, clock.clone(), entropy.clone()).await?;
    // The folder is new, or this restore's own: it is marked as the site's before the first body.
    to.claim().map_err(archive::Error::from)?;
    let (total, mut done) = (set.head.bytes, 0u64);
    let missing = restore::put_back(&place, &set, layout.root(), &from, &*to, &mut |bytes| {
        done = done.saturating_add(bytes);
        say(done, total);
    })?;
    restore::put_back_database(&set, &key, layout.root())?;
    // Sealed anew, as a branch: no file that the lost site wrote opens this one.
    secrets.branch_off(&*entropy);
    let safe = Safe::new(layout.sealed_keys(), Reach::default());
    secrets.sealings = safe.replace(&settings.site, &secrets, &*provider, &*entropy)?.0;
    let rooms = (audit, layout.database(), clock, entropy);
    let restored = settle(args, &set, &tombs, &secrets, rooms).await?;
    hand(&RestoredSite {
        site: settings.site,
        folder: layout.root().to_owned(),
        set: set.head.set,
        made: set.head.made.to_string(),
        shredded: restored.shredded,
        deleted: restored.deleted,
        holds: restored.holds,
        roles: restored.roles,
        consents: restored.consents,
        policies: restored.policies,
        lost: restored.lost,
        missing,
        administrator: args.administrator.clone(),
        token: restored.token.expose().to_owned(),
    })?;
    Ok(restore::open_for_business(&set, layout.root(), instead.as_deref())?)
}

/// The settings of a site that was on a server: what is restored is in a file, and the server's database, which
/// may be there still and knows more or less, is left alone.
fn in_a_file(said: Settings) -> Result<(Settings, Option<String>)> {
    if said.database.is_none() {
        return Ok((said, None));
    }
    let own = Settings { database: None, ..said };
    let text = toml::to_string(&own).context("site.toml cannot be written")?;
    Ok((own, Some(text)))
}

/// The site's secrets. How a token or a key service is reached, the operator says: a library would be run and an
/// address be given the credential before anything is known of who wrote them.
fn unseal(
    args: &RestoreArgs,
    set: &Set,
    credential: &Credential,
) -> Result<(SiteSecrets, Box<dyn Provider>)> {
    let reach = match &args.settings {
        Some(path) => {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|source| Error::Unread { path: path.clone(), source })?;
            layout::settings(path, &text)?.keys
        }
        None => Reach::default(),
    };
    let safe = Safe::new(set.path("site.sealed"), reach);
    if args.settings.is_none() && matches!(safe.file()?.custody(), Custody::Token | Custody::Service) {
        return Err(backup::Error::Reach.into());
    }
    let (sealed, secrets, provider) = safe.unseal(credential)?;
    if *sealed.site() != set.head.site {
        bail!("the sealed keys of the set are those of another site");
    }
    Ok((secrets, provider))
}

/// The ledger in its place, and what it says, once it vouches for the set.
fn vouched(
    args: &RestoreArgs,
    place: &Place,
    set: &Set,
    secrets: &SiteSecrets,
    name: &str,
    layout: &Layout,
    clock: &Arc<dyn Clock>,
) -> Result<(Audit, Tombs)> {
    let signing = SigningKey::from_seed(&secrets.ledger)?;
    let verifier = signing.verifier(name)?;
    restore::put_back_ledger(place, args.ledger.as_deref(), &verifier, &layout.ledger())?;
    let (disk, options) = (Arc::new(Disk), Audit::options());
    let ledger = Ledger::open_with(&layout.ledger(), signing, clock.clone(), disk, options)?;
    let audit = Audit::new(ledger);
    restore::goes_on(place, &audit)?;
    let tombs = restore::vouched(set, &audit)?;
    Ok((audit, tombs))
}

/// The settings of a rehearsal: a site that knows no witness, no replica, no listener, no database server and no bucket. One that
/// did would speak to them in the live site's name.
fn alone(mut settings: Settings) -> Result<(Settings, Option<String>)> {
    settings.witness.clear();
    settings.witnessing = Witnessing::default();
    settings.replica.clear();
    settings.alarm.clear();
    settings.notify.clear();
    settings.audit.stream.clear();
    settings.archive.s3 = None;
    settings.database = None;
    settings.archive.immutable = false;
    let text = toml::to_string(&settings).context("the settings of a rehearsal cannot be written")?;
    Ok((settings, Some(text)))
}

type Rooms = (Audit, PathBuf, Arc<dyn Clock>, Arc<dyn Entropy>);

async fn settle(
    args: &RestoreArgs,
    set: &Set,
    tombs: &Tombs,
    secrets: &SiteSecrets,
    (audit, database, clock, entropy): Rooms,
) -> Result<restore::Restored> {
    let db = Db::open(&database, &DbKey::new(*secrets.database), MIGRATIONS).await?;
    let seen = Seen::on_record(&audit, &set.head.site, None)?;
    let access = access(&db, &audit, Default::default(), &clock, &entropy, seen).await?;
    let facts = (args.ledger.is_some(), secrets.sealings);
    let now = access.clock().now();
    let rest: &restore::Rest =
        &move |tx| Box::pin(async move { sharing::restored::ask_again(tx, now).await.map(drop) });
    let people: &PeopleOf = &|tx, project| Box::pin(catalog::people_of(&**tx, project));
    let (rooms, others) = ((&audit, &db, &access), restore::Others { people, rest });
    let settled = restore::settle(set, tombs, facts, &args.administrator, rooms, others).await;
    db.close().await?;
    audit.ledger().close()?;
    Ok(settled?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Id, SiteId};

    #[test]
    fn a_rehearsal_knows_nobody_outside() {
        let site = SiteId::mint(&base::SystemEntropy);
        let text = r#"
            ledger = "example/site"
            [[witness]]
            url = "https://witness.example:1"
            key = "k"
            [witnessing]
            silence = "stop"
            [archive]
            immutable = true
        "#;
        let mut settings: Settings = toml::from_str(&format!("site = \"{site}\"\n{text}")).unwrap();
        settings.archive.scrub_days = Some(3);
        let (_, text) = alone(settings).unwrap();
        let again: Settings = toml::from_str(&text.unwrap()).unwrap();
        assert!(again.witness.is_empty() && again.witnessing == Witnessing::default());
        assert!(!again.archive.immutable && again.archive.scrub_days == Some(3));
    }
}
