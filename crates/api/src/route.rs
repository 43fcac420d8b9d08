//! Every route and its rule. The server's handlers, the access matrix
//! and the audit matrix are checked against this list.

/// One route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Its name: a noun and a verb, as on the command line.
    pub name: &'static str,
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'static str,
    /// The path; `{…}` stands for an id or a name.
    pub path: &'static str,
    /// The policy's action that decides it; none for the few that need no session or concern the
    /// caller alone.
    pub action: Option<&'static str>,
}

/// The routes that answer without a session.
pub const OPEN: &[&str] = &[
    "health",
    "ready",
    "openapi",
    "session create",
    "passkey challenge",
    "passkey login",
    "password login",
    "oidc begin",
    "oidc login",
    "terminal begin",
    "terminal finish",
    "service token",
    "page enrol",
    "page password",
    "page sign-in",
    "page oidc",
    "page device",
    "page sessions",
    "page script",
    "page style",
];

macro_rules! routes {
    ($($name:literal = $method:literal $path:literal $($action:literal)?;)*) => {
        /// The list.
        pub const ROUTES: &[Route] = &[$(Route {
            name: $name,
            method: $method,
            path: $path,
            action: routes!(@action $($action)?),
        }),*];
    };
    (@action $action:literal) => { Some($action) };
    (@action) => { None };
}

