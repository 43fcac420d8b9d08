//! Random policies in the shape that the schema allows, random requests, and the comparison of the
//! compiled form with Cedar.

use base::{Class, Role};
use policy::action::Scope;
use policy::set::SHIPPED;
use policy::{Action, Actor, Context, Network, Policies, Request, Resource};
use std::collections::{BTreeMap, BTreeSet};

/// SplitMix64 (Steele, Lea, Flood 2014): a seed gives the same cases again.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 33).unwrap_or(0) % sides.max(1)
    }

    /// One of these.
    pub fn one<T: Copy + Default>(&mut self, of: &[T]) -> T {
        self.of(of, T::default())
    }

    /// One of these, which are never none.
    fn of<T: Copy>(&mut self, of: &[T], else_this: T) -> T {
        let number = self.roll(of.len());
        of.get(number).copied().unwrap_or(else_this)
    }

    fn class(&mut self) -> Class {
        self.of(Class::ALL, Class::Sandbox)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }
}

const SITE_ROLES: &[&str] = &["auditor", "pipeline-approver", "platform-administrator", "support-observer"];
const PROJECT_ROLES: &[&str] = &[
    "viewer",
    "analyst",
    "data-exporter",
    "project-administrator",
    "data-steward",
    "honest-broker",
    "support-observer",
    "emergency",
];
const REGIONS: &[&str] = &["EU", "DE", "US"];
const KINDS: &[&str] = &["sample", "object", "run", "project", "site"];
const PURPOSES: &[&str] = &["asked by the clinician", "study", "*"];

/// What a policy being written may say.
struct Pen<'a> {
    dice: &'a mut Dice,
    /// Whether it is about things of a project, about the site's, or about both.
    of: Option<Scope>,
    /// Whether the kind of the principal is still open: contradictions would never apply, and are refused.
    open: bool,
    /// How many of a hundred leaves have no compiled form.
    strange: usize,
}

