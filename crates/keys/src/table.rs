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

/// Keys of the site, of projects and of subjects, under the root.
pub(crate) mod scope {
    use db::sea_orm;
    use db::sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "keys_scope")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub wrapped: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Session keys of objects, under the keys of their scope.
pub(crate) mod session {
    use db::sea_orm;
    use db::sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "keys_session")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub object: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub version: i32,
        pub project: Option<String>,
        pub subject: Option<String>,
        pub wrapped: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
