//! Who acts in the story: one account for each right, named after it.

use super::stage::{Stage, text_of};
use anyhow::{Context, Result, ensure};
use base::SystemEntropy;
use seal::{SecretKey, keyfile};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Someone who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Administrator,
    Approver,
    Auditor,
    Manager,
    Analyst,
    Viewer,
    Exporter,
    Steward,
}

impl Role {
    /// The sign-in name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Administrator => "admin",
            Self::Approver => "approver",
            Self::Auditor => "auditor",
            Self::Manager => "manager",
            Self::Analyst => "analyst",
            Self::Viewer => "viewer",
            Self::Exporter => "exporter",
            Self::Steward => "steward",
        }
    }
}

/// Those who are invited by the administrator, and their role on the site.
const INVITED: &[(Role, Option<&str>)] = &[
    (Role::Approver, Some("pipeline-approver")),
    (Role::Auditor, Some("auditor")),
    (Role::Manager, None),
    (Role::Analyst, None),
    (Role::Viewer, None),
    (Role::Exporter, None),
    (Role::Steward, None),
];

/// The members of the project.
const MEMBERS: &[(Role, &str)] = &[
    (Role::Analyst, "analyst"),
    (Role::Viewer, "viewer"),
    (Role::Exporter, "data-exporter"),
    (Role::Steward, "data-steward"),
];

/// Makes the site and signs everybody in.
pub fn gather(stage: &mut Stage<'_>) -> Result<()> {
    stage.say("A site is one directory. Its first administrator signs in by a one-time token.");
    let site = stage.site().to_owned();
    let made = stage.json_alone(&["init", text_of(&site)?])?;
    sign_in(stage, Role::Administrator, &made)?;
    for (role, on_site) in INVITED {
        let mut create = vec!["account", "create", role.name()];
        if let Some(held) = on_site {
            create.extend(["--role", held]);
        }
        let invited = stage.json(Role::Administrator, &create)?;
        sign_in(stage, *role, &invited)?;
    }
    Ok(())
}

fn sign_in(stage: &mut Stage<'_>, role: Role, invitation: &serde_json::Value) -> Result<()> {
    let token = invitation.get("token").and_then(|t| t.as_str()).context("no one-time token was given")?;
    let file = stage.room().join(format!("{}.token", role.name()));
    base::durable::create_once(&file, token.as_bytes())?;
    stage.act(role, "login", &["--token-file", text_of(&file)?])?;
    fs::remove_file(file)?;
    Ok(())
}

/// Makes the project and adds its members; gives its id.
pub fn project(stage: &mut Stage<'_>) -> Result<String> {
    stage.say("A project states class, purpose, data-use terms, region, retention and consent.");
    let create = [
        "--name",
        "Demo",
        "--class",
        "research",
        "--purpose",
        "research",
        "--term",
        "DUO:0000042",
        "--granularity",
        "genome",
        "--framework",
        "none",
        "--incidental",
        "not-reported",
        "--basis",
        "board",
        "--region",
        "EU",
        "--retention",
        "90-days",
        "--consent",
        "DEMO-1",
        "--administrator",
        "manager",
    ];
    stage.act(Role::Administrator, "project create", &create)?;
    let project = stage.id(Role::Manager, &["project", "list"])?;
    for (role, held) in MEMBERS {
        stage.act(Role::Manager, "member add", &[&project, role.name(), "--role", held])?;
    }
    Ok(project)
}

/// Makes a recipient's key pair, as a collaborator elsewhere would; gives the public key's file.
pub fn recipient(stage: &Stage<'_>) -> Result<PathBuf> {
    let secret = SecretKey::mint(&SystemEntropy);
    base::durable::create_once(
        &stage.room().join("recipient.sec"),
        keyfile::write_secret(&secret)?.as_bytes(),
    )?;
    let public = stage.room().join("recipient.pub");
    base::durable::create_once(&public, keyfile::write_public(&secret.public()?).as_bytes())?;
    Ok(public)
}

/// Opens what was released with the recipient's key and says what it is.
pub fn open_released(stage: &mut Stage<'_>, file: &Path) -> Result<()> {
    let secret = keyfile::read_secret(&fs::read(stage.room().join("recipient.sec"))?, None)?;
    let mut content = Vec::new();
    seal::foreign::Reader::new(fs::File::open(file)?, &secret)?.read_to_end(&mut content)?;
    ensure!(content.starts_with(&[0x1f, 0x8b]), "what was released is not a compressed VCF");
    stage.say(&format!("Opened with the recipient's key: {} bytes of compressed VCF.", content.len()));
    Ok(())
}
