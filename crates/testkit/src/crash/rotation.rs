//! Rotating keys of every level, stopped anywhere.

use super::actor::{self, Person};
use super::check::{Acks, objects_hold, sound};
use crate::Spine;
use crate::spine::SHARES;
use access::thing::{Project, Site};
use access::verb::{Manage, Write as WriteVerb};
use access::{Action, Ask, Permit};
use anyhow::{Context, Result, ensure};
use archive::Spec;
use base::{Id, ProjectId, SubjectId, SystemEntropy};
use keys::{Credential, Rotated, Safe, Shares};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

/// Objects that are there before: half of them of one subject.
const OBJECTS: u64 = 4;

/// Makes a site with a sealed file, and objects under each level of keys.
pub async fn prepare(folder: &Path) -> Result<()> {
    let spine = Spine::create_in(folder).await;
    let members = spine.project(base::Class::Research).await;
    let token = spine.join(&members, base::Role::Analyst).await;
    let caller = spine.access.authenticate(&token).await?;
    let subject = add_subject(&spine, &members.project, &caller).await?;
    for n in 0..OBJECTS {
        let own = (n % 2 == 0).then(|| subject.clone());
        put(&spine, &members.project, &caller, own, n).await?;
    }
    let secrets = crate::spine::secrets(spine.keys.roots());
    let (under, shares) = Shares::mint(&spine.site, 2, 2, &SystemEntropy)?;
    let _ = safe(folder).replace(&spine.site, &secrets, &under, &SystemEntropy)?;
    let lines: Vec<String> = shares.iter().map(|share| share.text().to_string()).collect();
    std::fs::write(folder.join(SHARES), lines.join("\n"))?;
    let person = Person { project: members.project.clone(), token, subject: Some(subject) };
    person.keep(folder)?;
    spine.close().await;
    Ok(())
}

/// A subject with a key.
pub async fn add_subject(spine: &Spine, project: &ProjectId, who: &access::Caller) -> Result<SubjectId> {
    let subject = SubjectId::mint(&SystemEntropy);
    let ask = Ask::new(Action::Ingest, [project.clone()]);
    let permit: Permit<WriteVerb, Project> = spine.access.decide(who, ask).await?;
    let tx = spine.db.begin(permit.decision()).await?;
    spine.keys.create_subject_key(&permit, &tx, &subject).await?;
    tx.commit().await?;
    spine.access.close(who, Default::default()).await?;
    Ok(subject)
}

/// An object with the content of act `n`, settled.
pub async fn put(
    spine: &Spine,
    project: &ProjectId,
    who: &access::Caller,
    subject: Option<SubjectId>,
    n: u64,
) -> Result<base::ObjectId> {
    let ask = Ask::new(Action::Ingest, [project.clone()]);
    let permit: Permit<WriteVerb, Project> = spine.access.decide(who, ask).await?;
    let mut draft = spine.archive.draft(&permit, Spec { kind: "fastq", subject, links: vec![] })?;
    draft.write_all(&actor::content(n))?;
    let mut sealed = [draft.seal()?];
    let tx = spine.db.begin(permit.decision()).await?;
    let ids = spine.archive.admit(&permit, &tx, &mut sealed).await?;
    spine.archive.settle(&permit, &tx, &ids).await?;
    tx.commit().await?;
    spine.access.close(who, Default::default()).await?;
    ids.into_iter().next().context("no object was made")
}

/// The sealed file of an actor's folder.
pub fn safe(folder: &Path) -> Safe {
    Safe::new(folder.join(crate::spine::SEALED), keys::Reach::default())
}

/// What opens it.
pub fn credential(folder: &Path) -> Result<Credential> {
    Ok(Credential::new(std::fs::read_to_string(folder.join(SHARES))?))
}

/// Rotates one level after the other.
pub async fn act(folder: &Path, acts: u64, early: bool) -> Result<()> {
    let (spine, person, _) = actor::reopen_as(folder).await?;
    let scopes = scopes(&person)?;
    for n in 0..acts {
        let scope = usize::try_from(n)?;
        let scope = scopes.get(scope % scopes.len()).context("no scope")?;
        if early {
            let now = spine.keys.standings().await?;
            let newest = now.iter().find(|one| one.scope == *scope).and_then(|one| one.generations.last());
            actor::acknowledge(&format!("rotated {scope} {}", newest.unwrap_or(&0) + 1))?;
        }
        let done = rotate(&spine, folder, scope).await?;
        if !early {
            actor::acknowledge(&format!("rotated {scope} {}", done.generation))?;
        }
    }
    spine.close().await;
    Ok(())
}

