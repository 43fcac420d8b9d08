//! A restore, and what must not come back with it.

use crate::{DAY, Site, files, put};
use access::thing::Project;
use access::verb::Manage;
use access::{Access, Action, Ask, Permit};
use audit::{Audit, Found, What};
use backup::{Error, Place, Recovery, Set, restore};
use base::{Clock, ObjectId, Role, SubjectId};
use db::sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use db::{Db, DbKey};
use keys::restored::PeopleOf;
use keys::shred::Answer;
use keys::wrap::WrappingKey;
use keys::{Erasure, Holds, Roots};
use ledger::{Ledger, SigningKey};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the tests hold is past its floor.
pub(crate) struct Nothing;

impl Holds for Nothing {
    fn held<'a>(
        &'a self,
        _: &'a Permit<Manage, Project>,
        _: &'a BTreeSet<SubjectId>,
        _: &'a [ObjectId],
    ) -> Answer<'a, Option<&'static str>> {
        Box::pin(async { Ok(None) })
    }

    fn people<'a>(&'a self, erasure: &'a Erasure) -> Answer<'a, BTreeSet<SubjectId>> {
        Box::pin(async move {
            match erasure {
                Erasure::Subject { subject, .. } => Ok([subject.clone()].into()),
                Erasure::Project(_) => Err("no test asks for it".into()),
            }
        })
    }
}

/// Everybody with a key is the project's own here.
fn others() -> restore::Others<'static> {
    let people: &PeopleOf = &|tx, _| {
        Box::pin(async move {
            let all = "SELECT scope FROM keys_key WHERE scope LIKE 'sub_%'";
            let asked = Statement::from_string(tx.get_database_backend(), all);
            let rows = tx.query_all_raw(asked).await.map_err(db::Error::from)?;
            Ok(rows.iter().filter_map(|row| row.try_get::<String>("", "scope").ok()?.parse().ok()).collect())
        })
    };
    restore::Others { people, rest: &|_| Box::pin(async { Ok(()) }) }
}

/// The sealing of the file that comes back.
pub(crate) const SEALING: u64 = 3;

/// A restored site, as far as a database tells.
pub(crate) struct Back {
    db: Db,
    audit: Audit,
    pub done: restore::Restored,
}

impl Back {
    pub async fn count(&self, sql: &str) -> i64 {
        let ask = Statement::from_string(DatabaseBackend::Sqlite, format!("SELECT COUNT(*) FROM {sql}"));
        self.db.reader().query_one_raw(ask).await.unwrap().unwrap().try_get_by_index(0).unwrap()
    }

    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    fn recorded(&self) -> What {
        let ledger = self.audit.ledger();
        let all = (0..ledger.size()).rev().map(|at| self.audit.recorded(at).unwrap().event.what);
        all.into_iter().find(|what| what.kind() == "site-restored").unwrap()
    }
}

impl Site {
    fn roots(&self) -> Roots {
        Roots::first(WrappingKey::from_bytes(testkit::ROOT))
    }

    fn recovery_file(&self) -> PathBuf {
        let mut found: Vec<PathBuf> =
            fs::read_dir(self.recovery()).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found.remove(0)
    }

