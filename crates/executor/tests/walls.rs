//! What a job can see, reach and do.

#![cfg(test)]

mod common;

use common::Site;

#[test]
fn a_job_runs_and_speaks() {
    let site = Site::new();
    let (root, scratch) = (site.shell(&[]), site.scratch());
    let (finished, said) = site.sh(&root, &scratch, "id -u; pwd; echo x > /out/x; exit 3");
    assert_eq!((finished.exit, said.as_str()), (Some(3), "1000\n/work\n"));
}