fn scopes(person: &Person) -> Result<[String; 4]> {
    let subject = person.subject.as_ref().context("no subject")?;
    Ok([person.project.to_string(), subject.to_string(), "site".into(), keys::rotate::ROOT.into()])
}

/// One rotation from wherever it stands to its end, a row a transaction, as the site's handler does it.
async fn rotate(spine: &Spine, folder: &Path, scope: &str) -> Result<Rotated> {
    let ask = Ask::new(Action::ManageKeys, [spine.site.clone()]);
    let permit: Permit<Manage, Site> = spine.access.decide(&spine.admin, ask).await?;
    let done = match scope == keys::rotate::ROOT {
        true => rotate_root(spine, &permit, folder).await?,
        false => rotate_scope(spine, &permit, scope).await?,
    };
    spine.access.close(&spine.admin, Default::default()).await?;
    Ok(done)
}

async fn rotate_scope(spine: &Spine, permit: &Permit<Manage, Site>, scope: &str) -> Result<Rotated> {
    let (keys, db) = (&spine.keys, &spine.db);
    let tx = db.begin(permit.decision()).await?;
    keys.begin_rotation(permit, &tx, scope).await?;
    tx.commit().await?;
    keys.settle(scope).await?;
    loop {
        let tx = db.begin(permit.decision()).await?;
        let left = keys.rewrap(permit, &tx, scope, 1).await?;
        tx.commit().await?;
        if left == 0 {
            break;
        }
    }
    loop {
        let tx = db.begin(permit.decision()).await?;
        let over = keys.check_rotation(permit, &tx, scope, 2).await?;
        tx.commit().await?;
        if over {
            break;
        }
    }
    let tx = db.begin(permit.decision()).await?;
    let done = keys.finish_rotation(permit, &tx, scope).await?;
    tx.commit().await?;
    keys.settle(scope).await?;
    Ok(done)
}

async fn rotate_root(spine: &Spine, permit: &Permit<Manage, Site>, folder: &Path) -> Result<Rotated> {
    let (keys, db, safe) = (&spine.keys, &spine.db, safe(folder));
    let _ = keys.begin_root(permit, &safe, &credential(folder)?)?;
    loop {
        let tx = db.begin(permit.decision()).await?;
        let left = keys.rewrap_root(permit, &tx, 1).await?;
        tx.commit().await?;
        if left == 0 {
            break;
        }
    }
    let done = loop {
        let tx = db.begin(permit.decision()).await?;
        let done = keys.check_root(permit, &tx, 2).await?;
        tx.commit().await?;
        if let Some(done) = done {
            break done;
        }
    };
    let _ = keys.finish_root(permit, &safe, &credential(folder)?)?;
    Ok(done)
}

/// No object is lost, what was acknowledged stands, each rotation goes on to its end, and then nothing is
/// left on an older key.
pub async fn check(folder: &Path, acks: &Acks) -> Result<()> {
    let (spine, person, caller) = actor::reopen_as(folder).await.context("opening again")?;
    whole(&spine, &person, &caller).await?;
    let before = spine.keys.standings().await?;
    for line in acks.lines.iter().filter_map(|line| line.strip_prefix("rotated ")) {
        let (scope, generation) = line.split_once(' ').context("an acknowledgement of a rotation")?;
        let now = before.iter().find(|one| one.scope == scope).context("a scope is lost")?;
        let newest = now.generations.last().copied().unwrap_or_default();
        ensure!(
            newest >= generation.parse()?,
            "generation {generation} of {scope} was acknowledged and is lost"
        );
    }
    for scope in scopes(&person)? {
        rotate(&spine, folder, &scope).await.with_context(|| format!("going on with {scope}"))?;
    }
    for standing in spine.keys.standings().await? {
        ensure!(standing.older == 0, "{} rows of {} are on an older key", standing.older, standing.scope);
        ensure!(standing.generations.len() == 1, "{} has several generations", standing.scope);
    }
    whole(&spine, &person, &caller).await?;
    sound(spine.audit.ledger())?;
    spine.close().await;
    // The next process finds every key, too.
    let (spine, person, caller) = actor::reopen_as(folder).await.context("opening once more")?;
    whole(&spine, &person, &caller).await?;
    spine.close().await;
    Ok(())
}

async fn whole(spine: &Spine, person: &Person, caller: &access::Caller) -> Result<()> {
    let held = objects_hold(spine, &person.project, caller).await?;
    let found: BTreeSet<u64> = held.values().copied().collect();
    ensure!(found == (0..OBJECTS).collect(), "of {OBJECTS} objects, {found:?} open");
    Ok(())
}
