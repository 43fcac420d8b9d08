//! E0277: a right to see that an object is there is none to open it.

use access::Permit;
use access::thing::Object;
use access::verb::View;
use archive::Archive;
use base::ObjectId;

async fn open(archive: &Archive, permit: &Permit<View, Object>, object: &ObjectId) {
    let _ = archive.open_object(permit, object).await;
}

fn main() {
    let _ = open;
}
