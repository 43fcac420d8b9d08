//! Terms in memory. The fields are private to the terms: a value of the type went through the parser or through a
//! combination.

use super::{Code, Day, Disease, Name, Region};
use std::collections::BTreeSet;

/// What data may be used for, and under which conditions.
//
// INVARIANT (equal-texts): a value has one form. Items that another one says already are left out, NPUNCU is NPU
// and NCU, and care is always true of stated NRES, so that equal terms are equal values and equal texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub(super) subject: Subject,
    /// Whether a part of the data does not say what it may be used for. Alone, with any subject.
    pub(super) unstated: bool,
    pub(super) care: bool,
    /// Modifiers without a value, as bits of [`Code::bit`].
    pub(super) plain: u32,
    pub(super) regions: Option<OneOf<Region>>,
    pub(super) users: Option<OneOf<Name>>,
    pub(super) projects: Option<OneOf<Name>>,
    pub(super) institutions: Option<OneOf<Name>>,
    pub(super) kinds: Option<Kinds>,
    pub(super) moratorium: Option<Moratorium>,
    pub(super) until: Option<Until>,
}

/// The permission: what research may be about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Anything,
    Research,
    Health,
    Diseases(Within),
    Ancestry,
}

/// Diseases: one item of each part, and whether there is a part that is not named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Within {
    pub(super) unnamed: bool,
    pub(super) parts: BTreeSet<BTreeSet<Disease>>,
}

/// One of those named, one of those that are not, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OneOf<T> {
    pub(super) unnamed: bool,
    pub(super) named: Option<BTreeSet<T>>,
}

/// Kinds of research, all of which hold: the last two digits of DUO's codes for investigations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kinds {
    pub(super) unnamed: bool,
    pub(super) named: BTreeSet<u8>,
}

/// Nothing is published before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moratorium {
    pub(super) unnamed: bool,
    pub(super) day: Option<Day>,
}

/// An end of use, in up to three ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Until {
    pub(super) unnamed: bool,
    pub(super) day: Option<Day>,
    pub(super) months: Option<u16>,
}

/// Diseases that a list of terms names at most.
pub(super) const DISEASES: usize = 128;

impl Subject {
    pub(super) const fn code(&self) -> Code {
        match self {
            Self::Anything => Code::NoRestriction,
            Self::Research => Code::Research,
            Self::Health => Code::Health,
            Self::Diseases(_) => Code::DiseaseSpecific,
            Self::Ancestry => Code::AncestryOnly,
        }
    }
}

impl Within {
    /// Leaves out a part that another one makes superfluous: who is within the smaller one is within it.
    pub(super) fn of(unnamed: bool, parts: impl IntoIterator<Item = BTreeSet<Disease>>) -> Self {
        let all: BTreeSet<_> = parts.into_iter().collect();
        let needed =
            |part: &&BTreeSet<Disease>| !all.iter().any(|other| other != *part && other.is_subset(part));
        Self { unnamed, parts: all.iter().filter(needed).cloned().collect() }
    }

    pub(super) fn count(&self) -> usize {
        self.parts.iter().map(BTreeSet::len).sum()
    }
}

impl OneOf<Region> {
    /// Leaves out a country that lies in a region which is there too.
    pub(super) fn of(unnamed: bool, named: Option<BTreeSet<Region>>) -> Self {
        let named = named.map(|all| {
            let inside = |one: Region| all.iter().any(|other| *other != one && one.is_in(*other));
            all.iter().copied().filter(|one| !inside(*one)).collect()
        });
        Self { unnamed, named }
    }
}

impl Terms {
    pub(super) const fn has(&self, code: Code) -> bool {
        self.plain & code.bit() != 0
    }
}
