//! Where the rules stand that can concern a request.
//!
//! A rule that names a thing, an account or a project stands under that name, and is looked up. The others
//! stand under their action and the role they ask for. So what a request costs follows from the rules that
//! can concern it, not from how many there are. What rules say is kept once, apart from what they say it about: a
//! large set is mostly the same sentences about other names, and what is small stays near.

use super::read::Rule;
use super::test::{Facts, Kind, Term, Test};
use crate::{Action, action::Scope};
use base::Role;
use foldhash::fast::FixedState;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

// A rule's actions are one word of bits.
const _: () = assert!(Action::ALL.len() <= u64::BITS as usize);

/// A rule in its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    sentence: u32,
    rule: u32,
}

/// What a rule says of its place.
#[derive(Debug, Clone)]
struct Sentence {
    actions: u64,
    /// Classes of projects that it can hold in; things of the site have none.
    classes: u8,
    says: Says,
    /// The conditions that are left once the place is given.
    tests: Vec<Test>,
}

/// What a rule says when it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    Permit,
    Forbid,
    /// That Cedar has to be asked.
    Cedar,
}

/// The rules of a set by what they name.
#[derive(Debug, Default, Clone)]
pub(crate) struct Shelves {
    pub(crate) of_actor: Named,
    pub(crate) of_thing: Named,
    pub(crate) of_project: Named,
    /// By action: the rules that name nothing.
    pub(crate) by_action: Vec<Shelf>,
    /// Each once.
    sentences: Vec<Sentence>,
}

/// The rules that name nothing, of one action.
#[derive(Debug, Default, Clone)]
pub(crate) struct Shelf {
    /// By role on the site, and in the project.
    pub(crate) on_site: Vec<Vec<Entry>>,
    pub(crate) in_project: Vec<Vec<Entry>>,
    pub(crate) anyone: Vec<Entry>,
}

/// The rules that name something, by its name.
#[derive(Debug, Default, Clone)]
pub(crate) struct Named {
    hash: FixedState,
    groups: HashMap<u64, Group, BuildHasherDefault<AsItIs>>,
    names: String,
    entries: Vec<Entry>,
}

/// The entries of one name.
#[derive(Debug, Clone, Copy)]
struct Group {
    /// All of theirs.
    actions: u64,
    name: (u32, u32),
    entries: (u32, u32),
}

/// Whom and what a rule can concern.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone)]
enum Place {
    Actor(Box<str>),
    Thing(Box<str>),
    Project(Box<str>),
    OnSite(Role),
    InProject(Role),
    Anyone,
}

impl Shelves {
    pub(crate) fn of(rules: &[Rule]) -> Self {
        let empty = Shelf {
            on_site: vec![Vec::new(); Role::ALL.len()],
            in_project: vec![Vec::new(); Role::ALL.len()],
            anyone: Vec::new(),
        };
        let mut shelves = Self { by_action: vec![empty; Action::ALL.len()], ..Self::default() };
        let mut named: [BTreeMap<Box<str>, About>; 3] = Default::default();
        let mut known = HashMap::<String, u32, FixedState>::default();
        for (number, rule) in rules.iter().enumerate() {
            let (place, tests) = place(rule);
            let sentence =
                Sentence { actions: rule.actions, classes: classes(&tests), says: rule.says(), tests };
            // Equal sentences have equal words for debugging; the list is written once at load.
            let next = count(shelves.sentences.len());
            let entry = Entry {
                sentence: *known.entry(format!("{sentence:?}")).or_insert(next),
                rule: count(number),
            };
            if entry.sentence == next {
                shelves.sentences.push(sentence);
            }
            let actions = rule.actions;
            let [actors, things, projects] = &mut named;
            match place {
                Place::Actor(name) => actors.entry(name).or_default().put(actions, entry),
                Place::Thing(name) => things.entry(name).or_default().put(actions, entry),
                Place::Project(name) => projects.entry(name).or_default().put(actions, entry),
                Place::OnSite(role) => {
                    shelves.under(actions, entry, |shelf| shelf.on_site.get_mut(role as usize))
                }
                Place::InProject(role) => {
                    shelves.under(actions, entry, |shelf| shelf.in_project.get_mut(role as usize))
                }
                Place::Anyone => shelves.under(actions, entry, |shelf| Some(&mut shelf.anyone)),
            }
        }
        let [actors, things, projects] = named;
        shelves.of_actor = Named::of(&actors);
        shelves.of_thing = Named::of(&things);
        shelves.of_project = Named::of(&projects);
        shelves
    }

    fn under(&mut self, actions: u64, entry: Entry, place: impl Fn(&mut Shelf) -> Option<&mut Vec<Entry>>) {
        let concerned = |number: &usize| actions >> number & 1 == 1;
        let shelves = self.by_action.iter_mut().enumerate().filter(|(number, _)| concerned(number));
        for list in shelves.filter_map(|(_, shelf)| place(shelf)) {
            list.push(entry);
        }
    }

