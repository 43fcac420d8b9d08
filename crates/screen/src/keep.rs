//! What must survive: the opaque and public codes of the field.

use std::sync::LazyLock;

use regex::RegexSet;

#[expect(clippy::expect_used, reason = "the patterns are constants, compiled by every test")]
static KEEP: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new([
        // Variants, genes and transcripts: dbSNP, ClinVar, HGVS, RefSeq, Ensembl, LRG, ontologies.
        r"^(rs|ss|esv|nsv|RCV|SCV|VCV|COSM|COSV|CA)\d+(\.\d+)?$",
        r"^(N[CGMPRTW]|X[MPR])_\d+(\.\d+)?(\([A-Za-z0-9-]+\))?(:[cgmnpr]\..+)?$",
        r"^ENS[A-Z]*\d{11}(\.\d+)?(:[cgmnpr]\..+)?$",
        r"^LRG_\d+(t\d+)?(:[cgmnpr]\..+)?$",
        r"^(HP|MP|GO|SO|DOID|MONDO|OMIM|MIM|ORPHA|EFO|UBERON|CL|HGNC|DUO|HANCESTRO):\d+$",
        // Coordinates.
        r"^(chr)?([0-9]{1,2}|X|Y|M|MT)[:_-][0-9,]+([-_:.][0-9,]+)?([:_>-][ACGTN]+)*$",
        // Public archives and reference samples.
        r"^(NA|HG|GM)\d{5}([._-][A-Za-z0-9._-]*)?$",
        r"^([SED]R[APRSXZ]|SAM[NED]A?G?|GS[EM]|PRJ[NED][AB]|EGA[A-Z]|phs|ERS|SRS)\d+(\.v\d+.*)?$",
        // Illumina file, read and run names.
        r"^[A-Z0-9-]+:\d+:[A-Z0-9-]+(:\d+){0,4}$",
        r"^\d{6,8}_[A-Z]{1,2}[A-Z0-9-]+_\d{1,4}_[AB]?[A-Z0-9-]+$",
        r"^S\d{1,3}_L\d{3}(_[RI][123](_\d{3})?)?$",
        // Random identifiers and digests.
        r"^[a-z]{3}_[A-Za-z0-9]{8,40}$",
        r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
        r"^([0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})$",
    ])
    .expect("patterns of public codes")
});

/// Whether the whole of `token` is a code that identifies nobody by itself.
pub(crate) fn is_public_code(token: &str) -> bool {
    KEEP.is_match(token)
}

/// Bytes on either side of a span in which the edge of its token is looked for: no public code is longer, and a
/// text without edges would cost its square.
const REACH: usize = 128;

/// The run of characters around a span that are neither space, quote, bracket nor comma.
pub(crate) fn token_around(text: &str, start: usize, end: usize) -> &str {
    let edge = |c: char| {
        c.is_whitespace()
            || matches!(c, '"' | '\'' | ',' | ';' | '=' | '<' | '[' | ']' | '{' | '}' | '`' | '|')
    };
    let (least, most) =
        (text.floor_char_boundary(start.saturating_sub(REACH)), text.floor_char_boundary(end + REACH));
    let from = text.get(least..start).and_then(|t| t.rfind(edge)).map_or(least, |at| {
        let at = least + at;
        at + text.get(at..).and_then(|t| t.chars().next()).map_or(1, char::len_utf8)
    });
    let to = text.get(end..most).and_then(|t| t.find(edge)).map_or(most, |at| end + at);
    text.get(from..to).unwrap_or_default().trim_end_matches(['.', ':', ')'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_codes_are_known() {
        for code in [
            "rs4816203",
            "NM_000059.4:c.68_69del",
            "ENST00000380152.8",
            "HP:0001250",
            "chr20:10,000,117-10,000,200",
            "20:10000117",
            "NA12878",
            "HG00096",
            "SRR1234567",
            "A00123:45:HXXXXDSX2:1:1101:1000:2000",
            "160509_M00123_0042_000000000-AB12C",
            "20240131_LH00123_0042_A22ABCDLT3",
            "S123_L001",
            "smp_0123456789abcdefghjk",
            "d41d8cd98f00b204e9800998ecf8427e",
        ] {
            assert!(is_public_code(code), "{code}");
        }
        for not in ["Castellanos", "D13.88461_NC", "79213340", "1990-01-30", "943 476 5919", "mrn_123"] {
            assert!(!is_public_code(not), "{not}");
        }
    }

    #[test]
    fn a_token_ends_at_its_edges() {
        assert_eq!(token_around("x=\"ab-12.\", y", 3, 5), "ab-12");
        assert_eq!(token_around("żab", 2, 3), "żab");
    }
}
