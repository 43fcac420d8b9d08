//! Log lines made fit to show to someone who may not know whom they are about.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    clean::{Clean, escaped},
    finding::{Reason, Span, settle},
    known::{Known, List},
    label, person,
    value::{self, Context, pattern},
    words,
};

/// [`Redactor::redact`] for who knows no sensitive value.
pub fn redact(line: &str, longest: usize) -> String {
    Redactor::default().redact(line, longest)
}

/// Makes lines fit to show: first by what the program knows, then by what detectors find.
#[derive(Clone, Default)]
pub struct Redactor {
    known: List,
}

/// Bytes of a line that are looked at, at least: a line of megabytes costs no more than a long one.
const WINDOW: usize = 16 << 10;
/// Bytes at the window's end that are looked at and not shown: what is cut there is not known for what it is.
const UNSURE: usize = 256;
/// Stands for each byte of a known value while detectors look; no cleaned line holds it.
const MASK: char = '\u{1}';

impl Redactor {
    /// With values that are known to be sensitive: labels, folders, secrets. Meant for tens of them.
    pub fn new<'a>(known: impl IntoIterator<Item = (Known, &'a str)>) -> Self {
        Self { known: List::new(known) }
    }

    /// The line without known values, paths, accounts, hosts, addresses, names in known shapes, secrets and
    /// read sequences; control and direction characters escaped, and read past by the detectors; colours of a
    /// terminal gone; at most `longest` characters, `…` included.
    ///
    /// The last part of a path keeps its ending and the words of the laboratory, so that an error can still be
    /// understood: `/home/x/Y_Z/calls.vcf.gz` becomes `<path>/calls.vcf.gz`.
    pub fn redact(&self, line: &str, longest: usize) -> String {
        let window = line.floor_char_boundary(WINDOW.max(longest.saturating_mul(8)));
        let clean = Clean::of(line.get(..window).unwrap_or_default());
        let known = self.known.spans(&clean.text);
        let text = masked(&clean.text, &known);
        let pieces = pieces(&text, &known);
        let cut = window < line.len();
        let end = if cut { text.floor_char_boundary(text.len().saturating_sub(UNSURE)) } else { text.len() };
        let mut out = clean.render(&pieces, end);
        if cut {
            out.push('…');
        }
        bounded(&out, longest)
    }
}

fn masked(text: &str, known: &[(Span, Known)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (span, known) in known {
        out.push_str(text.get(at..span.start).unwrap_or_default());
        // What stands behind a known folder is a path still.
        out.push(if *known == Known::Path { '/' } else { MASK });
        out.extend(std::iter::repeat_n(MASK, (span.end - span.start).saturating_sub(1)));
        at = span.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// What is replaced (start, end, by what), in order and apart. Where two overlap, nothing of either is left.
fn pieces(text: &str, known: &[(Span, Known)]) -> Vec<(usize, usize, String)> {
    let paths = paths(text).into_iter().map(|(start, end, _)| {
        let shown = text.get(start..end).map_or_else(String::new, hide_path);
        (start, end, shown, Reason::Path.placeholder())
    });
    let values = value::spans(text, Context::Log).into_iter().map(|span| {
        let placeholder = span.reason.placeholder();
        (span.start, span.end, placeholder.to_owned(), placeholder)
    });
    let known = known.iter().map(|(span, known)| {
        let placeholder = known.placeholder();
        (span.start, span.end, placeholder.to_owned(), placeholder)
    });
    let mut all: Vec<_> = paths.chain(values).chain(known).collect();
    // A span that is a whole path is told as what it is, so it comes after the path.
    all.sort_by_key(|(start, end, ..)| (*start, std::cmp::Reverse(*end)));
    let mut out: Vec<(usize, usize, String, &str)> = Vec::new();
    for (start, end, shown, placeholder) in all {
        match out.last_mut() {
            Some(last) if start == last.0 && end == last.1 => last.2 = shown,
            Some(last) if end <= last.1 => {}
            Some(last) if start < last.1 => {
                // The part of a path's name that was kept may reach into the other.
                last.2 = format!("{}{placeholder}", last.3);
                last.1 = end;
            }
            _ => out.push((start, end, shown, placeholder)),
        }
    }
    out.into_iter().map(|(start, end, shown, _)| (start, end, shown)).collect()
}

static ABSOLUTE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?:^|[\s"'`=:,(\[<>|@])((?:file://)?(?:~[\w.-]*|\.{1,2})?/(?:\p{L}'\p{L}|[^\s"'`<>|;,()\[\]:])*|[A-Za-z]:\\[^\s"'`<>|;,]+|\\\\[^\s"'`<>|;,]+|[\w.@+\x01-]+(?:/[\w.@+\x01-]+){2,}/?)"#,
    )
});
static FILE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:^|[\s"'`=:,(\[<>|@])([\p{L}\p{N}_.+\x01-]+\.(?:fastq|fq|fasta|fa|bam|bai|cram|crai|sam|g?vcf|bcf|ped|bed|txt|tsv|csv|json|html|log)(?:\.(?:gz|bgz|tbi|csi|bai|crai|tmp))?)(?:[\s"'`,:;)\]>]|$)"#,
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
    if word.contains(MASK) {
        return false;
    }
    SHORT_CODE.is_match(word)
        || words::is_lab_word(&word.to_lowercase())
        || (word.len() <= 4 && !person::is_pronounceable(word) && label::identifier(word).is_none())
}

