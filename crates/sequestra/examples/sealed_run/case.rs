//! Made reads, enough of them: several invented genomes side by side make one reference, and the
//! reads of each are one lane of the sample.

use anyhow::{Context, Result};
use demodata::Plan;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// How large a case is.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Its folder.
    pub name: &'static str,
    /// How many genomes have reads in it, and so how many lanes it has.
    pub lanes: u64,
    /// Mean depth.
    pub coverage: u32,
    /// The number in its code.
    pub number: u32,
}

/// The cases, and the reference that they share.
pub struct Cases {
    /// All genomes, their contigs told apart.
    pub reference: PathBuf,
    /// Gene models of all genomes.
    pub genes: PathBuf,
    /// Frequencies and significance, for the first genome.
    pub tables: [PathBuf; 2],
    /// In the order of their shapes.
    pub each: Vec<Case>,
}

/// The reads of one case.
pub struct Case {
    /// Sample sheet.
    pub sheet: PathBuf,
    /// MD5 sums.
    pub manifest: PathBuf,
    /// First and second reads of each lane.
    pub lanes: Vec<[PathBuf; 2]>,
    /// Reads, two for each pair.
    pub reads: u64,
    /// Bytes of all reads, compressed.
    pub bytes: u64,
    /// What was asked for.
    pub shape: Shape,
}

/// Makes the cases below `folder`.
pub fn make(folder: &Path, shapes: &[Shape]) -> Result<Cases> {
    let genomes = shapes.iter().map(|shape| shape.lanes).max().unwrap_or(1);
    let mut each = Vec::new();
    for shape in shapes {
        each.push(make_case(folder, *shape)?);
    }
    let (mut reference, mut regions, mut genes) =
        (String::new(), String::from("##gff-version 3\n"), String::new());
    for seed in 1..=genomes {
        let made = folder.join(format!("genome-{seed}"));
        demodata::write(&made, seed, &Plan { coverage: 1, ..Plan::default() })?;
        reference.push_str(&told_apart(&fs::read_to_string(made.join("reference.fa"))?, seed));
        let models = told_apart(&fs::read_to_string(made.join("genes.gff3"))?, seed);
        for line in models.lines() {
            match line.starts_with('#') {
                // Regions stand at the head, and the head stands once.
                true if line.starts_with("##sequence-region") => writeln!(regions, "{line}")?,
                true => {}
                false => writeln!(genes, "{line}")?,
            }
        }
    }
    let paths = [folder.join("reference.fa"), folder.join("genes.gff3")];
    let [fasta, models] = &paths;
    fs::write(fasta, reference)?;
    fs::write(models, regions + &genes)?;
    let [reference, genes] = paths;
    let first = folder.join("genome-1");
    let tables = [first.join("frequencies.vcf.gz"), first.join("significance.vcf.gz")];
    Ok(Cases { reference, genes, tables, each })
}

/// Names of contigs, genes and transcripts are the same in every invented genome. Those of the
/// first stay, since its tables name them; the others get the genome's number.
fn told_apart(text: &str, seed: u64) -> String {
    if seed == 1 {
        return text.to_owned();
    }
    let text = text.replace("syn", &format!("syn{seed}x"));
    ["SEQG", "SEQT", "SEQE"].iter().fold(text, |text, word| text.replace(word, &format!("{word}{seed}x")))
}

fn make_case(folder: &Path, shape: Shape) -> Result<Case> {
    let plan = Plan { coverage: shape.coverage, lanes: 1, case: shape.number };
    let folder = folder.join(shape.name);
    fs::create_dir_all(&folder)?;
    let mut sheet = String::from("patient,sample,lane,fastq_1,fastq_2,sex,status,specimen_type\n");
    let (mut sums, mut lanes) = (String::new(), Vec::new());
    let (mut reads, mut bytes) = (0, 0);
    for seed in 1..=shape.lanes {
        let lane = format!("L{seed:03}");
        let made = folder.join(&lane);
        reads += demodata::write(&made, seed, &plan)?.reads;
        let names = [1, 2].map(|mate| format!("reads_{lane}_R{mate}.fastq.gz"));
        let paths = names.clone().map(|name| folder.join(name));
        let listed = fs::read_to_string(made.join("md5sums.txt"))?;
        for ((line, name), path) in listed.lines().zip(&names).zip(&paths) {
            let (sum, from) = line.split_once("  ").context("a line of made sums has no name")?;
            fs::rename(made.join(from), path)?;
            bytes += fs::metadata(path)?.len();
            writeln!(sums, "{sum}  {name}")?;
        }
        writeln!(sheet, "{},{},{lane},{},XX,0,blood", plan.patient(), plan.sample(), names.join(","))?;
        lanes.push(paths);
    }
    let (sheet_file, manifest) = (folder.join("samplesheet.csv"), folder.join("md5sums.txt"));
    fs::write(&sheet_file, sheet)?;
    fs::write(&manifest, sums)?;
    Ok(Case { sheet: sheet_file, manifest, lanes, reads, bytes, shape })
}
