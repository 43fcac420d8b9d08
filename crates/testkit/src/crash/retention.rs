//! Holds, their lifting, deletion and shredding, stopped anywhere.

use super::actor::{self, Person};
use super::check::{Acks, sound};
use super::rotation::{add_subject, put};
use crate::Spine;
use access::thing::{Object, Project};
use access::verb::{Manage, Read as ReadVerb, View};
use access::{Action, Ask, Permit};
use anyhow::{Context, Result, ensure};
use archive::Archive;
use archive::store::{Lock, Name};
use audit::What;
use base::{Id, ObjectId, Sensitive, SubjectId};
use db::sea_orm::{ConnectionTrait, Statement};
use keys::shred::Answer;
use keys::{Erasure, Holds};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Objects that are there before, the content of each its number. The last two are one subject's.
const OBJECTS: usize = 6;
const OF_SUBJECT: usize = 2;
/// Their ids, a line each, in the folder.
const LIST: &str = "objects.txt";
/// As if their packages were in, so that the store locks them.
const IN: &str = "UPDATE archive_object SET arriving = 0";
/// As if every floor had passed.
const AGED: &str = "UPDATE archive_object SET kept_until = '2020-01-01T00:00:00Z'";

/// Makes a site with objects whose floors have passed, and a data steward.
pub async fn prepare(folder: &Path) -> Result<()> {
    let spine = Spine::create_in(folder).await;
    let members = spine.project(base::Class::Research).await;
    let analyst = spine.join(&members, base::Role::Analyst).await;
    let token = spine.join(&members, base::Role::DataSteward).await;
    let analyst_token = analyst.clone();
    let analyst = spine.access.authenticate(&analyst).await?;
    let subject = add_subject(&spine, &members.project, &analyst).await?;
    let mut ids = Vec::new();
    for n in 0..OBJECTS {
        let own = (n >= OBJECTS - OF_SUBJECT).then(|| subject.clone());
        ids.push(put(&spine, &members.project, &analyst, own, n as u64).await?.to_string());
    }
    spine.db.reader().execute_unprepared(AGED).await?;
    spine.db.reader().execute_unprepared(IN).await?;
    let person = Person { project: members.project.clone(), token, subject: Some(subject) };
    person.keep(folder)?;
    std::fs::write(folder.join(LIST), ids.join("\n"))?;
    std::fs::write(folder.join("reader.txt"), analyst_token)?;
    spine.close().await;
    Ok(())
}

fn listed(folder: &Path) -> Result<Vec<ObjectId>> {
    let text = std::fs::read_to_string(folder.join(LIST))?;
    let ids = text.lines().map(|line| line.parse().map_err(|_| anyhow::anyhow!("no id")));
    ids.collect()
}

/// Each of the first objects is held, freed and deleted; then the subject is shredded.
pub async fn act(folder: &Path, acts: u64, early: bool) -> Result<()> {
    let opened = Opened::new(folder).await?;
    let Opened { spine, person, steward, .. } = &opened;
    let tell = |early_now: bool, what: &str| match early_now == early {
        true => actor::acknowledge(what),
        false => Ok(()),
    };
    let ids = listed(folder)?;
    spine.archive.lock_settled().await?;
    for n in 0..usize::try_from(acts)? {
        match ids.get(n).filter(|_| n < OBJECTS - OF_SUBJECT) {
            Some(id) => {
                for step in Step::ALL {
                    tell(true, &format!("{} {id}", step.word()))?;
                    step.take(spine, steward, id).await?;
                    tell(false, &format!("{} {id}", step.word()))?;
                }
            }
            None => {
                tell(true, "shredded")?;
                shred(spine, person, steward).await?;
                tell(false, "shredded")?;
                break;
            }
        }
    }
    opened.close().await;
    Ok(())
}

/// What is done to one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Hold,
    Lift,
    Delete,
}

impl Step {
    const ALL: [Self; 3] = [Self::Hold, Self::Lift, Self::Delete];

    const fn word(self) -> &'static str {
        match self {
            Self::Hold => "held",
            Self::Lift => "lifted",
            Self::Delete => "deleted",
        }
    }

    async fn take(self, spine: &Spine, steward: &access::Caller, id: &ObjectId) -> Result<()> {
        let action = match self {
            Self::Hold => Action::SetHold,
            Self::Lift => Action::LiftHold,
            Self::Delete => Action::DeleteObject,
        };
        let ask = Ask::new(action, [id.clone()]).because(Some(Sensitive::new("a court asks".to_owned())));
        let permit: Permit<Manage, Object> = spine.access.decide(steward, ask).await?;
        match self {
            Self::Hold => spine.archive.hold(&permit, id).await?,
            Self::Lift => spine.archive.lift(&permit, id).await?,
            Self::Delete => spine.archive.delete(&permit, id).await?,
        }
        Ok(spine.access.close(steward, Default::default()).await?)
    }
}

