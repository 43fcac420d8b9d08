//! C-VLT-02: order, count and length of segments.

use super::{SEGMENT, Stored, expect_refused, expect_whole, take_in};
use crate::site::change;
use crate::{Control, Error, Play, Result};

pub const CONTROL: Control = Control {
    id: "C-VLT-02",
    statement: "Order, count and length of an object's segments are authenticated",
    test: "swap, duplicate, drop and cut off whole segments of stored bodies, and read each",
    references: &["H 164.312(c)(1)"],
    scenario,
};

type Act = fn(&mut Vec<u8>);

const ACTS: [(&str, Act); 4] = [
    ("swap the first two segments", |body| {
        let middle = SEGMENT.min(body.len());
        let (first, others) = body.split_at_mut(middle);
        if let Some(second) = others.get_mut(..SEGMENT) {
            first.swap_with_slice(second);
        }
    }),
    ("put the first segment in twice", |body| {
        let first: Vec<u8> = body.iter().take(SEGMENT).copied().collect();
        body.splice(0..0, first);
    }),
    ("drop the second segment", |body| {
        body.drain(SEGMENT.min(body.len())..(2 * SEGMENT).min(body.len()));
    }),
    ("cut the last segment off", |body| {
        let whole = body.len().saturating_sub(1) / SEGMENT * SEGMENT;
        body.truncate(whole);
    }),
];

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let mut stored: Vec<Stored> = take_in(&site, &project, 42)?.1;
    stored.extend(take_in(&site, &project, 43)?.1);
    if stored.len() < ACTS.len() {
        return Err(Error::unplayable("too few objects came in"));
    }
    for ((what, act), one) in ACTS.iter().zip(&stored) {
        play.does("take reads in");
        expect_whole(play, &site, &one.object)?;
        play.attack(what, || change(&one.body, act))?;
        expect_refused(play, &site, &one.object)?;
    }
    Ok(())
}
