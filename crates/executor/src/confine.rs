//! Landlock: what a process gives up by itself, on top of the walls around it.

use std::sync::atomic::{AtomicU8, Ordering};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus, Scope,
};

/// How much of Landlock holds for jobs: 0 not tried, 1 none, 2 in part, 3 all that was asked.
static SPAWNER: AtomicU8 = AtomicU8::new(0);

/// Gives up all file access, TCP, foreign abstract sockets and foreign signals for the calling
/// thread and its children, for good. Descriptors that are open stay usable. A parser of untrusted
/// bytes calls this first, while it has one thread. Returns whether anything took effect.
pub fn no_files() -> bool {
    let ruleset = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(ABI::V5))?
            .handle_access(AccessNet::from_all(ABI::V4))?
            .scope(Scope::from_all(ABI::V6))?
            .create()?
            .restrict_self()
    };
    matches!(ruleset(), Ok(status) if status.ruleset != RulesetStatus::NotEnforced)
}

/// Gives up TCP, foreign abstract sockets and foreign signals for the thread that starts jobs.
///
/// File access is not in it: a thread under a file ruleset may not mount, and the sandbox must. Files
/// are the mount namespace's matter. A set-user-id sandbox program could not start under it either.
pub(crate) fn spawner() {
    let ruleset = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessNet::from_all(ABI::V4))?
            .scope(Scope::from_all(ABI::V6))?
            .create()?
            .restrict_self()
    };
    let outcome = match ruleset().map(|status| status.ruleset) {
        Ok(RulesetStatus::FullyEnforced) => 3,
        Ok(RulesetStatus::PartiallyEnforced) => 2,
        _ => 1,
    };
    SPAWNER.store(outcome, Ordering::SeqCst);
}

/// Whether Landlock holds for jobs: all that was asked, a part, or nothing; `None` before the first.
pub(crate) fn of_jobs() -> Option<(bool, &'static str)> {
    match SPAWNER.load(Ordering::SeqCst) {
        0 => None,
        3 => Some((true, "no TCP, no foreign abstract sockets, no foreign signals")),
        2 => Some((true, "in part: this kernel knows only some of the rules")),
        _ => Some((false, "this kernel has no Landlock, or not enough of it")),
    }
}
