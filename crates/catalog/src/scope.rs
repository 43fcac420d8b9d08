//! How far a project's data may be shared, and whose agreement it stands on.

use crate::Error;
use crate::project::invalid;
use base::Class;
use serde::{Deserialize, Serialize};

/// A closed list of words, as written in commands and records.
macro_rules! closed_words {
    ($(#[$doc:meta])* $name:ident, $field:literal { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// The word as written in commands and records.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Error;
            fn from_str(text: &str) -> Result<Self, $crate::Error> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err($crate::project::invalid($field, text, concat!("one of", $(" ", $text),*))),
                }
            }
        }
    };
}
pub(crate) use closed_words;

closed_words! {
    /// How much of a person's genome the data shows.
    Granularity, "granularity" {
        /// Chosen genes.
        Panel = "panel",
        /// The coding part.
        Exome = "exome",
        /// All of it.
        Genome = "genome",
    }
}

closed_words! {
    /// A law that the data is under.
    Framework, "legal framework" {
        /// The Health Insurance Portability and Accountability Act.
        Hipaa = "HIPAA",
        /// Regulation (EU) 2016/679.
        Gdpr = "GDPR",
        /// The Genetic Information Nondiscrimination Act.
        Gina = "GINA",
        /// Access to bulk sensitive personal data, 28 CFR part 202.
        Bulk = "28-CFR-202",
        /// None: invented or public data.
        None = "none",
    }
}

closed_words! {
    /// What becomes of findings that nobody looked for.
    Incidental, "class of incidental findings" {
        /// They are neither looked for nor told.
        NotReported = "not-reported",
        /// They are told to those who care for the person, so the data has to be kept as strictly as theirs.
        Reported = "reported",
    }
}

closed_words! {
    /// Whose agreement the use of the data stands on.
    Basis, "basis of consent" {
        /// The decision of a board, for all: what a person says counts beside it.
        Board = "board",
        /// Each person's own consent, on record here.
        Each = "each",
    }
}

/// How far data may be shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// How much of a genome it shows.
    pub granularity: Granularity,
    /// The laws that it is under; `none` stands alone.
    pub frameworks: Vec<Framework>,
    /// What becomes of incidental findings.
    pub incidental: Incidental,
}

impl Scope {
    /// Refuses laws that contradict each other, and a class that is too loose for what is told of people.
    pub fn check(&self, class: Class) -> Result<(), Error> {
        let mut seen = self.frameworks.clone();
        seen.sort();
        seen.dedup();
        let alone = !seen.contains(&Framework::None) || seen.len() == 1;
        if seen.is_empty() || seen.len() != self.frameworks.len() || !alone {
            let given = self.frameworks.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(" ");
            return Err(invalid("legal framework", &given, "each law once, or `none` alone"));
        }
        if self.incidental == Incidental::Reported && class < Class::Controlled {
            let expected = "a class of at least controlled, where incidental findings are reported";
            return Err(invalid("class", class.as_str(), expected));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(frameworks: &[Framework], incidental: Incidental) -> Scope {
        Scope { granularity: Granularity::Panel, frameworks: frameworks.to_vec(), incidental }
    }

    #[test]
    fn incidental_findings_raise_the_class() {
        let told = scope(&[Framework::Gdpr], Incidental::Reported);
        for (class, fits) in [
            (Class::Sandbox, false),
            (Class::Research, false),
            (Class::Controlled, true),
            (Class::Clinical, true),
        ] {
            assert_eq!(told.check(class).is_ok(), fits, "{class}");
            assert!(scope(&[Framework::Gdpr], Incidental::NotReported).check(class).is_ok());
        }
    }

    #[test]
    fn a_law_is_stated_once_and_none_stands_alone() {
        for (frameworks, fits) in [
            (&[][..], false),
            (&[Framework::None], true),
            (&[Framework::None, Framework::Gdpr], false),
            (&[Framework::Gdpr, Framework::Gdpr], false),
            (&[Framework::Gdpr, Framework::Hipaa], true),
        ] {
            let stated = scope(frameworks, Incidental::NotReported).check(Class::Research);
            assert_eq!(stated.is_ok(), fits, "{frameworks:?}");
        }
    }
}
