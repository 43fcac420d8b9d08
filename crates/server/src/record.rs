//! The ledger: checkpoints, verification and proofs.

use crate::attend::Signed;
use crate::body::{Json, blocking};
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

pub(crate) async fn checkpoint(State(site): State<Site>, Signed(caller): Signed) -> Result<String, Failure> {
    let _: Permit<View, thing::Site> = site.permit(&caller, Action::VerifyLedger, &site.id).await?;
    let ledger = site.audit.ledger().clone();
    Ok(blocking(move || ledger.checkpoint()).await??)
}

pub(crate) async fn verify(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Verify>,
) -> Result<Answer<Verification>, Failure> {
    let _: Permit<View, thing::Site> = site.permit(&caller, Action::VerifyLedger, &site.id).await?;
    let ledger = site.audit.ledger().clone();
    let compared = match &body.against {
        Some(text) => Some(word(ledger.compare(text)?)),
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
    let prove = move || ledger.prove(body.position, body.against.as_deref(), cosigned.as_deref());
    Ok(blocking(prove).await??)
}

fn word(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Consistent => "consistent",
        Comparison::Diverged => "diverged",
        Comparison::Ahead => "ahead",
    }
}
