//! The same for a user without any right over the machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use executor::{State, capabilities::capabilities};
use serde_json::Value;

/// `nobody`: the mount helper insists on a user with a name.
const USER: u32 = 65_534;

/// Runs a job as an ordinary user, with `/dev/fuse` open to all or to root alone. The device is
/// changed in a mount namespace of the test's own.
fn as_ordinary_user(fuse_for_all: bool, script: &str, limits: &[&str]) -> (String, Value) {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let probe = folder.path().join("probe");
    fs::copy(env!("CARGO_BIN_EXE_executor-probe"), &probe).unwrap();
    let site = folder.path().join("site");
    fs::create_dir(&site).unwrap();
    let mut command = if rustix::process::geteuid().is_root() {
        chown(&site, Some(USER), Some(USER)).unwrap();
        let device = folder.path().join("fuse");
        let mode = if fuse_for_all { "666" } else { "600" };
        let prepare = format!(
            "mknod {0} c 10 229 && chmod {mode} {0} && mount --bind {0} /dev/fuse && \
             exec setpriv --reuid {USER} --regid {USER} --clear-groups -- \"$@\"",
            device.display()
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "--", "sh", "-c", &prepare, "sh"]);
        command.arg(&probe);
        command
    } else {
        Command::new(&probe)
    };
    let output = command.arg("host").arg(&site).arg(script).args(limits).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let last = said.lines().last().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (said.clone(), serde_json::from_str(last).unwrap())
}

#[test]
fn an_ordinary_user_runs_sealed_jobs_where_fuse_is_open() {
    let (said, verdict) = as_ordinary_user(true, "id -u; cat /proc/self/status; echo x > /out/x", &[]);
    if !rustix::process::geteuid().is_root() && verdict["code"] == "EXEC-001" {
        println!("this machine gives ordinary users no scratch: {verdict}");
        return;
    }
    assert_eq!(
        (&verdict["exit"], &verdict["scratch"]),
        (&Value::from(0), &Value::from("gocryptfs")),
        "{said}"
    );
    assert_eq!(said.lines().next(), Some("1000"));
    assert!(said.contains("CapBnd:\t0000000000000000") && said.contains("Seccomp:\t2"), "{said}");
}

#[test]
fn limits_hold_without_a_control_group() {
    let script = "i=0; while [ $i -lt 20 ]; do sleep 3 & i=$((i+1)); done; echo all of them";
    let (said, verdict) = as_ordinary_user(true, script, &["8"]);
    assert!(!said.contains("all of them") && verdict["exit"] != 0, "{said}");
    let (said, _) = as_ordinary_user(true, script, &["64"]);
    assert!(said.contains("all of them"), "{said}");
    // Each stays below what one process may ask for; the watch sees the sum.
    let script = "for i in 1 2 3 4; do probe hold 60000000 & done; wait";
    let (said, verdict) = as_ordinary_user(true, script, &["64", "100000000"]);
    assert_eq!(verdict["oom"], Value::Bool(true), "{said}");
}

#[test]
fn without_fuse_an_ordinary_user_is_refused_with_a_hint() {
    if !rustix::process::geteuid().is_root() && Path::new("/dev/fuse").exists() {
        println!("only root can take the device away");
        return;
    }
    let (_, verdict) = as_ordinary_user(false, "exit 0", &[]);
    assert_eq!(verdict["code"], "EXEC-001", "{verdict}");
    assert!(verdict["hint"].as_str().unwrap().contains("/dev/fuse"), "{verdict}");
}

#[test]
fn the_capability_report_is_whole() {
    let report = capabilities();
    println!("{}", serde_json::to_string_pretty(&report).unwrap());
    assert!(report.jobs_can_run());
    assert_eq!(report.capabilities.len(), 11);
    for capability in &report.capabilities {
        assert!(!capability.found.is_empty() && !capability.why.is_empty(), "{capability:?}");
        assert_eq!(capability.state == State::Ok, capability.remedy.is_empty(), "{capability:?}");
    }
}
