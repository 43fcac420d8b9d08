//! Every target on its corpus and on changes of it, the same in every run. For longer:
//! `make fuzz NAME=… TIME=…`.

use testkit::fuzz::{Target, Until, corpus, drive, inputs, targets};

/// Changed inputs of a target: those that check a whole folder are slow.
fn count(target: &Target) -> u64 {
    match target.name {
        "segment" | "tile" | "bundle" | "checkpoint-file" => 40,
        "stream" | "body" | "edit-list" | "witness-request" => 400,
        _ => 4000,
    }
}

#[test]
fn no_input_breaks_a_promise() {
    for target in targets().unwrap() {
        let inputs = inputs(&target, &corpus()).unwrap();
        // The seeds are there twice: as they are made now, and as they were made once.
        assert!(inputs.len() >= 2 * target.seeds.len(), "{}", target.name);
        let driven = drive(&target, &inputs, 11, Until::Inputs(count(&target)));
        assert_eq!(driven.broken, None, "{}", target.name);
    }
}

#[test]
fn a_parser_that_takes_too_much_is_found() {
    for mut target in targets().unwrap().into_iter().filter(|t| ["tree", "receipt"].contains(&t.name)) {
        let known = target.seeds[0].clone();
        // As if whatever has the right length were taken.
        target.run =
            Box::new(
                move |input| {
                    if input.len() == known.len() && input != known { Err("taken".into()) } else { Ok(()) }
                },
            );
        let driven = drive(&target, &target.seeds, 1, Until::Inputs(1000));
        assert!(driven.broken.is_some(), "{}", target.name);
    }
}
