//! The comparison of the model with the implementation.

use super::Dice;
use super::table::{Level, Table};
use super::world::{MODIFIERS, PERMISSIONS, World, some_terms, some_use, told};
use policy::terms::{Answer, Terms};
use std::collections::HashMap;

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Found {
    pub cases: u64,
    pub approved: u64,
    pub denied: u64,
    pub persons: u64,
    pub combined: u64,
    pub conflicts: u64,
    /// The first difference, told.
    pub difference: Option<String>,
}

/// Random terms and random uses.
pub fn random(count: u64, seed: u64) -> Found {
    let (mut found, mut dice, worlds) = (Found::default(), Dice(seed), World::all());
    while found.cases < count && found.difference.is_none() {
        for world in &worlds {
            let text = some_terms(&mut dice);
            let Some(terms) = read(&text, &mut found) else { break };
            let table = Table::of(world, &text);
            for _ in 0..8 {
                one_of(world, &text, &terms, &table, &some_use(&mut dice), &mut found);
            }
        }
    }
    found
}

/// All pairs of terms in every shape: of permissions, of modifiers each alone and with a permission. `deep`: with every
/// permission. Each combination that is left is asked about every atom of the world.
pub fn pairs(deep: bool) -> Found {
    let mut found = Found::default();
    let mut texts: Vec<String> = PERMISSIONS.iter().map(ToString::to_string).collect();
    for modifier in MODIFIERS {
        texts.push((*modifier).to_owned());
        let with: &[&str] = if deep { PERMISSIONS } else { &["DUO:0000042"] };
        let fits = |permission: &&&str| **permission != "DUO:0000011" || *modifier != "DUO:0000044";
        texts.extend(with.iter().filter(fits).map(|permission| format!("{permission} {modifier}")));
    }
    for world in World::all() {
        let mut asked: HashMap<String, Table> = HashMap::new();
        let read: Vec<(&String, Terms, Table)> = texts
            .iter()
            .filter_map(|text| Some((text, read(text, &mut found)?, Table::of(&world, text))))
            .collect();
        for (number, (one_text, one, one_table)) in read.iter().enumerate() {
            for (two_text, two, two_table) in read.iter().skip(number) {
                let text = format!("{one_text} | {two_text}");
                let table = one_table.and(two_table);
                if let Some(both) = together(&world, &text, one, two, &table, &mut found) {
                    // The same terms with the same table give the same answers.
                    if asked.insert(both.to_string(), table.clone()).as_ref() != Some(&table) {
                        every_atom(&world, &text, &both, &table, &mut found);
                    }
                }
                if found.difference.is_some() {
                    return found;
                }
            }
        }
    }
    found
}

/// The laws, on random terms in twos and threes, and the text of each.
pub fn laws(count: u64, seed: u64) -> Found {
    let (mut found, mut dice, worlds) = (Found::default(), Dice(seed), World::all());
    for number in 0..count {
        if found.difference.is_some() {
            break;
        }
        for world in &worlds {
            let texts = [(); 3].map(|()| some_terms(&mut dice));
            let [Some(a), Some(b), Some(c)] = [0, 1, 2].map(|n| read(texts.get(n)?, &mut found)) else {
                break;
            };
            let tables = texts.each_ref().map(|text| Table::of(world, text));
            let and = |one: &Terms, two: &Terms| one.combine([two], &world.told).ok();
            let ab = and(&a, &b);
            let mut law = |name: &str, holds: bool| {
                if !holds && found.difference.is_none() {
                    found.difference = Some(format!("{name}, case {number}: {texts:#?}"));
                }
            };
            law("commutative", ab == and(&b, &a));
            let left = ab.as_ref().and_then(|ab| and(ab, &c));
            law("associative", left == and(&b, &c).and_then(|bc| and(&a, &bc)));
            law("all at once", left == a.combine([&b, &c], &world.told).ok());
            let [one, two, three] = &tables;
            let twice = and(&a, &a);
            law(
                "twice is once",
                if one.is_empty(world) { twice.is_none() } else { twice.as_ref() == Some(&a) },
            );
            let canonical = a.to_string();
            law("text", Terms::parse(&canonical).ok().as_ref() == Some(&a));
            law("meaning of the text", Table::of(world, &canonical) == *one);
            if let Some(ab) = &ab {
                law("text of both", Terms::parse(&ab.to_string()).ok().as_ref() == Some(ab));
                law("meaning of both", Table::of(world, &ab.to_string()) == one.and(two));
            }
            let all = one.and(two).and(three);
            law("conflict of three", left.is_none() == all.is_empty(world));
            found.combined += 1;
            found.conflicts += u64::from(left.is_none());
            for _ in 0..4 {
                let names = some_use(&mut dice);
                monotone(world, [&a, &b], ab.as_ref(), &names, &mut found);
                if let Some(left) = &left {
                    one_of(world, &texts.join(" | "), left, &all, &names, &mut found);
                }
            }
        }
    }
    found
}

