//! A VCF and its annotation sources become a part.

use crate::annotate::Index;
use crate::consequence::{self, Consequence, Entry};
use crate::part::{self, Description};
use crate::vcf::{Call, Kind, Reader, Record};
use crate::{Error, Result, Row, Zygosity};
use base::{ReferenceId, RunId, SampleId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{Read, Write};

const WHAT: &str = "the variant file";

/// Most rows that one part takes: they are sorted in memory, at about a kilobyte each. A human
/// genome has about five million.
const ROW_LIMIT: usize = 10_000_000;

/// Annotation sources, each a VCF, plain or BGZF; one that is absent is skipped, and rows and
/// part say so.
#[derive(Default)]
pub struct Sources<'a> {
    /// Population frequencies: INFO/AF, or AC and AN.
    pub frequencies: Option<Box<dyn Read + 'a>>,
    /// Clinical significance: INFO/CLNSIG, CLNDISDB, CLNREVSTAT, as ClinVar writes them.
    pub significance: Option<Box<dyn Read + 'a>>,
}

/// How sample columns get their ids.
#[derive(Debug, Clone, Default)]
pub enum Columns {
    /// The column's name is the id, as it is when read groups carry ids.
    #[default]
    AreIds,
    /// The ids by column name; a column that is not named here is refused.
    Named(BTreeMap<String, SampleId>),
    /// The file has one sample column, of this sample, whatever its name.
    Only(SampleId),
}

/// What the caller knows about the file.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// How sample columns get their ids.
    pub columns: Columns,
    /// Records that the file must hold, when the caller counted them.
    pub expected_records: Option<u64>,
    /// The run that made the file.
    pub run: Option<RunId>,
    /// The reference it was called against.
    pub reference: Option<ReferenceId>,
}

/// What became of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Loaded {
    /// Records of the variant file.
    pub records: u64,
    /// Rows of the part: one for each alternate allele that a sample carries.
    pub rows: u64,
    /// Genotypes seen: records times samples.
    pub genotypes: u64,
    /// Rows with at least one consequence.
    pub with_consequence: u64,
    /// Rows whose allele the frequency source has; absent when none was given.
    pub with_frequency: Option<u64>,
    /// Rows whose allele the significance source has; absent when none was given.
    pub with_significance: Option<u64>,
    /// What did not become a row, or only in part.
    pub skipped: Skipped,
}

/// Counts of what did not become a row, or only in part.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Skipped {
    /// Genotypes that carry the reference allele alone.
    pub reference_genotypes: u64,
    /// Genotypes without a call.
    pub missing_genotypes: u64,
    /// Carried alleles that stand for no variant: `*`, `<*>`, `<NON_REF>`.
    pub placeholder_alleles: u64,
    /// Records at position 0, before the contig's first base.
    pub telomeres: u64,
    /// `@pos` pointers that led to no consequence naming this variant.
    pub unresolved_compounds: u64,
    /// BCSQ entries that do not parse.
    pub unknown_consequences: u64,
    /// Rows that say the same as an earlier one: same sample, place and alleles. They are kept.
    pub repeated_rows: u64,
}

/// Reads `vcf`, annotates it and writes one encrypted part to `out`.
///
/// `footer_key` is the part's own key; it must not be used for anything else. Nothing is written
/// before the whole file was read and checked: its BGZF end marker and last line, each record,
/// the count that the plan expects, and an opaque id for each sample column.
///
/// # Errors
/// [`Error::Cut`], [`Error::NotBgzf`], [`Error::Malformed`], [`Error::Read`] for the files;
/// [`Error::Count`] for another number of records; [`Error::NoSamples`], [`Error::NoId`],
/// [`Error::TwiceTheSample`] for the columns; [`Error::Write`].
pub fn load<'a>(
    vcf: impl Read + 'a,
    sources: Sources<'_>,
    plan: &Plan,
    footer_key: &[u8; 32],
    out: impl Write + Send,
) -> Result<Loaded> {
    let mut reader = Reader::open(Kind::Calls, WHAT, Box::new(vcf))?;
    let samples = sample_ids(&reader.sample_columns(), &plan.columns)?;
    let mut loaded = Loaded::default();
    let mut rows = read_rows(&mut reader, &samples, &mut loaded)?;
    loaded.records = reader.records();
    if let Some(expected) = plan.expected_records.filter(|expected| *expected != loaded.records) {
        return Err(Error::Count { expected, found: loaded.records });
    }
    loaded.rows = rows.len() as u64;
    rows.sort_by(part::order);
    loaded.skipped.repeated_rows = repeated(&rows);
    loaded.with_consequence = rows.iter().filter(|row| !row.consequences.is_empty()).count() as u64;
    let index = Index::new(&rows);
    if let Some(source) = sources.frequencies {
        loaded.with_frequency = Some(index.frequencies(&mut rows, source)?);
    }
    if let Some(source) = sources.significance {
        loaded.with_significance = Some(index.significance(&mut rows, source)?);
    }
    let mut contigs: BTreeMap<String, u64> = BTreeMap::new();
    rows.iter().for_each(|row| *contigs.entry(row.contig.clone()).or_default() += 1);
    let description = Description {
        contigs,
        samples,
        run: plan.run.clone(),
        reference: plan.reference.clone(),
        loaded: loaded.clone(),
    };
    part::write(&rows, &description, footer_key, out)?;
    Ok(loaded)
}

