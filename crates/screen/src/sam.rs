//! The header of SAM, BAM and CRAM: read groups, command lines, comments.
//!
//! Tags are those of the SAM specification, section 1.3; what it does not name is taken for free text.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    finding::{Finding, Reason, Span, settle},
    header, label,
    text::of_line,
    value::{self, Context, pattern},
};

/// Dates that machines write: a run has one, and it says nothing of a birth.
static ISO_DATE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\d{4}-?\d\d-?\d\d(?:[T ][0-9:.]+(?:Z|[+-]\d\d:?\d\d)?)?$"));

/// Screens the header of an alignment file: all of `header` is taken for it. Lines that start with no `@` and a
/// known type are free text.
///
/// Sequences and addresses of public references pass: adapters stand in command lines, and `UR` says where a
/// reference came from.
pub fn screen_sam_header(header: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    // BAM fills its header up with zero bytes.
    for (at, line) in header.trim_end_matches('\0').lines().enumerate() {
        let spans = match line.get(..3) {
            Some("@HD") => fields(line, |_, value| plain(value)),
            Some("@SQ") => fields(line, reference),
            Some("@RG") => fields(line, read_group),
            Some("@PG") => fields(line, program),
            _ => free(line),
        };
        findings.extend(of_line(line, at + 1, settle(spans)));
    }
    findings
}

/// What `judge` says of each field (tag and value) after the line's type.
fn fields(line: &str, judge: fn(&str, &str) -> Vec<Span>) -> Vec<Span> {
    let mut found = Vec::new();
    let mut at = 0;
    for field in line.split('\t') {
        let start = at;
        at += field.len() + 1;
        if start == 0 {
            // `@RG` and nothing more; with more behind it, it is no such line.
            if field.len() > 3 {
                return free(line);
            }
            continue;
        }
        let (tag, value, skip) = match field.split_once(':') {
            Some((tag, value)) if tag.len() == 2 => (tag, value, 3),
            _ => ("", field, 0),
        };
        let place = start + skip;
        found.extend(judge(tag, value).into_iter().map(|span| Span {
            start: place + span.start,
            end: place + span.end,
            ..span
        }));
    }
    found
}

fn reference(tag: &str, value: &str) -> Vec<Span> {
    match tag {
        "SN" | "LN" | "AH" | "AN" | "AS" | "M5" | "SP" | "MD" | "TP" => Vec::new(),
        _ => free(value),
    }
}

fn read_group(tag: &str, value: &str) -> Vec<Span> {
    match tag {
        "ID" | "SM" | "LB" | "PU" => {
            let mut spans = free(value);
            spans.extend(whole(value, label::identifier(value)));
            spans
        }
        "DT" if ISO_DATE.is_match(value) => Vec::new(),
        _ => free(value),
    }
}

fn program(tag: &str, value: &str) -> Vec<Span> {
    match tag {
        // Names of programs are spoken words, and command lines hold words of every kind.
        "VN" => plain(value).into_iter().filter(|span| span.reason != Reason::Ip).collect(),
        "ID" | "PN" | "PP" => plain(value),
        "CL" => keep(header::free(value, Context::Log)),
        _ => free(value),
    }
}

fn plain(value: &str) -> Vec<Span> {
    let mut spans = keep(value::spans(value, Context::Log));
    spans.extend(header::paths(value));
    spans
}

fn free(value: &str) -> Vec<Span> {
    keep(header::free(value, Context::Text))
}

fn keep(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| span.reason != Reason::Sequence);
    spans
}