    /// Shows every rule that holds for the request, each once, and what it says.
    pub(crate) fn each(&self, facts: &Facts<'_>, mut show: impl FnMut(u32, Says)) {
        let request = facts.request;
        let (action, class) = (1u64 << request.action as u64, facts.class());
        let mut of = |entries: &[Entry]| {
            for entry in entries {
                let Some(sentence) = self.sentences.get(entry.sentence as usize) else {
                    // A defect of this file: Cedar answers.
                    show(entry.rule, Says::Cedar);
                    continue;
                };
                let concerned =
                    sentence.actions & action != 0 && (class == 0 || sentence.classes & class != 0);
                if concerned && sentence.tests.iter().all(|test| test.holds(facts)) {
                    show(entry.rule, sentence.says);
                }
            }
        };
        of(self.of_actor.get(&request.actor.id, action));
        of(self.of_thing.get(&request.resource.id, action));
        if let Some(project) = &request.resource.project {
            of(self.of_project.get(project, action));
        }
        let Some(shelf) = self.by_action.get(request.action as usize) else { return };
        of(&shelf.anyone);
        for role in &request.actor.site_roles {
            of(shelf.on_site.get(*role as usize).map_or(&[], Vec::as_slice));
        }
        if request.action.scope() == Scope::Project {
            for role in &request.actor.project_roles {
                of(shelf.in_project.get(*role as usize).map_or(&[], Vec::as_slice));
            }
        }
    }
}

/// The entries of one name while they are gathered, and all of their actions.
#[derive(Default)]
struct About {
    actions: u64,
    entries: Vec<Entry>,
}

impl About {
    fn put(&mut self, actions: u64, entry: Entry) {
        self.actions |= actions;
        self.entries.push(entry);
    }
}

impl Named {
    fn of(all: &BTreeMap<Box<str>, About>) -> Self {
        // Two names with one hash are rarer than any other defect; another seed parts them.
        let tries = (0..).map(|seed| Self::with_seed(all, seed));
        tries.into_iter().find(|made| made.groups.len() == all.len()).unwrap_or_default()
    }

    fn with_seed(all: &BTreeMap<Box<str>, About>, seed: u64) -> Self {
        let mut made = Self { hash: FixedState::with_seed(seed), ..Self::default() };
        for (name, about) in all {
            let group = Group {
                actions: about.actions,
                name: (count(made.names.len()), count(name.len())),
                entries: (count(made.entries.len()), count(about.entries.len())),
            };
            made.names.push_str(name);
            made.entries.extend(&about.entries);
            made.groups.insert(made.hash.hash_one::<&str>(name), group);
        }
        made
    }

    /// The entries under this name, if one of them is about one of `actions`.
    fn get(&self, name: &str, actions: u64) -> &[Entry] {
        if self.groups.is_empty() {
            return &[];
        }
        let Some(group) = self.groups.get(&self.hash.hash_one(name)) else { return &[] };
        if group.actions & actions == 0 || part(self.names.as_bytes(), group.name) != name.as_bytes() {
            return &[];
        }
        part(&self.entries, group.entries)
    }

    #[cfg(test)]
    pub(crate) fn clear(&mut self) {
        self.groups.clear();
    }
}

/// A hash is its own hash.
#[derive(Debug, Default, Clone, Copy)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

fn part<T>(of: &[T], (first, count): (u32, u32)) -> &[T] {
    let first = first as usize;
    of.get(first..first.saturating_add(count as usize)).unwrap_or_default()
}

/// A set has fewer than four thousand million of anything: its text would not fit into memory.
pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn classes(tests: &[Test]) -> u8 {
    tests
        .iter()
        .filter_map(|test| if let Test::Class(classes) = test { Some(*classes) } else { None })
        .fold(u8::MAX, |all, classes| all & classes)
}

/// A place, and what of the condition that gave it is left.
type Placed = (Place, Option<Test>);

/// The narrowest place that a rule's conjuncts give, and the conditions that it leaves: names come before
/// roles.
fn place(rule: &Rule) -> (Place, Vec<Test>) {
    let ways: [fn(&Test) -> Option<Placed>; 4] = [thing, actor, project, role];
    for way in ways {
        let found = rule.tests.iter().enumerate().find_map(|(number, test)| Some((number, way(test)?)));
        let Some((number, (place, left))) = found else { continue };
        let mut tests = rule.tests.clone();
        tests.remove(number);
        tests.extend(left);
        return (place, tests);
    }
    (Place::Anyone, rule.tests.clone())
}

/// The name is looked up, its kind is not.
fn thing(test: &Test) -> Option<Placed> {
    match test {
        Test::Same(Term::Resource, Term::Entity(kind @ (Kind::SiteThing | Kind::ProjectThing), id)) => {
            Some((Place::Thing(id.clone()), Some(Test::OfProject(*kind == Kind::ProjectThing))))
        }
        _ => None,
    }
}

fn actor(test: &Test) -> Option<Placed> {
    match test {
        Test::Same(Term::Principal, Term::Entity(kind @ (Kind::Person | Kind::Service), id)) => {
            Some((Place::Actor(id.clone()), Some(Test::Service(*kind == Kind::Service))))
        }
        _ => None,
    }
}

fn project(test: &Test) -> Option<Placed> {
    match test {
        Test::OfThisProject(id) => Some((Place::Project(id.clone()), None)),
        _ => None,
    }
}

fn role(test: &Test) -> Option<Placed> {
    let one = |roles: u16| Role::ALL.iter().copied().find(|role| super::bit(*role) == roles);
    match test {
        Test::InProject(roles) => Some((Place::InProject(one(*roles)?), None)),
        Test::OnSite(roles) => Some((Place::OnSite(one(*roles)?), None)),
        _ => None,
    }
}
