//! Backups: made and checked step by step, by the site's process, in folders that it can reach.

use crate::schema::Of;
use base::ObjectId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `backup create`: one step. Asked again, from where it stopped, until it is done.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The folder of the backup, absolute.
    pub folder: String,
    /// The folder of recovery files, absolute, apart from the backup and the site.
    pub recovery: String,
    /// Days that a new epoch lasts, 1 to 3,660.
    pub days: u32,
    /// Where the step before stopped.
    #[serde(default)]
    pub from: u64,
    /// Which folder the client means by `folder`; absent from another machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder_is: Option<Identity>,
    /// Which folder it means by `recovery`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_is: Option<Identity>,
}

/// A folder as the kernel knows it: the one of that path, or the nearest above it that is there. A process with
/// mounts of its own may find another one by the same path, and is then to do nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The number of its device.
    pub device: u64,
    /// The number of its inode.
    pub inode: u64,
}

/// How far a backup is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Created {
    /// The set.
    pub set: u32,
    /// Where to go on.
    pub next: u64,
    /// Versions in it.
    pub objects: u64,
    /// Versions copied.
    pub copied: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The recovery file.
    pub recovery: String,
    /// When the set opens no more, and the recovery file is to be destroyed.
    pub expires: String,
    /// Days that the epoch lasts which the set opens in; those that were asked for count from the next one on.
    #[serde(default)]
    pub days: u32,
    /// Versions found damaged in the site.
    pub damaged: Vec<Version>,
    /// Whether it is whole.
    pub done: bool,
    /// Versions that it does not have, once it is whole.
    pub absent: Vec<Version>,
}

/// A version of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Version {
    /// The object.
    #[schemars(with = "Of<base::ObjectId>")]
    pub object: ObjectId,
    /// The version.
    pub version: u32,
}

/// `backup verify`: one step.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "VerifyBackup")]
pub struct Verify {
    /// The folder of the backup, absolute.
    pub folder: String,
    /// The set; the newest when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<u32>,
    /// Where the step before stopped.
    #[serde(default)]
    pub from: u64,
    /// Which folder the client means by `folder`; absent from another machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder_is: Option<Identity>,
}

/// What a step of a check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verified {
    /// The set.
    pub set: u32,
    /// Where to go on; absent when everything was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// Versions in the set.
    pub objects: u64,
    /// Versions restored and compared.
    pub compared: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is damaged, each with its file.
    pub findings: Vec<String>,
}
