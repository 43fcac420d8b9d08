//! The folder of bodies: `objects/ab/abcdef…` and `abcdef….tree` beside it.

use crate::Error;
use audit::Audit;
use base::{Clock, Entropy};
use db::Db;
use keys::Keys;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The archive of a site. Cheap to clone.
#[derive(Clone)]
pub struct Archive {
    pub(crate) db: Db,
    pub(crate) keys: Keys,
    pub(crate) audit: Audit,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    folder: Arc<PathBuf>,
}

impl Archive {
    /// The archive whose bodies lie in `folder`, which is made if it is absent.
    pub fn open(
        folder: &Path,
        db: Db,
        keys: Keys,
        audit: Audit,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Error> {
        make_folder(folder)?;
        Ok(Self { db, keys, audit, clock, entropy, folder: Arc::new(folder.to_owned()) })
    }

    /// Creates the file of a new body. Its name is random: it says nothing, and no two collide.
    pub(crate) fn create_body(&self) -> io::Result<(String, File)> {
        let name = hex::encode(base::entropy::bytes::<20>(&*self.entropy));
        let path = self.body_path(&name);
        if let Some(parent) = path.parent().filter(|p| !p.exists()) {
            make_folder(parent)?;
            base::durable::flush_folder_of(parent)?;
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(path)?;
        Ok((name, file))
    }

    pub(crate) fn write_tree(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        base::durable::create_once(&self.tree_path(name), bytes)
    }

    pub(crate) fn open_body(&self, name: &str) -> io::Result<File> {
        File::open(self.body_path(name))
    }

    pub(crate) fn read_tree(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.tree_path(name))
    }

    /// Removes a body that never became an object. Its absence is no error.
    pub(crate) fn discard(&self, name: &str) {
        for path in [self.body_path(name), self.tree_path(name)] {
            // Litter is harmless: sealed, unnamed, and cleared at the next start.
            let _ = fs::remove_file(path);
        }
    }

    pub(crate) fn body_path(&self, name: &str) -> PathBuf {
        self.folder.join(name.get(..2).unwrap_or("00")).join(name)
    }

    fn tree_path(&self, name: &str) -> PathBuf {
        self.body_path(name).with_extension("tree")
    }

    /// Clears bodies that a crash left without a record. Part of opening a site, before the
    /// first draft is made. Gives how many there were.
    pub async fn sweep(&self) -> Result<usize, Error> {
        use db::sea_orm::EntityTrait;
        let rows = crate::table::object::Entity::find().all(self.db.reader()).await?;
        let known: std::collections::HashSet<String> = rows.into_iter().map(|row| row.body).collect();
        let mut cleared = 0;
        for folder in fs::read_dir(&*self.folder)? {
            let folder = folder?.path();
            if !folder.is_dir() {
                continue;
            }
            for file in fs::read_dir(folder)? {
                let path = file?.path();
                let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
                if !known.contains(stem) {
                    fs::remove_file(&path)?;
                    cleared += 1;
                }
            }
        }
        Ok(cleared)
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
