//! Who people are: found again by their number, read by whoever may, gone with their keys, and never an older map.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use access::thing::{Project, Subject};
use access::verb::{Identify, Split};
use access::{Action, Ask, Permit};
use audit::What;
use base::{Class, Fault, Kind, Role, Sensitive, SubjectId};
use db::sea_orm::{ConnectionTrait, Statement};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use subjects::map::{BIRTH, Field, LABEL, NAME, NUMBER, SAMPLE};
use subjects::{Error, Fact, Learned, Map, Person};
use testkit::{Members, Spine};

const NUMBER_OF_HERS: &str = "QX-4471";
const NAME_OF_HERS: &str = "Zorbina Quibbleton";

struct Site {
    spine: Spine,
    members: Members,
    map: Option<Map>,
}

impl Site {
    async fn new() -> Self {
        let spine = Spine::new(&[subjects::MIGRATIONS]).await;
        let members = spine.project(Class::Research).await;
        let map = Some(open(&spine).await.unwrap());
        Self { spine, members, map }
    }

    fn map(&self) -> &Map {
        self.map.as_ref().unwrap()
    }

    fn path(&self) -> PathBuf {
        path(&self.spine)
    }

    /// Closes the map and opens it again, as a start does.
    async fn again(&mut self) -> Result<(), Error> {
        self.map().close().await.unwrap();
        self.map = None;
        self.map = Some(open(&self.spine).await?);
        Ok(())
    }

    async fn steward(&self) -> Permit<Split, Project> {
        let steward = self.members.with(Role::DataSteward);
        self.spine.permit(steward, Action::SplitIdentity, &self.members.project).await
    }

    /// Meets and learns, and names new subjects in the catalog, as a split does.
    async fn split(&self, people: &[Person]) -> Result<(Vec<SubjectId>, BTreeSet<SubjectId>), Error> {
        let permit = self.steward().await;
        let tx = self.spine.db.begin(permit.decision()).await.unwrap();
        let mut learned = self.map().meet(&permit, &tx, "ward", people).await?;
        if !learned.is_known() {
            for subject in &learned.fresh {
                self.spine.catalog.name_subject(&permit, &tx, subject).await.unwrap();
            }
            self.map().learn(&permit, &tx, &mut learned).await?;
            tx.commit().await.unwrap();
        }
        let Learned { subjects, fresh, .. } = learned;
        Ok((subjects, fresh))
    }

    async fn broker<T: access::thing::Thing>(&self, thing: &T::Id) -> Permit<Identify, T> {
        let ask = Ask::<T>::new(Action::ReIdentify, [thing.clone()]);
        let ask = ask.because(Some(Sensitive::new("a finding".to_owned())));
        self.spine.access.decide(self.members.with(Role::HonestBroker), ask).await.unwrap()
    }

    async fn who(&self, subject: &SubjectId) -> Result<Vec<(String, String)>, Error> {
        let known = self.map().who(&self.broker::<Subject>(subject).await).await?;
        Ok(known.into_iter().map(|one| (one.kind, one.value.into_revealed())).collect())
    }

    async fn find(&self, issuer: &str, number: &str) -> Result<SubjectId, Error> {
        let permit = self.broker::<Project>(&self.members.project).await;
        self.map().find(&permit, issuer, &Sensitive::new(number.to_owned())).await
    }

    async fn correct(&self, subject: &SubjectId, field: &Field, right: &str) -> Result<usize, Error> {
        let steward = self.members.with(Role::DataSteward);
        let ask = Ask::<Subject>::new(Action::SplitIdentity, [subject.clone()]);
        let ask = ask.because(Some(Sensitive::new("a letter".to_owned())));
        let permit: Permit<Split, Subject> = self.spine.access.decide(steward, ask).await.unwrap();
        let tx = self.spine.db.begin(permit.decision()).await.unwrap();
        let right = Sensitive::new(right.to_owned());
        let wrong = self.map().find_wrong(&permit, &tx, field, &right).await?;
        let entries = wrong.entries();
        self.map().correct(&permit, &tx, wrong).await?;
        tx.commit().await.unwrap();
        self.map().forget_replaced().await.unwrap();
        Ok(entries)
    }

    fn events(&self) -> impl Iterator<Item = audit::Event> {
        let ledger = self.spine.audit.ledger();
        (0..ledger.size()).map(|at| self.spine.audit.recorded(at).unwrap().event)
    }

