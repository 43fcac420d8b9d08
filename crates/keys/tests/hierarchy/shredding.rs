//! Shredding: refused when in doubt, and final.

use crate::site::TestSite;
use access::thing::Project;
use access::verb::Manage;
use access::{Action, Permit};
use audit::field::{SealedField, Whose, Words};
use audit::{FieldSealer, What};
use base::{DeletionId, Id, ObjectId, ProjectId, Sensitive, SubjectId, SystemEntropy, Timestamp};
use db::sea_orm::ConnectionTrait;
use keys::restored::{Known, PeopleOf, bury_scopes, note_epochs};
use keys::shred::Answer;
use keys::{Binding, Erasure, Error, Holds};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a test says of holds, and who is the project's own.
#[derive(Clone, Default)]
struct Told {
    held: Arc<Mutex<Option<Result<&'static str, ()>>>>,
    own: BTreeSet<SubjectId>,
}

impl Told {
    fn own(own: &[&SubjectId]) -> Arc<Self> {
        Arc::new(Self { own: own.iter().copied().cloned().collect(), ..Self::default() })
    }
}

impl Holds for Told {
    fn held<'a>(
        &'a self,
        _: &'a Permit<Manage, Project>,
        _: &'a BTreeSet<SubjectId>,
        _: &'a [ObjectId],
    ) -> Answer<'a, Option<&'static str>> {
        let held = *self.held.lock().unwrap();
        Box::pin(async move {
            match held {
                None => Ok(None),
                Some(Ok(why)) => Ok(Some(why)),
                Some(Err(())) => Err("not known".into()),
            }
        })
    }

    fn people<'a>(&'a self, erasure: &'a Erasure) -> Answer<'a, BTreeSet<SubjectId>> {
        let asked = |one: &SubjectId| match erasure {
            Erasure::Project(_) => true,
            Erasure::Subject { subject, .. } => subject == one,
        };
        let people = self.own.iter().filter(|one| asked(one)).cloned().collect();
        Box::pin(async move { Ok(people) })
    }
}

async fn shred(site: &TestSite, erasure: Erasure) -> Result<keys::Shredded, Error> {
    let permit = site.erase().await;
    let cleared = site.keys.clear_erasure(&permit, erasure).await?;
    let tx = site.db.begin(permit.decision()).await?;
    let done = site.keys.shred(&permit, &tx, &cleared).await?;
    tx.commit().await?;
    site.keys.forget_shredded(&done).await?;
    Ok(done)
}

async fn said(site: &TestSite, whose: &Whose, words: &str) -> Option<SealedField> {
    site.keys.seal(whose, &Sensitive::new(words.to_owned())).await.unwrap()
}

async fn opened(site: &TestSite, binding: &Binding) -> Result<seal::SessionKey, Error> {
    site.keys.open_session(&site.look(&binding.object).await, binding).await
}

#[tokio::test]
async fn what_may_be_held_is_not_shredded() {
    let site = TestSite::new().await;
    let stored = site.store(None, 1).await;
    let erasure = || Erasure::Project(site.project.clone());
    assert!(matches!(shred(&site, erasure()).await, Err(Error::Held(_))), "nobody knows of holds");
    let told = Told::default();
    site.keys.attach_holds(Arc::new(told.clone()));
    for answer in [Ok("a legal hold"), Err(())] {
        *told.held.lock().unwrap() = Some(answer);
        assert!(matches!(shred(&site, erasure()).await, Err(Error::Held(_))), "{answer:?}");
    }
    let foreign = shred(&site, Erasure::Project(site.other.clone())).await;
    assert!(matches!(foreign, Err(Error::Access(_))), "another project than the permit's");
    site.assert_open(&stored).await;
    *told.held.lock().unwrap() = None;
    let permit = site.erase().await;
    let cleared = site.keys.clear_erasure(&permit, erasure()).await.unwrap();
    let stored: Vec<_> = stored.into_iter().chain(site.store(None, 1).await).collect();
    let tx = site.db.begin(permit.decision()).await.unwrap();
    let late = site.keys.shred(&permit, &tx, &cleared).await;
    assert!(matches!(late, Err(Error::Held(_))), "an object that came after the question");
    drop(tx);
    site.assert_open(&stored).await;
    shred(&site, erasure()).await.unwrap();
    assert!(matches!(opened(&site, &stored[0].0).await, Err(Error::Shredded(_))));
}

