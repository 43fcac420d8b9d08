//! A package from its beginning to the moment when it is seen. `docs/spec/intake.md`, "Life of a package".

use std::collections::BTreeMap;

use access::Permit;
use access::thing::Project;
use access::verb::Write;
use archive::Archive;
use base::{ObjectId, PackageId, ReadsetId, SampleId};
use catalog::{Catalog, FileState, Package};
use db::Db;
use keys::Keys;
use subjects::Map;

use crate::claim::Claims;
use crate::offer::Offer;
use crate::pairing::PairFault;
use crate::receive::stored;
use crate::sheet::{SheetFault, SheetProblem};
use crate::{Error, FastqCheck, Verdict, check_pair};

/// The door of a site. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    pub(crate) db: Db,
    pub(crate) catalog: Catalog,
    pub(crate) archive: Archive,
    keys: Keys,
    map: Map,
    pub(crate) check: FastqCheck,
    pub(crate) claims: Claims,
}

/// A package that may be sent.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Its files, with what has arrived of them.
    pub package: Package,
    /// Whether it is in already, so that there is nothing to do.
    pub already: bool,
}

/// A readset that is now seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadsetSummary {
    /// The readset.
    pub readset: ReadsetId,
    /// Its sample.
    pub sample: SampleId,
    /// The sheet's row, from 1.
    pub row: usize,
    /// Reads of both files together.
    pub reads: u64,
    /// Bases of both files together.
    pub bases: u64,
    /// First and second reads.
    pub objects: [ObjectId; 2],
}

impl Door {
    /// A door into these rooms, whose files are judged by `check`.
    pub fn new(db: Db, catalog: Catalog, archive: Archive, keys: Keys, map: Map, check: FastqCheck) -> Self {
        Self { db, catalog, archive, keys, map, check, claims: Claims::default() }
    }

    /// Judges sheet and manifest and begins their package: ids for what is new in it, and keys for new
    /// subjects, in one transaction. A package that was begun before, with the same bytes of both, is given
    /// as it is: what is in it need not be sent again.
    ///
    /// # Errors
    /// Everything that is wrong with the two texts, with nothing stored; reads that are there already.
    pub async fn begin(
        &self,
        permit: &Permit<Write, Project>,
        sheet: &[u8],
        manifest: &[u8],
    ) -> Result<Begun, Error> {
        let offer = Offer::parse(sheet, manifest)?;
        self.minted(permit, &offer).await?;
        let package = match self.catalog.find_package(permit, &offer.digest).await? {
            Some(package) => package,
            None => match self.record(permit, &offer).await {
                Ok(package) => package,
                // Another request may have begun the same package since.
                Err(error) => self.catalog.find_package(permit, &offer.digest).await?.ok_or(error)?,
            },
        };
        Ok(Begun { already: package.committed, package })
    }

    /// Compares the pairs of a whole package and makes its readsets visible, all in one transaction. Doing
    /// it again is harmless.
    ///
    /// # Errors
    /// [`Error::Pair`] with row and records, [`Error::Withdrawn`] with the row: the package is abandoned then. Files that
    /// have not arrived.
    pub async fn commit(
        &self,
        permit: &Permit<Write, Project>,
        package: &PackageId,
    ) -> Result<Vec<ReadsetSummary>, Error> {
        let _claim = self.claims.take(package, None)?;
        let known = self.catalog.package(permit, package).await?;
        let readsets = match summaries(&known)? {
            Ok(readsets) => readsets,
            Err((row, fault)) => return Err(self.refuse_pair(permit, package, row, fault).await),
        };
        if !known.committed {
            let counts: Vec<_> = readsets.iter().map(|r| (r.readset.clone(), r.reads, r.bases)).collect();
            let tx = self.db.begin(permit.decision()).await?;
            // INVARIANT (withdrawn-stays-out): transactions do not overlap, so who withdrew before this one is seen by it.
            let withdrawn = subjects::withdrawn_of(&tx, permit.in_project()?).await?;
            if let Some(file) = known.files.iter().find(|file| withdrawn.contains(&file.subject)) {
                drop(tx);
                self.abandon(permit, package).await?;
                return Err(Error::Withdrawn { row: file.row });
            }
            self.catalog.commit_package(permit, &tx, &known, &counts).await?;
            let objects: Vec<ObjectId> = readsets.iter().flat_map(|r| r.objects.iter().cloned()).collect();
            self.archive.settle(permit, &tx, &objects).await?;
            tx.commit().await?;
        }
        Ok(readsets)
    }

