//! Words that people typed end with the keys that sealed them; the record of what they did stays.

use crate::screened::headers;
use crate::site::{Site, copy_folder};
use crate::story::sample_of;
use ::keys::{Credential, Custody, Keys, Reach, Safe, SiteSecrets};
use audit::FieldSealer;
use audit::field::{Whose, Words};
use base::SystemEntropy;
use db::sea_orm::ConnectionTrait;
use db::{Db, DbKey};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// What the exporter of the story said.
const SAID: &str = "second opinion";

/// The site's secrets and its database, as whoever has passphrase and machine could open them.
pub async fn opened(site: &Site) -> (SiteSecrets, Db) {
    let passphrase = fs::read_to_string(site.room.join("passphrase")).unwrap();
    let safe = Safe::new(site.folder.join("keys/site.sealed"), Reach::default());
    let (_, secrets, _) = safe.unseal(&Credential::new(passphrase)).unwrap();
    let rooms = [
        access::MIGRATIONS,
        ::keys::MIGRATIONS,
        archive::MIGRATIONS,
        catalog::MIGRATIONS,
        runs::MIGRATIONS,
        subjects::MIGRATIONS,
        sharing::MIGRATIONS,
    ];
    let key = DbKey::new(*secrets.database);
    let db = Db::open(&site.folder.join("metadata.db"), &key, &rooms).await.unwrap();
    (secrets, db)
}

/// As if the retention floor of every object had passed, by its record and by the store.
pub async fn pass_the_floor(site: &Site) {
    let age = |lock: &Path| {
        let text = fs::read_to_string(lock).unwrap();
        let hold = text.lines().nth(1).unwrap();
        fs::write(lock, format!("until 2020-01-01T00:00:00Z\n{hold}\n")).unwrap();
    };
    let shards = fs::read_dir(site.folder.join("objects")).unwrap().map(|entry| entry.unwrap().path());
    let files = shards.filter(|path| path.is_dir()).flat_map(|shard| fs::read_dir(shard).unwrap());
    let files = files.map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|e| e == "lock")).for_each(|lock| age(&lock));
    let (_, db) = opened(site).await;
    let aged = "UPDATE archive_object SET kept_until = '2020-01-01T00:00:00Z' WHERE project IS NOT NULL";
    db.reader().execute_unprepared(aged).await.unwrap();
    db.close().await.unwrap();
}

fn said(site: &Site, who: &str, project: &str) -> Vec<Value> {
    let found = site.json(who, &["audit", "search", "--project", project, "--action", "download-object"]);
    assert_eq!(found["complete"], true);
    let events = found["events"].as_array().unwrap().iter();
    events.filter(|event| event["event"]["sealed_reason"].is_string()).cloned().collect()
}

fn holds(folder: &Path, needle: &str) -> bool {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| match path.is_dir() {
        true => holds(&path, needle),
        false => fs::read(&path).unwrap().windows(needle.len()).any(|part| part == needle.as_bytes()),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn after_shredding_words_cannot_be_read_and_everything_verifies() {
    let site = Site::copy();
    let (sample, project) = (sample_of(&site), site.last("steward", &["project", "list"]));
    let before = said(&site, "steward", &project);
    let words: Vec<&Value> = before.iter().filter(|event| event["reason"] == SAID).collect();
    assert!(!words.is_empty(), "{before:?}");
    let subject = words[0]["event"]["sealed_under"].as_str().unwrap().to_owned();
    assert!(said(&site, "auditor", &project).iter().all(|event| event["reason"].is_null()));

    // The ledger's bytes as a backup has them: the sealed words are there, the words are not.
    site.lock();
    let backup = site.room.join("backup");
    copy_folder(&site.folder.join("ledger"), &backup);
    let sealed = words[0]["event"]["sealed_reason"].as_str().unwrap();
    assert!(holds(&backup, sealed) && !holds(&backup, SAID));

    pass_the_floor(&site).await;
    let shred = ["keys", "shred", "--project", &project, "--subject", &subject, "--yes"];
    let done = site.json("steward", &shred);
    let certificate = done["certificates"][0]["id"].as_str().unwrap();

    for locked in [false, true] {
        if locked {
            site.lock();
        }
        for who in ["steward", "auditor"] {
            let after = said(&site, who, &project);
            assert_eq!(after.len(), before.len());
            for event in after.iter().filter(|event| event["event"]["sealed_under"] == subject.as_str()) {
                assert!(event["reason"].is_null(), "{who} reads {event}");
                let by = &event["erased"];
                assert_eq!(
                    (&by["scope"], &by["certificate"]),
                    (&subject.as_str().into(), &certificate.into())
                );
                let decided = by["position"].as_u64().unwrap();
                assert!(decided > event["position"].as_u64().unwrap());
            }
        }
        let text = site.run("steward", &["audit", "search", "--about", &sample]).out;
        assert!(text.contains(&format!("certificate {certificate}]")) && !text.contains(SAID), "{text}");
        let text = site.run("steward", &["audit", "search", "--about", &project]).out;
        assert!(text.contains(&format!("receipt issued: {certificate}")), "{text}");
        site.assert_sound();
    }
    let receipt = site.room.join("certificate.json");
    let show = ["receipt", "show", certificate, "--out", receipt.to_str().unwrap()];
    assert_eq!(site.run("steward", &show).exit, 0);
    site.invite("newcomer");
    let elsewhere = ["receipt", "show", certificate];
    assert_eq!(site.run("newcomer", &elsewhere).exit, 3, "whoever has no role there learns nothing");
    let public = site.folder.join("site.pub");
    let verify = ["receipt", "verify", receipt.to_str().unwrap(), "--site-key", public.to_str().unwrap()];
    let verified = site.run("auditor", &verify);
    assert!(verified.exit == 0 && verified.out.contains(&subject), "{}{}", verified.out, verified.err);

    // With the backup, the passphrase and all that the site still has, the words stay closed.
    site.lock();
    let (secrets, db) = opened(&site).await;
    let entropy = Arc::new(SystemEntropy);
    let keys = Keys::open(db.clone(), secrets.roots, Custody::Passphrase, entropy).await.unwrap();
    let project = project.parse().unwrap();
    let whose = Whose { project, subject: Some(subject.parse().unwrap()) };
    assert!(matches!(keys.open(&whose, sealed).await, Ok(Words::Erased(_))));
    keys.open_columns().await.unwrap();
    assert!(headers(&db).await.is_empty(), "what headers of the erased said is gone as well");
    db.close().await.unwrap();
    assert!(!holds(&site.folder.join("ledger"), SAID));
}
