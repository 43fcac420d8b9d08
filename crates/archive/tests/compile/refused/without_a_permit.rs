//! E0061: there is no way to open without a permit.

use archive::Archive;
use base::ObjectId;

async fn open(archive: &Archive, object: &ObjectId) {
    let _ = archive.open_object(object).await;
}

fn main() {
    let _ = open;
}
