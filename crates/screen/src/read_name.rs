//! Names of reads, and what stands behind them on their line.
//!
//! Sequencers write names by a fixed pattern; software and people write their own. A name of a machine's form is
//! judged by its instrument alone. Of all others every *kind* is looked at once: names that differ in numbers, in
//! random identifiers or in nucleotides are one kind. So a file costs a few regular expressions and one pass over
//! the bytes of each name.
//!
//! What cannot be told: a number by itself is a counter or a record number, a single word an instrument or a
//! family. Both pass, unless a word before them says what they are.

use std::{collections::HashSet, sync::LazyLock};

use regex::Regex;

use crate::{
    column,
    finding::{Finding, Place, Reason, Span, settle, shape},
    label,
    value::{self, Context, pattern},
};

/// Kinds of names that are looked at in one file.
const MOST_KINDS: usize = 1024;
/// Findings of one name line.
const MOST_FINDINGS: usize = 16;

/// Screens the name lines of one file as they pass.
#[derive(Default)]
pub struct ReadNames {
    kinds: HashSet<Vec<u8>>,
    last: Vec<u8>,
    kind: Vec<u8>,
    beyond: bool,
}

impl ReadNames {
    /// What looks like an identifier in the name line of record `record`, given without its `@`: empty for almost
    /// every line, and for each kind that was seen before.
    pub fn take(&mut self, record: u64, line: &[u8]) -> Vec<Finding> {
        kind_of(line, &mut self.kind);
        if self.kind == self.last {
            return Vec::new();
        }
        self.last.clone_from(&self.kind);
        if self.kinds.contains(&self.kind) {
            return Vec::new();
        }
        if self.kinds.len() == MOST_KINDS {
            self.beyond = true;
            return Vec::new();
        }
        self.kinds.insert(self.kind.clone());
        screen_read_name(record, &String::from_utf8_lossy(line))
    }

    /// Whether there were more kinds of names than are looked at.
    pub fn beyond(&self) -> bool {
        self.beyond
    }
}

/// Screens one name line, given without its `@`.
pub fn screen_read_name(record: u64, line: &str) -> Vec<Finding> {
    let (name, comment) = line.split_at(line.find([' ', '\t']).unwrap_or(line.len()));
    let mut spans = name_spans(name);
    spans.extend(comment_spans(comment).into_iter().map(|span| Span {
        start: name.len() + span.start,
        end: name.len() + span.end,
        ..span
    }));
    let found = settle(spans).into_iter().take(MOST_FINDINGS);
    found
        .map(|span| {
            let before = line.get(..span.start).unwrap_or_default().chars().count();
            Finding {
                place: Place::Read { record, column: before + 1 },
                reason: span.reason,
                preview: shape(line.get(span.start..span.end).unwrap_or_default()),
            }
        })
        .collect()
}

/// Writes what is the same in all names of a kind: runs of digits become one, eight of them another, since that
/// many may be a date; random identifiers and nucleotides vanish.
fn kind_of(line: &[u8], into: &mut Vec<u8>) {
    into.clear();
    let mut rest = line;
    let mut within_word = false;
    while let Some(first) = rest.first() {
        let run = |of: fn(&u8) -> bool| rest.iter().take_while(|b| of(b)).count();
        let taken = match first {
            _ if !within_word && is_uuid(rest) => {
                into.push(1);
                36
            }
            b'0'..=b'9' => {
                let digits = run(u8::is_ascii_digit);
                into.push(if digits == 8 { b'8' } else { b'9' });
                digits
            }
            b'A' | b'C' | b'G' | b'T' | b'N' if !within_word => {
                let bases = run(|b| b"ACGTN".contains(b));
                let whole = !rest.get(bases).is_some_and(u8::is_ascii_alphanumeric);
                if bases >= 4 && whole {
                    into.push(2);
                    bases
                } else {
                    into.push(*first);
                    1
                }
            }
            other => {
                into.push(*other);
                1
            }
        };
        within_word = first.is_ascii_alphanumeric();
        rest = rest.get(taken..).unwrap_or_default();
    }
}