async fn shred(spine: &Spine, person: &Person, steward: &access::Caller) -> Result<()> {
    let subject = person.subject.clone().context("no subject")?;
    let ask = Ask::new(Action::ShredKeys, [person.project.clone()]).about([subject.to_string()]);
    let permit: Permit<Manage, Project> = spine.access.decide(steward, ask).await?;
    let erasure = Erasure::Subject { project: person.project.clone(), subject };
    let cleared = spine.keys.clear_erasure(&permit, erasure).await?;
    let tx = spine.db.begin(permit.decision()).await?;
    let done = spine.keys.shred(&permit, &tx, &cleared).await?;
    tx.commit().await?;
    spine.keys.forget_shredded(&done).await?;
    Ok(spine.access.close(steward, Default::default()).await?)
}

/// Legal holds as the archive knows them; floors have passed here. The archive knows the keys, too: it is
/// taken out before a spine is closed, or neither would ever go.
struct Held(Mutex<Option<Archive>>);

impl Holds for Held {
    fn held<'a>(
        &'a self,
        permit: &'a Permit<Manage, Project>,
        _: &'a BTreeSet<SubjectId>,
        objects: &'a [ObjectId],
    ) -> Answer<'a, Option<&'static str>> {
        let archive = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move {
            let records = archive.ok_or("the spine is closed")?.describe(permit, objects).await?;
            Ok(records.iter().any(|record| record.held).then_some("an object is under a legal hold"))
        })
    }

    fn people<'a>(&'a self, erasure: &'a Erasure) -> Answer<'a, BTreeSet<SubjectId>> {
        Box::pin(async move {
            match erasure {
                Erasure::Subject { subject, .. } => Ok([subject.clone()].into()),
                Erasure::Project(_) => Err("no test asks for it".into()),
            }
        })
    }
}

/// A spine whose keys ask for holds.
struct Opened {
    spine: Spine,
    person: Person,
    steward: access::Caller,
    held: Arc<Held>,
}

impl Opened {
    async fn new(folder: &Path) -> Result<Self> {
        let (spine, person, steward) = actor::reopen_as(folder).await?;
        let held = Arc::new(Held(Mutex::new(Some(spine.archive.clone()))));
        spine.keys.attach_holds(held.clone());
        Ok(Self { spine, person, steward, held })
    }

    async fn close(self) {
        self.held.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.spine.close().await;
    }
}

/// Each object is as it was acknowledged, whole or gone for good; the subject is readable or not, as one;
/// and what was begun can be brought to its end.
pub async fn check(folder: &Path, acks: &Acks) -> Result<()> {
    let opened = Opened::new(folder).await.context("opening again")?;
    let Opened { spine, person, steward, .. } = &opened;
    let reader = spine.access.authenticate(&std::fs::read_to_string(folder.join("reader.txt"))?).await?;
    let acked: BTreeSet<&str> = acks.lines.iter().map(String::as_str).collect();
    let ids = listed(folder)?;
    let (single, of_subject) = ids.split_at(OBJECTS - OF_SUBJECT);
    for (n, id) in single.iter().enumerate() {
        let found = state(spine, person, &reader, id, n as u64).await?;
        agrees(spine, &acked, id, &found).with_context(|| format!("object {n}"))?;
    }
    let mut readable = BTreeSet::new();
    for (n, id) in (single.len()..).zip(of_subject) {
        readable.insert(state(spine, person, &reader, id, n as u64).await?.readable);
    }
    ensure!(readable.len() == 1, "half of a subject was shredded");
    let gone = readable.contains(&false);
    ensure!(gone || !acked.contains("shredded"), "a shredding was acknowledged and its keys are there");
    sound(spine.audit.ledger())?;
    locked(spine).await.context("the locks of the store")?;

    // What was begun goes on to its end.
    for (n, id) in single.iter().enumerate() {
        let found = state(spine, person, &reader, id, n as u64).await?;
        if !found.deleted {
            for step in [Step::Hold, Step::Lift, Step::Delete] {
                step.take(spine, steward, id).await.with_context(|| format!("going on: {step:?}"))?;
            }
        }
    }
    if !gone {
        shred(spine, person, steward).await.context("going on with the shredding")?;
    }
    spine.access.close(&reader, Default::default()).await?;
    opened.close().await;
    let opened = Opened::new(folder).await.context("opening once more")?;
    let Opened { spine, person, .. } = &opened;
    let reader = spine.access.authenticate(&std::fs::read_to_string(folder.join("reader.txt"))?).await?;
    for (n, id) in ids.iter().enumerate() {
        ensure!(!state(spine, person, &reader, id, n as u64).await?.readable, "object {n} can be read again");
    }
    sound(spine.audit.ledger())?;
    opened.close().await;
    Ok(())
}

