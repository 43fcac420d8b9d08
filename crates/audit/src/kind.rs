//! The names of events, as they are stored.

use crate::What;

impl What {
    /// The event's name, as stored.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SiteCreated { .. } => "site-created",
            Self::SiteOpened { .. } => "site-opened",
            Self::SiteClosed { .. } => "site-closed",
            Self::KeysSealed { .. } => "keys-sealed",
            Self::SessionOpened { .. } => "session-opened",
            Self::SessionEnded { .. } => "session-ended",
            Self::SessionConfirmed { .. } => "session-confirmed",
            Self::TerminalDecided { .. } => "terminal-decided",
            Self::CredentialAdded { .. } => "credential-added",
            Self::CredentialRemoved { .. } => "credential-removed",
            Self::CredentialSuspended {} => "credential-suspended",
            Self::ServiceChanged { .. } => "service-changed",
            Self::AccountClosed {} => "account-closed",
            Self::AccountReopened {} => "account-reopened",
            Self::AccountsLinked {} => "accounts-linked",
            Self::IdentityChanged { .. } => "identity-changed",
            Self::VisaMappingChanged { .. } => "visa-mapping-changed",
            Self::PassportPresented { .. } => "passport-presented",
            Self::VisaAccepted { .. } => "visa-accepted",
            Self::SessionsRefused { .. } => "sessions-refused",
            Self::Decision { .. } => "decision",
            Self::RightsChanged { .. } => "rights-changed",
            Self::GrantLapsed { .. } => "grant-lapsed",
            Self::AdministratorProposed {} => "administrator-proposed",
            Self::BreakGlassOpened { .. } => "break-glass-opened",
            Self::BreakGlassClosed {} => "break-glass-closed",
            Self::BreakGlassReviewed { .. } => "break-glass-reviewed",
            Self::SupportAsked { .. } => "support-asked",
            Self::SupportApproved { .. } => "support-approved",
            Self::SupportEnded {} => "support-ended",
            Self::ConsentGiven { .. } | Self::ConsentWithdrawn {} | Self::IdentityRecorded {} => {
                self.kind_of_use()
            }
            Self::UseReviewed {} | Self::UseApproved { .. } | Self::UseRevoked {} => self.kind_of_use(),
            Self::DatasetStands { .. } | Self::ApplicationStands { .. } => self.kind_of_use(),
            Self::AgreementStands { .. } | Self::IdentityCorrected { .. } => self.kind_of_use(),
            Self::PolicyProposed { .. } => "policy-proposed",
            Self::PolicyWithdrawn { .. } => "policy-withdrawn",
            Self::PolicyChanged { .. } => "policy-changed",
            Self::PolicyChecked { .. } => "policy-checked",
            Self::PolicyDisagreed { .. } => "policy-disagreed",
            Self::Outcome { .. } => "outcome",
            Self::ObjectSealed(_) => "object-sealed",
            Self::ObjectsWithdrawn {} => "objects-withdrawn",
            Self::HoldChanged { .. } => "hold-changed",
            Self::ObjectDeleted { .. } => "object-deleted",
            Self::ObjectDamaged { .. } => "object-damaged",
            Self::ReplicaDiffers { .. } => "replica-differs",
            Self::ObjectWhole { .. } => "object-whole",
            Self::ObjectsScrubbed { .. } => "objects-scrubbed",
            Self::BackupMade { .. } => "backup-made",
            Self::BackupKeysDestroyed { .. } => "backup-keys-destroyed",
            Self::SiteRestored { .. } => "site-restored",
            Self::AdministratorMade {} => "administrator-made",
            Self::IdentifiersFound { .. } => "identifiers-found",
            Self::Linked {} => "linked",
            Self::JobStarted { .. } => "job-started",
            Self::JobEnded { .. } => "job-ended",
            Self::StreamLags { .. } | Self::StreamCaughtUp { .. } => self.kind_of_care(),
            Self::StreamClosed { .. } | Self::StreamOpened { .. } => self.kind_of_care(),
            Self::RoomLow { .. } | Self::RoomBack { .. } => self.kind_of_care(),
            Self::WitnessSilent { .. } | Self::WitnessReturned { .. } => self.kind_of_care(),
            Self::SiteStopped { .. } => "site-stopped",
            Self::DatabaseMoved { .. } => "database-moved",
            Self::ReceiptIssued { .. } => "receipt-issued",
        }
    }

    /// The same of what comes and goes around a site.
    const fn kind_of_care(&self) -> &'static str {
        match self {
            Self::StreamLags { .. } => "stream-lags",
            Self::StreamCaughtUp { .. } => "stream-caught-up",
            Self::StreamClosed { .. } => "stream-closed",
            Self::StreamOpened { .. } => "stream-opened",
            Self::RoomLow { .. } => "room-low",
            Self::RoomBack { .. } => "room-back",
            Self::WitnessSilent { .. } => "witness-silent",
            Self::WitnessReturned { .. } => "witness-returned",
            // As below.
            _ => "",
        }
    }

    /// The same of what people agreed to, and of what is lent on the strength of it.
    const fn kind_of_use(&self) -> &'static str {
        match self {
            Self::ConsentGiven { .. } => "consent-given",
            Self::ConsentWithdrawn {} => "consent-withdrawn",
            Self::IdentityRecorded {} => "identity-recorded",
            Self::IdentityCorrected { .. } => "identity-corrected",
            Self::UseReviewed {} => "use-reviewed",
            Self::UseApproved { .. } => "use-approved",
            Self::UseRevoked {} => "use-revoked",
            Self::DatasetStands { .. } => "dataset-stands",
            Self::ApplicationStands { .. } => "application-stands",
            Self::AgreementStands { .. } => "agreement-stands",
            // A name that no event has: a test compares every event's with its stored form.
            _ => "",
        }
    }
}
