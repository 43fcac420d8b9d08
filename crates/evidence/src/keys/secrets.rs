//! C-KEY-08: secrets stand where they belong and nowhere else.

use crate::site::{Done, Site, Who, below, change, text};
use crate::{Control, Error, Play, Result};
use rustix::process::Pid;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

pub const CONTROL: Control = Control {
    id: "C-KEY-08",
    statement: "Passphrases, tokens and shares stand in no output, no log, no file of the site, no argument, no \
                environment and no error; no process writes a core",
    test: "give the site secrets that are known to the test, right ones and wrong ones, in every way that takes one; \
           then look for them in all that was printed, in every file of the site, in the arguments and the environment \
           of its process and of a command while it runs, and read the limit on cores of both",
    references: &["AS V13.3", "AS V16.2.5"],
    scenario,
};

/// What is looked for, and everything that was printed.
struct Watch<'a> {
    site: &'a Site,
    secrets: Vec<(&'static str, String)>,
    printed: String,
}

/// What another process can see of one, as long as it runs.
#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    cores: String,
}

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.unmade()?;
    let mut watch = Watch { site: &site, secrets: Vec::new(), printed: String::new() };
    watch.keep_file("passphrase", "passphrase")?;
    for name in ["wrong passphrase", "wrong token", "wrong share"] {
        let secret = play.secret();
        site.write(name, secret.as_bytes())?;
        watch.secrets.push((name, secret));
    }
    play.does("make the site, sign in, be refused in every way, and seal its keys under shares");
    let (done, command) = used(&mut watch)?;
    play.expect("the site opens for the right ones", done.is_done(), done.told());
    let mut seen = Seen::default();
    seen.look(site.process()?);
    play.spoil("the log holds the passphrase", || {
        let (passphrase, log) = (site.beside("passphrase"), site.folder().join("run/process.log"));
        let passphrase = fs::read(&passphrase).map_err(Error::io(&passphrase))?;
        change(&log, |log| log.extend(passphrase))
    })?;
    let printed = watch.hits(watch.printed.as_bytes());
    let bytes = watch.printed.len();
    play.expect("none in what was printed", printed.is_empty(), format!("{bytes} bytes, {printed:?}"));
    let (files, hits) = in_files(&watch)?;
    play.expect("none in the site's files", hits.is_empty(), format!("{files} files, {hits:?}"));
    for (whose, seen) in [("the site's process", &seen), ("a command", &command)] {
        let hits = watch.hits(&seen.bytes);
        let held = hits.is_empty() && !seen.bytes.is_empty();
        let bytes = seen.bytes.len();
        play.expect(
            &format!("none in arguments and environment of {whose}"),
            held,
            format!("{bytes} bytes, {hits:?}"),
        );
        play.expect(&format!("{whose} may write no core"), seen.cores == "0 0", seen.cores.clone());
    }
    site.lock()
}

