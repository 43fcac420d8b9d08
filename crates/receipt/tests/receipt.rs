//! A receipt from signing to verification, and everything that must not pass.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use base::{Blake3, Fault, Id, ObjectId, SiteId, SystemClock, SystemEntropy, UserId};
use ledger::{Body, Entry, SigningKey};
use receipt::{Inclusion, Object, Predicate, Receipt, SitePublic, Statement, Tool, What, sign, verify};
use std::sync::Arc;

const NAME: &str = "site.example/ledger";

struct Site {
    _dir: tempfile::TempDir,
    ledger: ledger::Ledger,
    receipts: SigningKey,
    public: SitePublic,
}

fn site(seed: u8) -> Site {
    let dir = tempfile::tempdir().unwrap();
    let key = SigningKey::from_seed(&[seed; 32]).unwrap();
    let receipts = SigningKey::from_seed(&[seed + 100; 32]).unwrap();
    let clock = Arc::new(SystemClock::default());
    let ledger = ledger::Ledger::create(dir.path(), NAME, key.clone(), clock).unwrap();
    let public = SitePublic {
        site: SiteId::mint(&SystemEntropy),
        ledger: key.verifier(NAME).unwrap(),
        receipts: receipts.verifier("site.example/receipts").unwrap(),
    };
    Site { _dir: dir, ledger, receipts, public }
}

fn statement(site: &Site) -> Statement {
    let object = |n| Object { id: ObjectId::mint(&SystemEntropy), root: Blake3([n; 32]) };
    let time = ("2026-01-02T03:04:05Z".parse().unwrap(), "2026-01-02T03:05:06.5Z".parse().unwrap());
    let actor = UserId::mint(&SystemEntropy).to_string();
    let ledger = receipt::Ledger { origin: NAME.to_owned(), position: 2 };
    let run = base::RunId::mint(&SystemEntropy).to_string();
    let mut predicate = Predicate::new(What::Run, run, site.public.site.clone(), actor, time, ledger);
    predicate.inputs = vec![object(1), object(2)];
    predicate.tools =
        vec![Tool { name: "bwa".into(), version: "0.7.17-r1188".into(), closure: Blake3([3; 32]) }];
    predicate.parameters.insert("min-quality".into(), "20".into());
    predicate.quality.insert("mean-depth".into(), 51.7);
    Statement::new([object(4)], predicate)
}

fn append(ledger: &ledger::Ledger, body: serde_json::Value) -> u64 {
    let entry = Entry::new(["run_a"], Body::of(&body).unwrap()).unwrap();
    ledger.append_blocking(entry).unwrap().position
}

fn fill(ledger: &ledger::Ledger) {
    for n in 0..5 {
        append(ledger, serde_json::json!({"event": "other", "n": n}));
    }
}

/// A receipt for `statement`, recorded by the event `event`.
fn issue(site: &Site, statement: &Statement, event: &str) -> Receipt {
    fill(&site.ledger);
    let envelope = sign(statement, &site.receipts).unwrap();
    let body = serde_json::json!({"event": event, "payload": envelope.payload_digest().unwrap()});
    let position = append(&site.ledger, body);
    fill(&site.ledger);
    Receipt { envelope, inclusion: Inclusion::from_ledger(&site.ledger, position).unwrap() }
}

#[test]
fn a_receipt_verifies_with_its_file_and_the_public_keys_alone() {
    let site = site(1);
    let statement = statement(&site);
    let bytes = issue(&site, &statement, "receipt-issued").to_json().unwrap();
    let public: SitePublic = site.public.to_string().parse().unwrap();
    drop(site);
    let verified = verify(&bytes, &public).unwrap();
    assert_eq!((verified.position, verified.ledger_size, &verified.statement), (5, 11, &statement));
    let json: serde_json::Value = serde_json::to_value(&statement).unwrap();
    assert_eq!(json["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(json["subject"][0]["digest"]["blake3-ciphertext-tree"], "04".repeat(32));
}

#[test]
fn every_changed_bit_and_every_added_or_lost_byte_is_refused() {
    let site = site(2);
    let bytes = issue(&site, &statement(&site), "receipt-issued").to_json().unwrap();
    verify(&bytes, &site.public).unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            assert!(verify(&changed, &site.public).is_err(), "byte {at} bit {bit}");
        }
        let mut lost = bytes.clone();
        lost.remove(at);
        assert!(verify(&lost, &site.public).is_err(), "byte {at} lost");
        for extra in [b' ', b'0', b'\n'] {
            let mut added = bytes.clone();
            added.insert(at, extra);
            assert!(verify(&added, &site.public).is_err(), "{extra} added at {at}");
        }
    }
}

#[test]
fn what_is_signed_but_not_bound_is_refused() {
    let site = site(3);
    let said = statement(&site);
    let code = |receipt: &Receipt, public: &SitePublic| {
        verify(&receipt.to_json().unwrap(), public).unwrap_err().code()
    };
    assert_eq!(code(&issue(&site, &said, "something-else"), &site.public), "RECEIPT-004");

    // The proof of one receipt under the statement of another.
    let mut mixed = issue(&site, &said, "receipt-issued");
    mixed.envelope = sign(&statement(&site), &site.receipts).unwrap();
    assert_eq!(code(&mixed, &site.public), "RECEIPT-004");

    // A decision that comes after the receipt.
    let mut later = said.clone();
    later.predicate.ledger.position = 1_000;
    assert_eq!(code(&issue(&site, &later, "receipt-issued"), &site.public), "RECEIPT-004");

    // Another key, another site, another ledger key.
    let good = issue(&site, &said, "receipt-issued");
    let mut public = site.public.clone();
    public.receipts = SigningKey::from_seed(&[77; 32]).unwrap().verifier("site.example/receipts").unwrap();
    assert_eq!(code(&good, &public), "RECEIPT-002");
    let mut public = site.public.clone();
    public.site = SiteId::mint(&SystemEntropy);
    assert_eq!(code(&good, &public), "RECEIPT-003");
    let mut public = site.public.clone();
    public.ledger = SigningKey::from_seed(&[77; 32]).unwrap().verifier(NAME).unwrap();
    assert_eq!(code(&good, &public), "RECEIPT-005");

    // A second signature on the checkpoint that nobody can check.
    let mut second = good;
    second.inclusion.checkpoint.push_str("\u{2014} witness.example AAAAAAAA\n");
    assert_eq!(code(&second, &site.public), "RECEIPT-001");
}

#[test]
fn names_that_are_not_ids_are_not_signed() {
    let site = site(4);
    let mut said = statement(&site);
    said.predicate.about = vec!["CASE-0001".to_owned()];
    assert_eq!(sign(&said, &site.receipts).unwrap_err().code(), "RECEIPT-007");
}

#[test]
fn public_keys_have_one_text() {
    let text = site(5).public.to_string();
    for bad in
        [text.replace("site sit", "site  sit"), format!("{text}\n"), text.replace("v1", "v2"), String::new()]
    {
        assert!(bad.parse::<SitePublic>().is_err(), "{bad}");
    }
}
