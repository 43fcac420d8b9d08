//! An incident: what acts touched, whose data that was, and who got it.

use crate::schema::{Moment, Of};
use base::{ProjectId, SubjectId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `audit incident`: whose acts, or acts on what. The answer is an export with proofs, whose head has the
/// [`Incident`]; at least one of the first four is named, and all that are hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Suspected {
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
    /// Not before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub since: Option<Timestamp>,
    /// Before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub until: Option<Timestamp>,
}

/// What acts on record touched, from the ledger alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// Allowed decisions.
    pub acts: u64,
    /// Denied ones.
    pub refused: u64,
    /// Bytes that left the site.
    pub released: u64,
    /// Whose data was named, by subject; the actions tell how.
    pub people: Vec<Touched>,
    /// The samples, readsets, runs and objects.
    pub things: Vec<Touched>,
    /// Projects of which everybody was listed.
    pub lists: Vec<Listed>,
    /// Who acted, and so got what it showed.
    pub accounts: Vec<Account>,
    /// The keys (`rcp_`) that objects were released to.
    pub keys: Vec<Touched>,
    /// What let somebody in or gave something on meanwhile, the oldest first.
    pub given: Vec<Given>,
    /// Things that no link on record leads from to a person.
    pub of_nobody: Vec<String>,
    /// Things whose people another project knows.
    pub of_others: Vec<OfOthers>,
}

/// Something that was touched, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Touched {
    /// Its id.
    pub id: String,
    /// By which acts.
    #[serde(flatten)]
    pub by: Acts,
    /// Whether bytes left the site by one of them.
    pub left: Left,
}

/// Whether bytes left the site by an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "IncidentLeft")]
pub enum Left {
    /// None did.
    No,
    /// It could, and its end is not on record: it is under way, or the process died.
    Unknown,
    /// Some did.
    Yes,
}

/// Allowed acts, together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "IncidentActs")]
pub struct Acts {
    /// How many.
    pub acts: u64,
    /// What was asked for.
    pub actions: Vec<String>,
    /// The first time.
    #[schemars(with = "Moment")]
    pub first: Timestamp,
    /// The last.
    #[schemars(with = "Moment")]
    pub last: Timestamp,
}

/// A project of which everybody was listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "IncidentList")]
pub struct Listed {
    /// The project.
    #[schemars(with = "Of<ProjectId>")]
    pub project: String,
    /// Everybody whom its events named by then.
    #[schemars(with = "Vec<Of<SubjectId>>")]
    pub people: Vec<String>,
    /// By which acts.
    #[serde(flatten)]
    pub by: Acts,
}

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "IncidentAccount")]
pub struct Account {
    /// The account.
    pub actor: String,
    /// Its sign-in name, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The person that a service account acted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Of<UserId>>")]
    pub on_behalf_of: Option<UserId>,
    /// By which acts.
    #[serde(flatten)]
    pub by: Acts,
    /// Bytes that left the site.
    pub bytes: u64,
}

/// An event that let somebody in or gave something on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "IncidentGiven")]
pub struct Given {
    /// Where it stands.
    pub position: u64,
    /// When.
    #[schemars(with = "Moment")]
    pub time: Timestamp,
    /// Its kind.
    pub event: String,
    /// To whom, and what.
    pub about: Vec<String>,
}

/// A thing whose people another project knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OfOthers {
    /// The thing.
    pub id: String,
    /// The project.
    #[schemars(with = "Of<ProjectId>")]
    pub project: String,
}
