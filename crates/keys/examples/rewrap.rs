//! What re-keying costs: objects a second and core, and the unwrapping of one session key.
//!
//! Bound: the published re-encryption of one header, 93 µs, 10,700 objects a second and core; a
//! rotation rewrites a hundred bytes too, and stores them durably. Bodies are not touched: there
//! are none here.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    reason = "shares the small site of the tests; a measurement that fails ends"
)]

#[path = "../tests/hierarchy/site.rs"]
mod site;

use access::Action;
use base::Id;
use base::{Clock, SystemClock};
use site::TestSite;

const OBJECTS: usize = 10_000;
const ROUNDS: usize = 5;
const BATCH: u64 = 1000;
const BOUND: f64 = 10_700.0;
const TARGET: f64 = 10_000.0;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap();
    println!("re-keying {OBJECTS} objects, {ROUNDS} rounds; load average {}", load.trim());
    println!("bound {BOUND} objects/s/core (one Crypt4GH header), target {TARGET}");
    let clock = SystemClock::default();
    let site = TestSite::new().await;
    let subject = site.subject().await;
    let mut stored = Vec::new();
    for _ in 0..OBJECTS / 1000 {
        stored.extend(site.store(Some(&subject), 1000).await);
    }
    // The two levels take turns, so that what else the machine does meets both.
    let (project, subject) = (site.project.to_string(), subject.as_str().to_owned());
    let (mut by_project, mut by_subject) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        by_project.push(rotate(&site, &project, &clock).await);
        by_subject.push(rotate(&site, &subject, &clock).await);
    }
    tell("project key", &by_project);
    tell("subject key", &by_subject);

    let (binding, bytes) = &stored[0];
    let mut each = Vec::new();
    for _ in 0..ROUNDS {
        let permit = site.look(&binding.object).await;
        let begun = cpu();
        for _ in 0..1000 {
            assert_eq!(site.keys.open_session(&permit, binding).await.unwrap().expose(), bytes);
        }
        each.push((cpu() - begun) * 1000.0);
    }
    each.sort_by(f64::total_cmp);
    println!(
        "unwrapping one session key, CPU   {:.1} / {:.1} / {:.1} µs (min, median, max)",
        each[0], each[2], each[4]
    );
}

/// One rotation: CPU seconds and seconds, from the first row to the destroyed key, every row opened
/// once more in between.
async fn rotate(site: &TestSite, scope: &str, clock: &SystemClock) -> (f64, f64) {
    let permit = site.on_site(Action::ManageKeys).await;
    let (cpu_begun, begun) = (cpu(), clock.monotonic());
    let tx = site.db.begin(permit.decision()).await.unwrap();
    site.keys.begin_rotation(&permit, &tx, scope).await.unwrap();
    tx.commit().await.unwrap();
    site.keys.settle(scope).await.unwrap();
    loop {
        let tx = site.db.begin(permit.decision()).await.unwrap();
        let left = site.keys.rewrap(&permit, &tx, scope, BATCH).await.unwrap();
        tx.commit().await.unwrap();
        if left == 0 {
            break;
        }
    }
    loop {
        let tx = site.db.begin(permit.decision()).await.unwrap();
        let over = site.keys.check_rotation(&permit, &tx, scope, BATCH).await.unwrap();
        tx.commit().await.unwrap();
        if over {
            break;
        }
    }
    let tx = site.db.begin(permit.decision()).await.unwrap();
    let done = site.keys.finish_rotation(&permit, &tx, scope).await.unwrap();
    tx.commit().await.unwrap();
    site.keys.settle(scope).await.unwrap();
    assert_eq!(done.checked, OBJECTS as u64);
    (cpu() - cpu_begun, (clock.monotonic() - begun).as_secs_f64())
}

fn tell(what: &str, rounds: &[(f64, f64)]) {
    let rate = |pick: fn(&(f64, f64)) -> f64| {
        let mut rates: Vec<f64> = rounds.iter().map(|round| OBJECTS as f64 / pick(round)).collect();
        rates.sort_by(f64::total_cmp);
        rates
    };
    let (core, wall) = (rate(|round| round.0), rate(|round| round.1));
    let verdict = if core[2] >= TARGET { "target met" } else { "TARGET MISSED" };
    println!(
        "{what}: {:.0} / {:.0} / {:.0} objects/s/core, {:.0} / {:.0} / {:.0} objects/s (min, median, max); {:.2} of the \
         bound; {verdict}",
        core[0],
        core[2],
        core[4],
        wall[0],
        wall[2],
        wall[4],
        core[2] / BOUND
    );
}

/// CPU seconds of all threads: the database has one of its own.
fn cpu() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let nanoseconds: u64 = threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum();
    nanoseconds as f64 / 1e9
}
