//! A witness and those who ask it: what is cosigned, what is refused, and what a crash leaves.

// Tells clippy that the helpers are tests too.
#![cfg(test)]

use base::{FixedClock, SystemEntropy, Timestamp};
use base64::prelude::{BASE64_STANDARD, Engine};
use ledger::{Body, Entry, Hash, Ledger, SigningKey, VerifierKey};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use tempfile::TempDir;
use witness::{Asker, Error, Reply, Request, Verdict, Witness, WitnessKey, ask};

const NAME: &str = "site.example/ledger";

struct Log {
    folder: TempDir,
    ledger: Ledger,
}

fn clock() -> Arc<FixedClock> {
    Arc::new(FixedClock::at(Timestamp::from_second(1_700_000_000).unwrap()))
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[3; 32]).unwrap()
}

/// A ledger whose events say `word`.
fn log(word: &str, events: u64) -> Log {
    named(NAME, word, events)
}

fn named(name: &str, word: &str, events: u64) -> Log {
    let folder = tempfile::tempdir().unwrap();
    let log = Log { ledger: Ledger::create(&folder.path().join("l"), name, key(), clock()).unwrap(), folder };
    log.grow(word, events);
    log
}

impl Log {
    fn grow(&self, word: &str, events: u64) {
        for n in 0..events {
            let body = Body::of(&serde_json::json!({"event": word, "n": n})).unwrap();
            self.ledger.append_blocking(Entry::new(["run_a"], body).unwrap()).unwrap();
        }
    }

    fn request(&self, old: u64) -> Request {
        let checkpoint = self.ledger.checkpoint().unwrap();
        let proof = self.ledger.consistency(old.min(self.ledger.size()), self.ledger.size()).unwrap();
        Request { old, proof, checkpoint }
    }
}

struct Room {
    folder: TempDir,
    public: WitnessKey,
}

impl Room {
    fn knowing(ledgers: &[&VerifierKey]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let public = Witness::create(&folder.path().join("w"), "witness.example/w1", &SystemEntropy).unwrap();
        let room = Self { folder, public };
        ledgers.iter().for_each(|key| Witness::trust(&room.path(), key).unwrap());
        room
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("w")
    }

    fn open(&self) -> Witness {
        Witness::open(&self.path(), clock()).unwrap()
    }
}

fn add(witness: &Witness, request: &Request) -> Reply {
    witness.add(request.encode().as_bytes())
}

fn status(witness: &Witness, request: &Request) -> u16 {
    add(witness, request).status
}

#[test]
fn a_growing_ledger_is_cosigned_and_a_repetition_is_too() {
    let log = log("one", 5);
    let room = Room::knowing(&[log.ledger.verifier()]);
    let witness = room.open();
    let mut known = 0;
    for more in [0, 1, 4, 300] {
        log.grow("more", more);
        let request = log.request(known);
        for _ in 0..2 {
            let reply = add(&witness, &Request { old: known, ..request.clone() });
            if reply.status == 409 {
                // The same checkpoint again, from the size that the witness knows by now.
                let again = Request { old: log.ledger.size(), proof: Vec::new(), ..request.clone() };
                assert_eq!(status(&witness, &again), 200);
                continue;
            }
            assert_eq!(reply.status, 200, "{reply:?}");
            let note = format!("{}{}", request.checkpoint, reply.body);
            assert_eq!(room.public.cosigned(&note), Some(1_700_000_000));
        }
        known = log.ledger.size();
    }
}

