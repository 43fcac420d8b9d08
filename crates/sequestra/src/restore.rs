//! Puts a site back from a backup: the second exception to "nothing without a permit", after unsealing. There
//! is no account yet that could be asked, and whoever holds the backup, the recovery file and what unseals
//! the site could read everything by other means. What it leaves is a record, before anything opens.

use crate::layout::{Layout, Settings};
use crate::open::{MIGRATIONS, access};
use crate::store;
use anyhow::{Context, Result, bail};
use audit::Audit;
use backup::{Place, Recovery, Set, restore};
use base::{Clock, Entropy};
use cli::{RestoreArgs, RestoredSite};
use db::{Db, DbKey};
use keys::{Credential, Safe, SiteSecrets};
use ledger::storage::Disk;
use ledger::{Ledger, SigningKey};
use std::path::Path;
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
    Ok(Some(Safe::new(set.join("site.sealed"), settings(&set.join("site.toml"))?.keys)))
}

fn settings(path: &Path) -> Result<Settings> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    toml::from_str(&text).with_context(|| format!("`{}` is not valid", path.display()))
}

/// Restores.
///
/// 1. Everything that opens the set is checked. Crash here: nothing was written.
/// 2. Tools and bodies. Crash here: asked again, it goes on.
/// 3. Ledger, database, keys. Crash here: they are written anew.
/// 4. The restore is recorded, then what must not come back is taken away. Crash here: as 3.
/// 5. `site.toml`: the site is whole.
pub async fn restore(
    args: &RestoreArgs,
    credential: &Credential,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    say: &mut dyn FnMut(u64, u64),
) -> Result<RestoredSite> {
    let place = Place::open(&args.folder)?;
    let set = Set::read(&place, args.set)?;
    for stated in &set.head.files {
        set.check(&stated.name)?;
    }
    restore::still_opens(&set, clock.now())?;
    let settings = settings(&set.path("site.toml"))?;
    let (sealed, secrets, _) =
        Safe::new(set.path("site.sealed"), settings.keys.clone()).unseal(credential)?;
    if *sealed.site() != settings.site || settings.site != *place.site() {
        bail!("the sealed keys of the set are those of another site");
    }
    let by = Recovery::read(&args.recovery)?.open(&settings.site, set.head.epoch, &secrets.roots)?;
    let key = restore::key_of(&set, &by)?;
    restore::claim(&args.site, &set)?;
    let layout = Layout::at(&args.site)?;
    let from = place.store(clock.clone())?;
    let to = store::open(&layout, &settings.archive, &settings.site, clock.clone(), entropy.clone()).await?;
    let (total, mut done) = (set.head.bytes, 0u64);
    let missing = restore::put_back(&place, &set, layout.root(), &from, &*to, &mut |bytes| {
        done = done.saturating_add(bytes);
        say(done, total);
    })?;
    let signing = SigningKey::from_seed(&secrets.ledger)?;
    let verifier = signing.verifier(&settings.ledger)?;
    restore::put_back_ledger(&place, args.ledger.as_deref(), &verifier, &layout.ledger())?;
    restore::put_back_database(&set, &key, layout.root())?;
    let restored = settle(args, &place, &set, &secrets, signing, &layout, (clock, entropy)).await?;
    restore::open_for_business(&set, layout.root())?;
    Ok(RestoredSite {
        site: settings.site,
        folder: layout.root().to_owned(),
        set: set.head.set,
        made: set.head.made.to_string(),
        shredded: restored.shredded,
        deleted: restored.deleted,
        holds: restored.holds,
        roles: restored.roles,
        lost: restored.lost,
        missing,
        administrator: args.administrator.clone(),
        token: restored.token.expose().to_owned(),
    })
}

async fn settle(
    args: &RestoreArgs,
    place: &Place,
    set: &Set,
    secrets: &SiteSecrets,
    signing: SigningKey,
    layout: &Layout,
    (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>),
) -> Result<restore::Restored> {
    let (disk, options) = (Arc::new(Disk), Audit::options());
    let ledger = Ledger::open_with(&layout.ledger(), signing, clock.clone(), disk, options)?;
    let audit = Audit::new(ledger);
    restore::goes_on(place, &audit)?;
    let db = Db::open(&layout.database(), &DbKey::new(*secrets.database), MIGRATIONS).await?;
    let access = access(&db, &audit, &clock, &entropy)?;
    let facts = (args.ledger.is_some(), secrets.sealings);
    let settled = restore::settle(set, facts, &args.administrator, (&audit, &db, &access)).await;
    db.close().await?;
    audit.ledger().close()?;
    Ok(settled?)
}
