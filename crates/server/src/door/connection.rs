//! One connection: the handshake, then HTTP/1.1 or HTTP/2 as it agreed on, each with its limits.

use super::Peer;
use super::held::{Held, Place};
use super::stream::Guarded;
use crate::Site;
use crate::patience::Patience;
use axum::Router;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper::{Request, server};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// HTTP/2: what may be on its way to us, in a stream and in all of a connection; what waits to leave of a stream.
const STREAM_WINDOW: u32 = 256 << 10;
const WINDOW: u32 = 1 << 20;
const SEND: usize = 256 << 10;
/// HTTP/2: streams that were reset before they were looked at, and resets that were our fault.
const RESETS: usize = 20;
const ERRORS: usize = 100;
/// HTTP/2: how often the other side is asked whether it is there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);
/// The name by which ALPN knows HTTP/2.
const H2: &[u8] = b"h2";

/// What a connection needs, and what ends with it.
pub(super) struct Connection {
    pub site: Site,
    pub router: Router,
    pub held: Held,
    pub address: SocketAddr,
    /// Free again when the connection has ended.
    pub place: Place,
    /// Tells the door that it has.
    pub open: mpsc::Sender<()>,
}

type Stream = TokioIo<Guarded<TlsStream<TcpStream>>>;

impl Connection {
    /// Serves until either side has had enough. What went wrong with it concerns nobody else.
    pub async fn run(self, stream: TcpStream, config: Arc<ServerConfig>) {
        let _ = stream.set_nodelay(true);
        let accepting = TlsAcceptor::from(config).accept(stream);
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(HANDSHAKE, accepting) => shaken,
            () = self.site.stopped() => return,
        };
        let Ok(Ok(stream)) = shaken else {
            self.site.traffic().counts.handshake_failed();
            return;
        };
        let two = stream.get_ref().1.alpn_protocol() == Some(H2);
        let limits = self.held.limits();
        let patience = Patience::of(limits.idle_time(), Arc::clone(&self.site.clock));
        let stream = TokioIo::new(Guarded::new(stream, limits.header_time(), patience));
        // Boxed: an idle connection then costs what HTTP/1.1 costs, not the larger of both.
        if two {
            Box::pin(self.two(stream)).await
        } else {
            Box::pin(self.one(stream)).await
        }
        drop((self.place, self.open));
    }

    async fn one(&self, stream: Stream) {
        let limits = self.held.limits();
        let mut http = server::conn::http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits.header_time())
            .max_header_size(limits.header_bytes)
            .max_buf_size(limits.header_bytes.max(64 << 10))
            .max_headers(limits.headers);
        let router = TowerToHyperService::new(self.router.clone());
        let (peer, network) = (Peer(self.address), self.held.network(self.address.ip()));
        let service = service_fn(move |request| router.call(with(request, peer, network)));
        let mut connection = pin!(http.serve_connection(stream, service));
        tokio::select! {
            _ = connection.as_mut() => return,
            () = self.site.stopped() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    async fn two(&self, stream: Stream) {
        let limits = self.held.limits();
        let mut http = server::conn::http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(ERRORS)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_send_buf_size(SEND)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING);
        let router = TowerToHyperService::new(self.router.clone());
        let (peer, network) = (Peer(self.address), self.held.network(self.address.ip()));
        let service = service_fn(move |request| router.call(with(request, peer, network)));
        let mut connection = pin!(http.serve_connection(stream, service));
        tokio::select! {
            _ = connection.as_mut() => return,
            () = self.site.stopped() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }
}

fn with(mut request: Request<Incoming>, peer: Peer, network: access::Network) -> Request<Incoming> {
    request.extensions_mut().insert(peer);
    request.extensions_mut().insert(network);
    request
}
