//! From uploaded files to a reference: written into a scratch, prepared in a sealed job, sealed.

use crate::lease::Lease;
use crate::sealed::{self, Order};
use crate::workflow::{INDEX, index_outputs};
use crate::{Error, Progress, Runs, Tool, plaintext};
use access::thing::Site;
use access::verb::Manage;
use access::{Action, Permit};
use archive::{Object, Sealed, Spec};
use audit::What;
use base::{Blake3, Id, ObjectId, Timestamp};
use catalog::{Reference, ReferenceFile};
use executor::{CancelToken, Finished, Scratch, ScratchKind, outputs};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use tokio::runtime::Handle;

/// What an uploaded file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The sequence, plain or gzip: `reference.fa`.
    Sequence,
    /// Gene models in Ensembl's GFF3, plain or gzip: `genes.gff3`.
    Genes,
    /// Population frequencies: `frequencies.vcf.gz`.
    Frequencies,
    /// Clinical significance: `significance.vcf.gz`.
    Significance,
}

impl Role {
    const ALL: [Self; 4] = [Self::Sequence, Self::Genes, Self::Frequencies, Self::Significance];

    /// The role's name, which is also the file's name inside a job.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sequence => "reference.fa",
            Self::Genes => "genes.gff3",
            Self::Frequencies => "frequencies.vcf.gz",
            Self::Significance => "significance.vcf.gz",
        }
    }

    /// The role of this name.
    pub fn parse(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|role| role.as_str() == name).ok_or_else(|| Error::Unknown {
            what: "file of a reference",
            name: crate::error::shown(name),
            known: Self::ALL.map(Self::as_str).join(", "),
        })
    }

    const fn input(self) -> &'static str {
        match self {
            Self::Sequence => "fasta",
            Self::Genes => "genes",
            Self::Frequencies => "frequencies",
            Self::Significance => "significance",
        }
    }
}

/// A reference on its way in. Its files lie in an encrypted scratch; dropping it destroys them.
pub struct ReferenceUpload {
    runs: Runs,
    label: String,
    scratch: Scratch,
    roles: BTreeSet<Role>,
    tools: Vec<Tool>,
    started: Timestamp,
}

impl Runs {
    /// Begins a reference: checks the tools that will prepare it and mounts the scratch that its
    /// files are written to.
    pub async fn begin_reference(
        &self,
        permit: &Permit<Manage, Site>,
        label: &str,
    ) -> Result<ReferenceUpload, Error> {
        permit.live()?;
        let tools = self.tools_named(&INDEX.tools()?).await?;
        let runs = self.clone();
        let mounted = tokio::task::spawn_blocking(move || {
            let bytes = runs.inner.settings.limits.output_bytes;
            Ok::<_, Error>(runs.executor()?.scratch(ScratchKind::Auto, bytes)?)
        });
        let scratch = mounted.await.map_err(|_| Error::Defect)??;
        let started = self.inner.clock.now();
        let label = label.to_owned();
        Ok(ReferenceUpload { runs: self.clone(), label, scratch, roles: BTreeSet::new(), tools, started })
    }
}

impl ReferenceUpload {
    /// Writes one file into the scratch as it arrives. Blocks. Gives the number of bytes.
    pub fn write_file(&mut self, role: Role, mut content: impl Read) -> Result<u64, Error> {
        if !self.roles.insert(role) {
            return Err(Error::Upload("a file was sent twice"));
        }
        let path = self.scratch.inputs().join(role.as_str());
        plaintext::write(&path, &mut content, &mut || Ok(()))
    }

    /// Prepares the files in a sealed job, seals every output as an object of the site, and
    /// registers the reference with its receipt: all or nothing.
    ///
    /// The permit is decided anew while the work goes on. `progress` is told of each step.
    pub async fn finish(
        self,
        permit: Permit<Manage, Site>,
        progress: impl FnMut(&Progress) + Send + 'static,
    ) -> Result<Reference, Error> {
        if !self.roles.contains(&Role::Sequence) {
            return Err(Error::Upload("it has no `reference.fa`"));
        }
        let inner = &self.runs.inner;
        let every = inner.settings.renew_every;
        let handle = Handle::current();
        let lease = Lease::hold(&handle, inner.access.clone(), Action::RegisterReference, permit, every);
        let mut work = Preparation {
            upload: self,
            lease,
            handle,
            progress: Box::new(progress),
            started: false,
            finished: None,
        };
        let done = tokio::task::spawn_blocking(move || {
            let runs = work.upload.runs.clone();
            (runs, work.prepare(), work)
        });
        let (runs, produced, work) = done.await.map_err(|_| Error::Defect)?;
        let Preparation { upload, lease, started, finished, .. } = work;
        let ReferenceUpload { scratch, label, tools, started: begun, .. } = upload;
        let gone = tokio::task::spawn_blocking(move || scratch.destroy()).await.map_err(|_| Error::Defect)?;
        lease.end().await;
        let permit = lease.permit();
        if started {
            let ended = (produced.is_ok(), finished.and_then(|f| f.exit), gone.is_ok());
            sealed::record_end(&runs, &permit, Vec::new(), ended).await?;
        }
        let produced = produced?;
        gone?;
        lease.check()?;
        runs.admit_reference(&permit, &label, &tools, produced, begun).await
    }
}

