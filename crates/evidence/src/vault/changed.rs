//! C-VLT-03: any changed byte.

use super::{SEGMENT, Stored, expect_refused, take_in};
use crate::site::{Who, change};
use crate::{Control, Error, Play, Result};

pub const CONTROL: Control = Control {
    id: "C-VLT-03",
    statement: "Any changed byte of a stored object is found when it is read, named, and never returned",
    test: "flip one bit in each kind of place of stored bodies, read each, and look for the damage on record",
    references: &["H 164.312(c)(2)", "P11 11.10(a)"],
    scenario,
};

/// The place in a body of some length.
type Place = fn(usize) -> usize;

/// Where a bit is flipped.
const PLACES: [(&str, Place); 6] = [
    ("the first nonce", |_| 0),
    ("the first segment's ciphertext", |_| 12 + 1_000),
    ("the first segment's tag", |_| SEGMENT - 1),
    ("a nonce further on", |_| SEGMENT + 11),
    ("the last segment", |length| length.saturating_sub(40)),
    ("the last byte", |length| length.saturating_sub(1)),
];

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let mut stored: Vec<Stored> = Vec::new();
    for seed in 44..47 {
        stored.extend(take_in(&site, &project, seed)?.1);
    }
    if stored.len() < PLACES.len() {
        return Err(Error::unplayable("too few objects came in"));
    }
    for ((place, at), one) in PLACES.iter().zip(&stored) {
        play.attack(&format!("flip a bit in {place}"), || {
            change(&one.body, |body| {
                let at = at(body.len());
                if let Some(byte) = body.get_mut(at) {
                    *byte ^= 1;
                }
            })
        })?;
        // Bytes before the damage may be on their way when it is met; then the download breaks off.
        let (done, file) = site.release(&one.object)?;
        play.expect("no file comes out", !done.is_done() && file.is_none(), done.told());
        expect_refused(play, &site, &one.object)?;
        let found = site.json(Who::Steward, &["audit", "search", "--about", &one.object])?;
        let damaged = found.to_string().contains("\"object-damaged\"");
        play.expect(
            "the damage is on record",
            damaged,
            if damaged { "object-damaged" } else { "no such event" },
        );
    }
    Ok(())
}
