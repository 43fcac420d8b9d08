//! Rotation: nothing is lost wherever it stops, and nothing is left on an old key when it ends.

use crate::site::TestSite;
use access::thing::Site;
use access::verb::Manage;
use access::{Action, Permit};
use audit::FieldSealer;
use audit::field::{Whose, Words};
use base::Sensitive;
use db::sea_orm::{ConnectionTrait, Statement};
use keys::{Credential, Error, Rotated};

async fn permit(site: &TestSite) -> Permit<Manage, Site> {
    site.on_site(Action::ManageKeys).await
}

async fn numbers(site: &TestSite, sql: &str) -> Vec<i64> {
    let statement = Statement::from_string(site.db.reader().get_database_backend(), sql);
    let rows = site.db.reader().query_all_raw(statement).await.unwrap();
    // On a server a whole number has the width of its column.
    let number = |row: &db::sea_orm::QueryResult| {
        row.try_get_by_index::<i64>(0).or_else(|_| row.try_get_by_index::<i32>(0).map(i64::from))
    };
    rows.iter().map(|row| number(row).unwrap()).collect()
}

/// Changes what is stored, with bytes that are wrapped under no key as `$1`.
async fn spoil(tx: &db::Tx, sql: &str) {
    let bytes = vec![0_u8; 60];
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, [bytes.into()]);
    tx.execute_raw(statement).await.unwrap();
}

/// Rotates a scope; stops after `steps` transactions, as a killed process would, if there are that
/// many.
async fn rotate(site: &TestSite, scope: &str, steps: usize) -> Option<Rotated> {
    let permit = permit(site).await;
    for step in 0..steps {
        let tx = site.db.begin(permit.decision()).await.unwrap();
        if step == 0 {
            site.keys.begin_rotation(&permit, &tx, scope).await.unwrap();
            tx.commit().await.unwrap();
            site.keys.settle(scope).await.unwrap();
            continue;
        }
        if site.keys.rewrap(&permit, &tx, scope, 2).await.unwrap() > 0 {
            tx.commit().await.unwrap();
            continue;
        }
        tx.commit().await.unwrap();
        let tx = site.db.begin(permit.decision()).await.unwrap();
        if !site.keys.check_rotation(&permit, &tx, scope, 3).await.unwrap() {
            continue;
        }
        let done = site.keys.finish_rotation(&permit, &tx, scope).await.unwrap();
        tx.commit().await.unwrap();
        site.keys.settle(scope).await.unwrap();
        return Some(done);
    }
    None
}

#[tokio::test]
async fn a_rotation_may_stop_anywhere_and_ends_with_nothing_on_the_old_key() {
    let mut site = TestSite::new().await;
    let subject = site.subject().await;
    let mut stored = site.store(Some(&subject), 3).await;
    stored.extend(site.store(None, 4).await);
    let project = site.project.clone();
    let reason = Sensitive::new("because".to_owned());
    let whose = [None, Some(subject.clone())].map(|subject| Whose { project: project.clone(), subject });
    let mut sealed = Vec::new();
    for whose in whose {
        let field = site.keys.seal(&whose, &reason).await.unwrap().unwrap();
        assert_eq!(field.subject, whose.subject);
        sealed.push((whose, field.text));
    }
    let project = project.to_string();
    for (scope, rows) in [(project.as_str(), 8), (subject.as_ref_str(), 3), ("site", 0)] {
        for steps in 1.. {
            if let Some(done) = rotate(&site, scope, steps).await {
                // What was stored on the way is on the newest key too.
                assert!(done.checked >= rows && done.destroyed.len() == 1, "{done:?}");
                assert_eq!(done.destroyed[0] + 1, done.generation);
                break;
            }
            // Killed: the next process finds every key, and new objects find theirs.
            site.reopen().await;
            site.assert_open(&stored).await;
            if steps == 1 && scope == project {
                stored.extend(site.store(Some(&subject), 1).await);
            }
        }
        site.reopen().await;
        site.assert_open(&stored).await;
        let sql = format!("SELECT generation FROM keys_key WHERE scope = '{scope}'");
        assert_eq!(numbers(&site, &sql).await, [2], "{scope}");
    }
    for (whose, text) in &sealed {
        let told = site.keys.open(whose, text).await.unwrap();
        assert!(matches!(told, Words::Said(said) if said == reason), "what the ledger holds stays readable");
    }
    let older = site.keys.standings().await.unwrap().iter().map(|standing| standing.older).sum::<u64>();
    assert_eq!(older, 0);
    assert_eq!(numbers(&site, "SELECT DISTINCT outer_generation FROM keys_session").await, [2]);
}

