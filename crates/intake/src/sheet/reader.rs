//! Reads a sheet's cells and judges them, each by itself and against one another.

use super::fault::fault;
use super::{MAX_BYTES, MAX_FAULTS, MAX_ROWS, Row, Sex, Sheet, SheetFault, SheetProblem, Specimen, Status};
use crate::name;
use base::Sensitive;
use screen::Place;
use std::collections::{BTreeMap, BTreeSet};

const MAX_LABEL: usize = 64;

pub(crate) const REQUIRED: [&str; 5] = ["patient", "sample", "lane", "fastq_1", "fastq_2"];
pub(crate) const OPTIONAL: [&str; 3] = ["sex", "status", "specimen_type"];

/// The rows below the header.
pub(crate) type Table = Vec<Vec<String>>;

pub(crate) fn read(bytes: &[u8]) -> Result<(Vec<String>, Table), SheetProblem> {
    let text =
        std::str::from_utf8(bytes).ok().filter(|_| bytes.len() <= MAX_BYTES).ok_or(SheetProblem::NotText)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut table = Table::new();
    for record in reader.records() {
        let record = record.map_err(|_| SheetProblem::NotText)?;
        table.push(record.iter().map(str::to_owned).collect());
        if table.len() > MAX_ROWS + 1 {
            return Err(SheetProblem::NotText);
        }
    }
    if table.is_empty() {
        return Err(SheetProblem::NoRows);
    }
    let columns = table.remove(0);
    Ok((columns, table))
}

