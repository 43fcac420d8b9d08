//! The terms of several datasets together: the stricter of each, or a refusal.

use super::data::{DISEASES, Kinds, Moratorium, OneOf, Subject, Terms, Until, Within};
use super::judge::within;
use super::{Code, Disease, Diseases, Name, Region};
use crate::Error;
use std::collections::BTreeSet;

/// Why terms do not combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Conflict {
    /// Population origins or ancestry alone, and health or diseases alone.
    #[error(
        "one part is for research about population origins or ancestry alone, and another for research about health alone"
    )]
    Subjects,
    /// Population origins or ancestry alone, and not for that.
    #[error(
        "one part is for research about population origins or ancestry alone, and another prohibits that"
    )]
    Ancestry,
    /// Diseases without one that lies within all of them.
    #[error(
        "the parts are for research about certain diseases, and no known disease is within those of all parts"
    )]
    Diseases,
    /// More diseases than terms name.
    #[error("together the parts name more than 128 diseases")]
    TooManyDiseases,
    /// No region in common.
    #[error("the parts are limited to regions, and have none in common")]
    Regions,
    /// No user in common.
    #[error("the parts are limited to users, and have none in common")]
    Users,
    /// No project in common.
    #[error("the parts are limited to projects, and have none in common")]
    Projects,
    /// No institution in common.
    #[error("the parts are limited to institutions, and have none in common")]
    Institutions,
}

impl Terms {
    /// The terms of the data of `self` and of `others` together.
    ///
    /// # Errors
    /// `POLICY-009`, when the terms contradict each other.
    pub fn combine<'a>(
        &self,
        others: impl IntoIterator<Item = &'a Self>,
        diseases: &dyn Diseases,
    ) -> Result<Self, Error> {
        let mut all = self.clone();
        for other in others {
            all = all.and(other, diseases).map_err(|conflict| Error::Conflict { conflict })?;
        }
        Ok(all)
    }

    fn and(&self, other: &Self, diseases: &dyn Diseases) -> Result<Self, Conflict> {
        let plain = self.plain | other.plain;
        let subject = self.subject.and(&other.subject, diseases)?;
        if subject == Subject::Ancestry && plain & Code::NoAncestry.bit() != 0 {
            return Err(Conflict::Ancestry);
        }
        Ok(Self {
            subject,
            unstated: self.unstated || other.unstated,
            care: self.care && other.care,
            plain,
            regions: both(&self.regions, &other.regions, regions).ok_or(Conflict::Regions)?,
            users: both(&self.users, &other.users, names).ok_or(Conflict::Users)?,
            projects: both(&self.projects, &other.projects, names).ok_or(Conflict::Projects)?,
            institutions: both(&self.institutions, &other.institutions, names)
                .ok_or(Conflict::Institutions)?,
            kinds: join(&self.kinds, &other.kinds, |one, two| Kinds {
                unnamed: one.unnamed || two.unnamed,
                named: one.named.union(&two.named).copied().collect(),
            }),
            moratorium: join(&self.moratorium, &other.moratorium, |one, two| Moratorium {
                unnamed: one.unnamed || two.unnamed,
                day: one.day.max(two.day),
            }),
            until: join(&self.until, &other.until, |one, two| Until {
                unnamed: one.unnamed || two.unnamed,
                day: join(&one.day, &two.day, |one, two| *one.min(two)),
                months: join(&one.months, &two.months, |one, two| *one.min(two)),
            }),
        })
    }
}

impl Subject {
    fn and(&self, other: &Self, diseases: &dyn Diseases) -> Result<Self, Conflict> {
        let both = match (self, other) {
            (Self::Diseases(one), Self::Diseases(two)) => {
                let parts = one.parts.iter().chain(&two.parts).cloned();
                Self::Diseases(Within::of(one.unnamed || two.unnamed, parts))
            }
            (Self::Ancestry, Self::Health | Self::Diseases(_))
            | (Self::Health | Self::Diseases(_), Self::Ancestry) => return Err(Conflict::Subjects),
            _ if self.breadth() <= other.breadth() => self.clone(),
            _ => other.clone(),
        };
        // Also of one that was not changed: nothing was known about diseases when it was read.
        match &both {
            Self::Diseases(within) if within.count() > DISEASES => Err(Conflict::TooManyDiseases),
            Self::Diseases(within) if within.is_empty(diseases) => Err(Conflict::Diseases),
            _ => Ok(both),
        }
    }

    /// Each contains those of less breadth; the two that do not contain each other never meet here.
    const fn breadth(&self) -> u8 {
        match self {
            Self::Diseases(_) | Self::Ancestry => 0,
            Self::Health => 1,
            Self::Research => 2,
            Self::Anything => 3,
        }
    }
}

impl Within {
    /// Whether no known disease is within each part. A part that names a disease of which nothing is known does not
    /// count: what is within it is not known either.
    fn is_empty(&self, diseases: &dyn Diseases) -> bool {
        let known = |part: &&BTreeSet<Disease>| part.iter().all(|disease| diseases.knows(disease));
        let known: Vec<_> = self.parts.iter().filter(known).collect();
        let fits = |one: &Disease| known.iter().all(|part| within(one, part, diseases) == Some(true));
        known.len() > 1 && !diseases.any(&mut |one| fits(one))
    }
}

/// What both limit it to. The outer `None` is that nothing is left.
fn both<T: Clone>(
    one: &Option<OneOf<T>>,
    two: &Option<OneOf<T>>,
    meet: fn(&BTreeSet<T>, &BTreeSet<T>) -> BTreeSet<T>,
) -> Option<Option<OneOf<T>>> {
    let (Some(one), Some(two)) = (one, two) else { return Some(one.clone().or_else(|| two.clone())) };
    let named = join(&one.named, &two.named, meet);
    let left = named.as_ref().is_none_or(|named| !named.is_empty());
    left.then_some(Some(OneOf { unnamed: one.unnamed || two.unnamed, named }))
}

fn names(one: &BTreeSet<Name>, two: &BTreeSet<Name>) -> BTreeSet<Name> {
    one.intersection(two).cloned().collect()
}

/// Of the regions of both, those that lie in one of the other's.
fn regions(one: &BTreeSet<Region>, two: &BTreeSet<Region>) -> BTreeSet<Region> {
    let inside = |region: &Region, others: &BTreeSet<Region>| others.iter().any(|other| region.is_in(*other));
    let first = one.iter().filter(|region| inside(region, two));
    first.chain(two.iter().filter(|region| inside(region, one))).copied().collect()
}

/// What one has or the other, and what is made of both.
fn join<T: Clone>(one: &Option<T>, two: &Option<T>, made: impl Fn(&T, &T) -> T) -> Option<T> {
    match (one, two) {
        (Some(one), Some(two)) => Some(made(one, two)),
        _ => one.clone().or_else(|| two.clone()),
    }
}
