//! The ledger and its histories.

use crate::incident::{Incident, Suspected};
use crate::schema::{Moment, Of};
use base::{DeletionId, Kind, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `audit search`: conditions that all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Search {
    /// A thing or an account, with what is linked to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Who acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// For whom a service account acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// The project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// A decision's action, or the kind of an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// How decisions ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Not before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub since: Option<Timestamp>,
    /// Before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub until: Option<Timestamp>,
    /// Most events, up to 10,000; 1000 when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Where the answer before this one ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Whether each event comes with its leaf and its proof.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub proof: bool,
}

/// `audit volume`: how far back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "VolumeSince")]
pub struct Since {
    /// Not before this time; 30 days when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub since: Option<Timestamp>,
}

/// Keys that were unwrapped, by day and account, the newest day first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Volumes {
    /// By day and account.
    pub volumes: Vec<Volume>,
    /// Whether all of the time asked for was read.
    pub whole: bool,
}

/// What one account had unwrapped on one day.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Volume {
    /// The day, UTC.
    pub day: String,
    /// The account.
    pub actor: String,
    /// Its sign-in name, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Keys of objects that were unwrapped.
    pub unwraps: u64,
    /// Decisions for which any was.
    pub decisions: u64,
}

/// How a decision ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// It allowed.
    Allowed,
    /// It denied.
    Denied,
}

/// A page of what `audit search` found, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct History {
    /// The events.
    pub events: Vec<Entry>,
    /// The ids whose chains were walked; none when the question names none.
    pub chains: Vec<String>,
    /// The ledger's size when the first page was asked for.
    pub size: u64,
    /// Every position from here up to `size`, or to the page before, was answered for.
    pub from: u64,
    /// Whether the predecessor chains, walked from their heads to their beginnings by this page and
    /// those before it, show that nothing is missing.
    pub complete: bool,
    /// Whether a chain has a gap.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub broken: bool,
    /// Why it is not complete, or not known to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
    /// Where the next page begins, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The signed checkpoint that the proofs lead to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
}

/// One event for people.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Its position in the ledger.
    pub position: u64,
    /// When.
    #[schemars(with = "Moment")]
    pub time: Timestamp,
    /// Who: an account's id, or the site's.
    pub actor: String,
    /// The account's sign-in name, where the caller may know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What, in one line.
    pub what: String,
    /// The ids it is about.
    pub about: Vec<String>,
    /// The stated purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The person's own words for why, where the caller may read them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What erased the words, where nobody can read them again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<Erased>,
    /// The event as recorded.
    pub event: serde_json::Value,
    /// The leaf as it stands in the ledger, where proofs were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<String>,
    /// The hashes that lead from the leaf to the checkpoint's root (RFC 6962), base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Vec<String>>,
}

/// What erased a person's own words in an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Erased {
    /// The project or subject whose keys were shredded.
    pub scope: String,
    /// The ledger position of the decision to shred them.
    pub position: u64,
    /// The certificate, for `receipt show`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Of<base::DeletionId>>")]
    pub certificate: Option<DeletionId>,
}

/// `ledger verify`: a checkpoint kept elsewhere to compare with, if any.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Verify {
    /// The checkpoint's text.
    pub against: Option<String>,
}

/// `ledger prove`: which event, and what to tie to the checkpoint of its proof.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prove {
    /// The event's position.
    pub position: u64,
    /// The text of a checkpoint kept elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
}

/// `ledger watch`: the answer is one leaf a line, as hashed, from a position on.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Watch {
    /// The first position; none stands for what comes next.
    pub from: Option<u64>,
    /// Whether the answer goes on with what comes; it ends at the ledger's size now otherwise.
    pub follow: bool,
}

/// `audit export`: events as lines for others, by their positions or by a search; the answer is one line an
/// event, in the order of positions.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Export {
    /// What a line is.
    pub form: Form,
    /// The first position; 0 unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// The position after the last; the ledger's size unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// The events that answer these conditions, instead of positions. Neither a limit nor a cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
}

/// What a line of an export is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// An OCSF record, as the streams send it.
    #[default]
    Ocsf,
    /// The leaf and the proof that the checkpoint holds it; the checkpoint is in the first line, an [`ExportHead`].
    Proof,
}

/// The first line of an export with proofs.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ExportHead {
    /// [`ExportHead::FORMAT`].
    pub export: String,
    /// The ledger's name.
    pub ledger: String,
    /// The signed checkpoint that every proof leads to.
    pub checkpoint: String,
    /// Lines that follow.
    pub events: u64,
    /// The first position and the one after the last, where positions were asked for: every event between
    /// follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positions: Option<[u64; 2]>,
    /// The search, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// What an incident was asked about, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspected: Option<Suspected>,
    /// What the events that follow say of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Incident>,
    /// Whether nothing that answers is missing: positions have no gap, or the chains of predecessors show it.
    pub complete: bool,
    /// Whether a chain has a gap.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub broken: bool,
    /// Why it is not complete, or not known to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

impl ExportHead {
    /// The format's name.
    pub const FORMAT: &'static str = "sequestra-audit-export/v1";
}

/// A line after the first of an export with proofs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExportLine {
    /// The event's position.
    pub position: u64,
    /// The leaf as it stands in the ledger.
    pub leaf: String,
    /// The hashes that lead from it to the checkpoint's root (RFC 6962), base64.
    pub proof: Vec<String>,
}

/// What a full verification found.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    /// Events.
    pub size: u64,
    /// Root over them, base64.
    pub root: String,
    /// Signed commit records that were checked.
    pub commits: u64,
    /// Tiles that were checked.
    pub tiles: u64,
    /// How the checkpoint kept elsewhere relates: `consistent`, `diverged` or `ahead`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    /// What is wrong, each with its place. Empty when all is well.
    pub findings: Vec<String>,
}

impl Verification {
    /// Whether all is well.
    pub fn sound(&self) -> bool {
        self.findings.is_empty() && self.against.as_deref().is_none_or(|a| a == "consistent")
    }

    /// The kind of failure when it is not.
    pub const KIND: Kind = Kind::Integrity;
}
