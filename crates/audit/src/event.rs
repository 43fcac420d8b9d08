//! What can be recorded.

use base::{Blake3, ObjectId, ProjectId, RequestId, Role, ServiceId, Sha256, SubjectId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Actor {
    /// A person.
    User(UserId),
    /// A service account.
    Service(ServiceId),
    /// The site's own process: start, stop, closing of what a crash left open.
    Site(base::SiteId),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::Service(id) => id.fmt(f),
            Self::Site(id) => id.fmt(f),
        }
    }
}

/// One event: who, for whom, what, about which things, in which project, for which purpose.
/// Position, time and predecessors are added by the ledger's committer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Who acts.
    pub actor: Actor,
    /// The person a service account acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<UserId>,
    /// The request it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// The project it happens in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
    /// The stated purpose, one of the site's closed words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The ids of the things it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// The site was made.
    SiteCreated {
        /// The program's version.
        program: String,
    },
    /// The site was unsealed. Recorded before any other key is used, after the outcomes that close
    /// what a crash left open.
    SiteOpened {
        /// The program's version.
        program: String,
        /// The highest position that the database had carried out, if any.
        watermark: Option<u64>,
        /// The number of the sealed file's sealing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealing: Option<u64>,
        /// The newest time that was on record before: what ended by then stays ended, also where the
        /// machine's clock was set back since.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        latest: Option<Timestamp>,
    },
    /// The site was locked in good order.
    SiteClosed {
        /// The highest position that the database had carried out, if any: an older one is refused by the next opening.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        watermark: Option<u64>,
    },
    /// The site's secrets were sealed anew: a root key was replaced, or they lie under another provider. From
    /// then on a file of an earlier sealing opens no site.
    KeysSealed {
        /// The number of the sealing.
        sealing: u64,
    },
    /// Someone signed in.
    SessionOpened {
        /// How they proved who they are, one of the closed words of the door.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proof: Option<String>,
    },
    /// Someone signed out, or their session was ended.
    SessionEnded {
        /// Why, when it was not signing out: `displaced`, `revoked`, `account-closed` or `new-token`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
    },
    /// Somebody proved again who they are, in a session that is there.
    SessionConfirmed {
        /// How.
        proof: String,
    },
    /// Somebody approved, or refused, a terminal that asked to be signed in as them or to confirm their session.
    TerminalDecided {
        /// Whether it was approved.
        approved: bool,
    },
    /// Something to sign in with was added to an account.
    CredentialAdded {
        /// What it proves, a word of the door.
        proof: String,
    },
    /// Something to sign in with was taken from an account.
    CredentialRemoved {
        /// What it proved.
        proof: String,
    },
    /// A passkey answered with a counter that had gone back: there is a copy, and it is out of use.
    CredentialSuspended {},
    /// A service account was made, changed or closed, or somebody let it act for them.
    ServiceChanged {
        /// What: `created`, `key-added`, `key-replaced`, `closed`, `delegated` or `withdrawn`.
        change: String,
    },
    /// An account was closed: nobody signs in to it any more.
    AccountClosed {},
    /// A closed account was opened again, without any role.
    AccountReopened {},
    /// Two accounts are one person's from now on.
    AccountsLinked {},
    /// A subject of an issuer was linked to an account, or is so no longer. The subject is in no record.
    IdentityChanged {
        /// The settings' word for the issuer.
        issuer: String,
        /// Whether it is linked now.
        linked: bool,
    },
    /// A project takes certain visas for a role, or does so no longer.
    VisaMappingChanged {
        /// The settings' word for the issuer.
        issuer: String,
        /// BLAKE3 of the visas' value.
        value: Blake3,
        /// The role.
        role: Role,
        /// Whether it takes them now.
        given: bool,
    },
    /// Somebody presented a passport.
    PassportPresented {
        /// BLAKE3 of it.
        passport: Blake3,
        /// How many visas it held.
        visas: u64,
        /// The codes with which some were refused, or the whole.
        refused: Vec<String>,
    },
    /// A visa gives its holder a role. The role itself is recorded next.
    VisaAccepted {
        /// The settings' word for the issuer.
        issuer: String,
        /// BLAKE3 of the visa.
        visa: Blake3,
        /// The role.
        role: Role,
        /// Until when.
        until: Timestamp,
    },
    /// Sign-ins and requests with a token that was refused since the last such event, counted.
    SessionsRefused {
        /// How many.
        count: u64,
    },
    /// The policy decided. For an allowed one, this record is what the permit stands on; for a
    /// permit that opens objects, it is the record of their keys' unwrapping.
    Decision {
        /// The policy's action.
        action: String,
        /// Whether it was allowed.
        allowed: bool,
        /// The ids of the policies that decided.
        policies: Vec<String>,
        /// The digest of the whole policy set.
        policy: Sha256,
        /// Whether the action changes stored state.
        changes: bool,
        /// The person's own words for why, sealed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed_reason: Option<String>,
        /// The subject whose key it takes to read them, beside the project's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed_under: Option<SubjectId>,
    },
    /// A role was given, or taken away. Recorded before it is stored.
    RightsChanged {
        /// The role.
        role: Role,
        /// Whether it was given.
        given: bool,
        /// When it ends, by its time or the first of what it stands on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// A role ended. It gave nothing from that moment on; this is recorded within a minute.
    GrantLapsed {
        /// The role.
        role: Role,
        /// What ended: `time`, `training`, `agreement` or `approval`, or the trust in the `issuer` of a visa.
        cause: String,
    },
    /// Somebody was proposed to administer a project that has nobody.
    AdministratorProposed {},
    /// Somebody opened a project's data to themselves, in an emergency and with nobody's approval. Recorded before it
    /// gives anything.
    BreakGlassOpened {
        /// When it ends by itself.
        until: Timestamp,
        /// Why, sealed under the project's key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed_reason: Option<String>,
    },
    /// They ended it before.
    BreakGlassClosed {},
    /// Somebody else said what they found of it.
    BreakGlassReviewed {
        /// Whether it was justified.
        justified: bool,
        /// Why, sealed under the project's key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed_reason: Option<String>,
    },
    /// Somebody who helps a project asked to see its data.
    SupportAsked {
        /// Why, sealed under the project's key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed_reason: Option<String>,
    },
    /// Somebody of the project let them. Recorded before it gives anything.
    SupportApproved {
        /// When it ends by itself.
        until: Timestamp,
    },
    /// A support session was ended before its time, or its request was taken back.
    SupportEnded {},
    /// Somebody's consent was recorded. It takes the place of what was said before. What it allows is in no record: it can
    /// tell of a disease.
    ConsentGiven {
        /// SHA-256 of the signed document.
        document: Sha256,
        /// From when it holds.
        since: Timestamp,
        /// Until when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// Somebody forbade all use of their data.
    ConsentWithdrawn {},
    /// The identity map learnt something of who these subjects are. What, is in no record.
    IdentityRecorded {},
    /// A value that the identity map had of somebody was replaced by the right one. Neither is in a record.
    IdentityCorrected {
        /// What kind of value: `person-name`, `birth-date`, `record-number`.
        field: String,
    },
    /// A steward looked at what had changed of a consent, and let the data be used as it says.
    UseReviewed {},
    /// A steward approved a use as far as its terms leave it to a person.
    UseApproved {
        /// How many reasons that covers.
        reasons: u64,
        /// Until when.
        until: Timestamp,
    },
    /// A steward took back what was approved of a use.
    UseRevoked {},
    /// A dataset was published, or closed.
    DatasetStands {
        /// `published` or `closed`.
        state: String,
        /// How many samples are in it.
        samples: u64,
        /// Of how many persons.
        persons: u64,
    },
    /// An application to use a dataset stands otherwise than before.
    ApplicationStands {
        /// `asked`, `approved`, `denied`, `renewal-asked`, `reported`, `people-changed` or `ended`.
        state: String,
        /// Until when it is asked for, or holds.
        until: Timestamp,
        /// How many people it names.
        people: u64,
    },
    /// An agreement with a party was registered, or ended before its day.
    AgreementStands {
        /// `live` or `ended`.
        state: String,
        /// `DUA` or `BAA`.
        contract: String,
        /// Until when it holds.
        until: Timestamp,
    },
    /// A site's own policies were proposed.
    PolicyProposed {
        /// The digest of the set that they would make.
        policy: Sha256,
    },
    /// A proposal was withdrawn or refused.
    PolicyWithdrawn {
        /// The digest of the set that it would have made.
        policy: Sha256,
    },
    /// A proposal was approved by another administrator. Recorded before it is in force.
    PolicyChanged {
        /// The digest of the set before.
        from: Sha256,
        /// The digest of the set from then on.
        to: Sha256,
        /// The digest of the site's own files in it.
        own: Sha256,
    },
    /// How many decisions there were since the last such event, and how many of them were put to Cedar as
    /// well as to the compiled form of the policies.
    PolicyChecked {
        /// Decisions.
        decisions: u64,
        /// Those that the compiled form answered.
        compiled: u64,
        /// Those of these that were put to Cedar as well.
        checked: u64,
        /// Those of these that Cedar answered differently.
        disagreed: u64,
    },
    /// The compiled form of the policies and Cedar answered differently: denied, and Cedar alone decides
    /// from then on.
    PolicyDisagreed {
        /// The policy's action.
        action: String,
        /// The digest of the set.
        policy: Sha256,
        /// What Cedar said.
        cedar: bool,
    },
    /// How a decided act ended.
    Outcome {
        /// The decision's position.
        decision: u64,
        /// How it ended.
        result: Outcome,
        /// Whether the database had carried out this decision, or a later one, by then: if it ever
        /// stands below it again, it was rolled back.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stored: bool,
        /// The error's code, when it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// Bytes of protected data released, when any were.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bytes: Option<u64>,
        /// Keys of objects that were unwrapped for this decision, when any were.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unwraps: Option<u64>,
    },
    /// An object was sealed. Recorded before the object becomes visible.
    ObjectSealed(Box<Manifest>),
    /// Reads that had arrived were taken back before anything showed them, as their package was refused:
    /// records, keys and bodies go.
    ObjectsWithdrawn {},
    /// An account was made platform administrator by whoever holds what opens the site, on a locked site.
    AdministratorMade {},
    /// A legal hold on an object was set, or lifted.
    HoldChanged {
        /// Whether it is under a hold now.
        held: bool,
    },
    /// An object was deleted after its floor: keys and bodies of all versions go, the record stays.
    ObjectDeleted {
        /// How many versions it had.
        versions: u32,
    },
    /// Stored bytes are not those that were sealed. The version is in quarantine from then on.
    ObjectDamaged {
        /// The version.
        version: u32,
        /// What was found: `bytes`, `length`, `tree`, `missing` or `record`.
        found: String,
    },
    /// A replica of the ledger holds something else than the ledger, or less than it took.
    ReplicaDiffers {
        /// The replica's name in `site.toml`.
        replica: String,
        /// What was found: `differs`, `lost` or `foreign`.
        found: String,
    },
    /// A version in quarantine was read in whole, and is what was sealed. Its quarantine ends.
    ObjectWhole {
        /// The version.
        version: u32,
    },
    /// Stored bytes were read in whole and compared with what was sealed.
    ObjectsScrubbed {
        /// Versions of objects.
        objects: u64,
        /// Bytes read.
        bytes: u64,
        /// Versions in which damage was found.
        damaged: u64,
    },
    /// A backup was made. Who holds the ledger can tell its set from another by the digest.
    BackupMade {
        /// The set's number.
        set: u32,
        /// BLAKE3 of its head.
        digest: Blake3,
        /// Versions of objects in it.
        objects: u64,
        /// Their bytes.
        bytes: u64,
        /// Versions whose stored bytes were damaged and that it does not have.
        absent: u64,
        /// The epoch whose key opens it.
        epoch: u32,
        /// When nothing opens it any more.
        expires: Timestamp,
    },
    /// Keys of backup epochs that have ended were destroyed.
    BackupKeysDestroyed {
        /// The epochs.
        epochs: Vec<u32>,
    },
    /// The site was restored from a backup: its database is as old as that. Recorded before anything opens.
    SiteRestored {
        /// The set's number.
        set: u32,
        /// BLAKE3 of its head.
        digest: Blake3,
        /// When its database was copied.
        made: Timestamp,
        /// Whether a newer ledger than the backup's was given: if not, what happened since is not known.
        newer: bool,
        /// Shreddings on record, applied again.
        shredded: u64,
        /// Deletions on record, applied again.
        deleted: u64,
        /// Accounts whose roles were taken away, since something was decided about them after the backup.
        rights: u64,
        /// The number of the sealing that the restore made, on a branch of its own: no file of another counts.
        sealing: u64,
    },
    /// The site looked through the words that it stores of a project, by itself, and found other ones than last time that
    /// look like identifiers. No word is here.
    IdentifiersFound {
        /// In the project's own words.
        words: u64,
        /// In labels of subjects and samples.
        labels: u64,
        /// In names of files.
        files: u64,
        /// In forms of consents.
        consents: u64,
        /// In what runs were given, and said.
        runs: u64,
        /// In headers of results.
        headers: u64,
    },
    /// Objects and things belong together: this is how a subject's or sample's chain leads to
    /// its objects.
    Linked {},
    /// A sealed job started.
    JobStarted {
        /// The closure digests of the tools it may use.
        closures: Vec<Blake3>,
    },
    /// A sealed job ended.
    JobEnded {
        /// Whether its outputs passed every check.
        accepted: bool,
        /// The exit code, if it ended by itself.
        exit: Option<i32>,
        /// Whether the scratch was seen to be gone.
        scratch_destroyed: bool,
    },
    /// Events wait for a stream's sink longer than the site's limit.
    StreamLags {
        /// The stream's name in `site.toml`: one word.
        stream: String,
        /// The first position that the sink has not acknowledged.
        next: u64,
    },
    /// A stream that lagged has caught up.
    StreamCaughtUp {
        /// The stream's name.
        stream: String,
        /// The first position that the sink has not acknowledged.
        next: u64,
    },
    /// The agreement that a stream names does not hold: nothing is sent.
    StreamClosed {
        /// The stream's name.
        stream: String,
        /// How the agreement stands: one word.
        why: String,
    },
    /// The agreement that a stream names holds again.
    StreamOpened {
        /// The stream's name.
        stream: String,
    },
    /// Little room is left on the site's disks: it changes nothing until there is more.
    RoomLow {
        /// Bytes free.
        free: u64,
    },
    /// There is room again.
    RoomBack {
        /// Bytes free.
        free: u64,
    },
    /// A witness has not cosigned what there is for longer than the site's limit.
    WitnessSilent {
        /// The key's id, eight hexadecimal digits.
        witness: String,
        /// Events that it cosigned.
        size: u64,
    },
    /// A witness that was silent cosigns again.
    WitnessReturned {
        /// The key's id.
        witness: String,
        /// Events that it cosigned.
        size: u64,
    },
    /// The site stops by itself, in good order.
    SiteStopped {
        /// Why: `no-room`, `no-quorum` or `database-lost`.
        cause: String,
    },
    /// The metadata database was moved while the site was locked.
    DatabaseMoved {
        /// Where to: `server` or `file`.
        to: String,
        /// Rows that were moved.
        rows: u64,
    },
    /// A receipt was issued over a statement with this digest.
    ReceiptIssued {
        /// SHA-256 of the DSSE payload.
        payload: Sha256,
    },
}

/// How a decided act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Carried out.
    Done,
    /// Not carried out; the code says why.
    Failed,
    /// The process ended before it was known.
    Unknown,
}

