//! What people do, over the door.

use super::Door;
use crate::question::Things;
use crate::site::until;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::Shutdown;

#[test]
fn sign_in_upload_and_release_work_as_on_the_socket() {
    let door = Door::of_story();
    let things = Things::gather(&door.site);
    // Somebody new signs in over the door, and is the one that the ledger names.
    let invited = door.site.json("admin", &["account", "create", "remote"]);
    let token = json!({"token": invited["token"]}).to_string();
    let session = door.call(None, "POST", "/v1/sessions", token.as_bytes());
    assert!(session.good(), "{session:?}");
    assert_eq!(door.call(None, "POST", "/v1/sessions", token.as_bytes()).status, 401);
    let own = session.json()["token"].as_str().unwrap().to_owned();
    let me = crate::http::exchange(&mut door.connect(), Some(&own), "GET", "/v1/me", b"").unwrap();
    assert_eq!(me.json()["account"]["name"], "remote");
    // A file of a package, in one body, and the whole package.
    let route = api::route::named("package file").unwrap();
    let body = things.body_of("package file", "analyst");
    let sent = door.call(Some("analyst"), "PUT", &things.path(route), &body);
    assert!(sent.good() && sent.json()["bytes"] == body.len(), "{sent:?}");
    let commit = things.path(api::route::named("package commit").unwrap());
    let committed = door.call(Some("analyst"), "POST", &commit, b"");
    assert!(committed.good(), "{committed:?}");
    // A release: the same bytes as by the socket's own command, counted in its outcome.
    let release = things.path(api::route::named("object get").unwrap());
    let asked = things.body_of("object get", "exporter");
    let released = door.call(Some("exporter"), "POST", &release, &asked);
    assert!(released.good() && released.body.starts_with(b"crypt4gh"), "{:?}", released.status);
    until("the release has its outcome", || {
        let released = released.body.len() as u64;
        door.site.events().iter().any(|leaf| leaf["event"]["bytes"].as_u64() == Some(released))
    });
    // Who may not, may not.
    assert_eq!(door.call(Some("viewer"), "POST", &release, &asked).status, 403);
    assert_eq!(door.call(None, "POST", &release, &asked).status, 401);
    door.site.assert_sound();
}

fn post(path: &str, token: &str, body: &[u8]) -> Vec<u8> {
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    head.extend_from_slice(body);
    head
}

/// The outcome of the newest decision for an action, once it is on record.
fn outcome(door: &Door, action: &str) -> Option<Value> {
    let events = door.site.events();
    let decision = events.iter().rev().find(|leaf| leaf["event"]["action"] == action)?;
    let position = &decision["position"];
    events.iter().find(|leaf| leaf["event"]["decision"] == *position).cloned()
}

#[test]
fn a_watch_follows_and_who_hangs_up_leaves_an_outcome() {
    let door = Door::of_story();
    let token = door.site.token("auditor");
    let mut watch = door.connect();
    watch.write_all(&post("/v1/ledger/watch", &token, br#"{"follow": true}"#)).unwrap();
    // It follows from when its answer begins. What happens elsewhere then appears here.
    let mut seen = Vec::new();
    let mut piece = [0u8; 16 << 10];
    let read = watch.read(&mut piece).unwrap();
    assert!(piece[..read].starts_with(b"HTTP/1.1 200"));
    door.site.json("viewer", &["project", "list"]);
    while !String::from_utf8_lossy(&seen).contains("list-own-projects") {
        let read = watch.read(&mut piece).unwrap();
        assert!(read > 0);
        seen.extend_from_slice(&piece[..read]);
    }
    assert_eq!(outcome(&door, "search-audit-site"), None);
    watch.sock.shutdown(Shutdown::Both).unwrap();
    drop(watch);
    until("the watch has its outcome", || outcome(&door, "search-audit-site").is_some());

    // In the middle of a question: what was decided comes to its end, and is no `unknown`.
    let sample = crate::story::sample_of(&door.site);
    let analyst = door.site.token("analyst");
    let before = door.site.events().len();
    for _ in 0..5 {
        let mut hasty = door.connect();
        hasty.write_all(&post(&format!("/v1/samples/{sample}/variants"), &analyst, b"{}")).unwrap();
        hasty.flush().unwrap();
        hasty.sock.shutdown(Shutdown::Both).unwrap();
    }
    // In the middle of a download, too.
    let things = Things::gather(&door.site);
    let release = things.path(api::route::named("object get").unwrap());
    let asked = things.body_of("object get", "exporter");
    let mut half = door.connect();
    half.write_all(&post(&release, &door.site.token("exporter"), &asked)).unwrap();
    assert!(half.read(&mut piece).unwrap() > 0);
    half.sock.shutdown(Shutdown::Both).unwrap();
    until("every decision has its outcome", || {
        let events = door.site.events();
        let decided = events[before..]
            .iter()
            .filter(|leaf| leaf["event"]["event"] == "decision" && leaf["event"]["allowed"] == true);
        let ended = |leaf: &Value| events.iter().any(|other| other["event"]["decision"] == leaf["position"]);
        let mut decided = decided.peekable();
        decided.peek().is_some() && decided.all(ended)
    });
    assert!(outcome(&door, "download-object").is_some());
    door.site.assert_sound();
}