    /// Puts the newest set back as the program does.
    pub async fn restore(&self, into: &Path, ledger: Option<&Path>, stop: usize) -> Result<Back, Error> {
        let place = Place::open(&self.folder())?;
        let set = Set::read(&place, None)?;
        restore::still_opens(&set, self.clock.now())?;
        let by = Recovery::read(&self.recovery_file())?.open(place.site(), set.head.epoch, &self.roots())?;
        let key = restore::key_of(&set, &by)?;
        restore::claim(into, &set)?;
        let key_of_ledger = SigningKey::from_seed(&testkit::LEDGER).unwrap();
        let verifier = self.spine.audit.ledger().verifier().clone();
        restore::put_back_ledger(&place, ledger, &verifier, &into.join("ledger"))?;
        let clock: Arc<dyn Clock> = self.clock.clone();
        let audit = Audit::new(Ledger::open(&into.join("ledger"), key_of_ledger, clock.clone())?);
        restore::goes_on(&place, &audit)?;
        let tombs = restore::vouched(&set, &audit)?;
        let from = place.store(self.clock.clone())?;
        let objects = into.join("objects");
        let to =
            archive::store::Local::open(&objects, self.clock.clone(), archive::store::Flag::Off).unwrap();
        let mut bodies = 0;
        let put_back = restore::put_back(&place, &set, into, &from, &to, &mut |_| bodies += 1);
        put_back?;
        assert!(bodies >= 2);
        restore::put_back_database(&set, &key, into)?;
        let map = Db::open(&into.join("identities.db"), &DbKey::new([4; 32]), &[]).await?;
        assert!(map.check().await?.is_empty() && map.watermark() == Some(7), "the identity map is back");
        map.close().await?;
        if stop == 1 {
            audit.ledger().close()?;
            return Err(Error::NoSet);
        }
        let db = Db::open(&into.join("metadata.db"), &DbKey::new(testkit::DATABASE), testkit::TABLES).await?;
        let policies = policy::Policies::shipped().unwrap();
        let access = Access::new(db.clone(), audit.clone(), policies, clock, self.spine.entropy.clone());
        let facts = (ledger.is_some(), SEALING);
        let done = restore::settle(&set, &tombs, facts, "first", (&audit, &db, &access), others()).await?;
        restore::open_for_business(&set, into, None)?;
        // The first start compares the two, and finds nothing that was rolled back.
        let site = audit::Actor::Site(self.spine.site.clone());
        let found = |sealing| Found { watermark: db.watermark(), sealing: Some(sealing) };
        let older = audit.reconcile(&site, "test", found(SEALING - 1)).await;
        assert!(matches!(older, Err(audit::Error::KeysRolledBack { .. })), "{older:?}");
        audit.reconcile(&site, "test", found(SEALING)).await?;
        Ok(Back { db, audit, done })
    }

    /// The ledger as it was saved from the lost site.
    pub async fn saved_ledger(&self) -> PathBuf {
        let to = self.beside.path().join("saved");
        let ledger = self.spine.audit.ledger().clone();
        let (from, into) = (self.spine.folder.path().join("ledger"), to.clone());
        tokio::task::spawn_blocking(move || backup::mirror::update(&ledger, &from, &into))
            .await
            .unwrap()
            .unwrap();
        to
    }
}

