//! What a backup of the database server shows of people: nothing.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use access::thing::Project;
use access::verb::{View, Write};
use access::{Action, Permit};
use base::{Class, Id, Role, Sensitive};
use catalog::{Error, NewProject, NewRow, Package};
use db::sea_orm::ConnectionTrait;
use testkit::{Members, Postgres, Spine};

/// Words that occur nowhere else: of a project, a sheet, and what it says of a person.
const WORDS: [&str; 8] = [
    "Quibbleton cohort",
    "IRB-QXZV/17",
    "QUIBBLE-77",
    "QUIBBLE-77-B",
    "zorbina_R1.fastq.gz",
    "zorbina_R2.fastq.gz",
    "sexquix",
    "statusquix",
];

fn row(sample: &str) -> NewRow {
    let file = |name: &str| (Sensitive::new(name.to_owned()), "00".repeat(16));
    NewRow {
        row: 1,
        subject: Sensitive::new(WORDS[2].to_owned()),
        sample: Sensitive::new(sample.to_owned()),
        lane: "L001".into(),
        files: [file(WORDS[4]), file(WORDS[5])],
        sex: Some(WORDS[6].into()),
        status: Some(WORDS[7].into()),
        specimen_type: Some("bloodquix".into()),
    }
}

/// A spine in a folder of its own, with a project of these words, and a package on its way.
async fn site(folder: &std::path::Path) -> (Spine, Members, Package) {
    let spine = Spine::create_in(folder).await;
    let members = spine.project(Class::Research).await;
    let create = spine.permit(&spine.admin, Action::CreateProject, &spine.site).await;
    let tx = spine.db.begin(0).await.unwrap();
    let new = NewProject {
        name: WORDS[0].into(),
        consent: WORDS[1].into(),
        ..testkit::new_project(Class::Research)
    };
    spine.catalog.create_project(&create, &tx, new).await.unwrap();
    tx.commit().await.unwrap();
    let permit = write(&spine, &members).await;
    let tx = spine.db.begin(0).await.unwrap();
    let (package, fresh) = spine.catalog.begin_package(&permit, &tx, "d1", &[row(WORDS[3])]).await.unwrap();
    assert_eq!(fresh.len(), 1);
    tx.commit().await.unwrap();
    (spine, members, package)
}

async fn write(spine: &Spine, members: &Members) -> Permit<Write, Project> {
    spine.permit(members.with(Role::Analyst), Action::Ingest, &members.project).await
}

fn shown(dump: &str) -> Vec<&'static str> {
    WORDS.into_iter().filter(|word| dump.contains(word)).collect()
}

#[tokio::test]
async fn a_backup_of_the_server_shows_no_word_about_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let server = Postgres::shared();
    let name = server.give(folder.path());
    let (spine, members, package) = site(folder.path()).await;
    let dump = server.dump(&name);
    assert!(dump.contains(package.id.as_str()) && dump.contains("catalog_sample"), "it is a dump");
    assert_eq!(shown(&dump), Vec::<&str>::new());
    // The scan sees what is there.
    server.ask(&name, &format!("UPDATE catalog_sample SET sex = '{}'", WORDS[6]));
    assert_eq!(shown(&server.dump(&name)), [WORDS[6]]);
    // And the site does not take it for a value of its own.
    let permit = write(&spine, &members).await;
    let again = spine.catalog.package(&permit, &package.id).await.unwrap();
    assert_eq!(again.files[0].name.reveal(), WORDS[4]);
    spine.close().await;
}

#[tokio::test]
async fn equal_labels_are_one_person_and_what_was_moved_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let (spine, members, package) = site(folder.path()).await;
    let permit = write(&spine, &members).await;
    let tx = spine.db.begin(0).await.unwrap();
    let (second, fresh) =
        spine.catalog.begin_package(&permit, &tx, "d2", &[row("QUIBBLE-77-C")]).await.unwrap();
    assert_eq!((fresh.len(), &second.files[0].subject), (0, &package.files[0].subject));
    assert_ne!(second.files[0].sample, package.files[0].sample);
    tx.commit().await.unwrap();
    // The name of one file put into the row of another, as who administers a server can.
    let moved = "UPDATE catalog_package_file SET name = (SELECT name FROM catalog_package_file \
                 WHERE number = 0 ORDER BY package LIMIT 1) WHERE number = 1";
    spine.db.reader().execute_unprepared(moved).await.unwrap();
    let read = spine.catalog.package(&permit, &package.id).await;
    assert!(matches!(read, Err(Error::Db(db::Error::Sealed))), "{read:?}");
    spine.close().await;
}

