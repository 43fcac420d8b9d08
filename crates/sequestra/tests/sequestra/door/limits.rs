//! What is too large, too slow, too much, or framed in two ways.

use super::{Door, any, connect, read};
use crate::http;
use crate::site::until;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const GET: &str = "GET /v1/health HTTP/1.1\r\nhost: x\r\n";

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

fn answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}

#[test]
fn a_page_of_another_site_changes_nothing_by_somebodys_browser() {
    let door = Door::open();
    let asked = |said: &str| {
        let head = "POST /v1/terminals HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n";
        door.raw(format!("{head}{said}\r\n").as_bytes())
    };
    let refused = asked("sec-fetch-site: cross-site\r\n");
    assert!(status(&refused) == 403 && refused.contains("SERVER-018"), "{refused}");
    // The same without it gets as far as there being no pages on this site.
    let let_in = asked("");
    assert!(!let_in.contains("SERVER-018") && let_in.contains("ACCESS-027"), "{let_in}");
}

#[test]
fn a_request_has_one_end() {
    let door = Door::open();
    // What hides behind each would be answered if the first were read in another way.
    let hidden = "GET /v1/ready HTTP/1.1\r\nhost: x\r\n\r\n";
    let length = hidden.len();
    let cases = [
        (
            "both",
            format!(
                "POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"
            ),
            400,
        ),
        (
            "both, turned",
            format!(
                "POST /v1/sessions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: {length}\r\n\r\n0\r\n\r\n{hidden}"
            ),
            400,
        ),
        (
            "chunked",
            format!(
                "POST /v1/sessions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"
            ),
            400,
        ),
        (
            "other encoding",
            format!(
                "POST /v1/sessions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\ncontent-length: 0\r\n\r\n{hidden}"
            ),
            400,
        ),
        (
            "folded encoding",
            format!(
                "POST /v1/sessions HTTP/1.1\r\nhost: x\r\ntransfer-encoding:\r\n chunked\r\ncontent-length: 0\r\n\r\n{hidden}"
            ),
            400,
        ),
        (
            "tab before",
            format!(
                "POST /v1/sessions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: \tchunked\r\ncontent-length: 0\r\n\r\n{hidden}"
            ),
            400,
        ),
        (
            "space before colon",
            format!(
                "POST /v1/sessions HTTP/1.1\r\nhost: x\r\ntransfer-encoding : chunked\r\ncontent-length: 0\r\n\r\n{hidden}"
            ),
            400,
        ),
        (
            "two lengths",
            format!(
                "POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\ncontent-length: {length}\r\n\r\n{hidden}"
            ),
            400,
        ),
        (
            "list of lengths",
            format!("POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 0, {length}\r\n\r\n{hidden}"),
            400,
        ),
        (
            "signed length",
            format!("POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: +0\r\n\r\n{hidden}"),
            400,
        ),
        (
            "hexadecimal length",
            format!("POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 0x0\r\n\r\n{hidden}"),
            400,
        ),
        (
            "negative length",
            format!("POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n{hidden}"),
            400,
        ),
        ("no host", format!("GET /v1/health HTTP/1.1\r\n\r\n{hidden}"), 400),
        ("two hosts", format!("GET /v1/health HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n{hidden}"), 400),
        (
            "an old version",
            format!("GET /v1/health HTTP/1.0\r\nhost: x\r\nconnection: keep-alive\r\n\r\n{hidden}"),
            400,
        ),
        (
            "a bare return",
            format!("GET /v1/health HTTP/1.1\r\nhost: x\rtransfer-encoding: chunked\r\n\r\n{hidden}"),
            400,
        ),
        ("a zero byte", format!("GET /v1/health HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\n{hidden}"), 400),
    ];
    for (name, request, expected) in cases {
        let answer = door.raw(request.as_bytes());
        assert_eq!((status(&answer), answers(&answer)), (expected, 1), "{name}: {answer}");
    }
    // The measure itself: two requests that are framed well are two answers.
    let answer = door.raw(format!("{GET}\r\n{GET}connection: close\r\n\r\n").as_bytes());
    assert_eq!((status(&answer), answers(&answer)), (200, 2), "{answer}");
    // On the site's own socket, where no other program stands between, a body may be chunked.
    assert_eq!(door.call(None, "GET", "/v1/ready", b"").status, 200);
}

