//! `remote`: sites behind doors of other machines, and the keys that they are known by.

use crate::app::App;
use crate::client::Client;
use crate::place::Address;
use crate::{Error, Failure, Host, text};
use base::{Sha256, SiteId};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::PathBuf;

/// What a pin begins with.
const PREFIX: &str = "sha256:";

/// A pin as people write it.
pub fn parse_pin(text: &str) -> Result<Sha256, Failure> {
    let digest = text.strip_prefix(PREFIX).and_then(|digits| digits.parse().ok());
    digest.ok_or_else(|| Error::NotAPin(text.to_owned()).into())
}

/// A pin as people read it.
pub fn show_pin(pin: Sha256) -> String {
    format!("{PREFIX}{pin}")
}

/// With what a client shows who it is to a door that asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Papers {
    /// PEM file of the certificate, with those between it and an authority.
    pub certificate: PathBuf,
    /// PEM file of its key.
    pub key: PathBuf,
}

/// A site that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// A name for `--site`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `https://host:port`.
    pub address: String,
    /// `sha256:…`.
    pub pin: String,
    /// The site's id.
    pub site: SiteId,
    /// For a door that asks for a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Papers>,
}

/// The sites that this account of the machine knows.
pub struct Remotes {
    file: PathBuf,
    kept: File,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    remote: Vec<Known>,
}

impl Remotes {
    /// Those of the person's configuration folder. A file that others may write is refused: whoever can change
    /// a pin can be the site.
    pub fn of(host: &dyn Host) -> Result<Self, Failure> {
        let config = host
            .environment_path("XDG_CONFIG_HOME")
            .filter(|folder| folder.is_absolute())
            .or_else(|| host.environment_path("HOME").map(|home| home.join(".config")));
        let file = config.ok_or(Error::NoHome)?.join("sequestra/remotes.toml");
        let unread = |source| Failure::from(Error::Read { path: file.clone(), source });
        let kept = match std::fs::metadata(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => File::default(),
            Err(error) => return Err(unread(error)),
            Ok(meta) if meta.mode() & 0o022 != 0 || meta.uid() != rustix::process::geteuid().as_raw() => {
                return Err(Error::RemotesExposed(file).into());
            }
            Ok(_) => {
                let text = std::fs::read_to_string(&file).map_err(unread)?;
                toml::from_str(&text).map_err(|_| Error::NotRemotes(file.clone()))?
            }
        };
        Ok(Self { file, kept })
    }

    /// What is known of an address.
    pub fn at(&self, address: &Address) -> Option<&Known> {
        let address = address.to_string();
        self.kept.remote.iter().find(|known| known.address == address)
    }

    /// The address of this name.
    pub fn address_of(&self, name: &str) -> Result<Option<Address>, Failure> {
        let named = self.kept.remote.iter().find(|known| known.name.as_deref() == Some(name));
        named.map(|known| known.address.parse()).transpose()
    }

    /// Keeps one, in place of what was known of its address.
    pub fn keep(&mut self, known: Known) -> Result<(), Failure> {
        self.kept.remote.retain(|other| other.address != known.address);
        self.kept.remote.push(known);
        self.write()
    }

    /// Forgets what has this name or address; false if nothing has.
    pub fn forget(&mut self, which: &str) -> Result<bool, Failure> {
        let before = self.kept.remote.len();
        let address = which.parse::<Address>().map(|address| address.to_string());
        let is = |known: &Known| {
            known.name.as_deref() == Some(which) || address.as_ref().is_ok_and(|a| *a == known.address)
        };
        self.kept.remote.retain(|known| !is(known));
        self.write()?;
        Ok(self.kept.remote.len() < before)
    }

    fn write(&self) -> Result<(), Failure> {
        let failed = |source| Failure::from(Error::Write { path: self.file.clone(), source });
        if let Some(folder) = self.file.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        let text = toml::to_string(&self.kept).map_err(|error| failed(std::io::Error::other(error)))?;
        base::durable::replace(&self.file, text.as_bytes()).map_err(failed)
    }
}

/// Sites behind doors of other machines: `--site` takes their name or `https://host:port`
#[derive(Subcommand)]
pub enum Remote {
    Add(Add),
    List(List),
    Remove(Remove),
}

impl Remote {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Add(args) => args.run(app),
            Self::List(args) => args.run(app),
            Self::Remove(args) => args.run(app),
        }
    }
}

/// Reach a site once, check its key, and keep both under a name.
///
/// The pin comes from the site's administrator, on another way than the network: `serve` and `door certificate` print it.
/// Without --pin the key that is shown is shown to you, and nothing goes on without your `yes`.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra remote add lab https://lab.example:8443 --pin sha256:6c0e…\n  sequestra login \
    --site lab\n\nRole: none."
)]
pub struct Add {
    /// The name: 1 to 32 of a-z, 0-9 and -
    name: String,
    /// The site's address, https://host:port
    address: Address,
    /// Your certificate as PEM, for a site that asks clients for one
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_certificate: Option<PathBuf>,
    /// The certificate's key as PEM, yours alone
    #[arg(long, value_name = "FILE", requires = "client_certificate")]
    client_key: Option<PathBuf>,
}

impl Add {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=32).contains(&self.name.len()) || !self.name.chars().all(fits) {
            return Err(Error::Usage("a remote's name is 1 to 32 of a-z, 0-9 and -".to_owned()).into());
        }
        if let Some(other) = Remotes::of(app.host)?.address_of(&self.name)?.filter(|a| *a != self.address) {
            return Err(Error::NameTaken { name: self.name, address: other.to_string() }.into());
        }
        let absolute = |path: PathBuf| {
            std::path::absolute(&path).map_err(|source| Failure::from(Error::Read { path, source }))
        };
        let client = match self.client_certificate.zip(self.client_key) {
            Some((certificate, key)) => {
                Some(Papers { certificate: absolute(certificate)?, key: absolute(key)? })
            }
            None => None,
        };
        let client = Client::reach(app, &self.address, Some((&self.name, client)))?;
        let mut remotes = Remotes::of(app.host)?;
        let known = remotes.at(&self.address).cloned();
        let known = known.ok_or_else(|| Error::Host("the remote was not kept".to_owned()))?;
        drop(client);
        remotes.keep(known.clone())?;
        if app.console.is_json() {
            return app.console.json(&known);
        }
        app.console.line(&format!("{}  {}  {}", self.name, known.address, known.pin))
    }
}

/// List the sites that are known, with their pins.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra remote list\n\nRole: none.")]
pub struct List {}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let remotes = Remotes::of(app.host)?;
        if app.console.is_json() {
            return app.console.json(&remotes.kept.remote);
        }
        let row = |known: &Known| {
            vec![
                text::or_dash(known.name.as_ref()),
                known.address.clone(),
                known.site.to_string(),
                known.pin.clone(),
            ]
        };
        let rows: Vec<_> = remotes.kept.remote.iter().map(row).collect();
        app.console.table(&["NAME", "ADDRESS", "SITE", "PIN"], &rows)
    }
}

/// Forget a site and its key. The session for it stays until it ends.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra remote remove lab\n\nRole: none.")]
pub struct Remove {
    /// Its name or address
    which: String,
}

impl Remove {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        if !Remotes::of(app.host)?.forget(&self.which)? {
            return Err(Error::NoRemote(self.which).into());
        }
        app.console.say("forgotten");
        if app.console.is_json() { app.console.json(&serde_json::json!({})) } else { Ok(()) }
    }
}
