//! A witness as a process: HTTP or HTTPS around [`Witness`], and nothing else.

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path as Part, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::Listener;
use base::SystemClock;
use cli::host::Tls;
use feed::tls::pin_of;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use witness::{Error, Reply, Witness};

/// How long a handshake may take, and how many may be under way.
const HANDSHAKE: Duration = Duration::from_secs(10);
const HANDSHAKES: usize = 64;

/// Serves until it is told to stop. `ready` gets the address once it listens, and the certificate's pin under TLS.
pub fn serve(
    folder: &Path,
    listen: SocketAddr,
    tls: Option<&Tls>,
    ready: &mut dyn FnMut(SocketAddr, Option<String>) -> Result<()>,
) -> Result<()> {
    let witness = Arc::new(Witness::open(folder, Arc::new(SystemClock::default()))?);
    let secure = tls.map(acceptor).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let listener =
            TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        let pin = secure.as_ref().map(|(_, pin)| pin.clone());
        ready(listener.local_addr()?, pin)?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        };
        let router = router(witness);
        match secure {
            Some((acceptor, _)) => {
                axum::serve(Secure::listen(listener, acceptor)?, router).with_graceful_shutdown(stop).await?;
            }
            None => axum::serve(listener, router).with_graceful_shutdown(stop).await?,
        }
        Ok(())
    })
}

/// TLS 1.3 with this certificate, and what a site pins it by.
fn acceptor(tls: &Tls) -> Result<(TlsAcceptor, String), Error> {
    let unread = |path: &Path, why: &dyn fmt::Display| Error::Tls(format!("`{}`: {why}", path.display()));
    let (file, key) = (&tls.certificate, &tls.key);
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| unread(file, &error))?;
    let pin = pin_of(chain.first().ok_or_else(|| unread(file, &"it holds no certificate"))?).to_string();
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unread(key, &error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| Error::Tls(error.to_string()))?;
    Ok((TlsAcceptor::from(Arc::new(config)), pin))
}

/// Connections whose handshake is done. One that is slow holds up no other.
struct Secure {
    address: SocketAddr,
    done: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl Secure {
    fn listen(mut listener: TcpListener, acceptor: TlsAcceptor) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (send, done) = mpsc::channel(HANDSHAKES);
        let room = Arc::new(Semaphore::new(HANDSHAKES));
        tokio::spawn(async move {
            while !send.is_closed() {
                let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
                let (stream, from) = Listener::accept(&mut listener).await;
                let (acceptor, send) = (acceptor.clone(), send.clone());
                tokio::spawn(async move {
                    let shaken = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await;
                    if let Ok(Ok(stream)) = shaken {
                        let _ = send.send((stream, from)).await;
                    }
                    drop(permit);
                });
            }
        });
        Ok(Self { address, done })
    }
}

impl Listener for Secure {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.done.recv().await {
            Some(next) => next,
            // The listener's task lives as long as this.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

fn router(witness: Arc<Witness>) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add))
        .route("/newest/{ledger}", get(newest))
        .layer(DefaultBodyLimit::max(witness::request::REQUEST_LIMIT))
        .with_state(witness)
}

/// The answer waits for the disk, on a thread of its own.
async fn add(State(witness): State<Arc<Witness>>, body: Bytes) -> Response {
    answer(move || witness.add(&body)).await
}

/// It may wait for one that is being written.
async fn newest(State(witness): State<Arc<Witness>>, Part(ledger): Part<String>) -> Response {
    answer(move || witness.newest(&ledger)).await
}

async fn answer(reply: impl FnOnce() -> Reply + Send + 'static) -> Response {
    let Ok(reply) = tokio::task::spawn_blocking(reply).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [("content-type", reply.media_type)], reply.body).into_response()
}
