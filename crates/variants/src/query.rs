//! Parts and a filter become ranked rows and counts.
//!
//! Row groups that the statistics rule out are neither decrypted nor decoded. Memory follows the
//! limit, not the number of rows that match.

use crate::consequence::Severity;
use crate::filter::{ConsequenceFilter, Filter, has_gene};
use crate::part::{self, Part};
use crate::{Rank, Result, Row, Zygosity, rank};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// In which order rows come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// By the ranking rule, highest score first.
    #[default]
    Rank,
    /// By contig, as people count, and position.
    Place,
}

/// How many rows come back, and how.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Rows to return at most.
    pub limit: usize,
    /// Rows to leave out at the start.
    pub offset: usize,
    /// The order.
    pub order: Order,
}

impl Default for Options {
    fn default() -> Self {
        Self { limit: 100, offset: 0, order: Order::Rank }
    }
}

/// A row and its rank.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Ranked {
    /// The row.
    pub row: Row,
    /// Its score and the reasons.
    pub rank: Rank,
}

/// Counts over all rows that match, whatever the limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// By impact of the severest consequence; `none` for rows without one.
    pub impact: BTreeMap<&'static str, u64>,
    /// By genotype class.
    pub zygosity: BTreeMap<&'static str, u64>,
    /// By class of clinical significance; `none` for rows without one.
    pub significance: BTreeMap<&'static str, u64>,
    /// By contig.
    pub contig: BTreeMap<String, u64>,
    /// Rows without a frequency that a greatest frequency kept as absent from the population.
    pub kept_without_frequency: u64,
    /// Row groups of all parts.
    pub row_groups: u64,
    /// Row groups that were decrypted; the statistics ruled the others out.
    pub row_groups_read: u64,
}

/// What a query gives.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Answer {
    /// Rows that match.
    pub total: u64,
    /// Those asked for, in the order asked for.
    pub rows: Vec<Ranked>,
    /// Counts over all that match.
    pub counts: Counts,
    /// What a reader of the answer should know, in sentences without a full stop.
    pub notes: Vec<String>,
}

/// Rows of `parts` that `filter` keeps.
///
/// # Errors
/// [`crate::Error::Sealed`] for a wrong key or changed bytes in any part: no row of any part is
/// given then. [`crate::Error::Foreign`] for a file that is no part.
pub fn query(parts: &[Part], filter: &Filter, options: &Options) -> Result<Answer> {
    let mut counts = Counts::default();
    let mut best = Best { options, rows: Vec::new() };
    let mut total = 0u64;
    let mut sourceless = false;
    let mut contigs = BTreeSet::new();
    let mut unseen: Vec<&String> = filter.genes.iter().collect();
    for part in parts {
        contigs.extend(part::about(part)?.contigs.into_keys());
        let groups = part::read(
            part,
            |group| may_match(group, filter),
            |row| {
                unseen.retain(|gene| !has_gene(&row, gene));
                if !filter.keeps(&row) {
                    return;
                }
                total += 1;
                sourceless |= !row.frequency_source;
                count(&mut counts, filter, &row);
                best.offer(row);
            },
        )?;
        counts.row_groups += groups.all as u64;
        counts.row_groups_read += groups.read as u64;
    }
    let mut notes = notes(filter, &counts, sourceless);
    notes.extend(filter.regions.iter().filter_map(|region| unknown_contig(&region.contig, &contigs)));
    notes.extend(unseen.into_iter().map(|gene| unknown_gene(gene, &counts)));
    Ok(Answer { total, rows: best.finish(), counts, notes })
}

fn notes(filter: &Filter, counts: &Counts, sourceless: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if filter.max_frequency.is_some() && counts.kept_without_frequency > 0 {
        let n = counts.kept_without_frequency;
        notes.push(format!(
            "{n} rows have no frequency; they count as absent from the population and are kept"
        ));
    }
    if filter.max_frequency.is_some() && sourceless {
        notes.push(
            "some rows were loaded without a frequency source, so the frequency filter says nothing \
                    about them"
                .to_owned(),
        );
    }
    notes
}

/// `20` asked of parts that say `chr20` is a question that people ask.
fn unknown_contig(contig: &str, contigs: &BTreeSet<String>) -> Option<String> {
    if contigs.contains(contig) {
        return None;
    }
    let bare = |name: &str| name.strip_prefix("chr").unwrap_or(name).to_owned();
    let meant = contigs.iter().find(|name| bare(name) == bare(contig));
    Some(match meant {
        Some(name) => format!("no variant lies on contig `{contig}`; these parts call it `{name}`"),
        None => format!("no variant lies on contig `{contig}`"),
    })
}

/// A gene that none of the rows read carries: mistyped, or without a variant.
fn unknown_gene(gene: &str, counts: &Counts) -> String {
    let where_to = match counts.row_groups_read == counts.row_groups {
        true => "no variant",
        false => "none of the variants that the other conditions leave",
    };
    format!(
        "{where_to} lies in a gene called `{gene}`; check the symbol, and that the reference has gene models"
    )
}

