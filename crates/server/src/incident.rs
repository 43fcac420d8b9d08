//! `audit incident`: what acts touched, whose data that was, and who got it, with the events that say so.

use crate::attend::Signed;
use crate::body::{Json, blocking};
use crate::export::{MOST, Out, Plan, too_many};
use crate::failure::Error;
use crate::history::{self, name_of, names_of};
use crate::{Failure, Site};
use access::Action;
use api::incident::{Account, Acts, Given, Incident, Left, Listed, OfOthers, Suspected, Touched};
use api::record::{Form, Search};
use audit::Question;
use audit::incident::{self, Investigation, Judge};
use axum::extract::State;
use axum::response::Response;

/// The right is that of the same question to `audit search`.
pub(crate) async fn incident(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Suspected>,
) -> Result<Response, Failure> {
    let mut asked = question(&body)?;
    let mut reach = history::decide(&site, &caller, &asked).await?;
    asked.within.clone_from(&reach.project);
    let mut walk = Investigation::new(asked.clone(), Judge { lists, releases });
    loop {
        let audit = site.audit.clone();
        let (went, more) = blocking(move || {
            let more = walk.go_on(&audit);
            (walk, more)
        })
        .await?;
        walk = went;
        if !more? {
            break;
        }
        if walk.events() > MOST {
            return Err(too_many("incident", "narrow it, by days first"));
        }
        history::renew(&site, &caller, &asked, &mut reach).await?;
    }
    let found = walk.end();
    let names = names_of(&site, found.accounts.iter().map(|one| &one.actor)).await?;
    let told = wire(&found, |one| name_of(&names, &one.actor));
    let (audit, cosigned) = (site.audit.clone(), site.witnessed().note);
    let plan = blocking(move || Plan::these(&audit, found, cosigned.as_deref())).await??;
    let mut head = plan.head(&site, None);
    (head.suspected, head.incident) = (Some(body), Some(told));
    Out { form: Form::Proof, plan, site, caller, asked, reach }.answer(Some(head))
}

/// Without a thing, an account or a project, no chain would prove that nothing is missing.
fn question(body: &Suspected) -> Result<Question, Failure> {
    let Suspected { about, actor, on_behalf_of, project, since, until } = body.clone();
    if [&about, &actor, &on_behalf_of, &project].iter().all(|one| one.is_none()) {
        let (why, how) = (
            "it names nothing that an incident could be about",
            "name the account (`--actor`, `--on-behalf-of`), the thing (`--about`) or the project (`--project`)",
        );
        return Err(Error::Value { field: "incident", why: why.into(), how: Some(how.into()) }.into());
    }
    history::question_of(&Search { about, actor, on_behalf_of, project, since, until, ..Search::default() })
}

/// Whether an action that names a project alone shows who is in it.
fn lists(action: &str) -> bool {
    let lists = |action: Action| match action {
        // Compared is what the site has; nobody is shown any of it.
        Action::VerifyDataset => false,
        Action::ViewConsents | Action::ViewRun => true,
        other => other.touches_data() && !other.changes_state(),
    };
    action.parse().is_ok_and(lists)
}

fn releases(action: &str) -> bool {
    action == Action::DownloadObject.as_str()
}

fn wire(found: &incident::Incident, name: impl Fn(&incident::Account) -> Option<String>) -> Incident {
    let touched = |(id, one): (&String, &incident::Touched)| Touched {
        id: id.clone(),
        by: acts(one),
        left: left(one.left),
    };
    let accounts = found.accounts.iter().map(|one| Account {
        actor: one.actor.to_string(),
        name: name(one),
        on_behalf_of: one.on_behalf_of.clone(),
        by: acts(&one.touched),
        bytes: one.bytes,
    });
    Incident {
        acts: found.acts,
        refused: found.refused,
        released: found.accounts.iter().map(|one| one.bytes).sum(),
        people: found.people.iter().map(touched).collect(),
        things: found.things.iter().map(touched).collect(),
        lists: found.lists.iter().map(listed).collect(),
        accounts: accounts.collect(),
        keys: found.keys.iter().map(touched).collect(),
        given: found.given.iter().map(given).collect(),
        of_nobody: found.of_nobody.iter().cloned().collect(),
        of_others: found.of_others.iter().map(of_others).collect(),
    }
}

const fn left(one: incident::Left) -> Left {
    match one {
        incident::Left::No => Left::No,
        incident::Left::Unknown => Left::Unknown,
        incident::Left::Yes => Left::Yes,
    }
}

fn acts(one: &incident::Touched) -> Acts {
    let actions = one.actions.iter().cloned().collect();
    Acts { acts: one.acts.len() as u64, actions, first: one.first, last: one.last }
}

fn listed((project, one): (&String, &incident::Listed)) -> Listed {
    let people = one.people.iter().cloned().collect();
    Listed { project: project.clone(), people, by: acts(&one.touched) }
}

fn given(one: &incident::Given) -> Given {
    let event = one.event.to_owned();
    Given { position: one.position, time: one.time, event, about: one.about.clone() }
}

fn of_others((id, project): (&String, &String)) -> OfOthers {
    OfOthers { id: id.clone(), project: project.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lists_people_shows_them_and_what_releases_is_a_release() {
        let all = |is: fn(&str) -> bool| -> Vec<&str> {
            Action::ALL.iter().map(|action| action.as_str()).filter(|action| is(action)).collect()
        };
        assert_eq!(
            all(lists),
            ["view-consents", "view-samples", "view-run", "view-variants", "download-object"]
        );
        assert_eq!(all(releases), ["download-object"]);
        assert!(!lists("nothing"));
    }
}
