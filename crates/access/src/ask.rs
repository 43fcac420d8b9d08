//! What is asked: may the caller do this to these things?

use crate::thing::Thing;
use base::{Id, ProjectId, Sensitive, UserId};
use policy::Action;
use std::collections::BTreeSet;

/// A question: may the caller do this to these things?
#[derive(Debug)]
pub struct Ask<T: Thing> {
    pub(crate) action: Action,
    pub(crate) things: BTreeSet<T::Id>,
    pub(crate) about: Vec<String>,
    pub(crate) reason: Option<Sensitive<String>>,
    pub(crate) target: Option<UserId>,
    /// Whether the words go on record only if the answer is no.
    pub(crate) words_follow: bool,
    /// The project that it is asked in, where that may be another than the things'.
    pub(crate) workspace: Option<ProjectId>,
}

impl<T: Thing> Clone for Ask<T> {
    fn clone(&self) -> Self {
        Self {
            action: self.action,
            things: self.things.clone(),
            about: self.about.clone(),
            reason: self.reason.clone(),
            target: self.target.clone(),
            words_follow: self.words_follow,
            workspace: self.workspace.clone(),
        }
    }
}

impl<T: Thing> Ask<T> {
    /// Asks for `action` on `things`, which all belong to one project or to the site.
    pub fn new(action: Action, things: impl IntoIterator<Item = T::Id>) -> Self {
        Self {
            action,
            things: things.into_iter().collect(),
            about: Vec::new(),
            reason: None,
            target: None,
            words_follow: false,
            workspace: None,
        }
    }

    /// Names further things that the record should stand with, such as the sample of an object.
    #[must_use]
    pub fn about(mut self, ids: impl IntoIterator<Item = String>) -> Self {
        self.about.extend(ids);
        self
    }

    /// Gives the person's own words for why. They are recorded sealed.
    #[must_use]
    pub fn because(mut self, reason: Option<Sensitive<String>>) -> Self {
        self.reason = reason;
        self
    }

    /// Leaves the words off the record if the answer is yes: they follow with a later question, under the key of whoever this one
    /// leads to.
    #[must_use]
    pub fn words_follow(mut self) -> Self {
        self.words_follow = true;
        self
    }

    /// Asks in this project for things that another one lends to it: the decision is made here, by the roles held here.
    #[must_use]
    pub fn in_workspace(mut self, workspace: Option<ProjectId>) -> Self {
        self.workspace = workspace;
        self
    }

    /// Names the account whose rights the act changes, who would get a project, or whose request is approved.
    #[must_use]
    pub fn target(mut self, account: &UserId) -> Self {
        self.target = Some(account.clone());
        self.about.push(account.to_string());
        self
    }

    /// What the record stands with: the things, and what was named beside them.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.things.iter().map(|id| id.as_str().to_owned()).chain(self.about.iter().cloned()).collect()
    }
}
