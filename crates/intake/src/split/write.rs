//! The two texts: a sheet for the door, and a table for analysis.

use super::age;
use super::fault::{SplitFault, SplitProblem, unless};
use super::own::Own;
use super::{Day, Goes, Split};
use crate::{Error, Sheet};
use base::{Sensitive, SubjectId};
use screen::Reason;
use std::collections::{BTreeMap, BTreeSet};
use subjects::map::Known;

/// What a sheet became. Neither says who anybody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    /// The sheet for the door.
    pub clean: String,
    /// The table for analysis.
    pub table: String,
}

type Rows = Vec<Vec<String>>;

impl Split {
    /// Writes the texts, for people who are these subjects, in the order of [`Split::people`], with what stands in the
    /// place of samples' own labels, and with what the map knew of each before.
    ///
    /// # Errors
    /// [`Error::Split`] with all that is wrong with the texts, or with dates of birth where ages are asked for.
    pub fn write(
        &self,
        subjects: &[SubjectId],
        samples: &[BTreeMap<Sensitive<String>, String>],
        known: &[Vec<Known>],
    ) -> Result<Texts, Error> {
        self.compare(known)?;
        let (mut clean, mut table) = (Rows::new(), Rows::new());
        let mut faults = Vec::new();
        clean
            .push(self.names(|goes| matches!(goes, Goes::Patient | Goes::Sample | Goes::Clean | Goes::Both)));
        table.push(self.headers());
        let mut seen = BTreeSet::new();
        for ((at, cells), person) in self.table.iter().enumerate().zip(&self.met.of_row) {
            let (Some(subject), Some(samples)) = (subjects.get(*person), samples.get(*person)) else {
                return Err(SplitFault::whole(SplitProblem::Empty));
            };
            let sample = |cell: &String| match self.met.relabelled.contains(&at) {
                // What has to be replaced and is not is not written as it is.
                true => samples.get(&Sensitive::new(cell.clone())).cloned().unwrap_or_default(),
                false => cell.clone(),
            };
            clean.push(self.clean_row(cells, subject, sample));
            let age = self.age(at, cells, &mut faults);
            let row = self.table_row(cells, subject, sample, age);
            if seen.insert(row.clone()) {
                table.push(row);
            }
        }
        unless(faults)?;
        let texts = Texts { clean: text(&clean)?, table: text(&table)? };
        checked(&texts.clean, &table)?;
        Ok(texts)
    }

    fn names(&self, of: impl Fn(Goes) -> bool) -> Vec<String> {
        let both = self.columns.iter().zip(&self.goes);
        both.filter(|(_, goes)| of(**goes)).map(|(name, _)| name.clone()).collect()
    }

    fn clean_row(
        &self,
        cells: &[String],
        subject: &SubjectId,
        sample: impl Fn(&String) -> String,
    ) -> Vec<String> {
        let of = |(cell, goes): (&String, &Goes)| match goes {
            Goes::Patient => Some(subject.to_string()),
            Goes::Sample => Some(sample(cell)),
            Goes::Clean | Goes::Both => Some(cell.clone()),
            _ => None,
        };
        cells.iter().zip(&self.goes).filter_map(of).collect()
    }

    fn headers(&self) -> Vec<String> {
        let mut headers = vec!["subject".to_owned(), "sample".to_owned()];
        headers.extend(self.names(|goes| matches!(goes, Goes::Both | Goes::Table | Goes::Ages)));
        if self.ages().is_some() {
            headers.push("age".to_owned());
        }
        headers
    }

    fn table_row(
        &self,
        cells: &[String],
        subject: &SubjectId,
        sample: impl Fn(&String) -> String,
        age: Option<String>,
    ) -> Vec<String> {
        let own = cells.iter().zip(&self.goes).find(|(_, goes)| **goes == Goes::Sample);
        let mut row = vec![subject.to_string(), own.map(|(cell, _)| sample(cell)).unwrap_or_default()];
        row.extend(cells.iter().zip(&self.goes).filter_map(|(cell, goes)| match goes {
            Goes::Both | Goes::Table => Some(cell.clone()),
            Goes::Ages => Some(age::own(cell).unwrap_or_default()),
            _ => None,
        }));
        row.extend(age);
        row
    }

    /// Compares what goes into a text with what the map knew of its person before: another sheet may have said it.
    fn compare(&self, known: &[Vec<Known>]) -> Result<(), Error> {
        let own = |known: &Vec<Known>| {
            Own::of(known.iter().map(|one| (one.kind.as_str(), one.value.reveal().as_str())))
        };
        let own: Vec<Own> = known.iter().map(own).collect();
        let mut faults = Vec::new();
        for ((at, cells), person) in self.table.iter().enumerate().zip(&self.met.of_row) {
            let own = own.get(*person).ok_or_else(|| SplitFault::whole(SplitProblem::Empty))?;
            for (position, (goes, cell)) in (1..).zip(self.goes.iter().zip(cells)) {
                let what = match goes {
                    Goes::Clean | Goes::Both => SplitProblem::OwnName,
                    Goes::Table | Goes::Ages => SplitProblem::Own,
                    Goes::Sample if !self.met.relabelled.contains(&at) => SplitProblem::Own,
                    _ => continue,
                };
                if own.is_in(cell) {
                    faults.push(SplitFault::at(at + 1, position, what));
                }
            }
        }
        unless(faults)
    }

    /// The column whose dates become ages, and the day at which.
    fn ages(&self) -> Option<(usize, Day)> {
        let at = self.goes.iter().position(|goes| *goes == Goes::Map(Reason::BirthDate))?;
        Some((at, self.age_at?))
    }

    fn age(&self, row: usize, cells: &[String], faults: &mut Vec<SplitFault>) -> Option<String> {
        let (at, day) = self.ages()?;
        let cell = cells.get(at).map(String::as_str).unwrap_or_default();
        let mut fault = |what| {
            faults.push(SplitFault::at(row + 1, at + 1, what));
            Some(String::new())
        };
        if cell.is_empty() {
            return Some(String::new());
        }
        let Some(born) = Day::read(cell) else { return fault(SplitProblem::Unread) };
        match born.age(day) {
            Some(age) => Some(age),
            None => fault(SplitProblem::Unborn),
        }
    }
}

/// Screens what was written once more, as whoever takes it would.
fn checked(clean: &str, table: &Rows) -> Result<(), Error> {
    let of_clean = |fault| SplitFault { row: None, column: None, what: SplitProblem::Clean { fault } };
    let faults = match Sheet::parse(clean.as_bytes()) {
        Ok(sheet) => sheet.single_ends(),
        Err(faults) => faults,
    };
    let mut faults: Vec<SplitFault> = faults.into_iter().map(of_clean).collect();
    let found = table.split_first().map(|(head, rows)| screen::screen_table(head, rows)).unwrap_or_default();
    faults.extend(found.into_iter().map(|finding| SplitFault {
        row: None,
        column: None,
        what: SplitProblem::Looks(finding.reason),
    }));
    unless(faults)
}

fn text(rows: &Rows) -> Result<String, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let unwritten = || SplitFault::whole(SplitProblem::Empty);
    for row in rows {
        writer.write_record(row).map_err(|_| unwritten())?;
    }
    let bytes = writer.into_inner().map_err(|_| unwritten())?;
    String::from_utf8(bytes).map_err(|_| unwritten())
}
