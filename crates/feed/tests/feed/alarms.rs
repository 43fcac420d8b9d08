//! The second channel: once when it begins, once when it is over, and again and again until somebody took it.

use crate::receivers::{Taken, collector, somewhere};
use base::{FixedClock, Timestamp};
use feed::alarm::Destination;
use feed::{Alarms, Cause, Error};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(20);

fn to(name: &str, to: String) -> Destination {
    Destination { name: name.to_owned(), to, ca: None, pin: None, network: None, token_file: None }
}

fn open(destinations: &[Destination], own: &Path) -> Result<Alarms, Error> {
    let clock = Arc::new(FixedClock::at(Timestamp::from_second(1_800_000_000).unwrap()));
    Alarms::open(destinations, own, "sit_1", clock)
}

/// Cause and state of each line.
fn told(file: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let word = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| (word(&line, "alarm"), word(&line, "state"))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(cause, state)| ((*cause).to_owned(), (*state).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_is_sent_when_it_begins_and_when_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let (own, taken) = (folder.path().join("own"), folder.path().join("taken"));
    let program = folder.path().join("page");
    std::fs::write(&program, format!("#!/bin/sh\ncat >> {}\n", taken.display())).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).unwrap();
    let alarms = open(&[to("page", format!("command:{}", program.display()))], &own).unwrap();
    assert!(alarms.leave() && alarms.standing().is_empty());
    for _ in 0..3 {
        alarms.set(Cause::StreamLags, "siem", Some("its sink is away".into()));
        alarms.set(Cause::StreamLags, "other", None);
    }
    alarms.set(Cause::RoomLow, "", Some("3 MiB".into()));
    alarms.set(Cause::StreamLags, "siem", None);
    alarms.set(Cause::StreamLags, "siem", None);
    alarms.settle(SOON).await;
    let expected = [("stream-lags", "raised"), ("room-low", "raised"), ("stream-lags", "over")];
    assert_eq!((told(&own), told(&taken)), (pairs(&expected), pairs(&expected)));
    assert_eq!(alarms.standing(), [(Cause::RoomLow, "3 MiB".to_owned())]);
    assert!(alarms.failures().is_empty());
    let line: Value =
        serde_json::from_str(std::fs::read_to_string(&own).unwrap().lines().next().unwrap()).unwrap();
    assert_eq!((&line["about"], &line["site"]), (&"siem".into(), &"sit_1".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_is_away_is_named_and_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let (at, taken) = (somewhere(), Taken::default());
    let failing = folder.path().join("failing");
    std::fs::write(&failing, "#!/bin/sh\nexit 3\n").unwrap();
    std::fs::set_permissions(&failing, PermissionsExt::from_mode(0o700)).unwrap();
    let (page, post) = (format!("command:{}", failing.display()), format!("http://{at}/in"));
    let alarms = open(&[to("page", page), to("post", post)], &folder.path().join("own")).unwrap();
    alarms.set(Cause::NoRoom, "", Some("full".into()));
    let begun = Instant::now();
    while alarms.failures().len() < 2 && begun.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let failures = alarms.failures();
    assert_eq!(failures.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["page", "post"]);
    assert!(failures.iter().all(|(_, why)| why.contains("FEED-002")), "{failures:?}");
    // One that hangs holds up no other: the site's own file has it.
    assert_eq!(told(&folder.path().join("own")), pairs(&[("no-room", "raised")]));
    let receiver = collector(at, &taken, 0, 0);
    for _ in 0..100 {
        if !taken.lock().unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(taken.lock().unwrap()[0]["alarm"], "no-room");
    receiver.kill().await;
}

#[tokio::test]
async fn a_destination_that_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own");
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "not a program").unwrap();
    for bad in [
        to("page", "command:page".into()),
        to("page", "command:/no/such/program".into()),
        to("page", format!("command:{}", plain.display())),
        to("page", "http://pager.example/".into()),
        to("page", "https://pager.example/".into()),
        to("", "file:/x".into()),
        to("A", "command:/bin/true".into()),
    ] {
        let refused = open(std::slice::from_ref(&bad), &own).err();
        assert!(matches!(refused, Some(Error::Alarm { .. })), "{bad:?}: {refused:?}");
    }
    let twice = [to("page", "command:/bin/true".into()), to("page", "command:/bin/true".into())];
    assert!(matches!(open(&twice, &own).err(), Some(Error::Alarm { .. })));
}

/// A receiver that sends whoever comes to `elsewhere`.
fn redirecting(elsewhere: &str) -> std::net::SocketAddr {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let answer = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{elsewhere}/in\r\ncontent-length: 0\r\n\r\n"
    );
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    at
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_a_failure_and_leads_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let at = redirecting(&elsewhere.local_addr().unwrap().to_string());
    let alarms = open(&[to("post", format!("http://{at}/in"))], &folder.path().join("own")).unwrap();
    alarms.set(Cause::NoRoom, "", Some("full".into()));
    alarms.settle(SOON).await;
    let failures = alarms.failures();
    assert!(failures.len() == 1 && failures[0].1.contains("307"), "{failures:?}");
    assert!(elsewhere.accept().is_err(), "nobody comes there");
}
