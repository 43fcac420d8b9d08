//! What is done again after a restore, and what is not, as it had ended or not before the database was copied.

use crate::restored::{Nothing, SEALING};
use crate::{DAY, Site, put, put_kind};
use access::Action;
use audit::{Actor, Event, Outcome, What};
use base::{Id, RequestId, Sha256, SystemEntropy};
use std::sync::Arc;

/// An act on record: a decision, what was recorded for it, and how it ended.
struct Act {
    decision: u64,
    request: RequestId,
}

impl Site {
    async fn note(&self, what: What, request: Option<&RequestId>, about: &[String]) -> u64 {
        let event = Event::new(Actor::Site(self.spine.site.clone()), what)
            .during(request.cloned())
            .in_project(Some(self.members.project.clone()))
            .about(about.iter().cloned());
        self.spine.audit.gate(&event).await.unwrap().position
    }

    /// A decision of a request of its own, and the record of what is about to be done.
    async fn begun(&self, action: Action, what: What, thing: impl ToString) -> Act {
        let (request, about) = (RequestId::mint(&SystemEntropy), [thing.to_string()]);
        let decision = What::Decision {
            action: action.as_str().to_owned(),
            allowed: true,
            policies: Vec::new(),
            policy: Sha256([7; 32]),
            changes: true,
            sealed_reason: None,
            sealed_under: None,
        };
        let decision = self.note(decision, Some(&request), &about).await;
        self.note(what, Some(&request), &about).await;
        Act { decision, request }
    }

    /// One that got as far as its certificate, or did not.
    async fn shredding(&self, certified: bool) -> Act {
        let (certificate, other) = (What::ReceiptIssued { payload: Sha256([7; 32]) }, What::Linked {});
        if !certified {
            // Another request's certificate says nothing about this one.
            self.note(certificate.clone(), Some(&RequestId::mint(&SystemEntropy)), &[]).await;
        }
        let what = if certified { certificate } else { other };
        self.begun(Action::ShredKeys, what, &self.subject).await
    }

    /// As a request that ended, with its number, or as a start after a crash, which does not know it.
    async fn ended(&self, act: &Act, result: Outcome, stored: bool) {
        let decision = act.decision;
        let what = What::Outcome { decision, result, stored, code: None, bytes: None, unwraps: None };
        let request = Some(&act.request).filter(|_| result != Outcome::Unknown);
        self.note(what, request, &[]).await;
    }

    async fn opened(&self, watermark: u64) {
        let what = What::SiteOpened {
            program: "test".to_owned(),
            watermark: Some(watermark),
            sealing: Some(SEALING),
            latest: None,
        };
        self.note(what, None, &[]).await;
    }
}

const DELETED: What = What::ObjectDeleted { versions: 1 };
const HELD: What = What::HoldChanged { held: true };
const LIFTED: What = What::HoldChanged { held: false };

#[tokio::test]
async fn what_had_ended_before_the_copy_is_as_the_copy_has_it() {
    let site = Site::new().await;
    site.spine.keys.attach_holds(Arc::new(Nothing));
    let [first, second] = &site.objects;
    let arrived = put_kind(&site.spine, &site.members, b"reads", None, "fastq").await;
    site.clock.advance(100 * DAY);
    // Years ago: acts that a crash interrupted, that were refused while others committed, that failed.
    let act = site.begun(Action::DeleteObject, DELETED, first).await;
    site.ended(&act, Outcome::Unknown, false).await;
    let act = site.begun(Action::DeleteObject, DELETED, second).await;
    site.ended(&act, Outcome::Failed, true).await;
    let act = site.begun(Action::SetHold, HELD, second).await;
    site.ended(&act, Outcome::Failed, false).await;
    let act = site.begun(Action::DeleteObject, What::ObjectsWithdrawn {}, &arrived).await;
    site.ended(&act, Outcome::Unknown, false).await;
    let act = site.shredding(true).await;
    site.ended(&act, Outcome::Failed, true).await;
    site.create().await;
    let ledger = site.saved_ledger().await;
    let back = site.restore(&site.beside.path().join("site"), Some(&ledger), 0).await.unwrap();
    let done = &back.done;
    assert_eq!((done.shredded, done.deleted, done.holds, done.lost), (0, 0, 0, 0));
    for object in [first, second, &arrived] {
        assert_eq!(back.count(&format!("keys_session WHERE object = '{object}'")).await, 1, "{object}");
        let alive = format!("archive_object WHERE deleted_at IS NULL AND held = 0 AND id = '{object}'");
        assert_eq!(back.count(&alive).await, 1, "{object}");
    }
}

