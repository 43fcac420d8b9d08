//! From one policy to a rule, or to the reason why it is none.
//!
//! The policy is read as the JSON form that Cedar documents. A form that is not listed here is not guessed
//! at.

use super::bit;
use super::shelf::Says;
use super::test::{Kind, Part, Stated, Term, Test, Word, class_bit, network_bit, order_bit};
use crate::request::Network;
use crate::{Action, Policies};
use base::{Class, Role};
use cedar_policy::{Effect, Policy, Schema};
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// One policy: for which actions, under which conditions, and what it then says.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) permits: bool,
    pub(crate) actions: u64,
    /// All of them have to hold.
    pub(crate) tests: Vec<Test>,
    pub(crate) reason: String,
    /// What has no compiled form: then the tests are those of the policy's scope alone.
    pub(crate) interpreted: Option<String>,
}

impl Rule {
    pub(crate) const fn says(&self) -> Says {
        match (&self.interpreted, self.permits) {
            (Some(_), _) => Says::Cedar,
            (None, true) => Says::Permit,
            (None, false) => Says::Forbid,
        }
    }
}

/// The actions of each group, as bits.
pub(crate) struct Groups(BTreeMap<String, u64>);

impl Groups {
    pub(crate) fn of(schema: &Schema) -> Self {
        let mut groups: BTreeMap<String, u64> =
            Action::ALL.iter().map(|action| (action.as_str().to_owned(), 1 << *action as u64)).collect();
        let Ok(entities) = schema.action_entities() else { return Self(BTreeMap::new()) };
        for uid in schema.actions() {
            let name = uid.id().unescaped();
            let Ok(action) = name.parse::<Action>() else { continue };
            for group in entities.ancestors(uid).into_iter().flatten() {
                *groups.entry(group.id().unescaped().to_owned()).or_default() |= 1 << action as u64;
            }
        }
        Self(groups)
    }
}

/// Why a form is not compiled.
type Unknown = String;
type Read<T> = Result<T, Unknown>;

/// Reads one policy of a checked set.
pub(crate) fn rule(policy: &Policy, groups: &Groups, policies: &Policies) -> Rule {
    let mut rule = Rule {
        id: policy.id().to_string(),
        permits: policy.effect() == Effect::Permit,
        actions: u64::MAX,
        tests: Vec::new(),
        reason: policies.reason(policy.id()),
        interpreted: None,
    };
    let json = match policy.to_json() {
        Ok(json) => json,
        Err(_) => {
            rule.interpreted = Some("it has no JSON form".to_owned());
            return rule;
        }
    };
    // What of the scope is not understood leaves it wider: then Cedar is asked more often, never less.
    let scope = [actions(&json, groups).map(|actions| rule.actions = actions)];
    let mut unknown: Vec<Unknown> = scope.into_iter().filter_map(Result::err).collect();
    for part in [who(&json), what(&json)] {
        match part {
            Ok(test) => flatten(test, &mut rule.tests),
            Err(why) => unknown.push(why),
        }
    }
    match conditions(&json) {
        Ok(tests) if unknown.is_empty() => tests.into_iter().for_each(|test| flatten(test, &mut rule.tests)),
        Ok(_) => {}
        Err(why) => unknown.push(why),
    }
    rule.interpreted = unknown.into_iter().next();
    rule
}

/// Conjuncts one by one, so that places and classes are found among them.
fn flatten(test: Test, into: &mut Vec<Test>) {
    match test {
        Test::Always(true) => {}
        Test::All(all) => all.into_iter().for_each(|test| flatten(test, into)),
        test => into.push(test),
    }
}

fn actions(policy: &Value, groups: &Groups) -> Read<u64> {
    let scope = &policy["action"];
    let bits = |entity: &Value| {
        let (kind, id) = entity_of(entity)?;
        let known = groups.0.get(id).copied().filter(|_| kind == "Action");
        known.ok_or_else(|| "an action that is not known".to_owned())
    };
    match (text(&scope["op"]), scope["entity"].is_object(), scope["entities"].as_array()) {
        (Some("All"), ..) => Ok(u64::MAX),
        (Some("==" | "in"), true, _) => bits(&scope["entity"]),
        (Some("in"), _, Some(all)) => all.iter().try_fold(0, |sum, entity| Ok(sum | bits(entity)?)),
        _ => Err("the action's scope".to_owned()),
    }
}

