//! The room's tables.

use crate::Error;
use db::Migration;
use std::fmt::Display;

/// What a row holds as a text or a number, read. What cannot be read is a fault of the database, not of who asks.
pub(crate) fn kept<T, E: Display>(read: Result<T, E>) -> Result<T, Error> {
    read.map_err(|why| db::sea_orm::DbErr::Custom(why.to_string()).into())
}

/// The steps to today's tables.
pub const MIGRATIONS: &[Migration] =
    &[FIRST, SESSIONS, RIGHTS, PROPOSALS, PASSKEYS, SERVICES, PASSWORDS, VISAS, LINKS, NAMINGS, EXCEPTIONS];

/// A site's own policies, and who proposed them.
const PROPOSALS: Migration = Migration {
    step: "access-4",
    sql: &[
        "CREATE TABLE access_proposal (id TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES access_account (id), \
         created_at TEXT NOT NULL, state TEXT NOT NULL, digest TEXT NOT NULL, replaces TEXT NOT NULL, texts TEXT NOT NULL)",
    ],
};

/// When roles end, and which accounts are one person's. Roles that were given before have no end.
const RIGHTS: Migration = Migration {
    step: "access-3",
    sql: &[
        "ALTER TABLE access_account ADD COLUMN person TEXT",
        "ALTER TABLE access_grant ADD COLUMN training_until BIGINT",
        "ALTER TABLE access_grant ADD COLUMN agreement_until BIGINT",
        "ALTER TABLE access_grant ADD COLUMN approval_until BIGINT",
        "ALTER TABLE access_grant ADD COLUMN lapsed BOOLEAN NOT NULL DEFAULT FALSE",
    ],
};

/// How each session began. Those of before began by a one-time token, over the socket.
const SESSIONS: Migration = Migration {
    step: "access-2",
    sql: &[
        "ALTER TABLE access_session ADD COLUMN proof TEXT NOT NULL DEFAULT 'one-time-token'",
        "ALTER TABLE access_session ADD COLUMN source TEXT NOT NULL DEFAULT 'socket'",
        "CREATE INDEX access_session_account ON access_session (account)",
    ],
};

const PASSKEYS: Migration = Migration {
    step: "access-5",
    sql: &[
        "ALTER TABLE access_session ADD COLUMN proved_at BIGINT NOT NULL DEFAULT 0",
        "CREATE TABLE access_passkey (id {bytes} PRIMARY KEY, name TEXT NOT NULL UNIQUE, account TEXT NOT NULL \
         REFERENCES access_account (id), label TEXT NOT NULL, key TEXT NOT NULL, created_at BIGINT NOT NULL, \
         used_at BIGINT NOT NULL, suspended BOOLEAN NOT NULL)",
        "CREATE INDEX access_passkey_account ON access_passkey (account)",
    ],
};

const SERVICES: Migration = Migration {
    step: "access-6",
    sql: &[
        "CREATE TABLE access_service (id TEXT PRIMARY KEY, owner TEXT NOT NULL REFERENCES access_account (id), \
         purpose TEXT NOT NULL, environment TEXT NOT NULL, project TEXT NOT NULL, actions TEXT NOT NULL, class TEXT NOT NULL, \
         networks TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT, closed BOOLEAN NOT NULL)",
        "CREATE TABLE access_service_key (id TEXT PRIMARY KEY, service TEXT NOT NULL REFERENCES access_service (id), \
         public {bytes} NOT NULL, created_at BIGINT NOT NULL, ends_at BIGINT NOT NULL)",
        "CREATE TABLE access_service_person (service TEXT NOT NULL REFERENCES access_service (id), account TEXT NOT NULL \
         REFERENCES access_account (id), key TEXT NOT NULL, proof TEXT NOT NULL, PRIMARY KEY (account, key))",
        "CREATE TABLE access_service_token (digest {bytes} PRIMARY KEY, name TEXT NOT NULL UNIQUE, service TEXT NOT NULL \
         REFERENCES access_service (id), key TEXT NOT NULL, account TEXT NOT NULL, source TEXT NOT NULL, ends_at BIGINT NOT NULL)",
    ],
};