    /// Gives a package up that is not committed: its records, its sealed objects, and the samples and
    /// subjects that came with it alone. Gives the objects that are gone.
    ///
    /// 1. One transaction removes the records of package, objects and samples. Crash before its commit:
    ///    nothing happened.
    /// 2. The bodies are removed. Crash before: they are cleared at the next start.
    ///
    /// # Errors
    /// A package that is committed, or unknown.
    pub async fn abandon(
        &self,
        permit: &Permit<Write, Project>,
        package: &PackageId,
    ) -> Result<Vec<ObjectId>, Error> {
        let tx = self.db.begin(permit.decision()).await?;
        // INVARIANT (said-is-kept): of whom something was said stays known, or who withdrew would come in again as somebody new.
        let said = subjects::said_of(&tx, permit.in_project()?).await?;
        let objects = self.catalog.abandon_package(permit, &tx, package, &said).await?;
        let withdrawn = self.archive.withdraw(permit, &tx, &objects).await?;
        tx.commit().await?;
        withdrawn.discard().await;
        Ok(objects)
    }

    /// Abandons a package of which two files are no pair: its manifest fixes every byte, so it can never
    /// become whole.
    pub(crate) async fn refuse_pair(
        &self,
        permit: &Permit<Write, Project>,
        package: &PackageId,
        row: usize,
        fault: PairFault,
    ) -> Error {
        match self.abandon(permit, package).await {
            Ok(withdrawn) => Error::Pair { row, fault, withdrawn },
            Err(error) => error,
        }
    }

    /// Refuses patients that are said to be subjects and that the map of this project does not have, and those whom it has
    /// under another label.
    ///
    /// INVARIANT (minted-by-split): a label of that form is a subject's id, and the catalog has it as its own label.
    /// INVARIANT (one-subject): whom the map knows comes in under that id alone, or what they said would be of somebody else.
    async fn minted(&self, permit: &Permit<Write, Project>, offer: &Offer) -> Result<(), Error> {
        let project = permit.in_project()?;
        let mut faults = Vec::new();
        for row in &offer.rows {
            let label = row.subject.reveal();
            let is_id = label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("sub_"));
            let what = match label.parse() {
                Ok(subject) if is_id && self.map.has(project, &subject).await? => continue,
                _ if is_id => SheetProblem::NotMinted,
                _ if self.map.knows(project, label).await? => SheetProblem::InMap,
                _ => continue,
            };
            faults.push(SheetFault { row: Some(row.row), column: Some("patient".to_owned()), what });
        }
        if faults.is_empty() { Ok(()) } else { Err(faults.into()) }
    }

    async fn record(&self, permit: &Permit<Write, Project>, offer: &Offer) -> Result<Package, Error> {
        let tx = self.db.begin(permit.decision()).await?;
        let (package, fresh) = self.catalog.begin_package(permit, &tx, &offer.digest, &offer.rows).await?;
        for subject in &fresh {
            self.keys.create_subject_key(permit, &tx, subject).await?;
        }
        tx.commit().await?;
        Ok(package)
    }
}

/// The two files of a readset: object and verdict, as far as they have arrived.
#[derive(Default)]
struct Pair(BTreeMap<u8, (ObjectId, Verdict)>);

type Unpaired = (usize, PairFault);

