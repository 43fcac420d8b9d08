//! The sample sheet: read whole, judged whole, and every fault told at once.

use std::collections::{BTreeMap, BTreeSet};

use base::Sensitive;
use screen::{Finding, Place};
use serde::{Deserialize, Serialize};

use crate::name;

/// Most bytes of a sheet.
pub const MAX_BYTES: usize = 4 << 20;
/// Most rows of a sheet.
pub const MAX_ROWS: usize = 10_000;
/// Most faults that are told; their number is told in any case.
pub const MAX_FAULTS: usize = 200;
const MAX_LABEL: usize = 64;

const REQUIRED: [&str; 5] = ["patient", "sample", "lane", "fastq_1", "fastq_2"];
const OPTIONAL: [&str; 3] = ["sex", "status", "specimen_type"];

/// A sheet that broke no rule and in which nothing looks like a direct identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// At least one row; no two of one sample and lane; no file named twice.
    pub rows: Vec<Row>,
}

/// One lane of one sample. Labels and file names are the sender's own words, so they do not print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The sender's label of the patient.
    pub patient: Sensitive<String>,
    /// The sender's label of the sample.
    pub sample: Sensitive<String>,
    /// The lane.
    pub lane: Sensitive<String>,
    /// First reads, relative to the sheet, without `./`.
    pub fastq_1: Sensitive<String>,
    /// Second reads; none for single-end sequencing.
    pub fastq_2: Option<Sensitive<String>>,
    /// Chromosomal sex.
    pub sex: Sex,
    /// Tumour or not.
    pub status: Status,
    /// What the sample was taken from.
    pub specimen: Specimen,
}

impl Row {
    /// The files of this row, first reads first.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        [Some(&self.fastq_1), self.fastq_2.as_ref()].into_iter().flatten().map(|f| f.reveal().as_str())
    }
}

macro_rules! closed {
    ($(#[$doc:meta])* $name:ident, default $default:ident { $($(#[$vdoc:meta])* $variant:ident = $($text:literal)|+,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant,)* #[doc = "Not said."] #[default] $default }

        impl $name {
            /// The spellings that a sheet may use.
            pub const SPELLINGS: &'static [&'static str] = &[$($($text),+),*];

            fn parse(text: &str) -> Option<Self> {
                match text {
                    $($($text)|+ => Some(Self::$variant),)*
                    "" | "NA" => Some(Self::$default),
                    _ => None,
                }
            }

            /// The spelling of a sheet; none when it says nothing.
            pub fn spelling(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => [$($text),+].first().copied(),)*
                    Self::$default => None,
                }
            }
        }
    };
}

closed! {
    /// Chromosomal sex as the sheet gives it.
    Sex, default Unknown {
        /// Two X.
        Xx = "XX",
        /// X and Y.
        Xy = "XY",
    }
}
closed! {
    /// Whether a sample is of a tumour.
    Status, default Unknown {
        /// Germline or matched normal.
        Normal = "0",
        /// Tumour.
        Tumor = "1",
    }
}
closed! {
    /// What a sample was taken from: a closed list, so that no free text comes in with it.
    Specimen, default Unknown {
        /// Whole blood.
        Blood = "blood",
        /// Saliva.
        Saliva = "saliva",
        /// Buccal swab.
        Buccal = "buccal",
        /// Fresh or frozen tissue.
        Tissue = "tissue",
        /// Formalin-fixed tissue.
        Ffpe = "ffpe",
        /// Bone marrow.
        BoneMarrow = "bone_marrow",
        /// Plasma.
        Plasma = "plasma",
        /// Cell-free DNA.
        Cfdna = "cfdna",
        /// Cultured cells.
        CellLine = "cell_line",
        /// Fibroblasts.
        Fibroblast = "fibroblast",
        /// Amniotic fluid.
        AmnioticFluid = "amniotic_fluid",
        /// Chorionic villi.
        Cvs = "cvs",
        /// Urine.
        Urine = "urine",
        /// Anything else.
        Other = "other",
    }
}

