//! Events and figures that the measurements share.

use ledger::{Body, Entry};
use std::fs;
use std::path::Path;

/// An event as the audit room records one: about 300 bytes, with ids as random as real ones.
#[derive(serde::Serialize)]
struct Event {
    actor: String,
    request: String,
    project: String,
    purpose: &'static str,
    about: [String; 1],
    event: &'static str,
    action: &'static str,
    allowed: bool,
    policies: [&'static str; 1],
    policy: &'static str,
}

/// The id numbered `n` of a kind, its characters spread like those of a random one.
pub fn id(prefix: &str, n: u64) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let kind = prefix.bytes().fold(0u64, |kind, byte| kind << 8 | u64::from(byte));
    let mut state = (n ^ kind << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut text = format!("{prefix}_");
    for _ in 0..20 {
        state = (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9).wrapping_add(1);
        text.extend(ALPHABET.get(usize::try_from(state >> 59).unwrap_or(0)).map(|c| char::from(*c)));
    }
    text
}

/// Event number `n`: 50 people, 20 projects, and so many objects.
pub fn entry(n: u64, objects: u64) -> Result<Entry, ledger::Error> {
    let spread = n.wrapping_mul(0x9e37_79b9) >> 7;
    let (actor, object) = (id("usr", spread % 50), id("obj", spread % objects));
    let project = id("prj", spread % 20);
    let event = Event {
        actor: actor.clone(),
        request: id("req", n),
        project: project.clone(),
        purpose: "care",
        about: [object.clone()],
        event: "decision",
        action: "open",
        allowed: true,
        policies: ["research-read"],
        policy: "5f2c0a7be1d94c86a3f07be1d94c86a35f2c0a7be1d94c86",
    };
    Entry::new([object, actor, project], Body::of(&event)?)
}

/// Bytes of all files below `folder`.
pub fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_below(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
