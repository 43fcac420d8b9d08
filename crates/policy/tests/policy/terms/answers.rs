//! Answers and refusals as a data steward reads them, and what is never approved.

use policy::terms::{Aim, Aims, Answer, Day, Disease, Fact, Facts, Name, Region, Terms, Use};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

type Known = BTreeMap<Disease, BTreeSet<Disease>>;

fn disease(text: &str) -> Disease {
    Disease::parse(text).unwrap()
}

fn day() -> Day {
    Day::parse("2026-11-22").unwrap()
}

fn for_aim(aim: Aim) -> Use {
    Use { aims: Aims::NONE.with(aim), ..Use::on(day()) }
}

/// Type 2 diabetes below diabetes; a cancer beside it.
fn known() -> Known {
    let above = [("MONDO:0005148", "MONDO:0005015")].map(|(one, up)| (disease(one), [disease(up)].into()));
    let tops = ["MONDO:0005015", "MONDO:0004992"].map(|one| (disease(one), BTreeSet::new()));
    above.into_iter().chain(tops).collect()
}

/// Each sentence that there is, in the file that is reviewed.
#[test]
fn answers_in_words() {
    let (mut page, mut words) = (String::new(), BTreeSet::new());
    let mut ask = |terms: &str, what: &str, stated: &Use| {
        let read = Terms::parse(terms).unwrap();
        let answer = read.answer(stated, &known());
        let word = match answer {
            Answer::Approve => "approved",
            Answer::Deny(_) => "denied",
            Answer::NeedsPerson(_) => "needs a person",
        };
        writeln!(page, "{terms}\n  {what}: {word}").unwrap();
        for reason in answer.reasons() {
            writeln!(page, "    {}: {reason}", reason.as_str()).unwrap();
            words.insert(reason.as_str());
        }
    };
    ask("DUO:0000042", "research", &for_aim(Aim::Research));
    ask("DUO:0000042", "nothing stated", &Use::on(day()));
    ask("DUO:0000042", "care", &for_aim(Aim::Care));
    ask("DUO:0000042 DUO:0000043", "care", &for_aim(Aim::Care));
    ask("DUO:0000043", "care", &for_aim(Aim::Care));
    ask("DUO:0000043", "research", &for_aim(Aim::Research));
    ask("DUO:0000006", "research", &for_aim(Aim::Research));
    ask("DUO:0000006", "ancestry", &for_aim(Aim::Ancestry));
    ask(
        "DUO:0000006",
        "teaching, controls",
        &Use { aims: Aims::NONE.with(Aim::Teaching).with(Aim::Controls), ..Use::on(day()) },
    );
    ask("DUO:0000004", "sensitive", &for_aim(Aim::Sensitive));
    for about in ["MONDO:0005148", "MONDO:0004992", "OMIM:222100"] {
        let stated = Use { diseases: vec![disease(about)], ..Use::on(day()) };
        ask("DUO:0000007=MONDO:0005015", about, &stated);
    }
    ask("DUO:0000007", "a disease", &Use { diseases: vec![disease("MONDO:0005148")], ..Use::on(day()) });
    ask("DUO:0000011", "a disease", &Use { diseases: vec![disease("MONDO:0005148")], ..Use::on(day()) });
    ask("DUO:0000042 DUO:0000015 DUO:0000044", "any subject", &for_aim(Aim::General));
    ask("DUO:0000042 DUO:0000015", "methods", &for_aim(Aim::Methods));
    ask("DUO:0000042 DUO:0000044", "one group", &for_aim(Aim::Population));
    let all = "DUO:0000042 DUO:0000012 DUO:0000016 DUO:0000018 DUO:0000019 DUO:0000020 DUO:0000021 DUO:0000022=EU \
               DUO:0000024=2027-01-01 DUO:0000025=2027-01-01&12 DUO:0000026=usr_1 DUO:0000027=prj_1 DUO:0000028 DUO:0000029";
    ask(all, "nothing else stated", &for_aim(Aim::Research));
    let name = |text| Name::parse(text);
    let wrong = Use {
        since: Day::parse("2025-11-22"),
        for_profit: Some(true),
        commercial: Some(true),
        genetic: Some(false),
        region: Region::parse("US"),
        user: name("usr_2"),
        project: name("prj_2"),
        ..for_aim(Aim::Research)
    };
    ask(all, "all of it otherwise", &wrong);
    let right = Use {
        since: Day::parse("2025-11-23"),
        for_profit: Some(false),
        commercial: Some(false),
        genetic: Some(true),
        region: Region::parse("DE"),
        user: name("usr_1"),
        project: name("prj_1"),
        facts: Fact::ALL.iter().fold(Facts::NONE, |facts, fact| facts.with(*fact)),
        ..for_aim(Aim::Research)
    };
    ask(all, "all of it as asked", &right);
    ask(all, "a day too late", &Use { today: Day::parse("2027-01-02").unwrap(), ..right.clone() });
    ask(
        "DUO:0000042 DUO:0000045",
        "commercial, not for profit",
        &Use { for_profit: Some(false), commercial: Some(true), ..for_aim(Aim::Research) },
    );
    ask("DUO:0000042 DUO:0000022 DUO:0000024 DUO:0000025", "not named", &right);
    ask("DUO:0000042 DUO:0000022 DUO:0000026 DUO:0000027 DUO:0000028", "not named", &for_aim(Aim::Research));
    assert_eq!(words.len(), 19, "a reason is not shown, or two have one word: {words:?}");
    insta::assert_snapshot!(page);
}

