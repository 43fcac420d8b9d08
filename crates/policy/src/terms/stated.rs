//! What a request states about the use it asks for.

use super::{Day, Disease, Name, Region};
use std::fmt;

/// A use. What it does not state is unknown. Facts come from the site's own records, never from who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The day of the decision.
    pub today: Day,
    /// The day on which this use of this data was first approved.
    pub since: Option<Day>,
    /// What it is for; all of them have to be allowed. Diseases are an aim as well.
    pub aims: Aims,
    /// The diseases that it is about; each has to be allowed.
    pub diseases: Vec<Disease>,
    /// Whether the organisation is for profit.
    pub for_profit: Option<bool>,
    /// Whether the purpose is commercial.
    pub commercial: Option<bool>,
    /// Whether genotypes are studied.
    pub genetic: Option<bool>,
    /// The country in which it takes place, or the EU without a country.
    pub region: Option<Region>,
    /// Who asks.
    pub user: Option<Name>,
    /// The project that it belongs to.
    pub project: Option<Name>,
    /// The institution that it belongs to.
    pub institution: Option<Name>,
    /// What the site has on record about it.
    pub facts: Facts,
}

impl Use {
    /// A use that states nothing but the day.
    pub const fn on(today: Day) -> Self {
        Self {
            today,
            since: None,
            aims: Aims::NONE,
            diseases: Vec::new(),
            for_profit: None,
            commercial: None,
            genetic: None,
            region: None,
            user: None,
            project: None,
            institution: None,
            facts: Facts::NONE,
        }
    }
}

macro_rules! bits {
    ($(#[$doc:meta])* $name:ident, $(#[$sdoc:meta])* $set:ident {
        $($(#[$vdoc:meta])* $variant:ident = $word:literal, $words:literal;)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Each of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word for it in commands and records.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What it is, for a reader.
            pub const fn words(self) -> &'static str {
                match self { $(Self::$variant => $words,)* }
            }

            /// The one with this word.
            pub fn named(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.words())
            }
        }

        $(#[$sdoc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $set(u32);

        impl $set {
            /// None of them.
            pub const NONE: Self = Self(0);

            /// These, and this one.
            #[must_use]
            pub const fn with(self, one: $name) -> Self {
                Self(self.0 | 1 << (one as u32))
            }

            /// Whether this one is among them.
            pub const fn has(self, one: $name) -> bool {
                self.0 & (1 << (one as u32)) != 0
            }

            /// Those that are there.
            pub fn iter(self) -> impl Iterator<Item = $name> {
                $name::ALL.iter().copied().filter(move |one| self.has(*one))
            }
        }
    };
}

bits! {
    /// What a use is for, beside the diseases that it is about.
    Aim,
    /// A set of aims.
    Aims {
        /// Diagnosis and care.
        Care = "care", "care";
        /// Research that does not say what it is about.
        Research = "research", "research that does not say what it is about";
        /// Research about any subject whatever.
        General = "general", "research about any subject whatever";
        /// Research about health, no disease named.
        Health = "health", "research about health in general";
        /// Population origins or ancestry.
        Ancestry = "ancestry", "research about population origins or ancestry";
        /// Development of methods.
        Methods = "methods", "development of methods";
        /// A control set for another study.
        Controls = "controls", "use as a control set";
        /// One group of a population.
        Population = "population", "research about one group of a population";
        /// One sex.
        Sex = "sex", "research about one sex";
        /// One range of ages.
        Age = "age", "research about one range of ages";
        /// Teaching.
        Teaching = "teaching", "teaching";
        /// Assurance of the laboratory's quality.
        Quality = "quality", "assurance of quality";
        /// A subject that a program should not decide on.
        Sensitive = "sensitive", "a sensitive subject";
        /// Anything else.
        Other = "other", "a purpose that has no word";
    }
}

bits! {
    /// What a site can have on record about a use, after a person saw it.
    Fact,
    /// A set of facts.
    Facts {
        /// An ethics approval was seen.
        Ethics = "ethics", "an ethics approval";
        /// A collaboration is agreed.
        Collaboration = "collaboration", "an agreed collaboration";
        /// Publication of results is promised.
        Publication = "publication", "a promise to publish";
        /// The return of what is derived is promised.
        Return = "return", "a promise to return what is derived";
        /// Silence until the day of a moratorium is promised.
        Silence = "silence", "a promise to publish nothing before the day of the moratorium";
        /// The user is an approved one.
        User = "user", "the approval of this user";
        /// The project is an approved one.
        Project = "project", "the approval of this project";
        /// The institution is an approved one.
        Institution = "institution", "the approval of this institution";
        /// The research is of an approved kind.
        ResearchType = "research-type", "the approval of this kind of research";
    }
}