#[tokio::test]
async fn a_subject_is_shredded_and_nothing_else() {
    let mut site = TestSite::new().await;
    let (gone, stays) = (site.subject().await, site.subject().await);
    site.keys.attach_holds(Told::own(&[&gone, &stays]));
    let (mut erased, mut kept) = (site.store(Some(&gone), 3).await, site.store(Some(&stays), 2).await);
    kept.extend(site.store(None, 2).await);
    let manage = site.on_site(Action::ManageKeys).await;
    let moment = |days: u64| Duration::from_secs(days * 86_400);
    let (ago, day) = (|days| manage.now() - moment(days), |days| manage.now() + moment(days));
    let tx = site.db.begin(manage.decision()).await.unwrap();
    // As a restore leaves them: epochs without their keys, which recovery files may still hold.
    let known = |number, begun, expires| Known { number, begun, expires };
    let before = [known(1, ago(40), ago(1)), known(2, ago(20), day(50))];
    note_epochs(&tx, &before[..1]).await.unwrap();
    note_epochs(&tx, &before).await.unwrap();
    let own = site.keys.begin_backup_epoch(&manage, &tx, day(0), day(30)).await.unwrap();
    assert_eq!(own.number, 3, "no number is used again");
    tx.commit().await.unwrap();

    let erasure = Erasure::Subject { project: site.project.clone(), subject: gone.clone() };
    let done = shred(&site, erasure.clone()).await.unwrap();
    assert_eq!(done.scopes, [(gone.to_string(), vec![1])]);
    erased.sort_by_key(|one| one.0.object.clone());
    let objects: Vec<_> = erased.iter().map(|one| one.0.object.clone()).collect();
    assert_eq!(done.objects, objects);
    assert_eq!(done.complete, Some(day(50)), "the last older backup");
    for reopened in [false, true] {
        if reopened {
            site.reopen().await;
            site.keys.attach_holds(Told::own(&[&gone, &stays]));
        }
        for (binding, _) in &erased {
            assert!(matches!(opened(&site, binding).await, Err(Error::Shredded(_))));
        }
        site.assert_open(&kept).await;
        assert!(matches!(shred(&site, erasure.clone()).await, Err(Error::Shredded(_))), "once");
    }
    let permit = site.ingest().await;
    let tx = site.db.begin(permit.decision()).await.unwrap();
    let again = site.keys.create_subject_key(&permit, &tx, &gone).await;
    assert!(matches!(again, Err(Error::Shredded(_))), "a shredded scope gets no new key");
}

#[tokio::test]
async fn a_project_that_was_lent_somebody_destroys_nobody_elses_key() {
    let site = TestSite::new().await;
    let (own, lent, bare) = (site.subject().await, site.subject().await, site.subject().await);
    site.keys.attach_holds(Told::own(&[&own, &bare]));
    let (ours, made) = (site.store(Some(&own), 1).await, site.store(Some(&lent), 1).await);
    let of = |subject: &SubjectId| Whose { project: site.other.clone(), subject: Some(subject.clone()) };
    let erasure = Erasure::Subject { project: site.project.clone(), subject: lent.clone() };
    assert!(matches!(shred(&site, erasure).await, Err(Error::Access(_))), "not this project's to erase");
    let done = shred(&site, Erasure::Project(site.project.clone())).await.unwrap();
    let scopes: Vec<&str> = done.scopes.iter().map(|(scope, _)| scope.as_str()).collect();
    assert!(scopes.contains(&own.as_str()) && !scopes.contains(&lent.as_str()), "{scopes:?}");
    assert!(scopes.contains(&bare.as_str()), "theirs, though nothing of them is left: {scopes:?}");
    for (binding, _) in ours.iter().chain(&made) {
        assert!(matches!(opened(&site, binding).await, Err(Error::Shredded(_))));
    }
    // What their own project says of them opens as ever.
    assert_eq!(said(&site, &of(&lent), "words").await.unwrap().subject, Some(lent));
    assert!(said(&site, &of(&own), "words").await.is_none());
}

