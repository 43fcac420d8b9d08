//! Receivers for the tests: a syslog receiver behind TLS and a collector behind HTTP. Both can be killed
//! in the middle of anything and started again on the same port.

use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto::aws_lc_rs, version};

/// What arrived, over all lives of a receiver.
pub type Taken = Arc<Mutex<Vec<Value>>>;

/// A receiver that lives until it is dropped.
pub struct Receiver {
    tasks: Option<tokio::task::JoinHandle<()>>,
}

impl Receiver {
    /// Ends it without a word: connections are cut where they are.
    pub async fn kill(mut self) {
        if let Some(tasks) = self.tasks.take() {
            tasks.abort();
            let _ = tasks.await;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(tasks) = &self.tasks {
            tasks.abort();
        }
    }
}

fn listen(at: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(at).unwrap();
    socket.listen(64).unwrap()
}

/// A free port of this machine.
pub fn somewhere() -> SocketAddr {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    held.local_addr().unwrap()
}

fn serve<F>(at: SocketAddr, each: impl Fn(TcpStream) -> F + Send + 'static) -> Receiver
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = listen(at);
    let tasks = tokio::spawn(async move {
        // They end with the set, which ends with this task.
        let mut open = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.spawn(each(stream));
        }
    });
    Receiver { tasks: Some(tasks) }
}

/// A receiver's certificate and its key, made for these tests and good for nothing else.
pub struct Identity {
    name: &'static str,
}

impl Identity {
    /// The one that streams are told of.
    pub const KNOWN: Self = Self { name: "known" };
    /// Another one for the same address.
    pub const OTHER: Self = Self { name: "other" };

    /// The certificate's file, which serves as an authority, too: it is signed by itself.
    pub fn authority(&self) -> PathBuf {
        self.file("cert")
    }

    pub fn pin(&self) -> String {
        use sha2::Digest;
        base::Sha256(sha2::Sha256::digest(self.certificate()).into()).to_string()
    }

    fn file(&self, what: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/feed/identities");
        folder.join(format!("{}.{what}.pem", self.name))
    }

    fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.file("cert")).unwrap()
    }

    fn acceptor(&self) -> TlsAcceptor {
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![self.certificate()],
                PrivateKeyDer::from_pem_file(self.file("key")).unwrap(),
            )
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Takes syslog frames; closes in good order only after a peer that did. `most` frames a life.
pub fn syslog(at: SocketAddr, identity: &Identity, taken: &Taken, most: usize) -> Receiver {
    let (acceptor, taken) = (identity.acceptor(), taken.clone());
    let left = Arc::new(Mutex::new(most));
    serve(at, move |stream| {
        let (acceptor, taken, left) = (acceptor.clone(), taken.clone(), left.clone());
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            while let Some(message) = next_frame(&mut stream).await {
                {
                    let mut left = left.lock().unwrap();
                    if *left == 0 {
                        return; // Cut: no closing alert.
                    }
                    *left -= 1;
                }
                let (head, body) = message.split_once("] {").unwrap();
                assert!(head.starts_with("<110>1 ") && head.contains("position=\""), "{head}");
                taken.lock().unwrap().push(serde_json::from_str(&format!("{{{body}")).unwrap());
            }
            let _ = stream.shutdown().await;
        }
    })
}

async fn next_frame(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<String> {
    let mut length = 0usize;
    loop {
        match stream.read_u8().await.ok()? {
            b' ' => break,
            digit => length = length * 10 + usize::from(digit - b'0'),
        }
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await.ok()?;
    Some(String::from_utf8(message).unwrap())
}

/// Takes batches by POST. The first `refused` of them get 503 after they were read, the next `cut` no
/// answer at all though they were taken.
pub fn collector(at: SocketAddr, taken: &Taken, refused: usize, cut: usize) -> Receiver {
    let (taken, count) = (taken.clone(), Arc::new(Mutex::new(0)));
    serve(at, move |stream| {
        let (taken, count) = (taken.clone(), count.clone());
        async move {
            let Some((mut stream, body)) = request(stream).await else { return };
            let number = {
                let mut count = count.lock().unwrap();
                *count += 1;
                *count
            };
            if number <= refused {
                let _ = stream.write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").await;
                return;
            }
            let lines = body.lines().map(|line| serde_json::from_str(line).unwrap());
            taken.lock().unwrap().extend(lines);
            if number > refused + cut {
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            }
        }
    })
}

/// As [`collector`], behind TLS; it takes every batch and closes without a word.
pub fn secure_collector(at: SocketAddr, identity: &Identity, taken: &Taken) -> Receiver {
    let (acceptor, taken) = (identity.acceptor(), taken.clone());
    serve(at, move |stream| {
        let (acceptor, taken) = (acceptor.clone(), taken.clone());
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let Some((mut stream, body)) = request(stream).await else { return };
            taken.lock().unwrap().extend(body.lines().map(|line| serde_json::from_str(line).unwrap()));
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            let _ = stream.flush().await;
        }
    })
}

async fn request<S: AsyncReadExt + Unpin>(mut stream: S) -> Option<(S, String)> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).await.ok()?;
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap().to_lowercase();
    assert!(head.starts_with("post /in ") && head.contains("x-ndjson"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    Some((stream, String::from_utf8(body).unwrap()))
}
