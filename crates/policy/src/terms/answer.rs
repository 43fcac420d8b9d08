//! The answer to a use, and its reasons.

use super::{Aim, Code, Day, Disease, Fact};
use std::fmt;

/// Whether terms allow a use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// They do, and nothing is left to judge.
    Approve,
    /// They prohibit it, for each of these reasons. What would need a person besides is not told.
    Deny(Vec<Reason>),
    /// They do not prohibit it, and a person has to look at each of these.
    NeedsPerson(Vec<Reason>),
}

impl Answer {
    pub(super) fn of(mut reasons: Vec<Reason>) -> Self {
        let denied = reasons.iter().any(Reason::denies);
        reasons.retain(|reason| reason.denies() == denied);
        reasons.sort();
        reasons.dedup();
        match (denied, reasons.is_empty()) {
            (_, true) => Self::Approve,
            (true, false) => Self::Deny(reasons),
            (false, false) => Self::NeedsPerson(reasons),
        }
    }

    /// Why it is not approved, in an order of their own.
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Approve => &[],
            Self::Deny(reasons) | Self::NeedsPerson(reasons) => reasons,
        }
    }
}

/// Why terms do not approve a use. Said in plain words by `Display`, for a data steward.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Denies: care without CC.
    NoCare,
    /// Denies: the permission does not reach so far.
    Beyond {
        /// What is asked.
        aim: Aim,
        /// The permission.
        permission: Code,
    },
    /// Denies: a disease that is not among those allowed.
    OtherDisease {
        /// What is asked.
        disease: Disease,
        /// The permission.
        permission: Code,
    },
    /// Denies: a modifier prohibits it.
    Prohibited {
        /// What is asked.
        aim: Aim,
        /// The modifier.
        by: Code,
    },
    /// Denies: an organisation for profit.
    ForProfit,
    /// Denies: a commercial purpose.
    Commercial,
    /// Denies: no genetic study.
    NotGenetic,
    /// Denies: another region, user, project or institution than those named.
    NotAmong {
        /// The one stated.
        stated: String,
        /// The modifier that names others.
        by: Code,
    },
    /// Denies: the time for use is over.
    Over {
        /// Its last day.
        last: Option<Day>,
    },
    /// A person: the use has no aim.
    NoAim,
    /// A person: the terms have no permission.
    NoPermission,
    /// A person: research that does not say what it is about, where that matters.
    Unclear {
        /// The permission or modifier to which it matters.
        by: Code,
    },
    /// A person: DUO has no word for this aim.
    NoWord {
        /// What is asked.
        aim: Aim,
    },
    /// A person: nothing is known of a disease.
    UnknownDisease {
        /// What is asked.
        disease: Disease,
    },
    /// A person: the use does not state what a modifier asks for.
    NotStated {
        /// The modifier.
        by: Code,
    },
    /// A person: the terms do not name what they limit the use to.
    NotNamed {
        /// The permission or modifier.
        by: Code,
    },
    /// A person: a commercial purpose of an organisation that is not for profit.
    CommercialAllTheSame,
    /// A person: a fact is not on record.
    NotSeen {
        /// What is missing.
        fact: Fact,
        /// The modifier that asks for it.
        by: Code,
    },
    /// A person: the first day of use is not stated, or lies ahead.
    NoBeginning,
}

impl Reason {
    /// The word for it in records.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NoCare => "no-care",
            Self::Beyond { .. } => "beyond-the-permission",
            Self::OtherDisease { .. } => "other-disease",
            Self::Prohibited { .. } => "prohibited",
            Self::ForProfit => "for-profit",
            Self::Commercial => "commercial",
            Self::NotGenetic => "not-genetic",
            Self::NotAmong { .. } => "not-among-those-named",
            Self::Over { .. } => "time-is-over",
            Self::NoAim => "no-aim",
            Self::NoPermission => "no-permission",
            Self::Unclear { .. } => "unclear-subject",
            Self::NoWord { .. } => "no-word",
            Self::UnknownDisease { .. } => "unknown-disease",
            Self::NotStated { .. } => "not-stated",
            Self::NotNamed { .. } => "not-named",
            Self::CommercialAllTheSame => "commercial-and-not-for-profit",
            Self::NotSeen { .. } => "not-on-record",
            Self::NoBeginning => "no-beginning",
        }
    }

    /// Whether it denies; the others need a person.
    pub const fn denies(&self) -> bool {
        matches!(
            self,
            Self::NoCare
                | Self::Beyond { .. }
                | Self::OtherDisease { .. }
                | Self::Prohibited { .. }
                | Self::ForProfit
                | Self::Commercial
                | Self::NotGenetic
                | Self::NotAmong { .. }
                | Self::Over { .. }
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCare => write!(f, "care is asked for, and the terms do not have {}", Code::Care),
            Self::Beyond { aim, permission } => {
                write!(f, "{aim} is asked for, and {} ({permission})", permission.words())
            }
            Self::OtherDisease { disease, permission } => write!(
                f,
                "research about `{disease}` is asked for, which is not within what the data may be used for ({permission})"
            ),
            Self::Prohibited { aim: Aim::General, by } => {
                write!(f, "research about any subject is asked for, and the data is {} ({by})", by.words())
            }
            Self::Prohibited { aim, by } => {
                write!(f, "{aim} is asked for, and the data is {} ({by})", by.words())
            }
            Self::ForProfit => {
                write!(f, "the organisation is for profit, and the terms have {}", Code::NonProfit)
            }
            Self::Commercial => {
                write!(f, "the purpose is commercial, and the terms have {}", Code::NonCommercial)
            }
            Self::NotGenetic => {
                write!(f, "no genotypes are studied, and the terms have {}", Code::GeneticOnly)
            }
            Self::NotAmong { stated, by } => {
                write!(f, "`{stated}` is not among those to which the use is limited ({by})")
            }
            Self::Over { last: Some(day) } => {
                write!(f, "the time for use is over since the end of {day} ({})", Code::TimeLimit)
            }
            Self::Over { last: None } => {
                write!(f, "the months of use are over ({})", Code::TimeLimit)
            }
            Self::NoAim => f.write_str("the project does not state what the use is for"),
            Self::NoPermission => {
                f.write_str("it is not stated what the data, or a part of it, may be used for")
            }
            Self::Unclear { by } => {
                write!(f, "the project does not state what the research is about, which matters for {by}")
            }
            Self::NoWord { aim: aim @ (Aim::Sensitive | Aim::Other) } => {
                write!(f, "{aim} is asked for, which no program decides")
            }
            Self::NoWord { aim } => {
                write!(f, "{aim} is asked for, and the terms neither allow nor prohibit it")
            }
            Self::UnknownDisease { disease } => write!(
                f,
                "whether `{disease}` is within the diseases of {} is not known here",
                Code::DiseaseSpecific
            ),
            Self::NotStated { by } => {
                write!(f, "the project does not state what is asked by {by}: {}", by.words())
            }
            Self::NotNamed { by } => write!(f, "the terms have {by} and do not name which: {}", by.words()),
            Self::CommercialAllTheSame => write!(
                f,
                "the purpose is commercial and the organisation is not for profit, on which readings of {} differ",
                Code::NonProfit
            ),
            Self::NotSeen { fact, by } => write!(f, "{fact} is not on record, and the terms have {by}"),
            Self::NoBeginning => write!(
                f,
                "from which day on the data is used is not stated, or lies ahead, and the months of {} count from it",
                Code::TimeLimit
            ),
        }
    }
}