#[tokio::test]
async fn a_restore_destroys_nobody_elses_key_either() {
    let site = TestSite::new().await;
    let (own, lent) = (site.subject().await, site.subject().await);
    let stored: Vec<_> =
        site.store(Some(&own), 1).await.into_iter().chain(site.store(Some(&lent), 1).await).collect();
    let permit = site.erase().await;
    let tx = site.db.begin(permit.decision()).await.unwrap();
    let ours = own.clone();
    let people: &PeopleOf = &move |_, _| {
        let ours = ours.clone();
        Box::pin(async move { Ok([ours].into()) })
    };
    assert_eq!(bury_scopes(&tx, &[(site.project.to_string(), 7)], people).await.unwrap(), 2);
    tx.commit().await.unwrap();
    let mut site = site;
    site.reopen().await;
    for (binding, _) in &stored {
        assert!(matches!(opened(&site, binding).await, Err(Error::Shredded(_))));
    }
    let of = |subject: &SubjectId| Whose { project: site.other.clone(), subject: Some(subject.clone()) };
    assert_eq!(said(&site, &of(&lent), "words").await.unwrap().subject, Some(lent));
    assert!(said(&site, &of(&own), "words").await.is_none());
}

#[tokio::test]
async fn whoever_is_erased_at_home_is_erased_where_they_were_lent() {
    for whole in [false, true] {
        let site = TestSite::new().await;
        let subject = site.subject().await;
        site.keys.attach_holds(Told::own(&[&subject]));
        let mut stored = site.store(Some(&subject), 2).await;
        stored.sort_by_key(|one| one.0.object.clone());
        // As a run in another project leaves it.
        let elsewhere = &stored[0].0.object;
        let moved =
            format!("UPDATE keys_session SET project = '{}' WHERE object = '{elsewhere}'", site.other);
        site.db.reader().execute_unprepared(&moved).await.unwrap();
        let erasure = match whole {
            true => Erasure::Project(site.project.clone()),
            false => Erasure::Subject { project: site.project.clone(), subject },
        };
        let done = shred(&site, erasure).await.unwrap();
        assert_eq!(done.objects, stored.iter().map(|one| one.0.object.clone()).collect::<Vec<_>>());
        for (binding, _) in &stored {
            assert!(matches!(opened(&site, binding).await, Err(Error::Shredded(_))));
        }
    }
}

#[tokio::test]
async fn a_project_takes_its_subjects_and_its_sealed_words_with_it() {
    let site = TestSite::new().await;
    let subject = site.subject().await;
    site.keys.attach_holds(Told::own(&[&subject]));
    let mut erased = site.store(Some(&subject), 2).await;
    erased.extend(site.store(None, 1).await);
    let whose = |project: &ProjectId| Whose { project: project.clone(), subject: None };
    let (ours, theirs) = (whose(&site.project), whose(&site.other));
    let own = said(&site, &ours, "why").await.unwrap();
    let other = said(&site, &theirs, "why").await.unwrap();
    let manage = site.on_site(Action::ManageKeys).await;
    let tx = site.db.begin(manage.decision()).await.unwrap();
    site.keys.begin_backup_epoch(&manage, &tx, Timestamp::UNIX_EPOCH, manage.now()).await.unwrap();
    tx.commit().await.unwrap();
    let done = shred(&site, Erasure::Project(site.project.clone())).await.unwrap();
    assert_eq!(
        (done.scopes.len(), done.objects.len(), done.complete),
        (2, 3, None),
        "none has begun, or all have ended"
    );
    for (binding, _) in &erased {
        assert!(matches!(opened(&site, binding).await, Err(Error::Shredded(_))));
    }
    assert!(matches!(site.keys.open(&ours, &own.text).await, Ok(Words::Erased(_))));
    assert_eq!(said(&site, &ours, "why").await, None, "what nobody could read is not kept");
    assert!(
        matches!(site.keys.open(&theirs, &other.text).await, Ok(Words::Said(words)) if words.reveal() == "why")
    );
    let left = site.keys.standings().await.unwrap();
    let left: Vec<&str> = left.iter().map(|standing| standing.scope.as_str()).collect();
    assert!(left.len() == 3 && !left.contains(&subject.to_string().as_str()), "{left:?}");
}