fn sample_ids(columns: &[String], plan: &Columns) -> Result<Vec<SampleId>> {
    if columns.is_empty() {
        return Err(Error::NoSamples);
    }
    let mut seen = BTreeSet::new();
    let mut ids = Vec::with_capacity(columns.len());
    for (i, name) in columns.iter().enumerate() {
        let id = match plan {
            Columns::AreIds => name.parse().ok(),
            Columns::Named(names) => names.get(name).cloned(),
            Columns::Only(id) => Some(id.clone()).filter(|_| columns.len() == 1),
        };
        let id = id.ok_or(Error::NoId { column: i + 1 })?;
        if !seen.insert(id.clone()) {
            return Err(Error::TwiceTheSample(id));
        }
        ids.push(id);
    }
    Ok(ids)
}

fn read_rows(reader: &mut Reader<'_>, samples: &[SampleId], loaded: &mut Loaded) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut book = Book::default();
    while let Some(record) = reader.next(|site| site.whole())? {
        loaded.genotypes += samples.len() as u64;
        if record.position == 0 {
            loaded.skipped.telomeres += 1;
            continue;
        }
        let entries = parse_entries(&record, &mut loaded.skipped);
        book.add(&record, &entries);
        for (call, sample) in record.calls.iter().zip(samples) {
            add_rows(&record, &entries, call, sample, &mut rows, &mut book, &mut loaded.skipped)
                .map_err(|why| reader.malformed(why))?;
        }
        let absent = samples.len().saturating_sub(record.calls.len());
        loaded.skipped.missing_genotypes += absent as u64;
        if rows.len() > ROW_LIMIT {
            return Err(Error::TooMany { limit: ROW_LIMIT });
        }
    }
    book.resolve(&mut rows, &mut loaded.skipped);
    rows.iter_mut().for_each(|row| consequence::sort(&mut row.consequences));
    Ok(rows)
}

/// The record's BCSQ entries with their numbers, which FORMAT/BCSQ refers to.
fn parse_entries(record: &Record, skipped: &mut Skipped) -> Vec<(usize, Entry)> {
    let mut entries = Vec::with_capacity(record.consequences.len());
    for (i, text) in record.consequences.iter().enumerate() {
        match Entry::parse(text) {
            Some(entry) => entries.push((i, entry)),
            None => skipped.unknown_consequences += 1,
        }
    }
    entries
}

fn add_rows(
    record: &Record,
    entries: &[(usize, Entry)],
    call: &Call,
    sample: &SampleId,
    rows: &mut Vec<Row>,
    book: &mut Book,
    skipped: &mut Skipped,
) -> std::result::Result<(), &'static str> {
    if call.alleles.iter().flatten().any(|allele| *allele > record.alternates.len()) {
        return Err("a genotype names an allele that the record does not have");
    }
    if call.alleles.iter().all(Option::is_none) {
        skipped.missing_genotypes += 1;
        return Ok(());
    }
    let carried: BTreeSet<usize> = call.alleles.iter().flatten().copied().filter(|n| *n > 0).collect();
    if carried.is_empty() {
        skipped.reference_genotypes += 1;
        return Ok(());
    }
    for allele in carried {
        let Some(alternate) = record.alternates.get(allele - 1) else { continue };
        let Some(zygosity) = Zygosity::of(&call.alleles, allele) else { continue };
        if matches!(alternate.as_str(), "*" | "<*>" | "<NON_REF>") {
            skipped.placeholder_alleles += 1;
            continue;
        }
        let mut row = row(record, call, sample, allele, alternate, zygosity);
        for (number, entry) in entries {
            // The mask tells haplotypes apart, which only changes of a protein depend on; introns and
            // splice sites are written with an empty one.
            let of_haplotype = !matches!(entry, Entry::Here(here) if here.amino_acid_change.is_none());
            if of_haplotype && !has_bit(&call.consequence_bits, *number) {
                continue;
            }
            match entry {
                Entry::Here(here) => {
                    let names = here.names(record.position, &record.reference, alternate);
                    // Of several alternate alleles, an entry that names its bases is one's alone.
                    if names != Some(false) || record.alternates.len() == 1 {
                        row.consequences.push(here.clone());
                    }
                }
                Entry::At(position) => book.pointers.push((rows.len(), *position)),
            }
        }
        rows.push(row);
    }
    Ok(())
}

