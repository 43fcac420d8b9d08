//! The program: words, JSON, exit codes.

use crate::made::{Made, witness_key};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// Exit code, stdout, stderr.
fn verify(args: &[&str], files: &[&Path]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sequestra-verify"));
    // Nothing of its surroundings is used.
    let output = command.args(args).args(files).env_clear().stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn it_says_what_holds_what_does_not_and_what_is_misuse() {
    let (made, room) = (Made::new(5), Room { folder: tempfile::tempdir().unwrap() });
    let site = room.file("site.pub", made.public.to_string());
    let site = site.to_str().unwrap();
    let receipt = made.receipt();
    let good = room.file("receipt.json", &receipt);
    let (code, out, err) = verify(&["receipt", "--site-key", site], &[&good]);
    assert!(code == 0 && out.starts_with("verified: the receipt holds\n") && err.is_empty(), "{out} {err}");

    let mut changed = receipt.clone();
    changed[100] ^= 1;
    let bad = room.file("bad.json", changed);
    let (code, out, err) = verify(&["receipt", "--site-key", site], &[&bad]);
    assert!(code == 1 && out.is_empty() && err.starts_with("refused: "), "{out} {err}");
    let (code, out, _) = verify(&["receipt", "--json", "--site-key", site], &[&bad]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(code == 1 && json["verified"].is_null() && json["refused"].is_string(), "{out}");

    let missing = room.folder.path().join("missing");
    for (args, files) in [
        (vec!["receipt", "--site-key", site], vec![missing.as_path()]),
        (vec!["receipt", "--site-key", site], vec![]),
        (vec!["receipt", "--site-key", site], vec![good.as_path(), good.as_path()]),
        (vec!["receipt", "--site-key", good.to_str().unwrap()], vec![good.as_path()]),
        (vec!["receipt"], vec![good.as_path()]),
        (vec!["receipt", "--sitekey", site], vec![good.as_path()]),
        (vec!["receipts", "--site-key", site], vec![good.as_path()]),
        (vec!["checkpoint"], vec![good.as_path()]),
        (vec!["checkpoint", "--log-key", "x", "--site-key", site], vec![good.as_path()]),
        (vec!["checkpoint", "--site-key", site, "--quorum", "1"], vec![good.as_path()]),
        (vec![], vec![]),
        // Files of a folder that somebody else made are no options.
        (vec!["receipt", "--site-key", site, "-h"], vec![good.as_path()]),
        (vec!["receipt", "--site-key", site, "--version"], vec![good.as_path()]),
        (vec!["stream", "--help"], vec![good.as_path()]),
        (vec!["receipt", "--site-key", site, "--", "--json"], vec![]),
    ] {
        let (code, out, err) = verify(&args, &files);
        assert!(code == 2 && out.is_empty() && !err.is_empty(), "{args:?}: {code} {out} {err}");
    }
    assert_eq!(verify(&["--help"], &[]).0, 0);
    assert_eq!(verify(&["receipt", "--site-key", site, "--"], &[&good]).0, 0);
}

#[test]
fn every_command_gives_its_document() {
    let (made, room) = (Made::new(5), Room { folder: tempfile::tempdir().unwrap() });
    let name = "witness.example/w1";
    let old = made.cosigned(&[]);
    made.append(serde_json::json!({"event": "later"}));
    let new = made.cosigned(&[name]);
    let hashes: String =
        made.ledger.consistency(5, 6).unwrap().iter().map(|hash| format!("{hash}\n")).collect();
    let (log, witness) = (made.public.ledger.to_string(), witness_key(name).to_string());
    let keys = ["--json", "--log-key", &log, "--witness-key", &witness];
    let proof = room.file("p.tlog-proof", made.ledger.prove(2, Some(&old), Some(&new)).unwrap());
    let (old, new, hashes) = (room.file("old", old), room.file("new", new), room.file("hashes", hashes));
    let against = ["--against", old.to_str().unwrap()];
    let run = |command: &str, more: &[&str], files: &[&Path]| {
        let args: Vec<&str> = [command].into_iter().chain(keys).chain(more.iter().copied()).collect();
        let (code, out, err) = verify(&args, files);
        (code, serde_json::from_str::<serde_json::Value>(&out).unwrap_or_default(), err)
    };
    let (code, json, err) = run("checkpoint", &[], &[&new]);
    assert_eq!((code, &json["checkpoint"]["cosigned"][0]["witness"]), (0, &name.into()), "{err}");
    let (code, json, err) = run("proof", &against, &[&proof]);
    assert_eq!((code, &json["position"], &json["older"]["size"]), (0, &2.into(), &5.into()), "{err}");
    let (code, json, err) = run("consistency", &[], &[&old, &new, &hashes]);
    assert_eq!(
        (code, &json["verified"], &json["checkpoint"]["size"]),
        (0, &"consistency".into(), &6.into()),
        "{err}"
    );
    // Keys without what they are for are no reason to pass.
    let (code, json, _) = run("stream", &[], &[&old]);
    assert!(code == 2 && json["misuse"].as_str().unwrap().contains("--checkpoint"), "{code} {json}");
    // The older one has no cosignature.
    assert_eq!(run("checkpoint", &[], &[&old]).0, 1);
}