impl Pen<'_> {
    fn condition(&mut self, depth: usize) -> String {
        if depth == 0 || self.dice.chance(30) {
            return self.leaf();
        }
        let deeper = depth - 1;
        match self.dice.roll(7) {
            0..=2 => format!("({} && {})", self.condition(deeper), self.condition(deeper)),
            3 | 4 => format!("({} || {})", self.condition(deeper), self.condition(deeper)),
            5 => format!("!({})", self.condition(deeper)),
            _ => format!(
                "(if {} then {} else {})",
                self.condition(deeper),
                self.condition(deeper),
                self.condition(deeper)
            ),
        }
    }

    fn leaf(&mut self) -> String {
        if self.dice.chance(self.strange) {
            return self.strange();
        }
        if self.of == Some(Scope::Project) && self.dice.chance(40) {
            return self.of_project();
        }
        let number = self.dice.roll(24);
        match self.dice.roll(19) {
            0 => format!("principal in SiteRole::\"{}\"", self.dice.one(SITE_ROLES)),
            1 => format!("principal in ProjectRole::\"{}\"", self.dice.one(PROJECT_ROLES)),
            2 => format!(
                "principal in [ProjectRole::\"{}\", ProjectRole::\"{}\"]",
                self.dice.one(PROJECT_ROLES),
                self.dice.one(PROJECT_ROLES)
            ),
            3 => format!("resource.kind {} \"{}\"", self.dice.one(&["==", "!="]), self.dice.one(KINDS)),
            4 => format!("context has {}", self.dice.one(&["purpose", "target", "on_behalf_of"])),
            5 => format!("(context has purpose && context.purpose == \"{}\")", self.dice.one(PURPOSES)),
            6 => "(context has on_behalf_of && context has target && context.on_behalf_of == context.target)"
                .into(),
            7 => format!("context.network == Network::\"{}\"", self.dice.one(Network::ALL).as_str()),
            8 => format!(
                "context.network in [Network::\"local\", Network::\"{}\"]",
                self.dice.one(Network::ALL).as_str()
            ),
            9 => format!("context.hour {} {number}", self.dice.one(&["<", "<=", ">", ">=", "==", "!="])),
            10 => format!("{number} {} context.hour", self.dice.one(&["<", "<=", ">", ">="])),
            11 => format!("[1, {}, 7].contains(context.weekday)", self.dice.roll(9)),
            12 => "context.strong_authentication".into(),
            13 => format!("context.same_person == {}", self.dice.one(&["true", "false"])),
            14 => "context.out_of_region".into(),
            17 => "context.break_glass_open".into(),
            18 => format!("context.support_open == {}", self.dice.one(&["true", "false"])),
            15 => format!("(context has target && context.target == Person::\"usr_{}\")", self.dice.roll(4)),
            _ if self.open => {
                self.open = false;
                match self.dice.roll(3) {
                    0 => "(principal is Service || context.hour < 12)".into(),
                    1 => "(principal is Person && context has target && context.target == principal)".into(),
                    _ => "principal is Person".into(),
                }
            }
            _ => "context has target".into(),
        }
    }

    fn of_project(&mut self) -> String {
        let class = |dice: &mut Dice| dice.class().as_str();
        match self.dice.roll(7) {
            0 => format!("resource.class == Class::\"{}\"", class(self.dice)),
            1 => format!("resource.class != Class::\"{}\"", class(self.dice)),
            2 => format!(
                "resource.class in [Class::\"{}\", Class::\"{}\"]",
                class(self.dice),
                class(self.dice)
            ),
            3 => format!(
                "[Class::\"{}\", Class::\"{}\"].contains(resource.class)",
                class(self.dice),
                class(self.dice)
            ),
            4 => format!("(resource has region && resource.region == \"{}\")", self.dice.one(REGIONS)),
            5 => format!("resource == ProjectThing::\"obj_{}\"", self.dice.roll(4)),
            _ => format!("resource in Project::\"prj_{}\"", self.dice.roll(4)),
        }
    }

    fn strange(&mut self) -> String {
        match self.dice.roll(3) {
            0 => "(context has purpose && context.purpose like \"*clinic*\")".into(),
            1 => "context.hour + context.weekday > 12".into(),
            _ => "[1, 2].containsAll([context.weekday])".into(),
        }
    }

    fn policy(&mut self, number: usize) -> String {
        self.of = self.dice.one(&[None, Some(Scope::Site), Some(Scope::Project), Some(Scope::Project)]);
        self.open = true;
        let (effect, action, resource) =
            (self.dice.one(&["permit", "permit", "forbid"]), self.action(), self.resource());
        let principal = self.principal();
        let mut text =
            format!("@id(\"p{number:05}\") @why(\"made\")\n{effect} ({principal}, {action}, {resource})");
        for _ in 0..self.dice.roll(3) {
            let (word, depth) = (self.dice.one(&["when", "unless"]), self.dice.roll(4));
            let condition = self.condition(depth);
            text.push_str(&format!("\n{word} {{ {condition} }}"));
        }
        text + ";\n"
    }

    fn principal(&mut self) -> String {
        let (number, kind) = (self.dice.roll(4), self.dice.one(&["Person", "Service"]));
        let role = self.dice.one(PROJECT_ROLES);
        match self.dice.roll(9) {
            0 | 1 => "principal".into(),
            2 | 3 => format!("principal in ProjectRole::\"{role}\""),
            4 => format!("principal in SiteRole::\"{}\"", self.dice.one(SITE_ROLES)),
            5 => self.closed(format!("principal == Person::\"usr_{number}\"")),
            6 => self.closed(format!("principal == Service::\"svc_{number}\"")),
            7 => self.closed(format!("principal is {kind}")),
            _ => self.closed(format!("principal is Person in ProjectRole::\"{role}\"")),
        }
    }

    fn closed(&mut self, text: String) -> String {
        self.open = false;
        text
    }

    fn action(&mut self) -> String {
        let Some(scope) = self.of else { return "action".into() };
        let all: Vec<&str> =
            Action::ALL.iter().filter(|a| a.scope() == scope).map(|action| action.as_str()).collect();
        match self.dice.roll(4) {
            0 => format!("action == Action::\"{}\"", self.dice.one(&all)),
            1 if scope == Scope::Project => "action in Action::\"data\"".into(),
            2 => {
                // It has actions of both kinds.
                self.of = None;
                "action in Action::\"administer\"".into()
            }
            _ => {
                let some: BTreeSet<String> =
                    (0..6).map(|_| format!("Action::\"{}\"", self.dice.one(&all))).collect();
                format!("action in [{}]", some.into_iter().collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// Where both kinds of things are meant, and an action has only one of them, the other is not named.
    fn resource(&mut self) -> String {
        match (self.of, self.dice.roll(5)) {
            (Some(Scope::Project), 0) => format!("resource in Project::\"prj_{}\"", self.dice.roll(4)),
            (Some(Scope::Project), 1) => format!("resource == ProjectThing::\"obj_{}\"", self.dice.roll(4)),
            (Some(Scope::Project), 2) => {
                format!("resource is ProjectThing in Project::\"prj_{}\"", self.dice.roll(4))
            }
            (Some(Scope::Site), 0) => "resource == SiteThing::\"sit_0\"".into(),
            (None, 0) => "resource is ProjectThing".into(),
            _ => "resource".into(),
        }
    }
}

/// A set of `count` random policies, beside the shipped ones or alone with their schema.
///
/// # Errors
/// What was written, when the generator wrote something that does not fit the schema.
///
/// A policy that contradicts itself is refused by Cedar's validation; another set is thrown then, a few times.
pub fn set(dice: &mut Dice, count: usize, shipped: bool, strange: usize) -> Result<Policies, String> {
    let mut last = String::new();
    for _ in 0..5 {
        match one_set(dice, count, shipped, strange) {
            Err(why) if why.contains("policy is impossible") => last = why,
            thrown => return thrown,
        }
    }
    Err(last)
}

fn one_set(dice: &mut Dice, count: usize, shipped: bool, strange: usize) -> Result<Policies, String> {
    let mut texts: BTreeMap<String, String> = SHIPPED
        .iter()
        .filter(|(name, _)| shipped || name.ends_with(".cedarschema"))
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    let mut pen = Pen { dice, of: None, open: true, strange };
    let made: String = (0..count).map(|number| pen.policy(number)).collect();
    texts.insert("made.cedar".to_owned(), made.clone());
    Policies::load(texts).map_err(|error| format!("the generator wrote what does not fit: {error}\n{made}"))
}

/// A random request; a few of a hundred state facts that do not fit.
pub fn request(dice: &mut Dice) -> Request {
    let action = dice.of(Action::ALL, Action::ViewRun);
    let ill = dice.chance(3);
    let scope = if ill { dice.of(&[Scope::Site, Scope::Project], Scope::Site) } else { action.scope() };
    let service = dice.chance(25);
    let roles = |dice: &mut Dice, known: &[&str]| -> BTreeSet<Role> {
        let count = dice.one(&[0, 1, 1, 1, 2, 3]);
        (0..count).filter_map(|_| dice.one(known).parse().ok()).collect()
    };
    let resource = match scope {
        Scope::Site => {
            let kind = if dice.chance(50) { "site" } else { "tool" };
            Resource::of_site(kind, format!("sit_{}", dice.roll(2)))
        }
        Scope::Project => {
            let (kind, class) = (dice.one(KINDS), dice.class());
            let (id, project) = (format!("obj_{}", dice.roll(4)), format!("prj_{}", dice.roll(4)));
            let region = dice.chance(70).then(|| dice.one(REGIONS).to_owned());
            Resource { region, ..Resource::of_project(kind, id, project, class) }
        }
    };
    let in_project = scope == Scope::Project || (ill && dice.chance(30));
    let known = if ill { SITE_ROLES } else { PROJECT_ROLES };
    let account = |dice: &mut Dice| dice.chance(50).then(|| format!("usr_{}", dice.roll(4)));
    Request {
        actor: Actor {
            id: format!("{}_{}", if service { "svc" } else { "usr" }, dice.roll(4)),
            service,
            site_roles: roles(dice, SITE_ROLES),
            project_roles: if in_project { roles(dice, known) } else { BTreeSet::new() },
        },
        action,
        resource,
        context: Context {
            purpose: dice.chance(70).then(|| dice.one(&["study", "asked by the clinician", " "]).to_owned()),
            strong_authentication: dice.chance(50),
            on_behalf_of: account(dice),
            target: account(dice),
            same_person: dice.chance(30),
            network: dice.one(Network::ALL),
            hour: u8::try_from(dice.roll(24)).unwrap_or(0),
            weekday: u8::try_from(1 + dice.roll(7)).unwrap_or(1),
            out_of_region: dice.chance(20),
            break_glass_open: dice.chance(20),
            support_open: dice.chance(20),
        },
    }
}

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Found {
    pub requests: u64,
    /// Requests that the compiled form answered by itself.
    pub compiled: u64,
    pub allowed: u64,
    /// The first disagreement, told.
    pub disagreement: Option<String>,
}

/// Asks both about `count` random requests, and stops at the first that they answer differently.
pub fn compare(policies: &Policies, dice: &mut Dice, count: u64, found: &mut Found) {
    for _ in 0..count {
        let asked = request(dice);
        let (fast, truth) = (policies.decide(&asked), policies.interpret(&asked));
        found.requests += 1;
        found.compiled += u64::from(policies.compiled(&asked).is_some());
        found.allowed += u64::from(truth.allowed);
        if fast != truth {
            found.disagreement = Some(format!("{asked:#?}\ncompiled: {fast:?}\nCedar:    {truth:?}"));
            return;
        }
    }
}