fn who(policy: &Value) -> Read<Test> {
    scope(&policy["principal"], Term::Principal)
}

fn what(policy: &Value) -> Read<Test> {
    scope(&policy["resource"], Term::Resource)
}

fn scope(scope: &Value, whose: Term) -> Read<Test> {
    let literal =
        |value: &Value| entity_of(value).map(|(kind, id)| Side::Entity(kind.to_owned(), id.to_owned()));
    match text(&scope["op"]) {
        Some("All") => Ok(Test::Always(true)),
        Some("==") => same(Side::Term(whose), literal(&scope["entity"])?),
        Some("in") => within(&Side::Term(whose), &[literal(&scope["entity"])?]),
        Some("is") => {
            let kind = is_a(&whose, text(&scope["entity_type"]).unwrap_or_default())?;
            match scope.get("in") {
                None | Some(Value::Null) => Ok(kind),
                Some(group) => {
                    Ok(all(vec![kind, within(&Side::Term(whose), &[literal(&group["entity"])?])?]))
                }
            }
        }
        _ => Err("the scope".to_owned()),
    }
}

fn conditions(policy: &Value) -> Read<Vec<Test>> {
    let list = policy["conditions"].as_array().ok_or("its conditions")?;
    let read = |condition: &Value| {
        let body = condition_of(&condition["body"])?;
        match text(&condition["kind"]) {
            Some("when") => Ok(body),
            Some("unless") => Ok(not(body)),
            _ => Err("its conditions".to_owned()),
        }
    };
    list.iter().map(read).collect()
}

/// What stands on one side of a comparison.
enum Side {
    Term(Term),
    Word(Word),
    Class,
    Network,
    Time(Part),
    Number(i64),
    Flag(Test),
    Truth(bool),
    /// An entity that is written out: its type and id.
    Entity(String, String),
}

/// A form with its one name: `{"name": body}`.
fn form(expression: &Value) -> Read<(&str, &Value)> {
    let object = expression.as_object().filter(|object| object.len() == 1);
    let (name, body) = object.and_then(|object| object.iter().next()).ok_or("an unknown form")?;
    Ok((name, body))
}

fn condition_of(expression: &Value) -> Read<Test> {
    let (name, body) = form(expression)?;
    let (left, right) = (&body["left"], &body["right"]);
    match name {
        "&&" => Ok(all(vec![condition_of(left)?, condition_of(right)?])),
        "||" => Ok(any(condition_of(left)?, condition_of(right)?)),
        "!" => Ok(not(condition_of(&body["arg"])?)),
        "if-then-else" => {
            let (chosen, then, other) =
                (condition_of(&body["if"])?, condition_of(&body["then"])?, condition_of(&body["else"])?);
            Ok(Test::Any(vec![all(vec![chosen.clone(), then]), all(vec![not(chosen), other])]))
        }
        "==" => same(side(left)?, side(right)?),
        "!=" => Ok(not(same(side(left)?, side(right)?)?)),
        "<" => compare(left, right, &[Ordering::Less]),
        "<=" => compare(left, right, &[Ordering::Less, Ordering::Equal]),
        ">" => compare(left, right, &[Ordering::Greater]),
        ">=" => compare(left, right, &[Ordering::Greater, Ordering::Equal]),
        "in" => within(&side(left)?, &members(right)?),
        "contains" => one_of(&side(right)?, &members(left)?),
        "has" => has(left, text(&body["attr"]).unwrap_or_default()),
        "is" if body["in"].is_null() => match side(left)? {
            Side::Term(term) => is_a(&term, text(&body["entity_type"]).unwrap_or_default()),
            _ => Err("`is` of something else than principal or resource".to_owned()),
        },
        "Value" | "." => match side(expression)? {
            Side::Truth(answer) => Ok(Test::Always(answer)),
            Side::Flag(test) => Ok(test),
            _ => Err("a value that is no condition".to_owned()),
        },
        other => Err(format!("`{other}`")),
    }
}

