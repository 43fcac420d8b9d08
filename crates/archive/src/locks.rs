//! Whether the store still forbids what it was told to forbid. A lock file is signed by nobody, so it is compared with
//! the record, which the ledger vouches for.

use crate::archive::blocking;
use crate::object::Object;
use crate::store::Lock;
use crate::table::object::Column;
use crate::{Archive, Error};
use audit::{Actor, Event, What};
use base::RequestId;
use std::io::ErrorKind;
use std::time::Duration;

/// The closed word for a lock that is not what the record says.
const LOCK: &str = "lock";
/// A bucket keeps whole seconds, and rounds up.
const WHOLE: Duration = Duration::from_secs(1);

impl Archive {
    /// Compares the lock of a version, and what the store sets beside it, with the record of this moment. A
    /// difference is recorded, and the store is told again: less than the record says is put right so. The bytes
    /// are what they were, and are given as before.
    pub(crate) async fn check_lock(
        &self,
        listed: &Object,
        by: &Actor,
        request: Option<&RequestId>,
    ) -> Result<Option<&'static str>, Error> {
        // No hold comes or goes between the record and the store.
        let _alone = self.known.alone.lock().await;
        let versions = self.all_versions(&listed.id).await?;
        let told = versions.iter().find(|object| object.version == listed.version);
        let Some(object) = told.filter(|object| object.locked && object.deleted_at.is_none()) else {
            return Ok(None);
        };
        let (store, name, wanted) = (self.store.clone(), object.body.clone(), object.clone());
        let same = blocking(move || match store.locked(&name) {
            Ok(lock) => Ok(says(&wanted, &lock) && store.is_marked(&name)?),
            Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::IsADirectory) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        })
        .await?;
        self.known.note_lock((object.id.clone(), object.version), !same);
        if same {
            return Ok(None);
        }
        let what = What::ObjectDamaged { version: object.version, found: LOCK.to_owned() };
        let event = Event::new(by.clone(), what)
            .during(request.cloned())
            .in_project(object.project.clone())
            .about([object.id.to_string()]);
        self.audit.gate(&event).await?;
        self.mark(object, Column::Locked, 0).await?;
        Ok(Some(LOCK))
    }
}

/// Whether a lock is what the record says. A hold that the store has and the record has not is lifted by command
/// alone, and is no difference.
pub(crate) fn says(object: &Object, lock: &Lock) -> bool {
    let until = match (object.kept_until, lock.until) {
        (Some(kept), Some(until)) if until.subsec_nanosecond() == 0 => {
            kept <= until && kept.checked_add(WHOLE).is_ok_and(|next| until < next)
        }
        (kept, until) => kept == until,
    };
    until && (lock.hold || !object.held)
}
