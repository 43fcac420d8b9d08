//! What a search asks for, and whether an event answers it.

use crate::{Event, Recorded, What};
use base::{ProjectId, RequestId, Timestamp, UserId};
use std::collections::BTreeSet;

/// What to look for. Conditions of different kinds all hold; none asks for everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// A thing, or an account: the events on its chain and on the chains that links lead to.
    pub about: Option<String>,
    /// Who acted.
    pub actor: Option<String>,
    /// For whom a service account acted.
    pub on_behalf_of: Option<UserId>,
    /// In which project.
    pub project: Option<ProjectId>,
    /// In which request.
    pub request: Option<RequestId>,
    /// The policy's action of a decision (`download-object`), or the kind of an event
    /// (`object-sealed`).
    pub action: Option<String>,
    /// Decisions that allowed, or that denied.
    pub allowed: Option<bool>,
    /// Not before this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// The right to ask reaches this far: events of other projects are absent and not counted.
    pub within: Option<ProjectId>,
}

/// By what the ledger's index finds events, beside their chains.
#[derive(Debug, Clone, Copy, Default)]
pub struct SearchTerms;

impl ledger::Terms for SearchTerms {
    fn terms(&self, event: &str, add: &mut dyn FnMut(&str)) {
        if let Ok(event) = serde_json::from_str::<Event>(event) {
            terms(&event, add);
        }
    }

    fn version(&self) -> u32 {
        1
    }
}

/// What the search index holds beside the chains. A term has a `/`, which no chain has, so the two
/// are told apart.
///
/// The index is disposable: a hit is shown after its leaf has been read and asked again, so a wrong
/// term can hide an event from a search that says that it is not proven, and can show nothing.
fn terms(event: &Event, add: &mut dyn FnMut(&str)) {
    add(&kind_term(event.what.kind()));
    if let What::Decision { action, allowed, .. } = &event.what {
        add(&kind_term(action));
        add(decision_term(*allowed));
    }
    if let Some(request) = &event.request {
        add(&request_term(request));
    }
    // No event of before this term could have it, so an index of before says the same.
    if let What::Outcome { unwraps: Some(_), .. } = &event.what {
        add(UNWRAPS);
    }
}

/// The term of outcomes that count unwrapped keys.
pub(crate) const UNWRAPS: &str = "outcome/unwraps";

impl Question {
    /// The chain to walk, if the question names one; its walk proves that nothing is left out.
    pub(crate) fn chain(&self) -> Option<String> {
        let of_person = self.on_behalf_of.as_ref().map(ToString::to_string);
        let of_project = || self.project.as_ref().map(ToString::to_string);
        self.about.clone().or(of_person).or_else(|| self.actor.clone()).or_else(of_project)
    }

    /// The rarest term that the question names.
    pub(crate) fn term(&self) -> Option<String> {
        let request = self.request.as_ref().map(request_term);
        request
            .or_else(|| self.action.as_deref().map(kind_term))
            .or_else(|| self.allowed.map(|allowed| decision_term(allowed).to_owned()))
    }

    /// Whether an event answers the question. `chains` are those that the thing asked about leads to.
    pub(crate) fn keeps(&self, recorded: &Recorded, chains: &BTreeSet<String>) -> bool {
        let event = &recorded.event;
        let is = |wanted: &Option<String>, found: String| wanted.as_ref().is_none_or(|w| *w == found);
        self.about.as_ref().is_none_or(|_| event.chains().iter().any(|chain| chains.contains(chain)))
            && is(&self.actor, event.actor.to_string())
            && (self.on_behalf_of.is_none() || event.on_behalf_of == self.on_behalf_of)
            && (self.project.is_none() || event.project == self.project)
            && (self.request.is_none() || event.request == self.request)
            && self.action.as_deref().is_none_or(|action| is_action(&event.what, action))
            && self.allowed.is_none_or(
                |wanted| matches!(event.what, What::Decision { allowed, .. } if allowed == wanted),
            )
            && self.since.is_none_or(|since| recorded.time >= since)
            && self.until.is_none_or(|until| recorded.time < until)
            && self.visible(event)
    }

    fn visible(&self, event: &Event) -> bool {
        self.within.is_none() || event.project.is_none() || event.project == self.within
    }
}

fn is_action(what: &What, wanted: &str) -> bool {
    what.kind() == wanted || matches!(what, What::Decision { action, .. } if action == wanted)
}

fn kind_term(word: &str) -> String {
    format!("what/{word}")
}

fn request_term(request: &RequestId) -> String {
    format!("request/{request}")
}

const fn decision_term(allowed: bool) -> &'static str {
    if allowed { "decision/allowed" } else { "decision/denied" }
}
