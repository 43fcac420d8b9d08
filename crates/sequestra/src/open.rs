//! Unseals a site and wires its rooms together.

use crate::attest::Attest;
use crate::error::Error;
use crate::layout::{ArchiveSettings, Layout, RoomSettings, Settings};
use crate::replicas::Replicas;
use crate::store;
use crate::streams::{self, Known};
use access::Access;
use access::oidc::Provider;
use anyhow::{Context, Result};
use archive::{Archive, ArchiveParts};
use audit::{Actor, Audit, Found};
use backup::Backup;
use base::{Clock, Entropy, ForwardClock, Id, SiteId, Timestamp};
use catalog::Catalog;
use db::{Db, DbKey, Migration, Opening};
use feed::Alarms;
use keys::{Credential, Keys, Roots, Safe, SealedFile, SiteSecrets};
use ledger::reserve::{Reserve, Reserved};
use ledger::{Ledger, SigningKey};
use runs::{Runs, RunsParts};
use server::discovery::Discovery;
use server::vigil::Room;
use server::{Care, Parts, Places, Site};
use sharing::Sharing;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use subjects::{Map, Subjects};

/// The program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Every room's tables.
pub const MIGRATIONS: &[&[Migration]] = &[
    access::MIGRATIONS,
    keys::MIGRATIONS,
    archive::MIGRATIONS,
    catalog::MIGRATIONS,
    runs::MIGRATIONS,
    subjects::MIGRATIONS,
    sharing::MIGRATIONS,
];

fn care(settings: &ArchiveSettings) -> Care {
    let usual = Care::default();
    Care {
        scrub_days: settings.scrub_days.unwrap_or(usual.scrub_days),
        scrub_mib_per_second: settings.scrub_mib_per_second.unwrap_or(usual.scrub_mib_per_second),
    }
}

