//! What a permit for site objects does not open.

use crate::site::Site;
use access::thing::Project;
use access::verb::Read as ReadVerb;
use access::{Action, Permit};
use base::{Fault, Kind, Role};

#[tokio::test(flavor = "multi_thread")]
async fn the_way_to_the_sites_objects_opens_no_persons_object() {
    let site = Site::bare().await;
    let sample = site.take_in(0).await;
    let reads = site.spine.catalog.read_objects(&sample).await.unwrap();
    let viewer = site.members.with(Role::Viewer);
    let permit: Permit<ReadVerb, Project> =
        site.spine.permit(viewer, Action::ViewVariants, &site.members.project).await;
    let refused = site.spine.archive.open_site_object(&permit, &reads[0]).await.err().unwrap();
    assert_eq!(refused.kind(), Kind::Denied);
    assert!(site.spine.archive.describe_site(&permit, &reads).await.unwrap().is_empty());
    let stranger = <base::RunId as base::Id>::mint(&base::SystemEntropy);
    assert_eq!(site.runs.place(&stranger).await.unwrap(), None);
}
