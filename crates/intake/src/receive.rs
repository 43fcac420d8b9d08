//! One file: streamed once; hashed, sealed and checked as it passes; refused without a trace, or admitted.

use std::io::{self, Read, Write as _};

use access::thing::Project;
use access::verb::Write;
use access::{Access, Action, Permit};
use archive::{Draft, Sealed, Spec};
use base::{ObjectId, PackageId};
use catalog::{FileState, Package, PackageFile};
use tokio::runtime::Handle;

use crate::beside::Beside;
use crate::check::Checked;
use crate::child::Outcome;
use crate::fastq::FastqFault;
use crate::manifest::Digest;
use crate::sheet::place;
use crate::{Door, Error, Verdict, check_pair};

/// The right to write is asked after whenever this many bytes have passed.
const LEASE_BYTES: u64 = 1 << 20;
/// Bytes of a body that are read and dropped once nothing more is wanted of it, so that its sender is not
/// cut off before it can read the answer.
const DRAIN: u64 = 1 << 30;

/// A file that is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its bytes, as they were sent.
    pub bytes: u64,
    /// Its reads.
    pub reads: u64,
    /// Its bases.
    pub bases: u64,
    /// The object that holds it.
    pub object: ObjectId,
    /// Whether it had been received before, so that this upload was not needed.
    pub already: bool,
}

/// The right to write for as long as an upload takes: a permit, and a new decision when it ends.
pub struct Lease {
    access: Access,
    permit: Permit<Write, Project>,
}

impl Lease {
    /// Starts with `permit`, which was decided for [`Action::Ingest`].
    pub fn new(access: Access, permit: Permit<Write, Project>) -> Self {
        Self { access, permit }
    }

    /// A permit that has not ended. Roles and policy are those of the renewal: who lost the right in
    /// the meantime gets the refusal.
    async fn live(&mut self) -> Result<&Permit<Write, Project>, access::Error> {
        if self.permit.live().is_err() {
            self.permit = self.access.renew(&self.permit, Action::Ingest).await?;
        }
        Ok(&self.permit)
    }
}

/// A file that passed every check and is sealed, visible to nobody. Dropping it discards it.
struct Passed {
    sealed: Sealed,
    verdict: Verdict,
    bytes: u64,
}

impl Door {
    /// Receives file `number` of a package from `body`, of which `length` bytes were announced.
    ///
    /// 1. The body is read once, on a thread of its own: each piece is hashed, sealed into a draft and fed
    ///    to the check. Any failure or crash here: the draft is dropped, or cleared at the next start.
    /// 2. The check's verdict, the digest and the length are compared. The same on failure.
    /// 3. With the other file of the pair already in, the two are compared. A difference abandons the
    ///    package: it can never become whole, for its manifest fixes every byte.
    /// 4. One transaction: the object, its key, the file's state.
    ///
    /// A file that is in already is not stored again; its body is read and dropped.
    ///
    /// # Errors
    /// Why the file was refused, named by row and column; [`Error::Interrupted`] when bytes are missing;
    /// those of [`Lease`] when the right to write ended; [`Error::Busy`].
    pub async fn receive(
        &self,
        mut lease: Lease,
        package: &PackageId,
        number: u32,
        length: Option<u64>,
        body: impl Read + Send + 'static,
    ) -> Result<Received, Error> {
        let _claim = self.claims.take(package, Some(number))?;
        let known = self.catalog.package(lease.live().await?, package).await?;
        let file = known.files.into_iter().find(|file| file.number == number);
        let file = file.ok_or(Error::NoFile(number))?;
        if let FileState::Sealed { object, verdict } = &file.state {
            let verdict = stored(&file, verdict)?;
            blocking(move || drain(body)).await?;
            return Ok(told(object.clone(), &verdict, verdict.packed_bytes, true));
        }
        let (door, handle, wanted) = (self.clone(), Handle::current(), file.clone());
        let streamed = blocking(move || {
            let passed = door.stream(&mut lease, &handle, &wanted, length, body);
            (lease, passed)
        });
        let (mut lease, passed) = streamed.await?;
        self.admit(lease.live().await?, package, &file, passed?).await
    }

    /// Steps 1 and 2. Blocks.
    fn stream(
        &self,
        lease: &mut Lease,
        runtime: &Handle,
        file: &PackageFile,
        length: Option<u64>,
        body: impl Read + Send,
    ) -> Result<Passed, Error> {
        let at = place(file.row, file.mate);
        let expected = Digest::parse(&file.digest).ok_or_else(|| Error::Verdict { file: at.clone() })?;
        let spec = Spec {
            kind: "fastq",
            subject: Some(file.subject.clone()),
            links: vec![file.sample.to_string(), file.readset.to_string()],
        };
        let draft = self.archive.draft(runtime.block_on(lease.live())?, spec)?;
        let mut tap = Tap {
            body,
            hasher: Beside::new(expected.hasher()),
            draft,
            lease,
            runtime,
            taken: 0,
            ended: false,
            failed: None,
        };
        let checked = self.check.run(&mut tap, length);
        let Tap { body, hasher, draft, taken, ended, failed, .. } = tap;
        // The tap's own failure comes first: the check saw it as a body that could not be read.
        match failed {
            Some(Failed::Body) => return Err(Error::Interrupted { file: at, got: taken }),
            Some(Failed::Lease(error)) => return Err(error.into()),
            Some(Failed::Draft(error)) => return Err(archive::Error::from(error).into()),
            Some(Failed::Digest) => return Err(Error::Task),
            None => {}
        }
        if ended && length.is_some_and(|length| length != taken) {
            return Err(Error::Interrupted { file: at, got: taken });
        }
        let verdict = match judge(checked?, ended.then_some(taken)) {
            Ok(verdict) => verdict,
            Err(refusal) => {
                drop(draft);
                drain(body);
                return Err(refusal.of(at));
            }
        };
        let found = hasher.finish().map_err(|_| Error::Task)?;
        if found != expected {
            return Err(Error::Digest { file: at, expected, found });
        }
        Ok(Passed { sealed: draft.seal()?, verdict, bytes: taken })
    }

