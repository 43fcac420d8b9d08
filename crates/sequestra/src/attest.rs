//! Has the site's ledger witnessed: at start, at most once a second while it grows, and at close.

use crate::layout::{Layout, WitnessSettings};
use anyhow::{Context, Result, bail};
use base::Clock;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use ledger::Ledger;
use server::Witnessed;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use witness::{Asker, Verdict, ask};

/// How often the witness is asked at most.
const APART: Duration = Duration::from_secs(1);
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes of an answer that are read.
const MOST: usize = 64 << 10;
/// How often it may say that it knows another size before it is taken at its word no more.
const TRIES: usize = 3;

/// Who asks the site's witness.
pub struct Attest {
    ledger: Ledger,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    shown: Arc<Mutex<Witnessed>>,
    witness: Option<(Uri, Asker)>,
    cosigned: u64,
    /// Since when there is something that the witness did not cosign.
    behind: Option<Duration>,
}

impl Attest {
    /// Compares the ledger with the checkpoint that was cosigned last and kept beside it, then with the
    /// witness itself. A ledger that was rolled back or rewritten is refused; a witness that does
    /// not answer is not: the site's status says so.
    pub async fn at_start(
        layout: &Layout,
        settings: Option<&WitnessSettings>,
        ledger: &Ledger,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let folder = layout.ledger();
        let note = ask::kept(&folder)?;
        let cosigned = match &note {
            Some(note) => ask::compare_with_kept(ledger, note)?,
            None => 0,
        };
        let witness = settings.map(|settings| known(settings, cosigned)).transpose()?;
        let name = settings.map(|settings| settings.name().to_owned());
        let alarm = settings.map_or(Duration::ZERO, |settings| Duration::from_secs(settings.alarm_seconds));
        let shown = Arc::new(Mutex::new(Witnessed { name, note, size: cosigned, alarm, late: None }));
        let mut made = Self { ledger: ledger.clone(), folder, clock, shown, witness, cosigned, behind: None };
        // Also when nothing is new: a site put back as a whole looks just so.
        made.ask().await?;
        Ok(made)
    }

    /// What is known, for the site's status and for proofs.
    pub fn shown(&self) -> Arc<Mutex<Witnessed>> {
        self.shown.clone()
    }

    /// Asks for as long as the site is open, while there is something new. Ends when the witness knows a
    /// larger ledger or another one: nothing may go on from there.
    pub async fn run(&mut self) {
        loop {
            tokio::time::sleep(APART).await;
            if self.catch_up().await.is_err() {
                return;
            }
        }
    }

    /// Asks once if there is something new.
    pub async fn catch_up(&mut self) -> Result<()> {
        if self.ledger.size() > self.cosigned { self.ask().await } else { Ok(()) }
    }

    /// Asks once. An error if the witness knows a larger ledger or another one, or if its word cannot be kept.
    async fn ask(&mut self) -> Result<()> {
        let Some((uri, mut asker)) = self.witness.clone() else { return Ok(()) };
        let now = self.clock.monotonic();
        let since = *self.behind.get_or_insert(now);
        let verdict = exchange(&self.ledger, &uri, &mut asker).await;
        self.witness = Some((uri, asker));
        let refusal = match verdict {
            Ok(Verdict::Cosigned { note, size, .. }) => {
                // Kept before it is shown: a proof never names what a crash would forget.
                ask::keep(&self.folder, &note)?;
                (self.cosigned, self.behind) = (size, None);
                let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
                (shown.note, shown.size, shown.late) = (Some(note), size, None);
                return Ok(());
            }
            Ok(Verdict::RolledBack { .. }) => Some(witness::Error::RolledBack),
            Ok(Verdict::Forked) => Some(witness::Error::Forked),
            Ok(Verdict::Again | Verdict::Failed(_)) | Err(_) => None,
        };
        let late = self.clock.monotonic().saturating_sub(since);
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).late = Some(late);
        refusal.map_or(Ok(()), |refusal| Err(refusal.into()))
    }
}

fn known(settings: &WitnessSettings, cosigned: u64) -> Result<(Uri, Asker)> {
    let uri: Uri = settings.url.parse().context("the witness's address in site.toml is none")?;
    if uri.scheme_str() != Some("http") || uri.host().is_none() {
        bail!("the witness's address in site.toml must begin with http:// (TLS is not spoken; use a proxy)");
    }
    let key = settings.key.parse().context("the witness's key in site.toml")?;
    Ok((uri, Asker::new(key, cosigned)))
}

async fn exchange(ledger: &Ledger, uri: &Uri, asker: &mut Asker) -> Result<Verdict> {
    for _ in 0..TRIES {
        let (reader, asking) = (ledger.clone(), asker.clone());
        let request = tokio::task::spawn_blocking(move || asking.request(&reader)).await??;
        let (status, body) = tokio::time::timeout(PATIENCE, send(uri, request.encode())).await??;
        match asker.answered(ledger, &request, status, &body) {
            Verdict::Again => {}
            verdict => return Ok(verdict),
        }
    }
    Ok(Verdict::Again)
}

async fn send(uri: &Uri, body: String) -> Result<(u16, Bytes)> {
    let host = uri.host().context("no host")?;
    let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let request = Request::post(format!("{}/add-checkpoint", uri.path().trim_end_matches('/')))
        .header(HOST, authority)
        .header(CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(Full::new(Bytes::from(body)))?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MOST).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok((status, body.to_bytes()))
}
