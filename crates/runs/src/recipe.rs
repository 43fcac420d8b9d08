//! The shipped tools: which programs each has, and how they are found on this machine.

use crate::Error;
use crate::error::shown;
use serde::Deserialize;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The table that the workflows' own tests use too.
const TABLE: &str = include_str!("../../../workflows/germline.tools.toml");

/// A tool to be registered: its name and where each of its programs is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The tool's name.
    pub name: String,
    /// The name under which a job calls each program, and its file here.
    pub programs: Vec<(String, PathBuf)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    workflow: Vec<WorkflowRow>,
    tool: Vec<ToolRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkflowRow {
    name: String,
    #[serde(rename = "document")]
    _document: String,
    tools: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolRow {
    name: String,
    programs: Vec<String>,
}

impl Recipe {
    /// The names of the shipped tools, in the order in which workflows name them.
    pub fn names() -> Result<Vec<String>, Error> {
        Ok(table()?.tool.into_iter().map(|tool| tool.name).collect())
    }

    /// Finds the programs of the shipped tool `name` in the folders of `path` (a `PATH`); the
    /// workflow helper is `helper`.
    ///
    /// Errors: a name that is not shipped, or a program that is absent, with the package that has it.
    pub fn find(name: &str, path: &OsStr, helper: &Path) -> Result<Self, Error> {
        let table = table()?;
        let known = || table.tool.iter().map(|tool| tool.name.clone()).collect::<Vec<_>>().join(", ");
        let row = table.tool.iter().find(|tool| tool.name == name);
        let row =
            row.ok_or_else(|| Error::Unknown { what: "shipped tool", name: shown(name), known: known() })?;
        let find = |program: &String| -> Result<(String, PathBuf), Error> {
            let found = if program == HELPER { Some(helper.to_owned()) } else { on_path(program, path) };
            let found = found.filter(|file| file.is_file());
            Ok((program.clone(), found.ok_or_else(|| not_installed(program))?))
        };
        let programs = row.programs.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { name: row.name.clone(), programs })
    }
}

/// The name of the workflow helper, as a tool and as a program.
pub const HELPER: &str = "sequestra-wdl";

/// The tools that the shipped workflow `name` needs.
pub(crate) fn tools_of(name: &str) -> Result<Vec<String>, Error> {
    let row = table()?.workflow.into_iter().find(|workflow| workflow.name == name);
    row.map(|row| row.tools).ok_or(Error::NotFound)
}

/// How a program is asked for its version. `bwa` has no option for it and says it when called bare.
pub(crate) fn version_words(program: &str) -> Vec<&str> {
    match program {
        "bwa" => vec![program],
        _ => vec![program, "--version"],
    }
}

fn table() -> Result<Table, Error> {
    toml::from_str(TABLE).map_err(|_| Error::Record)
}

fn on_path(program: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

fn not_installed(program: &str) -> Error {
    let package = match program {
        HELPER => return Error::Helper,
        "bgzip" | "tabix" => "tabix",
        "samtools" | "bcftools" | "bwa" | "fastp" | "bash" | "mosdepth" => program,
        _ => "coreutils",
    };
    let hint = format!("install it: `apt-get install {package}`, or name its folder in PATH");
    Error::NotInstalled { program: program.to_owned(), hint }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Fault;

    #[test]
    fn every_tool_of_a_workflow_has_a_recipe() {
        let names = Recipe::names().unwrap();
        for workflow in ["germline", "index"] {
            for tool in tools_of(workflow).unwrap() {
                assert!(names.contains(&tool), "{tool}");
            }
        }
        assert!(tools_of("nothing").is_err());
    }

    #[test]
    fn an_absent_program_names_its_package() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Recipe::find("bgzip", folder.path().as_os_str(), Path::new("/nowhere")).unwrap_err();
        assert!(missing.hint().unwrap().contains("apt-get install tabix"));
        std::fs::write(folder.path().join("bgzip"), "x").unwrap();
        let found = Recipe::find("bgzip", folder.path().as_os_str(), Path::new("/nowhere")).unwrap();
        assert_eq!(found.programs, [("bgzip".to_owned(), folder.path().join("bgzip"))]);
        let helper = Recipe::find(HELPER, folder.path().as_os_str(), Path::new("/nowhere")).unwrap_err();
        assert!(matches!(helper, Error::Helper));
        assert!(matches!(Recipe::find("rm", OsStr::new(""), Path::new("/")), Err(Error::Unknown { .. })));
    }
}
