//! A sheet that says who people are, taken apart: nothing that identifies anybody is in what comes out.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use base::{Entropy, Fault, Id, Sensitive, SubjectId, SystemEntropy};
use intake::Error;
use intake::offer::Offer;
use intake::split::{Asked, Day, Split, Texts};
use std::collections::BTreeMap;
use subjects::map::{Known, SAMPLE};

const HEAD: &str = "patient,sample,lane,fastq_1,fastq_2,sex,Patient Name,MRN,DOB,phone,ward,dx";
/// What must be in nothing that comes out: values of the sheet below, in pieces too.
const CANARIES: &[&str] =
    &["Quibbleton", "zorbina", "yorick", "QX-4471", "QX-4472", "1932", "1990-06", "943 476", "Sunset"];

fn sheet() -> String {
    format!(
        "{HEAD}\n\
         C-1,quibbleton-blood,L001,a_R1.fq.gz,a_R2.fq.gz,XX,Zorbina Quibbleton,QX-4471,07.04.1932,943 476 5919,Sunset,G12\n\
         C-1,quibbleton-blood,L002,b_R1.fq.gz,b_R2.fq.gz,XX,Zorbina Quibbleton,QX-4471,1932-04-07,,Sunset,G12\n\
         C-2,C-2-B,L001,c_R1.fq.gz,c_R2.fq.gz,XY,Yorick Quibbleton,QX-4472,1990-06-15,,,G13\n"
    )
}

fn asked(keep: &[&str], age_at: Option<&str>) -> Asked {
    let keep = keep.iter().map(|name| (*name).to_owned()).collect();
    Asked { keep, age_at: age_at.map(|day| Day::read(day).unwrap()) }
}

/// Writes as the map would have it, for fresh subjects.
fn written(split: &Split) -> (Result<Texts, Error>, Vec<SubjectId>) {
    let entropy: &dyn Entropy = &SystemEntropy;
    let subjects: Vec<SubjectId> = split.people().iter().map(|_| SubjectId::mint(entropy)).collect();
    let samples: Vec<BTreeMap<Sensitive<String>, String>> = split
        .people()
        .iter()
        .zip(&subjects)
        .map(|(person, subject)| {
            let own = person.facts.iter().filter(|fact| fact.kind == SAMPLE);
            (1..).zip(own).map(|(number, fact)| (fact.value.clone(), format!("{subject}-{number}"))).collect()
        })
        .collect();
    let known = vec![Vec::new(); subjects.len()];
    (split.write(&subjects, &samples, &known), subjects)
}

fn refusal(text: &str, asked: &Asked) -> (String, &'static str) {
    let split = match Split::parse(text.as_bytes(), asked) {
        Ok(split) => split,
        Err(error) => return (error.to_string(), error.code()),
    };
    let error = written(&split).0.unwrap_err();
    (error.to_string(), error.code())
}

#[test]
fn what_comes_out_names_nobody_and_the_door_takes_it() {
    let split = Split::parse(sheet().as_bytes(), &asked(&["dx"], Some("2026-06-15"))).unwrap();
    let (texts, subjects) = written(&split);
    let (texts, [her, him]) = (texts.unwrap(), [&subjects[0], &subjects[1]]);
    assert_eq!(
        texts.clean,
        format!(
            "patient,sample,lane,fastq_1,fastq_2,sex\n\
             {her},{her}-1,L001,a_R1.fq.gz,a_R2.fq.gz,XX\n\
             {her},{her}-1,L002,b_R1.fq.gz,b_R2.fq.gz,XX\n\
             {him},C-2-B,L001,c_R1.fq.gz,c_R2.fq.gz,XY\n"
        )
    );
    // Of two lanes there is one line.
    assert_eq!(
        texts.table,
        format!("subject,sample,sex,dx,age\n{her},{her}-1,XX,G12,90+\n{him},C-2-B,XY,G13,36\n")
    );
    for canary in CANARIES {
        let both = format!("{}{}", texts.clean, texts.table).to_lowercase();
        assert!(!both.contains(&canary.to_lowercase()), "{canary}");
    }
    let manifest: String = ["a_R1", "a_R2", "b_R1", "b_R2", "c_R1", "c_R2"]
        .iter()
        .map(|name| format!("d41d8cd98f00b204e9800998ecf8427e  {name}.fq.gz\n"))
        .collect();
    Offer::parse(texts.clean.as_bytes(), manifest.as_bytes()).map(drop).unwrap();
    // Everything else of the sheet is known of somebody.
    let known: Vec<&str> =
        split.people().iter().flat_map(|p| &p.facts).map(|fact| fact.value.reveal().as_str()).collect();
    for value in ["Zorbina Quibbleton", "QX-4471", "1932-04-07", "943 476 5919", "Sunset", "quibbleton-blood"]
    {
        assert!(known.contains(&value), "{value}");
    }
    assert!(!known.contains(&"G12"));
}

