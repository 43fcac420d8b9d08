//! Makes a site.

use crate::error::Error;
use crate::layout::{Layout, Settings};
use crate::open::{self, VERSION};
use access::{Access, OneTimeToken};
use anyhow::{Context, Result};
use audit::{Actor, Audit, Event, What};
use base::{Clock, Entropy, Id, SiteId};
use keys::safe::Ready;
use keys::{Credential, Keys, Plan, Reach, Share, SiteSecrets};
use ledger::storage::Disk;
use ledger::{Ledger, SigningKey};
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

/// What making a site gives.
pub struct Made {
    /// The site's settings.
    pub settings: Settings,
    /// Signs the first administrator in, once.
    pub token: OneTimeToken,
    /// What unseals the site together; none unless it was made so.
    pub shares: Vec<Share>,
}

/// What a new site is sealed under.
pub struct Under<'a> {
    /// The kind.
    pub plan: Plan,
    /// The passphrase, if it is one.
    pub credential: &'a Credential,
}

/// Makes a site in `root`, which must be absent or empty.
///
/// 1. Sealed keys, ledger, database, first account. Crash here: a folder without `site.toml`,
///    which no command opens; remove it.
/// 2. `site.toml`. From here on the site is whole.
pub async fn create(
    root: &Path,
    name: &str,
    administrator: &str,
    under: Under<'_>,
    database: Option<db::Server>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Made> {
    let site = SiteId::mint(&*entropy);
    let ledger = ledger_name(name, &site)?;
    let reach = Reach::default();
    let Ready { provider, shares } = under.plan.prepare(&site, &reach, under.credential, &*entropy)?;
    let layout = Layout::at(root)?;
    prepare(&layout)?;
    let settings = Settings::usual(site.clone(), ledger, database, reach);
    let secrets = SiteSecrets::mint(&*entropy);
    base::durable::create_once(&layout.sealed_keys(), &secrets.seal(&site, &*provider, &*entropy)?)?;
    let key = SigningKey::from_seed(&secrets.ledger)?;
    let receipts = SigningKey::from_seed(&secrets.receipts)?;
    let (name, disk) = (&settings.ledger, Arc::new(Disk));
    let ledger = Ledger::create_with(&layout.ledger(), name, key, clock.clone(), disk, Audit::options())?;
    let public = receipt::SitePublic {
        site: site.clone(),
        ledger: ledger.verifier().clone(),
        receipts: receipts.verifier(&settings.ledger)?,
    };
    let audit = Audit::new(ledger);
    let db = open::database(&layout, &settings, &secrets).await?;
    if settings.database.is_none() {
        // The folder is closed to others already; the file is too, wherever it may be copied.
        fs::set_permissions(layout.database(), PermissionsExt::from_mode(0o600))?;
    }
    let created = What::SiteCreated { program: VERSION.to_owned() };
    let position = audit.gate(&Event::new(Actor::Site(site.clone()), created)).await?.position;
    let policies = policy::Policies::shipped()?;
    let access = Access::new(db.clone(), audit.clone(), policies, clock, entropy.clone());
    let keys = Keys::open(db.clone(), secrets.roots, under.plan.custody(), entropy).await?;
    let tx = db.begin(position).await?;
    keys.create_site_key(&tx).await?;
    keys.create_column_key(&tx).await?;
    keys.create_map_key(&tx).await?;
    let (_, token) = access.create_first_account(&tx, administrator).await?;
    tx.commit().await?;
    db.close().await?;
    audit.ledger().close()?;
    base::durable::create_once(&layout.public_keys(), public.to_string().as_bytes())?;
    let text = toml::to_string(&settings).context("site.toml cannot be written")?;
    base::durable::create_once(&layout.settings_file(), text.as_bytes())?;
    Ok(Made { settings, token, shares })
}

fn prepare(layout: &Layout) -> Result<()> {
    let root = layout.root();
    if fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::NotEmpty(root.to_owned()).into());
    }
    let folder = |path: &Path| {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::unusable(path))
    };
    folder(root)?;
    fs::set_permissions(root, PermissionsExt::from_mode(0o700)).map_err(Error::unusable(root))?;
    for part in [layout.sealed_keys().parent(), Some(&layout.run())].into_iter().flatten() {
        folder(part)?;
    }
    Ok(())
}

/// The origin line of the site's checkpoints: a name without a scheme, as signed notes have it.
/// The random part keeps two sites with one name apart.
fn ledger_name(name: &str, site: &SiteId) -> Result<String> {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-./".contains(&b);
    let ends = |c: char| c == '/' || c == '.' || c == '-';
    if name.is_empty()
        || name.len() > 60
        || !name.bytes().all(word)
        || name.starts_with(ends)
        || name.ends_with(ends)
    {
        return Err(Error::LedgerName(name.to_owned()).into());
    }
    Ok(format!("{name}/{site}"))
}
