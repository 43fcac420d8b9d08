//! What the detectors find and harm, on corpora of invented identities and on public files: used by the tests, which
//! hold it to floors, and by the example that prints it.
//!
//! Everything is looked for in `data` beside the repository (`../shared`, or where `SEQUESTRA_SHARED` says).

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use screen::{
    Finding, Known, Place, Redactor, screen_file_name, screen_parameters, screen_read_name,
    screen_sam_header, screen_subject, screen_table, screen_text, screen_vcf_header,
    value::{Context, spans},
};
use serde_json::Value;

/// Single hits and misses, for who works on the rules: tests show them, the measurement does not.
macro_rules! tell {
    ($($said:tt)*) => {
        if cfg!(test) {
            println!($($said)*);
        }
    };
}

pub fn data(folder: &str) -> Option<PathBuf> {
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
pub struct Score(pub BTreeMap<String, (usize, usize)>);

impl Score {
    pub fn add(&mut self, kind: &str, hit: bool) {
        let entry = self.0.entry(kind.to_owned()).or_default();
        entry.0 += usize::from(hit);
        entry.1 += 1;
    }

    pub fn total(&self) -> f64 {
        let (hits, all) = self.0.values().fold((0, 0), |(h, a), (x, y)| (h + x, a + y));
        hits as f64 / all as f64
    }

    pub fn of(&self, kind: &str) -> f64 {
        let (hits, all) = self.0[kind];
        hits as f64 / all as f64
    }

    pub fn of_kinds(&self, kinds: &[&str]) -> f64 {
        let chosen = kinds.iter().map(|kind| ((*kind).to_owned(), self.0[*kind]));
        Self(chosen.collect()).total()
    }

    pub fn print(&self, title: &str) {
        println!("{title}: {:.3}", self.total());
        for (kind, (hits, all)) in &self.0 {
            println!("  {kind}: {hits} of {all}");
        }
    }
}

/// A document, what leaks in it (text, kind), and what must survive.
pub type Gold = (String, Vec<(String, String)>, Vec<String>);

pub fn gold(folder: &Path) -> Vec<Gold> {
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

/// What redaction removes from the logs and leaves of what explains an error. With `known`, the program knows the
/// leaks as its own values.
pub fn logs(folder: &Path, known: bool) -> (Score, Score) {
    let (mut gone, mut kept) = (Score::default(), Score::default());
    for (file, leaks, keep) in gold(folder) {
        if !["log", "err", "vcf"].iter().any(|e| file.ends_with(e)) {
            continue;
        }
        let text = fs::read_to_string(folder.join("docs").join(&file)).unwrap();
        let values = leaks.iter().filter(|_| known).map(|(leak, _)| (Known::Label, leak.as_str()));
        let redactor = Redactor::new(values);
        let out: Vec<String> = text.lines().map(|l| redactor.redact(l, 2000)).collect();
        let out = out.join("\n");
        for (leak, kind) in leaks {
            let hit = !out.contains(&leak);
            if !hit {
                tell!("left in {file}: {kind} `{leak}`");
            }
            gone.add(&kind, hit);
        }
        for word in keep {
            let hit = out.contains(&word);
            if !hit {
                tell!("lost in {file}: `{word}`");
            }
            kept.add(&word, hit);
        }
    }
    (gone, kept)
}

pub fn table(text: &str, delimiter: u8) -> (Vec<String>, Vec<Vec<String>>) {
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

/// What is found in sheets, pedigrees, submissions and headers, and which of the codes that must pass do.
pub fn sheets(folder: &Path) -> (Score, Score) {
    let (mut found, mut clean) = (Score::default(), Score::default());
    for (file, leaks, keep) in gold(folder) {
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
                tell!("not found in {file}: {kind} `{leak}`");
            }
            found.add(&format!("{}:{kind}", stem.split('.').next().unwrap()), hit);
        }
        for word in keep {
            // A file name that holds a record number is rightly flagged as a whole.
            let hit = !flagged.iter().any(|cell| cell.trim() == word);
            clean.add(&word, hit);
        }
    }
    (found, clean)
}

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

/// What is found in prose, by kind, and how much of what is found is an identifier.
pub fn prose(folder: &Path) -> (Score, usize, usize) {
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
                tell!("wrongly found: {:?} `{}`", f.reason, &text[f.start..f.end]);
            }
        }
    }
    for (kind, missed) in &misses {
        tell!("missed {kind}: {:?}", missed.iter().take(12).collect::<Vec<_>>());
    }
    (recall, right, wrong)
}