routes! {
    "health" = "GET" "/v1/health";
    "ready" = "GET" "/v1/ready";
    "openapi" = "GET" "/v1/openapi.json";
    "session create" = "POST" "/v1/sessions";
    "session end" = "DELETE" "/v1/sessions";
    "whoami" = "GET" "/v1/me";
    "session list" = "GET" "/v1/me/sessions";
    "session revoke" = "DELETE" "/v1/me/sessions/{session}";
    "site status" = "GET" "/v1/site" "view-site-status";
    "site lock" = "POST" "/v1/site/lock" "lock-site";
    "keys status" = "GET" "/v1/keys" "view-site-status";
    "keys rotate" = "POST" "/v1/keys/rotate" "manage-keys";
    "keys prepare" = "POST" "/v1/keys/provider" "manage-keys";
    "keys complete" = "POST" "/v1/keys/provider/complete" "manage-keys";
    "passkey challenge" = "POST" "/v1/passkeys/challenge";
    "passkey login" = "POST" "/v1/passkeys/sessions";
    "passkey invite" = "POST" "/v1/me/passkeys/invitation";
    "passkey begin" = "POST" "/v1/me/passkeys/challenge";
    "passkey add" = "POST" "/v1/me/passkeys";
    "passkey list" = "GET" "/v1/me/passkeys";
    "passkey remove" = "DELETE" "/v1/me/passkeys/{passkey}";
    "confirm begin" = "POST" "/v1/me/confirmation/challenge";
    "confirm passkey" = "POST" "/v1/me/confirmation";
    "confirm terminal" = "POST" "/v1/me/confirmation/terminal";
    "confirm password" = "POST" "/v1/me/confirmation/password";
    "password login" = "POST" "/v1/passwords/sessions";
    "password begin" = "POST" "/v1/me/password/challenge";
    "password set" = "POST" "/v1/me/password";
    "password remove" = "DELETE" "/v1/me/password";
    "oidc begin" = "POST" "/v1/oidc/challenge";
    "oidc login" = "POST" "/v1/oidc/sessions";
    "oidc depart" = "POST" "/v1/me/oidc/challenge";
    "oidc link" = "POST" "/v1/me/oidc";
    "oidc show" = "GET" "/v1/me/oidc";
    "oidc unlink" = "DELETE" "/v1/me/oidc";
    "terminal begin" = "POST" "/v1/terminals";
    "terminal finish" = "POST" "/v1/terminals/session";
    "terminal show" = "POST" "/v1/me/terminals/show";
    "terminal challenge" = "POST" "/v1/me/terminals/challenge";
    "terminal approve" = "POST" "/v1/me/terminals/approve";
    "terminal refuse" = "POST" "/v1/me/terminals/refuse";
    "page enrol" = "GET" "/enrol";
    "page password" = "GET" "/password";
    "page sign-in" = "GET" "/sign-in";
    "page oidc" = "GET" "/oidc";
    "page device" = "GET" "/device";
    "page sessions" = "GET" "/sessions";
    "page script" = "GET" "/assets/people.js";
    "page style" = "GET" "/assets/people.css";
    "account create" = "POST" "/v1/accounts" "manage-accounts";
    "account list" = "GET" "/v1/accounts" "manage-accounts";
    "account token" = "POST" "/v1/accounts/{name}/token" "manage-accounts";
    "account grant" = "POST" "/v1/accounts/{name}/roles" "manage-accounts";
    "account sessions" = "GET" "/v1/accounts/{name}/sessions" "manage-accounts";
    "account sign-out" = "DELETE" "/v1/accounts/{name}/sessions" "manage-accounts";
    "account revoke" = "DELETE" "/v1/accounts/{name}/roles/{role}" "manage-accounts";
    "account preview" = "POST" "/v1/rights/preview" "manage-accounts";
    "account close" = "POST" "/v1/accounts/{name}/close" "manage-accounts";
    "account reopen" = "POST" "/v1/accounts/{name}/reopen" "manage-accounts";
    "account link" = "POST" "/v1/accounts/{name}/identities" "manage-accounts";
    "account identities" = "GET" "/v1/accounts/{name}/identities" "manage-accounts";
    "account unlink" = "DELETE" "/v1/accounts/{name}/identities/{issuer}" "manage-accounts";
    "passport present" = "POST" "/v1/me/passport";
    "visa list" = "GET" "/v1/projects/{project}/visas" "view-project";
    "visa map" = "POST" "/v1/projects/{project}/visas" "map-visas";
    "visa unmap" = "DELETE" "/v1/projects/{project}/visas/{mapping}" "map-visas";
    "policy list" = "GET" "/v1/policies" "view-policy";
    "policy propose" = "POST" "/v1/policies" "propose-policy";
    "policy show" = "GET" "/v1/policies/{approval}" "view-policy";
    "policy withdraw" = "POST" "/v1/policies/{approval}/withdraw" "propose-policy";
    "policy approve" = "POST" "/v1/policies/{approval}/approve" "approve-policy";
    "access explain" = "POST" "/v1/explain/{thing}" "explain-access";
    "access explain-site" = "POST" "/v1/explain" "explain-access-site";
    "service create" = "POST" "/v1/services" "manage-accounts";
    "service list" = "GET" "/v1/services" "manage-accounts";
    "service token" = "POST" "/v1/services/token";
    "service rotate" = "POST" "/v1/services/{service}/keys" "manage-accounts";
    "service mine" = "GET" "/v1/me/services";
    "service allow" = "POST" "/v1/me/services/{service}";
    "service withdraw" = "DELETE" "/v1/me/services/{service}";
    "service close" = "POST" "/v1/services/{service}/close" "manage-accounts";
    "administrator list" = "GET" "/v1/administrators" "view-site-status";
    "administrator propose" = "POST" "/v1/administrators" "name-administrator";
    "administrator approve" = "POST" "/v1/administrators/{approval}/approve" "name-administrator";
    "project create" = "POST" "/v1/projects" "create-project";
    "project list" = "GET" "/v1/projects" "list-own-projects";
    "project show" = "GET" "/v1/projects/{project}" "view-project";
    "member list" = "GET" "/v1/projects/{project}/members" "view-project";
    "member add" = "POST" "/v1/projects/{project}/members" "administer-project";
    "member preview" = "POST" "/v1/projects/{project}/rights/preview" "administer-project";
    "member remove" = "DELETE" "/v1/projects/{project}/members/{name}" "administer-project";
    "package begin" = "POST" "/v1/projects/{project}/packages" "ingest";
    "package file" = "PUT" "/v1/projects/{project}/packages/{package}/files/{number}" "ingest";
    "package commit" = "POST" "/v1/projects/{project}/packages/{package}/commit" "ingest";
    "intake split" = "POST" "/v1/projects/{project}/identities" "split-identity";
    "keys shred" = "POST" "/v1/projects/{project}/shred" "shred-keys";
    "project screen" = "GET" "/v1/projects/{project}/findings" "discover-identifiers";
    "use show" = "GET" "/v1/projects/{project}/use" "view-project";
    "use approve" = "POST" "/v1/projects/{project}/use" "approve-use";
    "use revoke" = "POST" "/v1/projects/{project}/use/revoke" "approve-use";
    "audit who-saw" = "GET" "/v1/subjects/{subject}/accesses" "search-audit";
    "subject report" = "GET" "/v1/subjects/{subject}/report" "view-consents";
    "subject identify" = "POST" "/v1/subjects/{subject}/identity" "re-identify";
    "subject find" = "POST" "/v1/projects/{project}/identities/find" "re-identify";
    "subject correct" = "POST" "/v1/subjects/{subject}/identity/correct" "split-identity";
    "consent list" = "GET" "/v1/projects/{project}/consents" "view-consents";
    "consent show" = "GET" "/v1/subjects/{subject}/consents" "view-consents";
    "consent withdraw" = "POST" "/v1/subjects/{subject}/withdrawal" "withdraw-consent";
    "consent record" = "POST" "/v1/subjects/{subject}/consents" "record-consent";
    "consent review" = "POST" "/v1/subjects/{subject}/review" "record-consent";
    "break-glass list" = "GET" "/v1/projects/{project}/break-glass" "view-project";
    "break-glass open" = "POST" "/v1/projects/{project}/break-glass" "break-glass";
    "break-glass close" = "POST" "/v1/break-glass/{glass}/close" "end-exception";
    "break-glass review" = "POST" "/v1/break-glass/{glass}/review" "review-break-glass";
    "support list" = "GET" "/v1/projects/{project}/support" "view-project";
    "support ask" = "POST" "/v1/projects/{project}/support" "ask-support";
    "support approve" = "POST" "/v1/support/{support}/approve" "approve-support";
    "support show" = "GET" "/v1/support/{support}" "view-project";
    "support end" = "POST" "/v1/support/{support}/end" "end-exception";
    "dataset list" = "GET" "/v1/datasets" "view-datasets";
    "dataset publish" = "POST" "/v1/projects/{project}/datasets" "publish-dataset";
    "dataset close" = "POST" "/v1/projects/{project}/datasets/{dataset}/close" "publish-dataset";
    "dataset verify" = "POST" "/v1/samples/{sample}/verify" "verify-dataset";
    "dataset samples" = "GET" "/v1/projects/{project}/lent" "view-samples";
    "application list" = "GET" "/v1/projects/{project}/applications" "view-project";
    "application make" = "POST" "/v1/projects/{project}/applications" "apply-for-dataset";
    "application change" = "POST" "/v1/projects/{project}/applications/{application}" "apply-for-dataset";
    "application answer" = "POST" "/v1/projects/{project}/applications/{application}/answer" "answer-application";
    "application import" = "POST" "/v1/projects/{project}/applications/{application}/people" "answer-application";
    "agreement list" = "GET" "/v1/projects/{project}/agreements" "view-project";
    "agreement add" = "POST" "/v1/projects/{project}/agreements" "keep-agreements";
    "agreement end" = "POST" "/v1/projects/{project}/agreements/{agreement}/end" "keep-agreements";
    "sample list" = "GET" "/v1/projects/{project}/samples" "view-samples";
    "sample show" = "GET" "/v1/samples/{sample}" "view-samples";
    "object list" = "GET" "/v1/samples/{sample}/objects" "view-samples";
    "object show" = "GET" "/v1/objects/{object}" "view-samples";
    "object get" = "POST" "/v1/objects/{object}/release" "download-object";
    "object hold" = "POST" "/v1/objects/{object}/hold" "set-hold";
    "object lift" = "POST" "/v1/objects/{object}/lift" "lift-hold";
    "object delete" = "POST" "/v1/objects/{object}/delete" "delete-object";
    "usage show" = "GET" "/v1/usage" "view-storage";
    "notify list" = "GET" "/v1/notifications" "view-site-status";
    "notify test" = "POST" "/v1/notifications/{destination}/test" "test-notification";
    "archive stat" = "GET" "/v1/archive" "view-storage";
    "archive check" = "POST" "/v1/archive/check" "check-storage";
    "archive scrub" = "POST" "/v1/archive/scrub" "check-storage";
    "backup create" = "POST" "/v1/backup" "make-backup";
    "backup verify" = "POST" "/v1/backup/verify" "make-backup";
    "tool add" = "POST" "/v1/tools" "register-tool";
    "tool list" = "GET" "/v1/tools" "view-tools";
    "reference begin" = "POST" "/v1/references" "register-reference";
    "reference file" = "PUT" "/v1/references/uploads/{upload}/{role}" "register-reference";
    "reference finish" = "POST" "/v1/references/uploads/{upload}/finish" "register-reference";
    "reference list" = "GET" "/v1/references" "view-references";
    "run start" = "POST" "/v1/samples/{sample}/runs" "start-run";
    "run list" = "GET" "/v1/projects/{project}/runs" "view-run";
    "run show" = "GET" "/v1/runs/{run}" "view-run";
    "run cancel" = "POST" "/v1/runs/{run}/cancel" "cancel-run";
    "variant query" = "POST" "/v1/samples/{sample}/variants" "view-variants";
    "report show" = "GET" "/v1/samples/{sample}/report" "view-variants";
    "receipt show" = "GET" "/v1/receipts/{about}" "view-receipt";
    "audit search" = "GET" "/v1/audit" "search-audit";
    "audit export" = "POST" "/v1/audit/export" "search-audit";
    "audit incident" = "POST" "/v1/audit/incident" "search-audit";
    "audit volume" = "GET" "/v1/volume" "search-audit-site";
    "ledger checkpoint" = "GET" "/v1/ledger/checkpoint" "verify-ledger";
    "ledger verify" = "POST" "/v1/ledger/verify" "verify-ledger";
    "ledger prove" = "POST" "/v1/ledger/prove" "search-audit-site";
    "ledger watch" = "POST" "/v1/ledger/watch" "search-audit-site";
}

/// The route of this name.
pub fn named(name: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths_are_unique() {
        for (i, one) in ROUTES.iter().enumerate() {
            for other in ROUTES.iter().skip(i + 1) {
                assert_ne!(one.name, other.name);
                assert!(one.method != other.method || one.path != other.path, "{}", one.path);
            }
        }
        assert!(named("run start").is_some() && named("run").is_none());
    }
}
