//! What a job can see, reach and do.

use std::collections::BTreeSet;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::Command;

use crate::common::{self, Site};
use serde_json::Value;

fn outside(words: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_executor-probe")).args(words).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_job_runs_and_speaks() {
    let site = Site::new();
    let (root, scratch) = (site.shell(&[]), site.scratch());
    let (finished, said) = site.sh(&root, &scratch, "id -u; pwd; echo x > /out/x; exit 3");
    assert_eq!((finished.exit, said.as_str()), (Some(3), "1000\n/work\n"));
    let (finished, _) = site.sh(&root, &scratch, "kill -SEGV $$");
    assert_eq!((finished.exit, finished.signal, finished.success()), (None, Some(11), false));
}

#[test]
fn no_way_leads_out_of_the_network() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port().to_string();
    let name = format!("executor-walls-{}", std::process::id());
    let _unix = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_nonblocking(true).unwrap();

    let open = outside(&["network", &port, &name]);
    assert_eq!((&open["tcp loopback"], &open["abstract socket"]), (&Value::Bool(true), &Value::Bool(true)));

    let shut = Site::new().ask(&format!("network {port} {name}"));
    for (way, was_open) in shut.as_object().unwrap() {
        assert_eq!(was_open, &Value::Bool(false), "{way}");
    }
    assert_eq!(shut.as_object().unwrap().len(), open.as_object().unwrap().len());
}

#[test]
fn forbidden_calls_are_refused() {
    const EPERM: i64 = 1;
    const ENOSYS: i64 = 38;
    let inside = Site::new().ask("calls");
    for (name, code) in inside.as_object().unwrap() {
        let expected = if name == "clone3" { ENOSYS } else { EPERM };
        assert_eq!(code.as_i64(), Some(expected), "{name}");
    }
    // The same calls outside answer otherwise: it is the filter that refuses.
    let outside = outside(&["calls"]);
    let differ =
        inside.as_object().unwrap().iter().filter(|(name, code)| outside[name.as_str()] != **code).count();
    assert!(differ >= 12, "{outside}");
}

#[test]
fn a_job_has_no_privilege() {
    let status = Site::new().ask("self");
    let status = status.as_str().unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|l| l.starts_with(&format!("{name}:"))).unwrap();
        line.split_once(':').unwrap().1.trim().to_owned()
    };
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    assert_eq!((field("NoNewPrivs"), field("Seccomp")), ("1".to_owned(), "2".to_owned()));
    assert_eq!((field("Uid"), field("Groups")), ("1000\t1000\t1000\t1000".to_owned(), String::new()));
}

#[test]
fn a_job_sees_its_tools_and_inputs_and_nothing_else() {
    let site = Site::new();
    let (root, scratch) = (site.probe(), site.scratch());
    fs::write(scratch.inputs().join("reads.txt"), "ACGT").unwrap();
    let script = "probe walk /etc; probe walk /usr; probe walk /in; probe walk /work; probe walk /out; probe walk /tmp; \
                  for f in /*; do echo \"\\\"$f\\\"\"; done";
    let (finished, said) = site.sh(&root, &scratch, script);
    assert!(finished.success(), "{finished:?}");
    let mut seen = BTreeSet::new();
    for line in said.lines() {
        match serde_json::from_str(line).unwrap() {
            Value::Array(paths) => seen.extend(paths.into_iter().map(|p| p.as_str().unwrap().to_owned())),
            other => {
                seen.insert(other.as_str().unwrap().to_owned());
            }
        }
    }
    let programs = [("probe", env!("CARGO_BIN_EXE_executor-probe").into()), ("sh", common::on_path("sh"))];
    let closure = executor::Closure::collect(&programs, &[]).unwrap();
    let mut expected: BTreeSet<String> = [
        "/bin",
        "/sbin",
        "/lib",
        "/lib64",
        "/usr",
        "/usr/bin",
        "/usr/sbin",
        "/usr/lib",
        "/usr/lib64",
        "/etc",
        "/proc",
        "/dev",
        "/tmp",
        "/in",
        "/work",
        "/out",
        "/in/reads.txt",
        "/etc/passwd",
        "/etc/group",
        "/etc/hosts",
        "/etc/nsswitch.conf",
    ]
    .map(str::to_owned)
    .into();
    for entry in &closure.entries {
        for path in std::path::Path::new(&entry.path).ancestors() {
            let shown = path.to_str().unwrap();
            if shown != "/" && (shown.starts_with("/usr") || path.parent() == Some(std::path::Path::new("/")))
            {
                expected.insert(shown.to_owned());
            }
        }
    }
    assert_eq!(seen, expected);
}

#[test]
fn proc_shows_the_job_alone_and_descriptors_are_the_three() {
    let site = Site::new();
    let (root, scratch) = (site.shell(&[]), site.scratch());
    let leak = fs::File::open("/etc/hostname").or_else(|_| fs::File::open("/etc/passwd")).unwrap();
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
    let script = "ls /proc | grep -c '^[0-9]'; ls /proc/self/fd; ls /sys 2>&1; ls -A /proc/1/root/ | grep -c shm; \
                  cat /proc/kallsyms /proc/keys; ls /proc/1/fd 2>&1; cat /proc/self/mountinfo | grep -c tmpXX";
    let (_, said) = site.sh(&root, &scratch, script);
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].parse::<u32>().unwrap() <= 5, "{said}");
    // The fourth is the folder that `ls` itself has open.
    assert_eq!(lines[1..5], ["0", "1", "2", "3"], "{said}");
    assert!(lines[5].contains("/sys") && !said.contains(" T ") && !said.contains("keyring"), "{said}");
    drop(leak);
}

#[test]
fn nothing_but_the_jobs_own_folders_can_be_written() {
    let site = Site::new();
    let (root, scratch) = (site.shell(&["rm", "mv"]), site.scratch());
    let input = scratch.inputs().join("reads.txt");
    fs::write(&input, "ACGT").unwrap();
    let script = "for f in /in/reads.txt /in/new /usr/bin/sh /usr/bin/new /etc/passwd /new /dev/new /proc/sys/kernel/hostname \
                  /proc/sysrq-trigger /proc/1/oom_score_adj; do (echo evil > $f) 2>/dev/null && echo wrote $f; done; \
                  rm -f /in/reads.txt 2>/dev/null && echo removed; mv /in/reads.txt /work 2>/dev/null && echo moved; \
                  chmod 777 /in/reads.txt 2>/dev/null && echo opened; ln /in/reads.txt /work/x 2>/dev/null && echo linked; \
                  for d in /work /out /tmp /dev/shm; do echo ok > $d/x && cat $d/x; done";
    let (_, said) = site.sh(&root, &scratch, script);
    // A process may change its own out-of-memory score upwards; pid 1 is the sandbox's, not the job's.
    assert_eq!(said, "ok\nok\nok\nok\n");
    assert_eq!(fs::read_to_string(&input).unwrap(), "ACGT");
}

#[test]
fn what_a_job_wrote_it_cannot_run() {
    let site = Site::new();
    let (root, scratch) = (site.shell(&["cp", "true"]), site.scratch());
    let (finished, _) = site.sh(&root, &scratch, "cp /usr/bin/true /work/mine && true && /work/mine");
    assert_eq!(finished.exit, Some(126), "{finished:?}");
}

#[test]
fn a_program_that_was_not_declared_is_not_there() {
    let site = Site::new();
    let (root, scratch) = (site.shell(&[]), site.scratch());
    let (finished, _) = site.sh(&root, &scratch, "samtools --version");
    assert_eq!(finished.exit, Some(127));
}