#[tokio::test]
async fn what_was_erased_held_or_taken_away_since_stays_so() {
    let site = Site::new().await;
    site.spine.keys.attach_holds(Arc::new(Nothing));
    let [of_subject, of_project] = &site.objects;
    let held = put(&site.spine, &site.members, b"to be held", None).await;
    // Taken away and given again, both long before the backup.
    let (_, back_again) = site.spine.account("back-again").await;
    let manager = site.members.with(Role::ProjectAdministrator);
    site.spine.add(&site.members, &back_again, Role::Viewer).await;
    site.spine.access.close(manager, Default::default()).await.unwrap();
    let ask =
        Ask::<Project>::new(Action::AdministerProject, [site.members.project.clone()]).target(&back_again);
    let permit: Permit<Manage, Project> = site.spine.access.decide(manager, ask).await.unwrap();
    let tx = site.spine.db.begin(permit.decision()).await.unwrap();
    site.spine.access.remove_member(&permit, &tx, &back_again).await.unwrap();
    tx.commit().await.unwrap();
    site.spine.access.close(manager, Default::default()).await.unwrap();
    site.spine.add(&site.members, &back_again, Role::Viewer).await;
    site.spine.access.close(manager, Default::default()).await.unwrap();
    site.clock.advance(100 * DAY);
    let (_, leaver) = site.spine.account("leaver").await;
    let permit: Permit<Manage, access::thing::Site> =
        site.spine.permit(&site.spine.admin, Action::ProposePolicy, &site.spine.site).await;
    site.spine.access.propose(&permit, &Default::default()).await.unwrap();
    site.spine.access.close(&site.spine.admin, Default::default()).await.unwrap();
    site.create().await;

    let ask =
        Ask::<access::thing::Site>::new(Action::ManageAccounts, [site.spine.site.clone()]).target(&leaver);
    let permit: Permit<Manage, access::thing::Site> =
        site.spine.access.decide(&site.spine.admin, ask).await.unwrap();
    site.spine.access.close_account(&permit, &leaver).await.unwrap();
    site.spine.access.close(&site.spine.admin, Default::default()).await.unwrap();
    let steward = site.members.with(Role::DataSteward);
    let ask = Ask::<Project>::new(Action::ShredKeys, [site.members.project.clone()])
        .about([site.subject.to_string()]);
    let permit: Permit<Manage, Project> = site.spine.access.decide(steward, ask).await.unwrap();
    let erasure = Erasure::Subject { project: site.members.project.clone(), subject: site.subject.clone() };
    let cleared = site.spine.keys.clear_erasure(&permit, erasure).await.unwrap();
    let tx = site.spine.db.begin(permit.decision()).await.unwrap();
    let shredded = site.spine.keys.shred(&permit, &tx, &cleared).await.unwrap();
    tx.commit().await.unwrap();
    assert!(shredded.complete.is_some(), "the certificate names the day on which the backup's key ends");
    let permit = site.steward(Action::DeleteObject, of_project).await;
    site.spine.archive.delete(&permit, of_project).await.unwrap();
    let permit = site.steward(Action::SetHold, &held).await;
    site.spine.archive.hold(&permit, &held).await.unwrap();
    site.spine.access.close(steward, Default::default()).await.unwrap();
    let manager = site.members.with(Role::ProjectAdministrator);
    let viewer = site.members.with(Role::Viewer).user().unwrap().clone();
    let ask = Ask::<Project>::new(Action::AdministerProject, [site.members.project.clone()]).target(&viewer);
    let permit: Permit<Manage, Project> = site.spine.access.decide(manager, ask).await.unwrap();
    let tx = site.spine.db.begin(permit.decision()).await.unwrap();
    site.spine.access.remove_member(&permit, &tx, &viewer).await.unwrap();
    tx.commit().await.unwrap();
    site.spine.access.close(manager, Default::default()).await.unwrap();
    // Somebody who came since, and is not in the copy.
    let (_, late) = site.spine.account("late").await;
    site.spine.add(&site.members, &late, Role::Viewer).await;
    site.spine.access.close(manager, Default::default()).await.unwrap();
    let lost = put(&site.spine, &site.members, b"too late", None).await;
    // The site's secrets were sealed anew since: the file that comes back is older than that.
    let by = audit::Actor::Site(site.spine.site.clone());
    let anew = What::KeysSealed { sealing: SEALING + 4 };
    site.spine.audit.gate(&audit::Event::new(by, anew)).await.unwrap();
    let ledger = site.saved_ledger().await;

    let into = site.beside.path().join("with");
    let back = site.restore(&into, Some(&ledger), 0).await.unwrap();
    let done = &back.done;
    assert_eq!((done.shredded, done.deleted, done.holds, done.roles, done.lost), (1, 1, 1, 1, 1));
    let subject = &site.subject;
    assert_eq!(back.count(&format!("keys_key WHERE scope = '{subject}'")).await, 0);
    assert_eq!(back.count(&format!("keys_shredded WHERE scope = '{subject}'")).await, 1);
    for gone in [of_subject, of_project, &lost] {
        assert_eq!(back.count(&format!("keys_session WHERE object = '{gone}'")).await, 0, "{gone}");
    }
    assert_eq!(back.count(&format!("keys_session WHERE object = '{held}'")).await, 1);
    let object = "archive_object WHERE id";
    assert_eq!(back.count(&format!("{object} = '{of_project}' AND deleted_at IS NOT NULL")).await, 1);
    assert_eq!(back.count(&format!("{object} = '{held}' AND held = 1 AND locked = 0")).await, 1);
    assert_eq!(back.count(&format!("access_grant WHERE account = '{viewer}'")).await, 0);
    assert_eq!(back.count(&format!("access_taken WHERE account = '{viewer}'")).await, 1);
    assert_eq!(back.count(&format!("access_account WHERE id = '{late}'")).await, 0);
    assert_eq!(back.count(&format!("access_grant WHERE account = '{back_again}'")).await, 1);
    assert_eq!(back.count("access_proposal WHERE state = 'open'").await, 0);
    assert_eq!(back.count("access_proposal WHERE state = 'withdrawn'").await, 1);
    let closed = format!("access_account WHERE id = '{leaver}' AND closed");
    assert_eq!(back.count(&closed).await, 1);
    assert_eq!(back.count("access_session").await, 0);
    assert_eq!(back.count("access_token").await, 1);
    assert_eq!(back.count("keys_backup WHERE length(wrapped) > 0").await, 0);
    let ledger_of = back.audit.ledger().size();
    let record = (0..ledger_of).rev().map(|at| back.audit.recorded(at).unwrap());
    let record = record.into_iter().find(|one| one.event.what.kind() == "site-restored").unwrap();
    assert!(record.event.about.contains(&done.administrator.to_string()), "who it is given to is on record");
    assert!(matches!(back.recorded(), What::SiteRestored { newer: true, shredded: 1, sealing: SEALING, .. }));

    // Without what came after, nobody can know; the record says so.
    let into = site.beside.path().join("without");
    let back = site.restore(&into, None, 0).await.unwrap();
    assert_eq!((back.done.shredded, back.done.deleted, back.done.roles), (0, 0, 0));
    assert_eq!(back.count(&format!("keys_session WHERE object = '{of_subject}'")).await, 1);
    assert!(matches!(back.recorded(), What::SiteRestored { newer: false, .. }));
    // Everything that was in the set is there, byte by byte.
    let names = |folder: &Path| -> Vec<_> {
        files(folder).into_iter().map(|(path, bytes)| (path.file_name().unwrap().to_owned(), bytes)).collect()
    };
    let restored = names(&into.join("objects"));
    let original = names(&site.folder().join("objects"));
    assert_eq!(restored, original);
    let object = site.spine.archive.project_of(&held).await.unwrap();
    assert_eq!(object.unwrap().unwrap(), site.members.project);
}

