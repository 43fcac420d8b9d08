//! C-VLT-04: an object's bytes are its own.

use super::{expect_refused, take_in};
use crate::site::writable;
use crate::{Control, Error, Play, Result};
use std::fs;
use std::path::Path;

pub const CONTROL: Control = Control {
    id: "C-VLT-04",
    statement: "Stored bytes belong to one object of one project; under another's name they are refused",
    test: "exchange the stored bytes, with their trees, of two objects in one project and of two in different \
           projects, and read all four",
    references: &["53 SC-28(1)"],
    scenario,
};

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let (one, other) = (site.project("research")?, site.project("research")?);
    let (_, first) = take_in(&site, &one, 47)?;
    let (_, second) = take_in(&site, &one, 48)?;
    let (_, foreign) = take_in(&site, &other, 49)?;
    let pairs = [
        ("in one project", first.first(), first.get(1)),
        ("across projects", second.first(), foreign.first()),
    ];
    for (where_, left, right) in pairs {
        let (Some(left), Some(right)) = (left, right) else {
            return Err(Error::unplayable("a package has too few objects"));
        };
        play.attack(&format!("exchange the stored bytes of two objects {where_}"), || {
            exchange(&left.body, &right.body)?;
            exchange(&tree(&left.body), &tree(&right.body))
        })?;
        expect_refused(play, &site, &left.object)?;
        expect_refused(play, &site, &right.object)?;
    }
    Ok(())
}

fn tree(body: &Path) -> std::path::PathBuf {
    body.with_extension("tree")
}

fn exchange(one: &Path, other: &Path) -> Result<()> {
    writable(one)?;
    writable(other)?;
    let aside = one.with_extension("aside");
    for (from, to) in [(one, aside.as_path()), (other, one), (aside.as_path(), other)] {
        fs::rename(from, to).map_err(Error::io(from))?;
    }
    Ok(())
}
