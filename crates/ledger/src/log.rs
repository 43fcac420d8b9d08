//! The handle of a ledger: create, open, append, follow, close.

use crate::committer::{Committer, make_segment};
use crate::entry::Entry;
use crate::index::set::Set;
use crate::index::{self, ChainsAlone, Terms};
use crate::lock::Lock;
use crate::publish::{self, Behind};
use crate::queue::{Pending, Waiter};
use crate::recover::{Recovered, recover};
use crate::replay::segments;
use crate::shared::{Shared, lock, segment_head, segment_path};
use crate::storage::{Disk, Storage, stage};
use crate::{Error, Finding, Result, SigningKey, VerifierKey};
use base::{Clock, Timestamp};
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Sizes, times and search terms of a ledger. The defaults suit a site.
#[derive(Clone)]
pub struct Options {
    /// Bytes reserved for a segment. One that fills up within a second is followed by one twice as
    /// long, up to sixteen times this.
    pub segment_bytes: u64,
    /// Most events in one batch.
    pub batch_entries: usize,
    /// Most bytes in one batch.
    pub batch_bytes: usize,
    /// Events that may wait before callers do.
    pub queue_entries: usize,
    /// Bytes that may wait before callers do.
    pub queue_bytes: usize,
    /// How often tiles and the checkpoint are written while there is something new.
    pub publish_every: Duration,
    /// Events of one part of the index, before parts are merged.
    pub index_events: u64,
    /// By what events can be found, beside their chains.
    pub terms: Arc<dyn Terms>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 4 << 20,
            batch_entries: 8192,
            batch_bytes: 2 << 20,
            queue_entries: 32_768,
            queue_bytes: 16 << 20,
            publish_every: Duration::from_millis(500),
            index_events: 65_536,
            terms: Arc::new(ChainsAlone),
        }
    }
}

/// What the ledger answers once an event is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The event's position, from 0.
    pub position: u64,
    /// When its batch was committed. The leaf has it to the microsecond.
    pub time: Timestamp,
}

/// An open ledger. Clones share it; the last one to go commits what waits and publishes.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    threads: Mutex<Option<Threads>>,
    /// Keeps other processes out for as long as it is open.
    _lock: Lock,
}

struct Threads {
    committer: JoinHandle<()>,
    behind: Behind,
}

impl Ledger {
    /// Makes an empty ledger named `name` in `dir` and opens it. The name becomes the origin of its
    /// checkpoints: a host and path such as `site.example/ledger`, without spaces and `+`.
    pub fn create(dir: &Path, name: &str, key: SigningKey, clock: Arc<dyn Clock>) -> Result<Self> {
        Self::create_with(dir, name, key, clock, Arc::new(Disk), Options::default())
    }

    /// As [`Ledger::create`], with another storage and other options.
    ///
    /// 1. Make the folder and the first segment. Crash here: no ledger; create again.
    /// 2. Write the verifier key. From here on the folder is a ledger.
    pub fn create_with(
        dir: &Path,
        name: &str,
        key: SigningKey,
        clock: Arc<dyn Clock>,
        storage: Arc<dyn Storage>,
        options: Options,
    ) -> Result<Self> {
        let verifier = key.verifier(name)?;
        storage.make_folder(&dir.join("segments")).map_err(Error::io(dir))?;
        // Its own name too: what is acknowledged in a folder that is lost is lost.
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        storage.flush_folder(parent).map_err(Error::io(parent))?;
        let lock = lock_folder(dir)?;
        refuse_existing(dir, &verifier)?;
        let path = segment_path(dir, 0);
        let head = segment_head(name, 0);
        make_segment(&*storage, &path, head.as_bytes(), options.segment_bytes).map_err(Error::io(&path))?;
        let path = dir.join("vkey");
        let draft = dir.join("vkey.new");
        stage(&*storage, &draft, format!("{verifier}\n").as_bytes())
            .and_then(|file| storage.flush(&file))
            .and_then(|()| storage.rename(&draft, &path))
            .and_then(|()| storage.flush_folder(dir))
            .map_err(Error::io(&path))?;
        Self::start(dir, key, verifier, clock, storage, options, lock)
    }

    /// Opens the ledger in `dir`: takes the tree's right edge from the tiles, reads what is still in
    /// segments, and compares with signed commit records and the published checkpoint. Refuses damage
    /// and roll-back in what it reads; takes away an unfinished write at the end.
    pub fn open(dir: &Path, key: SigningKey, clock: Arc<dyn Clock>) -> Result<Self> {
        Self::open_with(dir, key, clock, Arc::new(Disk), Options::default())
    }

    /// As [`Ledger::open`], with another storage and other options.
    pub fn open_with(
        dir: &Path,
        key: SigningKey,
        clock: Arc<dyn Clock>,
        storage: Arc<dyn Storage>,
        options: Options,
    ) -> Result<Self> {
        let verifier = stored_verifier(dir)?;
        if key.verifier(verifier.name())? != verifier {
            return Err(Error::WrongKey);
        }
        let lock = lock_folder(dir)?;
        Self::start(dir, key, verifier, clock, storage, options, lock)
    }

