//! The room's tables.

use db::Migration;

/// The steps to today's tables.
pub const MIGRATIONS: &[Migration] = &[FIRST, SESSIONS, RIGHTS, PROPOSALS];

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
