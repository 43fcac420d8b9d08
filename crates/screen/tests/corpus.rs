//! Recall and precision on public corpora of invented identities, with floors that were measured.
//!
//! Each test looks for `data/phi_logs` or `data/phi_text` beside the repository (`../shared`, or where
//! `SEQUESTRA_SHARED` says) and prints plainly when it is absent.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests may fail the test"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use screen::{
    Place, redact, screen_table, screen_text, screen_vcf_header,
    value::{Context, spans},
};
use serde_json::Value;

fn data(folder: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("SEQUESTRA_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let path = shared.join("data").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    println!("not run: no test data in {}", path.display());
    None
}

/// Found of planted, by kind.
#[derive(Default)]
struct Score(BTreeMap<String, (usize, usize)>);

impl Score {
    fn add(&mut self, kind: &str, hit: bool) {
        let entry = self.0.entry(kind.to_owned()).or_default();
        entry.0 += usize::from(hit);
        entry.1 += 1;
    }

    fn total(&self) -> f64 {
        let (hits, all) = self.0.values().fold((0, 0), |(h, a), (x, y)| (h + x, a + y));
        hits as f64 / all as f64
    }

    fn of(&self, kind: &str) -> f64 {
        let (hits, all) = self.0[kind];
        hits as f64 / all as f64
    }

    fn print(&self, title: &str) {
        println!("{title}: {:.3}", self.total());
        for (kind, (hits, all)) in &self.0 {
            println!("  {kind}: {hits} of {all}");
        }
    }
}

/// A document, what leaks in it (text, kind), and what must survive.
type Gold = (String, Vec<(String, String)>, Vec<String>);

fn gold(folder: &Path) -> Vec<Gold> {
    fs::read_to_string(folder.join("gold.jsonl"))
        .unwrap()
        .lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).unwrap();
            let text = |v: &Value| v.as_str().unwrap().to_owned();
            let leaks = value["leaks"]
                .as_array()
                .unwrap()
                .iter()
                .map(|l| (text(&l["text"]), text(&l["type"])))
                .collect();
            let keep = value["keep"].as_array().unwrap().iter().map(text).collect();
            (text(&value["file"]), leaks, keep)
        })
        .collect()
}

/// Diseases in paths are hidden with the path; they identify no one by themselves and are not counted where a
/// sheet is screened.
#[test]
fn redaction_of_logs() {
    let Some(folder) = data("phi_logs") else { return };
    let (mut gone, mut kept) = (Score::default(), Score::default());
    for (file, leaks, keep) in gold(&folder) {
        if !["log", "err", "vcf"].iter().any(|e| file.ends_with(e)) {
            continue;
        }
        let text = fs::read_to_string(folder.join("docs").join(&file)).unwrap();
        let out: Vec<String> = text.lines().map(|l| redact(l, 2000)).collect();
        let out = out.join("\n");
        for (leak, kind) in leaks {
            let hit = !out.contains(&leak);
            if !hit {
                println!("left in {file}: {kind} `{leak}`");
            }
            gone.add(&kind, hit);
        }
        for word in keep {
            let hit = out.contains(&word);
            if !hit {
                println!("lost in {file}: `{word}`");
            }
            kept.add(&word, hit);
        }
    }
    gone.print("leaks removed from logs");
    kept.print("what explains kept in logs");
    assert!(gone.total() >= REDACTED_FLOOR, "{}", gone.total());
    assert!(kept.total() >= KEPT_FLOOR, "{}", kept.total());
}

const REDACTED_FLOOR: f64 = 1.0;
const KEPT_FLOOR: f64 = 1.0;

fn table(text: &str, delimiter: u8) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let mut rows: Vec<Vec<String>> =
        reader.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect();
    let header = rows.remove(0);
    (header, rows)
}

#[test]
fn screening_of_sheets_and_headers() {
    let Some(folder) = data("phi_logs") else { return };
    let (mut found, mut clean) = (Score::default(), Score::default());
    for (file, leaks, keep) in gold(&folder) {
        let text = fs::read_to_string(folder.join("docs").join(&file)).unwrap();
        // The cells or lines that a finding points at.
        let mut flagged: Vec<String> = Vec::new();
        let lines: Vec<&str> = text.lines().collect();
        let stem = file.split_once('_').unwrap().1;
        if stem.starts_with("nfcore") || stem.starts_with("clarity") || stem.starts_with("ped") {
            let (header, rows) = table(&text, if stem.starts_with("ped") { b'\t' } else { b',' });
            for finding in screen_table(&header, &rows) {
                match finding.place {
                    Place::Cell { row, column, .. } => flagged.push(rows[row - 1][column - 1].clone()),
                    Place::Header { column, .. } => {
                        flagged.extend(rows.iter().filter_map(|r| r.get(column - 1).cloned()));
                    }
                    _ => {}
                }
            }
        } else if stem.starts_with("illumina") {
            // The part under `[Data]` is a table of its own; what stands before it is text.
            let data = lines.iter().position(|l| l.starts_with("[Data]")).unwrap();
            let (header, rows) = table(&lines[data + 1..].join("\n"), b',');
            for finding in screen_table(&header, &rows) {
                if let Place::Cell { row, column, .. } = finding.place {
                    flagged.push(rows[row - 1][column - 1].clone());
                }
            }
            flagged.extend(lines_of(&screen_text(&lines[..data].join("\n")), &lines));
        } else if stem.starts_with("vcfheader") {
            flagged.extend(lines_of(&screen_vcf_header(&text), &lines));
        } else if stem.starts_with("submission") {
            flagged.extend(lines_of(&screen_text(&text), &lines));
        } else {
            continue;
        }
        for (leak, kind) in leaks {
            let hit = flagged.iter().any(|cell| cell.contains(&leak));
            if !hit {
                println!("not found in {file}: {kind} `{leak}`");
            }
            found.add(&format!("{}:{kind}", stem.split('.').next().unwrap()), hit);
        }
        for word in keep {
            // A file name that holds a record number is rightly flagged as a whole.
            let hit = !flagged.iter().any(|cell| cell.trim() == word);
            clean.add(&word, hit);
        }
    }
    found.print("identifiers found in sheets and headers");
    clean.print("codes that pass in sheets");
    assert!(found.total() >= SHEET_FLOOR, "{}", found.total());
    assert_eq!(clean.total(), 1.0);
}

