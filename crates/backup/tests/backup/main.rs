//! Backups of a small real site: made, checked, damaged, put back, and what must not come back with them.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod hostile;
mod people;
mod restored;
mod settled;
mod spoilt;
mod steps;

use access::thing::{Object, Project, Site as SiteThing};
use access::verb::{Manage, Write as WriteVerb};
use access::{Action, Ask, Permit};
use archive::Spec;
use backup::{Backup, Error, Look, Parts, Progress, Wanted};
use base::{Class, Clock, FixedClock, Id, ObjectId, Role, Sensitive, SubjectId, SystemEntropy, Timestamp};
use db::{Db, DbKey};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use testkit::{Members, Spine};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A site with a project, a few objects and a tool, and a folder for backups beside it.
pub(crate) struct Site {
    pub spine: Spine,
    pub members: Members,
    pub clock: Arc<FixedClock>,
    pub beside: TempDir,
    pub backup: Backup,
    /// Its identity map.
    pub map: Db,
    pub subject: SubjectId,
    /// One of the subject, one of the project.
    pub objects: [ObjectId; 2],
}

impl Site {
    pub async fn new() -> Self {
        let clock = Arc::new(FixedClock::at("2031-05-14T12:00:00Z".parse().unwrap()));
        let spine = Spine::with_store(clock.clone(), None).await;
        let members = spine.project(Class::Research).await;
        let folder = spine.folder.path().to_owned();
        let tool = blake3::hash(b"a tool").to_hex().to_string();
        fs::create_dir_all(folder.join("keys")).unwrap();
        fs::create_dir_all(folder.join("tools").join(tool.get(..2).unwrap())).unwrap();
        fs::write(folder.join("tools").join(tool.get(..2).unwrap()).join(&tool), b"a tool").unwrap();
        for name in ["keys/site.sealed", "site.toml", "site.pub"] {
            fs::write(folder.join(name), name).unwrap();
        }
        let map = Db::open(&folder.join("identities.db"), &DbKey::new([4; 32]), &[]).await.unwrap();
        map.begin(7).await.unwrap().commit().await.unwrap();
        let backup = Backup::new(Parts {
            site: spine.site.clone(),
            folder,
            db: spine.db.clone(),
            map: map.clone(),
            audit: spine.audit.clone(),
            keys: spine.keys.clone(),
            archive: spine.archive.clone(),
            clock: clock.clone(),
            entropy: spine.entropy.clone(),
            program: "test",
        })
        .unwrap();
        let subject = SubjectId::mint(&SystemEntropy);
        let first = put(&spine, &members, b"of the subject", Some(&subject)).await;
        let second = put(&spine, &members, &vec![7; 200_000], None).await;
        let objects = [first, second];
        let beside = tempfile::tempdir().unwrap();
        Self { spine, members, clock, beside, backup, map, subject, objects }
    }

    pub fn folder(&self) -> PathBuf {
        self.beside.path().join("backup")
    }

    pub fn recovery(&self) -> PathBuf {
        self.beside.path().join("recovery")
    }

    pub async fn permit(&self) -> Permit<Manage, SiteThing> {
        self.spine.permit(&self.spine.admin, Action::MakeBackup, &self.spine.site).await
    }