const PASSWORDS: Migration = Migration {
    step: "access-7",
    sql: &[
        "CREATE TABLE access_password (account TEXT PRIMARY KEY REFERENCES access_account (id), name TEXT NOT NULL UNIQUE, \
            salt {bytes} NOT NULL, hash TEXT NOT NULL, secret TEXT NOT NULL, used_step BIGINT NOT NULL, \
            created_at BIGINT NOT NULL, used_at BIGINT NOT NULL)",
    ],
};

/// Who people are elsewhere, which visas projects take, what these gave, and whom somebody took out again.
const VISAS: Migration = Migration {
    step: "access-8",
    sql: &[
        "CREATE TABLE access_identity (name {bytes} PRIMARY KEY, issuer TEXT NOT NULL, account TEXT NOT NULL \
         REFERENCES access_account (id), since BIGINT NOT NULL)",
        "CREATE INDEX access_identity_account ON access_identity (account)",
        "CREATE TABLE access_mapping (id TEXT PRIMARY KEY, project TEXT NOT NULL, issuer TEXT NOT NULL, value TEXT NOT NULL, \
         role TEXT NOT NULL, made_by TEXT NOT NULL REFERENCES access_account (id), since BIGINT NOT NULL)",
        "CREATE INDEX access_mapping_project ON access_mapping (project)",
        "CREATE TABLE access_presented (visa {bytes} NOT NULL, mapping TEXT NOT NULL, until BIGINT NOT NULL, \
         expires BIGINT NOT NULL, PRIMARY KEY (visa, mapping))",
        "CREATE TABLE access_taken (account TEXT NOT NULL REFERENCES access_account (id), project TEXT NOT NULL, \
         PRIMARY KEY (account, project))",
        "ALTER TABLE access_grant ADD COLUMN issuer TEXT",
        "ALTER TABLE access_grant ADD COLUMN source TEXT",
        "ALTER TABLE access_grant ADD COLUMN mapping TEXT",
    ],
};

/// Which of the subjects elsewhere sign in. Those of before have visas alone.
const LINKS: Migration = Migration {
    step: "access-9",
    sql: &["ALTER TABLE access_identity ADD COLUMN signs_in BOOLEAN NOT NULL DEFAULT FALSE"],
};

/// Who was proposed to administer a project that has nobody.
const NAMINGS: Migration = Migration {
    step: "access-10",
    sql: &[
        "CREATE TABLE access_naming (project TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL \
         REFERENCES access_account (id), proposer TEXT NOT NULL REFERENCES access_account (id), since BIGINT NOT NULL)",
    ],
};

/// Who sees data by way of exception, and which role is held so. Those of before are held as ever.
const EXCEPTIONS: Migration = Migration {
    step: "access-11",
    sql: &[
        "CREATE TABLE access_exception (id TEXT PRIMARY KEY, project TEXT NOT NULL, account TEXT NOT NULL \
         REFERENCES access_account (id), since BIGINT NOT NULL, until BIGINT, ended_at BIGINT, judge TEXT \
         REFERENCES access_account (id), judged_at BIGINT, justified BOOLEAN, reason TEXT)",
        "CREATE INDEX access_exception_project ON access_exception (project)",
        "ALTER TABLE access_grant ADD COLUMN under TEXT",
    ],
};

const FIRST: Migration = Migration {
    step: "access-1",
    sql: &[
        "CREATE TABLE access_account (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL, \
         closed BOOLEAN NOT NULL)",
        "CREATE TABLE access_token (digest {bytes} PRIMARY KEY, account TEXT NOT NULL REFERENCES access_account (id), \
         expires_at BIGINT NOT NULL)",
        "CREATE TABLE access_session (digest {bytes} PRIMARY KEY, account TEXT NOT NULL REFERENCES access_account (id), \
         created_at BIGINT NOT NULL, used_at BIGINT NOT NULL)",
        "CREATE TABLE access_grant (id TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES access_account (id), \
         role TEXT NOT NULL, project TEXT, created_at TEXT NOT NULL, expires_at BIGINT)",
        "CREATE INDEX access_grant_account ON access_grant (account)",
    ],
};

