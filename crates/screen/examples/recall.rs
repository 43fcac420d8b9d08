//! Measures the detectors beside their bounds: `cargo run -p screen --example recall`.
//!
//! By kind: planted, found, recall. What must survive and does not. Names in prose are printed as they are; they
//! have no bound. Last, how fast each detector reads, on one core.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a measurement may stop where its corpus is not as described"
)]

#[path = "../tests/measure/mod.rs"]
mod measure;

use base::{Clock as _, SystemClock};
use measure::{Score, data, harmed, logs, planted, prose, sheets};
use screen::{
    Known, ReadNames, Redactor, redact, screen_sam_header, screen_text, screen_vcf_header,
    value::{Context, spans},
};
use std::hint::black_box;

const RECALL: f64 = 0.95;
const HARM: f64 = 0.02;
/// Kinds of the prose that have a form of their own.
const FORMED: &[&str] =
    &["EMAIL_ADDRESS", "IP_ADDRESS", "DOMAIN_NAME", "US_SSN", "IBAN_CODE", "CREDIT_CARD", "PHONE_NUMBER"];

fn main() {
    let (Some(invented), Some(text), Some(shared)) = (data("phi_logs"), data("phi_text"), data("")) else {
        return;
    };
    println!("\n-- logs after redaction");
    let (gone, kept) = logs(&invented, false);
    by_kind(&gone, RECALL);
    harm("what explains an error", &kept);
    let (gone, _) = logs(&invented, true);
    println!("values that the program knows        bound 1.00   result {:.3}", gone.total());
    println!("\n-- sheets, pedigrees, submissions, VCF headers");
    let (found, clean) = sheets(&invented);
    by_kind(&found, RECALL);
    harm("codes that must pass", &clean);
    println!("\n-- the same values put elsewhere, found of planted");
    for (place, score) in planted(&invented) {
        score.print(place);
    }
    println!("\n-- public names and headers");
    for (kind, (hits, all)) in harmed(&shared) {
        let share = hits as f64 / all as f64;
        println!(
            "{kind:<36} bound {HARM:.2}   result {share:.4} ({hits} of {all})   {}",
            verdict(share < HARM)
        );
    }
    println!("\n-- prose from outside the laboratory");
    let (recall, right, wrong) = prose(&text);
    by_kind(&recall, f64::NAN);
    let formed = recall.of_kinds(FORMED);
    println!(
        "all with a form of their own         bound {RECALL:.2}   result {formed:.3}   {}",
        verdict(formed >= RECALL)
    );
    println!("names                                no bound     result {:.3}", recall.of("PERSON"));
    let share = wrong as f64 / (right + wrong) as f64;
    println!(
        "found and no identifier              no bound     result {share:.3} ({wrong} of {})",
        right + wrong
    );
    speed();
}

fn by_kind(score: &Score, bound: f64) {
    println!("{:<36} planted  found  recall", "kind");
    for (kind, (hits, all)) in &score.0 {
        println!("{kind:<36} {all:>7} {hits:>6}  {:.3}", *hits as f64 / *all as f64);
    }
    if bound.is_finite() {
        let total = score.total();
        println!("{:<36} bound {bound:.2}   result {total:.3}   {}", "all", verdict(total >= bound));
    }
}

fn harm(what: &str, kept: &Score) {
    let share = 1.0 - kept.total();
    println!(
        "{:<36} bound {HARM:.2}   result {share:.4}   {}",
        format!("harm to {what}"),
        verdict(share < HARM)
    );
}

fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "does not hold" }
}

fn speed() {
    println!(
        "\n-- MB/s on one core: what a machine writes, then the worst of some hostile lines of a megabyte"
    );
    let log = "[M::mem_process_seqs] Processed 120000 reads in 12.500 CPU sec, open /data/x/y.bam: done\n"
        .repeat(4_000);
    let sam =
        "@PG\tID:bwa\tPN:bwa\tVN:0.7.17\tCL:bwa mem -t 8 hg38.fasta P0001_R1.fastq.gz P0001_R2.fastq.gz\n"
            .repeat(3_000);
    let vcf =
        "##bcftools_viewCommand=view -o P0001.vcf.gz in.vcf.gz; Date=Mon Jan 1 10:00:00 2031\n".repeat(3_000);
    let names: Vec<String> = (0..100_000u32)
        .map(|n| {
            format!(
                "A00123:45:HXXXXDSX2:1:{}:{}:{} 1:N:0:ACGTACGT+ACGTACGT",
                1101 + n / 9_000,
                n % 30_000,
                n % 36_000
            )
        })
        .collect();
    let known = Redactor::new((0..20).map(|_| (Known::Label, "KANARI-7731")));
    rate("redaction", log.len(), || log.lines().for_each(|line| drop(black_box(redact(line, 400)))));
    rate("redaction, 20 known values", log.len(), || {
        log.lines().for_each(|line| drop(black_box(known.redact(line, 400))));
    });
    rate("text", log.len(), || drop(black_box(screen_text(&log))));
    rate("SAM header", sam.len(), || drop(black_box(screen_sam_header(&sam))));
    rate("VCF header", vcf.len(), || drop(black_box(screen_vcf_header(&vcf))));
    rate("read names", names.iter().map(String::len).sum(), || {
        let mut seen = ReadNames::default();
        for (record, name) in (1..).zip(&names) {
            black_box(seen.take(record, name.as_bytes()));
        }
    });
    let units = [
        "zq@ward.example,",
        "01.02.1990-",
        "1.1.1.1-",
        "A",
        "é",
        "/a/b/c ",
        "Ab Cd ",
        "a=b",
        "\"a\": \"b\",",
        "0 1-",
    ];
    let worst = units.map(|unit| {
        let line = unit.repeat((1 << 20) / unit.len());
        let clock = SystemClock::default();
        let start = clock.monotonic();
        black_box(spans(&line, Context::Cell));
        black_box(screen_sam_header(&line));
        (clock.monotonic().saturating_sub(start), unit)
    });
    if let Some((took, unit)) = worst.into_iter().max() {
        println!("{:<36} {:>8.2} (`{unit}`)", "hostile line", 1.048_576 / took.as_secs_f64());
    }
}

fn rate(what: &str, bytes: usize, work: impl FnOnce()) {
    let clock = SystemClock::default();
    let start = clock.monotonic();
    work();
    let took = clock.monotonic().saturating_sub(start).as_secs_f64();
    println!("{what:<36} {:>8.1}", bytes as f64 / 1e6 / took);
}
