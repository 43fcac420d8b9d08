//! Append, read, prove, reopen.

use crate::common::*;
use base::Fault;
use ledger::leaf::Leaf;
use ledger::{Comparison, Error, SigningKey, verify};
use std::sync::Arc;

#[test]
fn events_come_back_in_order_with_proofs_and_survive_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = create(dir.path());
    assert_eq!(ledger.append_blocking(entry(0)).unwrap().position, 0);
    fill(&ledger, 1..700);
    assert_eq!(
        (ledger.size(), ledger.head("smp_a").unwrap(), ledger.head("smp_b").unwrap()),
        (700, Some(699), None)
    );
    let early = ledger.checkpoint().unwrap();
    fill(&ledger, 700..1500);
    ledger.close().unwrap();
    assert!(matches!(ledger.append_blocking(entry(1)), Err(Error::Closed)));
    drop(ledger);

    let ledger = open(dir.path()).unwrap();
    assert_eq!(
        (ledger.size(), ledger.head("smp_a").unwrap(), ledger.head("usr_0").unwrap()),
        (1500, Some(1499), Some(1498))
    );
    assert_eq!(ledger.compare(&early).unwrap(), Comparison::Consistent);
    let old = verify::checkpoint(&early, ledger.verifier()).unwrap();
    let new = verify::checkpoint(&ledger.checkpoint().unwrap(), ledger.verifier()).unwrap();
    let proof = ledger.consistency(old.size, new.size).unwrap();
    verify::consistency((old.size, old.root), (new.size, new.root), &proof).unwrap();
    let records = ledger.range(0..1500).unwrap();
    for record in &records {
        let leaf = Leaf::parse(&record.leaf).unwrap();
        assert_eq!(leaf.position, record.position);
        assert_eq!(leaf.event, format!("{{\"kind\":\"object.read\",\"n\":{}}}", record.position));
        let proof = ledger.inclusion(record.position, new.size).unwrap();
        verify::inclusion(&record.leaf, record.position, new.size, new.root, &proof).unwrap();
        let other = record.position ^ 1;
        assert!(verify::inclusion(&record.leaf, other, new.size, new.root, &proof).is_err());
    }
    assert_eq!(ledger.read(77).unwrap(), records[77]);
    assert!(matches!(ledger.read(1500), Err(Error::Beyond { .. })));
    assert!(ledger.inclusion(0, 1501).is_err());
    fill(&ledger, 1500..1501);
    assert_eq!(Leaf::parse(&ledger.read(1500).unwrap().leaf).unwrap().previous[0], ("smp_a", Some(1499)));
}

#[test]
fn one_process_one_key_one_ledger() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(open(dir.path()), Err(Error::Missing(_))));
    let ledger = create(dir.path());
    fill(&ledger, 0..3);
    assert!(matches!(open(dir.path()), Err(Error::Locked(_))));
    drop(ledger);
    assert!(matches!(create_on(dir.path(), Arc::new(ledger::storage::Disk)), Err(Error::Exists(_))));
    std::fs::rename(dir.path().join("vkey"), dir.path().join("gone")).unwrap();
    assert!(matches!(create_on(dir.path(), Arc::new(ledger::storage::Disk)), Err(Error::Exists(_))));
    std::fs::rename(dir.path().join("gone"), dir.path().join("vkey")).unwrap();
    let other = SigningKey::from_seed(&[6; 32]).unwrap();
    let wrong = ledger::Ledger::open(dir.path(), other, Arc::new(base::SystemClock::default()));
    assert_eq!(wrong.err().unwrap().code(), "LEDGER-009");
    assert_eq!(open(dir.path()).unwrap().size(), 3);
}
