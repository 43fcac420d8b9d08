//! The sample sheet: read whole, judged whole, and every fault told at once.

mod fault;
mod reader;
mod vocabulary;

pub use fault::{SheetFault, SheetProblem};
pub use vocabulary::{Sex, Specimen, Status};

use base::Sensitive;
use fault::fault;
use reader::Reader;
pub(crate) use reader::{OPTIONAL, REQUIRED, Table, read};

/// Most bytes of a sheet.
pub const MAX_BYTES: usize = 4 << 20;
/// Most rows of a sheet.
pub const MAX_ROWS: usize = 10_000;
/// Most faults that are told; their number is told in any case.
pub const MAX_FAULTS: usize = 200;

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

impl Sheet {
    /// Reads a comma-separated sheet: UTF-8 with or without a byte order mark, either line end, quoted cells.
    /// Cells are trimmed of spaces. Every value is screened, also in columns that are refused.
    ///
    /// # Errors
    /// Every fault found, in the order of the sheet, at most [`MAX_FAULTS`] and a count of the rest.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<SheetFault>> {
        let (columns, table) = reader::read(bytes).map_err(|what| vec![fault(None, None, what)])?;
        let mut reader = Reader::new();
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

/// How messages name a file: by its place in the sheet.
pub(crate) fn place(row: usize, mate: u8) -> String {
    format!("row {row}, fastq_{mate}")
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
