//! The session file: readable by its owner alone, good for one site in one folder.

use crate::{Error, Failure, Host};
use base::SiteId;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, File};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where the sessions of this account of the machine lie.
#[derive(Debug, Clone)]
pub struct Sessions {
    /// `--session` or `SEQUESTRA_SESSION`.
    named: Option<PathBuf>,
    /// The folder for the others.
    folder: Option<PathBuf>,
}

/// The file's content. The folder is kept so that a folder that merely says to be this site, with
/// a process of somebody else's behind it, is not given the token.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    site: SiteId,
    folder: PathBuf,
    #[serde(with = "wiped")]
    token: Zeroizing<String>,
}

/// A text that is wiped on drop, as a plain text.
mod wiped {
    use serde::{Deserialize, Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub fn serialize<S: Serializer>(text: &Zeroizing<String>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(text)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
        String::deserialize(from).map(Zeroizing::new)
    }
}

impl Sessions {
    /// From `--session`, the environment, or the state folder of the person's home.
    pub fn of(named: Option<&Path>, host: &dyn Host) -> Self {
        let named = named.map(Path::to_owned).or_else(|| host.environment_path("SEQUESTRA_SESSION"));
        let state = host
            .environment_path("XDG_STATE_HOME")
            .filter(|folder| folder.is_absolute())
            .or_else(|| host.environment_path("HOME").map(|home| home.join(".local/state")));
        Self { named, folder: state.map(|state| state.join("sequestra")) }
    }

    /// The file for a site at a place: a site on this machine and the same one behind its door have one each.
    pub fn path(&self, site: &SiteId, place: &Path) -> Result<PathBuf, Failure> {
        if let Some(named) = &self.named {
            return Ok(named.clone());
        }
        let folder = self.folder.as_ref().ok_or(Error::NoHome)?;
        let door = place.to_str().and_then(|place| place.strip_prefix("https://"));
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        Ok(folder.join(match door {
            Some(door) => format!("{site}@{}.session", door.chars().map(plain).collect::<String>()),
            None => format!("{site}.session"),
        }))
    }

    /// The token for the site `site` in `folder`.
    pub fn load(&self, site: &SiteId, folder: &Path) -> Result<Zeroizing<String>, Failure> {
        let path = self.path(site, folder)?;
        let kept = read(&path)?;
        if kept.site != *site || kept.folder != folder {
            return Err(Error::OtherSite.into());
        }
        Ok(kept.token)
    }

    /// Keeps a token, in place of an older one.
    pub fn store(&self, site: &SiteId, folder: &Path, token: &str) -> Result<PathBuf, Failure> {
        let path = self.path(site, folder)?;
        let unwritable = |source| Failure::from(Error::Write { path: path.clone(), source });
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(unwritable)?;
        }
        let kept =
            Kept { site: site.clone(), folder: folder.to_owned(), token: Zeroizing::new(token.to_owned()) };
        let json = serde_json::to_vec(&kept).map(Zeroizing::new);
        let json = json.map_err(|error| unwritable(error.into()))?;
        base::durable::replace(&path, &json).map_err(unwritable)?;
        Ok(path)
    }

    /// Puts the token that is kept aside, under the name of whoever it signs in.
    pub fn put_aside(&self, site: &SiteId, folder: &Path, name: &str) -> Result<PathBuf, Failure> {
        let path = self.path(site, folder)?;
        let mut file = path.file_name().unwrap_or_default().to_owned();
        file.push("-");
        file.push(name);
        let aside = path.with_file_name(file);
        std::fs::rename(&path, &aside).map_err(|source| Error::Write { path: aside.clone(), source })?;
        Ok(aside)
    }

    /// Forgets the token.
    pub fn forget(&self, site: &SiteId, folder: &Path) -> Result<(), Failure> {
        let path = self.path(site, folder)?;
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::Write { path, source }.into())
            }
            _ => Ok(()),
        }
    }
}

fn read(path: &Path) -> Result<Kept, Failure> {
    let unreadable = |source: std::io::Error| Failure::from(Error::Read { path: path.to_owned(), source });
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(rustix::io::Errno::NOENT) => return Err(Error::NotSignedIn.into()),
        Err(rustix::io::Errno::LOOP) => return Err(Error::NotPlain(path.to_owned()).into()),
        Err(error) => return Err(unreadable(error.into())),
    };
    let meta = file.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        return Err(Error::NotPlain(path.to_owned()).into());
    }
    if meta.mode() & 0o077 != 0 || meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(Error::SessionExposed(path.to_owned()).into());
    }
    let mut text = Zeroizing::new(String::with_capacity(8192));
    file.take(8192).read_to_string(&mut text).map_err(unreadable)?;
    serde_json::from_str(&text).map_err(|_| Error::NotASession(path.to_owned()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Id, SystemEntropy};
    use std::os::unix::fs::PermissionsExt;

    fn code<T>(result: Result<T, Failure>) -> String {
        match result {
            Err(Failure::Problem(problem)) => problem.code,
            _ => "none".to_owned(),
        }
    }

    #[test]
    fn a_session_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let sessions = Sessions { named: None, folder: Some(folder.path().join("state/sequestra")) };
        let site = SiteId::mint(&SystemEntropy);
        let here = Path::new("/srv/site");
        assert_eq!(code(sessions.load(&site, here)), "CLI-004");
        let path = sessions.store(&site, here, "ses_x").unwrap();
        assert_eq!(sessions.load(&site, here).unwrap().as_str(), "ses_x");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(path.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        for mode in [0o640, 0o604, 0o620, 0o602] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(code(sessions.load(&site, here)), "CLI-005", "{mode:o}");
        }
    }

    #[test]
    fn a_site_and_its_door_have_a_session_each() {
        let folder = tempfile::tempdir().unwrap();
        let sessions = Sessions { named: None, folder: Some(folder.path().to_owned()) };
        let site = SiteId::mint(&SystemEntropy);
        let (here, door) = (Path::new("/srv/a"), Path::new("https://[::1]:8443"));
        sessions.store(&site, here, "ses_here").unwrap();
        let path = sessions.store(&site, door, "ses_door").unwrap();
        assert_eq!(path.file_name().unwrap().to_str().unwrap(), format!("{site}@---1--8443.session"));
        assert_eq!(sessions.load(&site, here).unwrap().as_str(), "ses_here");
        assert_eq!(sessions.load(&site, door).unwrap().as_str(), "ses_door");
        assert_eq!(code(sessions.load(&site, Path::new("https://[::1]:8444"))), "CLI-004");
    }

    #[test]
    fn a_session_is_for_one_site_in_one_folder() {
        let folder = tempfile::tempdir().unwrap();
        let sessions = Sessions { named: Some(folder.path().join("s")), folder: None };
        let site = SiteId::mint(&SystemEntropy);
        sessions.store(&site, Path::new("/srv/a"), "ses_x").unwrap();
        assert_eq!(code(sessions.load(&site, Path::new("/srv/b"))), "CLI-007");
        assert_eq!(code(sessions.load(&SiteId::mint(&SystemEntropy), Path::new("/srv/a"))), "CLI-007");
        std::fs::write(folder.path().join("s"), "ses_x").unwrap();
        assert_eq!(code(sessions.load(&site, Path::new("/srv/a"))), "CLI-006");
        sessions.forget(&site, Path::new("/srv/a")).unwrap();
        sessions.forget(&site, Path::new("/srv/a")).unwrap();
        let link = folder.path().join("s");
        std::os::unix::fs::symlink("/etc/hostname", link).unwrap();
        assert_eq!(code(sessions.load(&site, Path::new("/srv/a"))), "CLI-019");
    }
}
