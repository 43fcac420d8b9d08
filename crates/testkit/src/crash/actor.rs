//! The acts of a process that is stopped in the middle of them.

use crate::Spine;
use access::thing::Project;
use access::verb::Write as WriteVerb;
use access::{Action, Ask, Permit};
use anyhow::{Context, Result, bail};
use archive::Spec;
use base::{ObjectId, ProjectId, SubjectId, SystemClock};
use ledger::storage::{Disk, Storage};
use ledger::{Body, Entry, Ledger, Options, SigningKey};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Makes a ledger, appends events, publishes.
    Ledger,
    /// Seals objects and admits them to a project.
    Objects,
    /// Rotates keys of each level.
    Rotation,
    /// Moves a site's secrets from one provider to another.
    Migration,
    /// Sets and lifts holds, deletes, shreds.
    Retention,
}

/// What an actor does wrong, to see whether it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// It acknowledges an act before it is complete.
    Early,
    /// Its storage does not flush.
    Unflushed,
}

/// The name of the ledger actor's ledger.
pub const LEDGER: &str = "crash.example/ledger";
/// The word that begins each acknowledgement.
pub const ACK: &str = "ack";

impl Actor {
    /// Every actor.
    pub const ALL: [Self; 5] =
        [Self::Ledger, Self::Objects, Self::Rotation, Self::Migration, Self::Retention];

    /// Its word on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Objects => "objects",
            Self::Rotation => "rotation",
            Self::Migration => "migration",
            Self::Retention => "retention",
        }
    }

    /// The actor of this word.
    pub fn named(word: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|actor| actor.word() == word).context("no such actor")
    }

    /// Makes in `folder` what is there before the acts begin.
    pub async fn prepare(self, folder: &Path) -> Result<()> {
        match self {
            Self::Ledger => Ok(()),
            Self::Objects => prepare_objects(folder).await,
            Self::Rotation => super::rotation::prepare(folder).await,
            Self::Migration => super::migration::prepare(folder),
            Self::Retention => super::retention::prepare(folder).await,
        }
    }

    /// Does `acts` acts in `folder`.
    pub async fn act(self, folder: &Path, acts: u64, flaw: Flaw) -> Result<()> {
        match self {
            Self::Ledger => append(folder, acts, flaw),
            Self::Objects => seal_objects(folder, acts, flaw).await,
            Self::Rotation => super::rotation::act(folder, acts, flaw == Flaw::Early).await,
            Self::Migration => super::migration::act(folder, acts, flaw == Flaw::Early),
            Self::Retention => super::retention::act(folder, acts, flaw == Flaw::Early).await,
        }
    }
}

impl Flaw {
    /// The flaw of this word.
    pub fn named(word: &str) -> Result<Self> {
        match word {
            "none" => Ok(Self::None),
            "early" => Ok(Self::Early),
            "unflushed" => Ok(Self::Unflushed),
            _ => bail!("no such flaw"),
        }
    }

    /// Its word on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Early => "early",
            Self::Unflushed => "unflushed",
        }
    }
}

/// Says that an act is complete, in one write.
pub(super) fn acknowledge(what: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(format!("{ACK} {what}\n").as_bytes())?;
    out.flush()
}

/// A storage that says it flushed.
struct Unflushed;

impl Storage for Unflushed {
    fn flush(&self, _: &File) -> io::Result<()> {
        Ok(())
    }
    fn flush_all(&self, _: &File) -> io::Result<()> {
        Ok(())
    }
    fn flush_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// The key of the ledger actor's ledger.
pub fn ledger_key() -> ledger::Result<SigningKey> {
    SigningKey::from_seed(&[11; 32])
}

/// Opens the ledger actor's ledger, or makes it: small segments, so that several are needed, and
/// no publishing but when it is asked for.
pub fn open_ledger(folder: &Path, storage: Arc<dyn Storage>) -> ledger::Result<Ledger> {
    let dir = folder.join("ledger");
    let options =
        Options { segment_bytes: 4096, publish_every: Duration::from_secs(3600), ..Options::default() };
    let clock = Arc::new(SystemClock::default());
    match Ledger::open_with(&dir, ledger_key()?, clock.clone(), storage.clone(), options.clone()) {
        Err(ledger::Error::Missing(_)) => {
            Ledger::create_with(&dir, LEDGER, ledger_key()?, clock, storage, options)
        }
        opened => opened,
    }
}

/// The event of act `n`.
pub fn event(n: u64) -> ledger::Result<Entry> {
    let body = Body::of(&serde_json::json!({"act": n}))?;
    Entry::new(["one".to_owned(), format!("chain_{}", n % 3)], body)
}

fn append(folder: &Path, acts: u64, flaw: Flaw) -> Result<()> {
    let storage: Arc<dyn Storage> =
        if flaw == Flaw::Unflushed { Arc::new(Unflushed) } else { Arc::new(Disk) };
    let ledger = open_ledger(folder, storage)?;
    acknowledge("made")?;
    for n in 0..acts {
        if flaw == Flaw::Early {
            acknowledge(&format!("event {n}"))?;
        }
        ledger.append_blocking(event(n)?)?;
        if flaw != Flaw::Early {
            acknowledge(&format!("event {n}"))?;
        }
        if n % 8 == 5 {
            ledger.publish()?;
            acknowledge(&format!("published {}", ledger.size()))?;
        }
    }
    ledger.close()?;
    Ok(acknowledge("closed")?)
}

/// What an actor needs to go on as the person who was signed in.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Person {
    /// The project.
    pub project: ProjectId,
    /// The token of the session.
    pub token: String,
    /// The subject that some objects are of.
    #[serde(default)]
    pub subject: Option<SubjectId>,
}

