//! What a route leaves in the ledger beside its decision and the outcome of that, and what the site records
//! without being asked. Control C-AUD-04 and the matrix of routes are checked against this.

use crate::ROUTES;
use serde::Serialize;

/// What acts of one action leave.
struct Beside {
    action: &'static str,
    /// Kinds of events that an act that was done may leave.
    events: &'static [&'static str],
}

/// Actions without a line here leave decision and outcome alone.
static BESIDE: &[Beside] = &[
    Beside { action: "manage-keys", events: &["keys-sealed"] },
    Beside {
        action: "manage-accounts",
        events: &[
            "account-closed",
            "account-reopened",
            "accounts-linked",
            "credential-removed",
            "identity-changed",
            "rights-changed",
            "service-changed",
            "session-ended",
        ],
    },
    Beside { action: "create-project", events: &["rights-changed"] },
    Beside { action: "administer-project", events: &["rights-changed"] },
    Beside { action: "map-visas", events: &["rights-changed", "visa-mapping-changed"] },
    Beside { action: "propose-policy", events: &["policy-proposed", "policy-withdrawn"] },
    Beside { action: "approve-policy", events: &["policy-changed"] },
    Beside { action: "ingest", events: &["linked", "object-sealed", "objects-withdrawn"] },
    Beside { action: "shred-keys", events: &["receipt-issued"] },
    Beside { action: "download-object", events: &["object-damaged"] },
    Beside { action: "set-hold", events: &["hold-changed"] },
    Beside { action: "lift-hold", events: &["hold-changed"] },
    Beside { action: "delete-object", events: &["object-deleted"] },
    Beside { action: "check-storage", events: &["objects-scrubbed", "object-damaged", "object-whole"] },
    Beside {
        action: "register-reference",
        events: &["job-started", "job-ended", "linked", "object-sealed", "receipt-issued", "object-damaged"],
    },
    Beside {
        action: "start-run",
        events: &["job-started", "job-ended", "linked", "object-sealed", "receipt-issued", "object-damaged"],
    },
    Beside { action: "view-run", events: &["job-ended"] },
    Beside { action: "view-variants", events: &["object-damaged"] },
    Beside { action: "make-backup", events: &["backup-made", "object-damaged"] },
];

/// Kinds of events that nobody asks for, or that belong to no decision: the site's life, its care for what it
/// stores and for its record, and people who sign in and out.
pub const UNASKED: &[&str] = &[
    "site-created",
    "site-opened",
    "site-closed",
    "site-restored",
    "administrator-made",
    "database-moved",
    "site-stopped",
    "session-opened",
    "session-ended",
    "session-confirmed",
    "terminal-decided",
    "credential-added",
    "credential-removed",
    "credential-suspended",
    "service-changed",
    "passport-presented",
    "visa-accepted",
    "rights-changed",
    "sessions-refused",
    "objects-scrubbed",
    "object-damaged",
    "object-whole",
    "objects-withdrawn",
    "backup-keys-destroyed",
    "replica-differs",
    "stream-lags",
    "stream-caught-up",
    "grant-lapsed",
    "policy-checked",
    "policy-disagreed",
    "room-low",
    "room-back",
    "witness-silent",
    "witness-returned",
];

/// A route and what it leaves.
#[derive(Debug, Clone, Serialize)]
pub struct Declared {
    /// Its name.
    pub name: &'static str,
    /// Its method.
    pub method: &'static str,
    /// Its path.
    pub path: &'static str,
    /// The action that decides it, if one does: then a decision, and an outcome if it was allowed.
    pub action: Option<&'static str>,
    /// Kinds of events that it may leave beside them.
    pub events: &'static [&'static str],
}

/// The whole of it, as `sequestra internal routes` prints it.
#[derive(Debug, Clone, Serialize)]
pub struct Catalogue {
    /// Every route.
    pub routes: Vec<Declared>,
    /// Kinds that belong to no decision.
    pub unasked: &'static [&'static str],
}

/// Every route with what it leaves, and what is recorded unasked.
pub fn catalogue() -> Catalogue {
    let routes = ROUTES.iter().map(|route| Declared {
        name: route.name,
        method: route.method,
        path: route.path,
        action: route.action,
        events: route.action.map_or(&[], beside),
    });
    Catalogue { routes: routes.collect(), unasked: UNASKED }
}

/// Kinds of events that an act of this action may leave beside its decision and outcome.
pub fn beside(action: &str) -> &'static [&'static str] {
    BESIDE.iter().find(|one| one.action == action).map_or(&[], |one| one.events)
}

/// Whether events of this kind are recorded at all.
pub fn is_kind(word: &str) -> bool {
    ["decision", "outcome"].contains(&word)
        || UNASKED.contains(&word)
        || BESIDE.iter().any(|one| one.events.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared_is_of_an_action_that_some_route_has() {
        for one in BESIDE {
            assert!(ROUTES.iter().any(|route| route.action == Some(one.action)), "{}", one.action);
            assert!(!one.events.is_empty() && std::ptr::eq(beside(one.action), one.events), "{}", one.action);
        }
        assert_eq!(catalogue().routes.len(), ROUTES.len());
    }
}
