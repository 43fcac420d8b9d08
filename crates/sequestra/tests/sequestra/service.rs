//! A program on a machine: its key, its account, whom it acts for, and what the record says.

use crate::site::{Done, Site};
use crate::story::sample_of;
use serde_json::Value;

fn refused(done: &Done, code: &str) {
    let told = done.err.contains(code) && done.err.contains("hint: ");
    assert!(done.exit == 4 && told, "{code}: {} {}", done.exit, done.err);
}

/// A machine with a key, and the service account that was made for it.
struct Machine {
    key: String,
    public: String,
    id: String,
    key_id: String,
}

impl Machine {
    fn of(site: &Site, name: &str, project: &Value) -> Self {
        let key = site.room.join(format!("{name}.key")).to_str().unwrap().to_owned();
        let enrolled = site.json(name, &["service", "enrol", "--key-out", &key]);
        let public = enrolled["key"].as_str().unwrap().to_owned();
        let create = [
            "service",
            "create",
            "--owner",
            "analyst",
            "--purpose",
            "nightly counts",
            "--environment",
            "production",
            "--project",
            project["id"].as_str().unwrap(),
            "--class",
            project["class"].as_str().unwrap(),
            "--action",
            "view-samples",
            "--action",
            "view-project",
            "--network",
            "socket",
            "--key",
            &public,
        ];
        let made = site.json("admin", &create);
        let (id, key_id) = (made["id"].as_str().unwrap(), made["keys"][0].as_str().unwrap());
        Self { key, public, id: id.to_owned(), key_id: key_id.to_owned() }
    }

    fn login(&self, site: &Site, name: &str, person: &str) -> Done {
        let Self { key, id, key_id, .. } = self;
        site.run(
            name,
            &["service", "login", "--key", key, "--service", id, "--key-id", key_id, "--for", person],
        )
    }
}

#[test]
fn a_machine_acts_for_whoever_let_its_key_and_the_record_names_both() {
    let site = Site::copy();
    let projects = site.json("analyst", &["project", "list"]);
    let project = projects.as_array().unwrap().last().unwrap();
    let named = project["id"].as_str().unwrap();
    let sample = sample_of(&site);
    let me = site.json("analyst", &["whoami"]);
    let person = me["account"]["id"].as_str().unwrap();
    let machine = Machine::of(&site, "nightly", project);

    // Nobody let it, and another key is none of this account's.
    refused(&machine.login(&site, "nightly", person), "ACCESS-003");
    let other = Machine::of(&site, "other", project);
    let allow = |key: &str| site.run("analyst", &["service", "allow", &machine.id, "--key", key]);
    let done = allow(&other.public);
    assert!(done.exit == 2 && done.err.contains("ACCESS-041"), "{} {}", done.exit, done.err);
    assert_eq!(allow(&machine.public).exit, 0);
    let done = machine.login(&site, "nightly", person);
    assert_eq!(done.exit, 0, "{}", done.err);

    let samples = site.json("nightly", &["sample", "list", named]);
    assert!(samples.as_array().unwrap().iter().any(|one| one["id"] == sample.as_str()), "{samples}");
    // Its person may ask this, and it was not made for it.
    site.json("analyst", &["variant", "query", "--sample", &sample, "--limit", "1"]);
    let done = site.run("nightly", &["variant", "query", "--sample", &sample, "--limit", "1"]);
    refused(&done, "ACCESS-040");
    refused(&site.run("nightly", &["whoami"]), "ACCESS-042");
    let events = site.events();
    let own =
        |one: &&Value| one["event"]["actor"] == machine.id.as_str() && one["event"]["event"] == "decision";
    let own: Vec<_> = events.iter().filter(own).collect();
    assert_eq!(own.len(), 2, "{own:?}");
    assert!(own.iter().all(|one| one["event"]["on_behalf_of"] == person), "{own:?}");

    // Withdrawn, closed, and the key of another machine.
    site.json("analyst", &["service", "withdraw", &machine.id]);
    refused(&site.run("nightly", &["sample", "list", named]), "ACCESS-003");
    refused(&machine.login(&site, "nightly", person), "ACCESS-003");
    site.json("analyst", &["service", "allow", &machine.id, "--key", &machine.public]);
    let stolen = Machine { key: other.key.clone(), ..machine };
    refused(&stolen.login(&site, "nightly", person), "ACCESS-003");
    site.json("admin", &["service", "close", &stolen.id]);
    let all = site.json("admin", &["service", "list"]);
    let closed: Vec<bool> = all.as_array().unwrap().iter().map(|one| one["closed"] == true).collect();
    assert_eq!(closed, [true, false], "{all}");
}