/// Opens the site at `layout`.
///
/// INVARIANT (first-event): unsealing gives the database's and the ledger's keys; `reconcile`
/// records the opening before any other key is used. Asking the witness before that uses the ledger's key
/// alone, for a checkpoint of what is there: a ledger that was put back must not grow.
pub async fn open(
    layout: &Layout,
    settings: Settings,
    credential: &Credential,
    alarms: Alarms,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<(Site, Attest)> {
    // Before any key is there: a cipher that gives wrong answers seals nothing.
    crypto::choose(&*clock)?;
    let (safe, sealed, secrets) = unseal(layout, &settings, credential)?;
    let (site, key) = (settings.site.clone(), SigningKey::from_seed(&secrets.ledger)?);
    let (reserved, room) = reserve(layout, &settings.room)?;
    let (audit, attest, replicas) = open_ledger(layout, &settings, key, reserved, &clock).await?;
    let (streams, told) = streams::open(layout, &settings, &audit, (&clock, &entropy))?;
    let (db, seen) = reconciled(layout, &secrets, &audit, &settings).await?;

    let access = access(&db, &audit, settings.policy.clone(), &clock, &entropy, seen).await?;
    let (access, program) = (fit(access, &settings, layout, &clock)?, own_program()?);
    let keys = keys(&db, secrets.roots, (&safe, &sealed), credential, &entropy).await?;
    let own = (clock.clone(), entropy.clone(), site.clone());
    let archive = archive(layout, &settings.archive, &db, &keys, &audit, own.clone()).await?;
    let catalog = catalog(&db, &clock, &entropy).await?;
    let runs = Runs::new(RunsParts {
        db: db.clone(),
        audit: audit.clone(),
        access: access.clone(),
        archive: archive.clone(),
        catalog: catalog.clone(),
        clock: clock.clone(),
        entropy: entropy.clone(),
        site: site.clone(),
        receipt_key: SigningKey::from_seed(&secrets.receipts)?,
        folder: layout.root().to_owned(),
        helper: program.with_file_name("sequestra-wdl"),
        settings: how_to_run(),
    });
    runs.sweep().await?;
    let (people, map) = people(layout, &db, &keys, (&audit, &access), &entropy).await?;
    join(&access, &site, (&catalog, &archive, &runs, &people), &keys).await?;
    let site = attached(Site::new(Parts {
        version: VERSION,
        replicas: replicas.start(&audit, &site, &clock),
        id: site,
        streams: streams.start(&Known::of(&people.sharing, &clock)),
        backup: backup(layout, (&db, &map), &keys, &audit, &archive, own)?,
        db,
        audit,
        access,
        keys,
        safe,
        archive,
        catalog,
        subjects: people.subjects,
        sharing: people.sharing,
        map,
        runs,
        program,
        witnessed: attest.shown(),
        notify: told.start(),
        alarms,
        room,
        uploads: server::Uploads::default(),
        clock,
        entropy,
        idle_minutes: settings.idle_minutes,
        care: care(&settings.archive),
        discovery: Discovery::open(settings.discovery, &layout.discovery()),
        clock_corrected: settings.clock_corrected,
    }));
    Ok((site, attest))
}

/// What is kept back for the site's end, and the room on its disks.
fn reserve(layout: &Layout, settings: &RoomSettings) -> Result<(Reserved, Room)> {
    let reserved = Reserved::open(&layout.ledger(), mib(settings.reserve_mib))?;
    let room = room(layout, settings, reserved.watch());
    Ok((reserved, room))
}

/// The site, with what follows its runs.
fn attached(site: Site) -> Site {
    site.runs.attach(Arc::new(site.clone()));
    site
}

/// The keys, and what is asked again while they are open.
async fn keys(
    db: &Db,
    roots: Roots,
    (safe, sealed): (&Safe, &SealedFile),
    credential: &Credential,
    entropy: &Arc<dyn Entropy>,
) -> Result<Keys> {
    let keys = Keys::open(db.clone(), roots, sealed.custody(), entropy.clone()).await?;
    keys.set_asked(safe.asked(credential)?);
    // Nothing that names people is read or written before.
    keys.open_columns().await?;
    Ok(keys)
}

fn backup(
    layout: &Layout,
    (db, map): (&Db, &Map),
    keys: &Keys,
    audit: &Audit,
    archive: &Archive,
    (clock, entropy, site): (Arc<dyn Clock>, Arc<dyn Entropy>, SiteId),
) -> Result<Backup, backup::Error> {
    let (folder, archive) = (layout.root().to_owned(), archive.clone());
    let (db, keys, audit, program) = (db.clone(), keys.clone(), audit.clone(), VERSION);
    let map = map.file().clone();
    Backup::new(backup::Parts { site, folder, db, map, audit, keys, archive, clock, entropy, program })
}

async fn archive(
    layout: &Layout,
    settings: &ArchiveSettings,
    db: &Db,
    keys: &Keys,
    audit: &Audit,
    (clock, entropy, site): (Arc<dyn Clock>, Arc<dyn Entropy>, SiteId),
) -> Result<Archive> {
    let store = store::open(layout, settings, &site, clock.clone(), entropy.clone()).await?;
    let (db, keys, audit) = (db.clone(), keys.clone(), audit.clone());
    // What a crash left is put in order while the site is open: `server::care`.
    let archive = Archive::new(ArchiveParts { store, db, keys, audit, clock, entropy, site });
    archive.claim().await?;
    Ok(archive)
}

/// The database, compared with the ledger; the opening is on record. And the times that were on record before.
async fn reconciled(
    layout: &Layout,
    secrets: &SiteSecrets,
    audit: &Audit,
    settings: &Settings,
) -> Result<(Db, Seen)> {
    let seen = Seen::on_record(audit, &settings.site, settings.clock_corrected)?;
    let db = database(layout, settings, secrets).await?;
    compared(&db, audit, settings, secrets).await?;
    Ok((db, seen))
}

/// The database, compared with the ledger; the opening on record, and known to both.
pub async fn compared(db: &Db, audit: &Audit, settings: &Settings, secrets: &SiteSecrets) -> Result<()> {
    let found = Found { watermark: db.watermark(), sealing: Some(secrets.sealings) };
    same_ledger(db, audit).await?;
    let opening = audit.reconcile(&Actor::Site(settings.site.clone()), VERSION, found).await?;
    // INVARIANT (one-folder): the database knows of this opening before anything is decided, so that a copy of the
    // folder whose ledger lacks it is refused, and with it a second record of what one database's site does.
    Ok(db.open_for_work(&state(audit, opening.saturating_add(1))?).await?)
}

/// A ledger that lacks the opening that the database knows, or has another event in its place, is not the one that
/// the database follows: that of an older copy of the folder, or of one that went on by itself.
async fn same_ledger(db: &Db, audit: &Audit) -> Result<()> {
    let Some(known) = db.opening().await? else { return Ok(()) };
    let same = audit.ledger().size() >= known.size && state(audit, known.size)? == known;
    if same { Ok(()) } else { Err(audit::Error::LedgerRolledBack(known.size.saturating_sub(1)).into()) }
}

fn state(audit: &Audit, size: u64) -> Result<Opening> {
    let root = base::Sha256(audit.ledger().root(size)?.0).to_string();
    Ok(Opening { size, root })
}

/// The metadata database, where the settings say that it is.
pub async fn database(layout: &Layout, settings: &Settings, secrets: &SiteSecrets) -> Result<Db> {
    let key = DbKey::new(*secrets.database);
    let Some(server) = &settings.database else {
        return Ok(Db::open(&layout.database(), &key, MIGRATIONS).await?);
    };
    db::refuse_environment(|name| std::env::var_os(name).is_some())?;
    let db = Db::connect(server, settings.site.as_str(), MIGRATIONS).await?;
    db.attach_copies(key, MIGRATIONS);
    Ok(db)
}

/// The catalog, with every value that names people sealed.
async fn catalog(db: &Db, clock: &Arc<dyn Clock>, entropy: &Arc<dyn Entropy>) -> Result<Catalog> {
    let catalog = Catalog::new(db.clone(), clock.clone(), entropy.clone());
    catalog.seal_rows().await?;
    Ok(catalog)
}

fn places(
    site: &SiteId,
    (catalog, archive, runs, people): (&Catalog, &Archive, &Runs, &People),
    clock: &Arc<dyn Clock>,
) -> Places {
    Places {
        sharing: people.sharing.clone(),
        site: site.clone(),
        catalog: catalog.clone(),
        archive: archive.clone(),
        runs: runs.clone(),
        subjects: people.subjects.clone(),
        clock: clock.clone(),
    }
}

fn own_program() -> Result<PathBuf> {
    std::env::current_exe().context("cannot find this program's own file")
}

/// What people agreed to, and what projects let each other use on the strength of it.
struct People {
    subjects: Subjects,
    sharing: Sharing,
}

/// What people agreed to, and who they are: a map that is gone or older than the database knows refuses the start.
async fn people(
    layout: &Layout,
    db: &Db,
    keys: &Keys,
    (audit, access): (&Audit, &Access),
    entropy: &Arc<dyn Entropy>,
) -> Result<(People, Map)> {
    let map = Map::open(&layout.identities(), db, keys, audit, entropy).await?;
    let subjects = Subjects::new(db.clone(), audit.clone(), access.clock(), entropy.clone());
    let sharing = Sharing::new(db.clone(), audit.clone(), access.clock(), entropy.clone());
    Ok((People { subjects, sharing }, map))
}

/// What decisions ask, and the site's own policies: before the first decision. And what keys ask before they are shredded.
async fn join(
    access: &Access,
    site: &SiteId,
    held: (&Catalog, &Archive, &Runs, &People),
    keys: &Keys,
) -> Result<()> {
    let places = places(site, held, &access.clock());
    access.attach(Arc::new(places), Arc::new(keys.clone()));
    access.follow_policies().await?;
    server::holds::Floors::attach(keys, held.1, held.0);
    Ok(())
}

pub async fn access(
    db: &Db,
    audit: &Audit,
    decisions: access::Settings,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
    seen: Seen,
) -> Result<Access> {
    let (decisions, policies) = (decisions.checked()?, policy::Policies::shipped()?);
    // What ended stays ended when the machine's clock is set back, also over a start.
    let forward = Arc::new(ForwardClock::new(clock.clone()));
    let access = Access::new(db.clone(), audit.clone(), policies, forward.clone(), entropy.clone());
    access.configure(decisions);
    let used = access.last_use().await?;
    for time in [seen.latest, used].into_iter().flatten() {
        forward.raise(seen.believed(time, clock.now()));
    }
    Ok(access)
}

/// The door, with sessions as short as the settings ask, the issuers that they trust, and passkeys where there are pages.
fn fit(access: Access, settings: &Settings, layout: &Layout, clock: &Arc<dyn Clock>) -> Result<Access> {
    access.limit_sessions(settings.sessions);
    access.allow_exceptions(settings.access.checked()?);
    access.trust_issuers(settings.passports.clone().checked(layout.root(), clock)?);
    if let Some(pages) = &settings.pages {
        access.use_passkeys(access::Passkeys::at(&pages.origin)?);
    }
    if let Some(provider) = provider(settings, layout, clock)? {
        access.use_provider(provider);
    }
    Ok(access)
}

/// The provider through which people sign in, if the settings name one. Its answers come back to the site's pages.
pub fn provider(
    settings: &Settings,
    layout: &Layout,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Provider>, access::Error> {
    let Some(oidc) = &settings.oidc else { return Ok(None) };
    let pages = settings.pages.as_ref();
    let pages = pages.ok_or_else(|| access::Error::Provider("it needs `[pages]`".to_owned()))?;
    // The same form as passkeys ask for: browsers go there.
    access::Passkeys::at(&pages.origin)?;
    Provider::open(oidc.clone(), &pages.origin, layout.root(), clock.clone()).map(Some)
}

/// Times that were seen before.
#[derive(Clone, Copy)]
pub struct Seen {
    latest: Option<Timestamp>,
    /// What is later was a wrong clock's, says the administrator.
    corrected: Option<Timestamp>,
}

impl Seen {
    /// The newest time on record, before this opening is.
    pub fn on_record(audit: &Audit, site: &SiteId, corrected: Option<Timestamp>) -> Result<Self> {
        Ok(Self { latest: audit.latest(&Actor::Site(site.clone()))?, corrected })
    }

    /// A time on record, as far as it is believed. A clock that is said to be set right in the future was not: what ended
    /// stays ended, and the site opens all the same.
    fn believed(&self, time: Timestamp, now: Timestamp) -> Timestamp {
        self.corrected.filter(|corrected| *corrected <= now).map_or(time, |corrected| time.min(corrected))
    }
}

fn how_to_run() -> runs::Settings {
    runs::Settings { own_mounts: executor::are_apart_from_parents(), ..runs::Settings::default() }
}

/// The ledger, compared with what a witness cosigned and with its replicas.
pub async fn open_ledger(
    layout: &Layout,
    settings: &Settings,
    key: SigningKey,
    disk: Reserved,
    clock: &Arc<dyn Clock>,
) -> Result<(Audit, Attest, Replicas)> {
    let ledger = Ledger::open_with(&layout.ledger(), key, clock.clone(), Arc::new(disk), Audit::options())?;
    let attest = Attest::at_start(layout, settings, &ledger, clock.clone()).await?;
    let replicas = Replicas::at_start(layout, settings, &ledger, clock).await?;
    Ok((Audit::new(ledger), attest, replicas))
}

/// The disks that the site records and keeps its metadata on.
fn room(layout: &Layout, settings: &RoomSettings, reserve: Reserve) -> Room {
    Room {
        folders: vec![layout.ledger(), layout.root().to_owned()],
        least: mib(settings.read_only_mib),
        reserve: Some(reserve),
        low: AtomicBool::new(false),
    }
}

pub const fn mib(mebibytes: u64) -> u64 {
    mebibytes.saturating_mul(1 << 20)
}

pub fn unseal(
    layout: &Layout,
    settings: &Settings,
    credential: &Credential,
) -> Result<(Safe, SealedFile, SiteSecrets)> {
    settings.keys.asking.checked()?;
    let safe = Safe::new(layout.sealed_keys(), settings.keys.clone());
    let (sealed, secrets, _) = safe.unseal(credential)?;
    if *sealed.site() != settings.site {
        return Err(Error::OtherSite.into());
    }
    Ok((safe, sealed, secrets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_is_believed_once_it_was_made() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let seen = Seen { latest: None, corrected: Some(at(20)) };
        assert_eq!(seen.believed(at(30), at(20)), at(20));
        assert_eq!(seen.believed(at(10), at(20)), at(10));
        assert_eq!(seen.believed(at(30), at(19)), at(30), "a correction that is still to come");
        assert_eq!(Seen { corrected: None, ..seen }.believed(at(30), at(20)), at(30));
    }
}
