//! The archive on a real spine: sealed, admitted, opened, re-addressed, refused.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "what fails here fails the test"
)]

mod bucket;
mod conformance;
mod faulty;
mod grow;
mod kept;
mod place;
mod retain;
mod scrub;

use access::thing::{Object, Project};
use access::verb::{Read as ReadVerb, Release, View, Write as WriteVerb};
use access::{Action, Ask, Permit};
use archive::store::Store;
use archive::{Archive, ArchiveParts, Error, Spec};
use base::{Class, Clock, Fault, Id, Kind, ObjectId, Role, SystemClock, SystemEntropy};
use seal::SecretKey;
use std::io::{Read, Write};
use std::sync::Arc;
use testkit::{Members, Spine};

/// A spine with one project in it.
pub(crate) struct Site {
    pub(crate) spine: Spine,
    pub(crate) members: Members,
}

impl Site {
    pub(crate) async fn on(store: Arc<dyn Store>) -> Self {
        Self::at(Arc::new(SystemClock::default()), Some(store)).await
    }

    pub(crate) async fn at(clock: Arc<dyn Clock>, store: Option<Arc<dyn Store>>) -> Self {
        let spine = Spine::with_store(clock, store).await;
        let members = spine.project(Class::Research).await;
        Self { spine, members }
    }

    /// The same site, looked at through another store.
    pub(crate) fn with(&self, store: Arc<dyn Store>) -> Seen<'_> {
        let spine = &self.spine;
        let archive = Archive::new(ArchiveParts {
            store,
            db: spine.db.clone(),
            keys: spine.keys.clone(),
            audit: spine.audit.clone(),
            clock: spine.clock.clone(),
            entropy: spine.entropy.clone(),
            site: spine.site.clone(),
        });
        Seen { site: self, archive }
    }

    pub(crate) fn seen(&self) -> Seen<'_> {
        Seen { site: self, archive: self.spine.archive.clone() }
    }

    /// The kinds of events about an object, oldest first.
    pub(crate) fn events(&self, id: &ObjectId) -> Vec<String> {
        let history = self.spine.audit.history(id.as_str()).unwrap();
        history
            .events
            .iter()
            .map(|e| serde_json::to_value(&e.event.what).unwrap()["event"].as_str().unwrap().to_owned())
            .filter(|kind| kind != "outcome")
            .collect()
    }
}

/// A site through one archive.
pub(crate) struct Seen<'a> {
    site: &'a Site,
    pub(crate) archive: Archive,
}

