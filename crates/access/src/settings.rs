//! What a site sets about its decisions.

use crate::Error;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A site's most days for a role that is given: a year.
const MOST_GRANT_DAYS: u32 = 366;

/// `[policy]` of `site.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Of so many decisions one, drawn anew each time, is put to Cedar as well.
    pub check_one_in: u32,
    /// The zone of `hour` and `weekday`, as `Europe/Berlin`; UTC when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Where the site lies: country codes or `EU`. None says nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// Days that a role lasts unless less is asked for.
    pub grant_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { check_one_in: 100, time_zone: None, regions: Vec::new(), grant_days: 365 }
    }
}

impl Settings {
    /// Whether nothing was set.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Checks what was set.
    pub fn checked(self) -> Result<Checked, Error> {
        let refuse = |what, why: &str| Err(Error::Settings { what, why: why.to_owned() });
        if self.check_one_in == 0 {
            return refuse("check_one_in", "it is 1 for every decision, or more");
        }
        if self.grant_days == 0 || self.grant_days > MOST_GRANT_DAYS {
            return refuse("grant_days", "it is 1 to 366");
        }
        let region = |word: &String| word.len() == 2 && word.bytes().all(|b| b.is_ascii_uppercase());
        if !self.regions.iter().all(region) {
            return refuse("regions", "each is a country code of two capital letters, or EU");
        }
        let zone = match &self.time_zone {
            None => TimeZone::UTC,
            Some(name) => match TimeZone::get(name) {
                Ok(zone) => zone,
                Err(_) => return refuse("time_zone", "this machine knows no such zone"),
            },
        };
        Ok(Checked { settings: self, zone })
    }
}

/// Settings that were checked.
#[derive(Debug, Clone)]
pub struct Checked {
    pub(crate) settings: Settings,
    pub(crate) zone: TimeZone,
}

impl Default for Checked {
    fn default() -> Self {
        Self { settings: Settings::default(), zone: TimeZone::UTC }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl Fn(&mut Settings)) -> Result<Checked, Error> {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.checked()
    }

    #[test]
    fn what_cannot_be_is_refused() {
        check(|_| {}).unwrap();
        check(|s| s.regions = vec!["EU".into(), "DE".into()]).unwrap();
        let wrong: [fn(&mut Settings); 5] = [
            |s| s.check_one_in = 0,
            |s| s.grant_days = 0,
            |s| s.grant_days = 367,
            |s| s.regions = vec!["Europe".into()],
            |s| s.time_zone = Some("Mars/Olympus".into()),
        ];
        for change in wrong {
            let error = check(change).unwrap_err();
            assert_eq!(base::Fault::code(&error), "ACCESS-017");
            assert!(base::Fault::hint(&error).is_some());
        }
    }
}
