//! `database`: where the metadata database is.

use crate::app::App;
use crate::{DatabaseArgs, Error, Failure, passphrase, text};
use clap::{ArgGroup, Args, Subcommand};
use std::path::{Path, PathBuf};

/// The metadata database: a file in the site's folder, or on a PostgreSQL server
#[derive(Subcommand)]
pub enum Database {
    Move(Move),
}

impl Database {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Move(args) => args.run(app),
        }
    }
}

/// Move the metadata database of a locked site to a PostgreSQL server, or back into a file.
///
/// Every row is copied in one transaction and read back; then the site's settings name the new place, and
/// the old database is removed; where that fails, the site has moved all the same and the answer says what is left. The
/// database on the server is empty before, is in UTF8 and orders text by
/// code points (`createdb --locale=C.UTF-8 --encoding=UTF8 --template=template0`). It takes what unseals
/// the site, and is on record. The site must be locked.
#[derive(Args)]
#[command(
    group(ArgGroup::new("where").required(true).args(["database", "to_file"])),
    after_help = "Example:\n  sequestra --site ./site site lock\n  \
    sequestra --site ./site database move --database postgres://sequestra@db.example/site \\\n    \
    --database-ca /etc/ssl/house.pem --database-password-file /etc/sequestra/database\n\nRole: none; whoever unseals the site."
)]
pub struct Move {
    #[command(flatten)]
    server: Server,
    /// Back into a file in the site's folder
    #[arg(long)]
    to_file: bool,
}

/// How a server is reached.
#[derive(Args)]
pub struct Server {
    /// The PostgreSQL database that takes the metadata: postgres://user@host:port/database, or
    /// postgres:///database?host=/run/postgresql&user=user
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// A PEM file of the authorities that the server's certificate must come from
    #[arg(long, value_name = "FILE", requires = "database")]
    database_ca: Option<PathBuf>,
    /// A file that holds the password alone, readable by the site's account alone
    #[arg(long, value_name = "FILE", requires = "database")]
    database_password_file: Option<PathBuf>,
    /// A PEM file of the site's own certificate, for a server that asks for one
    #[arg(long, value_name = "FILE", requires = "database_key")]
    database_certificate: Option<PathBuf>,
    /// A PEM file of its key
    #[arg(long, value_name = "FILE", requires = "database_certificate")]
    database_key: Option<PathBuf>,
}

impl Server {
    /// What the settings are to say; none for a file.
    pub fn settings(self) -> Result<Option<DatabaseArgs>, Failure> {
        let Some(url) = self.database else { return Ok(None) };
        let file = |path: Option<PathBuf>| path.as_deref().map(absolute).transpose();
        Ok(Some(DatabaseArgs {
            url,
            ca: file(self.database_ca)?,
            password_file: file(self.database_password_file)?,
            certificate: file(self.database_certificate)?,
            key: file(self.database_key)?,
        }))
    }
}

impl Move {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let to = self.server.settings()?;
        let site = app.site()?;
        let passphrase = passphrase::existing(app, &site)?;
        let moved = app.host.move_database(&site, to.as_ref(), &passphrase)?;
        if app.console.is_json() {
            return app.console.json(&moved);
        }
        let rows = text::count(moved.rows);
        let Some(left) = moved.left else {
            app.console.say(&format!("{rows} rows are in {}; the old database is removed", moved.place));
            return Ok(());
        };
        app.console.say(&format!("{rows} rows are in {}, and the site with them", moved.place));
        app.console.talk(&format!(
            "REMOVE BY HAND what is left at {}: it holds wrapped keys, also those that are shredded from now on. It \
             could not be removed: {}",
            left.place, left.why
        ));
        Ok(())
    }
}

/// The site's process has another working folder.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let read = |source| Error::Read { path: path.to_owned(), source };
    Ok(std::path::absolute(path).map_err(read)?)
}