impl Person {
    /// Leaves it in the site's folder.
    pub fn keep(&self, folder: &Path) -> Result<()> {
        Ok(std::fs::write(folder.join(PERSON), serde_json::to_vec(self)?)?)
    }
}

/// Where it lies, in the site's folder.
const PERSON: &str = "person.json";

async fn prepare_objects(folder: &Path) -> Result<()> {
    let spine = Spine::create_in(folder).await;
    let members = spine.project(base::Class::Research).await;
    let token = spine.join(&members, base::Role::Analyst).await;
    Person { project: members.project.clone(), token, subject: None }.keep(folder)?;
    spine.close().await;
    // The first start of a site makes it; a loss of power then must not take it away.
    Ok(std::fs::remove_dir_all(folder.join("objects"))?)
}

/// The project of the objects' actor and a spine on its folder.
pub async fn reopen(folder: &Path) -> Result<(Spine, ProjectId, access::Caller)> {
    let (spine, person, caller) = reopen_as(folder).await?;
    Ok((spine, person.project, caller))
}

/// A spine on the actor's folder, with whom it acts as, signed in.
pub async fn reopen_as(folder: &Path) -> Result<(Spine, Person, access::Caller)> {
    let person: Person = serde_json::from_slice(&std::fs::read(folder.join(PERSON))?)?;
    let spine = Spine::open_in(folder).await?;
    let caller = spine.access.authenticate(&person.token).await?;
    Ok((spine, person, caller))
}

/// The content of act `n`: its number, then bytes that no other act has.
pub fn content(n: u64) -> Vec<u8> {
    let mut dice = crate::crash::Dice::new(n);
    let mut bytes = n.to_le_bytes().to_vec();
    // Some are longer than a segment.
    let words = if n % 4 == 3 { 9000 } else { 40 };
    bytes.extend((0..words).flat_map(|_| dice.roll().to_le_bytes()));
    bytes
}

async fn seal_objects(folder: &Path, acts: u64, flaw: Flaw) -> Result<()> {
    let (spine, project, caller) = reopen(folder).await?;
    for n in 0..acts {
        let early = flaw == Flaw::Early;
        put(&spine, &project, &caller, n, |id, committed| match committed == early {
            true => Ok(()),
            false => acknowledge(&format!("object {id} {n}")),
        })
        .await?;
    }
    spine.close().await;
    Ok(())
}

/// Seals the object of act `n` and admits it. `tell` is told its id before and after the commit.
pub async fn put(
    spine: &Spine,
    project: &ProjectId,
    caller: &access::Caller,
    n: u64,
    tell: impl Fn(&ObjectId, bool) -> io::Result<()>,
) -> Result<()> {
    let ask = Ask::new(Action::Ingest, [project.clone()]);
    let permit: Permit<WriteVerb, Project> = spine.access.decide(caller, ask).await?;
    let spec = Spec { kind: "fastq", subject: None, links: vec![] };
    let mut draft = spine.archive.draft(&permit, spec)?;
    draft.write_all(&content(n))?;
    let mut sealed = [draft.seal()?];
    let tx = spine.db.begin(permit.decision()).await?;
    let ids = spine.archive.admit(&permit, &tx, &mut sealed).await?;
    let id = ids.first().context("no object was made")?;
    tell(id, false)?;
    tx.commit().await?;
    tell(id, true)?;
    spine.access.close(caller, Default::default()).await?;
    Ok(())
}
