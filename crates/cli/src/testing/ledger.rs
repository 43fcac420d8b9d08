//! The record: proofs, its end as it grows, and its bytes.

use super::{Came, Reply, Site};
use std::fs;
use std::path::{Path, PathBuf};

const NAME: &str = "site.example/ledger";

/// A ledger of 700 events in `folder`, closed, with the site's public keys beside it.
fn made(folder: &Path) -> Vec<Vec<u8>> {
    let [key, receipts] = [1, 2].map(|seed| ::ledger::SigningKey::from_seed(&[seed; 32]).unwrap());
    let clock = std::sync::Arc::new(base::SystemClock::default());
    let ledger = ::ledger::Ledger::create(&folder.join("ledger"), NAME, key.clone(), clock).unwrap();
    for n in 0..700 {
        let body = ::ledger::Body::of(&serde_json::json!({"event": "other", "n": n})).unwrap();
        ledger.follow_blocking(::ledger::Entry::new(["run_a"], body).unwrap()).unwrap();
    }
    ledger
        .append_blocking(
            ::ledger::Entry::new(["run_a"], ::ledger::Body::of(&serde_json::json!({})).unwrap()).unwrap(),
        )
        .unwrap();
    let leaves = ledger.range(0..ledger.size()).unwrap().into_iter().map(|record| record.leaf).collect();
    ledger.close().unwrap();
    let public = ::receipt::SitePublic {
        site: base::Id::mint(&base::SystemEntropy),
        ledger: key.verifier(NAME).unwrap(),
        receipts: receipts.verifier(NAME).unwrap(),
    };
    fs::write(folder.join("site.pub"), public.to_string()).unwrap();
    leaves
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// Without a process and without a passphrase: the changed file is named.
#[test]
fn a_locked_ledger_is_checked_from_its_bytes_and_the_bad_file_is_named() {
    let site = Site::locked(|_| Reply::Json(500, serde_json::json!({})));
    made(&site.folder);
    let fsck = format!("ledger fsck {}", site.folder.display());
    let came = site.run(&fsck);
    assert!(came.code == 0 && came.out.contains("the ledger holds\n  701 events"), "{came:?}");
    let (came, ledger) = (site.run("ledger fsck"), site.folder.join("ledger"));
    assert_eq!(came.code, 0, "{came:?}");
    let mut checked = 0;
    for path in files(&ledger) {
        let name = path.strip_prefix(&ledger).unwrap().to_str().unwrap().to_owned();
        // Parts of the index are checked by the running ledger, which has their key.
        if name == "lock" || name.ends_with(".new") || name.starts_with("index") {
            continue;
        }
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[good.len().min(4000) / 2] ^= 4;
        fs::write(&path, &bad).unwrap();
        let came = site.run(&fsck);
        assert!(came.code == 7 && came.err.contains(&format!("`{name}`")), "{name}: {came:?}");
        fs::write(&path, &good).unwrap();
        checked += 1;
    }
    assert!(checked >= 6, "{checked}");
    assert_eq!(site.run(&fsck).code, 0);
    assert!(site.started_with().is_empty() && site.seen().is_empty());
}

#[test]
fn a_ledger_of_another_key_is_refused() {
    let site = Site::locked(|_| Reply::Json(500, serde_json::json!({})));
    made(&site.folder);
    let other = fs::read_to_string(site.folder.join("site.pub")).unwrap();
    let key = ::ledger::SigningKey::from_seed(&[9; 32]).unwrap().verifier(NAME).unwrap().to_string();
    let line = format!("ledger {key}");
    let other: Vec<&str> = other.lines().map(|l| if l.starts_with("ledger ") { &line } else { l }).collect();
    let path = site.file("other.pub", other.join("\n") + "\n");
    let came = site.run(&format!("ledger fsck --site-key {}", path.display()));
    assert!(came.code == 7 && came.err.contains("`vkey`"), "{came:?}");
}

#[test]
fn an_open_ledger_is_left_to_its_process() {
    let found = serde_json::json!({"size": 3, "root": "x", "commits": 1, "tiles": 1, "findings": []});
    let site = Site::open(move |_| Reply::Json(200, found.clone()));
    fs::create_dir(site.folder.join("ledger")).unwrap();
    let lock = fs::File::create(site.folder.join("ledger/lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    let came = site.run(&format!("ledger fsck {}", site.folder.display()));
    assert!(came.code == 0 && came.err.contains("its process checks it"), "{came:?}");
    assert_eq!(site.lines(), ["POST /v1/ledger/verify"]);
}

fn watched(lines: Vec<u8>, command: &str) -> Came {
    Site::open(move |_| Reply::Bytes(lines.clone())).run(command)
}

#[test]
fn a_tail_shows_each_leaf_as_hashed_and_takes_no_gap_for_whole() {
    let temp = tempfile::tempdir().unwrap();
    let leaves = made(temp.path());
    let lines = |leaves: &[Vec<u8>]| [leaves.join(&b'\n'), b"\n".to_vec()].concat();
    let came = watched(lines(&leaves[3..9]), "ledger watch --from 3");
    assert!(came.code == 0 && came.out.as_bytes() == lines(&leaves[3..9]), "{came:?}");
    assert!(came.err.contains("`--from 9` goes on"), "{came:?}");
    let gap = [lines(&leaves[3..5]), lines(&leaves[6..7])].concat();
    let came = watched(gap, "ledger watch --from 3");
    assert!(came.code == 8 && came.out.as_bytes() == lines(&leaves[3..5]), "{came:?}");
    let came = watched(b"{\"no\":1}\n".to_vec(), "ledger watch");
    assert!(came.code == 8 && came.out.is_empty(), "{came:?}");
}

#[test]
fn a_witness_says_its_key_and_its_address_and_takes_a_ledgers_key_alone() {
    let site = Site::locked(|_| Reply::Json(500, serde_json::json!({})));
    made(&site.folder);
    let came = site.run("witness init w --name witness.example/w1");
    assert_eq!((came.code, came.out.as_str()), (0, "witness.example/w1+00000000+key\n"), "{came:?}");
    let came = site.run("witness serve w --listen 127.0.0.1:7070");
    assert_eq!((came.code, came.out.as_str()), (0, "listening on 127.0.0.1:7070\n"), "{came:?}");
    let public = site.folder.join("site.pub");
    let came = site.run(&format!("witness trust w --site-key {}", public.display()));
    assert!(came.code == 0 && came.out.contains(NAME), "{came:?}");
    assert!(site.started_with()[0].starts_with("site.example/ledger+"));
    // A witness's own key is of another type.
    for bad in ["x", "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TX"] {
        let came = site.run(&format!("witness trust w --key {bad}"));
        assert!(came.code == 2 && came.err.contains("LEDGER-015"), "{came:?}");
    }
    assert_eq!(site.started_with().len(), 1);
}

#[test]
fn a_proof_is_written_as_it_came() {
    let site = Site::open(|seen| Reply::Bytes(seen.body.clone()));
    let kept = site.file("kept", "a checkpoint\n");
    let out = site.temp.path().join("out.tlog-proof");
    let line = format!("ledger prove 7 --against {} --out {}", kept.display(), out.display());
    assert_eq!(site.run(&line).code, 0);
    let asked: serde_json::Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    assert_eq!(asked, serde_json::json!({"position": 7, "against": "a checkpoint\n"}));
    assert_ne!(site.run(&line).code, 0, "replaced");
}
