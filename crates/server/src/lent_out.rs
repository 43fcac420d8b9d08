//! What other projects have of a person: what they were lent, and what they made of it. `docs/spec/sharing.md`.

use crate::{Failure, Places, Site};
use access::thing::{Project, Subject};
use access::verb::View;
use access::{Action, Facts, Permit, Using};
use api::subject::{LoanOut, MadeElsewhere};
use base::{ApplicationId, Id, SampleId, Timestamp};
use sharing::Loan;
use std::collections::BTreeMap;

/// The loans of these samples of the permit's project, by application.
pub(crate) async fn loans(
    site: &Site,
    permit: &Permit<View, Project>,
    samples: &[catalog::Sample],
) -> Result<Vec<LoanOut>, Failure> {
    let mut by: BTreeMap<ApplicationId, LoanOut> = BTreeMap::new();
    for sample in samples {
        for loan in site.sharing.loans_out(permit, &sample.id).await? {
            let usable = gives(site, &loan, &sample.id).await?;
            let out = by.entry(loan.application.id.clone()).or_insert_with(|| shown(loan));
            out.samples.push(sample.id.clone());
            out.usable |= usable;
        }
    }
    let mut all: Vec<LoanOut> = by.into_values().collect();
    all.sort_by_key(|loan| loan.since);
    Ok(all)
}

/// What other projects made of the permit's subject, with those of these loans that it may have been made under.
pub(crate) async fn made(
    site: &Site,
    permit: &Permit<View, Subject>,
    loans: &[LoanOut],
) -> Result<Vec<MadeElsewhere>, Failure> {
    let mut all = Vec::new();
    for one in site.archive.made_elsewhere(permit).await? {
        let sample = site.catalog.sample_of(one.id.as_str()).await?;
        let created: Option<Timestamp> = one.created_at.parse().ok();
        let under = |loan: &&LoanOut| {
            loan.project == one.project
                && sample.as_ref().is_some_and(|sample| loan.samples.contains(sample))
                && loan.since <= created
        };
        all.push(MadeElsewhere {
            applications: loans.iter().filter(under).map(|loan| loan.application.clone()).collect(),
            object: one.id,
            project: one.project,
            sample,
            created_at: one.created_at,
            deleted_at: one.deleted_at,
        });
    }
    Ok(all)
}

/// Whether somebody whom a loan names may use a sample by it now: as a decision there would ask, without a role.
async fn gives(site: &Site, loan: &Loan, sample: &SampleId) -> Result<bool, Failure> {
    let Some(by) = loan.application.longest() else { return Ok(false) };
    if loan.against(Some(by), site.clock.now()).is_some() {
        return Ok(false);
    }
    let things = [sample.to_string()];
    let using = Using {
        action: Action::StartRun,
        project: &loan.application.workspace,
        things: &things,
        by: Some(by),
    };
    let refusals = places(site).usable(using).await.map_err(access::Error::Facts)?;
    Ok(refusals.is_empty())
}

fn places(site: &Site) -> Places {
    Places {
        site: site.id.clone(),
        catalog: site.catalog.clone(),
        archive: site.archive.clone(),
        runs: site.runs.clone(),
        subjects: site.subjects.clone(),
        sharing: site.sharing.clone(),
        clock: site.access.clock(),
    }
}

fn shown(loan: Loan) -> LoanOut {
    let Loan { application, dataset, .. } = loan;
    LoanOut {
        application: application.id,
        dataset: dataset.id,
        project: application.workspace,
        party: application.party,
        samples: Vec::new(),
        since: application.approved,
        until: application.until,
        usable: false,
    }
}
