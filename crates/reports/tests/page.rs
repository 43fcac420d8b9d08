//! The page: what stands on it, that nothing of the data becomes markup, and that it asks for
//! nothing outside itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot build its case has failed")]

use base::{Class, Id, Sensitive, SystemEntropy};
use reports::case::*;
use reports::render;

fn reason(factor: &str, value: &str, points: i32, words: &str) -> Reason {
    Reason { factor: factor.into(), value: value.into(), points, words: words.into() }
}

fn material(role: &str, name: &str, digest: &str) -> Material {
    Material { role: role.into(), name: name.into(), digest: digest.into() }
}

fn variant(rank: u32, gene: &str, terms: &str, impact: &str, frequency: Frequency) -> Variant {
    let points = match impact {
        "high" => 40,
        "moderate" => 20,
        _ => 4,
    };
    let rarity = match frequency {
        Frequency::NoSource => reason("rarity", "unknown", 0, "no frequency source was given"),
        Frequency::Absent => reason("rarity", "absent", 15, "absent from the frequency source"),
        Frequency::Known(f) if f < 0.01 => reason("rarity", "0.004", 8, "uncommon: below 1 % of alleles"),
        Frequency::Known(_) => reason("rarity", "0.21", -20, "common: 5 % of alleles or more"),
    };
    let mut reasons = vec![
        reason(
            "consequence",
            terms,
            points,
            &format!("{} in {gene} (T{rank}): {impact} impact", terms.replace('_', " ")),
        ),
        reason("significance", "none", 0, "the significance source does not have it"),
        rarity,
        reason("confidence", "quality 221", 3, "the site's quality is 30 or more"),
        reason("confidence", "genotype quality 99", 3, "the genotype's quality is 30 or more"),
        reason("confidence", "depth 41", 2, "20 reads or more"),
        reason("confidence", "allele fraction 0.49", 2, "the share of reads fits the genotype"),
    ];
    let pathogenic = rank == 1;
    if pathogenic {
        reasons.remove(1);
        reasons.insert(1, reason("significance", "Pathogenic", 50, "classified pathogenic"));
    }
    Variant {
        rank,
        score: reasons.iter().map(|r| r.points).sum(),
        reasons,
        contig: format!("contig{rank}"),
        position: 12_345 * u64::from(rank),
        reference: "C".into(),
        alternate: if rank == 3 { "CATTGACCAGTTAGGATTACA".into() } else { "T".into() },
        gene: Some(gene.into()),
        transcript: Some(format!("ENST0000047{rank:04}")),
        consequence: Some(terms.into()),
        impact: Some(impact.into()),
        amino_acid_change: Some("241R>241*".into()),
        genotype: if rank == 2 { "1/1" } else { "0/1" }.into(),
        zygosity: if rank == 2 { "homozygous" } else { "heterozygous" }.into(),
        depth: Some(41),
        allele_fraction: Some(0.49),
        quality: Some(221.0),
        filter: Some("PASS".into()),
        frequency,
        significance: pathogenic.then(|| "Pathogenic".into()),
        conditions: if pathogenic { vec!["MedGen:C0000001".into(), "OMIM:100100".into()] } else { vec![] },
    }
}