fn side(expression: &Value) -> Read<Side> {
    let (name, body) = form(expression)?;
    match name {
        "Var" => match text(body) {
            Some("principal") => Ok(Side::Term(Term::Principal)),
            Some("resource") => Ok(Side::Term(Term::Resource)),
            _ => Err("a variable that is not compared by itself".to_owned()),
        },
        "Value" => literal(body),
        "." => {
            let of = body.pointer("/left/Var").and_then(text).unwrap_or_default();
            attribute(of, text(&body["attr"]).unwrap_or_default())
        }
        other => Err(format!("`{other}` inside a comparison")),
    }
}

fn literal(value: &Value) -> Read<Side> {
    match value {
        Value::Bool(answer) => Ok(Side::Truth(*answer)),
        Value::String(text) => Ok(Side::Word(Word::Text(text.as_str().into()))),
        Value::Number(number) => Ok(Side::Number(number.as_i64().ok_or("a number")?)),
        Value::Object(_) => {
            let (kind, id) = entity_of(&value["__entity"])?;
            Ok(Side::Entity(kind.to_owned(), id.to_owned()))
        }
        _ => Err("a literal".to_owned()),
    }
}

fn attribute(of: &str, name: &str) -> Read<Side> {
    Ok(match (of, name) {
        ("resource", "kind") => Side::Word(Word::Kind),
        ("resource", "class") => Side::Class,
        ("resource", "region") => Side::Word(Word::Region),
        ("context", "purpose") => Side::Word(Word::Purpose),
        ("context", "network") => Side::Network,
        ("context", "hour") => Side::Time(Part::Hour),
        ("context", "weekday") => Side::Time(Part::Weekday),
        ("context", "target") => Side::Term(Term::Target),
        ("context", "on_behalf_of") => Side::Term(Term::OnBehalfOf),
        ("context", "strong_authentication") => Side::Flag(Test::StrongAuthentication),
        ("context", "same_person") => Side::Flag(Test::SamePerson),
        ("context", "out_of_region") => Side::Flag(Test::OutOfRegion),
        ("context", "break_glass_open") => Side::Flag(Test::BreakGlassOpen),
        ("context", "support_open") => Side::Flag(Test::SupportOpen),
        _ => return Err(format!("the attribute `{name}`")),
    })
}

fn has(of: &Value, name: &str) -> Read<Test> {
    let stated = match (text(&of["Var"]), name) {
        (Some("context"), "purpose") => Stated::Purpose,
        (Some("context"), "on_behalf_of") => Stated::OnBehalfOf,
        (Some("context"), "target") => Stated::Target,
        (Some("resource"), "region") => Stated::Region,
        _ => return Err(format!("`has {name}`")),
    };
    Ok(Test::States(stated))
}

fn members(expression: &Value) -> Read<Vec<Side>> {
    match form(expression)? {
        ("Set", Value::Array(all)) => all.iter().map(side).collect(),
        ("Value", Value::Array(all)) => all.iter().map(literal).collect(),
        _ => Ok(vec![side(expression)?]),
    }
}

fn same(left: Side, right: Side) -> Read<Test> {
    match (left, right) {
        (Side::Entity(kind, id), side) | (side, Side::Entity(kind, id)) => names(&side, &kind, &id),
        (Side::Term(one), Side::Term(other)) => Ok(Test::Same(one, other)),
        (Side::Word(one), Side::Word(other)) => Ok(Test::Equal(one, other)),
        (Side::Flag(test), Side::Truth(wanted)) | (Side::Truth(wanted), Side::Flag(test)) => {
            Ok(if wanted { test } else { not(test) })
        }
        (Side::Time(part), Side::Number(number)) | (Side::Number(number), Side::Time(part)) => {
            Ok(Test::Time(part, order_bit(Ordering::Equal), number))
        }
        _ => Err("a comparison of other things".to_owned()),
    }
}

/// Whether `side` is this very entity.
fn names(side: &Side, kind: &str, id: &str) -> Read<Test> {
    let known = |what: &str| format!("a {what} that is not known");
    match (side, kind) {
        (Side::Class, "Class") => {
            Ok(Test::Class(class_bit(id.parse::<Class>().map_err(|_| known("class"))?)))
        }
        (Side::Network, "Network") => {
            Ok(Test::Network(network_bit(Network::named(id).ok_or_else(|| known("network"))?)))
        }
        (Side::Term(term), "Person" | "Service" | "SiteThing" | "ProjectThing") => {
            let kind = match kind {
                "Person" => Kind::Person,
                "Service" => Kind::Service,
                "SiteThing" => Kind::SiteThing,
                _ => Kind::ProjectThing,
            };
            Ok(Test::Same(term.clone(), Term::Entity(kind, id.into())))
        }
        _ => Err(format!("a comparison with a `{kind}`")),
    }
}

