//! A witness as a process: HTTP around [`Witness`], and nothing else.

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base::SystemClock;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use witness::Witness;

/// Serves until it is told to stop. `ready` gets the address once it listens.
pub fn serve(
    folder: &Path,
    listen: SocketAddr,
    ready: &mut dyn FnMut(SocketAddr) -> Result<()>,
) -> Result<()> {
    let witness = Arc::new(Witness::open(folder, Arc::new(SystemClock::default()))?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let listener =
            TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        ready(listener.local_addr()?)?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        };
        axum::serve(listener, router(witness)).with_graceful_shutdown(stop).await?;
        Ok(())
    })
}

fn router(witness: Arc<Witness>) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add))
        .layer(DefaultBodyLimit::max(witness::request::REQUEST_LIMIT))
        .with_state(witness)
}

/// The answer waits for the disk, on a thread of its own.
async fn add(State(witness): State<Arc<Witness>>, body: Bytes) -> Response {
    let Ok(reply) = tokio::task::spawn_blocking(move || witness.add(&body)).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [("content-type", reply.media_type)], reply.body).into_response()
}
