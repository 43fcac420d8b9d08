//! Finding damage before somebody needs the bytes: checks on command, a rolling scrub, and quarantine.

use crate::archive::blocking;
use crate::count::OWN;
use crate::object::{Object, from_row};
use crate::standing::{Place, Scrub};
use crate::store::{Limited, Source};
use crate::table::{HELD, QUARANTINED, SOUND, UNLOCKED, count, object};
use crate::watched::word;
use crate::{Archive, Error};
use access::Permit;
use access::thing::Site;
use access::verb::{Manage, View};
use audit::{Actor, Event, What};
use base::{Boxed, Fault, Id, Kind, ObjectId, ProjectId, RequestId, Timestamp};
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use seal::verified;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How a scrub goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// What was found right longer ago than this is due.
    pub every: Duration,
    /// Bytes read a second at most; 0 stands for no limit.
    pub per_second: u64,
    /// A step ends with the object during which it has read for this long.
    pub step: Duration,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The object.
    pub object: ObjectId,
    /// Its project; none for the site's own.
    pub project: Option<ProjectId>,
    /// The version.
    pub version: u32,
    /// Bytes stored.
    pub bytes: u64,
    /// The damage, as a closed word; none when all is right.
    pub damage: Option<String>,
}

/// What a step of a scrub did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Step {
    /// Versions read.
    pub objects: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Versions in which damage was found.
    pub damaged: u64,
    /// Which they are.
    pub found: Vec<Checked>,
    /// Versions that the store could not read: they stay due, and the others are read all the same.
    pub unread: Vec<Checked>,
    /// Versions that are still due.
    pub due: u64,
    /// Their bytes.
    pub due_bytes: u64,
}

/// What a store holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Stat {
    /// The project; none for the site's own.
    pub project: Option<String>,
    /// Objects that are not deleted.
    pub objects: u64,
    /// Their versions.
    pub versions: u64,
    /// Bytes stored.
    pub bytes: u64,
    /// Versions in quarantine.
    pub quarantined: u64,
    /// Versions under a legal hold.
    pub held: u64,
    /// Versions that the store has not locked yet.
    pub unlocked: u64,
    /// When the version that was checked longest ago was checked.
    pub oldest_check: Option<String>,
}

/// What reading a version in whole gave.
enum Looked {
    Whole,
    /// The closed word for its damage.
    Damaged(&'static str),
    /// The store could not read it: that says nothing about the bytes.
    Unread(Error),
}

impl Looked {
    fn damage(self) -> Result<Option<&'static str>, Error> {
        match self {
            Self::Whole => Ok(None),
            Self::Damaged(word) => Ok(Some(word)),
            Self::Unread(error) => Err(error),
        }
    }
}

impl Step {
    fn take(&mut self, checked: Checked) {
        self.objects += 1;
        self.bytes = self.bytes.saturating_add(checked.bytes);
        if checked.damage.is_some() {
            self.damaged += 1;
            self.found.push(checked);
        }
    }
}

impl Checked {
    fn of(object: &Object, damage: Option<String>) -> Self {
        Self {
            object: object.id.clone(),
            project: object.project.clone(),
            version: object.version,
            bytes: object.cipher_length,
            damage,
        }
    }
}

impl Checked {
    /// What of a record can be said that may be unreadable; none where it names no object.
    fn of_row(row: &object::Model) -> Option<Self> {
        Some(Self {
            object: row.id.parse().ok()?,
            project: row.project.as_ref().and_then(|id| id.parse().ok()),
            version: u32::try_from(row.version).ok()?,
            bytes: u64::try_from(row.cipher_length).unwrap_or(0),
            damage: None,
        })
    }
}

impl Archive {
    /// Reads every version of `ids` in whole, compares it with its tree, its record and the ledger,
    /// quarantines what is damaged, and ends the quarantine of what is whole.
    pub async fn check(
        &self,
        permit: &Permit<Manage, Site>,
        ids: &[ObjectId],
    ) -> Result<Vec<Checked>, Error> {
        permit.live()?;
        let mut found = Vec::new();
        for id in ids {
            let versions = self.all_versions(id).await?;
            if versions.is_empty() {
                return Err(Error::NotFound);
            }
            for object in versions.into_iter().filter(|object| object.deleted_at.is_none()) {
                let damage = self.look(&object, 0).await?.damage()?;
                let by = (permit.actor(), Some(permit.caller().request()));
                found.push(self.conclude(&object, damage, by).await?);
            }
        }
        Ok(found)
    }