#[tokio::test]
async fn words_about_a_subject_end_with_its_key_and_name_the_certificate() {
    let mut site = TestSite::new().await;
    let (subject, stays) = (site.subject().await, site.subject().await);
    site.keys.attach_holds(Told::own(&[&subject, &stays]));
    let (object, kept) = (site.store(Some(&subject), 1).await, site.store(Some(&stays), 1).await);
    // As a decision records them: under the key of the one subject that the object is about.
    let mut fields = Vec::new();
    for (of, stored) in [(&subject, &object), (&stays, &kept)] {
        let decided = site.because(&stored[0].0.object, "the uncle asked").await;
        let What::Decision { sealed_reason: Some(text), sealed_under, .. } = decided else { panic!() };
        assert_eq!(sealed_under.as_ref(), Some(of));
        fields.push((Whose { project: site.project.clone(), subject: sealed_under }, text));
    }
    let [(whose, text), (other, others)] = fields.as_slice() else { panic!() };
    assert!(
        matches!(site.keys.open(whose, text).await, Ok(Words::Said(said)) if said.reveal() == "the uncle asked")
    );
    // Both keys are needed, and neither word opens as another's.
    let project_alone = Whose { subject: None, ..whose.clone() };
    for (wrong, text) in [(&project_alone, text), (other, text), (whose, others)] {
        assert!(matches!(site.keys.open(wrong, text).await, Err(audit::Error::Field(_))));
    }
    let erasure = Erasure::Subject { project: site.project.clone(), subject: subject.clone() };
    let permit = site.erase().await;
    let cleared = site.keys.clear_erasure(&permit, erasure).await.unwrap();
    let tx = site.db.begin(permit.decision()).await.unwrap();
    let done = site.keys.shred(&permit, &tx, &cleared).await.unwrap();
    let certificate = DeletionId::mint(&SystemEntropy);
    site.keys.note_certificate(&tx, &done, &certificate).await.unwrap();
    tx.commit().await.unwrap();
    site.keys.forget_shredded(&done).await.unwrap();
    for reopened in [false, true] {
        if reopened {
            site.reopen().await;
        }
        let Ok(Words::Erased(by)) = site.keys.open(whose, text).await else { panic!("words are left") };
        assert_eq!((by.scope.as_str(), by.position), (subject.as_str(), permit.decision()));
        assert_eq!(by.certificate.as_ref(), Some(&certificate));
        assert_eq!(said(&site, whose, "again").await, None);
        assert!(matches!(site.keys.open(other, others).await, Ok(Words::Said(_))), "another subject's");
    }
}

#[tokio::test]
async fn a_backup_key_ends_on_its_day() {
    let site = TestSite::new().await;
    let day = |days: u64| Timestamp::UNIX_EPOCH + Duration::from_secs(days * 86_400);
    let manage = site.on_site(Action::ManageKeys).await;
    let tx = site.db.begin(manage.decision()).await.unwrap();
    let epoch = site.keys.begin_backup_epoch(&manage, &tx, day(0), day(30)).await.unwrap();
    tx.commit().await.unwrap();
    let key = site.keys.backup_key(&manage, epoch.number, day(29)).await.unwrap();
    let wrapped = key.wrap(b"a backup", "b", &base::SystemEntropy).unwrap();
    let again = site.keys.backup_key(&manage, epoch.number, day(29)).await.unwrap();
    assert_eq!(again.unwrap(&wrapped, "b").unwrap().as_slice(), b"a backup");
    let late = site.keys.backup_key(&manage, epoch.number, day(30)).await;
    assert!(matches!(late, Err(Error::NoKey(_))), "ended, though its row is still there");
    let tx = site.db.begin(manage.decision()).await.unwrap();
    assert_eq!(site.keys.destroy_ended_epochs(&manage, &tx, day(30)).await.unwrap(), [1]);
    tx.commit().await.unwrap();
    assert!(site.keys.backup_key(&manage, 1, day(1)).await.is_err(), "setting the clock back helps nobody");
    let tx = site.db.begin(manage.decision()).await.unwrap();
    let next = site.keys.begin_backup_epoch(&manage, &tx, day(30), day(60)).await.unwrap();
    assert_eq!(next.number, 2, "a number is used once");
}
