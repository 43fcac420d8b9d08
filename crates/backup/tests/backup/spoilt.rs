//! Damage of every kind of file is named, and what was interrupted goes on.

use crate::{Site, files, put};
use base::Fault;
use std::fs;
use std::path::Path;

fn overwrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_changed_or_missing_file_of_any_kind_is_named() {
    let site = Site::new().await;
    site.create().await;
    let mut kinds = Vec::new();
    for (path, whole) in files(&site.folder()) {
        let name = path.strip_prefix(site.folder()).unwrap().to_str().unwrap().to_owned();
        if name == "ledger/lock" {
            continue;
        }
        // What a segment has not reached yet is zeros; its batches stand at its beginning.
        let used = whole.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        let mut spoilt = vec![None];
        let mut changed = whole.clone();
        changed[used / 2] ^= 1;
        spoilt.push(Some(changed));
        spoilt.push(Some(whole[..used / 2].to_vec()));
        for bytes in spoilt {
            match &bytes {
                Some(bytes) => overwrite(&path, bytes),
                None => fs::remove_file(&path).unwrap(),
            }
            let told = match site.verify().await {
                Ok(look) => look.findings.join("\n"),
                Err(error) => base::fault::chain(&error),
            };
            let short = path.file_name().unwrap().to_str().unwrap().trim_end_matches(".tree");
            let place = match name.as_str() {
                // Half of its changes leave a mark that is well-formed, and not this site's.
                "backup.toml" if told.contains("is the backup of another site") => "another site",
                // That events are missing shows; in which file they were does not.
                _ if name.starts_with("ledger/") && bytes.as_ref().is_none_or(|b| b.len() < whole.len()) => {
                    "ledger"
                }
                _ => short,
            };
            assert!(told.contains(place), "{name}, {:?} bytes: {told:?}", bytes.map(|b| b.len()));
            fs::write(&path, &whole).unwrap();
        }
        kinds.push(name);
    }
    let look = site.verify().await.unwrap();
    assert!(look.findings.is_empty(), "and with everything as it was, nothing: {:?}", look.findings);
    assert!(kinds.len() >= 16, "{kinds:?}");
}

#[tokio::test]
async fn what_is_damaged_in_the_site_is_named_and_not_copied() {
    let site = Site::new().await;
    let body = |folder: &Path| {
        let all = files(&folder.join("objects"));
        all.into_iter().find(|(path, bytes)| path.extension().is_none() && bytes.len() > 100_000).unwrap()
    };
    let (path, whole) = body(site.spine.folder.path());
    let mut changed = whole.clone();
    changed[70_000] ^= 1;
    overwrite(&path, &changed);
    let made = site.create().await;
    assert_eq!((made.damaged.len(), made.copied), (1, 1));
    assert_eq!(made.done.unwrap()[0].object, site.objects[1]);
    assert!(site.verify().await.unwrap().findings.is_empty(), "it is stated as absent");
    // A backup that has the bytes from before keeps them.
    overwrite(&path, &whole);
    let later = Site::new().await;
    later.create().await;
    let (path, _) = body(later.spine.folder.path());
    overwrite(&path, &changed);
    let made = later.create().await;
    assert_eq!((made.damaged.len(), made.done), (0, Some(vec![])));
    let look = later.verify().await.unwrap();
    assert_eq!(look.findings.len(), 1, "{:?}", look.findings);
    assert!(look.findings[0].contains("the site's own bytes"), "{:?}", look.findings);
}

#[tokio::test]
async fn what_cannot_be_read_in_the_site_does_not_count_as_compared() {
    let site = Site::new().await;
    site.create().await;
    let (path, bytes) = files(&site.spine.folder.path().join("objects")).remove(0);
    // What the site has let go since is compared with its root alone.
    fs::remove_file(&path).unwrap();
    assert!(site.verify().await.unwrap().findings.is_empty());
    std::os::unix::fs::symlink(&path, &path).unwrap();
    let looked = site.verify().await;
    assert!(matches!(looked, Err(backup::Error::Io { .. })), "{looked:?}");
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    assert!(site.verify().await.unwrap().findings.is_empty());
}

#[tokio::test]
async fn an_interrupted_backup_goes_on_from_every_state() {
    let site = Site::new().await;
    fs::create_dir(site.folder()).unwrap();
    fs::write(site.folder().join("backup.toml.new"), "form").unwrap();
    site.create().await;
    put(&site.spine, &site.members, b"new", None).await;
    let made = site.create().await;
    let whole = files(&site.folder());
    assert_eq!(made.set, 2);
    // As if the process had been stopped with any of the files of the second set not there yet, or not
    // whole, and the set not yet named.
    let second = site.folder().join("sets/000002");
    for (path, bytes) in &whole {
        let name = path.strip_prefix(site.folder()).unwrap();
        if name.starts_with("sets/000001") || name == Path::new("backup.toml") {
            continue;
        }
        // Bodies alone are written under their names; every other file gets its own when it is whole.
        let is_body = name.starts_with("objects") && name.extension().is_none();
        let halves = if is_body { vec![None, Some(bytes.len() / 2)] } else { vec![None] };
        for half in halves {
            match half {
                None => fs::remove_file(path).unwrap(),
                Some(half) => overwrite(path, &bytes[..half]),
            }
            let stale = site.folder().join("sets/000002.new");
            fs::rename(&second, &stale).unwrap();
            let again = site.create().await;
            assert_eq!((again.set, again.objects), (2, 3), "{} {half:?}", name.display());
            let look = site.verify().await.unwrap();
            assert!(look.findings.is_empty(), "{} {half:?}: {:?}", name.display(), look.findings);
        }
    }
    let refused = site.verify_in(&site.folder(), Some(3)).await.unwrap_err();
    assert_eq!(refused.code(), "BACKUP-003");
}

#[tokio::test]
async fn a_set_that_was_begun_before_the_secrets_were_sealed_anew_is_begun_again() {
    let site = Site::new().await;
    site.create().await;
    let (draft, sealed) =
        (site.folder().join("sets/000002.new"), site.spine.folder.path().join("keys/site.sealed"));
    let mut begun = Vec::new();
    for anew in [None, Some(b"sealed anew")] {
        site.stop_at_bodies().await;
        begun.push(fs::read(draft.join("draft.json")).unwrap());
        if let Some(anew) = anew {
            fs::write(&sealed, anew).unwrap();
        }
    }
    assert_eq!(begun[0], begun[1], "with the same sealed file it goes on");
    assert_eq!(site.create().await.set, 2);
    assert_eq!(fs::read(site.folder().join("sets/000002/site.sealed")).unwrap(), b"sealed anew");
    assert!(site.verify().await.unwrap().findings.is_empty());
}
