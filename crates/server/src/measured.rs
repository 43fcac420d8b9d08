//! The metrics, on a socket in the site or on a loopback address: one page in clear, and nothing else.

use crate::Site;
use crate::failure::Error;
use axum::http::StatusCode;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, server};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How many ask at once, and how long one may take.
const AT_ONCE: usize = 8;
const PATIENCE: Duration = Duration::from_secs(10);
const HEAD: Duration = Duration::from_secs(5);
/// How long nothing is taken after the system gave no connection.
const BREATH: Duration = Duration::from_millis(50);

/// Where metrics are told.
pub enum Place {
    /// A socket in the site.
    Socket(UnixListener),
    /// A loopback address.
    Loopback(TcpListener),
}

impl Place {
    /// Listens on an address that [`crate::door::settings::Metrics::check`] has taken.
    pub async fn loopback(address: SocketAddr) -> Result<Self, Error> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|error| Error::Listen { address, why: error.to_string() })?;
        Ok(Self::Loopback(listener))
    }

    /// As people read it.
    pub fn name(&self) -> String {
        match self {
            Self::Socket(_) => "run/metrics.sock".to_owned(),
            Self::Loopback(listener) => listener.local_addr().map_or_else(
                |_| "a loopback address".to_owned(),
                |address| format!("http://{address}/metrics"),
            ),
        }
    }
}

/// Answers until the site stops.
pub async fn serve(site: Site, place: Place) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let taken = async {
            match &place {
                Place::Socket(listener) => listener.accept().await.map(|(stream, _)| answer(&site, stream)),
                Place::Loopback(listener) => listener.accept().await.map(|(stream, _)| answer(&site, stream)),
            }
        };
        let taken = tokio::select! {
            taken = taken => taken,
            () = site.stopped() => return,
        };
        match taken {
            Ok(answering) => {
                tokio::spawn(async move {
                    let _ = timeout(PATIENCE, answering).await;
                    drop(permit);
                });
            }
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
}

type Answering = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

fn answer<S>(site: &Site, stream: S) -> Answering
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let site = site.clone();
    Box::pin(async move {
        let service = service_fn(move |request: Request<Incoming>| {
            let page = (request.uri().path() == "/metrics").then(|| site.metrics());
            async move { Ok::<_, Infallible>(told(page)) }
        });
        let mut http = server::conn::http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD).keep_alive(false);
        let _ = http.serve_connection(TokioIo::new(stream), service).await;
    })
}

fn told(page: Option<String>) -> Response<String> {
    let status = if page.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let mut response = Response::new(page.unwrap_or_default());
    *response.status_mut() = status;
    let text = axum::http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert("content-type", text);
    response
}
