//! A PostgreSQL server: how a site reaches it.

use crate::{Error, private};
use serde::{Deserialize, Serialize};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use url::Url;

/// `[database]` of a site's settings. It holds no secret: those lie in files that nobody else can read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// `postgres://user@host:port/database`, or `postgres:///database?host=/folder/of/socket&user=user`,
    /// perhaps with `&port=port`.
    pub url: String,
    /// PEM file of the authorities that the server's certificate must come from. Needed unless the
    /// server is reached by a socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// A file that holds the password alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// PEM file of the site's own certificate, for a server that asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<PathBuf>,
    /// PEM file of the certificate's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<PathBuf>,
    /// Connections besides the one that holds the database.
    #[serde(default = "usual_connections", skip_serializing_if = "is_usual_connections")]
    pub connections: u32,
    /// Seconds after which the server gives a statement up.
    #[serde(default = "usual_seconds", skip_serializing_if = "is_usual_seconds")]
    pub statement_seconds: u32,
}

const CONNECTIONS: u32 = 8;
const SECONDS: u32 = 60;
const PORT: u16 = 5432;

const fn usual_connections() -> u32 {
    CONNECTIONS
}
const fn usual_seconds() -> u32 {
    SECONDS
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_usual_connections(value: &u32) -> bool {
    *value == CONNECTIONS
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_usual_seconds(value: &u32) -> bool {
    *value == SECONDS
}

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Door {
    Tcp(String),
    /// The folder of its socket.
    Socket(PathBuf),
}

/// What an address says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    door: Door,
    port: u16,
    user: String,
    database: String,
}

impl Server {
    /// The server at `url`, with everything else as usual.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ca: None,
            password_file: None,
            client_certificate: None,
            client_key: None,
            connections: CONNECTIONS,
            statement_seconds: SECONDS,
        }
    }

    /// Refuses an address or a combination that says too little, or that holds a secret.
    pub fn check(&self) -> Result<(), Error> {
        self.target().map(drop)
    }

    /// Where the database is, for people: no user and no secret.
    pub fn place(&self) -> Result<String, Error> {
        let target = self.target()?;
        Ok(match target.door {
            Door::Tcp(host) => format!("{host}:{}/{}", target.port, target.database),
            Door::Socket(folder) => format!("{}:{}/{}", folder.display(), target.port, target.database),
        })
    }

    /// Whether the server is reached through the network, and so with TLS.
    pub(crate) fn is_remote(&self) -> Result<bool, Error> {
        Ok(matches!(self.target()?.door, Door::Tcp(_)))
    }

    /// What a connection is made with. Reads the files that the settings name.
    pub(crate) fn options(&self) -> Result<PgConnectOptions, Error> {
        let target = self.target()?;
        let mut options = PgConnectOptions::new_without_pgpass()
            .port(target.port)
            .username(&target.user)
            .database(&target.database)
            .application_name("sequestra")
            .options([
                ("search_path", "public".to_owned()),
                ("synchronous_commit", "on".to_owned()),
                ("statement_timeout", format!("{}s", self.statement_seconds)),
                ("lock_timeout", "20s".to_owned()),
                ("idle_in_transaction_session_timeout", "120s".to_owned()),
                // A machine that went away lets the database go after a minute, not after two hours.
                ("tcp_keepalives_idle", "30".to_owned()),
                ("tcp_keepalives_interval", "10".to_owned()),
                ("tcp_keepalives_count", "3".to_owned()),
            ])
            .disable_statement_logging();
        options = match target.door {
            Door::Tcp(host) => {
                let mut options = options.host(&host).ssl_mode(PgSslMode::VerifyFull);
                if let Some(ca) = &self.ca {
                    options = options.ssl_root_cert(readable(ca)?);
                }
                options
            }
            Door::Socket(folder) => {
                refuse_open_folder(&folder)?;
                options.host("localhost").socket(folder).ssl_mode(PgSslMode::Disable)
            }
        };
        if let Some(path) = &self.password_file {
            options = options.password(private::read(path)?.trim_end_matches(['\r', '\n']));
        }
        if let (Some(certificate), Some(key)) = (&self.client_certificate, &self.client_key) {
            options = options
                .ssl_client_cert(readable(certificate)?)
                .ssl_client_key_from_pem(private::read(key)?.as_bytes());
        }
        Ok(options)
    }

    fn target(&self) -> Result<Target, Error> {
        let target = target(&self.url)?;
        if !(2..=100).contains(&self.connections) {
            return Err(setting("`connections` is 2 to 100"));
        }
        if !(1..=3600).contains(&self.statement_seconds) {
            return Err(setting("`statement_seconds` is 1 to 3600"));
        }
        if self.client_certificate.is_some() != self.client_key.is_some() {
            return Err(setting("`client_certificate` and `client_key` go together"));
        }
        let files = [&self.ca, &self.password_file, &self.client_certificate, &self.client_key];
        if files.into_iter().flatten().any(|path| !path.is_absolute()) {
            return Err(setting("files are named by their absolute paths"));
        }
        match target.door {
            Door::Tcp(_) if self.ca.is_none() => Err(setting(
                "a server on the network needs `ca`: the authorities that its certificate must come from",
            )),
            Door::Socket(_) if self.ca.is_some() || self.client_key.is_some() => {
                Err(setting("a socket has no TLS: leave `ca`, `client_certificate` and `client_key` out"))
            }
            _ => Ok(target),
        }
    }
}

