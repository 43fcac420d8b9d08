//! What of all that was said holds now.

use crate::consent::{Consent, Said, Statement};
use base::Timestamp;

/// How it stands with a subject's consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing was said.
    Unasked,
    /// A consent holds.
    Given(Consent),
    /// The newest consent holds from later on.
    NotYet(Consent),
    /// The newest consent has ended. An older one does not hold in its place.
    Ended(Consent),
    /// A consent holds, for something else than what was said before: somebody has to look at it first.
    UnderReview(Consent),
    /// All use was forbidden.
    Withdrawn,
}

impl Standing {
    /// What holds at `now` of what was `said`, oldest first.
    pub fn of(said: Vec<Statement>, now: Timestamp) -> Self {
        let review = needs_review(&said);
        let newest = said.into_iter().rev().find(|one| one.said != Said::Reviewed);
        match newest.map(|one| one.said) {
            None | Some(Said::Reviewed) => Self::Unasked,
            Some(Said::Withdrawn) => Self::Withdrawn,
            Some(Said::Given(consent)) if consent.until.is_some_and(|until| until <= now) => {
                Self::Ended(*consent)
            }
            Some(Said::Given(consent)) if consent.from > now => Self::NotYet(*consent),
            Some(Said::Given(consent)) if review => Self::UnderReview(*consent),
            Some(Said::Given(consent)) => Self::Given(*consent),
        }
    }

    /// The word for it in lists.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unasked => "none",
            Self::Given(_) => "given",
            Self::NotYet(_) => "not-yet",
            Self::Ended(_) => "ended",
            Self::UnderReview(_) => "under-review",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The consent that it speaks of.
    pub const fn consent(&self) -> Option<&Consent> {
        match self {
            Self::Given(consent)
            | Self::NotYet(consent)
            | Self::Ended(consent)
            | Self::UnderReview(consent) => Some(consent),
            Self::Unasked | Self::Withdrawn => None,
        }
    }
}

/// Whether the newest consent follows another with other terms, or a withdrawal, and nobody looked at it since.
pub(crate) fn needs_review(said: &[Statement]) -> bool {
    let mut changed = false;
    let mut before: Option<&Said> = None;
    for one in said {
        match (&one.said, before) {
            (Said::Reviewed, _) => {
                changed = false;
                continue;
            }
            (Said::Given(now), Some(Said::Given(then))) => changed |= now.terms != then.terms,
            (Said::Given(_), Some(_)) => changed = true,
            (Said::Given(_), None) | (Said::Withdrawn, _) => {}
        }
        before = Some(&one.said);
    }
    changed && matches!(before, Some(Said::Given(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{ConsentId, Id, Sha256, SystemEntropy};
    use policy::terms::Terms;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn given(position: u64, terms: &str, from: i64, until: Option<i64>) -> Statement {
        let consent = Consent {
            id: ConsentId::mint(&SystemEntropy),
            form: "f".into(),
            terms: Terms::parse(terms).unwrap(),
            document: Sha256([0; 32]),
            from: at(from),
            until: until.map(at),
        };
        Statement { position, at: at(0), said: Said::Given(Box::new(consent)) }
    }

    fn plain(position: u64, said: Said) -> Statement {
        Statement { position, at: at(0), said }
    }

    fn word(said: Vec<Statement>, now: i64) -> &'static str {
        Standing::of(said, at(now)).as_str()
    }

    const BROAD: &str = "DUO:0000042";
    const HEALTH: &str = "DUO:0000006";

    #[test]
    fn a_consent_holds_from_its_beginning_to_its_end() {
        let one = || vec![given(1, BROAD, 10, Some(20))];
        for (now, expected) in [(9, "not-yet"), (10, "given"), (19, "given"), (20, "ended")] {
            assert_eq!(word(one(), now), expected, "{now}");
        }
        // What ended is not followed by what was before it.
        assert_eq!(word(vec![given(1, BROAD, 0, None), given(2, BROAD, 0, Some(20))], 30), "ended");
    }

    #[test]
    fn a_change_waits_for_a_review_however_it_came() {
        let (withdrawn, reviewed) = (|at| plain(at, Said::Withdrawn), |at| plain(at, Said::Reviewed));
        let cases: Vec<(Vec<Statement>, &str)> = vec![
            (vec![], "none"),
            (vec![reviewed(1)], "none"),
            (vec![given(1, BROAD, 0, None), given(2, BROAD, 0, None)], "given"),
            (vec![given(1, BROAD, 0, None), given(2, HEALTH, 0, None)], "under-review"),
            // Back again is a change all the same: what was done between may not fit.
            (
                vec![given(1, BROAD, 0, None), given(2, HEALTH, 0, None), given(3, BROAD, 0, None)],
                "under-review",
            ),
            (vec![given(1, BROAD, 0, None), given(2, HEALTH, 0, None), reviewed(3)], "given"),
            (vec![withdrawn(1), given(2, BROAD, 0, None)], "under-review"),
            (vec![withdrawn(1), given(2, BROAD, 0, None), reviewed(3)], "given"),
            (vec![given(1, BROAD, 0, None), withdrawn(2), reviewed(3)], "withdrawn"),
            (vec![given(1, BROAD, 0, None), given(2, HEALTH, 0, None), withdrawn(3)], "withdrawn"),
        ];
        for (said, expected) in cases {
            let shown = format!("{said:?}");
            assert_eq!(word(said, 1), expected, "{shown}");
        }
    }
}
