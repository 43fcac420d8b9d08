//! `audit export`: events as lines for others, in the order of positions.

use crate::attend::{Later, Signed};
use crate::body::{Json, blocking};
use crate::failure::Error;
use crate::history::{self, Reach};
use crate::site::InUse;
use crate::{Failure, Site};
use access::{Caller, Ended};
use api::record::{Export, ExportHead, ExportLine, Form, Search};
use audit::{Audit, Completeness, Hit, Incident, Question};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use feed::ocsf;
use ledger::Ledger;
use ledger::read::Record;
use std::io;
use std::ops::Range;
use tokio::sync::mpsc::{Sender, channel};

/// Events of one piece of the answer.
const AT_ONCE: usize = 256;
/// Pieces in flight.
const IN_FLIGHT: usize = 4;
/// Events of one page of a search.
const PAGE: usize = 10_000;
/// Most events that an export by a search names.
pub(crate) const MOST: usize = 4_000_000;

type Piece = io::Result<Bytes>;

/// The right is that of the same question to `audit search`: in a project for a thing of one, on the site for
/// positions.
pub(crate) async fn export(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Export>,
) -> Result<Response, Failure> {
    let mut asked = question(&body)?;
    let reach = history::decide(&site, &caller, &asked).await?;
    asked.within.clone_from(&reach.project);
    let (audit, wanted, cosigned) = (site.audit.clone(), asked.clone(), site.witnessed().note);
    let (plan, body) =
        blocking(move || Plan::of(&audit, &body, &wanted, cosigned.as_deref()).map(|plan| (plan, body)))
            .await??;
    let head = match body.form {
        Form::Proof => Some(plan.head(&site, body.search)),
        Form::Ocsf => None,
    };
    Out { site, caller, asked, reach, form: body.form, plan }.answer(head)
}

/// What is asked, in the words of a search; nothing in particular for positions.
fn question(body: &Export) -> Result<Question, Failure> {
    let refuse = |field, why: &str, how: &str| {
        Err(Error::Value { field, why: why.to_owned(), how: Some(how.to_owned()) }.into())
    };
    match &body.search {
        Some(_) if body.from.is_some() || body.before.is_some() => {
            refuse("range", "positions are one way to ask, conditions another", "give one of the two")
        }
        Some(search) if search.limit.is_some() || search.cursor.is_some() || search.proof => refuse(
            "search",
            "an export has neither limit nor cursor, and proofs by its form",
            "leave these fields out",
        ),
        Some(search) => history::question_of(search),
        None => history::question_of(&Search::default()),
    }
}

/// The positions of the events that go out.
enum Which {
    All(Range<u64>),
    These(Vec<u64>),
}

/// What goes out, and the checkpoint that it is proved against.
pub(crate) struct Plan {
    which: Which,
    completeness: Completeness,
    checkpoint: String,
    size: u64,
}

impl Plan {
    /// The checkpoint is one that witnesses cosigned, where it reaches far enough.
    fn of(audit: &Audit, body: &Export, asked: &Question, cosigned: Option<&str>) -> Result<Self, Failure> {
        let ledger = audit.ledger();
        let now = ledger.size();
        let (which, completeness) = match &body.search {
            Some(_) => found(audit, asked)?,
            None => {
                let before = body.before.unwrap_or(now);
                let from = body.from.unwrap_or(0);
                if let Some(position) = [before, from].into_iter().find(|position| *position > now) {
                    return Err(ledger::Error::Beyond { position, size: now }.into());
                }
                if from > before {
                    let (why, how) = (
                        "it ends before it begins",
                        "`--from` is the first, `--before` the one after the last",
                    );
                    return Err(
                        Error::Value { field: "range", why: why.into(), how: Some(how.into()) }.into()
                    );
                }
                (Which::All(from..before), Completeness::Proven)
            }
        };
        Self::against(audit, which, completeness, cosigned)
    }

    /// The events that an incident stands on.
    pub fn these(audit: &Audit, found: Incident, cosigned: Option<&str>) -> Result<Self, Failure> {
        let positions: Vec<u64> = found.positions.into_iter().collect();
        if positions.len() > MOST {
            return Err(too_many("incident", "narrow it, by days first"));
        }
        Self::against(audit, Which::These(positions), found.completeness, cosigned)
    }

    fn against(
        audit: &Audit,
        which: Which,
        completeness: Completeness,
        cosigned: Option<&str>,
    ) -> Result<Self, Failure> {
        let least = match &which {
            Which::All(range) => range.end,
            Which::These(positions) => positions.last().map_or(0, |last| last.saturating_add(1)),
        };
        let (checkpoint, size) = audit.ledger().reaching(least, cosigned)?;
        Ok(Self { which, completeness, checkpoint, size })
    }

    fn events(&self) -> u64 {
        match &self.which {
            Which::All(range) => range.end.saturating_sub(range.start),
            Which::These(positions) => positions.len() as u64,
        }
    }

    pub fn head(&self, site: &Site, search: Option<Search>) -> ExportHead {
        let (complete, broken, why_not) = history::told(&self.completeness);
        ExportHead {
            export: ExportHead::FORMAT.to_owned(),
            ledger: site.audit.ledger().verifier().name().to_owned(),
            checkpoint: self.checkpoint.clone(),
            events: self.events(),
            positions: match &self.which {
                Which::All(range) => Some([range.start, range.end]),
                Which::These(_) => None,
            },
            search,
            suspected: None,
            incident: None,
            complete,
            broken,
            why_not,
        }
    }
}

