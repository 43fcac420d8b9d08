//! Quality figures, read from the outputs of the tools.

use crate::{Error, Runs};
use access::Permit;
use access::thing::Object;
use access::verb::Opens;
use base::ObjectId;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::io::Read;

/// The largest sealed figures that are read back, bytes.
const LARGEST: u64 = 1 << 20;
/// Depths of the histogram: the last one stands for all beyond.
const DEPTHS: usize = 256;
/// Insert sizes that are kept.
const INSERT_SIZES: u32 = 1000;

/// Figures about reads, depth and variants of a run. Shares are from 0 to 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Reads as they came, over all lanes, both mates counted.
    pub reads_before: u64,
    /// Reads that trimming left: those given to the aligner.
    pub reads: u64,
    /// Bases of Phred quality 30 or more after trimming, 0 to 1.
    pub q30: Option<f64>,
    /// Primary reads that aligned.
    pub mapped: u64,
    /// Primary reads marked as duplicates.
    pub duplicates: u64,
    /// Mean depth over the whole reference.
    pub mean_coverage: Option<f64>,
    /// Share of the reference that any read covers.
    pub covered: Option<f64>,
    /// Share of the reference covered by 20 reads or more.
    pub at_least_20: Option<f64>,
    /// Records of the VCF.
    pub variant_records: u64,
    /// Bases of the reference by depth, from depth 0; the last entry stands for all beyond.
    pub depth_histogram: Vec<u64>,
    /// Read pairs by insert size in bases.
    pub insert_sizes: Vec<(u32, u64)>,
    /// Mean base quality by cycle, first read then second, of the first lane.
    pub quality_by_cycle: Vec<f64>,
}

