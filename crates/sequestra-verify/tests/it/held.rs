//! What receivers hold, and exports: whole ones pass, and no gap, change or exchange does.

use crate::made::{Made, every_mutation_is_refused};
use base64::prelude::{BASE64_STANDARD, Engine};
use sequestra_verify::checkpoint::{self, Checkpoint};
use sequestra_verify::stream::{Held, Records};
use sequestra_verify::{Error, Result, export};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The records of a ledger as a stream sends them, as far as a receiver compares them: `docs/spec/audit.md`.
fn records(made: &Made) -> Vec<Value> {
    let name = made.ledger.verifier().name();
    let one = |position: u64| {
        let leaf = String::from_utf8(made.ledger.read(position).unwrap().leaf).unwrap();
        let hash = Sha256::new().chain_update([0]).chain_update(&leaf).finalize();
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({
            "metadata": {"log_name": name},
            "raw_data": leaf,
            "unmapped": {"position": position, "before": position.checked_sub(1), "leaf_hash": hash},
        })
    };
    (0..made.ledger.size()).map(one).collect()
}

fn verify(records: &[Value], checkpoint: Option<&Checkpoint>) -> Result<Held> {
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    let mut held = Records::default();
    held.take("received", text.as_bytes())?;
    held.verify(checkpoint.cloned())
}

fn refused(records: &[Value], checkpoint: Option<&Checkpoint>, why: &str) {
    match verify(records, checkpoint) {
        Err(Error::Refused(said)) => assert!(said.contains(why), "{said}, not {why}"),
        other => panic!("{why}: {other:?}"),
    }
}

#[test]
fn a_stream_without_a_gap_makes_the_ledgers_root_again() {
    let made = Made::new(11);
    let trust = made.trust(&[]);
    let at_seven = {
        let small = Made::new(7);
        small.ledger.checkpoint().unwrap()
    };
    let newest = checkpoint::verify(made.ledger.checkpoint().unwrap().as_bytes(), &trust).unwrap();
    let all = records(&made);
    let held = verify(&all, Some(&newest)).unwrap();
    assert_eq!((held.records, held.repeats, held.first, held.last, held.every), (11, 0, 0, 10, true));
    // Repeats, another order, several files, and a prefix of the receiver's own.
    let mut again = all.clone();
    again.extend(all.iter().take(3).cloned());
    again.reverse();
    assert_eq!(verify(&again, Some(&newest)).unwrap().repeats, 3);
    let mut held = Records::default();
    for (name, part) in [("a", &all[..4]), ("b", &all[4..])] {
        let text: String =
            part.iter().map(|r| format!("Nov 21 10:00:00 host - - [x y=\"1\"] {r}\n")).collect();
        held.take(name, text.as_bytes()).unwrap();
    }
    assert_eq!(held.verify(Some(newest.clone())).unwrap().records, 11);
    // A part of it has no gap in itself, and is not the ledger's whole.
    let part = verify(&all[3..], None).unwrap();
    assert_eq!((part.first, part.checkpoint), (3, None));
    refused(&all[3..], Some(&newest), "the record at 0 is not there");
    refused(&all[..10], Some(&newest), "the records end before");
    // Another ledger of the same name, whose times differ.
    let other = checkpoint::verify(at_seven.as_bytes(), &trust).unwrap();
    refused(&all, Some(&other), "not what the checkpoint was signed over");
}

#[test]
fn a_gap_a_change_and_an_exchange_are_seen() {
    let made = Made::new(11);
    let trust = made.trust(&[]);
    let newest = checkpoint::verify(made.ledger.checkpoint().unwrap().as_bytes(), &trust).unwrap();
    let all = records(&made);
    for missing in 1..10 {
        let mut some = all.clone();
        some.remove(missing);
        refused(&some, None, &format!("a gap: {} follows {missing}, which is not there", missing + 1));
    }
    let changed = |at: usize, pointer: &str, value: Value| {
        let mut some = all.clone();
        *some[at].pointer_mut(pointer).unwrap() = value;
        some
    };
    refused(&changed(4, "/raw_data", "{}".into()), None, "is not the one that was hashed");
    refused(&changed(4, "/unmapped/leaf_hash", "00".into()), None, "is not the one that was hashed");
    refused(&changed(4, "/unmapped/position", 5.into()), None, "another position than 5");
    refused(&changed(4, "/unmapped/before", Value::Null), None, "the first of its stream");
    refused(&changed(4, "/unmapped/before", 9.into()), None, "which is not there");
    refused(&changed(4, "/unmapped/before", 2.into()), None, "two records follow the same one");
    refused(&changed(4, "/metadata/log_name", "x".into()), None, "of another ledger");
    // A leaf with its own hash, put in the place of another: only the checkpoint sees it.
    let leaf = all[4]["raw_data"].as_str().unwrap().replace("other", "OTHER");
    let hash = Sha256::new().chain_update([0]).chain_update(&leaf).finalize();
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forged = changed(4, "/raw_data", leaf.into());
    forged[4]["unmapped"]["leaf_hash"] = hash.into();
    verify(&forged, None).unwrap();
    refused(&forged, Some(&newest), "one was changed or exchanged");
    let mut two = all.clone();
    two.push(forged[4].clone());
    refused(&two, None, "two different records have the position 4");
    refused(&[], None, "there is no record");
    let mut held = Records::default();
    assert!(held.take("x", format!("{}", all[0]).as_bytes()).is_err(), "a cut line");
    assert!(held.take("x", &b"no record\n"[..]).is_err());
}

