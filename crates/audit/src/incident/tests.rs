//! Stories on a small ledger, and what is told of them.

use super::*;
use crate::{Event, Outcome};
use base::{FixedClock, Id, ProjectId, SystemEntropy};
use ledger::storage::Disk;
use ledger::{Ledger, SigningKey};
use std::sync::Arc;
use std::time::Duration;

/// Two projects of two people with a genome each; each event a minute after the one before.
struct Story {
    audit: Audit,
    clock: Arc<FixedClock>,
    thief: UserId,
    other: UserId,
    projects: [ProjectId; 2],
    /// By number: a subject, its sample, its run, its object.
    things: Vec<[String; 4]>,
    _folder: tempfile::TempDir,
}

const JUDGE: Judge =
    Judge { lists: |action| action == "view-samples", releases: |action| action == "download-object" };

fn id(kind: &str) -> String {
    UserId::mint(&SystemEntropy).to_string().replacen("usr", kind, 1)
}

impl Story {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::at(Timestamp::UNIX_EPOCH));
        let key = SigningKey::from_seed(&[3; 32]).unwrap();
        let (path, disk, options) = (folder.path().join("l"), Arc::new(Disk), Audit::options());
        let ledger = Ledger::create_with(&path, "test/site", key, clock.clone(), disk, options).unwrap();
        let things = (0..4).map(|_| ["sub", "smp", "run", "obj"].map(id)).collect();
        let story = Self {
            audit: Audit::new(ledger),
            clock,
            thief: UserId::mint(&SystemEntropy),
            other: UserId::mint(&SystemEntropy),
            projects: [ProjectId::mint(&SystemEntropy), ProjectId::mint(&SystemEntropy)],
            things,
            _folder: folder,
        };
        for (n, [subject, sample, run, object]) in story.things.iter().enumerate() {
            let about = [object, run, sample, subject].map(Clone::clone);
            story.record(&story.other, What::Linked {}, n / 2, &about).await;
        }
        story
    }

    async fn record(&self, who: &UserId, what: What, project: usize, about: &[String]) -> u64 {
        self.clock.advance(Duration::from_secs(60));
        let event = Event::new(Actor::User(who.clone()), what)
            .in_project(Some(self.projects[project].clone()))
            .about(about.to_vec());
        self.audit.gate(&event).await.unwrap().position
    }

    /// An act, and how much left by it.
    async fn act(&self, who: &UserId, action: &str, project: usize, about: &[&str], bytes: u64) -> u64 {
        let about = &about.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let position = self.record(who, decision(action, true), project, about).await;
        self.record(who, outcome(position, bytes), project, about).await;
        position
    }

    fn incident(&self, asked: Question) -> Incident {
        let asked = Question { actor: asked.actor.or(Some(self.thief.to_string())), ..asked };
        self.investigate(Investigation::new(asked, JUDGE))
    }

    fn investigate(&self, mut one: Investigation) -> Incident {
        let most = 50;
        let steps = (0..most).take_while(|_| one.go_on(&self.audit).unwrap()).count();
        assert!(steps < most, "it never ends");
        one.end()
    }

    fn own(&self, kind: usize, people: &[usize]) -> BTreeSet<String> {
        people.iter().map(|n| self.things[*n][kind].clone()).collect()
    }
}

fn decision(action: &str, allowed: bool) -> What {
    What::Decision {
        action: action.into(),
        allowed,
        policies: vec![],
        policy: base::Sha256([0; 32]),
        changes: false,
        sealed_reason: None,
        sealed_under: None,
    }
}

fn outcome(decision: u64, bytes: u64) -> What {
    let bytes = Some(bytes).filter(|bytes| *bytes > 0);
    What::Outcome { decision, result: Outcome::Done, stored: false, code: None, bytes, unwraps: None }
}

fn keys<T>(of: &BTreeMap<String, T>) -> BTreeSet<String> {
    of.keys().cloned().collect()
}

#[tokio::test]
async fn what_somebody_did_names_the_people_the_things_and_the_bytes_and_nobody_else() {
    let story = Story::new().await;
    let [_, sample, run, object] = &story.things[0];
    story.act(&story.thief, "view-samples", 0, &[sample], 0).await;
    let key = id("rcp");
    story.act(&story.thief, "download-object", 0, &[object, &key], 700).await;
    story.act(&story.thief, "view-run", 0, &[run], 0).await;
    story
        .record(
            &story.thief,
            decision("view-samples", false),
            1,
            &story.own(1, &[2]).into_iter().collect::<Vec<_>>(),
        )
        .await;
    story.act(&story.other, "download-object", 0, &[&story.things[1][3]], 900).await;
    let found = story.incident(Question::default());
    assert_eq!((found.acts, found.refused, &found.completeness), (3, 1, &Completeness::Proven));
    assert_eq!(keys(&found.people), story.own(0, &[0]));
    assert_eq!(keys(&found.keys), BTreeSet::from([key]));
    let all = BTreeSet::from([sample.clone(), run.clone(), object.clone()]);
    assert_eq!(keys(&found.things), all);
    let person = &found.people[&story.things[0][0]];
    assert_eq!((person.acts.len(), person.left, person.actions.len()), (3, Left::Yes, 3));
    assert_eq!((found.things[sample].left, found.things[object].left), (Left::No, Left::Yes));
    assert!(person.first < person.last);
    let [who] = found.accounts.as_slice() else { panic!("{:?}", found.accounts) };
    assert_eq!((who.bytes, who.touched.acts.len()), (700, 3));
    assert!(found.of_nobody.is_empty() && found.of_others.is_empty() && found.lists.is_empty());
    // Four decisions, three outcomes, and the link that says whose it was.
    assert_eq!(found.positions.len(), 8);
}

