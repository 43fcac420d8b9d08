//! The cases of DUOS, version 3 of its algorithm.

use super::shared;
use policy::terms::{Aim, Answer, Day, Disease, Terms, Use};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

type Known = BTreeMap<Disease, BTreeSet<Disease>>;

fn disease(iri: &str) -> Disease {
    Disease::parse(&iri.rsplit('/').next().unwrap().replace('_', ":")).unwrap()
}

fn diseases(of: &Value, field: &str) -> Vec<Disease> {
    of[field]
        .as_array()
        .map_or_else(Vec::new, |all| all.iter().map(|d| disease(d.as_str().unwrap())).collect())
}

/// What the cases tell about diseases: of each purpose's disease what lies above it.
fn known(cases: &[Value]) -> Known {
    let mut known = Known::new();
    for case in cases {
        let above = diseases(case, "parents_of_purpose_disease");
        for one in diseases(&case["purpose"], "diseaseRestrictions") {
            known.entry(one).or_default().extend(above.clone());
        }
    }
    known
}

/// Aims by their names there; what DUOS never decides is sensitive.
const AIMS: &[(&str, Aim)] = &[
    ("generalUse", Aim::General),
    ("hmbResearch", Aim::Health),
    ("populationOriginsAncestry", Aim::Ancestry),
    ("methodsResearch", Aim::Methods),
    ("controls", Aim::Controls),
    ("population", Aim::Population),
    ("gender", Aim::Sex),
    ("pediatric", Aim::Age),
    ("other", Aim::Other),
    ("secondaryOther", Aim::Other),
    ("vulnerablePopulations", Aim::Sensitive),
    ("illegalBehavior", Aim::Sensitive),
    ("sexualDiseases", Aim::Sensitive),
    ("psychologicalTraits", Aim::Sensitive),
    ("notHealth", Aim::Sensitive),
    ("stigmatizeDiseases", Aim::Sensitive),
];

/// Terms of a dataset. Some of its cases are about commerce alone; `else_permission` is their permission.
fn terms(case: &Value, else_permission: &str) -> Terms {
    let (dataset, purpose) = (&case["dataset"], &case["purpose"]);
    let mut list = Vec::new();
    for (field, value) in dataset.as_object().unwrap() {
        match (field.as_str(), value.as_bool()) {
            ("generalUse", _) => list.push("DUO:0000042".to_owned()),
            ("hmbResearch", _) => list.push("DUO:0000006".to_owned()),
            ("populationOriginsAncestry", _) => list.push("DUO:0000011".to_owned()),
            ("diseaseRestrictions", _) => {
                let all: Vec<_> = diseases(dataset, field).iter().map(ToString::to_string).collect();
                list.push(format!("DUO:0000007={}", all.join(",")));
            }
            ("nonProfitUse", Some(true)) => list.push(format!("{else_permission} DUO:0000045")),
            ("commercialUse", Some(false)) => list.push(format!("{else_permission} DUO:0000046")),
            ("commercialUse", Some(true)) => list.push(else_permission.to_owned()),
            _ => panic!("{field} of {case}"),
        }
    }
    // There the purpose says what the dataset asks for.
    for (field, code) in [("collaboratorRequired", "DUO:0000020"), ("ethicsApprovalRequired", "DUO:0000021")]
    {
        if purpose[field].as_bool() == Some(true) {
            list.push(code.to_owned());
        }
    }
    Terms::parse(&list.join(" ")).unwrap()
}

fn stated(case: &Value, else_aim: Option<Aim>) -> Use {
    let purpose = &case["purpose"];
    let mut stated = Use::on(Day::parse("2026-11-22").unwrap());
    stated.diseases = diseases(purpose, "diseaseRestrictions");
    for field in purpose.as_object().unwrap().keys() {
        match (field.as_str(), AIMS.iter().find(|(name, _)| name == field)) {
            (_, Some((_, aim))) => stated.aims = stated.aims.with(*aim),
            ("commercialUse", _) => {
                // A commercial purpose or a commercial entity is one there.
                (stated.for_profit, stated.commercial) = (Some(true), Some(true));
                stated.aims = else_aim.map_or(stated.aims, |aim| stated.aims.with(aim));
            }
            ("collaboratorRequired" | "ethicsApprovalRequired", _) => {
                stated.aims = stated.aims.with(Aim::Health)
            }
            ("diseaseRestrictions", _) => {}
            _ => panic!("{field} of {case}"),
        }
    }
    stated
}

fn word(answer: &Answer) -> &'static str {
    match answer {
        Answer::Approve => "approve",
        Answer::Deny(_) => "deny",
        Answer::NeedsPerson(_) => "abstain",
    }
}

fn cases() -> Vec<Value> {
    serde_json::from_str(&shared("conformance/duo_matching/cases_v3.json")).unwrap()
}

#[test]
fn each_case_is_decided_as_there() {
    let cases = cases();
    let known = known(&cases);
    assert_eq!(cases.len(), 33);
    for case in &cases {
        let (terms, stated) = (terms(case, "DUO:0000042"), stated(case, Some(Aim::General)));
        let answer = terms.answer(&stated, &known);
        assert_eq!(word(&answer), case["decision"], "{case}\n{terms}: {answer:?}");
    }
}

#[test]
fn without_a_permission_commerce_alone_approves_nothing() {
    let cases = cases();
    let literal = |name: &str| {
        let case = cases.iter().find(|case| case["test"] == name).unwrap();
        terms(case, "DUO:0000001").answer(&stated(case, None), &Known::new())
    };
    assert_eq!(word(&literal("testCommercial_positive_case_1")), "abstain");
    assert_eq!(word(&literal("testCommercial_negative_case_1")), "deny");
}

#[test]
fn where_the_versions_differ_on_commerce() {
    let day = Day::parse("2026-11-22").unwrap();
    let answer = |terms: &str, for_profit: bool, commercial: bool| {
        let stated = Use {
            aims: Use::on(day).aims.with(Aim::Health),
            for_profit: Some(for_profit),
            commercial: Some(commercial),
            ..Use::on(day)
        };
        word(&Terms::parse(terms).unwrap().answer(&stated, &Known::new()))
    };
    let (npu, ncu) = ("DUO:0000042 DUO:0000045", "DUO:0000042 DUO:0000046");
    // Both versions deny who is both.
    assert_eq!([answer(npu, true, true), answer(ncu, true, true)], ["deny", "deny"]);
    // Version 3 denies, DUO's comment on NCU allows.
    assert_eq!(answer(ncu, true, false), "approve");
    // Version 3 denies, version 4 does not.
    assert_eq!(answer(npu, false, true), "abstain");
    assert_eq!([answer(npu, true, false), answer(ncu, false, true)], ["deny", "deny"]);
    assert_eq!([answer(npu, false, false), answer(ncu, false, false)], ["approve", "approve"]);
}
