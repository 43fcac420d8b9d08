//! How a database on a PostgreSQL server is opened.

use crate::hold::{self, Hold};
use crate::open::Kept;
use crate::{Db, Error, Migration, Server};
use base::Boxed;
use sea_orm::DbErr;
use sea_orm::RuntimeErr::SqlxError;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{Connection, Row};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

/// The oldest server whose behaviour this room was written for.
const OLDEST: i32 = 140_000;
/// How long a request waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

const ABOUT: &str = "SELECT current_setting('server_version_num')::int4, current_setting('server_encoding'), \
     'Z' < 'a' AND 'a-b' < 'aa' AND 'z' < chr(233), current_setting('fsync') = 'on', \
     current_setting('full_page_writes') = 'on', pg_is_in_recovery(), \
     (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl), \
     current_setting('server_version'), \
     has_database_privilege('public', current_database(), 'CONNECT, TEMPORARY, CREATE') \
     OR has_schema_privilege('public', 'public', 'CREATE'), \
     current_setting('synchronous_commit') = 'on' AND current_setting('search_path') = 'public' \
     AND current_setting('lock_timeout') = '20s'";

impl Db {
    /// Opens the database on `server` for the site `owner`, and brings its tables up to date.
    ///
    /// 1. One connection takes the database's lock: nobody else has it ([`Error::Held`]).
    /// 2. The database is this site's, or has no tables yet and becomes this site's.
    /// 3. This process is written down as the holder, so that one that lost the lock without knowing
    ///    cannot commit any more.
    /// 4. Migrations, under the same lock.
    pub fn connect<'a>(
        server: &'a Server,
        owner: &'a str,
        migrations: &'a [&'a [Migration]],
    ) -> Boxed<'a, Result<Self, Error>> {
        Box::pin(Self::connected(server, owner, migrations))
    }

    async fn connected(server: &Server, owner: &str, migrations: &[&[Migration]]) -> Result<Self, Error> {
        let reach = Reach::of(server)?;
        let (mut own, version) = reach.connect().await?;
        hold::lock(&mut own).await?;
        let holder = hold::claim(&mut own, owner).await?;
        let pool = PgPoolOptions::new()
            .max_connections(server.connections)
            .acquire_timeout(PATIENCE)
            .after_connect({
                let remote = reach.remote;
                move |own, _| Box::pin(async move { fit(own, remote).await.map(drop).map_err(refused) })
            })
            .connect_lazy_with(reach.options.clone());
        let carried_out = Arc::new(AtomicI64::new(-1));
        let place = format!("PostgreSQL {version} at {}", server.place()?);
        let hold = Hold::keep(own, reach, (holder, place), carried_out.clone());
        let kept = Kept::Server(Arc::new(hold));
        Self::over(pool.into(), carried_out, kept).prepared(migrations).await
    }
}

/// Connects as a start does, looks at the server, and holds nothing. Gives its version.
pub async fn probe(server: &Server) -> Result<String, Error> {
    let (own, version) = Reach::of(server)?.connect().await?;
    own.close().await.map_err(away)?;
    Ok(version)
}

/// How a server is reached, as the settings say.
#[derive(Clone)]
pub(crate) struct Reach {
    options: PgConnectOptions,
    /// Through the network, and so under TLS.
    remote: bool,
}

impl Reach {
    pub(crate) fn of(server: &Server) -> Result<Self, Error> {
        Ok(Self { options: server.options()?, remote: server.is_remote()? })
    }

    /// A connection to a server that is fit, and the server's version. Each connection is looked at: what answers may
    /// be another server since.
    pub(crate) async fn connect(&self) -> Result<(PgConnection, String), Error> {
        let mut own = PgConnection::connect_with(&self.options).await.map_err(away)?;
        let version = fit(&mut own, self.remote).await?;
        Ok((own, version))
    }
}

/// As the pool of connections takes it, which tells nobody: a doctor says why.
fn refused(error: Error) -> sqlx::Error {
    sqlx::Error::Protocol(error.to_string())
}

pub(crate) fn away(error: sqlx::Error) -> Error {
    DbErr::Conn(SqlxError(Arc::new(error))).into()
}

/// Whether the server keeps what it acknowledges, and orders text as a file does. Gives its version.
async fn fit(connection: &mut PgConnection, remote: bool) -> Result<String, Error> {
    let row = sqlx::query(ABOUT).fetch_one(connection).await.map_err(away)?;
    let unfit = |why: &str| Err(Error::Unfit(why.to_owned()));
    let yes = |at: usize| row.try_get::<bool, _>(at).map_err(away);
    if row.try_get::<i32, _>(0).map_err(away)? < OLDEST {
        return unfit("it is older than PostgreSQL 14");
    }
    if row.try_get::<String, _>(1).map_err(away)? != "UTF8" {
        return unfit("the database's encoding is not UTF8");
    }
    if !yes(2)? {
        return unfit("the database orders text by a language: make it with `--locale=C.UTF-8`");
    }
    if !yes(3)? || !yes(4)? {
        return unfit("`fsync` or `full_page_writes` is off, so that it can lose what it acknowledged");
    }
    if yes(5)? {
        return unfit("it is a standby, which takes no writes");
    }
    if yes(8)? {
        return unfit(
            "everybody with an account on it may use the database: \
             `REVOKE ALL ON DATABASE … FROM PUBLIC` and `REVOKE CREATE ON SCHEMA public FROM PUBLIC`",
        );
    }
    if !yes(9)? {
        return unfit("something on the way drops the settings of connections; reach it without a pooler");
    }
    match row.try_get::<Option<String>, _>(6).map_err(away)?.as_deref() {
        Some("TLSv1.3") => row.try_get(7).map_err(away),
        None if !remote => row.try_get(7).map_err(away),
        _ => unfit("the connection is not under TLS 1.3"),
    }
}