#[test]
fn each_refusal_has_its_status_and_changes_nothing() {
    let log = log("one", 5);
    let (stranger, room) = (named("other.example/ledger", "one", 5), Room::knowing(&[log.ledger.verifier()]));
    let witness = room.open();
    let good = log.request(0);
    assert_eq!(status(&witness, &good), 200);
    log.grow("more", 6);
    let next = log.request(5);
    // Another key under the same name.
    let forged = SigningKey::from_seed(&[9; 32]).unwrap();
    let foreign = tempfile::tempdir().unwrap();
    let foreign =
        Ledger::create(&foreign.path().join("l"), NAME, forged, clock()).unwrap().checkpoint().unwrap();
    let mut bad_proof = next.clone();
    bad_proof.proof[0] = Hash([1; 32]);
    let conflict = |size: &str| Reply { status: 409, media_type: "text/x.tlog.size", body: size.to_owned() };
    let forked = self::log("another", 11);
    let smaller = self::log("one", 3);
    for (what, request, expected) in [
        ("unknown ledger", stranger.request(0), 404),
        ("foreign key", Request { checkpoint: foreign, ..good.clone() }, 403),
        ("old size above the new", Request { old: 12, ..next.clone() }, 400),
        ("a bad proof", bad_proof, 422),
        ("a proof cut short", Request { proof: next.proof[1..].to_vec(), ..next.clone() }, 422),
        ("another history", forked.request(5), 422),
    ] {
        let reply = add(&witness, &request);
        assert_eq!(reply.status, expected, "{what}");
    }
    for (what, request) in [
        ("a wrong old size", log.request(0)),
        ("a wrong old size", log.request(4)),
        ("a replay of an older one", good.clone()),
        ("a rolled back ledger", smaller.request(0)),
        ("a rolled back ledger", Request { old: 3, ..smaller.request(0) }),
    ] {
        assert_eq!(add(&witness, &request), conflict("5\n"), "{what}");
    }
    // The same size with another root.
    let fork = self::log("fork", 5);
    assert_eq!(add(&witness, &Request { old: 5, proof: Vec::new(), ..fork.request(0) }), conflict("5\n"));
    for bad in ["", "old 5\n", "old 5\nx\n\n", "old 05\n\nx"] {
        assert_eq!(witness.add(bad.as_bytes()).status, 400, "{bad}");
    }
    // Nothing of this moved it.
    assert_eq!(status(&witness, &next), 200);
    // Signed by the ledger, and of no tree: only one root is that of nothing.
    let fresh = Room::knowing(&[log.ledger.verifier()]);
    let text = format!("{NAME}\n0\n{}\n", Hash([1; 32]));
    let verifier = log.ledger.verifier().to_string();
    let id = hex::decode(verifier.split('+').nth(1).unwrap()).unwrap();
    let line = BASE64_STANDARD.encode([id, key().sign(text.as_bytes()).to_vec()].concat());
    let checkpoint = format!("{text}\n\u{2014} {NAME} {line}\n");
    let reply = add(&fresh.open(), &Request { old: 0, proof: Vec::new(), checkpoint });
    assert_eq!(reply.status, 422, "{reply:?}");
}

#[test]
fn what_was_cosigned_outlives_the_process() {
    let log = log("one", 5);
    let room = Room::knowing(&[log.ledger.verifier()]);
    assert_eq!(status(&room.open(), &log.request(0)), 200);
    // A crash right after the memory was written and before the answer left: the same as dropping it.
    let witness = room.open();
    let fork = self::log("fork", 8);
    assert_eq!(status(&witness, &fork.request(5)), 422);
    assert_eq!(add(&witness, &fork.request(0)).body, "5\n");
    drop(witness);
    // A draft that a crash left means nothing.
    let logs = room.path().join("logs");
    let file = std::fs::read_dir(&logs).unwrap().next().unwrap().unwrap().path();
    std::fs::write(file.with_extension("new"), b"half").unwrap();
    assert_eq!(status(&room.open(), &log.request(5)), 200);
}

#[test]
fn a_memory_that_cannot_be_read_or_written_closes() {
    let log = log("one", 5);
    let room = Room::knowing(&[log.ledger.verifier()]);
    let witness = room.open();
    assert!(matches!(Witness::open(&room.path(), clock()), Err(Error::Locked(_))));
    assert_eq!(status(&witness, &log.request(0)), 200);
    // No room for the draft: the answer is withheld, and every later one.
    let file = std::fs::read_dir(room.path().join("logs")).unwrap().next().unwrap().unwrap().path();
    let name = format!("{}.new", file.file_name().unwrap().to_str().unwrap());
    let draft = file.with_file_name(name);
    std::fs::create_dir(&draft).unwrap();
    log.grow("more", 2);
    assert_eq!(status(&witness, &log.request(5)), 500);
    std::fs::remove_dir(&draft).unwrap();
    assert_eq!(status(&witness, &log.request(5)), 500);
    drop(witness);
    assert_eq!(status(&room.open(), &log.request(5)), 200);
    let good = std::fs::read(&file).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&file, &bad).unwrap();
        let opened = Witness::open(&room.path(), clock());
        let cosignature = std::str::from_utf8(&good).unwrap().rfind("witness.example").unwrap();
        // Its own cosignature is kept as evidence and says nothing that the rest does not.
        assert!(opened.is_err() || at >= cosignature - 4, "byte {at}");
    }
    std::fs::write(&file, &good).unwrap();
    // What is remembered of a ledger under the name of another.
    let elsewhere = file.with_file_name("00".repeat(32));
    std::fs::rename(&file, &elsewhere).unwrap();
    assert!(matches!(Witness::open(&room.path(), clock()), Err(Error::Damaged(_))));
    std::fs::rename(&elsewhere, &file).unwrap();
    std::fs::write(&file, b"").unwrap();
    assert!(matches!(Witness::open(&room.path(), clock()), Err(Error::Damaged(_))));
    std::fs::remove_file(&file).unwrap();
    // Forgotten is not the same as never seen: the ledger is not known.
    assert_eq!(status(&room.open(), &log.request(0)), 404);
}

