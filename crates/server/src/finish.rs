//! What follows a run: the called variants become a part of the lake, and the case a report. Each
//! is a sealed object with a receipt of its own.

use crate::body::blocking;
use crate::failure::Error;
use crate::{Failure, Site};
use access::thing::Object as ObjectThing;
use access::verb::Run as RunVerb;
use access::{Action, Ask, Caller, Permit};
use archive::{Object, Sealed, Spec};
use base::{Class, Id, ObjectId, ReferenceId, RunId, SampleId};
use catalog::{NewResult, Reference};
use receipt::{Predicate, What};
use reports::case::{self, Case};
use runs::AfterRun;
use runs::after::After;
use serde::Serialize;
use std::io::{Read, Write};
use variants::{Filter, Options, Order, Part, Plan, Ranked, Sources};

/// Ranked variants that a report shows.
const SHOWN: usize = 50;
/// The files of a reference that annotate called variants, in the order of [`Sources`].
const SOURCES: [&str; 2] = ["frequencies.vcf.gz", "significance.vcf.gz"];

/// The run that ended well, and the two of its results that are read on.
struct Ended {
    run: RunId,
    sample: SampleId,
    reference: ReferenceId,
    variants: ObjectId,
    quality: ObjectId,
}

impl AfterRun for Site {
    fn after<'a>(&'a self, ended: &'a runs::Ended) -> After<'a> {
        Box::pin(async move {
            let of_kind = |kind: &str| {
                let found = ended.results.iter().find(|(word, _)| word == kind);
                found.map(|(_, object)| object.clone()).ok_or_else(|| Failure::from(Error::NoResult))
            };
            let caller = ended.caller.clone();
            let done = async {
                let ended = Ended {
                    run: ended.run.clone(),
                    sample: ended.sample.clone(),
                    reference: ended.reference.clone(),
                    variants: of_kind("variants")?,
                    quality: of_kind("quality")?,
                };
                finish(self, &caller, &ended).await
            };
            done.await.map_err(|Failure(problem)| runs::Failure {
                code: problem.code,
                message: problem.message,
                hint: problem.hint,
            })
        })
    }
}