/// After a start the store is told until every lock is what the record says.
async fn locked(spine: &Spine) -> Result<()> {
    spine.archive.lock_settled().await?;
    let db = spine.db.reader();
    let rows = "SELECT body, kept_until, held FROM archive_object WHERE deleted_at IS NULL";
    for row in db.query_all_raw(Statement::from_string(db.get_database_backend(), rows)).await? {
        let (body, until): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let held: i32 = row.try_get_by_index(2)?;
        let name = Name::parse(&body).context("no name of a body")?;
        let lock = spine.archive.store().locked(&name)?;
        let wanted = Lock { until: Some(until.parse()?), hold: held != 0 };
        ensure!(lock == wanted, "the record says {wanted:?}, the store {lock:?}");
    }
    Ok(())
}

struct State {
    held: bool,
    deleted: bool,
    readable: bool,
}

/// What a person who may read finds of an object: all of it, or nothing.
async fn state(
    spine: &Spine,
    person: &Person,
    reader: &access::Caller,
    id: &ObjectId,
    n: u64,
) -> Result<State> {
    let ask = Ask::new(Action::ViewSamples, [person.project.clone()]);
    let view: Permit<View, Project> = spine.access.decide(reader, ask).await?;
    let record = spine.archive.describe(&view, std::slice::from_ref(id)).await?.into_iter().next();
    let record = record.context("the record of an object is lost")?;
    let ask = Ask::new(Action::ViewVariants, [id.clone()]);
    let permit: Permit<ReadVerb, Object> = spine.access.decide(reader, ask).await?;
    let readable = match spine.archive.open_object(&permit, id).await {
        Ok(mut opened) => {
            let mut bytes = Vec::new();
            opened.read_to_end(&mut bytes).context("an object is not whole")?;
            ensure!(bytes == actor::content(n), "an object has other content than was written");
            true
        }
        Err(archive::Error::Deleted(_)) => false,
        Err(archive::Error::Keys(keys::Error::Shredded(_))) => false,
        Err(error) => return Err(error).context("an object is neither whole nor gone"),
    };
    spine.access.close(reader, Default::default()).await?;
    let deleted = record.deleted_at.is_some();
    ensure!(!(deleted && readable), "a deleted object opens");
    Ok(State { held: record.held, deleted, readable })
}

/// Whether an object is as it was said to be. What the ledger has begun and nobody acknowledged may be done
/// or not.
fn agrees(spine: &Spine, acked: &BTreeSet<&str>, id: &ObjectId, found: &State) -> Result<()> {
    let said = |step: Step| acked.contains(format!("{} {id}", step.word()).as_str());
    let begun = begun(spine, id)?;
    ensure!(found.readable != found.deleted, "it is neither readable nor deleted");
    ensure!(!said(Step::Delete) || found.deleted, "its deletion was acknowledged and is lost");
    ensure!(!found.deleted || begun.contains(Step::Delete.word()), "it is gone, and no record says so");
    if said(Step::Hold) && !begun.contains(Step::Lift.word()) {
        ensure!(found.held, "its hold was acknowledged and is lost");
    }
    if said(Step::Lift) {
        ensure!(!found.held, "its hold was lifted and is there");
    }
    Ok(())
}

/// What the ledger says was begun with an object.
fn begun(spine: &Spine, id: &ObjectId) -> Result<BTreeSet<&'static str>> {
    let mut found = BTreeSet::new();
    for recorded in spine.audit.history(id.as_str())?.events {
        found.extend(match recorded.event.what {
            What::HoldChanged { held: true } => Some(Step::Hold.word()),
            What::HoldChanged { held: false } => Some(Step::Lift.word()),
            What::ObjectDeleted { .. } => Some(Step::Delete.word()),
            _ => None,
        });
    }
    Ok(found)
}
