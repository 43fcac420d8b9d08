//! What refuses a key.

use crate::site::TestSite;
use access::verb::Read;
use access::{Action, Ask, Ended, Permit, thing::Object};
use audit::What;
use base::{Class, Id, ObjectId, ProjectId, SystemEntropy};
use keys::{Binding, Custody, Error};
use std::collections::BTreeMap;

fn not_covered(result: Result<seal::SessionKey, Error>) -> bool {
    matches!(result, Err(Error::Access(access::Error::NotCovered(_))))
}

#[tokio::test]
async fn a_permit_opens_what_it_covers_and_nothing_else() {
    let site = TestSite::new().await;
    let stored = site.store(None, 2).await;
    let [(one, bytes), (two, _)] = stored.as_slice() else { panic!() };
    let permit = site.look(&one.object).await;
    assert_eq!(site.keys.open_session(&permit, one).await.unwrap().expose(), bytes);
    assert!(not_covered(site.keys.open_session(&permit, two).await), "an object that it does not cover");
    for project in [Some(site.other.clone()), None] {
        let lie = Binding { project, ..one.clone() };
        assert!(
            not_covered(site.keys.open_session(&permit, &lie).await),
            "another project than the permit's"
        );
    }
    assert!(not_covered(site.keys.open_site_session(&permit, one).await), "a project's object as the site's");
    let lie = Binding { project: None, ..one.clone() };
    let opened = site.keys.open_site_session(&permit, &lie).await;
    assert!(matches!(opened, Err(Error::Unwrap)), "said to be the site's, it opens under no key of the site");
    let moved = Binding { version: 2, ..one.clone() };
    assert!(matches!(site.keys.open_session(&permit, &moved).await, Err(Error::NoKey(_))));
    site.clock.advance(access::permit::LEASE);
    let late = site.keys.open_session(&permit, one).await;
    assert!(matches!(late, Err(Error::Access(access::Error::PermitEnded))));
}

/// How many keys the outcomes say were unwrapped, by the position of the decision.
fn unwraps_on_record(site: &TestSite) -> BTreeMap<u64, u64> {
    let outcomes = (0..site.audit.ledger().size()).filter_map(|position| {
        match site.audit.recorded(position).unwrap().event.what {
            What::Outcome { decision, unwraps: Some(unwraps), .. } => Some((decision, unwraps)),
            _ => None,
        }
    });
    outcomes.collect()
}

#[tokio::test]
async fn a_set_has_one_decision_and_its_outcome_counts_the_keys() {
    let site = TestSite::new().await;
    let stored = site.store(None, 3).await;
    let before = site.audit.ledger().size();
    let ids = stored.iter().map(|(binding, _)| binding.object.clone());
    let ask = Ask::<Object>::new(Action::ViewVariants, ids);
    let permit: Permit<Read, Object> = site.access.decide(&site.person, ask).await.unwrap();
    assert_eq!(site.audit.ledger().size(), before + 1, "one gate event for the set, before any key");
    for (binding, _) in &stored {
        site.keys.open_session(&permit, binding).await.unwrap();
    }
    site.keys.open_session(&permit, &stored[0].0).await.unwrap();
    let foreign = Binding { object: ObjectId::mint(&SystemEntropy), ..stored[0].0.clone() };
    assert!(not_covered(site.keys.open_session(&permit, &foreign).await), "what is refused is not counted");
    assert_eq!(unwraps_on_record(&site), BTreeMap::new());
    site.access.close(&site.person, Ended::default()).await.unwrap();
    // The outcome is queued; a gate event behind it is there after it.
    site.on_site(Action::ManageKeys).await;
    assert_eq!(unwraps_on_record(&site), BTreeMap::from([(permit.decision(), 4)]));
    // The count is on record: a key more would be on none.
    let late = site.keys.open_session(&permit, &stored[0].0).await;
    assert!(matches!(late, Err(Error::Access(access::Error::PermitEnded))));
}

#[tokio::test]
async fn a_ledger_that_takes_nothing_unwraps_nothing() {
    let site = TestSite::new().await;
    let stored = site.store(None, 1).await;
    let permit = site.look(&stored[0].0.object).await;
    site.keys.open_session(&permit, &stored[0].0).await.unwrap();
    site.sink.block();
    // Nobody can ask for more, and what was given before opens nothing either.
    let ask = Ask::<Object>::new(Action::ViewVariants, [stored[0].0.object.clone()]);
    let refused: Result<Permit<Read, Object>, _> = site.access.decide(&site.person, ask).await;
    assert!(matches!(refused, Err(access::Error::Audit(audit::Error::NotRecorded(_)))));
    permit.live().unwrap();
    let opened = site.keys.open_session(&permit, &stored[0].0).await;
    let refused = matches!(opened, Err(Error::Access(access::Error::Audit(audit::Error::NotRecorded(_)))));
    assert!(refused, "a key was unwrapped that no record can count");
}

