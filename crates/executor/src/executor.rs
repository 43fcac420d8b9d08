//! The entry: what is set, what is checked once, and the verbs.

use std::fs::{self, DirBuilder, File, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::Entropy;
use rustix::fs::{Mode, OFlags};

use crate::closure::Closure;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::jail::Jail;
use crate::job::{Finished, Job};
use crate::limits::Limits;
use crate::root::{Root, Source};
use crate::scratch::{Scratch, ScratchKind, sweep};

/// Where the executor keeps things and whom jobs run as.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A folder of this site alone on a memory file system that allows programs: roots, mount points,
    /// scratch configuration. Made with the first use.
    pub memory: PathBuf,
    /// A folder of this site alone on disk, for the ciphertext of scratches. Made with the first use.
    pub disk: PathBuf,
    /// When we are root: the user that jobs run as. It owns nothing and is nobody's account.
    pub job_uid: u32,
    /// When we are root: the group that jobs run as.
    pub job_gid: u32,
    /// Whether our mounts are seen by us and what we start alone, and so end with the last of us,
    /// however it ends. Scratches may then hold clear text in memory.
    pub own_mounts: bool,
}

impl Settings {
    /// Settings for the site at `site`: ciphertext in `site/scratch`, memory in `/dev/shm` under a
    /// name that follows from the site's path and our user.
    pub fn for_site(site: &Path) -> Self {
        let uid = rustix::process::geteuid().as_raw();
        let site = fs::canonicalize(site).unwrap_or_else(|_| site.to_owned());
        let mut hasher = blake3::Hasher::new();
        hasher.update(&uid.to_le_bytes()).update(site.as_os_str().as_encoded_bytes());
        let tag: String = hasher.finalize().to_hex().chars().take(16).collect();
        Self {
            memory: PathBuf::from(format!("/dev/shm/sequestra-{tag}")),
            disk: site.join("scratch"),
            job_uid: 64_999,
            job_gid: 64_999,
            own_mounts: false,
        }
    }
}

/// Whom jobs run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// We are root: jobs run as another, powerless user.
    Dropped { uid: u32, gid: u32 },
    /// We are an ordinary user: jobs run as the same, inside a user namespace.
    Same,
}

impl Who {
    pub(crate) fn drops_user(self) -> bool {
        matches!(self, Self::Dropped { .. })
    }

    /// The group that only jobs are in.
    fn group(self) -> Option<u32> {
        match self {
            Self::Dropped { gid, .. } => Some(gid),
            Self::Same => None,
        }
    }
}

/// Runs jobs. One a site; every verb blocks its thread.
pub struct Executor {
    settings: Settings,
    who: Who,
    jail: Jail,
    entropy: Arc<dyn Entropy>,
}

impl Executor {
    /// Checks that this machine can hold a job at all, makes the two folders, sweeps what a crash
    /// left in them, and runs one empty job to see the walls stand.
    ///
    /// Errors: [`Error::Missing`] names what the machine lacks and how to get it.
    pub fn open(settings: Settings, entropy: Arc<dyn Entropy>) -> Result<Self> {
        let who = match rustix::process::geteuid().is_root() {
            true if settings.job_uid == 0 || settings.job_gid == 0 => {
                return Err(Error::Invalid("jobs may not run as root".to_owned()));
            }
            true => Who::Dropped { uid: settings.job_uid, gid: settings.job_gid },
            false => Who::Same,
        };
        let jail = Jail::find(who)?;
        own_folder(&settings.memory, who.group())?;
        own_folder(&settings.disk, None)?;
        sweep(&settings.memory)?;
        sweep(&settings.disk)?;
        crate::cgroup::sweep();
        let executor = Self { settings, who, jail, entropy };
        executor.prove_walls()?;
        Ok(executor)
    }

    /// Builds the file system of jobs from stored tools. Keep it while jobs use the same tools.
    pub fn root(&self, store_dir: &Path, closures: &[&Closure]) -> Result<Root> {
        Root::build(self.fresh("root"), Source::Store(store_dir), closures)
    }

    /// The same from files where they were collected, for tools that are about to be registered.
    pub fn root_here(&self, closures: &[&Closure]) -> Result<Root> {
        Root::build(self.fresh("root"), Source::Here, closures)
    }

