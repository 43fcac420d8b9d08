//! Measures a decision and the queueing of its record, beside their bound: `cargo run -p access --example record`.
//!
//! What is timed is what a decision costs beside looking its facts up and waiting for the disk: deciding, building the
//! event, encoding it and handing it to the ledger, whose committer makes it durable behind. The bound is 3 µs and what
//! Cedar takes; Cedar is asked here about the same request, in the same round.

use audit::{Actor, Audit, Event, What};
use base::{Class, Clock as _, Id as _, ProjectId, RequestId, Role, SystemClock, SystemEntropy, UserId};
use ledger::storage::Disk;
use policy::{Action, Context, Policies, Request, Resource};
use std::sync::Arc;
use std::time::Duration;

const ROUNDS: usize = 5;
/// Fewer than the ledger's queue holds, so that no record waits for the disk.
const RECORDS: usize = 500;
const BOUND: f64 = 3.0;

type Failed = Box<dyn std::error::Error>;

/// One request, and who records it.
struct Bench {
    clock: Arc<SystemClock>,
    audit: Audit,
    policies: Policies,
    request: Request,
    project: ProjectId,
    user: UserId,
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load average {}", load.split(' ').take(3).collect::<Vec<_>>().join(" "));
    let folder = tempfile::tempdir()?;
    let clock = Arc::new(SystemClock::default());
    let key = ledger::SigningKey::from_seed(&[3; 32])?;
    let path = folder.path().join("ledger");
    let ledger = ledger::Ledger::create_with(
        &path,
        "bench.example/site",
        key,
        clock.clone(),
        Arc::new(Disk),
        Audit::options(),
    )?;
    let (project, user) = (ProjectId::mint(&SystemEntropy), UserId::mint(&SystemEntropy));
    let request = request(&project, &user);
    let (audit, policies) = (Audit::new(ledger), Policies::shipped()?);
    let bench = Bench { clock, audit, policies, request, project, user };
    let (mut queued, mut decided, mut cedar) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (record, decision) = bench.round().await?;
        queued.push(record);
        decided.push(decision);
        cedar.push(bench.cedar());
        // What was queued is durable before the next round.
        let event = Event::new(Actor::User(bench.user.clone()), What::AccountClosed {});
        bench.audit.gate(&event).await?;
    }
    println!("µs, p50 of {RECORDS}, {ROUNDS} rounds: min/median/max");
    for (name, values) in
        [("record queued", &mut queued), ("decision and record", &mut decided), ("Cedar", &mut cedar)]
    {
        let [low, middle, high] = [0, 50, 100].map(|percent| at(values, percent));
        println!("{name:<20} {low:.2}/{middle:.2}/{high:.2}");
    }
    let (result, bound) = (at(&mut decided, 50), BOUND + at(&mut cedar, 50));
    let met = if result <= bound { "met" } else { "missed" };
    println!("decision + record    bound {BOUND:.2} + Cedar = {bound:.2}   result {result:.2}   {met}");
    let (result, met) = (at(&mut queued, 50), if at(&mut queued, 50) <= BOUND { "met" } else { "missed" });
    println!("record alone         bound {BOUND:.2}   result {result:.2}   {met}");
    Ok(())
}

impl Bench {
    /// The medians of queueing a record, and of deciding and queueing.
    async fn round(&self) -> Result<(f64, f64), Failed> {
        let (mut records, mut all) = (Vec::new(), Vec::new());
        for _ in 0..RECORDS {
            let start = self.clock.monotonic();
            let decision = std::hint::black_box(self.policies.decide(std::hint::black_box(&self.request)));
            let decided = self.clock.monotonic();
            let what = What::Decision {
                action: self.request.action.as_str().to_owned(),
                allowed: decision.allowed,
                policies: decision.reasons,
                policy: decision.policy,
                changes: self.request.action.changes_state(),
                sealed_reason: None,
                sealed_under: None,
            };
            let event = Event::new(Actor::User(self.user.clone()), what)
                .during(Some(RequestId::mint(&SystemEntropy)))
                .in_project(Some(self.project.clone()))
                .about([self.request.resource.id.clone()]);
            self.audit.follow(&event).await?;
            let queued = self.clock.monotonic();
            records.push(micros(queued - decided));
            all.push(micros(queued - start));
        }
        Ok((at(&mut records, 50), at(&mut all, 50)))
    }

    fn cedar(&self) -> f64 {
        let one = |_| {
            let start = self.clock.monotonic();
            std::hint::black_box(self.policies.interpret(std::hint::black_box(&self.request)));
            micros(self.clock.monotonic() - start)
        };
        at(&mut (0..RECORDS).map(one).collect::<Vec<_>>(), 50)
    }
}

fn request(project: &ProjectId, user: &UserId) -> Request {
    let mut resource =
        Resource::of_project("sample", project.to_string(), project.to_string(), Class::Research);
    resource.region = Some("EU".to_owned());
    let actor = policy::Actor {
        id: user.to_string(),
        project_roles: [Role::Analyst].into(),
        ..policy::Actor::default()
    };
    let context = Context { purpose: Some("measured".to_owned()), ..Context::default() };
    Request { actor, action: Action::ViewVariants, resource, context }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The value at `percent` of them.
fn at(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = values.len().saturating_sub(1) * percent / 100;
    values.get(place).copied().unwrap_or(f64::NAN)
}
