//! Steps that take longer than a permit lasts, and what a crash or a restore left in folders.

use crate::{DAY, Site, files, put};
use backup::{Backup, Error, Parts, mirror};
use base::{Clock, Entropy, FixedClock, SystemEntropy, Timestamp};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A clock by which each part of the work takes over a minute: it is asked when a step begins, and after each part.
struct Slow {
    clock: Arc<FixedClock>,
    asked: AtomicU32,
}

impl Clock for Slow {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
    fn monotonic(&self) -> Duration {
        if self.asked.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
            self.clock.advance(Duration::from_secs(61));
        }
        self.clock.monotonic()
    }
}

impl Site {
    fn parts(&self, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Parts {
        Parts {
            site: self.spine.site.clone(),
            folder: self.spine.folder.path().to_owned(),
            db: self.spine.db.clone(),
            map: self.map.clone(),
            audit: self.spine.audit.clone(),
            keys: self.spine.keys.clone(),
            archive: self.spine.archive.clone(),
            clock,
            entropy,
            program: "test",
        }
    }
}

#[tokio::test]
async fn bodies_that_take_longer_than_a_permit_lasts_do_not_keep_a_set_from_its_end() {
    let mut site = Site::new().await;
    let path = files(&site.spine.folder.path().join("objects"))
        .into_iter()
        .find(|(path, bytes)| path.extension().is_none() && bytes.len() > 100_000)
        .unwrap()
        .0;
    let mut bytes = fs::read(&path).unwrap();
    bytes[70_000] ^= 1;
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    put(&site.spine, &site.members, b"the last one is whole", None).await;
    let slow = Slow { clock: site.clock.clone(), asked: AtomicU32::new(0) };
    site.backup = Backup::new(site.parts(Arc::new(slow), Arc::new(SystemEntropy))).unwrap();
    let made = site.create().await;
    assert_eq!((made.copied, made.damaged.len()), (2, 1));
    assert_eq!(made.done.unwrap()[0].object, site.objects[1]);
    // It is in quarantine, although its permit had ended when it was found.
    let (damaged, _) = site.spine.archive.health().await.unwrap();
    assert_eq!(damaged, 1);
}

#[tokio::test]
async fn copies_of_the_database_do_not_outlive_a_crash() {
    let site = Site::new().await;
    let own = site.spine.folder.path().join("backup");
    for left in ["room/copy.db", "room/copy.db-journal", "room/ledger/checkpoint"] {
        fs::create_dir_all(own.join(left).parent().unwrap()).unwrap();
        fs::write(own.join(left), "left").unwrap();
    }
    Backup::new(site.parts(site.clock.clone(), Arc::new(SystemEntropy))).unwrap();
    assert!(files(&own).is_empty(), "{:?}", files(&own));
}

/// Takes a backup's medium away when the database was copied and is about to be sealed.
struct Away {
    copy: PathBuf,
    sets: PathBuf,
}

impl Entropy for Away {
    fn fill(&self, bytes: &mut [u8]) {
        if self.copy.exists() {
            fs::remove_dir_all(&self.sets).unwrap();
        }
        SystemEntropy.fill(bytes);
    }
}

#[tokio::test]
async fn copies_of_the_database_do_not_outlive_a_failure() {
    let mut site = Site::new().await;
    let own = site.spine.folder.path().join("backup");
    let away = Away { copy: own.join("room/copy.db"), sets: site.folder().join("sets") };
    site.backup = Backup::new(site.parts(site.clock.clone(), Arc::new(away))).unwrap();
    assert!(site.create_in(&site.folder(), &site.recovery()).await.is_err());
    assert!(files(&own).is_empty(), "{:?}", files(&own));
}

#[tokio::test]
async fn a_recovery_file_that_holds_another_key_is_neither_replaced_nor_taken_for_ours() {
    let site = Site::new().await;
    let made = site.create().await;
    let mut other = fs::read_to_string(&made.recovery.0).unwrap();
    let at = other.find("\"wrapped\": \"").unwrap() + 12;
    other.replace_range(at..at + 4, "AAAA");
    fs::write(&made.recovery.0, &other).unwrap();
    let refused = site.create_in(&site.folder(), &site.recovery()).await;
    assert!(matches!(refused, Err(Error::Taken(_))), "{refused:?}");
    assert_eq!(fs::read_to_string(&made.recovery.0).unwrap(), other);
    fs::rename(&made.recovery.0, site.beside.path().join("kept")).unwrap();
    site.create().await;
    assert!(made.recovery.0.exists());
}

#[tokio::test]
async fn a_restored_site_knows_every_epoch_and_leaves_a_newer_ledger_alone() {
    let site = Site::new().await;
    site.create().await;
    let older = site.beside.path().join("older");
    copy(&site.folder(), &older);
    site.clock.advance(11 * DAY);
    put(&site.spine, &site.members, b"new", None).await;
    site.create().await;
    // Put back from the first set, of the first epoch, with the ledger that knows of the second.
    let saved = site.saved_ledger().await;
    let newer = site.folder();
    let aside = site.beside.path().join("newer");
    fs::rename(&newer, &aside).unwrap();
    fs::rename(&older, &newer).unwrap();
    let back = site.restore(&site.beside.path().join("with"), Some(&saved), 0).await.unwrap();
    assert_eq!(back.count("keys_backup").await, 2, "the second epoch's recovery file is somewhere");
    // Without it, the site's ledger has another history than the mirror of the newer backup.
    let into = site.beside.path().join("without");
    let back = site.restore(&into, None, 0).await.unwrap();
    let before = files(&aside.join("ledger"));
    let (ledger, from, to) = (back.audit().ledger().clone(), into.join("ledger"), aside.join("ledger"));
    let refused = tokio::task::spawn_blocking(move || mirror::update(&ledger, &from, &to)).await.unwrap();
    assert!(matches!(refused, Err(Error::NewerMirror(_))), "{refused:?}");
    assert_eq!(files(&aside.join("ledger")), before, "nothing was written over");
}

fn copy(from: &Path, to: &Path) {
    for (path, bytes) in files(from) {
        let to = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, bytes).unwrap();
    }
}
