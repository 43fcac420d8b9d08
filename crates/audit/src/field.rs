//! Readable fields, sealed by keys that can be shredded.

use crate::Error;
use base::{DeletionId, ProjectId, Sensitive, SubjectId};
use std::future::Future;
use std::pin::Pin;

/// Whose words a readable field holds. Its keys seal the field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose {
    /// The project in which they were said.
    pub project: ProjectId,
    /// The one subject that they are about, when there is exactly one.
    pub subject: Option<SubjectId>,
}

/// A readable field as it goes on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedField {
    /// The ciphertext, base64.
    pub text: String,
    /// The subject whose key it takes beside the project's.
    pub subject: Option<SubjectId>,
}

/// What a readable field says.
#[derive(Debug)]
pub enum Words {
    /// The words as they were typed.
    Said(Sensitive<String>),
    /// Nobody can read them again.
    Erased(Erased),
}

/// What erased a readable field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// The project or subject whose keys were shredded.
    pub scope: String,
    /// The ledger position of the decision that shredded them.
    pub position: u64,
    /// The certificate, where one was issued.
    pub certificate: Option<DeletionId>,
}

/// The answer of a [`FieldSealer`].
pub type FieldAnswer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Seals the few human-readable fields of events, so that erasing a project's or a subject's keys
/// makes them unreadable while every proof stays valid. Implemented by `keys`.
///
/// Contract: a field about one subject takes the keys of both, the subject and the project, so that
/// erasing either erases it. No field is sealed under a key that cannot be shredded.
pub trait FieldSealer: Send + Sync {
    /// Seals `text` under the keys of `whose`. None when these were shredded: words that nobody could
    /// ever read are not kept.
    fn seal<'a>(
        &'a self,
        whose: &'a Whose,
        text: &'a Sensitive<String>,
    ) -> FieldAnswer<'a, Option<SealedField>>;

    /// Opens what [`FieldSealer::seal`] gave; `whose.subject` is the one that it named.
    fn open<'a>(&'a self, whose: &'a Whose, sealed: &'a str) -> FieldAnswer<'a, Words>;
}
