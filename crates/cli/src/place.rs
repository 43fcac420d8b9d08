//! Which site a command is for: a folder of this machine, or a door of another.

use crate::remote::Remotes;
use crate::{Error, Failure, Host};
use hyper::Uri;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The file that makes a folder a site.
const MARK: &str = "site.toml";
/// What an address begins with.
const SCHEME: &str = "https://";

/// Where a site is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder, absolute and without links.
    Folder(PathBuf),
    /// A door.
    Door(Address),
}

/// A door's address, `https://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// Its host, an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// As the `host` header has it.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}:{}", self.host, self.port)
    }
}

impl FromStr for Address {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let wrong = || Failure::from(Error::NotAnAddress(text.to_owned()));
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let bare = uri.path_and_query().is_none_or(|rest| rest.as_str() == "/");
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        match (uri.scheme_str(), authority, bare) {
            (Some("https"), Some(authority), true) if !authority.host().is_empty() => {
                let port = match authority.port_u16() {
                    Some(port) => port,
                    None if authority.as_str() == authority.host() => 443,
                    None => return Err(wrong()),
                };
                Ok(Self { host: authority.host().to_ascii_lowercase(), port })
            }
            _ => Err(wrong()),
        }
    }
}

/// The site named by `--site`, else by `SEQUESTRA_SITE`, else the nearest folder above this one
/// that is a site.
pub fn find(named: Option<&Path>, host: &dyn Host) -> Result<Place, Failure> {
    let named = named.map(Path::to_owned).or_else(|| host.environment_path("SEQUESTRA_SITE"));
    let Some(named) = named else {
        let here =
            std::env::current_dir().map_err(|source| Error::Read { path: PathBuf::from("."), source })?;
        return folder(above(&here).ok_or(Error::NoSite)?);
    };
    let text = named.to_str().unwrap_or_default();
    if text.contains("://") {
        return Ok(Place::Door(text.parse()?));
    }
    let remote = Remotes::of(host).and_then(|remotes| remotes.address_of(text));
    match (named.join(MARK).is_file(), remote) {
        (true, Ok(Some(_))) => Err(Error::TwoMeanings(text.to_owned()).into()),
        (true, _) => folder(named),
        (false, Ok(Some(address))) => Ok(Place::Door(address)),
        (false, _) => Err(Error::NotASite(named).into()),
    }
}

/// The path without links.
fn folder(site: PathBuf) -> Result<Place, Failure> {
    match site.canonicalize() {
        Ok(folder) => Ok(Place::Folder(folder)),
        Err(source) => Err(Error::Read { path: site, source }.into()),
    }
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

    #[test]
    fn an_address_is_a_host_and_a_port_and_nothing_else() {
        let text = |text: &str| text.parse::<Address>().map(|address| address.to_string()).ok();
        assert_eq!(text("https://Lab.example:8443").unwrap(), "https://lab.example:8443");
        assert_eq!(text("https://lab.example/").unwrap(), "https://lab.example:443");
        let six: Address = "https://[2001:db8::1]:8443".parse().unwrap();
        assert_eq!((six.host(), six.authority().as_str()), ("2001:db8::1", "[2001:db8::1]:8443"));
        for wrong in [
            "http://lab.example",
            "https://",
            "https://lab.example:8443/v1",
            "https://me@lab.example",
            "https://lab.example:port",
            "https://lab.example:99999",
            "https://lab.example?x",
            "ftp://lab.example",
            "lab.example:8443",
        ] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
    }
}
