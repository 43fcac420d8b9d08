//! Log lines made fit to show to someone who may not know whom they are about.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    finding::{Reason, Span, settle},
    label, person,
    value::{self, Context, pattern},
    words,
};

/// The line without paths, accounts, hosts, addresses, names in known shapes, secrets and read sequences;
/// control and direction characters escaped; at most `longest` characters, `…` included.
///
/// The last part of a path keeps its ending and the words of the laboratory, so that an error can still be
/// understood: `/home/x/Y_Z/calls.vcf.gz` becomes `<path>/calls.vcf.gz`.
pub fn redact(line: &str, longest: usize) -> String {
    let mut pieces: Vec<(Span, String)> = paths(line)
        .into_iter()
        .map(|(start, end, _)| {
            let span = Span { start, end, reason: Reason::Path };
            (span, line.get(start..end).map_or_else(String::new, hide_path))
        })
        .collect();
    let covered: Vec<Span> = pieces.iter().map(|(s, _)| *s).collect();
    for span in value::spans(line, Context::Log) {
        // A span that reaches beyond a path wins over it; one inside is gone with it.
        if covered.iter().any(|p| p.start <= span.start && span.end <= p.end) {
            continue;
        }
        pieces.retain(|(p, _)| p.end <= span.start || span.end <= p.start);
        pieces.push((span, span.reason.placeholder().to_owned()));
    }
    pieces.sort_by_key(|(span, _)| span.start);
    let mut out = String::new();
    let mut at = 0;
    for (span, text) in &pieces {
        out.push_str(line.get(at..span.start).unwrap_or_default());
        out.push_str(text);
        at = span.end;
    }
    out.push_str(line.get(at..).unwrap_or_default());
    bounded(&out, longest)
}

static ABSOLUTE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?:^|[\s"'`=:,(\[<>|@])((?:file://)?(?:~[\w.-]*|\.{1,2})?/(?:\p{L}'\p{L}|[^\s"'`<>|;,()\[\]:])*|[A-Za-z]:\\[^\s"'`<>|;,]+|\\\\[^\s"'`<>|;,]+|[\w.@+-]+(?:/[\w.@+-]+){2,}/?)"#,
    )
});
static FILE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:^|[\s"'`=:,(\[<>|@])([\p{L}\p{N}_.+-]+\.(?:fastq|fq|fasta|fa|bam|bai|cram|crai|sam|g?vcf|bcf|ped|bed|txt|tsv|csv|json|html|log)(?:\.(?:gz|bgz|tbi|csi|bai|crai|tmp))?)(?:[\s"'`,:;)\]>]|$)"#,
    )
});

/// Paths and file names (byte offsets), each with whether it holds nothing that would be hidden.
pub(crate) fn paths(line: &str) -> Vec<(usize, usize, bool)> {
    let mut found = Vec::new();
    let mut spans = Vec::new();
    for pattern in [&*ABSOLUTE, &*FILE] {
        let mut from = 0;
        // Two paths may share the mark between them, so the search goes on from the end of the path itself.
        while let Some(hit) = pattern.captures_at(line, from).and_then(|c| c.get(1)) {
            from = hit.end().max(from + 1);
            let text = hit.as_str();
            if text.len() > 1 && !is_fraction(text) {
                spans.push(Span { start: hit.start(), end: hit.end(), reason: Reason::Path });
            }
            if !line.is_char_boundary(from) {
                break;
            }
        }
    }
    for span in settle(spans) {
        let text = line.get(span.start..span.end).unwrap_or_default();
        // `file://reference.fa` names no folder.
        let text = text.strip_prefix("//").unwrap_or(text);
        let folders = text.contains(['/', '\\']);
        found.push((span.start, span.end, !folders && hide_name(text) == text));
    }
    found
}

/// Numbers with slashes: dates and ratios are no paths.
fn is_fraction(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit() || matches!(c, '/' | '.' | '-'))
}

fn hide_path(path: &str) -> String {
    let last = path.rsplit(['/', '\\']).next().unwrap_or_default();
    match (path.len() == last.len(), last.contains('.')) {
        (true, _) => hide_name(last),
        (false, true) => format!("<path>/{}", hide_name(last)),
        // A last part without an ending may be a folder named after a person.
        (false, false) => "<path>".to_owned(),
    }
}

/// Keeps the parts of a file name that are words of the laboratory, endings, or short numbers.
fn hide_name(name: &str) -> String {
    let mut out = String::new();
    let mut hidden = false;
    for piece in name.split_inclusive(['.', '_', '-', '+']) {
        let word = piece.trim_end_matches(['.', '_', '-', '+']);
        let mark = piece.get(word.len()..).unwrap_or_default();
        if is_plain(word) {
            out.push_str(word);
            hidden = false;
        } else {
            if !hidden {
                out.push_str("<name>");
            } else {
                // One placeholder for a run of hidden parts: their number tells something too.
                while out.ends_with(['.', '_', '-', '+']) {
                    out.pop();
                }
            }
            hidden = true;
        }
        out.push_str(mark);
    }
    out
}