#[tokio::test]
async fn a_session_key_is_kept_in_the_project_of_its_permit_alone() {
    let site = TestSite::new().await;
    let permit = site.ingest().await;
    let key = site.keys.mint_session(&permit).unwrap();
    let tx = site.db.begin(permit.decision()).await.unwrap();
    for project in [Some(site.other.clone()), Some(ProjectId::mint(&SystemEntropy)), None] {
        let binding = Binding { object: ObjectId::mint(&SystemEntropy), version: 1, project, subject: None };
        let stored = site.keys.store_session(&permit, &tx, &binding, &key).await;
        assert!(matches!(stored, Err(Error::Access(access::Error::NotCovered(_)))), "{binding}");
    }
}

#[tokio::test]
async fn keys_that_were_given_up_are_used_for_nothing_until_the_next_opening() {
    let mut site = TestSite::new().await;
    let subject = site.subject().await;
    let mut stored = site.store(Some(&subject), 1).await;
    stored.extend(site.store(None, 1).await);
    site.assert_open(&stored).await;
    let permit = site.look(&stored[0].0.object).await;
    site.keys.give_up();
    for (binding, _) in &stored {
        let permit = site.look(&binding.object).await;
        assert!(matches!(site.keys.open_session(&permit, binding).await, Err(Error::GivenUp)));
    }
    assert!(
        matches!(site.keys.open_session(&permit, &stored[0].0).await, Err(Error::GivenUp)),
        "an older permit"
    );
    let manage = site.on_site(Action::ManageKeys).await;
    let tx = site.db.begin(manage.decision()).await.unwrap();
    for scope in [site.project.as_str(), "site"] {
        let begun = site.keys.begin_rotation(&manage, &tx, scope).await;
        assert!(matches!(begun, Err(Error::GivenUp)), "{begun:?}");
    }
    drop(tx);
    site.reopen().await;
    site.assert_open(&stored).await;
}

#[tokio::test]
async fn a_row_that_was_moved_or_changed_does_not_open() {
    use db::sea_orm::ConnectionTrait;
    let site = TestSite::new().await;
    let stored = site.store(None, 2).await;
    let permit = site.look(&stored[0].0.object).await;
    let tx = site.db.begin(permit.decision()).await.unwrap();
    let sql = format!(
        "UPDATE keys_session SET wrapped = (SELECT wrapped FROM keys_session WHERE object = '{}') WHERE object = '{}'",
        stored[1].0.object, stored[0].0.object
    );
    tx.execute_unprepared(&sql).await.unwrap();
    // The other's as that of another version of its own.
    let sql = format!("UPDATE keys_session SET version = 2 WHERE object = '{}'", stored[1].0.object);
    tx.execute_unprepared(&sql).await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(site.keys.open_session(&permit, &stored[0].0).await, Err(Error::Unwrap)));
    let later = keys::Binding { version: 2, ..stored[1].0.clone() };
    let permit = site.look(&later.object).await;
    assert!(matches!(site.keys.open_session(&permit, &later).await, Err(Error::Unwrap)));
}

#[tokio::test]
async fn a_ledger_that_cannot_record_gives_no_key() {
    let site = TestSite::new().await;
    let stored = site.store(None, 1).await;
    site.assert_open(&stored).await;
    site.audit.ledger().close().unwrap();
    let permit: Result<Permit<Read, Object>, _> =
        site.ask(&site.person, Action::ViewVariants, &stored[0].0.object).await;
    assert!(permit.is_err(), "a decision that is not on record gave a permit");
}

#[tokio::test]
async fn strict_projects_ask_for_more_than_a_passphrase() {
    let site = TestSite::new().await;
    let permit = site.on_site(Action::CreateProject).await;
    let tx = site.db.begin(permit.decision()).await.unwrap();
    for class in [Class::Controlled, Class::Clinical] {
        let id = ProjectId::mint(&SystemEntropy);
        let made = site.keys.create_project_key(&permit, &tx, &id, class).await;
        assert!(matches!(made, Err(Error::Custody(_))), "{class:?}");
        site.keys.set_custody(Custody::Shares { needed: 1, made: 3 });
        assert!(
            site.keys.create_project_key(&permit, &tx, &id, class).await.is_err(),
            "one share is one person"
        );
        for strong in [Custody::Shares { needed: 2, made: 3 }, Custody::Token, Custody::Service] {
            site.keys.set_custody(strong);
            let id = ProjectId::mint(&SystemEntropy);
            site.keys.create_project_key(&permit, &tx, &id, class).await.unwrap();
        }
        site.keys.set_custody(Custody::Passphrase);
    }
}
