//! What is found in real reads, where they are at hand.

use crate::site::Site;
use crate::story::{Place, genotype, place, records, truth, variants};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn data(name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("SEQUESTRA_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let folder = shared.join("demo").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!(
        "not run: the real reads are not at `{}`; set SEQUESTRA_SHARED to the folder that holds them",
        folder.display()
    );
    None
}

/// The calls of a case, by the ordinary commands.
fn calls(data: &Path) -> (Site, Vec<Value>) {
    let site = Site::copy();
    let path = |name: &str| data.join(name).to_str().unwrap().to_owned();
    let (fasta, genes) = (path("reference.fa"), path("genes.gff3"));
    let mut add = vec!["reference", "add", &fasta, "--label", "real"];
    if Path::new(&genes).exists() {
        add.extend(["--genes", &genes]);
    }
    let reference = site.json("approver", &add)["id"].as_str().unwrap().to_owned();
    let project = site.last("analyst", &["project", "list"]);
    let (sheet, sums) = (path("samplesheet.csv"), path("md5sums.txt"));
    let put = site.json("analyst", &["intake", "put", &project, "--sheet", &sheet, "--manifest", &sums]);
    let sample = put["samples"][0]["id"].as_str().unwrap().to_owned();
    let run = site.json(
        "analyst",
        &["run", "start", "germline", "--sample", &sample, "--reference", &reference, "--wait"],
    );
    assert_eq!(run["state"], "done", "{run}");
    let rows = variants(&site, &sample);
    (site, rows)
}

#[test]
fn a_genome_slice_agrees_with_its_truth() {
    let Some(data) = data("na12878_chr20") else { return };
    let (_site, rows) = calls(&data);
    let mut norm = Command::new("bcftools");
    norm.args(["norm", "-m-any", "--no-version", "-f"])
        .args([data.join("reference.fa"), data.join("truth.vcf.gz")]);
    let norm = norm.output().unwrap();
    assert!(norm.status.success(), "{}", String::from_utf8_lossy(&norm.stderr));
    let truth = records(&String::from_utf8_lossy(&norm.stdout));
    let called: BTreeMap<Place, String> =
        rows.iter().map(|row| (place(row), genotype(row["genotype"].as_str().unwrap()))).collect();

    let found: Vec<&Place> = truth.keys().filter(|place| called.contains_key(*place)).collect();
    let agreeing = found.iter().filter(|place| truth[**place] == called[**place]).count();
    println!("{} of {} found, {agreeing} with the same genotype", found.len(), truth.len());
    assert!(truth.len() > 50 && truth.keys().all(|(_, at, ..)| (5_000..=65_000).contains(at)));
    assert!(found.len() as f64 >= 0.985 * truth.len() as f64, "found {} of {}", found.len(), truth.len());
    assert!(agreeing as f64 >= 0.98 * found.len() as f64, "{agreeing} of {}", found.len());

    let confident = fs::read_to_string(data.join("confident.bed")).unwrap();
    let ranges: Vec<(u64, u64)> = confident
        .lines()
        .map(|line| line.split('\t').skip(1).map(|text| text.parse().unwrap()).collect::<Vec<u64>>())
        .map(|range| (range[0], range[1]))
        .collect();
    let inside = |place: &Place| ranges.iter().any(|(from, to)| (*from + 1..=*to).contains(&place.1));
    let sure: Vec<&Place> = called.keys().filter(|place| inside(place)).collect();
    let wrong: Vec<&&Place> = sure.iter().filter(|place| !truth.contains_key(**place)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(sure.len() >= 40, "{}", sure.len());
}

#[test]
fn a_panel_has_the_expected_consequence_for_every_gene() {
    let Some(data) = data("panel") else { return };
    let (_site, rows) = calls(&data);
    let expected = fs::read_to_string(data.join("expected.tsv")).unwrap();
    let mut genes = BTreeSet::new();
    let mut wrong = Vec::new();
    for line in expected.lines().skip(1) {
        let f: Vec<&str> = line.split('\t').collect();
        let at: Place = (f[0].to_owned(), f[1].parse().unwrap(), f[2].to_owned(), f[3].to_owned());
        let row = rows.iter().find(|row| place(row) == at);
        let told = row.map(|row| {
            ["consequence", "gene", "transcript"].map(|n| row[n].as_str().unwrap_or("-").to_owned()).join("|")
        });
        // The most severe of a variant's consequences is the one that is shown.
        if !f[4].split(',').any(|one| {
            one.split('|').take(3).collect::<Vec<_>>().join("|") == told.clone().unwrap_or_default()
        }) {
            wrong.push(format!("{at:?}: {told:?}, expected {}", f[4]));
        }
        genes.extend(f[4].split('|').nth(1).map(str::to_owned));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(genes.len() >= 7, "{genes:?}");
    assert_eq!(rows.len(), truth(&data.join("truth.vcf.gz")).len());
}
