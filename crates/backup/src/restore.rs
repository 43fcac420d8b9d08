//! Files back into a folder, and the record and the graves before anything opens.

use crate::set::Set;
use crate::{Error, Place, Tombs, files, mirror, place, sealed};
use access::{Access, OneTimeToken};
use archive::restored;
use archive::store::Store;
use audit::{Actor, Audit, Event, What};
use base::{Blake3, Timestamp, UserId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use db::Db;
use keys::wrap::WrappingKey;
use ledger::VerifierKey;
use seal::SessionKey;
use std::fs::{self, File};
use std::path::Path;

/// The file that says which set is being restored.
const MARK: &str = "restoring";

/// What a restored site is, and what it lost.
pub struct Restored {
    /// Scopes whose keys were destroyed again.
    pub shredded: u64,
    /// Objects that were deleted again.
    pub deleted: u64,
    /// Objects whose legal hold was set or lifted again.
    pub holds: u64,
    /// Roles that were taken away.
    pub roles: u64,
    /// Versions that were sealed after the backup and are lost.
    pub lost: u64,
    /// The administrator.
    pub administrator: UserId,
    /// Signs the administrator in, once.
    pub token: OneTimeToken,
}

/// The key of a set, for whoever has its epoch's.
pub fn key_of(set: &Set, by: &WrappingKey) -> Result<SessionKey, Error> {
    let wrapped = STANDARD.decode(&set.head.key).unwrap_or_default();
    let bytes = by
        .unwrap(&wrapped, &crate::set::binding(&set.head.site, set.head.set))
        .map_err(|_| Error::Recovery("its epoch's key is not the one that sealed the set"))?;
    let bytes = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| Error::Recovery("the key's length"))?;
    Ok(SessionKey::from_bytes(bytes))
}

/// Takes the folder: absent, empty, or one in which this very set was begun.
pub fn claim(into: &Path, set: &Set) -> Result<(), Error> {
    let (mark, own) = (into.join(MARK), format!("{}\n", set.digest));
    let begun = mark.exists() && files::read(&mark)? == own.as_bytes();
    let empty = files::has_at_most(into, &format!("{MARK}.new"));
    if into.join("site.toml").exists() || !(begun || empty) {
        return Err(Error::Occupied(into.to_owned()));
    }
    files::folder(into)?;
    let closed = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(into, closed).map_err(Error::io(into))?;
    files::write(&mark, own.as_bytes())
}

/// Puts tools and bodies back. What a restore before this one wrote is read and checked, not believed.
/// `say` gets the bytes as they are done. Gives how many versions the backup does not have.
pub fn put_back(
    place: &Place,
    set: &Set,
    into: &Path,
    from: &dyn Store,
    to: &dyn Store,
    say: &mut dyn FnMut(u64),
) -> Result<u64, Error> {
    for tool in set.tools()? {
        let (source, target) = (place.tool(&tool), into.join(place::tool_path(&tool)));
        let (_, found) = files::copy(&mut File::open(&source).map_err(Error::io(&source))?, &target)?;
        if tool.parse::<Blake3>().ok() != Some(found) {
            return Err(Error::damaged(
                &place::tool_path(&tool).display().to_string(),
                "it is not what its name says",
            ));
        }
        // As tools lie in a site: read by jobs, written by nobody.
        fs::set_permissions(&target, std::os::unix::fs::PermissionsExt::from_mode(0o400))
            .map_err(Error::io(&target))?;
    }
    let mut missing = 0;
    for kept in set.objects()? {
        let whole = restored::is_there(to, &kept)? && restored::check(to, &kept).is_ok();
        if !whole {
            if let Some(absent) = set.lacks(&kept)
                && !restored::is_there(from, &kept)?
            {
                missing += u64::from(absent.damaged);
                continue;
            }
            restored::copy(from, to, &kept)?;
        }
        say(kept.length);
    }
    Ok(missing)
}

/// Puts the ledger back: the newer one, if it goes on from the backup's.
pub fn put_back_ledger(
    place: &Place,
    newer: Option<&Path>,
    verifier: &VerifierKey,
    to: &Path,
) -> Result<(), Error> {
    files::clear(to)?;
    let own = place.ledger();
    let from = newer.unwrap_or(&own);
    mirror::put_back(from, to)?;
    let report = ledger::check::folder(to, verifier)?;
    if let Some(found) = report.findings.first() {
        return Err(Error::damaged(&from.display().to_string(), found));
    }
    Ok(())
}

