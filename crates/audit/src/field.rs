//! Readable fields, sealed by a key that can be shredded.

use crate::Error;
use base::{ProjectId, Sensitive};

/// Seals the few human-readable fields of events, so that erasing a project's key makes them
/// unreadable while every proof stays valid. Implemented by `keys`.
pub trait FieldSealer: Send + Sync {
    /// Seals `text` under the key of `project`; gives base64.
    fn seal(&self, project: &ProjectId, text: &Sensitive<String>) -> Result<String, Error>;
    /// Opens what [`FieldSealer::seal`] gave.
    fn open(&self, project: &ProjectId, sealed: &str) -> Result<Sensitive<String>, Error>;
}
