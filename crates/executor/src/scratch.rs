//! The encrypted folder of one job, its end, and what a crash leaves behind.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base::Entropy;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::mount::{MountFlags, mount};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::executor::{Settings, Who};
use crate::limits::Limits;
use crate::{mounts, spawn};

/// How a scratch keeps its bytes from the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScratchKind {
    /// Memory where a quarter of what is free holds it and its mount ends with us; else an encrypted
    /// folder; memory where that cannot be had; refused where neither can.
    Auto,
    /// A folder on disk behind gocryptfs; the key lives in the memory of its daemon alone.
    Gocryptfs,
    /// Memory that is never swapped out. Needs root, and a kernel of 6.4 or later where swap is on.
    Memory,
}

/// A mounted scratch. It holds `in` (the job reads it as `/in`), `work`, `out` and `tmp`.
///
/// Dropping destroys it; [`Scratch::destroy`] does so and proves it.
#[derive(Debug)]
pub struct Scratch {
    kind: ScratchKind,
    mount: PathBuf,
    cipher: Option<PathBuf>,
    config: Option<PathBuf>,
    daemon: Option<Child>,
    daemon_says: Option<File>,
    /// Bytes that it may hold in memory; none on disk.
    in_memory: u64,
    destroyed: bool,
}

/// Folders of a scratch that belong to the job; `in` belongs to us.
const OF_THE_JOB: [&str; 3] = ["work", "out", "tmp"];

/// The real user of a daemon that acts as root: none that anybody has.
const REAL_USER: &str = "64998";

const NO_SCRATCH: &str =
    "install gocryptfs and fuse3 (`apt-get install gocryptfs fuse3`) and make /dev/fuse usable";

impl Scratch {
    /// Mounts a scratch for at most `bytes` bytes (a hard bound in memory; on disk the job's limit).
    pub(crate) fn mount(
        settings: &Settings,
        who: Who,
        kind: ScratchKind,
        bytes: u64,
        entropy: &dyn Entropy,
    ) -> Result<Self> {
        let name = hex::encode(base::entropy::bytes::<16>(entropy));
        let scratch = match kind {
            ScratchKind::Gocryptfs => Self::gocryptfs(settings, who, &name, entropy)?,
            ScratchKind::Memory => Self::memory(settings, &name, bytes)?,
            ScratchKind::Auto => Self::auto(settings, who, &name, bytes, entropy)?,
        };
        scratch.furnish(who)?;
        Ok(scratch)
    }

    /// The daemon that encrypts takes up to a tenth of the processors from a job that reads and
    /// writes much; memory takes nothing. What lies there in clear must go when we are killed, so
    /// it needs mounts that are ours alone.
    fn auto(settings: &Settings, who: Who, name: &str, bytes: u64, entropy: &dyn Entropy) -> Result<Self> {
        let roomy = settings.own_mounts && available_memory().is_some_and(|free| bytes <= free / 4);
        if roomy && let Ok(scratch) = Self::memory(settings, name, bytes) {
            return Ok(scratch);
        }
        match Self::gocryptfs(settings, who, name, entropy) {
            Err(e @ Error::Missing { .. }) => Self::memory(settings, name, bytes).map_err(|_| e),
            other => other,
        }
    }

    /// `limits` with room for what the job keeps in memory here: the kernel counts it as the job's.
    pub(crate) fn added_to(&self, limits: &Limits) -> Limits {
        let memory_bytes = limits.memory_bytes.saturating_add(self.in_memory);
        Limits { memory_bytes, ..limits.clone() }
    }

    /// How this scratch keeps its bytes: never [`ScratchKind::Auto`].
    pub fn kind(&self) -> ScratchKind {
        self.kind
    }

    /// Where the caller writes the job's inputs before it starts.
    pub fn inputs(&self) -> PathBuf {
        self.mount.join("in")
    }

    /// Where the job's outputs are, for [`crate::outputs::collect`].
    pub fn outputs(&self) -> PathBuf {
        self.mount.join("out")
    }

