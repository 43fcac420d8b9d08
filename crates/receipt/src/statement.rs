//! What a receipt says: an in-toto Statement v1 whose subjects are the outputs.

use crate::{Error, Result};
use base::{Blake3, ObjectId, ProjectId, SiteId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The `_type` of every statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The `predicateType` of every receipt. Its meaning never changes; a new one gets a new name.
pub const PREDICATE_TYPE: &str = "https://sequestra.dev/receipt/v1";

/// An in-toto Statement v1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    /// The outputs.
    pub subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    /// How they came to be.
    pub predicate: Predicate,
}

/// An output: its object id, and the root of the tree over its ciphertext.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The object.
    pub name: ObjectId,
    /// Its digests.
    pub digest: CiphertextDigest,
}

/// A digest of an object that says nothing about its content in clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CiphertextDigest {
    /// BLAKE3 root of the integrity tree over the stored bytes, hexadecimal.
    #[serde(rename = "blake3-ciphertext-tree")]
    pub root: Blake3,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Files came in through the controlled door.
    Intake,
    /// A workflow ran.
    Run,
    /// Called variants were loaded into the lake.
    Lake,
    /// A report was made.
    Report,
    /// A reference was registered.
    Reference,
    /// A tool was registered.
    Tool,
    /// Keys were shredded, and the outputs cannot be read again.
    Erasure,
    /// A run was stopped, since its data might not be used any more; nothing of it was kept.
    Stop,
}

/// An input: its object id and the root over its ciphertext.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// The object.
    pub id: ObjectId,
    /// BLAKE3 root of the integrity tree over the stored bytes, hexadecimal.
    pub root: Blake3,
}

/// The workflow that ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// Its name, as shipped or registered.
    pub name: String,
    /// BLAKE3 of its source.
    pub source: Blake3,
}

/// A tool that ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version, as the tool tells it.
    pub version: String,
    /// BLAKE3 of its whole closure.
    pub closure: Blake3,
}

/// The reference that was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Its id, `ref_…`.
    pub id: base::ReferenceId,
    /// The digest that pins its files.
    pub digest: Blake3,
}

/// Where the permission for the act stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// The ledger's name.
    pub origin: String,
    /// The position of the decision that allowed the act.
    pub position: u64,
}

/// How the outputs came to be. Ids and digests only: no display label, no digest of clear bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    /// What was done.
    pub what: What,
    /// The thing that it made or was: `run_…`, `obj_…`, `rds_…`, `ref_…`, `tol_…`.
    pub id: String,
    /// The site.
    pub site: SiteId,
    /// The project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
    /// Further ids that it concerns, such as the sample's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
    /// The inputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Object>,
    /// The workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Workflow>,
    /// The tools, in order of first use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// The reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// Parameters by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Who did it: `usr_…`, `svc_…` or `sit_…`.
    pub actor: String,
    /// The person a service account acted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<UserId>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// Quality figures by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub quality: BTreeMap<String, f64>,
    /// Where the permission for it stands.
    pub ledger: Ledger,
}

impl Predicate {
    /// A predicate with the parts that every receipt has; the other fields are empty and public.
    pub fn new(
        what: What,
        id: impl Into<String>,
        site: SiteId,
        actor: impl Into<String>,
        time: (Timestamp, Timestamp),
        ledger: Ledger,
    ) -> Self {
        Self {
            what,
            id: id.into(),
            site,
            project: None,
            about: Vec::new(),
            inputs: Vec::new(),
            workflow: None,
            tools: Vec::new(),
            reference: None,
            parameters: BTreeMap::new(),
            actor: actor.into(),
            on_behalf_of: None,
            started: time.0,
            finished: time.1,
            quality: BTreeMap::new(),
            ledger,
        }
    }
}

impl Statement {
    /// A statement about `outputs`.
    pub fn new(outputs: impl IntoIterator<Item = Object>, predicate: Predicate) -> Self {
        let subject = outputs
            .into_iter()
            .map(|output| Subject { name: output.id, digest: CiphertextDigest { root: output.root } })
            .collect();
        Self {
            kind: STATEMENT_TYPE.to_owned(),
            subject,
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate,
        }
    }

    /// Whether the types are a receipt's and every name that has to be an id is one.
    pub(crate) fn check(&self) -> Result<()> {
        if self.kind != STATEMENT_TYPE || self.predicate_type != PREDICATE_TYPE {
            return Err(Error::Malformed("the statement is of another type"));
        }
        let predicate = &self.predicate;
        if !is_id(&predicate.id) {
            return Err(Error::NotAnId("id"));
        }
        if !is_id(&predicate.actor) {
            return Err(Error::NotAnId("actor"));
        }
        if !predicate.about.iter().all(|id| is_id(id)) {
            return Err(Error::NotAnId("about"));
        }
        Ok(())
    }
}

/// Whether `text` has the shape of an id with a prefix from the registry.
fn is_id(text: &str) -> bool {
    let Some((prefix, rest)) = text.split_once('_') else { return false };
    let known = base::id::PREFIXES.iter().any(|(known, _)| *known == prefix);
    known && rest.len() == 20 && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}
