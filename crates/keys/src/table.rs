//! The room's tables.

use db::Migration;

/// The steps to today's tables.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        step: "keys-1",
        sql: &[
            "CREATE TABLE keys_scope (id TEXT PRIMARY KEY, wrapped {bytes} NOT NULL)",
            "CREATE TABLE keys_session (object TEXT NOT NULL, version INTEGER NOT NULL, project TEXT, subject TEXT, \
             wrapped {bytes} NOT NULL, PRIMARY KEY (object, version))",
        ],
    },
    Migration {
        step: "keys-2",
        sql: &[
            "CREATE TABLE keys_key (scope TEXT NOT NULL, generation INTEGER NOT NULL, root INTEGER NOT NULL, \
             wrapped {bytes} NOT NULL, PRIMARY KEY (scope, generation))",
            "INSERT INTO keys_key (scope, generation, root, wrapped) SELECT id, 1, 1, wrapped FROM keys_scope",
            "DROP TABLE keys_scope",
            "CREATE INDEX keys_key_root ON keys_key (root)",
            "CREATE TABLE keys_field (scope TEXT PRIMARY KEY, generation INTEGER NOT NULL, wrapped {bytes} NOT NULL)",
            "ALTER TABLE keys_session ADD COLUMN outer_generation INTEGER NOT NULL DEFAULT 1",
            "ALTER TABLE keys_session ADD COLUMN inner_generation INTEGER NOT NULL DEFAULT 1",
            "CREATE INDEX keys_session_project ON keys_session (project, outer_generation)",
            "CREATE INDEX keys_session_subject ON keys_session (subject, inner_generation)",
            "CREATE TABLE keys_shredded (scope TEXT PRIMARY KEY, generations INTEGER NOT NULL, position BIGINT NOT NULL)",
            "CREATE TABLE keys_backup (epoch INTEGER PRIMARY KEY, begun TEXT NOT NULL, expires TEXT NOT NULL, \
             root INTEGER NOT NULL, wrapped {bytes} NOT NULL)",
        ],
    },
    Migration { step: "keys-3", sql: &["ALTER TABLE keys_shredded ADD COLUMN certificate TEXT"] },
    Migration {
        // In the order in which a rotation opens them: a step finds its rows without sorting all.
        step: "keys-4",
        sql: &[
            "DROP INDEX keys_session_project",
            "DROP INDEX keys_session_subject",
            "CREATE INDEX keys_session_outer ON keys_session (project, outer_generation, object, version)",
            "CREATE INDEX keys_session_inner ON keys_session (subject, inner_generation, object, version)",
        ],
    },
];

db::entity!(
    /// Keys of the site, of projects and of subjects, under the root, one row a generation.
    key, "keys_key", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub scope: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub generation: i32,
    pub root: i32,
    pub wrapped: Vec<u8>,
});
db::entity!(
    /// Keys of readable audit fields, under the keys of their scope.
    field, "keys_field", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub scope: String,
    pub generation: i32,
    pub wrapped: Vec<u8>,
});
db::entity!(
    /// Session keys of objects, under the keys of their scope.
    session, "keys_session", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub object: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i32,
    pub project: Option<String>,
    pub subject: Option<String>,
    pub wrapped: Vec<u8>,
    /// The generation of the project's or site's key.
    pub outer_generation: i32,
    /// The generation of the subject's key, where there is one.
    pub inner_generation: i32,
});
db::entity!(
    /// Scopes whose keys were shredded.
    shredded, "keys_shredded", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub scope: String,
    /// How many generations of its key there were.
    pub generations: i32,
    /// The ledger position of the decision.
    pub position: i64,
    /// The first certificate, where one was issued.
    pub certificate: Option<String>,
});
db::entity!(
    /// Keys of key-store backups, each for a short time.
    backup, "keys_backup", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub epoch: i32,
    pub begun: String,
    pub expires: String,
    pub root: i32,
    pub wrapped: Vec<u8>,
});
