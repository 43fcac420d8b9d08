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
    Beside { action: "name-administrator", events: &["administrator-proposed", "rights-changed"] },
    Beside { action: "break-glass", events: &["break-glass-opened", "rights-changed"] },
    Beside { action: "review-break-glass", events: &["break-glass-reviewed"] },
    Beside { action: "end-exception", events: &["break-glass-closed", "support-ended", "rights-changed"] },
    Beside { action: "ask-support", events: &["support-asked"] },
    Beside { action: "approve-support", events: &["support-approved", "rights-changed"] },
    Beside { action: "record-consent", events: &["consent-given", "use-reviewed"] },
    Beside { action: "split-identity", events: &["identity-recorded", "identity-corrected"] },
    Beside { action: "approve-use", events: &["use-approved", "use-revoked"] },
    Beside { action: "publish-dataset", events: &["dataset-stands"] },
    Beside { action: "verify-dataset", events: &["object-damaged"] },
    Beside { action: "keep-agreements", events: &["agreement-stands"] },
    Beside { action: "apply-for-dataset", events: &["application-stands"] },
    Beside { action: "answer-application", events: &["application-stands"] },
    Beside { action: "withdraw-consent", events: &["consent-withdrawn"] },
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

/// What a route leaves that nobody decides: what people do with their own accounts, and how they sign in and out.
struct Own {
    route: &'static str,
    events: &'static [&'static str],
}

/// A sign-in, and what it ends.
const OPENED: &[&str] = &["session-opened", "session-ended"];
/// An answer of a passkey in a session; one that answers as a copy would is suspended, and ends what passkeys began.
const ANSWERED: &[&str] = &["session-confirmed", "credential-suspended", "session-ended"];

/// Routes without an action and without a line here leave nothing.
static OWN: &[Own] = &[
    Own { route: "session create", events: OPENED },
    Own { route: "password login", events: OPENED },
    Own { route: "oidc login", events: OPENED },
    Own { route: "service token", events: OPENED },
    Own { route: "passkey login", events: &["session-opened", "session-ended", "credential-suspended"] },
    Own { route: "terminal finish", events: &["session-opened", "session-ended", "session-confirmed"] },
    Own { route: "session end", events: &["session-ended"] },
    Own { route: "session revoke", events: &["session-ended"] },
    Own { route: "confirm passkey", events: ANSWERED },
    Own { route: "confirm password", events: &["session-confirmed"] },
    Own {
        route: "terminal approve",
        events: &["terminal-decided", "session-confirmed", "credential-suspended", "session-ended"],
    },
    Own { route: "terminal refuse", events: &["terminal-decided"] },
    Own { route: "passkey invite", events: &["credential-added"] },
    Own { route: "passkey add", events: &["credential-added"] },
    Own { route: "passkey remove", events: &["credential-removed", "session-ended"] },
    Own { route: "password set", events: &["credential-added"] },
    Own { route: "password remove", events: &["credential-removed"] },
    Own { route: "oidc link", events: &["credential-added", "credential-removed", "session-ended"] },
    Own { route: "oidc unlink", events: &["credential-removed", "session-ended"] },
    Own { route: "service allow", events: &["service-changed"] },
    Own { route: "service withdraw", events: &["service-changed"] },
    Own { route: "passport present", events: &["passport-presented", "visa-accepted", "rights-changed"] },
];

/// Kinds of events that nobody asks for: the site's life, its care for what it stores and for its record.
pub const UNASKED: &[&str] = &[
    "site-created",
    "site-opened",
    "site-closed",
    "site-restored",
    "administrator-made",
    "database-moved",
    "site-stopped",
    "sessions-refused",
    "objects-scrubbed",
    "object-damaged",
    "object-whole",
    "objects-withdrawn",
    "backup-keys-destroyed",
    "replica-differs",
    "stream-lags",
    "stream-caught-up",
    "stream-closed",
    "stream-opened",
    "grant-lapsed",
    "identifiers-found",
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
        events: route.action.map_or_else(|| own(route.name), beside),
    });
    Catalogue { routes: routes.collect(), unasked: UNASKED }
}

/// Kinds of events that an act of this action may leave beside its decision and outcome.
pub fn beside(action: &str) -> &'static [&'static str] {
    BESIDE.iter().find(|one| one.action == action).map_or(&[], |one| one.events)
}

/// Kinds of events that a route without an action may leave; one that was good leaves at least one of them.
pub fn own(route: &str) -> &'static [&'static str] {
    OWN.iter().find(|one| one.route == route).map_or(&[], |one| one.events)
}

/// Whether events of this kind are recorded at all.
pub fn is_kind(word: &str) -> bool {
    ["decision", "outcome"].contains(&word)
        || UNASKED.contains(&word)
        || BESIDE.iter().any(|one| one.events.contains(&word))
        || OWN.iter().any(|one| one.events.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared_is_of_an_action_or_a_route_that_is_there() {
        for one in BESIDE {
            assert!(ROUTES.iter().any(|route| route.action == Some(one.action)), "{}", one.action);
            assert!(!one.events.is_empty() && std::ptr::eq(beside(one.action), one.events), "{}", one.action);
        }
        for one in OWN {
            let route = ROUTES.iter().find(|route| route.name == one.route);
            assert!(route.is_some_and(|route| route.action.is_none()), "{}", one.route);
            assert!(!one.events.is_empty() && std::ptr::eq(own(one.route), one.events), "{}", one.route);
        }
        assert_eq!(catalogue().routes.len(), ROUTES.len());
    }
}