const SHEET_FLOOR: f64 = 1.0;

/// What each finding points at: from its place on for as long as its shape, or to the end of the word where the
/// shape is cut; the whole column for a sample.
fn lines_of(findings: &[screen::Finding], lines: &[&str]) -> Vec<String> {
    findings
        .iter()
        .filter_map(|f| match f.place {
            Place::Line { line, column } => {
                let rest: String = lines[line - 1].chars().skip(column - 1).collect();
                let shown = f.preview.chars().count();
                let cut = f.preview.ends_with('…');
                Some(
                    rest.chars()
                        .enumerate()
                        .take_while(|(at, c)| {
                            *at < shown || (cut && !c.is_whitespace() && !"\";,".contains(*c))
                        })
                        .map(|(_, c)| c)
                        .collect(),
                )
            }
            Place::Sample { line, sample } => lines[line - 1].split('\t').nth(8 + sample).map(str::to_owned),
            _ => None,
        })
        .collect()
}

/// Real sheets of a widely used pipeline: opaque labels, public addresses. Nothing may be found.
#[test]
fn public_sheets_pass() {
    let Some(folder) = data("phi_logs/samplesheets_sarek") else { return };
    let mut cells = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let (header, rows) = table(&fs::read_to_string(&path).unwrap(), b',');
        cells += rows.iter().map(Vec::len).sum::<usize>();
        let findings = screen_table(&header, &rows);
        assert!(findings.is_empty(), "{}: {findings:?}", path.display());
    }
    assert!(cells > 200, "{cells}");
}

/// Prose of any kind, far from laboratories: what the rules find and miss when nothing is tuned to it.
#[test]
fn free_text() {
    let Some(folder) = data("phi_text") else { return };
    let text = fs::read_to_string(folder.join("synth_dataset_v2.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut recall = Score::default();
    let (mut right, mut wrong) = (0usize, 0usize);
    let mut misses: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for case in &cases {
        let text = case["full_text"].as_str().unwrap();
        let offsets: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let entities: Vec<(usize, usize, &str)> = case["spans"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| {
                let at = |key: &str| offsets[s[key].as_u64().unwrap() as usize];
                (at("start_position"), at("end_position"), s["entity_type"].as_str().unwrap())
            })
            .collect();
        let found = spans(text, Context::Text);
        let meets = |start: usize, end: usize| found.iter().any(|f| f.start < end && start < f.end);
        for (start, end, kind) in &entities {
            let hit = meets(*start, *end);
            recall.add(kind, hit);
            if !hit {
                misses.entry(kind).or_default().push(text[*start..*end].to_owned());
            }
        }
        for f in &found {
            if entities.iter().any(|(start, end, _)| f.start < *end && *start < f.end) {
                right += 1;
            } else {
                wrong += 1;
                println!("wrongly found: {:?} `{}`", f.reason, &text[f.start..f.end]);
            }
        }
    }
    recall.print("recall in free text, all kinds");
    for (kind, missed) in &misses {
        println!("missed {kind}: {:?}", missed.iter().take(12).collect::<Vec<_>>());
    }
    let precision = right as f64 / (right + wrong) as f64;
    println!("precision in free text: {precision:.3} ({right} right, {wrong} wrong)");
    for (kind, floor) in TEXT_FLOORS {
        assert!(recall.of(kind) >= *floor, "{kind}: {}", recall.of(kind));
    }
    assert!(precision >= PRECISION_FLOOR, "{precision}");
}

const TEXT_FLOORS: &[(&str, f64)] = &[
    ("EMAIL_ADDRESS", 1.0),
    ("IP_ADDRESS", 1.0),
    ("DOMAIN_NAME", 1.0),
    ("US_SSN", 1.0),
    ("IBAN_CODE", 1.0),
    ("CREDIT_CARD", 0.99),
    ("PHONE_NUMBER", 0.90),
    ("STREET_ADDRESS", 0.60),
    // A single name in prose, with nothing around it that announces one, is not found.
    ("PERSON", 0.56),
];
const PRECISION_FLOOR: f64 = 0.93;
