//! The system-call filter of a job.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, memfd_create};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

use crate::error::{Error, Result};

/// Refused with `EPERM`, whatever the arguments: tracing other processes, changing mounts or
/// namespaces, kernel keys, kernel programs and modules, the clock, asynchronous rings and user
/// faults (rich in kernel defects and of no use to an analysis tool).
const REFUSED: &[i64] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_vhangup,
    libc::SYS_nfsservctl,
    libc::SYS_lookup_dcookie,
];

#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[i64] = &[libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt, libc::SYS_uselib];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[i64] = &[];

/// Answered with `ENOSYS`, so that the C library falls back to `clone`, whose flags can be seen.
const CLONE3: u32 = libc::SYS_clone3 as u32;

/// Every `CLONE_NEW*` flag: a new mount, cgroup, uts, ipc, user, pid, net or time namespace.
const NEW_NAMESPACES: [u64; 8] =
    [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000, 0x80];

/// Terminal requests that put input into somebody else's terminal.
const TERMINAL: [u64; 2] = [0x5412, 0x541c];

/// The filter as a descriptor for the sandbox program, positioned at its start.
pub fn handed() -> Result<OwnedFd> {
    let io = |e: std::io::Error| Error::Walls(format!("cannot hand over the system-call filter: {e}"));
    let fd = memfd_create("filter", MemfdFlags::CLOEXEC).map_err(|e| io(e.into()))?;
    let mut file = File::from(fd);
    file.write_all(&bytes(&program()?)).map_err(io)?;
    file.rewind().map_err(io)?;
    Ok(file.into())
}

fn program() -> Result<BpfProgram> {
    let build = || -> std::result::Result<BpfProgram, seccompiler::BackendError> {
        let arch = TargetArch::try_from(std::env::consts::ARCH)?;
        let refuse = SeccompAction::Errno(libc::EPERM.cast_unsigned());
        SeccompFilter::new(rules()?, SeccompAction::Allow, refuse, arch)?.try_into()
    };
    let rest = build().map_err(|e| Error::Walls(format!("the system-call filter does not build: {e}")))?;
    let mut all = prelude();
    all.extend(rest);
    Ok(all)
}

fn rules() -> std::result::Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        REFUSED.iter().chain(REFUSED_HERE).map(|call| (*call, vec![])).collect();
    let mut new_namespace = vec![];
    for flag in NEW_NAMESPACES {
        if flag != 0x80 {
            // CLONE_NEWTIME shares its bit with the exit signal of `clone`, which cannot make one.
            new_namespace.push(when(0, SeccompCmpArgLen::Qword, &[(SeccompCmpOp::MaskedEq(flag), flag)])?);
        }
    }
    rules.insert(libc::SYS_clone, new_namespace);
    let families = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];
    let others: Vec<_> = families.iter().map(|f| (SeccompCmpOp::Ne, u64::from(f.cast_unsigned()))).collect();
    // Only these families are shut in by the empty network namespace; vsock, for one, is not.
    rules.insert(libc::SYS_socket, vec![when(0, SeccompCmpArgLen::Dword, &others)?]);
    let mut requests = vec![];
    for request in TERMINAL {
        requests.push(when(1, SeccompCmpArgLen::Dword, &[(SeccompCmpOp::Eq, request)])?);
    }
    rules.insert(libc::SYS_ioctl, requests);
    Ok(rules)
}

fn when(
    argument: u8,
    length: SeccompCmpArgLen,
    tests: &[(SeccompCmpOp, u64)],
) -> std::result::Result<SeccompRule, seccompiler::BackendError> {
    let conditions: std::result::Result<Vec<_>, _> = tests
        .iter()
        .map(|(op, value)| SeccompCondition::new(argument, length.clone(), op.clone(), *value))
        .collect();
    SeccompRule::new(conditions?)
}

/// Comes before the rules: refuses the second call table of x86-64, whose numbers the rules do not
/// name, and `clone3`, whose flags lie in memory that a filter cannot read.
fn prelude() -> BpfProgram {
    const LOAD: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const ERRNO: u32 = 0x0005_0000;
    let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    vec![
        step(LOAD, 0, 0, 0),
        step(JUMP_IF_AT_LEAST, 0, 1, 0x4000_0000),
        step(RETURN, 0, 0, ERRNO | libc::EPERM.cast_unsigned()),
        step(JUMP_IF_EQUAL, 0, 1, CLONE3),
        step(RETURN, 0, 0, ERRNO | libc::ENOSYS.cast_unsigned()),
    ]
}

fn bytes(program: &[sock_filter]) -> Vec<u8> {
    let mut out = Vec::with_capacity(program.len() * 8);
    for step in program {
        out.extend_from_slice(&step.code.to_ne_bytes());
        out.push(step.jt);
        out.push(step.jf);
        out.extend_from_slice(&step.k.to_ne_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_fits_the_kernel_and_starts_with_the_prelude() {
        let program = program().unwrap();
        assert!(program.len() > REFUSED.len() && program.len() < 4096, "{}", program.len());
        assert_eq!(bytes(&program).len(), program.len() * 8);
        assert_eq!(program[3].k, 435, "clone3 has one number on every architecture since Linux 5.3");
    }
}
