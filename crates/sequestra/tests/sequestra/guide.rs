//! The transcripts of guides, run as a reader would run them.
//!
//! A block ```` ```transcript ```` holds commands, `who$ sequestra …`, each with what it prints. A block
//! ```` ```cedar path ```` or ```` ```csv path ```` is a file, and `< path` at a command's end what it reads. `prj_…` in a command stands for the last such id that was printed, and a day
//! for one in a hundred days; what `> /dev/null` stands behind is not shown. Ids, digests, tokens and times are compared by their kind alone, columns by their
//! order. `SEQUESTRA_UPDATE_GUIDE=1` writes what was printed into the page, to be read and committed.

use crate::record::verifier;
use crate::site::{PROGRAM, scratch};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;
use totp_rs::{Builder, Secret, Totp};

/// A site in which nothing happened yet, and what commands printed.
struct Reader {
    folder: TempDir,
    last: BTreeMap<String, String>,
    /// The programs that show people's codes.
    codes: BTreeMap<String, Totp>,
}

/// What everybody has for a password.
const PASSWORD: &str = "four words in a row";

impl Reader {
    fn new() -> Self {
        let folder = TempDir::new_in(scratch()).unwrap();
        let passphrase = folder.path().join("passphrase");
        fs::write(&passphrase, "a guide is read aloud\n").unwrap();
        fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
        let reader = Self { folder, last: BTreeMap::new(), codes: BTreeMap::new() };
        let made =
            reader.command("admin", &["init", "site", "--token-out", "admin.token"], false).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let login =
            reader.command("admin", &["login", "--token-file", "admin.token"], true).output().unwrap();
        assert!(login.status.success(), "{}", String::from_utf8_lossy(&login.stderr));
        reader
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, who: &str, args: &[&str], on_site: bool) -> Command {
        let mut command = Command::new(PROGRAM);
        command.current_dir(self.path()).stdin(Stdio::null()).args(args);
        if on_site {
            command.arg("--site").arg(self.path().join("site"));
        }
        command.arg("--passphrase-file").arg(self.path().join("passphrase"));
        command.arg("--session").arg(self.path().join(format!("{who}.session")));
        command
    }

