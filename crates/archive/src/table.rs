//! The room's table.

use db::Migration;

/// The steps to today's tables.
pub const MIGRATIONS: &[Migration] = &[Migration {
    step: "archive-1",
    sql: &[
        "CREATE TABLE archive_object (id TEXT PRIMARY KEY, version INTEGER NOT NULL, project TEXT, subject TEXT, \
            kind TEXT NOT NULL, form TEXT NOT NULL, body TEXT NOT NULL UNIQUE, plain_length BIGINT NOT NULL, \
            cipher_length BIGINT NOT NULL, segments BIGINT NOT NULL, root TEXT NOT NULL, base_nonce {bytes}, \
            sealed_digest TEXT NOT NULL, position BIGINT NOT NULL, created_at TEXT NOT NULL)",
    ],
}];

db::entity!(
    /// One object.
    object, "archive_object", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub version: i32,
    pub project: Option<String>,
    pub subject: Option<String>,
    pub kind: String,
    pub form: String,
    pub body: String,
    pub plain_length: i64,
    pub cipher_length: i64,
    pub segments: i64,
    pub root: String,
    pub base_nonce: Option<Vec<u8>>,
    pub sealed_digest: String,
    pub position: i64,
    pub created_at: String,
});