    /// The job's working folder.
    pub fn work(&self) -> PathBuf {
        self.mount.join("work")
    }

    /// The mount point, for the sandbox program.
    pub(crate) fn folder(&self) -> &Path {
        &self.mount
    }

    /// Whether the mount is still what it must be. Called before every start.
    ///
    /// INVARIANT (no plaintext on disk): a mount that failed or was undone leaves a bare folder on
    /// disk under the same name; type and device tell them apart, and the bare folder has mode 0.
    pub(crate) fn check_sealed(&self) -> Result<()> {
        let magic = mounts::magic(&self.mount)?;
        let right = match self.kind {
            ScratchKind::Memory => mounts::in_memory(&self.mount)?,
            _ => magic == mounts::FUSE,
        };
        if !right {
            return Err(Error::Unsealed(format!("its file system has the magic number {magic:#x}")));
        }
        if !mounts::is_mount_point(&self.mount) {
            return Err(Error::Unsealed("nothing is mounted there".to_owned()));
        }
        Ok(())
    }

    /// Makes the inputs readable for the job's user, however the caller's mode mask made them.
    pub(crate) fn open_inputs(&self) -> Result<()> {
        open_to_readers(&self.inputs())
    }

    /// Ends the scratch: unmounts it, ends the daemon and with it the key, removes configuration and
    /// ciphertext, and checks that nothing is left.
    pub fn destroy(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        if self.destroyed {
            return Ok(());
        }
        // 1. The mount goes first: afterwards nobody can read through it. Crash here: the daemon dies
        //    with us, ciphertext without a key is left, the sweep removes it.
        if mounts::is_mount_point(&self.mount) {
            mounts::detach(&self.mount)?;
        }
        // 2. The daemon, and with it the only copy of the key.
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
            // What ended may be the guard of the daemon; the daemon holds this pipe to its own end.
            if let Some(pipe) = self.daemon_says.take() {
                wait_for_hang_up(pipe)?;
            }
        }
        // 3. The rest, in the order of its worth to a thief.
        for path in [&self.config, &self.cipher, &Some(self.mount.clone())].into_iter().flatten() {
            remove_unmounted(path)?;
        }
        let left: Vec<_> = [&self.config, &self.cipher, &Some(self.mount.clone())]
            .into_iter()
            .flatten()
            .filter(|path| fs::symlink_metadata(path).is_ok())
            .map(|path| path.display().to_string())
            .collect();
        if !left.is_empty() {
            return Err(Error::NotDestroyed(left.join(", ")));
        }
        self.destroyed = true;
        Ok(())
    }

    fn memory(settings: &Settings, name: &str, bytes: u64) -> Result<Self> {
        let point = settings.memory.join(format!("mount-{name}"));
        closed_folder(&point)?;
        let scratch = Self {
            kind: ScratchKind::Memory,
            mount: point,
            cipher: None,
            config: None,
            daemon: None,
            daemon_says: None,
            in_memory: bytes.max(1 << 20),
            destroyed: false,
        };
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        let tries: &[&str] = if swap_is_off() { &[",noswap", ""] } else { &[",noswap"] };
        for more in tries {
            let data = std::ffi::CString::new(format!("mode=0711,size={}{more}", scratch.in_memory))
                .map_err(|_| Error::Invalid("scratch size".to_owned()))?;
            if mount("scratch", &scratch.mount, "tmpfs", flags, data.as_c_str()).is_ok() {
                scratch.check_sealed()?;
                return Ok(scratch);
            }
        }
        let why = "memory that is never swapped out needs root and Linux 6.4".to_owned();
        Err(Error::Missing { what: "sealed scratch", why, hint: NO_SCRATCH })
    }

    fn gocryptfs(settings: &Settings, who: Who, name: &str, entropy: &dyn Entropy) -> Result<Self> {
        let missing = |why: String| Error::Missing { what: "gocryptfs", why, hint: NO_SCRATCH };
        let program =
            crate::executor::find_program("gocryptfs").ok_or_else(|| missing("not installed".to_owned()))?;
        if let Err(e) = fs::OpenOptions::new().read(true).write(true).open("/dev/fuse") {
            return Err(missing(format!("/dev/fuse cannot be opened: {e}")));
        }
        let password = Zeroizing::new(hex::encode(Zeroizing::new(base::entropy::bytes::<32>(entropy))));
        let cipher = settings.disk.join(format!("cipher-{name}"));
        let config = settings.memory.join(format!("config-{name}"));
        let point = settings.memory.join(format!("mount-{name}"));
        for folder in [&cipher, &config] {
            DirBuilder::new().mode(0o700).create(folder).map_err(Error::io("create", folder))?;
        }
        let mut scratch = Self {
            kind: ScratchKind::Gocryptfs,
            mount: point,
            cipher: Some(cipher.clone()),
            config: Some(config.clone()),
            daemon: None,
            daemon_says: None,
            in_memory: 0,
            destroyed: false,
        };
        closed_folder(&scratch.mount)?;
        let log = config.join("log");
        let config = config.join("gocryptfs.conf");
        let base = |mut command: Command, extra: &[&str]| {
            command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").args(extra);
            command.args(["-nosyslog", "-config"]).arg(&config);
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(words_into(&log));
            spawn::prepare(&mut command, vec![]);
            command
        };
        let said = |why: String| missing(format!("{why}: {}", last_words(&log)));
        // The passphrase is random and used twice, so the cost of guessing it needs no stretching.
        let mut init = base(Command::new(&program), &["-init", "-scryptn", "10"]);
        init.arg("--").arg(&cipher);
        let mut init = with_password(init, &password)?;
        let done = init.wait().map_err(Error::io("wait for", &program))?;
        if !done.success() {
            return Err(said(format!("preparing an encrypted folder failed ({done})")));
        }
        let tied = if who.drops_user() { tied(&program)? } else { Command::new(&program) };
        let mut serve = base(tied, &["-fg", "-noexec", "-nosuid", "-nodev", "-fsname", "scratch"]);
        let mut point = scratch.mount.clone();
        if let Who::Dropped { uid, gid } = who {
            serve.args(["-force_owner", &format!("{uid}:{gid}")]);
            let device = mounted_device(&scratch.mount)
                .map_err(|e| missing(format!("a file system of it cannot be mounted: {e}")))?;
            point = format!("/dev/fd/{}", device.as_raw_fd()).into();
            spawn::prepare(&mut serve, vec![device]);
        }
        serve.stdout(Stdio::piped()).arg("--").arg(&cipher).arg(&point);
        // The helper of an ordinary user mounts only where that user may write; the bare folder is
        // closed through a descriptor from before the mount covers it.
        let bare = if who.drops_user() { None } else { Some(opened_folder(&scratch.mount)?) };
        scratch.daemon = Some(with_password(serve, &password)?);
        scratch.wait_until_ready().map_err(said)?;
        if let Some(bare) = bare {
            bare.set_permissions(Permissions::from_mode(0o000))
                .map_err(Error::io("close", &scratch.mount))?;
        }
        scratch.check_sealed()?;
        Ok(scratch)
    }

    /// Waits for the daemon to say that it serves. A folder that is merely mounted is not enough: the
    /// daemon then still opens a file in its own mount, and a folder made at that moment locks both.
    fn wait_until_ready(&mut self) -> std::result::Result<(), String> {
        let pipe = self.daemon.as_mut().and_then(|daemon| daemon.stdout.take()).ok_or("no pipe")?;
        // A later word into a closed pipe would kill the daemon, and its end is seen here: the pipe stays.
        let mut pipe: &File = self.daemon_says.insert(File::from(OwnedFd::from(pipe)));
        let begun = Instant::now();
        let mut said = Vec::new();
        let mut buffer = [0u8; 512];
        while !String::from_utf8_lossy(&said).contains("ready.") {
            let mut fds = [PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)];
            let tick = Timespec { tv_sec: 1, tv_nsec: 0 };
            let arrived = poll(&mut fds, Some(&tick)).is_ok_and(|count| count > 0);
            let count = if arrived { pipe.read(&mut buffer).unwrap_or(0) } else { 0 };
            said.extend_from_slice(buffer.get(..count).unwrap_or_default());
            if arrived && count == 0 {
                return Err("its daemon ended at once".to_owned());
            }
            if begun.elapsed() > Duration::from_secs(20) || said.len() > 1 << 16 {
                return Err("its daemon mounted nothing within twenty seconds".to_owned());
            }
        }
        Ok(())
    }

    fn furnish(&self, who: Who) -> Result<()> {
        fs::set_permissions(&self.mount, Permissions::from_mode(0o711))
            .map_err(Error::io("open", &self.mount))?;
        for name in OF_THE_JOB {
            let path = self.mount.join(name);
            DirBuilder::new().mode(0o700).create(&path).map_err(Error::io("create", &path))?;
            if let Who::Dropped { uid, gid } = who {
                chown(&path, Some(uid), Some(gid)).map_err(Error::io("hand over", &path))?;
            }
        }
        let inputs = self.inputs();
        fs::create_dir(&inputs).map_err(Error::io("create", &inputs))?;
        fs::set_permissions(&inputs, Permissions::from_mode(0o755)).map_err(Error::io("open", &inputs))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Mounts the kernel's side of a scratch; the daemon gets its device.
///
/// The daemon as root would change its own user for each new file, in version 2.3 on all its threads at once: of a busy job
/// it then refuses files and modes (`EPERM`). It does not where its real user is not root; but neither can it mount then, and
/// of a new folder it tells for a second that it is root's. So we mount, and the kernel leaves to the daemon what modes would
/// decide: the folder above lets in the jobs' group alone, and `in` is read-only to a job.
fn mounted_device(point: &Path) -> io::Result<OwnedFd> {
    let device = fs::OpenOptions::new().read(true).write(true).open("/dev/fuse")?;
    // Lower numbers are taken by the shell that starts the daemon.
    let device = rustix::io::fcntl_dupfd_cloexec(&device, 10)?;
    let data = format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", device.as_raw_fd());
    let data = std::ffi::CString::new(data)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("scratch", point, "fuse", flags, data.as_c_str())?;
    Ok(device)
}

/// A start of `program` that ends when its starter does, whatever the program does to itself.
///
/// The kernel forgets "die with the parent" when a process takes on another user, as a daemon that
/// serves many users does. So it runs in a process namespace whose first process, a waiting shell,
/// stays as it is: it ends with `unshare`, which ends with us, and everything in there with it.
fn tied(program: &Path) -> Result<Command> {
    let tool = |name: &'static str| {
        crate::executor::find_program(name).ok_or_else(|| Error::Missing {
            what: "gocryptfs",
            why: format!("`{name}` is not installed"),
            hint: "install util-linux and a shell (`apt-get install util-linux dash`)",
        })
    };
    // A shell gives what it starts in the background no standard input, unless it is told to.
    let script = "exec 3<&0 </dev/null; \"$@\" <&3 3<&- & exec 3<&- >&-; wait $!";
    let mut command = Command::new(tool("unshare")?);
    command.args(["--pid", "--fork", "--kill-child=KILL", "--"]).arg(tool("sh")?);
    command.args(["-c", script, "sh"]).arg(tool("setpriv")?).args(["--ruid", REAL_USER]).arg(program);
    Ok(command)
}

