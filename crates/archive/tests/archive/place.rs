//! The place of a store: the site's mark, and what happens when another place is there.

use crate::Site;
use archive::Error;
use archive::store::{Flag, Local, NotOwn, Store};
use base::{Fault, Id, Kind, SiteId, SystemClock, SystemEntropy};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

fn paths(site: &Site) -> (PathBuf, PathBuf) {
    let folder = site.spine.folder.path();
    (folder.join("objects"), folder.join("away"))
}

fn local(folder: &Path) -> Local {
    Local::open(folder, Arc::new(SystemClock::default()), Flag::Off).unwrap()
}

/// As when a mount is gone: what lies under its mount point is there instead.
#[tokio::test]
async fn nothing_is_put_where_another_place_is() {
    let site = Site::at(Arc::new(SystemClock::default()), None).await;
    let (id, archive) = (site.seen().put(b"content").await.unwrap(), &site.spine.archive);
    let (here, away) = paths(&site);
    let other = format!("{}\n", SiteId::mint(&SystemEntropy));
    for instead in [None, Some(None), Some(Some(other.as_str()))] {
        fs::rename(&here, &away).unwrap();
        if let Some(mark) = instead {
            fs::create_dir(&here).unwrap();
            mark.iter().for_each(|mark| fs::write(here.join("site.mark"), mark).unwrap());
        }
        let before = files(&here);
        let refused = site.seen().put(b"lost").await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.kind()),
            ("ARCHIVE-018", Kind::Unavailable),
            "{instead:?}: {refused}"
        );
        assert!(refused.hint().is_some() && archive.standing().away);
        assert_eq!(files(&here), before, "{instead:?}");
        // What the mark keeps from happening: a store that does not ask for it puts the bytes there.
        site.with(Arc::new(local(&here))).put(b"lost").await.unwrap();
        assert_eq!(files(&here), before + 2);
        fs::remove_dir_all(&here).unwrap();
        fs::rename(&away, &here).unwrap();
        let found = site.seen().put(b"found").await.unwrap();
        assert!(!archive.standing().away);
        assert_eq!(site.seen().read(&found).await.unwrap(), b"found");
        assert_eq!(site.seen().read(&id).await.unwrap(), b"content");
    }
}

#[tokio::test]
async fn an_opening_marks_what_is_new_or_known_and_nothing_else() {
    let site = Site::at(Arc::new(SystemClock::default()), None).await;
    let (here, away) = paths(&site);
    let mark = here.join("site.mark");
    let own = format!("{}\n", site.spine.site);
    assert_eq!(fs::read_to_string(&mark).unwrap(), own, "a new site's");
    let opening = || site.with(Arc::new(local(&here).of(&site.spine.site))).archive;
    site.seen().put(b"content").await.unwrap();
    // Of a time before marks: its bodies say whose it is.
    fs::remove_file(&mark).unwrap();
    assert!(opening().claim().await.unwrap());
    assert_eq!(fs::read_to_string(&mark).unwrap(), own);
    // Empty where bodies should be: left as it is, and told.
    fs::rename(&here, &away).unwrap();
    fs::create_dir(&here).unwrap();
    let opened = opening();
    assert!(!opened.claim().await.unwrap() && opened.standing().away && !mark.exists());
    fs::remove_dir(&here).unwrap();
    fs::rename(&away, &here).unwrap();
    assert!(opened.claim().await.unwrap());
    // Another's mark is not replaced.
    fs::write(&mark, "sit_other\n").unwrap();
    assert!(!opening().claim().await.unwrap());
    assert_eq!(fs::read_to_string(&mark).unwrap(), "sit_other\n");
    let store = local(&here).of(&site.spine.site);
    assert!(matches!(Error::from(store.claim().unwrap_err()), Error::Away));
    assert_eq!(Error::from(std::io::Error::from(NotOwn)).code(), "ARCHIVE-018");
}