/// Whether `side` is in one of these: a role that is held, the project of a thing, one of a set.
fn within(side: &Side, these: &[Side]) -> Read<Test> {
    let mut found = Test::Always(false);
    for one in these {
        let Side::Entity(kind, id) = one else {
            return Err("`in` something that is not written out".to_owned());
        };
        let test = match (side, kind.as_str()) {
            (Side::Term(Term::Principal), "SiteRole") => Test::OnSite(role(id)?),
            (Side::Term(Term::Principal), "ProjectRole") => Test::InProject(role(id)?),
            (Side::Term(Term::Resource), "Project") => Test::OfThisProject(id.as_str().into()),
            (Side::Class | Side::Network, _) => names(side, kind, id)?,
            _ => return Err(format!("`in` a `{kind}`")),
        };
        found = any(found, test);
    }
    Ok(found)
}

/// Whether `side` equals one of these.
fn one_of(side: &Side, these: &[Side]) -> Read<Test> {
    let mut found = Test::Always(false);
    for one in these {
        let test = match (side, one) {
            (side, Side::Entity(kind, id)) => names(side, kind, id)?,
            (Side::Word(word), Side::Word(text)) => Test::Equal(word.clone(), text.clone()),
            (Side::Time(part), Side::Number(number)) => {
                Test::Time(*part, order_bit(Ordering::Equal), *number)
            }
            _ => return Err("a set of other things".to_owned()),
        };
        found = any(found, test);
    }
    Ok(found)
}

fn is_a(term: &Term, kind: &str) -> Read<Test> {
    match (term, kind) {
        (Term::Principal, "Person") => Ok(Test::Service(false)),
        (Term::Principal, "Service") => Ok(Test::Service(true)),
        (Term::Resource, "SiteThing") => Ok(Test::OfProject(false)),
        (Term::Resource, "ProjectThing") => Ok(Test::OfProject(true)),
        _ => Err(format!("`is {kind}`")),
    }
}

fn compare(left: &Value, right: &Value, orders: &[Ordering]) -> Read<Test> {
    let bits = |turned: bool| {
        orders.iter().fold(0, |all, order| all | order_bit(if turned { order.reverse() } else { *order }))
    };
    match (side(left)?, side(right)?) {
        (Side::Time(part), Side::Number(number)) => Ok(Test::Time(part, bits(false), number)),
        (Side::Number(number), Side::Time(part)) => Ok(Test::Time(part, bits(true), number)),
        _ => Err("an order of other things".to_owned()),
    }
}

fn all(tests: Vec<Test>) -> Test {
    let mut flat = Vec::new();
    tests.into_iter().for_each(|test| flatten(test, &mut flat));
    Test::All(flat)
}

/// Either; several roles, classes or networks become one test of bits.
fn any(one: Test, other: Test) -> Test {
    match (one, other) {
        (Test::Always(false), test) | (test, Test::Always(false)) => test,
        (Test::OnSite(a), Test::OnSite(b)) => Test::OnSite(a | b),
        (Test::InProject(a), Test::InProject(b)) => Test::InProject(a | b),
        (Test::Class(a), Test::Class(b)) => Test::Class(a | b),
        (Test::Network(a), Test::Network(b)) => Test::Network(a | b),
        (Test::Any(mut all), test) => {
            all.push(test);
            Test::Any(all)
        }
        (one, other) => Test::Any(vec![one, other]),
    }
}

fn not(test: Test) -> Test {
    match test {
        Test::Always(answer) => Test::Always(!answer),
        Test::Not(test) => *test,
        test => Test::Not(Box::new(test)),
    }
}

fn role(id: &str) -> Read<u16> {
    id.parse::<Role>().map(bit).map_err(|_| "a role that is not known".to_owned())
}

fn entity_of(value: &Value) -> Read<(&str, &str)> {
    match (text(&value["type"]), text(&value["id"])) {
        (Some(kind), Some(id)) => Ok((kind, id)),
        _ => Err("an entity".to_owned()),
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}
