//! Who people are, apart from everything else.

use crate::schema::Of;
use base::SubjectId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `intake split`: a sheet that carries identifiers.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSplit {
    /// The sheet, as CSV.
    pub sheet: String,
    /// Who gave the record numbers: 1 to 64 of letters, digits and `. _ -`.
    pub issuer: String,
    /// Columns that identify nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
    /// The day at which ages are told, as `2026-01-01`; none are, without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_at: Option<String>,
    /// Whether nothing is stored, and no text given.
    #[serde(default)]
    pub dry_run: bool,
}

/// What became of a sheet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SplitDone {
    /// Where each column went, or would go.
    pub columns: Vec<SplitColumn>,
    /// How many people the sheet speaks of.
    pub people: u64,
    /// How many of them are new.
    pub fresh: u64,
    /// The sheet for the door; none of a trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clean: Option<String>,
    /// The table for analysis; none of a trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
}

/// Where a column of a sheet goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SplitColumn {
    /// Counted from 1.
    pub position: u64,
    /// Its name, where that says nothing about anyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it goes, in words.
    pub goes: String,
    /// What it would hold, if its name announces an identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<String>,
}

/// `subject identify`.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhyAsked {
    /// Why, in the person's own words. Recorded sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `subject find`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhoHas {
    /// The record number.
    pub number: String,
    /// Who gave it.
    pub issuer: String,
    /// Why, in the person's own words. Recorded sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `subject correct`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// What is wrong: `person-name`, `birth-date` or `record-number`.
    pub field: String,
    /// The sheet's column that it came from, where names or dates came from several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Who gave the record number; of nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What is right.
    pub value: String,
    /// Why, in the person's own words. Recorded sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What was corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Corrected {
    /// The subject.
    #[schemars(with = "Of<SubjectId>")]
    pub subject: SubjectId,
    /// What was wrong.
    pub field: String,
    /// How many entries of the map said it.
    pub entries: u64,
}

/// Which subject somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FoundSubject {
    /// The subject.
    #[schemars(with = "Of<SubjectId>")]
    pub subject: SubjectId,
}

/// Who a subject is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SubjectIdentity")]
pub struct Identity {
    /// The subject.
    #[schemars(with = "Of<SubjectId>")]
    pub subject: SubjectId,
    /// What is known, in the order in which it came.
    pub known: Vec<KnownValue>,
}

/// One thing that is known of a subject.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KnownValue {
    /// What kind of value it is: `person-name`, `record-number`, …
    pub kind: String,
    /// The column of the sheet that it came from.
    pub column: String,
    /// The value.
    pub value: String,
    /// Of a sample's own label: what stands in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
}

// None of these prints what it says of people.
macro_rules! quiet {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), " [redacted]"))
            }
        }
    )*};
}
quiet!(NewSplit, SplitDone, WhoHas, Identity, KnownValue, Correction);
