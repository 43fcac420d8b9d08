//! A parser of untrusted bytes behind the walls.

use std::path::Path;
use std::time::{Duration, Instant};

use executor::Limits;

use crate::common::Site;

fn probe() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_executor-probe"))
}

#[test]
fn bytes_go_in_and_a_verdict_comes_out() {
    let site = Site::new();
    let filter = site.executor.filter(probe()).unwrap();
    let input = vec![7u8; 3_000_001];
    let filtered = filter.feed(&["filter", "count"], &Limits::for_filter(), &input[..], 4096).unwrap();
    assert!(filtered.finished.success(), "{filtered:?}");
    assert_eq!((filtered.answer.as_slice(), filtered.fed), (b"{\"bytes\":3000001}\n".as_slice(), 3_000_001));
    assert!(!filtered.cut);
}

#[test]
fn nineteen_gigabytes_are_refused_and_we_live() {
    let site = Site::new();
    let filter = site.executor.filter(probe()).unwrap();
    let filtered =
        filter.feed(&["filter", "hog", "19000000000"], &Limits::for_filter(), &b""[..], 4096).unwrap();
    assert_eq!(filtered.answer, b"\"refused\"\n");
    let small = Limits { memory_bytes: 32 << 20, ..Limits::for_filter() };
    let filtered = filter.feed(&["filter", "hog", "100000000"], &small, &b""[..], 4096).unwrap();
    assert_ne!(filtered.answer, b"24415\n");
}

#[test]
fn a_parser_that_does_not_end_is_ended() {
    let site = Site::new();
    let filter = site.executor.filter(probe()).unwrap();
    let limits = Limits { wall: Duration::from_millis(500), ..Limits::for_filter() };
    let begun = Instant::now();
    let filtered = filter.feed(&["filter", "spin"], &limits, std::io::repeat(1), 4096).unwrap();
    assert!(filtered.finished.timed_out, "{filtered:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    let child = filter.start(&["filter", "spin"], &Limits::for_filter()).unwrap();
    drop(child);
    assert!(begun.elapsed() < Duration::from_secs(8));
}

#[test]
fn an_answer_beyond_the_bound_is_cut_and_said_to_be() {
    let site = Site::new();
    let filter = site.executor.filter(probe()).unwrap();
    let filtered = filter.feed(&["filter", "self"], &Limits::for_filter(), &b""[..], 100).unwrap();
    assert!(filtered.cut && filtered.answer.len() == 100);
}

#[test]
fn a_filter_has_nowhere_to_write_and_can_shut_itself_in() {
    let site = Site::new();
    let programs = [("sh", crate::common::on_path("sh"))];
    let filter = site.executor.filter(&programs[0].1).unwrap();
    let script = "for d in / /tmp /work /out /in /dev /dev/shm /etc /usr/bin; do (echo x > $d/x) 2>/dev/null && echo $d; done; echo end";
    let limits = Limits { output_bytes: 1 << 20, ..Limits::for_filter() };
    let filtered = filter.feed(&["filter", "-c", script], &limits, &b""[..], 4096).unwrap();
    assert_eq!(String::from_utf8_lossy(&filtered.answer), "end\n");

    let filter = site.executor.filter(probe()).unwrap();
    let filtered = filter.feed(&["filter", "confined"], &Limits::for_filter(), &b""[..], 4096).unwrap();
    let said: serde_json::Value = serde_json::from_slice(&filtered.answer).unwrap();
    assert_ne!(said["landlock"], said["read"], "under Landlock nothing can be opened: {said}");
}

#[test]
fn a_start_is_quick() {
    let site = Site::new();
    let filter = site.executor.filter(probe()).unwrap();
    let mut times: Vec<Duration> = (0..15)
        .map(|_| {
            let begun = Instant::now();
            let filtered = filter.feed(&["filter", "count"], &Limits::for_filter(), &b"x"[..], 64).unwrap();
            assert!(filtered.finished.success());
            begun.elapsed()
        })
        .collect();
    times.sort();
    println!("filter, start to end: median {:?}, worst {:?}", times[7], times[14]);
    assert!(times[0] < Duration::from_millis(250), "{times:?}");
}
