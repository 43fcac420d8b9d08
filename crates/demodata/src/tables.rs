//! The text files beside the reads, as their formats write them.

use crate::gene::{Gene, Strand};
use crate::genome::Genome;
use crate::plant::{EDGE, Planted, SPACING, substitute};
use crate::recipe::CONDITION;
use crate::rng::Rng;
use std::fmt::Write as _;
use std::ops::Range;

/// FASTA, 80 bases a line.
pub fn reference(genome: &Genome) -> String {
    let mut text = String::new();
    for contig in &genome.contigs {
        let _ = writeln!(text, ">{}", contig.name);
        for line in contig.bases.chunks(80) {
            let _ = writeln!(text, "{}", String::from_utf8_lossy(line));
        }
    }
    text
}

/// Gene models as Ensembl's GFF3 writes them.
pub fn genes(genome: &Genome) -> String {
    let mut text = String::from("##gff-version 3\n");
    for contig in &genome.contigs {
        let _ = writeln!(text, "##sequence-region {} 1 {}", contig.name, contig.bases.len());
    }
    for gene in &genome.genes {
        gene_model(&mut text, genome, gene);
    }
    text
}

fn gene_model(text: &mut String, genome: &Genome, gene: &Gene) {
    let name = genome.contigs.get(gene.contig).map_or("", |c| c.name);
    let strand = if gene.strand == Strand::Forward { '+' } else { '-' };
    let (id, transcript, symbol) = (gene.accession(), gene.transcript(), gene.symbol);
    let mut line = |kind: &str, part: &Range<usize>, phase: &str, attributes: &str| {
        let (start, end) = (part.start + 1, part.end);
        let _ =
            writeln!(text, "{name}\tdemodata\t{kind}\t{start}\t{end}\t.\t{strand}\t{phase}\t{attributes}");
    };
    let parent = format!("Parent=transcript:{transcript}");
    line(
        "gene",
        &gene.span(),
        ".",
        &format!("ID=gene:{id};Name={symbol};biotype=protein_coding;gene_id={id}"),
    );
    line(
        "mRNA",
        &gene.span(),
        ".",
        &format!(
            "ID=transcript:{transcript};Parent=gene:{id};Name={symbol}-201;biotype=protein_coding;transcript_id={transcript}"
        ),
    );
    let ordered = |mut parts: Vec<Range<usize>>| {
        if gene.strand == Strand::Reverse {
            parts.reverse();
        }
        parts
    };
    for (rank, exon) in ordered(gene.exons.clone()).iter().enumerate() {
        let rank = rank + 1;
        line("exon", exon, ".", &format!("{parent};Name=SEQE{:08}{rank:03};rank={rank}", gene.number));
    }
    let (before, after) = gene.untranslated();
    for part in ordered(before) {
        line("five_prime_UTR", &part, ".", &parent);
    }
    let mut read = 0;
    for part in ordered(gene.coding()) {
        // The phase is how many bases of this part finish the codon that the last one began.
        let phase = (3 - read % 3) % 3;
        read += part.len();
        line("CDS", &part, &phase.to_string(), &format!("ID=CDS:SEQP{:011};{parent}", gene.number));
    }
    for part in ordered(after) {
        line("three_prime_UTR", &part, ".", &parent);
    }
}

/// The regions where nothing but the truth may be called.
pub fn confident(genome: &Genome) -> String {
    let mut text = String::new();
    for contig in &genome.contigs {
        let _ = writeln!(text, "{}\t{}\t{}", contig.name, EDGE / 2, contig.bases.len() - EDGE / 2);
    }
    text
}

/// The planted variants with their genotypes.
pub fn truth(genome: &Genome, planted: &[Planted], sample: &str) -> String {
    let mut text = header(genome, &["##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype\">"]);
    let _ = writeln!(text, "\tFORMAT\t{sample}");
    for p in planted {
        let _ = writeln!(text, "{}\t.\tPASS\t.\tGT\t{}", site(genome, &Site::of(p)), p.copies.genotype());
    }
    text
}

/// What each planted variant in a gene does, in the notation that `bcftools csq` uses for it as
/// far as the transcript's kind. Variants between genes are not listed: they do nothing.
pub fn expected(genome: &Genome, planted: &[Planted]) -> String {
    let mut text = String::from("contig\tpos\tref\talt\texpected_consequence\tgene\tdisease_causing\n");
    for p in planted {
        let Some((gene, effect)) = p.hits.and_then(|(place, e)| Some((genome.genes.get(place)?, e))) else {
            continue;
        };
        // The annotator names the gene alone for introns.
        let transcript =
            if effect == crate::effect::Effect::Intron { String::new() } else { gene.transcript() };
        let Site { contig, position, reference, alternate } = Site::of(p);
        let contig = genome.contigs.get(contig).map_or("", |c| c.name);
        let causing = if p.causal { "yes" } else { "no" };
        let (term, symbol) = (effect.term(), gene.symbol);
        let _ = writeln!(
            text,
            "{contig}\t{}\t{reference}\t{alternate}\t{term}|{symbol}|{transcript}|protein_coding\t{symbol}\t{causing}",
            position + 1
        );
    }
    text
}