/// Refuses an environment from which the driver would take what the settings do not say: a password that no file holds,
/// options that weaken the connection. Programs that connect ask this first.
pub fn refuse_environment(is_set: impl Fn(&str) -> bool) -> Result<(), Error> {
    let read = ["PGPASSWORD", "PGOPTIONS", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"];
    match read.into_iter().find(|name| is_set(name)) {
        Some(name) => Err(Error::Setting(format!(
            "`{name}` is set in the environment: the settings and their files alone say how the server is reached"
        ))),
        None => Ok(()),
    }
}

fn setting(why: &str) -> Error {
    Error::Setting(why.to_owned())
}

fn target(text: &str) -> Result<Target, Error> {
    // The text may hold a password: no error repeats it.
    let url = Url::parse(text).map_err(|_| setting("`url` is `postgres://user@host:port/database`"))?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(setting("`url` begins with `postgres://`"));
    }
    if url.password().is_some() {
        return Err(setting("`url` holds a password: name a `password_file` instead"));
    }
    let (mut socket, mut user, mut port) = (None, plain(url.username())?, url.port());
    for (name, value) in url.query_pairs() {
        match &*name {
            "host" if value.starts_with('/') => socket = Some(PathBuf::from(value.into_owned())),
            "user" if user.is_empty() => user = value.into_owned(),
            "port" if port.is_none() => {
                port = Some(value.parse().map_err(|_| setting("a port is a number up to 65535"))?);
            }
            _ => return Err(setting("after `?` stand `host=/folder`, `port=` and `user=` alone")),
        }
    }
    let database = plain(url.path().trim_start_matches('/'))?;
    let door = match (url.host_str().filter(|host| !host.is_empty()), socket) {
        (Some(host), None) => Door::Tcp(host.trim_matches(['[', ']']).to_owned()),
        (None, Some(folder)) => Door::Socket(folder),
        _ => return Err(setting("`url` names one host, or the folder of a socket as `?host=/folder`")),
    };
    if user.is_empty() || database.is_empty() || database.contains('/') {
        return Err(setting("`url` names a user and a database"));
    }
    Ok(Target { door, port: port.unwrap_or(PORT), user, database })
}

fn plain(part: &str) -> Result<String, Error> {
    let bytes = percent_encoding::percent_decode_str(part);
    let text = bytes.decode_utf8().map_err(|_| setting("`url` is not in UTF-8"))?;
    if text.contains(char::is_control) {
        Err(setting("`url` holds control characters"))
    } else {
        Ok(text.into())
    }
}

/// A file that is missing is named here: the driver would not say which.
fn readable(path: &Path) -> Result<&Path, Error> {
    let refuse = |e: std::io::Error| Error::File { path: path.to_owned(), why: e.to_string() };
    std::fs::File::open(path).map_err(refuse)?;
    Ok(path)
}

/// In a folder that everybody may write to, anybody's program can listen in the server's stead.
fn refuse_open_folder(folder: &Path) -> Result<(), Error> {
    let refuse = |why: String| Error::File { path: folder.to_owned(), why };
    let about = std::fs::metadata(folder).map_err(|e| refuse(e.to_string()))?;
    match about.permissions().mode() & 0o002 {
        0 => Ok(()),
        _ => Err(refuse("everybody may write to the folder of the socket".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str) -> Result<Target, String> {
        target(url).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_of_the_environment_decides() {
        refuse_environment(|name| name == "PGDATA").unwrap();
        let refused = refuse_environment(|name| name == "PGOPTIONS").unwrap_err();
        assert!(refused.to_string().contains("`PGOPTIONS`"), "{refused}");
    }

    #[test]
    fn addresses_name_host_user_and_database() {
        let found = check("postgres://seq@db.example:5433/site").unwrap();
        assert_eq!((found.door, found.port), (Door::Tcp("db.example".into()), 5433));
        assert_eq!((found.user.as_str(), found.database.as_str()), ("seq", "site"));
        let found = check("postgresql:///site?host=/run/postgresql&user=seq").unwrap();
        assert_eq!((found.door, found.port), (Door::Socket("/run/postgresql".into()), 5432));
        assert_eq!(check("postgres://a%40b@h/d").unwrap().user, "a@b");
        assert_eq!(check("postgres://seq@[::1]/d").unwrap().door, Door::Tcp("::1".into()));
        for bad in [
            "",
            "db.example",
            "mysql://seq@h/d",
            "postgres://seq:hunter2@h/d",
            "postgres://h/d",
            "postgres://seq@h",
            "postgres://seq@h/d?sslmode=disable",
            "postgres://seq@h/d?host=/run",
            "postgres:///d?user=seq",
            "postgres://seq@h/d/e",
            "postgres://seq@h/%0a",
        ] {
            let error = check(bad).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_would_weaken_it_is_refused() {
        let remote = Server { ca: Some("/etc/ca.pem".into()), ..Server::new("postgres://seq@h/d") };
        let local = Server::new("postgres:///d?host=/run/postgresql&user=seq");
        remote.check().unwrap();
        local.check().unwrap();
        let bad = [
            Server { ca: None, ..remote.clone() },
            Server { ca: Some("ca.pem".into()), ..remote.clone() },
            Server { ca: Some("/etc/ca.pem".into()), ..local },
            Server { client_key: Some("/k".into()), ..remote.clone() },
            Server { connections: 1, ..remote.clone() },
            Server { statement_seconds: 0, ..remote },
        ];
        for server in bad {
            assert!(matches!(server.check(), Err(Error::Setting(_))), "{server:?}");
        }
        let open = tempfile::tempdir().unwrap();
        std::fs::set_permissions(open.path(), PermissionsExt::from_mode(0o777)).unwrap();
        assert!(matches!(refuse_open_folder(open.path()), Err(Error::File { .. })));
        std::fs::set_permissions(open.path(), PermissionsExt::from_mode(0o755)).unwrap();
        refuse_open_folder(open.path()).unwrap();
    }
}