/// One thing wrong with a sheet. It holds no value of the sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetFault {
    /// The row, counted from 1 after the header; none for the sheet as a whole or its header.
    pub row: Option<usize>,
    /// The column's name, where it is one of the known ones.
    pub column: Option<String>,
    /// What is wrong.
    pub what: SheetProblem,
}

/// What can be wrong with a sheet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "problem")]
pub enum SheetProblem {
    /// Too long, or not UTF-8.
    #[error("the sheet is longer than 4 MiB or 10,000 rows, or is not UTF-8 text")]
    NotText,
    /// No rows below the header.
    #[error("the sheet has no rows")]
    NoRows,
    /// A required column is not there.
    #[error("the column is missing")]
    MissingColumn,
    /// A known column stands twice.
    #[error("the column stands twice")]
    RepeatedColumn,
    /// A column that is none of the known ones.
    #[error("column {position} is none of those that a sheet may have")]
    UnknownColumn {
        /// Counted from 1.
        position: usize,
    },
    /// More or fewer cells than columns, or broken quotes.
    #[error("the row does not have one cell for each column")]
    Ragged,
    /// A required cell is empty.
    #[error("the cell is empty")]
    Empty,
    /// A label that is no code.
    #[error("a label is 1 to 64 letters, digits and . _ - of ASCII, and starts with a letter or digit")]
    Label,
    /// A value outside a closed list.
    #[error("the value is none of: {}", .allowed.join(", "))]
    Value {
        /// The accepted spellings.
        allowed: Vec<String>,
    },
    /// A file name that is refused.
    #[error("{fault}")]
    Name {
        /// Why.
        fault: name::NameFault,
    },
    /// A file that is not FASTQ by its ending.
    #[error("the name does not end in .fastq.gz, .fq.gz, .fastq or .fq")]
    NotFastq,
    /// Reads of one end only, which nothing downstream takes.
    #[error("second reads are missing: only pairs are taken")]
    SingleEnd,
    /// Sample and lane of an earlier row.
    #[error("sample and lane are those of row {first}")]
    RepeatedLane {
        /// The earlier row.
        first: usize,
    },
    /// A file of an earlier row, or first and second reads in one file.
    #[error("the file is named already in row {first}")]
    RepeatedFile {
        /// The earlier row, or this one.
        first: usize,
    },
    /// One sample label under two patients.
    #[error("the sample belongs to another patient in row {first}")]
    OtherPatient {
        /// The earlier row.
        first: usize,
    },
    /// Two values for what can have one only.
    #[error("the value differs from that of row {first} for the same patient or sample")]
    Contradiction {
        /// The earlier row.
        first: usize,
    },
    /// Looks like a direct identifier.
    #[error("{}", said(.finding))]
    Identifier {
        /// The finding.
        finding: Finding,
    },
    /// There are more faults than are told.
    #[error("{count} more faults are not listed")]
    More {
        /// How many.
        count: usize,
    },
}

fn said(finding: &Finding) -> String {
    let place = match &finding.place {
        Place::Header { column, .. } => format!("the name of column {column}"),
        _ => "the value".to_owned(),
    };
    format!(
        "{place} looks like {} (shape `{}`): {}",
        finding.reason,
        finding.preview,
        finding.reason.advice()
    )
}

impl SheetFault {
    /// Whether it is about a direct identifier, so that the refusal is to be recorded as one.
    pub fn is_identifier(&self) -> bool {
        matches!(self.what, SheetProblem::Identifier { .. })
    }
}

impl std::fmt::Display for SheetFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.row, &self.column) {
            (Some(row), Some(column)) => write!(f, "row {row}, column `{column}`: {}", self.what),
            (Some(row), None) => write!(f, "row {row}: {}", self.what),
            (None, Some(column)) => write!(f, "column `{column}`: {}", self.what),
            (None, None) => write!(f, "{}", self.what),
        }
    }
}

