//! What the path of a decision costs beside a handler that decides nothing: requests a second and their time over HTTPS.
//!
//! `cargo run -p sequestra --example beside`, after `cargo build --workspace`. The bare server is axum under the same TLS, in a
//! process of its own; the site answers a request that decides nothing, one that asks who signs in, and one that is decided,
//! recorded durably and then answered. Rounds are interleaved.

#[path = "../serving/mod.rs"]
mod serving;

use anyhow::{Context, Result, ensure};
use axum::serve::Listener;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serving::{Serving, connect};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

/// Connections that ask at the same time, one request after the other each.
const AT_ONCE: usize = 32;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(3);

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if std::env::args().nth(1).as_deref() == Some("bare") {
        return runtime.block_on(bare());
    }
    let room = tempfile::Builder::new().prefix("sequestra-beside-").tempdir()?;
    let serving = Serving::start(room.path(), AT_ONCE * 8)?;
    let once = fs::read_to_string(room.path().join("token"))?;
    let other = Bare::start()?;
    runtime.block_on(measure(&serving, &other, once.trim()))
}

/// What is asked, and what came of it in each round.
struct Case {
    name: &'static str,
    port: u16,
    request: Vec<u8>,
    rounds: Vec<Round>,
}

struct Round {
    a_second: f64,
    p50: f64,
    p99: f64,
}

async fn measure(serving: &Serving, other: &Bare, once: &str) -> Result<()> {
    println!("load average {}", fs::read_to_string("/proc/loadavg")?.trim());
    let session = sign_in(serving.port, once).await?;
    let signed = |path: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {session}\r\n\r\n").into_bytes()
    };
    let case = |name, port, request| Case { name, port, request, rounds: Vec::new() };
    let mut cases = [
        case("bare axum", other.port, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        case("nothing decided (health)", serving.port, signed("/v1/health")),
        case("who signs in (whoami)", serving.port, signed("/v1/me")),
        case("decided and recorded (account list)", serving.port, signed("/v1/accounts")),
    ];
    for _ in 0..ROUNDS {
        for case in &mut cases {
            case.rounds.push(round(case.port, &case.request).await?);
        }
    }
    println!("{AT_ONCE} connections; {ROUNDS} interleaved rounds of {ROUND:?}: least / median / most");
    for case in &mut cases {
        let rate = spread(case.rounds.iter().map(|round| round.a_second));
        let [p50, p99] = [|round: &Round| round.p50, |round: &Round| round.p99];
        let (p50, p99) = (spread(case.rounds.iter().map(p50)), spread(case.rounds.iter().map(p99)));
        println!(
            "{:<36} {:.0} / {:.0} / {:.0} requests a second; p50 {:.2} ms, p99 {:.2} ms",
            case.name, rate[0], rate[1], rate[2], p50[1], p99[1]
        );
    }
    println!("memory of the site's process: {} KiB", serving.memory()?);
    Ok(())
}

/// Least, median, most.
fn spread(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut all: Vec<f64> = values.collect();
    all.sort_by(f64::total_cmp);
    let at = |place: usize| all.get(place).copied().unwrap_or(f64::NAN);
    [at(0), at(all.len() / 2), at(all.len().saturating_sub(1))]
}

async fn round(port: u16, request: &[u8]) -> Result<Round> {
    let config = Arc::new(testkit::tls::any());
    let mut asking = JoinSet::new();
    let began = Instant::now();
    for _ in 0..AT_ONCE {
        let (request, config) = (request.to_vec(), Arc::clone(&config));
        asking.spawn(async move {
            let mut stream = connect(port, &config).await?;
            let mut times = Vec::new();
            while began.elapsed() < ROUND {
                let asked = Instant::now();
                stream.write_all(&request).await?;
                good(&mut stream).await?;
                times.push(asked.elapsed().as_secs_f64() * 1e3);
            }
            Ok::<_, anyhow::Error>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(one) = asking.join_next().await {
        times.extend(one??);
    }
    let took = began.elapsed().as_secs_f64();
    let [p50, p99] = percentiles(&mut times);
    Ok(Round { a_second: times.len() as f64 / took, p50, p99 })
}

fn percentiles(times: &mut [f64]) -> [f64; 2] {
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times.get((times.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN);
    [at(0.5), at(0.99)]
}

/// Reads one answer to its end, which has to be a good one.
async fn good(stream: &mut (impl AsyncReadExt + Unpin)) -> Result<Vec<u8>> {
    let (mut answer, mut piece) = (Vec::new(), [0u8; 8192]);
    loop {
        let read = stream.read(&mut piece).await?;
        ensure!(read > 0, "the connection ended");
        answer.extend_from_slice(piece.get(..read).unwrap_or_default());
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).to_ascii_lowercase();
        ensure!(head.starts_with("http/1.1 200"), "{}", head.lines().next().unwrap_or_default());
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.context("an answer without a length")?.trim().parse()?;
        if answer.len() >= end + 4 + length {
            return Ok(answer.split_off(end + 4));
        }
    }
}

async fn sign_in(port: u16, once: &str) -> Result<String> {
    let mut stream = connect(port, &Arc::new(testkit::tls::any())).await?;
    let body = serde_json::json!({"token": once}).to_string();
    let head = format!(
        "POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    let answer: serde_json::Value = serde_json::from_slice(&good(&mut stream).await?)?;
    Ok(answer.get("token").and_then(|token| token.as_str()).context("no session")?.to_owned())
}

/// The bare server, in a process of its own.
struct Bare {
    child: Child,
    port: u16,
}

impl Bare {
    fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.arg("bare").stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        Ok(Self { child, port: line.trim().parse()? })
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn bare() -> Result<()> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(made.cert.der().to_vec())], key)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    let app = axum::Router::new().route("/", axum::routing::get(|| async { "well" }));
    axum::serve(Secure { listener, acceptor: TlsAcceptor::from(Arc::new(config)) }, app).await?;
    Ok(())
}

struct Secure {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Secure {
    type Io = tokio_rustls::server::TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            let _ = stream.set_nodelay(true);
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