#[tokio::test]
async fn the_time_bounds_acts_and_not_what_they_let_out() {
    let story = Story::new().await;
    let object = |n: usize| story.things[n][3].as_str();
    story.act(&story.thief, "download-object", 0, &[object(0)], 1).await;
    let since =
        story.audit.recorded(story.act(&story.thief, "download-object", 0, &[object(1)], 20).await).unwrap();
    let until = since.time + Duration::from_secs(1);
    story.act(&story.thief, "download-object", 1, &[object(2)], 300).await;
    let within = Question { since: Some(since.time), until: Some(until), ..Question::default() };
    let found = story.incident(within);
    assert_eq!((found.acts, keys(&found.people)), (1, story.own(0, &[1])));
    assert_eq!(found.accounts[0].bytes, 20, "its outcome is on record after the time asked for");
}

#[tokio::test]
async fn bytes_of_one_request_that_each_of_its_decisions_says_count_once() {
    let story = Story::new().await;
    let request = RequestId::mint(&SystemEntropy);
    for (request, bytes) in [(Some(&request), 50), (Some(&request), 50), (None, 7), (None, 7)] {
        let actor = || Actor::User(story.thief.clone());
        let event = Event::new(actor(), decision("download-object", true)).during(request.cloned());
        let at = story.audit.gate(&event.about([story.things[0][3].clone()])).await.unwrap().position;
        let event = Event::new(actor(), outcome(at, bytes)).during(request.cloned());
        story.audit.gate(&event).await.unwrap();
    }
    assert_eq!(story.incident(Question::default()).accounts[0].bytes, 64);
}

#[tokio::test]
async fn who_is_behind_what_several_share_and_behind_what_nothing_came_of() {
    let story = Story::new().await;
    let (joint, failed, reference) = (id("obj"), id("run"), id("obj"));
    let samples = story.own(1, &[0, 1]);
    let about: Vec<String> = samples.iter().cloned().chain([joint.clone()]).collect();
    story.record(&story.other, What::Linked {}, 0, &about).await;
    let asked = [failed.clone(), story.things[1][1].clone()];
    story.act(&story.other, "start-run", 0, &asked.each_ref().map(String::as_str), 0).await;
    story.act(&story.thief, "download-object", 0, &[&joint], 1).await;
    assert_eq!(keys(&story.incident(Question::default()).people), story.own(0, &[0, 1]));
    let again = Question { actor: Some(story.other.to_string()), ..Question::default() };
    assert_eq!(keys(&story.incident(again).people), story.own(0, &[1]));

    let story = Story::new().await;
    story.act(&story.other, "start-run", 0, &[&failed, &story.things[1][1]], 0).await;
    story.act(&story.thief, "view-run", 0, &[&failed], 0).await;
    story.act(&story.thief, "download-object", 0, &[&reference], 0).await;
    let found = story.incident(Question::default());
    assert_eq!(keys(&found.people), story.own(0, &[1]), "a run that made nothing is whose it was asked for");
    assert_eq!(found.of_nobody, BTreeSet::from([reference]));
}

#[tokio::test]
async fn whoever_may_ask_about_one_project_hears_that_another_knows_whose_it_is() {
    let story = Story::new().await;
    let lent = story.things[2][3].clone();
    story.act(&story.thief, "download-object", 0, &[&lent], 5).await;
    let inside = Question { within: Some(story.projects[0].clone()), ..Question::default() };
    let found = story.incident(inside);
    assert!(found.people.is_empty() && found.of_nobody.is_empty());
    assert_eq!(found.of_others, BTreeMap::from([(lent, story.projects[1].to_string())]));
    assert_eq!(keys(&story.incident(Question::default()).people), story.own(0, &[2]));
}

#[tokio::test]
async fn a_list_of_a_project_names_everybody_who_was_in_it_by_then() {
    let story = Story::new().await;
    let project = story.projects[0].to_string();
    story.act(&story.thief, "view-samples", 0, &[&project], 0).await;
    story.act(&story.thief, "view-project", 1, &[story.projects[1].as_str()], 0).await;
    let late = ["sub", "obj"].map(id);
    story.record(&story.other, What::Linked {}, 0, &late).await;
    let found = story.incident(Question::default());
    assert!(found.people.is_empty() && found.lists.len() == 1, "{:?}", found.lists);
    assert_eq!(found.lists[&project].people, story.own(0, &[0, 1]));
}

