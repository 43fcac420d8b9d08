//! The closed form of conditions, and what they are asked about.

use super::bit;
use crate::request::{Network, Request};
use base::{Class, Role};

/// A condition. Each form can be evaluated whatever the facts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    Always(bool),
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    /// Holds one of these roles on the site.
    OnSite(u16),
    /// Holds one of these roles in the project of the thing.
    InProject(u16),
    /// The project's class is one of these.
    Class(u8),
    /// The caller speaks from one of these.
    Network(u8),
    /// The actor is a service account, or is none.
    Service(bool),
    /// The thing is a project's, or is the site's.
    OfProject(bool),
    States(Stated),
    StrongAuthentication,
    SamePerson,
    OutOfRegion,
    BreakGlassOpen,
    SupportOpen,
    Same(Term, Term),
    Equal(Word, Word),
    /// A part of the time is below, at, or above a number, by bits 1, 2, 4.
    Time(Part, u8, i64),
    /// The thing belongs to this project.
    OfThisProject(Box<str>),
}

/// What a request may or may not state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stated {
    Purpose,
    OnBehalfOf,
    Target,
    Region,
}

/// Something that is an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Term {
    Principal,
    Resource,
    OnBehalfOf,
    Target,
    Entity(Kind, Box<str>),
}

/// The kinds of entities that have ids of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Person,
    Service,
    SiteThing,
    ProjectThing,
}

/// Something that is text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    Kind,
    Purpose,
    Region,
    Text(Box<str>),
}

/// A part of the time at the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Hour,
    Weekday,
}

/// A request's facts, in the shape in which tests ask.
pub(crate) struct Facts<'a> {
    pub(crate) request: &'a Request,
    pub(crate) on_site: u16,
    pub(crate) in_project: u16,
    class: u8,
    network: u8,
}

impl<'a> Facts<'a> {
    pub(crate) fn of(request: &'a Request) -> Self {
        let bits =
            |roles: &std::collections::BTreeSet<Role>| roles.iter().fold(0, |all, role| all | bit(*role));
        Self {
            request,
            on_site: bits(&request.actor.site_roles),
            in_project: bits(&request.actor.project_roles),
            class: request.resource.class.map_or(0, class_bit),
            network: network_bit(request.context.network),
        }
    }

    pub(crate) const fn class(&self) -> u8 {
        self.class
    }

    fn stated(&self, what: Stated) -> Option<&'a str> {
        let context = &self.request.context;
        match what {
            Stated::Purpose => context.purpose(),
            Stated::OnBehalfOf => context.on_behalf_of(),
            Stated::Target => context.target(),
            Stated::Region => self.request.resource.region(),
        }
    }

    fn term<'b>(&'b self, term: &'b Term) -> Option<(Kind, &'b str)> {
        let request = self.request;
        Some(match term {
            Term::Principal if request.actor.service => (Kind::Service, request.actor.id.as_str()),
            Term::Principal => (Kind::Person, request.actor.id.as_str()),
            Term::Resource if request.resource.project.is_some() => {
                (Kind::ProjectThing, request.resource.id.as_str())
            }
            Term::Resource => (Kind::SiteThing, request.resource.id.as_str()),
            Term::OnBehalfOf => (Kind::Person, self.stated(Stated::OnBehalfOf)?),
            Term::Target => (Kind::Person, self.stated(Stated::Target)?),
            Term::Entity(kind, id) => (*kind, id),
        })
    }

    fn word<'b>(&'b self, word: &'b Word) -> Option<&'b str> {
        match word {
            Word::Kind => Some(self.request.resource.kind),
            Word::Purpose => self.stated(Stated::Purpose),
            Word::Region => self.stated(Stated::Region),
            Word::Text(text) => Some(text),
        }
    }
}

impl Test {
    pub(crate) fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Always(answer) => *answer,
            Self::All(all) => all.iter().all(|test| test.holds(facts)),
            Self::Any(any) => any.iter().any(|test| test.holds(facts)),
            Self::Not(test) => !test.holds(facts),
            Self::OnSite(roles) => facts.on_site & roles != 0,
            Self::InProject(roles) => facts.in_project & roles != 0,
            Self::Class(classes) => facts.class & classes != 0,
            Self::Network(networks) => facts.network & networks != 0,
            Self::Service(wanted) => facts.request.actor.service == *wanted,
            Self::OfProject(wanted) => facts.request.resource.project.is_some() == *wanted,
            Self::States(what) => facts.stated(*what).is_some(),
            Self::StrongAuthentication => facts.request.context.strong_authentication,
            Self::SamePerson => facts.request.context.same_person,
            Self::OutOfRegion => facts.request.context.out_of_region,
            Self::BreakGlassOpen => facts.request.context.break_glass_open,
            Self::SupportOpen => facts.request.context.support_open,
            Self::Same(one, other) => {
                facts.term(one).is_some_and(|one| facts.term(other).is_some_and(|other| one == other))
            }
            Self::Equal(one, other) => {
                facts.word(one).is_some_and(|one| facts.word(other).is_some_and(|other| one == other))
            }
            Self::Time(part, wanted, number) => {
                let time = &facts.request.context;
                let value = i64::from(match part {
                    Part::Hour => time.hour,
                    Part::Weekday => time.weekday,
                });
                wanted & order_bit(value.cmp(number)) != 0
            }
            Self::OfThisProject(project) => facts.request.resource.project.as_deref() == Some(project),
        }
    }
}

/// The bit of a class.
pub(crate) const fn class_bit(class: Class) -> u8 {
    1 << class as u8
}

/// The bit of an address class.
pub(crate) const fn network_bit(network: Network) -> u8 {
    1 << network as u8
}

/// The bit of an order: below 1, at 2, above 4.
pub(crate) const fn order_bit(order: std::cmp::Ordering) -> u8 {
    match order {
        std::cmp::Ordering::Less => 1,
        std::cmp::Ordering::Equal => 2,
        std::cmp::Ordering::Greater => 4,
    }
}