/// The readsets of a package in the order of the sheet, or the first pair that is none.
fn summaries(package: &Package) -> Result<Result<Vec<ReadsetSummary>, Unpaired>, Error> {
    let missing = package.files.iter().filter(|file| file.state == FileState::Expected).count();
    if missing > 0 {
        return Err(catalog::Error::Missing(missing).into());
    }
    let mut pairs: BTreeMap<(usize, &ReadsetId, &SampleId), Pair> = BTreeMap::new();
    for file in &package.files {
        let FileState::Sealed { object, verdict } = &file.state else { continue };
        let pair = pairs.entry((file.row, &file.readset, &file.sample)).or_default();
        pair.0.insert(file.mate, (object.clone(), stored(file, verdict)?));
    }
    let mut readsets = Vec::with_capacity(pairs.len());
    for ((row, readset, sample), mut pair) in pairs {
        let (one, first) = pair.0.remove(&1).ok_or(catalog::Error::Record)?;
        let (two, second) = pair.0.remove(&2).ok_or(catalog::Error::Record)?;
        if let Err(fault) = check_pair(&first, &second) {
            return Ok(Err((row, fault)));
        }
        readsets.push(ReadsetSummary {
            readset: readset.clone(),
            sample: sample.clone(),
            row,
            reads: first.reads.saturating_add(second.reads),
            bases: first.bases.saturating_add(second.bases),
            objects: [one, two],
        });
    }
    Ok(Ok(readsets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, fastq::Checker, testing::fastq};
    use base::{Fault, Id, ProjectId, Sensitive, SubjectId, SystemEntropy};
    use catalog::PackageFile;

    /// A package of one row, with the reads of each file; none for one that has not arrived.
    fn package(files: [Option<(u64, u8)>; 2]) -> Package {
        let (sample, readset) = (SampleId::mint(&SystemEntropy), ReadsetId::mint(&SystemEntropy));
        let subject = SubjectId::mint(&SystemEntropy);
        let file = |(number, reads): (u32, Option<(u64, u8)>)| PackageFile {
            number,
            row: 4,
            mate: if number == 0 { 1 } else { 2 },
            name: Sensitive::default(),
            digest: String::new(),
            subject: subject.clone(),
            sample: sample.clone(),
            readset: readset.clone(),
            state: reads.map_or(FileState::Expected, |(reads, mate)| {
                let mut checker = Checker::new(Limits { accept_plain: true, ..Limits::default() });
                checker.feed(&fastq(reads, mate)).unwrap();
                let verdict = serde_json::to_string(&checker.finish().unwrap()).unwrap();
                FileState::Sealed { object: ObjectId::mint(&SystemEntropy), verdict }
            }),
        };
        Package {
            id: PackageId::mint(&SystemEntropy),
            project: ProjectId::mint(&SystemEntropy),
            committed: false,
            files: (0..).zip(files).map(file).collect(),
        }
    }

    /// Two files that arrived at the same moment were not compared then; they are before they are seen.
    #[test]
    fn every_pair_is_compared_before_it_is_seen() {
        let made = summaries(&package([Some((30, 1)), Some((30, 2))])).unwrap().unwrap();
        assert_eq!((made.len(), made[0].row, made[0].reads), (1, 4, 60));
        for files in [[(30, 1), (29, 2)], [(30, 2), (30, 1)], [(30, 1), (30, 1)]] {
            let (row, _) = summaries(&package(files.map(Some))).unwrap().unwrap_err();
            assert_eq!(row, 4);
        }
        let missing = summaries(&package([Some((30, 1)), None])).unwrap_err();
        assert_eq!(missing.code(), "CATALOG-005");
        let mut unreadable = package([Some((30, 1)), Some((30, 2))]);
        if let FileState::Sealed { verdict, .. } = &mut unreadable.files[1].state {
            verdict.truncate(9);
        }
        assert_eq!(summaries(&unreadable).unwrap_err().code(), "INTAKE-014");
    }
}
