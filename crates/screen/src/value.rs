//! Identifiers anywhere in a text, by their own shape or by the word before them.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    check_digit, column,
    finding::{Reason, Span, settle},
    keep, person,
};

/// Where a text comes from, which says how much a shape may be taken to mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// A cell of a sheet: a full date there is taken for a birth date, a long number for a record number.
    Cell,
    /// Prose, JSON, headers.
    Text,
    /// A log line, full of dates and numbers that identify nobody.
    Log,
}

/// Every stretch of `text` that looks like an identifier, in order, none overlapping.
pub fn spans(text: &str, context: Context) -> Vec<Span> {
    let mut found = Vec::new();
    for rule in RULES.iter() {
        if context == Context::Log && !rule.in_logs {
            continue;
        }
        for captures in rule.pattern.captures_iter(text) {
            let Some(hit) = captures.get(1).or_else(|| captures.get(0)) else { continue };
            if !(rule.accept)(hit.as_str()) {
                continue;
            }
            if rule.yields && keep::is_public_code(keep::token_around(text, hit.start(), hit.end())) {
                continue;
            }
            found.push(Span { start: hit.start(), end: hit.end(), reason: rule.reason });
        }
    }
    keyed(text, &mut found);
    dates(text, context, &mut found);
    if context != Context::Log {
        person::in_text(text, &mut found);
    } else {
        person::in_log(text, &mut found);
    }
    settle(found)
}

struct Rule {
    pattern: Regex,
    reason: Reason,
    /// A check that the pattern cannot make.
    accept: fn(&str) -> bool,
    /// Whether a public code that looks alike takes precedence.
    yields: bool,
    in_logs: bool,
}

#[expect(clippy::expect_used, reason = "the patterns are constants, compiled by every test")]
pub(crate) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

fn yes(_: &str) -> bool {
    true
}

/// Three or more plain decimal groups of an IPv4 address, none above 255, and no version number.
fn ipv4(text: &str) -> bool {
    text.split('.').all(|part| part.parse::<u8>().is_ok())
}

/// A host under a public or customary domain; file names and program classes share the shape.
fn host(text: &str) -> bool {
    const FILES: &[&str] = &[
        "sh", "py", "pl", "rs", "md", "so", "gz", "nf", "io", "st", "ps", "la", "fa", "fai", "bam", "bai",
        "vcf", "tbi", "csi", "cc", "pm", "js", "ts", "sc", "sd", "gff", "bed", "ml", "hs", "do", "is", "in",
        "to", "id", "no", "at", "am",
    ];
    const LONG: &[&str] = &[
        "com",
        "org",
        "net",
        "edu",
        "gov",
        "mil",
        "int",
        "local",
        "lan",
        "internal",
        "intranet",
        "intra",
        "corp",
        "home",
        "example",
        "test",
        "invalid",
        "localdomain",
        "cluster",
        "hospital",
        "health",
        "clinic",
        "cloud",
        "info",
        "biz",
        "arpa",
    ];
    let top = text.rsplit('.').next().unwrap_or_default();
    let country = top.len() == 2 && top.chars().all(|c| c.is_ascii_lowercase()) && !FILES.contains(&top);
    // Java packages turn host names round: `org.example.tool`.
    let turned = text
        .split('.')
        .next()
        .is_some_and(|first| matches!(first, "org" | "com" | "net" | "io" | "edu" | "java"));
    (country || LONG.contains(&top)) && !turned
}

/// A number of the shape `YYMMDD-NNNN` whose first part is a date.
fn dated_number(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let from = digits.len().saturating_sub(10);
    let two = |at: usize| digits.get(from + at..from + at + 2).map(|d| d.iter().fold(0, |n, d| n * 10 + d));
    let month = two(2).is_some_and(|m| (1..=12).contains(&m));
    // Coordination numbers add 60 to the day; Danish numbers lead with the day.
    let day = two(4).is_some_and(|d| (1..=31).contains(&d) || (61..=91).contains(&d));
    let danish = two(0).is_some_and(|d| (1..=31).contains(&d)) && month;
    (month && day) || (digits.len() == 10 && danish)
}

