//! Who works on what, within the one process that holds the site.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::PackageId;

use crate::Error;

/// A package, and one of its files or the whole of it.
type Part = (PackageId, Option<u32>);

/// What is being worked on. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Claims(Arc<Mutex<BTreeSet<Part>>>);

/// The right to work on a part until it is dropped.
pub(crate) struct Claim {
    claims: Claims,
    part: Part,
}

impl Claims {
    /// Claims one file, or all of the package.
    ///
    /// # Errors
    /// [`Error::Busy`] when another holds that file, or any part of what is claimed as a whole.
    pub fn take(&self, package: &PackageId, file: Option<u32>) -> Result<Claim, Error> {
        let mut held = self.lock();
        let overlaps = |(other, number): &Part| {
            other == package && (file.is_none() || number.is_none() || *number == file)
        };
        if held.iter().any(overlaps) {
            return Err(Error::Busy);
        }
        let part = (package.clone(), file);
        held.insert(part.clone());
        Ok(Claim { claims: self.clone(), part })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Part>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.lock().remove(&self.part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Id, SystemEntropy};

    #[test]
    fn what_overlaps_waits_and_what_does_not_goes_on() {
        let claims = Claims::default();
        let (one, two) = (PackageId::mint(&SystemEntropy), PackageId::mint(&SystemEntropy));
        let file = claims.take(&one, Some(0)).unwrap();
        let _other = claims.take(&one, Some(1)).unwrap();
        let _elsewhere = claims.take(&two, None).unwrap();
        for overlap in [Some(0), None] {
            assert!(matches!(claims.take(&one, overlap), Err(Error::Busy)), "{overlap:?}");
        }
        assert!(matches!(claims.take(&two, Some(5)), Err(Error::Busy)));
        drop(file);
        assert!(claims.take(&one, Some(0)).is_ok());
    }
}
