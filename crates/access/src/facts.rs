//! What this room needs to know and cannot vouch for itself.

use base::{Class, ProjectId, Retention, SubjectId, UserId};
use policy::Action;
use std::future::Future;
use std::pin::Pin;

/// Where a thing belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its project; `None` for things of the site as a whole.
    pub project: Option<ProjectId>,
    /// The project's class.
    pub class: Option<Class>,
    /// Where the project's data may lie: a country code, or `EU`.
    pub region: Option<String>,
    /// The project's purpose, one of the closed words.
    pub purpose: Option<String>,
    /// How long the project keeps its objects at least.
    pub retention: Option<Retention>,
}

impl Place {
    /// The place of what belongs to the site as a whole.
    pub fn of_site() -> Self {
        Self { project: None, class: None, region: None, purpose: None, retention: None }
    }
}

/// The answer of [`Facts::place`].
pub type PlaceAnswer<'a> = Pin<
    Box<dyn Future<Output = Result<Option<Place>, Box<dyn std::error::Error + Send + Sync>>> + Send + 'a>,
>;

/// The answer of [`Facts::subject`].
pub type SubjectAnswer<'a> = Pin<
    Box<dyn Future<Output = Result<Option<SubjectId>, Box<dyn std::error::Error + Send + Sync>>> + Send + 'a>,
>;

/// Why data may not be used, although its user has the right: the people whose it is, or the terms that it came under,
/// do not allow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// The record's word, one of a closed list: `consent-withdrawn`, …
    pub rule: &'static str,
    /// The same in a sentence, without a name.
    pub why: String,
}

/// What is asked of data that is to be used.
#[derive(Debug, Clone, Copy)]
pub struct Using<'a> {
    /// What for.
    pub action: Action,
    /// The project that it is used in.
    pub project: &'a ProjectId,
    /// What is used; nothing, where only what the project states is asked.
    pub things: &'a [String],
    /// The person who uses it, if one does.
    pub by: Option<&'a UserId>,
}

/// The answer of [`Facts::is_lent`].
pub type LentAnswer<'a> =
    Pin<Box<dyn Future<Output = Result<bool, Box<dyn std::error::Error + Send + Sync>>> + Send + 'a>>;

/// The answer of [`Facts::usable`].
pub type UseAnswer<'a> = Pin<
    Box<dyn Future<Output = Result<Vec<Unusable>, Box<dyn std::error::Error + Send + Sync>>> + Send + 'a>,
>;

/// The answer of [`Facts::strictest`].
pub type ClassAnswer<'a> = Pin<
    Box<dyn Future<Output = Result<Option<Class>, Box<dyn std::error::Error + Send + Sync>>> + Send + 'a>,
>;

/// Implemented by the rooms that hold things. A request never vouches for these.
pub trait Facts: Send + Sync {
    /// The place of the thing with this id, or `None` when there is no such thing.
    ///
    /// Answers from stored records only. An error means "not known" and denies.
    fn place<'a>(&'a self, id: &'a str) -> PlaceAnswer<'a>;

    /// The one subject that the thing with this id is about; `None` when it is about none or several.
    /// What people say about the thing is sealed under that subject's key too.
    fn subject<'a>(&'a self, id: &'a str) -> SubjectAnswer<'a>;

    /// Why the data of these things may not be used for what the project states now; empty when it may.
    ///
    /// Answers from stored records only. An error means "not known" and denies.
    fn usable<'a>(&'a self, using: Using<'a>) -> UseAnswer<'a>;

    /// Whether the home of the thing with this id has lent it to `workspace`, however that stands now: why it may not be used
    /// says [`Facts::usable`]. An error means "not known" and denies.
    fn is_lent<'a>(&'a self, _workspace: &'a ProjectId, _id: &'a str) -> LentAnswer<'a> {
        Box::pin(async { Ok(false) })
    }

    /// The class of the strictest project; none while there is no project. Whoever cannot say has the
    /// strictest of all.
    fn strictest(&self) -> ClassAnswer<'_> {
        Box::pin(async { Ok(Some(Class::Clinical)) })
    }
}
