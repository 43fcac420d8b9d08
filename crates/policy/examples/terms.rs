//! The long comparison of data-use terms with the second model, and the time of an answer:
//! `cargo run -p policy --example terms [CASES [SEED]]`, a million by default. From ten million on it combines all pairs
//! of modifiers under every permission, which takes minutes.
//!
//! It ends with 1 at the first difference.

#[path = "../tests/reference/mod.rs"]
mod reference;

use base::{Clock, SystemClock};
use policy::terms::{Aim, Aims, Day, Disease, Fact, Facts, Name, Region, Terms, Use};
use reference::Found;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

const BOUND: f64 = 1.0;

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let cases = numbers.first().copied().unwrap_or(1_000_000);
    let seed = numbers
        .get(1)
        .copied()
        .unwrap_or_else(|| u64::from_le_bytes(base::entropy::bytes(&base::SystemEntropy)));
    let clock = SystemClock::default();
    println!("{cases} cases, seed {seed}");
    let mut whole = told(&clock, "random terms and uses", || reference::random(cases, seed));
    whole &= told(&clock, "all pairs", || reference::pairs(cases >= 10_000_000));
    whole &= told(&clock, "laws in twos and threes", || reference::laws(cases / 60, seed));
    if speed(&clock).is_none() {
        println!("the terms of the measurement are not read");
        whole = false;
    }
    if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn told(clock: &dyn Clock, what: &str, compare: impl FnOnce() -> Found) -> bool {
    let before = clock.monotonic();
    let found = compare();
    let seconds = (clock.monotonic() - before).as_secs_f64();
    println!(
        "{what}: {} answers ({} approved, {} denied, {} for a person), {} combinations ({} refused), {seconds:.1} s: {}",
        found.cases,
        found.approved,
        found.denied,
        found.persons,
        found.combined,
        found.conflicts,
        found.difference.as_deref().unwrap_or("0 differences")
    );
    found.difference.is_none()
}

/// One answer, with as many known diseases as MONDO has.
fn speed(clock: &dyn Clock) -> Option<()> {
    let mut known: BTreeMap<Disease, BTreeSet<Disease>> = BTreeMap::new();
    let name = |number: u32| Disease::parse(&format!("MONDO:{number:07}"));
    for number in 1..25_000_u32 {
        let above = std::iter::successors(Some(number / 2), |up| Some(up / 2)).take_while(|up| *up > 0);
        known.insert(name(number)?, above.filter_map(name).collect());
    }
    let day = Day::parse("2026-06-01")?;
    let aims = Aims::NONE.with(Aim::Methods);
    let facts = Facts::NONE.with(Fact::Ethics).with(Fact::Publication);
    let plain = Use { aims: Aims::NONE.with(Aim::Research), ..Use::on(day) };
    let full = Use {
        aims,
        diseases: vec![name(20_000)?],
        for_profit: Some(false),
        commercial: Some(false),
        region: Region::parse("DE"),
        project: Name::parse("prj_1"),
        facts,
        ..Use::on(day)
    };
    let long = "DUO:0000007=MONDO:0000312,MONDO:0000013 DUO:0000018 DUO:0000019 DUO:0000021 DUO:0000022=EU \
                DUO:0000025=2027-01-01 DUO:0000027=prj_1,prj_2";
    let cases = [
        ("general research, approved", "DUO:0000042", &plain),
        ("a disease and six modifiers, approved", long, &full),
        (
            "the same, denied with four reasons",
            long,
            &Use {
                for_profit: Some(true),
                region: Region::parse("US"),
                project: Name::parse("x"),
                commercial: Some(true),
                ..full.clone()
            },
        ),
    ];
    let mut slowest = 0.0_f64;
    for (what, text, stated) in cases {
        let terms = Terms::parse(text).ok()?;
        let mut rounds: Vec<f64> = Vec::new();
        for _ in 0..21 {
            let before = clock.monotonic();
            for _ in 0..10_000 {
                std::hint::black_box(terms.answer(std::hint::black_box(stated), &known));
            }
            rounds.push((clock.monotonic() - before).as_secs_f64() * 1e6 / 10_000.0);
        }
        rounds.sort_by(f64::total_cmp);
        let median = rounds.get(10).copied()?;
        let reasons = terms.answer(stated, &known).reasons().len();
        println!("{what}: {median:.3} µs an answer, {reasons} reasons");
        slowest = slowest.max(median);
    }
    let [one, two] =
        ["MONDO:0000312", "MONDO:0000313"].map(|text| Terms::parse(&format!("DUO:0000007={text}")));
    let (one, two) = (one.ok()?, two.ok()?);
    let before = clock.monotonic();
    let refused = one.combine([&two], &known).is_err();
    let took = (clock.monotonic() - before).as_secs_f64() * 1e3;
    println!("two diseases of 24,999 that have nothing in common combined: {took:.1} ms, refused: {refused}");
    let verdict = if slowest <= BOUND { "met" } else { "missed" };
    println!("an answer          bound {BOUND:.2} µs   result {slowest:.3} µs   {verdict}");
    Some(())
}