db::entity!(account, "access_account", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub name: String,
    pub created_at: String,
    pub closed: bool,
    pub person: Option<String>,
});

db::entity!(token, "access_token", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub digest: Vec<u8>,
    pub account: String,
    pub expires_at: i64,
});

db::entity!(session, "access_session", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub digest: Vec<u8>,
    pub account: String,
    pub created_at: i64,
    pub used_at: i64,
    pub proof: String,
    pub source: String,
    pub proved_at: i64,
});

db::entity!(passkey, "access_passkey", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Vec<u8>,
    #[sea_orm(unique)]
    pub name: String,
    pub account: String,
    pub label: String,
    pub key: String,
    pub created_at: i64,
    pub used_at: i64,
    pub suspended: bool,
});

db::entity!(password, "access_password", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: String,
    #[sea_orm(unique)]
    pub name: String,
    pub salt: Vec<u8>,
    pub hash: String,
    pub secret: String,
    pub used_step: i64,
    pub created_at: i64,
    pub used_at: i64,
});

db::entity!(service, "access_service", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub owner: String,
    pub purpose: String,
    pub environment: String,
    pub project: String,
    pub actions: String,
    pub class: String,
    pub networks: String,
    pub created_at: i64,
    pub expires_at: i64,
    pub used_at: Option<i64>,
    pub closed: bool,
});

db::entity!(service_key, "access_service_key", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub service: String,
    pub public: Vec<u8>,
    pub created_at: i64,
    pub ends_at: i64,
});

db::entity!(service_token, "access_service_token", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub digest: Vec<u8>,
    #[sea_orm(unique)]
    pub name: String,
    pub service: String,
    pub key: String,
    pub account: String,
    pub source: String,
    pub ends_at: i64,
});

db::entity!(service_person, "access_service_person", {
    pub service: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    pub proof: String,
});

db::entity!(grant, "access_grant", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub account: String,
    pub role: String,
    pub project: Option<String>,
    pub created_at: String,
    pub expires_at: Option<i64>,
    pub training_until: Option<i64>,
    pub agreement_until: Option<i64>,
    pub approval_until: Option<i64>,
    pub lapsed: bool,
    pub issuer: Option<String>,
    pub source: Option<String>,
    pub mapping: Option<String>,
    pub under: Option<String>,
});

db::entity!(identity, "access_identity", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: Vec<u8>,
    pub issuer: String,
    pub account: String,
    pub since: i64,
    pub signs_in: bool,
});

db::entity!(mapping, "access_mapping", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub project: String,
    pub issuer: String,
    pub value: String,
    pub role: String,
    pub made_by: String,
    pub since: i64,
});

db::entity!(presented, "access_presented", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub visa: Vec<u8>,
    #[sea_orm(primary_key, auto_increment = false)]
    pub mapping: String,
    pub until: i64,
    pub expires: i64,
});

db::entity!(naming, "access_naming", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub project: String,
    #[sea_orm(unique)]
    pub id: String,
    pub account: String,
    pub proposer: String,
    pub since: i64,
});

db::entity!(exception, "access_exception", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub project: String,
    pub account: String,
    pub since: i64,
    pub until: Option<i64>,
    pub ended_at: Option<i64>,
    pub judge: Option<String>,
    pub judged_at: Option<i64>,
    pub justified: Option<bool>,
    pub reason: Option<String>,
});

db::entity!(taken, "access_taken", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub project: String,
});

db::entity!(proposal, "access_proposal", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub account: String,
    pub created_at: String,
    pub state: String,
    pub digest: String,
    pub replaces: String,
    pub texts: String,
});
