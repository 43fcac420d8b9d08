//! One request over a site's socket, by a client that shares nothing with the product's.

use serde_json::Value;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// Its header fields in their order; those that differ from answer to answer by their name alone.
    pub head: Vec<String>,
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Whether it was allowed and done.
    pub fn good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The problem's code.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or("no code").to_owned()
    }
}

/// Sends one request and reads the whole answer.
pub fn call(site: &Path, token: Option<&str>, method: &str, path: &str, body: &[u8]) -> io::Result<Reply> {
    // A socket's path takes 107 bytes at most; this one is always short.
    let run = File::open(site.join("run"))?;
    let mut stream = UnixStream::connect(format!("/proc/self/fd/{}/site.sock", run.as_raw_fd()))?;
    exchange(&mut stream, token, method, path, body)
}

/// The same on a connection of the caller's.
pub fn exchange(
    stream: &mut (impl Read + Write),
    token: Option<&str>,
    method: &str,
    path: &str,
    body: &[u8],
) -> io::Result<Reply> {
    let signed = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: site\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n{signed}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    // A refused body is not read to its end; the answer is there all the same.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    if answer.is_empty() {
        read?;
    }
    parse(&answer).ok_or_else(|| io::Error::other("the answer is not HTTP"))
}

/// The answer in these bytes.
pub fn parse(answer: &[u8]) -> Option<Reply> {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?.to_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let named = |line: &str| match line.split_once(':') {
        Some((name @ ("date" | "x-request-id"), _)) => name.to_owned(),
        _ => line.to_owned(),
    };
    let fields: Vec<String> = head.split("\r\n").skip(1).map(named).collect();
    let mut rest = &answer[end + 4..];
    if !head.contains("transfer-encoding: chunked") {
        return Some(Reply { status, head: fields, body: rest.to_vec() });
    }
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|w| w == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?, 16).ok()?;
        if length == 0 {
            return Some(Reply { status, head: fields, body });
        }
        body.extend_from_slice(rest.get(line + 2..line + 2 + length)?);
        rest = rest.get(line + 4 + length..)?;
    }
}
