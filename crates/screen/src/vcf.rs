//! The header of a VCF: its command lines, sample records and sample columns.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    finding::{Finding, Place, Span, settle, shape},
    header, label,
    text::of_line,
    value::{Context, pattern},
};

static SAMPLE_ID: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^##(?:SAMPLE|PEDIGREE|META)=<(?:[^>]*,)?ID=([^,>]+)"));
/// Lines whose content the format fixes.
static FIXED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^##(?:fileformat|contig|INFO|FORMAT|FILTER|ALT)="));

/// Screens the header of a VCF: everything up to and with the `#CHROM` line. Record lines are not looked at.
pub fn screen_vcf_header(header: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in header.lines().enumerate() {
        let number = at + 1;
        if !line.starts_with('#') {
            break;
        }
        if let Some(columns) = line.strip_prefix("#CHROM\t") {
            for (sample, name) in columns.split('\t').skip(8).enumerate() {
                if let Some(reason) = label::identifier(name) {
                    let place = Place::Sample { line: number, sample: sample + 1 };
                    findings.push(Finding { place, reason, preview: shape(name) });
                }
            }
            break;
        }
        if FIXED.is_match(line) {
            continue;
        }
        let mut spans = header::free(line, Context::Text);
        if let Some(id) = SAMPLE_ID.captures(line).and_then(|c| c.get(1))
            && let Some(reason) = label::identifier(id.as_str())
        {
            spans.push(Span { start: id.start(), end: id.end(), reason });
        }
        findings.extend(of_line(line, number, settle(spans)));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason;

    #[test]
    fn names_are_found_in_every_part() {
        let header = "##fileformat=VCFv4.2\n##call=run -o /home/zq/Quibbleton_11101615/calls.vcf.gz\n\
            ##SAMPLE=<ID=11101615,Description=\"Zorbina Quibbleton DOB 01-Jul-1941\">\n\
            ##contig=<ID=20,length=63025520>\n\
            #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNA12878\tQuibbleton_ZQ\n20\t1\trs1\tA\tC\n";
        let told: Vec<(String, Reason)> =
            screen_vcf_header(header).into_iter().map(|f| (f.place.to_string(), f.reason)).collect();
        let expected = [
            ("line 2, character 15", Reason::Path),
            ("line 3, character 14", Reason::RecordNumber),
            ("line 3, character 36", Reason::PersonName),
            ("line 3, character 59", Reason::BirthDate),
            ("line 5, sample 2", Reason::PersonName),
        ];
        assert_eq!(told, expected.map(|(p, r)| (p.to_owned(), r)));
    }

    #[test]
    fn an_opaque_header_passes() {
        let header = "##fileformat=VCFv4.3\n##INFO=<ID=DP,Number=1,Type=Integer,Description=\"Total Depth\">\n\
            ##bcftools_callVersion=1.16+htslib-1.16\n##reference=file://reference.fa\n\
            ##bcftools_viewCommand=view -o P0001.vcf.gz smp_0123456789abcdefghjk.vcf.gz\n\
            #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tsmp_0123456789abcdefghjk\n";
        assert_eq!(screen_vcf_header(header), []);
    }
}
