//! Objects taken back before anything shows them.

use crate::table::object;
use crate::{Archive, Error};
use access::Permit;
use access::thing::Project;
use access::verb::Write;
use base::ObjectId;
use db::Tx;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

/// What only arrives through the door, and may be taken back there.
const ARRIVING: &str = "fastq";

/// Bodies whose objects are gone once the transaction is committed.
#[must_use = "the bodies stay until they are discarded after the commit"]
pub struct Withdrawn {
    archive: Archive,
    bodies: Vec<String>,
}

impl Archive {
    /// Takes back reads that arrived in the permit's project and that nothing shows yet: the package that
    /// they came in is refused, and its caller removes that package's records in the same `tx`.
    ///
    /// 1. The records go in `tx`. Crash before its commit: nothing happened.
    /// 2. The caller commits. Crash here: bodies without record, cleared at the next start.
    /// 3. [`Withdrawn::discard`] removes the bodies.
    ///
    /// The wrapped session keys stay; they open nothing that is left.
    ///
    /// # Errors
    /// [`Error::NotFound`] when one of `ids` is not such an object; `tx` must not be committed then.
    pub async fn withdraw(
        &self,
        permit: &Permit<Write, Project>,
        tx: &Tx,
        ids: &[ObjectId],
    ) -> Result<Withdrawn, Error> {
        let project = permit.in_project()?;
        let mut bodies = Vec::with_capacity(ids.len());
        for id in ids {
            let row = object::Entity::find_by_id(id.to_string())
                .filter(object::Column::Project.eq(project.to_string()))
                .filter(object::Column::Kind.eq(ARRIVING))
                .one(&**tx)
                .await?
                .ok_or(Error::NotFound)?;
            object::Entity::delete_by_id(id.to_string()).exec(&**tx).await?;
            bodies.push(row.body);
        }
        Ok(Withdrawn { archive: self.clone(), bodies })
    }
}

impl Withdrawn {
    /// Removes the bodies. Called after the commit.
    pub fn discard(self) {
        for body in &self.bodies {
            self.archive.discard(body);
        }
    }
}