/// Escapes what a terminal or a reader could be misled by, and cuts.
fn bounded(text: &str, longest: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    for c in text.chars() {
        let piece = escaped(c).unwrap_or_else(|| c.to_string());
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

    #[test]
    fn known_values_go_first_wherever_they_stand() {
        let known = Redactor::new([
            (Known::Label, "blood"),
            (Known::Label, "C7"),
            (Known::Path, "/srv/site7"),
            (Known::Secret, "hunter-22"),
        ]);
        let check = |line: &str, expected: &str| assert_eq!(known.redact(line, 400), expected, "{line}");
        // `blood` is a word of the laboratory, and stays where it is no label.
        assert_eq!(redact("open blood.bam", 400), "open blood.bam");
        check("open blood.bam", "open <name>.bam");
        check("SM:BLOOD,C7 and AC7D", "SM:<label>,<label> and AC7D");
        check("a=hunter-22hunter-22;", "a=<secret><secret>;");
        check("in /srv/site7: no space", "in <path>: no space");
        check("at /srv/site7/x/C7_R1.fastq.gz", "at <path>/<name>_R1.fastq.gz");
        check("hun\u{200b}ter-\x1b[1m22 ok", "<secret> ok");
    }

    /// What a terminal does not show does not come between a detector and a value.
    #[test]
    fn nothing_unseen_hides_a_value() {
        for (line, expected) in [
            ("\x1b[31m/home/zquib/x.bam\x1b[0m: failed", "<path>/x.bam: failed"),
            ("a\0/home/zquib/x.bam\0b", "a\\u{0}<path>/x.bam\\u{0}b"),
            ("zq\u{200b}@ward.\u{ad}example", "<email>"),
            ("x\r/data/Quibble/x.bam", "x\\r<path>/x.bam"),
            ("ok\nMRN: 00123456\nok", "ok\\nMRN: <record-number>\\nok"),
            ("\x1b]0;/home/zquib\x07ready", "\\u{1b}…ready"),
        ] {
            check(line, expected);
        }
    }

    /// Of two that overlap nothing is left: an earlier version showed the part of a path before a span.
    #[test]
    fn overlapping_values_leave_nothing_of_either() {
        for line in
            ["/data/Quibbleton/x.bam,zq@ward.example", "/data/Quibbleton/zq@ward.example", "/d/Quibbleton_ZQ"]
        {
            let out = redact(line, 400);
            assert!(!out.contains("uibbleton") && !out.contains("ward"), "{out}");
        }
        check("open /x/+44 20 7168 6096 now", "open <path><phone> now");
        let dated = redact("mrn 850130-1234-99", 400);
        assert!(!dated.contains("99"), "{dated}");
    }

    #[test]
    fn a_line_of_megabytes_is_cut_before_it_costs_anything() {
        for unit in [
            "/home/zquib/x.bam ",
            "zq@ward.example,",
            "01.02.1990-",
            "1.1.1.1-",
            "A",
            "é",
            "\x1b[31m",
            "\u{202e}",
        ] {
            let line = unit.repeat((1 << 20) / unit.len());
            let out = redact(&line, 400);
            assert!(out.chars().count() <= 400 && out.ends_with('…'), "{unit}: {out}");
            assert!(!out.contains("zquib") && !out.contains("zq@") && !out.contains("1990"), "{unit}: {out}");
        }
        // What the window cuts in two is not shown by half.
        for before in 0..24 {
            let line = format!("{} zquib@ward.example{}", "A".repeat(WINDOW - before), " x".repeat(200));
            let out = redact(&line, 1 << 10);
            assert!(!out.contains("zquib"), "{before}");
        }
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
