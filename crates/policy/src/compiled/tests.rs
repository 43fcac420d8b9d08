//! The compiled form says what Cedar says, and a change of it is seen.

use super::*;
use crate::random::{self, Dice, Found};
use crate::{Decision, Policies};
use std::collections::BTreeMap;

fn well(found: &Found) {
    assert!(found.disagreement.is_none(), "{}", found.disagreement.as_deref().unwrap_or_default());
}

/// A comparison in which both answers occur.
fn telling(found: &Found) {
    well(found);
    assert!(found.allowed * 50 > found.requests, "next to nothing was allowed: {found:?}");
}

#[test]
fn random_requests_to_random_sets_are_answered_as_cedar_answers_them() {
    let (mut dice, mut found) = (Dice(1), Found::default());
    for round in 0..40 {
        let policies = random::set(&mut dice, 12, round % 2 == 0, 2).unwrap();
        random::compare(&policies, &mut dice, 100, &mut found);
        well(&found);
    }
    telling(&found);
    assert!(found.compiled * 2 > found.requests, "{found:?}");
    // Without strange forms nearly everything is compiled: what is left are facts that do not fit.
    let mut found = Found::default();
    for _ in 0..20 {
        let policies = random::set(&mut dice, 12, true, 0).unwrap();
        assert_eq!(policies.interpreted(), []);
        random::compare(&policies, &mut dice, 100, &mut found);
        well(&found);
    }
    telling(&found);
    assert!(found.compiled * 100 > found.requests * 95, "{found:?}");
}

#[test]
fn the_shipped_policies_have_a_compiled_form_each() {
    let policies = Policies::shipped().unwrap();
    assert_eq!(policies.interpreted(), []);
    let mut found = Found::default();
    random::compare(&policies, &mut Dice(2), 3_000, &mut found);
    telling(&found);
}

#[test]
fn what_has_no_compiled_form_is_said_and_left_to_cedar() {
    let mut texts = shipped();
    texts.insert(
        "own.cedar".into(),
        "@id(\"words\") @why(\"made\") forbid (principal, action == Action::\"download-object\", resource) \
         when { context has purpose && context.purpose like \"*test*\" };"
            .into(),
    );
    let policies = Policies::load(texts).unwrap();
    let told = policies.interpreted();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].policy.as_str(), told[0].why.as_str()), ("words", "`like`"));
    let mut found = Found::default();
    random::compare(&policies, &mut Dice(3), 1_000, &mut found);
    well(&found);
    // Only requests in its scope cost Cedar.
    assert!(found.compiled * 100 > found.requests * 85, "{found:?}");

    let mut texts = shipped();
    let schema = texts.get_mut("sequestra.cedarschema").unwrap();
    schema.push_str("// another\n");
    let policies = Policies::load(texts).unwrap();
    assert_eq!(policies.interpreted().len(), policies.count());
    let mut found = Found::default();
    random::compare(&policies, &mut Dice(4), 200, &mut found);
    well(&found);
    assert_eq!(found.compiled, 0);
}

