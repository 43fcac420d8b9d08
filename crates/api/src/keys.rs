//! The site's keys: how they stand, rotation, and the move to another provider.
//!
//! Credentials travel in bodies, over the socket inside the site; they are in no path, header or log.

use crate::schema::Of;
use base::{ProjectId, Sensitive};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `keys status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeysStatus")]
pub struct Status {
    /// What the secrets are sealed under: `passphrase`, `shares`, `token` or `service`.
    pub provider: String,
    /// How many shares it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<u8>,
    /// How many shares there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<u8>,
    /// Whether controlled and clinical projects may be made.
    pub strong: bool,
    /// The root and every scope of keys.
    pub scopes: Vec<Scope>,
}

/// One scope of keys: `root`, `site`, a project or a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Scope {
    /// Its name.
    pub scope: String,
    /// The generations there are; several while a rotation is unfinished.
    pub generations: Vec<i32>,
    /// Rows on the newest.
    pub newest: u64,
    /// Rows on older ones.
    pub older: u64,
}

/// `keys rotate`: one step. Asked again until it is finished.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    /// `root`, `site`, a project or a subject.
    pub scope: String,
    /// Whether to begin one, if none is under way.
    pub begin: bool,
    /// What unseals the site; for `root`.
    #[serde(default, with = "secret", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub credential: Option<Sensitive<String>>,
}

/// How far a rotation is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rotation {
    /// The scope.
    pub scope: String,
    /// Rows still on an older generation.
    pub left: u64,
    /// What it proved, once it is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

/// What a finished rotation proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The scope.
    pub scope: String,
    /// The generation in force.
    pub generation: i32,
    /// The generations that were destroyed.
    pub destroyed: Vec<i32>,
    /// Rows that were opened with the newest key.
    pub checked: u64,
    /// Rows on an older key.
    pub left: u64,
    /// Bytes of bodies that were read or written.
    pub body_bytes: u64,
}

/// What a site is to be sealed under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "provider", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Provider {
    /// A passphrase.
    Passphrase {},
    /// So many shares of so many.
    Shares {
        /// How many it takes.
        needed: u8,
        /// How many are made.
        made: u8,
    },
    /// A key in a PKCS#11 token.
    Pkcs11 {
        /// The token's label.
        token: String,
        /// The key's label.
        label: String,
    },
    /// A key of a Vault or OpenBao transit engine.
    Transit {
        /// Where the engine is mounted.
        mount: String,
        /// The key's name.
        name: String,
    },
}

/// `keys migrate`, first half: prepares.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prepare {
    /// What unseals the site now.
    #[serde(with = "secret")]
    #[schemars(with = "Option<String>")]
    pub credential: Option<Sensitive<String>>,
    /// What it is to be sealed under.
    pub to: Provider,
    /// The new passphrase or the token's PIN.
    #[serde(default, with = "secret", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub new: Option<Sensitive<String>>,
}

/// What was prepared.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Prepared {
    /// The shares to hand out. Shown once, kept nowhere.
    pub shares: Vec<String>,
}

/// `keys migrate`, second half: what people now hold opens the site, so it takes effect.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Complete {
    /// What is to unseal the site from now on.
    #[serde(with = "secret")]
    #[schemars(with = "Option<String>")]
    pub credential: Option<Sensitive<String>>,
}

/// `keys shred`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shred {
    /// The subject; the whole project when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Of<base::SubjectId>>")]
    pub subject: Option<base::SubjectId>,
}

/// What was shredded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shredded {
    /// The project.
    #[schemars(with = "Of<base::ProjectId>")]
    pub project: ProjectId,
    /// The certificates: receipts as files, each over at most 400 objects.
    pub certificates: Vec<Certificate>,
    /// Scopes whose keys were destroyed.
    pub scopes: Vec<String>,
    /// How many objects became unreadable.
    pub objects: u64,
    /// Those of them that other projects made, of somebody whom they were lent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<ErasedElsewhere>,
    /// When the last older backup of the keys can no longer be opened; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<String>,
}

/// What became unreadable in another project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErasedElsewhere {
    /// The project.
    #[schemars(with = "Of<base::ProjectId>")]
    pub project: ProjectId,
    /// How many objects.
    pub objects: u64,
}

/// A certificate of an erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Certificate {
    /// Its id, `del_…`.
    #[schemars(with = "Of<base::DeletionId>")]
    pub id: base::DeletionId,
    /// The receipt, byte by byte as signed.
    pub receipt: String,
}

/// A secret as text of a body, and as nothing else.
mod secret {
    use base::Sensitive;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &Option<Sensitive<String>>, to: S) -> Result<S::Ok, S::Error> {
        value.as_ref().map(Sensitive::reveal).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Sensitive<String>>, D::Error> {
        Ok(Option::<String>::deserialize(from)?.map(Sensitive::new))
    }
}
