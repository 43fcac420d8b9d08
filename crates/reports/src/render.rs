//! A case becomes a page.

use crate::case::{Case, Frequency, Material, Reason, ReleaseState, Variant};
use crate::plot::{self, Plot};
use crate::{Error, Result, words};
use askama::Template;
use base::{Class, Sensitive};
use base64::Engine;
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("../templates/style.css");

/// The score at which a bar is full; a higher one is drawn full.
const FULL_SCORE: f64 = 120.0;

/// Renders a case as one HTML page that asks for nothing outside itself.
///
/// # Errors
/// [`Error::Template`] when the template fails, which no value of a case should make it do.
pub fn render(case: &Case) -> Result<String> {
    Page::new(case).render().map_err(Error::Template)
}

#[derive(Template)]
#[template(path = "case.html")]
struct Page<'a> {
    case: &'a Case,
    style: &'static str,
    style_hash: String,
    /// Revealed here and nowhere else: the caller set it for a reader with the right to view it.
    label: Option<&'a str>,
    made: String,
    state_class: &'static str,
    state_words: &'static str,
    release_words: String,
    warning: Option<&'static str>,
    tiles: Vec<Tile>,
    plots: Vec<Plot>,
    shown_words: String,
    rows: Vec<Line<'a>>,
    position: String,
    materials: Vec<(&'static str, &'a Material)>,
}

struct Tile {
    name: &'static str,
    value: String,
    note: String,
}

struct Line<'a> {
    v: &'a Variant,
    consequence: Option<String>,
    impact_class: &'static str,
    amino: Option<String>,
    position: String,
    score: String,
    reference: String,
    alternate: String,
    reads: String,
    frequency: String,
    significance: Option<String>,
    conditions: String,
    bars: Vec<(String, String, &'static str)>,
    reasons: Vec<Why<'a>>,
}

struct Why<'a> {
    factor: &'static str,
    minus: bool,
    points: String,
    words: &'a str,
}

impl<'a> Page<'a> {
    fn new(case: &'a Case) -> Self {
        let (state_class, state_words) = match case.release.state {
            ReleaseState::Candidate => ("candidate", "Candidate release"),
            ReleaseState::Approved => ("approved", "Approved release"),
            ReleaseState::Retired => ("retired", "Retired release"),
        };
        let quality = &case.quality;
        let plots = [
            plot::depth(&quality.depth_histogram),
            plot::insert_size(&quality.insert_sizes),
            plot::by_cycle(&quality.quality_by_cycle),
        ];
        Self {
            case,
            style: STYLE,
            style_hash: style_hash(),
            label: case.label.as_ref().map(Sensitive::reveal).map(String::as_str),
            made: case.made.strftime("%-d %B %Y, %H:%M UTC").to_string(),
            state_class,
            state_words,
            release_words: release_words(case),
            warning: warning(case),
            tiles: tiles(case),
            plots: plots.into_iter().flatten().collect(),
            shown_words: shown_words(case),
            rows: case.variants.iter().map(Line::new).collect(),
            position: words::count(case.receipt.position),
            materials: materials(case),
        }
    }
}

/// The page's policy admits its own style and nothing else.
fn style_hash() -> String {
    let digest = Sha256::digest(STYLE.as_bytes());
    format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(digest))
}

/// Only an approved release in a clinical project is meant for care.
fn warning(case: &Case) -> Option<&'static str> {
    match (case.class, case.release.state) {
        (Class::Clinical, ReleaseState::Approved) => None,
        (Class::Clinical, ReleaseState::Candidate) => {
            Some("The workflow that made this report is a candidate and has not been approved for care.")
        }
        (Class::Clinical, ReleaseState::Retired) => {
            Some("The workflow that made this report is retired; new cases need an approved release.")
        }
        (Class::Sandbox, _) => {
            Some("This is sandbox output: invented or public data, for trying things out.")
        }
        (Class::Research | Class::Controlled, _) => {
            Some("This is research output; a finding that matters to a person must be confirmed clinically.")
        }
    }
}

fn release_words(case: &Case) -> String {
    let state = match case.release.state {
        ReleaseState::Candidate => "a candidate release, not yet approved",
        ReleaseState::Approved => "an approved release",
        ReleaseState::Retired => "a retired release",
    };
    format!("Made by {}, {state}.", case.release.name)
}