    /// What was corrected, and of whom, by the record.
    fn corrected(&self) -> Vec<(String, Vec<String>)> {
        let ours = self.events().filter_map(|event| match event.what {
            What::IdentityCorrected { field } => Some((field, event.about.into_iter().collect())),
            _ => None,
        });
        ours.collect()
    }

    /// How often somebody was put into the map, by the record.
    fn recorded(&self) -> Vec<Vec<String>> {
        let events = self.events();
        let ours = events.filter(|event| matches!(event.what, What::IdentityRecorded {}));
        ours.map(|event| event.about.into_iter().collect()).collect()
    }

    /// The map's values, as its file has them inside.
    async fn sealed(&self) -> Vec<Vec<u8>> {
        let rows = self.map().file().reader().query_all_raw(Statement::from_string(
            self.map().file().reader().get_database_backend(),
            "SELECT sealed FROM subjects_identity",
        ));
        rows.await.unwrap().iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    async fn execute(&self, sql: &str) {
        self.spine.db.reader().execute_unprepared(sql).await.unwrap();
    }

    async fn close(self) {
        if let Some(map) = &self.map {
            map.close().await.unwrap();
        }
        self.spine.db.close().await.unwrap();
    }
}

fn path(spine: &Spine) -> PathBuf {
    spine.folder.path().join("identities.db")
}

async fn open(spine: &Spine) -> Result<Map, Error> {
    Map::open(&path(spine), &spine.db, &spine.keys, &spine.audit, &spine.entropy).await
}

fn person(row: usize, number: &str, facts: &[(&'static str, &str)]) -> Person {
    let fact = |(kind, value): &(&'static str, &str)| Fact {
        kind,
        column: Sensitive::new((*kind).to_owned()),
        value: Sensitive::new((*value).to_owned()),
    };
    let number_too = [(NUMBER, number)];
    let facts = facts.iter().chain(&number_too).map(fact).collect();
    Person { row, number: Sensitive::new(number.to_owned()), facts }
}

fn her() -> Person {
    person(1, NUMBER_OF_HERS, &[(NAME, NAME_OF_HERS), (BIRTH, "1931-05-03"), (SAMPLE, "quibbleton-1")])
}

fn holds_canary(bytes: &[u8]) -> bool {
    let holds = |canary: &str| {
        bytes.windows(canary.len()).any(|window| window.eq_ignore_ascii_case(canary.as_bytes()))
    };
    ["Quibbleton", NUMBER_OF_HERS, "1931-05-03"].into_iter().any(holds)
}

/// Copies the map's files; what stands in the log alone is in the copy too.
fn copy(from: &Path, to: &Path) {
    for end in ["", "-wal", "-shm"] {
        let name = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
        if name(from).exists() {
            std::fs::copy(name(from), name(to)).unwrap();
        } else {
            let _ = std::fs::remove_file(name(to));
        }
    }
}

#[tokio::test]
async fn a_person_is_found_again_by_their_number_and_each_time_on_record() {
    let site = Site::new().await;
    let (subjects, fresh) = site.split(&[her()]).await.unwrap();
    assert_eq!((subjects.len(), fresh.len()), (1, 1));
    assert_eq!(site.recorded(), [vec![subjects[0].to_string()]]);
    // The same again: the same subject, nothing new, and on record that somebody was told that she is there.
    let (again, fresh) = site.split(&[her()]).await.unwrap();
    assert_eq!((&again, fresh.len(), site.recorded().len()), (&subjects, 0, 2));
    // Something more of her, in another spelling of her number.
    let more = person(1, " qx-4471 ", &[(NAME, "zorbina quibbleton"), ("phone", "943 476 5919")]);
    let (again, fresh) = site.split(&[more]).await.unwrap();
    assert_eq!((&again, fresh.len(), site.recorded().len()), (&subjects, 0, 4));
    let who = site.who(&subjects[0]).await.unwrap();
    let kinds: Vec<&str> = who.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, [BIRTH, NAME, NUMBER, SAMPLE, "phone"]);
    assert_eq!(site.find("ward", "qx-4471").await.unwrap(), subjects[0]);
    for (issuer, number) in [("clinic", NUMBER_OF_HERS), ("ward", "QX-447"), ("ward", "")] {
        assert!(matches!(site.find(issuer, number).await, Err(Error::NotFound)), "{issuer} {number}");
    }
    site.close().await;
}

#[tokio::test]
async fn what_is_not_clear_is_refused_and_stores_nothing() {
    let site = Site::new().await;
    site.split(&[her()]).await.unwrap();
    for (people, why) in [
        (vec![person(3, NUMBER_OF_HERS, &[(NAME, "Yorick Quibbleton")])], "a name of the patient"),
        (vec![person(3, NUMBER_OF_HERS, &[(BIRTH, "1931-05-04")])], "date of birth"),
        (vec![person(3, "", &[])], "no record number"),
        (vec![person(2, "QX-1", &[]), person(3, "qx-1", &[])], "another patient in the sheet"),
    ] {
        let error = site.split(&people).await.unwrap_err();
        let told = error.to_string();
        assert!(told.starts_with("row 3: ") && told.contains(why), "{told}");
        assert_eq!((error.code(), error.kind()), ("SUBJECTS-010", Kind::Conflict));
        assert!(!told.contains("Quibbleton") && !told.contains(NUMBER_OF_HERS), "{told}");
    }
    // Her own, and each of the two sheets that were compared with what the map has of her.
    assert_eq!(site.recorded().len(), 3);
    assert!(matches!(site.find("ward", "QX-1").await, Err(Error::NotFound)));
    site.close().await;
}

#[tokio::test]
async fn the_files_hold_nobodys_name_and_no_number() {
    let site = Site::new().await;
    // Of two people with one name, each value is sealed besides, and no two look alike.
    let namesake = person(2, "QX-2", &[(NAME, "Zorbina Quibbleton"), (BIRTH, "1931-05-03")]);
    site.split(&[her(), namesake]).await.unwrap();
    let sealed = site.sealed().await;
    assert_eq!(sealed.iter().collect::<BTreeSet<_>>().len(), sealed.len());
    assert!(sealed.len() > 4 && sealed.iter().all(|value| !holds_canary(value)), "{}", sealed.len());
    let folder = site.spine.folder.path().to_owned();
    site.map().close().await.unwrap();
    let mut looked = 0;
    for entry in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(bytes) = std::fs::read(&entry) else { continue };
        looked += 1;
        assert!(!holds_canary(&bytes), "{}", entry.display());
    }
    assert!(looked > 1, "there are files");
    site.close().await;
}

#[tokio::test]
async fn a_value_does_not_open_for_another_subject() {
    let site = Site::new().await;
    let (subjects, _) = site.split(&[her(), person(2, "QX-2", &[(NAME, "Yorick Nobody")])]).await.unwrap();
    let swap = format!(
        "UPDATE subjects_identity SET sealed = (SELECT sealed FROM subjects_identity WHERE subject = '{}' AND number = 1) \
         WHERE subject = '{}' AND number = 1",
        subjects[0], subjects[1]
    );
    site.map().file().reader().execute_unprepared(&swap).await.unwrap();
    assert!(site.who(&subjects[0]).await.is_ok());
    assert_eq!(site.who(&subjects[1]).await.unwrap_err().kind(), Kind::Integrity);
    site.close().await;
}

#[tokio::test]
async fn what_was_erased_goes_and_its_number_is_free() {
    let mut site = Site::new().await;
    let (subjects, _) = site.split(&[her(), person(2, "QX-2", &[])]).await.unwrap();
    // As shredding does; the process knows the key still.
    site.execute(&format!("DELETE FROM keys_key WHERE scope = '{}'", subjects[0])).await;
    // Before its rows go, a number leads to nobody.
    assert!(matches!(site.find("ward", NUMBER_OF_HERS).await, Err(Error::NotFound)));
    assert!(!site.map().has(&site.members.project, &subjects[0]).await.unwrap());
    assert_eq!(site.map().forget_erased().await.unwrap(), 1);
    assert!(matches!(site.who(&subjects[0]).await, Err(Error::NotFound)));
    assert!(!site.map().has(&site.members.project, &subjects[0]).await.unwrap());
    assert!(site.map().has(&site.members.project, &subjects[1]).await.unwrap());
    let (again, fresh) = site.split(&[her()]).await.unwrap();
    assert!(again[0] != subjects[0] && fresh.contains(&again[0]));
    // A crash between the two: the rows go at the next start.
    site.execute(&format!("DELETE FROM keys_key WHERE scope = '{}'", again[0])).await;
    site.again().await.unwrap();
    assert!(!site.map().has(&site.members.project, &again[0]).await.unwrap());
    site.close().await;
}

#[tokio::test]
async fn what_is_wrong_is_put_right_and_what_was_there_is_gone() {
    let mut site = Site::new().await;
    let both =
        person(1, NUMBER_OF_HERS, &[(LABEL, "qx-4471"), (NAME, "Zorbina Quibbelton"), (BIRTH, "1931-05-04")]);
    let (subjects, _) = site.split(&[both, person(2, "QX-2", &[(NAME, "Yorick Nobody")])]).await.unwrap();
    let [hers, other] = subjects.as_slice() else { panic!() };
    let (before, others) = (site.sealed().await, site.who(other).await.unwrap());
    let name = Field::Name(None);
    assert_eq!(site.correct(hers, &name, NAME_OF_HERS).await.unwrap(), 1);
    assert_eq!(site.correct(hers, &Field::Birth(None), "1931-05-03").await.unwrap(), 1);
    // The sender's code is the number too: wherever it stands.
    let number = Field::Number("ward".to_owned());
    assert_eq!(site.correct(hers, &number, "QX-4472").await.unwrap(), 2);
    let right = [(BIRTH, "1931-05-03"), (LABEL, "QX-4472"), (NAME, NAME_OF_HERS), (NUMBER, "QX-4472")];
    let right: Vec<_> = right.map(|(kind, value)| (kind.to_owned(), value.to_owned())).into();
    assert_eq!(site.who(hers).await.unwrap(), right);
    assert_eq!(site.who(other).await.unwrap(), others);
    assert_eq!(site.find("ward", "qx-4472").await.unwrap(), *hers);
    assert!(matches!(site.find("ward", NUMBER_OF_HERS).await, Err(Error::NotFound)));
    // Each value of hers is another one now, and none is there twice.
    let after = site.sealed().await;
    let same = before.iter().filter(|value| after.contains(value)).count();
    assert_eq!((after.len(), same), (before.len(), before.len() - 4));
    let about = vec![hers.to_string()];
    let kinds = [NAME, BIRTH, NUMBER].map(|kind| (kind.to_owned(), about.clone()));
    assert_eq!(site.corrected(), kinds);
    // A sheet is compared with what is right now; the map is as new as the site says.
    let sheet = person(1, "QX-4472", &[(NAME, NAME_OF_HERS), (BIRTH, "1931-05-03")]);
    assert_eq!(site.split(&[sheet]).await.unwrap().0, subjects[..1]);
    site.again().await.unwrap();
    assert_eq!(site.who(hers).await.unwrap(), right);
    site.close().await;
}

#[tokio::test]
async fn a_correction_makes_no_two_people_one_and_guesses_nothing() {
    let site = Site::new().await;
    let two = [("given", "Zorbina"), ("family", "Quibbleton")].map(|(column, name)| Fact {
        kind: NAME,
        column: Sensitive::new(column.to_owned()),
        value: Sensitive::new(name.to_owned()),
    });
    let mut her = person(1, NUMBER_OF_HERS, &[]);
    her.facts.extend(two);
    let (subjects, _) = site.split(&[her, person(2, "QX-2", &[])]).await.unwrap();
    let before = site.sealed().await;
    let number = |issuer: &str| Field::Number(issuer.to_owned());
    for (field, right, code) in [
        (number("ward"), "qx-2 ", "SUBJECTS-014"),
        (number("clinic"), "QX-3", "SUBJECTS-002"),
        (Field::Name(None), "Zorbine", "SUBJECTS-002"),
        (Field::Name(Some(Sensitive::new("surname".to_owned()))), "Zorbine", "SUBJECTS-013"),
        (Field::Birth(None), "1931-05-03", "SUBJECTS-013"),
    ] {
        let error = site.correct(&subjects[0], &field, right).await.unwrap_err();
        assert_eq!(error.code(), code);
        let told = format!("{error} {:?}", error.hint());
        assert!(!told.contains(&subjects[1].to_string()) && !told.to_lowercase().contains("qx-"), "{told}");
    }
    assert_eq!((site.sealed().await, site.corrected().len()), (before, 0));
    let given = Field::Name(Some(Sensitive::new("given".to_owned())));
    assert_eq!(site.correct(&subjects[0], &given, "Zorbine").await.unwrap(), 1);
    // Her own number, in another spelling, is nobody else's.
    assert_eq!(site.correct(&subjects[0], &number("ward"), "qx-4471").await.unwrap(), 1);
    // Whoever was erased meanwhile has no number any more.
    site.execute(&format!("DELETE FROM keys_key WHERE scope = '{}'", subjects[1])).await;
    assert_eq!(site.correct(&subjects[0], &number("ward"), "QX-2").await.unwrap(), 1, "the number is free");
    assert_eq!(site.find("ward", "QX-2").await.unwrap(), subjects[0]);
    site.close().await;
}

/// The map committed and the metadata database did not: it is corrected, and the map is no older than the site says.
#[tokio::test]
async fn a_correction_that_stopped_half_way_holds() {
    let mut site = Site::new().await;
    let (subjects, _) = site.split(&[her()]).await.unwrap();
    let steward = site.members.with(Role::DataSteward);
    let ask = Ask::<Subject>::new(Action::SplitIdentity, [subjects[0].clone()]);
    let ask = ask.because(Some(Sensitive::new("a letter".to_owned())));
    let permit: Permit<Split, Subject> = site.spine.access.decide(steward, ask).await.unwrap();
    let tx = site.spine.db.begin(permit.decision()).await.unwrap();
    let right = Sensitive::new("Zorbine Quibbleton".to_owned());
    let wrong = site.map().find_wrong(&permit, &tx, &Field::Name(None), &right).await.unwrap();
    site.map().correct(&permit, &tx, wrong).await.unwrap();
    drop(tx);
    drop(permit);
    site.again().await.unwrap();
    let who = site.who(&subjects[0]).await.unwrap();
    assert!(who.contains(&(NAME.to_owned(), "Zorbine Quibbleton".to_owned())), "{who:?}");
    site.close().await;
}

/// The map committed and the metadata database did not: whoever that was never came to be.
#[tokio::test]
async fn what_the_metadata_never_committed_is_never_read() {
    let site = Site::new().await;
    let permit = site.steward().await;
    let tx = site.spine.db.begin(permit.decision()).await.unwrap();
    let mut learned = site.map().meet(&permit, &tx, "ward", &[her()]).await.unwrap();
    site.map().learn(&permit, &tx, &mut learned).await.unwrap();
    drop(tx);
    let lost = learned.subjects[0].clone();
    assert!(!site.map().has(&site.members.project, &lost).await.unwrap());
    assert!(matches!(site.find("ward", NUMBER_OF_HERS).await, Err(Error::NotFound)));
    let (subjects, fresh) = site.split(&[her()]).await.unwrap();
    assert!(subjects[0] != lost && fresh.contains(&subjects[0]));
    assert!(!site.map().has(&site.members.project, &lost).await.unwrap());
    assert_eq!(site.find("ward", NUMBER_OF_HERS).await.unwrap(), subjects[0]);
    site.close().await;
}

#[tokio::test]
async fn an_older_map_and_a_missing_one_are_refused() {
    let mut site = Site::new().await;
    site.split(&[person(1, "QX-1", &[])]).await.unwrap();
    let kept = site.spine.folder.path().join("kept.db");
    site.map().close().await.unwrap();
    copy(&site.path(), &kept);
    site.map = Some(open(&site.spine).await.unwrap());
    let newest = site.spine.folder.path().join("newest.db");
    site.split(&[her()]).await.unwrap();
    site.map().close().await.unwrap();
    copy(&site.path(), &newest);
    for (what, code) in [("older", "SUBJECTS-009"), ("missing", "SUBJECTS-008"), ("empty", "SUBJECTS-009")] {
        copy(if what == "older" { &kept } else { Path::new("/absent") }, &site.path());
        if what != "older" {
            let _ = std::fs::remove_file(site.path());
        }
        if what == "empty" {
            std::fs::write(site.path(), b"").unwrap();
        }
        let error = open(&site.spine).await.map(drop).unwrap_err();
        assert_eq!((error.code(), error.kind()), (code, Kind::Integrity), "{what}");
    }
    // Another site's map, under another key.
    let other = Site::new().await;
    other.split(&[her()]).await.unwrap();
    other.map().close().await.unwrap();
    copy(&other.path(), &site.path());
    assert!(matches!(open(&site.spine).await.map(drop), Err(Error::Db(_))));
    copy(&newest, &site.path());
    site.map = Some(open(&site.spine).await.unwrap());
    assert!(site.find("ward", NUMBER_OF_HERS).await.is_ok());
    site.close().await;
    other.spine.db.close().await.unwrap();
}

/// Of a site that never recorded anybody, a map that is gone is made anew.
#[tokio::test]
async fn an_empty_map_is_no_loss() {
    let mut site = Site::new().await;
    site.map().close().await.unwrap();
    std::fs::remove_file(site.path()).unwrap();
    site.map = Some(open(&site.spine).await.unwrap());
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(site.path()).unwrap().permissions().mode() & 0o777, 0o600);
    let count = Statement::from_string(
        site.spine.db.reader().get_database_backend(),
        "SELECT COUNT(*) FROM subjects_map",
    );
    let row = site.spine.db.reader().query_one_raw(count).await.unwrap().unwrap();
    assert_eq!(row.try_get_by_index::<i64>(0).unwrap(), 0);
    site.close().await;
}
