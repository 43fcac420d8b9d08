//! Lists of authorized people, as repositories of controlled data get them.

use crate::Error;
use crate::dataset::invalid;
use base::{Sha256, Timestamp, UserId};
use sha2::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a list at most.
const LONGEST: usize = 4 << 20;

/// What a list says.
#[derive(Debug, Default)]
pub struct Authorized {
    /// Who may use the data now, by the names that they sign in with, and until when each: the latest of their rows.
    pub people: BTreeMap<String, Option<Timestamp>>,
    /// Those of them who stand in it more than once.
    pub repeated: BTreeSet<String>,
}

/// Reads who of a list may use the data now.
pub fn authorized(text: &str, study: Option<&str>, now: Timestamp) -> Result<Authorized, Error> {
    if text.len() > LONGEST {
        return Err(invalid("list", "4 MiB are expected at most"));
    }
    // INVARIANT (unread-authorizes-nobody): a row with another number of fields than the head cannot be told apart.
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let columns = Columns::of(reader.headers().map_err(|_| invalid("list", "it is no CSV"))?, study)?;
    let (mut all, mut said, mut of_study) = (Authorized::default(), BTreeMap::new(), false);
    let mut studies = BTreeSet::new();
    for (number, row) in (2..).zip(reader.records()) {
        let line = |why: &str| invalid("list", &format!("line {number} {why}"));
        let row = row.map_err(|_| line("cannot be read, or has another number of columns than the first"))?;
        let row = columns.row(&row).map_err(line)?;
        let (active, of) = (row.active, (row.login.to_owned(), row.phsid.to_owned()));
        let earlier = said.insert(of, (active, number));
        if let Some((_, earlier)) = earlier.filter(|(before, _)| *before != active) {
            return Err(line(&format!("says otherwise than line {earlier} of the same person and study")));
        }
        of_study |= row.is_of(study);
        studies.extend(row.phsid.split('.').next().filter(|study| !study.is_empty()).map(str::to_owned));
        if active && row.is_of(study) && row.until.is_none_or(|until| until > now) {
            if all.people.contains_key(row.login) {
                all.repeated.insert(row.login.to_owned());
            }
            let until = all.people.entry(row.login.to_owned()).or_insert(row.until);
            *until = (*until).zip(row.until).map(|(one, other)| one.max(other));
        }
    }
    match study {
        // Who may use one study may not for that use another.
        None if studies.len() > 1 => {
            Err(invalid("list", "it is of several studies: say which one with `--study`"))
        }
        // A study that was mistyped would take everybody out.
        Some(study) if !of_study => Err(invalid("list", &format!("no row is of {study}"))),
        _ => Ok(all),
    }
}

/// Where the columns stand that are read.
struct Columns {
    login: usize,
    status: usize,
    phsid: Option<usize>,
    expires: Option<usize>,
}

struct Row<'a> {
    login: &'a str,
    active: bool,
    phsid: &'a str,
    until: Option<Timestamp>,
}

impl Columns {
    fn of(heads: &csv::StringRecord, study: Option<&str>) -> Result<Self, Error> {
        let column = |name: &str| heads.iter().position(|head| head.eq_ignore_ascii_case(name));
        let needed =
            |name: &str| column(name).ok_or_else(|| invalid("list", &format!("it has no column `{name}`")));
        if study.is_some() {
            needed("phsid")?;
        }
        Ok(Self {
            login: needed("login")?,
            status: needed("status")?,
            phsid: column("phsid"),
            expires: column("expires"),
        })
    }

    /// A row, or what is wrong with it.
    fn row<'a>(&self, row: &'a csv::StringRecord) -> Result<Row<'a>, &'static str> {
        let field = |at: Option<usize>| at.and_then(|at| row.get(at)).unwrap_or_default();
        let login = field(Some(self.login));
        if login.is_empty() {
            return Err("names nobody");
        }
        if login.contains([',', '\n', '\r']) {
            return Err("has a quote that does not end");
        }
        // INVARIANT (unread-ends): a day that cannot be read authorizes nobody, and is said.
        let until = match field(self.expires) {
            "" => None,
            day => Some(end_of(day).ok_or("has an `expires` that is no day such as 2027-06-30")?),
        };
        let active = field(Some(self.status)).eq_ignore_ascii_case("active");
        Ok(Row { login, active, phsid: field(self.phsid), until })
    }
}

