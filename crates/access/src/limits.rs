//! How long sessions last, and how many an account has at once.

use base::Class;
use serde::{Deserialize, Serialize};

/// The last use of a session is stored at most once a minute.
const TOUCH_SECONDS: i64 = 60;

/// `[sessions]` of `site.toml`: what the site asks for. It shortens what the site's class allows, and
/// lengthens nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Minutes without use after which a session ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_minutes: Option<u32>,
    /// Hours after sign-in after which a session ends, used or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<u32>,
    /// Sessions that an account has at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<u32>,
}

impl Asked {
    /// Whether nothing is asked for.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// The limits in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A session ends after so many seconds without use.
    pub idle_seconds: i64,
    /// A session ends so many seconds after sign-in.
    pub absolute_seconds: i64,
    /// Most sessions of one account; a further one ends that which was unused longest.
    pub parallel: usize,
}

impl Limits {
    /// The longest that a site of `class` allows. The strict classes allow fewer at once, and less time where people
    /// can come back by a passkey: who signed in with a one-time token holds nothing to sign in with again, and nobody
    /// else may make them one.
    pub const fn of(class: Class, passkeys: bool) -> Self {
        let usual = Self { idle_seconds: 8 * 3600, absolute_seconds: 24 * 3600, parallel: 10 };
        match class {
            Class::Sandbox | Class::Research => usual,
            Class::Controlled | Class::Clinical if !passkeys => Self { parallel: 5, ..usual },
            Class::Controlled | Class::Clinical => {
                Self { idle_seconds: 15 * 60, absolute_seconds: 12 * 3600, parallel: 5 }
            }
        }
    }

    /// These, or what is asked for where that is less. Nothing asked for is taken below a minute, an
    /// hour and one session: a site that nobody can sign in to helps nobody.
    #[must_use]
    pub fn within(self, asked: Asked) -> Self {
        let seconds = |asked: Option<u32>, unit: i64, most: i64| {
            asked.map_or(most, |count| i64::from(count.max(1)).saturating_mul(unit).min(most))
        };
        let parallel = asked.parallel.and_then(|count| usize::try_from(count.max(1)).ok());
        Self {
            idle_seconds: seconds(asked.idle_minutes, 60, self.idle_seconds),
            absolute_seconds: seconds(asked.hours, 3600, self.absolute_seconds),
            parallel: parallel.unwrap_or(self.parallel).min(self.parallel),
        }
    }

    /// Whether a session that began at `created` and was last used at `used` is over at `now`.
    pub const fn is_over(&self, created: i64, used: i64, now: i64) -> bool {
        used > now || now.saturating_sub(used) >= self.idle_seconds || self.is_past(created, now)
    }

    /// Whether a session that began at `created` is past its absolute limit at `now`. One that is still to begin was
    /// made by a clock that was wrong and has been corrected since: nobody knows how old it is.
    pub const fn is_past(&self, created: i64, now: i64) -> bool {
        created > now || now.saturating_sub(created) >= self.absolute_seconds
    }

    /// After how many seconds a use is stored again, so that reading does not write each time.
    pub const fn touch_seconds(&self) -> i64 {
        let quarter = self.idle_seconds / 4;
        if quarter < TOUCH_SECONDS { quarter } else { TOUCH_SECONDS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stricter_class_allows_less_and_settings_only_shorten() {
        for pair in Class::ALL.windows(2) {
            for passkeys in [false, true] {
                let (weaker, stricter) = (Limits::of(pair[0], passkeys), Limits::of(pair[1], passkeys));
                assert!(stricter.idle_seconds <= weaker.idle_seconds, "{pair:?}");
                assert!(stricter.absolute_seconds <= weaker.absolute_seconds, "{pair:?}");
                assert!(stricter.parallel <= weaker.parallel, "{pair:?}");
            }
        }
        let asked = Asked { idle_minutes: Some(20), hours: Some(1000), parallel: Some(0) };
        let limits = Limits::of(Class::Controlled, false).within(asked);
        assert_eq!(limits, Limits { idle_seconds: 1200, absolute_seconds: 24 * 3600, parallel: 1 });
        let strict = Limits::of(Class::Controlled, true).within(Asked { parallel: None, ..asked });
        assert_eq!(strict, Limits { idle_seconds: 900, absolute_seconds: 12 * 3600, parallel: 5 });
        let usual = Limits::of(Class::Sandbox, true);
        assert_eq!(usual.within(Asked::default()), usual);
    }

    #[test]
    fn a_session_is_over_at_its_limit_and_not_before() {
        let limits = Limits { idle_seconds: 60, absolute_seconds: 3600, parallel: 1 };
        assert!(!limits.is_over(0, 0, 59) && limits.is_over(0, 0, 60));
        assert!(!limits.is_over(0, 3590, 3599) && limits.is_over(0, 3599, 3600));
        assert!(
            !limits.is_over(500, 500, 500) && limits.is_over(500, 500, 499),
            "of a clock that was corrected"
        );
        assert!(limits.is_over(400, 500, 499));
    }
}
