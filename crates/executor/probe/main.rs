//! A program that tries what a job must not be able to do, and says what came of it.
//!
//! `probe network PORT NAME`, `probe calls`, `probe self`, `probe walk FOLDER`, `probe hog BYTES`, `probe hold BYTES`,
//! `probe spin`, `probe count`,
//! `probe confined`: each prints one JSON value. `probe host SITE SCRIPT` runs a job itself.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let answer = match words.as_slice() {
        ["network", port, name] => network(port.parse().unwrap_or(0), name),
        ["calls"] => calls(),
        ["self"] => json!(std::fs::read_to_string("/proc/self/status").unwrap_or_default()),
        ["walk", folder] => {
            let mut seen = vec![];
            walk(Path::new(folder), &mut seen);
            json!(seen)
        }
        ["hog", bytes] => hog(bytes.parse().unwrap_or(0)),
        ["hold", bytes] => {
            let block = vec![1u8; bytes.parse().unwrap_or(0)];
            std::thread::sleep(Duration::from_secs(3));
            json!(block.len())
        }
        ["spin"] => spin(),
        ["host", site, script, more @ ..] => host(Path::new(site), script, more),
        ["count"] => count(),
        ["confined"] => json!({
            "landlock": executor::confine::no_files(),
            "read": std::fs::read("/etc/passwd").is_ok(),
        }),
        _ => json!("what?"),
    };
    let _ = writeln!(std::io::stdout(), "{answer}");
}

/// Every way out, and whether it was open.
fn network(port: u16, name: &str) -> Value {
    let wait = Duration::from_millis(300);
    let tcp = |to: ([u8; 4], u16)| TcpStream::connect_timeout(&SocketAddr::from(to), wait).is_ok();
    let udp = |to: ([u8; 4], u16)| {
        UdpSocket::bind("0.0.0.0:0").and_then(|s| s.send_to(b"x", SocketAddr::from(to))).is_ok() && {
            // Loopback inside the walls is the job's own; nobody else hears it.
            to.0 != [127, 0, 0, 1]
        }
    };
    let unix = std::os::unix::net::SocketAddr::from_abstract_name(name.as_bytes());
    json!({
        "tcp loopback": tcp(([127, 0, 0, 1], port)),
        "tcp metadata": tcp(([169, 254, 169, 254], 80)),
        "udp 53": udp(([9, 9, 9, 9], 53)),
        "udp metadata": udp(([169, 254, 169, 254], 53)),
        "abstract socket": unix.and_then(|a| UnixStream::connect_addr(&a)).is_ok(),
        "raw icmp": socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
        "ping": socket(libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
        "netlink": socket(libc::AF_NETLINK, libc::SOCK_RAW, 0),
        "packet": socket(libc::AF_PACKET, libc::SOCK_RAW, 0),
        "vsock": socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0),
        "kernel crypto": socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
    })
}

#[expect(unsafe_code, reason = "the standard library makes no such sockets")]
fn socket(family: i32, kind: i32, protocol: i32) -> bool {
    // SAFETY: three numbers; the descriptor, if any, ends with this process.
    unsafe { libc::socket(family, kind, protocol) >= 0 }
}

