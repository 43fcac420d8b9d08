//! Variant files that others made: the specification's own suite, and consequence strings of
//! `bcftools csq`. They are looked for beside the workspace; without them there is nothing to
//! compare with, and the tests say so and fail.

#![expect(clippy::unwrap_used, reason = "a test that cannot build its input has failed")]

use base::{Id, SampleId, SystemEntropy};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use variants::consequence::{Entry, Severity};
use variants::*;

fn shared(path: &str) -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let root =
        std::env::var_os("SEQUESTRA_SHARED").map_or_else(beside, PathBuf::from).join("data").join(path);
    assert!(root.exists(), "no test data at {}: set SEQUESTRA_SHARED", root.display());
    root
}

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
}

/// Loads a file of the suite, giving each of its sample columns an id.
fn load_file(path: &Path) -> Result<Loaded> {
    let bytes = fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let columns = text.lines().find(|line| line.starts_with("#CHROM")).unwrap_or_default();
    let names = columns.split('\t').skip(9).map(|name| (name.to_owned(), SampleId::mint(&SystemEntropy)));
    let plan = Plan { columns: Columns::Named(names.collect()), ..Plan::default() };
    load(bytes.as_slice(), Sources::default(), &plan, &[1; 32], std::io::sink())
}

#[test]
fn the_suite_never_panics_and_invalid_files_are_mostly_refused() {
    let mut refused: BTreeMap<&str, u32> = BTreeMap::new();
    let mut all: BTreeMap<&str, u32> = BTreeMap::new();
    let mut accepted_invalid = Vec::new();
    let mut refused_valid = Vec::new();
    for version in ["4.1", "4.2"] {
        for kind in ["passed", "failed"] {
            let mut paths = Vec::new();
            files(&shared("conformance/vcf_spec").join(version).join(kind), ".vcf", &mut paths);
            assert!(!paths.is_empty());
            for path in paths {
                *all.entry(kind).or_default() += 1;
                let name = format!("{version} {}", path.file_name().unwrap().to_string_lossy());
                match load_file(&path) {
                    Ok(_) if kind == "failed" => accepted_invalid.push(name),
                    // Sites without samples are no error of the file.
                    Ok(_) | Err(Error::NoSamples) if kind == "passed" => {}
                    Ok(_) => {}
                    Err(error) => {
                        *refused.entry(kind).or_default() += 1;
                        if kind == "passed" {
                            refused_valid.push(format!("{name}: {error}"));
                        }
                    }
                }
            }
        }
    }
    println!("{all:?} refused {refused:?}");
    println!("accepted though invalid:\n  {}", accepted_invalid.join("\n  "));
    println!("refused though valid:\n  {}", refused_valid.join("\n  "));
    // What stays accepted says nothing about what the lake takes: values of INFO fields it does
    // not read, names of FORMAT keys, a colon in a contig's name (which HLA contigs have), and
    // repeated records, which are counted. What is refused though valid: headers that the codec
    // does not know, a value for a flag, a genotype of an allele that is not there.
    let harmless = ["_info_", "_format_", "_chrom_001", "_duplicated_", "_sample_"];
    accepted_invalid.retain(|name| !harmless.iter().any(|part| name.contains(part)));
    assert!(accepted_invalid.is_empty(), "accepted though invalid: {accepted_invalid:?}");
    assert_eq!((refused["failed"] >= 303, refused_valid.len()), (true, 10), "{refused:?} {refused_valid:?}");
}

#[test]
fn every_expected_consequence_string_parses() {
    let mut paths = Vec::new();
    for ending in [".txt", ".cmd.out"] {
        files(&shared("annotation/bcftools_csq"), ending, &mut paths);
    }
    paths.retain(|path| !path.ends_with("ascii-art.txt"));
    let (mut parsed, mut pointers) = (0, 0);
    let mut unknown = BTreeMap::new();
    for path in &paths {
        for line in fs::read_to_string(path).unwrap().lines() {
            let is_entry = |text: &&str| text.matches('|').count() >= 3 || text.starts_with('@');
            for entry in line.split(['\t', ',']).filter(is_entry) {
                match Entry::parse(entry) {
                    Some(Entry::At(_)) => pointers += 1,
                    Some(Entry::Here(here)) => {
                        parsed += 1;
                        for word in here.terms.split('&').filter(|word| Severity::of_word(word).is_none()) {
                            unknown.insert(word.to_owned(), path.clone());
                        }
                    }
                    None => panic!("`{entry}` of {} does not parse", path.display()),
                }
            }
        }
    }
    println!("{parsed} consequences, {pointers} pointers");
    assert!(parsed > 100 && pointers > 3, "{parsed} {pointers}");
    assert!(unknown.is_empty(), "terms without a severity: {unknown:?}");
}

#[test]
fn public_frequency_and_significance_files_are_read() {
    let calls = "##fileformat=VCFv4.2\n##contig=<ID=1>\n\
        ##FORMAT=<ID=GT,Number=1,Type=String,Description=\"g\">\n\
        #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n\
        1\t949422\t.\tG\tA\t50\tPASS\t.\tGT\t0/1\n\
        1\t949523\t.\tC\tT\t50\tPASS\t.\tGT\t0/1\n";
    let open = |path: &str| -> Option<Box<dyn std::io::Read>> {
        Some(Box::new(fs::File::open(shared(path)).unwrap()))
    };
    let sources = Sources {
        frequencies: open("annotation/sample.gnomad.exomes.r2.1.1.sites.chr1.vcf.gz"),
        significance: open("annotation/clinvar_alleles_example_750_rows.single.b37.vcf"),
    };
    let plan = Plan { columns: Columns::Only(SampleId::mint(&SystemEntropy)), ..Plan::default() };
    let mut out = Vec::new();
    load(calls.as_bytes(), sources, &plan, &[1; 32], &mut out).unwrap();
    let answer = query(&[Part::from_bytes(out, &[1; 32])], &Filter::default(), &Options::default()).unwrap();
    let first = &answer.rows[0].row;
    assert_eq!((first.position, first.significance.as_deref()), (949_523, Some("Pathogenic")));
    assert_eq!(first.conditions, ["MedGen:C4015293", "OMIM:616126", "Orphanet:319563"]);
    assert_eq!(answer.rows[1].row.significance.as_deref(), Some("Benign"));
}
