//! The whole story, and what it finds in made reads.

use crate::site::{Site, told};
use flate2::read::MultiGzDecoder;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

/// Contig, position, reference allele, alternate allele.
pub type Place = (String, u64, String, String);

#[test]
fn every_step_of_the_story_is_as_expected() {
    let steps = told().json["steps"].as_array().unwrap();
    assert!(steps.len() >= 40, "{} steps", steps.len());
    let unexpected: Vec<_> = steps.iter().filter(|step| step["expected"] != true).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    let refused: Vec<_> = steps.iter().filter(|step| step["exit"] != 0).collect();
    assert_eq!(refused.len(), 7, "a forged receipt and six refusals: {refused:?}");
    for step in refused {
        let lines = step["output"].as_array().unwrap();
        assert!(
            step["command"].as_str().unwrap().contains("receipt verify")
                || lines.iter().any(|line| line.as_str().unwrap().starts_with("hint: ")),
            "refused without a hint: {step}"
        );
    }
}

#[test]
fn every_planted_variant_is_found_and_the_cause_of_disease_comes_first() {
    let site = Site::copy();
    let sample = sample_of(&site);
    let rows = variants(&site, &sample);
    let data = &told().data;
    let truth = truth(&data.join("truth.vcf.gz"));
    let wrong = differences(&truth, &expected(&data.join("expected.tsv")), &rows);
    assert!(wrong.is_empty(), "{wrong:#?}");

    let causing = fs::read_to_string(data.join("expected.tsv")).unwrap();
    let causing = causing.lines().find(|line| line.ends_with("\tyes")).unwrap().to_owned();
    let first = site.json("viewer", &["variant", "query", "--sample", &sample, "--limit", "1"]);
    let first = &first["rows"][0];
    assert_eq!(first["rank"], 1);
    assert_eq!(causing.split('\t').take(4).collect::<Vec<_>>().join(" "), {
        let (contig, position, reference, alternate) = place(first);
        format!("{contig} {position} {reference} {alternate}")
    });
    assert!(!first["reasons"].as_array().unwrap().is_empty());

    // The comparison notices each kind of error.
    let mut missing = rows.clone();
    let gone = missing.remove(0);
    assert_eq!(differences(&truth, &expected(&data.join("expected.tsv")), &missing).len(), 1);
    let mut turned = rows.clone();
    turned[0]["genotype"] = if gone["zygosity"] == "homozygous" { "0/1" } else { "1/1" }.into();
    assert_eq!(differences(&truth, &expected(&data.join("expected.tsv")), &turned).len(), 1);
    let mut other = rows;
    let annotated = other.iter_mut().find(|row| row["consequence"] == "missense").unwrap();
    annotated["consequence"] = "synonymous".into();
    assert_eq!(differences(&truth, &expected(&data.join("expected.tsv")), &other).len(), 1);
}

/// The only sample.
pub fn sample_of(site: &Site) -> String {
    let project = site.last("analyst", &["project", "list"]);
    site.last("analyst", &["sample", "list", &project])
}

/// All variants of a sample, by position.
pub fn variants(site: &Site, sample: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    loop {
        let offset = rows.len().to_string();
        let page =
            ["variant", "query", "--sample", sample, "--by-position", "--limit", "1000", "--offset", &offset];
        let answer = site.json("analyst", &page);
        rows.extend(answer["rows"].as_array().unwrap().iter().cloned());
        if rows.len() as u64 >= answer["total"].as_u64().unwrap() {
            return rows;
        }
    }
}

/// Where a row stands.
pub fn place(row: &Value) -> Place {
    let text = |name: &str| row[name].as_str().unwrap().to_owned();
    (text("contig"), row["position"].as_u64().unwrap(), text("reference"), text("alternate"))
}

/// `0|1` and `1/0` as `0/1`.
pub fn genotype(text: &str) -> String {
    let mut alleles: Vec<&str> = text.split(['/', '|']).collect();
    alleles.sort_unstable();
    alleles.join("/")
}

/// The records of a VCF with their genotypes.
pub fn truth(file: &Path) -> BTreeMap<Place, String> {
    let mut text = String::new();
    MultiGzDecoder::new(fs::File::open(file).unwrap()).read_to_string(&mut text).unwrap();
    records(&text)
}

/// The records of a VCF's text.
pub fn records(text: &str) -> BTreeMap<Place, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let f: Vec<&str> = line.split('\t').collect();
            let place = (f[0].to_owned(), f[1].parse().unwrap(), f[3].to_uppercase(), f[4].to_uppercase());
            (place, genotype(f[9].split(':').next().unwrap()))
        })
        .collect()
}

/// Consequence, gene and transcript of each variant in a gene; no transcript for introns.
fn expected(file: &Path) -> BTreeMap<Place, [String; 3]> {
    let text = fs::read_to_string(file).unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let f: Vec<&str> = line.split('\t').collect();
            let place = (f[0].to_owned(), f[1].parse().unwrap(), f[2].to_owned(), f[3].to_owned());
            let told: Vec<&str> = f[4].split('|').collect();
            (place, [told[0].to_owned(), told[1].to_owned(), told[2].to_owned()])
        })
        .collect()
}

fn differences(
    truth: &BTreeMap<Place, String>,
    expected: &BTreeMap<Place, [String; 3]>,
    rows: &[Value],
) -> Vec<String> {
    let called: BTreeMap<Place, &Value> = rows.iter().map(|row| (place(row), row)).collect();
    let mut wrong = Vec::new();
    for (place, planted) in truth {
        let Some(row) = called.get(place) else {
            wrong.push(format!("not called: {place:?}"));
            continue;
        };
        let found = genotype(row["genotype"].as_str().unwrap());
        if found != *planted {
            wrong.push(format!("called as {found}, planted as {planted}: {place:?}"));
        }
        let told =
            ["consequence", "gene", "transcript"].map(|name| row[name].as_str().unwrap_or("").to_owned());
        let agrees = match expected.get(place) {
            Some(expected) => told == *expected,
            None => told[0].is_empty(),
        };
        if !agrees {
            wrong.push(format!("told as {told:?}, expected {:?}: {place:?}", expected.get(place)));
        }
    }
    wrong.extend(
        called.keys().filter(|place| !truth.contains_key(*place)).map(|p| format!("beside the truth: {p:?}")),
    );
    wrong
}