#[tokio::test]
async fn an_old_key_is_destroyed_only_when_every_row_was_seen_to_open() {
    let site = TestSite::new().await;
    let stored = site.store(None, 3).await;
    let scope = site.project.to_string();
    assert!(rotate(&site, &scope, 2).await.is_none());
    let permit = permit(&site).await;
    let tx = site.db.begin(permit.decision()).await.unwrap();
    let early = site.keys.finish_rotation(&permit, &tx, &scope).await;
    assert!(matches!(early, Err(Error::RowsLeft(1))), "{early:?}");
    assert_eq!(site.keys.rewrap(&permit, &tx, &scope, 9).await.unwrap(), 0);
    // A row that says that it is on the new key, and is not.
    let sql = format!("UPDATE keys_session SET wrapped = $1 WHERE object = '{}'", stored[1].0.object);
    spoil(&tx, &sql).await;
    let steps = async |most: u64| -> Result<(), Error> {
        for _ in 0..9 {
            if site.keys.check_rotation(&permit, &tx, &scope, most).await? {
                return Ok(());
            }
        }
        Ok(())
    };
    for most in [1, 2, 9] {
        let false_row = steps(most).await;
        assert!(matches!(false_row, Err(Error::Unwrap)), "{false_row:?}");
        let finished = site.keys.finish_rotation(&permit, &tx, &scope).await;
        assert!(matches!(finished, Err(Error::NotChecked)), "{finished:?}");
    }
    drop(tx);
    assert_eq!(
        numbers(&site, &format!("SELECT generation FROM keys_key WHERE scope = '{scope}'")).await,
        [1, 2]
    );
    site.assert_open(&stored).await;
}

#[tokio::test]
async fn no_step_opens_more_rows_than_it_may_and_what_was_wrapped_since_is_opened_again() {
    let site = TestSite::new().await;
    let mut stored = site.store(None, 5).await;
    let scope = site.project.to_string();
    assert!(rotate(&site, &scope, 3).await.is_none());
    let permit = permit(&site).await;
    let tx = site.db.begin(permit.decision()).await.unwrap();
    assert_eq!(site.keys.rewrap(&permit, &tx, &scope, 9).await.unwrap(), 0);
    let mut over = Vec::new();
    for _ in 0..3 {
        over.push(site.keys.check_rotation(&permit, &tx, &scope, 2).await.unwrap());
    }
    assert_eq!(over, [false, false, true], "two rows a step, of five");
    tx.commit().await.unwrap();
    // On the newest from the beginning: the check stands, and the proof counts it.
    stored.extend(site.store(None, 1).await);
    let tx = site.db.begin(permit.decision()).await.unwrap();
    assert!(site.keys.check_rotation(&permit, &tx, &scope, 2).await.unwrap());
    // One that is on the old key after all: nothing is destroyed, and all are opened again.
    let back = format!(
        "UPDATE keys_session SET (wrapped, outer_generation) = ($1, 1) WHERE object = '{}'",
        stored[0].0.object
    );
    spoil(&tx, &back).await;
    let finished = site.keys.finish_rotation(&permit, &tx, &scope).await;
    assert!(matches!(finished, Err(Error::RowsLeft(1))), "{finished:?}");
    drop(tx);
    let tx = site.db.begin(permit.decision()).await.unwrap();
    let done = site.keys.finish_rotation(&permit, &tx, &scope).await.unwrap();
    assert_eq!((done.checked, done.destroyed.as_slice()), (6, [1].as_slice()));
    tx.commit().await.unwrap();
    site.keys.settle(&scope).await.unwrap();
    site.assert_open(&stored).await;
}

#[tokio::test]
async fn a_root_rotation_may_stop_anywhere() {
    let mut site = TestSite::new().await;
    let subject = site.subject().await;
    let stored = site.store(Some(&subject), 2).await;
    let first = site.roots_on_disk();
    let credential = site.credential();
    let wrong = Credential::new(String::new());
    let begin = permit(&site).await;
    assert!(matches!(site.keys.begin_root(&begin, &site.safe, &wrong), Err(Error::FewShares { .. })));
    assert!(site.roots_on_disk().same_as(&first));
    for round in 0..2 {
        let permit = permit(&site).await;
        let _ = site.keys.begin_root(&permit, &site.safe, &credential).unwrap();
        assert_eq!(site.roots_on_disk().generations(), [1, 2], "asked again, it goes on");
        site.reopen().await;
        site.assert_open(&stored).await;
        let tx = site.db.begin(permit.decision()).await.unwrap();
        assert!(matches!(site.keys.check_root(&permit, &tx, 3).await, Err(Error::RowsLeft(_))));
        let left = site.keys.rewrap_root(&permit, &tx, 2).await.unwrap();
        assert_eq!(left, 4 - 2 * (round + 1), "site, two projects, one subject");
        tx.commit().await.unwrap();
        site.reopen().await;
        site.assert_open(&stored).await;
        if left == 0 {
            break;
        }
    }
    let permit = permit(&site).await;
    let tx = site.db.begin(permit.decision()).await.unwrap();
    assert_eq!(site.keys.check_root(&permit, &tx, 3).await.unwrap(), None, "three of four");
    let done = site.keys.check_root(&permit, &tx, 3).await.unwrap().unwrap();
    assert_eq!((done.generation, done.destroyed.as_slice(), done.checked), (2, [1].as_slice(), 4));
    tx.commit().await.unwrap();
    site.reopen().await;
    let _ = site.keys.finish_root(&permit, &site.safe, &credential).unwrap();
    assert_eq!(site.roots_on_disk().generations(), [2]);
    site.reopen().await;
    site.assert_open(&stored).await;
    let old = keys::Keys::open(
        site.db.clone(),
        first,
        keys::Custody::Passphrase,
        std::sync::Arc::new(base::SystemEntropy),
    );
    assert!(old.await.is_err(), "the first root opens nothing");
}

trait AsRefStr {
    fn as_ref_str(&self) -> &str;
}

impl AsRefStr for base::SubjectId {
    fn as_ref_str(&self) -> &str {
        base::Id::as_str(self)
    }
}