#[test]
fn terms_in_words() {
    let mut page = String::new();
    for text in [
        "DUO:0000043",
        "DUO:0000004",
        "DUO:0000001 DUO:0000006 DUO:0000018",
        "DUO:0000007 DUO:0000022=?&DE",
        "DUO:0000007=OMIM:1,OMIM:2&OMIM:3 DUO:0000012=DUO:0000034&DUO:0000035 DUO:0000024=2027-01-01 \
         DUO:0000025=2028-01-01&12 DUO:0000026 DUO:0000027=prj_1,prj_2 DUO:0000028=ror:1 DUO:0000045",
    ] {
        writeln!(page, "{text}").unwrap();
        for sentence in Terms::parse(text).unwrap().words() {
            writeln!(page, "  {sentence}").unwrap();
        }
    }
    insta::assert_snapshot!(page);
}

#[test]
fn refused_combinations_in_words() {
    let mut page = String::new();
    for (one, two) in [
        ("DUO:0000011", "DUO:0000006"),
        ("DUO:0000011", "DUO:0000007=MONDO:0005148"),
        ("DUO:0000011", "DUO:0000042 DUO:0000044"),
        ("DUO:0000007=MONDO:0005148", "DUO:0000007=MONDO:0004992"),
        ("DUO:0000042 DUO:0000022=EU", "DUO:0000042 DUO:0000022=US"),
        ("DUO:0000042 DUO:0000026=usr_1", "DUO:0000042 DUO:0000026=usr_2"),
        ("DUO:0000042 DUO:0000027=prj_1", "DUO:0000042 DUO:0000027=prj_2"),
        ("DUO:0000042 DUO:0000028=ror:1", "DUO:0000042 DUO:0000028=ror:2"),
    ] {
        let error = Terms::parse(one).unwrap().combine([&Terms::parse(two).unwrap()], &known()).unwrap_err();
        assert_eq!(base::Fault::code(&error), "POLICY-009");
        assert_eq!(base::Fault::kind(&error), base::Kind::Conflict);
        writeln!(page, "{one} and {two}\n  {error}").unwrap();
    }
    insta::assert_snapshot!(page);
}

#[test]
fn combined_terms_are_the_stricter_ones() {
    for (one, two, both) in [
        ("DUO:0000004", "DUO:0000042", "DUO:0000042"),
        ("DUO:0000042", "DUO:0000006", "DUO:0000006"),
        ("DUO:0000042 DUO:0000043", "DUO:0000006", "DUO:0000006"),
        ("DUO:0000004", "DUO:0000006 DUO:0000043", "DUO:0000006 DUO:0000043"),
        ("DUO:0000006", "DUO:0000007=OMIM:1", "DUO:0000007=OMIM:1"),
        ("DUO:0000007=MONDO:0005148", "DUO:0000007=MONDO:0005015", "DUO:0000007=MONDO:0005015&MONDO:0005148"),
        ("DUO:0000042", "DUO:0000021", "DUO:0000001 DUO:0000042 DUO:0000021"),
        ("DUO:0000042 DUO:0000022=EU", "DUO:0000042 DUO:0000022=DE,US", "DUO:0000042 DUO:0000022=DE"),
        ("DUO:0000042 DUO:0000027=a,b", "DUO:0000042 DUO:0000027", "DUO:0000042 DUO:0000027=?&a,b"),
        (
            "DUO:0000042 DUO:0000024=2027-01-01",
            "DUO:0000042 DUO:0000024=2028-01-01",
            "DUO:0000042 DUO:0000024=2028-01-01",
        ),
        (
            "DUO:0000042 DUO:0000025=2027-01-01",
            "DUO:0000042 DUO:0000025=2028-01-01&6",
            "DUO:0000042 DUO:0000025=2027-01-01&6",
        ),
        ("DUO:0000042 DUO:0000045", "DUO:0000042 DUO:0000046", "DUO:0000042 DUO:0000018"),
    ] {
        let made = Terms::parse(one).unwrap().combine([&Terms::parse(two).unwrap()], &known()).unwrap();
        assert_eq!(made.to_string(), both, "{one} and {two}");
    }
    let of = |from: u32| {
        let all: Vec<String> = (from..from + 100).map(|number| format!("OMIM:{number}")).collect();
        Terms::parse(&format!("DUO:0000007={}", all.join(","))).unwrap()
    };
    let many = of(0).combine([&of(500)], &Known::new()).unwrap_err().to_string();
    assert!(many.ends_with("more than 128 diseases"), "{many}");
}

#[test]
fn the_purposes_of_projects_are_aims() {
    let aims = ["care", "research", "quality", "methods", "teaching"].map(|word| Aim::named(word).unwrap());
    assert_eq!(aims, [Aim::Care, Aim::Research, Aim::Quality, Aim::Methods, Aim::Teaching]);
    assert_eq!(Aim::named("profit"), None);
}

#[test]
fn without_knowledge_only_the_same_disease_is_approved() {
    let nothing = Known::new();
    let answer = |terms: &str, about: &[&str], known: &Known| {
        let diseases = about.iter().map(|one| disease(one)).collect();
        Terms::parse(terms).unwrap().answer(&Use { diseases, ..Use::on(day()) }, known)
    };
    let terms = "DUO:0000007=MONDO:0005015";
    assert_eq!(answer(terms, &["MONDO:0005015"], &nothing), Answer::Approve);
    for about in [&["MONDO:0005148"] as &[_], &["MONDO:0004992"], &["MONDO:0005015", "MONDO:0005148"]] {
        assert!(matches!(answer(terms, about, &nothing), Answer::NeedsPerson(_)), "{about:?}");
    }
    // The term of the data is not known either.
    assert!(matches!(answer("DUO:0000007=OMIM:1", &["MONDO:0005148"], &known()), Answer::NeedsPerson(_)));
    // Broader than what is allowed.
    assert!(matches!(answer("DUO:0000007=MONDO:0005148", &["MONDO:0005015"], &known()), Answer::Deny(_)));
}
