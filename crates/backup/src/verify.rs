//! Checking a backup by restoring it, a piece at a time, and comparing bytes.

use crate::create::{Backup, Turn, blocking};
use crate::place::Identity;
use crate::restore::key_of;
use crate::set::{self, Database, HEAD, Set};
use crate::{Error, Place, Tombs, files, mirror, place, sealed};
use access::Permit;
use access::thing::Site;
use access::verb::Manage;
use archive::restored::{self, Kept};
use archive::store::{Flag, Local, Part, Store};
use audit::Audit;
use db::Db;
use ledger::{Comparison, Ledger, check};
use seal::SessionKey;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a step reads, or as long as its last body takes.
const STEP: Duration = Duration::from_secs(5);

/// What a step of a check came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The set.
    pub set: u32,
    /// Where the next step goes on; none when everything was looked at.
    pub next: Option<u64>,
    /// Versions in the set.
    pub objects: u64,
    /// Versions that this step restored and compared.
    pub compared: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is damaged, each with the file's name.
    pub findings: Vec<String>,
}

impl Backup {
    /// One step of a check of the backup in `at`, which is the folder that its client means, if it said so. The first
    /// looks at all but the bodies.
    ///
    /// # Errors
    /// Those that say nothing about the backup's bytes; damage is a finding.
    pub async fn verify(
        &self,
        permit: &Permit<Manage, Site>,
        (at, meant): (&Path, Option<Identity>),
        set: Option<u32>,
        from: u64,
        _turn: &Turn,
    ) -> Result<Look, Error> {
        permit.live()?;
        let (at, site) = (at.to_owned(), self.site.clone());
        let opened = blocking(move || {
            place::is_meant(&at, meant)?;
            let place = Place::open(&at)?;
            if *place.site() != site {
                return Err(Error::Place { path: at, why: "is the backup of another site" });
            }
            let set = Set::read(&place, set);
            Ok((place, set))
        });
        let (place, set) = opened.await?;
        let own = self.room()?;
        let looked = self.look(permit, &place, set, from, &own).await;
        self.clear_room()?;
        looked
    }

    async fn look(
        &self,
        permit: &Permit<Manage, Site>,
        place: &Place,
        set: Result<Set, Error>,
        from: u64,
        own: &Path,
    ) -> Result<Look, Error> {
        let mut look = Look { set: 0, next: None, objects: 0, compared: 0, bytes: 0, findings: Vec::new() };
        let set = match set {
            Ok(set) => set,
            Err(error) => {
                look.findings.push(error.into_finding(HEAD)?);
                return Ok(look);
            }
        };
        (look.set, look.objects) = (set.head.set, set.head.objects);
        if from == 0 {
            self.look_at_set(permit, place, &set, own, &mut look.findings).await?;
        }
        let listed = set.clone();
        match blocking(move || listed.objects()).await {
            Ok(list) => self.look_at_bodies(place, &set, &list, from, own, &mut look).await?,
            // Found with the set already.
            Err(error) if from == 0 => drop(error.into_finding(HEAD)?),
            Err(error) => look.findings.push(error.into_finding(HEAD)?),
        }
        Ok(look)
    }

    async fn look_at_set(
        &self,
        permit: &Permit<Manage, Site>,
        place: &Place,
        set: &Set,
        own: &Path,
        findings: &mut Vec<String>,
    ) -> Result<(), Error> {
        // First of all: while the permit lasts.
        let by = self.keys.backup_key(permit, set.head.epoch, self.clock.now()).await;
        let by = by.map_err(|error| match error {
            keys::Error::NoKey(_) => Error::Ended { set: set.head.set, ended: set.head.expires },
            other => other.into(),
        })?;
        let (audit, place, looked) = (self.audit.clone(), place.clone(), set.clone());
        let (files, to) = (place.clone(), own.join("ledger"));
        findings.extend(blocking(move || look_at_files(&audit, &files, &looked)).await?);
        match key_of(set, &by) {
            Ok(key) => self.look_at_databases(&key, set, own, findings).await?,
            Err(error) => findings.push(error.into_finding("metadata.sealed")?),
        }
        let (ledger, from) = (self.audit.ledger().clone(), place.ledger());
        findings.extend(blocking(move || look_at_ledger(&ledger, &from, &to)).await?);
        Ok(())
    }

    /// The metadata, and the identity map.
    async fn look_at_databases(
        &self,
        key: &SessionKey,
        set: &Set,
        own: &Path,
        findings: &mut Vec<String>,
    ) -> Result<(), Error> {
        let map = set.head.identities.as_ref().map(|map| (&self.map, map, set::MAP));
        for (db, stated, names) in [(&self.db, &set.head.database, set::DATABASE)].into_iter().chain(map) {
            let [name, _] = names;
            if let Err(error) = self.look_at_database(db, (stated, names), key, set, own).await {
                findings.push(error.into_finding(name)?);
            }
        }
        Ok(())
    }

