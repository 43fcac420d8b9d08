//! A sample of the crash campaigns, and the proof that they find what is wrong. All points:
//! `make soak`.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::Path;
use std::process::{Command, Stdio};
use testkit::crash::campaign::sample;
use testkit::crash::inject::Fault;
use testkit::crash::trace::Call;
use testkit::crash::{Actor, Campaign, Flaw, Row};

/// The program that acts.
const SOAK: &str = env!("CARGO_BIN_EXE_soak");

async fn campaign(actor: Actor, acts: u64, flaw: Flaw) -> Campaign {
    Campaign::new(Path::new(SOAK), actor, acts, flaw).await.unwrap()
}

fn holds(row: &Row, least: usize) {
    assert!(row.points >= least, "{row}");
    assert_eq!(row.broken, Vec::<String>::new(), "{row}");
}

/// A sample of points by seed, each with a fault; then cuts of the power.
async fn check(actor: Actor, acts: u64, count: usize) {
    let campaign = campaign(actor, acts, Flaw::None).await;
    let points = campaign.points();
    assert!(points.len() > 4 * count, "{} points", points.len());
    for (fault, seed) in [(Fault::Kill, 1), (Fault::Eio, 2), (Fault::Full, 3)] {
        let row = campaign.inject(&sample(&points, count, seed), fault).await.unwrap();
        // Threads take turns, so a point may not come in this run.
        holds(&row, count * 3 / 4);
    }
    holds(&campaign.cut_power(Some(3 * count), 4, None).await.unwrap(), 3 * count);
}

#[tokio::test]
async fn a_ledger_loses_nothing_acknowledged_wherever_it_is_stopped() {
    check(Actor::Ledger, 16, 10).await;
}

#[tokio::test]
async fn the_archive_loses_nothing_acknowledged_wherever_it_is_stopped() {
    check(Actor::Objects, 4, 10).await;
}

#[tokio::test]
async fn a_rotation_goes_on_wherever_it_is_stopped_and_leaves_nothing_on_the_old_key() {
    check(Actor::Rotation, 4, 5).await;
}

#[tokio::test]
async fn a_move_to_another_provider_leaves_what_opens_the_site_wherever_it_is_stopped() {
    check(Actor::Migration, 3, 8).await;
}

#[tokio::test]
async fn holds_deletions_and_shredding_are_done_or_not_wherever_they_are_stopped() {
    check(Actor::Retention, 5, 5).await;
}

#[tokio::test]
async fn keys_and_holds_that_are_acknowledged_too_early_are_found() {
    for (actor, acts) in [(Actor::Rotation, 4), (Actor::Migration, 3), (Actor::Retention, 5)] {
        let campaign = campaign(actor, acts, Flaw::Early).await;
        // Where acts take effect: the database's log, and the names of the sealed file.
        let effect = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name == "metadata.db-wal" || name.starts_with("site.")
        };
        let points = campaign.points().into_iter();
        let points: Vec<_> = points.filter(|point| point.path.as_deref().is_some_and(effect)).collect();
        let row = campaign.inject(&sample(&points, 20, 5), Fault::Kill).await.unwrap();
        assert!(
            row.broken.iter().any(|broken| broken.contains("acknowledged and")),
            "{row} {:?}",
            row.broken
        );
    }
}

#[tokio::test]
async fn an_acknowledgement_that_comes_too_early_is_found() {
    for (actor, acts) in [(Actor::Ledger, 6), (Actor::Objects, 2)] {
        let campaign = campaign(actor, acts, Flaw::Early).await;
        let row = campaign.cut_power(None, 1, None).await.unwrap();
        assert!(row.broken.iter().any(|broken| broken.contains("acknowledged and is lost")), "{row}");
        if actor == Actor::Ledger {
            let of_batches: Vec<_> =
                campaign.points().into_iter().filter(|point| point.call == "pwrite64").collect();
            let row = campaign.inject(&of_batches, Fault::Kill).await.unwrap();
            assert!(!row.broken.is_empty(), "{row}");
        }
    }
}

#[tokio::test]
async fn a_storage_that_does_not_flush_is_found() {
    let campaign = campaign(Actor::Ledger, 12, Flaw::Unflushed).await;
    let row = campaign.cut_power(Some(60), 1, None).await.unwrap();
    assert!(!row.broken.is_empty(), "{row}");
}

/// Whether `call` is a flush of a path, or of its folder, that `wanted` knows.
fn flushes(call: &Call, wanted: impl Fn(&Path) -> bool) -> bool {
    matches!(call.name.as_str(), "fsync" | "fdatasync" | "syncfs")
        && call.descriptor(0).is_some_and(|path| wanted(&path))
}

#[tokio::test]
async fn each_flush_that_a_promise_stands_on_is_missed_when_it_is_left_out() {
    let ledger = campaign(Actor::Ledger, 12, Flaw::None).await;
    let objects = campaign(Actor::Objects, 4, Flaw::None).await;
    let ends = |path: &Path, end: &str| path.to_string_lossy().ends_with(end);
    let segment = |call: &Call, _: &Path| flushes(call, |path| ends(path, ".seg"));
    let key = |call: &Call, _: &Path| flushes(call, |path| ends(path, "vkey.new"));
    let checkpoint = |call: &Call, _: &Path| flushes(call, |path| ends(path, "checkpoint.new"));
    let database = |call: &Call, _: &Path| flushes(call, |path| ends(path, "metadata.db-wal"));
    let body = |call: &Call, folder: &Path| {
        flushes(call, |path| path.starts_with(folder.join("objects")) && path.is_absolute() && is_body(path))
    };
    let names = |call: &Call, folder: &Path| {
        flushes(call, |path| path.parent() == Some(folder.join("objects").as_path()))
    };
    let of_ledger: [(&str, testkit::crash::campaign::Lacking<'_>); 3] = [
        ("flushes of segments", &segment),
        ("the flush of the key", &key),
        ("flushes of checkpoints", &checkpoint),
    ];
    let of_objects: [(&str, testkit::crash::campaign::Lacking<'_>); 3] =
        [("flushes of the database", &database), ("flushes of bodies", &body), ("flushes of names", &names)];
    for (campaign, without) in
        of_ledger.map(|one| (&ledger, one)).into_iter().chain(of_objects.map(|one| (&objects, one)))
    {
        let row = campaign.cut_power(Some(60), 7, Some(without)).await.unwrap();
        assert!(!row.broken.is_empty(), "nothing is missed: {row}");
    }
}

/// A body has forty digits for a name; its tree is a neighbour.
fn is_body(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.len() == 40)
}

#[test]
fn a_full_disk_loses_nothing_acknowledged() {
    for (actor, rounds) in
        [(Actor::Ledger, "10"), (Actor::Objects, "5"), (Actor::Rotation, "2"), (Actor::Retention, "3")]
    {
        // What is mounted goes with the program, whatever happens to it.
        let mut command = Command::new("unshare");
        command.args(["-m", "--propagation", "private", SOAK, "full", actor.word(), rounds]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("full ext4") || said.contains("full tmpfs"), "{said}");
    }
}
