//! Runs that are ended from outside: by a person, by a revoked right, by the site's end.

use crate::site::{Site, open};
use access::thing;
use access::verb::{Manage, View};
use access::{Action, Permit};
use audit::{Outcome, What};
use base::{Fault, Id};
use runs::{RunView, State};

async fn nothing_was_kept(site: &Site, run: &RunView, bodies: usize) {
    // Outcomes follow; once a later decision is durable, they are too.
    site.site_view().await;
    assert!(run.results.is_empty());
    assert_eq!(site.bodies(), bodies, "no body but those of before");
    site.no_scratch();
    let history = site.spine.audit.history(run.id.as_str()).unwrap();
    let ended = history
        .events
        .iter()
        .any(|e| matches!(e.event.what, What::JobEnded { accepted: false, scratch_destroyed: true, .. }));
    assert!(ended, "the end of the job is on record");
    let failed = history.events.iter().any(|e| {
        matches!(&e.event.what, What::Outcome { result: Outcome::Failed, code: Some(code), .. }
            if Some(code) == run.error.as_ref().map(|error| &error.code))
    });
    assert!(failed, "the decision has an outcome");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_by_cancel_by_revocation_and_by_the_sites_end() {
    let (site, sample, reference) = Site::ready().await;
    let bodies = site.bodies();

    let id = site.start(&sample, &reference).await.unwrap();
    site.under_way(&id).await;
    let permit: Permit<Manage, thing::Run> = site.spine.permit(&site.analyst, Action::CancelRun, &id).await;
    assert_eq!(site.runs.cancel(&permit, &id).await.unwrap(), State::Cancelled);
    let run = site.ended(&id).await;
    assert_eq!(run.error.as_ref().unwrap().code, "RUNS-013");
    nothing_was_kept(&site, &run, bodies).await;
    assert_eq!(site.runs.cancel(&permit, &id).await.unwrap(), State::Cancelled, "again changes nothing");

    let (first, second) =
        (site.start(&sample, &reference).await.unwrap(), site.start(&sample, &reference).await.unwrap());
    site.under_way(&first).await;
    site.runs.stop_all().await;
    let (run, waiting) = (site.ended(&first).await, site.ended(&second).await);
    assert_eq!((run.state, waiting.state), (State::Interrupted, State::Interrupted));
    nothing_was_kept(&site, &run, bodies).await;
    assert!(waiting.started_at.is_none() && waiting.tasks.is_empty());

    let id = site.start(&sample, &reference).await.unwrap();
    site.under_way(&id).await;
    let permit = site.run_view(&id).await;
    site.revoke_analyst().await;
    site.runs.wait(&permit, &id).await.unwrap();
    let run = site.runs.show(&permit, &id).await.unwrap();
    assert_eq!((run.state, run.error.as_ref().unwrap().code.as_str()), (State::Stopped, "RUNS-014"));
    nothing_was_kept(&site, &run, bodies).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_a_crash_cut_off_is_found_at_the_next_start() {
    let (site, sample, reference) = Site::ready().await;
    let id = site.start(&sample, &reference).await.unwrap();
    site.under_way(&id).await;
    // Another process of the same site, as after a crash, knows of no live run.
    let next = open(&site.spine);
    let permit = site.run_view(&id).await;
    assert_eq!(next.show(&permit, &id).await.unwrap().state, State::Running);
    site.runs.stop_all().await;
    let row = format!("UPDATE runs_run SET state = 'running' WHERE id = '{id}'");
    db::sea_orm::ConnectionTrait::execute_unprepared(site.spine.db.reader(), &row).await.unwrap();
    assert_eq!(next.sweep().await.unwrap(), 1);
    let run = next.show(&permit, &id).await.unwrap();
    assert_eq!((run.state, run.error.unwrap().code.as_str()), (State::Interrupted, "RUNS-015"));
    assert_eq!(next.sweep().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_ends_the_run_under_way_and_the_one_that_waits_and_receipts_say_so() {
    let (site, sample, reference) = Site::ready().await;
    let bodies = site.bodies();
    let first = site.start(&sample, &reference).await.unwrap();
    let second = site.start(&sample, &reference).await.unwrap();
    site.under_way(&first).await;
    let permits = [site.run_view(&first).await, site.run_view(&second).await];
    site.withdraw();
    let mut ended = Vec::new();
    for (permit, id) in permits.iter().zip([&first, &second]) {
        site.runs.wait(permit, id).await.unwrap();
        ended.push(site.runs.show(permit, id).await.unwrap());
    }
    for run in &ended {
        let error = run.error.as_ref().unwrap();
        assert_eq!((run.state, error.code.as_str()), (State::Stopped, "RUNS-023"));
        assert!(error.message.contains("the person forbids all use"), "{}", error.message);
        let viewer = site.members.with(base::Role::Viewer);
        let permit: Permit<View, thing::Run> = site.spine.permit(viewer, Action::ViewReceipt, &run.id).await;
        let json = site.runs.receipts().receipt(&permit, run.id.as_str()).await.unwrap();
        let said = receipt::verify(json.as_bytes(), &site.public()).unwrap().statement;
        assert_eq!((said.predicate.what, said.subject.len()), (receipt::What::Stop, 0));
        assert_eq!(said.predicate.parameters["code"], "RUNS-023");
        assert!(said.predicate.about.contains(&sample.to_string()));
    }
    nothing_was_kept(&site, &ended[0], bodies).await;
    assert!(ended[1].started_at.is_none() && ended[1].tasks.is_empty(), "it never had its turn");
    // That it was refused, and by which rule, is on record.
    let history = site.spine.audit.history(second.as_str()).unwrap();
    let refused = |what: &What| match what {
        What::Decision { allowed: false, policies, .. } => policies == &["consent-withdrawn"],
        _ => false,
    };
    assert!(history.events.iter().any(|one| refused(&one.event.what)));
    let refused = site.may_run(&sample).await.err().unwrap();
    assert_eq!(refused.code(), "ACCESS-086", "the next decision knows it too");
}
