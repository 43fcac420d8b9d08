//! The small world: its atoms, what is known of its diseases, and random terms and uses in it.

use super::Dice;
use policy::terms::{Aim, Day, Disease, Fact, Name, Region, Use};
use std::collections::{BTreeMap, BTreeSet, HashMap};

pub const AIMS: &[&str] = &[
    "care",
    "research",
    "general",
    "health",
    "ancestry",
    "methods",
    "controls",
    "population",
    "sex",
    "age",
    "teaching",
    "quality",
    "sensitive",
    "other",
];
/// Each with what lies directly above it; the fifth lies under two.
const TREE: &[(&str, &str)] = &[
    ("MONDO:0000002", "MONDO:0000001"),
    ("MONDO:0000003", "MONDO:0000001"),
    ("MONDO:0000004", "MONDO:0000001"),
    ("MONDO:0000005", "MONDO:0000002"),
    ("MONDO:0000005", "MONDO:0000003"),
    ("MONDO:0000006", "MONDO:0000004"),
    ("MONDO:0000007", "MONDO:0000006"),
    ("MONDO:0000008", "MONDO:0000005"),
];
pub const DISEASES: &[&str] = &[
    "MONDO:0000001",
    "MONDO:0000002",
    "MONDO:0000003",
    "MONDO:0000004",
    "MONDO:0000005",
    "MONDO:0000006",
    "MONDO:0000007",
    "MONDO:0000008",
    "OMIM:9",
    "DOID:162",
];
pub const REGIONS: &[&str] = &["-", "DE", "FR", "EU", "US", "CH"];
pub const NAMES: &[&str] = &["-", "a", "b", "c"];
pub const TODAY: &[&str] = &["2026-02-27", "2026-02-28", "2026-12-31", "2027-01-01", "2028-02-29"];
pub const SINCE: &[&str] = &["-", "2026-01-31", "2026-02-28", "2027-01-01", "2028-02-29"];
const ENDS: &[&str] = &["2026-02-27", "2026-12-31", "2027-01-01"];
pub const MONTHS: &[&str] = &["1", "12", "24"];
pub const ANSWERS: &[&str] = &["y", "n", "-"];
/// Names of atoms that are no or yes, by the fact that they are.
pub const FACTS: &[&str] = &["ethics", "collaboration", "publication", "return", "research-type"];

/// Atoms by name and number, and what is known.
pub struct World {
    pub atoms: Vec<String>,
    number: HashMap<String, usize>,
    /// Known diseases, and which of them lie above each.
    pub above: BTreeMap<&'static str, BTreeSet<&'static str>>,
    /// The same, for the implementation.
    pub told: BTreeMap<Disease, BTreeSet<Disease>>,
}

impl World {
    /// All that is known, all but two diseases, and nothing.
    pub fn all() -> [Self; 3] {
        [Self::without(&[]), Self::without(&["MONDO:0000003", "MONDO:0000006"]), Self::without(DISEASES)]
    }

    fn without(unknown: &[&str]) -> Self {
        let known: Vec<&'static str> = DISEASES
            .iter()
            .copied()
            .filter(|one| one.starts_with("MONDO") && !unknown.contains(one))
            .collect();
        let mut above: BTreeMap<&str, BTreeSet<&str>> =
            known.iter().map(|one| (*one, BTreeSet::new())).collect();
        // As many rounds as the tree can be deep.
        for _ in DISEASES {
            for (low, high) in TREE.iter().filter(|(low, high)| known.contains(low) && known.contains(high)) {
                let more = above.get(high).cloned().unwrap_or_default();
                let own = above.entry(low).or_default();
                own.insert(high);
                own.extend(more);
            }
        }
        let disease = |text: &&str| Disease::parse(text);
        let told = above.iter().filter_map(|(one, above)| {
            Some((disease(one)?, above.iter().filter_map(disease).collect::<BTreeSet<_>>()))
        });
        let (told, atoms) = (told.collect(), atoms());
        let number = atoms.iter().enumerate().map(|(number, name)| (name.clone(), number)).collect();
        Self { atoms, number, above, told }
    }

    /// The number of this atom. One that is not in the world is none, and then comparisons go red.
    pub fn at(&self, name: &str) -> usize {
        self.number.get(name).copied().unwrap_or(usize::MAX)
    }
}

fn atoms() -> Vec<String> {
    let mut atoms = vec!["aim none".to_owned()];
    atoms.extend(AIMS.iter().map(|aim| format!("aim {aim}")));
    atoms.extend(DISEASES.iter().map(|disease| format!("disease {disease}")));
    let mut pairs = |dimension: &str, first: &[&str], second: &[&str]| {
        for one in first {
            atoms.extend(second.iter().map(|two| format!("{dimension} {one} {two}")));
        }
    };
    pairs("commerce", ANSWERS, ANSWERS);
    pairs("user", NAMES, &["0", "1"]);
    pairs("project", NAMES, &["0", "1"]);
    pairs("institution", NAMES, &["0", "1"]);
    pairs("time", TODAY, SINCE);
    pairs("silence", TODAY, &["0", "1"]);
    pairs("genetic", ANSWERS, &[""]);
    pairs("region", REGIONS, &[""]);
    for fact in FACTS {
        pairs(fact, &["0", "1"], &[""]);
    }
    atoms.iter().map(|atom| atom.trim_end().to_owned()).collect()
}