impl Quality {
    /// The figures that receipts state, by name.
    pub fn figures(&self) -> BTreeMap<String, f64> {
        #[expect(clippy::cast_precision_loss, reason = "counts are stated as JSON numbers, exact to 2^53")]
        let count = |n: u64| Some(n as f64);
        let share = |part: u64| {
            if self.reads == 0 {
                None
            } else {
                count(part).zip(count(self.reads)).map(|(p, n)| rounded(p / n))
            }
        };
        let all = [
            ("reads_before", count(self.reads_before)),
            ("reads", count(self.reads)),
            ("q30", self.q30.map(rounded)),
            ("mapped", share(self.mapped)),
            ("duplicates", share(self.duplicates)),
            ("mean_coverage", self.mean_coverage.map(rounded)),
            ("at_least_20", self.at_least_20.map(rounded)),
            ("variant_records", count(self.variant_records)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

impl Runs {
    /// The figures sealed in an object of kind `quality`.
    pub async fn quality<V: Opens>(
        &self,
        permit: &Permit<V, Object>,
        id: &ObjectId,
    ) -> Result<Quality, Error> {
        let mut text = Vec::new();
        self.inner.archive.open_object(permit, id).await?.take(LARGEST).read_to_end(&mut text)?;
        serde_json::from_slice(&text).map_err(|_| Error::Output("the figures have another shape"))
    }
}

/// The outputs that figures are read from.
pub(crate) struct Sources<'a> {
    /// fastp's report of each lane.
    pub trimming: &'a [Json],
    /// `samtools flagstat -O json`.
    pub flagstat: &'a Json,
    /// `samtools coverage`.
    pub coverage: &'a str,
    /// `samtools stats`.
    pub stats: &'a str,
    /// Records of the VCF, counted.
    pub variant_records: u64,
}

/// Reads the figures. Depth beyond the mean is absent where a tool did not give it.
pub(crate) fn read(from: &Sources<'_>) -> Result<Quality, Error> {
    let mut quality = Quality { variant_records: from.variant_records, ..Quality::default() };
    let (mut bases, mut good) = (0u64, 0u64);
    for report in from.trimming {
        quality.reads_before = quality.reads_before.saturating_add(reads_before(report)?);
        quality.reads = quality.reads.saturating_add(reads_after(report)?);
        bases = bases.saturating_add(number(report, "/summary/after_filtering/total_bases").unwrap_or(0));
        good = good.saturating_add(number(report, "/summary/after_filtering/q30_bases").unwrap_or(0));
    }
    quality.q30 = ratio(good, bases);
    quality.mapped = flag(from.flagstat, "primary mapped")?;
    quality.duplicates = flag(from.flagstat, "primary duplicates")?;
    if let Some(first) = from.trimming.first() {
        quality.quality_by_cycle = cycles(first);
    }
    let length = depth_by_contig(from.coverage, &mut quality)?;
    histograms(from.stats, length, &mut quality);
    Ok(quality)
}

/// Reads of a lane before trimming, both mates counted, as fastp counted them.
pub(crate) fn reads_before(report: &Json) -> Result<u64, Error> {
    number(report, "/summary/before_filtering/total_reads")
        .ok_or(Error::Output("the trimming report has no count"))
}

/// Reads of a lane after trimming.
pub(crate) fn reads_after(report: &Json) -> Result<u64, Error> {
    number(report, "/summary/after_filtering/total_reads")
        .ok_or(Error::Output("the trimming report has no count"))
}

/// A count of `samtools flagstat`, reads that passed and failed the sequencer's own check together.
pub(crate) fn flag(report: &Json, name: &str) -> Result<u64, Error> {
    let of = |group: &str| report.get(group).and_then(|g| g.get(name)).and_then(Json::as_u64);
    match (of("QC-passed reads"), of("QC-failed reads")) {
        (Some(passed), Some(failed)) => Ok(passed.saturating_add(failed)),
        _ => Err(Error::Output("the alignment's counts are incomplete")),
    }
}

fn number(json: &Json, pointer: &str) -> Option<u64> {
    json.pointer(pointer).and_then(Json::as_u64)
}

fn cycles(report: &Json) -> Vec<f64> {
    let of = |read: &str| {
        let curve = report.pointer(&format!("/{read}_after_filtering/quality_curves/mean"));
        curve
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_f64)
            .map(rounded)
            .collect::<Vec<_>>()
    };
    [of("read1"), of("read2")].concat()
}

/// `#rname startpos endpos numreads covbases coverage meandepth …`, a line a contig. Gives the
/// length of all contigs together.
fn depth_by_contig(table: &str, quality: &mut Quality) -> Result<u64, Error> {
    let bad = || Error::Output("the coverage table has another shape");
    let (mut length, mut covered, mut depth) = (0u64, 0u64, 0f64);
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let field = |n: usize| fields.get(n).copied().ok_or_else(bad);
        let (start, end) = (whole(field(1)?)?, whole(field(2)?)?);
        let here = end.saturating_sub(start).saturating_add(1);
        length = length.saturating_add(here);
        covered = covered.saturating_add(whole(field(4)?)?);
        let mean: f64 = field(6)?.parse().map_err(|_| bad())?;
        #[expect(clippy::cast_precision_loss, reason = "contigs are far shorter than 2^53 bases")]
        {
            depth += mean * here as f64;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "genomes are far shorter than 2^53 bases")]
    if length > 0 {
        quality.mean_coverage = Some(depth / length as f64);
    }
    quality.covered = ratio(covered, length);
    Ok(length)
}

/// `COV [1-1] 1 N` and `IS size pairs inward outward other` of `samtools stats`.
fn histograms(stats: &str, length: u64, quality: &mut Quality) {
    let mut depths = vec![0u64; DEPTHS];
    let mut insert_sizes = Vec::new();
    for line in stats.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields.as_slice() {
            ["COV", _, depth, bases, ..] => {
                let (Ok(depth), Ok(bases)) = (depth.parse::<usize>(), bases.parse::<u64>()) else { continue };
                if let Some(slot) = depths.get_mut(depth.min(DEPTHS - 1)) {
                    *slot = slot.saturating_add(bases);
                }
            }
            ["IS", size, pairs, ..] => {
                let (Ok(size), Ok(pairs)) = (size.parse::<u32>(), pairs.parse::<u64>()) else { continue };
                if pairs > 0 && size <= INSERT_SIZES {
                    insert_sizes.push((size, pairs));
                }
            }
            _ => {}
        }
    }
    let seen: u64 = depths.iter().sum();
    if seen == 0 || seen > length {
        return;
    }
    if let Some(none) = depths.first_mut() {
        *none = length.saturating_sub(seen);
    }
    quality.at_least_20 = ratio(depths.iter().skip(20).sum(), length);
    quality.insert_sizes = insert_sizes;
    while depths.last() == Some(&0) {
        depths.pop();
    }
    quality.depth_histogram = depths;
}

