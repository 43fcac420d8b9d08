//! The encrypted metadata database: one connection, explicit migrations, and writes that name
//! the ledger decision they carry out.
//!
//! Promises: the file is encrypted under the key it was opened with; a transaction can only be
//! begun with the ledger position of a recorded decision, and its commit stores that position, so
//! that a rolled-back database is noticed at start; a migration runs once, whole, in order.
//!
//! * [`open`]: the database file and its settings
//! * [`migrate`]: the explicit steps from an empty database to today's tables
//! * [`transaction`]: writes, and the watermark they leave
//! * [`check`]: every page, authenticated
//! * [`copy`]: a snapshot for a backup
//! * [`entity!`]: a row type of a room's table

pub mod check;
pub mod copy;
pub mod migrate;
pub mod open;
pub mod transaction;

mod error;
mod exit;

pub use error::Error;
pub use migrate::Migration;
pub use open::{Db, DbKey};
pub use transaction::Tx;

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