fn whole(value: &str, reason: Option<Reason>) -> Vec<Span> {
    reason.map(|reason| Span { start: 0, end: value.len(), reason }).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expected: &[(usize, usize, Reason)]) {
        let told: Vec<_> = screen_sam_header(header).into_iter().map(|f| (f.place, f.reason)).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(line, column, reason)| (crate::Place::Line { line: *line, column: *column }, *reason))
            .collect();
        assert_eq!(told, expected, "{header}");
    }

    #[test]
    fn each_part_of_a_header_is_looked_at() {
        use Reason::*;
        check("@RG\tID:1\tSM:Quibbleton_Zorbina", &[(1, 13, PersonName)]);
        check("@RG\tID:79213340\tSM:P0001", &[(1, 8, RecordNumber)]);
        check("@RG\tID:1\tLB:D13.88461_NC\tPU:HXXXXDSX2.1", &[(1, 13, Accession)]);
        check("@RG\tID:1\tDS:seen by Dr. Quibbleton", &[(1, 25, PersonName)]);
        check("@RG\tID:1\tDT:01.02.1990", &[(1, 13, BirthDate)]);
        check("@RG\tID:1\tCN:zq@ward.example", &[(1, 13, Email)]);
        check("@RG\tID:1\txy:MRN 00123456", &[(1, 13, RecordNumber)]);
        check("@PG\tID:bwa\tCL:bwa mem -o /Users/zq/x.bam", &[(1, 26, Path)]);
        check("@PG\tID:bwa\tCL:bwa mem -R @RG\\tID:1\\tSM:Quibbleton x.fq", &[(1, 40, PersonName)]);
        check("@PG\tID:p\tCL:AddOrReplaceReadGroups RGSM=Quibbleton", &[(1, 41, PersonName)]);
        check("@PG\tID:g\tCL:gatk --sample-name Quibbleton -I x.bam", &[(1, 32, PersonName)]);
        check("@PG\tID:s\tCL:samtools view Quibbleton_Zorbina.bam", &[(1, 27, PersonName)]);
        check("@CO\tfrom ftp://zq:pass1@ward.example.org/x", &[(1, 16, Secret)]);
        check("@CO\tsee https://ward.example/patient_quibbleton_zorbina", &[(1, 38, PersonName)]);
        check("@CO\tdate of birth 1990-01-30", &[(1, 19, BirthDate)]);
        check("@SQ\tSN:20\tLN:1\tUR:file:/data/Quibbleton/x.fa", &[(1, 24, Path)]);
        check(
            "@HD\tVN:1.6\n@RGx\tSM:MRN 00123456\nMRN 00123456",
            &[(2, 9, RecordNumber), (3, 1, RecordNumber)],
        );
    }

    #[test]
    fn opaque_headers_pass() {
        check(
            "@HD\tVN:1.6\tSO:coordinate\n\
             @SQ\tSN:20\tLN:63025520\tM5:0dec9660ec1efaaf33281c0d5ea2560f\tAS:GRCh37\tSP:Homo sapiens\n\
             @SQ\tSN:1\tLN:5\tUR:ftp://ftp.1000genomes.ebi.ac.uk/vol1/ftp/technical/reference/hs37d5.fa.gz\n\
             @RG\tID:rds_0123456789abcdefghjk\tSM:smp_0123456789abcdefghjk\tPL:ILLUMINA\tPM:NovaSeq 6000\n\
             @RG\tID:H06HDADXX130110.2.ATCACGAT\tLB:Solexa-272222\tPU:H06HDADXX130110.2.ATCACGAT\tSM:NA12878\tCN:BI\tDT:2013-01-10T00:00:00-0500\n\
             @RG\tID:A.1\tPU:000000000-AB12C.1.ACGTACGT-TTGACAGA\tSM:CASE-0001-B\tCN:WUGSC\tDS:SRP001294\n\
             @PG\tID:bwa\tPN:bwa\tVN:0.7.17-r1188\tCL:bwa mem -t 8 -K 100000000 -Y hg38.fasta P0001_R1.fastq.gz P0001_R2.fastq.gz\n\
             @PG\tID:MarkDuplicates\tPN:MarkDuplicates\tVN:Version:4.1.8.1\tCL:MarkDuplicates --INPUT smp_0123456789abcdefghjk.bam --TMP_DIR tmp\n\
             @PG\tID:GATK PrintReads\tCL:cutadapt -a AGATCGGAAGAGCACACGTCTGAACTCCAGTCA in.fastq\n\
             @PG\tID:samtools\tPN:samtools\tCL:/usr/local/bin/samtools sort -@ 4 -m 2G -\n\
             @CO\tValidation of FLAG\n\
             @CO\tknown = ftp://ftp.1000genomes.ebi.ac.uk/vol1/ALL.wgs.indels_mills_devine.20101123.sites.vcf.gz > /dev/null\n\0\0",
            &[],
        );
    }
}
