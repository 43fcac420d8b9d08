//! The ledger: checkpoints, verification and proofs.

use crate::attend::Signed;
use crate::body::{Json, blocking};
use crate::failure::Error;
use crate::{Failure, Site};
use access::thing;
use access::verb::View;
use access::{Action, Permit};
use api::record::{Prove, Verification, Verify};
use axum::Json as Answer;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ledger::read::Comparison;
use ledger::{Ledger, verify};
use std::time::Duration;

/// How long a checkpoint waits for its cosignatures: witnesses are asked once a second.
const COSIGNED_WITHIN: Duration = Duration::from_secs(4);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(50);

pub(crate) async fn checkpoint(State(site): State<Site>, Signed(caller): Signed) -> Result<String, Failure> {
    let _: Permit<View, thing::Site> = site.permit(&caller, Action::VerifyLedger, &site.id).await?;
    let ledger = site.audit.ledger().clone();
    let fresh = blocking(move || ledger.checkpoint()).await??;
    Ok(cosigned(&site, &fresh).await?.unwrap_or(fresh))
}

/// A checkpoint of no less that a quorum of the site's witnesses cosigned, if they do so in time.
async fn cosigned(site: &Site, fresh: &str) -> Result<Option<String>, ledger::Error> {
    if site.witnessed().each.is_empty() {
        return Ok(None);
    }
    let (least, began) =
        (verify::checkpoint(fresh, site.audit.ledger().verifier())?.size, site.clock.monotonic());
    loop {
        let witnessed = site.witnessed();
        if witnessed.size >= least {
            return Ok(witnessed.note);
        }
        if site.clock.monotonic().saturating_sub(began) >= COSIGNED_WITHIN {
            return Ok(None);
        }
        tokio::time::sleep(LOOK).await;
    }
}

pub(crate) async fn check(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Verify>,
) -> Result<Answer<Verification>, Failure> {
    let _: Permit<View, thing::Site> = site.permit(&caller, Action::VerifyLedger, &site.id).await?;
    let ledger = site.audit.ledger().clone();
    let compared = match &body.against {
        Some(text) => Some(word(ledger.compare(kept(&ledger, text)?)?)),
        None => None,
    };
    let report = blocking(move || ledger.verify_full()).await??;
    Ok(Answer(Verification {
        size: report.size,
        root: report.root.map(|root| STANDARD.encode(root.0)).unwrap_or_default(),
        commits: report.commits,
        tiles: report.tiles,
        against: compared.map(str::to_owned),
        findings: report.findings.iter().map(ToString::to_string).collect(),
    }))
}

/// A proof shows its event, so it asks for the right to read the whole trail.
pub(crate) async fn prove(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Prove>,
) -> Result<String, Failure> {
    let _: Permit<View, thing::Site> = site.permit(&caller, Action::SearchAuditSite, &site.id).await?;
    let (ledger, cosigned) = (site.audit.ledger().clone(), site.witnessed().note);
    body.against.as_deref().map(|text| kept(&ledger, text)).transpose()?;
    let prove = move || ledger.prove(body.position, body.against.as_deref(), cosigned.as_deref());
    Ok(blocking(prove).await??)
}

/// What somebody kept elsewhere, if it is a checkpoint of this ledger at all.
fn kept<'a>(ledger: &Ledger, text: &'a str) -> Result<&'a str, Error> {
    let refuse = |error: ledger::Error| Error::Value {
        field: "checkpoint kept elsewhere",
        why: error.to_string(),
        how: Some("give a file that `ledger checkpoint --out` wrote on this site".to_owned()),
    };
    verify::checkpoint(text, ledger.verifier()).map(|_| text).map_err(refuse)
}

fn word(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Consistent => "consistent",
        Comparison::Diverged => "diverged",
        Comparison::Ahead => "ahead",
    }
}
