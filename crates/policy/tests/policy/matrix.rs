//! Every role × every action, as a reviewed file.

use crate::request;
use base::{Class, Role};
use policy::{Action, Policies};
use std::fmt::Write as _;

/// Rows are actions, columns are people with exactly one role (`none` has an account and no role),
/// all of them persons who gave a reason. The classes agree for single roles; what they add for
/// several roles is in `limits.rs`.
#[test]
fn every_role_and_action() {
    let policies = Policies::shipped().unwrap();
    let people: Vec<(&str, Vec<Role>)> = std::iter::once(("none", vec![]))
        .chain(Role::ALL.iter().map(|role| (role.as_str(), vec![*role])))
        .collect();
    let mut table = format!("{:<20}", "");
    for (name, _) in &people {
        write!(table, " {name}").unwrap();
    }
    table.push('\n');
    for action in Action::ALL {
        write!(table, "{:<20}", action.as_str()).unwrap();
        for (name, roles) in &people {
            let answers: Vec<bool> = Class::ALL
                .iter()
                .map(|class| policies.decide(&request(roles, *action, *class)).allowed)
                .collect();
            assert!(answers.iter().all(|a| *a == answers[0]), "{action} as {name} depends on the class");
            write!(table, " {:^width$}", if answers[0] { "yes" } else { "." }, width = name.len()).unwrap();
        }
        table.push('\n');
    }
    let table: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    insta::assert_snapshot!("role_by_action", table);
}

#[test]
fn no_role_holds_both_sides() {
    let policies = Policies::shipped().unwrap();
    let may = |role: Role, action| policies.decide(&request(&[role], action, Class::Research)).allowed;
    for role in Role::ALL {
        let administers = Action::ALL.iter().any(|a| {
            matches!(a, Action::ManageAccounts | Action::AdministerProject | Action::CreateProject)
                && may(*role, *a)
        });
        let data = Action::ALL.iter().any(|a| a.touches_data() && may(*role, *a));
        assert!(!(administers && data), "{role} administers and reads data");
        assert!(
            !(may(*role, Action::ViewVariants) && may(*role, Action::DownloadObject)),
            "{role} views and downloads"
        );
    }
}