    pub async fn create_in(&self, to: &Path, recovery: &Path) -> Result<Progress, Error> {
        let (to, recovery) = (to.to_owned(), recovery.to_owned());
        let mut wanted = Wanted { to, recovery, days: 30, from: 0, meant: [None; 2] };
        let mut copied = (0, Vec::new());
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < 50, "it gets to its end");
            // As the server: the turn, then the decision.
            let (turn, permit) = (self.backup.turn().await, self.permit().await);
            let mut step = self.backup.create(&permit, &wanted, &turn).await?;
            copied.0 += step.copied;
            copied.1.append(&mut step.damaged);
            if step.done.is_some() {
                (step.copied, step.damaged) = copied;
                return Ok(step);
            }
            wanted.from = step.next;
        }
    }

    pub async fn create(&self) -> Progress {
        self.create_in(&self.folder(), &self.recovery()).await.unwrap()
    }

    /// As if the process had been stopped when the set was listed: there is nowhere to put bodies.
    pub async fn stop_at_bodies(&self) {
        let (objects, aside) = (self.folder().join("objects"), self.beside.path().join("aside"));
        fs::rename(&objects, &aside).unwrap();
        fs::create_dir(&objects).unwrap();
        for first in 0..=255u8 {
            fs::write(objects.join(format!("{first:02x}")), "").unwrap();
        }
        assert!(self.create_in(&self.folder(), &self.recovery()).await.is_err());
        fs::remove_dir_all(&objects).unwrap();
        fs::rename(&aside, &objects).unwrap();
    }

    pub async fn verify(&self) -> Result<Look, Error> {
        self.verify_in(&self.folder(), None).await
    }

    pub async fn verify_in(&self, folder: &Path, set: Option<u32>) -> Result<Look, Error> {
        let (turn, permit) = (self.backup.turn().await, self.permit().await);
        self.backup.verify(&permit, (folder, None), set, 0, &turn).await
    }

    /// A permit of the data steward about an object, with a reason.
    pub async fn steward(&self, action: Action, object: &ObjectId) -> Permit<Manage, Object> {
        let ask = Ask::<Object>::new(action, [object.clone()]).because(Some(Sensitive::new("r".to_owned())));
        self.spine.access.decide(self.members.with(Role::DataSteward), ask).await.unwrap()
    }
}

pub(crate) async fn put(
    spine: &Spine,
    members: &Members,
    content: &[u8],
    subject: Option<&SubjectId>,
) -> ObjectId {
    put_kind(spine, members, content, subject, "alignment").await
}

pub(crate) async fn put_kind(
    spine: &Spine,
    members: &Members,
    content: &[u8],
    subject: Option<&SubjectId>,
    kind: &'static str,
) -> ObjectId {
    let analyst = members.with(Role::Analyst);
    let permit: Permit<WriteVerb, Project> = spine.permit(analyst, Action::Ingest, &members.project).await;
    if let Some(subject) = subject {
        let tx = spine.db.begin(permit.decision()).await.unwrap();
        spine.keys.create_subject_key(&permit, &tx, subject).await.unwrap();
        tx.commit().await.unwrap();
    }
    let spec = Spec { kind, subject: subject.cloned(), links: vec![] };
    let mut draft = spine.archive.draft(&permit, spec).unwrap();
    draft.write_all(content).unwrap();
    let mut sealed = [draft.seal().unwrap()];
    let tx = spine.db.begin(permit.decision()).await.unwrap();
    let ids = spine.archive.admit(&permit, &tx, &mut sealed).await.unwrap();
    tx.commit().await.unwrap();
    spine.access.close(analyst, Default::default()).await.unwrap();
    ids.into_iter().next().unwrap()
}