fn shipped() -> BTreeMap<String, String> {
    crate::set::SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// Policies in which every form of test decides something by itself.
const TELLING: &str = r#"
@id("t-class") @why("made") permit (principal, action == Action::"view-run", resource) when { resource.class == Class::"research" };
@id("t-region") @why("made") permit (principal, action == Action::"view-receipt", resource) when { resource has region && resource.region == "EU" };
@id("t-kind") @why("made") permit (principal, action == Action::"cancel-run", resource) when { resource.kind == "run" };
@id("t-network") @why("made") permit (principal, action == Action::"lock-site", resource) when { context.network == Network::"inside" };
@id("t-hour") @why("made") permit (principal, action == Action::"view-storage", resource) when { context.hour >= 8 && context.hour < 18 };
@id("t-day") @why("made") permit (principal, action == Action::"check-storage", resource) unless { [6, 7].contains(context.weekday) };
@id("t-strong") @why("made") permit (principal, action == Action::"manage-keys", resource) when { context.strong_authentication };
@id("t-same") @why("made") permit (principal, action == Action::"create-project", resource) unless { context.same_person };
@id("t-out") @why("made") permit (principal, action == Action::"ingest", resource) unless { context.out_of_region };
@id("t-glass") @why("made") permit (principal, action == Action::"delete-object", resource) when { context.break_glass_open };
@id("t-support") @why("made") permit (principal, action == Action::"lift-hold", resource) unless { context.support_open };
@id("t-purpose") @why("made") permit (principal, action == Action::"set-hold", resource) when { context has purpose && context.purpose == "study" };
@id("t-target") @why("made") permit (principal is Person, action == Action::"manage-accounts", resource) when { context has target && context.target == principal };
@id("t-behalf") @why("made") permit (principal is Service, action == Action::"start-run", resource) when { context has on_behalf_of };
@id("t-project") @why("made") permit (principal, action == Action::"view-project", resource in Project::"prj_1");
@id("t-thing") @why("made") permit (principal, action == Action::"search-audit", resource == ProjectThing::"obj_2");
@id("t-person") @why("made") permit (principal == Person::"usr_3", action == Action::"view-tools", resource);
@id("t-of") @why("made") permit (principal, action, resource) when { if resource is ProjectThing then context.hour == 5 else context.hour == 6 };
@id("t-site-role") @why("made") forbid (principal in SiteRole::"auditor", action == Action::"view-references", resource);
@id("t-role") @why("made") forbid (principal in ProjectRole::"viewer", action == Action::"view-project", resource);
@id("t-either") @why("made") permit (principal, action == Action::"view-references", resource) when { principal in SiteRole::"auditor" || context.hour == 3 };
"#;

/// Requests with Cedar's answers.
fn probes(policies: &Policies) -> Vec<(Request, Decision)> {
    let mut dice = Dice(5);
    (0..12_000)
        .map(|_| random::request(&mut dice))
        .map(|request| (request.clone(), policies.interpret(&request)))
        .collect()
}

/// Whether the compiled form, changed by `change`, is seen to disagree.
fn is_seen(compiled: &Compiled, probes: &[(Request, Decision)], change: impl FnOnce(&mut Compiled)) -> bool {
    let mut changed = compiled.clone();
    change(&mut changed);
    probes.iter().any(|(request, truth)| {
        changed.answer(request).is_some_and(|answer| answer != (truth.allowed, truth.reasons.clone()))
    })
}

#[test]
fn every_change_of_the_compiled_form_is_seen() {
    let mut texts = shipped();
    texts.retain(|name, _| name.ends_with(".cedarschema"));
    texts.insert("telling.cedar".into(), TELLING.into());
    let policies = Policies::load(texts).unwrap();
    let (compiled, probes) = (&policies.compiled, probes(&policies));
    assert!(!is_seen(compiled, &probes, |_| {}), "an unchanged form disagrees");
    let mut unseen = Vec::new();
    let mut changes = 0;
    let mut check = |name: String, change: &dyn Fn(&mut Compiled)| {
        changes += 1;
        if !is_seen(compiled, &probes, change) {
            unseen.push(name);
        }
    };
    for (number, rule) in compiled.rules.iter().enumerate() {
        let id = &rule.id;
        check(format!("{id}: the other effect"), &|c| {
            c.rules[number].permits = !c.rules[number].permits;
            c.shelves = Shelves::of(&c.rules);
        });
        check(format!("{id}: for no action"), &|c| {
            c.rules[number].actions = 0;
            c.shelves = Shelves::of(&c.rules);
        });
        if rule.actions != u64::MAX {
            check(format!("{id}: for every action"), &|c| {
                c.rules[number].actions = u64::MAX;
                c.shelves = Shelves::of(&c.rules);
            });
        }
        check(format!("{id}: another reason"), &|c| {
            c.rules[number].reason.push('.');
            c.reasons = Reasons::of(&c.rules);
        });
        for test in 0..rule.tests.len() {
            check(format!("{id}: without test {test}"), &|c| {
                c.rules[number].tests.remove(test);
                c.shelves = Shelves::of(&c.rules);
            });
            check(format!("{id}: test {test} turned"), &|c| {
                let turned = Test::Not(Box::new(c.rules[number].tests[test].clone()));
                c.rules[number].tests[test] = turned;
                c.shelves = Shelves::of(&c.rules);
            });
        }
    }
    type Change = fn(&mut Compiled);
    let named: [(&str, Change); 3] = [
        ("actors", |c| c.shelves.of_actor.clear()),
        ("things", |c| c.shelves.of_thing.clear()),
        ("projects", |c| c.shelves.of_project.clear()),
    ];
    for (name, change) in named {
        check(format!("no {name} on the shelf"), &change);
    }
    for (number, action) in Action::ALL.iter().enumerate() {
        let shelf = &compiled.shelves.by_action[number];
        if !shelf.anyone.is_empty() {
            check(format!("{action}: nothing for anyone"), &|c| c.shelves.by_action[number].anyone.clear());
        }
        for role in (0..Role::ALL.len()).filter(|role| !shelf.in_project[*role].is_empty()) {
            check(format!("{action}: nothing for role {role}"), &|c| {
                c.shelves.by_action[number].in_project[role].clear();
            });
        }
        for role in (0..Role::ALL.len()).filter(|role| !shelf.on_site[*role].is_empty()) {
            check(format!("{action}: nothing for site role {role}"), &|c| {
                c.shelves.by_action[number].on_site[role].clear();
            });
        }
    }
    check("every role can be held".into(), &|c| c.roles = Roles { site: u16::MAX, project: u16::MAX });
    assert!(changes > 100, "{changes}");
    // What is absent equals nothing, and an account is of one kind: these guards Cedar asks for, and the
    // compiled form could do without.
    let needless = [
        "t-purpose: without test 0",
        "t-region: without test 0",
        "t-target: without test 0",
        "t-target: without test 1",
    ];
    assert_eq!(unseen, needless, "of {changes}");
}