fn whole(text: &str) -> Result<u64, Error> {
    text.parse().map_err(|_| Error::Output("the coverage table has another shape"))
}

#[expect(clippy::cast_precision_loss, reason = "counts of reads and bases are far below 2^53")]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    if whole == 0 { None } else { Some(part as f64 / whole as f64) }
}

/// To four places: what a person reads, and the same text on every machine.
fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn flagstat() -> Json {
        let passed = json!({"primary": 190, "primary mapped": 180, "primary duplicates": 10});
        let failed = json!({"primary": 0, "primary mapped": 0, "primary duplicates": 0});
        json!({"QC-passed reads": passed, "QC-failed reads": failed})
    }

    #[test]
    fn figures_come_from_the_tools_own_words() {
        let lane = json!({
            "summary": {
                "before_filtering": {"total_reads": 200},
                "after_filtering": {"total_reads": 190, "total_bases": 1000, "q30_bases": 900},
            },
            "read1_after_filtering": {"quality_curves": {"mean": [36.0, 35.12345]}},
            "read2_after_filtering": {"quality_curves": {"mean": [34.0]}},
        });
        let coverage = "#rname\tstartpos\tendpos\tnumreads\tcovbases\tcoverage\tmeandepth\tmeanbaseq\tmeanmapq\n\
                        chrA\t1\t100\t10\t90\t90\t30\t37\t60\nchrB\t1\t300\t10\t100\t33\t10\t37\t60\n";
        let stats =
            "# x\nCOV\t[1-1]\t1\t90\nCOV\t[25-25]\t25\t100\nIS\t300\t7\t7\t0\t0\nIS\t301\t0\t0\t0\t0\n";
        let trimming = [lane];
        let from =
            Sources { trimming: &trimming, flagstat: &flagstat(), coverage, stats, variant_records: 12 };
        let quality = read(&from).unwrap();
        assert_eq!(
            (quality.reads_before, quality.reads, quality.mapped, quality.duplicates),
            (200, 190, 180, 10)
        );
        assert_eq!(quality.q30, Some(0.9));
        assert_eq!(quality.mean_coverage, Some(15.0));
        assert_eq!(quality.covered, Some(0.475));
        assert_eq!(quality.at_least_20, Some(0.25));
        assert_eq!(quality.depth_histogram.len(), 26);
        assert_eq!(quality.depth_histogram[0], 210);
        assert_eq!(quality.insert_sizes, [(300, 7)]);
        assert_eq!(quality.quality_by_cycle, [36.0, 35.1235, 34.0]);
        let back: Quality = serde_json::from_str(&serde_json::to_string(&quality).unwrap()).unwrap();
        assert_eq!(back, quality);
        assert_eq!(quality.figures()["mapped"], 0.9474);
    }

    #[test]
    fn a_report_without_counts_is_refused() {
        let mut report = flagstat();
        report["QC-passed reads"].as_object_mut().unwrap().remove("primary");
        assert!(flag(&report, "primary").is_err());
        assert!(reads_before(&json!({})).is_err());
        let mut quality = Quality::default();
        assert!(depth_by_contig("chrA\t1\n", &mut quality).is_err());
        assert!(depth_by_contig("chrA\t1\tx\t1\t1\t1\t1\n", &mut quality).is_err());
    }
}
