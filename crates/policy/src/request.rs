//! Who wants what, on which thing, under which circumstances.

use crate::Action;
use base::{Class, Role};
use std::collections::BTreeSet;

/// One question to the policies. Every fact in it comes from the site's own records, never from
/// the caller of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who acts.
    pub actor: Actor,
    /// What they want to do.
    pub action: Action,
    /// What they want to do it to.
    pub resource: Resource,
    /// The circumstances of this request.
    pub context: Context,
}

/// An account, with the roles that count for this request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actor {
    /// `usr_…` or `svc_…`. Empty is a missing fact.
    pub id: String,
    /// Whether it is a service account.
    pub service: bool,
    /// Roles held on the site. A role that is held only in projects is contradictory here and denies.
    pub site_roles: BTreeSet<Role>,
    /// Roles held in the project of the thing, and in no other. Roles without a project deny.
    pub project_roles: BTreeSet<Role>,
}

/// The thing acted on. A thing of a project states both `project` and `class`; a thing of the
/// site states neither; anything else is a missing fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The kind of thing in one word, such as `sample`.
    pub kind: &'static str,
    /// Its id. Empty is a missing fact.
    pub id: String,
    /// The project it belongs to, `prj_…`.
    pub project: Option<String>,
    /// The class of that project.
    pub class: Option<Class>,
    /// Where that project's data may lie: a country code or `EU`. Nothing but blanks counts as none.
    pub region: Option<String>,
}

impl Resource {
    /// A thing that belongs to the site as a whole.
    pub fn of_site(kind: &'static str, id: impl Into<String>) -> Self {
        Self { kind, id: id.into(), project: None, class: None, region: None }
    }

    /// A thing that belongs to a project of `class`.
    pub fn of_project(
        kind: &'static str,
        id: impl Into<String>,
        project: impl Into<String>,
        class: Class,
    ) -> Self {
        Self { kind, id: id.into(), project: Some(project.into()), class: Some(class), region: None }
    }

    pub(crate) fn region(&self) -> Option<&str> {
        stated(self.region.as_ref()).filter(|_| self.project.is_some())
    }
}

/// From where a caller speaks, as the transport saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Network {
    /// Over the site's own socket: somebody on the machine, whom the file system let in.
    Local,
    /// From an address that the site's settings call its own.
    Inside,
    /// From anywhere else, and whenever the transport does not say.
    #[default]
    Outside,
}

impl Network {
    /// Every value.
    pub const ALL: &[Self] = &[Self::Local, Self::Inside, Self::Outside];

    /// The policies' word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Inside => "inside",
            Self::Outside => "outside",
        }
    }

    /// The value of this word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|network| network.as_str() == word)
    }
}

/// The circumstances of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// Why, in the person's own words. Nothing but blanks counts as none.
    pub purpose: Option<String>,
    /// Whether this session was opened with a second, phishing-resistant factor. The shipped
    /// policies do not ask for it; a site's own may.
    pub strong_authentication: bool,
    /// For a service account: the account of the person for whom it acts.
    pub on_behalf_of: Option<String>,
    /// The account whose rights the action changes, or whose request it approves. Whoever changes
    /// rights states it: without it the rule that nobody raises themselves cannot bite.
    pub target: Option<String>,
    /// Whether the target is an account of the person who acts, by whatever name.
    pub same_person: bool,
    /// From where the caller speaks.
    pub network: Network,
    /// The hour at the site, 0 to 23.
    pub hour: u8,
    /// The day of the week at the site, 1 for Monday to 7.
    pub weekday: u8,
    /// Whether the site's settings say where it lies, and the thing's project may not lie there.
    pub out_of_region: bool,
    /// Whether the person who acts, by whatever account, has a break-glass open in the project of the thing.
    pub break_glass_open: bool,
    /// The same of a support session.
    pub support_open: bool,
}

impl Context {
    pub(crate) fn purpose(&self) -> Option<&str> {
        stated(self.purpose.as_ref())
    }

    pub(crate) fn on_behalf_of(&self) -> Option<&str> {
        stated(self.on_behalf_of.as_ref())
    }

    pub(crate) fn target(&self) -> Option<&str> {
        stated(self.target.as_ref())
    }
}

/// Nothing but blanks is nothing.
fn stated(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.trim().is_empty())
}
