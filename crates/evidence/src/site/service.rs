//! A key service of the control's own, on loopback: what a site asks of a Vault or OpenBao transit engine, answered
//! as their documentation says, until it is told to refuse. It keeps what it is given in memory and enciphers nothing.

use super::{Site, Who, change, text};
use crate::{Error, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a client may take for its request.
const PATIENCE: Duration = Duration::from_secs(5);

/// A service that listens as long as the program runs.
pub struct KeyService {
    url: String,
    refuses: Arc<AtomicBool>,
}

impl Site {
    /// Moves the site's keys to a service, whose token then opens it. `more` are further lines of settings.
    pub fn move_to(&self, service: &KeyService, token: &str, more: &str) -> Result<()> {
        let credential = self.write("service-token", token.as_bytes())?;
        self.lock()?;
        self.set(&format!("[keys.transit]\nurl = \"{}\"\n{more}", service.url()))?;
        let new = ["--new-file", text(&credential)?];
        self.json(Who::Administrator, &[&["keys", "migrate", "--to", "transit"], &new[..]].concat())?;
        self.json(Who::Administrator, &[&["keys", "migrate", "--complete"], &new[..]].concat())?;
        change(&self.beside("passphrase"), |bytes| *bytes = token.as_bytes().to_vec())
    }
}

/// What was encrypted, by the ciphertext that was given for it.
type Kept = BTreeMap<String, Value>;

impl KeyService {
    /// Listens, and takes `token`.
    pub fn start(token: &str) -> Result<Self> {
        let loopback = Error::io(Path::new("a port of 127.0.0.1"));
        let bound = TcpListener::bind("127.0.0.1:0").and_then(|own| Ok((own.local_addr()?, own)));
        let (address, listener) = bound.map_err(loopback)?;
        let refuses = Arc::new(AtomicBool::new(false));
        let (told, token) = (refuses.clone(), token.to_owned());
        std::thread::spawn(move || {
            let mut kept = Kept::new();
            for stream in listener.incoming().flatten() {
                // A client that breaks off is its own matter.
                let _ = attend(stream, &token, told.load(Ordering::SeqCst), &mut kept);
            }
        });
        Ok(Self { url: format!("http://{address}"), refuses })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Refuses everybody from now on, or nobody who has the token.
    pub fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }
}

fn attend(mut stream: TcpStream, token: &str, refuses: bool, kept: &mut Kept) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut asked, mut shown, mut length) = (String::new(), false, 0);
    reader.read_line(&mut asked)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "x-vault-token" => shown = value == token,
            _ => {}
        }
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let (status, answer) = match shown && !refuses {
        true => answer(asked.split(' ').nth(1).unwrap_or_default(), body, kept),
        false => (403, json!({ "errors": ["permission denied"] })),
    };
    let answer = answer.to_string();
    let head =
        format!("HTTP/1.1 {status} Told\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(answer.as_bytes())
}

/// Status and body for a path of the engine at `transit`.
fn answer(path: &str, body: Value, kept: &mut Kept) -> (u16, Value) {
    let verb = path.strip_prefix("/v1/transit/").and_then(|rest| rest.split('/').next());
    let member = |name: &str| body.get(name).cloned().unwrap_or_default();
    match verb {
        Some("keys") => (200, json!({ "data": { "exportable": false, "type": "aes256-gcm96" } })),
        Some("encrypt") => {
            let ciphertext = format!("vault:v1:{}", kept.len());
            kept.insert(ciphertext.clone(), body);
            (200, json!({ "data": { "ciphertext": ciphertext } }))
        }
        Some("decrypt") => {
            let own = kept.get(member("ciphertext").as_str().unwrap_or_default());
            match own.filter(|own| own.get("associated_data") == body.get("associated_data")) {
                Some(own) => (200, json!({ "data": { "plaintext": own.get("plaintext") } })),
                None => (400, json!({ "errors": ["unable to decrypt"] })),
            }
        }
        _ => (404, json!({ "errors": [] })),
    }
}
