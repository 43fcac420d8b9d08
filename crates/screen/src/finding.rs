//! What a detector says: where, why, and the shape of what it saw.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of identifier a column or a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A person's name, or part of one.
    PersonName,
    /// A date of birth, or a full date where one may stand.
    BirthDate,
    /// A hospital's record number.
    RecordNumber,
    /// A hospital's accession number, alone or with initials.
    Accession,
    /// A number that a state or an insurer gives a person.
    NationalId,
    /// A health insurance number.
    Insurance,
    /// An electronic mail address.
    Email,
    /// A telephone or fax number.
    Phone,
    /// A postal address or a part of it.
    Address,
    /// A payment card or bank account.
    Account,
    /// A person's account name, also inside a path.
    UserName,
    /// A machine's name.
    Host,
    /// A network address.
    Ip,
    /// A web address.
    Url,
    /// A path of the file system.
    Path,
    /// A password, token or key.
    Secret,
    /// A stretch of nucleotides.
    Sequence,
    /// Text where only ids and known words may stand.
    FreeText,
}

impl Reason {
    /// The word for it in records and in the identity map, as serialised.
    pub const fn word(self) -> &'static str {
        match self {
            Self::PersonName => "person-name",
            Self::BirthDate => "birth-date",
            Self::RecordNumber => "record-number",
            Self::Accession => "accession",
            Self::NationalId => "national-id",
            Self::Insurance => "insurance",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Address => "address",
            Self::Account => "account",
            Self::UserName => "user-name",
            Self::Host => "host",
            Self::Ip => "ip",
            Self::Url => "url",
            Self::Path => "path",
            Self::Secret => "secret",
            Self::Sequence => "sequence",
            Self::FreeText => "free-text",
        }
    }

    /// What it looks like, as a phrase: `a person's name`.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::PersonName => "a person's name",
            Self::BirthDate => "a date of birth",
            Self::RecordNumber => "a hospital record number",
            Self::Accession => "a hospital accession number",
            Self::NationalId => "a national identification number",
            Self::Insurance => "a health insurance number",
            Self::Email => "an e-mail address",
            Self::Phone => "a telephone number",
            Self::Address => "a postal address",
            Self::Account => "a payment card or bank account",
            Self::UserName => "an account name",
            Self::Host => "a host name",
            Self::Ip => "a network address",
            Self::Url => "a web address",
            Self::Path => "a file path",
            Self::Secret => "a password, token or key",
            Self::Sequence => "a nucleotide sequence",
            Self::FreeText => "text of one's own where only ids and known words may stand",
        }
    }

    /// What to do about it, in one sentence without a full stop.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::PersonName | Self::RecordNumber | Self::Accession | Self::NationalId | Self::Insurance => {
                "replace it by an opaque code such as `CASE-0001` and keep the link to the person elsewhere"
            }
            Self::BirthDate => "remove it; give an age group where one is needed",
            Self::Secret => "remove it, and replace the secret: it has been exposed",
            Self::Path | Self::UserName | Self::Host | Self::Ip | Self::Url => {
                "give a bare file name without folders, accounts or hosts"
            }
            Self::FreeText => "name the thing by its id alone",
            Self::Email | Self::Phone | Self::Address | Self::Account | Self::Sequence => "remove it",
        }
    }

    /// What stands in its place in a redacted text.
    pub const fn placeholder(self) -> &'static str {
        match self {
            Self::PersonName => "<name>",
            Self::BirthDate => "<date>",
            Self::RecordNumber => "<record-number>",
            Self::Accession => "<accession>",
            Self::NationalId => "<national-id>",
            Self::Insurance => "<insurance-number>",
            Self::Email => "<email>",
            Self::Phone => "<phone>",
            Self::Address => "<address>",
            Self::Account => "<account>",
            Self::UserName => "<user>",
            Self::Host => "<host>",
            Self::Ip => "<ip>",
            Self::Url => "<url>",
            Self::Path => "<path>",
            Self::Secret => "<secret>",
            Self::Sequence => "<sequence>",
            Self::FreeText => "<text>",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.phrase())
    }
}

