//! From an event to what is told of it.

use crate::notify::{Destination, Word};
use audit::{Audit, Event, Outcome, Recorded, What};
use base::{Id, ObjectId, ProjectId, ReferenceId, RunId, Timestamp};

/// Ids that are told of one event.
const IDS: usize = 4;
/// The rules of a refused use: as the record has them.
const REVIEW: &str = "use-under-review";
const USE: &[&str] = &[
    "use-terms",
    "consent-terms",
    "consent-missing",
    "consent-withdrawn",
    "consent-ended",
    "consent-not-yet",
    "dataset-not-lent",
    "dataset-closed",
    "dataset-terms",
    "application-ended",
    "report-overdue",
    "agreement-ended",
];

/// What is told of one event: our words, numbers and ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub word: Word,
    pub position: u64,
    pub time: Timestamp,
    pub project: Option<ProjectId>,
    pub about: Vec<String>,
}

impl Notice {
    /// What `destination` is told of an event, if anything.
    ///
    /// # Errors
    /// What it is about cannot be read now.
    pub fn of(
        audit: &Audit,
        recorded: &Recorded,
        destination: &Destination,
    ) -> Result<Option<Self>, audit::Error> {
        let event = &recorded.event;
        let project = destination.project.as_ref().filter(|project| concerns(event, project));
        if destination.project.is_some() && project.is_none() {
            return Ok(None);
        }
        let Some((word, about)) = told(audit, event)? else { return Ok(None) };
        let notice = || Self {
            word,
            position: recorded.position,
            time: recorded.time,
            project: project.or(event.project.as_ref()).cloned(),
            about: ids(about),
        };
        Ok(destination.what.contains(&word).then(notice))
    }

    /// The command that shows it to whoever may see it.
    pub fn look(&self) -> String {
        let project = self.project.as_ref().map(ToString::to_string);
        let id = match self.word {
            Word::RunEnded | Word::RunFailed => self.about.first().cloned(),
            Word::PolicyProposed | Word::AdministratorProposed => None,
            // A role on the site.
            Word::GrantLapsed if project.is_none() => return "sequestra account list".to_owned(),
            _ => project,
        };
        let id = id.map(|id| format!(" {id}")).unwrap_or_default();
        format!("sequestra {}{id}", self.word.look())
    }

    /// Whether the other says the same of another event.
    pub fn repeats(&self, other: &Self) -> bool {
        (self.word, &self.project, &self.about) == (other.word, &other.project, &other.about)
    }
}

fn told(audit: &Audit, event: &Event) -> Result<Option<(Word, Vec<String>)>, audit::Error> {
    let What::Outcome { decision, result, .. } = &event.what else { return Ok(at_once(event)) };
    // The run's own decision names it; the request that began the run could not yet.
    let run = run_of(&audit.recorded(*decision)?.event);
    let word = if *result == Outcome::Done { Word::RunEnded } else { Word::RunFailed };
    Ok(run.map(|run| (word, vec![run])))
}

/// What an event says by itself.
fn at_once(event: &Event) -> Option<(Word, Vec<String>)> {
    let about = event.about.clone();
    let word = match &event.what {
        What::Decision { allowed: false, policies, .. } => {
            let by = |rule: &str| policies.iter().any(|one| one == rule);
            if let Some(run) = run_of(event) {
                return Some((Word::RunFailed, vec![run]));
            }
            match (by(REVIEW), USE.iter().any(|rule| by(rule))) {
                (true, _) => Word::UseUnderReview,
                (false, true) => Word::UseRefused,
                (false, false) => return None,
            }
        }
        What::ConsentGiven { .. } => Word::ConsentGiven,
        What::ConsentWithdrawn {} => Word::ConsentWithdrawn,
        What::ApplicationStands { state, .. } => match state.as_str() {
            "asked" | "renewal-asked" => Word::ApplicationAsked,
            "approved" | "denied" => Word::ApplicationAnswered,
            "lapsed" | "ended" => Word::ApplicationEnded,
            "report-due" => Word::ReportDue,
            "reported" => Word::ApplicationReported,
            _ => return None,
        },
        What::SupportAsked { .. } => Word::SupportAsked,
        What::BreakGlassOpened { .. } => Word::BreakGlassOpened,
        What::GrantLapsed { .. } => Word::GrantLapsed,
        What::AdministratorProposed {} => Word::AdministratorProposed,
        What::IdentifiersFound { .. } => Word::IdentifiersFound,
        What::PolicyProposed { .. } => Word::PolicyProposed,
        _ => return None,
    };
    Some((word, about))
}

/// Whether an event is of a project: its own, or, of an application, of one of the two between which it is.
fn concerns(event: &Event, project: &ProjectId) -> bool {
    let between = matches!(event.what, What::ApplicationStands { .. });
    event.project.as_ref() == Some(project) || between && event.about.iter().any(|id| id == project.as_str())
}

/// The run whose own decision this is: it names the reference as well, and what is decided for its lake and report does not.
fn run_of(event: &Event) -> Option<String> {
    let starts = matches!(&event.what, What::Decision { action, .. } if action == "start-run");
    let own = starts && event.about.iter().any(|id| id.parse::<ReferenceId>().is_ok());
    event.about.iter().find(|id| id.parse::<RunId>().is_ok()).filter(|_| own).cloned()
}

/// INVARIANT (ids-alone): what is told of a thing is an id that the registry knows the shape of, whatever an event holds.
fn ids(mut about: Vec<String>) -> Vec<String> {
    // Whoever reads it knows runs and samples sooner than objects.
    about.sort_by_key(|id| id.starts_with(ObjectId::PREFIX));
    about.into_iter().filter(|text| is_id(text)).take(IDS).collect()
}

fn is_id(text: &str) -> bool {
    let Some((prefix, rest)) = text.split_once('_') else { return false };
    let known = base::id::PREFIXES.iter().any(|(known, _)| *known == prefix);
    // Any kind's check of the letters is every kind's.
    known && format!("{}_{rest}", RunId::PREFIX).parse::<RunId>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{SampleId, SystemEntropy};

    #[test]
    fn only_ids_are_told() {
        let id = SampleId::mint(&SystemEntropy).to_string();
        let words = ["CASE-0100", "zorbina@ward.example", "smp_short", "xxx_00000000000000000000", ""];
        let about = words.iter().map(|word| (*word).to_owned()).chain([id.clone()]).collect();
        assert_eq!(ids(about), std::slice::from_ref(&id));
        assert_eq!(ids(vec![id; 9]).len(), IDS);
    }
}