/// A use of the world, told to both sides: the atoms, and the value that the implementation takes.
pub struct Told {
    pub atoms: Vec<usize>,
    pub stated: Use,
}

/// The use that consists of these atoms: any aims and diseases, and one of each other dimension. Of time and silence
/// the first counts for the day; both name the same one.
pub fn told(world: &World, names: &[String]) -> Option<Told> {
    let mut stated = Use::on(Day::parse("2026-02-27")?);
    let flag = |word: &str| match word {
        "y" => Some(true),
        "n" => Some(false),
        _ => None,
    };
    for name in names {
        let words: Vec<&str> = name.split(' ').collect();
        let (dimension, value) = (words.first().copied()?, words.get(1).copied()?);
        let second = words.get(2).copied().unwrap_or_default();
        let fact = match (dimension, second, value) {
            ("user" | "project" | "institution", "1", _) => Fact::named(dimension),
            ("silence", "1", _) => Some(Fact::Silence),
            (_, "", "1") => Fact::named(dimension),
            _ => None,
        };
        stated.facts = fact.map_or(stated.facts, |fact| stated.facts.with(fact));
        match dimension {
            "aim" => stated.aims = Aim::named(value).map_or(stated.aims, |aim| stated.aims.with(aim)),
            "disease" => stated.diseases.push(Disease::parse(value)?),
            "commerce" => (stated.for_profit, stated.commercial) = (flag(value), flag(second)),
            "genetic" => stated.genetic = flag(value),
            "region" => stated.region = Region::parse(value),
            "user" => stated.user = Name::parse(value).filter(|_| value != "-"),
            "project" => stated.project = Name::parse(value).filter(|_| value != "-"),
            "institution" => stated.institution = Name::parse(value).filter(|_| value != "-"),
            "time" => (stated.today, stated.since) = (Day::parse(value)?, Day::parse(second)),
            _ => {}
        }
    }
    Some(Told { atoms: names.iter().map(|name| world.at(name)).collect(), stated })
}

/// A random use, by the names of its atoms.
pub fn some_use(dice: &mut Dice) -> Vec<String> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    let diseases = dice.one(&[0, 0, 1, 1, 2]);
    let aims = if diseases > 0 { dice.one(&[0, 0, 1]) } else { dice.one(&[0, 1, 1, 1, 1, 1, 2, 3]) };
    // Those that are most often right more often.
    let common = ["care", "research", "health", "methods", "general", "ancestry"];
    for _ in 0..aims {
        let aim = if dice.chance(70) { dice.one(&common) } else { dice.one(AIMS) };
        names.insert(format!("aim {aim}"));
    }
    for _ in 0..diseases {
        names.insert(format!("disease {}", dice.one(DISEASES)));
    }
    if names.is_empty() {
        names.insert("aim none".to_owned());
    }
    let yes = |dice: &mut Dice| if dice.chance(70) { "1" } else { "0" };
    for dimension in ["user", "project", "institution"] {
        names.insert(format!("{dimension} {} {}", dice.one(&["-", "a", "a", "a", "b", "c"]), yes(dice)));
    }
    let today = dice.one(TODAY);
    names.insert(format!("time {today} {}", dice.one(SINCE)));
    names.insert(format!("silence {today} {}", yes(dice)));
    let (profit, purpose) = (dice.one(&["n", "n", "y", "-"]), dice.one(&["n", "n", "y", "-"]));
    names.insert(format!("commerce {profit} {purpose}"));
    names.insert(format!("genetic {}", dice.one(&["y", "y", "n", "-"])));
    names.insert(format!("region {}", dice.one(&["DE", "DE", "FR", "EU", "US", "CH", "-"])));
    for fact in FACTS {
        names.insert(format!("{fact} {}", yes(dice)));
    }
    names.into_iter().collect()
}

/// Permissions in every shape, `DUO:0000001` for what is not stated.
pub const PERMISSIONS: &[&str] = &[
    "DUO:0000001",
    "DUO:0000004",
    "DUO:0000042",
    "DUO:0000006",
    "DUO:0000011",
    "DUO:0000007",
    "DUO:0000007=MONDO:0000002",
    "DUO:0000007=MONDO:0000003",
    "DUO:0000007=MONDO:0000004",
    "DUO:0000007=MONDO:0000007",
    "DUO:0000007=MONDO:0000002,MONDO:0000006",
    "DUO:0000007=OMIM:9",
    "DUO:0000007=MONDO:0000002&MONDO:0000003",
    "DUO:0000007=?&MONDO:0000005",
    "DUO:0000007=DOID:162,MONDO:0000004",
];

