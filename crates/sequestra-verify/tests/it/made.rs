//! What the product makes, and everything that must not pass.

use base::{Blake3, Id, ObjectId, SiteId, SystemClock, SystemEntropy, UserId};
use base64::prelude::{BASE64_STANDARD, Engine};
use ledger::{Body, Entry, Ledger, SigningKey};
use receipt::{Inclusion, Object, Predicate, Receipt, SitePublic, Statement, Tool, What, sign};
use sequestra_verify::checkpoint::{self, Trust};
use sequestra_verify::key::VerifierKey;
use sequestra_verify::site::Site;
use sequestra_verify::{Error, Result, proof, receipt as second};
use sha2::{Digest, Sha256};
use std::sync::Arc;

const NAME: &str = "site.example/ledger";
const TIME: u64 = 1_767_323_045;

/// A ledger of the product, and a site's public keys.
pub struct Made {
    _folder: tempfile::TempDir,
    pub ledger: Ledger,
    pub public: SitePublic,
    receipts: SigningKey,
}

impl Made {
    pub fn new(events: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (key, receipts) = (seed(1), seed(2));
        let clock = Arc::new(SystemClock::default());
        let ledger = Ledger::create(folder.path(), NAME, key.clone(), clock).unwrap();
        let public = SitePublic {
            site: SiteId::mint(&SystemEntropy),
            ledger: key.verifier(NAME).unwrap(),
            receipts: receipts.verifier("site.example/receipts").unwrap(),
        };
        let made = Self { _folder: folder, ledger, public, receipts };
        (0..events).for_each(|n| made.append(serde_json::json!({"event": "other", "n": n})));
        made
    }

    pub fn append(&self, body: serde_json::Value) {
        let entry = Entry::new(["run_a"], Body::of(&body).unwrap()).unwrap();
        self.ledger.append_blocking(entry).unwrap();
    }

    pub fn site(&self) -> Site {
        Site::parse(self.public.to_string().as_bytes()).unwrap()
    }

    pub fn trust(&self, witnesses: &[&str]) -> Trust {
        let witnesses = witnesses.iter().map(|name| witness_key(name)).collect();
        Trust::new(self.site().ledger, witnesses, None).unwrap()
    }

    /// A checkpoint that these witnesses cosigned.
    pub fn cosigned(&self, witnesses: &[&str]) -> String {
        let checkpoint = self.ledger.checkpoint().unwrap();
        witnesses.iter().fold(checkpoint.clone(), |note, name| note + &cosignature(&checkpoint, name))
    }

    pub fn receipt(&self) -> Vec<u8> {
        let object = |n| Object { id: ObjectId::mint(&SystemEntropy), root: Blake3([n; 32]) };
        let time = ("2026-01-02T03:04:05Z".parse().unwrap(), "2026-01-02T03:05:06.5Z".parse().unwrap());
        let ledger = receipt::Ledger { origin: NAME.to_owned(), position: 2 };
        let run = base::RunId::mint(&SystemEntropy).to_string();
        let actor = UserId::mint(&SystemEntropy).to_string();
        let mut said = Predicate::new(What::Run, run, self.public.site.clone(), actor, time, ledger);
        said.inputs = vec![object(1)];
        said.tools = vec![Tool { name: "bwa".into(), version: "0.7.17".into(), closure: Blake3([3; 32]) }];
        said.quality.insert("mean-depth".into(), 51.7);
        let envelope = sign(&Statement::new([object(4)], said), &self.receipts).unwrap();
        let position = self.ledger.size();
        self.append(
            serde_json::json!({"event": "receipt-issued", "payload": envelope.payload_digest().unwrap()}),
        );
        self.append(serde_json::json!({"event": "other"}));
        let inclusion = Inclusion::from_ledger(&self.ledger, position).unwrap();
        Receipt { envelope, inclusion }.to_json().unwrap()
    }
}

fn seed(byte: u8) -> SigningKey {
    SigningKey::from_seed(&[byte; 32]).unwrap()
}

fn witness_seed(name: &str) -> SigningKey {
    SigningKey::from_seed(&Sha256::digest(name).into()).unwrap()
}

/// Type, key and id of a witness's key: C2SP tlog-cosignature, written here once more.
fn witness_parts(name: &str) -> ([u8; 4], [u8; 33]) {
    let mut typed = [4; 33];
    typed[1..].copy_from_slice(&witness_seed(name).public().unwrap());
    let digest = Sha256::new().chain_update(name).chain_update(b"\n").chain_update(typed).finalize();
    (digest[..4].try_into().unwrap(), typed)
}

pub fn witness_key(name: &str) -> VerifierKey {
    let (id, typed) = witness_parts(name);
    format!("{name}+{:08x}+{}", u32::from_be_bytes(id), BASE64_STANDARD.encode(typed)).parse().unwrap()
}

