//! Names and record numbers that pose as sample labels or file names.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    finding::Reason,
    keep, person,
    value::{self, Context, pattern},
    words,
};

static DIGITS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:^|[^0-9A-Za-z.])(\d{7,10})(?:[^0-9A-Za-z]|$)"));
static DATED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:^|[_.-])(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[_.-]|$)"));
static ILLUMINA: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)(?:_S\d{1,3})?(?:_L\d{3})?(?:[_.](?:[RI]?[123]|read[12]))?(?:_001)?$"));
/// Endings of file names of the field, compression included.
static ENDING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:\.(?:fastq|fq|fasta|fa|fna|bam|bai|cram|crai|sam|g?vcf|bcf|tbi|csi|bed|gff3?|gtf|ped|txt|tsv|csv|json|html|log|spring|gz|bgz|bz2|zst|zip|tar|tmp))+$",
    )
});

/// Why a label (of a patient, a sample, a VCF column) looks like an identifier, if it does.
///
/// Opaque codes pass: a code holds a digit, or is a word of the laboratory. Two words of letters alone, or one
/// word that could be spoken and is none of the laboratory's, look like a name; seven to ten digits alone
/// like a record number.
pub fn identifier(label: &str) -> Option<Reason> {
    let label = label.trim();
    if label.is_empty() || keep::is_public_code(label) {
        return None;
    }
    if let Some(span) = value::spans(label, Context::Cell).first() {
        return Some(span.reason);
    }
    number(label).or_else(|| name_like(label, 5).then_some(Reason::PersonName))
}

/// Why a file name looks like it holds an identifier, if it does. Endings of formats and of sequencers are set
/// aside first; a single lower-case word is let pass, since files are named after many things.
pub fn file_identifier(name: &str) -> Option<Reason> {
    let name = name.trim();
    let stem = name.get(..ENDING.find(name).map_or(name.len(), |m| m.start())).unwrap_or(name);
    if keep::is_public_code(stem) {
        return None;
    }
    let bare = stem.get(..ILLUMINA.find(stem).map_or(stem.len(), |m| m.start())).unwrap_or(stem);
    if bare.is_empty() || keep::is_public_code(bare) {
        return None;
    }
    if let Some(span) = value::spans(bare, Context::Cell).first() {
        return Some(span.reason);
    }
    let capital = bare.chars().next().is_some_and(char::is_uppercase);
    number(bare)
        .or_else(|| name_like(bare, if capital { 5 } else { usize::MAX }).then_some(Reason::PersonName))
}

/// A path or address is judged by its last part and by an account in its folders; a public address may stand.
pub(crate) fn address(text: &str) -> Option<Reason> {
    let last = text.rsplit(['/', '\\']).next().unwrap_or(text);
    let folders = text.strip_suffix(last).unwrap_or_default();
    file_identifier(last).or_else(|| {
        value::spans(folders, Context::Cell)
            .into_iter()
            .map(|s| s.reason)
            .find(|r| !matches!(r, Reason::Url | Reason::Host))
    })
}

/// Two unknown spoken words in a row of words, as in `last_first`.
pub(crate) fn two_names(text: &str) -> Option<Reason> {
    name_like(text, usize::MAX).then_some(Reason::PersonName)
}

fn number(label: &str) -> Option<Reason> {
    if DATED.is_match(label) {
        return Some(Reason::BirthDate);
    }
    // A flow cell of a MiSeq starts with nine zeros.
    let varied = |digits: &str| digits.bytes().any(|b| !digits.starts_with(char::from(b)));
    let mut from = 0;
    // Two numbers may share the mark between them.
    while let Some(hit) = DIGITS.captures_at(label, from).and_then(|c| c.get(1)) {
        if varied(hit.as_str()) {
            return Some(Reason::RecordNumber);
        }
        from = hit.end();
    }
    None
}