    /// One step of the rolling scrub: versions in the order in which they were last found right, as long as
    /// they are due and the step's time lasts. What was found stands in the records, object by object, so a
    /// scrub that was killed goes on where it was.
    pub async fn scrub(&self, pace: &Pace, by: &Actor, request: Option<&RequestId>) -> Result<Step, Error> {
        let before = self.clock.now().checked_sub(pace.every).unwrap_or(Timestamp::MIN);
        let mut step = self.scrub_before(before, pace, (by, request), Scrub::Own).await?;
        (step.due, step.due_bytes) = self.due(&before.to_string()).await?;
        Ok(step)
    }

    /// The same without counting what is still due: nobody is told, and with everything due it is much to count.
    pub async fn scrub_uncounted(&self, pace: &Pace, by: &Actor) -> Result<Step, Error> {
        let before = self.clock.now().checked_sub(pace.every).unwrap_or(Timestamp::MIN);
        self.scrub_before(before, pace, (by, None), Scrub::Own).await
    }

    /// The same for somebody who asks: what was last found right before a moment. Asked again with the same
    /// moment it goes on, and it ends.
    pub async fn scrub_for(
        &self,
        permit: &Permit<Manage, Site>,
        before: Timestamp,
        pace: &Pace,
    ) -> Result<Step, Error> {
        permit.live()?;
        let by = (permit.actor(), Some(permit.caller().request()));
        let mut step = self.scrub_before(before, pace, by, Scrub::For(before.to_string())).await?;
        (step.due, step.due_bytes) = self.still_due(before, &step).await?;
        Ok(step)
    }

    /// What is due after a step, counted once for each moment that is asked for: from then on each step takes
    /// what it read from the count. Nothing becomes due before a moment that has passed. The count says how far it is;
    /// that it is over, the records say.
    async fn still_due(&self, before: Timestamp, step: &Step) -> Result<(u64, u64), Error> {
        let before = before.to_string();
        let known = self.known.due().take().filter(|(moment, ..)| *moment == before);
        let left =
            known.map(|(_, due, bytes)| (due.saturating_sub(step.objects), bytes.saturating_sub(step.bytes)));
        let place = self.known.passed(&Scrub::For(before.clone()), self.clock.monotonic());
        let (due, bytes) = match (left, self.most_due(&before, place).await?) {
            (_, None) => (0, 0),
            (Some((due, bytes)), Some(_)) if due > 0 => (due, bytes),
            _ => self.due(&before).await?,
        };
        *self.known.due() = Some((before, due, bytes));
        Ok((due, bytes))
    }