#[tokio::test]
async fn what_failed_or_is_not_known_to_have_ended_keeps_what_it_would_have_ended() {
    use audit::{Event, Outcome};
    use base::{Id, RequestId, SystemEntropy};
    let site = Site::new().await;
    let [first, second] = &site.objects;
    for object in &site.objects {
        let permit = site.steward(Action::SetHold, object).await;
        site.spine.archive.hold(&permit, object).await.unwrap();
    }
    site.create().await;
    // Three acts as a crash or a failure leaves them on record, and one that was done.
    let by = audit::Actor::Site(site.spine.site.clone());
    let record = async |what: What, result: Option<Outcome>, object: &ObjectId| {
        let request = RequestId::mint(&SystemEntropy);
        let about = [object.to_string()];
        let act = Event::new(by.clone(), what).during(Some(request.clone())).about(about.clone());
        let decision = site.spine.audit.gate(&act).await.unwrap().position;
        if let Some(result) = result {
            let what =
                What::Outcome { decision, result, stored: false, code: None, bytes: None, unwraps: None };
            let ended = Event::new(by.clone(), what).during(Some(request)).about(about);
            site.spine.audit.gate(&ended).await.unwrap();
        }
    };
    record(What::HoldChanged { held: false }, Some(Outcome::Failed), first).await;
    record(What::HoldChanged { held: false }, None, first).await;
    record(What::HoldChanged { held: false }, Some(Outcome::Done), second).await;
    record(What::ObjectDeleted { versions: 1 }, Some(Outcome::Failed), first).await;
    let ledger = site.saved_ledger().await;
    let back = site.restore(&site.beside.path().join("site"), Some(&ledger), 0).await.unwrap();
    let object = "archive_object WHERE deleted_at IS NULL AND id";
    assert_eq!(back.count(&format!("{object} = '{first}' AND held = 1")).await, 1);
    assert_eq!(back.count(&format!("{object} = '{second}' AND held = 0")).await, 1);
    assert_eq!((back.done.deleted, back.done.holds), (0, 1));
}

