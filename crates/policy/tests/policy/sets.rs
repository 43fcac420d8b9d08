//! Sets that are broken, empty or changed.

use crate::request;
use base::{Class, Fault as _, Role};
use policy::{Action, Policies, set::SHIPPED};
use std::collections::BTreeMap;

/// The shipped files, to be spoilt.
pub fn shipped_texts() -> BTreeMap<String, String> {
    SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// Spoils one file and expects the whole set to be refused with `code`.
fn check(code: &str, spoil: impl Fn(&mut BTreeMap<String, String>)) {
    let mut texts = shipped_texts();
    spoil(&mut texts);
    let error = Policies::load(texts).expect_err(code);
    assert_eq!(error.code(), code, "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");
    assert!(error.hint().is_some());
}

fn replace(texts: &mut BTreeMap<String, String>, file: &str, from: &str, to: &str) {
    let text = texts.get_mut(file).unwrap();
    assert!(text.contains(from), "{file} has no `{from}`");
    *text = text.replacen(from, to, 1);
}

#[test]
fn a_set_that_is_not_right_does_not_load() {
    check("POLICY-001", |t| drop(t.insert("notes.txt".into(), "permit(principal,action,resource);".into())));
    check("POLICY-002", |t| drop(t.remove("sequestra.cedarschema")));
    check("POLICY-002", |t| drop(t.insert("second.cedarschema".into(), "entity A;".into())));
    check("POLICY-003", |t| replace(t, "limits.cedar", "forbid (", "forbid "));
    check("POLICY-003", |t| replace(t, "sequestra.cedarschema", "entity Project;", "entity Project"));
    check("POLICY-004", |t| replace(t, "site.cedar", "@id(\"account-finds-its-way\")", ""));
    check("POLICY-004", |t| replace(t, "site.cedar", "account-finds-its-way", "Account finds"));
    check("POLICY-004", |t| replace(t, "site.cedar", "account-finds-its-way", "viewer-views"));
    check("POLICY-004", |t| replace(t, "project.cedar", "@why(\"support", "@say(\"support"));
    check("POLICY-004", |t| {
        replace(t, "project.cedar", "principal in ProjectRole::\"viewer\"", "principal in ?principal")
    });
    // A misspelt role, action, attribute or class, and a rule that can never apply.
    check("POLICY-005", |t| {
        replace(t, "project.cedar", "ProjectRole::\"viewer\"", "ProjectRole::\"veiwer\"")
    });
    check("POLICY-005", |t| replace(t, "project.cedar", "Action::\"view-run\"", "Action::\"see-run\""));
    check("POLICY-005", |t| replace(t, "limits.cedar", "resource.class ==", "resource.clas =="));
    check("POLICY-005", |t| replace(t, "limits.cedar", "Class::\"clinical\"", "Class::\"clinic\""));
    check("POLICY-005", |t| replace(t, "limits.cedar", "context has target", "context has targt"));
    check("POLICY-005", |t| {
        replace(t, "limits.cedar", "context has on_behalf_of", "context.on_behalf_of == principal")
    });
    check("POLICY-006", |t| replace(t, "sequestra.cedarschema", "\"view-tools\", ", ""));
    check("POLICY-006", |t| {
        replace(t, "sequestra.cedarschema", "\"lock-site\"", "\"lock-site\", \"open-site\"")
    });
    check("POLICY-006", |t| {
        replace(t, "sequestra.cedarschema", "\"ingest\", ", "");
        replace(t, "sequestra.cedarschema", "\"view-policy\"\n", "\"view-policy\", \"ingest\"\n");
    });
}

#[test]
fn without_policies_everything_is_denied() {
    let texts = shipped_texts().into_iter().filter(|(name, _)| name.ends_with(".cedarschema")).collect();
    let policies = Policies::load(texts).unwrap();
    for action in Action::ALL {
        for role in Role::ALL {
            let decision = policies.decide(&request(&[*role], *action, Class::Sandbox));
            assert!(!decision.allowed, "{role} may {action}");
            assert_eq!(decision.reasons, [format!("no policy permits `{action}`")]);
        }
    }
    assert!(Policies::load(BTreeMap::new()).is_err());
}

#[test]
fn a_policy_that_fails_to_evaluate_denies_even_beside_a_permit() {
    let mut texts = shipped_texts();
    let asked = request(&[Role::Viewer], Action::ViewVariants, Class::Research);
    assert!(Policies::load(texts.clone()).unwrap().decide(&asked).allowed);
    // The sum overflows. Skipping the failed `forbid`, as the engine does, would allow.
    texts.insert(
        "sum.cedar".into(),
        "@id(\"sum\") @why(\"counts too far\") forbid (principal, action, resource) \
         when { 9223372036854775807 + 1 == 0 };"
            .into(),
    );
    let decision = Policies::load(texts).unwrap().decide(&asked);
    assert!(!decision.allowed);
    assert_eq!(decision.reasons, ["policy `sum` could not be evaluated"]);
}

#[test]
fn any_change_of_the_set_changes_its_digest() {
    let shipped = Policies::shipped().unwrap().digest();
    assert_eq!(shipped, Policies::load(shipped_texts()).unwrap().digest());
    let changed = |spoil: &dyn Fn(&mut BTreeMap<String, String>)| {
        let mut texts = shipped_texts();
        spoil(&mut texts);
        Policies::load(texts).unwrap().digest()
    };
    let digests = [
        shipped,
        changed(&|t| replace(t, "project.cedar", "Action::\"view-run\",\n", "")),
        changed(&|t| replace(t, "limits.cedar", "// Limits", "// limits")),
        changed(&|t| replace(t, "sequestra.cedarschema", "kind: String", "kind : String")),
        changed(&|t| drop(t.remove("limits.cedar"))),
        changed(&|t| {
            let text = t.remove("site.cedar").unwrap();
            t.insert("sites.cedar".into(), text);
        }),
    ];
    for (i, one) in digests.iter().enumerate() {
        assert!(!digests[..i].contains(one), "change {i} kept a digest");
    }
}

/// The schema's group and the program's word for it must agree: the ledger reads the one, the
/// limits the other.
#[test]
fn the_group_of_data_is_what_the_program_says() {
    let mut texts = shipped_texts();
    texts.retain(|name, _| name.ends_with(".cedarschema"));
    texts.insert(
        "probe.cedar".into(),
        "@id(\"probe\") @why(\"shows the group\") permit (principal, action in Action::\"data\", resource);"
            .into(),
    );
    let policies = Policies::load(texts).unwrap();
    for action in Action::ALL {
        let decision = policies.decide(&request(&[], *action, Class::Sandbox));
        assert_eq!(decision.allowed, action.touches_data(), "{action}");
    }
}
