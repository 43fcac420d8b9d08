//! The model: a table of atomic uses for each list of terms.

use super::world::{AIMS, ANSWERS, DISEASES, NAMES, REGIONS, SINCE, TODAY, World};

/// From the weakest to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Yes,
    Person,
    No,
}

/// For each permission: aims that need a person, and aims that it does not allow.
const PERMISSIONS: &[(&str, &str, &str)] = &[
    ("DUO:0000004", "", ""),
    ("DUO:0000042", "controls population sex age teaching quality", ""),
    ("DUO:0000006", "research controls population sex age teaching quality", "general ancestry"),
    ("DUO:0000007", "research controls population sex age teaching quality", "general ancestry health"),
    ("DUO:0000011", "research controls population sex age teaching quality", "general health diseases"),
];

/// For each modifier without a value: atoms that need a person, and atoms that it prohibits.
const MODIFIERS: &[(&str, &str, &str)] = &[
    ("DUO:0000015", "aim research", "aim methods;aim general"),
    ("DUO:0000016", "genetic -", "genetic n"),
    ("DUO:0000019", "publication 0", ""),
    ("DUO:0000020", "collaboration 0", ""),
    ("DUO:0000021", "ethics 0", ""),
    ("DUO:0000029", "return 0", ""),
    ("DUO:0000012", "research-type 0", ""),
    ("DUO:0000044", "aim research;aim population", "aim ancestry;aim general"),
    ("DUO:0000045", NPU.0, NPU.1),
    ("DUO:0000046", NCU.0, NCU.1),
    ("DUO:0000018", NPU.0, NPU.1),
    ("DUO:0000018", NCU.0, NCU.1),
];
const NPU: (&str, &str) =
    ("commerce n y;commerce - y;commerce - n;commerce - -", "commerce y y;commerce y n;commerce y -");
const NCU: (&str, &str) =
    ("commerce y -;commerce n -;commerce - -", "commerce y y;commerce n y;commerce - y");

/// The first day after so many months, looked up in a calendar.
const ENDS: &[(&str, &str, &str)] = &[
    ("2026-01-31", "1", "2026-02-28"),
    ("2026-01-31", "12", "2027-01-31"),
    ("2026-01-31", "24", "2028-01-31"),
    ("2026-02-28", "1", "2026-03-28"),
    ("2026-02-28", "12", "2027-02-28"),
    ("2026-02-28", "24", "2028-02-28"),
    ("2027-01-01", "1", "2027-02-01"),
    ("2027-01-01", "12", "2028-01-01"),
    ("2027-01-01", "24", "2029-01-01"),
    ("2028-02-29", "1", "2028-03-29"),
    ("2028-02-29", "12", "2029-02-28"),
    ("2028-02-29", "24", "2030-02-28"),
];

/// A level for each atom of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table(pub Vec<Level>);

impl Table {
    /// What this list of terms says of each atom.
    pub fn of(world: &World, terms: &str) -> Self {
        let mut table = Self(vec![Level::Yes; world.atoms.len()]);
        let list: Vec<(&str, &str)> = terms
            .split(' ')
            .filter(|term| !term.is_empty())
            .map(|term| term.split_once('=').unwrap_or((term, "?")))
            .collect();
        let has = |code: &str| list.iter().any(|(term, _)| *term == code);
        table.raise(world, Level::Person, &["aim none", "aim sensitive", "aim other"]);
        let stated = PERMISSIONS.iter().any(|(code, ..)| has(code)) && !has("DUO:0000001");
        if !stated {
            for name in world.atoms.iter().filter(|name| *name != "aim care") {
                if name.starts_with("aim ") || name.starts_with("disease ") {
                    table.raise(world, Level::Person, &[name]);
                }
            }
        }
        if !(has("DUO:0000043") || stated && has("DUO:0000004")) {
            table.raise(world, Level::No, &["aim care"]);
        }
        for (code, value) in list {
            table.permission(world, code);
            for (_, person, no) in MODIFIERS.iter().filter(|(modifier, ..)| *modifier == code) {
                table.raise(world, Level::Person, &person.split(';').collect::<Vec<_>>());
                table.raise(world, Level::No, &no.split(';').collect::<Vec<_>>());
            }
            for part in value.split('&') {
                table.part(world, code, part);
            }
        }
        table
    }

    fn raise(&mut self, world: &World, level: Level, names: &[&str]) {
        for name in names.iter().filter(|name| !name.is_empty()) {
            if let Some(entry) = self.0.get_mut(world.at(name)) {
                *entry = level.max(*entry);
            }
        }
    }

    fn permission(&mut self, world: &World, code: &str) {
        for (_, person, no) in PERMISSIONS.iter().filter(|(permission, ..)| *permission == code) {
            for aim in AIMS {
                for (words, level) in [(person, Level::Person), (no, Level::No)] {
                    if words.split(' ').any(|word| word == *aim) {
                        self.raise(world, level, &[&format!("aim {aim}")]);
                    }
                }
            }
            if no.contains("diseases") {
                for disease in DISEASES {
                    self.raise(world, Level::No, &[&format!("disease {disease}")]);
                }
            }
        }
    }

