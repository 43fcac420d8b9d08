//! E0451: only `access` makes permits.

use access::Permit;
use access::thing::Object;
use access::verb::Read;
use base::{Clock, ObjectId};
use std::collections::BTreeSet;
use std::sync::Arc;

fn forge(object: ObjectId, caller: access::Caller, clock: Arc<dyn Clock>) -> Permit<Read, Object> {
    Permit {
        things: BTreeSet::from([object]),
        project: None,
        home: None,
        purpose: None,
        retention: None,
        class: None,
        caller,
        decision: 0,
        grants: Vec::new(),
        ends: std::time::Duration::MAX,
        clock,
        // Values of any type: this room need not know the ones that are wanted.
        epoch: unreachable!(),
        audit: unreachable!(),
        verb: std::marker::PhantomData,
    }
}

fn main() {
    let _ = forge;
}
