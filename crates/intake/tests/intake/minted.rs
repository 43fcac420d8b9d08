//! Subjects that the identity map minted come in by their id, and no others.

use access::Action;
use access::Permit;
use access::thing::Project;
use access::verb::Split;
use base::{Entropy, Fault, Id, Role, Sensitive, SubjectId, SystemEntropy};
use subjects::map::NUMBER;
use subjects::{Fact, Person};

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
