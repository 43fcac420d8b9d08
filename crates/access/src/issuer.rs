//! Whose word about people counts here: `[passports]` of `site.toml`.

use crate::Error;
use base::Clock;
use jwt::source::Where;
use jwt::{Keys, Source};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// The one type of visa that gives roles.
pub(crate) const GRANTS: &str = "ControlledAccessGrants";
/// Days for which an assertion counts unless the settings say fewer, and at most.
const MOST_DAYS: u32 = 366;
/// Bytes of a URL that a visa may name (Passport 1.2, "URL Claims").
pub(crate) const LONGEST_URL: usize = 255;
/// Issuers of one site at most: each presentation may ask each of them for its keys.
const MOST_ISSUERS: usize = 16;

/// `[passports]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Issuers {
    /// Each `[[passports.issuer]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub issuer: Vec<Issuer>,
}

/// One that signs visas, or passports, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// One word for it, in commands and in the record.
    pub name: String,
    /// What its tokens have as `iss`.
    pub issuer: String,
    /// Where its keys are.
    pub keys: Where,
    /// The address that its tokens may name their keys by. It is compared and never asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jku: Option<String>,
    /// Whether it signs passports.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub broker: bool,
    /// Whom a passport of its has to be made for; absent for passports that are made for nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Organisations that it may speak for: the `source` of its visas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Types of visas that it may sign.
    #[serde(default = "types")]
    pub types: Vec<String>,
    /// Whose decision a grant has to be: the words that `by` of a visa may be.
    #[serde(default = "by")]
    pub by: Vec<String>,
    /// For how many days after it was asserted something counts.
    #[serde(default = "days")]
    pub days: u32,
}

fn types() -> Vec<String> {
    vec![GRANTS.to_owned()]
}

fn by() -> Vec<String> {
    vec!["dac".to_owned()]
}

const fn days() -> u32 {
    MOST_DAYS
}

impl Issuers {
    /// Whether none is named.
    pub fn is_empty(&self) -> bool {
        self.issuer.is_empty()
    }

    /// Checks what was set. Files and addresses are not looked at yet; relative ones lie below `folder`.
    pub fn checked(self, folder: &Path, clock: &Arc<dyn Clock>) -> Result<Trust, Error> {
        let (mut names, mut issuers) = (BTreeSet::new(), BTreeMap::new());
        if self.issuer.len() > MOST_ISSUERS {
            return Err(Error::Issuer {
                name: "-".into(),
                why: format!("there are more than {MOST_ISSUERS}"),
            });
        }
        for one in self.issuer {
            let refuse =
                |why: &str| Error::Issuer { name: one.name.chars().take(40).collect(), why: why.to_owned() };
            one.check().map_err(refuse)?;
            let source =
                Source::open(&one.keys, folder, clock.clone()).map_err(|why| refuse(&why.to_string()))?;
            if !names.insert(one.name.clone()) || issuers.contains_key(&one.issuer) {
                return Err(refuse("two have one name, or one `issuer`"));
            }
            issuers.insert(one.issuer.clone(), Trusted { settings: one, source });
        }
        Ok(Trust { issuers })
    }
}

impl Issuer {
    fn check(&self) -> Result<(), &'static str> {
        let word = |text: &str| {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            (1..=32).contains(&text.len()) && text.bytes().all(plain)
        };
        let url = |text: &String| {
            (1..=LONGEST_URL).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
        };
        if !word(&self.name) {
            return Err("its name is one word of small letters, digits and `-`");
        }
        if !url(&self.issuer) || !self.sources.iter().all(url) || !self.jku.iter().all(url) {
            return Err("`issuer`, `jku` and `sources` are 1 to 255 printable characters");
        }
        if !self.types.iter().all(url) || self.audience.as_ref().is_some_and(|text| !url(text)) {
            return Err("`types` and `audience` are 1 to 255 printable characters");
        }
        if !self.by.iter().all(|by| ["self", "peer", "system", "so", "dac"].contains(&by.as_str()))
            || self.by.is_empty()
        {
            return Err("`by` is of `dac`, `so`, `system`, `peer`, `self`");
        }
        if !(1..=MOST_DAYS).contains(&self.days) {
            return Err("`days` is 1 to 366");
        }
        if !self.broker && (self.sources.is_empty() || self.types.is_empty()) {
            return Err("it speaks for nobody: name its `sources`, or say that it is a `broker`");
        }
        Ok(())
    }
}

/// The issuers that a site trusts, checked.
#[derive(Default)]
pub struct Trust {
    /// By `iss`.
    issuers: BTreeMap<String, Trusted>,
}

/// One of them.
pub(crate) struct Trusted {
    pub settings: Issuer,
    source: Source,
}

/// One whose keys cannot be had.
pub struct Unreached {
    /// The settings' word for it.
    pub name: String,
    /// The file or the address where they should be.
    pub place: String,
    /// Why they are not.
    pub why: jwt::Error,
}

