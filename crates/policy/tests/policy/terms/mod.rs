//! Data-use terms: DUO's lists, the cases of DUOS, texts, answers in words, and the second model.

mod answers;
mod duo;
mod duos;
#[path = "../../reference/mod.rs"]
mod reference;
mod texts;

use reference::Found;
use std::path::{Path, PathBuf};

/// A file of others. They lie beside the repository, in `../shared`, or where `SEQUESTRA_SHARED` points; a test that
/// does not find them fails and says so.
fn shared(name: &str) -> String {
    let shared = std::env::var_os("SEQUESTRA_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join("data").join(name);
    assert!(path.exists(), "{} is not there: see `../shared/data`", path.display());
    std::fs::read_to_string(path).unwrap()
}

fn without_difference(found: Found) -> Found {
    assert!(found.difference.is_none(), "{}", found.difference.unwrap_or_default());
    found
}

#[test]
fn the_second_model_answers_random_uses_alike() {
    let found = without_difference(reference::random(60_000, 20_260_101));
    // A generator that only denies proves little.
    for (what, count) in [("approved", found.approved), ("denied", found.denied), ("a person", found.persons)]
    {
        assert!(count * 20 > found.cases, "{what}: {count} of {}", found.cases);
    }
}

#[test]
fn the_second_model_combines_all_pairs_alike() {
    let found = without_difference(reference::pairs(false));
    assert!(found.conflicts > 100 && found.combined > 10_000, "{found:?}");
}

#[test]
fn combining_keeps_its_laws() {
    let found = without_difference(reference::laws(1_000, 20_260_102));
    assert!(found.conflicts * 10 > found.combined && found.conflicts * 4 < found.combined * 3, "{found:?}");
}