/// Many ask at once with histories that exclude one another: one of them is cosigned.
#[test]
fn of_two_histories_at_once_one_is_cosigned() {
    let forks: Vec<Log> = (0..8).map(|n| log(&format!("fork {n}"), 4)).collect();
    let room = Room::knowing(&[forks[0].ledger.verifier()]);
    let (witness, start) = (Arc::new(room.open()), Arc::new(Barrier::new(forks.len())));
    let threads = forks.iter().map(|fork| {
        let (witness, start, request) = (witness.clone(), start.clone(), fork.request(0));
        std::thread::spawn(move || {
            start.wait();
            add(&witness, &request).status
        })
    });
    let threads: Vec<_> = threads.collect();
    let statuses: Vec<u16> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
}

/// One exchange without a network. For a refusal, what the witness cosigned is looked at.
fn ask(asker: &mut Asker, ledger: &Ledger, witness: &Witness) -> Verdict {
    let request = asker.request(ledger).unwrap();
    let reply = add(witness, &request);
    match asker.answered(ledger, &request, reply.status, reply.body.as_bytes()) {
        Verdict::Refused => asker.shown(ledger, newest(witness, ledger).body.as_bytes()),
        verdict => verdict,
    }
}

fn newest(witness: &Witness, ledger: &Ledger) -> Reply {
    witness.newest(ask::newest_path(ledger).strip_prefix("/newest/").unwrap())
}

#[test]
fn the_asker_finds_its_way_and_names_rollback_and_fork() {
    let first = log("one", 5);
    let room = Room::knowing(&[first.ledger.verifier()]);
    let witness = room.open();
    let mut asker = Asker::new(room.public.clone(), 0);
    assert!(matches!(ask(&mut asker, &first.ledger, &witness), Verdict::Cosigned { size: 5, .. }));
    first.grow("more", 3);
    let Verdict::Cosigned { note, size: 8, .. } = ask(&mut asker, &first.ledger, &witness) else { panic!() };
    // One that forgot what the witness knows learns it.
    let mut fresh = Asker::new(room.public.clone(), 0);
    assert_eq!(ask(&mut fresh, &first.ledger, &witness), Verdict::Again);
    assert!(matches!(ask(&mut fresh, &first.ledger, &witness), Verdict::Cosigned { size: 8, .. }));
    let judged = |log: &Log| {
        let mut asker = Asker::new(room.public.clone(), 0);
        match ask(&mut asker, &log.ledger, &witness) {
            Verdict::Again => ask(&mut asker, &log.ledger, &witness),
            verdict => verdict,
        }
    };
    assert_eq!(judged(&log("one", 4)), Verdict::RolledBack { known: 8 });
    assert_eq!(judged(&log("fork", 8)), Verdict::Forked);
    assert_eq!(judged(&log("fork", 20)), Verdict::Forked);
    // What was kept says the same without the witness.
    let compare = |log: &Log| ask::compare_with_kept(&log.ledger, &note);
    assert_eq!(compare(&first).unwrap(), 8);
    assert!(matches!(compare(&log("one", 4)), Err(Error::RolledBack)));
    assert!(matches!(compare(&log("fork", 20)), Err(Error::Forked)));
    ask::keep(first.folder.path(), &note).unwrap();
    assert_eq!(ask::kept(first.folder.path()).unwrap(), Some(note));
    assert_eq!(ask::kept(Path::new("/nowhere/at/all")).unwrap(), None);
}

#[test]
fn a_cosignature_of_another_witness_or_text_is_no_cosignature() {
    let log = log("one", 5);
    let (room, other) = (Room::knowing(&[log.ledger.verifier()]), Room::knowing(&[log.ledger.verifier()]));
    let mut asker = Asker::new(room.public.clone(), 0);
    assert_eq!(ask(&mut asker, &log.ledger, &other.open()), Verdict::Failed(200));
    let request = asker.request(&log.ledger).unwrap();
    log.grow("more", 1);
    let later = add(&room.open(), &log.request(0));
    assert_eq!(asker.answered(&log.ledger, &request, 200, later.body.as_bytes()), Verdict::Failed(200));
    for (status, body) in [(500, ""), (404, ""), (409, "5"), (409, "x\n"), (301, "")] {
        let verdict = asker.answered(&log.ledger, &request, status, body.as_bytes());
        assert_eq!(verdict, Verdict::Failed(status));
    }
}