/// Where something was found. Rows, lines and columns are counted from 1; row 1 of a table is the first
/// after its header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "at")]
pub enum Place {
    /// The name of a column.
    Header {
        /// The column's position.
        column: usize,
        /// Its name, where it is a known word and so safe to show.
        name: Option<String>,
    },
    /// A cell.
    Cell {
        /// The row.
        row: usize,
        /// The column's position.
        column: usize,
        /// Its name, where it is safe to show.
        name: Option<String>,
    },
    /// A place in a text.
    Line {
        /// The line.
        line: usize,
        /// The character at which it starts.
        column: usize,
    },
    /// A read's name line.
    Read {
        /// The record.
        record: u64,
        /// The character of the line, without the `@`, at which it starts.
        column: usize,
    },
    /// A parameter.
    Parameter {
        /// Its position.
        parameter: usize,
        /// Its name, where that is safe to show.
        name: Option<String>,
        /// Whether the name is meant, not the value.
        key: bool,
    },
    /// A sample column of a VCF header.
    Sample {
        /// The line.
        line: usize,
        /// The sample's position, from 1.
        sample: usize,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header { column, name: None } => write!(f, "header, column {column}"),
            Self::Header { column, name: Some(name) } => write!(f, "header, column {column} (`{name}`)"),
            Self::Cell { row, column, name: None } => write!(f, "row {row}, column {column}"),
            Self::Cell { row, column, name: Some(name) } => {
                write!(f, "row {row}, column {column} (`{name}`)")
            }
            Self::Line { line, column } => write!(f, "line {line}, character {column}"),
            Self::Read { record, column } => {
                write!(f, "record {record}, character {column} of the name line")
            }
            Self::Parameter { parameter, name, key } => {
                let part = if *key { "name" } else { "value" };
                match name {
                    Some(name) => write!(f, "parameter {parameter} (`{name}`), {part}"),
                    None => write!(f, "parameter {parameter}, {part}"),
                }
            }
            Self::Sample { line, sample } => write!(f, "line {line}, sample {sample}"),
        }
    }
}

/// One thing that looks like an identifier. It holds no part of the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Where it stands.
    pub place: Place,
    /// What it looks like.
    pub reason: Reason,
    /// Its shape: letters as `x`, digits as `9`, at most 24 characters.
    pub preview: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: looks like {} (shape `{}`)", self.place, self.reason, self.preview)
    }
}

impl Finding {
    /// Whether it holds nothing that a finding may not: for one that comes from a process that is not trusted.
    pub fn is_plain(&self) -> bool {
        let named = match &self.place {
            Place::Header { name, .. } | Place::Cell { name, .. } | Place::Parameter { name, .. } => {
                name.is_some()
            }
            Place::Line { .. } | Place::Read { .. } | Place::Sample { .. } => false,
        };
        !named && self.preview.chars().count() <= LONGEST + 1 && {
            let whole = self.preview.strip_suffix('…').unwrap_or(&self.preview);
            shape(whole) == whole
        }
    }
}

/// Characters of a shape.
const LONGEST: usize = 24;

/// The shape of a value: every letter becomes `x` or `X`, every digit `9`, other characters stay when they
/// are plain punctuation and become `?` otherwise; longer values end in `…`.
pub fn shape(value: &str) -> String {
    let mut out: String = value
        .chars()
        .take(LONGEST)
        .map(|c| match c {
            c if c.is_uppercase() => 'X',
            c if c.is_alphabetic() => 'x',
            c if c.is_numeric() => '9',
            c if c.is_ascii_punctuation() && c != '`' || c == ' ' => c,
            _ => '?',
        })
        .collect();
    if value.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}

/// A stretch of a text (byte offsets) and what it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What it looks like.
    pub reason: Reason,
}

/// Sorts spans and makes one of those that overlap: what reaches beyond the first is no less of an identifier.
/// The reason is that of the earliest, and of those the longest.
pub(crate) fn settle(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|s| (s.start, std::cmp::Reverse(s.end)));
    let mut out: Vec<Span> = Vec::new();
    for span in spans {
        match out.last_mut() {
            _ if span.end <= span.start => {}
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => out.push(span),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_that_holds_a_value_is_told_apart() {
        let plain = |preview: &str| {
            let place = Place::Read { record: 1, column: 1 };
            Finding { place, reason: Reason::PersonName, preview: preview.to_owned() }.is_plain()
        };
        for good in [shape("Ab-12 c"), shape(&"7".repeat(30)), shape("a`b\n")] {
            assert!(plain(&good), "{good}");
        }
        for bad in ["Quib", "19900130", "x\n", "é", &"x".repeat(26)] {
            assert!(!plain(bad), "{bad}");
        }
        let named = Place::Header { column: 1, name: Some("Quibbleton".to_owned()) };
        assert!(!Finding { place: named, reason: Reason::PersonName, preview: String::new() }.is_plain());
    }

    #[test]
    fn a_shape_shows_no_character_of_the_value() {
        assert_eq!(shape("Ab-12 c.d@e"), "Xx-99 x.x@x");
        assert_eq!(shape("żó\u{202e}`\n"), "xx???");
        assert_eq!(shape(&"7".repeat(30)), format!("{}…", "9".repeat(24)));
    }
}
