//! Lists of authorized people, as repositories of controlled data get them.

use crate::Error;
use crate::dataset::invalid;
use base::{Sha256, Timestamp, UserId};
use sha2::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a list at most.
const LONGEST: usize = 4 << 20;

/// Who of a list may use the data now, by the names that they sign in with.
pub fn authorized(text: &str, study: Option<&str>, now: Timestamp) -> Result<BTreeSet<String>, Error> {
    if text.len() > LONGEST {
        return Err(invalid("list", "4 MiB are expected at most"));
    }
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
    let heads = reader.headers().map_err(|_| invalid("list", "it is no CSV"))?.clone();
    let column = |name: &str| heads.iter().position(|head| head.eq_ignore_ascii_case(name));
    let Some(login) = column("login") else {
        return Err(invalid("list", "it has no column `login`"));
    };
    let (status, phsid, expires) = (column("status"), column("phsid"), column("expires"));
    if study.is_some() && phsid.is_none() {
        return Err(invalid("list", "it has no column `phsid`, and a study was named"));
    }
    let mut people = BTreeSet::new();
    for (number, row) in (2..).zip(reader.records()) {
        let row = row.map_err(|_| invalid("list", &format!("line {number} cannot be read")))?;
        let field = |at: Option<usize>| at.and_then(|at| row.get(at)).unwrap_or_default();
        let name = row.get(login).unwrap_or_default();
        if name.is_empty() {
            return Err(invalid("list", &format!("line {number} names nobody")));
        }
        let active = status.is_none() || field(status).eq_ignore_ascii_case("active");
        let of_study = study.is_none_or(|study| is_of(field(phsid), study));
        let holds = match field(expires) {
            "" => true,
            // INVARIANT (unread-ends): a day that cannot be read authorizes nobody, and is said.
            day => {
                day_of(day).ok_or_else(|| {
                    invalid("list", &format!("line {number}: `expires` is a day such as 2027-06-30"))
                })? > now
            }
        };
        if active && of_study && holds {
            people.insert(name.to_owned());
        }
    }
    Ok(people)
}

/// `phs000178.v11.p8.c1` is of the study `phs000178`.
fn is_of(phsid: &str, study: &str) -> bool {
    phsid.strip_prefix(study).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The end of a day, or a moment.
fn day_of(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| format!("{}T23:59:59Z", text.get(..10)?).parse().ok())
}

/// What a list changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Who is named from then on, and was not.
    pub added: BTreeMap<String, UserId>,
    /// Who was, and is no more. Their accounts stay as they are.
    pub removed: BTreeMap<String, UserId>,
    /// Names without an account here.
    pub unknown: BTreeSet<String>,
}

impl Difference {
    /// Between who is named now and who a list names; `accounts` has those names that are accounts.
    pub fn between(
        now: &BTreeMap<String, UserId>,
        list: &BTreeSet<String>,
        accounts: &BTreeMap<String, UserId>,
    ) -> Self {
        let known = |name: &&String| accounts.contains_key(*name) || now.contains_key(*name);
        Self {
            added: accounts
                .iter()
                .filter(|(name, _)| list.contains(*name) && !now.contains_key(*name))
                .map(|(name, id)| (name.clone(), id.clone()))
                .collect(),
            removed: now
                .iter()
                .filter(|(name, _)| !list.contains(*name))
                .map(|(name, id)| (name.clone(), id.clone()))
                .collect(),
            unknown: list.iter().filter(|name| !known(name)).cloned().collect(),
        }
    }

    /// What stands for exactly this difference.
    pub fn digest(&self) -> Sha256 {
        let mut hash = sha2::Sha256::new();
        for (sign, people) in [("+", &self.added), ("-", &self.removed)] {
            for (name, id) in people {
                hash.update(format!("{sign}{}:{name}={id}\n", name.len()));
            }
        }
        for name in &self.unknown {
            hash.update(format!("?{}:{name}\n", name.len()));
        }
        Sha256(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Id, SystemEntropy};

    fn now() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    fn names(text: &str, study: Option<&str>) -> Vec<String> {
        authorized(text, study, now()).unwrap().into_iter().collect()
    }

    #[test]
    fn who_is_active_of_the_study_and_not_over_is_authorized() {
        let list = "user name,login,authority,role,email,phone,status,phsid,permission set,created,updated,expires\n\
            A,ada,eRA,PI,a@b,1,active,phs000178.v11.p8.c1,x,y,z,2027-06-30\n\
            B,bo,eRA,PI,a@b,1,inactive,phs000178.v11.p8.c1,x,y,z,2027-06-30\n\
            C,cy,eRA,PI,a@b,1,active,phs000179.v1.p1.c1,x,y,z,2027-06-30\n\
            D,di,eRA,PI,a@b,1,active,phs0001789.v1,x,y,z,2027-06-30\n\
            E,eve,eRA,PI,a@b,1,Active,phs000178,x,y,z,2026-11-19 00:00:00\n\
            F,flo,eRA,PI,a@b,1,Active,phs000178,x,y,z,2026-11-20\n";
        assert_eq!(names(list, Some("phs000178")), ["ada", "flo"]);
        assert_eq!(names(list, None), ["ada", "cy", "di", "flo"]);
        assert_eq!(names("login\nada\n", None), ["ada"]);
    }

    #[test]
    fn a_list_that_cannot_be_read_authorizes_nobody() {
        for (list, study) in [
            ("name\nada\n", None),
            ("login\nada\n", Some("phs000178")),
            ("login,status\n,active\n", None),
            ("login,expires\nada,soon\n", None),
            ("", None),
        ] {
            assert!(authorized(list, study, now()).is_err(), "{list}");
        }
        assert!(authorized(&"x".repeat(LONGEST + 1), None, now()).is_err());
    }

    #[test]
    fn a_difference_names_who_comes_goes_and_is_not_known() {
        let id = |_: &str| UserId::mint(&SystemEntropy);
        let now: BTreeMap<String, UserId> = ["ada", "bo"].map(|name| (name.to_owned(), id(name))).into();
        let list = BTreeSet::from(["ada", "cy", "di"].map(str::to_owned));
        let accounts = BTreeMap::from([("cy".to_owned(), id("cy")), ("eve".to_owned(), id("eve"))]);
        let made = Difference::between(&now, &list, &accounts);
        assert_eq!(made.added.keys().collect::<Vec<_>>(), ["cy"]);
        assert_eq!(made.removed.keys().collect::<Vec<_>>(), ["bo"]);
        assert_eq!(made.unknown.iter().collect::<Vec<_>>(), ["di"]);
        // Another list, or another set of accounts, is another difference.
        let other = Difference::between(&now, &BTreeSet::from(["ada".to_owned()]), &accounts);
        assert_ne!(made.digest(), other.digest());
        let fewer = Difference { unknown: BTreeSet::new(), ..made.clone() };
        assert_ne!(made.digest(), fewer.digest());
        assert_eq!(made.digest(), made.clone().digest());
    }
}
