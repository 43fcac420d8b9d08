//! Somebody else can write the backup's folder.

use crate::{DAY, Site, files};
use backup::place::Identity;
use backup::set::{OBJECTS, TOOLS};
use backup::{Error, Place, Set, Wanted, restore};
use base::Clock;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Ends a test in which something waits for ever.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.unwrap()
}

impl Site {
    fn the_set(&self) -> Set {
        Set::read(&Place::open(&self.folder()).unwrap(), None).unwrap()
    }

    /// Replaces a file of the newest set, and states the new one in the head.
    fn forge(&self, name: &str, text: &str) {
        let set = self.the_set();
        fs::write(set.path(name), text).unwrap();
        let mut head = set.head.clone();
        for stated in head.files.iter_mut().filter(|stated| stated.name == name) {
            stated.length = text.len() as u64;
            stated.digest = base::Blake3(*blake3::hash(text.as_bytes()).as_bytes());
        }
        fs::write(set.path("set.json"), serde_json::to_vec(&head).unwrap()).unwrap();
    }

    fn put_back(&self, into: &Path) -> Result<u64, Error> {
        let place = Place::open(&self.folder())?;
        let from = place.store(self.clock.clone())?;
        let objects = into.join("objects");
        let to =
            archive::store::Local::open(&objects, self.clock.clone(), archive::store::Flag::Off).unwrap();
        restore::put_back(&place, &self.the_set(), into, &from, &to, &mut |_| {})
    }

    async fn stopped(&self) {
        self.create().await;
        crate::put(&self.spine, &self.members, b"new", None).await;
        self.stop_at_bodies().await;
    }

    fn draft(&self) -> PathBuf {
        self.folder().join("sets/000002.new/draft.json")
    }
}

#[tokio::test]
async fn a_tool_is_named_by_a_digest_and_gets_its_name_when_it_is_that() {
    let site = Site::new().await;
    site.create().await;
    let into = site.beside.path().join("site");
    let tool = site.the_set().tools().unwrap()[0];
    let name = tool.digest.to_string();
    let path = site.folder().join("tools").join(name.get(..2).unwrap()).join(&name);
    for changed in [&b"b tool"[..], b"a tool and more"] {
        fs::write(&path, changed).unwrap();
        let refused = site.put_back(&into).unwrap_err();
        assert!(matches!(refused, Error::Damaged { .. }), "{refused}");
        assert!(files(&into).is_empty(), "what is not the tool gets no name: {:?}", files(&into));
    }
    fs::remove_file(&path).unwrap();
    symlink("/etc/hostname", &path).unwrap();
    assert!(matches!(site.put_back(&into), Err(Error::Odd(_))));
    let victim = site.beside.path().join("victim");
    fs::write(&victim, "thesis").unwrap();
    for line in ["aa/../../../victim 6\n", "../victim 6\n", "victim\n", &format!("{name} -1\n")] {
        site.forge(TOOLS, line);
        let refused = site.put_back(&into).unwrap_err();
        assert!(refused.to_string().contains(TOOLS), "{line:?}: {refused}");
    }
    assert_eq!(fs::read(&victim).unwrap(), b"thesis");
}

#[tokio::test]
async fn a_pipe_a_link_or_a_device_is_neither_waited_for_nor_followed() {
    let site = Site::new().await;
    site.create().await;
    let object = files(&site.folder().join("objects")).remove(0).0;
    let set = site.folder().join("sets/000001");
    for path in [set.join("set.json"), set.join(OBJECTS), set.join("metadata.tree"), object] {
        let whole = fs::read(&path).unwrap();
        for kind in ["pipe", "link", "itself"] {
            fs::remove_file(&path).unwrap();
            match kind {
                "pipe" => mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap(),
                "link" => symlink("/dev/zero", &path).unwrap(),
                _ => symlink(&path, &path).unwrap(),
            }
            let looked = soon(site.verify()).await;
            assert!(!looked.is_ok_and(|look| look.findings.is_empty()), "{kind} {}", path.display());
        }
        fs::remove_file(&path).unwrap();
        fs::write(&path, whole).unwrap();
    }
    assert!(site.verify().await.unwrap().findings.is_empty());
    // A file that claims to be longer than it can be is not read to its end.
    let list = fs::OpenOptions::new().write(true).open(set.join(OBJECTS)).unwrap();
    list.set_len(1 << 40).unwrap();
    assert!(!soon(site.verify()).await.unwrap().findings.is_empty());
}

#[tokio::test]
async fn nothing_is_written_through_a_link() {
    let site = Site::new().await;
    site.create().await;
    let (victim, room) = (site.beside.path().join("victim"), site.beside.path().join("room"));
    fs::write(&victim, "thesis").unwrap();
    fs::create_dir(&room).unwrap();
    symlink(&victim, site.folder().join("ledger/checkpoint.new")).unwrap();
    site.create().await;
    assert_eq!(fs::read(&victim).unwrap(), b"thesis");
    for folder in ["sets", "ledger", "tools", "objects"] {
        let (path, aside) = (site.folder().join(folder), site.beside.path().join("aside"));
        fs::rename(&path, &aside).unwrap();
        symlink(&room, &path).unwrap();
        let refused = site.create_in(&site.folder(), &site.recovery()).await;
        assert!(matches!(refused, Err(Error::Odd(_))), "{folder}: {refused:?}");
        assert!(files(&room).is_empty(), "{folder}");
        fs::remove_file(&path).unwrap();
        fs::rename(&aside, &path).unwrap();
    }
}

