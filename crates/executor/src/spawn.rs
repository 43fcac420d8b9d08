//! Starting processes from threads that live as long as this process.
//!
//! The kernel ties "die with the parent" to the *thread* that forked. A pool thread that ends would
//! take its jobs with it, so every start goes through one of two threads that never end.

mod prepare;

use std::io;
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock};

use rustix::thread::CapabilitiesSecureBits;

pub use prepare::prepare;

type Order = (Command, Sender<io::Result<Child>>);

/// A thread that starts processes on request.
struct Spawner(Mutex<Sender<Order>>);

impl Spawner {
    fn start(name: &str, first: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (sender, orders) = channel::<Order>();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            first();
            for (mut command, reply) in orders {
                // The asker is waiting; if it is gone, the child is an orphan and must not run.
                if let Err(unsent) = reply.send(command.spawn())
                    && let Ok(mut child) = unsent.0
                {
                    let _ = child.kill();
                    let _ = child.wait();
                }
            }
        })?;
        Ok(Self(Mutex::new(sender)))
    }

    fn spawn(&self, command: Command) -> io::Result<Child> {
        let (reply, answer) = channel();
        let gone = || io::Error::other("the spawning thread is gone");
        self.0.lock().map_err(|_| gone())?.send((command, reply)).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

static JOBS: OnceLock<io::Result<Spawner>> = OnceLock::new();
static HELPERS: OnceLock<io::Result<Spawner>> = OnceLock::new();

/// Starts a job. The thread has given up TCP, foreign abstract sockets and foreign signals by
/// Landlock where the kernel can, so the job is under it before its first instruction.
pub fn job(command: Command) -> io::Result<Child> {
    through(&JOBS, "job-spawner", crate::confine::spawner, command)
}

/// Starts a helper of this room (the scratch daemon): not confined, it must mount.
pub fn helper(command: Command) -> io::Result<Child> {
    through(&HELPERS, "helper-spawner", keep_rights, command)
}

/// A scratch daemon that runs as root takes on a job's user for a moment, on all its threads at
/// once; without this its other threads lose their rights meanwhile and refuse the job's files.
fn keep_rights() {
    if rustix::process::geteuid().is_root() {
        // Where this is not allowed, a busy job fails; it is never less walled in.
        let _ = rustix::thread::set_capabilities_secure_bits(CapabilitiesSecureBits::NO_SETUID_FIXUP);
    }
}

fn through(
    cell: &'static OnceLock<io::Result<Spawner>>,
    name: &str,
    first: impl FnOnce() + Send + 'static,
    command: Command,
) -> io::Result<Child> {
    match cell.get_or_init(|| Spawner::start(name, first)) {
        Ok(spawner) => spawner.spawn(command),
        Err(e) => Err(io::Error::new(e.kind(), e.to_string())),
    }
}
