//! The refused cases differ from this one by what they are about, and by nothing else.

use access::Permit;
use access::thing::Object;
use access::verb::Read;
use archive::Archive;
use base::ObjectId;

async fn open(archive: &Archive, permit: &Permit<Read, Object>, object: &ObjectId) {
    let _ = archive.open_object(permit, object).await;
}

fn main() {
    let _ = open;
}