/// The planted values of `phi_logs`, put where other files and forms hold them: found, by place and kind.
pub fn planted(folder: &Path) -> BTreeMap<&'static str, Score> {
    type Put = fn(&str, &str) -> Vec<Finding>;
    let places: [(&'static str, Put); 9] = [
        ("@RG SM", |_, v| screen_sam_header(&format!("@RG\tID:1\tSM:{v}\n"))),
        ("@RG DS", |_, v| screen_sam_header(&format!("@RG\tID:1\tDS:blood of {v} again\n"))),
        ("@PG CL, folder", |_, v| screen_sam_header(&format!("@PG\tID:1\tCL:bwa mem -o /data/{v}/x.bam\n"))),
        ("@CO", |_, v| screen_sam_header(&format!("@CO\tblood of {v} again\n"))),
        ("@CO, announced", |kind, v| {
            let word = match kind {
                "mrn" => "MRN",
                "dob" | "national_id" => "born",
                "name" | "staff_name" => "patient",
                "user" => "user:",
                _ => "of",
            };
            screen_sam_header(&format!("@CO\tblood, {word} {v}\n"))
        }),
        ("read name", |_, v| screen_read_name(1, &format!("{v}:45:HXXXXDSX2:1:1101:1000:2000 1:N:0:ACGT"))),
        ("parameter", |_, v| screen_parameters([("sample", v)])),
        ("file name", |_, v| screen_file_name(&format!("{v}_R1.fastq.gz"))),
        ("subject", |_, v| screen_subject(&format!("run {v} failed"), &["run", "failed"])),
    ];
    let mut scores: BTreeMap<&'static str, Score> = BTreeMap::new();
    for (_, leaks, _) in gold(folder) {
        for (leak, kind) in leaks {
            for (place, put) in places {
                // The name of a read ends at a space.
                if place == "read name" && leak.contains(' ') {
                    continue;
                }
                scores.entry(place).or_default().add(&kind, !put(&kind, &leak).is_empty());
            }
        }
    }
    scores
}

/// Public names, headers and files in which nothing may be found: how many of each are.
pub fn harmed(shared: &Path) -> BTreeMap<&'static str, (usize, usize)> {
    let mut out: BTreeMap<&'static str, (usize, usize)> = BTreeMap::new();
    let mut add = |kind, of: &str, findings: &[Finding], all: usize| {
        let entry = out.entry(kind).or_default();
        let mut lines: Vec<usize> = findings.iter().map(line_of).collect();
        lines.dedup();
        entry.0 += lines.len();
        entry.1 += all;
        for finding in findings {
            tell!("harmed in {of}: {finding}");
        }
    };
    for path in files(shared) {
        let name = path.strip_prefix(shared).unwrap_or(&path).display().to_string();
        let bytes = fs::read(&path).unwrap();
        let text = || {
            let mut text = String::new();
            let inflated = flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text);
            inflated.map(|_| text).unwrap_or_default()
        };
        let plain = || String::from_utf8_lossy(&bytes).into_owned();
        if name.ends_with(".fastq.gz") {
            // A cut file gives none: its names are those of a whole one.
            for (at, line) in text().lines().step_by(4).enumerate() {
                add("read names", &name, &screen_read_name(at as u64 + 1, line.trim_start_matches('@')), 1);
            }
        } else if name.ends_with(".sam") {
            let header: String =
                plain().lines().take_while(|l| l.starts_with('@')).map(|l| format!("{l}\n")).collect();
            add("lines of SAM headers", &name, &screen_sam_header(&header), header.lines().count());
        } else if name.ends_with(".vcf") || name.ends_with(".vcf.gz") {
            let whole = if name.ends_with(".gz") { text() } else { plain() };
            let header: String =
                whole.lines().take_while(|l| l.starts_with('#')).map(|l| format!("{l}\n")).collect();
            add("lines of VCF headers", &name, &screen_vcf_header(&header), header.lines().count());
        }
    }
    out
}

fn line_of(finding: &Finding) -> usize {
    match finding.place {
        Place::Line { line, .. } | Place::Sample { line, .. } => line,
        _ => 0,
    }
}

/// Public files, without those that are damaged on purpose and those with invented identities.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if !["failed", "phi_logs", "phi_text"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if [".fastq.gz", ".sam", ".vcf", ".vcf.gz"].iter().any(|end| name.ends_with(end)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