fn is_uuid(text: &[u8]) -> bool {
    let Some(text) = text.first_chunk::<36>() else { return false };
    text.get(8) == Some(&b'-')
        && text.iter().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// Names of machines: Illumina (Casava 1.8 and before, DRAGEN with its index), PacBio, Oxford Nanopore, Ion
/// Torrent, MGI; public archives; reads simulated at a place. The first group is the instrument's.
static MACHINE: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r"^([A-Za-z0-9_.-]+):\d+:[A-Za-z0-9-]+:\d+:\d+:\d+:\d+(?::[ACGTN+]+|:r?[ACGTN+]+)?(?:_[ACGTN+_-]+)?(?:/[12])?$",
        r"^([A-Za-z0-9_.-]+):\d+:\d+:-?\d+:-?\d+(?:#[ACGTN0-9+-]+)?(?:/[123])?$",
        r"^m(?:\d+[A-Za-z]?[A-Za-z0-9]*)_\d{6}_\d{6}(?:_s\d+)?(?:_[A-Za-z0-9]+)*(?:/\d+)?(?:/(?:ccs|\d+_\d+))?(?:/fwd|/rev)?$",
        r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:[_/]\w+)?$",
        r"^[A-Z0-9]{5}:\d{1,5}:\d{1,5}$",
        r"^[A-Z]{1,3}\d{8,10}L\d(?:C\d{3}R\d{3})_?\d*(?:/[12])?$",
        r"^[SED]RR\d+\.\d+(?:[./]\d)?$",
        r"^(?:chr)?(?:\d{1,2}|[XYM]|MT)_\d+_\d+(?:_\d+:\d+:\d+){0,2}(?:_[0-9a-f]+)?(?:/[12])?$",
    ]
    .map(pattern)
    .into()
});

/// `1:N:0:ACGT` and its kin, and a length: what Casava and the archives put behind a name.
static MACHINE_COMMENT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^[ \t](?:[123]:[YN]:\d+:[ACGTN0-9+]*|length=\d+|\d+)$"));

/// Words that makers, models and old flow cells put into names.
const MACHINE_WORDS: &[&str] = &[
    "ccs",
    "eas",
    "element",
    "flowcell",
    "hiseq",
    "hsq",
    "hwi",
    "hwusi",
    "ilmn",
    "illumina",
    "iseq",
    "lane",
    "mgi",
    "minion",
    "miniseq",
    "miseq",
    "nextseq",
    "novaseq",
    "ont",
    "promethion",
    "revio",
    "rgi",
    "sequel",
    "solexa",
    "solid",
    "syn",
    "usi",
    "xten",
];

static DATED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:^|[^0-9A-Za-z])((?:19|20)\d\d(?:(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|[-_.](?:0[1-9]|1[0-2])[-_.](?:0[1-9]|[12]\d|3[01])))(?:[^0-9A-Za-z]|$)",
    )
});
static FOLDER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:^|[:=#|])((?:~[\w.-]*|\.{1,2})?/[A-Za-z][^:#|]*|[A-Za-z]:\\.*|\\\\.*)|(/(?:home|users|mnt|data|scratch)/.*)",
    )
});
/// A key and a value, and a field of SAM.
static TAGGED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?:^|[ \t])(?:([A-Za-z][A-Za-z0-9_-]*)=|([A-Za-z][A-Za-z0-9]):[A-Za-z]:)([^ \t]*)")
});

fn name_spans(name: &str) -> Vec<Span> {
    if let Some(captures) = MACHINE.iter().find_map(|form| form.captures(name)) {
        return captures.get(1).map_or_else(Vec::new, |instrument| own_name(instrument.as_str()));
    }
    own_name(name)
}

/// A name that somebody made up.
fn own_name(name: &str) -> Vec<Span> {
    let mut spans: Vec<Span> = values(name);
    for captures in DATED.captures_iter(name) {
        let hit = captures.get(1).map(|m| Span { start: m.start(), end: m.end(), reason: Reason::BirthDate });
        spans.extend(hit);
    }
    let folder = FOLDER.captures(name).and_then(|c| c.get(1).or_else(|| c.get(2)));
    spans.extend(folder.map(|m| Span { start: m.start(), end: m.end(), reason: Reason::Path }));
    if spans.is_empty() && two_words(name) {
        spans.push(Span { start: 0, end: name.len(), reason: Reason::PersonName });
    }
    spans
}

/// Values that numbers of machines are not taken for: counters and coordinates have every length.
fn values(text: &str) -> Vec<Span> {
    let mut spans = value::spans(text, Context::Log);
    spans.retain(|span| match span.reason {
        Reason::Sequence | Reason::Ip | Reason::Phone | Reason::Account | Reason::Host | Reason::Address => {
            false
        }
        Reason::PersonName => {
            let text = text.get(span.start..span.end).unwrap_or_default();
            !text.split(['_', '-', '.', ' ']).any(is_machine_word)
        }
        _ => true,
    });
    spans
}