/// Whether an opened ledger goes on from the backup's.
pub fn goes_on(place: &Place, audit: &Audit) -> Result<(), Error> {
    let text = String::from_utf8(files::read(&place.ledger().join("checkpoint"))?).unwrap_or_default();
    match audit.ledger().compare(&text) {
        Ok(ledger::Comparison::Consistent) => Ok(()),
        _ => Err(Error::OtherLedger),
    }
}

/// Puts the database and the small files back; `site.toml` comes last, by [`open_for_business`].
pub fn put_back_database(set: &Set, key: &SessionKey, into: &Path) -> Result<(), Error> {
    for name in ["metadata.db", "metadata.db-wal", "metadata.db-shm"] {
        files::clear(&into.join(name))?;
    }
    sealed::read(set, key, &into.join("metadata.db"))?;
    for (name, to) in [("site.sealed", "keys/site.sealed"), ("site.pub", "site.pub")] {
        set.check(name)?;
        files::write(&into.join(to), &files::read(&set.path(name))?)?;
    }
    files::folder(&into.join("run"))
}

/// Records the restore and takes away what must not come back. `newer` says whether a newer ledger was given,
/// `sealing` is the number of the sealing of the file that came back.
///
/// 1. The restore is on record, durably. Crash here: nothing opens the folder; it is done again.
/// 2. One transaction that carries out that record: keys of what was shredded since, records of what was
///    deleted or withdrawn, holds, roles, sessions. Crash before its commit: the same.
pub async fn settle(
    set: &Set,
    (newer, sealing): (bool, u64),
    administrator: &str,
    (audit, db, access): (&Audit, &Db, &Access),
) -> Result<Restored, Error> {
    let tombs = Tombs::read(audit, set)?;
    if !tombs.known {
        return Err(Error::NotOnRecord(set.head.set));
    }
    let what = What::SiteRestored {
        set: set.head.set,
        digest: set.digest,
        made: set.head.made,
        newer,
        shredded: tombs.shreddings.len() as u64,
        deleted: tombs.objects.deleted.len() as u64,
        rights: tombs.rights.len() as u64,
        sealing,
    };
    let event = Event::new(Actor::Site(set.head.site.clone()), what);
    let position = audit.gate(&event).await?.position;
    let tx = db.begin(position).await?;
    let mut scopes: Vec<(String, u64)> = Vec::new();
    for one in &tombs.shreddings {
        if one.done || !restored::was_kept(&tx, &one.scope, one.at).await? {
            scopes.push((one.scope.clone(), one.position));
        }
    }
    let shredded = keys::restored::bury_scopes(&tx, &scopes).await?;
    let objects = &tombs.objects;
    let gone: Vec<_> = objects.deleted.keys().chain(&objects.withdrawn).cloned().collect();
    keys::restored::bury_objects(&tx, &gone).await?;
    let (deleted, holds) = restored::apply_again(&tx, objects).await?;
    let mut roles = 0;
    for (account, project) in &tombs.rights {
        roles += access.take_away(&tx, account, project.as_ref()).await?;
    }
    let (epoch, made, expires) = (set.head.epoch, set.head.made, set.head.expires);
    keys::restored::note_epoch(&tx, epoch, made, expires).await?;
    let lost = restored::unknown(&tx, &tombs.sealed).await?;
    let (administrator, token) = access.begin_again(&tx, administrator).await?;
    tx.commit().await?;
    db.forget_deleted().await?;
    Ok(Restored { shredded, deleted, holds, roles, lost, administrator, token })
}

/// Writes `site.toml`: from here on the site is whole.
pub fn open_for_business(set: &Set, into: &Path) -> Result<(), Error> {
    set.check("site.toml")?;
    files::write(&into.join("site.toml"), &files::read(&set.path("site.toml"))?)?;
    files::clear(&into.join(MARK))
}

/// Refuses an epoch that has ended.
pub fn still_opens(set: &Set, now: Timestamp) -> Result<(), Error> {
    if set.head.expires <= now {
        return Err(Error::Ended { set: set.head.set, ended: set.head.expires });
    }
    Ok(())
}