#[tokio::test]
async fn a_restore_goes_on_and_refuses_what_does_not_belong_to_it() {
    let site = Site::new().await;
    site.create().await;
    let into = site.beside.path().join("site");
    // Stopped before the folder was marked: a draft of the mark is nobody's thesis.
    fs::create_dir(&into).unwrap();
    fs::write(into.join("restoring.new"), "half").unwrap();
    // Stopped before anything opened: there is no site yet, and the next go makes one.
    assert!(site.restore(&into, None, 1).await.is_err());
    assert!(into.join("restoring").exists() && !into.join("site.toml").exists());
    let body = files(&into.join("objects")).into_iter().find(|(path, _)| path.extension().is_none()).unwrap();
    fs::remove_file(&body.0).unwrap();
    fs::write(&body.0, vec![0; body.1.len()]).unwrap();
    let back = site.restore(&into, None, 0).await.unwrap();
    assert_eq!(fs::read(&body.0).unwrap(), body.1, "what was there is read, not believed");
    assert!(back.done.token.expose().starts_with("once_"));
    assert!(into.join("site.toml").exists() && !into.join("restoring").exists());
    assert!(
        matches!(site.restore(&into, None, 0).await, Err(Error::Occupied(_))),
        "a site is not written over"
    );
    let full = site.beside.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("somebody's"), "thesis").unwrap();
    assert!(matches!(site.restore(&full, None, 0).await, Err(Error::Occupied(_))));

    // A ledger of another site, an older one, and one that is damaged.
    let other = Site::new().await;
    let foreign = other.saved_ledger().await;
    let new = |name: &str| site.beside.path().join(name);
    assert!(site.restore(&new("foreign"), Some(&foreign), 0).await.is_err());
    let key = foreign.join("vkey");
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    fs::write(&key, "another.example+00000000+AAAA\n").unwrap();
    let refused = site.restore(&new("foreign"), Some(&foreign), 0).await.err().unwrap();
    assert!(matches!(refused, Error::OtherLedger), "{refused}");
    fs::remove_file(&key).unwrap();
    let refused = site.restore(&new("foreign"), Some(&foreign), 0).await.err().unwrap();
    assert!(matches!(&refused, Error::NoLedger(path) if *path == foreign), "{refused}");
    fs::write(&key, kept).unwrap();
    // A damaged body is named by its file.
    let (body, whole) = files(&site.folder().join("objects"))
        .into_iter()
        .find(|(path, _)| path.extension().is_none())
        .unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    fs::remove_file(&body).unwrap();
    fs::write(&body, changed).unwrap();
    let refused = site.restore(&new("body"), None, 0).await.err().unwrap();
    let name = body.file_name().unwrap().to_str().unwrap();
    assert!(matches!(&refused, Error::Damaged { file, .. } if file.ends_with(name)), "{refused}");
    fs::write(&body, whole).unwrap();
    let older = site.saved_ledger().await;
    site.create().await;
    let refused = site.restore(&new("older"), Some(&older), 0).await.err().unwrap();
    assert!(matches!(refused, Error::OtherLedger), "{refused}");
    let newer = site.saved_ledger().await;
    let segment = files(&newer.join("segments")).remove(0);
    let mut spoilt = segment.1.clone();
    spoilt[300] ^= 1;
    fs::write(&segment.0, spoilt).unwrap();
    assert!(site.restore(&new("damaged"), Some(&newer), 0).await.is_err());
    fs::write(&segment.0, &segment.1).unwrap();

    // Recovery files: another site's, another root's, a changed one, and one whose day has come.
    let place = Place::open(&site.folder()).unwrap();
    let set = Set::read(&place, None).unwrap();
    let epoch = set.head.epoch;
    let recovery = Recovery::read(&site.recovery_file()).unwrap();
    assert!(recovery.open(place.site(), epoch, &site.roots()).is_ok());
    assert!(recovery.open(place.site(), epoch + 1, &site.roots()).is_err());
    assert!(recovery.open(&other.spine.site, epoch, &site.roots()).is_err());
    let root = Roots::first(WrappingKey::from_bytes([1; 32]));
    assert!(matches!(recovery.open(place.site(), epoch, &root), Err(Error::Recovery(_))));
    let by = WrappingKey::from_bytes([2; 32]);
    assert!(matches!(restore::key_of(&set, &by), Err(Error::Recovery(_))));
    let text = fs::read_to_string(site.recovery_file()).unwrap();
    let changed = new("changed");
    fs::write(&changed, text.replacen("recovery-1", "recovery-9", 1)).unwrap();
    assert!(matches!(Recovery::read(&changed), Err(Error::Recovery(_))));
    site.clock.advance(31 * DAY);
    assert!(matches!(site.restore(&new("late"), None, 0).await, Err(Error::Ended { .. })));
}

#[tokio::test]
async fn a_set_that_is_not_on_record_is_refused() {
    let site = Site::new().await;
    site.create().await;
    // As a forger would: a head that is consistent in itself, and that no ledger vouches for.
    let head = site.folder().join("sets/000001/set.json");
    let text = fs::read_to_string(&head).unwrap();
    fs::write(&head, text.replacen("\"program\": \"test\"", "\"program\": \"tEst\"", 1)).unwrap();
    let look = site.verify().await.unwrap();
    assert!(look.findings[0].contains("set.json"), "{:?}", look.findings);
    let refused = site.restore(&site.beside.path().join("site"), None, 0).await;
    assert!(matches!(refused, Err(Error::NotOnRecord(1))));
}
