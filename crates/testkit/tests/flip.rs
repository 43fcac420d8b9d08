//! A changed bit of any stored file of a small site is found, and the file named. More bits:
//! `make soak`.

use db::sea_orm::ConnectionTrait;
use db::{Db, DbKey, Error, Migration};
use testkit::crash::Dice;
use testkit::flip::Small;

#[tokio::test]
async fn a_changed_bit_of_any_stored_file_is_found_and_named() {
    let site = Small::new().await.unwrap();
    let files = site.files().unwrap();
    let kinds =
        ["ledger/vkey", "ledger/segments/", "ledger/tile/", "ledger/checkpoint", "metadata.db", "objects/"];
    for kind in kinds {
        assert!(files.iter().any(|(file, _)| file.to_string_lossy().starts_with(kind)), "{kind}");
    }
    assert!(files.iter().any(|(file, _)| file.extension().is_some_and(|e| e == "lock")), "one is locked");
    let mut dice = Dice::new(3);
    for (file, length) in files {
        let places = [0, length / 2, length - 1, dice.below(length)];
        assert_eq!(site.try_at(&file, &places).await.unwrap(), Vec::<String>::new(), "{}", file.display());
    }
}

#[tokio::test]
async fn a_bit_that_nothing_looks_at_would_be_missed() {
    let site = Small::new().await.unwrap();
    // The test's own note: no part of a site, and so a place where a change is not found.
    let missed = site.try_at("person.json".as_ref(), &[0]).await;
    assert!(missed.map_or(true, |missed| !missed.is_empty()));
}

#[tokio::test]
async fn a_changed_bit_in_any_page_is_found_and_the_page_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metadata.db");
    let steps: &[Migration] =
        &[Migration { step: "page-1", sql: &["CREATE TABLE page_fill (id TEXT PRIMARY KEY)"] }];
    let open = async || Db::open(&path, &DbKey::new([7; 32]), &[steps]).await;
    let db = open().await.unwrap();
    let tx = db.begin(0).await.unwrap();
    for n in 0..40 {
        let row = format!("INSERT INTO page_fill VALUES ('{n}{}')", "x".repeat(900));
        tx.execute_unprepared(&row).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(db.check().await.unwrap(), Vec::<String>::new());
    db.close().await.unwrap();
    let whole = std::fs::read(&path).unwrap();
    let pages = whole.len() / 4096;
    assert!(pages > 10);
    for page in 0..pages {
        // Content, the initialisation vector behind it, and the code itself.
        for at in [0, 2000, 4095 - 79, 4095] {
            let mut changed = whole.clone();
            changed[page * 4096 + at] ^= 1 << (page % 8);
            std::fs::write(&path, &changed).unwrap();
            let found = match open().await {
                Ok(db) => {
                    let found = db.check().await.unwrap();
                    db.close().await.unwrap();
                    found
                }
                // The pages that every opening reads.
                Err(Error::Open(_) | Error::Migrate { .. } | Error::Statement(_) | Error::Damaged(_)) => {
                    continue;
                }
                Err(error) => panic!("{error}"),
            };
            assert!(found.iter().any(|line| line.ends_with(&format!(" {}", page + 1))), "{page}: {found:?}");
            std::fs::write(&path, &whole).unwrap();
        }
    }
}
