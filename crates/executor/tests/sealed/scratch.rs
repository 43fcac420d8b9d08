//! The scratch shows ciphertext outside, and leaves nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base::Fault;
use executor::{Error, ScratchKind};

use crate::common::Site;

const MARK: &[u8] = b"PLAINTEXT-OF-A-GENOME-ACGTACGTACGTACGT";

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for item in fs::read_dir(folder).into_iter().flatten().flatten() {
        if item.file_type().unwrap().is_dir() {
            files(&item.path(), found);
        } else {
            found.push(item.path());
        }
    }
}

/// Files below `folder` that hold the mark, or whose name does.
fn holding_the_mark(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![];
    files(folder, &mut all);
    let holds = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap_or_default();
        bytes.windows(MARK.len()).any(|w| w == MARK) || path.to_string_lossy().contains("genome-name")
    };
    all.into_iter().filter(holds).collect()
}

#[test]
fn the_disk_holds_ciphertext_while_the_job_runs_and_nothing_afterwards() {
    let site = Site::new();
    let root = site.shell(&[]);
    let scratch = site.executor.scratch(ScratchKind::Gocryptfs, 0).unwrap();
    fs::write(scratch.inputs().join("genome-name.txt"), MARK.repeat(1000)).unwrap();
    let (finished, _) = site.sh(
        &root,
        &scratch,
        "cat /in/* > /work/genome-name; cat /in/* > /out/genome-name; cat /in/* > /tmp/x",
    );
    assert!(finished.success(), "{finished:?}");
    assert_eq!(fs::read(scratch.outputs().join("genome-name")).unwrap(), MARK.repeat(1000));
    assert_eq!(holding_the_mark(&scratch.outputs()).len(), 1, "the search itself works");

    let disk = site.executor.settings().disk.clone();
    let mut stored = vec![];
    files(&disk, &mut stored);
    assert!(stored.len() >= 4, "the ciphertext is there");
    assert!(holding_the_mark(&disk).is_empty());

    let mount = scratch.outputs().parent().unwrap().to_owned();
    let cipher = disk.to_str().unwrap();
    assert!(crate::common::processes_with(cipher) >= 1);
    scratch.destroy().unwrap();
    assert_eq!(crate::common::processes_with(cipher), 0, "the end of the daemon is waited for");
    assert!(!mount.exists());
    assert_eq!(fs::read_dir(&disk).unwrap().count(), 0);
    drop(root);
    assert_eq!(fs::read_dir(&site.memory).unwrap().count(), 0);
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(mount.to_str().unwrap()));
}

#[test]
fn no_other_local_user_reads_a_scratch_that_a_job_reads() {
    let site = Site::new();
    if !rustix::process::geteuid().is_root() {
        // An ordinary user's mount has no `allow_other`: the kernel refuses all others, root too.
        return;
    }
    for kind in [ScratchKind::Gocryptfs, ScratchKind::Memory] {
        let (root, scratch) = (site.shell(&[]), site.executor.scratch(kind, 8 << 20).unwrap());
        let file = scratch.inputs().join("genome");
        fs::write(&file, MARK).unwrap();
        let (finished, said) = site.sh(&root, &scratch, "cat /in/genome");
        assert!(finished.success(), "{finished:?}");
        assert_eq!(said.trim().as_bytes(), MARK);
        let read = |gid: &str| {
            let who = ["--reuid", "65534", "--regid", gid, "--clear-groups", "cat"];
            std::process::Command::new("setpriv").args(who).arg(&file).output().unwrap()
        };
        let other = read("65534");
        assert!(!other.status.success() && other.stdout.is_empty(), "{other:?}");
        assert!(String::from_utf8_lossy(&other.stderr).contains("Permission denied"), "{other:?}");
        let group = site.executor.settings().job_gid.to_string();
        assert_eq!(read(&group).stdout, MARK, "the group alone makes the difference");
    }
}

/// Many files and folders at once, each made and given a mode, as sorting tools do.
#[test]
fn a_busy_job_is_refused_nothing_of_its_own() {
    let site = Site::new();
    let (root, scratch) = (site.shell(&[]), site.executor.scratch(ScratchKind::Gocryptfs, 0).unwrap());
    // Each in a folder of its own: in one and the same the kernel lets them in one after the other.
    let script = "one() { mkdir /work/$1; i=0; while [ $i -lt 400 ]; do : > /work/$1/$i || echo refused; i=$((i+1)); done; }; \
                  modes() { mkdir /work/d; i=0; while [ $i -lt 100 ]; do mkdir /work/d/$i && chmod 700 /work/d/$i || echo refused; \
                  i=$((i+1)); done; }; one a & one b & one c & modes & wait";
    let (finished, said) = site.sh(&root, &scratch, script);
    assert!(finished.success() && !said.contains("refused"), "{finished:?} {said}");
}