    async fn scrub_before(
        &self,
        before: Timestamp,
        pace: &Pace,
        by: (&Actor, Option<&RequestId>),
        whose: Scrub,
    ) -> Result<Step, Error> {
        let (began, before) = (self.clock.monotonic(), before.to_string());
        let (mut step, mut failed, mut over, mut nameless) = (Step::default(), None, false, false);
        let lasts = || self.clock.monotonic().saturating_sub(began) < pace.step;
        while lasts() || (step.objects == 0 && failed.is_none()) {
            let place = self.known.passed(&whose, self.clock.monotonic());
            let Some(row) = self.most_due(&before, place).await? else {
                over = true;
                break;
            };
            let place = (row.scrubbed_at.clone(), row.id.clone(), row.version);
            let named = Checked::of_row(&row);
            let object = from_row(row);
            let read = match &object {
                Ok(object) => self.read_whole(object, pace.per_second, by).await,
                Err(_) => Err(Error::Record),
            };
            match read {
                Ok(checked) => step.take(checked),
                // It stays due; what was read before it counts.
                Err(Error::Ending) if step.objects > 0 => break,
                Err(error) if error.is_of_one_object() => {
                    // What cannot be read stays due, and must not hold up what is behind it.
                    nameless |= named.is_none();
                    let suspect = named.as_ref().map(|one| (one.object.clone(), one.version));
                    self.known.pass(&whose, suspect, place, self.clock.monotonic());
                    step.unread.extend(named);
                    failed = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        if step.objects == 0 {
            // That nothing at all came out of the store is its failure; the next step goes on behind.
            return failed.filter(|_| !over).map_or(Ok(step), Err);
        }
        let Step { objects, bytes, damaged, .. } = step;
        let what = What::ObjectsScrubbed { objects, bytes, damaged };
        self.audit.follow(&Event::new(by.0.clone(), what).during(by.1.cloned())).await?;
        // A record that does not even name its object can be told by the failure alone; the next step goes on behind it.
        if nameless { Err(Error::Record) } else { Ok(step) }
    }

    /// Bytes of all versions that are not deleted, by the sums that are kept.
    pub(crate) async fn stored_bytes(&self) -> Result<u64, Error> {
        let sum: Option<Option<i64>> = count::Entity::find()
            .select_only()
            .column_as(Expr::cust("CAST(SUM(bytes) AS BIGINT)"), "bytes")
            .into_tuple()
            .one(self.db.reader())
            .await?;
        u64::try_from(sum.flatten().unwrap_or_default()).map_err(|_| Error::Record)
    }

    /// How many versions are due, and their bytes.
    async fn due(&self, before: &str) -> Result<(u64, u64), Error> {
        let sums: Option<(i64, Option<i64>)> = object::Entity::find()
            .filter(object::Column::ScrubbedAt.lte(before))
            .filter(Expr::cust(SOUND))
            .select_only()
            .column_as(Expr::cust("COUNT(*)"), "objects")
            .column_as(Expr::cust("CAST(SUM(cipher_length) AS BIGINT)"), "bytes")
            .into_tuple()
            .one(self.db.reader())
            .await?;
        let (objects, bytes) = sums.unwrap_or_default();
        let number = |n: i64| u64::try_from(n).map_err(|_| Error::Record);
        Ok((number(objects)?, number(bytes.unwrap_or_default())?))
    }

    /// What was last found right longest ago, behind `place` if there is one.
    async fn most_due(&self, before: &str, place: Option<Place>) -> Result<Option<object::Model>, Error> {
        let later = |(moment, id, version): Place| {
            let same = Condition::all().add(object::Column::ScrubbedAt.eq(&moment));
            let versions =
                same.clone().add(object::Column::Id.eq(&id)).add(object::Column::Version.gt(version));
            let behind = Condition::any().add(object::Column::ScrubbedAt.gt(&moment)).add(versions);
            // The first says where the index is entered.
            Condition::all()
                .add(object::Column::ScrubbedAt.gte(&moment))
                .add(behind.add(same.add(object::Column::Id.gt(&id))))
        };
        let found = object::Entity::find()
            .filter(object::Column::ScrubbedAt.lte(before))
            .filter(Expr::cust(SOUND))
            .filter(place.map_or_else(Condition::all, later))
            .order_by_asc(object::Column::ScrubbedAt)
            .order_by_asc(object::Column::Id)
            .order_by_asc(object::Column::Version)
            .limit(1)
            .one(self.db.reader())
            .await?;
        Ok(found)
    }

    async fn read_whole(
        &self,
        object: &Object,
        per_second: u64,
        by: (&Actor, Option<&RequestId>),
    ) -> Result<Checked, Error> {
        let damage = self.look(object, per_second).await?.damage()?;
        self.conclude(object, damage, by).await
    }

    async fn look(&self, object: &Object, per_second: u64) -> Result<Looked, Error> {
        let (archive, wanted) = (self.clone(), object.clone());
        blocking(move || archive.look_through(&wanted, per_second)).await
    }

    fn conclude<'a>(
        &'a self,
        object: &'a Object,
        found: Option<&'static str>,
        by: (&'a Actor, Option<&'a RequestId>),
    ) -> Boxed<'a, Result<Checked, Error>> {
        Box::pin(self.concluded(object, found, by))
    }

    async fn concluded(
        &self,
        object: &Object,
        found: Option<&'static str>,
        (by, request): (&Actor, Option<&RequestId>),
    ) -> Result<Checked, Error> {
        self.known.note_read(&(object.id.clone(), object.version));
        match found {
            Some(found) => self.quarantine(object, found, by, request).await?,
            None if object.quarantined.is_some() => self.release(object, by, request).await?,
            None => {}
        }
        let said = match found {
            None => self.check_lock(object, by, request).await?,
            found => found,
        };
        // A version whose lock could not be read stays due.
        if found.is_none() {
            self.mark(object, object::Column::ScrubbedAt, self.clock.now().to_string()).await?;
        }
        Ok(Checked::of(object, said.map(str::to_owned)))
    }

    /// Reads a version in whole. Blocks.
    ///
    /// # Errors
    /// The ledger's, and [`Error::Away`].
    fn look_through(&self, object: &Object, per_second: u64) -> Result<Looked, Error> {
        if !self.is_as_committed(object)? {
            return Ok(Looked::Damaged("record"));
        }
        let read = self.parts_of(object).and_then(|(body, tree)| {
            let ending = self.known.ending();
            let limited = Limited::new(body, per_second, self.clock.clone(), ending);
            let body: Box<dyn Source> = Box::new(limited);
            let mut reader =
                verified::Reader::new(body, tree).map_err(|source| self.damaged(object, source))?;
            loop {
                let length = reader.fill_buf()?.len();
                if length == 0 {
                    return Ok(());
                }
                reader.consume(length);
            }
        });
        match read {
            Ok(()) => Ok(Looked::Whole),
            Err(Error::Lost(_)) => Ok(Looked::Damaged("missing")),
            Err(Error::Damaged { source, .. } | Error::Changed(source))
                if source.kind() == Kind::Integrity =>
            {
                Ok(Looked::Damaged(word(&source)))
            }
            Err(Error::Away) => Err(Error::Away),
            Err(_) if self.known.ending().load(Ordering::Relaxed) => Err(Error::Ending),
            Err(error) => Ok(Looked::Unread(error)),
        }
    }

    /// Whether the record says what the ledger committed to: a database alone does not vouch for roots.
    fn is_as_committed(&self, object: &Object) -> Result<bool, Error> {
        if object.position >= self.audit.ledger().size() {
            return Ok(false);
        }
        let recorded = self.audit.recorded(object.position)?;
        let of_project = recorded.event.project == object.project;
        let What::ObjectSealed(manifest) = recorded.event.what else { return Ok(false) };
        Ok(of_project
            && manifest.object == object.id
            && manifest.version == object.version
            && manifest.root == object.root
            && manifest.plain_length == object.plain_length
            && manifest.cipher_length == object.cipher_length
            && manifest.segments == object.segments
            && manifest.kept_until == object.kept_until)
    }

    /// Marks a version as damaged: recorded first, then nobody is given it.
    async fn quarantine(
        &self,
        object: &Object,
        found: &str,
        by: &Actor,
        request: Option<&RequestId>,
    ) -> Result<(), Error> {
        if object.quarantined.is_none() {
            let what = What::ObjectDamaged { version: object.version, found: found.to_owned() };
            let event = Event::new(by.clone(), what)
                .during(request.cloned())
                .in_project(object.project.clone())
                .about([object.id.to_string()]);
            let position = self.audit.gate(&event).await?.position;
            let tx = self.db.begin(position).await?;
            object::Entity::update_many()
                .col_expr(object::Column::Quarantined, Expr::value(Some(found.to_owned())))
                .filter(object::Column::Id.eq(object.id.as_str()))
                .filter(object::Column::Version.eq(object.version))
                .exec(&*tx)
                .await?;
            tx.commit().await?;
        }
        self.suspects().remove(&(object.id.clone(), object.version));
        Ok(())
    }

    /// Ends the quarantine of a version whose record is the ledger's and whose bytes, all of them, lead to its
    /// root: recorded first.
    async fn release(&self, object: &Object, by: &Actor, request: Option<&RequestId>) -> Result<(), Error> {
        let event = Event::new(by.clone(), What::ObjectWhole { version: object.version })
            .during(request.cloned())
            .in_project(object.project.clone())
            .about([object.id.to_string()]);
        let position = self.audit.gate(&event).await?.position;
        let tx = self.db.begin(position).await?;
        object::Entity::update_many()
            .col_expr(object::Column::Quarantined, Expr::value(None::<String>))
            .filter(object::Column::Id.eq(object.id.as_str()))
            .filter(object::Column::Version.eq(object.version))
            .exec(&*tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Records and quarantines what readers found damaged since the last call. Gives how many that were.
    pub async fn settle_suspects(&self) -> Result<usize, Error> {
        let suspects = self.suspects().clone();
        let site = Actor::Site(self.site.clone());
        let mut failed = None;
        for ((id, version), found) in &suspects {
            let versions = match self.all_versions(id).await {
                Ok(versions) => versions,
                // The others are recorded all the same.
                Err(error) => {
                    failed = Some(error);
                    continue;
                }
            };
            if let Some(object) = versions.iter().find(|object| object.version == *version)
                && let Err(error) = self.quarantine(object, found, &site, None).await
            {
                failed = Some(error);
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        Ok(suspects.len())
    }

    /// What the store holds, by project: the sums that are kept, and what is rare counted in its index.
    pub async fn stat(&self, permit: &Permit<View, Site>) -> Result<Vec<Stat>, Error> {
        permit.live()?;
        let sums = count::Entity::find()
            .filter(count::Column::Versions.gt(0))
            .order_by_asc(count::Column::Project)
            .all(self.db.reader())
            .await?;
        let (quarantined, held) = (self.counted(QUARANTINED).await?, self.counted(HELD).await?);
        // What is held and has no floor is locked too, and is told as held.
        let unlocked = self.counted(&format!("{UNLOCKED} AND kept_until IS NOT NULL")).await?;
        let mut stats = Vec::with_capacity(sums.len());
        for sum in sums {
            let of = |rare: &BTreeMap<String, u64>| rare.get(&sum.project).copied().unwrap_or(0);
            let (quarantined, held, unlocked) = (of(&quarantined), of(&held), of(&unlocked));
            let number = |n: i64| u64::try_from(n).map_err(|_| Error::Record);
            let project = (sum.project != OWN).then(|| sum.project.clone());
            stats.push(Stat {
                oldest_check: self.oldest_check(project.as_deref()).await?,
                project,
                objects: number(sum.objects)?,
                versions: number(sum.versions)?,
                bytes: number(sum.bytes)?,
                quarantined,
                held,
                unlocked,
            });
        }
        Ok(stats)
    }

    /// How many versions there are under a condition that an index has, by project.
    async fn counted(&self, condition: &str) -> Result<BTreeMap<String, u64>, Error> {
        let rows: Vec<(Option<String>, i64)> = object::Entity::find()
            .filter(Expr::cust(condition.to_owned()))
            .select_only()
            .column(object::Column::Project)
            .column_as(Expr::cust("COUNT(*)"), "versions")
            .group_by(object::Column::Project)
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let number = |n: i64| u64::try_from(n).map_err(|_| Error::Record);
        rows.into_iter().map(|(project, n)| Ok((project.unwrap_or(OWN.to_owned()), number(n)?))).collect()
    }

    /// When the version of a project that was found right longest ago was found so.
    async fn oldest_check(&self, project: Option<&str>) -> Result<Option<String>, Error> {
        let of = match project {
            Some(project) => object::Column::Project.eq(project),
            None => object::Column::Project.is_null(),
        };
        let oldest: Option<Option<String>> = object::Entity::find()
            .filter(of)
            .filter(Expr::cust(SOUND))
            .select_only()
            .column_as(object::Column::ScrubbedAt.min(), "oldest")
            .into_tuple()
            .one(self.db.reader())
            .await?;
        Ok(oldest.flatten())
    }

    /// What is in quarantine, with the word for its damage.
    pub async fn quarantine_list(&self, permit: &Permit<View, Site>) -> Result<Vec<Checked>, Error> {
        permit.live()?;
        let rows = object::Entity::find()
            .filter(Expr::cust(QUARANTINED))
            .order_by_asc(object::Column::Position)
            .all(self.db.reader())
            .await?;
        let objects = rows.into_iter().map(from_row);
        objects.map(|object| object.map(|object| Checked::of(&object, object.quarantined.clone()))).collect()
    }

    /// How many versions are in quarantine, and when the one checked longest ago was checked. For the
    /// site's status: counts alone.
    pub async fn health(&self) -> Result<(u64, Option<Timestamp>), Error> {
        let quarantined =
            object::Entity::find().filter(Expr::cust(QUARANTINED)).count(self.db.reader()).await?;
        let oldest: Option<Option<String>> = object::Entity::find()
            .filter(Expr::cust(SOUND))
            .select_only()
            .column_as(object::Column::ScrubbedAt.min(), "oldest")
            .into_tuple()
            .one(self.db.reader())
            .await?;
        let suspects = u64::try_from(self.suspects().len()).unwrap_or(u64::MAX);
        Ok((quarantined.saturating_add(suspects), oldest.flatten().and_then(|text| text.parse().ok())))
    }
}