fn is_machine_word(word: &str) -> bool {
    MACHINE_WORDS.contains(&word.to_lowercase().as_str())
}

/// Two spoken words, one of them of four letters or more: makers' abbreviations have three.
fn two_words(name: &str) -> bool {
    let parts = name.split(|c: char| !c.is_alphanumeric());
    let words = parts.flat_map(label::humps).filter(|word| {
        word.chars().all(char::is_alphabetic) && label::is_unknown(word) && !is_machine_word(word)
    });
    let lengths: Vec<usize> = words.map(|word| word.chars().count()).collect();
    lengths.len() >= 2 && lengths.iter().any(|length| *length >= 4)
}

/// What stands behind the name: keys that announce a label, fields of SAM, free text.
fn comment_spans(comment: &str) -> Vec<Span> {
    if comment.is_empty() || MACHINE_COMMENT.is_match(comment) {
        return Vec::new();
    }
    let mut spans = values(comment);
    for captures in TAGGED.captures_iter(comment) {
        let Some(value) = captures.get(3) else { continue };
        let at = Span { start: value.start(), end: value.end(), reason: Reason::PersonName };
        if let Some(key) = captures.get(1) {
            let labels = column::tokens(key.as_str()).iter().any(|t| LABELS.contains(&t.as_str()));
            let reason = column::identifier(key.as_str())
                .or_else(|| labels.then(|| label::identifier(value.as_str())).flatten());
            spans.extend(reason.map(|reason| Span { reason, ..at }));
        } else if matches!(captures.get(2).map(|tag| tag.as_str()), Some("RG" | "LB" | "SM" | "PU")) {
            spans.extend(label::identifier(value.as_str()).map(|reason| Span { reason, ..at }));
        }
    }
    // Some archives repeat the machine's own name behind theirs.
    let mut at = 0;
    for word in comment.split([' ', '\t']) {
        if !TAGGED.is_match(word) {
            spans.extend(name_spans(word).into_iter().map(|span| Span {
                start: at + span.start,
                end: at + span.end,
                ..span
            }));
        }
        at += word.len() + 1;
    }
    spans
}