#[test]
fn what_an_earlier_sheet_said_of_a_person_counts() {
    let text = "patient,sample,lane,fastq_1,fastq_2,MRN,dx\n\
        C-1,quibbleton1,L001,a_R1.fq.gz,a_R2.fq.gz,QX-4471,G12\n";
    let split = Split::parse(text.as_bytes(), &asked(&["dx"], None)).unwrap();
    let subjects = [SubjectId::mint(&SystemEntropy)];
    let of = |value: &str| Known {
        kind: "person-name".into(),
        column: Sensitive::default(),
        value: Sensitive::new(value.to_owned()),
        shown: None,
    };
    let write = |known: Vec<Known>| split.write(&subjects, &[BTreeMap::new()], &[known]);
    for harmless in ["Yorick", "G12x", "G12 ward"] {
        assert!(write(vec![of(harmless)]).is_ok(), "{harmless}");
    }
    let error = write(vec![of("Zorbina Quibbleton")]).unwrap_err();
    assert!(
        error.to_string().contains("row 1, column 2:") && !error.to_string().contains("uibble"),
        "{error}"
    );
    assert!(split.write(&subjects, &[BTreeMap::new()], &[]).is_err(), "what is known has to be said");
}

#[test]
fn where_a_column_goes_is_told_without_a_value() {
    let text = sheet().replace("ward", "Zorbina Quibbleton");
    let split = Split::parse(text.as_bytes(), &asked(&["dx"], None)).unwrap();
    let told: Vec<String> =
        split.headings().into_iter().map(|one| format!("{:?} {}", one.name, one.goes)).collect();
    assert_eq!(told[5], "Some(\"sex\") clean sheet and table");
    assert_eq!(told[7], "Some(\"MRN\") map");
    assert_eq!(told[10], "None map; `--keep` would put it into the table");
    assert_eq!(told[11], "Some(\"dx\") table");
    assert!(!told.concat().contains("Quibbleton"));
}