impl Row<'_> {
    fn is_of(&self, study: Option<&str>) -> bool {
        study.is_none_or(|study| is_of(self.phsid, study))
    }
}

/// `phs000178.v11.p8.c1` is of the study `phs000178`.
fn is_of(phsid: &str, study: &str) -> bool {
    phsid.strip_prefix(study).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The end of `2027-06-30`, also with `00:00:00` behind it as spreadsheets have it or `00:00:00.000` as dbGaP does, or a moment.
fn end_of(text: &str) -> Option<Timestamp> {
    let day = text.strip_suffix(".000").unwrap_or(text);
    let day = day.strip_suffix(" 00:00:00").unwrap_or(day);
    match day.len() {
        10 => format!("{day}T23:59:59Z").parse().ok(),
        _ => text.parse().ok(),
    }
}

/// Somebody of an application: their account, and until when a list authorizes them.
pub type Named = (UserId, Option<Timestamp>);

/// What a list changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Who is named from then on, and was not.
    pub added: BTreeMap<String, Named>,
    /// Who stays, until another day than before.
    pub changed: BTreeMap<String, Named>,
    /// Who was named, and is no more. Their accounts stay as they are.
    pub removed: BTreeMap<String, UserId>,
    /// Names that nobody in the workspace has.
    pub unknown: BTreeSet<String>,
}

impl Difference {
    /// Between who is named now and who a list names; `accounts` has those names that are of people in the workspace.
    pub fn between(
        now: &BTreeMap<String, Named>,
        list: &BTreeMap<String, Option<Timestamp>>,
        accounts: &BTreeMap<String, UserId>,
    ) -> Self {
        let mut made = Self::default();
        for (name, until) in list {
            match (now.get(name), accounts.get(name)) {
                (Some((id, before)), _) if before != until => {
                    made.changed.insert(name.clone(), (id.clone(), *until));
                }
                (Some(_), _) => {}
                (None, Some(id)) => {
                    made.added.insert(name.clone(), (id.clone(), *until));
                }
                (None, None) => {
                    made.unknown.insert(name.clone());
                }
            }
        }
        let gone = now.iter().filter(|(name, _)| !list.contains_key(*name));
        made.removed = gone.map(|(name, (id, _))| (name.clone(), id.clone())).collect();
        made
    }

    /// Who is named once it is applied.
    pub fn applied(&self, now: &BTreeMap<String, Named>) -> BTreeMap<UserId, Option<Timestamp>> {
        let kept = now.iter().filter(|(name, _)| !self.removed.contains_key(*name)).map(|(_, one)| one);
        kept.chain(self.changed.values()).chain(self.added.values()).cloned().collect()
    }

