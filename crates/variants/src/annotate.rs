//! Frequencies and clinical significance, found by normalised allele.
//!
//! Alleles meet in their shortest form: the bases that reference and alternate share at the end,
//! then those at the start, are taken off (Tan, Abecasis & Kang 2015,
//! doi:10.1093/bioinformatics/btv112, without the shift to the left, which needs the reference:
//! both files are expected left-aligned). Sources are streamed once and matched against the
//! variants in memory, so a source may be of any size and order.

use crate::significance::Class;
use crate::vcf::{Kind, Reader, Record, Site};
use crate::{Result, Row};
use std::collections::HashMap;
use std::io::Read;

const FREQUENCIES: &str = "the frequency file";
const SIGNIFICANCE: &str = "the significance file";

/// Where the rows of a place are: contig number, position in the shortest form, row; sorted.
pub(crate) struct Index {
    contigs: HashMap<String, u32>,
    places: Vec<(u32, u64, usize)>,
}

impl Index {
    /// Indexes `rows` by place.
    pub(crate) fn new(rows: &[Row]) -> Self {
        let mut contigs: HashMap<String, u32> = HashMap::new();
        let mut places = Vec::with_capacity(rows.len());
        for (i, row) in rows.iter().enumerate() {
            let next = u32::try_from(contigs.len()).unwrap_or(u32::MAX);
            let contig = match contigs.get(&row.contig) {
                Some(contig) => *contig,
                None => *contigs.entry(row.contig.clone()).or_insert(next),
            };
            let (shift, _, _) = shortest(&row.reference, &row.alternate);
            places.push((contig, row.position.saturating_add(shift), i));
        }
        places.sort_unstable();
        Self { contigs, places }
    }

    /// Hands each row that has the record's allele to `change`.
    fn for_each(&self, rows: &mut [Row], record: &Record, alternate: &str, mut change: impl FnMut(&mut Row)) {
        let Some(contig) = self.contigs.get(&record.contig) else { return };
        let (shift, wanted_reference, wanted_alternate) = shortest(&record.reference, alternate);
        let place = (*contig, record.position.saturating_add(shift));
        let start = self.places.partition_point(|(contig, position, _)| (*contig, *position) < place);
        let here =
            self.places.iter().skip(start).take_while(|(contig, position, _)| (*contig, *position) == place);
        for (_, _, i) in here {
            let Some(row) = rows.get_mut(*i) else { continue };
            let (_, reference, alternate) = shortest(&row.reference, &row.alternate);
            if (reference, alternate) == (wanted_reference, wanted_alternate) {
                change(row);
            }
        }
    }

    /// Fills in allele frequencies and returns the number of rows that got one. Of several
    /// records for an allele the highest frequency counts: it is the careful one for rarity.
    pub(crate) fn frequencies(&self, rows: &mut [Row], source: Box<dyn Read + '_>) -> Result<u64> {
        let mut reader = Reader::open(Kind::Source, FREQUENCIES, source)?;
        while let Some((record, frequencies)) = reader.next(|site| (site.place(), frequencies(site)))? {
            for (alternate, frequency) in record.alternates.iter().zip(frequencies) {
                let Some(frequency) = frequency else { continue };
                if !(0.0..=1.0).contains(&frequency) {
                    return Err(reader.malformed("an allele frequency is not between 0 and 1"));
                }
                self.for_each(rows, &record, alternate, |row| {
                    row.allele_frequency = Some(row.allele_frequency.unwrap_or(0.0).max(frequency));
                });
            }
        }
        rows.iter_mut().for_each(|row| row.frequency_source = true);
        Ok(rows.iter().filter(|row| row.allele_frequency.is_some()).count() as u64)
    }

    /// Fills in significance and returns the number of rows that got one. Several statements for
    /// an allele are joined by `|` in the source's order.
    pub(crate) fn significance(&self, rows: &mut [Row], source: Box<dyn Read + '_>) -> Result<u64> {
        let mut reader = Reader::open(Kind::Source, SIGNIFICANCE, source)?;
        while let Some((record, statement)) = reader.next(|site| (site.place(), Statement::of(site)))? {
            for alternate in &record.alternates {
                self.for_each(rows, &record, alternate, |row| statement.add_to(row));
            }
        }
        for row in rows.iter_mut() {
            row.significance_source = true;
            row.significance_class = row.significance.as_deref().and_then(Class::of);
        }
        Ok(rows.iter().filter(|row| row.significance.is_some()).count() as u64)
    }
}

