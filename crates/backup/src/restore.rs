//! Files back into a folder, and the record and the graves before anything opens.

use crate::set::{DATABASE, MAP, Set, Tool};
use crate::{Error, Place, Tombs, files, mirror, place, sealed};
use access::{Access, OneTimeToken};
use archive::restored::{self, Kept};
use archive::store::Store;
use audit::{Actor, Audit, Event, What};
use base::{Boxed, Fault, Kind, Timestamp, UserId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use db::{Db, Tx};
use keys::restored::{Known, PeopleOf};
use keys::wrap::WrappingKey;
use ledger::VerifierKey;
use seal::SessionKey;
use std::fs;
use std::path::{Path, PathBuf};

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
    /// People of whom the copy lacks the newest consent or withdrawal: nothing of theirs is used.
    pub consents: u64,
    /// How often other policies were approved since. Those of the copy are in force.
    pub policies: u64,
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
/// Gives it as it is called without links.
pub fn claim(into: &Path, set: &Set) -> Result<PathBuf, Error> {
    let (mark, own) = (into.join(MARK), format!("{}\n", set.digest));
    let begun = mark.exists() && files::read(&mark)? == own.as_bytes();
    let empty = files::has_at_most(into, &format!("{MARK}.new"));
    if into.join("site.toml").exists() || !(begun || empty) {
        return Err(Error::Occupied(into.to_owned()));
    }
    let into = files::named(into)?;
    let closed = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(&into, closed).map_err(Error::io(&into))?;
    files::write(&into.join(MARK), own.as_bytes())?;
    Ok(into)
}

/// What the ledger says about a set: read before anything of the set is believed or written.
///
/// # Errors
/// [`Error::NotOnRecord`] when the ledger does not vouch for it.
pub fn vouched(set: &Set, audit: &Audit) -> Result<Tombs, Error> {
    let tombs = Tombs::read(audit, set)?;
    if tombs.known { Ok(tombs) } else { Err(Error::NotOnRecord(set.head.set)) }
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
    for Tool { digest, length } in set.tools()? {
        let name = place::tool_path(&digest);
        let (source, target) = (place.tool(&digest), into.join(&name));
        if !files::copy_of(&mut files::open(&source)?, &target, (length, digest))? {
            return Err(Error::damaged(&name.display().to_string(), "it is not what its name says"));
        }
        // As tools lie in a site: read by jobs, written by nobody.
        fs::set_permissions(&target, std::os::unix::fs::PermissionsExt::from_mode(0o400))
            .map_err(Error::io(&target))?;
    }
    let mut missing = 0;
    for kept in set.objects()? {
        let whole = restored::is_there(to, &kept)? && restored::check(to, &kept).is_ok();
        if !whole {
            place.is_plain(&kept.name)?;
            if let Some(absent) = set.lacks(&kept)
                && !restored::is_there(from, &kept)?
            {
                missing += u64::from(absent.damaged);
                continue;
            }
            restored::copy(from, to, &kept).map_err(|error| of_backup(&kept, error))?;
        }
        say(kept.length);
    }
    Ok(missing)
}

/// A body of the backup that is not what its root says is named by its file: the object's id leads nobody to it.
fn of_backup(kept: &Kept, error: archive::Error) -> Error {
    match error.kind() {
        Kind::Integrity => Error::damaged(&place::body_path(&kept.name), base::fault::chain(&error)),
        _ => error.into(),
    }
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
    if newer.is_some() {
        let key = files::read(&from.join("vkey")).map_err(|_| Error::NoLedger(from.to_owned()))?;
        if key != format!("{verifier}\n").as_bytes() {
            return Err(Error::OtherLedger);
        }
    }
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

/// Puts the database and what belongs to it back. The secrets are sealed anew by the caller, and `site.toml`
/// comes last, by [`open_for_business`].
pub fn put_back_database(set: &Set, key: &SessionKey, into: &Path) -> Result<(), Error> {
    for name in ["metadata.db", "metadata.db-wal", "metadata.db-shm"] {
        files::clear(&into.join(name))?;
    }
    for name in ["identities.db", "identities.db-wal", "identities.db-shm"] {
        files::clear(&into.join(name))?;
    }
    sealed::read(set, (&set.head.database, DATABASE), key, &into.join("metadata.db"))?;
    if let Some(map) = &set.head.identities {
        sealed::read(set, (map, MAP), key, &into.join("identities.db"))?;
    }
    files::write(&into.join("site.pub"), &set.read_file("site.pub")?)?;
    files::folder(&into.join("keys"))?;
    files::folder(&into.join("run"))
}

/// Records the restore and takes away what must not come back. `newer` says whether a newer ledger was given,
/// `sealing` is the number of the sealing that the restore made.
///
/// What rooms above this one take away in the transaction of a restore.
pub type Rest = dyn for<'a> Fn(&'a Tx) -> Boxed<'a, Result<(), db::Error>> + Send + Sync;

/// What rooms beside and above this one do for a restore.
pub struct Others<'a> {
    /// Whose people subjects are.
    pub people: &'a PeopleOf,
    /// What else is taken away.
    pub rest: &'a Rest,
}