fn case() -> Case {
    let bell = |x: f64, middle: f64, width: f64| (-((x - middle) / width).powi(2)).exp();
    Case {
        sample: base::SampleId::mint(&SystemEntropy),
        project: base::ProjectId::mint(&SystemEntropy),
        class: Class::Sandbox,
        run: base::RunId::mint(&SystemEntropy),
        reference: base::ReferenceId::mint(&SystemEntropy),
        made: "2026-11-20T10:30:00Z".parse().unwrap(),
        label: Some(Sensitive::new("CASE-0001".to_owned())),
        release: Release { name: "germline 1.0".into(), state: ReleaseState::Candidate },
        quality: Quality {
            reads: Some(104_822),
            mapped: Some(104_611),
            duplicates: Some(1_240),
            q30: Some(0.934),
            mean_coverage: Some(41.7),
            at_least_20: Some(0.983),
            depth_histogram: (0..90).map(|x| (9000.0 * bell(f64::from(x), 42.0, 11.0)) as u64).collect(),
            insert_sizes: (150..600).map(|x| (x, (900.0 * bell(f64::from(x), 350.0, 60.0)) as u64)).collect(),
            quality_by_cycle: (0..300).map(|x| 37.5 - f64::from(x % 150) * 0.03).collect(),
        },
        counts: Counts {
            total: 1_284,
            heterozygous: 803,
            homozygous: 481,
            by_impact: vec![("high".into(), 3), ("moderate".into(), 41)],
        },
        variants: vec![
            variant(1, "ARLX", "stop_gained", "high", Frequency::Absent),
            variant(2, "SMAD5", "splice_donor&splice_region", "high", Frequency::Absent),
            variant(3, "NBPF3", "frameshift", "high", Frequency::Known(0.004)),
            variant(4, "SAMD11", "missense", "moderate", Frequency::Known(0.0000123)),
            variant(5, "FGF6", "synonymous", "low", Frequency::Known(0.21)),
        ],
        rule: "sequestra-rank/1".into(),
        skipped: vec![Skipped {
            what: "Structural variants".into(),
            why: "the workflow calls small variants only; larger changes are not in this report".into(),
        }],
        receipt: Receipt {
            id: "run_0123456789abcdefghjk".into(),
            ledger: "ledger.site.example".into(),
            position: 10_482,
            inputs: vec![material(
                "reads",
                "rds_0000000000000000000a",
                &format!("blake3:{}", "3f".repeat(32)),
            )],
            outputs: vec![material(
                "variants",
                "obj_0000000000000000000b",
                &format!("blake3:{}", "a4".repeat(32)),
            )],
            workflow: material("", "germline 1.0", &format!("sha256:{}", "7c".repeat(32))),
            tools: vec![
                material("aligner", "bwa 0.7.17", &format!("sha256:{}", "19".repeat(32))),
                material("caller", "bcftools 1.16", &format!("sha256:{}", "d2".repeat(32))),
            ],
        },
    }
}

/// Set `SEQUESTRA_PAGE` to a path to look at the page in a browser.
#[test]
fn the_page_says_what_the_case_says() {
    let case = case();
    let page = render(&case).unwrap();
    if let Some(path) = std::env::var_os("SEQUESTRA_PAGE") {
        std::fs::write(path, &page).unwrap();
    }
    for text in [
        case.sample.as_str(),
        case.run.as_str(),
        "CASE-0001",
        "Candidate release",
        "Not for diagnosis",
        "sandbox output",
        "ARLX",
        "stop gained",
        "classified pathogenic",
        "+50",
        "−20",
        "241R",
        "MedGen:C0000001",
        "CATTGA…ACA (21 bases)",
        "not seen",
        "1.2e-5",
        "41.7×",
        "contig2:24,690",
        "98.3",
        "Structural variants",
        "sequestra receipt verify run_0123456789abcdefghjk.json --site-key site.pub",
        "blake3:3f3f",
        "bwa 0.7.17",
        "sequestra-rank/1",
    ] {
        assert!(page.contains(text), "`{text}` is missing");
    }
    assert_eq!(page.matches("<svg").count(), 3 + case.variants.len());
}

#[test]
fn the_page_asks_for_nothing_outside_itself() {
    let page = render(&case()).unwrap();
    for word in [
        "<script",
        "javascript:",
        "http:",
        "https:",
        "src=",
        "url(",
        "@import",
        "<link",
        "<img",
        "<iframe",
        " style=\"",
        " on",
    ] {
        let found = page.split_once(word).map(|(_, after)| after.chars().take(16).collect::<String>());
        // Words of the text may begin with `on`; attributes have an equals sign behind it.
        let is_attribute = word != " on" || found.as_ref().is_some_and(|text| text.contains("=\""));
        assert!(found.is_none() || !is_attribute, "{found:?}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn the_policy_admits_the_style_that_the_page_has() {
    use base64::Engine;
    use sha2::Digest;
    let page = render(&case()).unwrap();
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style.as_bytes()));
    let policy = page.split_once("style-src '").unwrap().1.split_once('\'').unwrap().0;
    assert_eq!(policy.replace("&#43;", "+"), format!("sha256-{hash}"));
}

