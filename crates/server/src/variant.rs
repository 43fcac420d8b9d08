//! Questions to the lake, and the report of a case.

use crate::attend::Signed;
use crate::body::{Asked, Json, blocking, id};
use crate::failure::Error;
use crate::{Failure, Site};
use access::thing::{Object as ObjectThing, Sample as SampleThing};
use access::verb::Read as ReadVerb;
use access::{Action, Ask, Caller, Permit};
use api::variant::{Answer as Found, Query, Reason, Variant, Whose};
use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base::{Fault, ObjectId, ProjectId, SampleId};
use std::collections::BTreeMap;
use std::io::Read;
use variants::{Filter, Options, Order, Part, Ranked};

/// Most rows of one answer.
const MOST_ROWS: usize = 1000;
/// Rows when the question does not say.
const ROWS: usize = 50;

pub(crate) async fn query(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(sample): Path<String>,
    Json(body): Json<Query>,
) -> Result<Answer<Found>, Failure> {
    let sample: SampleId = id(&sample)?;
    let (permit, lake) = newest(&site, &caller, (&sample, body.workspace.clone()), "lake").await?;
    let filter = filter_of(&body)?;
    let order = if body.by_position { Order::Place } else { Order::Rank };
    let options = Options { limit: body.limit.unwrap_or(ROWS).min(MOST_ROWS), offset: body.offset, order };
    let asked = options;
    let mut opened = site.archive.open_parquet(&permit, &lake).await?;
    let found = blocking(move || {
        let mut bytes = Vec::with_capacity(usize::try_from(opened.length).unwrap_or_default());
        opened.bytes.read_to_end(&mut bytes).map_err(archive::Error::from)?;
        let part = Part::from_bytes(bytes, opened.key.expose());
        Ok::<_, Failure>(variants::query(&[part], &filter, &options)?)
    });
    Ok(Answer(wire(found.await??, &asked)))
}

pub(crate) async fn report(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(sample): Path<String>,
    Asked(whose): Asked<Whose>,
) -> Result<Response, Failure> {
    let sample: SampleId = id(&sample)?;
    let (permit, report) = newest(&site, &caller, (&sample, whose.workspace), "report").await?;
    let mut opened = site.archive.open_object(&permit, &report).await?;
    let page = blocking(move || {
        let mut page = Vec::new();
        opened.read_to_end(&mut page).map(|_| page)
    });
    let page = page.await?.map_err(archive::Error::from)?;
    Ok(([("content-type", "text/html; charset=utf-8")], page).into_response())
}

/// The newest result of a kind about a sample, and the right to read it. The decision comes first
/// also when there is none, so that asking is on record.
async fn newest(
    site: &Site,
    caller: &Caller,
    (sample, workspace): (&SampleId, Option<ProjectId>),
    kind: &str,
) -> Result<(Permit<ReadVerb, ObjectThing>, ObjectId), Failure> {
    let project = match &workspace {
        Some(workspace) => Some(workspace.clone()),
        None => site.catalog.home_of(sample).await?,
    };
    let results = match &project {
        Some(project) => site.catalog.results_of_sample(sample, project).await?,
        None => Vec::new(),
    };
    let found = results.into_iter().rev().find(|result| result.kind == kind);
    let Some(found) = found else {
        let ask = Ask::<SampleThing>::new(Action::ViewVariants, [sample.clone()]).in_workspace(workspace);
        let _: Permit<ReadVerb, SampleThing> = site.access.decide(caller, ask).await?;
        return Err(Error::NoResult.into());
    };
    let ask =
        Ask::<ObjectThing>::new(Action::ViewVariants, [found.object.clone()]).about([sample.to_string()]);
    Ok((site.access.decide(caller, ask).await?, found.object))
}

fn filter_of(query: &Query) -> Result<Filter, Failure> {
    fn each<T>(
        field: &'static str,
        texts: &[String],
        parse: impl Fn(&str) -> Result<T, variants::Error>,
    ) -> Result<Vec<T>, Failure> {
        let one = |text: &String| {
            parse(text).map_err(|e| Failure::from(Error::Value { field, why: e.to_string(), how: e.hint() }))
        };
        texts.iter().map(one).collect()
    }
    let mut filter = Filter::default();
    filter.regions = each("region", &query.regions, str::parse)?;
    filter.genes = query.genes.clone();
    filter.consequences = each("consequence", &query.consequences, str::parse)?;
    filter.genotypes = each("genotype", &query.genotypes, str::parse)?;
    filter.significance = each("significance", &query.significance, variants::filter::significance)?;
    filter.min_quality = query.min_quality;
    filter.min_depth = query.min_depth;
    filter.max_frequency = match query.max_frequency {
        Some(frequency) => Some(variants::filter::frequency(&frequency.to_string())?),
        None => None,
    };
    filter.passing_only = query.passing;
    Ok(filter)
}

fn wire(answer: variants::Answer, options: &Options) -> Found {
    let counts = [
        ("impact", words(&answer.counts.impact)),
        ("zygosity", words(&answer.counts.zygosity)),
        ("significance", words(&answer.counts.significance)),
        ("contig", answer.counts.contig.clone()),
    ];
    let ranked = options.order == Order::Rank;
    let rows = (0..).zip(answer.rows).map(|(i, row)| {
        let rank = (options.offset as u64).saturating_add(i).saturating_add(1);
        variant(row, ranked.then_some(rank))
    });
    Found {
        total: answer.total,
        rule: variants::RULE.to_owned(),
        rows: rows.collect(),
        counts: counts.into_iter().map(|(name, counts)| (name.to_owned(), counts)).collect(),
        notes: answer.notes,
    }
}

fn words(counts: &BTreeMap<&'static str, u64>) -> BTreeMap<String, u64> {
    counts.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect()
}

fn variant(ranked: Ranked, rank: Option<u64>) -> Variant {
    let Ranked { row, rank: why } = ranked;
    let top = row.top().cloned();
    Variant {
        rank,
        score: why.score,
        reasons: why
            .reasons
            .into_iter()
            .map(|r| Reason {
                factor: crate::finish::word(&r.factor),
                value: r.value,
                points: r.points,
                words: r.words,
            })
            .collect(),
        contig: row.contig,
        position: row.position,
        reference: row.reference,
        alternate: row.alternate,
        genotype: row.genotype,
        zygosity: row.zygosity.as_str().to_owned(),
        gene: top.as_ref().and_then(|c| c.gene.clone()),
        transcript: top.as_ref().and_then(|c| c.transcript.clone()),
        consequence: top.as_ref().map(|c| c.terms.clone()),
        impact: top.as_ref().map(|c| c.severity.term().impact.as_str().to_owned()),
        amino_acid_change: top.and_then(|c| c.amino_acid_change),
        quality: row.quality,
        filter: row.filter,
        depth: row.depth,
        frequency: row.allele_frequency,
        significance: row.significance,
        conditions: row.conditions,
    }
}
