//! What happens in a child between fork and exec: the one place with unsafe code.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Arranges that the child dies with the spawning thread, holds no descriptor of ours beyond
/// standard input, output and error and `handed` (under their own numbers), and creates files with
/// a plain mode mask.
///
/// A descriptor leaked into a job would be a hole in its walls, so all are closed, not only those
/// that were opened without `O_CLOEXEC`.
#[expect(unsafe_code, reason = "code between fork and exec cannot be expressed safely")]
pub fn prepare(command: &mut Command, handed: Vec<OwnedFd>) {
    let parent = std::process::id();
    let hook = move || {
        // SAFETY: after fork, only async-signal-safe calls are made: prctl, getppid, umask,
        // close_range, fcntl. Nothing is allocated; `handed` is owned by the closure and only read.
        unsafe {
            check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0))?;
            // The parent may have died before the line above: then no signal will ever come.
            if libc::getppid().cast_unsigned() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            libc::umask(0o022);
            // Everything is marked first; then the mark is taken off the wanted ones.
            close_all_on_exec()?;
            for fd in &handed {
                check(libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, 0))?;
            }
        }
        Ok(())
    };
    // SAFETY: see the hook.
    unsafe { command.pre_exec(hook) };
}

/// Marks every descriptor from 3 on as closed at exec.
///
/// # Safety
/// Only to be called between fork and exec.
#[expect(unsafe_code, reason = "a raw system call, for kernels whose C library lacks the wrapper")]
unsafe fn close_all_on_exec() -> io::Result<()> {
    // SAFETY: the call takes three numbers and touches no memory.
    let done =
        unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