static SHORT_CODE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?i:\d{0,5}|[RI][123]|S\d{1,3}|L\d{3}|hg\d{2}|GRCh\d{2}|hs37d5|hs38|b37|chr(?:\d{1,2}|[XYM]|MT)|(?:NA|HG|GM)\d{5}|v?\d{1,3}|[a-z])$",
    )
});

fn is_plain(word: &str) -> bool {
    SHORT_CODE.is_match(word)
        || words::is_lab_word(&word.to_lowercase())
        || (word.len() <= 4 && !person::is_pronounceable(word) && label::identifier(word).is_none())
}

/// Escapes what a terminal or a reader could be misled by, and cuts.
fn bounded(text: &str, longest: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    for c in text.chars() {
        let piece = match c {
            c if c.is_control() => c.escape_default().to_string(),
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{61c}' => c.escape_unicode().to_string(),
            c => c.to_string(),
        };
        count += piece.chars().count();
        if count > longest {
            let mut cut: String = out.chars().take(longest.saturating_sub(1)).collect();
            if longest > 0 {
                cut.push('…');
            }
            return cut;
        }
        out.push_str(&piece);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(line: &str, expected: &str) {
        assert_eq!(redact(line, 400), expected);
    }

    #[test]
    fn each_kind_is_replaced() {
        check(
            "open /home/zquib/cases/Quibble_Zorb_19900130/master.ped: failed",
            "open <path>/master.ped: failed",
        );
        check("open '/data/O'Quibble_1/calls.vcf.gz'", "open '<path>/calls.vcf.gz'");
        check("--fasta /ref/hg38.fasta --out /data/Quibble", "--fasta <path>/hg38.fasta --out <path>");
        check("C:\\Users\\zquib\\Quibbleton.bam done", "<path>/<name>.bam done");
        check("cannot read QuibbletonZorbina.tmp.0000.bam", "cannot read <name>.tmp.0000.bam");
        check("at /mnt/z/79213340_S0_L001_R1_001.fastq.gz", "at <path>/<name>_S0_L001_R1_001.fastq.gz");
        check("78985@hpc26.genetics.ward.example [172.26.80.160]", "<email> [<ip>]");
        check("host hpc26.genetics.ward.example up", "host <host> up");
        check("mail zq@ward.example, token=abcdef123456", "mail <email>, token=<secret>");
        check("read ACGTACGTACGTACGTACGTACGTN ok", "read <sequence> ok");
        check("userName : zquib", "userName : <user>");
        check("@RG ID:patient_quibbleton_zorbina", "@RG ID:patient_<name>");
        check("Authorization: Bearer abc.def.ghi-123", "Authorization: <secret> <secret>");
    }

    #[test]
    fn what_explains_an_error_stays() {
        for line in [
            "[E::vcf_format] Invalid BCF, the INFO tag id=45 is too large at 20:10000117",
            "Process `GATK4_HAPLOTYPECALLER` terminated with an error exit status (137)",
            "java.lang.OutOfMemoryError: Java heap space",
            "[M::bwa_idx_load_from_disk] read 0 ALT contigs",
            "genotype 0/1 at rs4816203, 12/20 reads, NM_000059.4:c.68_69del",
            "samtools sort: failed to create temporary file: No space left on device",
            "reads_R1.fastq.gz: 120000 reads",
        ] {
            check(line, line);
        }
    }

    #[test]
    fn terminals_are_not_misled_and_lines_end() {
        check("a\x1b[2Jb\r\u{202e}c", "a\\u{1b}[2Jb\\r\\u{202e}c");
        assert_eq!(redact("abcdefgh", 5), "abcd…");
        assert_eq!(redact("abcde", 5), "abcde");
        assert_eq!(redact("abc", 0), "");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_line_stays_in_bounds(line in ".{0,200}", longest in 0usize..120) {
            let out = redact(&line, longest);
            prop_assert!(out.chars().count() <= longest);
            prop_assert!(!out.chars().any(char::is_control));
        }

        #[test]
        fn planted_reads_and_homes_never_survive(before in "[a-z :=]{0,20}", read in "[ACGTN]{20,80}", user in "[a-z]{3,12}[0-9]{3}") {
            let out = redact(&format!("{before} /home/{user}/x/y.bam {read}!"), 1000);
            prop_assert!(!out.contains(&user) && !out.contains(&read), "{out}");
        }
    }
}
