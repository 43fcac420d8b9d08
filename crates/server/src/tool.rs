//! Tools.

use crate::attend::{Signed, made};
use crate::body::Json;
use crate::failure::Error;
use crate::{Failure, Site};
use access::thing;
use access::verb::{Manage, View};
use access::{Action, Permit};
use api::run::{NewTool, Tool};
use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use std::ffi::OsStr;
use std::path::PathBuf;

pub(crate) async fn add(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<NewTool>,
) -> Result<Response, Failure> {
    let permit: Permit<Manage, thing::Site> = site.permit(&caller, Action::RegisterTool, &site.id).await?;
    let programs: Vec<(String, PathBuf)> = if body.programs.is_empty() {
        site.runs.recipe(&body.name, OsStr::new(base::host::PATH))?.programs
    } else {
        body.programs.into_iter().map(|(name, path)| (name, PathBuf::from(path))).collect()
    };
    if let Some((name, _)) = programs.iter().find(|(_, path)| !path.is_absolute()) {
        let why = format!("the path of `{name}` is not absolute");
        let how = Some("write `--program NAME=/absolute/path`".into());
        return Err(Error::Value { field: "program", why, how }.into());
    }
    let tool = site.runs.add_tool(&permit, &body.name, &programs).await?;
    let ids = [tool.id.to_string()];
    Ok(made(wire(tool), ids))
}

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Answer<Vec<Tool>>, Failure> {
    let permit: Permit<View, thing::Site> = site.permit(&caller, Action::ViewTools, &site.id).await?;
    Ok(Answer(site.runs.tools(&permit).await?.into_iter().map(wire).collect()))
}

fn wire(tool: runs::Tool) -> Tool {
    Tool {
        id: tool.id,
        name: tool.name,
        version: tool.version,
        closure: tool.closure,
        programs: tool.programs,
        created_at: tool.created_at,
    }
}