fn row(
    record: &Record,
    call: &Call,
    sample: &SampleId,
    allele: usize,
    alternate: &str,
    zygosity: Zygosity,
) -> Row {
    let depth_of = |n: usize| call.allele_depths.get(n).copied().flatten();
    let total: u64 = call.allele_depths.iter().flatten().map(|n| u64::from(*n)).sum();
    let fraction = depth_of(allele).filter(|_| total > 0).map(|n| (f64::from(n) / total as f64) as f32);
    Row {
        sample: sample.clone(),
        contig: record.contig.clone(),
        position: record.position,
        reference: record.reference.clone(),
        alternate: alternate.to_owned(),
        id: record.id.clone(),
        quality: record.quality,
        filter: record.filter.clone(),
        genotype: call.genotype.clone(),
        zygosity,
        depth: call.depth,
        reference_depth: depth_of(0),
        alternate_depth: depth_of(allele),
        allele_fraction: fraction,
        genotype_quality: call.genotype_quality,
        consequences: Vec::new(),
        allele_frequency: None,
        significance: None,
        significance_class: None,
        conditions: Vec::new(),
        review_status: None,
        frequency_source: false,
        significance_source: false,
    }
}

/// Whether FORMAT/BCSQ names entry `number` on either haplotype: two bits an entry, 30 of each
/// integer in use (bcftools manual, `csq`). Without the field, all entries are the sample's.
fn has_bit(bits: &[i32], number: usize) -> bool {
    // No mask, or one that says nothing of any entry, rules nothing out.
    if bits.iter().all(|word| *word == 0) {
        return true;
    }
    match bits.get(number / 15) {
        Some(word) => (word >> (2 * (number % 15))) & 3 != 0,
        // The tool stops counting there; an entry beyond it is not ruled out.
        None => true,
    }
}

/// Consequences by place, for the pointers of others.
#[derive(Default)]
struct Book {
    consequences: HashMap<(String, u64), Vec<Consequence>>,
    /// A row and the position that it points to.
    pointers: Vec<(usize, u64)>,
}

impl Book {
    fn add(&mut self, record: &Record, entries: &[(usize, Entry)]) {
        let compounds = entries.iter().filter_map(|(_, entry)| match entry {
            Entry::Here(here) if here.dna_change.as_deref().is_some_and(|change| change.contains('+')) => {
                Some(here.clone())
            }
            _ => None,
        });
        let compounds: Vec<Consequence> = compounds.collect();
        if !compounds.is_empty() {
            self.consequences.entry((record.contig.clone(), record.position)).or_default().extend(compounds);
        }
    }

    /// Gives each pointing row the consequences that name it at the place it points to.
    fn resolve(&self, rows: &mut [Row], skipped: &mut Skipped) {
        for (row, position) in &self.pointers {
            let Some(row) = rows.get_mut(*row) else { continue };
            let there = self.consequences.get(&(row.contig.clone(), *position));
            let naming = there.into_iter().flatten().filter(|consequence| {
                consequence.names(row.position, &row.reference, &row.alternate) == Some(true)
            });
            let before = row.consequences.len();
            for consequence in naming {
                let consequence = Consequence { compound: true, ..consequence.clone() };
                if !row.consequences.contains(&consequence) {
                    row.consequences.push(consequence);
                }
            }
            if row.consequences.len() == before {
                skipped.unresolved_compounds += 1;
            }
        }
    }
}

fn repeated(rows: &[Row]) -> u64 {
    let same = |a: &Row, b: &Row| part::order(a, b).is_eq();
    rows.iter().zip(rows.iter().skip(1)).filter(|(a, b)| same(a, b)).count() as u64
}