#[test]
fn what_is_not_clearly_harmless_is_refused_by_its_place() {
    let plain = asked(&["dx"], None);
    for (from, to, asks, place) in [
        // A file's or a lane's own name, by its shape and by what is known of the person.
        ("a_R1", "Quibbleton_Zorbina_R1", &plain, "row 1, column 4: the value looks like a person's name"),
        ("c_R1", "79213340_R1", &plain, "row 3, column 4: the value looks like a hospital record number"),
        (
            "c_R1",
            "qx4472_R1",
            &plain,
            "row 3, column 4: the value holds something that identifies the patient",
        ),
        // What was to be kept.
        ("G13", "2020-01-30", &plain, "row 3, column 12: the value looks like a date of birth"),
        ("G13", "yorick", &plain, "row 3, column 12: the value holds something that identifies the patient"),
        ("G12\nC-2", "QX-4472\nC-2", &plain, "row 2, column 12: the value holds something that identifies"),
        (
            "",
            "",
            &asked(&["MRN"], None),
            "column 8: `--keep` names a column that would hold a hospital record",
        ),
        ("", "", &asked(&["sex"], None), "column 6: `--keep` names a column of the door's own"),
        ("", "", &asked(&["wrong"], None), "`--keep` names a column that the sheet does not have"),
        (",dx", ",zorbina", &asked(&["zorbina"], None), "column 12: `--keep` names a column whose own name"),
        (
            ",dx",
            ",of 2020-01-30",
            &asked(&["of 2020-01-30"], None),
            "column 12: `--keep` names a column whose own",
        ),
        // Who is who.
        ("C-2,C-2-B", "C-1,C-2-B", &plain, "row 3, column 7: the value differs from that of row 1"),
        (
            "QX-4472",
            "qx-4471",
            &plain,
            "row 3, column 8: the record number is that of another patient in row 1",
        ),
        ("QX-4472", "", &plain, "row 3, column 8: the cell is empty"),
        ("C-2,C", ",C", &plain, "row 3, column 1: the cell is empty"),
        ("phone", "hospital_number", &plain, "column 10: another column holds record numbers"),
        // Ages.
        (
            "1990-06-15",
            "15 June 90",
            &asked(&[], Some("2026-01-01")),
            "row 3, column 9: the date of birth is none",
        ),
        (
            "1990-06-15",
            "2026-01-02",
            &asked(&[], Some("2026-01-01")),
            "row 3, column 9: the date of birth lies after",
        ),
        // The door's own rules, of the clean sheet.
        ("XY", "male", &plain, "in the clean sheet, row 3, column `sex`"),
        (",c_R2.fq.gz", ",", &plain, "in the clean sheet, row 3, column `fastq_2`: second reads are missing"),
        ("lane", "Lane", &plain, "the column `lane` is missing"),
        ("dx", "DOB", &asked(&[], None), "column 12: the column has the name of another one"),
        (",G13", "", &plain, "row 3: the row does not have one cell for each column"),
    ] {
        let text = if from.is_empty() { sheet() } else { sheet().replace(from, to) };
        let (told, code) = refusal(&text, asks);
        assert!(told.contains(place), "{from} as {to}: {told}");
        assert_eq!(code, "INTAKE-017");
        let told = told.to_lowercase();
        for canary in CANARIES.iter().filter(|canary| !canary.starts_with("1990")) {
            assert!(!told.contains(&canary.to_lowercase()), "{canary}: {told}");
        }
    }
}

#[test]
fn ages_that_are_kept_are_told_up_to_ninety() {
    let text = sheet().replace(",dx", ",age").replace("G12", "94").replace("G13", "35");
    let split = Split::parse(text.as_bytes(), &asked(&["age"], None)).unwrap();
    let table = written(&split).0.unwrap().table;
    assert!(table.contains(",90+\n") && table.contains(",35\n") && !table.contains(",94"), "{table}");
    let (told, _) = refusal(&text.replace(",35", ",old"), &asked(&["age"], None));
    assert!(told.contains("row 3, column 12: the age is no whole number"), "{told}");
}

#[test]
fn without_a_column_of_numbers_the_patient_is_the_number() {
    let head = "patient,sample,lane,fastq_1,fastq_2\n";
    let row = |patient: &str, sample: &str| format!("{head}{patient},{sample},L001,a_R1.fq.gz,a_R2.fq.gz\n");
    let plain = asked(&[], None);
    for (patient, sample, shown) in [
        ("79213340", "79213340-B", true),
        ("CASE-0001", "CASE-0001-B", false),
        ("CASE-0001", "zorbina", true),
    ] {
        let text = row(patient, sample);
        let split = Split::parse(text.as_bytes(), &plain).unwrap();
        assert_eq!(split.people()[0].number.reveal(), patient);
        let (texts, subjects) = written(&split);
        let expected = if shown { format!("{}-1", subjects[0]) } else { sample.to_owned() };
        assert!(texts.unwrap().clean.contains(&format!("{},{expected},", subjects[0])), "{patient} {sample}");
    }
    let (told, _) = refusal(&row("quibbleton_zorbina", "s-1"), &plain);
    assert!(told.contains("row 1, column 1: the patients are called by names"), "{told}");
}