    /// One part of a value, `?` included, of a code that takes one.
    fn part(&mut self, world: &World, code: &str, part: &str) {
        let items: Vec<&str> = part.split(',').collect();
        match code {
            "DUO:0000007" => {
                for disease in DISEASES {
                    self.raise(world, inside(world, disease, &items), &[&format!("disease {disease}")]);
                }
            }
            "DUO:0000022" => {
                let mut allowed = items.clone();
                if items.contains(&"EU") {
                    allowed.extend(["DE", "FR"]);
                }
                for region in REGIONS {
                    self.raise(world, listed(region, &allowed), &[&format!("region {region}")]);
                }
            }
            "DUO:0000026" => self.names(world, "user", &items),
            "DUO:0000027" => self.names(world, "project", &items),
            "DUO:0000028" => self.names(world, "institution", &items),
            // Days that are written year first are in the order of their texts.
            "DUO:0000024" => {
                for today in TODAY.iter().filter(|today| part == "?" || **today < part) {
                    self.raise(world, Level::Person, &[&format!("silence {today} 0")]);
                }
            }
            "DUO:0000025" => {
                for today in TODAY {
                    for since in SINCE {
                        self.raise(world, time(today, since, part), &[&format!("time {today} {since}")]);
                    }
                }
            }
            _ => {}
        }
    }

    fn names(&mut self, world: &World, dimension: &str, items: &[&str]) {
        for name in NAMES {
            for approved in ["0", "1"] {
                let level = match (items, approved) {
                    (["?"], "1") => Level::Yes,
                    _ => listed(name, items),
                };
                self.raise(world, level, &[&format!("{dimension} {name} {approved}")]);
            }
        }
    }

    /// The strictest, entry by entry.
    pub fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, two)| *one.max(two)).collect())
    }

    /// The strictest of these atoms.
    pub fn answer(&self, atoms: &[usize]) -> Level {
        // An atom that is not in the world would be a mistake of the model; it is made to show.
        atoms.iter().map(|atom| self.0.get(*atom).copied().unwrap_or(Level::Yes)).max().unwrap_or(Level::Yes)
    }

    /// Whether no subject of research, or none of those who were named, is left.
    pub fn is_empty(&self, world: &World) -> bool {
        let none = |names: Vec<String>| {
            !names.is_empty() && names.iter().all(|name| self.answer(&[world.at(name)]) == Level::No)
        };
        let mut known: Vec<&str> = world.above.keys().copied().collect();
        if known.is_empty() {
            known.extend(DISEASES);
        }
        let subjects = ["aim general", "aim health", "aim ancestry"].map(str::to_owned).into_iter();
        let named = |dimension: &str, all: &[&str], end: &str| -> Vec<String> {
            let stated = all.iter().filter(|name| **name != "-");
            stated.map(|name| format!("{dimension} {name}{end}")).collect()
        };
        none(subjects.chain(known.iter().map(|one| format!("disease {one}"))).collect())
            || none(named("region", REGIONS, ""))
            || ["user", "project", "institution"].iter().any(|one| none(named(one, NAMES, " 1")))
    }

    /// For each dimension that has one value, the weakest of its atoms: what hides nothing else.
    pub fn harmless(&self, world: &World) -> Vec<String> {
        let mut chosen: Vec<String> = Vec::new();
        // The day is in two dimensions, and has to be one.
        let day = |today: &&&str| {
            let weakest = |dimension: &str, ends: &[&str]| {
                let names = ends.iter().map(|end| world.at(&format!("{dimension} {today} {end}")));
                names.map(|atom| self.answer(&[atom])).min().unwrap_or(Level::No)
            };
            weakest("time", SINCE).max(weakest("silence", &["0", "1"]))
        };
        let today = TODAY.iter().min_by_key(day).copied().unwrap_or_default();
        let mut weakest = |names: Vec<String>| {
            chosen.extend(names.into_iter().min_by_key(|name| self.answer(&[world.at(name)])));
        };
        let of = |dimension: &str, first: &[&str], second: &[&str]| -> Vec<String> {
            let all = first.iter().flat_map(|one| second.iter().map(move |two| (one, two)));
            all.map(|(one, two)| format!("{dimension} {one} {two}").trim_end().to_owned()).collect()
        };
        weakest(of("time", &[today], SINCE));
        weakest(of("silence", &[today], &["0", "1"]));
        weakest(of("commerce", ANSWERS, ANSWERS));
        weakest(of("genetic", ANSWERS, &[""]));
        weakest(of("region", REGIONS, &[""]));
        for dimension in ["user", "project", "institution"] {
            weakest(of(dimension, NAMES, &["0", "1"]));
        }
        for fact in super::world::FACTS {
            weakest(of(fact, &["0", "1"], &[""]));
        }
        chosen
    }
}

/// What is stated, against what is listed; `-` is not stated, `?` is not named.
fn listed(stated: &str, items: &[&str]) -> Level {
    match (stated, items) {
        (_, ["?"]) => Level::Person,
        ("-", _) => Level::Person,
        _ if items.contains(&stated) => Level::Yes,
        _ => Level::No,
    }
}

/// Flooded from above: what lies under an item, as far as is known.
fn inside(world: &World, disease: &str, items: &[&str]) -> Level {
    let known = |one: &str| world.above.contains_key(one);
    let under = |top: &str| world.above.get(disease).is_some_and(|above| above.contains(top));
    if items.contains(&disease) || items.iter().any(|item| known(item) && under(item)) {
        Level::Yes
    } else if known(disease) && items.iter().all(|item| known(item)) {
        Level::No
    } else {
        Level::Person
    }
}

fn time(today: &str, since: &str, part: &str) -> Level {
    if part == "?" {
        return Level::Person;
    }
    if part.contains('-') {
        return if today > part { Level::No } else { Level::Yes };
    }
    if since == "-" || since > today {
        return Level::Person;
    }
    match ENDS.iter().find(|(from, months, _)| *from == since && *months == part) {
        Some((_, _, end)) if today >= *end => Level::No,
        Some(_) => Level::Yes,
        // Not in the calendar: shows as a difference.
        None => Level::No,
    }
}