/// Their keys of this moment, or why there are none.
pub struct IssuerKeys(BTreeMap<String, Result<Arc<Keys>, jwt::Error>>);

impl Trust {
    /// Fetches the keys of all: files are read, and addresses asked where what was fetched is old. It blocks.
    pub fn keys(&self) -> IssuerKeys {
        IssuerKeys(
            self.issuers.iter().map(|(issuer, trusted)| (issuer.clone(), trusted.source.keys())).collect(),
        )
    }

    /// The issuers whose keys cannot be had now. It blocks.
    pub fn out_of_reach(&self) -> Vec<Unreached> {
        self.unreached(|source| source.keys().err())
    }

    /// The same, as far as is known without asking an address: files are read.
    pub fn not_reached(&self) -> Vec<Unreached> {
        self.unreached(Source::lacks)
    }

    fn unreached(&self, lacks: impl Fn(&Source) -> Option<jwt::Error>) -> Vec<Unreached> {
        let told = |one: &Trusted| {
            let why = lacks(&one.source)?;
            Some(Unreached { name: one.settings.name.clone(), place: one.source.place(), why })
        };
        self.issuers.values().filter_map(told).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.issuers.is_empty()
    }

    pub(crate) fn of(&self, issuer: &str) -> Option<&Trusted> {
        self.issuers.get(issuer)
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Trusted> {
        self.issuers.values().find(|trusted| trusted.settings.name == name)
    }

    /// Whether a role that `issuer` gave in the name of `source` still counts.
    ///
    /// INVARIANT (trust-is-now): each decision asks this of the settings that the site was opened with. What an issuer
    /// gave ends with the trust in it.
    pub(crate) fn still(&self, issuer: &str, source: &str) -> bool {
        self.of(issuer).is_some_and(|trusted| trusted.settings.may_grant(source))
    }
}

impl Issuer {
    pub(crate) fn may_grant(&self, source: &str) -> bool {
        self.sources.iter().any(|one| one == source) && self.grants()
    }

    /// Whether it may grant anything.
    pub(crate) fn grants(&self) -> bool {
        !self.sources.is_empty() && self.types.iter().any(|one| one == GRANTS)
    }
}

impl IssuerKeys {
    pub(crate) fn of(&self, issuer: &str) -> Result<&Keys, jwt::Error> {
        match self.0.get(issuer) {
            Some(Ok(keys)) => Ok(keys),
            Some(Err(why)) => Err(why.clone()),
            None => Err(jwt::Error::Key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Fault, SystemClock};

    fn check(change: impl Fn(&mut Issuer)) -> Result<Trust, Error> {
        let mut one = Issuer {
            name: "ega".into(),
            issuer: "https://visas.example.org/".into(),
            keys: Where { file: Some("ega.jwks".into()), ..Where::default() },
            jku: None,
            broker: false,
            audience: None,
            sources: vec!["https://dac.example.org/1".into()],
            types: types(),
            by: by(),
            days: 90,
        };
        change(&mut one);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        Issuers { issuer: vec![one] }.checked(Path::new("/"), &clock)
    }

    #[test]
    fn what_cannot_be_is_refused() {
        check(|_| {}).unwrap();
        check(|one| (one.broker, one.sources) = (true, Vec::new())).unwrap();
        let wrong: [fn(&mut Issuer); 11] = [
            |one| one.name = "E G A".into(),
            |one| one.name.clear(),
            |one| one.issuer.clear(),
            |one| one.sources.clear(),
            |one| one.sources = vec!["a".repeat(256)],
            |one| one.types.clear(),
            |one| one.by.clear(),
            |one| one.by = vec!["anybody".into()],
            |one| one.days = 0,
            |one| one.days = 367,
            |one| one.keys = Where::default(),
        ];
        for change in wrong {
            let Err(error) = check(change) else { panic!("taken") };
            assert_eq!((error.code(), error.hint().is_some()), ("ACCESS-061", true));
        }
    }

    #[test]
    fn two_of_one_name_or_one_address_are_refused() {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let text = |name: &str, issuer: &str| {
            format!(
                "[[issuer]]\nname = \"{name}\"\nissuer = \"{issuer}\"\nbroker = true\nkeys.file = \"k\"\n"
            )
        };
        let of = |one: String, other: String| toml::from_str::<Issuers>(&(one + &other)).unwrap();
        let checked = |issuers: Issuers| issuers.checked(Path::new("/"), &clock).is_ok();
        assert!(checked(of(text("a", "x"), text("b", "y"))));
        assert!(!checked(of(text("a", "x"), text("a", "y"))));
        assert!(!checked(of(text("a", "x"), text("b", "x"))));
        assert!(
            toml::from_str::<Issuers>(
                "[[issuer]]\nname = \"a\"\nissuer = \"b\"\nkeys.file = \"k\"\nkey = 1\n"
            )
            .is_err()
        );
    }
}
