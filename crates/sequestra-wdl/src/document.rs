//! Parsing and type-checking.

use std::fs;
use std::path::Path;

use wdl_analysis::document::Workflow;
use wdl_analysis::{Analyzer, Config, Document, path_to_uri};
use wdl_ast::Diagnostic;

use crate::error::Error;
use crate::rules;

/// Reads, checks and analyses a document and what it imports. Diagnostics go to stderr.
///
/// # Errors
/// [`Error::Forbidden`] for what [`rules`] refuses, [`Error::Invalid`] when any document has
/// errors, [`Error::Io`] when one cannot be read.
pub async fn load(file: &Path) -> Result<Document, Error> {
    rules::check(file)?;
    let uri = path_to_uri(file).ok_or_else(|| unreadable(file, "its path has no address"))?;
    let analyzer = Analyzer::new(Config::default(), |(): (), _, _, _| async {});
    analyzer.add_document(uri.clone()).await.map_err(|error| unreadable(file, &format!("{error:#}")))?;
    let results = analyzer.analyze(()).await.map_err(|error| unreadable(file, &format!("{error:#}")))?;

    let mut count = 0;
    let mut wanted = None;
    for result in &results {
        let document = result.document();
        if let Some(error) = result.error() {
            eprintln!("{}: {error:#}", document.uri());
            count += 1;
            continue;
        }
        for diagnostic in document.diagnostics() {
            eprintln!("{}", describe(document, diagnostic));
            count += usize::from(diagnostic.severity().is_error());
        }
        if *document.uri() == uri {
            wanted = Some(document.clone());
        }
    }
    match wanted {
        Some(document) if count == 0 && !document.has_errors() => Ok(document),
        _ => Err(Error::Invalid { path: file.to_path_buf(), count: count.max(1) }),
    }
}

/// The workflow of a document that holds one.
pub fn only_workflow<'a>(document: &'a Document, file: &Path) -> Result<&'a Workflow, Error> {
    let mut workflows = document.local_workflows();
    match (workflows.next(), workflows.next()) {
        (Some(workflow), None) => Ok(workflow),
        _ => {
            Err(Error::NotOneWorkflow { path: file.to_path_buf(), count: document.local_workflows().count() })
        }
    }
}

/// `file:line: severity: message` and the labels, one a line.
pub fn describe(document: &Document, diagnostic: &Diagnostic) -> String {
    let path = document.uri().to_file_path().unwrap_or_default();
    let text = fs::read(&path).unwrap_or_default();
    let line = |offset: usize| text.iter().take(offset).filter(|byte| **byte == b'\n').count() + 1;
    let start = diagnostic.labels().next().map_or(0, |label| label.span().start());
    let severity = if diagnostic.severity().is_error() { "error" } else { "warning" };
    let mut lines = format!("{}:{}: {severity}: {}", path.display(), line(start), diagnostic.message());
    for label in diagnostic.labels().filter(|label| !label.message().is_empty()) {
        lines.push_str(&format!("\n  line {}: {}", line(label.span().start()), label.message()));
    }
    if let Some(fix) = diagnostic.fix() {
        lines.push_str(&format!("\n  fix: {fix}"));
    }
    lines
}

fn unreadable(file: &Path, reason: &str) -> Error {
    Error::Engine { reason: format!("`{}`: {reason}", file.display()) }
}
