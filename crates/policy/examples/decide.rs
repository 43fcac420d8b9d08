//! Measures decisions of the shipped policies: `cargo run -p policy --example decide`.

use base::{Class, Clock as _, Role, SystemClock};
use policy::{Action, Actor, Context, Policies, Request, Resource};

fn main() -> policy::Result<()> {
    let clock = SystemClock::default();
    let policies = Policies::shipped()?;
    let ask = |action, role| Request {
        actor: Actor { id: "usr_a".to_owned(), project_roles: [role].into(), ..Actor::default() },
        action,
        resource: Resource::of_project("object", "obj_a", "prj_a", Class::Clinical),
        context: Context { purpose: Some("measured".to_owned()), ..Context::default() },
    };
    let requests = [
        ("allowed view", ask(Action::ViewVariants, Role::Analyst)),
        ("allowed download", ask(Action::DownloadObject, Role::DataExporter)),
        ("denied download", ask(Action::DownloadObject, Role::Viewer)),
    ];
    for (name, request) in &requests {
        let mut rounds: Vec<f64> = (0..5)
            .map(|_| {
                let start = clock.monotonic();
                for _ in 0..2_000 {
                    std::hint::black_box(policies.decide(std::hint::black_box(request)));
                }
                (clock.monotonic() - start).as_secs_f64() * 1e6 / 2_000.0
            })
            .collect();
        rounds.sort_by(f64::total_cmp);
        let shown: Vec<String> = rounds.iter().map(|us| format!("{us:.1}")).collect();
        println!("{name:<18} µs a decision, five rounds: {}", shown.join(" "));
    }
    Ok(())
}