#[tokio::test]
async fn an_index_that_leads_to_another_patient_is_refused() {
    for table in ["catalog_subject", "catalog_sample"] {
        let folder = tempfile::tempdir().unwrap();
        let (spine, members, _) = site(folder.path()).await;
        let permit = write(&spine, &members).await;
        let other = || NewRow { subject: Sensitive::new("QUIBBLE-78".to_owned()), ..row("QUIBBLE-78-B") };
        let begin = async |digest: &str, row: NewRow| {
            let tx = spine.db.begin(0).await.unwrap();
            let begun = spine.catalog.begin_package(&permit, &tx, digest, &[row]).await;
            tx.commit().await.unwrap();
            begun
        };
        begin("d2", other()).await.unwrap();
        // The indexes of the two rows exchanged, as who administers a server can.
        for sql in [
            format!("CREATE TABLE kept AS SELECT id, label_index FROM {table}"),
            format!("UPDATE {table} SET label_index = NULL"),
            format!(
                "UPDATE {table} SET label_index = (SELECT label_index FROM kept WHERE kept.id <> {table}.id)"
            ),
        ] {
            spine.db.reader().execute_unprepared(&sql).await.unwrap();
        }
        for (digest, row) in [("d3", row(WORDS[3])), ("d4", other())] {
            let begun = begin(digest, row).await;
            assert!(matches!(begun, Err(Error::Db(db::Error::Sealed))), "{table}: {begun:?}");
        }
        spine.close().await;
    }
}

#[tokio::test]
async fn rows_of_before_are_sealed_at_the_next_start_and_not_read_until_then() {
    let folder = tempfile::tempdir().unwrap();
    let (spine, members, package) = site(folder.path()).await;
    // As the step that adds the columns leaves a row of before.
    for sql in [
        "UPDATE catalog_project SET sealed = 0, name = 'Quibbleton cohort', consent = 'IRB-QXZV/17'",
        "UPDATE catalog_subject SET sealed = 0, label = 'QUIBBLE-77', label_index = NULL",
        "UPDATE catalog_sample SET sealed = 0, label = 'QUIBBLE-77-B', label_index = NULL, sex = 'sexquix', \
         status = NULL, specimen_type = 'bloodquix'",
        "UPDATE catalog_package_file SET sealed = 0, name = 'zorbina_R' || (number + 1) || '.fastq.gz'",
    ] {
        spine.db.reader().execute_unprepared(sql).await.unwrap();
    }
    let place = spine.catalog.place(package.id.as_str()).await;
    assert!(matches!(place, Err(Error::Record)), "{place:?}");
    assert_eq!(spine.catalog.seal_rows().await.unwrap(), 2 + 1 + 1 + 2);
    assert_eq!(spine.catalog.seal_rows().await.unwrap(), 0);
    let permit = write(&spine, &members).await;
    let read = spine.catalog.package(&permit, &package.id).await.unwrap();
    assert_eq!(read.files.iter().map(|file| file.name.reveal().as_str()).collect::<Vec<_>>(), WORDS[4..6]);
    // Found again by its label, sealed as it is.
    let tx = spine.db.begin(0).await.unwrap();
    let (_, fresh) = spine.catalog.begin_package(&permit, &tx, "d2", &[row(WORDS[3])]).await.unwrap();
    assert_eq!(fresh.len(), 0);
    drop(tx);
    let view: Permit<View, Project> = spine.view(&members).await;
    let project = spine.catalog.project(&view).await.unwrap();
    assert_eq!((project.name.as_str(), project.consent.as_str()), (WORDS[0], WORDS[1]));
    spine.close().await;
}
