//! The room's tables.

use db::Migration;

/// The steps to today's tables.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        step: "subjects-1",
        sql: &[
            "CREATE TABLE subjects_statement (position BIGINT PRIMARY KEY, project TEXT NOT NULL, subject TEXT NOT NULL, \
             said TEXT NOT NULL, at BIGINT NOT NULL, consent TEXT, form TEXT, terms TEXT, document TEXT, valid_from BIGINT, \
             valid_until BIGINT)",
            "CREATE INDEX subjects_statement_subject ON subjects_statement (project, subject)",
            "CREATE TABLE subjects_approval (position BIGINT PRIMARY KEY, project TEXT NOT NULL, reasons TEXT NOT NULL, \
             valid_until BIGINT NOT NULL)",
        ],
    },
    Migration {
        step: "subjects-2",
        sql: &[
            "CREATE TABLE subjects_map (one INTEGER PRIMARY KEY CHECK (one = 1), position BIGINT NOT NULL)",
        ],
    },
];

/// The steps to today's tables of the identity map, which is a file of its own.
pub(crate) const OF_THE_MAP: &[Migration] = &[
    Migration {
        step: "subjects-map-1",
        sql: &[
            "CREATE TABLE subjects_identity (subject TEXT NOT NULL, number INTEGER NOT NULL, project TEXT NOT NULL, \
             position BIGINT NOT NULL, lookup {bytes}, sealed {bytes} NOT NULL, PRIMARY KEY (subject, number))",
            "CREATE UNIQUE INDEX subjects_identity_lookup ON subjects_identity (lookup)",
        ],
    },
    Migration {
        step: "subjects-map-2",
        sql: &[
            "ALTER TABLE subjects_identity ADD COLUMN code {bytes}",
            "CREATE INDEX subjects_identity_code ON subjects_identity (code)",
        ],
    },
];

db::entity!(
    /// How far the map was written, as the metadata database knows.
    map, "subjects_map", {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub one: i32,
    pub position: i64,
});

db::entity!(
    /// One value of the map.
    identity, "subjects_identity", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// From 1, within the subject.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub project: String,
    /// The ledger position of its event.
    pub position: i64,
    /// Of a record number: where it is found.
    pub lookup: Option<Vec<u8>>,
    pub sealed: Vec<u8>,
    /// Of what a sheet may call a patient by: the same without an issuer, so that the door knows it.
    pub code: Option<Vec<u8>>,
});

db::entity!(statement, "subjects_statement", {
    /// The ledger position of its event: statements hold in this order.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i64,
    pub project: String,
    pub subject: String,
    pub said: String,
    /// Seconds since 1970.
    pub at: i64,
    /// Of a consent alone, as all that follows.
    pub consent: Option<String>,
    pub form: Option<String>,
    pub terms: Option<String>,
    pub document: Option<String>,
    pub valid_from: Option<i64>,
    pub valid_until: Option<i64>,
});

db::entity!(approval, "subjects_approval", {
    /// The ledger position of its event.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i64,
    pub project: String,
    /// One a line.
    pub reasons: String,
    pub valid_until: i64,
});
