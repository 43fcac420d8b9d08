//! Where each column of a sheet goes.

use super::Asked;
use super::fault::{SplitFault, SplitProblem, unless};
use crate::Error;
use crate::sheet::{OPTIONAL, REQUIRED, Table};
use screen::{Reason, column};
use std::collections::BTreeSet;

/// Where a column goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goes {
    /// The column `patient`: the subject's id takes its place.
    Patient,
    /// The column `sample`: as it is, or another label takes its place.
    Sample,
    /// Into the clean sheet, or refused: lanes and files.
    Clean,
    /// Into the clean sheet and the table.
    Both,
    /// Into the table, or refused.
    Table,
    /// Into the table as ages, or refused.
    Ages,
    /// Into the map, as this.
    Map(Reason),
    /// Into the map, since nobody vouched for it.
    Other,
}

/// A column, as people are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// Counted from 1.
    pub position: usize,
    /// Its name, where that says nothing about anyone.
    pub name: Option<String>,
    /// Where it goes, in words.
    pub goes: &'static str,
    /// What it would hold, as a phrase, if it announces an identifier.
    pub holds: Option<&'static str>,
}

impl Goes {
    /// Whether its values go into the map whatever they are.
    pub const fn to_map(self) -> bool {
        matches!(self, Self::Map(_) | Self::Other)
    }
}

impl Heading {
    pub(super) fn of(position: usize, name: &str, goes: Goes, ages: bool) -> Self {
        let (words, holds) = match goes {
            Goes::Patient => ("map; the subject's id takes its place", None),
            Goes::Sample => ("clean sheet and table; what identifies somebody goes to the map", None),
            Goes::Clean => ("clean sheet", None),
            Goes::Both => ("clean sheet and table", None),
            Goes::Table => ("table", None),
            Goes::Ages => ("table, 90 and over as 90+", None),
            Goes::Map(Reason::BirthDate) if ages => {
                ("map; the table has the age", Some(Reason::BirthDate.phrase()))
            }
            Goes::Map(reason) => ("map", Some(reason.phrase())),
            Goes::Other => ("map; `--keep` would put it into the table", None),
        };
        let name = match goes {
            // Looked at before it was kept.
            Goes::Table | Goes::Ages => Some(name.to_owned()),
            _ => column::shown(name),
        };
        Self { position, name, goes: words, holds }
    }
}

pub(super) fn of(columns: &[String], table: &Table, asked: &Asked) -> Result<Vec<Goes>, Error> {
    let mut faults = Vec::new();
    let mut names = BTreeSet::new();
    let mut goes = Vec::with_capacity(columns.len());
    for (position, name) in (1..).zip(columns) {
        if name.is_empty() || !names.insert(name.as_str()) {
            faults.push(SplitFault::of_column(position, SplitProblem::Repeated));
        }
        let kept = asked.keep.iter().any(|keep| keep == name);
        let one = of_name(name, kept);
        match one {
            Goes::Map(reason) if kept => {
                faults.push(SplitFault::of_column(position, SplitProblem::Announces(reason)));
            }
            Goes::Patient | Goes::Sample | Goes::Clean | Goes::Both if kept => {
                faults.push(SplitFault::of_column(position, SplitProblem::Door));
            }
            Goes::Table | Goes::Ages if column::cell("", name).is_some() => {
                faults.push(SplitFault::of_column(position, SplitProblem::Name));
            }
            Goes::Table | Goes::Ages
                if ["subject", "age"].contains(&name.as_str()) && asked.age_at.is_some() =>
            {
                faults.push(SplitFault::of_column(position, SplitProblem::Repeated));
            }
            _ => {}
        }
        goes.push(one);
    }
    let missing = |name: &&&str| !names.contains(**name);
    let whole = |what| SplitFault { row: None, column: None, what };
    faults.extend(REQUIRED.iter().filter(missing).map(|name| whole(SplitProblem::Missing(name))));
    faults.extend(
        asked.keep.iter().filter(|name| !names.contains(name.as_str())).map(|_| whole(SplitProblem::NoSuch)),
    );
    if table.is_empty() {
        faults.push(whole(SplitProblem::Sheet { problem: crate::sheet::SheetProblem::NoRows }));
    }
    let ragged = (1..).zip(table).filter(|(_, cells)| cells.len() != columns.len());
    faults.extend(ragged.map(|(row, _)| SplitFault {
        row: Some(row),
        column: None,
        what: SplitProblem::Ragged,
    }));
    unless(faults)?;
    Ok(goes)
}

fn of_name(name: &str, kept: bool) -> Goes {
    match name {
        "patient" => Goes::Patient,
        "sample" => Goes::Sample,
        name if REQUIRED.contains(&name) => Goes::Clean,
        name if OPTIONAL.contains(&name) => Goes::Both,
        name => match column::identifier(name) {
            Some(reason) => Goes::Map(reason),
            None if kept && column::is_age(name) => Goes::Ages,
            None if kept => Goes::Table,
            None => Goes::Other,
        },
    }
}
