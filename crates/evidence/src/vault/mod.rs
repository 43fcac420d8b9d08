//! The store: encrypted, in order, unchanged, bound, kept.

pub mod apart;
pub mod bound;
pub mod changed;
pub mod durable;
pub mod encrypted;
pub mod kept;
pub mod order;
pub mod scrubbed;

use crate::site::{Done, Package, Site, Who, bodies};
use crate::{Error, Play, Result};
use std::path::PathBuf;

/// Bytes of a whole segment: nonce, 65,536 bytes of ciphertext, tag.
pub const SEGMENT: usize = 12 + 65_536 + 16;

/// An object and the file that its body lies in.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// `obj_…`
    pub object: String,
    /// The body.
    pub body: PathBuf,
}

/// Takes a package in and finds the body of each of its objects, by its length.
pub fn take_in(site: &Site, project: &str, seed: u32) -> Result<(Package, Vec<Stored>)> {
    let before = bodies(site.folder())?;
    let package = site.package(project, seed)?;
    let new: Vec<PathBuf> =
        bodies(site.folder())?.into_iter().filter(|path| !before.contains(path)).collect();
    let mut stored = Vec::new();
    for object in &package.objects {
        let shown = site.json(Who::Exporter, &["object", "show", object])?;
        let bytes = shown.get("stored_bytes").and_then(serde_json::Value::as_u64);
        let mut of_size = new.iter().filter(|path| path.metadata().is_ok_and(|m| Some(m.len()) == bytes));
        match (of_size.next(), of_size.next()) {
            (Some(body), None) => stored.push(Stored { object: object.clone(), body: body.clone() }),
            _ => return Err(Error::unplayable("two bodies have one length; they cannot be told apart")),
        }
    }
    Ok((package, stored))
}

/// Expects that nothing of the object leaves, because its bytes are not those that were sealed.
pub fn expect_refused(play: &mut Play, site: &Site, object: &str) -> Result<()> {
    let (done, file) = site.release(object)?;
    play.expect(
        "refused with exit code 7, no byte released",
        is_damage(&done) && file.is_none(),
        done.told(),
    );
    Ok(())
}

fn is_damage(done: &Done) -> bool {
    done.exit == 7 && done.out.trim().is_empty()
}

/// Expects that the whole object leaves.
pub fn expect_whole(play: &mut Play, site: &Site, object: &str) -> Result<()> {
    let (done, file) = site.release(object)?;
    play.expect("released whole", done.is_done() && file.is_some(), done.told());
    Ok(())
}
