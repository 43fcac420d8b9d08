//! An administrator for a site that nobody can sign in to any more.

use crate::site::{Site, until};
use rustix::process::{Signal, kill_process};
use std::fs;

fn recover(site: &Site, name: &str) -> crate::site::Done {
    let token = site.room.join(format!("new-{name}.token"));
    site.run(name, &["site", "recover", name, "--token-out", token.to_str().unwrap()])
}

#[test]
fn who_opens_the_site_makes_an_administrator_on_record_and_nothing_more() {
    let site = Site::fresh(&["auditor"]);
    let project = ["project", "create", "--name", "p", "--class", "research", "--purpose", "research"];
    let terms = "--term DUO:0000042 --granularity panel --framework none --incidental not-reported --basis board \
                 --region DE --retention 10-years --consent c-1";
    let terms: Vec<&str> = terms.split_whitespace().collect();
    site.json("admin", &[&project[..], &terms[..]].concat());
    // While a process holds it, nothing is made.
    let process = site.start();
    let open = recover(&site, "second");
    assert_eq!(open.exit, 5, "{}", open.err);
    assert!(
        open.err.contains("CLI-053") && open.err.contains(&process.as_raw_nonzero().to_string()),
        "{}",
        open.err
    );
    assert!(!site.room.join("new-second.token").exists());
    kill_process(process, Signal::TERM).unwrap();
    site.wait_until_ended();
    fs::remove_file(site.room.join("admin.session")).unwrap();

    // A name that is taken, a name that is none, and what does not open the site make nothing.
    let before = site.events().len();
    let taken = recover(&site, "admin");
    assert!(taken.err.contains("(ACCESS-008)\nhint: take another name: "), "{}", taken.err);
    assert!(recover(&site, "No Name").err.contains("ACCESS-"), "a name that is none");
    let passphrase = site.room.join("passphrase");
    let right = fs::read(&passphrase).unwrap();
    fs::write(&passphrase, "some other words than those").unwrap();
    assert!(recover(&site, "third").err.contains("KEYS-001"));
    fs::write(&passphrase, right).unwrap();
    let made = |events: &[serde_json::Value]| {
        events.iter().filter(|one| one["event"]["event"] == "administrator-made").count()
    };
    assert_eq!(made(&site.events()), 0, "{before} events before");

    let done = recover(&site, "second");
    assert_eq!(done.exit, 0, "{}", done.err);
    assert!(site.process().is_none(), "the site stays open");
    let alarms = fs::read_to_string(site.folder.join("run/alarms.jsonl")).unwrap();
    assert_eq!(alarms.matches("administrator-made").count(), 1, "{alarms}");
    assert!(!alarms.contains("second"), "ids alone");
    let token = site.room.join("new-second.token");
    assert_eq!(site.run("second", &["login", "--token-file", token.to_str().unwrap()]).exit, 0);
    let who = site.json("second", &["whoami"]);
    assert_eq!(who["roles"].as_array().unwrap().len(), 1, "{who}");
    assert_eq!(who["roles"][0]["role"], "platform-administrator");
    site.json("second", &["account", "list"]);
    // It sees no project's data, and the auditor sees how it came to be.
    assert_ne!(site.run("second", &["audit", "search", "--action", "administrator-made"]).exit, 0);
    let seen = site.json("auditor", &["audit", "search", "--action", "administrator-made"]);
    assert!(seen.to_string().contains(who["account"]["id"].as_str().unwrap()), "{seen}");
    site.assert_sound();
    site.json("second", &["site", "lock"]);
    until("the site is locked", || site.process().is_none());
    site.wait_until_ended();
    assert_eq!(made(&site.events()), 1);
}
