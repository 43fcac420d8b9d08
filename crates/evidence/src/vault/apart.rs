//! C-VLT-08: projects learn nothing of each other by what is stored.

use super::{SEGMENT, take_in};
use crate::{Control, Error, Play, Result};
use std::collections::BTreeSet;
use std::fs;

pub const CONTROL: Control = Control {
    id: "C-VLT-08",
    statement: "The same file in two projects is two objects that share nothing: no id, no name, no byte",
    test: "take the same package into two projects; compare the objects' ids and their stored bytes",
    references: &["53 SC-4"],
    scenario,
};

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let (one, other) = (site.project("research")?, site.project("research")?);
    let (_, here) = take_in(&site, &one, 50)?;
    let (_, there) = take_in(&site, &other, 50)?;
    play.does("take the same package into two projects");
    let ids: BTreeSet<&str> = here.iter().chain(&there).map(|stored| stored.object.as_str()).collect();
    let count = here.len() + there.len();
    play.expect(
        "every object has an id of its own",
        ids.len() == count,
        format!("{} ids of {count}", ids.len()),
    );
    play.spoil("one project's bytes are stored for the other", || match (here.first(), there.first()) {
        (Some(from), Some(to)) => {
            crate::site::writable(&to.body)?;
            fs::copy(&from.body, &to.body).map(drop).map_err(Error::io(&to.body))
        }
        _ => Err(Error::unplayable("no object came in")),
    })?;
    let (mut pieces, mut shared) = (BTreeSet::new(), 0);
    for stored in here.iter().chain(&there) {
        let body = fs::read(&stored.body).map_err(Error::io(&stored.body))?;
        // Sixteen bytes of ciphertext at the same place of every segment: equal only if the content,
        // the key and the nonce are.
        let marks = body.chunks(SEGMENT).filter_map(|segment| segment.get(12..28).map(<[u8]>::to_vec));
        shared += marks.map(|mark| usize::from(!pieces.insert(mark))).sum::<usize>();
    }
    play.expect(
        "no stored piece is another's",
        shared == 0,
        format!("{shared} of {} pieces", pieces.len() + shared),
    );
    Ok(())
}