/// What is committed to the ledger about a sealed object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The object.
    pub object: ObjectId,
    /// Its version, from 1.
    pub version: u32,
    /// Length in clear, bytes.
    pub plain_length: u64,
    /// Length as stored, bytes.
    pub cipher_length: u64,
    /// Number of segments.
    pub segments: u64,
    /// Root of the integrity tree over the stored bytes.
    pub root: Blake3,
    /// BLAKE3 of the content in clear, sealed under the object's session key; base64.
    pub sealed_digest: String,
    /// Nothing deletes it before this moment; none for the site's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<Timestamp>,
}

impl Event {
    /// An event of `actor`; the other fields follow by the methods below.
    pub fn new(actor: Actor, what: What) -> Self {
        Self {
            actor,
            on_behalf_of: None,
            request: None,
            project: None,
            purpose: None,
            about: Vec::new(),
            what,
        }
    }

    /// Names the project.
    #[must_use]
    pub fn in_project(mut self, project: Option<ProjectId>) -> Self {
        self.project = project;
        self
    }

    /// Names the things it is about.
    #[must_use]
    pub fn about(mut self, ids: impl IntoIterator<Item = String>) -> Self {
        self.about.extend(ids);
        self
    }

    /// Names the request.
    #[must_use]
    pub fn during(mut self, request: Option<RequestId>) -> Self {
        self.request = request;
        self
    }

    /// The chains that the event stands on: its things, its actor, the person behind it and its
    /// project, each once.
    pub fn chains(&self) -> Vec<String> {
        let mut chains = self.about.clone();
        chains.push(self.actor.to_string());
        chains.extend(self.on_behalf_of.iter().map(ToString::to_string));
        chains.extend(self.project.iter().map(ToString::to_string));
        chains.sort();
        chains.dedup();
        chains
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Id, SampleId, SystemEntropy};

    #[test]
    fn an_event_reads_back_and_names_each_chain_once() {
        let user = UserId::mint(&SystemEntropy);
        let sample = SampleId::mint(&SystemEntropy).to_string();
        let event = Event::new(
            Actor::User(user.clone()),
            What::Outcome {
                decision: 3,
                result: Outcome::Done,
                stored: true,
                code: None,
                bytes: Some(7),
                unwraps: Some(2),
            },
        )
        .about([sample.clone(), sample.clone()]);
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        let mut expected = vec![sample, user.to_string()];
        expected.sort();
        assert_eq!(event.chains(), expected);
    }
}