/// The position of each known column.
#[derive(Default)]
pub(super) struct Columns(BTreeMap<&'static str, usize>);

pub(super) struct Reader {
    columns: Columns,
    pub(super) faults: Vec<SheetFault>,
    /// Rows that broke no rule by themselves, with their numbers.
    rows: Vec<(usize, Row)>,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { columns: Columns::default(), faults: Vec::new(), rows: Vec::new() }
    }

    pub(super) fn header(&mut self, columns: &[String]) {
        for (at, name) in columns.iter().enumerate() {
            let known = REQUIRED.iter().chain(&OPTIONAL).find(|known| *known == name);
            match known {
                Some(known) if self.columns.0.insert(known, at).is_some() => {
                    self.faults.push(fault(None, Some(known), SheetProblem::RepeatedColumn));
                }
                Some(_) => {}
                // Closed on purpose: what we do not know we cannot judge, and nothing would use it.
                None => self.faults.push(fault(None, None, SheetProblem::UnknownColumn { position: at + 1 })),
            }
        }
        for name in REQUIRED {
            if !self.columns.0.contains_key(name) {
                self.faults.push(fault(None, Some(name), SheetProblem::MissingColumn));
            }
        }
    }

    pub(super) fn screen(&mut self, columns: &[String], table: &Table) {
        for finding in screen::screen_table(columns, table) {
            let (row, column) = match finding.place {
                Place::Cell { row, column, .. } => (Some(row), column),
                Place::Header { column, .. } => (None, column),
                _ => continue,
            };
            let known =
                columns.get(column.saturating_sub(1)).filter(|c| self.columns.0.contains_key(c.as_str()));
            self.faults.push(SheetFault {
                row,
                column: known.cloned(),
                what: SheetProblem::Identifier { finding },
            });
        }
    }

    pub(super) fn row(&mut self, number: usize, columns: usize, cells: &[String]) {
        if cells.len() != columns {
            self.faults.push(fault(Some(number), None, SheetProblem::Ragged));
            return;
        }
        let before = self.faults.len();
        let patient = self.label(number, "patient", cells);
        let sample = self.label(number, "sample", cells);
        let lane = self.label(number, "lane", cells);
        let first = self.file(number, "fastq_1", cells);
        let second = match self.cell("fastq_2", cells) {
            "" => None,
            _ => Some(self.file(number, "fastq_2", cells)),
        };
        let row = Row {
            patient,
            sample,
            lane,
            fastq_1: first,
            fastq_2: second,
            sex: self.closed(number, "sex", cells, Sex::parse, Sex::SPELLINGS),
            status: self.closed(number, "status", cells, Status::parse, Status::SPELLINGS),
            specimen: self.closed(number, "specimen_type", cells, Specimen::parse, Specimen::SPELLINGS),
        };
        if self.faults.len() == before {
            self.rows.push((number, row));
        }
    }

    fn cell<'a>(&self, column: &str, cells: &'a [String]) -> &'a str {
        self.columns.0.get(column).and_then(|at| cells.get(*at)).map_or("", String::as_str)
    }

    fn label(&mut self, row: usize, column: &'static str, cells: &[String]) -> Sensitive<String> {
        let cell = self.cell(column, cells);
        let right = cell.len() <= MAX_LABEL
            && cell.starts_with(|c: char| c.is_ascii_alphanumeric())
            && cell.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if cell.is_empty() {
            self.faults.push(fault(Some(row), Some(column), SheetProblem::Empty));
        } else if !right {
            self.faults.push(fault(Some(row), Some(column), SheetProblem::Label));
        }
        Sensitive::new(cell.to_owned())
    }

    fn file(&mut self, row: usize, column: &'static str, cells: &[String]) -> Sensitive<String> {
        let cell = self.cell(column, cells);
        let what = match name::check(cell) {
            _ if cell.is_empty() => SheetProblem::Empty,
            Err(fault) => SheetProblem::Name { fault },
            Ok(name) if [".fastq.gz", ".fq.gz", ".fastq", ".fq"].iter().any(|e| name.ends_with(e)) => {
                return Sensitive::new(name.to_owned());
            }
            Ok(_) => SheetProblem::NotFastq,
        };
        self.faults.push(fault(Some(row), Some(column), what));
        Sensitive::default()
    }

    fn closed<T: Default>(
        &mut self,
        row: usize,
        column: &'static str,
        cells: &[String],
        parse: impl Fn(&str) -> Option<T>,
        spellings: &[&str],
    ) -> T {
        parse(self.cell(column, cells)).unwrap_or_else(|| {
            let allowed = spellings.iter().chain(&["NA"]).map(|s| (*s).to_owned()).collect();
            self.faults.push(fault(Some(row), Some(column), SheetProblem::Value { allowed }));
            T::default()
        })
    }

    /// What rows say about one another.
    pub(super) fn relations(&mut self) {
        let (mut lanes, mut files) = (BTreeMap::new(), BTreeMap::new());
        let (mut patients, mut sexes, mut statuses) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut specimens = BTreeMap::new();
        for (number, row) in &self.rows {
            let number = *number;
            let mut tell =
                |column: &'static str, what| self.faults.push(fault(Some(number), Some(column), what));
            if let Some(first) = lanes.insert((&row.sample, &row.lane), number) {
                tell("lane", SheetProblem::RepeatedLane { first });
            }
            for (file, column) in row.files().zip(["fastq_1", "fastq_2"]) {
                if let Some(first) = files.insert(file.to_owned(), number) {
                    tell(column, SheetProblem::RepeatedFile { first });
                }
            }
            let (owner, first) = *patients.entry(&row.sample).or_insert((&row.patient, number));
            if owner != &row.patient {
                tell("sample", SheetProblem::OtherPatient { first });
            }
            let (sex, first) = *sexes.entry(&row.patient).or_insert((row.sex, number));
            if sex != row.sex {
                tell("sex", SheetProblem::Contradiction { first });
            }
            let (status, first) = *statuses.entry(&row.sample).or_insert((row.status, number));
            if status != row.status {
                tell("status", SheetProblem::Contradiction { first });
            }
            let (specimen, first) = *specimens.entry(&row.sample).or_insert((row.specimen, number));
            if specimen != row.specimen {
                tell("specimen_type", SheetProblem::Contradiction { first });
            }
        }
    }

    pub(super) fn result(mut self) -> Result<Sheet, Vec<SheetFault>> {
        if self.faults.is_empty() {
            return Ok(Sheet { rows: self.rows.into_iter().map(|(_, row)| row).collect() });
        }
        self.faults.sort_by_key(|f| f.row);
        // One name under a column is often in every row: each place is told once.
        let mut seen = BTreeSet::new();
        self.faults.retain(|f| seen.insert(f.to_string()));
        let count = self.faults.len().saturating_sub(MAX_FAULTS);
        if count > 0 {
            self.faults.truncate(MAX_FAULTS);
            self.faults.push(fault(None, None, SheetProblem::More { count }));
        }
        Err(self.faults)
    }
}
