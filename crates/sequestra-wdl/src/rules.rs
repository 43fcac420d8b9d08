//! What a workflow's text may not ask for.
//!
//! The platform declares a job's tools, inputs and walls. Text that names a container, a mount,
//! a device or a document elsewhere asks for something it will not get; running it all the same
//! would give a result that its author did not describe. So it is refused before analysis, which
//! would otherwise try to fetch imports.

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use wdl_ast::v1::{ImportSource, TaskDefinition};
use wdl_ast::{Ast, AstToken, Document, Span};

use crate::error::Error;

/// Keys of `requirements` and `runtime` that only reserve what the job already has or say how
/// an exit code is read.
const REQUIREMENTS: &[&str] = &["cpu", "memory", "max_retries", "maxRetries", "return_codes", "returnCodes"];

/// Keys of `hints` that change nothing outside the task.
const HINTS: &[&str] = &[
    "cacheable",
    "inputs",
    "localizationOptional",
    "localization_optional",
    "maxCpu",
    "maxMemory",
    "max_cpu",
    "max_memory",
    "outputs",
    "shortTask",
    "short_task",
];

/// Checks the document and everything it imports.
///
/// # Errors
/// [`Error::Forbidden`] names the first request that is not a workflow's to make;
/// [`Error::Io`] when a document cannot be read. A document that does not parse passes: analysis
/// refuses it with a better message.
pub fn check(file: &Path) -> Result<(), Error> {
    let mut seen = HashSet::new();
    let mut waiting = vec![file.to_path_buf()];
    while let Some(file) = waiting.pop() {
        if !seen.insert(file.clone()) {
            continue;
        }
        let text = fs::read_to_string(&file).map_err(|source| Error::Io {
            verb: "read",
            path: file.clone(),
            source,
        })?;
        waiting.extend(check_text(&file, &text)?);
    }
    Ok(())
}

/// Checks one document and returns the files that it imports.
fn check_text(file: &Path, text: &str) -> Result<Vec<PathBuf>, Error> {
    let (document, diagnostics) = Document::parse(text, None);
    // The syntax tree's accessors hold only for text that parses.
    if diagnostics.iter().any(|diagnostic| diagnostic.severity().is_error()) {
        return Ok(Vec::new());
    }
    let Ast::V1(ast) = document.ast() else { return Ok(Vec::new()) };

    for task in ast.tasks() {
        if let Some((key, span)) = forbidden_key(&task) {
            return Err(Error::Forbidden { place: place(file, text, span), what: key });
        }
    }
    ast.imports()
        .map(|import| {
            let source = import.source();
            relative_import(&source)
                .map(|import| file.parent().unwrap_or(Path::new("")).join(import))
                .ok_or_else(|| Error::Forbidden {
                    place: place(file, text, source.span()),
                    what: "import".to_owned(),
                })
        })
        .collect()
}

/// The first key of the task's sections that is on neither list.
fn forbidden_key(task: &TaskDefinition) -> Option<(String, Span)> {
    let mut named = Vec::new();
    if let Some(section) = task.requirements() {
        named.extend(section.items().map(|item| (item.name(), REQUIREMENTS)));
    }
    if let Some(section) = task.runtime() {
        named.extend(section.items().map(|item| (item.name(), REQUIREMENTS)));
    }
    if let Some(section) = task.hints() {
        named.extend(section.items().map(|item| (item.name(), HINTS)));
    }
    named
        .into_iter()
        .find(|(name, allowed)| !allowed.contains(&name.text()))
        .map(|(name, _)| (name.text().to_owned(), name.span()))
}

/// The path of an import of a file beside or below the importing one.
fn relative_import(source: &ImportSource) -> Option<PathBuf> {
    let ImportSource::Uri(uri) = source else { return None };
    let text = uri.text()?.text().to_owned();
    // A colon starts a scheme (`https:`); no file of a workflow needs one.
    if text.contains([':', '\\', '%', '?', '#']) {
        return None;
    }
    let path = PathBuf::from(text);
    path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)).then_some(path)
}

/// `file:line` of a span.
fn place(file: &Path, text: &str, span: Span) -> String {
    let line = text.bytes().take(span.start()).filter(|byte| *byte == b'\n').count() + 1;
    format!("{}:{line}", file.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str) -> Result<Vec<PathBuf>, String> {
        let text = format!("version 1.2\n{body}");
        check_text(Path::new("dir/a.wdl"), &text).map_err(|error| error.to_string())
    }

    fn task(section: &str) -> Result<Vec<PathBuf>, String> {
        check(&format!("task t {{\n  command <<<>>>\n  {section}\n}}\n"))
    }

    #[test]
    fn resources_pass() {
        assert_eq!(task("requirements { cpu: 2 memory: \"1 GiB\" }"), Ok(vec![]));
        assert_eq!(task("hints { short_task: true }"), Ok(vec![]));
        assert_eq!(task("runtime { returnCodes: [0, 1] }"), Ok(vec![]));
    }

    #[test]
    fn containers_mounts_and_devices_are_refused() {
        for section in [
            "requirements { container: \"docker://ubuntu\" }",
            "requirements { container: \"*\" }",
            "runtime { docker: \"ubuntu\" }",
            "requirements { disks: \"/mnt 10 GiB\" }",
            "requirements { gpu: true }",
            "hints { disks: \"/mnt\" }",
            "runtime { dockerRunOptions: \"--privileged\" }",
        ] {
            let refusal = task(section).unwrap_err();
            assert!(refusal.starts_with("dir/a.wdl:4: `"), "{section}: {refusal}");
        }
    }

    #[test]
    fn imports_stay_beside_the_document() {
        assert_eq!(check("import \"lib/b.wdl\" as b\n"), Ok(vec![PathBuf::from("dir/lib/b.wdl")]));
        for import in
            ["https://example.org/b.wdl", "file:///etc/b.wdl", "/etc/b.wdl", "../b.wdl", "%2e%2e/b.wdl"]
        {
            let refusal = check(&format!("import \"{import}\" as b\n")).unwrap_err();
            assert_eq!(refusal, "dir/a.wdl:2: `import` is not for a workflow to set");
        }
    }
}