/// Waits until nobody holds the other end of `pipe`: until the daemon is gone, its memory included.
fn wait_for_hang_up(mut pipe: File) -> Result<()> {
    let begun = Instant::now();
    let mut buffer = [0u8; 512];
    while begun.elapsed() < Duration::from_secs(20) {
        let mut fds = [PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)];
        let tick = Timespec { tv_sec: 1, tv_nsec: 0 };
        let arrived = poll(&mut fds, Some(&tick)).is_ok_and(|count| count > 0);
        if arrived && matches!(pipe.read(&mut buffer), Ok(0)) {
            return Ok(());
        }
    }
    Err(Error::NotDestroyed("the scratch daemon goes on".to_owned()))
}

/// Clears what a crash left in `folder`: mounts are detached, then everything is removed. Only the
/// process that holds the site may call it, before its first job. Returns how many things it cleared.
pub fn sweep(folder: &Path) -> Result<usize> {
    let mut cleared = 0;
    for point in mounts::below(folder) {
        if point != folder {
            mounts::detach(&point)?;
            cleared += 1;
        }
    }
    let items = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(cleared),
        items => items.map_err(Error::io("list", folder))?,
    };
    for item in items {
        let path = item.map_err(Error::io("list", folder))?.path();
        remove_unmounted(&path)?;
        cleared += 1;
    }
    Ok(cleared)
}

