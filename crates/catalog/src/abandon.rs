//! A package that is given up: no record of it stays here, and no label.

use crate::package::open_package;
use crate::sealed::Words;
use crate::table::{package, package_file, readset, sample, subject};
use crate::{Catalog, Error};
use access::Permit;
use access::thing;
use access::verb::Write;
use base::{Id, ObjectId, PackageId, SubjectId};
use db::Tx;
use db::sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use std::collections::BTreeSet;

impl Catalog {
    /// Removes the records of a package that is not committed, and the samples and subjects that came with
    /// it and that nothing else names, but for the subjects to `keep`. Gives the objects of its files, which the caller takes back from the
    /// archive in the same transaction.
    pub async fn abandon_package(
        &self,
        permit: &Permit<Write, thing::Project>,
        tx: &Tx,
        id: &PackageId,
        keep: &BTreeSet<SubjectId>,
    ) -> Result<Vec<ObjectId>, Error> {
        open_package(permit, tx, id).await?;
        let of_package = package_file::Column::Package.eq(id.to_string());
        let files = package_file::Entity::find().filter(of_package.clone()).all(&**tx).await?;
        package_file::Entity::delete_many().filter(of_package).exec(&**tx).await?;
        package::Entity::delete_by_id(id.as_str()).exec(&**tx).await?;
        for name in files.iter().map(|file| file.sample.as_str()).collect::<BTreeSet<_>>() {
            self.forget_unused(tx, name, keep).await?;
        }
        let objects = files.into_iter().filter_map(|file| file.object);
        objects.map(|object| object.parse().map_err(|_| Error::Record)).collect()
    }

    /// Whether a subject came from the identity map, which has them whether there are reads or not.
    async fn is_minted(&self, tx: &Tx, id: &str) -> Result<bool, Error> {
        let row = subject::Entity::find_by_id(id).one(&**tx).await?.ok_or(Error::Record)?;
        Ok(Words::of(&self.db)?.subject(&row)? == row.id)
    }

    /// Removes a sample without reads that no other package brings, and its subject if that was its last.
    async fn forget_unused(&self, tx: &Tx, id: &str, keep: &BTreeSet<SubjectId>) -> Result<(), Error> {
        let reads = readset::Entity::find().filter(readset::Column::Sample.eq(id)).count(&**tx).await?;
        let coming =
            package_file::Entity::find().filter(package_file::Column::Sample.eq(id)).count(&**tx).await?;
        if reads + coming > 0 {
            return Ok(());
        }
        let row = sample::Entity::find_by_id(id).one(&**tx).await?.ok_or(Error::Record)?;
        sample::Entity::delete_by_id(id).exec(&**tx).await?;
        let others =
            sample::Entity::find().filter(sample::Column::Subject.eq(&row.subject)).count(&**tx).await?;
        let kept = keep.iter().any(|subject| subject.as_str() == row.subject);
        if others == 0 && !kept && !self.is_minted(tx, &row.subject).await? {
            subject::Entity::delete_by_id(&row.subject).exec(&**tx).await?;
        }
        Ok(())
    }
}
