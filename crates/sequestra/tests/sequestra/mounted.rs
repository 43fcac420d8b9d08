//! A disk that is mounted while the site is open: it is written to, or nothing is written at all.

use crate::site::{PROGRAM, Site, scratch};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What each script begins with: mounts of its own, and `site` for a command of the administrator.
const BEGIN: &str = r#"set -u
mount --make-r$KIND / || exit 99
site() { "$PROGRAM" "$@" --site "$SITE" --session "$ROOM/admin.session" --passphrase-file "$ROOM/passphrase"; }
site whoami || exit 98
mount -t tmpfs tmpfs "$DISK" || exit 97
"#;

/// Runs a script in a mount namespace of its own, whose mounts are of this kind, with the site open before anything
/// is mounted. Gives its exit code and what it said.
fn run(site: &Site, kind: &str, disk: &Path, script: &str) -> (Option<i32>, String) {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "--propagation", "private", "--", "sh", "-c", &format!("{BEGIN}{script}")]);
    command.env("KIND", kind).env("PROGRAM", PROGRAM).env("DISK", disk);
    command.env("SITE", &site.folder).env("ROOM", &site.room).stdin(Stdio::null());
    let output = command.output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    (output.status.code(), said)
}

#[test]
fn a_disk_mounted_while_the_site_is_open_gets_the_backup() {
    let (site, disk) = (Site::fresh(&[]), TempDir::new_in(scratch()).unwrap());
    let (exit, said) = run(
        &site,
        "shared",
        disk.path(),
        r#"site backup create "$DISK/backup" --recovery "$ROOM/recovery" || exit 1
        test -e "$DISK/backup/sets/000001/set.json" || exit 2
        site backup verify "$DISK/backup" || exit 3
        site site lock || exit 4
        mountpoint -q "$DISK" || exit 5"#,
    );
    assert_eq!(exit, Some(0), "{said}");
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 0, "nothing lies beneath the mount");
}

#[test]
fn a_disk_that_the_site_does_not_see_is_refused_and_nothing_is_written_beneath() {
    let (site, disk) = (Site::fresh(&[]), TempDir::new_in(scratch()).unwrap());
    let (exit, said) = run(
        &site,
        "private",
        disk.path(),
        r#"refused() { site "$@"; test $? = 5 || exit 1; }
        refused backup create "$DISK/backup" --recovery "$ROOM/recovery"
        refused backup create "$ROOM/backup" --recovery "$DISK/recovery"
        refused backup verify "$DISK/backup"
        test -z "$(ls "$DISK")" || exit 2
        test ! -e "$ROOM/backup" || exit 3
        site site lock || exit 4
        site backup create "$DISK/backup" --recovery "$ROOM/recovery" || exit 5
        test -e "$DISK/backup/sets/000001/set.json" || exit 6
        site site lock || exit 7"#,
    );
    assert_eq!(exit, Some(0), "{said}");
    assert_eq!(said.matches("BACKUP-014").count(), 3, "{said}");
    assert!(said.contains("hint: ") && said.contains("site lock"), "{said}");
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 0, "nothing lies beneath the mount");
}

#[test]
fn a_site_on_a_read_only_file_system_is_told_as_that() {
    let (site, beside) = (Site::fresh(&[]), TempDir::new_in(scratch()).unwrap());
    let (exit, said) = run(
        &site,
        "private",
        beside.path(),
        r#"site site lock || exit 1
        mount --bind "$SITE" "$SITE" && mount -o remount,bind,ro "$SITE" || exit 2
        site whoami
        test $? = 6 || exit 3"#,
    );
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains("SEQUESTRA-011") && said.contains("read-only"), "{said}");
}
