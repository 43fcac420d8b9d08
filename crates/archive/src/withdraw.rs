//! Objects taken back before anything shows them.

use crate::archive::blocking;
use crate::count::{Change, Counted, count};
use crate::store::Name;
use crate::table::object;
use crate::{Archive, Error};
use access::Permit;
use access::thing::Project;
use access::verb::Write;
use audit::What;
use base::{Id, ObjectId};
use db::Tx;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

/// What only arrives through the door, and may be taken back there.
pub(crate) const ARRIVING: &str = "fastq";

/// Most objects that one event names: an event has a size limit.
const NAMED_AT_ONCE: usize = 400;

/// Bodies whose objects are gone once the transaction is committed.
#[must_use = "the bodies stay until they are discarded after the commit"]
pub struct Withdrawn {
    archive: Archive,
    bodies: Vec<Name>,
}

impl Archive {
    /// Takes back reads that arrived in the permit's project and that nothing shows yet: the package that
    /// they came in is refused, and its caller removes that package's records in the same `tx`.
    ///
    /// 1. The withdrawal is recorded, durably. Crash here: the objects are still there; the package is
    ///    refused again when it is sent again.
    /// 2. The records and the wrapped keys go in `tx`. Crash before its commit: the same.
    /// 3. The caller commits. Crash here: bodies without record, put aside after the next start.
    /// 4. [`Withdrawn::discard`] removes the bodies.
    ///
    /// # Errors
    /// [`Error::NotFound`] when one of `ids` is not such an object, or its package is in already; `tx` must not
    /// be committed then.
    pub async fn withdraw(
        &self,
        permit: &Permit<Write, Project>,
        tx: &Tx,
        ids: &[ObjectId],
    ) -> Result<Withdrawn, Error> {
        let project = permit.in_project()?;
        for id in ids {
            let arriving = object::Entity::find()
                .filter(object::Column::Id.eq(id.as_str()))
                .filter(object::Column::Project.eq(project.as_str()))
                .filter(object::Column::Arriving.eq(1))
                .filter(object::Column::Held.eq(0))
                .one(&**tx)
                .await?;
            arriving.ok_or(Error::NotFound)?;
        }
        for some in ids.chunks(NAMED_AT_ONCE) {
            let event = permit
                .event(What::ObjectsWithdrawn {})
                .in_project(Some(project.clone()))
                .about(some.iter().map(ToString::to_string));
            self.audit.gate(&event).await?;
        }
        let mut bodies = Vec::with_capacity(ids.len());
        for id in ids {
            let of_it = || object::Column::Id.eq(id.as_str());
            let versions = object::Entity::find().filter(of_it()).all(&**tx).await?;
            object::Entity::delete_many().filter(of_it()).exec(&**tx).await?;
            count(tx, Some(project.as_str()), versions.iter().map(Counted::from), Change::Go).await?;
            self.keys.forget_session(permit, tx, id).await?;
            for version in versions {
                bodies.push(Name::parse(&version.body).ok_or(Error::Record)?);
            }
        }
        Ok(Withdrawn { archive: self.clone(), bodies })
    }
}

impl Withdrawn {
    /// Removes the bodies. Called after the commit.
    pub async fn discard(self) {
        let Self { archive, bodies } = self;
        // What stays is put aside after the next start.
        let _ = blocking(move || {
            bodies.iter().for_each(|body| archive.discard(body));
            Ok(())
        })
        .await;
    }
}
