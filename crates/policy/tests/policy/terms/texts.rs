//! Texts that are lists of terms, and texts that are none.

use policy::terms::{Code, Disease, Name, Region, Terms};

#[test]
fn each_list_has_one_canonical_text() {
    let cases = [
        ("DUO:0000042", "DUO:0000042"),
        ("DUO:0000007=MONDO:0005148", "DUO:0000007=MONDO:0005148"),
        ("DUO:0000007", "DUO:0000007"),
        ("DUO:0000007=?", "DUO:0000007"),
        ("DUO:0000007=MONDO:0000002,DOID:162", "DUO:0000007=DOID:162,MONDO:0000002"),
        ("DUO:0000007=OMIM:1&?&DOID:162", "DUO:0000007=?&DOID:162&OMIM:1"),
        // Within the smaller one is within the larger one.
        ("DUO:0000007=OMIM:1,OMIM:2&OMIM:1", "DUO:0000007=OMIM:1"),
        ("  DUO:0000046   DUO:0000004 DUO:0000021 ", "DUO:0000004 DUO:0000021 DUO:0000046"),
        ("DUO:0000042 DUO:0000045 DUO:0000046", "DUO:0000042 DUO:0000018"),
        ("DUO:0000042 DUO:0000018 DUO:0000045", "DUO:0000042 DUO:0000018"),
        ("DUO:0000004 DUO:0000043", "DUO:0000004"),
        ("DUO:0000043 DUO:0000006", "DUO:0000006 DUO:0000043"),
        ("DUO:0000042 DUO:0000022=FR,DE,EU,CH", "DUO:0000042 DUO:0000022=CH,EU"),
        ("DUO:0000042 DUO:0000024=2027-01-01", "DUO:0000042 DUO:0000024=2027-01-01"),
        ("DUO:0000042 DUO:0000025=12&2027-01-01", "DUO:0000042 DUO:0000025=2027-01-01&12"),
        ("DUO:0000042 DUO:0000027=prj_2,prj_1&?", "DUO:0000042 DUO:0000027=?&prj_1,prj_2"),
        (
            "DUO:0000042 DUO:0000012=DUO:0000035&DUO:0000034",
            "DUO:0000042 DUO:0000012=DUO:0000034&DUO:0000035",
        ),
        ("DUO:0000042 DUO:0000042", "DUO:0000042"),
        ("DUO:0000042 DUO:0000022=EU DUO:0000022=EU", "DUO:0000042 DUO:0000022=EU"),
        // From before there was a permission in each list.
        ("DUO:0000001 DUO:0000001", "DUO:0000001"),
        ("DUO:0000021", "DUO:0000001 DUO:0000021"),
        ("DUO:0000043", "DUO:0000001 DUO:0000043"),
        ("DUO:0000004 DUO:0000001", "DUO:0000001"),
        ("DUO:0000001 DUO:0000004 DUO:0000043", "DUO:0000001 DUO:0000043"),
        ("DUO:0000006 DUO:0000001", "DUO:0000001 DUO:0000006"),
    ];
    for (written, canonical) in cases {
        let terms = Terms::parse(written).unwrap();
        assert_eq!(terms.to_string(), canonical, "{written}");
        assert_eq!(Terms::parse(canonical).unwrap(), terms, "{written}");
    }
}