impl Seen<'_> {
    pub(crate) async fn put(&self, content: &[u8]) -> Result<ObjectId, Error> {
        self.put_kind("alignment", content).await
    }

    pub(crate) async fn put_kind(&self, kind: &'static str, content: &[u8]) -> Result<ObjectId, Error> {
        let Site { spine, members } = self.site;
        let permit: Permit<WriteVerb, Project> =
            spine.permit(members.with(Role::Analyst), Action::Ingest, &members.project).await;
        let mut draft = self.archive.draft(&permit, Spec { kind, subject: None, links: vec![] })?;
        draft.write_all(content)?;
        let mut sealed = [draft.seal()?];
        let tx = spine.db.begin(permit.decision()).await?;
        let ids = self.archive.admit(&permit, &tx, &mut sealed).await?;
        tx.commit().await?;
        Ok(ids.into_iter().next().unwrap())
    }

    pub(crate) async fn read(&self, id: &ObjectId) -> Result<Vec<u8>, Error> {
        let Site { spine, members } = self.site;
        let reader: Permit<ReadVerb, Object> =
            spine.permit(members.with(Role::Viewer), Action::ViewVariants, id).await;
        let mut opened = self.archive.open_object(&reader, id).await?;
        let mut bytes = Vec::new();
        opened.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

async fn put(spine: &Spine, members: &Members, content: &[u8]) -> ObjectId {
    let analyst = members.with(Role::Analyst);
    let permit: Permit<WriteVerb, Project> = spine.permit(analyst, Action::Ingest, &members.project).await;
    let spec = Spec { kind: "fastq", subject: None, links: vec![] };
    let mut draft = spine.archive.draft(&permit, spec).unwrap();
    draft.write_all(content).unwrap();
    let mut sealed = [draft.seal().unwrap()];
    let tx = spine.db.begin(permit.decision()).await.unwrap();
    let ids = spine.archive.admit(&permit, &tx, &mut sealed).await.unwrap();
    tx.commit().await.unwrap();
    ids.into_iter().next().unwrap()
}

#[tokio::test]
async fn content_comes_back_to_those_who_may_and_lies_sealed() {
    let spine = Spine::new(&[]).await;
    let members = spine.project(Class::Research).await;
    let content = b"@r1\nGATTACAGATTACAGATTACA\n+\nIIIIIIIIIIIIIIIIIIIII\n".repeat(5000);
    let id = put(&spine, &members, &content).await;

    let reader: Permit<ReadVerb, Object> =
        spine.permit(members.with(Role::Viewer), Action::ViewVariants, &id).await;
    let mut back = Vec::new();
    spine.archive.open_object(&reader, &id).await.unwrap().read_to_end(&mut back).unwrap();
    assert_eq!(back, content);

    let ask = Ask::<Object>::new(Action::DownloadObject, [id.clone()])
        .because(Some("a second look".to_owned().into()));
    let release: Permit<Release, Object> =
        spine.access.decide(members.with(Role::DataExporter), ask).await.unwrap();
    let recipient = SecretKey::mint(&SystemEntropy);
    let mut addressed = spine.archive.address(&release, &id, &recipient.public().unwrap()).await.unwrap();
    let mut file = Vec::new();
    addressed.bytes.read_to_end(&mut file).unwrap();
    assert_eq!(file.len() as u64, addressed.length);
    let mut plain = Vec::new();
    seal::foreign::Reader::new(&file[..], &recipient).unwrap().read_to_end(&mut plain).unwrap();
    assert_eq!(plain, content);

    assert!(!tree_contains(spine.folder.path(), b"GATTACAGATTACA"));
}

#[tokio::test]
async fn a_permit_for_another_object_or_another_person_opens_nothing() {
    let spine = Spine::new(&[]).await;
    let members = spine.project(Class::Research).await;
    let strangers = spine.project(Class::Research).await;
    let (one, two) = (put(&spine, &members, b"one").await, put(&spine, &members, b"two").await);
    let reader: Permit<ReadVerb, Object> =
        spine.permit(members.with(Role::Viewer), Action::ViewVariants, &one).await;
    let refused = spine.archive.open_object(&reader, &two).await.err().unwrap();
    assert!(matches!(refused, Error::Access(access::Error::NotCovered(_))));

    let ask =
        || Ask::<Object>::new(Action::DownloadObject, [one.clone()]).because(Some("x".to_owned().into()));
    let viewer =
        spine.access.decide::<Release, Object>(members.with(Role::Viewer), ask()).await.err().unwrap();
    assert_eq!(viewer.kind(), Kind::Denied);
    let stranger = spine
        .access
        .decide::<Release, Object>(strangers.with(Role::DataExporter), ask())
        .await
        .err()
        .unwrap();
    assert_eq!(stranger.kind(), Kind::NotFound);
    let absent = ObjectId::mint(&SystemEntropy);
    let ask = Ask::<Object>::new(Action::DownloadObject, [absent]);
    let nothing =
        spine.access.decide::<Release, Object>(strangers.with(Role::DataExporter), ask).await.err().unwrap();
    assert_eq!((nothing.code(), nothing.to_string()), (stranger.code(), stranger.to_string()));
}

#[tokio::test]
async fn a_permit_shows_the_records_of_what_it_names_alone() {
    let spine = Spine::new(&[]).await;
    let members = spine.project(Class::Research).await;
    let (one, two) = (put(&spine, &members, b"one").await, put(&spine, &members, b"two").await);
    let both = [one.clone(), two.clone()];
    let viewer = members.with(Role::Viewer);
    let narrow: Permit<View, Object> = spine.permit(viewer, Action::ViewSamples, &one).await;
    let shown = spine.archive.describe(&narrow, &both).await.unwrap();
    assert_eq!(shown.iter().map(|o| &o.id).collect::<Vec<_>>(), [&one]);
    let wide: Permit<View, Project> = spine.permit(viewer, Action::ViewSamples, &members.project).await;
    assert_eq!(spine.archive.describe(&wide, &both).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_draft_of_one_project_does_not_become_an_object_of_another() {
    let spine = Spine::new(&[]).await;
    let (ours, theirs) = (spine.project(Class::Research).await, spine.project(Class::Research).await);
    let analyst = |members: &Members| members.with(Role::Analyst).clone();
    let here: Permit<WriteVerb, Project> = spine.permit(&analyst(&ours), Action::Ingest, &ours.project).await;
    let there: Permit<WriteVerb, Project> =
        spine.permit(&analyst(&theirs), Action::Ingest, &theirs.project).await;
    let spec = Spec { kind: "fastq", subject: None, links: vec![] };
    let mut draft = spine.archive.draft(&here, spec).unwrap();
    draft.write_all(b"ours").unwrap();
    let mut sealed = [draft.seal().unwrap()];
    let tx = spine.db.begin(there.decision()).await.unwrap();
    let refused = spine.archive.admit(&there, &tx, &mut sealed).await.err().unwrap();
    assert!(matches!(refused, Error::Access(access::Error::NotCovered(_))));
    drop(tx);
    let tx = spine.db.begin(here.decision()).await.unwrap();
    spine.archive.admit(&here, &tx, &mut sealed).await.unwrap();
}

#[tokio::test]
async fn what_an_object_belongs_to_leads_to_it_as_soon_as_it_is_seen() {
    let spine = Spine::new(&[]).await;
    let members = spine.project(Class::Research).await;
    let permit: Permit<WriteVerb, Project> =
        spine.permit(members.with(Role::Analyst), Action::Ingest, &members.project).await;
    let sample = base::SampleId::mint(&SystemEntropy).to_string();
    let spec = Spec { kind: "fastq", subject: None, links: vec![sample.clone()] };
    let mut draft = spine.archive.draft(&permit, spec).unwrap();
    draft.write_all(b"content").unwrap();
    let mut sealed = [draft.seal().unwrap()];
    let tx = spine.db.begin(permit.decision()).await.unwrap();
    let ids = spine.archive.admit(&permit, &tx, &mut sealed).await.unwrap();
    // Nothing was recorded since: the link is durable before the commit.
    let history = spine.audit.history(&sample).unwrap();
    assert!(history.chains.contains(ids[0].as_str()));
    assert!(history.events.iter().any(|e| matches!(e.event.what, audit::What::ObjectSealed(_))));
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn every_changed_byte_of_a_body_is_refused() {
    let spine = Spine::new(&[]).await;
    let members = spine.project(Class::Research).await;
    let id = put(&spine, &members, b"short content").await;
    let body = bodies(spine.folder.path()).into_iter().find(|p| p.extension().is_none()).unwrap();
    let whole = std::fs::read(&body).unwrap();
    for i in 0..whole.len() {
        let mut changed = whole.clone();
        changed[i] ^= 0x10;
        overwrite(&body, &changed);
        let reader: Permit<ReadVerb, Object> =
            spine.permit(members.with(Role::Viewer), Action::ViewVariants, &id).await;
        // An archive that has not met the damage yet.
        let opened = fresh(&spine).open_object(&reader, &id).await;
        let read = opened.map(|mut o| o.read_to_end(&mut Vec::new()));
        let refused = match read {
            Ok(read) => Error::from(read.expect_err("a changed byte")),
            Err(error) => error,
        };
        assert_eq!(refused.kind(), Kind::Integrity, "byte {i}: {refused}");
    }
    overwrite(&body, &whole[..whole.len() - 1]);
    let reader: Permit<ReadVerb, Object> =
        spine.permit(members.with(Role::Viewer), Action::ViewVariants, &id).await;
    assert_eq!(fresh(&spine).open_object(&reader, &id).await.err().map(|e| e.kind()), Some(Kind::Integrity));
}

fn fresh(spine: &Spine) -> Archive {
    Archive::new(ArchiveParts {
        store: spine.archive.store().clone(),
        db: spine.db.clone(),
        keys: spine.keys.clone(),
        audit: spine.audit.clone(),
        clock: spine.clock.clone(),
        entropy: spine.entropy.clone(),
        site: spine.site.clone(),
    })
}

#[tokio::test]
async fn what_is_not_admitted_is_gone() {
    let spine = Spine::new(&[]).await;
    let members = spine.project(Class::Research).await;
    let permit: Permit<WriteVerb, Project> =
        spine.permit(members.with(Role::Analyst), Action::Ingest, &members.project).await;
    let spec = Spec { kind: "fastq", subject: None, links: vec![] };
    let mut draft = spine.archive.draft(&permit, spec.clone()).unwrap();
    draft.write_all(b"half").unwrap();
    drop(draft);
    let mut draft = spine.archive.draft(&permit, spec).unwrap();
    draft.write_all(b"whole").unwrap();
    drop(draft.seal().unwrap());
    assert!(bodies(spine.folder.path()).is_empty());
}

#[tokio::test]
async fn the_history_of_an_object_holds_every_decision_about_it() {
    let spine = Spine::new(&[]).await;
    let members = spine.project(Class::Research).await;
    let id = put(&spine, &members, b"content").await;
    let viewer = members.with(Role::Viewer);
    let _: Permit<ReadVerb, Object> = spine.permit(viewer, Action::ViewVariants, &id).await;
    let denied = Ask::<Object>::new(Action::DownloadObject, [id.clone()]);
    assert!(spine.access.decide::<Release, Object>(viewer, denied).await.is_err());
    spine.access.close(viewer, Default::default()).await.unwrap();
    // A gate event waits for everything queued before it, so the outcome is durable after this.
    let _: Permit<View, Project> = spine.permit(viewer, Action::ViewSamples, &members.project).await;
    let history = spine.audit.history(id.as_str()).unwrap();
    let kinds: Vec<&str> = history.events.iter().map(|e| word(&e.event.what)).collect();
    assert_eq!(kinds, ["object-sealed", "decision", "decision", "outcome"]);
}

fn word(what: &audit::What) -> &'static str {
    match what {
        audit::What::ObjectSealed(_) => "object-sealed",
        audit::What::Decision { .. } => "decision",
        audit::What::Outcome { .. } => "outcome",
        _ => "other",
    }
}

fn bodies(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let shards = std::fs::read_dir(folder.join("objects")).unwrap().map(|shard| shard.unwrap().path());
    // Beside them there is the site's mark.
    for shard in shards.filter(|shard| shard.is_dir()) {
        found.extend(std::fs::read_dir(shard).unwrap().map(|f| f.unwrap().path()));
    }
    found
}

fn overwrite(path: &std::path::Path, bytes: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn tree_contains(folder: &std::path::Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tree_contains(&path, needle)
        } else {
            std::fs::read(&path).unwrap().windows(needle.len()).any(|w| w == needle)
        }
    })
}