    async fn look_at_database(
        &self,
        db: &Db,
        (stated, names): (&Database, [&'static str; 2]),
        key: &SessionKey,
        set: &Set,
        own: &Path,
    ) -> Result<(), Error> {
        let (to, looked, stated) = (own.join("copy.db"), set.clone(), stated.clone());
        let (written, key) = (to.clone(), SessionKey::from_bytes(*key.expose()));
        blocking(move || {
            files::clear(&written)?;
            sealed::read(&looked, (&stated, names), &key, &written)
        })
        .await?;
        let [name, _] = names;
        match db.check_copy(&to).await?.first() {
            Some(found) => Err(Error::damaged(&set.name(name), found)),
            None => Ok(()),
        }
    }

    async fn look_at_bodies(
        &self,
        place: &Place,
        set: &Set,
        list: &[Kept],
        from: u64,
        own: &Path,
        look: &mut Look,
    ) -> Result<(), Error> {
        let ends = self.clock.monotonic().saturating_add(STEP);
        let backup = Arc::new(place.store(self.clock.clone())?);
        let own = Arc::new(Local::open(own, self.clock.clone(), Flag::Off).map_err(Error::io(own))?);
        for (at, kept) in (0u64..).zip(list).skip(usize::try_from(from).unwrap_or(usize::MAX)) {
            if self.clock.monotonic() >= ends {
                look.next = Some(at);
                return Ok(());
            }
            let (backup, own, site) = (backup.clone(), own.clone(), self.archive.store().clone());
            let (one, lacks, place) = (kept.clone(), set.lacks(kept).is_some(), place.clone());
            let found = blocking(move || {
                place.is_plain(&one.name)?;
                if lacks && !restored::is_there(&*backup, &one)? {
                    return Ok(None);
                }
                compare(&*backup, &*own, &*site, &one).map(Some)
            });
            let file = place::body_path(&kept.name);
            match found.await {
                Ok(None) => {}
                Ok(Some(finding)) => {
                    look.compared += 1;
                    look.bytes = look.bytes.saturating_add(kept.length);
                    look.findings.extend(finding);
                }
                Err(error) => look.findings.push(error.into_finding(&format!("{file} ({})", kept.object))?),
            }
        }
        Ok(())
    }
}

/// The record of a set, its files, and its tools. Blocks.
fn look_at_files(audit: &Audit, place: &Place, set: &Set) -> Result<Vec<String>, Error> {
    let mut findings = Vec::new();
    let mut note = |file: &str, found: Result<bool, Error>, what: &str| {
        let found = found.and_then(|right| if right { Ok(()) } else { Err(Error::damaged(file, what)) });
        if let Err(error) = found {
            findings.push(error.into_finding(file)?);
        }
        Ok::<(), Error>(())
    };
    note(&set.name(HEAD), Tombs::knows(audit, set), "the ledger does not vouch for it")?;
    for stated in &set.head.files {
        note(&set.name(&stated.name), set.check(&stated.name).map(|()| true), "")?;
    }
    for tool in set.tools().unwrap_or_default() {
        let name = crate::place::tool_path(&tool.digest).display().to_string();
        let right = files::is(&place.tool(&tool.digest), (tool.length, tool.digest));
        note(&name, right, "it is not what its name says")?;
    }
    Ok(findings)
}

/// Restores one body with its tree and compares it with the site's own. A finding about the site's, if any.
fn compare(
    backup: &dyn Store,
    own: &dyn Store,
    site: &dyn Store,
    kept: &Kept,
) -> Result<Option<String>, Error> {
    restored::copy(backup, own, kept)?;
    let mut finding = None;
    for part in Part::ALL {
        let path = PathBuf::from(kept.name.as_str());
        let mut restored = own.open(&kept.name, part).map_err(Error::io(&path))?;
        // What the site has let go since, or lost, is compared with its root alone: that is done.
        let mut original = match site.open(&kept.name, part) {
            Ok(original) => original,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::io(&path)(error)),
        };
        if !same(&mut restored, &mut original).map_err(Error::io(&path))? {
            let (object, version) = (&kept.object, kept.version);
            finding = Some(format!(
                "the site's own bytes of {object}, version {version}, are damaged; the backup's are whole"
            ));
        }
    }
    own.remove(&kept.name).map_err(archive::Error::from)?;
    Ok(finding)
}

fn same(one: &mut dyn Read, other: &mut dyn Read) -> std::io::Result<bool> {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    loop {
        first.clear();
        second.clear();
        (&mut *one).take(1 << 20).read_to_end(&mut first)?;
        (&mut *other).take(1 << 20).read_to_end(&mut second)?;
        if first != second || first.is_empty() {
            return Ok(first == second);
        }
    }
}

/// Restores the mirror, checks it in full, and compares it with the open ledger.
fn look_at_ledger(ledger: &Ledger, from: &Path, to: &Path) -> Result<Vec<String>, Error> {
    mirror::put_back(from, to)?;
    let report = match check::folder(to, ledger.verifier()) {
        Ok(report) => report,
        Err(error) => return Ok(vec![format!("`ledger`: {}", base::fault::chain(&error))]),
    };
    let mut findings: Vec<String> =
        report.findings.iter().map(|found| format!("in `ledger`: {found}")).collect();
    let checkpoint =
        files::read(&to.join("checkpoint")).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    match checkpoint.ok().map(|text| ledger.compare(&text)) {
        Some(Ok(Comparison::Consistent)) => {}
        _ if !findings.is_empty() => {}
        _ => findings.push("`ledger/checkpoint`: it is not one of this site's ledger".to_owned()),
    }
    Ok(findings)
}
