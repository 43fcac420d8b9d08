//! Who acts on a throw-away site: one account for each right, named after it.

use super::{Site, text};
use crate::{Error, Result};
use base::entropy;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Someone who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The first account, a platform administrator.
    Administrator,
    /// An auditor of the site.
    Auditor,
    /// Administers the projects.
    Manager,
    /// An analyst in the projects.
    Analyst,
    /// A data exporter in the projects.
    Exporter,
    /// A data steward in the projects.
    Steward,
}

impl Who {
    /// The sign-in name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Administrator => "admin",
            Self::Auditor => "auditor",
            Self::Manager => "manager",
            Self::Analyst => "analyst",
            Self::Exporter => "exporter",
            Self::Steward => "steward",
        }
    }

    const fn in_project(self) -> Option<&'static str> {
        match self {
            Self::Analyst => Some("analyst"),
            Self::Exporter => Some("data-exporter"),
            Self::Steward => Some("data-steward"),
            Self::Administrator | Self::Auditor | Self::Manager => None,
        }
    }
}

const INVITED: [Who; 5] = [Who::Auditor, Who::Manager, Who::Analyst, Who::Exporter, Who::Steward];

/// A sample that came in, and its objects.
#[derive(Debug, Clone, Default)]
pub struct Package {
    /// The sample, `smp_…`.
    pub sample: String,
    /// Whose it is, `sub_…`.
    pub subject: String,
    /// Its objects, `obj_…`.
    pub objects: Vec<String>,
    /// The folder it came from.
    pub from: PathBuf,
}

/// Signs in the first administrator, then everybody else.
pub(super) fn gather(site: &Site, made: &Value) -> Result<()> {
    site.sign_in(Who::Administrator, made)?;
    for who in INVITED {
        let mut words = vec!["account", "create", who.name()];
        if who == Who::Auditor {
            words.extend(["--role", "auditor"]);
        }
        let invited = site.json(Who::Administrator, &words)?;
        site.sign_in(who, &invited)?;
    }
    Ok(())
}

/// Has the sessions of a copied site serve the copy: a session is good for its site in its folder.
pub(super) fn follow(room: &Path, folder: &Path) -> Result<()> {
    for who in [Who::Administrator].into_iter().chain(INVITED) {
        let path = room.join(format!("{}.session", who.name()));
        let kept = fs::read(&path).map_err(Error::io(&path))?;
        let mut kept: Value =
            serde_json::from_slice(&kept).map_err(|_| Error::unplayable("a session is no JSON"))?;
        if let Some(session) = kept.as_object_mut() {
            session.insert("folder".to_owned(), text(folder)?.into());
        }
        fs::write(&path, kept.to_string()).map_err(Error::io(&path))?;
    }
    Ok(())
}

impl Site {
    /// Signs `who` in by the one-time token of an invitation.
    pub fn sign_in(&self, who: Who, invitation: &Value) -> Result<()> {
        self.sign_in_as(who.name(), invitation)
    }

    /// The same of somebody who has no part of their own.
    pub fn sign_in_as(&self, name: &str, invitation: &Value) -> Result<()> {
        let token = invitation.get("token").and_then(Value::as_str);
        let token = token.ok_or_else(|| Error::unplayable("no one-time token was given"))?;
        let file = self.write(&format!("{name}.token"), token.as_bytes())?;
        let session = self.beside(&format!("{name}.session"));
        let words = ["login", "--token-file", text(&file)?, "--session", text(&session)?];
        self.alone(&[&words[..], &["--site", text(self.folder())?]].concat())?;
        fs::remove_file(&file).map_err(Error::io(&file))
    }

    /// Makes an account with these further words, and signs it in by its name; its id.
    pub fn invite(&self, name: &str, more: &[&str]) -> Result<String> {
        let words = [&["account", "create", name], more].concat();
        let invited = self.json(Who::Administrator, &words)?;
        self.sign_in_as(name, &invited)?;
        let id = invited.pointer("/account/id").and_then(Value::as_str).map(str::to_owned);
        id.ok_or_else(|| Error::unplayable("no account was made"))
    }

    /// A project in which analyst, exporter and steward are members; its id.
    pub fn project(&self, class: &str) -> Result<String> {
        self.project_named(class, "Throw-away", "NONE-1")
    }

