//! Tools: programs with everything they load, kept by digest and checked again before use.

use crate::error::shown;
use crate::recipe::version_words;
use crate::table::tool;
use crate::{Error, Recipe, Runs};
use access::Permit;
use access::thing::Site;
use access::verb::{Manage, View};
use base::{Blake3, Id, ToolId};
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use executor::{Closure, Executor, Item, store};
use serde::Serialize;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A registered tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tool {
    /// Its id.
    pub id: ToolId,
    /// Its name.
    pub name: String,
    /// Its version, as the tool tells it inside the walls.
    pub version: String,
    /// The digest of its whole closure.
    pub closure: Blake3,
    /// The names under which jobs call its programs.
    pub programs: Vec<String>,
    /// When it was registered.
    pub created_at: String,
    /// Whether runs use it: the newest registration of its name.
    pub current: bool,
    #[serde(skip)]
    pub(crate) listing: String,
}

impl Runs {
    /// The recipe of a shipped tool, its programs found in the folders of `path` (a `PATH`).
    pub fn recipe(&self, name: &str, path: &OsStr) -> Result<Recipe, Error> {
        Recipe::find(name, path, &self.inner.helper)
    }

    /// Registers a tool: collects its closure, asks its first program for its version inside the
    /// walls, and keeps every file under its digest. From then on runs use it instead of an
    /// earlier one of its name, which stays listed. An identical one is not registered twice.
    pub async fn add_tool(
        &self,
        permit: &Permit<Manage, Site>,
        name: &str,
        programs: &[(String, PathBuf)],
    ) -> Result<Tool, Error> {
        permit.live()?;
        check_name(name)?;
        if programs.is_empty() {
            return Err(Error::ToolName(shown(name)));
        }
        let (runs, owned) = (self.clone(), programs.to_vec());
        let collected = tokio::task::spawn_blocking(move || collect(&runs, &owned));
        let (closure, version, listing) = collected.await.map_err(|_| Error::Defect)??;
        let position = i64::try_from(permit.decision()).map_err(|_| Error::Record)?;
        let tx = self.inner.db.begin(permit.decision()).await?;
        let known = tool::Entity::find()
            .filter(tool::Column::Name.eq(name))
            .filter(tool::Column::Digest.eq(closure.digest.to_string()))
            .one(&*tx)
            .await?;
        let row = if let Some(known) = known {
            let again = tool::ActiveModel {
                id: Set(known.id.clone()),
                position: Set(position),
                ..Default::default()
            };
            tool::Entity::update(again).exec(&*tx).await?;
            known
        } else {
            let names: Vec<&str> = programs.iter().map(|(name, _)| name.as_str()).collect();
            let row = tool::Model {
                id: ToolId::mint(&*self.inner.entropy).to_string(),
                name: name.to_owned(),
                version,
                digest: closure.digest.to_string(),
                programs: serde_json::to_string(&names).map_err(|_| Error::Record)?,
                listing,
                position,
                created_at: self.inner.clock.now().to_string(),
            };
            tool::Entity::insert(all_set(&row)).exec_without_returning(&*tx).await?;
            row
        };
        permit.live()?;
        tx.commit().await?;
        from_row(row, true)
    }

    /// All registered tools by name, the current one of each name first.
    pub async fn tools(&self, permit: &Permit<View, Site>) -> Result<Vec<Tool>, Error> {
        permit.live()?;
        self.all_tools().await
    }

    /// Hashes every stored file of every current tool again and names the first that changed.
    pub async fn check_tools(&self, permit: &Permit<View, Site>) -> Result<Vec<Tool>, Error> {
        permit.live()?;
        let tools: Vec<Tool> = self.all_tools().await?.into_iter().filter(|tool| tool.current).collect();
        self.check_stored(tools).await
    }

    /// The current tools of these names, their stored files checked.
    pub(crate) async fn tools_named(&self, names: &[String]) -> Result<Vec<Tool>, Error> {
        let all = self.all_tools().await?;
        let one = |name: &String| {
            let found = all.iter().find(|tool| tool.current && tool.name == *name);
            found.cloned().ok_or_else(|| Error::NoTool(name.clone()))
        };
        let tools = names.iter().map(one).collect::<Result<Vec<_>, _>>()?;
        self.check_stored(tools).await
    }