/// 1. The restore is on record, durably. Crash here: nothing opens the folder; it is done again.
/// 2. One transaction that carries out that record: keys of what was shredded since, records of what was
///    deleted or withdrawn, holds, roles, sessions. Crash before its commit: the same.
pub async fn settle(
    set: &Set,
    tombs: &Tombs,
    (newer, sealing): (bool, u64),
    administrator: &str,
    (audit, db, access): (&Audit, &Db, &Access),
    others: Others<'_>,
) -> Result<Restored, Error> {
    let named = administrator;
    let administrator = access.keeper(named).await?;
    if tombs.closed.contains(&administrator) {
        // Closed since the copy was made: nobody could sign in.
        return Err(access::Error::no_account(named).into());
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
    let site = set.head.site.clone();
    let about = [site.to_string(), administrator.to_string()];
    let event = Event::new(Actor::Site(site), what).about(about);
    let position = audit.gate(&event).await?.position;
    let tx = db.begin(position).await?;
    let shredded = keys::restored::bury_scopes(&tx, &tombs.shreddings, others.people).await?;
    let objects = &tombs.objects;
    let (deleted, holds) = restored::apply_again(&tx, objects).await?;
    let gone: Vec<_> = objects.deleted.keys().chain(&objects.withdrawn).cloned().collect();
    keys::restored::bury_objects(&tx, &restored::without_record(&tx, &gone).await?).await?;
    let mut roles = 0;
    for (account, project) in &tombs.rights {
        roles += access.take_away(&tx, account, project.as_ref()).await?;
    }
    access.close_again(&tx, &tombs.closed).await?;
    access.forget_again(&tx, &tombs.credentials, &tombs.services, &tombs.withdrawn).await?;
    let consents = subjects::restored::withdraw_again(&tx, &tombs.consents).await?;
    subjects::restored::revoke_again(&tx, &tombs.revoked).await?;
    (others.rest)(&tx).await?;
    let epochs: Vec<Known> = tombs.epochs.iter().filter_map(known).collect();
    keys::restored::note_epochs(&tx, &epochs).await?;
    let lost = restored::unknown(&tx, &tombs.sealed).await?;
    let token = access.begin_again(&tx, &administrator).await?;
    tx.commit().await?;
    db.forget_deleted().await?;
    Ok(Restored {
        shredded,
        deleted,
        holds,
        roles,
        consents,
        policies: tombs.policies,
        lost,
        administrator,
        token,
    })
}

fn known((number, (begun, expires)): (&u32, &(Timestamp, Timestamp))) -> Option<Known> {
    Some(Known { number: i32::try_from(*number).ok()?, begun: *begun, expires: *expires })
}

/// Writes `site.toml`, the set's own or another: from here on the site is whole.
pub fn open_for_business(set: &Set, into: &Path, instead: Option<&str>) -> Result<(), Error> {
    let own = set.read_file("site.toml")?;
    files::write(&into.join("site.toml"), instead.map_or(own.as_slice(), str::as_bytes))?;
    files::clear(&into.join(MARK))
}

/// Refuses an epoch that has ended.
pub fn still_opens(set: &Set, now: Timestamp) -> Result<(), Error> {
    if set.head.expires <= now {
        return Err(Error::Ended { set: set.head.set, ended: set.head.expires });
    }
    Ok(())
}