/// Modifiers in every shape.
pub const MODIFIERS: &[&str] = &[
    "DUO:0000012",
    "DUO:0000012=DUO:0000034",
    "DUO:0000012=DUO:0000035&DUO:0000038",
    "DUO:0000015",
    "DUO:0000016",
    "DUO:0000018",
    "DUO:0000019",
    "DUO:0000020",
    "DUO:0000021",
    "DUO:0000022",
    "DUO:0000022=EU",
    "DUO:0000022=DE",
    "DUO:0000022=FR,US",
    "DUO:0000022=CH,EU",
    "DUO:0000022=?&DE",
    "DUO:0000024",
    "DUO:0000024=2026-12-31",
    "DUO:0000024=2027-01-01",
    "DUO:0000024=?&2027-01-01",
    "DUO:0000025",
    "DUO:0000025=2026-12-31",
    "DUO:0000025=2027-01-01",
    "DUO:0000025=12",
    "DUO:0000025=2027-01-01&1",
    "DUO:0000026",
    "DUO:0000026=a",
    "DUO:0000026=a,b",
    "DUO:0000026=?&c",
    "DUO:0000027",
    "DUO:0000027=a",
    "DUO:0000027=b,c",
    "DUO:0000028",
    "DUO:0000028=b",
    "DUO:0000028=a,b",
    "DUO:0000029",
    "DUO:0000043",
    "DUO:0000044",
    "DUO:0000045",
    "DUO:0000046",
];

/// A random list of terms, in any order, often with CC and now and then with what is not named.
pub fn some_terms(dice: &mut Dice) -> String {
    let mut terms = Vec::new();
    let permission = dice.one(&["", "04", "42", "42", "06", "06", "07", "07", "07", "11"]);
    match permission {
        "" => {}
        "07" => terms.push(format!("DUO:0000007{}", diseases(dice))),
        _ => terms.push(format!("DUO:00000{permission}")),
    }
    if dice.chance(8) || terms.is_empty() && dice.chance(50) {
        terms.push("DUO:0000001".to_owned());
    }
    if dice.chance(35) {
        terms.push("DUO:0000043".to_owned());
    }
    let often = dice.one(&[2, 8, 20]);
    for code in ["15", "16", "18", "19", "20", "21", "29", "44", "45", "46"] {
        if dice.chance(often) && !(code == "44" && permission == "11") {
            terms.push(format!("DUO:00000{code}"));
        }
    }
    for code in ["12", "22", "24", "25", "26", "27", "28"] {
        if dice.chance(often) {
            terms.push(format!("DUO:00000{code}{}", value(dice, code)));
        }
    }
    if terms.is_empty() {
        terms.push("DUO:0000001".to_owned());
    }
    // Any order is read.
    for place in 1..terms.len() {
        terms.swap(place, dice.roll(place + 1));
    }
    terms.join(if dice.chance(10) { "  " } else { " " })
}

fn some(dice: &mut Dice, of: &[&str], most: usize) -> String {
    let count = 1 + dice.roll(most);
    let some: BTreeSet<&str> = (0..count).map(|_| dice.one(of)).collect();
    let mut some: Vec<&str> = some.into_iter().collect();
    if dice.chance(30) {
        some.reverse();
    }
    some.join(",")
}

fn diseases(dice: &mut Dice) -> String {
    let count = dice.one(&[0, 1, 1, 1, 1, 2, 3]);
    let mut parts: Vec<String> = (0..count).map(|_| some(dice, DISEASES, 3)).collect();
    if dice.chance(5) {
        parts.push("?".to_owned());
    }
    if parts.is_empty() { String::new() } else { format!("={}", parts.join("&")) }
}

fn value(dice: &mut Dice, code: &str) -> String {
    let mut parts = Vec::new();
    if dice.chance(85) {
        parts.push(match code {
            "12" => dice.one(&["DUO:0000034", "DUO:0000038&DUO:0000039"]).to_owned(),
            "22" => some(dice, REGIONS.get(1..).unwrap_or_default(), 3),
            "24" => dice.one(ENDS).to_owned(),
            "25" => match dice.roll(3) {
                0 => dice.one(ENDS).to_owned(),
                1 => dice.one(MONTHS).to_owned(),
                _ => format!("{}&{}", dice.one(MONTHS), dice.one(ENDS)),
            },
            _ => some(dice, NAMES.get(1..).unwrap_or_default(), 2),
        });
    }
    if dice.chance(10) {
        parts.push("?".to_owned());
    }
    if parts.is_empty() { String::new() } else { format!("={}", parts.join("&")) }
}
