//! A receiver of the control's own, on loopback: it takes what it is sent, until it is told to send it elsewhere.

use crate::{Error, Result};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a sender may take for its request.
const PATIENCE: Duration = Duration::from_secs(5);

/// A receiver that listens as long as the program runs.
pub struct Receiver {
    url: String,
    asked: Arc<AtomicUsize>,
    came: Arc<Mutex<String>>,
    elsewhere: Arc<Mutex<Option<String>>>,
}

impl Receiver {
    /// Listens, and takes everything.
    pub fn start() -> Result<Self> {
        let loopback = Error::io(Path::new("a port of 127.0.0.1"));
        let bound = TcpListener::bind("127.0.0.1:0").and_then(|own| Ok((own.local_addr()?, own)));
        let (address, listener) = bound.map_err(loopback)?;
        let (asked, elsewhere) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
        let came = Arc::new(Mutex::new(String::new()));
        let (count, to, kept) = (asked.clone(), elsewhere.clone(), came.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let to: Option<String> = to.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // A sender that breaks off is its own matter.
                if let Ok(body) = attend(stream, to.as_deref()) {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push_str(&body);
                }
            }
        });
        Ok(Self { url: format!("http://{address}"), asked, came, elsewhere })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connections so far.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Everything that was sent so far.
    pub fn came(&self) -> String {
        self.came.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends everybody to this address from now on.
    pub fn redirect(&self, to: &str) {
        *self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner) = Some(to.to_owned());
    }
}

fn attend(mut stream: TcpStream, to: Option<&str>) -> std::io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut asked, mut length) = (String::new(), 0);
    reader.read_line(&mut asked)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().unwrap_or(0);
        }
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    let path = asked.split(' ').nth(1).unwrap_or("/");
    let head = match to {
        Some(to) => format!("HTTP/1.1 307 Elsewhere\r\nlocation: {to}{path}\r\n"),
        None => "HTTP/1.1 200 Taken\r\n".to_owned(),
    };
    stream.write_all(format!("{head}content-length: 0\r\nconnection: close\r\n\r\n").as_bytes())?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}
