//! Where things lie in a site's directory; see `docs/spec/site.md`.

use crate::error::Error;
use anyhow::{Context, bail};
use base::SiteId;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// A site's directory.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

/// `site.toml`: what an administrator may read and change. Unknown keys are refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The site's id.
    pub site: SiteId,
    /// The ledger's name: the origin line of its checkpoints.
    pub ledger: String,
    /// Minutes without a request after which the site locks itself.
    #[serde(default = "default_idle_minutes")]
    pub idle_minutes: u64,
    /// Times on record later than this were a wrong clock's: sessions and roles are not judged by them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_corrected: Option<base::Timestamp>,
    /// The server that the metadata database is on; a file in the site's folder when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<db::Server>,
    /// Who cosigns the ledger's checkpoints: `[witness]`, or `[[witness]]` for several.
    #[serde(default, deserialize_with = "one_or_more", skip_serializing_if = "Vec::is_empty")]
    pub witness: Vec<WitnessSettings>,
    /// How many of them it takes, and what follows when they are silent.
    #[serde(default, skip_serializing_if = "Witnessing::is_usual")]
    pub witnessing: Witnessing,
    /// How tokens and key services are reached.
    #[serde(default, skip_serializing_if = "is_default")]
    pub keys: keys::Reach,
    /// Where bodies lie, and how the site looks after them.
    #[serde(default, skip_serializing_if = "ArchiveSettings::is_usual")]
    pub archive: ArchiveSettings,
    /// How the site looks for identifiers in what it stores.
    #[serde(default, skip_serializing_if = "server::discovery::Settings::is_usual")]
    pub discovery: server::discovery::Settings,
    /// How long people stay signed in.
    #[serde(default, skip_serializing_if = "access::limits::Asked::is_usual")]
    pub sessions: access::limits::Asked,
    /// The pages that people sign in on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<Pages>,
    /// Through whom people sign in who are known elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<access::oidc::Settings>,
    /// Whose visas count.
    #[serde(default, skip_serializing_if = "access::Issuers::is_empty")]
    pub passports: access::Issuers,
    /// Room on the site's disks.
    #[serde(default, skip_serializing_if = "RoomSettings::is_usual")]
    pub room: RoomSettings,
    /// Who hears of what cannot wait.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarm: Vec<feed::alarm::Destination>,
    /// The relay that takes mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<feed::notify::Mail>,
    /// Who hears of what happens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<feed::notify::Destination>,
    /// Copies of the ledger elsewhere, `[[replica]]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replica: Vec<replica::Settings>,
    /// How decisions are made and checked.
    #[serde(default, skip_serializing_if = "access::Settings::is_usual")]
    pub policy: access::Settings,
    /// For how long data is seen by way of exception.
    #[serde(default, skip_serializing_if = "access::Exceptions::is_usual")]
    pub access: access::Exceptions,
    /// The door to other machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<server::door::Settings>,
    /// Where metrics are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<server::door::settings::Metrics>,
    /// Where requests leave a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<server::door::settings::Log>,
    /// What becomes of the trail outside the site.
    #[serde(default, skip_serializing_if = "Trail::is_empty")]
    pub audit: Trail,
}

impl Settings {
    /// Those of a new site, with nothing else set.
    pub fn usual(site: SiteId, ledger: String, database: Option<db::Server>, keys: keys::Reach) -> Self {
        Self {
            ledger,
            site,
            idle_minutes: 30,
            clock_corrected: None,
            database,
            witness: Vec::new(),
            witnessing: Default::default(),
            keys,
            archive: Default::default(),
            discovery: Default::default(),
            replica: Vec::new(),
            policy: Default::default(),
            access: Default::default(),
            audit: Trail::default(),
            sessions: Default::default(),
            pages: None,
            oidc: None,
            passports: Default::default(),
            room: Default::default(),
            alarm: Vec::new(),
            mail: None,
            notify: Vec::new(),
            door: None,
            metrics: None,
            log: None,
        }
    }
}

/// `[pages]` of `site.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pages {
    /// Where browsers find them, such as `https://genomes.example.org:8443`. Passkeys are good for this
    /// name alone.
    pub origin: String,
}

/// `[room]` of `site.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RoomSettings {
    /// With fewer mebibytes free the site changes nothing; 0 for never.
    pub read_only_mib: u64,
    /// Mebibytes set aside on the ledger's disk, with which the site's end is recorded on a full one.
    pub reserve_mib: u64,
}

impl Default for RoomSettings {
    fn default() -> Self {
        Self { read_only_mib: 256, reserve_mib: 8 }
    }
}

impl RoomSettings {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// `[audit]` of `site.toml`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trail {
    /// The standing streams, `[[audit.stream]]`.
    #[serde(default)]
    pub stream: Vec<feed::Settings>,
}

impl Trail {
    fn is_empty(&self) -> bool {
        self.stream.is_empty()
    }
}

/// `[witness]` in `site.toml`, or each `[[witness]]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessSettings {
    /// Its address, `https://host:port` or `http://host:port`, perhaps with a path before `/add-checkpoint`.
    pub url: String,
    /// Its verifier key, as `witness init` printed it.
    pub key: String,
    /// PEM file of the authorities that its certificate must come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// SHA-256 of its certificate (DER) in hexadecimal, instead of authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// The network that its name leads into, such as `10.20.0.0/16`, where that is one of the house.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Seconds without a cosignature of what there is after which it counts as silent.
    #[serde(default = "default_alarm_seconds")]
    pub alarm_seconds: u64,
}