/// Stated by itself, without the model: what both approve, each approves; what one denies, both deny.
fn monotone(world: &World, parts: [&Terms; 2], both: Option<&Terms>, names: &[String], found: &mut Found) {
    let (Some(both), Some(told)) = (both, told(world, names)) else { return };
    let answer = both.answer(&told.stated, &world.told);
    for part in parts {
        let of_part = part.answer(&told.stated, &world.told);
        if level(&of_part) > level(&answer) {
            found.difference = Some(format!("`{both}` {answer:?}, its part `{part}` {of_part:?}: {names:?}"));
        }
    }
}

fn together(
    world: &World,
    text: &str,
    one: &Terms,
    two: &Terms,
    table: &Table,
    found: &mut Found,
) -> Option<Terms> {
    let both = one.combine([two], &world.told);
    found.combined += 1;
    found.conflicts += u64::from(both.is_err());
    let turned = two.combine([one], &world.told);
    if turned.as_ref().ok() != both.as_ref().ok() {
        found.difference = Some(format!("{text}: {both:?}, the other way {turned:?}"));
    }
    if both.is_err() != table.is_empty(world) && found.difference.is_none() {
        found.difference =
            Some(format!("{text}: combined {both:?}, the model: empty {}", table.is_empty(world)));
    }
    both.ok()
}

/// Each atom beside what hides nothing.
fn every_atom(world: &World, text: &str, terms: &Terms, table: &Table, found: &mut Found) {
    let harmless = table.harmless(world);
    for atom in &world.atoms {
        let (dimension, rest) = atom.split_once(' ').unwrap_or_default();
        let today = rest.split(' ').next().unwrap_or_default();
        let dated = ["time", "silence"].contains(&dimension);
        let mut names: Vec<String> = harmless
            .iter()
            .filter(|name| name.split(' ').next() != Some(dimension))
            .map(|name| match name.split(' ').collect::<Vec<_>>().as_slice() {
                [other @ ("time" | "silence"), _, end] if dated => format!("{other} {today} {end}"),
                _ => name.clone(),
            })
            .collect();
        names.push(atom.clone());
        if !["aim", "disease"].contains(&dimension) {
            names.push("aim methods".to_owned());
        }
        one_of(world, text, terms, table, &names, found);
    }
}

fn one_of(world: &World, text: &str, terms: &Terms, table: &Table, names: &[String], found: &mut Found) {
    let Some(told) = told(world, names) else {
        found.difference = Some(format!("the model states what is no use: {names:?}"));
        return;
    };
    let (answer, model) = (terms.answer(&told.stated, &world.told), table.answer(&told.atoms));
    found.cases += 1;
    match answer {
        Answer::Approve => found.approved += 1,
        Answer::Deny(_) => found.denied += 1,
        Answer::NeedsPerson(_) => found.persons += 1,
    }
    let whole = told.atoms.iter().all(|atom| *atom < world.atoms.len());
    if (level(&answer) != model || !whole) && found.difference.is_none() {
        found.difference = Some(format!("{text}\n{names:#?}\nanswer {answer:?}\nmodel  {model:?}"));
    }
}

fn level(answer: &Answer) -> Level {
    match answer {
        Answer::Approve => Level::Yes,
        Answer::NeedsPerson(_) => Level::Person,
        Answer::Deny(_) => Level::No,
    }
}

fn read(text: &str, found: &mut Found) -> Option<Terms> {
    let terms = Terms::parse(text);
    if let Err(error) = &terms {
        found.difference = Some(format!("the model writes what is not read: `{text}`: {error}"));
    }
    terms.ok()
}
