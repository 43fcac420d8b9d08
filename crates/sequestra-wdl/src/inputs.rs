//! The inputs: a JSON object whose keys are `workflow.input`.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value as Json};
use wdl_analysis::Document;
use wdl_analysis::document::Workflow;
use wdl_analysis::types::{CompoundType, PrimitiveType, Type};
use wdl_engine::{Inputs, Value, WorkflowInputs};

use crate::error::Error;

/// Reads the inputs, checks their names and types, and that every `File` is there.
///
/// # Errors
/// [`Error::Inputs`] for all that is wrong with them; [`Error::Io`] when they cannot be read.
pub fn load(document: &Document, workflow: &Workflow, file: &Path) -> Result<WorkflowInputs, Error> {
    let text =
        fs::read(file).map_err(|source| Error::Io { verb: "read", path: file.to_path_buf(), source })?;
    let object: Map<String, Json> =
        serde_json::from_slice(&text).map_err(|error| refused(&error.to_string()))?;
    for key in object.keys() {
        check_key(workflow.name(), key)?;
    }
    let inputs =
        match Inputs::parse_json_object(document, object).map_err(|error| refused(&format!("{error:#}")))? {
            None => WorkflowInputs::default(),
            Some((_, Inputs::Workflow(inputs))) => inputs,
            Some((name, Inputs::Task(_))) => return Err(refused(&format!("`{name}` is a task"))),
        };
    inputs.validate(document, workflow, None).map_err(|error| refused(&format!("{error:#}")))?;
    for (name, value) in inputs.iter() {
        if let Some(input) = workflow.inputs().get(name) {
            check_files(name, input.ty(), value)?;
        }
    }
    Ok(inputs)
}

/// Only the workflow's own inputs may be given. A longer key reaches into a call, where it could
/// also set the call's requirements.
fn check_key(workflow: &str, key: &str) -> Result<(), Error> {
    match key.split_once('.') {
        Some((name, input)) if name == workflow && !input.contains('.') => Ok(()),
        _ => Err(refused(&format!("`{key}` is not of the form `{workflow}.input`"))),
    }
}

/// Walks a value along its declared type down to its files: JSON knows only strings. Files inside
/// structs and maps are left to the engine, which finds them missing when it needs them.
fn check_files(name: &str, ty: &Type, value: &Value) -> Result<(), Error> {
    match ty {
        Type::Primitive(PrimitiveType::File, _) => {
            text_of(value).map_or(Ok(()), |path| check_file(name, path, Path::is_file))
        }
        Type::Primitive(PrimitiveType::Directory, _) => {
            text_of(value).map_or(Ok(()), |path| check_file(name, path, Path::is_dir))
        }
        Type::Compound(CompoundType::Array(array), _) => value.as_array().map_or(Ok(()), |values| {
            values.as_slice().iter().try_for_each(|value| check_files(name, array.element_type(), value))
        }),
        _ => Ok(()),
    }
}

/// The path in a value given for a file; nothing when the input is optional and absent.
fn text_of(value: &Value) -> Option<&str> {
    value
        .as_string()
        .map(|text| text.as_str())
        .or_else(|| value.as_file().map(|path| path.as_str()))
        .or_else(|| value.as_directory().map(|path| path.as_str()))
}

fn check_file(name: &str, path: &str, is_there: fn(&Path) -> bool) -> Result<(), Error> {
    // The engine expands these as a shell would; a path that needs it is not one of the job's.
    if !path.starts_with('/') || path.contains(['$', '~']) {
        return Err(refused(&format!("`{name}` is not a plain absolute path")));
    }
    if !is_there(Path::new(path)) {
        return Err(refused(&format!("`{name}` names `{path}`, which is not there")));
    }
    Ok(())
}

fn refused(reason: &str) -> Error {
    Error::Inputs { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_inputs_of_the_workflow_and_nothing_deeper() {
        assert!(check_key("w", "w.threads").is_ok());
        for key in ["threads", "v.threads", "w.align.threads", "w.align.requirements.container", "w."] {
            assert_eq!(check_key("w", key).is_ok(), key == "w.", "{key}");
        }
    }

    #[test]
    fn files_are_plain_absolute_and_present() {
        let check = |path: &str| {
            let value = wdl_engine::PrimitiveValue::new_string(path).into();
            check_files("reads", &PrimitiveType::File.into(), &value)
        };
        assert!(check(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).is_ok());
        for path in ["Cargo.toml", "https://example.org/x", "$HOME/x", "/no/such/file", "/usr"] {
            assert!(check(path).is_err(), "{path}");
        }
    }
}
