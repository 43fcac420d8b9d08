//! `cargo run -p xtask -- tidy` checks the workspace, `-- errors` writes the list of error codes, `-- plot` draws how a site grows.

use std::process::ExitCode;
use xtask::{Workspace, codes, plot, tidy};

const USAGE: &str = "usage: cargo run -p xtask -- COMMAND

  tidy     check arrows, sizes, docs, banned calls, tables, error codes and traces; 1 on findings
  errors   write docs/reference/errors.md from the code
  plot     draw docs/images/growth.svg from docs/reference/growth.csv
";

fn main() -> anyhow::Result<ExitCode> {
    let command = std::env::args().nth(1).unwrap_or_default();
    let workspace = Workspace::here()?;
    match command.as_str() {
        "tidy" => {
            let findings = tidy(&workspace);
            for finding in &findings {
                println!("{finding}");
            }
            eprintln!("tidy: {} files, findings: {}", workspace.files.len(), findings.len());
            Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        "errors" => {
            let path = workspace.root.join(codes::PAGE);
            std::fs::create_dir_all(path.parent().unwrap_or(&workspace.root))?;
            std::fs::write(&path, codes::page(&workspace))?;
            eprintln!("wrote {}", codes::PAGE);
            Ok(ExitCode::SUCCESS)
        }
        "plot" => {
            let table = std::fs::read_to_string(workspace.root.join(plot::TABLE))?;
            std::fs::write(workspace.root.join(plot::PICTURE), plot::picture(&table)?)?;
            eprintln!("wrote {}", plot::PICTURE);
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            eprint!("{USAGE}");
            Ok(ExitCode::from(2))
        }
    }
}
