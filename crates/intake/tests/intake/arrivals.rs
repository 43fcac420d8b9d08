//! Packages that come in.

use std::io::{Cursor, Read};

use access::Action;
use access::Permit;
use access::thing::{Object, Project};
use access::verb::{Read as ReadVerb, View};
use base::{Fault, Kind, Role};
use catalog::FileState;
use intake::Error;

use crate::site::{Broken, CANARIES, Files, Site, holding};

#[tokio::test(flavor = "multi_thread")]
async fn a_package_comes_in_whole_and_again_without_harm() {
    let site = Site::new().await;
    let files = Files::lanes(&[5000, 300]);
    let readsets = site.put(&files).await.unwrap();
    assert_eq!(readsets.iter().map(|r| (r.row, r.reads)).collect::<Vec<_>>(), [(1, 10_000), (2, 600)]);
    assert_eq!(readsets[0].bases, 10_000 * 101);
    assert_eq!(readsets[0].sample, readsets[1].sample);

    let view: Permit<View, Project> = site.spine.view(&site.members).await;
    let samples = site.spine.catalog.samples(&view).await.unwrap();
    assert_eq!((samples.len(), samples[0].label.reveal().as_str()), (1, CANARIES[1]));
    assert_eq!(samples[0].readsets.iter().map(|r| r.reads).sum::<u64>(), 10_600);
    for (bytes, object) in files.bytes.iter().zip(readsets.iter().flat_map(|r| &r.objects)) {
        let viewer = site.members.with(Role::Viewer);
        let read: Permit<ReadVerb, Object> = site.spine.permit(viewer, Action::ViewVariants, object).await;
        let mut back = Vec::new();
        site.spine.archive.open_object(&read, object).await.unwrap().read_to_end(&mut back).unwrap();
        assert!(&back == bytes, "what was sealed is what was sent");
    }

    let (rows, stored) = (site.rows().await, site.stored());
    let again = site.begin(&files).await.unwrap();
    assert!(again.already);
    let sent = site.send(&again.package.id, 0, &files.bytes[0]).await.unwrap();
    assert!(sent.already && sent.object == readsets[0].objects[0]);
    assert_eq!(site.door.commit(&site.permit().await, &again.package.id).await.unwrap(), readsets);
    assert_eq!((site.rows().await, site.stored()), (rows, stored));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_package_lies_in_clear() {
    let site = Site::new().await;
    site.put(&Files::lanes(&[800])).await.unwrap();
    let folder = site.spine.folder.path();
    assert_eq!(holding(folder, &CANARIES), Vec::<std::path::PathBuf>::new());
    assert_eq!(holding(&site.executor.settings().memory, &CANARIES), Vec::<std::path::PathBuf>::new());
    // The scan finds what is there.
    std::fs::write(folder.join("leak"), format!("x{}x", CANARIES[3])).unwrap();
    assert_eq!(holding(folder, &CANARIES).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_package_goes_on_where_it_stopped() {
    let site = Site::new().await;
    let files = Files::lanes(&[900]);
    let begun = site.begin(&files).await.unwrap();
    let first = site.send(&begun.package.id, 0, &files.bytes[0]).await.unwrap();
    assert_eq!((first.reads, first.bytes, first.already), (900, files.bytes[0].len() as u64, false));

    let half = files.bytes[1][..files.bytes[1].len() / 2].to_vec();
    let broken = Broken(Cursor::new(half.clone()));
    let whole = Some(files.bytes[1].len() as u64);
    let id = &begun.package.id;
    let lost = site.door.receive(site.lease().await, id, 1, whole, broken).await.unwrap_err();
    assert!(matches!(lost, Error::Interrupted { got, .. } if got == half.len() as u64), "{lost}");
    let short = site.door.receive(site.lease().await, id, 1, whole, Cursor::new(half)).await.unwrap_err();
    assert_eq!((short.code(), short.retry()), ("INTAKE-011", true));
    assert_eq!(site.stored(), 2);
    let early = site.door.commit(&site.permit().await, id).await.unwrap_err();
    assert_eq!(
        (early.code(), early.to_string().as_str()),
        ("CATALOG-005", "1 of the package's files have not arrived")
    );

    let resumed = site.begin(&files).await.unwrap();
    assert!(!resumed.already && resumed.package.id == *id);
    let missing: Vec<u32> = resumed
        .package
        .files
        .iter()
        .filter(|file| file.state == FileState::Expected)
        .map(|file| file.number)
        .collect();
    assert_eq!(missing, [1]);
    site.send(id, 1, &files.bytes[1]).await.unwrap();
    let readsets = site.door.commit(&site.permit().await, id).await.unwrap();
    assert_eq!((readsets.len(), readsets[0].objects[0].clone()), (1, first.object));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_belongs_to_its_project_and_its_files_have_numbers() {
    let site = Site::new().await;
    let files = Files::lanes(&[10]);
    let begun = site.begin(&files).await.unwrap();
    let none = site.send(&begun.package.id, 2, &files.bytes[0]).await.unwrap_err();
    assert_eq!((none.code(), none.kind()), ("INTAKE-013", Kind::NotFound));

    let strangers = site.spine.project(base::Class::Research).await;
    let other = strangers.with(Role::Analyst);
    let permit = site.spine.permit(other, Action::Ingest, &strangers.project).await;
    let lease = intake::Lease::new(site.access(), permit);
    let id = &begun.package.id;
    let refused = site.door.receive(lease, id, 0, None, Cursor::new(files.bytes[0].clone())).await;
    assert_eq!(refused.unwrap_err().kind(), Kind::NotFound);
    let permit = site.spine.permit(other, Action::Ingest, &strangers.project).await;
    assert_eq!(site.door.abandon(&permit, id).await.unwrap_err().kind(), Kind::NotFound);
    assert_eq!(site.stored(), 0);
}
