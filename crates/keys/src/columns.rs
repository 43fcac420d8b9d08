//! The key of sealed columns: a scope of its own under the root.
//!
//! Like readable audit fields, what is stored is not sealed again when the scope's key is rotated: the
//! scope's field key seals, and a rotation wraps that key anew.

use crate::{Error, Keys};
use base::Entropy;
use db::{Columns, Tx};
use std::sync::Arc;

/// The scope's id.
pub(crate) const COLUMNS: &str = "columns";

impl Keys {
    /// Makes the key of sealed columns. Part of making a site.
    pub async fn create_column_key(&self, tx: &Tx) -> Result<(), Error> {
        self.create_scope(tx, COLUMNS).await
    }

    /// Opens the sealed columns of the database. A site that was made before there were any gets their
    /// key here.
    pub async fn open_columns(&self) -> Result<(), Error> {
        let db = &self.inner.db;
        let scope = match self.scope(db.reader(), COLUMNS).await {
            Err(Error::NoKey(_)) => {
                let tx = db.begin_without_decision().await?;
                self.create_column_key(&tx).await?;
                tx.commit().await?;
                self.scope(db.reader(), COLUMNS).await?
            }
            scope => scope?,
        };
        let entropy: Arc<dyn Entropy> = self.inner.entropy.clone();
        db.attach_columns(Columns::new(&scope.field.expose(), entropy)?);
        Ok(())
    }
}