    async fn check_stored(&self, tools: Vec<Tool>) -> Result<Vec<Tool>, Error> {
        let folder = self.tool_store();
        let checked = tokio::task::spawn_blocking(move || {
            for tool in &tools {
                let changed = |source| Error::ToolChanged { name: tool.name.clone(), source };
                let closure = tool.closure_of()?;
                store::check(&closure, &folder).map_err(changed)?;
            }
            Ok(tools)
        });
        checked.await.map_err(|_| Error::Defect)?
    }

    async fn all_tools(&self) -> Result<Vec<Tool>, Error> {
        let rows = tool::Entity::find()
            .order_by_asc(tool::Column::Name)
            .order_by_desc(tool::Column::Position)
            .order_by_desc(tool::Column::CreatedAt)
            .all(self.inner.db.reader())
            .await?;
        let mut tools: Vec<Tool> = Vec::with_capacity(rows.len());
        for row in rows {
            let current = tools.last().is_none_or(|before| before.name != row.name);
            tools.push(from_row(row, current)?);
        }
        Ok(tools)
    }
}

impl Tool {
    /// How receipts name it.
    pub(crate) fn in_receipt(&self) -> receipt::Tool {
        receipt::Tool { name: self.name.clone(), version: self.version.clone(), closure: self.closure }
    }

    /// The registered listing, which must still have the registered digest.
    pub(crate) fn closure_of(&self) -> Result<Closure, Error> {
        Closure::from_json(&self.listing, self.closure)
            .map_err(|source| Error::ToolChanged { name: self.name.clone(), source })
    }
}

fn collect(runs: &Runs, programs: &[(String, PathBuf)]) -> Result<(Closure, String, String), Error> {
    let executor = runs.executor()?;
    let named: Vec<(&str, PathBuf)> =
        programs.iter().map(|(name, path)| (name.as_str(), path.clone())).collect();
    let closure = Closure::collect(&named, &[])?;
    let version = version_of(&executor, &closure, programs)?;
    let folder = runs.tool_store();
    forget_damaged(&closure, &folder)?;
    let listing = store::store(&closure, &folder)?;
    Ok((closure, version, listing))
}

fn version_of(
    executor: &Executor,
    closure: &Closure,
    programs: &[(String, PathBuf)],
) -> Result<String, Error> {
    let first = programs.first().map(|(name, _)| name.as_str()).unwrap_or_default();
    let said = executor.probe_version(executor.root_here(&[closure])?, &version_words(first))?;
    Ok(said.chars().filter(|c| !c.is_control()).take(80).collect())
}

/// Removes stored files of this closure whose bytes are not what their names say, so that
/// registering the tool again repairs the store.
fn forget_damaged(closure: &Closure, folder: &Path) -> Result<(), Error> {
    for entry in &closure.entries {
        let Item::File { blake3, .. } = entry.item else { continue };
        let path = store::path_in(folder, blake3);
        if !path.is_file() {
            continue;
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(std::fs::File::open(&path)?)?;
        if Blake3(hasher.finalize().into()) != blake3 {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Error> {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b));
    if plain && (1..=40).contains(&name.len()) { Ok(()) } else { Err(Error::ToolName(shown(name))) }
}

fn all_set(row: &tool::Model) -> tool::ActiveModel {
    tool::ActiveModel {
        id: Set(row.id.clone()),
        name: Set(row.name.clone()),
        version: Set(row.version.clone()),
        digest: Set(row.digest.clone()),
        programs: Set(row.programs.clone()),
        listing: Set(row.listing.clone()),
        position: Set(row.position),
        created_at: Set(row.created_at.clone()),
    }
}

fn from_row(row: tool::Model, current: bool) -> Result<Tool, Error> {
    Ok(Tool {
        id: row.id.parse().map_err(|_| Error::Record)?,
        name: row.name,
        version: row.version,
        closure: row.digest.parse().map_err(|_| Error::Record)?,
        programs: serde_json::from_str(&row.programs).map_err(|_| Error::Record)?,
        created_at: row.created_at,
        current,
        listing: row.listing,
    })
}
