//! Makes a small synthetic case: reference, genes, variants and reads.
//!
//! Promises:
//! * The same seed and [`Plan`] give the same bytes on every machine: all draws are integers from
//!   one generator, the compressor and its level are fixed, and nothing runs in parallel.
//! * Each planted variant's consequence is computed here, by making the change and translating the
//!   transcript again, and not taken from the annotator that is later compared with it.
//! * Planted variants lie 250 bases or more apart, outside repeats, in the one place where they
//!   can be written, so that a correct pipeline finds every one and nothing else.
//! * Everything is invented: contigs, genes, accessions, frequencies, conditions, flow cell, codes.
//!
//! One rare stop in both copies explains the disease. The other variants that break a protein are
//! common and known as benign, and `significance.vcf.gz` holds a pathogenic allele at a position
//! where the case has another, harmless one.
//!
//! | file | what it holds |
//! |---|---|
//! | `samplesheet.csv`, `md5sums.txt` | one row a lane; one line a FASTQ file |
//! | `reads_L001_R1.fastq.gz`, … | paired reads, BGZF |
//! | `reference.fa`, `genes.gff3` | three contigs, 300,000 bases; eight genes on both strands, as Ensembl writes them |
//! | `frequencies.vcf.gz` | `INFO/AF` of the planted variants that were ever seen, and of 400 others |
//! | `significance.vcf.gz` | `INFO/CLNSIG`, `CLNDN`, `CLNDISDB` and `CLNREVSTAT` of some planted variants, and of 41 others |
//! | `truth.vcf.gz` | every planted variant with its genotype |
//! | `confident.bed` | all but the ends of the contigs |
//! | `expected.tsv` | every planted variant in a gene: `contig pos ref alt expected_consequence gene disease_causing`, the consequence as `term\|gene\|transcript\|protein_coding`, without the transcript for introns |
//!
//! Modules in reading order:
//! * [`plan`], [`write`](mod@write): what can be asked for; the whole case
//! * [`genome`], [`gene`]: the invented sequence and its genes
//! * [`recipe`], [`plant`], [`effect`]: which variants, where, and what they do
//! * [`reads`]: fragments, errors, qualities, duplicates, adapters
//! * [`tables`], [`bgzf`]: the files
//! * [`rng`], [`error`]: draws and failures

mod bgzf;
mod effect;
mod error;
mod gene;
mod genome;
mod plan;
mod plant;
mod reads;
mod recipe;
mod rng;
mod tables;
mod write;

pub use error::{Error, Result};
pub use plan::Plan;
pub use write::{Made, write};
