//! The encrypted metadata database: connections and explicit migrations.
