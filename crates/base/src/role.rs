//! The roles of the field and the classes of projects, as words that every room shares.

use std::{fmt, str::FromStr};

/// A word that is not one of the known ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what}: expected one of {known}")]
pub struct ParseWordError {
    what: &'static str,
    known: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// Every value, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),*];
            /// The word as written in commands and files.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl FromStr for $name {
            type Err = ParseWordError;
            fn from_str(text: &str) -> Result<Self, ParseWordError> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(|| ParseWordError {
                    what: $what,
                    known: Self::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}

words! {
    /// What a person may be in a project or, for the site's own roles, on the site.
    Role, "role" {
        /// Sees ranked variants and reports; carries nothing off.
        Viewer = "viewer",
        /// Runs workflows and queries variants.
        Analyst = "analyst",
        /// May have objects re-addressed to a recipient's key.
        DataExporter = "data-exporter",
        /// Manages the members of a project; reads no data by that.
        ProjectAdministrator = "project-administrator",
        /// Consent, data-use terms, approvals, and who looked at what.
        DataSteward = "data-steward",
        /// Says who a subject is, with a reason; sees no data by that.
        HonestBroker = "honest-broker",
        /// Reads and verifies the ledger; receives no data.
        Auditor = "auditor",
        /// Sees the state of runs and redacted logs.
        SupportObserver = "support-observer",
        /// May open the project's data to themselves in an emergency, and sees none before.
        Emergency = "emergency",
        /// Approves releases of workflows, registers tools and references.
        PipelineApprover = "pipeline-approver",
        /// Accounts, keys, storage; reads no data.
        PlatformAdministrator = "platform-administrator",
    }
}

impl Role {
    /// Whether the role is held on the site as a whole rather than in one project.
    pub const fn is_site_wide(self) -> bool {
        matches!(self, Self::PipelineApprover | Self::PlatformAdministrator | Self::Auditor)
    }
}

words! {
    /// How strict a project is; a site is as strict as its strictest project.
    Class, "project class" {
        /// Invented or public data.
        Sandbox = "sandbox",
        /// Research under ordinary terms.
        Research = "research",
        /// Controlled-access terms.
        Controlled = "controlled",
        /// Results that care depends on.
        Clinical = "clinical",
    }
}

words! {
    /// How long a project's objects are kept at least: the floor before which nothing removes them.
    Retention, "retention class" {
        /// Ninety days.
        Days90 = "90-days",
        /// Two years: 42 CFR 493.1105 for most analytic records.
        Years2 = "2-years",
        /// Ten years.
        Years10 = "10-years",
        /// Thirty years.
        Years30 = "30-years",
        /// Without end.
        Permanent = "permanent",
    }
}

impl Retention {
    /// Days of the floor; none for what is kept without end. A year counts as 366 days, so that no
    /// calendar makes a floor shorter than its name.
    pub const fn days(self) -> Option<u32> {
        match self {
            Self::Days90 => Some(90),
            Self::Years2 => Some(2 * 366),
            Self::Years10 => Some(10 * 366),
            Self::Years30 => Some(30 * 366),
            Self::Permanent => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_parse_back() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse::<Role>().unwrap(), *role);
        }
        assert!("root".parse::<Role>().unwrap_err().to_string().contains("data-steward"));
        assert!(Class::Sandbox < Class::Clinical);
        for retention in Retention::ALL {
            assert_eq!(retention.as_str().parse::<Retention>().unwrap(), *retention);
        }
    }

    #[test]
    fn a_later_class_keeps_longer() {
        let days: Vec<u32> = Retention::ALL.iter().filter_map(|class| class.days()).collect();
        assert_eq!(days, [90, 732, 3_660, 10_980]);
        assert_eq!(Retention::Permanent.days(), None);
    }
}
