//! Both ways with the reference tool of Crypt4GH, in Python.

use crate::support::{LENGTHS, Object, plaintext};
use base::SystemEntropy;
use seal::{EditList, PublicKey, SecretKey, foreign, header, keyfile};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The reference tool: named by `SEQUESTRA_CRYPT4GH`, on the `PATH`, or where `make deps` puts it.
fn tool() -> PathBuf {
    let named = std::env::var_os("SEQUESTRA_CRYPT4GH").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("crypt4gh"));
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let made = home.join(".cache/sequestra/venv/bin/crypt4gh");
    named.into_iter().chain(on_path).chain([made]).find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("the `crypt4gh` tool is missing: run `make deps`, or name it in `SEQUESTRA_CRYPT4GH`")
    })
}

fn output(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env_remove("C4GH_DEBUG")
        .env_remove("C4GH_SECRET_KEY")
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feed = std::thread::spawn(move || {
        // The tool may stop reading early, as with a range.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// One person with key files in a folder of their own.
struct Person {
    folder: TempDir,
    secret: SecretKey,
    public: PublicKey,
}

impl Person {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let secret = SecretKey::mint(&SystemEntropy);
        let public = secret.public().unwrap();
        std::fs::write(folder.path().join("key"), keyfile::write_secret(&secret).unwrap().as_bytes())
            .unwrap();
        std::fs::write(folder.path().join("key.pub"), keyfile::write_public(&public)).unwrap();
        Self { folder, secret, public }
    }

    fn sk(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    fn pk(&self) -> PathBuf {
        self.folder.path().join("key.pub")
    }

    fn tool_decrypts(&self, stream: &[u8]) -> Vec<u8> {
        output(Command::new(tool()).arg("decrypt").arg("--sk").arg(self.sk()), stream)
    }

    fn reads(&self, stream: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        foreign::Reader::new(stream, &self.secret).unwrap().read_to_end(&mut out).unwrap();
        out
    }
}

fn export(object: &Object, to: &[PublicKey], list: Option<&EditList>) -> Vec<u8> {
    let sender = SecretKey::mint(&SystemEntropy);
    let mut stream = header::make(&object.key, to, &sender, list, &SystemEntropy).unwrap();
    stream.extend_from_slice(&object.stored);
    stream
}

#[test]
fn the_tool_reads_what_we_seal() {
    let person = Person::new();
    for length in LENGTHS {
        let object = Object::new(length);
        let found = person.tool_decrypts(&export(&object, &[person.public], None));
        assert!(found == object.plain, "{length}");
    }
}

#[test]
fn we_read_what_the_tool_seals() {
    let (person, other) = (Person::new(), Person::new());
    for length in LENGTHS {
        let plain = plaintext(length);
        let mut command = Command::new(tool());
        command.arg("encrypt").arg("--sk").arg(other.sk());
        command.arg("--recipient_pk").arg(other.pk()).arg("--recipient_pk").arg(person.pk());
        let stream = output(&mut command, &plain);
        assert!(person.reads(&stream) == plain && other.reads(&stream) == plain, "{length}");
        let opened = header::open(&header::read(&stream[..]).unwrap(), &person.secret).unwrap();
        assert!(opened.writers.iter().eq([&other.public]), "the tool's sender is the one we see");
    }
}

#[test]
fn a_header_for_several_people_serves_each_with_the_tool() {
    let people = [Person::new(), Person::new(), Person::new()];
    let publics: Vec<_> = people.iter().map(|person| person.public).collect();
    let object = Object::new(100_000);
    let stream = export(&object, &publics, Some(&EditList::new(vec![65_000, 1_000])));
    for person in &people {
        assert!(person.tool_decrypts(&stream) == object.plain[65_000..66_000]);
    }
}

#[test]
fn edit_lists_mean_the_same_on_both_sides() {
    let person = Person::new();
    let object = Object::new(4 * 65_536);
    for list in [vec![7], vec![0, 9], vec![65_530, 12], vec![100, 65_536, 70_000, 5], vec![3, 4, 5]] {
        let stream = export(&object, &[person.public], Some(&EditList::new(list.clone())));
        assert!(person.tool_decrypts(&stream) == person.reads(&stream), "{list:?}");
    }
    let whole = export(&object, &[person.public], None);
    for (start, end) in [(0, 100), (65_530, 65_545), (70_000, 140_000), (65_536, 131_073)] {
        let mut command = Command::new(tool());
        command.arg("rearrange").arg("--sk").arg(person.sk()).arg("--range").arg(format!("{start}-{end}"));
        let cut = output(&mut command, &whole);
        // The tool keeps one byte less than the range it documents.
        assert!(person.reads(&cut) == object.plain[start..end - 1], "{start}-{end}");
        assert!(person.tool_decrypts(&cut) == person.reads(&cut), "{start}-{end}");
    }
}

#[test]
fn the_tool_hands_our_object_on() {
    let (person, next) = (Person::new(), Person::new());
    let object = Object::new(70_000);
    let mut command = Command::new(tool());
    command.arg("reencrypt").arg("--sk").arg(person.sk()).arg("--recipient_pk").arg(next.pk()).arg("--trim");
    let stream = output(&mut command, &export(&object, &[person.public], None));
    assert!(next.reads(&stream) == object.plain);
    assert!(stream.ends_with(&object.stored), "not a byte of the body changed");
}

#[test]
fn locked_key_files_open_on_both_sides() {
    let person = Person::new();
    let passphrase = "drei Wörter lang";
    let locked = keyfile::write_locked_secret(&person.secret, passphrase, &SystemEntropy).unwrap();
    std::fs::write(person.sk(), locked).unwrap();
    let object = Object::new(1_000);
    let mut command = Command::new(tool());
    command.arg("decrypt").arg("--sk").arg(person.sk()).env("C4GH_PASSPHRASE", passphrase);
    assert!(output(&mut command, &export(&object, &[person.public], None)) == object.plain);

    for passphrase in [None, Some("geheim")] {
        let (sk, pk) = (person.folder.path().join("made"), person.folder.path().join("made.pub"));
        let _ = std::fs::remove_file(&sk);
        let code = "import sys; from crypt4gh.keys import c4gh; \
                    c4gh.generate(sys.argv[1], sys.argv[2], sys.argv[3].encode() or None, b'a comment')";
        let mut command = Command::new(interpreter(&tool()));
        output(command.arg("-c").arg(code).args([&sk, &pk]).arg(passphrase.unwrap_or("")), b"");
        let secret = keyfile::read_secret(&std::fs::read(&sk).unwrap(), passphrase).unwrap();
        let public = keyfile::read_public(&std::fs::read(&pk).unwrap()).unwrap();
        assert_eq!(secret.public().unwrap(), public);
        assert_eq!(keyfile::is_locked(&std::fs::read(&sk).unwrap()).unwrap(), passphrase.is_some());
    }
}

/// The interpreter that the tool's own first line names.
fn interpreter(tool: &Path) -> PathBuf {
    let script = std::fs::read_to_string(tool).unwrap();
    let line = script.lines().next().and_then(|line| line.strip_prefix("#!"));
    PathBuf::from(line.expect("the tool is a script").trim())
}

/// The standard's test files. They lie beside the repository, in `../shared`, or where `SEQUESTRA_SHARED` points; a
/// test that does not find them fails and says so.
fn vectors() -> PathBuf {
    let shared = std::env::var_os("SEQUESTRA_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("data/conformance/crypt4gh");
    assert!(folder.is_dir(), "test data is absent: {} (set SEQUESTRA_SHARED)", folder.display());
    folder
}

#[test]
fn the_vectors_of_the_standard() {
    let folder = vectors();
    let file = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let (alice, bob) = (file("alice.pub"), file("bob.pub"));
    let (alice_key, bob_key) = (keyfile::read_public(&alice).unwrap(), keyfile::read_public(&bob).unwrap());
    assert_ne!(alice_key, bob_key);
    for (text, key) in [(alice, alice_key), (bob, bob_key)] {
        assert_eq!(keyfile::write_public(&key).trim(), String::from_utf8(text).unwrap().trim());
    }
    let person = Person::new();
    for name in ["testfile.abcd", "testfile.abbbc"] {
        let plain = file(name);
        let mut command = Command::new(tool());
        command.arg("encrypt");
        for recipient in [folder.join("alice.pub"), folder.join("bob.pub"), person.pk()] {
            command.arg("--recipient_pk").arg(recipient);
        }
        assert!(person.reads(&output(&mut command, &plain)) == plain, "{name}");
        let object = Object::of(plain);
        let stream = export(&object, &[bob_key, person.public, alice_key], None);
        assert!(person.tool_decrypts(&stream) == object.plain, "{name}");
    }
}