#[test]
fn heads_and_bodies_are_small() {
    let door = Door::open_with("[door.limits]\nheaders = 20\nheader_bytes = 8192\nbody_kib = 64", "");
    let head = |headers: usize, bytes: usize| {
        let mut text = GET.to_owned();
        (0..headers).for_each(|n| text.push_str(&format!("x-{n}: {}\r\n", "a".repeat(bytes))));
        status(&door.raw(format!("{text}connection: close\r\n\r\n").as_bytes()))
    };
    assert_eq!((head(10, 1), head(21, 1), head(300, 1)), (200, 431, 431));
    assert_eq!((head(1, 4000), head(1, 9000), head(1, 100_000), head(10, 1000)), (200, 431, 431, 431));
    let long = format!("GET /v1/{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(9000));
    assert!([414, 431].contains(&status(&door.raw(long.as_bytes()))));

    // Announced, and refused before it comes; the answer arrives though the sender goes on.
    let post = |path: &str, length: u64| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\ncontent-type: application/json\r\n\r\n"
        )
    };
    let answer = door.raw(post("/v1/sessions", 65_537).as_bytes());
    assert!(
        status(&answer) == 413 && answer.contains("SERVER-009") && answer.contains("connection: close"),
        "{answer}"
    );
    let answer = door.raw(post("/v1/sessions", u64::MAX / 2).as_bytes());
    assert_eq!(status(&answer), 413);
    let mut stream = door.connect();
    stream.write_all(post("/v1/sessions", 4 << 20).as_bytes()).unwrap();
    let piece = vec![b' '; 64 << 10];
    for _ in 0..64 {
        if stream.write_all(&piece).is_err() {
            break;
        }
    }
    assert_eq!(status(&read(&mut stream)), 413);
    assert_eq!(door.call(None, "POST", "/v1/sessions", &vec![b' '; 65_536]).code(), "SERVER-002");
    // On the socket too; and a sheet may be longer.
    let token = door.site.token("analyst");
    let large = vec![b' '; 100_000];
    let over_socket = |path: &str| http::call(&door.site.folder, Some(&token), "POST", path, &large).unwrap();
    assert_eq!(over_socket("/v1/accounts").code(), "SERVER-009");
    let project = "prj_7h1sn0b0dyskn0wnh3r3";
    assert_eq!(over_socket(&format!("/v1/projects/{project}/packages")).code(), "SERVER-002");
}

/// Seconds until the other side closes.
fn closed_after(stream: &mut impl Read) -> f64 {
    let began = Instant::now();
    let mut bytes = [0u8; 1024];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => break,
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("it stays open"),
            Err(_) => break,
            Ok(_) => {}
        }
    }
    began.elapsed().as_secs_f64()
}