    /// What stands for exactly this difference.
    pub fn digest(&self) -> Sha256 {
        let mut hash = sha2::Sha256::new();
        for (sign, people) in [("+", &self.added), ("*", &self.changed)] {
            for (name, (id, until)) in people {
                let until = until.map(|until| until.to_string()).unwrap_or_default();
                hash.update(format!("{sign}{}:{name}={id} {until}\n", name.len()));
            }
        }
        for (name, id) in &self.removed {
            hash.update(format!("-{}:{name}={id}\n", name.len()));
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
        authorized(text, study, now()).unwrap().people.into_keys().collect()
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
        let told = authorized(list, None, now()).unwrap_err();
        assert!(told.to_string().contains("several studies"), "{told}");
        assert_eq!(names("\u{feff}login,status\nada,active\n", None), ["ada"]);
    }

    #[test]
    fn each_is_authorized_until_the_latest_of_their_days() {
        let list = "login,status,phsid,expires\n\
            ada,active,phs000178.v1.p1.c1,2027-06-30\nada,active,phs000178.v1.p1.c2,2028-06-30\n\
            bo,active,phs000178.v1.p1.c1,2027-06-30\nbo,active,phs000178.v1.p1.c2,\n\
            cy,active,phs000178.v1.p1.c1,2027-06-30\ncy,inactive,phs000178.v1.p1.c2,2028-06-30\n";
        let found = authorized(list, Some("phs000178"), now()).unwrap();
        let days: Vec<_> = found.people.values().map(|until| until.map(|until| until.to_string())).collect();
        assert_eq!(
            days,
            [Some("2028-06-30T23:59:59Z".to_owned()), None, Some("2027-06-30T23:59:59Z".to_owned())]
        );
        assert!(
            found.repeated.iter().eq(["ada", "bo"]),
            "who counts once is not named: {:?}",
            found.repeated
        );
    }

    #[test]
    fn a_list_is_read_as_dbgap_writes_it() {
        let list = "user name,login,authority,role,email,phone,status,phsid,permission set,created,updated,expires,downloader for\n\
            X,ada,eRA,PI,a@b.example,1,active,phs000178.v9.p8.c1,General Research Use,2013-03-19 12:32:24.600,\
            2013-03-19 12:32:24.600,2027-05-14 00:00:00.000,\n";
        let found = authorized(list, None, now()).unwrap();
        assert_eq!(found.people["ada"].unwrap().to_string(), "2027-05-14T23:59:59Z");
    }

    #[test]
    fn a_list_that_cannot_be_read_authorizes_nobody() {
        for (list, study) in [
            ("name\nada\n", None),
            ("login\nada\n", None),
            ("login,status\nada,active\n", Some("phs000178")),
            ("login,status\n,active\n", None),
            ("login,status,expires\nada,active,soon\n", None),
            ("login,status,expires\nada,active,2027-06-30x\n", None),
            ("login,status,expires\nada,active,2027-06-30 12:00:00\n", None),
            ("login,status,expires\nada,active\n", None),
            ("login,status\nada,active,2027-06-30\n", None),
            ("login,status\nada,active\nada,inactive\n", None),
            ("login,status,phsid\nada,inactive,phs1.v1\nada,active,phs1.v1\n", None),
            ("login,status\n\"ada,active\nbo,active\n", None),
            ("login,status,phsid\nada,active,phs1.v1\n", Some("phs2")),
            ("login,status,phsid\nada,active,phs1.v1\nbo,active,phs2.v1\n", None),
            ("", None),
        ] {
            assert!(authorized(list, study, now()).is_err(), "{list}");
        }
        assert!(authorized(&"x".repeat(LONGEST + 1), None, now()).is_err());
    }

    #[test]
    fn a_difference_names_who_comes_stays_longer_goes_and_is_not_known() {
        let id = || UserId::mint(&SystemEntropy);
        let day: Option<Timestamp> = "2027-06-30T23:59:59Z".parse().ok();
        let before: BTreeMap<String, Named> =
            ["ada", "bo", "flo"].map(|name| (name.to_owned(), (id(), None))).into();
        let list = BTreeMap::from([("ada", None), ("cy", day), ("di", day), ("flo", day)]);
        let list: BTreeMap<String, _> =
            list.into_iter().map(|(name, until)| (name.to_owned(), until)).collect();
        let accounts = BTreeMap::from([("cy".to_owned(), id()), ("eve".to_owned(), id())]);
        let made = Difference::between(&before, &list, &accounts);
        assert_eq!(made.added.keys().collect::<Vec<_>>(), ["cy"]);
        assert_eq!(made.changed.keys().collect::<Vec<_>>(), ["flo"]);
        assert_eq!(made.removed.keys().collect::<Vec<_>>(), ["bo"]);
        assert_eq!(made.unknown.iter().collect::<Vec<_>>(), ["di"]);
        let of = |name: &str| before.get(name).unwrap().0.clone();
        let expected = [(of("ada"), None), (of("flo"), day), (accounts.get("cy").unwrap().clone(), day)];
        assert_eq!(made.applied(&before), expected.into());
        // Another list, another day or another set of accounts is another difference.
        let other = Difference::between(&before, &[("ada".to_owned(), None)].into(), &accounts);
        assert_ne!(made.digest(), other.digest());
        for spoil in [
            |one: &mut Difference| one.unknown.clear(),
            |one: &mut Difference| one.changed.clear(),
            |one: &mut Difference| one.added.values_mut().for_each(|named| named.1 = None),
            |one: &mut Difference| one.changed.values_mut().for_each(|named| named.1 = None),
        ] {
            let mut other = made.clone();
            spoil(&mut other);
            assert_ne!(made.digest(), other.digest());
        }
        assert_eq!(made.digest(), made.clone().digest());
    }
}