    /// Mounts a scratch. `bytes` is what a scratch in memory may hold.
    pub fn scratch(&self, kind: ScratchKind, bytes: u64) -> Result<Scratch> {
        Scratch::mount(&self.settings, self.who, kind, bytes, &*self.entropy)
    }

    /// Runs one job to its end. A job that fails is `Ok` with a [`Finished`] that says how; an error
    /// means that it was not started or not fully walled in.
    pub fn run(&self, job: Job<'_>) -> Result<Finished> {
        crate::job::run(&self.jail, job)
    }

    /// A parser of untrusted bytes behind the walls, made ready once for many starts. `program` is an
    /// executable of this machine: usually our own, with an internal subcommand.
    pub fn filter(&self, program: &Path) -> Result<Filter> {
        let closure = Closure::collect(&[("filter", program.to_owned())], &[])?;
        Ok(Filter::new(self.jail.clone(), self.root_here(&[&closure])?))
    }

    /// Asks a tool for its version inside the walls: a line that begins with `Version`, else the
    /// first line that is not blank. `argv` names the program as the job calls it (`["bwa"]`).
    pub fn probe_version(&self, root: Root, argv: &[&str]) -> Result<String> {
        Filter::new(self.jail.clone(), root).first_line(argv, &Limits::for_filter())
    }

    /// What this executor was opened with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn fresh(&self, what: &str) -> PathBuf {
        let name = hex::encode(base::entropy::bytes::<16>(&*self.entropy));
        self.settings.memory.join(format!("{what}-{name}"))
    }

    /// INVARIANT (never open): a machine on which the walls do not stand has no executor.
    fn prove_walls(&self) -> Result<()> {
        let program =
            find_program("true").ok_or_else(|| Error::Walls("`true` is not installed".to_owned()))?;
        let finished =
            self.filter(&program)?.feed(&["filter"], &Limits::for_filter(), std::io::empty(), 1 << 10)?;
        if finished.finished.success() {
            return Ok(());
        }
        Err(Error::Missing {
            what: "sandbox",
            why: finished.finished.log_tail.join("; "),
            hint: "allow unprivileged user namespaces (`sysctl kernel.unprivileged_userns_clone=1`, AppArmor's \
                   `kernel.apparmor_restrict_unprivileged_userns=0` or a profile for bwrap) and mount /dev/shm \
                   without `noexec`",
        })
    }
}

impl Drop for Executor {
    /// Takes the folder in memory away when nothing is in it any more.
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.settings.memory);
    }
}

/// A program in the system's folders: never from a `PATH` that somebody else set.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"];
    folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}

/// Makes `path` or insists that it is ours: a name in `/dev/shm` can be guessed and taken first.
///
/// INVARIANT (nobody else below it): the folder is ours alone, or `group` may also pass through it.
/// What lies below is open to the job's user, and every local user could be that to a file's mode.
fn own_folder(path: &Path, group: Option<u32>) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(Error::io("create", path)(e)),
        _ => {}
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    let foreign = || Error::Walls(format!("`{}` belongs to somebody else", path.display()));
    let found = fs::symlink_metadata(path).map_err(Error::io("look at", path))?;
    let us = rustix::process::geteuid().as_raw();
    if !found.is_dir() || found.uid() != us {
        return Err(foreign());
    }
    let folder = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(Error::io("open", path))?);
    if folder.metadata().map_err(Error::io("look at", path))?.uid() != us {
        return Err(foreign());
    }
    // Closed first, so that no group that it had before comes to the new rights.
    folder.set_permissions(Permissions::from_mode(0o700)).map_err(Error::io("protect", path))?;
    let mode = match group {
        None => 0o700,
        Some(gid) => {
            fchown(&folder, None, Some(gid)).map_err(Error::io("hand over", path))?;
            0o710
        }
    };
    folder.set_permissions(Permissions::from_mode(mode)).map_err(Error::io("protect", path))?;
    let made = folder.metadata().map_err(Error::io("look at", path))?;
    if made.mode() & 0o7777 != mode || group.is_some_and(|gid| made.gid() != gid) {
        return Err(Error::Walls(format!("`{}` cannot be closed to other users", path.display())));
    }
    Ok(())
}
