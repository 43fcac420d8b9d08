//! Where keys come from.

use crate::maker::{maker, stranger};
use base::{Fault, FixedClock, Timestamp};
use jwt::FRESH;
use jwt::Source;
use jwt::source::Where;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn clock() -> Arc<FixedClock> {
    Arc::new(FixedClock::at(Timestamp::UNIX_EPOCH))
}

/// A server on this machine that answers each connection with the next of these, and the last for ever.
fn server(answers: Vec<String>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    // Ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let number = seen.fetch_add(1, Ordering::SeqCst);
            let answer = answers.get(number).or(answers.last()).unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, count)
}

fn answer(status: &str, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n{body}", body.len())
}

fn at(url: &str, clock: Arc<FixedClock>) -> Source {
    let settings = Where { url: Some(url.to_owned()), ..Where::default() };
    Source::open(&settings, Path::new("/"), clock).unwrap()
}

#[test]
fn a_file_is_read_anew_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Where { file: Some("keys.json".into()), ..Where::default() };
    let source = Source::open(&settings, folder.path(), clock()).unwrap();
    assert_eq!(source.keys().unwrap_err().code(), "JWT-014");
    assert_eq!(source.lacks().map(|why| why.code()), Some("JWT-014"));
    let write = |text: &str| std::fs::write(folder.path().join("keys.json"), text).unwrap();
    write(&maker().jwks().to_string());
    let first = source.keys().unwrap();
    write(&stranger().jwks().to_string());
    assert_ne!(source.keys().unwrap(), first);
    write("{}");
    assert_eq!(source.keys().unwrap_err().code(), "JWT-013");
    write(&" ".repeat(200_000));
    assert_eq!(source.keys().unwrap_err().code(), "JWT-013");
}

#[test]
fn an_address_is_asked_once_in_five_minutes_and_old_keys_are_not_used() {
    let good = answer("200 OK", "", &maker().jwks().to_string());
    let (url, asked) = server(vec![good, answer("500 Oops", "", "")]);
    let clock = clock();
    let source = at(&url, clock.clone());
    source.keys().unwrap();
    clock.advance(FRESH - Duration::from_secs(1));
    source.keys().unwrap();
    assert_eq!((asked.load(Ordering::SeqCst), source.lacks()), (1, None));
    clock.advance(Duration::from_secs(1));
    assert_eq!(source.keys().unwrap_err().code(), "JWT-014");
    assert_eq!(source.keys().unwrap_err().code(), "JWT-014");
    assert_eq!(source.lacks().map(|why| why.code()), Some("JWT-014"));
    assert_eq!(asked.load(Ordering::SeqCst), 2, "a failure is asked again too soon");
}

#[test]
fn answers_lead_nowhere_and_are_bounded() {
    let keys = maker().jwks().to_string();
    let (elsewhere, reached) = server(vec![answer("200 OK", "", &keys)]);
    for (what, given, code) in [
        ("a redirect", answer("302 Found", &format!("location: {elsewhere}\r\n"), ""), "JWT-014"),
        ("another status", answer("404 Not Found", "", &keys), "JWT-014"),
        ("too much", answer("200 OK", "", &" ".repeat(200_000)), "JWT-014"),
        ("no keys", answer("200 OK", "", "<html>"), "JWT-013"),
        ("nothing", String::new(), "JWT-014"),
    ] {
        let (url, _) = server(vec![given]);
        assert_eq!(at(&url, clock()).keys().unwrap_err().code(), code, "{what}");
    }
    assert_eq!(reached.load(Ordering::SeqCst), 0, "a redirect was followed");
}

#[test]
fn settings_name_one_source_that_the_site_may_send_to() {
    let open = |file: Option<&str>, url: Option<&str>, ca: Option<&str>| {
        let settings = Where {
            file: file.map(Into::into),
            url: url.map(ToOwned::to_owned),
            ca: ca.map(Into::into),
            network: None,
        };
        Source::open(&settings, Path::new("/"), clock()).map(|_| ())
    };
    open(Some("a"), None, None).unwrap();
    for (file, url, ca) in [
        (None, None, None),
        (Some("a"), Some("https://example.org/"), None),
        (Some("a"), None, Some("ca.pem")),
        (None, Some("https://example.org/"), None),
        (None, Some("https://127.0.0.1/"), None),
        (None, Some("https://example.org/"), Some("/nowhere/ca.pem")),
        (None, Some("http://example.org/"), None),
        (None, Some("http://169.254.169.254/"), None),
        (None, Some("https://2130706433/"), None),
        (None, Some("file:///etc/passwd"), None),
        (None, Some("gopher://127.0.0.1/"), None),
    ] {
        assert_eq!(open(file, url, ca).unwrap_err().code(), "JWT-015", "{file:?} {url:?}");
    }
}