    /// Runs one line of a transcript; what it printed, in the guide's form.
    fn run(&mut self, who: &str, line: &str) -> Vec<String> {
        let (line, shown) = line.strip_suffix(" > /dev/null").map_or((line, true), |line| (line, false));
        let words = words(line);
        let words: Vec<String> = words.iter().map(|word| self.filled(word)).collect();
        let mut args: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        let from = args.iter().position(|word| *word == "<").map(|at| args.split_off(at)[1]);
        let done = match (words.first().map(String::as_str), args.as_slice()) {
            (Some("sequestra"), ["password", "set"]) => self.sets_a_password(who),
            (Some("sequestra"), [.., "--password"]) => self.types(who, &args),
            (Some("sequestra"), _) => {
                let mut command = self.command(who, &args, true);
                if let Some(from) = from {
                    command.stdin(fs::File::open(self.path().join(from)).unwrap());
                }
                command.output().unwrap()
            }
            (Some("sequestra-verify"), _) => {
                Command::new(verifier()).current_dir(self.path()).args(&args).output().unwrap()
            }
            (other, _) => panic!("{other:?} is no program of ours: {line}"),
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (mut out, err) = (text(&done.stdout), text(&done.stderr));
        for word in out.split_whitespace().filter(|word| is_id(word)) {
            let kind = word.split('_').next().unwrap().to_owned();
            self.last.insert(kind, word.to_owned());
        }
        if !shown {
            out.clear();
        }
        // A reader's files lie in the folder in which they work.
        let here = format!("{}/", self.path().display());
        let told = out.lines().chain(err.lines()).map(|line| normal(&line.replace(&here, "")));
        let mut lines: Vec<String> = told.collect();
        if let Some(code) = done.status.code().filter(|code| *code != 0) {
            lines.push(format!("(exit {code})"));
        }
        lines.retain(|line| !line.is_empty());
        lines
    }

    /// Sets a password as its owner does, with the first code of the program that the secret is given to.
    fn sets_a_password(&mut self, who: &str) -> Output {
        let mut command = self.command(who, &["password", "set"], true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut told = BufReader::new(child.stderr.take().unwrap());
        let [mut before, mut secret, mut url] = [String::new(), String::new(), String::new()];
        for line in [&mut before, &mut secret, &mut url] {
            told.read_line(line).unwrap();
        }
        let secret = Secret::try_from_base32(secret.trim()).unwrap();
        let totp = Builder::new().with_secret(secret).with_account_name(who).build().unwrap();
        let typed = format!("{PASSWORD}\n{}\n", totp.generate(second()));
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        let mut after = String::new();
        told.read_to_string(&mut after).unwrap();
        let mut done = child.wait_with_output().unwrap();
        // The secret is another each time.
        done.stderr = format!("{before}…\n{after}").into_bytes();
        self.codes.insert(who.to_owned(), totp);
        done
    }

    /// Types a password, and the next code: the one before has counted.
    fn types(&self, who: &str, args: &[&str]) -> Output {
        let code = self.codes.get(who).unwrap().generate(second() + 30);
        let mut command = self.command(who, args, true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n{code}\n").as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn filled(&self, word: &str) -> String {
        if let Some(kind) = word.strip_suffix("_…") {
            return self.last.get(kind).unwrap_or_else(|| panic!("no {word} was printed yet")).clone();
        }
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if word.len() == 10 && word.split('-').map(str::len).eq([4, 2, 2]) && word.split('-').all(digits) {
            let day = base::Timestamp::now() + std::time::Duration::from_secs(100 * 86_400);
            return day.to_string().split_once('T').unwrap().0.to_owned();
        }
        word.to_owned()
    }
}

fn second() -> u64 {
    base::Timestamp::now().as_second().unsigned_abs()
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.command("admin", &["site", "lock"], true).output();
    }
}

/// Words as a shell parts them: double quotes alone.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn is_id(word: &str) -> bool {
    word.split_once('_').is_some_and(|(kind, rest)| {
        (3..=4).contains(&kind.len()) && rest.len() >= 16 && rest.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

/// A line as the guide shows it.
fn normal(line: &str) -> String {
    // The root of a ledger.
    let line = match line.split_once(", root ") {
        Some((before, _)) => &format!("{before}, root …"),
        None => line,
    };
    let indent = line.len() - line.trim_start().len();
    let part = |c: char| !(c.is_alphanumeric() || "_:.-+".contains(c));
    let mut cells: Vec<String> = Vec::new();
    for cell in line.trim().split("  ").filter(|cell| !cell.trim().is_empty()) {
        let mut shown = cell.trim().to_owned();
        for word in cell.split(part).filter(|word| !word.is_empty()) {
            // An id may stand within a label: `sub_…-1`.
            let bare = word.trim_end_matches(['.', ':']).split('-').next().filter(|part| is_id(part));
            let bare = bare.unwrap_or(word.trim_end_matches(['.', ':']));
            let kind = if is_id(bare) {
                format!("{}_…", bare.split('_').next().unwrap())
            } else if bare.len() == 64 && bare.bytes().all(|b| b.is_ascii_hexdigit()) {
                "…".to_owned()
            } else if bare.ends_with('Z') && bare.contains("T") && bare.starts_with("20") {
                "…Z".to_owned()
            } else if is_day(bare) {
                "…".to_owned()
            } else {
                continue;
            };
            shown = shown.replace(bare, &kind);
        }
        cells.push(shown);
    }
    format!("{}{}", " ".repeat(indent), cells.join("  "))
}

/// Days follow from the day on which the test runs.
fn is_day(word: &str) -> bool {
    let shape =
        |(at, byte): (usize, u8)| if [4, 7].contains(&at) { byte == b'-' } else { byte.is_ascii_digit() };
    word.len() == 10 && word.starts_with("20") && word.bytes().enumerate().all(shape)
}

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide").join(name)
}

/// The page with what its commands print now.
fn read_aloud(text: &str) -> String {
    let mut reader = Reader::new();
    let mut out = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        out.push(line.to_owned());
        let block = || lines.clone().take_while(|line| *line != "```").map(str::to_owned).collect::<Vec<_>>();
        if let Some(file) = line.strip_prefix("```cedar ").or_else(|| line.strip_prefix("```csv ")) {
            let path = reader.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, block().join("\n") + "\n").unwrap();
        }
        if line != "```transcript" {
            continue;
        }
        let block = block();
        for told in &block {
            lines.next();
            if let Some((who, command)) = told.split_once("$ ").filter(|(who, _)| !who.contains(' ')) {
                out.push(told.clone());
                out.extend(reader.run(who, command));
            }
        }
    }
    out.join("\n") + "\n"
}

#[test]
fn guides_say_what_happens() {
    for (name, least) in [
        ("access.md", 20),
        ("administrator.md", 15),
        ("consent.md", 20),
        ("analyst.md", 15),
        ("auditor.md", 15),
        ("identity.md", 15),
        ("support.md", 20),
        ("sharing.md", 20),
    ] {
        says_what_happens(name, least);
    }
}

fn says_what_happens(name: &str, least: usize) {
    let path = page(name);
    let text = fs::read_to_string(&path).unwrap();
    let now = read_aloud(&text);
    if std::env::var_os("SEQUESTRA_UPDATE_GUIDE").is_some() {
        fs::write(&path, &now).unwrap();
    }
    assert!(text.matches("$ sequestra ").count() > least, "{name} has no transcripts");
    let different = text.lines().zip(now.lines()).find(|(before, after)| before != after);
    assert!(text == now, "first difference, in {name} and now: {different:#?}\n\n{now}");
}

#[test]
fn a_transcript_is_compared_by_kind() {
    assert_eq!(
        normal("usr_0123456789abcdefghij   lead  2031-05-01T00:00:00Z (training)"),
        "usr_…  lead  …Z (training)"
    );
    assert_eq!(normal(&format!("  policies {}", "0f".repeat(32))), "  policies …");
    assert_eq!(normal("agr_0123456789abcdefghij  DUA  2031-05-14  yes"), "agr_…  DUA  …  yes");
    assert_eq!(words("a \"b c\" d"), ["a", "b c", "d"]);
}
