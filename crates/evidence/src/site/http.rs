//! Requests over a site's socket, past the command line.

use super::{Site, Who};
use crate::{Error, Result};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// What a site answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Its head, without the moment and the request's id.
    pub head: String,
    /// Its body as it came.
    pub body: String,
}

impl Site {
    /// Sends one request with this session's token, and gives the status. The body is read and dropped.
    pub fn ask(&self, token: &str, method: &str, path: &str, body: &str) -> Result<u16> {
        Ok(self.answer(token, method, path, body)?.status)
    }

    /// The same, with all of the answer.
    pub fn answer(&self, token: &str, method: &str, path: &str, body: &str) -> Result<Answer> {
        let mut stream = self.begin(token, method, path, body)?;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        if answer.is_empty() {
            read.map_err(Error::io(&self.folder.join("run")))?;
        }
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Error::unplayable("the site's answer is not HTTP"))?;
        let own = |line: &&str| !line.starts_with("date: ") && !line.starts_with("x-request-id: ");
        let head = head.lines().filter(own).collect::<Vec<_>>().join("\n");
        Ok(Answer { status, head, body: body.to_owned() })
    }

    /// Sends one request, and gives the connection that its answer comes on.
    pub fn begin(&self, token: &str, method: &str, path: &str, body: &str) -> Result<UnixStream> {
        let run = self.folder.join("run");
        let failed = Error::io(&run);
        (|| {
            // A socket's path takes 107 bytes at most; this one is always short.
            let folder = File::open(&run)?;
            let mut stream = UnixStream::connect(format!("/proc/self/fd/{}/site.sock", folder.as_raw_fd()))?;
            let length = body.len();
            let head = format!(
                "{method} {path} HTTP/1.1\r\nhost: site\r\nconnection: close\r\ncontent-type: application/json\r\n\
                 content-length: {length}\r\nauthorization: Bearer {token}\r\n\r\n"
            );
            stream.write_all(head.as_bytes())?;
            // A refused body is not read to its end; the answer is there all the same.
            let _ = stream.write_all(body.as_bytes());
            Ok(stream)
        })()
        .map_err(failed)
    }

    /// The token of somebody's session.
    pub fn session(&self, who: Who) -> Result<String> {
        self.session_in(&format!("{}.session", who.name()))
    }

    /// The token in a session file beside the site.
    pub fn session_in(&self, file: &str) -> Result<String> {
        let path = self.beside(file);
        let kept = fs::read(&path).map_err(Error::io(&path))?;
        let kept: Value = serde_json::from_slice(&kept).unwrap_or_default();
        let token = kept.get("token").and_then(Value::as_str);
        token.map(str::to_owned).ok_or_else(|| Error::unplayable("nobody is signed in"))
    }
}
