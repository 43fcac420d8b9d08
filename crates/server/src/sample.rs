//! Samples.

use crate::attend::Signed;
use crate::body::id;
use crate::{Failure, Site};
use access::thing::{Project, Sample as SampleThing};
use access::verb::View;
use access::{Action, Permit};
use api::project::{Readset, Sample};
use axum::Json as Answer;
use axum::extract::{Path, State};
use base::SampleId;

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
) -> Result<Answer<Vec<Sample>>, Failure> {
    let permit: Permit<View, Project> = site.permit(&caller, Action::ViewSamples, &id(&project)?).await?;
    Ok(Answer(site.catalog.samples(&permit).await?.into_iter().map(wire).collect()))
}

pub(crate) async fn show(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(sample): Path<String>,
) -> Result<Answer<Sample>, Failure> {
    let sample: SampleId = id(&sample)?;
    let permit: Permit<View, SampleThing> = site.permit(&caller, Action::ViewSamples, &sample).await?;
    Ok(Answer(wire(site.catalog.sample(&permit, &sample).await?)))
}

/// The label is revealed here: on its way to someone whose right to see it was just decided.
pub(crate) fn wire(sample: catalog::Sample) -> Sample {
    Sample {
        id: sample.id,
        subject: sample.subject,
        project: sample.project,
        label: sample.label.into_revealed(),
        sex: sample.sex,
        status: sample.status,
        specimen_type: sample.specimen_type,
        readsets: sample
            .readsets
            .into_iter()
            .map(|r| Readset { id: r.id, lane: r.lane, objects: r.objects, reads: r.reads, bases: r.bases })
            .collect(),
    }
}