impl Sheet {
    /// Reads a comma-separated sheet: UTF-8 with or without a byte order mark, either line end, quoted cells.
    /// Cells are trimmed of spaces. Every value is screened, also in columns that are refused.
    ///
    /// # Errors
    /// Every fault found, in the order of the sheet, at most [`MAX_FAULTS`] and a count of the rest.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<SheetFault>> {
        let (columns, table) = read(bytes).map_err(|what| vec![fault(None, None, what)])?;
        let mut reader = Reader { columns: Columns::default(), faults: Vec::new(), rows: Vec::new() };
        reader.header(&columns);
        reader.screen(&columns, &table);
        if reader.faults.iter().all(|f| f.row.is_some() || f.is_identifier()) {
            for (at, cells) in table.iter().enumerate() {
                reader.row(at + 1, columns.len(), cells);
            }
            reader.relations();
        }
        if table.is_empty() {
            reader.faults.push(fault(None, None, SheetProblem::NoRows));
        }
        reader.result()
    }

    /// Every row without second reads, as a fault: the door takes pairs.
    pub fn single_ends(&self) -> Vec<SheetFault> {
        let rows = (1..).zip(&self.rows).filter(|(_, row)| row.fastq_2.is_none());
        rows.map(|(number, _)| fault(Some(number), Some("fastq_2"), SheetProblem::SingleEnd)).collect()
    }

    /// All files named in the sheet with their places, such as `row 2, fastq_1`, in its order.
    pub fn placed_files(&self) -> impl Iterator<Item = (String, &str)> {
        (1..).zip(&self.rows).flat_map(|(number, row): (usize, &Row)| {
            row.files().zip(1..).map(move |(file, mate)| (place(number, mate), file))
        })
    }

    /// All files named in the sheet, in its order.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().flat_map(Row::files)
    }
}

type Table = Vec<Vec<String>>;

