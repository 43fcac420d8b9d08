//! Every action that there is, with the name that the ledger uses.
//!
//! The list is closed and append-only: a name, once recorded, keeps its meaning. Each command maps
//! to exactly one action; a set of policies whose schema knows other actions does not load.

use std::{fmt, str::FromStr};

/// A word that is no action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown action")]
pub struct ParseActionError;

/// Where an action takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// On the site: the thing belongs to no project.
    Site,
    /// In a project: the thing has a project, and the project has a class.
    Project,
}

/// What an action does to the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Shows,
    Changes,
}

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $scope:ident $effect:ident $(+ $data:ident)?;)*) => {
        /// One thing that an account may be allowed to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action { $($(#[$doc])* $variant,)* }

        impl Action {
            /// Every action, in the order of the reviewed matrix.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in ledger, policies and messages.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// Whether the thing is the site's or a project's.
            pub const fn scope(self) -> Scope {
                match self { $(Self::$variant => Scope::$scope),* }
            }

            /// Whether the site is different afterwards, beyond the record of the act itself.
            pub const fn changes_state(self) -> bool {
                match self { $(Self::$variant => matches!(Effect::$effect, Effect::Changes)),* }
            }

            /// Whether it takes in, works on or shows what was learnt about a person: the group
            /// `data` of the schema.
            pub const fn touches_data(self) -> bool {
                match self { $(Self::$variant => actions!(@data $($data)?)),* }
            }
        }
    };
    (@data data) => { true };
    (@data) => { false };
}