fn card(text: &str) -> bool {
    check_digit::luhn(text) && text.chars().filter(|c| *c != '0').count() > 4
}

fn not_all_same(text: &str) -> bool {
    let mut digits = text.chars().filter(char::is_ascii_digit);
    digits.next().is_some_and(|first| digits.any(|d| d != first))
}

fn unround(text: &str) -> bool {
    not_all_same(text) && !text.starts_with('0') && text.split(' ').all(|group| group != "000")
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let rule = |text: &str, reason, accept: fn(&str) -> bool, yields, in_logs| Rule {
        pattern: pattern(text),
        reason,
        accept,
        yields,
        in_logs,
    };
    use Reason::*;
    vec![
        // Secrets first in importance; spans are settled by position, so the order here says nothing.
        rule(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s]*", Secret, yes, false, true),
        rule(r"(?i)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{8,})", Secret, yes, false, true),
        rule(
            r"(?i)(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key(?:[_-]?id)?|authorization|credential)s?[\w-]*[\x22']?\s*[:=]\s*[\x22']?([^\s\x22',;]{4,})",
            Secret,
            yes,
            false,
            true,
        ),
        rule(
            r"\b(?:A[KS]IA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|xox[abpr]-[\w-]{10,}|AGE-SECRET-KEY-1[0-9A-Z]{50,}|hvs\.[\w-]{20,}|tower_[\w]{20,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)",
            Secret,
            yes,
            false,
            true,
        ),
        rule(r"://([^\s/:@]+:[^\s/@]+)@", Secret, yes, false, true),
        rule(r"(?i)[\p{L}0-9._%+'-]+@[\p{L}0-9-]+(?:\.[\p{L}0-9-]+)*\.\p{L}{2,}", Email, yes, false, true),
        rule(r"(?i)\bhttps?://[^\s\x22'<>]+", Url, yes, false, true),
        rule(r"\b(?:\d{1,3}\.){3}\d{1,3}\b", Ip, ipv4, true, true),
        rule(
            r"(?i)\b(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}\b|\b(?:[0-9a-f]{1,4}:){1,6}(?::[0-9a-f]{1,4}){1,6}\b",
            Ip,
            yes,
            true,
            true,
        ),
        rule(r"\b(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.){2,}[a-z]{2,}\b", Host, host, true, true),
        // National and insurance numbers: by check digit where there is one.
        rule(r"\b\d{3}-\d{2}-\d{4}\b", NationalId, not_all_same, true, true),
        rule(r"\b\d{3}[ -]?\d{3}[ -]?\d{4}\b", NationalId, check_digit::nhs, true, false),
        rule(r"\b\d{3}[ -]\d{3}[ -]\d{4}\b", NationalId, check_digit::nhs, true, true),
        rule(r"\b(?:19|20)?\d{6}[-+A]\d{3}[0-9A-Y]\b", NationalId, dated_number, true, true),
        rule(
            r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b",
            NationalId,
            yes,
            true,
            true,
        ),
        rule(r"\b[A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z]\b", NationalId, yes, true, true),
        rule(r"\b\d{8}[A-HJ-NP-TV-Z]\b", NationalId, check_digit::dni, true, false),
        rule(
            r"\b[12] ?\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{3} ?\d{2}\b",
            NationalId,
            check_digit::nir,
            true,
            false,
        ),
        rule(r"\b\d{11}\b", NationalId, check_digit::pesel, true, false),
        rule(r"\b[A-Z]\d{9}\b", Insurance, check_digit::kvnr, true, false),
        rule(
            r"(?i)\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b",
            Account,
            check_digit::iban,
            true,
            true,
        ),
        rule(r"\b[3-6]\d{3}[ -]?\d{4}[ -]?\d{2,4}[ -]?\d{3,7}\b", Account, card, true, false),
        rule(r"(?i)\bcard\D{1,24}(\d[\d -]{10,20}\d)\b", Account, yes, true, true),
        // Telephones.
        rule(
            r"(?:^|[^\w.+])(\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,5}\d{2,4})\b",
            Phone,
            not_all_same,
            true,
            true,
        ),
        rule(
            r"(?:^|[^\w.-])((?:\d{1,3}[-. ])?(?:\(\d{3}\)[-. ]?|\d{3}[-. ])\d{3}[-.]\d{4}(?: ?(?:x|ext\.?) ?\d{1,5})?)\b",
            Phone,
            not_all_same,
            true,
            true,
        ),
        rule(
            r"(?:^|[^\w.-])(\(\d{2,5}\)[ -]?\d{2,4}[ -]?\d{2,4}(?:[ -]?\d{2,4})?)\b",
            Phone,
            not_all_same,
            true,
            false,
        ),
        rule(r"(?:^|[^\w.-])(\d{3} \d{3} \d{4})\b", Phone, not_all_same, true, true),
        // Three groups of three are a count too: not before a word such as `reads`, and no round number.
        rule(
            r"(?:^|[^\w.-])(\d{3} \d{3} \d{3})(?:[^\w\s-]|\s+(?:[^a-z\s]|[a-z]{1,3}\b)|\s*$)",
            Phone,
            unround,
            true,
            false,
        ),
        rule(
            r"(?:^|[^\w.-])(0\d{1,4}(?:[ /-]\d{2,4}){2,4}|00\d{1,3}(?:[ -]\d{2,4}){2,4})\b",
            Phone,
            not_all_same,
            true,
            false,
        ),
        rule(r"(?:^|[^\w.-])(\d{2}(?:[ -]\d{2}){3,4})(?:[^\w-]|$)", Phone, not_all_same, true, false),
        rule(
            r"(?i)\b(?:phone|tel|telephone|mobile|cell|fax|call(?: me)?(?: at| on)?|office|home)\b\W{1,4}(?:number\W{1,4}|is\W{1,4})?(\+?\(?\d[\d ().-]{4,18}\d)\b",
            Phone,
            not_all_same,
            true,
            true,
        ),
        rule(
            r"(?i)(?:^|[^\w.-])(\d[\d ().-]{5,18}\d)\W{1,3}(?:office|fax|mobile|home|cell)\b",
            Phone,
            not_all_same,
            true,
            true,
        ),
        // Record and accession numbers.
        rule(
            r"(?i)\b(?:mrn|medical[ _]record(?:[ _](?:no|number|nr))?|hospital[ _](?:no|number|nr|id)|patient[ _-]?(?:id|no|number|nr)|chart(?:[ _]no)?|fallnummer|case[ _]number)\b[^A-Za-z0-9\n]{0,4}([A-Za-z]{0,3}-?\d[\d-]{3,})",
            RecordNumber,
            yes,
            false,
            true,
        ),
        rule(r"<ID=(\d{7,10})[,>]", RecordNumber, yes, false, true),
        rule(r"(?i)\bMRN[-_ ]?\d{4,}\b", RecordNumber, yes, false, true),
        rule(
            r"(?:^|[^A-Za-z0-9.])([A-Z]{1,3}\d{2}[.-]\d{4,6}(?:_[A-Z]{2,3}(?:_S\d{1,3})?)?)(?:[^A-Za-z0-9]|$)",
            Accession,
            yes,
            true,
            true,
        ),
        rule(
            r"(?:^|[^A-Za-z0-9.])(\d{2}[.-]\d{4,6}_[A-Z]{2,3})(?:[^A-Za-z0-9]|$)",
            Accession,
            yes,
            true,
            true,
        ),
        // Accounts in paths.
        rule(
            r"(?i)(?:/home/|/users/|\\users\\|/mnt/home/|/export/home/)([^/\\\s\x22':,]+)",
            UserName,
            yes,
            false,
            true,
        ),
        rule(r"(?:^|[\s=:,])(~[a-z][a-z0-9_-]+)/", UserName, yes, false, true),
        // Addresses by their commonest shapes.
        rule(
            r"(?i)\b(?:PSC|unit) \d{3,5},? box \d{2,5}\b(?:\s+[AFD]PO [A-Z]{2} \d{5})?|\bP\.? ?O\.? box \d+\b|\b[ADF]PO [A-Z]{2} \d{5}\b",
            Address,
            yes,
            false,
            true,
        ),
        rule(
            r"\b\d{1,5} (?:\p{Lu}[\p{L}.'-]+ ){1,3}(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Way|Square|Terrace|Loop|Pass|Crossing|Highway)\b",
            Address,
            yes,
            false,
            true,
        ),
        rule(r"(?i)\b(?:Apt\.?|Suite|Apartment) \d{1,5}\b", Address, yes, false, true),
        rule(
            r"\b\p{Lu}?[\p{L}]+(?:stra(?:ß|ss)e|str\.|gasse|weg|gata|gatan|vägen|vej|veien|katu|tie|straat|laan) \d{1,4}\b",
            Address,
            yes,
            false,
            true,
        ),
        rule(
            r"(?i)\b(?:zip|post(?:al)?)[ -]?code\b(?: is|:)? ?([A-Z0-9][A-Z0-9 -]{2,7}[A-Z0-9])\b",
            Address,
            yes,
            false,
            true,
        ),
        rule(r"(?i)[ACGTN]{20,}", Sequence, yes, false, true),
    ]
});

