//! Subjects that the identity map minted come in by their id, and no others; nor who withdrew.

use access::Action;
use access::Permit;
use access::thing::{Project, Subject};
use access::verb::{Manage, Split};
use base::{Entropy, Fault, Id, Role, Sensitive, SubjectId, SystemEntropy};
use intake::Error;
use subjects::map::NUMBER;
use subjects::{Fact, Person, Subjects};

use crate::site::{CANARIES, Files, Site};

/// Somebody whom the map minted, in a project or in another.
async fn minted(site: &Site, members: &testkit::Members) -> SubjectId {
    let steward = members.with(Role::DataSteward);
    let permit: Permit<Split, Project> =
        site.spine.permit(steward, Action::SplitIdentity, &members.project).await;
    let number = Sensitive::new("QX-4471".to_owned());
    let fact = Fact { kind: NUMBER, column: "mrn".to_owned().into(), value: number.clone() };
    let person = Person { row: 1, number, facts: [fact].into() };
    let tx = site.spine.db.begin(permit.decision()).await.unwrap();
    let mut learned = site.map.meet(&permit, &tx, "ward", &[person]).await.unwrap();
    for subject in &learned.fresh {
        site.spine.catalog.name_subject(&permit, &tx, subject).await.unwrap();
    }
    site.map.learn(&permit, &tx, &mut learned).await.unwrap();
    tx.commit().await.unwrap();
    learned.subjects[0].clone()
}

fn of(patient: &str) -> Files {
    let mut files = Files::lanes(&[50]);
    files.sheet = files.sheet.replace(&format!("{},{}", CANARIES[0], CANARIES[1]), &format!("{patient},s-1"));
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_comes_in_only_if_the_map_of_its_project_minted_it() {
    let site = Site::new().await;
    let entropy: &dyn Entropy = &SystemEntropy;
    let subject = minted(&site, &site.members).await;
    let foreign = minted(&site, &site.spine.project(base::Class::Research).await).await;
    // One that the catalog minted for a code is none of the map's.
    let coded = site.begin(&Files::lanes(&[50])).await.unwrap().package;
    let coded = coded.files[0].subject.to_string();
    let upper = subject.as_str().to_uppercase();
    for patient in [SubjectId::mint(entropy).as_str(), foreign.as_str(), &coded, "sub_1", "SUB_1", &upper] {
        let error = site.begin(&of(patient)).await.map(drop).unwrap_err();
        assert_eq!(error.code(), "INTAKE-001", "{patient}: {error}");
        let told = error.to_string();
        assert!(told.contains("row 1, column `patient`") && !told.contains(patient), "{told}");
    }
    let begun = site.begin(&of(subject.as_str())).await.unwrap();
    assert_eq!(begun.package.files[0].subject, subject);
    // Given up, the subject stays: the map has it still.
    site.door.abandon(&site.permit().await, &begun.package.id).await.unwrap();
    assert!(site.spine.catalog.has_subject(&site.members.project, &subject).await.unwrap());
    assert_eq!(site.put(&of(subject.as_str())).await.unwrap().len(), 1);
}

/// Somebody would come in a second time, as somebody else of whom nothing was said.
#[tokio::test(flavor = "multi_thread")]
async fn whom_the_map_knows_comes_in_under_their_id_alone() {
    let site = Site::new().await;
    let subject = minted(&site, &site.members).await;
    for patient in ["QX-4471", "qx-4471"] {
        let error = site.begin(&of(patient)).await.map(drop).unwrap_err();
        assert_eq!(error.code(), "INTAKE-001");
        let told = error.to_string();
        assert!(told.contains("row 1, column `patient`") && told.contains("intake split"), "{told}");
        assert!(!told.contains(patient) && !told.contains(subject.as_str()), "{told}");
    }
    // A code of nobody, and what another project's map knows.
    site.begin(&of("C-1")).await.unwrap();
    let other = Site::new().await;
    minted(&other, &other.spine.project(base::Class::Research).await).await;
    other.begin(&of("QX-4471")).await.map(drop).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_withdraws_while_their_files_come_in_stays_out() {
    let site = Site::new().await;
    let (files, spine) = (Files::lanes(&[50]), &site.spine);
    let package = site.begin(&files).await.unwrap().package;
    for (number, bytes) in (0..).zip(&files.bytes) {
        site.send(&package.id, number, bytes).await.unwrap();
    }
    let steward = site.members.with(Role::DataSteward);
    let said =
        Subjects::new(spine.db.clone(), spine.audit.clone(), spine.clock.clone(), spine.entropy.clone());
    let subject = &package.files[0].subject;
    let permit: Permit<Manage, Subject> = spine.permit(steward, Action::WithdrawConsent, subject).await;
    said.withdraw(&permit).await.unwrap();
    // Whatever the caller knew before: it is the commit that asks.
    let error = site.door.commit(&site.permit().await, &package.id).await.map(drop).unwrap_err();
    assert!(matches!(error, Error::Withdrawn { row: 1 }), "{error}");
    let left: Vec<_> = site.rows().await.into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!((left, site.stored()), (vec![("catalog_subject", 1)], 0));
}