/// The error number that each forbidden call answers with, called with arguments that do no harm.
#[expect(unsafe_code, reason = "the calls are to be made raw, as an attacker would")]
fn calls() -> Value {
    let table: [(&str, i64, [i64; 3]); 22] = [
        ("unshare user", libc::SYS_unshare, [0x1000_0000, 0, 0]),
        ("unshare nothing", libc::SYS_unshare, [0, 0, 0]),
        ("setns", libc::SYS_setns, [-1, 0, 0]),
        ("mount", libc::SYS_mount, [0, 0, 0]),
        ("umount", libc::SYS_umount2, [0, 0, 0]),
        ("fsopen", libc::SYS_fsopen, [0, 0, 0]),
        ("open_tree", libc::SYS_open_tree, [-1, 0, 0]),
        ("pivot_root", libc::SYS_pivot_root, [0, 0, 0]),
        ("chroot", libc::SYS_chroot, [0, 0, 0]),
        ("ptrace peek", libc::SYS_ptrace, [1, 0, 0]),
        ("process_vm_readv", libc::SYS_process_vm_readv, [-1, 0, 0]),
        ("keyctl", libc::SYS_keyctl, [0, -3, 0]),
        ("add_key", libc::SYS_add_key, [0, 0, 0]),
        ("bpf", libc::SYS_bpf, [-1, 0, 0]),
        ("perf_event_open", libc::SYS_perf_event_open, [0, 0, 0]),
        ("userfaultfd", libc::SYS_userfaultfd, [-1, 0, 0]),
        ("io_uring_setup", libc::SYS_io_uring_setup, [0, 0, 0]),
        ("kexec_load", libc::SYS_kexec_load, [0, -1, 0]),
        ("finit_module", libc::SYS_finit_module, [-1, 0, 0]),
        ("open_by_handle_at", libc::SYS_open_by_handle_at, [-1, 0, 0]),
        ("sethostname", libc::SYS_sethostname, [0, -1, 0]),
        ("push into a terminal", libc::SYS_ioctl, [0, 0x5412, 0]),
    ];
    let mut out: BTreeMap<String, i32> = BTreeMap::new();
    let mut add = |name: &str, number: i64, [a, b, c]: [i64; 3]| {
        // SAFETY: every row names a call with null or invalid arguments: it fails before it acts.
        let result = unsafe { libc::syscall(number, a, b, c, 0, 0) };
        let code = if result < 0 { std::io::Error::last_os_error().raw_os_error().unwrap_or(0) } else { 0 };
        out.insert(name.to_owned(), code);
    };
    for (name, number, arguments) in table {
        add(name, number, arguments);
    }
    // Flags without a valid exit signal and stack make clone fail or, under the filter, be refused;
    // CLONE_THREAD without CLONE_VM is invalid everywhere.
    add("clone into a user namespace", libc::SYS_clone, [0x1000_0000 | 0x0001_0000, 0, 0]);
    add("clone3", libc::SYS_clone3, [0, 0, 0]);
    #[cfg(target_arch = "x86_64")]
    add("mount of the second call table", libc::SYS_mount | 0x4000_0000, [0, 0, 0]);
    json!(out)
}

fn walk(folder: &Path, seen: &mut Vec<String>) {
    for item in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = item.path();
        seen.push(path.display().to_string());
        if item.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&path, seen);
        }
    }
}

/// Asks for memory and uses it.
fn hog(bytes: usize) -> Value {
    let mut block: Vec<u8> = Vec::new();
    if block.try_reserve_exact(bytes).is_err() {
        return json!("refused");
    }
    block.resize(bytes, 1);
    json!(block.iter().step_by(4096).map(|b| u64::from(*b)).sum::<u64>())
}

fn spin() -> Value {
    let mut x = 1u64;
    loop {
        x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

/// Opens an executor on `site` and runs a shell script as a job, printing its lines as they come.
///
/// `more` may be a limit of processes and one of bytes of memory.
fn host(site: &Path, script: &str, more: &[&str]) -> Value {
    let number = |at: usize| more.get(at).and_then(|word| word.parse().ok());
    let usual = executor::Limits::default();
    let limits = executor::Limits {
        pids: number(0).unwrap_or(usual.pids),
        memory_bytes: number(1).unwrap_or(usual.memory_bytes),
        wall: Duration::from_secs(60),
        ..usual
    };
    let report = || -> executor::Result<Value> {
        let names = ["sh", "sleep", "id", "cat"];
        let mut programs = names.map(|name| (name, Path::new("/usr/bin").join(name))).to_vec();
        programs.push(("probe", std::env::current_exe().unwrap_or_default()));
        let tools = executor::Closure::collect(&programs, &[])?;
        let settings = executor::Settings::for_site(site);
        let executor = executor::Executor::open(settings, std::sync::Arc::new(base::SystemEntropy))?;
        let root = executor.root_here(&[&tools])?;
        let scratch = executor.scratch(executor::ScratchKind::Auto, 16 << 20)?;
        let finished = executor.run(executor::Job {
            root: &root,
            scratch: &scratch,
            argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
            env: vec![],
            limits: limits.clone(),
            cancel: executor::CancelToken::new(),
            lease: Box::new(|| true),
            on_line: Box::new(|_, line| {
                let _ = writeln!(std::io::stdout(), "{line}");
            }),
        })?;
        let kind = scratch.kind();
        scratch.destroy()?;
        Ok(json!({ "exit": finished.exit, "oom": finished.oom, "scratch": kind }))
    };
    report().unwrap_or_else(
        |e| json!({ "code": base::Fault::code(&e), "error": e.to_string(), "hint": base::Fault::hint(&e) }),
    )
}

fn count() -> Value {
    let mut total = 0u64;
    let mut buffer = vec![0u8; 64 << 10];
    while let Ok(count @ 1..) = std::io::stdin().read(&mut buffer) {
        total += u64::try_from(count).unwrap_or(0);
    }
    json!({ "bytes": total })
}
