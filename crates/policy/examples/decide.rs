//! Measures decisions beside their bounds: `cargo run -p policy --example decide`.
//!
//! A site's set grows by what it says about single projects and accounts; the shipped policies are in each.
//! The last line is another case: policies that name nothing and all ask for one role. Each of them can
//! concern each request of that role, and is looked at.

use base::{Class, Clock as _, Role, SystemClock};
use policy::set::SHIPPED;
use policy::{Action, Actor, Context, Policies, Request, Resource};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

const SIZES: [usize; 4] = [30, 300, 3_000, 10_000];
const ROUNDS: usize = 15;
const DECISIONS: usize = 4_000;

/// A set, the requests to it, and what they took.
struct Case {
    name: String,
    policies: Policies,
    requests: Vec<Request>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    cedar: Vec<f64>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clock = SystemClock::default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load average {}", load.split(' ').take(3).collect::<Vec<_>>().join(" "));
    let mut cases = Vec::new();
    for size in SIZES {
        let before = clock.monotonic();
        let case = case(format!("{size:>6} policies"), size, named)?;
        println!("{size:>6} policies checked and compiled in {:.1?}", clock.monotonic() - before);
        cases.push(case);
    }
    let mut other = case("   300 of one role".to_owned(), 300, unnamed)?;
    for _ in 0..ROUNDS {
        cases.iter_mut().chain([&mut other]).for_each(|case| measure(&clock, case));
    }
    // Of each round its own: the machine's speed changes from one to the next.
    let rounds = |case: Option<&Case>| case.map(|case| case.p50.clone()).unwrap_or_default();
    let both = rounds(cases.last()).into_iter().zip(rounds(cases.first()));
    let mut ratios: Vec<f64> = both.map(|(many, few)| many / few).collect();
    println!(
        "µs a decision, one core, {ROUNDS} interleaved rounds: p50 min/median/max, p99 median; Cedar p50 median"
    );
    for case in cases.iter_mut().chain([&mut other]) {
        let (low, mid, high) = (at(&mut case.p50, 0), at(&mut case.p50, 50), at(&mut case.p50, 100));
        let (tail, cedar) = (at(&mut case.p99, 50), at(&mut case.cedar, 50));
        println!("{}   {low:.2}/{mid:.2}/{high:.2}   {tail:.2}   {cedar:.0}", case.name);
    }
    let highest = cases.iter_mut().map(|case| at(&mut case.p50, 50)).fold(0.0, f64::max);
    println!("p50                bound 1.00   result {highest:.2}   {}", verdict(highest <= 1.0));
    let (low, ratio, high) = (at(&mut ratios, 0), at(&mut ratios, 50), at(&mut ratios, 100));
    println!(
        "10,000 beside 30   bound 2.00   result {low:.2}/{ratio:.2}/{high:.2}   {}",
        verdict(ratio <= 2.0)
    );
    Ok(())
}

fn case(name: String, size: usize, write: fn(usize) -> String) -> Result<Case, Box<dyn std::error::Error>> {
    let policies = Policies::load(texts(size, write)?)?;
    let none = Vec::new;
    Ok(Case { name, policies, requests: requests(size), p50: none(), p99: none(), cedar: none() })
}

fn measure(clock: &SystemClock, case: &mut Case) {
    let Case { policies, requests, .. } = &*case;
    let decide = |request: &Request| policies.decide(request).allowed;
    // Cedar's own work a moment ago is not what this is about.
    times(clock, requests, DECISIONS, decide);
    let mut taken = times(clock, requests, DECISIONS, decide);
    let count = if policies.count() > 1_000 { 20 } else { 200 };
    let mut truth = times(clock, requests, count, |request| policies.interpret(request).allowed);
    case.p50.push(at(&mut taken, 50));
    case.p99.push(at(&mut taken, 99));
    case.cedar.push(at(&mut truth, 50));
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

/// Microseconds of single decisions.
fn times(
    clock: &SystemClock,
    requests: &[Request],
    count: usize,
    decide: impl Fn(&Request) -> bool,
) -> Vec<f64> {
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let one = |request: &Request| {
        // Made a moment before it is asked, as the site does: reading its facts from memory is not deciding.
        let request = std::hint::black_box(request.clone());
        let start = clock.monotonic();
        std::hint::black_box(decide(&request));
        micros(clock.monotonic() - start)
    };
    requests.iter().cycle().take(count).map(one).collect()
}

/// The value at `percent` of them.
fn at(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = values.len().saturating_sub(1) * percent / 100;
    values.get(place).copied().unwrap_or(f64::NAN)
}

/// The shipped set with as many policies of a site as make it `size`.
fn texts(
    size: usize,
    write: fn(usize) -> String,
) -> Result<BTreeMap<String, String>, Box<dyn std::error::Error>> {
    let mut texts: BTreeMap<String, String> =
        SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let shipped = Policies::load(texts.clone())?.count();
    texts.insert("own.cedar".to_owned(), (shipped..size).map(write).collect());
    Ok(texts)
}

/// Four rules a project and one an account.
fn named(number: usize) -> String {
    let (project, mut text) = (number / 5, format!("@id(\"own-{number}\") @why(\"measured\")\n"));
    let written = match number % 5 {
        0 => write!(
            text,
            "forbid (principal, action == Action::\"download-object\", resource in Project::\"prj_{project}\") unless {{ context.network != Network::\"outside\" }};"
        ),
        1 => write!(
            text,
            "forbid (principal, action in Action::\"data\", resource in Project::\"prj_{project}\") when {{ context.hour < 6 }};"
        ),
        2 => write!(
            text,
            "permit (principal in ProjectRole::\"viewer\", action == Action::\"cancel-run\", resource in Project::\"prj_{project}\");"
        ),
        3 => write!(
            text,
            "forbid (principal is Service, action in Action::\"data\", resource in Project::\"prj_{project}\") unless {{ context.network == Network::\"inside\" }};"
        ),
        _ => write!(
            text,
            "permit (principal == Person::\"usr_{project}\", action == Action::\"view-storage\", resource);"
        ),
    };
    written.map(|()| text + "\n").unwrap_or_default()
}

fn unnamed(number: usize) -> String {
    format!(
        "@id(\"own-{number}\") @why(\"measured\")\nforbid (principal in ProjectRole::\"analyst\", action in Action::\"data\", resource) when {{ context.hour == {} }};\n",
        number % 20
    )
}

/// Requests about things all over the site, of people with one role or two.
fn requests(size: usize) -> Vec<Request> {
    let ask = |number: usize| {
        let (action, role) = match number % 5 {
            0 => (Action::ViewVariants, Role::Analyst),
            1 => (Action::DownloadObject, Role::DataExporter),
            2 => (Action::ViewRun, Role::SupportObserver),
            3 => (Action::DownloadObject, Role::Viewer),
            _ => (Action::AdministerProject, Role::ProjectAdministrator),
        };
        let project = format!("prj_{}", number * 7919 % (size / 5 + 1));
        Request {
            actor: Actor {
                id: format!("usr_{}", number * 104_729 % (size / 5 + 1)),
                project_roles: [role, Role::Viewer].into(),
                ..Actor::default()
            },
            action,
            resource: Resource::of_project("object", format!("obj_{number}"), project, Class::Clinical),
            context: Context { purpose: Some("measured".to_owned()), hour: 22, ..Context::default() },
        }
    };
    (0..DECISIONS).map(ask).collect()
}