static KEYED: LazyLock<Regex> = LazyLock::new(|| {
    // A quoted key of JSON, or a bare word and a colon or equals sign.
    pattern(
        r#"(?:"([\p{L}_ -]{2,30})"\s*:\s*"([^"]+)")|(?:\b([A-Za-z][A-Za-z_]{1,24})\s*[:=]\s*"?([^\s",;:=<>]+))"#,
    )
});

/// Values behind a key that announces an identifier: `"firstName": "…"`, `userName : …`.
fn keyed(text: &str, found: &mut Vec<Span>) {
    for captures in KEYED.captures_iter(text) {
        let pairs = [(captures.get(1), captures.get(2)), (captures.get(3), captures.get(4))];
        let Some((key, value)) = pairs.into_iter().find_map(|(k, v)| Some((k?, v?))) else { continue };
        let quoted = captures.get(1).is_some();
        let Some(reason) = column::identifier(key.as_str()) else { continue };
        // Bare one-word keys such as `name` stand before anything in logs.
        if !quoted && !SURE.contains(&reason) {
            continue;
        }
        if matches!(
            value.as_str().to_ascii_lowercase().as_str(),
            "null" | "none" | "true" | "false" | "na" | "unknown"
        ) {
            continue;
        }
        found.push(Span { start: value.start(), end: value.end(), reason });
    }
}