fn cosignature(checkpoint: &str, name: &str) -> String {
    let body = format!("{}\n", checkpoint.split_once("\n\n").unwrap().0);
    let signature = witness_seed(name).sign(format!("cosignature/v1\ntime {TIME}\n{body}").as_bytes());
    let mut bytes = witness_parts(name).0.to_vec();
    bytes.extend_from_slice(&TIME.to_be_bytes());
    bytes.extend_from_slice(&signature);
    format!("\u{2014} {name} {}\n", BASE64_STANDARD.encode(bytes))
}

/// Every changed bit, every lost byte and some added ones must be refused, and refused as false,
/// not as misuse.
pub fn every_mutation_is_refused<T: std::fmt::Debug>(bytes: &[u8], check: impl Fn(&[u8]) -> Result<T>) {
    check(bytes).unwrap();
    let refused = |changed: &[u8], what: &str, at: usize| match check(changed) {
        Err(Error::Refused(_)) => {}
        other => panic!("{what} at {at}: {other:?}"),
    };
    for at in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        for bit in 0..8 {
            changed[at] = bytes[at] ^ 1 << bit;
            refused(&changed, "a changed bit", at);
        }
        changed.remove(at);
        refused(&changed, "a lost byte", at);
        for extra in [b' ', b'0', b'\n', b'A'] {
            let mut added = bytes.to_vec();
            added.insert(at, extra);
            refused(&added, "an added byte", at);
        }
    }
    refused(&[bytes, b"\n"].concat(), "an added line", bytes.len());
    refused(&[], "nothing", 0);
}

#[test]
fn a_checkpoint_holds_with_its_witnesses_and_no_changed_one_does() {
    let made = Made::new(7);
    let plain = made.cosigned(&[]);
    let found = checkpoint::verify(plain.as_bytes(), &made.trust(&[])).unwrap();
    assert_eq!((found.origin.as_str(), found.size, found.unknown), (NAME, 7, 0));
    every_mutation_is_refused(plain.as_bytes(), |bytes| checkpoint::verify(bytes, &made.trust(&[])));

    let names = ["witness.example/w1", "witness.example/w2"];
    let both = made.cosigned(&names);
    let trust = made.trust(&names);
    let found = checkpoint::verify(both.as_bytes(), &trust).unwrap();
    assert_eq!(found.cosigned, [(names[0].to_owned(), TIME), (names[1].to_owned(), TIME)]);
    every_mutation_is_refused(both.as_bytes(), |bytes| checkpoint::verify(bytes, &trust));
}

#[test]
fn a_quorum_counts_distinct_witnesses_that_were_named() {
    let made = Made::new(3);
    let (one, two) = ("witness.example/w1", "witness.example/w2");
    let keys = vec![witness_key(one), witness_key(two)];
    let trust = |quorum| Trust::new(made.site().ledger, keys.clone(), quorum).unwrap();
    let by_one = made.cosigned(&[one]);
    assert!(checkpoint::verify(by_one.as_bytes(), &trust(Some(1))).is_ok());
    assert!(checkpoint::verify(by_one.as_bytes(), &trust(None)).is_err());
    // The same witness twice is one witness.
    let twice = by_one.clone() + &cosignature(&by_one, one);
    assert!(checkpoint::verify(twice.as_bytes(), &trust(None)).is_err());
    // A witness that was not named does not count, and is told.
    let stranger = made.cosigned(&["witness.example/w3"]);
    assert!(checkpoint::verify(stranger.as_bytes(), &trust(Some(1))).is_err());
    assert_eq!(checkpoint::verify(stranger.as_bytes(), &trust(Some(0))).unwrap().unknown, 1);
    // A cosignature of another checkpoint does not hold.
    let moved = made.cosigned(&[]) + &cosignature(&Made::new(4).cosigned(&[]), one);
    assert!(checkpoint::verify(moved.as_bytes(), &trust(Some(0))).is_err());
    // Nobody counts twice under two names, and a ledger is not its own witness.
    assert!(Trust::new(made.site().ledger, vec![witness_key(one), witness_key(one)], None).is_err());
    assert!(Trust::new(made.site().ledger, keys.clone(), Some(3)).is_err());
    assert!(Trust::new(witness_key(one), Vec::new(), None).is_err());
    assert!(Trust::new(made.site().ledger, vec![made.site().receipts], None).is_err());
}

