//! What outputs must agree on: a program that says it succeeded is not taken at its word.

use crate::Error;
use crate::quality::{flag, reads_after, reads_before};
use flate2::read::MultiGzDecoder;
use serde_json::Value as Json;
use std::io::{BufRead, BufReader, Read};

/// The counts of one run, each from the file that it is a fact of.
#[derive(Debug)]
pub struct Counts<'a> {
    /// Reads of each lane as intake counted them.
    pub taken_in: &'a [u64],
    /// fastp's report of each lane, in the same order.
    pub trimming: &'a [Json],
    /// `samtools flagstat -O json` of the alignment.
    pub flagstat: &'a Json,
    /// The helper's `outputs.json`.
    pub index: &'a Json,
    /// Records of the VCF, counted in the file.
    pub variant_records: u64,
}

/// Refuses outputs whose counts disagree: reads as taken in and as trimmed, reads as trimmed and
/// as aligned, records as called and as written.
pub fn check(counts: &Counts<'_>) -> Result<(), Error> {
    same("the number of trimming reports", length(counts.trimming), length(counts.taken_in))?;
    let mut left = 0u64;
    for (lane, (report, taken_in)) in counts.trimming.iter().zip(counts.taken_in).enumerate() {
        same(&format!("reads of lane {lane} before trimming"), reads_before(report)?, *taken_in)?;
        left = left.saturating_add(reads_after(report)?);
    }
    same("primary reads in the alignment", flag(counts.flagstat, "primary")?, left)?;
    let stated = counts.index.get("variant_records").and_then(Json::as_u64);
    let stated = stated.ok_or(Error::Output("the workflow states no number of variants"))?;
    same("records in the VCF", counts.variant_records, stated)
}

/// Counts the records of a compressed VCF and insists that its one sample is `sample`.
pub fn count_records(vcf: impl Read, sample: &str) -> Result<u64, Error> {
    let damaged = |_| Error::Output("the VCF does not decompress");
    let mut lines = BufReader::with_capacity(1 << 18, MultiGzDecoder::new(vcf));
    let (mut line, mut records, mut header) = (Vec::new(), 0u64, false);
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line).map_err(damaged)? == 0 {
            break;
        }
        if line.starts_with(b"#CHROM\t") {
            let named = String::from_utf8_lossy(&line);
            let samples: Vec<&str> = named.trim_end().split('\t').skip(9).collect();
            if samples != [sample] {
                return Err(Error::Output("the VCF's sample column is not the sample's id"));
            }
            header = true;
        } else if !line.starts_with(b"#") {
            records = records.saturating_add(1);
        }
    }
    if header { Ok(records) } else { Err(Error::Output("the VCF has no column line")) }
}

fn same(what: &str, found: u64, expected: u64) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::Contract { what: what.to_owned(), found, expected }) }
}

fn length<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::Write;

    fn lane(before: u64, after: u64) -> Json {
        json!({"summary": {"before_filtering": {"total_reads": before}, "after_filtering": {"total_reads": after}}})
    }

    #[test]
    fn each_count_that_disagrees_is_refused_by_name() {
        let check = |taken: &[u64], primary: u64, stated: Json, found: u64| {
            let flagstat =
                json!({"QC-passed reads": {"primary": primary}, "QC-failed reads": {"primary": 0}});
            let (trimming, index) = ([lane(100, 90), lane(50, 50)], json!({"variant_records": stated}));
            super::check(&Counts {
                taken_in: taken,
                trimming: &trimming,
                flagstat: &flagstat,
                index: &index,
                variant_records: found,
            })
        };
        check(&[100, 50], 140, json!(7), 7).unwrap();
        let refused = |result: Result<(), Error>| match result.unwrap_err() {
            Error::Contract { what, .. } => what,
            other => other.to_string(),
        };
        assert!(refused(check(&[100, 52], 140, json!(7), 7)).contains("lane 1"));
        assert!(refused(check(&[100], 140, json!(7), 7)).contains("reports"));
        assert!(refused(check(&[100, 50], 139, json!(7), 7)).contains("primary"));
        assert!(refused(check(&[100, 50], 140, json!(7), 6)).contains("VCF"));
        assert!(refused(check(&[100, 50], 140, json!("7"), 7)).contains("states no number"));
    }

    #[test]
    fn records_are_counted_and_the_sample_must_be_the_id() {
        let pack = |text: &str| {
            let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gz.write_all(text.as_bytes()).unwrap();
            gz.finish().unwrap()
        };
        let head = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tsmp_a\n";
        let whole = pack(&format!("{head}chr1\t1\nchr1\t2\n"));
        assert_eq!(count_records(&whole[..], "smp_a").unwrap(), 2);
        assert!(count_records(&whole[..], "smp_b").is_err());
        assert!(count_records(&whole[..whole.len() - 9], "smp_a").is_err());
        assert!(count_records(&pack("##fileformat=VCFv4.2\n")[..], "smp_a").is_err());
    }
}