#[test]
fn what_is_no_list_is_refused_with_what_to_write() {
    let many = |code: &str, count: u32, comma: &str| {
        let all: Vec<String> = (0..count).map(|number| format!("OMIM:{number}")).collect();
        format!("DUO:0000042 {code}={}", all.join(comma))
    };
    let refused = [
        ("", "POLICY-008: data-use terms: none is written; write a permission, such as `DUO:0000042`".to_owned()),
        ("DUO:0000005", "POLICY-007: data-use term `DUO:0000005`: is obsolete; write `DUO:0000042 DUO:0000043`".into()),
        ("GRU", "POLICY-007: data-use term `GRU`: is not how it is written; write `DUO:0000042`".into()),
        ("duo:0000042", "POLICY-007: data-use term `duo:0000042`: is not how it is written; write `DUO:0000042`".into()),
        (
            "DUO:0000042 DUO:0000006",
            "POLICY-007: data-use term `DUO:0000006`: is a second permission; write one, or combine the terms of two \
             datasets"
                .into(),
        ),
        (
            "DUO:0000042 DUO:0000022=Germany",
            "POLICY-007: data-use term `DUO:0000022=Germany`: its value is of another kind; write for example \
             `DUO:0000022=EU or DE,FR`"
                .into(),
        ),
        (
            "DUO:0000011 DUO:0000044",
            "POLICY-008: data-use terms: `DUO:0000011` allows ancestry alone and `DUO:0000044` prohibits it; leave one \
             of them out"
                .into(),
        ),
    ];
    for (text, told) in refused {
        let error = Terms::parse(text).unwrap_err();
        assert_eq!(format!("{}: {error}", base::Fault::code(&error)), told);
        assert!(base::Fault::hint(&error).is_some());
    }
    let unknown = Terms::parse("DUO:0000099").unwrap_err().to_string();
    for code in Code::ALL {
        assert!(unknown.contains(code.as_str()), "{unknown}");
    }
    let (diseases, names) = (many("DUO:0000007", 129, ","), many("DUO:0000026", 33, ","));
    let (parts, fits) = (many("DUO:0000007", 129, "&"), many("DUO:0000026", 32, ","));
    assert!(Terms::parse(&fits).is_ok());
    assert!(Terms::parse(&many("DUO:0000007", 128, "&").replace("DUO:0000042 ", "")).is_ok());
    let others = [
        &diseases.replace("DUO:0000042 ", ""),
        &parts.replace("DUO:0000042 ", ""),
        &names,
        &format!("DUO:0000042{}", " ".repeat(16_384)),
    ];
    let shapes = [
        "DUO:0000042=",
        "DUO:0000042=x",
        "DUO:0000001=x",
        "DUO:0000007=",
        "DUO:0000007=,",
        "DUO:0000007=OMIM:1,",
        "DUO:0000007=OMIM:1,OMIM:1",
        "DUO:0000007=?&?",
        "DUO:0000007=?,OMIM:1",
        "DUO:0000007=MONDO:5148",
        "DUO:0000007=mondo:0005148",
        "DUO:0000007=cancer",
        "DUO:0000007=OMIM:1=2",
        "DUO:0000022=DE&FR",
        "DUO:0000022=DE DUO:0000022=FR",
        "DUO:0000022 DUO:0000022=FR",
        "DUO:0000022=UK",
        "DUO:0000022=EL",
        "DUO:0000022=DE, FR",
        "DUO:0000024=soon",
        "DUO:0000024=2027-02-29",
        "DUO:0000024=2027-01-01&2027-01-02",
        "DUO:0000024=12",
        "DUO:0000025=0",
        "DUO:0000025=1201",
        "DUO:0000025=012",
        "DUO:0000025=+12",
        "DUO:0000025=1&2",
        "DUO:0000012=DUO:0000042",
        "DUO:0000012=DUO:0000034&DUO:0000034",
        "DUO:0000027=a b&",
        "DUO:0000027=ü",
        "DUO:0000020=somebody",
        "DUO:00000044",
        "DUO:0000034",
        "DUO:0000017",
        "DUO:0000042,DUO:0000021",
        "DUO:0000042\tDUO:0000021",
        "DUO:0000042\nDUO:0000021",
        "DUO:0000042\u{a0}",
        "?",
        "=",
    ];
    for text in shapes.iter().copied().chain(others.into_iter().map(String::as_str)) {
        let error = Terms::parse(text).unwrap_err().to_string();
        assert!(error.contains("; write") && error.len() < 600 && error.is_ascii(), "{text}: {error}");
    }
}

/// What a combination writes has to be read again, however much it is.
#[test]
fn the_longest_terms_are_read_again() {
    let long = |count: usize, length: usize| -> Vec<String> {
        (0..count).map(|number| format!("A:{number:0width$}", width = length - 2)).collect()
    };
    let names = long(32, 64).join(",");
    let countries: Vec<String> = ('A'..='Z').map(|c| format!("Q{c}")).take(26).collect();
    let kinds: Vec<String> = (31..=40).map(|kind| format!("DUO:00000{kind}")).collect();
    let terms = |diseases: &[String]| {
        let text = format!(
            "DUO:0000007={} DUO:0000012=?&{} DUO:0000015 DUO:0000016 DUO:0000018 DUO:0000019 DUO:0000020 DUO:0000021 \
             DUO:0000022={} DUO:0000024=?&2027-01-01 DUO:0000025=?&2027-01-01&1200 DUO:0000026=?&{names} \
             DUO:0000027=?&{names} DUO:0000028=?&{names} DUO:0000029 DUO:0000043 DUO:0000044",
            diseases.join("&"),
            kinds.join("&"),
            countries.join(","),
        );
        Terms::parse(&text).unwrap()
    };
    let diseases = long(128, 41);
    let (one, two) = diseases.split_at(64);
    let both = terms(one).combine([&terms(two)], &std::collections::BTreeMap::new()).unwrap();
    assert!(both.to_string().len() > 10_000);
    assert_eq!(Terms::parse(&both.to_string()).unwrap(), both);
}

#[test]
fn values_have_a_shape() {
    for (text, is) in
        [("MONDO:0005148", true), ("HP:12", false), ("ICD10:E11.9", true), ("X:", false), (":1", false)]
    {
        assert_eq!(Disease::parse(text).is_some(), is, "{text}");
    }
    assert!(Disease::parse(&format!("A:{}", "1".repeat(39))).is_some());
    assert!(Disease::parse(&format!("A:{}", "1".repeat(40))).is_none());
    assert!(Name::parse(&"x".repeat(64)).is_some() && Name::parse(&"x".repeat(65)).is_none());
    assert!(
        Region::parse("EU") == Some(Region::EU)
            && Region::parse("de").is_none()
            && Region::parse("é").is_none()
    );
}
