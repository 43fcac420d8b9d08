//! What an action is: the verb that it gives, and whether it waits while the site changes nothing.

use crate::verb::{self, Verb};
use policy::Action;

/// The verb that an allowed action gives.
pub(crate) const fn verb_of(action: Action) -> &'static str {
    match action {
        Action::ViewSiteStatus
        | Action::ListOwnProjects
        | Action::ViewProject
        | Action::ViewSamples
        | Action::ViewConsents
        | Action::ViewDatasets
        | Action::DiscoverIdentifiers
        | Action::ViewRun
        | Action::ViewReceipt
        | Action::SearchAudit
        | Action::ViewTools
        | Action::TestNotification
        | Action::ViewStorage
        | Action::ViewReferences
        | Action::SearchAuditSite
        | Action::ViewPolicy
        | Action::ExplainAccess
        | Action::ExplainAccessSite
        | Action::VerifyLedger => verb::View::NAME,
        Action::ViewVariants | Action::VerifyDataset => verb::Read::NAME,
        Action::DownloadObject => verb::Release::NAME,
        Action::Ingest => verb::Write::NAME,
        Action::StartRun => verb::Run::NAME,
        Action::SplitIdentity => verb::Split::NAME,
        Action::ReIdentify => verb::Identify::NAME,
        Action::LockSite
        | Action::ManageKeys
        | Action::ShredKeys
        | Action::SetHold
        | Action::LiftHold
        | Action::DeleteObject
        | Action::CheckStorage
        | Action::MakeBackup
        | Action::ManageAccounts
        | Action::ProposePolicy
        | Action::ApprovePolicy
        | Action::CreateProject
        | Action::NameAdministrator
        | Action::AdministerProject
        | Action::MapVisas
        | Action::RecordConsent
        | Action::WithdrawConsent
        | Action::ApproveUse
        | Action::PublishDataset
        | Action::KeepAgreements
        | Action::ApplyForDataset
        | Action::AnswerApplication
        | Action::BreakGlass
        | Action::ReviewBreakGlass
        | Action::EndException
        | Action::AskSupport
        | Action::ApproveSupport
        | Action::CancelRun
        | Action::RegisterTool
        | Action::RegisterReference => verb::Manage::NAME,
    }
}

/// Whether an action waits while the site changes nothing.
pub(crate) fn changes(action: Action) -> bool {
    action.changes_state() && !STILL_ALLOWED.contains(&action)
}

/// What is allowed while the site changes nothing: what ends something, and what makes room.
const STILL_ALLOWED: &[Action] = &[
    Action::LockSite,
    Action::CancelRun,
    Action::DeleteObject,
    Action::SetHold,
    Action::WithdrawConsent,
    Action::EndException,
    // An emergency does not wait for room; what it writes is little.
    Action::BreakGlass,
];