    /// The same, of a name and a consent reference without blanks.
    pub fn project_named(&self, class: &str, name: &str, consent: &str) -> Result<String> {
        let words = format!(
            "project create --name {name} --class {class} --purpose research --term DUO:0000042 \
                 --granularity genome --framework none --incidental not-reported --basis board \
                 --region EU \
             --retention 90-days --consent {consent} --administrator manager"
        );
        let made = self.json(Who::Administrator, &words.split_whitespace().collect::<Vec<_>>())?;
        let id = made.get("id").and_then(Value::as_str);
        let id = id.ok_or_else(|| Error::unplayable("no project was made"))?.to_owned();
        for who in INVITED {
            if let Some(role) = who.in_project() {
                self.json(Who::Manager, &["member", "add", &id, who.name(), "--role", role])?;
            }
        }
        Ok(id)
    }

    /// Made reads of one sample, on disk and not yet taken in. Other seed, other reads.
    pub fn reads(&self, seed: u32) -> Result<PathBuf> {
        self.reads_of(seed, 3)
    }

    /// The same, so many on each base. Those that are there already stay as they are.
    pub fn reads_of(&self, seed: u32, coverage: u32) -> Result<PathBuf> {
        let folder = self.beside(&format!("reads-{seed}"));
        if !folder.exists() {
            let (word, coverage) = (seed.to_string(), coverage.to_string());
            self.alone(&["demo-data", text(&folder)?, "--seed", &word, "--coverage", &coverage])?;
            // Another person's, or a project would refuse them as reads that it has already.
            let sheet = folder.join("samplesheet.csv");
            let text = fs::read_to_string(&sheet).map_err(Error::io(&sheet))?;
            let other = text.replace("CASE-0100", &format!("CASE-{seed:04}"));
            fs::write(&sheet, other).map_err(Error::io(&sheet))?;
        }
        Ok(folder)
    }

    /// The words that take reads into a project.
    pub fn put<'a>(project: &'a str, sheet: &'a str, manifest: &'a str) -> [&'a str; 7] {
        ["intake", "put", project, "--sheet", sheet, "--manifest", manifest]
    }

    /// Takes made reads into a project.
    pub fn package(&self, project: &str, seed: u32) -> Result<Package> {
        let from = self.reads(seed)?;
        self.taken(project, from)
    }

    /// Takes the reads of a folder into a project.
    pub fn taken(&self, project: &str, from: PathBuf) -> Result<Package> {
        let before = self.ids(Who::Analyst, &["sample", "list", project])?;
        let (sheet, manifest) = (from.join("samplesheet.csv"), from.join("md5sums.txt"));
        self.json(Who::Analyst, &Self::put(project, text(&sheet)?, text(&manifest)?))?;
        let now = self.ids(Who::Analyst, &["sample", "list", project])?;
        let new = now.into_iter().find(|id| !before.contains(id));
        let sample = new.ok_or_else(|| Error::unplayable("no sample came in"))?;
        let objects = self.ids(Who::Exporter, &["object", "list", &sample])?;
        let shown = self.json(Who::Analyst, &["sample", "show", &sample])?;
        let subject = shown.get("subject").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Package { sample, subject, objects, from })
    }

    /// Has an object released; the file, if one came. To a recipient nobody is, unless one was named.
    pub fn release(&self, object: &str) -> Result<(super::Done, Option<PathBuf>)> {
        let (mut command, out) = self.releasing(object)?;
        let done = self.done(&mut command)?;
        Ok((done, out.exists().then_some(out)))
    }

    /// The same, not started, and the file that comes out of it.
    pub fn releasing(&self, object: &str) -> Result<(Command, PathBuf)> {
        let to = self.beside("recipient.pub");
        if !to.exists() {
            // Any 32 bytes are a public key of X25519.
            self.recipient(&entropy::bytes::<32>(&*self.random))?;
        }
        let out = self.beside("released.c4gh");
        let _ = fs::remove_file(&out);
        let words =
            ["object", "get", object, "--reason", "control", "--to", text(&to)?, "--out", text(&out)?];
        Ok((self.command(Who::Exporter, &words), out))
    }

    /// Names the recipient of what is released, once.
    pub fn recipient(&self, public: &[u8]) -> Result<()> {
        let key = STANDARD.encode(public);
        let frame = |end: &str| format!("-----{end} CRYPT4GH PUBLIC KEY-----\n");
        let file = format!("{}{key}\n{}", frame("BEGIN"), frame("END"));
        self.write("recipient.pub", file.as_bytes()).map(drop)
    }
}