#[tokio::test]
async fn a_body_behind_a_link_is_no_body_of_the_backup() {
    let site = Site::new().await;
    site.create().await;
    let object = files(&site.folder().join("objects")).remove(0).0;
    let shard = object.parent().unwrap().to_owned();
    let aside = site.beside.path().join("aside");
    for path in [&shard, &object] {
        fs::rename(path, &aside).unwrap();
        symlink(&aside, path).unwrap();
        let found = site.verify().await.unwrap().findings.join("\n");
        assert!(found.contains(path.to_str().unwrap()) && found.contains("a link"), "{found}");
        let refused = site.create_in(&site.folder(), &site.recovery()).await;
        assert!(matches!(&refused, Err(Error::Odd(odd)) if odd == path), "{refused:?}");
        let into = TempDir::new().unwrap();
        let refused = site.put_back(into.path()).unwrap_err();
        assert!(matches!(&refused, Error::Odd(odd) if odd == path), "{refused}");
        fs::remove_file(path).unwrap();
        fs::rename(&aside, path).unwrap();
    }
    site.create().await;
    assert!(site.verify().await.unwrap().findings.is_empty());
}

#[tokio::test]
async fn folders_that_their_owner_names_may_be_links() {
    let site = Site::new().await;
    let at = |name: &str| site.beside.path().join(name);
    for name in ["one", "two", "three"] {
        fs::create_dir(at(&format!("real-{name}"))).unwrap();
        symlink(at(&format!("real-{name}")), at(name)).unwrap();
    }
    site.create_in(&at("one"), &at("two")).await.unwrap();
    assert!(site.verify_in(&at("one"), None).await.unwrap().findings.is_empty());
    let set = Set::read(&Place::open(&at("one")).unwrap(), None).unwrap();
    let into = restore::claim(&at("three"), &set).unwrap();
    assert_eq!(into, at("real-three").canonicalize().unwrap());
}

#[tokio::test]
async fn a_draft_that_was_changed_is_not_gone_on_with() {
    let site = Site::new().await;
    site.stopped().await;
    let draft = fs::read_to_string(site.draft()).unwrap();
    let since = draft.lines().find(|line| line.contains("\"since\"")).unwrap();
    // The head of before the roles were revoked, as if they had been revoked before it.
    fs::write(site.draft(), draft.replace(since, "\"since\": 99999999,")).unwrap();
    site.create().await;
    let set = site.the_set();
    assert_eq!(set.head.set, 2);
    assert!(set.head.since < 99_999_999);
    assert!(site.verify().await.unwrap().findings.is_empty());

    let site = Site::new().await;
    site.stopped().await;
    let list = site.draft().with_file_name(OBJECTS);
    fs::write(&list, "").unwrap();
    let refused = site.create_in(&site.folder(), &site.recovery()).await;
    assert!(matches!(refused, Err(Error::Damaged { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_draft_of_an_epoch_that_is_no_longer_in_force_is_begun_again() {
    let site = Site::new().await;
    site.stopped().await;
    site.clock.advance(29 * DAY);
    let made = site.create().await;
    assert!(made.recovery.1 > site.clock.now() + 20 * DAY, "{:?}", made.recovery);
    assert_eq!(site.the_set().head.made, site.clock.now());
}

#[tokio::test]
async fn a_folder_that_the_client_does_not_mean_is_left_alone() {
    let site = Site::new().await;
    let meant = |path: &Path| {
        let found = path.metadata().unwrap();
        Some(Identity { device: found.dev(), inode: found.ino() })
    };
    let beside = site.beside.path();
    let wanted = |meant| Wanted { to: site.folder(), recovery: site.recovery(), days: 30, from: 0, meant };
    for wrong in [[meant(Path::new("/")), None], [None, meant(Path::new("/"))]] {
        let (turn, permit) = (site.backup.turn().await, site.permit().await);
        let refused = site.backup.create(&permit, &wanted(wrong), &turn).await;
        assert!(matches!(refused, Err(Error::Elsewhere(_))), "{refused:?}");
        assert_eq!(fs::read_dir(beside).unwrap().count(), 0, "nothing was written");
    }
    // Neither is there yet: they are known by the folder that they will lie in.
    let (turn, permit) = (site.backup.turn().await, site.permit().await);
    site.backup.create(&permit, &wanted([meant(beside); 2]), &turn).await.unwrap();
    drop(turn);
    for (said, right) in [(meant(&site.folder()), true), (meant(beside), false)] {
        let (turn, permit) = (site.backup.turn().await, site.permit().await);
        let looked = site.backup.verify(&permit, (&site.folder(), said), None, 0, &turn).await;
        assert_eq!(looked.is_ok(), right, "{looked:?}");
    }
}