/// Words of keys whose value is a label.
const LABELS: &[&str] = &["alias", "group", "label", "patient", "sample", "sampleid", "subject"];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &[(usize, Reason)]) {
        let told: Vec<_> = screen_read_name(7, line)
            .into_iter()
            .map(|f| match f.place {
                Place::Read { record: 7, column } => (column, f.reason),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(told, expected, "{line}");
    }

    #[test]
    fn what_people_put_into_names_is_found() {
        use Reason::*;
        check("quibbleton_zorbina_1", &[(1, PersonName)]);
        check("QuibbletonZorbina:12", &[(1, PersonName)]);
        check("QUIBBLETON-ZORBINA:45:HXXXXDSX2:1:1101:1000:2000 1:N:0:ACGT", &[(1, PersonName)]);
        check("patient_quibbleton.17", &[(9, PersonName)]);
        check("D13.88461_NC:1", &[(1, Accession)]);
        check("D13.88461:45:HXXXXDSX2:1:1101:1000:2000", &[(1, Accession)]);
        check("read_19900130_17", &[(6, BirthDate)]);
        check("read.1990-01-30.17", &[(6, BirthDate)]);
        check("MRN00123456:17", &[(1, RecordNumber)]);
        check("zq@ward.example:17", &[(1, Email)]);
        check("/data/quib/run1.fastq:17", &[(1, Path)]);
        check("run:/Users/zq/run1/17", &[(5, Path)]);
        check("x17 sampleid=Quibbleton read=12 ch=3", &[(14, PersonName)]);
        check("x17 RG:Z:Quibbleton_Zorbina BC:Z:ACGT", &[(10, PersonName)]);
        check("SRR123.1 quibbleton_zorbina length=75", &[(10, PersonName)]);
        check("x17 patient_name=Q", &[(18, PersonName)]);
    }

    #[test]
    fn what_machines_write_passes() {
        for line in [
            "A00123:45:HXXXXDSX2:1:1101:1000:2000 1:N:0:ACGTACGT+ACGTNCGT",
            "HSQ1004:134:C0D8DACXX:1:1304:7855:18692",
            "SYN:20261120:FC02:1:1101:1000:0 1:N:0:ACGT",
            "HWI-EAS110_103327062:6:1:1092:8469/1",
            "HWUSI-EAS100R:6:73:941:1973#0/1",
            "BILLIEHOLIDAY_2_FC20F3DAAXX:8:2:342:540",
            "USI-EAS21_0008_3445:8:7:657:229#ACGTNN/2",
            "A00123:45:HXXXXDSX2:1:1101:1000:2000:ACGTACG+ACGTACG 2:Y:18:1",
            "A00123:45:HXXXXDSX2:1:1101:1000:2000_ACGTAAGGTT",
            "SRR062634.19900130 HWI-EAS110_103327062:6:1:1092:8469 length=100",
            "ERR001268.1 080821_HWI-EAS301_0002_30ALBAAXX:1:1:1090:744/1",
            "m54238_180901_011437/4194375/ccs np:i:10 rq:f:0.999",
            "m84036_230422_223801_s1/12345678/ccs",
            "0a1b2c3d-0a1b-4a1b-8a1b-0123456789ab runid=0123456789abcdef0123456789abcdef01234567 read=12 ch=3 \
             start_time=2018-09-01T01:14:37Z flow_cell_id=FAK12345 protocol_group_id=run_7 sample_id=CASE-0001",
            "0a1b2c3d-0a1b-4a1b-8a1b-0123456789ab runid=0123456789abcdef0123456789abcdef01234567 sampleid=no_sample \
             model_version_id=2021-05-17_dna_r9.4.1_minion_768_2f1c8637 barcode=unclassified \
             barcode_alias=barcode01 parent_read_id=0a1b2c3d-0a1b-4a1b-8a1b-0123456789ab \
             basecall_model_version_id=dna_r10.4.1_e8.2_400bps_sup@v4.2.0 protocol_group_id=run_7",
            "x17 barcode_alias=unclassified sample_id=none",
            "ZK0B4:00012:00025",
            "V300012345L1C001R0010000000/1",
            "CL100012345L1C001R001_1",
            "FP100000591L1C001R00100000123/2",
            "FTWCYXX01BTPDX",
            "853_12_35_F3",
            "VHE-242383071011-15-1-0-2",
            "chr20_20011231_20011531_0:0:0_1:0:0_3a/1",
            "20_10000117_10000500_0:0:0_1:0:0_0",
            "chr20-12345678",
            "NC_000020.11-1234567/2",
            "simulated.19",
            "PANELA:1",
            "read17",
            "79213340",
            "r001",
        ] {
            check(line, &[]);
        }
    }

    #[test]
    fn each_kind_is_looked_at_once() {
        let mut names = ReadNames::default();
        for n in 0..5000u64 {
            let line = format!("A00123:45:HXXXXDSX2:1:{}:{}:{} 1:N:0:ACGTACGT", 1101 + n, n * n, n);
            assert_eq!(names.take(n, line.as_bytes()), []);
        }
        assert!(names.kinds.len() <= 4, "{:?}", names.kinds.len());
        for n in 0..3u64 {
            let found = names.take(n, b"quibbleton_zorbina_1");
            assert_eq!(found.len(), usize::from(n == 0));
        }
        // An eight-digit number is its own kind: it may be a date.
        assert_eq!(names.take(1, b"read_1_2"), []);
        assert_eq!(names.take(2, b"read_19900130_2").len(), 1);
        for n in 0..2000u32 {
            let word: String = n.to_string().bytes().map(|b| char::from(b'b' + (b - b'0'))).collect();
            names.take(9, word.as_bytes());
        }
        assert!(names.beyond());
        assert_eq!(names.kinds.len(), MOST_KINDS);
        let uuids = (0..3000u32).map(|n| format!("{n:08x}-0a1b-4a1b-8a1b-0123456789ab x={n}"));
        let mut names = ReadNames::default();
        uuids.for_each(|line| assert_eq!(names.take(1, line.as_bytes()), []));
        assert!(!names.beyond() && names.kinds.len() == 1);
    }

    #[test]
    fn findings_of_a_line_are_bounded() {
        let line = "zq@ward.example,".repeat(100);
        assert_eq!(screen_read_name(1, &line).len(), MOST_FINDINGS);
    }
}