/// A table, or an array of them: a site with one witness says so plainly.
fn one_or_more<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<WitnessSettings>, D::Error> {
    struct Either;
    impl<'de> Visitor<'de> for Either {
        type Value = Vec<WitnessSettings>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("`[witness]` or several `[[witness]]`")
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            Ok(vec![WitnessSettings::deserialize(MapAccessDeserializer::new(map))?])
        }
        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(seq))
        }
    }
    input.deserialize_any(Either)
}

/// `[witnessing]` in `site.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Witnessing {
    /// How many of the witnesses have to cosign; all of them unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<usize>,
    /// What follows when so many do not.
    pub silence: Silence,
    /// Seconds for which what there is may lack them.
    pub seconds: u64,
}

/// What follows when too few witnesses cosign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Silence {
    /// Somebody hears of it.
    #[default]
    Alarm,
    /// The site stops too, and does not open without them.
    Stop,
}

impl Default for Witnessing {
    fn default() -> Self {
        Self { quorum: None, silence: Silence::Alarm, seconds: default_alarm_seconds() }
    }
}

impl Witnessing {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// How many of `witnesses` have to cosign.
    pub fn quorum_of(&self, witnesses: usize) -> Result<usize, witness::Error> {
        let quorum = self.quorum.unwrap_or(witnesses);
        let why = match (quorum, self.silence) {
            (quorum, _) if quorum > witnesses => format!("the quorum is {quorum}, and there are {witnesses}"),
            (0, Silence::Stop) => "without any, a site that stops without them never opens".to_owned(),
            (0, _) if witnesses > 0 => {
                "a quorum of 0 asks for nobody: leave it out to ask for all".to_owned()
            }
            _ => return Ok(quorum),
        };
        Err(witness::Error::Settings(why))
    }
}

/// `[archive]` in `site.toml`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArchiveSettings {
    /// Whether locked bodies get the file system's immutable flag. Then the kernel refuses their removal
    /// too, and so does whoever wants to remove the site's folder.
    pub immutable: bool,
    /// Days within which a scrub reads everything once; 30 when absent, 0 for none by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scrub_days: Option<u64>,
    /// Mebibytes a second that the site's own scrub reads at most; 50 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scrub_mib_per_second: Option<u64>,
    /// A bucket with object lock, instead of the site's own folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3: Option<bucket::Settings>,
}

impl ArchiveSettings {
    fn is_usual(&self) -> bool {
        !self.immutable
            && self.scrub_days.is_none()
            && self.scrub_mib_per_second.is_none()
            && self.s3.is_none()
    }
}

fn default_alarm_seconds() -> u64 {
    60
}

fn is_default(reach: &keys::Reach) -> bool {
    *reach == keys::Reach::default()
}

fn default_idle_minutes() -> u64 {
    30
}

impl Layout {
    /// The site at `root`, by its absolute path.
    pub fn at(root: &Path) -> anyhow::Result<Self> {
        let root =
            std::path::absolute(root).with_context(|| format!("cannot resolve `{}`", root.display()))?;
        Ok(Self { root })
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `site.toml`; its presence says that the site is whole.
    pub fn settings_file(&self) -> PathBuf {
        self.root.join("site.toml")
    }

    /// The sealed secrets.
    pub fn sealed_keys(&self) -> PathBuf {
        self.root.join("keys").join("site.sealed")
    }

    /// The encrypted metadata database.
    pub fn database(&self) -> PathBuf {
        self.root.join("metadata.db")
    }

    /// The identity map, wherever the metadata is.
    pub fn identities(&self) -> PathBuf {
        self.root.join("identities.db")
    }

    /// The ledger's folder.
    pub fn ledger(&self) -> PathBuf {
        self.root.join("ledger")
    }

    /// How far the ledger's replicas are, a file each.
    pub fn replicas(&self) -> PathBuf {
        self.root.join("replicas")
    }

    /// The folder of object bodies.
    pub fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    /// Public keys for those who verify receipts and checkpoints.
    pub fn public_keys(&self) -> PathBuf {
        self.root.join("site.pub")
    }

    /// The positions that the sinks of the streams acknowledged.
    pub fn streams(&self) -> PathBuf {
        self.root.join("streams")
    }

    /// The positions up to which receivers of notifications took everything.
    pub fn notifications(&self) -> PathBuf {
        self.root.join("notifications")
    }

    /// When the site looked for identifiers in each project, and how many it found.
    pub fn discovery(&self) -> PathBuf {
        self.root.join("discovery.json")
    }

    /// The alarms that stood, one a line.
    pub fn alarms(&self) -> PathBuf {
        self.run().join("alarms.jsonl")
    }

    /// The process's own folder: socket and log.
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// The socket's file name below [`Layout::run`].
    pub const SOCKET: &'static str = "site.sock";

    /// The file name of the socket of metrics, beside it.
    pub const METRICS: &'static str = "metrics.sock";

    /// Reads `site.toml`.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        let path = self.settings_file();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                bail!("`{}` is not a site: it has no site.toml", self.root.display())
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", path.display())),
        };
        Ok(settings(&path, &text)?)
    }
}

/// The settings that a file holds.
pub fn settings(path: &Path, text: &str) -> Result<Settings, Error> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map(|before| format!("line {}: ", before.matches('\n').count() + 1));
        let why = format!("{}{}", line.unwrap_or_default(), error.message());
        Error::Settings { path: path.to_owned(), why }
    })
}