#[test]
fn hostile_text_stays_text_wherever_it_stands() {
    const HOSTILE: &str =
        "\"'><script>alert(1)</script><img src=x onerror=alert(2)>&amp;{{7*7}}</style></title>";
    let mut case = case();
    let quiet = render(&case).unwrap();
    let hostile = || HOSTILE.to_owned();
    case.label = Some(Sensitive::new(hostile()));
    case.release.name = hostile();
    case.rule = hostile();
    case.skipped[0] = Skipped { what: hostile(), why: hostile() };
    case.counts.by_impact.push((hostile(), 1));
    case.receipt.id = hostile();
    case.receipt.ledger = hostile();
    case.receipt.workflow = material(HOSTILE, HOSTILE, HOSTILE);
    case.receipt.inputs = vec![material(HOSTILE, HOSTILE, HOSTILE)];
    case.receipt.outputs = case.receipt.inputs.clone();
    case.receipt.tools = case.receipt.inputs.clone();
    for variant in &mut case.variants {
        variant.contig = hostile();
        variant.reference = hostile();
        variant.alternate = hostile();
        variant.genotype = hostile();
        variant.zygosity = hostile();
        variant.conditions = vec![hostile()];
        for field in [
            &mut variant.gene,
            &mut variant.transcript,
            &mut variant.consequence,
            &mut variant.impact,
            &mut variant.amino_acid_change,
            &mut variant.filter,
            &mut variant.significance,
        ] {
            *field = Some(hostile());
        }
        for reason in &mut variant.reasons {
            *reason = Reason { factor: hostile(), value: hostile(), points: 1, words: hostile() };
        }
    }
    let page = render(&case).unwrap();
    for tag in ["<script", "<img", "</style>", "</title>", "<b>"] {
        let expected = quiet.matches(tag).count();
        assert_eq!(page.matches(tag).count(), expected, "{tag}");
    }
    assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"));
    assert!(page.contains("{{7*7}}"));
}

#[test]
fn a_label_is_shown_only_when_given_and_never_stored() {
    let mut case = case();
    let stored = serde_json::to_string(&case).unwrap();
    assert!(!stored.contains("CASE-0001"));
    assert!(!format!("{case:?}").contains("CASE-0001"));
    let back: Case = serde_json::from_str(&stored).unwrap();
    assert!(back.label.is_none());
    case.label = None;
    let page = render(&case).unwrap();
    assert!(!page.contains("CASE-0001"));
    assert_eq!(page, render(&back).unwrap());
}

#[test]
fn only_an_approved_clinical_release_goes_without_the_warning() {
    for class in Class::ALL {
        for state in [ReleaseState::Candidate, ReleaseState::Approved, ReleaseState::Retired] {
            let mut case = case();
            case.class = *class;
            case.release.state = state;
            let warned = render(&case).unwrap().contains("Not for diagnosis");
            let for_care = *class == Class::Clinical && state == ReleaseState::Approved;
            assert_eq!(warned, !for_care, "{class} {state:?}");
        }
    }
}

#[test]
fn an_empty_case_is_a_page_that_says_so() {
    let mut case = case();
    case.variants.clear();
    case.counts = Counts::default();
    case.quality = Quality::default();
    case.skipped.clear();
    let page = render(&case).unwrap();
    assert!(page.contains("No variant was called."));
    assert!(page.contains("every step of the workflow ran"));
    assert!(!page.contains("<figure"));
}

#[test]
fn the_page_can_be_read_without_seeing_it() {
    let page = render(&case()).unwrap();
    assert!(page.contains("<html lang=\"en\">"));
    assert_eq!(page.matches("<h1").count(), 1);
    assert_eq!(page.matches("<table").count(), page.matches("<caption").count());
    assert_eq!(page.matches("<figure").count(), page.matches("<figcaption").count());
    assert_eq!(
        page.matches("role=\"img\"").count(),
        page.matches("aria-label=\"Bases").count()
            + page.matches("aria-label=\"Read pairs").count()
            + page.matches("aria-label=\"Mean base").count()
    );
    assert_eq!(page.matches("<th ").count(), page.matches("<th scope=\"col\"").count());
}