/// How many files the site has, and which of them hold a secret. The site is open: where a file went while they were read,
/// all are read again.
fn in_files(watch: &Watch<'_>) -> Result<(usize, Vec<String>)> {
    for _ in 0..20 {
        let files = below(watch.site.folder())?;
        let mut hits = Vec::new();
        let gone = files.iter().find_map(|file| match fs::read(file) {
            Ok(content) => {
                let name = file.strip_prefix(watch.site.folder()).unwrap_or(file).display().to_string();
                hits.extend(watch.hits(&content).iter().map(|secret| format!("{secret} in {name}")));
                None
            }
            Err(error) => Some(Error::io(file)(error)),
        });
        match gone {
            None => return Ok((files.len(), hits)),
            Some(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            Some(error) => return Err(error),
        }
    }
    Err(Error::unplayable("files of the site went away while they were read"))
}

/// Secrets, right and wrong, by every way in. Gives what the last command said, and what was seen of a
/// command while it ran.
fn used(watch: &mut Watch<'_>) -> Result<(Done, Seen)> {
    let site = watch.site;
    let path = |name: &str| text(&site.beside(name)).map(str::to_owned);
    let (passphrase, wrong, token) = (path("passphrase")?, path("wrong passphrase")?, path("admin.token")?);
    let session = path("admin.session")?;
    let folder = text(site.folder())?;
    let own = ["--site", folder, "--session", &session, "--json"];
    let right = [&own[..], &["--passphrase-file", &passphrase]].concat();
    watch.run(&["init", folder, "--passphrase-file", &passphrase, "--token-out", &token, "--json"])?;
    watch.keep_file("one-time token", "admin.token")?;
    let login = ["login", "--token-file", &token];
    let guessed = path("wrong token")?;
    watch.run(&[&login[..], &own, &["--passphrase-file", &wrong]].concat())?;
    watch.run(&[&["login", "--token-file", &guessed], &right[..]].concat())?;
    watch.run(&[&login[..], &right].concat())?;
    watch.keep_session()?;
    watch.run(&[&login[..], &right].concat())?;
    let migrate = ["keys", "migrate", "--to", "shares", "--split", "2-of-3", "--shares-out"];
    let (shares, typed) = (path("")?, path("wrong share")?);
    watch.run(&[&migrate[..], &[&shares], &right].concat())?;
    for (name, file) in [("first share", "share-1"), ("second share", "share-2"), ("third share", "share-3")]
    {
        watch.keep_file(name, file)?;
    }
    let [one, two] = [path("share-1")?, path("share-2")?];
    let complete = ["keys", "migrate", "--complete", "--share-file", &one, "--share-file"];
    watch.run(&[&complete[..], &[&typed], &own].concat())?;
    watch.run(&[&complete[..], &[&two], &own].concat())?;
    watch.run(&[&["site", "lock"], &own[..]].concat())?;
    site.ended()?;
    let with = |share| [&["keys", "status", "--share-file", &one, "--share-file", share], &own[..]].concat();
    watch.run(&with(&typed))?;
    let seen = watch.look(&with(&two))?;
    let done = watch.run(&[&["keys", "status"], &own[..]].concat())?;
    Ok((done, seen))
}

impl Watch<'_> {
    fn keep_file(&mut self, name: &'static str, file: &str) -> Result<()> {
        let path = self.site.beside(file);
        let kept = fs::read_to_string(&path).map_err(Error::io(&path))?;
        self.secrets.push((name, kept.trim().to_owned()));
        Ok(())
    }

    fn keep_session(&mut self) -> Result<()> {
        self.secrets.push(("session token", self.site.session(Who::Administrator)?));
        Ok(())
    }

    fn run(&mut self, words: &[&str]) -> Result<Done> {
        let done = self.site.done(&mut self.site.bare(words))?;
        self.printed.push_str(&done.out);
        self.printed.push_str(&done.err);
        Ok(done)
    }

    /// Runs a command and looks at it all the while.
    fn look(&mut self, words: &[&str]) -> Result<Seen> {
        let mut command = self.site.bare(words);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io(self.site.folder()))?;
        let mut seen = Seen::default();
        while child.try_wait().map_err(Error::io(self.site.folder()))?.is_none() {
            seen.look(i32::try_from(child.id()).ok().and_then(Pid::from_raw));
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(seen)
    }

    /// The names of secrets that stand in these bytes.
    fn hits(&self, bytes: &[u8]) -> Vec<&'static str> {
        let stands = |secret: &str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        self.secrets.iter().filter(|(_, secret)| stands(secret)).map(|(name, _)| *name).collect()
    }
}

impl Seen {
    /// What it shows now; nothing once it has ended. Its last limit on cores counts: it sets it as it begins.
    fn look(&mut self, process: Option<Pid>) {
        let Some(pid) = process.map(Pid::as_raw_nonzero) else { return };
        for name in ["cmdline", "environ"] {
            self.bytes.extend(fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default());
        }
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
        let cores = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
        if let Some(cores) = cores {
            self.cores = cores.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        }
    }
}
