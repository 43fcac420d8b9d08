//! How an archive grows: start, counts and the planning of a scrub, at several numbers of objects.
//! `cargo run -p archive --example many [NUMBERS] [FOLDER]`, numbers as `10000,100000,1000000`.
//!
//! The records are made by one statement, the bodies and trees are empty files: neither a start nor counts nor
//! planning reads them. One object is real, due first, and read by the step of the scrub. Each size is opened
//! again by a process of its own: what that one holds in memory is what a start needs. What a crash may have left is
//! looked for after the start, a shard a step; the whole of it and its longest step are shown. All times are of the
//! processor, all threads, so that other work on the machine changes them little.

use access::verb::{Manage, View, Write as WriteVerb};
use access::{Action, Permit};
use archive::{Pace, Spec};
use audit::Actor;
use base::{Class, Role};
use db::sea_orm::ConnectionTrait;
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use testkit::Spine;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Memory of this process, MiB: resident now, or the most so far.
fn memory(most: bool) -> f64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let name = if most { "VmHWM:" } else { "VmRSS:" };
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

/// Processor time of all threads so far, milliseconds: the database and blocking work have threads of their own.
fn processor() -> f64 {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return f64::NAN };
    let read = |path: PathBuf| fs::read_to_string(path.join("schedstat")).unwrap_or_default();
    let nanoseconds: u64 =
        tasks.flatten().filter_map(|task| read(task.path()).split(' ').next()?.parse::<u64>().ok()).sum();
    nanoseconds as f64 / 1e6
}

async fn fill(folder: &Path, objects: u64) -> Outcome<()> {
    let spine = Spine::create_in(folder).await;
    let members = spine.project(Class::Research).await;
    let permit: Permit<WriteVerb, access::thing::Project> =
        spine.permit(members.with(Role::Analyst), Action::Ingest, &members.project).await;
    let spec = Spec { kind: "fastq", subject: None, links: vec![] };
    let mut draft = spine.archive.draft(&permit, spec)?;
    draft.write_all(b"one real object")?;
    let mut sealed = [draft.seal()?];
    let tx = spine.db.begin(permit.decision()).await?;
    spine.archive.admit(&permit, &tx, &mut sealed).await?;
    // Copies of its record under other names, checked a little later and so due after it.
    let more = objects.saturating_sub(2);
    tx.execute_unprepared(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {more}) \
         INSERT INTO archive_object SELECT 'obj_' || printf('%020d', i), 1, project, subject, kind, form, \
         lower(hex(randomblob(20))), plain_length, cipher_length, segments, root, base_nonce, sealed_digest, \
         position, created_at, retention, kept_until, 0, 1, 0, NULL, scrubbed_at || i, NULL \
         FROM n, (SELECT * FROM archive_object LIMIT 1)"
    ))
    .await?;
    tx.execute_unprepared(&format!(
        "UPDATE archive_count SET objects = {objects}, versions = {objects}, bytes = {objects} * bytes"
    ))
    .await?;
    let names = tx
        .query_all_raw(db::sea_orm::Statement::from_string(
            db::sea_orm::DbBackend::Sqlite,
            "SELECT body FROM archive_object WHERE scrubbed_at <> created_at",
        ))
        .await?;
    tx.commit().await?;
    for row in names {
        let name: String = row.try_get_by_index(0)?;
        let shard = folder.join("objects").join(name.get(..2).unwrap_or("00"));
        fs::create_dir_all(&shard)?;
        fs::File::create(shard.join(&name))?;
        fs::File::create(shard.join(&name).with_extension("tree"))?;
    }
    spine.close().await;
    Ok(())
}

async fn look(folder: &Path) -> Outcome<()> {
    let before = memory(false);
    let began = processor();
    let spine = Spine::open_unswept(folder).await?;
    let start = processor() - began;
    let (held, most) = (memory(false) - before, memory(true) - before);
    let permit: Permit<View, access::thing::Site> =
        spine.permit(&spine.admin, Action::ViewStorage, &spine.site).await;
    let began = processor();
    let stat = spine.archive.stat(&permit).await?;
    let (counts, versions) = (processor() - began, stat.iter().map(|stat| stat.versions).sum::<u64>());
    let began = processor();
    spine.archive.health().await?;
    let health = processor() - began;
    let began = processor();
    let pace = Pace { every: Duration::ZERO, per_second: 0, step: Duration::ZERO };
    let step = spine.archive.scrub_uncounted(&pace, &Actor::Site(spine.site.clone())).await?;
    let plan = processor() - began;
    let admin: Permit<Manage, access::thing::Site> =
        spine.permit(&spine.admin, Action::CheckStorage, &spine.site).await;
    let (now, mut asked) = (spine.clock.now(), [0.0; 2]);
    for asked in &mut asked {
        let began = processor();
        spine.archive.scrub_for(&admin, now, &pace).await?;
        *asked = processor() - began;
    }
    let (began, mut longest) = (processor(), 0f64);
    loop {
        let before = processor();
        let sweep = spine.archive.sweep_step().await?;
        longest = longest.max(processor() - before);
        if sweep.is_over() {
            break;
        }
    }
    let sweep = processor() - began;
    if step.objects != 1 || step.damaged != 0 {
        return Err(format!("another step than planned: {step:?}").into());
    }
    println!(
        "{versions} | {:.0} | {start:.0} | {held:.0} | {most:.0} | {counts:.1} | {health:.1} | {plan:.1} | {:.0} | {:.1} | \
         {sweep:.0} | {longest:.1} | {:.0}",
        fs::metadata(folder.join("metadata.db")).map_or(0, |found| found.len()) as f64 / f64::from(1 << 20),
        asked[0],
        asked[1],
        memory(true) - before
    );
    spine.close().await;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let numbers = arguments.next().unwrap_or_else(|| "1000,10000".to_owned());
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    if numbers == "look" {
        return look(&folder).await;
    }
    println!("load average: {}", fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    println!(
        "objects | database MiB | start, processor ms | memory after start MiB | most MiB | counts, ms | health, ms | a step of the site's scrub, ms | the first step on command, ms | the next, ms | sweep, ms | its longest step, ms | most in all MiB"
    );
    for number in numbers.split(',') {
        let folder = folder.join(format!("archive-many-{number}"));
        let _ = fs::remove_dir_all(&folder);
        fill(&folder, number.parse()?).await?;
        let status =
            std::process::Command::new(std::env::current_exe()?).arg("look").arg(&folder).status()?;
        fs::remove_dir_all(&folder)?;
        if !status.success() {
            return Err("looking failed".into());
        }
    }
    Ok(())
}