#[test]
fn a_folder_left_open_is_closed_again() {
    let folder = tempfile::tempdir().unwrap();
    let settings = executor::Settings::for_site(folder.path());
    fs::create_dir(&settings.memory).unwrap();
    fs::set_permissions(&settings.memory, fs::Permissions::from_mode(0o777)).unwrap();
    let memory = settings.memory.clone();
    let _executor = executor::Executor::open(settings, std::sync::Arc::new(base::SystemEntropy)).unwrap();
    assert_eq!(fs::metadata(&memory).unwrap().permissions().mode() & 0o007, 0);
}

#[test]
fn dropping_destroys_too() {
    let site = Site::new();
    let scratch = site.executor.scratch(ScratchKind::Gocryptfs, 0).unwrap();
    fs::write(scratch.work().join("x"), MARK).unwrap();
    drop(scratch);
    assert_eq!(fs::read_dir(&site.executor.settings().disk).unwrap().count(), 0);
    assert_eq!(fs::read_dir(&site.memory).unwrap().count(), 0);
}

#[test]
fn a_scratch_whose_mount_is_gone_starts_no_job() {
    let site = Site::new();
    let (root, scratch) = (site.shell(&[]), site.executor.scratch(ScratchKind::Gocryptfs, 0).unwrap());
    let mount = scratch.outputs().parent().unwrap().to_owned();
    rustix::mount::unmount(&mount, rustix::mount::UnmountFlags::DETACH).unwrap();
    fs::create_dir(mount.join("work")).unwrap();
    let error = run(&site, &root, &scratch).unwrap_err();
    assert!(matches!(error, Error::Unsealed(_)), "{error}");
    assert_eq!(error.code(), "EXEC-006");
}

#[test]
fn memory_scratch_is_bounded_and_gone_afterwards() {
    let site = Site::new();
    let (root, scratch) = (site.shell(&[]), site.executor.scratch(ScratchKind::Memory, 8 << 20).unwrap());
    let (finished, _) = site.sh(&root, &scratch, "dd if=/dev/zero of=/work/x bs=1M count=32 2>/dev/null");
    assert!(!finished.success());
    scratch.destroy().unwrap();
    drop(root);
    assert_eq!(fs::read_dir(&site.memory).unwrap().count(), 0);
}

fn run(
    site: &Site,
    root: &executor::Root,
    scratch: &executor::Scratch,
) -> executor::Result<executor::Finished> {
    site.executor.run(executor::Job {
        root,
        scratch,
        argv: ["sh", "-c", "exit 0"].map(str::to_owned).to_vec(),
        env: vec![],
        limits: crate::common::quick(),
        cancel: executor::CancelToken::new(),
        lease: Box::new(|| true),
        on_line: Box::new(|_, _| ()),
    })
}

#[test]
fn many_processes_make_files_at_once() {
    let site = Site::new();
    let (root, scratch) = (site.shell(&["wc"]), site.scratch());
    let script = "cd /work; f() { n=0; while [ $n -lt 60 ]; do mkdir d$1.$n && echo x > d$1.$n/f || exit 9; \
                  n=$((n+1)); done; }; for k in 1 2 3 4 5 6; do f $k & done; wait; ls | wc -l; ls /work/d*/f | wc -l";
    let (finished, said) = site.sh(&root, &scratch, script);
    assert!(finished.success(), "{finished:?}");
    assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["360", "360"], "{finished:?}");
}

#[test]
fn clear_text_lies_in_memory_only_where_it_goes_with_us_and_there_is_plenty() {
    for (own_mounts, bytes, expected) in [
        (true, 1 << 20, ScratchKind::Memory),
        (false, 1 << 20, ScratchKind::Gocryptfs),
        (true, 1 << 50, ScratchKind::Gocryptfs),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let settings = executor::Settings { own_mounts, ..executor::Settings::for_site(folder.path()) };
        let entropy = std::sync::Arc::new(base::SystemEntropy);
        let executor = executor::Executor::open(settings, entropy).unwrap();
        // An ordinary user gets no memory of that kind.
        let root = rustix::process::geteuid().is_root();
        let expected = if root { expected } else { ScratchKind::Gocryptfs };
        assert_eq!(executor.scratch(ScratchKind::Auto, bytes).unwrap().kind(), expected);
    }
}