/// Removes a folder, and refuses while something is mounted in it: that would be removed too.
fn remove_unmounted(path: &Path) -> Result<()> {
    if let Some(point) = mounts::below(path).first() {
        return Err(Error::NotDestroyed(format!("`{}` is still mounted", point.display())));
    }
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_dir()) {
        return fs::remove_file(path).map_err(Error::io("remove", path));
    }
    mounts::remove_tree(path)
}

/// A mount point that nobody but root can use while nothing is mounted on it.
fn closed_folder(path: &Path) -> Result<()> {
    DirBuilder::new().mode(0o000).create(path).map_err(Error::io("create", path))
}

fn open_to_readers(folder: &Path) -> Result<()> {
    for item in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let path = item.map_err(Error::io("list", folder))?.path();
        let found = fs::symlink_metadata(&path).map_err(Error::io("look at", &path))?;
        let mode = match (found.is_dir(), found.is_file()) {
            (true, _) => 0o755,
            (_, true) => 0o444,
            _ => return Err(Error::Invalid("inputs are regular files in folders".to_owned())),
        };
        fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(Error::io("open", &path))?;
        if found.is_dir() {
            open_to_readers(&path)?;
        }
    }
    Ok(())
}

fn opened_folder(path: &Path) -> Result<File> {
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(Error::io("open", path))?;
    File::open(path).map_err(Error::io("open", path))
}

