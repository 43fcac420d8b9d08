//! Which site a command is for.

use crate::{Error, Failure, Host};
use std::path::{Path, PathBuf};

/// The file that makes a folder a site.
const MARK: &str = "site.toml";

/// The site named by `--site`, else by `SEQUESTRA_SITE`, else the nearest folder above this one
/// that is a site. The path is absolute and holds no link.
pub fn find(named: Option<&Path>, host: &dyn Host) -> Result<PathBuf, Failure> {
    let named = named.map(Path::to_owned).or_else(|| host.environment_path("SEQUESTRA_SITE"));
    let site = match named {
        Some(site) if site.join(MARK).is_file() => site,
        Some(site) => return Err(Error::NotASite(site).into()),
        None => {
            let here =
                std::env::current_dir().map_err(|source| Error::Read { path: PathBuf::from("."), source })?;
            above(&here).ok_or(Error::NoSite)?
        }
    };
    site.canonicalize().map_err(|source| Error::Read { path: site, source }.into())
}

fn above(here: &Path) -> Option<PathBuf> {
    here.ancestors().find(|folder| folder.join(MARK).is_file()).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_site_above_is_found() {
        let outer = tempfile::tempdir().unwrap();
        let deep = outer.path().join("inner/a/b");
        std::fs::create_dir_all(&deep).unwrap();
        assert_eq!(above(&deep), None);
        std::fs::write(outer.path().join(MARK), "").unwrap();
        assert_eq!(above(&deep).unwrap(), outer.path());
        std::fs::write(outer.path().join("inner").join(MARK), "").unwrap();
        assert_eq!(above(&deep).unwrap(), outer.path().join("inner"));
    }
}
