//! The tree of commands as people read it.

use crate::args::command;
use std::fmt::Write as _;

fn walk(path: &str, mut command: clap::Command, out: &mut String) {
    let path = format!("{path}{}", command.get_name());
    let subcommands: Vec<clap::Command> = command.get_subcommands().cloned().collect();
    let help = command.render_long_help().to_string();
    let _ = writeln!(out, "==== {path}\n{help}");
    if subcommands.is_empty() {
        assert!(help.contains("Example:\n  ") && help.contains("Role: "), "{path}");
        assert!(command.get_about().is_some(), "{path}");
    }
    for subcommand in subcommands {
        walk(&format!("{path} "), subcommand, out);
    }
}

#[test]
fn every_command_says_what_it_is_for_with_an_example_and_a_role() {
    command().debug_assert();
    let mut tree = String::new();
    let mut root = command().term_width(100);
    root.build();
    walk("", root, &mut tree);
    let tree: String = tree.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    insta::assert_snapshot!("help", tree);
}

#[test]
fn every_route_has_its_command() {
    let mut root = command();
    root.build();
    for route in api::ROUTES {
        let words: Vec<&str> = match route.name {
            "health" | "package begin" | "package file" | "package commit" => vec!["intake", "put"],
            "keys prepare" | "keys complete" => vec!["keys", "migrate"],
            "ready" => vec!["site", "status"],
            "openapi" => vec!["api", "openapi"],
            "session create" => vec!["login"],
            "session end" => vec!["logout"],
            // A browser's, on the site's pages; a terminal asks there by `login` and `confirm`.
            name if ["page ", "terminal ", "oidc "].iter().any(|kind| name.starts_with(kind)) => {
                vec!["login"]
            }
            "passkey invite" => vec!["passkey", "enrol"],
            "passkey challenge" | "passkey login" | "passkey begin" | "passkey add" | "password login" => {
                vec!["login"]
            }
            "password begin" => vec!["password", "set"],
            "confirm begin" | "confirm passkey" | "confirm terminal" | "confirm password" => vec!["confirm"],
            "service token" => vec!["service", "login"],
            "service mine" => vec!["service", "list"],
            "session revoke" | "account sign-out" => vec!["session", "end"],
            "account sessions" => vec!["session", "list"],
            "application answer" => vec!["application", "approve"],
            "application change" => vec!["application", "renew"],
            "account preview" => vec!["account", "grant"],
            "member preview" => vec!["member", "add"],
            "access explain-site" => vec!["access", "explain"],
            "reference begin" | "reference file" | "reference finish" => vec!["reference", "add"],
            name => name.split(' ').collect(),
        };
        let found = words.iter().try_fold(&root, |at, word| at.find_subcommand(word));
        assert!(found.is_some(), "{}", route.name);
    }
}
