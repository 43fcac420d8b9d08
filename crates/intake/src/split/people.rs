//! Who the rows of a sheet speak of, and what they say of them.

use super::LONGEST;
use super::age::{self, Day};
use super::fault::{SplitFault, SplitProblem, unless};
use super::goes::Goes;
use super::own::Own;
use crate::Error;
use crate::sheet::Table;
use base::Sensitive;
use screen::{Reason, column};
use std::collections::{BTreeMap, BTreeSet};
use subjects::map::{BIRTH, NAME, NUMBER};
pub(super) use subjects::map::{LABEL, OTHER, SAMPLE};
use subjects::{Fact, Person};

/// Who was met.
pub(super) struct Met {
    /// The people, in the order of the sheet.
    pub people: Vec<Person>,
    /// For each row, which of them.
    pub of_row: Vec<usize>,
    /// The rows, from 0, whose sample needs another label.
    pub relabelled: BTreeSet<usize>,
}

struct Reader<'a> {
    columns: &'a [String],
    goes: &'a [Goes],
    /// The one column of record numbers, if there is one.
    numbers: Option<usize>,
    people: Vec<Person>,
    by_label: BTreeMap<&'a str, usize>,
    /// What a person said once, with the row that did, by person and column.
    said: BTreeMap<(usize, usize), (String, usize)>,
    faults: Vec<SplitFault>,
}

pub(super) fn of(columns: &[String], goes: &[Goes], table: &Table) -> Result<Met, Error> {
    let numbers: Vec<usize> =
        (0..).zip(goes).filter(|(_, goes)| is_number(**goes)).map(|(at, _)| at).collect();
    let second = numbers.iter().skip(1).map(|at| SplitFault::of_column(at + 1, SplitProblem::Numbers));
    unless(second.collect())?;
    let mut reader = Reader {
        columns,
        goes,
        numbers: numbers.first().copied(),
        people: Vec::new(),
        by_label: BTreeMap::new(),
        said: BTreeMap::new(),
        faults: Vec::new(),
    };
    let of_row: Vec<usize> = (1..).zip(table).filter_map(|(row, cells)| reader.row(row, cells)).collect();
    reader.distinct();
    unless(std::mem::take(&mut reader.faults))?;
    let relabelled = reader.judge(table, &of_row)?;
    Ok(Met { people: reader.people, of_row, relabelled })
}

const fn is_number(goes: Goes) -> bool {
    matches!(goes, Goes::Map(Reason::RecordNumber))
}

fn said(facts: &BTreeSet<Fact>) -> impl Iterator<Item = (&str, &str)> {
    facts.iter().map(|fact| (fact.kind, fact.value.reveal().as_str()))
}

impl<'a> Reader<'a> {
    /// Takes a row; gives the person that it speaks of.
    fn row(&mut self, row: usize, cells: &'a [String]) -> Option<usize> {
        let at = self.goes.iter().position(|goes| *goes == Goes::Patient)?;
        let label = cells.get(at).map(String::as_str).unwrap_or_default();
        if label.is_empty() {
            self.faults.push(SplitFault::at(row, at + 1, SplitProblem::Empty));
            return None;
        }
        let number = self.numbers.and_then(|at| cells.get(at)).map_or(label, String::as_str);
        let known = self.people.len();
        let person = *self.by_label.entry(label).or_insert(known);
        if person == known {
            let number = Sensitive::new(number.to_owned());
            self.people.push(Person { row, number, facts: BTreeSet::new() });
            self.patient(row, at, label, person);
        }
        for ((position, goes), cell) in (1..).zip(self.goes).zip(cells) {
            if goes.to_map() && !cell.is_empty() {
                self.cell((row, position), *goes, cell, person);
            } else if is_number(*goes) {
                self.faults.push(SplitFault::at(row, position, SplitProblem::Empty));
            }
        }
        Some(person)
    }

    /// The sheet's own word for the person: a code, a name or a number.
    fn patient(&mut self, row: usize, at: usize, label: &str, person: usize) {
        let looks = column::cell("patient", label);
        let kind = match looks {
            None => LABEL,
            Some(Reason::PersonName) if self.numbers.is_none() => {
                self.faults.push(SplitFault::at(row, at + 1, SplitProblem::NoNumbers));
                NAME
            }
            Some(_) if self.numbers.is_none() => NUMBER,
            Some(reason) => reason.word(),
        };
        // Beside a column of numbers it is no second number of theirs.
        let second = kind == NUMBER && self.numbers.is_some();
        let kind = if second { Reason::Accession.word() } else { kind };
        self.fact(person, at, kind, label.to_owned());
    }