/// Whether the parts of a label, split at marks and humps, hold two unknown spoken words, or are one of at
/// least `alone` letters.
fn name_like(label: &str, alone: usize) -> bool {
    let parts: Vec<&str> = label.split(['_', '.', ' ', ',', '\'', '’', '-', '/']).collect();
    let mut unknown = 0;
    let mut longest = 0;
    for part in parts.iter().flat_map(|p| humps(p)) {
        if part.chars().all(char::is_alphabetic) && is_unknown(part) {
            unknown += 1;
            longest = longest.max(part.chars().count());
        }
    }
    // A number after the word makes it a code (`Control7`, `mouse_12`), unless there are two words.
    let coded = label.chars().any(|c| c.is_ascii_digit());
    unknown >= 2 || (unknown == 1 && !coded && longest >= alone)
}

pub(crate) fn is_unknown(word: &str) -> bool {
    let lower = word.to_lowercase();
    // `testN`, `normal1B`: a known word and one letter for the role.
    let stem = lower.strip_suffix(|c: char| c.is_ascii_lowercase()).unwrap_or(&lower);
    // Barcodes stand in platform units.
    let of = |letters: &[u8]| word.bytes().all(|b| letters.contains(&b));
    let barcode = (word.len() >= 4 && of(b"ACGT")) || (word.len() >= 6 && of(b"ACGTN"));
    word.chars().count() >= 3
        && !barcode
        && person::is_pronounceable(word)
        && !words::is_lab_word(&lower)
        && !(words::is_lab_word(stem) && stem.len() > 2)
}

/// Splits `LastFirst` into its two words; everything else stays whole.
pub(crate) fn humps(part: &str) -> Vec<&str> {
    let hump = part.char_indices().skip(3).find(|(at, c)| {
        c.is_uppercase()
            && part
                .get(*at..)
                .is_some_and(|rest| rest.chars().skip(1).take(2).filter(|c| c.is_lowercase()).count() == 2)
    });
    match hump.and_then(|(at, _)| part.split_at_checked(at)) {
        Some((first, second)) => vec![first, second],
        None => vec![part],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_found() {
        for (label, reason) in [
            ("quibbleton_zorbina", Reason::PersonName),
            ("QUIBBLE-TONNES", Reason::PersonName),
            ("QUIBBLETON", Reason::PersonName),
            ("Quibbleton_ZQ", Reason::PersonName),
            ("QuibbletonZorbina", Reason::PersonName),
            ("patient_quibbleton_zorbina_2", Reason::PersonName),
            ("79213340", Reason::RecordNumber),
            ("quibbleton_19900130", Reason::BirthDate),
            ("01_D13.88461_NC_Nextera", Reason::Accession),
            ("19370903-4597", Reason::NationalId),
        ] {
            assert_eq!(identifier(label), Some(reason), "{label}");
        }
        for name in [
            "79213340_S0_L001_R1_001.fastq.gz",
            "Quibbleton.R1.fq.gz",
            "QuibbletonZorbina.tmp.bam",
            "quibbleton_zorbina_R1.fastq.gz",
        ] {
            assert!(file_identifier(name).is_some(), "{name}");
        }
    }

    #[test]
    fn opaque_codes_and_laboratory_words_pass() {
        for label in [
            "CASE-0001",
            "CASE-0001-B",
            "S123_L001",
            "NA12878",
            "NA12878_1X",
            "HG00096",
            "test",
            "test2",
            "testN",
            "testT",
            "test_L1",
            "sample1",
            "sample1B",
            "P0001",
            "proband",
            "mother",
            "tumor_normal",
            "HeLa",
            "Control7",
            "smp_0123456789abcdefghjk",
            "FAM1_F",
            "8059-19",
            "TSM-001",
            "1",
            "XX",
            "L001",
            "blood",
        ] {
            assert_eq!(identifier(label), None, "{label}");
        }
        for name in [
            "reads_R1.fastq.gz",
            "NA12878.chr22.bam",
            "test_umi_cleanname_1.fastq.gz",
            "CASE-0001-B_S1_L001_R1_001.fastq.gz",
            "P0001_R2.fastq.gz",
            "test.paired_end.recalibrated.sorted.cram",
            "hg38.fasta",
        ] {
            assert_eq!(file_identifier(name), None, "{name}");
        }
    }
}