type Prepared = Vec<(&'static str, Sealed)>;

struct Preparation {
    upload: ReferenceUpload,
    lease: Lease<Manage, Site>,
    handle: Handle,
    progress: Box<dyn FnMut(&Progress) + Send>,
    started: bool,
    finished: Option<Finished>,
}

impl Preparation {
    fn prepare(&mut self) -> Result<Prepared, Error> {
        let runs = &self.upload.runs;
        let root = sealed::root(runs, &self.upload.tools)?;
        let permit = self.lease.permit();
        self.handle.block_on(sealed::record_start(runs, &permit, Vec::new(), &self.upload.tools))?;
        self.started = true;
        let inputs: Map<String, Json> = self
            .upload
            .roles
            .iter()
            .map(|role| (role.input().to_owned(), json!(format!("/in/{}", role.as_str()))))
            .collect();
        let mut seen = Progress::queued();
        let redactor = runs.redactor(None);
        let (lease, tell) = (&self.lease, &mut self.progress);
        let order = Order {
            workflow: INDEX,
            root: &root,
            scratch: &self.upload.scratch,
            inputs,
            cancel: CancelToken::new(),
            holds: Box::new(|| lease.holds()),
            on_line: Box::new(|stream, line| {
                seen.take(stream, line, &redactor);
                tell(&seen);
            }),
        };
        let finished = sealed::run(runs, order)?;
        self.finished = Some(finished.clone());
        let failed = seen.tasks.iter().find(|task| task.state == "failed").map(|task| task.name.clone());
        let lost = || self.lease.check().err().unwrap_or(Error::Revoked);
        sealed::judge(&finished, failed, &seen.log, lost)?;
        self.seal()
    }

    fn seal(&self) -> Result<Prepared, Error> {
        let given = |name: &str| self.upload.roles.iter().any(|role| role.as_str() == name);
        let wanted = index_outputs(given);
        let index = executor::Declared {
            name: "outputs.json".to_owned(),
            kind: executor::OutputKind::Json,
            required: true,
        };
        let declared: Vec<_> = wanted.iter().map(|(_, declared)| declared.clone()).chain([index]).collect();
        let files = outputs::collect(&self.upload.scratch.outputs(), &declared)?;
        let mut sealed = Vec::with_capacity(wanted.len());
        for (file, (role, _)) in files.into_iter().zip(wanted) {
            let spec = Spec { kind: "reference", subject: None, links: Vec::new() };
            let mut draft = self.upload.runs.inner.archive.draft(&self.lease.permit(), spec)?;
            let mut from = file.file;
            let mut buffer = vec![0u8; 1 << 20];
            loop {
                self.lease.check()?;
                let count = from.read(&mut buffer)?;
                match buffer.get(..count) {
                    Some(piece) if !piece.is_empty() => draft.write_all(piece)?,
                    _ => break,
                }
            }
            sealed.push((role, draft.seal()?));
        }
        Ok(sealed)
    }
}

impl Runs {
    async fn admit_reference(
        &self,
        permit: &Permit<Manage, Site>,
        label: &str,
        tools: &[Tool],
        prepared: Prepared,
        begun: Timestamp,
    ) -> Result<Reference, Error> {
        let inner = &self.inner;
        let (roles, mut sealed): (Vec<&str>, Vec<Sealed>) = prepared.into_iter().unzip();
        let files = roles
            .iter()
            .zip(&sealed)
            .map(|(role, draft)| ReferenceFile { role: (*role).to_owned(), object: draft.id().clone() })
            .collect();
        let outputs: Vec<(ObjectId, Blake3)> =
            sealed.iter().map(|draft| (draft.id().clone(), draft.root())).collect();
        let tx = inner.db.begin(permit.decision()).await?;
        let made = inner.catalog.add_reference(permit, &tx, label, files).await?;
        inner.archive.admit(permit, &tx, &mut sealed).await?;
        let mut predicate =
            inner.receipts.predicate(permit, receipt::What::Reference, made.id.as_str(), begun);
        predicate.workflow = Some(receipt::Workflow { name: INDEX.name.to_owned(), source: INDEX.digest() });
        predicate.tools = tools.iter().map(Tool::in_receipt).collect();
        inner.receipts.issue(permit, &tx, predicate, &outputs).await?;
        let linked = permit
            .event(What::Linked {})
            .about(std::iter::once(made.id.to_string()).chain(outputs.iter().map(|(id, _)| id.to_string())));
        inner.audit.follow(&linked).await?;
        permit.live()?;
        tx.commit().await?;
        Ok(made)
    }
}

/// The digest that pins a reference: BLAKE3 over `role root` lines in order of the roles, the root
/// being that of the stored bytes.
pub fn digest(reference: &Reference, objects: &[Object]) -> Result<Blake3, Error> {
    let mut lines = Vec::with_capacity(reference.files.len());
    for file in &reference.files {
        let object = objects.iter().find(|object| object.id == file.object).ok_or(Error::Record)?;
        lines.push(format!("{} {}\n", file.role, object.root));
    }
    lines.sort();
    Ok(Blake3(blake3::hash(lines.concat().as_bytes()).into()))
}