/// The positions of everything that answers, lowest first.
fn found(audit: &Audit, asked: &Question) -> Result<(Which, Completeness), Failure> {
    let mut positions = Vec::new();
    let mut cursor = None;
    loop {
        let page = audit.search(asked, cursor, PAGE)?;
        positions.extend(page.hits.iter().map(|hit| hit.recorded.position));
        if positions.len() > MOST {
            return Err(too_many("search", "narrow it, or export positions"));
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => {
                positions.reverse();
                return Ok((Which::These(positions), page.completeness));
            }
        }
    }
}

pub(crate) fn too_many(field: &'static str, how: &str) -> Failure {
    let why = format!("more than {MOST} events answer");
    Error::Value { field, why, how: Some(how.to_owned()) }.into()
}

/// An export on its way.
pub(crate) struct Out {
    pub site: Site,
    pub caller: Caller,
    pub asked: Question,
    pub reach: Reach,
    pub form: Form,
    pub plan: Plan,
}

impl Out {
    /// The answer whose body it is.
    pub fn answer(self, head: Option<ExportHead>) -> Result<Response, Failure> {
        let head = head.map(|head| line(&head)).transpose()?;
        let (send, receive) = channel(IN_FLIGHT);
        let used = self.site.in_use();
        tokio::spawn(self.run(head, send, used));
        let pieces = futures_util::stream::unfold(receive, |mut receive| async move {
            receive.recv().await.map(|piece: Piece| (piece, receive))
        });
        let mut response = Response::builder()
            .header("content-type", "application/x-ndjson")
            .body(Body::from_stream(pieces))
            .unwrap_or_else(|_| Failure::from(Error::Ended).into_response());
        response.extensions_mut().insert(Later);
        Ok(response)
    }

    async fn run(mut self, head: Option<Bytes>, send: Sender<Piece>, used: InUse) {
        let code = match self.send(head, &send).await {
            Ok(()) => None,
            Err(failure) => {
                // The other side sees a body that was cut.
                let _ = send.send(Err(io::ErrorKind::ConnectionAborted.into())).await;
                Some(failure.0.code)
            }
        };
        // What has left cannot be taken back; a decision without an outcome is closed at the next start.
        let _ = self
            .site
            .access
            .close(&self.caller, Ended { code: code.as_deref(), released: None, made: &[] })
            .await;
        drop(used);
    }

    async fn send(&mut self, head: Option<Bytes>, send: &Sender<Piece>) -> Result<(), Failure> {
        if let Some(head) = head {
            send.send(Ok(head)).await.map_err(|_| Error::Gone)?;
        }
        let source = ocsf::Source {
            ledger: self.site.audit.ledger().verifier().name().to_owned(),
            version: self.site.version.into(),
        };
        let mut done = 0usize;
        let mut before = match &self.plan.which {
            // The records are those of the streams, byte by byte: of one and the other a whole can be made.
            Which::All(range) => range.start.checked_sub(1),
            Which::These(_) => None,
        };
        loop {
            let some = self.some(done);
            let Some(last) = some.last().copied() else { return Ok(()) };
            history::renew(&self.site, &self.caller, &self.asked, &mut self.reach).await?;
            done = done.saturating_add(some.len());
            let (audit, form, size, source) =
                (self.site.audit.clone(), self.form, self.plan.size, source.clone());
            let lines = move || lines(&audit, form, size, &source, &some, before);
            send.send(Ok(blocking(lines).await??)).await.map_err(|_| Error::Gone)?;
            before = Some(last);
        }
    }

    /// The next positions.
    fn some(&self, done: usize) -> Vec<u64> {
        match &self.plan.which {
            Which::All(range) => range.clone().skip(done).take(AT_ONCE).collect(),
            Which::These(positions) => positions.iter().skip(done).take(AT_ONCE).copied().collect(),
        }
    }
}

fn lines(
    audit: &Audit,
    form: Form,
    size: u64,
    source: &ocsf::Source,
    positions: &[u64],
    mut before: Option<u64>,
) -> Result<Bytes, Failure> {
    let ledger = audit.ledger();
    let mut out = Vec::new();
    for record in records(ledger, positions)? {
        let position = record.position;
        match form {
            Form::Ocsf => {
                let hash = record.hash.0;
                let hit = Hit::parse(position, record.leaf)?;
                out.extend_from_slice(&line(&ocsf::record(source, &hit, hash, before))?);
            }
            Form::Proof => {
                let hashes = ledger.inclusion(position, size)?;
                let proof = hashes.iter().map(|hash| STANDARD.encode(hash.0)).collect();
                let leaf = String::from_utf8_lossy(&record.leaf).into_owned();
                out.extend_from_slice(&line(&ExportLine { position, leaf, proof })?);
            }
        }
        before = Some(position);
    }
    Ok(out.into())
}

/// The events at `positions`: read together where they are neighbours.
fn records(ledger: &Ledger, positions: &[u64]) -> Result<Vec<Record>, ledger::Error> {
    let (Some(first), Some(last)) = (positions.first(), positions.last()) else { return Ok(Vec::new()) };
    let end = last.saturating_add(1);
    if end.saturating_sub(*first) == positions.len() as u64 {
        return ledger.range(*first..end);
    }
    positions.iter().map(|position| ledger.read(*position)).collect()
}

fn line(value: &impl serde::Serialize) -> Result<Bytes, Failure> {
    let mut bytes = serde_json::to_vec(value).map_err(|_| Error::Ended)?;
    bytes.push(b'\n');
    Ok(bytes.into())
}
