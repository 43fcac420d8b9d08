//! C-KEY-02: several people together.

use crate::identity::passkey::{PAGES, Passkey};
use crate::site::{Done, Site, Who, text};
use crate::{Control, Play, Result};
use std::path::Path;

pub const CONTROL: Control = Control {
    id: "C-KEY-02",
    statement: "A site with controlled or clinical projects opens, and changes its root, only with k of n shares; \
                one passphrase is enough for sandbox and research alone",
    test: "ask for a clinical project under a passphrase; then make a site of 2-of-3 shares and try one share, the \
           same one twice, a changed one, and two",
    references: &["53 AC-5", "53 SC-12"],
    scenario,
};

fn scenario(play: &mut Play) -> Result<()> {
    let plain = play.site()?;
    play.does("ask for a clinical project on a site under one passphrase");
    let done = plain.run(Who::Administrator, &clinical())?;
    play.expect("refused, KEYS-016", done.refused("KEYS-016"), done.told());

    let site = play.unmade()?;
    let (token, shares) = (site.beside("admin.token"), site.beside(""));
    let words =
        ["init", text(site.folder())?, "--split", "2-of-3", "--token-out", text(&token)?, "--shares-out"];
    play.does("make a site of 2-of-3 shares");
    let done = site.done(site.bare(&words).arg(&shares))?;
    play.expect(
        "three shares for three people",
        done.is_done() && site.beside("share-3").exists(),
        done.told(),
    );
    // One digit of the value, so that it reads as a share and is none.
    let first = std::fs::read_to_string(site.beside("share-1")).unwrap_or_default();
    let last = first.trim_end().chars().last().unwrap_or_default();
    let other = if last == 'a' { 'b' } else { 'a' };
    let typed = site.write(
        "typed",
        first.trim_end().trim_end_matches(last).chars().chain([other]).collect::<String>().as_bytes(),
    )?;

    let spoiled = play.is_spoiled();
    let (one, two) = (site.beside("share-1"), site.beside("share-2"));
    let enough: [&Path; 2] = [&one, &two];
    let login = |with: &[&Path]| login(&site, &token, if spoiled { &enough } else { with });
    play.attack("open it with one share", || Ok(()))?;
    let done = login(&[&one])?;
    play.expect("refused, KEYS-011", done.refused("KEYS-011"), done.told());
    play.attack("open it with the same share twice", || Ok(()))?;
    let done = login(&[&one, &one])?;
    play.expect("refused, KEYS-010", done.refused("KEYS-010"), done.told());
    play.attack("open it with a share that was changed", || Ok(()))?;
    let done = login(&[&two, &typed])?;
    play.expect("refused", !done.is_done() && done.err.contains("KEYS-0"), done.told());
    site.set(PAGES)?;
    play.does("open it with two shares");
    let done = login(&[&one, &two])?;
    play.expect("open", done.is_done() || spoiled, done.told());
    play.does("rotate its root with one share");
    let done = with_shares(&site, &["keys", "rotate", "--root"], &[&one])?;
    play.expect("refused", !done.is_done(), done.told());
    play.does("enrol a passkey, and ask for a clinical project");
    Passkey::enrol(play, &site, Who::Administrator.name())?;
    let done = with_shares(&site, &clinical(), &[&one, &two])?;
    play.expect("it is made", done.is_done(), done.told());
    with_shares(&site, &["site", "lock"], &[])?;
    site.ended()
}

fn login(site: &Site, token: &Path, shares: &[&Path]) -> Result<Done> {
    with_shares(site, &["login", "--token-file", text(token)?], shares)
}

fn with_shares(site: &Site, words: &[&str], shares: &[&Path]) -> Result<Done> {
    let mut command = site.bare(words);
    command.arg("--site").arg(site.folder()).arg("--session").arg(site.beside("admin.session"));
    for share in shares {
        command.arg("--share-file").arg(share);
    }
    site.done(&mut command)
}

fn clinical() -> [&'static str; 28] {
    [
        "project",
        "create",
        "--name",
        "Clinical",
        "--class",
        "clinical",
        "--purpose",
        "care",
        "--term",
        "DUO:0000042",
        "--term",
        "DUO:0000043",
        "--granularity",
        "genome",
        "--framework",
        "none",
        "--incidental",
        "not-reported",
        "--basis",
        "board",
        "--region",
        "EU",
        "--retention",
        "90-days",
        "--consent",
        "NONE-2",
        "--administrator",
        "admin",
    ]
}