actions! {
    /// Whether the site is open, its version, its room on disk.
    ViewSiteStatus = "view-site-status", Site Shows;
    /// Forgets the unsealed keys and stops the site's process.
    LockSite = "lock-site", Site Changes;
    /// Rotates the site's keys and moves them to another provider.
    ManageKeys = "manage-keys", Site Changes;
    /// Destroys the keys of a project or of a subject in it.
    ShredKeys = "shred-keys", Project Changes;
    /// Makes, changes and closes accounts, and gives roles on the site.
    ManageAccounts = "manage-accounts", Site Changes;
    /// Makes a project.
    CreateProject = "create-project", Site Changes;
    /// Proposes an administrator for a project that has none, and approves whom another proposed.
    NameAdministrator = "name-administrator", Site Changes;
    /// Lists the projects in which the account itself holds a role, and no others.
    ListOwnProjects = "list-own-projects", Site Shows;
    /// A project's class, terms and members.
    ViewProject = "view-project", Project Shows;
    /// Adds and removes a project's members and changes its terms.
    AdministerProject = "administer-project", Project Changes;
    /// Says which visas a project takes, and for which role.
    MapVisas = "map-visas", Project Changes;
    /// What people agreed to: consents and withdrawals, and of whom one is missing.
    ViewConsents = "view-consents", Project Shows;
    /// Records a consent, or that what changed was reviewed.
    RecordConsent = "record-consent", Project Changes;
    /// Records that somebody forbids all use of their data.
    WithdrawConsent = "withdraw-consent", Project Changes;
    /// Approves a use as far as terms leave it to a person. Asks for a reason.
    ApproveUse = "approve-use", Project Changes;
    /// Looks for what may name somebody in the words that are stored of a project; shows no value.
    DiscoverIdentifiers = "discover-identifiers", Project Shows;
    /// Opens the project's data to oneself for a few hours, with nobody's approval. Asks for a reason.
    BreakGlass = "break-glass", Project Changes;
    /// Says whether a break-glass of somebody else was justified. Asks for a reason.
    ReviewBreakGlass = "review-break-glass", Project Changes;
    /// Ends a break-glass of one's own, or a support session, before its time.
    EndException = "end-exception", Project Changes;
    /// Asks to see the project's data for a few hours, to help with it. Asks for a reason.
    AskSupport = "ask-support", Project Changes;
    /// Lets somebody else see the project's data for a few hours, as they asked.
    ApproveSupport = "approve-support", Project Changes;
    /// The datasets that are offered to other projects: what they state, and whose name none of them says.
    ViewDatasets = "view-datasets", Site Shows;
    /// Offers samples to other projects as a dataset, and closes it.
    PublishDataset = "publish-dataset", Project Changes;
    /// Compares reads with what their generator said of them. Nothing of them is shown.
    VerifyDataset = "verify-dataset", Project Shows + data;
    /// Registers agreements with parties, and ends them.
    KeepAgreements = "keep-agreements", Project Changes;
    /// Asks to use a dataset of another project in this one, reports on that and gives it up.
    ApplyForDataset = "apply-for-dataset", Project Changes;
    /// Approves or denies who asks to use a dataset of this project. Asks for a reason.
    AnswerApplication = "answer-application", Project Changes;
    /// Brings reads and their sheet in through the controlled door.
    Ingest = "ingest", Project Changes + data;
    /// Takes who people are out of a sheet and keeps it in the identity map, or corrects it there. A correction asks for a reason.
    SplitIdentity = "split-identity", Project Changes;
    /// Says who a subject is, or which subject somebody is. Asks for a reason.
    ReIdentify = "re-identify", Project Shows;
    /// Samples, readsets, packages and objects with their ids, labels and sizes; no content.
    ViewSamples = "view-samples", Project Shows + data;
    /// State, resources and redacted log of a run.
    ViewRun = "view-run", Project Shows;
    /// Starts a run on a sample.
    StartRun = "start-run", Project Changes + data;
    /// Stops a run that is under way.
    CancelRun = "cancel-run", Project Changes;
    /// Called variants as rows and counts, and the report of a case.
    ViewVariants = "view-variants", Project Shows + data;
    /// Has an object re-addressed to a recipient's key. Asks for a reason.
    DownloadObject = "download-object", Project Shows + data;
    /// Puts an object under a legal hold. Asks for a reason.
    SetHold = "set-hold", Project Changes;
    /// Lifts a legal hold. Asks for a reason.
    LiftHold = "lift-hold", Project Changes;
    /// Deletes an object after its retention floor. Asks for a reason.
    DeleteObject = "delete-object", Project Changes;
    /// The signed receipt of a result: digests, versions and ids.
    ViewReceipt = "view-receipt", Project Shows;
    /// Who did what to a thing of one project.
    SearchAudit = "search-audit", Project Shows;
    /// Registers a tool with its whole closure.
    RegisterTool = "register-tool", Site Changes;
    /// Lists tools with their versions and digests.
    ViewTools = "view-tools", Site Shows;
    /// Registers a reference with its indexes and annotation sources.
    RegisterReference = "register-reference", Site Changes;
    /// Lists references with their digests.
    ViewReferences = "view-references", Site Shows;
    /// Has a message sent to a destination of notifications that says that it is a test.
    TestNotification = "test-notification", Site Shows;
    /// How many objects and bytes the store holds, and how it is with them.
    ViewStorage = "view-storage", Site Shows;
    /// Reads stored bytes through, without opening them, and quarantines what is damaged.
    CheckStorage = "check-storage", Site Changes;
    /// Makes a backup, or checks one, without opening what is in it.
    MakeBackup = "make-backup", Site Changes;
    /// Who did what on the whole site, event by event and with proof.
    SearchAuditSite = "search-audit-site", Site Shows;
    /// The policies in force, and what is proposed.
    ViewPolicy = "view-policy", Site Shows;
    /// Proposes other policies of the site's own, and withdraws what was proposed.
    ProposePolicy = "propose-policy", Site Changes;
    /// Puts in force what another administrator proposed.
    ApprovePolicy = "approve-policy", Site Changes;
    /// Why an account can do something on the site, or cannot.
    ExplainAccessSite = "explain-access-site", Site Shows;
    /// Why an account can do something in a project, or cannot.
    ExplainAccess = "explain-access", Project Shows;
    /// Checkpoints and full checks of the ledger, which show no event.
    VerifyLedger = "verify-ledger", Site Shows;
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Action {
    type Err = ParseActionError;
    fn from_str(text: &str) -> std::result::Result<Self, ParseActionError> {
        Self::ALL.iter().copied().find(|action| action.as_str() == text).ok_or(ParseActionError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_parse_back() {
        for action in Action::ALL {
            assert_eq!(action.as_str().parse(), Ok(*action));
            let shape = action.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            assert!(shape, "{action} is not a kebab name");
        }
        assert_eq!("view_site".parse::<Action>(), Err(ParseActionError));
        assert_eq!("".parse::<Action>(), Err(ParseActionError));
    }

    #[test]
    fn what_takes_in_or_carries_off_is_data() {
        assert!(Action::Ingest.touches_data() && Action::DownloadObject.touches_data());
        assert!(!Action::ViewReceipt.touches_data() && !Action::VerifyLedger.touches_data());
        assert!(Action::Ingest.changes_state() && !Action::ViewVariants.changes_state());
    }
}