    /// Steps 3 and 4.
    async fn admit(
        &self,
        permit: &Permit<Write, Project>,
        package: &PackageId,
        file: &PackageFile,
        passed: Passed,
    ) -> Result<Received, Error> {
        let known = self.catalog.package(permit, package).await?;
        if let Some(other) = other_of_pair(&known, file)? {
            let (first, second) =
                if file.mate == 1 { (&passed.verdict, &other) } else { (&other, &passed.verdict) };
            if let Err(fault) = check_pair(first, second) {
                drop(passed);
                return Err(self.refuse_pair(permit, package, file.row, fault).await);
            }
        }
        let Passed { sealed, verdict, bytes } = passed;
        let line = serde_json::to_string(&verdict).map_err(|_| Error::Task)?;
        let tx = self.db.begin(permit.decision()).await?;
        // Before the archive: a package that was abandoned meanwhile ends it here, with the draft unadmitted.
        self.catalog.file_sealed(permit, &tx, package, file.number, sealed.id(), &line).await?;
        let object = sealed.id().clone();
        self.archive.admit(permit, &tx, &mut [sealed]).await?;
        tx.commit().await?;
        Ok(told(object, &verdict, bytes, false))
    }
}

/// Why the check did not accept a file.
enum Refusal {
    Fault(FastqFault),
    NoVerdict(&'static str),
}

impl Refusal {
    fn of(self, file: String) -> Error {
        match self {
            Self::Fault(fault) => Error::fastq(file, fault),
            Self::NoVerdict(why) => Error::NoVerdict { file, why },
        }
    }
}

/// INVARIANT (a verdict is about the bytes that are sealed): a child that ended before the body did, or
/// that counted otherwise, has judged something else.
fn judge(checked: Checked, whole: Option<u64>) -> Result<Verdict, Refusal> {
    match checked.outcome {
        Ok(Outcome::Accepted(verdict))
            if whole == Some(checked.fed) && verdict.packed_bytes == checked.fed =>
        {
            Ok(verdict)
        }
        Ok(Outcome::Accepted(_)) => Err(Refusal::NoVerdict("it did not judge the whole file")),
        Ok(Outcome::Refused(fault)) => Err(Refusal::Fault(fault)),
        Err(why) => Err(Refusal::NoVerdict(why)),
    }
}

/// The bytes of an upload on their way to the check: each read seals what it gives, and has it hashed beside.
struct Tap<'a, R> {
    body: R,
    hasher: Beside,
    draft: Draft,
    lease: &'a mut Lease,
    runtime: &'a Handle,
    taken: u64,
    ended: bool,
    failed: Option<Failed>,
}

enum Failed {
    Body,
    Lease(access::Error),
    Draft(io::Error),
    Digest,
}

impl<R: Read> Tap<'_, R> {
    fn next(&mut self, buffer: &mut [u8]) -> Result<usize, Failed> {
        let count = loop {
            match self.body.read(buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                other => break other.map_err(|_| Failed::Body)?,
            }
        };
        let before = self.taken / LEASE_BYTES;
        self.taken = self.taken.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        if self.taken / LEASE_BYTES != before || count == 0 {
            self.runtime.block_on(self.lease.live()).map_err(Failed::Lease)?;
        }
        let piece = buffer.get(..count).unwrap_or_default();
        self.hasher.update(piece).map_err(|_| Failed::Digest)?;
        self.draft.write_all(piece).map_err(Failed::Draft)?;
        self.ended = count == 0;
        Ok(count)
    }
}

impl<R: Read> Read for Tap<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.next(buffer).map_err(|failed| {
            self.failed = Some(failed);
            io::ErrorKind::BrokenPipe.into()
        })
    }
}

/// The verdict on the other file of `file`'s pair, if that is in.
fn other_of_pair(package: &Package, file: &PackageFile) -> Result<Option<Verdict>, Error> {
    let other = package.files.iter().find(|other| other.readset == file.readset && other.mate != file.mate);
    match other.map(|other| (other, &other.state)) {
        Some((other, FileState::Sealed { verdict, .. })) => Ok(Some(stored(other, verdict)?)),
        _ => Ok(None),
    }
}

/// A verdict as the catalog keeps it.
pub(crate) fn stored(file: &PackageFile, verdict: &str) -> Result<Verdict, Error> {
    serde_json::from_str(verdict).map_err(|_| Error::Verdict { file: place(file.row, file.mate) })
}

fn told(object: ObjectId, verdict: &Verdict, bytes: u64, already: bool) -> Received {
    Received { bytes, reads: verdict.reads, bases: verdict.bases, object, already }
}

fn drain(body: impl Read) {
    // What comes is of no use any more, nor is how it ends.
    let _ = io::copy(&mut body.take(DRAIN), &mut io::sink());
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Task)
}
