//! The closed list of what is told.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $phrase:literal, $look:literal;)*) => {
        /// What a destination may ask to be told of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Word { $($(#[$doc])* $variant,)* }

        impl Word {
            /// Every word.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As settings have it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// For people. No word of anybody's is in it.
            pub const fn phrase(self) -> &'static str {
                match self { $(Self::$variant => $phrase),* }
            }

            /// The command that shows it, under the rights of whoever types it; an id of the kind follows.
            pub const fn look(self) -> &'static str {
                match self { $(Self::$variant => $look),* }
            }
        }
    };
}

words! {
    /// A run came to its end, with its results.
    RunEnded = "run-ended", "a run ended", "run show";
    /// A run failed, was stopped or cancelled, or nobody knows how it ended.
    RunFailed = "run-failed", "a run ended without its results", "run show";
    /// Somebody asked for data of a person who agreed to something else than before.
    UseUnderReview = "use-under-review", "data waits for the review of a changed consent", "consent list";
    /// Somebody asked for data whose terms or consent stand against the use, or leave it to a person.
    UseRefused = "use-refused", "a use was refused by its terms or by a consent", "use show";
    /// Somebody's consent was recorded.
    ConsentGiven = "consent-given", "a consent was recorded", "consent list";
    /// Somebody forbade all use of their data.
    ConsentWithdrawn = "consent-withdrawn", "a person forbade all use of their data", "consent list";
    /// Another project asks to use a dataset, or to use it for longer.
    ApplicationAsked = "application-asked", "an application waits for a data steward's answer", "application list";
    /// A data steward answered an application.
    ApplicationAnswered = "application-answered", "an application was answered", "application list";
    /// What an application let people use ended: its day passed, or it was given up.
    ApplicationEnded = "application-ended", "an application ended", "application list";
    /// What another project did with a dataset was reported.
    ApplicationReported = "application-reported", "a report on what is lent to another project came", "application list";
    /// The yearly report on what another project lends is due within 30 days.
    ReportDue = "report-due", "a report on what another project lends is due", "application list";
    /// Somebody asked for a support session.
    SupportAsked = "support-asked", "a support session waits for approval", "support list";
    /// Somebody opened a project's data to themselves in an emergency.
    BreakGlassOpened = "break-glass-opened", "a break-glass waits for its review", "break-glass list";
    /// A role ended by itself.
    GrantLapsed = "grant-lapsed", "a role ended by itself", "member list";
    /// Somebody was proposed to administer a project that has nobody.
    AdministratorProposed = "administrator-proposed", "a proposed administrator waits for approval", "administrator list";
    /// The site found other words than last time that look like identifiers.
    IdentifiersFound = "identifiers-found", "stored words look like identifiers", "project screen";
    /// Policies of the site's own were proposed.
    PolicyProposed = "policy-proposed", "proposed policies wait for approval", "policy list";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_written_as_it_is_read() {
        for word in Word::ALL {
            let text = format!("\"{}\"", word.as_str());
            assert_eq!(serde_json::from_str::<Word>(&text).unwrap(), *word);
            assert_eq!(serde_json::to_string(word).unwrap(), text);
            assert!(word.phrase().is_ascii() && word.look().is_ascii());
        }
    }
}