const SURE: &[Reason] = &[
    Reason::UserName,
    Reason::RecordNumber,
    Reason::NationalId,
    Reason::BirthDate,
    Reason::Insurance,
    Reason::Email,
    Reason::Secret,
];

static DATE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:(?:0?[1-9]|[12]\d|3[01])[/.](?:0?[1-9]|[12]\d|3[01])[/.](?:19|20)\d\d|(?:19|20)\d\d[-/.](?:0[1-9]|1[0-2])[-/.](?:0[1-9]|[12]\d|3[01])|(?:0?[1-9]|[12]\d|3[01])[ -](?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ -](?:19|20)\d\d|(?:0?[1-9]|[12]\d|3[01])-(?:0?[1-9]|1[0-2])-(?:19|20)\d\d|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))\b",
    )
});
static BIRTH_WORD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:\bdob\b|birth|\bborn\b|\bgeb\b|geboren|naissance|\bné|nacid|nascit|födel|født|urodz).{0,16}$",
    )
});
static MACHINE_WORD: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)(?:date|run|created|version|released|build|modified|fileDate)\W{0,3}$"));

/// Bytes before a date in which a word may say what it is.
const BEFORE_DATE: usize = 96;

/// Dates of birth: any full date after a word of birth; any full date in a cell; in text and logs the forms
/// that machines do not write.
fn dates(text: &str, context: Context, found: &mut Vec<Span>) {
    for hit in DATE.find_iter(text) {
        // No further back than the words can reach: a line full of dates would cost its square.
        let from = text.floor_char_boundary(hit.start().saturating_sub(BEFORE_DATE));
        let before = text.get(from..hit.start()).unwrap_or_default();
        let compact = hit.as_str().bytes().all(|b| b.is_ascii_digit());
        let iso =
            hit.as_str().as_bytes().first_chunk::<4>().is_some_and(|y| y.iter().all(u8::is_ascii_digit));
        let said = BIRTH_WORD.is_match(before);
        let alone = match context {
            Context::Cell => !keep::is_public_code(keep::token_around(text, hit.start(), hit.end())),
            Context::Text | Context::Log => !iso && !MACHINE_WORD.is_match(before),
        };
        if said || (alone && (context == Context::Cell || !compact)) {
            found.push(Span { start: hit.start(), end: hit.end(), reason: Reason::BirthDate });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, context: Context, expected: &[(&str, Reason)]) {
        let got: Vec<_> =
            spans(text, context).into_iter().map(|s| (text.get(s.start..s.end).unwrap(), s.reason)).collect();
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn values_are_found_by_shape_and_context() {
        use Reason::*;
        check("write to someone@ward.example now", Context::Text, &[("someone@ward.example", Email)]);
        check("NHS 943 476 5919", Context::Text, &[("943 476 5919", NationalId)]);
        check("SSN 078-05-1120", Context::Text, &[("078-05-1120", NationalId)]);
        check("MRN: 00123456 seen", Context::Log, &[("00123456", RecordNumber)]);
        check("D13.88461_NC", Context::Cell, &[("D13.88461_NC", Accession)]);
        check("1990-01-30", Context::Cell, &[("1990-01-30", BirthDate)]);
        check("born on 1990-01-30", Context::Text, &[("1990-01-30", BirthDate)]);
        check("password=hunter22", Context::Log, &[("hunter22", Secret)]);
        check("ACGTACGTACGTACGTACGTN", Context::Log, &[("ACGTACGTACGTACGTACGTN", Sequence)]);
        check(r#"{"firstName": "Xy", "sex": "F"}"#, Context::Text, &[("Xy", PersonName)]);
    }

    #[test]
    fn what_must_survive_does() {
        for text in [
            "CASE-0001-B",
            "S123_L001",
            "NA12878",
            "HG00096",
            "HXXXXDSX2",
            "rs4816203",
            "NM_000059.4:c.68_69del",
            "ENST00000380152.8",
            "20:10000117",
            "chr20:10000117-10000200",
            "160509_M00123_0042_000000000-AB12C",
            "A00123:45:HXXXXDSX2:1:1101:1000:2000",
            "P0001",
            "TSM-001",
            "L001",
            "TAAGGCGA",
            "HP:0001250",
            "25.10.2",
        ] {
            check(text, Context::Cell, &[]);
            check(text, Context::Log, &[]);
        }
        for text in [
            "2026-11-20T10:08:00Z run started",
            "Apr-11 01:39:02.168 [main] DEBUG nextflow.cli.Launcher",
            "java.lang.OutOfMemoryError: Java heap space",
            "exit status (137)",
            "version 1.16+htslib-1.16",
            "samtools 1.16.1 read 10000000 records in 12.5 s",
            "##contig=<ID=20,length=63025520>",
        ] {
            check(text, Context::Log, &[]);
            check(text, Context::Text, &[]);
        }
    }
}
