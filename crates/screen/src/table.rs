//! A table: its column names, then every cell by what its column is for.

use crate::{
    column,
    finding::{Finding, Place, Reason, shape},
    label,
    value::{self, Context},
};

/// Screens a table. Rows may be shorter or longer than the header. One finding a cell; none holds a value.
/// A column that announces an identifier is one finding at its header, and its cells are not listed again.
pub fn screen_table<H: AsRef<str>, R: AsRef<[C]>, C: AsRef<str>>(headers: &[H], rows: &[R]) -> Vec<Finding> {
    let columns: Vec<Column> = headers.iter().map(|h| Column::of(h.as_ref())).collect();
    let mut findings = Vec::new();
    for (at, (header, column)) in headers.iter().zip(&columns).enumerate() {
        if let Some(reason) = column.announces {
            let place = Place::Header { column: at + 1, name: column.shown.clone() };
            findings.push(Finding { place, reason, preview: shape(header.as_ref()) });
        }
    }
    let other = Column::of("");
    for (row, cells) in rows.iter().enumerate() {
        for (at, cell) in cells.as_ref().iter().enumerate() {
            let column = columns.get(at).unwrap_or(&other);
            if column.announces.is_some() {
                continue;
            }
            if let Some(reason) = column.judge(cell.as_ref()) {
                let place = Place::Cell { row: row + 1, column: at + 1, name: column.shown.clone() };
                findings.push(Finding { place, reason, preview: shape(cell.as_ref()) });
            }
        }
    }
    findings
}

/// What a column, or a parameter, is for by its name.
pub(crate) struct Column {
    pub(crate) announces: Option<Reason>,
    holds: Holds,
    /// The name, where it can be shown: made of words that say nothing about anyone.
    pub(crate) shown: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Labels,
    Files,
    Other,
}

impl Column {
    pub(crate) fn of(name: &str) -> Self {
        let announces = column::identifier(name);
        let tokens = column::tokens(name);
        let is = |words: &[&str]| tokens.iter().any(|t| words.contains(&t.as_str()));
        let holds = if is(&[
            "fastq", "read", "bam", "bai", "cram", "crai", "vcf", "tbi", "file", "path", "spring", "table",
            "fq",
        ]) {
            Holds::Files
        } else if is(&[
            "patient",
            "sample",
            "subject",
            "participant",
            "individual",
            "proband",
            "case",
            "specimen",
            "family",
            "fam",
            "iid",
            "fid",
            "pat",
            "mat",
            "father",
            "mother",
            "donor",
            "id",
            "label",
        ]) && !is(&["type", "index", "status", "plate", "well", "project", "sex"])
        {
            Holds::Labels
        } else {
            Holds::Other
        };
        let plain = !name.is_empty()
            && name.chars().count() <= 40
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | '#' | '.'));
        let known = announces.is_some() || holds != Holds::Other || label::identifier(name).is_none();
        let shown = (plain && known && value::spans(name, Context::Cell).is_empty()).then(|| name.to_owned());
        Self { announces, holds, shown }
    }

    pub(crate) fn judge(&self, cell: &str) -> Option<Reason> {
        if cell.trim().is_empty() {
            return None;
        }
        match self.holds {
            Holds::Labels => label::identifier(cell),
            Holds::Files => label::address(cell),
            Holds::Other => value::spans(cell, Context::Cell).first().map(|s| s.reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_cells_are_named_and_values_are_not() {
        let rows = [
            ["quibbleton_zorbina", "CASE-1", "reads_R1.fastq.gz", "blood", "77"],
            ["CASE-0002", "79213340", "79213340_S1_L001_R1_001.fastq.gz", "1990-01-30", "78"],
        ];
        let findings = screen_table(&["patient", "sample", "fastq_1", "note", "MRN"], &rows);
        let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "header, column 5 (`MRN`): looks like a hospital record number (shape `XXX`)",
                "row 1, column 1 (`patient`): looks like a person's name (shape `xxxxxxxxxx_xxxxxxx`)",
                "row 2, column 2 (`sample`): looks like a hospital record number (shape `99999999`)",
                "row 2, column 3 (`fastq_1`): looks like a hospital record number (shape `99999999_X9_X999_X9_999.…`)",
                "row 2, column 4 (`note`): looks like a date of birth (shape `9999-99-99`)",
            ]
        );
        let json = serde_json::to_string(&findings).unwrap();
        assert!(!json.contains("quibbleton") && !json.contains("79213340") && !json.contains("1990"));
    }

    #[test]
    fn a_name_used_as_a_header_is_not_shown() {
        let findings = screen_table(&["Zorbina Quibbleton"], &[["x@ward.example"]]);
        assert!(matches!(&findings[0].place, Place::Cell { name: None, .. }), "{findings:?}");
    }
}
