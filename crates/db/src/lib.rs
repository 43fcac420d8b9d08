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

pub mod migrate;
pub mod open;
pub mod transaction;

mod error;

pub use error::Error;
pub use migrate::Migration;
pub use open::{Db, DbKey};
pub use transaction::Tx;

/// SeaORM, re-exported so that rooms share one version.
pub use sea_orm;
