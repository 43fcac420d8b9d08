//! Recall and harm on public corpora of invented identities, held to floors that were measured.
//!
//! Each test prints plainly when its corpus is absent.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests may fail the test"
)]

mod measure;

use std::fs;

use measure::{data, harmed, logs, planted, prose, sheets, table};
use screen::screen_table;

/// At least this much of what has a form of its own is found, and less than this much of what must survive harmed.
const RECALL: f64 = 0.95;
const HARM: f64 = 0.02;

/// Diseases in paths are hidden with the path; they identify no one by themselves and are not counted where a
/// sheet is screened.
#[test]
fn redaction_of_logs() {
    let Some(folder) = data("phi_logs") else { return };
    for known in [false, true] {
        let (gone, kept) = logs(&folder, known);
        gone.print("leaks removed from logs");
        kept.print("what explains kept in logs");
        assert_eq!((gone.total(), kept.total()), (1.0, 1.0));
    }
}

#[test]
fn screening_of_sheets_and_headers() {
    let Some(folder) = data("phi_logs") else { return };
    let (found, clean) = sheets(&folder);
    found.print("identifiers found in sheets and headers");
    clean.print("codes that pass in sheets");
    assert_eq!((found.total(), clean.total()), (1.0, 1.0));
}

/// Kinds with a form of their own, as they stand in a value by themselves.
const EACH: &[&str] =
    &["accession", "accession_initials", "dob", "mrn", "national_id", "phone", "sample_tag", "ip", "host"];
/// Kinds with a form of their own, by where they are planted.
const FORMED: &[(&str, &[&str])] = &[
    ("@RG SM", EACH),
    // A compact date or a number by itself, in prose, is found behind a word that says what it is.
    ("@RG DS", &["accession", "accession_initials", "phone", "sample_tag", "ip", "host"]),
    ("@CO", &["accession", "accession_initials", "phone", "sample_tag", "ip", "host"]),
    (
        "@CO, announced",
        &[
            "accession",
            "accession_initials",
            "dob",
            "mrn",
            "national_id",
            "phone",
            "sample_tag",
            "ip",
            "host",
            "user",
        ],
    ),
    ("read name", &["accession", "accession_initials", "dob", "national_id", "sample_tag"]),
    ("parameter", EACH),
    (
        "file name",
        &["accession", "accession_initials", "dob", "mrn", "national_id", "phone", "sample_tag", "host"],
    ),
];
/// Places where whatever is planted is found.
const CLOSED: &[&str] = &["@PG CL, folder", "subject"];

#[test]
fn identifiers_planted_elsewhere() {
    let Some(folder) = data("phi_logs") else { return };
    let scores = planted(&folder);
    for (place, score) in &scores {
        score.print(place);
    }
    for place in CLOSED {
        assert_eq!(scores[place].total(), 1.0, "{place}");
    }
    for (place, kinds) in FORMED {
        for kind in *kinds {
            assert!(scores[place].of(kind) >= RECALL, "{place}, {kind}: {}", scores[place].of(kind));
        }
    }
}

#[test]
fn public_names_and_headers_pass() {
    let Some(folder) = data("") else { return };
    let harmed = harmed(&folder);
    for (kind, (hits, all)) in &harmed {
        println!("{kind}: {hits} of {all} harmed");
        assert!(*all > 100 && (*hits as f64) < HARM * *all as f64, "{kind}: {hits} of {all}");
    }
    assert_eq!(harmed.len(), 3);
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
    let (recall, right, wrong) = prose(&folder);
    recall.print("recall in free text, all kinds");
    let precision = right as f64 / (right + wrong) as f64;
    println!("precision in free text: {precision:.3} ({right} right, {wrong} wrong)");
    assert!(recall.of_kinds(FORMED_TEXT) >= RECALL, "{}", recall.of_kinds(FORMED_TEXT));
    for (kind, floor) in TEXT_FLOORS {
        assert!(recall.of(kind) >= *floor, "{kind}: {}", recall.of(kind));
    }
    assert!(precision >= PRECISION_FLOOR, "{precision}");
}

/// Kinds of the prose that have a form of their own.
const FORMED_TEXT: &[&str] =
    &["EMAIL_ADDRESS", "IP_ADDRESS", "DOMAIN_NAME", "US_SSN", "IBAN_CODE", "CREDIT_CARD", "PHONE_NUMBER"];
const TEXT_FLOORS: &[(&str, f64)] = &[
    ("EMAIL_ADDRESS", 1.0),
    ("IP_ADDRESS", 1.0),
    ("DOMAIN_NAME", 1.0),
    ("US_SSN", 1.0),
    ("IBAN_CODE", 1.0),
    ("CREDIT_CARD", 0.99),
    ("PHONE_NUMBER", 0.95),
    ("STREET_ADDRESS", 0.60),
    // A single name in prose, with nothing around it that announces one, is not found.
    ("PERSON", 0.56),
];
const PRECISION_FLOOR: f64 = 0.93;
