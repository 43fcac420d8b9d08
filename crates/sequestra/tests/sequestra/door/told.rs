//! Headers, request ids, the log, metrics, health.

use super::Door;
use crate::http;
use crate::site::{Site, until};
use rustix::process::{Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// The page of metrics, from the socket in the site.
fn metrics(door: &Door) -> String {
    let run = fs::File::open(door.site.folder.join("run")).unwrap();
    let mut stream = UnixStream::connect(format!("/proc/self/fd/{}/metrics.sock", run.as_raw_fd())).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(http::parse(&answer).unwrap().body).unwrap()
}

/// The value of a metric without labels.
pub fn metric(door: &Door, name: &str) -> f64 {
    let text = metrics(door);
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name}: {text}")).parse().unwrap()
}

fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let prefix = format!("{name}: ");
    answer.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or("")
}

#[test]
fn every_answer_has_its_id_and_headers() {
    let door = Door::open();
    let token = door.site.token("analyst");
    let ask = |line: &str, token: &str| {
        door.raw(
            format!(
                "{line} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
            )
            .as_bytes(),
        )
    };
    let mut ids = BTreeSet::new();
    for (line, token) in [
        ("GET /v1/health", ""),
        ("GET /v1/projects", token.as_str()),
        ("GET /v1/projects", "ses_0"),
        ("GET /v1/nowhere", token.as_str()),
        ("DELETE /v1/health", ""),
        ("GET /v1/runs/run_00000000000000000000", token.as_str()),
    ] {
        let answer = ask(line, token);
        let id = header(&answer, "x-request-id");
        assert!(id.starts_with("req_") && id.len() == 24 && ids.insert(id.to_owned()), "{line}: {answer}");
        for (name, value) in [
            ("strict-transport-security", "max-age=31536000"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(header(&answer, name), value, "{line} {name}: {answer}");
        }
    }
    // The ledger knows the request by the same id.
    let answer = ask("GET /v1/projects", &token);
    let id = header(&answer, "x-request-id");
    crate::site::until("decision and outcome have the id", || {
        let events = door.site.events();
        events.iter().filter(|leaf| leaf["event"]["request"] == id).count() == 2
    });
}

#[test]
fn the_log_and_the_metrics_name_nobody_and_nothing() {
    let door = Door::open_with("", "\n[metrics]");
    let sample = "smp_7h1sn0b0dyskn0wnh3r3";
    let secret = "c4n4ry-5512";
    let token = door.site.token("viewer");
    let paths = [
        format!("/v1/samples/{sample}"),
        format!("/v1/samples/{secret}"),
        format!("/v1/{secret}/x"),
        format!("/v1/audit?about={secret}"),
        format!("/v1/accounts/{secret}/token"),
    ];
    for path in &paths {
        let answer = door.raw(
            format!(
                "GET {path} HTTP/1.1\r\nhost: {secret}\r\nauthorization: Bearer {token}\r\nuser-agent: {secret}\r\n\
                 x-request-id: {secret}\r\nx-forwarded-for: {secret}\r\nreferer: https://{secret}/\r\nconnection: close\r\n\r\n"
            )
            .as_bytes(),
        );
        assert!(answer.starts_with("HTTP/1.1 ") && !answer.contains(secret), "{answer}");
    }
    let bad = format!("{{\"token\": \"{secret}\"}}");
    assert_eq!(door.call(None, "POST", "/v1/sessions", bad.as_bytes()).status, 401);
    until("all is in the log", || door.lines().len() > paths.len());
    let page = metrics(&door);
    let status = door.site.json("admin", &["site", "status"]);
    let account = door.site.json("viewer", &["whoami"])["account"]["id"].as_str().unwrap().to_owned();
    let log = fs::read_to_string(&door.log).unwrap();
    for word in [secret, sample, token.as_str(), account.as_str(), "viewer", "127.0.0.1:", "about", "/v1/"] {
        for (name, text) in [("the log", &log), ("the metrics", &page)] {
            assert!(!text.contains(word), "{name} holds {word}: {text}");
        }
    }
    // What is there is what the specification lists.
    let line = door.lines().into_iter().find(|line| line["route"] == "sample show").unwrap();
    assert_eq!((&line["status"], &line["over"]), (&Value::from(404), &Value::from("door")));
    assert!(line["ms"].as_f64().unwrap() > 0.0 && line["sent"].as_u64().unwrap() > 20, "{line}");
    assert!(line["request"].as_str().unwrap().starts_with("req_"));
    assert!(door.lines().iter().any(|line| line["route"] == "none" && line["status"] == 404));
    assert!(door.lines().iter().any(|line| line["over"] == "socket"));
    // Labels, and places: the metrics are on the socket, and the status says so.
    for label in page.lines().filter_map(|line| line.split_once('{')?.1.split_once('}')) {
        for pair in label.0.split(',') {
            let name = pair.split_once('=').unwrap().0;
            assert!(["route", "status", "le"].contains(&name), "{pair}");
        }
    }
    assert!(page.contains("sequestra_requests_total{route=\"sample show\",status=\"4xx\"}"), "{page}");
    assert_eq!(metric(&door, "sequestra_ready") as u8, 1);
    assert!(status["listens"].as_array().unwrap().contains(&"metrics: run/metrics.sock".into()), "{status}");
}

#[test]
fn a_site_says_whether_it_takes_work_and_no_more() {
    let mut door = Door::open();
    assert_eq!(door.call(None, "GET", "/v1/ready", b"").json(), serde_json::json!({"ready": true}));
    // A stream that follows keeps the process up to the end of its grace: it says no meanwhile.
    let mut kept = door.connect();
    kept.write_all(b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut bytes = [0u8; 2048];
    assert!(kept.read(&mut bytes).unwrap() > 0);
    assert_eq!(door.stop(), 0);
    // Stopped in good order: the connection was closed, and the log says of every request that it ended.
    assert_eq!(kept.read(&mut bytes).unwrap_or(0), 0);
    assert_eq!(door.lines().len(), 2);

    // A site that cannot change anything for want of room.
    let site = Site::fresh(&[]);
    assert_eq!(site.run("admin", &["door", "certificate"]).exit, 0);
    let full = Door::serve(site, "", "\n[room]\nread_only_mib = 1000000000");
    until("it says so", || full.call(None, "GET", "/v1/ready", b"").status == 503);
    let answer = full.call(None, "GET", "/v1/ready", b"");
    assert_eq!(answer.code(), "SERVER-011");
    assert_eq!(answer.json()["message"], "the site takes no work now: it changes nothing for want of room");
    let health = full.call(None, "GET", "/v1/health", b"");
    assert_eq!(health.status, 200);
    // Which process it is, is said on its own machine alone.
    assert_eq!(health.json().get("pid"), None);
    assert!(full.site.process().is_some());
}

#[test]
fn the_bare_address_leads_a_browser_to_where_people_sign_in() {
    let with_pages = Door::open_with("", "[pages]\norigin = \"https://lab.example:8443\"");
    let came = with_pages.raw(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert!(came.starts_with("HTTP/1.1 303") && header(&came, "location") == "/sign-in", "{came}");
    assert_eq!(with_pages.call(None, "POST", "/", b"").status, 404);
    assert_eq!(with_pages.call(None, "GET", "/x", b"").status, 404);
    assert_eq!(Door::open().call(None, "GET", "/", b"").status, 404);
}

#[test]
fn an_interrupt_ends_it_in_good_order() {
    let mut door = Door::open();
    kill_process(door.pid(), Signal::INT).unwrap();
    assert_eq!(door.child.take().unwrap().wait().unwrap().code(), Some(0));
    let last = door.site.events().pop().unwrap();
    assert_eq!(last["event"]["event"], "site-closed");
}
