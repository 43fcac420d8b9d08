//! `tool`: programs that runs may use.

use crate::app::App;
use crate::{Error, Failure, text};
use api::run::{self, NewTool};
use clap::{Args, Subcommand};
use std::collections::BTreeMap;

/// What the shipped workflows need: the list that is shipped with them.
const SHIPPED: &str = include_str!("../../../workflows/germline.tools.toml");

/// Programs that runs may use, each registered with its whole closure
#[derive(Subcommand)]
pub enum Tool {
    Add(Add),
    List(List),
}

impl Tool {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Add(args) => args.run(app),
            Self::List(args) => args.run(app),
        }
    }
}

/// Register a tool: its programs, shared libraries and scripts become one digest.
///
/// A run sees the registered tools and nothing else of this machine, and refuses a tool whose files
/// have changed since. `--all` registers every tool that the shipped workflows need.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra tool add --all\n  sequestra tool add minimap2 --program minimap2=/opt/minimap2/bin/minimap2\n\n\
    Role: pipeline-approver on the site."
)]
pub struct Add {
    /// The tool's name
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    name: Option<String>,
    /// A program and where it is on the site's machine; may be given several times [default: the
    /// known programs of a known tool, looked for in the usual places]
    #[arg(long = "program", value_name = "NAME=PATH", value_parser = program, requires = "name")]
    programs: Vec<(String, String)>,
    /// Register every tool that the shipped workflows need
    #[arg(long)]
    all: bool,
}

impl Add {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let wanted = match self.name {
            Some(name) => vec![NewTool { name, programs: self.programs.into_iter().collect() }],
            None => {
                let new = |name| NewTool { name, programs: BTreeMap::new() };
                shipped()?.into_iter().map(new).collect()
            }
        };
        let mut client = app.client()?;
        let mut tools = Vec::with_capacity(wanted.len());
        for new in &wanted {
            let tool: run::Tool = client.post("tool add", &[], new)?.json()?;
            app.console.say(&format!("registered {} {}", tool.name, tool.version));
            tools.push(tool);
        }
        show(app, &tools)
    }
}

/// List the registered tools with versions and digests.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra tool list\n\nRole: none.")]
pub struct List {}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let tools: Vec<run::Tool> = app.client()?.get("tool list", &[])?;
        show(app, &tools)
    }
}

fn show(app: &mut App<'_>, tools: &[run::Tool]) -> Result<(), Failure> {
    if app.console.is_json() {
        return app.console.json(&tools);
    }
    let rows: Vec<_> = tools
        .iter()
        .map(|t| {
            let (programs, closure) = (text::short(&t.programs.join(","), 40), t.closure.to_string());
            vec![t.id.to_string(), t.name.clone(), text::short(&t.version, 24), programs, closure]
        })
        .collect();
    app.console.table(&["TOOL", "NAME", "VERSION", "PROGRAMS", "CLOSURE (BLAKE3)"], &rows)
}

fn program(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && path.starts_with('/') => {
            Ok((name.to_owned(), path.to_owned()))
        }
        _ => Err("expected NAME=PATH with an absolute path".to_owned()),
    }
}

fn shipped() -> Result<Vec<String>, Failure> {
    #[derive(serde::Deserialize)]
    struct File {
        tool: Vec<Named>,
    }
    #[derive(serde::Deserialize)]
    struct Named {
        name: String,
    }
    let file: File = toml::from_str(SHIPPED).map_err(|error| Error::Host(error.to_string()))?;
    Ok(file.tool.into_iter().map(|tool| tool.name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_list_names_the_tools_of_the_workflows() {
        let names = shipped().unwrap();
        for name in ["bash", "coreutils", "bwa", "samtools", "bcftools", "fastp", "sequestra-wdl"] {
            assert!(names.iter().any(|n| n == name), "{name}");
        }
    }

    #[test]
    fn a_program_has_a_name_and_an_absolute_path() {
        assert_eq!(program("bwa=/opt/bwa").unwrap(), ("bwa".to_owned(), "/opt/bwa".to_owned()));
        for text in ["bwa", "=/opt/bwa", "bwa=", "bwa=bin/bwa"] {
            assert!(program(text).is_err(), "{text}");
        }
    }
}
