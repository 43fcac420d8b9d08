//! Short texts of one line: file names, names of jobs, subjects of notifications.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    finding::{Finding, Place, Reason, Span, shape},
    label,
    value::{self, Context, pattern},
};

/// An id of the product: three letters and twenty characters of its alphabet.
static ID: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[a-z]{3}_[0-9a-hjkmnp-tv-z]{20}$"));
static CODE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[A-Z]{2,12}-\d{3}$"));
static COUNT: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\d{1,5}$"));

/// Screens the name of a file or of a folder.
pub fn screen_file_name(name: &str) -> Vec<Finding> {
    let reason = label::file_identifier(name);
    let place = Place::Line { line: 1, column: 1 };
    reason.map(|reason| Finding { place, reason, preview: shape(name) }).into_iter().collect()
}

/// Screens a text that leaves the site or is seen by whoever looks at its processes: a job's name, the subject of
/// a notification. Only ids of the product, numbers of up to five digits, codes of errors and the words of
/// `closed` may stand there, set apart by spaces and plain marks; everything else is a finding.
pub fn screen_subject(text: &str, closed: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut column = 1;
    let mut after_count = false;
    for word in text.split([' ', ',', ';', '(', ')']) {
        let bare = word.trim_end_matches(['.', ':', '!', '?']);
        // Numbers in a row may be one that was written in groups.
        let count = COUNT.is_match(bare);
        let known = bare.is_empty()
            || ID.is_match(bare)
            || CODE.is_match(bare)
            || (count && !after_count)
            || closed.iter().any(|known| known.eq_ignore_ascii_case(bare));
        if !known {
            let reason = label::identifier(bare)
                .or_else(|| value::spans(bare, Context::Cell).first().map(|span: &Span| span.reason));
            findings.push(Finding {
                place: Place::Line { line: 1, column },
                reason: reason.unwrap_or(Reason::FreeText),
                preview: shape(bare),
            });
        }
        after_count = count || (after_count && bare.is_empty());
        column += word.chars().count() + 1;
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_holds_ids_and_known_words_alone() {
        let closed = ["run", "failed", "Sequestra"];
        let told = |text: &str| -> Vec<(usize, Reason)> {
            let at = |f: Finding| match f.place {
                Place::Line { line: 1, column } => (column, f.reason),
                other => panic!("{other:?}"),
            };
            screen_subject(text, &closed).into_iter().map(at).collect()
        };
        for good in ["", "Sequestra: run run_0123456789abcdefghjk failed (RUNS-011), 3.", "run-7"] {
            let expected: &[(usize, Reason)] = if good == "run-7" { &[(1, Reason::FreeText)] } else { &[] };
            assert_eq!(told(good), expected, "{good}");
        }
        assert_eq!(told("run Quibbleton failed"), [(5, Reason::PersonName)]);
        assert_eq!(told("run 79213340 failed"), [(5, Reason::RecordNumber)]);
        assert_eq!(told("run failed zq@ward.example"), [(12, Reason::Email)]);
        assert_eq!(told("943  476, 5919").len(), 2);
        assert_eq!(told("run blood"), [(5, Reason::FreeText)]);
        for odd in
            ["run\nfailed", "run\u{202e}", "run_0123456789ABCDEFGHJK", "run_0123456789abcdefghjk1", "run\tx"]
        {
            assert_eq!(told(odd).len(), 1, "{odd:?}");
        }
    }

    #[test]
    fn file_names_are_judged_as_in_a_sheet() {
        assert_eq!(screen_file_name("Quibbleton_Zorbina_R1.fastq.gz")[0].reason, Reason::PersonName);
        assert_eq!(screen_file_name("79213340.bam")[0].reason, Reason::RecordNumber);
        assert_eq!(screen_file_name("CASE-0001-B_S1_L001_R1_001.fastq.gz"), []);
    }
}