fn tiles(case: &Case) -> Vec<Tile> {
    let q = &case.quality;
    let of_reads = |n: Option<u64>| {
        let part = n? as f64 / q.reads.filter(|reads| *reads > 0)? as f64;
        Some(words::share(part))
    };
    let mut tiles = Vec::new();
    let mut add = |name, value: Option<String>, note: String| {
        tiles.extend(value.map(|value| Tile { name, value, note }));
    };
    add("Reads", q.reads.map(words::count), String::new());
    add("Mapped", of_reads(q.mapped), q.mapped.map(words::count).unwrap_or_default());
    add("Duplicates", of_reads(q.duplicates), q.duplicates.map(words::count).unwrap_or_default());
    add("Bases ≥ Q30", q.q30.map(words::share), String::new());
    add("Mean coverage", q.mean_coverage.map(|mean| format!("{mean:.1}×")), String::new());
    add("Covered ≥ 20×", q.at_least_20.map(words::share), String::new());
    let genotypes = format!(
        "{} het, {} hom",
        words::count(case.counts.heterozygous),
        words::count(case.counts.homozygous)
    );
    add("Variants", Some(words::count(case.counts.total)), genotypes);
    for (_, n) in case.counts.by_impact.iter().filter(|(impact, _)| impact == "high") {
        add("High impact", Some(words::count(*n)), "by consequence".to_owned());
    }
    tiles
}

fn shown_words(case: &Case) -> String {
    let total = words::count(case.counts.total);
    let shown = words::count(case.variants.len() as u64);
    match (case.variants.len(), case.counts.total) {
        (0, 0) => "No variant was called.".to_owned(),
        (n, total) if n as u64 == total => format!("All {shown} variants, by rank."),
        _ => format!("The first {shown} of {total} variants, by rank."),
    }
}

fn materials(case: &Case) -> Vec<(&'static str, &Material)> {
    let receipt = &case.receipt;
    let mut materials = vec![("Workflow", &receipt.workflow)];
    materials.extend(receipt.inputs.iter().map(|material| ("Input", material)));
    materials.extend(receipt.tools.iter().map(|material| ("Tool", material)));
    materials.extend(receipt.outputs.iter().map(|material| ("Output", material)));
    materials
}

impl<'a> Line<'a> {
    fn new(v: &'a Variant) -> Self {
        Self {
            v,
            consequence: v.consequence.as_deref().map(spaced),
            impact_class: match v.impact.as_deref() {
                Some("high") => "high",
                Some("moderate") => "moderate",
                Some("low") => "low",
                _ => "modifier",
            },
            amino: v.amino_acid_change.as_deref().map(|text| shortened(text, 28)),
            position: words::position(v.position),
            score: words::points(v.score),
            reference: words::allele(&v.reference),
            alternate: words::allele(&v.alternate),
            reads: reads(v),
            frequency: match v.frequency {
                Frequency::NoSource => "no source given".to_owned(),
                Frequency::Absent => "not seen".to_owned(),
                Frequency::Known(f) => words::frequency(f),
            },
            significance: v.significance.as_deref().map(spaced),
            conditions: v.conditions.join(", "),
            bars: bars(&v.reasons),
            reasons: v.reasons.iter().map(Why::new).collect(),
        }
    }
}

impl<'a> Why<'a> {
    fn new(reason: &'a Reason) -> Self {
        let points = match reason.points {
            n if n > 0 => format!("+{n}"),
            n => words::points(n),
        };
        Self { factor: factor(reason), minus: reason.points < 0, points, words: &reason.words }
    }
}

/// The class of a factor; what is not known counts as confidence, never as text of the page.
fn factor(reason: &Reason) -> &'static str {
    match reason.factor.as_str() {
        "consequence" => "consequence",
        "significance" => "significance",
        "rarity" => "rarity",
        _ => "confidence",
    }
}

/// Where the parts of the score lie: start, width and factor. What takes points away is not
/// drawn; it shortens the last parts.
fn bars(reasons: &[Reason]) -> Vec<(String, String, &'static str)> {
    let score: i32 = reasons.iter().map(|reason| reason.points).sum();
    let end = f64::from(score.max(0)).min(FULL_SCORE);
    let mut start = 0.0;
    let mut bars = Vec::new();
    for reason in reasons.iter().filter(|reason| reason.points > 0) {
        let width = f64::from(reason.points).min(end - start);
        if width > 0.0 {
            bars.push((format!("{start:.0}"), format!("{width:.0}"), factor(reason)));
            start += width;
        }
    }
    bars
}

fn reads(v: &Variant) -> String {
    let mut parts = Vec::new();
    parts.extend(v.depth.map(|depth| format!("{depth} reads")));
    parts.extend(v.allele_fraction.map(|share| format!("{:.0}\u{202f}% variant", share * 100.0)));
    parts.extend(
        v.filter.as_deref().filter(|filter| *filter != "PASS").map(|filter| format!("filter {filter}")),
    );
    parts.join(", ")
}

fn spaced(terms: &str) -> String {
    terms.replace('_', " ").replace('&', ", ").replace('|', "; ")
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most).chain(['…']).collect()
}