/// One frequency for each alternate allele: INFO/AF, or AC over AN. An AN of 0 tells nothing.
fn frequencies(site: &Site<'_>) -> Vec<Option<f64>> {
    let given = site.numbers("AF");
    if !given.is_empty() {
        return given;
    }
    let total = site.numbers("AN").first().copied().flatten().filter(|n| *n > 0.0);
    match total {
        Some(total) => site.numbers("AC").into_iter().map(|count| count.map(|n| n / total)).collect(),
        None => Vec::new(),
    }
}

/// What a significance record says about its alleles.
struct Statement {
    significance: Option<String>,
    conditions: Vec<String>,
    review: Option<String>,
}

impl Statement {
    fn of(site: &Site<'_>) -> Self {
        // ClinVar's own VCF first, then the common derived tables'.
        let first = |keys: &[&str]| -> Option<String> {
            let texts = keys.iter().map(|key| site.texts(key)).find(|texts| !texts.is_empty())?;
            Some(texts.join(",")).filter(|text| !text.is_empty() && text != ".")
        };
        let conditions = first(&["CLNDISDB", "XREFS"]).unwrap_or_default();
        Self {
            significance: first(&["CLNSIG", "CLINICAL_SIGNIFICANCE", "CLIN_SIG"]),
            conditions: conditions
                .split(['|', ',', ';'])
                .filter(|id| !id.is_empty() && *id != ".")
                .map(str::to_owned)
                .collect(),
            review: first(&["CLNREVSTAT", "REVIEW_STATUS"]),
        }
    }

    fn add_to(&self, row: &mut Row) {
        add(&mut row.significance, self.significance.as_deref());
        add(&mut row.review_status, self.review.as_deref());
        for id in &self.conditions {
            if !row.conditions.contains(id) {
                row.conditions.push(id.clone());
            }
        }
    }
}

fn add(to: &mut Option<String>, text: Option<&str>) {
    match (to.as_mut(), text) {
        (_, None) => {}
        (None, Some(text)) => *to = Some(text.to_owned()),
        (Some(there), Some(text)) => {
            if !there.split('|').any(|part| part == text) {
                there.push('|');
                there.push_str(text);
            }
        }
    }
}

/// The shortest form of two alleles and how far their start moved. One base of each stays.
fn shortest<'a>(reference: &'a str, alternate: &'a str) -> (u64, &'a str, &'a str) {
    let (mut r, mut a) = (reference, alternate);
    let is_bases = |text: &str| text.bytes().all(|b| b.is_ascii_alphabetic());
    if !is_bases(r) || !is_bases(a) {
        return (0, r, a);
    }
    while let (Some((r_rest, r_last)), Some((a_rest, a_last))) = (split_last(r), split_last(a)) {
        if r_last != a_last || r_rest.is_empty() || a_rest.is_empty() {
            break;
        }
        (r, a) = (r_rest, a_rest);
    }
    let mut shift = 0;
    while let (Some((r_first, r_rest)), Some((a_first, a_rest))) =
        (r.split_at_checked(1), a.split_at_checked(1))
    {
        if r_first != a_first || r_rest.is_empty() || a_rest.is_empty() {
            break;
        }
        (r, a) = (r_rest, a_rest);
        shift += 1;
    }
    (shift, r, a)
}

fn split_last(text: &str) -> Option<(&str, &str)> {
    text.split_at_checked(text.len().checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alleles_meet_in_their_shortest_form() {
        let check = |r, a, expected| assert_eq!(shortest(r, a), expected, "{r}>{a}");
        check("A", "T", (0, "A", "T"));
        check("CTT", "CT", (0, "CT", "C"));
        check("ATG", "ACG", (1, "T", "C"));
        check("GATTA", "GATT", (3, "TA", "T"));
        check("A", "AGC", (0, "A", "AGC"));
        check("A", "<DEL>", (0, "A", "<DEL>"));
        check("AC", "*", (0, "AC", "*"));
    }
}