/// `audit export --form proof`: `docs/spec/audit.md`.
fn exported(made: &Made, positions: std::ops::Range<u64>) -> String {
    let (checkpoint, size) = (made.ledger.checkpoint().unwrap(), made.ledger.size());
    let head = json!({
        "export": "sequestra-audit-export/v1", "ledger": made.ledger.verifier().name(), "checkpoint": checkpoint,
        "events": positions.end - positions.start, "positions": [positions.start, positions.end], "complete": true,
    });
    positions.fold(format!("{head}\n"), |out, position| {
        let leaf = String::from_utf8(made.ledger.read(position).unwrap().leaf).unwrap();
        let proof = made.ledger.inclusion(position, size).unwrap();
        let proof: Vec<String> = proof.iter().map(|hash| BASE64_STANDARD.encode(hash.0)).collect();
        out + &format!("{}\n", json!({"position": position, "leaf": leaf, "proof": proof}))
    })
}

#[test]
fn an_export_is_whole_and_no_changed_one_passes() {
    let made = Made::new(9);
    let trust = made.trust(&[]);
    let file = exported(&made, 4..7);
    let found = export::verify(file.as_bytes(), &trust).unwrap();
    assert_eq!((found.events, found.positions, found.checkpoint.size), (3, Some((4, 7)), 9));
    every_mutation_is_refused(file.as_bytes(), |bytes| export::verify(bytes, &trust));
    let lines: Vec<&str> = file.lines().collect();
    for order in [vec![0, 1, 2], vec![0, 1, 3], vec![0, 2, 1, 3], vec![0, 1, 1, 2, 3], vec![1, 2, 3], vec![]]
    {
        let text: String = order.iter().map(|at| format!("{}\n", lines[*at])).collect();
        assert!(matches!(export::verify(text.as_bytes(), &trust), Err(Error::Refused(_))), "{order:?}");
    }
    let other = Made::new(9);
    let mixed = file.replacen(lines[2], exported(&other, 5..6).lines().nth(1).unwrap(), 1);
    assert!(matches!(export::verify(mixed.as_bytes(), &trust), Err(Error::Refused(_))));
}

#[test]
fn what_an_export_says_of_an_incident_is_compared_with_its_events() {
    let made = Made::new(0);
    let by = |event: Value| {
        let mut event = event;
        event["actor"] = json!("usr_a");
        made.append(event);
    };
    by(json!({"event": "decision", "allowed": true, "about": ["smp_a", "prj_a"], "request": "req_a"}));
    by(json!({"event": "decision", "allowed": true, "about": ["obj_a", "rcp_a"], "request": "req_b"}));
    by(json!({"event": "outcome", "decision": 1, "about": ["obj_a"], "bytes": 70, "request": "req_b"}));
    by(json!({"event": "decision", "allowed": false, "about": ["obj_b"]}));
    by(json!({"event": "linked", "about": ["obj_a", "sub_a"]}));
    by(json!({"event": "linked", "about": ["obj_c", "sub_c"]}));
    let trust = made.trust(&[]);
    let file = exported(&made, 0..6);
    let (head, lines) = file.split_once('\n').unwrap();
    let told = json!({
        "acts": 2, "refused": 1, "released": 70, "people": [{"id": "sub_a"}],
        "things": [{"id": "smp_a"}, {"id": "obj_a"}], "keys": [{"id": "rcp_a"}], "accounts": [{"actor": "usr_a"}],
    });
    let verify = |incident: &Value, asked: &str, thing: &str| {
        let mut head: Value = serde_json::from_str(head).unwrap();
        head["incident"] = incident.clone();
        head["suspected"] = json!({asked: thing});
        export::verify(format!("{head}\n{lines}").as_bytes(), &trust)
    };
    assert!(verify(&told, "actor", "usr_a").unwrap().incident);
    assert!(verify(&told, "about", "rcp_a").is_ok());
    let changed = |name: &str, value: Value| {
        let mut changed = told.clone();
        changed[name] = value;
        changed
    };
    let less = changed("things", json!([{"id": "obj_a"}]));
    assert!(verify(&less, "about", "obj_a").is_ok(), "of a thing, the rest is another matter");
    for changed in [
        less,
        changed("acts", json!(3)),
        changed("refused", json!(0)),
        changed("released", json!(69)),
        changed("people", json!([])),
        changed("people", json!([{"id": "sub_a"}, {"id": "sub_d"}])),
        changed("things", json!([{"id": "smp_a"}, {"id": "obj_a"}, {"id": "obj_d"}])),
        changed("keys", json!([])),
        changed("accounts", json!([{"actor": "usr_a"}, {"actor": "usr_b"}])),
        json!({}),
    ] {
        let found = verify(&changed, "actor", "usr_a");
        assert!(matches!(found, Err(Error::Refused(_))), "{changed}");
    }
    assert!(verify(&changed("people", json!([])), "about", "obj_a").is_err());
}
