//! The file that opens an epoch's sets when the site is lost.

use crate::{Error, files};
use base::{SiteId, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keys::Roots;
use keys::wrap::WrappingKey;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

const FORMAT: &str = "sequestra-backup-recovery-1";
/// Most bytes of one.
const MOST: u64 = 64 << 10;

/// An epoch's key under the site's root.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    format: String,
    site: SiteId,
    /// The epoch.
    pub epoch: i32,
    /// When it ends, and this file is to be destroyed.
    pub expires: Timestamp,
    root: i32,
    wrapped: String,
}

impl Recovery {
    pub(crate) fn new(site: &SiteId, epoch: &keys::backup::Epoch, (root, wrapped): (i32, Vec<u8>)) -> Self {
        Self {
            format: FORMAT.to_owned(),
            site: site.clone(),
            epoch: epoch.number,
            expires: epoch.expires,
            root,
            wrapped: STANDARD.encode(wrapped),
        }
    }

    /// Its name in the folder of recovery files: it says when it is to go.
    pub(crate) fn file_name(&self) -> String {
        let (site, epoch, root) = (&self.site, self.epoch, self.root);
        format!("{site}-epoch-{epoch}-root-{root}-until-{}.recovery", self.expires.strftime("%Y-%m-%d"))
    }

    /// Writes it into `folder`, unless it is there. Gives where.
    ///
    /// # Errors
    /// [`Error::Taken`] when another one is there: of an epoch with the same number that a site had begun
    /// before it was lost, and that no record told of. It opens that site's backups, so it is not replaced; and
    /// taken for this one it would leave backups that nothing opens.
    pub(crate) fn keep(&self, folder: &Path) -> Result<PathBuf, Error> {
        let path = files::named(folder)?.join(self.file_name());
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        if std::fs::symlink_metadata(&path).is_err() {
            files::write(&path, &text)?;
        } else if files::read(&path)? != text {
            return Err(Error::Taken(path));
        }
        Ok(path)
    }

    /// Reads one.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let none = |_| Error::Recovery("it is no recovery file");
        // Named by whoever restores: a link of theirs is followed.
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(Error::io(path))?;
        file.take(MOST).read_to_end(&mut bytes).map_err(Error::io(path))?;
        let read: Self = serde_json::from_slice(&bytes).map_err(none)?;
        if read.format == FORMAT { Ok(read) } else { Err(Error::Recovery("it is of another form")) }
    }

    /// The epoch's key, for a set of this site and epoch whose roots were unsealed.
    pub fn open(&self, site: &SiteId, epoch: i32, roots: &Roots) -> Result<WrappingKey, Error> {
        if self.site != *site {
            return Err(Error::Recovery("it is another site's"));
        }
        if self.epoch != epoch {
            return Err(Error::Recovery("it is of another epoch"));
        }
        let wrapped = STANDARD.decode(&self.wrapped).map_err(|_| Error::Recovery("it is damaged"))?;
        keys::restored::epoch_key(roots, self.root, epoch, &wrapped).map_err(|_| {
            Error::Recovery("the set's root does not open it: it is damaged, or of another root")
        })
    }
}
