//! Has the site's ledger witnessed: at start, at most once a second while it grows, and at close.

use crate::ask::Peer;
use crate::layout::{Layout, Settings, Silence};
use anyhow::Result;
use base::Clock;
use ledger::{Ledger, verify};
use server::{Witnessed, witnessed};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use witness::{Error, Verdict, ask};

/// How often the witnesses are asked at most.
const APART: Duration = Duration::from_secs(1);
/// How often a start asks for a quorum that it needs.
const AT_START: usize = 5;

/// Who asks the site's witnesses.
pub struct Attest {
    ledger: Ledger,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    shown: Arc<Mutex<Witnessed>>,
    peers: Vec<Peer>,
    quorum: usize,
    silence: Silence,
    /// How long what there is may lack a quorum.
    patience: Duration,
    round: Round,
    /// Since when there is something that no quorum cosigned.
    short: Option<Duration>,
}

/// A checkpoint, and what was said to it so far.
#[derive(Default)]
struct Round {
    checkpoint: String,
    size: u64,
    /// For each witness its line.
    lines: Vec<Option<String>>,
}

impl Round {
    fn cosigned(&self) -> usize {
        self.lines.iter().flatten().count()
    }

    fn note(&self) -> String {
        self.lines.iter().flatten().fold(self.checkpoint.clone(), |note, line| note + line)
    }
}

impl Attest {
    /// Compares the ledger with the checkpoint that was cosigned last and kept beside it, then with the
    /// witnesses themselves. A ledger that was rolled back or rewritten is refused. Witnesses that do not answer are
    /// named by the site's status, and refuse the start where the settings ask for a quorum.
    pub async fn at_start(
        layout: &Layout,
        settings: &Settings,
        ledger: &Ledger,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let folder = layout.ledger();
        let note = ask::kept(&folder)?;
        let size = match &note {
            Some(note) => ask::compare_with_kept(ledger, note)?,
            None => 0,
        };
        let peers = Peer::all(&settings.witness, size)?;
        let wanted = &settings.witnessing;
        let quorum = wanted.quorum_of(peers.len())?;
        let patience = Duration::from_secs(wanted.seconds);
        let each = peers.iter().map(Peer::shown).collect();
        let shown = Witnessed { each, note, size, quorum, patience, short: None };
        let mut made = Self {
            ledger: ledger.clone(),
            folder,
            clock,
            shown: Arc::new(Mutex::new(shown)),
            peers,
            quorum,
            silence: wanted.silence,
            patience,
            round: Round::default(),
            short: None,
        };
        made.begin().await?;
        Ok(made)
    }

    /// Also when nothing is new: a site put back as a whole looks just so.
    async fn begin(&mut self) -> Result<()> {
        for again in 0..AT_START {
            self.ask().await?;
            if self.silence == Silence::Alarm || self.round.cosigned() >= self.quorum {
                return Ok(());
            }
            if again + 1 < AT_START {
                tokio::time::sleep(APART).await;
            }
        }
        Err(self.no_quorum().into())
    }

    fn no_quorum(&self) -> Error {
        Error::NoQuorum { cosigned: self.round.cosigned(), quorum: self.quorum }
    }

    /// What is known, for the site's status and for proofs.
    pub fn shown(&self) -> Arc<Mutex<Witnessed>> {
        self.shown.clone()
    }

    /// Asks for as long as the site is open, while there is something new. Ends when a witness knows a
    /// larger ledger or another one, or when a quorum that is asked for was missing for too long: nothing may go
    /// on from there.
    pub async fn run(&mut self) -> anyhow::Error {
        loop {
            tokio::time::sleep(APART).await;
            if let Err(error) = self.catch_up().await {
                return error;
            }
            let late = self.short.map(|since| self.clock.monotonic().saturating_sub(since));
            if self.silence == Silence::Stop && late.is_some_and(|late| late >= self.patience) {
                return self.no_quorum().into();
            }
        }
    }

    /// Asks once if there is something that not every witness cosigned.
    pub async fn catch_up(&mut self) -> Result<()> {
        let behind = self.ledger.size() > self.round.size || self.round.cosigned() < self.peers.len();
        if behind { self.ask().await } else { Ok(()) }
    }

    /// Asks every witness that has not cosigned what there is, all at once. An error if one knows a larger ledger or
    /// another one and proves it, or if its word cannot be kept.
    async fn ask(&mut self) -> Result<()> {
        if self.peers.is_empty() {
            return Ok(());
        }
        self.new_round().await?;
        let mut asked = JoinSet::new();
        for (number, peer) in self.peers.iter().enumerate() {
            if self.round.lines.get(number).is_some_and(Option::is_none) {
                let (ledger, mut peer, checkpoint) =
                    (self.ledger.clone(), peer.clone(), self.round.checkpoint.clone());
                asked.spawn(async move {
                    let verdict = peer.exchange(&ledger, checkpoint).await;
                    (number, peer, verdict)
                });
            }
        }
        let (mut more, mut refused) = (false, None);
        for (number, peer, verdict) in asked.join_all().await {
            match verdict {
                Ok(Verdict::Cosigned { note, .. }) => {
                    let line = note.strip_prefix(&self.round.checkpoint).map(str::to_owned);
                    if let Some(slot) = self.round.lines.get_mut(number) {
                        *slot = line;
                        more = true;
                    }
                }
                Ok(Verdict::RolledBack { .. }) => refused = Some(Error::RolledBack),
                Ok(Verdict::Forked) => refused = Some(Error::Forked),
                _ => {}
            }
            if let Some(slot) = self.peers.get_mut(number) {
                *slot = peer;
            }
        }
        if more {
            // Kept before it is shown: a proof never names what a crash would forget.
            ask::keep(&self.folder, &self.round.note())?;
        }
        self.show();
        refused.map_or(Ok(()), |refused| Err(refused.into()))
    }

    /// A checkpoint of what there is; the one of before, with what was said to it, if that is the same.
    async fn new_round(&mut self) -> Result<()> {
        let ledger = self.ledger.clone();
        let checkpoint = tokio::task::spawn_blocking(move || ledger.checkpoint()).await??;
        if checkpoint != self.round.checkpoint {
            let size = verify::checkpoint(&checkpoint, self.ledger.verifier())?.size;
            self.round = Round { checkpoint, size, lines: vec![None; self.peers.len()] };
        }
        Ok(())
    }

    fn show(&mut self) {
        let now = self.clock.monotonic();
        let whole = self.round.cosigned() >= self.quorum;
        self.short = if whole { None } else { self.short.or(Some(now)) };
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let size = self.round.size;
        for ((one, peer), line) in shown.each.iter_mut().zip(&mut self.peers).zip(&self.round.lines) {
            peer.note(line.is_some(), now);
            *one =
                witnessed::One { size: if line.is_some() { size } else { one.size }, ..peer.shown_at(now) };
        }
        shown.short = self.short.map(|since| now.saturating_sub(since));
        if whole {
            (shown.note, shown.size) = (Some(self.round.note()), size);
        }
    }
}
