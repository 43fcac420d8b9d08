//! The room's tables.

use db::Migration;

/// The steps to today's tables.
pub const MIGRATIONS: &[Migration] = &[Migration {
    step: "keys-1",
    sql: &[
        "CREATE TABLE keys_scope (id TEXT PRIMARY KEY, wrapped {bytes} NOT NULL)",
        "CREATE TABLE keys_session (object TEXT NOT NULL, version INTEGER NOT NULL, project TEXT, subject TEXT, \
         wrapped {bytes} NOT NULL, PRIMARY KEY (object, version))",
    ],
}];

db::entity!(
    /// Keys of the site, of projects and of subjects, under the root.
    scope, "keys_scope", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
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
});