/// Each is the other's witness.
#[test]
fn two_ledgers_witness_each_other() {
    let (one, two) = (named("one.example/ledger", "a", 3), named("two.example/ledger", "b", 4));
    let (of_one, of_two) = (Room::knowing(&[two.ledger.verifier()]), Room::knowing(&[one.ledger.verifier()]));
    let (at_one, at_two) = (of_one.open(), of_two.open());
    let mut asks_two = Asker::new(of_two.public.clone(), 0);
    let mut asks_one = Asker::new(of_one.public.clone(), 0);
    for size in [3, 4, 5] {
        assert!(
            matches!(ask(&mut asks_two, &one.ledger, &at_two), Verdict::Cosigned { size: s, .. } if s == size)
        );
        assert!(
            matches!(ask(&mut asks_one, &two.ledger, &at_one), Verdict::Cosigned { size: s, .. } if s == size + 1)
        );
        one.grow("a", 1);
        two.grow("b", 1);
    }
}

/// Whoever stands between the two can invent an answer, and can show what was once cosigned. None of that closes
/// a site.
#[test]
fn a_refusal_counts_with_what_the_witness_cosigned_alone() {
    let log = log("one", 5);
    let (room, other) = (Room::knowing(&[log.ledger.verifier()]), Room::knowing(&[log.ledger.verifier()]));
    let (witness, stranger) = (room.open(), other.open());
    assert_eq!(newest(&witness, &log.ledger).status, 404);
    assert_eq!(witness.newest("00").status, 404);
    let mut asker = Asker::new(room.public.clone(), 0);
    assert!(matches!(ask(&mut asker, &log.ledger, &witness), Verdict::Cosigned { size: 5, .. }));
    let early = newest(&witness, &log.ledger).body;
    log.grow("more", 4);
    assert!(matches!(ask(&mut asker, &log.ledger, &witness), Verdict::Cosigned { size: 9, .. }));
    let request = asker.request(&log.ledger).unwrap();
    for (status, body) in [(409, "1000\n"), (409, "9\n"), (422, ""), (422, "forged")] {
        assert_eq!(asker.answered(&log.ledger, &request, status, body.as_bytes()), Verdict::Refused);
    }
    // A ledger of the same key that went another way, and what was cosigned of it, by whom.
    let (fork, longer) = (self::log("fork", 5), self::log("one", 30));
    let cosigned_by = |witness: &Witness, log: &Log| {
        assert_eq!(status(witness, &log.request(0)), 200);
        newest(witness, &log.ledger).body
    };
    let another = Room::knowing(&[fork.ledger.verifier()]);
    let forked = cosigned_by(&another.open(), &fork);
    let (by_stranger, uncosigned) = (cosigned_by(&stranger, &longer), longer.ledger.checkpoint().unwrap());
    let mut unsigned = newest(&witness, &log.ledger).body;
    unsigned = unsigned.replacen("\n9\n", "\n90\n", 1);
    let foreign = {
        let key = SigningKey::from_seed(&[9; 32]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::create(&folder.path().join("l"), NAME, key, clock()).unwrap();
        ledger.checkpoint().unwrap()
    };
    for (what, shown) in [
        ("nothing", String::new()),
        ("words", "the ledger was rolled back\n".to_owned()),
        ("a checkpoint that another witness cosigned", by_stranger),
        ("a fork that another witness cosigned", forked),
        ("a checkpoint that nobody cosigned", uncosigned),
        ("a changed size", unsigned),
        ("a checkpoint of another key", foreign),
    ] {
        assert_eq!(asker.shown(&log.ledger, shown.as_bytes()), Verdict::Unproven, "{what}");
    }
    // What it cosigned of this history is no proof against it: it is asked again from there.
    assert_eq!(asker.shown(&log.ledger, early.as_bytes()), Verdict::Again);
    assert!(matches!(ask(&mut asker, &log.ledger, &witness), Verdict::Again));
    assert!(matches!(ask(&mut asker, &log.ledger, &witness), Verdict::Cosigned { size: 9, .. }));
    // And the real thing.
    let shown = newest(&witness, &log.ledger).body;
    assert_eq!(asker.shown(&self::log("one", 4).ledger, shown.as_bytes()), Verdict::RolledBack { known: 9 });
    assert_eq!(asker.shown(&self::log("other", 12).ledger, shown.as_bytes()), Verdict::Forked);
    // It outlives the witness's process.
    drop(witness);
    assert_eq!(newest(&room.open(), &log.ledger).body, shown);
}