/// Makes the lake part and the report of a run, both or neither.
async fn finish(site: &Site, caller: &Caller, ended: &Ended) -> Result<(), Failure> {
    let about = [ended.run.to_string(), ended.sample.to_string()];
    let inputs = [ended.variants.clone(), ended.quality.clone()];
    let ask = Ask::<ObjectThing>::new(Action::StartRun, inputs).about(about);
    let permit: Permit<RunVerb, ObjectThing> = site.access.decide(caller, ask.clone()).await?;
    let started = site.clock.now();
    let reference = site.catalog.reference(&ended.reference).await?;
    let quality = site.runs.quality(&permit, &ended.quality).await?;
    let (lake, part) = load(site, &permit, ended, &reference, quality.variant_records).await?;
    // Loading a whole genome outlasts a permit.
    let permit: Permit<RunVerb, ObjectThing> = site.access.decide(caller, ask).await?;
    let case = case_of(site, &permit, ended, &reference, quality, part).await?;
    let report = render(site, &permit, ended, &case).await?;
    let parents = [ended.variants.to_string(), ended.quality.to_string(), ended.reference.to_string()];
    let made = [
        ("lake", What::Lake, lake.id().clone(), lake.root()),
        ("report", What::Report, report.id().clone(), report.root()),
    ];
    let results: Vec<NewResult> = made
        .iter()
        .map(|(kind, _, object, _)| NewResult {
            object: object.clone(),
            sample: ended.sample.clone(),
            run: ended.run.clone(),
            kind: (*kind).to_owned(),
            parents: parents.to_vec(),
        })
        .collect();
    let inputs = materials(site, &permit, ended, &reference).await?;
    let tx = site.begin(&permit).await?;
    site.archive.admit(&permit, &tx, &mut [lake, report]).await?;
    site.catalog.add_results(&permit, &tx, &results).await?;
    for (_, what, object, root) in made {
        let mut predicate = site.runs.receipts().predicate(&permit, what, object.as_str(), started);
        fill(&mut predicate, ended, &inputs);
        site.runs.receipts().issue(&permit, &tx, predicate, &[(object, root)]).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// What both results are made from: the calls, the quality figures, and what annotates them.
async fn materials(
    site: &Site,
    permit: &Permit<RunVerb, ObjectThing>,
    ended: &Ended,
    reference: &Reference,
) -> Result<Vec<Object>, Failure> {
    let results = [ended.variants.clone(), ended.quality.clone()];
    let sources: Vec<ObjectId> = SOURCES.iter().filter_map(|role| reference.file(role)).cloned().collect();
    let mut found = site.archive.describe(permit, &results).await?;
    found.extend(site.archive.describe_site(permit, &sources).await?);
    Ok(found)
}

fn fill(predicate: &mut Predicate, ended: &Ended, inputs: &[Object]) {
    predicate.about = vec![ended.run.to_string(), ended.sample.to_string()];
    predicate.inputs = inputs.iter().map(|o| receipt::Object { id: o.id.clone(), root: o.root }).collect();
    predicate.parameters.insert("ranking rule".to_owned(), variants::RULE.to_owned());
}

/// Loads the called variants with the reference's annotation sources.
async fn load(
    site: &Site,
    permit: &Permit<RunVerb, ObjectThing>,
    ended: &Ended,
    reference: &Reference,
    expected: u64,
) -> Result<(Sealed, Part), Failure> {
    let calls = site.archive.open_object(permit, &ended.variants).await?;
    let mut sources = Vec::new();
    for role in SOURCES {
        sources.push(match reference.file(role) {
            Some(object) => Some(site.archive.open_site_object(permit, object).await?),
            None => None,
        });
    }
    let subject = site.catalog.subject_of(ended.sample.as_str()).await?;
    let spec = Spec { kind: "lake", subject, links: links(ended) };
    let mut draft = site.archive.draft_parquet(permit, spec)?;
    let plan = Plan {
        expected_records: Some(expected),
        run: Some(ended.run.clone()),
        reference: Some(ended.reference.clone()),
        ..Plan::default()
    };
    blocking(move || {
        let mut boxed = sources.into_iter().map(|s| s.map(|s| Box::new(s) as Box<dyn Read>));
        let sources = Sources { frequencies: boxed.next().flatten(), significance: boxed.next().flatten() };
        let key = *draft.footer_key().expose();
        let mut bytes = Vec::new();
        variants::load(calls, sources, &plan, &key, &mut bytes)?;
        draft.write_all(&bytes).map_err(archive::Error::from)?;
        let part = Part::from_bytes(bytes, &key);
        Ok::<_, Failure>((draft.seal()?, part))
    })
    .await?
}

async fn render(
    site: &Site,
    permit: &Permit<RunVerb, ObjectThing>,
    ended: &Ended,
    case: &Case,
) -> Result<Sealed, Failure> {
    let page = reports::render(case)?;
    let subject = site.catalog.subject_of(ended.sample.as_str()).await?;
    let spec = Spec { kind: "report", subject, links: links(ended) };
    let mut draft = site.archive.draft(permit, spec)?;
    blocking(move || {
        draft.write_all(page.as_bytes()).map_err(archive::Error::from)?;
        Ok::<_, Failure>(draft.seal()?)
    })
    .await?
}

fn links(ended: &Ended) -> Vec<String> {
    vec![ended.sample.to_string(), ended.run.to_string()]
}

/// The case without any label: the page says ids, and stays what it was sealed as.
async fn case_of(
    site: &Site,
    permit: &Permit<RunVerb, ObjectThing>,
    ended: &Ended,
    reference: &Reference,
    quality: runs::Quality,
    part: Part,
) -> Result<Case, Failure> {
    let options = Options { limit: SHOWN, offset: 0, order: Order::Rank };
    let answer = blocking(move || variants::query(&[part], &Filter::default(), &options)).await??;
    let project = permit.in_project()?.clone();
    let class =
        site.catalog.place_in(&project).await?.and_then(|place| place.class).unwrap_or(Class::Clinical);
    let receipt = site.runs.receipts().receipt(permit, ended.run.as_str()).await?;
    let receipt = receipt::Receipt::parse(receipt.as_bytes())?;
    let statement = receipt.envelope.statement()?;
    let zygosity = |word: &str| answer.counts.zygosity.get(word).copied().unwrap_or_default();
    Ok(Case {
        sample: ended.sample.clone(),
        project,
        class,
        run: ended.run.clone(),
        reference: ended.reference.clone(),
        made: site.clock.now(),
        label: None,
        release: case::Release {
            name: statement.predicate.workflow.as_ref().map_or_else(String::new, |w| w.name.clone()),
            state: case::ReleaseState::Candidate,
        },
        quality: figures(quality),
        counts: case::Counts {
            total: answer.total,
            heterozygous: zygosity("heterozygous"),
            homozygous: zygosity("homozygous").saturating_add(zygosity("hemizygous")),
            by_impact: ["high", "moderate", "low", "modifier"]
                .map(|word| (word.to_owned(), answer.counts.impact.get(word).copied().unwrap_or_default()))
                .to_vec(),
        },
        rule: variants::RULE.to_owned(),
        variants: (1..).zip(answer.rows).map(|(rank, row)| shown(rank, row)).collect(),
        skipped: skipped(reference),
        receipt: told(&statement, receipt.inclusion.position),
    })
}

fn skipped(reference: &Reference) -> Vec<case::Skipped> {
    let steps = [
        ("genes.gff3", "consequences", "the reference has no gene models: no variant has a consequence"),
        (
            "frequencies.vcf.gz",
            "population frequencies",
            "the reference has no frequency source: rarity is not known",
        ),
        (
            "significance.vcf.gz",
            "clinical significance",
            "the reference has no significance source: nothing is known of it",
        ),
    ];
    let absent = steps.into_iter().filter(|(role, ..)| reference.file(role).is_none());
    absent.map(|(_, what, why)| case::Skipped { what: what.to_owned(), why: why.to_owned() }).collect()
}

fn figures(quality: runs::Quality) -> case::Quality {
    case::Quality {
        reads: Some(quality.reads),
        mapped: Some(quality.mapped),
        duplicates: Some(quality.duplicates),
        q30: quality.q30,
        mean_coverage: quality.mean_coverage,
        at_least_20: quality.at_least_20,
        depth_histogram: quality.depth_histogram,
        insert_sizes: quality.insert_sizes,
        quality_by_cycle: quality.quality_by_cycle,
    }
}

fn shown(rank: u32, ranked: Ranked) -> case::Variant {
    let Ranked { row, rank: why } = ranked;
    let top = row.top().cloned();
    let frequency = match row.allele_frequency {
        Some(known) => case::Frequency::Known(known),
        None if row.frequency_source => case::Frequency::Absent,
        None => case::Frequency::NoSource,
    };
    let reasons = why.reasons.into_iter().map(|r| case::Reason {
        factor: word(&r.factor),
        value: r.value,
        points: r.points,
        words: r.words,
    });
    case::Variant {
        rank,
        score: why.score,
        reasons: reasons.collect(),
        contig: row.contig,
        position: row.position,
        reference: row.reference,
        alternate: row.alternate,
        gene: top.as_ref().and_then(|c| c.gene.clone()),
        transcript: top.as_ref().and_then(|c| c.transcript.clone()),
        consequence: top.as_ref().map(|c| c.terms.clone()),
        impact: top.as_ref().map(|c| c.severity.term().impact.as_str().to_owned()),
        amino_acid_change: top.and_then(|c| c.amino_acid_change),
        genotype: row.genotype,
        zygosity: row.zygosity.as_str().to_owned(),
        depth: row.depth,
        allele_fraction: row.allele_fraction,
        quality: row.quality,
        filter: row.filter,
        frequency,
        significance: row.significance,
        conditions: row.conditions,
    }
}

/// What the page says of the run's receipt.
fn told(statement: &receipt::Statement, position: u64) -> case::Receipt {
    let predicate = &statement.predicate;
    let object = |role: &str, object: &receipt::Object| case::Material {
        role: role.to_owned(),
        name: object.id.to_string(),
        digest: format!("blake3-tree:{}", object.root),
    };
    let workflow = predicate.workflow.as_ref().map(|w| case::Material {
        role: "workflow".to_owned(),
        name: w.name.clone(),
        digest: format!("blake3:{}", w.source),
    });
    case::Receipt {
        id: predicate.id.clone(),
        ledger: predicate.ledger.origin.clone(),
        position,
        inputs: predicate.inputs.iter().map(|o| object("reads", o)).collect(),
        outputs: statement
            .subject
            .iter()
            .map(|s| case::Material {
                role: "result".to_owned(),
                name: s.name.to_string(),
                digest: format!("blake3-tree:{}", s.digest.root),
            })
            .collect(),
        workflow: workflow.unwrap_or_else(|| case::Material {
            role: "workflow".to_owned(),
            name: String::new(),
            digest: String::new(),
        }),
        tools: predicate
            .tools
            .iter()
            .map(|tool| case::Material {
                role: tool.name.clone(),
                name: tool.version.clone(),
                digest: format!("blake3:{}", tool.closure),
            })
            .collect(),
    }
}

/// The word that serde writes for a unit variant.
pub(crate) fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