#[test]
fn who_is_slow_is_cut() {
    let door = Door::open_with("[door.limits]\nheader_seconds = 2\nidle_seconds = 2", "");
    // Nothing at all; half a head; a head that trickles.
    let mut nothing = door.connect();
    let mut half = door.connect();
    half.write_all(b"GET /v1/health HT").unwrap();
    let mut trickle = door.connect();
    trickle.sock.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    trickle.write_all(GET.as_bytes()).unwrap();
    let began = Instant::now();
    let mut cut = false;
    while !cut && began.elapsed() < Duration::from_secs(60) {
        cut = trickle.write_all(b"a").and_then(|()| trickle.flush()).is_err();
        let mut bytes = [0u8; 1024];
        match trickle.read(&mut bytes) {
            Ok(0) => cut = true,
            Err(error) if error.kind() != ErrorKind::WouldBlock => cut = true,
            _ => {}
        }
    }
    assert!(cut, "it went on for {:?}", began.elapsed());
    assert!(closed_after(&mut nothing) < 5.0 && closed_after(&mut half) < 5.0);
    // A connection that idles after an answer is closed as well.
    let mut idle = door.connect();
    idle.write_all(format!("{GET}\r\n").as_bytes()).unwrap();
    let seconds = closed_after(&mut idle);
    assert!(seconds >= 1.0, "{seconds}");
    // A body that stalls, and one that trickles.
    let head = "POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{";
    let answer = door.raw(head.as_bytes());
    assert!(status(&answer) == 408 && answer.contains("SERVER-016"), "{answer}");
    // Without TLS to the end: a handshake that stalls is over in 10 s.
    let mut stalled = TcpStream::connect(("127.0.0.1", door.port)).unwrap();
    stalled.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stalled.write_all(&[0x16, 3, 1]).unwrap();
    assert!(closed_after(&mut stalled) >= 8.0);
}

#[test]
fn an_answer_that_nobody_reads_is_cut() {
    let door = Door::open_with("[door.limits]\nidle_seconds = 2", "");
    let connections =
        || door.site.json("admin", &["site", "status"])["door"]["connections"].as_u64().unwrap();
    let mut held = door.connect();
    // More than all buffers between here and there take, asked for at once and never read.
    let ask = "GET /v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n";
    held.write_all(ask.repeat(400).as_bytes()).unwrap();
    until("the connection is cut", || connections() == 0);
    let answered = read(&mut held);
    assert!((1..400).contains(&answers(&answered)), "{}", answers(&answered));
}

#[test]
fn too_many_are_told_when_to_come_again_and_leave_no_event() {
    let door = Door::open_with("[door.limits]\nrequests_per_second_per_account = 1", "\n[metrics]");
    let by_people = |leaf: &serde_json::Value| {
        leaf["event"]["actor"].as_str().is_some_and(|who| !who.starts_with("sit_"))
    };
    let recorded = || door.site.events().iter().filter(|leaf| by_people(leaf)).count();
    let before = recorded();
    let head = format!(
        "GET /v1/me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        door.site.token("viewer")
    );
    let answer = door.raw(format!("{}{GET}connection: close\r\n\r\n", head.repeat(40)).as_bytes());
    let answers: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).collect();
    let (let_in, told): (Vec<&str>, Vec<&str>) = answers[..40].iter().partition(|one| one.starts_with("200"));
    // Ten at once, and one more for each second that the forty take.
    assert!(let_in.len() >= 9 && !told.is_empty(), "{} of 40", let_in.len());
    assert!(told.iter().all(|one| one.starts_with("429")), "{told:?}");
    assert!(told.iter().all(|one| one.contains("retry-after: ") && one.contains("SERVER-010")));
    // The account waits; another does not, nor does the same on the socket.
    assert_eq!(door.call(Some("analyst"), "GET", "/v1/me", b"").status, 200);
    assert_eq!(door.site.run("viewer", &["whoami"]).exit, 0);
    assert_eq!(recorded(), before);
    let limited = super::told::metric(&door, "sequestra_requests_limited_total");
    assert!(limited >= told.len() as f64, "{limited}");
}

#[test]
fn connections_have_places() {
    let door = Door::open_with("[door.limits]\nconnections_per_address = 8", "");
    let mut held: Vec<_> = (0..8).map(|_| door.connect()).collect();
    assert!(connect(door.port, &any()).is_err());
    held.pop();
    until("a place is free", || connect(door.port, &any()).is_ok());
    drop(held);
    let site = &door.site;
    until("all places are free", || site.json("admin", &["site", "status"])["door"]["connections"] == 0);
    // Who comes from elsewhere.
    let elsewhere = Door::open_with("networks = [\"192.0.2.0/24\"]", "");
    assert!(connect(elsewhere.port, &any()).is_err());
}
