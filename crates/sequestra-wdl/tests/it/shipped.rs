//! The shipped workflows: they type-check, run in a jail that holds exactly the programs they
//! declare, and give right answers on public data with known truth.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value as Json, json};

use crate::jail::{Ended, HELPER, Jail};

fn workflows() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows")
}

/// The folder of test inputs, which is no part of the repository.
fn data(name: &str) -> PathBuf {
    let shared = env::var_os("SEQUESTRA_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join("data/demo").join(name);
    assert!(path.is_dir(), "test data is absent: {} (set SEQUESTRA_SHARED)", path.display());
    path
}

/// The programs that `germline.tools.toml` declares for a workflow, without the helper.
fn programs(workflow: &str) -> Vec<String> {
    let text = fs::read_to_string(workflows().join("germline.tools.toml")).unwrap();
    let declared: toml::Table = text.parse().unwrap();
    let entries = |key: &str| {
        declared[key].as_array().unwrap().iter().map(|entry| entry.as_table().unwrap()).collect::<Vec<_>>()
    };
    let words = |value: &toml::Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let entry =
        entries("workflow").into_iter().find(|entry| entry["name"].as_str() == Some(workflow)).unwrap();
    let tools = words(&entry["tools"]);
    entries("tool")
        .into_iter()
        .filter(|tool| tools.contains(&tool["name"].as_str().unwrap().to_owned()))
        .flat_map(|tool| words(&tool["programs"]))
        .filter(|program| program != HELPER.0)
        .collect()
}

fn jail_for(workflow: &str) -> Jail {
    let programs = programs(workflow);
    let jail = Jail::new(&programs.iter().map(String::as_str).collect::<Vec<_>>());
    jail.copy(&workflows().join(format!("{workflow}.wdl")), &format!("workflow/{workflow}.wdl"));
    jail
}

/// Prepares the reference of a data folder.
fn indexed(folder: &Path, more: &[(&str, &str)]) -> (Jail, Ended) {
    let jail = jail_for("index");
    jail.copy(&folder.join("reference.fa"), "in/reference.fa");
    let mut inputs = json!({ "index.fasta": "/in/reference.fa" });
    for (input, file) in more {
        jail.copy(&folder.join(file), &format!("in/{file}"));
        inputs[format!("index.{input}")] = json!(format!("/in/{file}"));
    }
    jail.write("in/inputs.json", inputs.to_string());
    let ended = jail.run("index.wdl");
    (jail, ended)
}

/// A jail for the main workflow with the prepared reference and the reads, and its inputs.
fn prepared(folder: &Path, reference: &Jail) -> (Jail, Json) {
    let jail = jail_for("germline");
    let mut inputs = json!({
        "germline.sample_id": "smp_0123456789abcdefghjk",
        "germline.read_group_ids": ["rds_0123456789abcdefghjk"],
        "germline.fastq_1": ["/in/reads_R1.fastq.gz"],
        "germline.fastq_2": ["/in/reads_R2.fastq.gz"],
    });
    for name in ["reads_R1.fastq.gz", "reads_R2.fastq.gz"] {
        jail.copy(&folder.join(name), &format!("in/{name}"));
    }
    let outputs = reference.outputs();
    for part in ["fasta", "fai", "amb", "ann", "bwt", "pac", "sa"] {
        let name = outputs[format!("reference_{part}")].as_str().unwrap().to_owned();
        jail.copy(&reference.path("out").join(&name), &format!("in/{name}"));
        inputs[format!("germline.reference_{part}")] = json!(format!("/in/{name}"));
    }
    if let Some(genes) = outputs["gene_models"].as_str() {
        jail.copy(&reference.path("out").join(genes), &format!("in/{genes}"));
        inputs["germline.genes"] = json!(format!("/in/{genes}"));
    }
    (jail, inputs)
}

fn germline(jail: &Jail, inputs: &Json) -> Ended {
    jail.write("in/inputs.json", inputs.to_string());
    jail.run("germline.wdl")
}

fn bcftools(args: &[&str], file: &Path) -> String {
    let output = Command::new("bcftools").args(args).arg(file).output().expect("these tests need bcftools");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// `contig pos ref alt` → genotype with its alleles sorted.
fn genotypes(file: &Path) -> BTreeMap<String, String> {
    bcftools(&["query", "-f", "%CHROM %POS %REF %ALT[\t%GT]\n"], file)
        .lines()
        .map(|line| {
            let (allele, genotype) = line.split_once('\t').unwrap();
            let mut alleles: Vec<_> = genotype.split(['/', '|']).collect();
            alleles.sort_unstable();
            (allele.to_uppercase(), alleles.join("/"))
        })
        .collect()
}

#[test]
fn they_type_check_without_a_warning() {
    for name in ["germline.wdl", "index.wdl"] {
        let output = Command::new(HELPER.1).arg("check").arg(workflows().join(name)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

#[test]
fn a_panel_gives_the_expected_consequence_of_every_variant() {
    let folder = data("panel");
    let (reference, ended) = indexed(&folder, &[("genes", "genes.gff3"), ("frequencies", "truth.vcf.gz")]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(reference.outputs()["transcripts"], 7);
    assert_eq!(reference.outputs()["frequency_records"], 7);

    let (jail, inputs) = prepared(&folder, &reference);
    let ended = germline(&jail, &inputs);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let outputs = jail.outputs();
    assert_eq!(outputs["variant_records"], 7);
    assert_eq!(outputs["primary_reads"], outputs["reads_after"]);

    let called = bcftools(
        &["query", "-f", "%CHROM\t%POS\t%REF\t%ALT\t%INFO/BCSQ\n"],
        &jail.path("out/variants.vcf.gz"),
    );
    // csq gives the consequences of one variant in no fixed order.
    let rows = |text: &str| -> BTreeSet<(String, BTreeSet<String>)> {
        text.lines()
            .filter_map(|line| line.rsplit_once('\t'))
            .map(|(allele, found)| (allele.to_owned(), found.split(',').map(str::to_owned).collect()))
            .collect()
    };
    let expected = fs::read_to_string(folder.join("expected.tsv")).unwrap();
    let (_, expected) = expected.split_once('\n').unwrap();
    assert_eq!(rows(&called), rows(expected));
}

#[test]
fn lanes_are_joined_under_their_own_read_groups_in_the_same_bytes_each_time() {
    let folder = data("panel");
    let (reference, _) = indexed(&folder, &[]);
    let twice = || {
        let (jail, mut inputs) = prepared(&folder, &reference);
        inputs["germline.read_group_ids"] = json!(["rds_aaaaaaaaaaaaaaaaaaaa", "rds_bbbbbbbbbbbbbbbbbbbb"]);
        for mate in ["1", "2"] {
            let file = format!("/in/reads_R{mate}.fastq.gz");
            inputs[format!("germline.fastq_{mate}")] = json!([file, file]);
        }
        let ended = germline(&jail, &inputs);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        jail
    };
    let (first, second) = (twice(), twice());
    let outputs = first.outputs();
    assert_eq!(outputs["lane_reads_before"], json!([41850, 41850]));
    assert_eq!(outputs["reads_before"], 83700);
    assert_eq!(outputs["primary_reads"], outputs["reads_after"]);
    assert_eq!(outputs["annotated"], false);
    // Every pair stands twice, so marking must work across lanes.
    let flagstat: Json = serde_json::from_slice(&fs::read(first.path("out/flagstat.json")).unwrap()).unwrap();
    assert!(flagstat["QC-passed reads"]["primary duplicates"].as_u64().unwrap() >= 41000, "{flagstat}");
    let bytes = |jail: &Jail| fs::read(jail.path("out/alignment.bam")).unwrap();
    assert!(bytes(&first) == bytes(&second));
}

#[test]
fn a_genome_slice_agrees_with_its_truth_and_a_second_run_with_the_first() {
    let folder = data("na12878_chr20");
    let (reference, ended) = indexed(&folder, &[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let (jail, inputs) = prepared(&folder, &reference);
    let ended = germline(&jail, &inputs);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(jail.outputs()["reads_before"], 51678);

    let normalised = jail.path("in/truth.vcf.gz");
    let fasta = jail.path("in").join("reference_fasta.fa");
    bcftools(
        &["norm", "-m-any", "-Oz", "-f", fasta.to_str().unwrap(), "-o", normalised.to_str().unwrap()],
        &folder.join("truth.vcf.gz"),
    );
    let truth = genotypes(&normalised);
    let called = genotypes(&jail.path("out/variants.vcf.gz"));
    let found: Vec<_> = truth.keys().filter(|allele| called.contains_key(*allele)).collect();
    let agreeing = found.iter().filter(|allele| truth[**allele] == called[**allele]).count();
    assert!(found.len() as f64 >= 0.985 * truth.len() as f64, "recall {} of {}", found.len(), truth.len());
    assert!(agreeing as f64 >= 0.98 * found.len() as f64, "genotypes {agreeing} of {}", found.len());

    let confident = fs::read_to_string(folder.join("confident.bed")).unwrap();
    let ranges: Vec<(u64, u64)> = confident
        .lines()
        .map(|line| line.split('\t').skip(1).map(|text| text.parse().unwrap()).collect::<Vec<u64>>())
        .map(|range| (range[0], range[1]))
        .collect();
    let inside = |allele: &str| {
        let position: u64 = allele.split(' ').nth(1).unwrap().parse().unwrap();
        ranges.iter().any(|(from, to)| (*from + 1..=*to).contains(&position))
    };
    let false_calls: Vec<_> =
        called.keys().filter(|allele| inside(allele) && !truth.contains_key(*allele)).collect();
    assert!(false_calls.is_empty(), "{false_calls:?}");
    assert!(called.keys().filter(|allele| inside(allele)).count() >= 49);

    // The same inputs give the same bytes, and headers carry ids and relative names alone.
    let (again, inputs) = prepared(&folder, &reference);
    assert_eq!(germline(&again, &inputs).code, 0);
    for name in jail.handed_over() {
        assert!(
            fs::read(jail.path("out").join(&name)).unwrap()
                == fs::read(again.path("out").join(&name)).unwrap(),
            "{name}"
        );
    }
    let header = bcftools(&["view", "--no-version", "-h"], &jail.path("out/variants.vcf.gz"));
    assert!(!header.contains("/work") && !header.contains("/in/"), "{header}");
}

#[test]
fn names_in_place_of_ids_stale_indexes_and_soft_masking_stop_the_run() {
    let folder = data("panel");
    let (reference, _) = indexed(&folder, &[]);
    let (jail, inputs) = prepared(&folder, &reference);
    let refused = |jail: &Jail, inputs: &Json, why: &str| {
        let ended = germline(jail, inputs);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert!(
            ended.stderr.contains("task `check` failed") && ended.stderr.contains(why),
            "{why}: {}",
            ended.stderr
        );
        assert!(!ended.events().contains(&("task-started", "trim-0")));
    };
    let mut named = inputs.clone();
    named["germline.sample_id"] = json!("DOE_JANE");
    refused(&jail, &named, "opaque smp_ id");

    let (jail, mut uneven) = prepared(&folder, &reference);
    uneven["germline.fastq_2"] = json!(["/in/reads_R2.fastq.gz", "/in/reads_R2.fastq.gz"]);
    refused(&jail, &uneven, "pair up");

    let (jail, inputs) = prepared(&folder, &reference);
    let fasta = fs::read_to_string(jail.path("in/reference_fasta.fa")).unwrap();
    // The last base of the last contig.
    let (before, last) = fasta.trim_end().split_at(fasta.trim_end().len() - 1);
    jail.write("in/reference_fasta.fa", format!("{before}{}\n", last.to_lowercase()));
    refused(&jail, &inputs, "soft-masked");

    let (jail, inputs) = prepared(&folder, &reference);
    let fai = fs::read_to_string(jail.path("in/reference_fai.fai")).unwrap();
    jail.write("in/reference_fai.fai", fai.replacen("44878", "44879", 1));
    refused(&jail, &inputs, "not its own");
}

#[test]
fn an_aligner_that_loses_reads_and_exits_0_does_not_pass() {
    let folder = data("panel");
    let (reference, _) = indexed(&folder, &[]);
    let (jail, inputs) = prepared(&folder, &reference);
    jail.wrap("bwa", "#!/usr/bin/bash\nmapfile -n 2000 lines < <(/usr/bin/bwa.real \"$@\")\nprintf '%s' \"${lines[@]}\"\nexit 0\n");
    let ended = germline(&jail, &inputs);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("task `measure` failed") && ended.stderr.contains("primary reads"),
        "{}",
        ended.stderr
    );
    assert!(jail.handed_over().is_empty());
}

#[test]
fn gene_models_that_would_stop_or_silence_annotation_are_refused() {
    let folder = data("panel");
    let good = fs::read_to_string(folder.join("genes.gff3")).unwrap();
    let scratch = tempfile::TempDir::new().unwrap();
    fs::copy(folder.join("reference.fa"), scratch.path().join("reference.fa")).unwrap();
    for (models, why) in [
        (good.replace("ENST00000318249\t", "chr1\t"), "which the reference lacks"),
        (good.replace("transcript:ENST00000341065", "transcript:ENST00000318249"), "stands on two contigs"),
        (good.replace("biotype=", "kind="), "no biotype"),
        (good.replace("ID=transcript:", "ID=rna-"), "no transcript in the form of Ensembl"),
    ] {
        fs::write(scratch.path().join("genes.gff3"), models).unwrap();
        let (jail, ended) = indexed(scratch.path(), &[("genes", "genes.gff3")]);
        assert_eq!(ended.code, 1, "{why}: {}", ended.stderr);
        assert!(ended.stderr.contains(why), "{why}: {}", ended.stderr);
        assert!(jail.handed_over().is_empty());
    }
}