/// How often the variants are seen in an invented population: the planted ones that were ever
/// seen, and many others.
pub fn frequencies(genome: &Genome, planted: &[Planted], seed: u64) -> String {
    let mut text = header(
        genome,
        &["##INFO=<ID=AF,Number=A,Type=Float,Description=\"Allele frequency in an invented population\">"],
    );
    text.push('\n');
    let mut rng = Rng::stream(seed, "frequencies");
    let mut rows: Vec<(Site, String)> = Vec::new();
    for p in planted {
        rows.extend(p.frequency.map(|parts| (Site::of(p), fraction(parts))));
    }
    for other in others(genome, planted, &mut rng, 400) {
        // Most variants are rare: halve a draw a random number of times.
        let parts = 500_000_u32 >> rng.below(18);
        rows.push((other, fraction(parts.max(1))));
    }
    sorted(&mut rows);
    for (at, frequency) in rows {
        let _ = writeln!(text, "{}\t.\t.\tAF={frequency}", site(genome, &at));
    }
    text
}

/// What laboratories have said about some variants.
pub fn significance(genome: &Genome, planted: &[Planted], seed: u64) -> String {
    let mut text = header(
        genome,
        &[
            "##INFO=<ID=CLNSIG,Number=.,Type=String,Description=\"Invented clinical significance\">",
            "##INFO=<ID=CLNDN,Number=.,Type=String,Description=\"Invented condition\">",
            "##INFO=<ID=CLNDISDB,Number=.,Type=String,Description=\"Invented identifier of the condition\">",
            "##INFO=<ID=CLNREVSTAT,Number=.,Type=String,Description=\"Invented review status\">",
        ],
    );
    text.push('\n');
    const SAYINGS: [(&str, &str); 5] = [
        ("Pathogenic", "Demonstration_disorder_2"),
        ("Likely_pathogenic", "Demonstration_disorder_3"),
        ("Uncertain_significance", "not_provided"),
        ("Likely_benign", "not_provided"),
        ("Benign", "not_provided"),
    ];
    let mut rng = Rng::stream(seed, "significance");
    let mut rows: Vec<(Site, (&str, &str))> = Vec::new();
    for p in planted {
        rows.extend(p.significance.map(|said| (Site::of(p), said)));
    }
    for (other, said) in others(genome, planted, &mut rng, 40).into_iter().zip(SAYINGS.iter().cycle()) {
        rows.push((other, *said));
    }
    // Another change of a base that the case has changed harmlessly: who looks up the position
    // and not the allele finds a disease that is not there.
    if let Some(p) = planted.iter().find(|p| p.significance.is_some_and(|s| s.0 == "Benign") && p.is_single())
    {
        let mut other = Site::of(p);
        let free = ["A", "C", "G", "T"].into_iter().find(|b| *b != other.reference && *b != other.alternate);
        other.alternate = free.unwrap_or("N").into();
        rows.push((other, ("Pathogenic", CONDITION)));
    }
    sorted(&mut rows);
    for (at, (said, condition)) in rows {
        let row = site(genome, &at);
        let _ = write!(text, "{row}\t.\t.\tCLNSIG={said};CLNDN={condition};");
        if let Some(number) = condition.strip_prefix("Demonstration_disorder_") {
            let _ = write!(text, "CLNDISDB=Invented:DD{number:0>4};");
        }
        text.push_str("CLNREVSTAT=criteria_provided,_multiple_submitters,_no_conflicts\n");
    }
    text
}

/// A row's first columns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Site {
    contig: usize,
    position: usize,
    reference: String,
    alternate: String,
}

impl Site {
    fn of(planted: &Planted) -> Self {
        let change = &planted.change;
        Self {
            contig: change.contig,
            position: change.position,
            reference: String::from_utf8_lossy(&change.reference).into_owned(),
            alternate: String::from_utf8_lossy(&change.alternate).into_owned(),
        }
    }
}

fn site(genome: &Genome, at: &Site) -> String {
    let name = genome.contigs.get(at.contig).map_or("", |c| c.name);
    format!("{name}\t{}\t.\t{}\t{}", at.position + 1, at.reference, at.alternate)
}

fn sorted<T>(rows: &mut [(Site, T)]) {
    rows.sort_by(|a, b| a.0.cmp(&b.0));
}

/// Substitutions that the case does not have, a third of them in genes.
fn others(genome: &Genome, planted: &[Planted], rng: &mut Rng, count: usize) -> Vec<Site> {
    let mut out: Vec<Site> = Vec::new();
    while out.len() < count {
        let gene = genome.genes.get(rng.below(3 * genome.genes.len()));
        let contig = gene.map_or_else(|| rng.below(genome.contigs.len()), |g| g.contig);
        let bases = genome.bases(contig);
        let within = gene.map_or(EDGE..bases.len() - EDGE, Gene::span);
        let position = within.start + rng.below(within.len());
        let near = |c: usize, p: usize, gap: usize| c == contig && p.abs_diff(position) < gap;
        let taken = planted.iter().any(|p| near(p.change.contig, p.change.position, SPACING / 5))
            || out.iter().any(|o| near(o.contig, o.position, 1));
        let Some(base) = bases.get(position).copied().filter(|_| !taken) else { continue };
        let alternate = char::from(substitute(rng, base)).to_string();
        out.push(Site { contig, position, reference: char::from(base).to_string(), alternate });
    }
    out
}

/// Parts per million as a decimal fraction, without rounding.
fn fraction(parts: u32) -> String {
    format!("0.{parts:06}")
}

/// The header up to and with the eight fixed columns, without the line's end.
fn header(genome: &Genome, lines: &[&str]) -> String {
    let mut text = String::from(
        "##fileformat=VCFv4.2\n##source=demodata\n##FILTER=<ID=PASS,Description=\"All filters passed\">\n",
    );
    for contig in &genome.contigs {
        let _ = writeln!(text, "##contig=<ID={},length={}>", contig.name, contig.bases.len());
    }
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    text.push_str("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO");
    text
}