fn count(counts: &mut Counts, filter: &Filter, row: &Row) {
    let impact = row.severity().map_or("none", |severity| severity.term().impact.as_str());
    *counts.impact.entry(impact).or_default() += 1;
    *counts.zygosity.entry(row.zygosity.as_str()).or_default() += 1;
    let class = row.significance_class.map_or("none", |class| class.as_str());
    *counts.significance.entry(class).or_default() += 1;
    match counts.contig.get_mut(&row.contig) {
        Some(n) => *n += 1,
        None => {
            counts.contig.insert(row.contig.clone(), 1);
        }
    }
    if filter.max_frequency.is_some() && row.allele_frequency.is_none() {
        counts.kept_without_frequency += 1;
    }
}

/// The first rows in the order asked for, kept within a bounded buffer.
struct Best<'a> {
    options: &'a Options,
    rows: Vec<Ranked>,
}

impl Best<'_> {
    fn offer(&mut self, row: Row) {
        if self.wanted() == 0 {
            return;
        }
        let rank = rank(&row);
        self.rows.push(Ranked { row, rank });
        if self.rows.len() >= self.wanted().saturating_mul(2).max(1024) {
            self.shrink();
        }
    }

    fn wanted(&self) -> usize {
        if self.options.limit == 0 { 0 } else { self.options.limit.saturating_add(self.options.offset) }
    }

    fn shrink(&mut self) {
        let order = self.options.order;
        self.rows.sort_by(|a, b| compare(order, a, b));
        self.rows.truncate(self.wanted());
    }

    fn finish(mut self) -> Vec<Ranked> {
        self.shrink();
        self.rows.into_iter().skip(self.options.offset).collect()
    }
}

/// Highest score first; of equals the severer consequence, then the place. Two different rows
/// are never equal unless they say the same of one sample and allele.
fn compare(order: Order, a: &Ranked, b: &Ranked) -> Ordering {
    let by_rank = match order {
        Order::Rank => b.rank.score.cmp(&a.rank.score).then_with(|| b.row.severity().cmp(&a.row.severity())),
        Order::Place => Ordering::Equal,
    };
    by_rank.then_with(|| a.row.place(&b.row))
}

/// Whether a row group can hold a row that the filter keeps, as far as its statistics tell.
fn may_match(group: &RowGroupMetaData, filter: &Filter) -> bool {
    let statistics = |name: &str| {
        group
            .columns()
            .iter()
            .find(|column| column.column_path().string() == name)
            .and_then(|c| c.statistics())
    };
    let in_regions = filter.regions.is_empty()
        || filter.regions.iter().any(|region| {
            between(statistics("contig"), region.contig.as_bytes())
                && reaches_from_below(statistics("position"), region.end)
                && reaches_from_above(statistics("end"), region.start)
        });
    in_regions
        && least(filter.min_quality, statistics("quality"))
        && least_count(filter.min_depth, statistics("depth"))
        && least_count(filter.min_genotype_quality, statistics("genotype_quality"))
        && severe_enough(filter, statistics("severity"))
        && any_word(filter.genotypes.iter().map(|z| Zygosity::as_str(*z)), statistics("zygosity"))
        && any_word(filter.significance.iter().map(|c| c.as_str()), statistics("significance_class"))
}

fn reaches_from_below(statistics: Option<&Statistics>, end: u64) -> bool {
    match statistics {
        Some(Statistics::Int64(s)) => {
            s.min_opt().is_none_or(|min| u64::try_from(*min).is_ok_and(|min| min <= end))
        }
        _ => true,
    }
}

fn reaches_from_above(statistics: Option<&Statistics>, start: u64) -> bool {
    match statistics {
        Some(Statistics::Int64(s)) => {
            s.max_opt().is_none_or(|max| u64::try_from(*max).is_ok_and(|max| max >= start))
        }
        _ => true,
    }
}

/// Whether a text lies between the least and the greatest of a column.
fn between(statistics: Option<&Statistics>, text: &[u8]) -> bool {
    match statistics {
        Some(Statistics::ByteArray(s)) => {
            s.min_opt().is_none_or(|min| min.data() <= text)
                && s.max_opt().is_none_or(|max| text <= max.data())
        }
        _ => true,
    }
}

fn any_word<'a>(mut words: impl ExactSizeIterator<Item = &'a str>, statistics: Option<&Statistics>) -> bool {
    words.len() == 0 || words.any(|word| between(statistics, word.as_bytes()))
}

fn least(least: Option<f32>, statistics: Option<&Statistics>) -> bool {
    match (least, statistics) {
        (Some(least), Some(Statistics::Float(s))) => s.max_opt().is_none_or(|max| *max >= least),
        _ => true,
    }
}

fn least_count(least: Option<u32>, statistics: Option<&Statistics>) -> bool {
    match (least, statistics) {
        (Some(least), Some(Statistics::Int32(s))) => {
            s.max_opt().is_none_or(|max| u32::try_from(*max).is_ok_and(|max| max >= least))
        }
        _ => true,
    }
}

/// Severity places count down: the severest of a group is the least of its column.
fn severe_enough(filter: &Filter, statistics: Option<&Statistics>) -> bool {
    let Some(Statistics::Int32(s)) = statistics else { return true };
    let Some(severest) = s.min_opt().map(|place| Severity::from_place(*place)) else {
        return true;
    };
    filter.consequences.is_empty()
        || filter.consequences.iter().any(|condition| match condition {
            ConsequenceFilter::Impact(least) => severest.term().impact >= *least,
            // A term can stand in a lesser consequence of the row, but none is severer than the top.
            ConsequenceFilter::AtLeast(least) | ConsequenceFilter::Term(least) => severest >= *least,
        })
}