    fn cell(&mut self, (row, position): (usize, usize), goes: Goes, cell: &str, person: usize) {
        if cell.len() > LONGEST || cell.chars().any(char::is_control) {
            self.faults.push(SplitFault::at(row, position, SplitProblem::Long));
            return;
        }
        let kind = match goes {
            Goes::Map(reason) => reason.word(),
            _ => OTHER,
        };
        let value = match Day::read(cell) {
            // So that another way of writing it is the same date.
            Some(day) if kind == BIRTH => day.to_string(),
            _ => cell.to_owned(),
        };
        if [NAME, BIRTH, NUMBER].contains(&kind) {
            let (first, at) =
                self.said.entry((person, position)).or_insert_with(|| (value.clone(), row)).clone();
            if first.to_uppercase() != value.to_uppercase() {
                self.faults.push(SplitFault::at(row, position, SplitProblem::Contradiction { first: at }));
            }
        }
        self.fact(person, position.saturating_sub(1), kind, value);
    }

    fn fact(&mut self, person: usize, at: usize, kind: &'static str, value: String) {
        let column = Sensitive::new(self.columns.get(at).cloned().unwrap_or_default());
        let Some(person) = self.people.get_mut(person) else { return };
        person.facts.insert(Fact { kind, column, value: value.into() });
    }

    /// No number is two people's.
    fn distinct(&mut self) {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let at = self.numbers.or_else(|| self.goes.iter().position(|goes| *goes == Goes::Patient));
        for person in &self.people {
            let number = person.number.reveal().trim().to_uppercase();
            if let Some(first) = seen.insert(number, person.row) {
                let what = SplitProblem::Shared { first };
                self.faults.push(SplitFault::at(person.row, at.unwrap_or_default() + 1, what));
            }
        }
    }

    /// Looks at every cell that would go into a text, now that all is known of its person.
    fn judge(&mut self, table: &Table, of_row: &[usize]) -> Result<BTreeSet<usize>, Error> {
        let own: Vec<Own> = self.people.iter().map(|person| Own::of(said(&person.facts))).collect();
        let (all, nobody) = (Own::of_all(&own), Own::default());
        let mut relabelled = BTreeSet::new();
        for (position, (name, goes)) in (1..).zip(self.columns.iter().zip(self.goes)) {
            if matches!(goes, Goes::Table | Goes::Ages) && own.iter().any(|one| one.is_in(name)) {
                self.faults.push(SplitFault::of_column(position, SplitProblem::Name));
            }
        }
        for ((at, cells), person) in table.iter().enumerate().zip(of_row) {
            let own = own.get(*person).unwrap_or(&nobody);
            for (position, ((name, goes), cell)) in (1..).zip(self.columns.iter().zip(self.goes).zip(cells)) {
                let (looks, theirs) = (column::cell(name, cell), own.is_in(cell) || all.is_in(cell));
                let what = match (*goes, looks, theirs) {
                    (Goes::Sample, looks, theirs) if looks.is_some() || theirs => {
                        relabelled.insert(at);
                        let value = Sensitive::new(cell.clone());
                        let fact = Fact { kind: SAMPLE, column: Sensitive::new(name.clone()), value };
                        if let Some(person) = self.people.get_mut(*person) {
                            person.facts.insert(fact);
                        }
                        continue;
                    }
                    (Goes::Clean, Some(reason), _) => SplitProblem::LooksName(reason),
                    (Goes::Clean, None, true) => SplitProblem::OwnName,
                    (Goes::Table | Goes::Ages, Some(reason), _) => SplitProblem::Looks(reason),
                    (Goes::Table | Goes::Ages, None, true) => SplitProblem::Own,
                    (Goes::Ages, None, false) if age::own(cell).is_none() => SplitProblem::Age,
                    _ => continue,
                };
                self.faults.push(SplitFault::at(at + 1, position, what));
            }
        }
        unless(std::mem::take(&mut self.faults))?;
        Ok(relabelled)
    }
}