    fn start(
        dir: &Path,
        key: SigningKey,
        verifier: VerifierKey,
        clock: Arc<dyn Clock>,
        storage: Arc<dyn Storage>,
        options: Options,
        lock: Lock,
    ) -> Result<Self> {
        let Recovered { state, tail, heads, published } = recover(dir, &verifier, &*storage)?;
        let terms = (options.terms.version(), options.index_events);
        let index = Set::open(dir, (&key, verifier.name()), terms, published.size, &*storage)?;
        let behind = (published, heads, index);
        let shared = Arc::new(Shared::new(dir, key, verifier, clock, storage, options, state, behind));
        index::catch_up(&shared, published.size)?;
        let committer = Committer::new(Arc::clone(&shared), tail);
        let committer = std::thread::Builder::new()
            .name("ledger-commit".to_owned())
            .spawn(move || committer.run())
            .map_err(Error::io(dir))?;
        let behind = Behind::start(&shared).map_err(Error::io(dir))?;
        let threads = Mutex::new(Some(Threads { committer, behind }));
        Ok(Self { inner: Arc::new(Inner { shared, threads, _lock: lock }) })
    }

    /// Appends an event and waits until it is durable: for what must not happen unrecorded.
    ///
    /// An event whose future is dropped may still be committed.
    pub async fn append(&self, entry: Entry) -> Result<Committed> {
        let (sender, answer) = oneshot::channel();
        self.shared().queue.push(Pending { entry, waiter: Waiter::Task(sender) }).await?;
        answer.await.unwrap_or_else(|_| Err(self.why_ended()))
    }

    /// As [`Ledger::append`], blocking the thread.
    pub fn append_blocking(&self, entry: Entry) -> Result<Committed> {
        let (sender, answer) = mpsc::channel();
        self.shared().queue.push_blocking(Pending { entry, waiter: Waiter::Thread(sender) })?;
        answer.recv().unwrap_or_else(|_| Err(self.why_ended()))
    }

    /// Appends an event that follows from one already durable: returns once it is queued, waiting
    /// for room if need be. It is committed with a next batch; if that fails, so does every later
    /// call, and the ticket.
    pub async fn follow(&self, entry: Entry) -> Result<Ticket> {
        let (sender, answer) = oneshot::channel();
        self.shared().queue.push(Pending { entry, waiter: Waiter::Task(sender) }).await?;
        Ok(Ticket { answer, ledger: self.clone() })
    }

    /// As [`Ledger::follow`], blocking the thread while the queue is full, and without a ticket.
    pub fn follow_blocking(&self, entry: Entry) -> Result<()> {
        self.shared().queue.push_blocking(Pending { entry, waiter: Waiter::None })
    }

    /// Why the ledger takes no events, if so. `None`: it does.
    pub fn failure(&self) -> Option<Error> {
        self.shared().queue.ended()
    }

    /// A channel that shows the number of durable events as it grows.
    pub fn watch(&self) -> tokio::sync::watch::Receiver<u64> {
        self.shared().progress.subscribe()
    }

    /// The key that verifies this ledger's checkpoints and commit records.
    pub fn verifier(&self) -> &VerifierKey {
        &self.shared().verifier
    }

    /// Writes tiles and checkpoint for all that is durable now. Blocks.
    pub fn publish(&self) -> Result<()> {
        publish::publish(self.shared()).map_err(|cause| {
            self.shared().fail(cause);
            self.why_ended()
        })
    }

    /// Commits what waits, publishes, and stops. Later calls on any clone fail with
    /// [`Error::Closed`]. An error if the last write failed.
    pub fn close(&self) -> Result<()> {
        self.inner.stop();
        match self.shared().queue.ended() {
            Some(Error::Closed) | None => Ok(()),
            Some(error) => Err(error),
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    fn why_ended(&self) -> Error {
        self.shared().queue.ended().unwrap_or(Error::Closed)
    }
}

impl Inner {
    fn stop(&self) {
        self.shared.queue.close();
        let Some(threads) = lock(&self.threads).take() else { return };
        // The committer first: the publisher's last round then covers everything.
        let _ = threads.committer.join();
        threads.behind.stop();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Stands for an event that is on its way. Dropping it changes nothing for the event.
pub struct Ticket {
    answer: oneshot::Receiver<Result<Committed>>,
    ledger: Ledger,
}

impl Ticket {
    /// Waits until the event is durable.
    pub async fn committed(self) -> Result<Committed> {
        let ledger = self.ledger;
        self.answer.await.unwrap_or_else(|_| Err(ledger.why_ended()))
    }
}

/// The verifier key that the ledger in `dir` was created with.
pub fn stored_verifier(dir: &Path) -> Result<VerifierKey> {
    let path = dir.join("vkey");
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::Missing(dir.to_owned())),
        Err(error) => return Err(Error::io(&path)(error)),
    };
    let key = std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_suffix('\n')?.parse().ok());
    key.ok_or_else(|| Error::Damaged(Finding::new("vkey", None, "not a verifier key")))
}

fn lock_folder(dir: &Path) -> Result<Lock> {
    let path = dir.join("lock");
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(Error::io(&path))?;
    Lock::take(file).map_err(Error::io(&path))?.ok_or_else(|| Error::Locked(dir.to_owned()))
}

/// Refuses to create over a ledger, or over segments that hold events though the key is gone.
fn refuse_existing(dir: &Path, verifier: &VerifierKey) -> Result<()> {
    let exists = || Err(Error::Exists(dir.to_owned()));
    if dir.join("vkey").exists() {
        return exists();
    }
    for first in segments(dir)? {
        let path = segment_path(dir, first);
        let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
        let head = segment_head(verifier.name(), first);
        let empty = bytes.strip_prefix(head.as_bytes()).is_some_and(|rest| rest.iter().all(|b| *b == 0));
        if !empty {
            return exists();
        }
    }
    Ok(())
}
