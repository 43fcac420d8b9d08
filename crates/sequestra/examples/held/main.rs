//! What connections cost: a site that serves, and as many idle connections as are asked for, held over loopback.
//!
//! `cargo run -p sequestra --example held [-- CONNECTIONS]`, after `cargo build --workspace`; 10,000 unless said. Prints
//! the process's memory before and while they are held, and how long a request takes beside them.

#[path = "../serving/mod.rs"]
mod serving;

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serving::{Serving, connect};
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

/// What the design asks for.
const CONNECTIONS: usize = 10_000;
/// Connections that are made at once.
const AT_ONCE: usize = 64;
/// Requests whose time is taken.
const ASKED: usize = 500;
const REQUEST: &[u8] = b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n";

fn main() -> Result<()> {
    let wanted = std::env::args().nth(1).map(|word| word.parse()).transpose()?.unwrap_or(CONNECTIONS);
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    let most = limit.maximum.unwrap_or(u64::MAX);
    ensure!(most > wanted as u64 + 256, "the machine allows {most} open files: too few for {wanted}");
    let room = tempfile::Builder::new().prefix("sequestra-held-").tempdir()?;
    let serving = Serving::start(room.path(), wanted)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(&serving, wanted))
}

async fn measure(serving: &Serving, wanted: usize) -> Result<()> {
    println!("load average {}", fs::read_to_string("/proc/loadavg")?.trim());
    let config = Arc::new(testkit::tls::any());
    let mut one = connect(serving.port, &config).await?;
    let before = (serving.memory()?, latency(&mut one).await?);
    let began = Instant::now();
    let mut held = vec![one];
    while held.len() < wanted {
        let mut making = JoinSet::new();
        for _ in 0..AT_ONCE.min(wanted - held.len()) {
            let (port, config) = (serving.port, Arc::clone(&config));
            making.spawn(async move {
                let mut stream = connect(port, &config).await?;
                // Each has asked once, as a client that stays would have.
                ask(&mut stream).await?;
                Ok::<_, anyhow::Error>(stream)
            });
        }
        while let Some(made) = making.join_next().await {
            held.push(made??);
        }
    }
    let took = began.elapsed().as_secs_f64();
    let mut one = held.pop().context("no connection")?;
    let after = (serving.memory()?, latency(&mut one).await?);
    held.push(one);
    // They are all there still: each answers once more.
    for stream in &mut held {
        ask(stream).await?;
    }
    let each = (after.0.saturating_sub(before.0)) as f64 / held.len() as f64;
    println!("{} connections, made at {:.0} a second", held.len(), held.len() as f64 / took);
    println!("memory of the process: {} KiB before, {} KiB with them, {each:.1} KiB each", before.0, after.0);
    for (name, [p50, p99]) in [("alone", before.1), ("beside them", after.1)] {
        println!("a request {name}: p50 {p50:.2} ms, p99 {p99:.2} ms");
    }
    Ok(())
}

async fn ask(stream: &mut TlsStream<TcpStream>) -> Result<()> {
    stream.write_all(REQUEST).await?;
    let mut answer = [0u8; 4096];
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut answer)).await??;
    ensure!(answer.get(..12).is_some_and(|head| head == b"HTTP/1.1 200") && read > 100, "no answer");
    Ok(())
}

/// Median and 99th percentile of a request, milliseconds.
async fn latency(stream: &mut TlsStream<TcpStream>) -> Result<[f64; 2]> {
    let mut times = Vec::with_capacity(ASKED);
    for _ in 0..ASKED {
        let began = Instant::now();
        ask(stream).await?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        // Below the limit of an address, and not one after the other.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times.get((ASKED as f64 * part) as usize).copied().unwrap_or(0.0);
    Ok([at(0.5), at(0.99)])
}