/// A file in memory for what a helper complains of; a pipe could fill up and stop it.
fn words_into(log: &Path) -> Stdio {
    fs::OpenOptions::new().create(true).append(true).open(log).map_or_else(|_| Stdio::null(), Stdio::from)
}

fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(2).collect();
    lines
        .into_iter()
        .rev()
        .flat_map(|line| line.chars().chain([' ']))
        .filter(|c| !c.is_control())
        .take(300)
        .collect()
}

fn with_password(command: Command, password: &str) -> Result<Child> {
    let name = PathBuf::from(command.get_program());
    let mut child = spawn::helper(command).map_err(Error::io("start", &name))?;
    if let Some(mut pipe) = child.stdin.take() {
        // A daemon that ends early breaks the pipe; its exit says more than the broken pipe would.
        let _ = pipe.write_all(password.as_bytes()).and_then(|()| pipe.write_all(b"\n"));
    }
    Ok(child)
}

/// Bytes of memory that are free or can be made so, within what our own group may use.
fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let free = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)?;
    let number = |file: &str| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
    let group = number("/sys/fs/cgroup/memory.max")
        .map(|most| most.saturating_sub(number("/sys/fs/cgroup/memory.current").unwrap_or(0)));
    Some(group.map_or(free, |left| left.min(free)))
}

/// Whether this machine has no swap at this moment.
pub(crate) fn swap_is_off() -> bool {
    fs::read_to_string("/proc/swaps").is_ok_and(|text| text.lines().count() <= 1)
}
