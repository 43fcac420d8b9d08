//! The metadata database: an encrypted file or a PostgreSQL server, explicit migrations, and writes that
//! name the ledger decision they carry out. Specification: `docs/spec/database.md`.
//!
//! Promises: a file is encrypted under the key it was opened with, and a server is reached by TLS with
//! its certificate checked, or by a socket; one process at a time has the database, and one transaction
//! at a time is open; a transaction can only be begun with the ledger position of a recorded decision,
//! and its commit stores that position, so that a rolled-back database is noticed at start; a migration
//! runs once, whole, in order.
//!
//! * [`open`]: an open database, and how a file is opened
//! * [`server`]: how a server is reached
//! * [`migrate`]: the explicit steps from an empty database to today's tables
//! * [`transaction`]: writes, and the watermark they leave
//! * [`columns`]: values that name people, sealed one by one
//! * [`check`]: everything that is stored, read once
//! * [`copy`]: a snapshot for a backup
//! * [`transfer`]: all rows from a file to a server, or back
//! * [`entity!`]: a row type of a room's table

pub mod check;
pub mod columns;
pub mod copy;
pub mod migrate;
pub mod open;
pub mod server;
pub mod transaction;
pub mod transfer;

mod error;
mod exit;
mod hold;
mod postgres;
mod private;

pub use columns::{Cell, Columns};
pub use error::Error;
pub use migrate::Migration;
pub use open::{Db, DbKey};
pub use postgres::probe;
pub use server::{Server, refuse_environment};
pub use transaction::{Look, Opening, Tx};
pub use transfer::Moved;

/// SeaORM, re-exported so that rooms share one version.
pub use sea_orm;

/// Declares the row type of a table: a private module with SeaORM's `Entity`, `Model`, `Column`
/// and `ActiveModel`.
///
/// ```
/// db::entity!(lane, "catalog_lane", {
///     #[sea_orm(primary_key, auto_increment = false)]
///     pub id: String,
/// });
/// ```
#[macro_export]
macro_rules! entity {
    ($(#[$doc:meta])* $module:ident, $table:literal, { $($body:tt)* }) => {
        $(#[$doc])*
        pub(crate) mod $module {
            use $crate::sea_orm;
            use $crate::sea_orm::entity::prelude::*;

            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
            #[sea_orm(table_name = $table)]
            pub struct Model { $($body)* }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}
