//! What this machine offers.

use anyhow::Result;
use cli::host::State;
use cli::{Diagnosis, Finding};
use executor::Closure;
use runs::Recipe;
use std::ffi::OsStr;
use std::path::Path;

/// Where the programs of known tools are looked for.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Looks at sandbox, scratch, kernel and tools.
pub fn diagnose(site: Option<&Path>) -> Result<Diagnosis> {
    let mut findings: Vec<Finding> = executor::capabilities::capabilities()
        .capabilities
        .into_iter()
        .map(|item| Finding {
            area: "machine".to_owned(),
            name: item.name,
            state: match item.state {
                executor::State::Ok => State::Ok,
                executor::State::Degraded => State::Limited,
                executor::State::Missing => State::Missing,
            },
            detail: format!("{} ({})", item.found, item.why),
            remedy: (!item.remedy.is_empty()).then_some(item.remedy),
        })
        .collect();
    let helper = std::env::current_exe()?.with_file_name("sequestra-wdl");
    for name in Recipe::names().map_err(|e| crate::host::failure(&e))? {
        findings.push(tool(&name, &helper));
    }
    if let Some(site) = site {
        findings.push(Finding {
            area: "site".to_owned(),
            name: "socket".to_owned(),
            state: State::Ok,
            detail: match site.join("run").join(crate::layout::Layout::SOCKET).exists() {
                true => "the site's process listens".to_owned(),
                false => "the site is locked; the next command asks for the passphrase".to_owned(),
            },
            remedy: None,
        });
    }
    Ok(Diagnosis { findings })
}

fn tool(name: &str, helper: &Path) -> Finding {
    let missing = |detail: String, remedy: Option<String>| Finding {
        area: "tool".to_owned(),
        name: name.to_owned(),
        state: State::Missing,
        detail,
        remedy,
    };
    let recipe = match Recipe::find(name, OsStr::new(PATH), helper) {
        Ok(recipe) => recipe,
        Err(error) => return missing(base::fault::chain(&error), base::Fault::hint(&error)),
    };
    let programs: Vec<(&str, std::path::PathBuf)> =
        recipe.programs.iter().map(|(program, path)| (program.as_str(), path.clone())).collect();
    match Closure::collect(&programs, &[]) {
        Ok(closure) => Finding {
            area: "tool".to_owned(),
            name: name.to_owned(),
            state: State::Ok,
            detail: format!("closure blake3:{}, {} files", closure.digest, closure.entries.len()),
            remedy: None,
        },
        Err(error) => missing(base::fault::chain(&error), base::Fault::hint(&error)),
    }
}