fn read(bytes: &[u8]) -> Result<(Vec<String>, Table), SheetProblem> {
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
struct Columns(BTreeMap<&'static str, usize>);

struct Reader {
    columns: Columns,
    faults: Vec<SheetFault>,
    /// Rows that broke no rule by themselves, with their numbers.
    rows: Vec<(usize, Row)>,
}

impl Reader {
    fn header(&mut self, columns: &[String]) {
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

    fn screen(&mut self, columns: &[String], table: &Table) {
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

    fn row(&mut self, number: usize, columns: usize, cells: &[String]) {
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
    fn relations(&mut self) {
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

    fn result(mut self) -> Result<Sheet, Vec<SheetFault>> {
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

/// How messages name a file: by its place in the sheet.
pub(crate) fn place(row: usize, mate: u8) -> String {
    format!("row {row}, fastq_{mate}")
}

fn fault(row: Option<usize>, column: Option<&str>, what: SheetProblem) -> SheetFault {
    SheetFault { row, column: column.map(str::to_owned), what }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "patient,sample,lane,fastq_1,fastq_2,sex,status,specimen_type\n";

    fn faults(text: &str) -> Vec<String> {
        Sheet::parse(text.as_bytes()).unwrap_err().iter().map(ToString::to_string).collect()
    }

    fn check(row: &str, expected: &[&str]) {
        assert_eq!(faults(&format!("{HEAD}{row}\n")), expected, "{row}");
    }

    #[test]
    fn a_sheet_is_read_in_the_forms_that_spreadsheets_write() {
        let plain =
            format!("{HEAD}CASE-0001,CASE-0001-B,L001,reads_R1.fastq.gz,reads_R2.fastq.gz,XX,0,blood\n");
        let sheet = Sheet::parse(plain.as_bytes()).unwrap();
        let row = &sheet.rows[0];
        assert_eq!(row.patient.reveal(), "CASE-0001");
        assert_eq!((row.sex, row.status, row.specimen), (Sex::Xx, Status::Normal, Specimen::Blood));
        assert_eq!(sheet.files().collect::<Vec<_>>(), ["reads_R1.fastq.gz", "reads_R2.fastq.gz"]);
        for other in [
            format!("\u{feff}{plain}"),
            plain.replace('\n', "\r\n"),
            plain.replace("CASE-0001,", "\"CASE-0001\", "),
            plain.trim_end().to_owned(),
            plain.replace("reads_R1", "./reads_R1"),
        ] {
            assert_eq!(Sheet::parse(other.as_bytes()).unwrap(), sheet, "{other}");
        }
        let least = "lane,sample,patient,fastq_1,fastq_2\n1,test,test,a_1.fq,\n";
        let sheet = Sheet::parse(least.as_bytes()).unwrap();
        assert_eq!((sheet.rows[0].sex, &sheet.rows[0].fastq_2), (Sex::Unknown, &None));
    }

    #[test]
    fn the_debug_form_holds_no_label() {
        let sheet = Sheet::parse(format!("{HEAD}CASE-7,CASE-7-B,L001,a_R1.fq.gz,a_R2.fq.gz,,,\n").as_bytes())
            .unwrap();
        let shown = format!("{sheet:?}");
        assert!(!shown.contains("CASE") && !shown.contains("fq"), "{shown}");
    }

    #[test]
    fn identifiers_stop_the_sheet_and_are_not_repeated() {
        let text = "patient,patient_name,mrn,sample,lane,fastq_1,fastq_2\n\
            CASE-1,Zorbina Quibbleton,79213340,quibbleton_zorbina,L001,a_R1.fastq.gz,a_R2.fastq.gz\n";
        let told = faults(text);
        assert_eq!(
            told,
            [
                "column 2 is none of those that a sheet may have",
                "column 3 is none of those that a sheet may have",
                "the name of column 2 looks like a person's name (shape `xxxxxxx_xxxx`): replace it by an opaque code such as `CASE-0001` and keep the link to the person elsewhere",
                "the name of column 3 looks like a hospital record number (shape `xxx`): replace it by an opaque code such as `CASE-0001` and keep the link to the person elsewhere",
                "row 1, column `sample`: the value looks like a person's name (shape `xxxxxxxxxx_xxxxxxx`): replace it by an opaque code such as `CASE-0001` and keep the link to the person elsewhere",
            ]
        );
        let json = serde_json::to_string(&Sheet::parse(text.as_bytes()).unwrap_err()).unwrap();
        for value in ["uibbleton", "79213340"] {
            assert!(!json.contains(value));
        }
    }

    #[test]
    fn each_rule_is_told_with_its_place() {
        check("C-1,,L001,a_R1.fq.gz,a_R2.fq.gz,XX,0,blood", &["row 1, column `sample`: the cell is empty"]);
        check(
            "C-1,C-1 B,L001,a_R1.fq.gz,a_R2.fq.gz,XX,0,blood",
            &[
                "row 1, column `sample`: a label is 1 to 64 letters, digits and . _ - of ASCII, and starts with a letter or digit",
            ],
        );
        check(
            "C-1,C-1-B,L001,a_R1.fq.gz,../a_R2.fq.gz,XX,0,blood",
            &["row 1, column `fastq_2`: the name holds `.` or `..` as a part"],
        );
        check(
            "C-1,C-1-B,L001,/a_R1.fq.gz,a_R2.fq.gz,XX,0,blood",
            &["row 1, column `fastq_1`: the name is absolute; give it relative to the sheet"],
        );
        check(
            "C-1,C-1-B,L001,a_R1.bam,a_R2.fq.gz,XX,0,blood",
            &["row 1, column `fastq_1`: the name does not end in .fastq.gz, .fq.gz, .fastq or .fq"],
        );
        check(
            "C-1,C-1-B,L001,a_R1.fq.gz,a_R2.fq.gz,F,0,blood",
            &["row 1, column `sex`: the value is none of: XX, XY, NA"],
        );
        check(
            "C-1,C-1-B,L001,a_R1.fq.gz,a_R2.fq.gz,XX,2,blood",
            &["row 1, column `status`: the value is none of: 0, 1, NA"],
        );
        check(
            "C-1,C-1-B,L001,a_R1.fq.gz,a_R2.fq.gz,XX,0",
            &["row 1: the row does not have one cell for each column"],
        );
        check(
            "C-1,C-1-B,L001,a_R1.fq.gz,a_R1.fq.gz,XX,0,blood",
            &["row 1, column `fastq_2`: the file is named already in row 1"],
        );
        assert!(
            faults(&format!("{HEAD}C-1,C-1-B,L001,a_R1.fq.gz,a_R2.fq.gz,XX,0,someone said\n"))[0]
                .contains("none of: blood")
        );
    }

    #[test]
    fn rows_are_compared() {
        let text = format!(
            "{HEAD}C-1,C-1-B,L001,a_R1.fq.gz,a_R2.fq.gz,XX,0,blood\n\
             C-1,C-1-B,L001,b_R1.fq.gz,a_R2.fq.gz,XY,1,blood\n\
             C-2,C-1-B,L002,c_R1.fq.gz,c_R2.fq.gz,XY,0,saliva\n"
        );
        assert_eq!(
            faults(&text),
            [
                "row 2, column `lane`: sample and lane are those of row 1",
                "row 2, column `fastq_2`: the file is named already in row 1",
                "row 2, column `sex`: the value differs from that of row 1 for the same patient or sample",
                "row 2, column `status`: the value differs from that of row 1 for the same patient or sample",
                "row 3, column `sample`: the sample belongs to another patient in row 1",
                "row 3, column `specimen_type`: the value differs from that of row 1 for the same patient or sample",
            ]
        );
    }

    #[test]
    fn sheets_of_no_use_are_refused() {
        assert_eq!(faults(""), ["the sheet has no rows"]);
        assert_eq!(faults(HEAD), ["the sheet has no rows"]);
        assert_eq!(
            faults("patient,sample,lane,fastq_1,patient\n"),
            [
                "column `patient`: the column stands twice",
                "column `fastq_2`: the column is missing",
                "the sheet has no rows"
            ]
        );
        assert!(Sheet::parse(b"\xff\xfe").is_err());
        assert!(Sheet::parse(&vec![b'a'; MAX_BYTES + 1]).is_err());
        let many: String =
            (0..500).map(|i| format!("C-{i},,L001,a{i}_R1.fq.gz,a{i}_R2.fq.gz,,,\n")).collect();
        let told = faults(&format!("{HEAD}{many}"));
        assert_eq!(told.len(), MAX_FAULTS + 1);
        assert!(told.contains(&"300 more faults are not listed".to_owned()));
    }

    /// The sheets and manifests of the public demonstration data, read from beside the repository.
    #[test]
    fn the_demonstration_packages_pass() {
        let shared = std::env::var_os("SEQUESTRA_SHARED")
            .map(std::path::PathBuf::from)
            .unwrap_or_else(|| std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
        for name in ["na12878_chr20", "panel"] {
            let folder = shared.join("data/demo").join(name);
            let Ok(bytes) = std::fs::read(folder.join("samplesheet.csv")) else {
                println!("not run: no test data in {}", folder.display());
                return;
            };
            let sheet = Sheet::parse(&bytes).unwrap();
            let manifest =
                crate::Manifest::parse(&std::fs::read(folder.join("md5sums.txt")).unwrap()).unwrap();
            manifest.match_files(sheet.placed_files()).unwrap();
            let row = &sheet.rows[0];
            let verdicts: Vec<_> = row
                .files()
                .map(|file| {
                    let bytes = std::fs::read(folder.join(file)).unwrap();
                    let digest = manifest.digest(file).unwrap();
                    let mut hasher = digest.hasher();
                    hasher.update(&bytes);
                    assert_eq!(hasher.finish(), digest);
                    let mut checker = crate::Checker::new(crate::Limits::default());
                    checker.feed(&bytes).unwrap();
                    checker.finish().unwrap()
                })
                .collect();
            assert_eq!(crate::check_pair(&verdicts[0], &verdicts[1]), Ok(()));
        }
    }
}