/// Every file below a folder, with its bytes.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else {
            let bytes = fs::read(&entry).unwrap();
            found.push((entry, bytes));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_backup_is_made_once_checked_and_holds_nothing_that_opens_it() {
    let site = Site::new().await;
    let made = site.create().await;
    assert_eq!((made.set, made.objects, made.copied, made.done), (1, 2, 2, Some(vec![])));
    let look = site.verify().await.unwrap();
    assert_eq!((look.findings, look.compared, look.next), (vec![], 2, None));
    // No key, no label, no word of the database or an object lies in it in clear.
    for (path, bytes) in files(&site.folder()) {
        for clear in [
            &b"of the subject"[..],
            b"A test",
            b"TEST-1",
            b"CREATE TABLE",
            &testkit::ROOT,
            &testkit::DATABASE,
        ] {
            let found = bytes.windows(clear.len()).any(|window| window == clear);
            // Segments end in zeros; the keys of a spine are one byte repeated.
            assert!(!found, "{}: {clear:?}", path.display());
        }
    }
    assert!(!site.spine.folder.path().join("backup/room").exists());

    // A second one copies what is new, and shares the rest.
    let before = files(&site.folder().join("objects"));
    let new = put(&site.spine, &site.members, b"new", None).await;
    let made = site.create().await;
    assert_eq!((made.set, made.objects, made.copied), (2, 3, 1));
    let after = files(&site.folder().join("objects"));
    assert!(before.iter().all(|file| after.contains(file)) && after.len() == before.len() + 2);
    assert!(site.verify().await.unwrap().findings.is_empty());
    let old = site.verify_in(&site.folder(), Some(1)).await.unwrap();
    assert_eq!((old.set, old.findings), (1, vec![]));
    assert!(site.spine.archive.project_of(&new).await.unwrap().is_some());
    let kinds: Vec<String> = (0..site.spine.audit.ledger().size())
        .map(|at| site.spine.audit.recorded(at).unwrap().event.what.kind().to_owned())
        .collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "backup-made").count(), 2);
}

#[tokio::test]
async fn epochs_change_in_time_and_end_on_their_day() {
    let site = Site::new().await;
    let first = site.create().await;
    site.clock.advance(9 * DAY);
    assert_eq!(site.create().await.recovery, first.recovery, "the same epoch");
    site.clock.advance(2 * DAY);
    let second = site.create().await;
    assert_ne!(second.recovery, first.recovery);
    assert_eq!(fs::read_dir(site.recovery()).unwrap().count(), 2);
    assert_eq!(site.backup.end_epochs().await.unwrap(), 0);
    // Twenty days after the last set of the first epoch it still opens; on its own day it does not.
    site.clock.advance(18 * DAY);
    assert!(site.verify_in(&site.folder(), Some(2)).await.unwrap().findings.is_empty());
    site.clock.advance(DAY);
    assert_eq!(site.backup.end_epochs().await.unwrap(), 1);
    assert_eq!(site.backup.end_epochs().await.unwrap(), 0, "once");
    let old = site.verify_in(&site.folder(), Some(2)).await;
    assert!(matches!(old, Err(Error::Ended { set: 2, .. })), "{old:?}");
    assert!(site.verify_in(&site.folder(), Some(3)).await.unwrap().findings.is_empty());
    let newest: Timestamp = site.clock.now();
    assert!(second.recovery.1 > newest);
}

#[tokio::test]
async fn folders_that_would_defeat_it_are_refused() {
    let site = Site::new().await;
    let (inside, other) = (site.spine.folder.path().join("b"), site.beside.path().join("other"));
    for (to, recovery) in [
        (inside.clone(), site.recovery()),
        (site.folder(), inside),
        (site.folder(), site.folder().join("recovery")),
        (site.folder().join("b"), site.folder()),
        (PathBuf::from("relative"), site.recovery()),
    ] {
        let refused = site.create_in(&to, &recovery).await;
        assert!(matches!(refused, Err(Error::Place { .. })), "{}: {refused:?}", to.display());
    }
    fs::create_dir(&other).unwrap();
    fs::write(other.join("somebody's"), "thesis").unwrap();
    assert!(matches!(site.create_in(&other, &site.recovery()).await, Err(Error::Place { .. })));
    site.create().await;
    let stranger = Site::new().await;
    let refused = stranger.create_in(&site.folder(), &stranger.recovery()).await;
    assert!(matches!(refused, Err(Error::Place { why: "is the backup of another site", .. })), "{refused:?}");
    assert!(matches!(site.verify_in(&other, None).await, Err(Error::NoBackup { .. })));
    let none = site.verify_in(&site.folder(), Some(9)).await;
    assert!(matches!(none, Err(Error::NoSet)), "{none:?}");
}