#[tokio::test]
async fn what_was_not_carried_out_since_is_not_done_again() {
    let site = Site::new().await;
    site.spine.keys.attach_holds(Arc::new(Nothing));
    let [first, second] = &site.objects;
    let arrived = put_kind(&site.spine, &site.members, b"reads", None, "fastq").await;
    let settled = put(&site.spine, &site.members, b"settled", None).await;
    site.create().await;
    // Refused before anything was destroyed, while others committed: there is no certificate.
    let act = site.shredding(false).await;
    site.ended(&act, Outcome::Failed, true).await;
    // A crash before the commit: the next opening finds that the database had not got so far.
    let crashed = site.begun(Action::DeleteObject, DELETED, first).await;
    let also = site.shredding(true).await;
    for act in [&crashed, &also] {
        site.ended(act, Outcome::Unknown, false).await;
    }
    site.opened(crashed.decision - 1).await;
    let act = site.begun(Action::DeleteObject, What::ObjectsWithdrawn {}, &arrived).await;
    site.ended(&act, Outcome::Failed, false).await;
    // Nothing that has arrived is taken back.
    let act = site.begun(Action::DeleteObject, What::ObjectsWithdrawn {}, &settled).await;
    site.ended(&act, Outcome::Failed, true).await;
    let ledger = site.saved_ledger().await;
    let back = site.restore(&site.beside.path().join("site"), Some(&ledger), 0).await.unwrap();
    assert_eq!((back.done.shredded, back.done.deleted, back.done.lost), (0, 0, 0));
    for object in [first, second, &arrived, &settled] {
        assert_eq!(back.count(&format!("keys_session WHERE object = '{object}'")).await, 1, "{object}");
        assert_eq!(back.count(&format!("archive_object WHERE id = '{object}'")).await, 1, "{object}");
    }
}

#[tokio::test]
async fn what_may_have_been_carried_out_since_is_done_again() {
    let site = Site::new().await;
    site.spine.keys.attach_holds(Arc::new(Nothing));
    let [of_subject, deleted] = &site.objects;
    let arrived = put_kind(&site.spine, &site.members, b"reads", None, "fastq").await;
    let last = put(&site.spine, &site.members, b"last", None).await;
    site.create().await;
    let crashed = site.begun(Action::DeleteObject, DELETED, deleted).await;
    // Under a hold since the decision, for all that the record of its end says: it was destroyed before.
    let shredding = site.shredding(true).await;
    for act in [&crashed, &shredding] {
        site.ended(act, Outcome::Unknown, false).await;
    }
    site.opened(shredding.decision).await;
    let act = site.begun(Action::DeleteObject, What::ObjectsWithdrawn {}, &arrived).await;
    site.ended(&act, Outcome::Failed, true).await;
    // The site was lost in the middle of this one.
    site.begun(Action::DeleteObject, DELETED, &last).await;
    let ledger = site.saved_ledger().await;
    let back = site.restore(&site.beside.path().join("site"), Some(&ledger), 0).await.unwrap();
    assert_eq!((back.done.shredded, back.done.deleted, back.done.lost), (1, 2, 0));
    for object in [of_subject, deleted, &arrived, &last] {
        assert_eq!(back.count(&format!("keys_session WHERE object = '{object}'")).await, 0, "{object}");
    }
    assert_eq!(back.count(&format!("archive_object WHERE id = '{arrived}'")).await, 0);
}

#[tokio::test]
async fn a_hold_is_as_it_was_changed_last_whenever_the_ends_were_recorded() {
    let site = Site::new().await;
    let [first, second] = &site.objects;
    let third = put(&site.spine, &site.members, b"third", None).await;
    for object in [first, second, &third] {
        let permit = site.steward(Action::SetHold, object).await;
        site.spine.archive.hold(&permit, object).await.unwrap();
    }
    // Lifted and held again before the copy, and the end of the lifting is recorded after it.
    let late = site.begun(Action::LiftHold, LIFTED, &third).await;
    let again = site.begun(Action::SetHold, HELD, &third).await;
    site.ended(&again, Outcome::Done, true).await;
    site.create().await;
    site.ended(&late, Outcome::Done, true).await;
    let lifted = site.begun(Action::LiftHold, LIFTED, first).await;
    let held = site.begun(Action::SetHold, HELD, first).await;
    site.ended(&held, Outcome::Done, true).await;
    site.ended(&lifted, Outcome::Done, true).await;
    let lifted = site.begun(Action::LiftHold, LIFTED, second).await;
    site.ended(&lifted, Outcome::Done, true).await;
    let ledger = site.saved_ledger().await;
    let back = site.restore(&site.beside.path().join("site"), Some(&ledger), 0).await.unwrap();
    for (object, held) in [(first, 1), (second, 0), (&third, 1)] {
        let found = back.count(&format!("archive_object WHERE id = '{object}' AND held = 1")).await;
        assert_eq!(found, held, "{object}");
    }
}