#[tokio::test]
async fn of_a_thing_it_tells_who_had_it_and_of_nothing_beside_it() {
    let story = Story::new().await;
    let [one, two] = [0, 1].map(|n| story.things[n][3].clone());
    story.act(&story.thief, "download-object", 0, &[&one, &two], 5).await;
    story.act(&story.other, "view-samples", 0, &[&one], 0).await;
    let about = Question { about: Some(one.clone()), ..Question::default() };
    let found = story.investigate(Investigation::new(about, JUDGE));
    assert_eq!((keys(&found.things), keys(&found.people)), (BTreeSet::from([one]), story.own(0, &[0])));
    assert_eq!(found.accounts.len(), 2);
}

#[tokio::test]
async fn of_a_key_a_project_or_an_account_it_tells_what_was_touched_too() {
    let story = Story::new().await;
    let (key, object) = (id("rcp"), story.things[0][3].as_str());
    story.act(&story.thief, "download-object", 0, &[object, &key], 5).await;
    for about in [key, story.projects[0].to_string(), story.thief.to_string()] {
        let asked = Question { about: Some(about), ..Question::default() };
        let found = story.investigate(Investigation::new(asked, JUDGE));
        assert!(found.lists.is_empty() && keys(&found.things).contains(object), "{:?}", found.lists);
        assert_eq!(keys(&found.people), story.own(0, &[0]));
    }
}

#[tokio::test]
async fn an_act_that_names_several_things_of_somebody_is_one_act() {
    let story = Story::new().await;
    let [_, sample, run, object] = story.things[0].each_ref().map(String::as_str);
    story.act(&story.thief, "view-samples", 0, &[sample, run, object], 0).await;
    let found = story.incident(Question::default());
    assert_eq!((found.acts, found.people[&story.things[0][0]].acts.len()), (1, 1));
}

#[tokio::test]
async fn a_release_whose_end_is_not_known_may_have_left() {
    let story = Story::new().await;
    let [one, two, three] = [0, 1, 2].map(|n| story.things[n][3].clone());
    story.record(&story.thief, decision("download-object", true), 0, std::slice::from_ref(&one)).await;
    let at =
        story.record(&story.thief, decision("download-object", true), 0, std::slice::from_ref(&two)).await;
    let result = Outcome::Unknown;
    let unknown =
        What::Outcome { decision: at, result, stored: false, code: None, bytes: None, unwraps: None };
    story.record(&story.thief, unknown, 0, std::slice::from_ref(&two)).await;
    story.record(&story.thief, decision("view-samples", true), 1, std::slice::from_ref(&three)).await;
    let found = story.incident(Question::default());
    let left = [&one, &two, &three].map(|id| found.things[id].left);
    assert_eq!(left, [Left::Unknown, Left::Unknown, Left::No]);
}

#[tokio::test]
async fn what_lets_others_in_is_told_with_its_place() {
    let story = Story::new().await;
    let what = What::RightsChanged { role: base::Role::Viewer, given: true, until: None };
    let at = story.record(&story.thief, what, 0, &[story.other.to_string()]).await;
    story.record(&story.thief, What::Linked {}, 0, &[id("obj")]).await;
    let taken = What::RightsChanged { role: base::Role::Viewer, given: false, until: None };
    story.record(&story.thief, taken, 0, &[story.other.to_string()]).await;
    story
        .record(&story.thief, What::DatasetStands { state: "closed".into(), samples: 1, persons: 1 }, 0, &[])
        .await;
    let found = story.incident(Question::default());
    let [given] = found.given.as_slice() else { panic!("{:?}", found.given) };
    assert_eq!(
        (given.position, given.event, &given.about),
        (at, "rights-changed", &vec![story.other.to_string()])
    );
}

#[tokio::test]
async fn in_small_steps_it_finds_the_same() {
    let story = Story::new().await;
    for (n, [_, sample, _, object]) in story.things.iter().enumerate() {
        story.act(&story.thief, "view-samples", n / 2, &[sample], 0).await;
        story.act(&story.thief, "download-object", n / 2, &[object], 9).await;
    }
    story.act(&story.thief, "view-samples", 0, &[story.projects[0].as_str()], 0).await;
    let whole = story.incident(Question::default());
    let asked = Question { actor: Some(story.thief.to_string()), ..Question::default() };
    let small = Investigation { at_once: 1, ..Investigation::new(asked, JUDGE) };
    let found = story.investigate(small);
    assert_eq!(
        (found.acts, &found.positions, &found.completeness),
        (9, &whole.positions, &Completeness::Proven)
    );
    assert_eq!((&found.people, &found.things), (&whole.people, &whole.things));
    assert_eq!((keys(&found.people).len(), found.accounts[0].bytes, found.lists.len()), (4, 36, 1));
}