#[test]
fn a_proof_file_holds_and_no_changed_one_does() {
    let made = Made::new(5);
    let kept = made.ledger.checkpoint().unwrap();
    (0..9).for_each(|n| made.append(serde_json::json!({"event": "later", "n": n})));
    let names = ["witness.example/w1"];
    let (trust, cosigned) = (made.trust(&names), made.cosigned(&names));
    for position in 0..14 {
        let file = made.ledger.prove(position, Some(&kept), Some(&cosigned)).unwrap();
        let proved = proof::verify(file.as_bytes(), None, Some(kept.as_bytes()), &trust).unwrap();
        assert_eq!((proved.position, proved.checkpoint.size), (position, 14));
        assert_eq!(proved.older.unwrap().size, 5);
        assert_eq!(proved.event.unwrap()["position"], position);
    }
    let file = made.ledger.prove(6, Some(&kept), Some(&cosigned)).unwrap();
    let check = |bytes: &[u8]| proof::verify(bytes, None, Some(kept.as_bytes()), &trust);
    every_mutation_is_refused(file.as_bytes(), check);
    let plain = made.ledger.prove(6, None, None).unwrap();
    every_mutation_is_refused(plain.as_bytes(), |bytes| proof::verify(bytes, None, None, &made.trust(&[])));
}

#[test]
fn a_proof_file_ties_the_checkpoint_that_was_kept_and_no_other() {
    let made = Made::new(5);
    let (trust, kept) = (made.trust(&[]), made.ledger.checkpoint().unwrap());
    made.append(serde_json::json!({"event": "later"}));
    let later = made.ledger.checkpoint().unwrap();
    let verify = |file: &str, kept: &str| proof::verify(file.as_bytes(), None, Some(kept.as_bytes()), &trust);
    let tied = made.ledger.prove(0, Some(&kept), None).unwrap();
    assert!(verify(&tied, &kept).is_ok() && verify(&tied, &later).is_ok());
    let plain = made.ledger.prove(0, None, None).unwrap();
    assert!(verify(&plain, &kept).is_err() && verify(&plain, &later).is_ok());
    // Another history under the same name and key.
    let other = Made::new(5).ledger.checkpoint().unwrap();
    assert!(verify(&tied, &other).is_err());
    assert!(made.ledger.prove(0, Some(&other), None).is_err());
    let ahead = Made::new(9).ledger.checkpoint().unwrap();
    assert!(made.ledger.prove(0, Some(&ahead), None).is_err());
    assert!(made.ledger.prove(6, None, None).is_err());
}

#[test]
fn consistency_of_two_checkpoints_is_proved_by_hashes_alone() {
    let made = Made::new(6);
    let (trust, old) = (made.trust(&[]), made.ledger.checkpoint().unwrap());
    (0..5).for_each(|n| made.append(serde_json::json!({"event": "later", "n": n})));
    let new = made.ledger.checkpoint().unwrap();
    let hashes = made.ledger.consistency(6, 11).unwrap();
    let hashes: String = hashes.iter().map(|hash| format!("{hash}\n")).collect();
    let check =
        |old: &str, new: &str, proof: &[u8]| proof::consistent(old.as_bytes(), new.as_bytes(), proof, &trust);
    assert_eq!(check(&old, &new, hashes.as_bytes()).unwrap().1.size, 11);
    every_mutation_is_refused(hashes.as_bytes(), |bytes| check(&old, &new, bytes));
    assert!(check(&new, &old, hashes.as_bytes()).is_err());
    assert!(check(&old, &old, b"").is_ok());
}

#[test]
fn a_receipt_holds_with_its_file_and_the_public_keys_and_no_changed_one_does() {
    let made = Made::new(5);
    let (bytes, site) = (made.receipt(), made.site());
    let verified = second::verify(&bytes, &site).unwrap();
    assert_eq!((verified.position, verified.ledger_size), (5, 7));
    assert_eq!(verified.statement["subject"][0]["digest"]["blake3-ciphertext-tree"], "04".repeat(32));
    every_mutation_is_refused(&bytes, |bytes| second::verify(bytes, &site));
    // Another site's keys.
    let other = Site { id: SiteId::mint(&SystemEntropy).to_string(), ..site.clone() };
    assert!(second::verify(&bytes, &other).is_err());
    let swapped = Site { receipts: site.ledger.clone(), ..site.clone() };
    assert!(second::verify(&bytes, &swapped).is_err());
}

/// What the product's own verifier says of the same bytes.
#[test]
fn both_verifiers_say_the_same() {
    let made = Made::new(5);
    let bytes = made.receipt();
    for at in (0..bytes.len()).step_by(7) {
        for bit in [0, 5] {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let (first, second) =
                (receipt::verify(&changed, &made.public), second::verify(&changed, &made.site()));
            assert_eq!(first.is_ok(), second.is_ok(), "{at} {bit}");
        }
    }
    assert!(receipt::verify(&bytes, &made.public).is_ok());
}
