//! The evidence of a play, as a file.

use crate::play::Taken;
use crate::{Control, Error, Result, Step};
use base::{Sha256, Timestamp};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

/// How a control stands after it was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything that was expected was seen.
    Holds,
    /// Something else was seen.
    Broken,
    /// It held, but also when what it rests on was taken away: the scenario proves nothing.
    CannotFail,
    /// The scenario could not be played to its end.
    NotPlayed,
}

/// What one control left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The control's id.
    pub control: &'static str,
    /// What is promised.
    pub statement: &'static str,
    /// How it is tested.
    pub test: &'static str,
    /// What it serves.
    pub references: &'static [&'static str],
    /// The program that was tested.
    pub program: Program,
    /// When the play began.
    pub began: Timestamp,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// How it stands.
    pub verdict: Verdict,
    /// What was expected and seen, in order.
    pub steps: Vec<Step>,
    /// The play that had to break, when one was asked for: the first step that did, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_fail: Option<CanFail>,
    /// Why it could not be played.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The program that was tested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Program {
    /// Its version.
    pub version: String,
    /// SHA-256 of its file.
    pub sha256: Sha256,
}

/// What came of the play that had to break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CanFail {
    /// Whether it broke, and at each thing that was taken away.
    pub broke: bool,
    /// Where it broke first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Step>,
    /// What was taken away, and whether a step after it broke.
    pub taken: Vec<Taken>,
    /// What was taken away and broke nothing: the scenario does not show that it would be noticed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub idle: Vec<String>,
    /// Why the play stopped before its end, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// The file for a control's evidence, `<folder>/<control>.json`, which must not be there.
///
/// # Errors
/// It is there.
pub fn vacant(folder: &Path, control: &str) -> Result<PathBuf> {
    let path = folder.join(format!("{control}.json"));
    if path.exists() { Err(Error::Exists(path)) } else { Ok(path) }
}

impl Evidence {
    pub(crate) fn begin(control: &Control, program: Program, began: Timestamp) -> Self {
        Self {
            control: control.id,
            statement: control.statement,
            test: control.test,
            references: control.references,
            program,
            began,
            milliseconds: 0,
            verdict: Verdict::NotPlayed,
            steps: Vec::new(),
            can_fail: None,
            error: None,
        }
    }

    /// The first step that did not hold.
    pub fn first_broken(&self) -> Option<&Step> {
        self.steps.iter().find(|step| !step.held)
    }

    /// Writes its file, once, and gives it.
    ///
    /// # Errors
    /// The file is there already, or cannot be written.
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        let path = vacant(folder, self.control)?;
        fs::create_dir_all(folder).map_err(Error::io(folder))?;
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        base::durable::create_once(&path, &text).map_err(Error::io(&path))?;
        Ok(path)
    }
}
