//! `backup`: made, checked, put back.

use crate::app::App;
use crate::client::Client;
use crate::file::{NewFile, read_line};
use crate::init::{json_with_token, keep_token};
use crate::{Console, Error, Failure, RestoreArgs, RestoredSite, passphrase, text};
use api::backup::{Create, Created, Identity, Verified, Verify};
use clap::{ArgGroup, Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Days that a backup key lasts unless said.
const DAYS: u32 = 30;

/// Backups: sealed copies of the site, checked by restoring them, and put back without what was erased
#[derive(Subcommand)]
pub enum Backup {
    Create(Make),
    Verify(Look),
    Restore(Restore),
}

impl Backup {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Create(args) => args.run(app),
            Self::Verify(args) => args.run(app),
            Self::Restore(args) => args.run(app),
        }
    }
}

/// Make a backup, or add one to a folder that holds earlier ones; what is there is not copied again.
///
/// The backup holds sealed bytes. It opens with three things together: the folder, the recovery file, and
/// what unseals the site. The recovery file names its last day: destroy it then, and what was erased
/// meanwhile is gone for good. Keep it neither in the backup nor in the site. A backup that was
/// interrupted goes on when it is asked for again.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra backup create /mnt/backup --recovery /mnt/other/recovery\n\nRole: platform-administrator on the site."
)]
pub struct Make {
    /// The folder of the backup, absent or made by this command
    folder: PathBuf,
    /// The folder for recovery files, on another medium
    #[arg(long, value_name = "DIR")]
    recovery: PathBuf,
    /// Days that a backup key lasts, from the next key on: each backup opens for at least two thirds of them [default: 30]
    #[arg(long, value_name = "DAYS")]
    days: Option<u32>,
}

impl Make {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let (folder, recovery) = (absolute(&self.folder)?, absolute(&self.recovery)?);
        let mut client = app.client()?;
        let bar = bar(app, "{pos} of {len} objects {bar:30} {eta} left");
        let days = self.days.unwrap_or(DAYS);
        let mut ask = Create { folder, recovery, days, from: 0, folder_is: None, recovery_is: None };
        let mut total: Option<Created> = None;
        loop {
            // Anew for each step: the first one makes the folders.
            ask.folder_is = identity(&client, &ask.folder);
            ask.recovery_is = identity(&client, &ask.recovery);
            let mut step: Created = client.post("backup create", &[], &ask)?.json()?;
            bar.set_length(step.objects);
            bar.set_position(step.next);
            ask.from = step.next;
            if let Some(so_far) = total {
                step.copied = step.copied.saturating_add(so_far.copied);
                step.bytes = step.bytes.saturating_add(so_far.bytes);
                step.damaged.splice(0..0, so_far.damaged);
            }
            if step.done {
                bar.finish_and_clear();
                return made(app, &step, self.days);
            }
            total = Some(step);
        }
    }
}

fn made(app: &mut App<'_>, made: &Created, days: Option<u32>) -> Result<(), Failure> {
    app.console.say(&format!(
        "set {}: {} versions, {} of them copied now ({})",
        made.set,
        text::count(made.objects),
        text::count(made.copied),
        text::size(made.bytes)
    ));
    app.console.say(&format!("recovery file {}: destroy it after {}", made.recovery, made.expires));
    if let Some(days) = days.filter(|days| *days != made.days) {
        app.console.say(&format!(
            "`--days {days}` counts from the next backup key on: the one in force lasts {} days, and the next begins when a \
             third of them is over",
            made.days
        ));
    }
    if !made.absent.is_empty() {
        let lines =
            made.absent.iter().map(|one| format!("{} version {} is not in it", one.object, one.version));
        return Err(Failure::from(Error::Damage(made.absent.len() as u64)).with_findings(lines.collect()));
    }
    if app.console.is_json() { app.console.json(made) } else { Ok(()) }
}

/// Check a backup: restore it into a temporary place in the site's folder, piece by piece, and compare bytes.
///
/// Every file of the set, the ledger, each body and tool is read; what is damaged is named. It takes the
/// live site, and shows no content. Ends with exit code 7 when anything is damaged.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra backup verify /mnt/backup\n\nRole: platform-administrator on the site."
)]
pub struct Look {
    /// The folder of the backup
    folder: PathBuf,
    /// The set [default: the newest]
    #[arg(long, value_name = "NUMBER")]
    set: Option<u32>,
}

impl Look {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let mut client = app.client()?;
        let bar = bar(app, "{pos} of {len} objects {bar:30} {eta} left");
        let mut ask = Verify { folder: absolute(&self.folder)?, set: self.set, from: 0, folder_is: None };
        let mut total: Option<Verified> = None;
        loop {
            ask.folder_is = identity(&client, &ask.folder);
            let mut step: Verified = client.post("backup verify", &[], &ask)?.json()?;
            bar.set_length(step.objects);
            bar.set_position(step.next.unwrap_or(step.objects));
            if let Some(so_far) = total {
                step.compared = step.compared.saturating_add(so_far.compared);
                step.bytes = step.bytes.saturating_add(so_far.bytes);
                step.findings.splice(0..0, so_far.findings);
            }
            match step.next {
                // The set of the first step, also when a newer one is made meanwhile.
                Some(next) => (ask.from, ask.set) = (next, Some(step.set)),
                None => {
                    bar.finish_and_clear();
                    return looked(app, step);
                }
            }
            total = Some(step);
        }
    }
}

fn looked(app: &mut App<'_>, look: Verified) -> Result<(), Failure> {
    let (compared, bytes) = (text::count(look.compared), text::size(look.bytes));
    app.console.say(&format!("set {}: restored and compared {compared} versions, {bytes}", look.set));
    if !look.findings.is_empty() {
        return Err(Failure::from(Error::Backup).with_findings(look.findings));
    }
    if app.console.is_json() { app.console.json(&look) } else { Ok(()) }
}

/// Put a site back from a backup, into a folder that is absent or empty.
///
/// What was erased, deleted, put under a hold or taken away after the backup is so in the restored site
/// too, as far as the ledger tells: give the newest one that is left with `--ledger`. The restore is
/// recorded before anything opens. It takes what unsealed the site when the backup was made, and the recovery file.
/// One that was interrupted goes on when it is asked for again. All sessions have ended; the token that
/// is printed signs the administrator in.
#[derive(Args)]
#[command(
    group(ArgGroup::new("newest").required(true).args(["ledger", "without_newer_ledger"])),
    after_help = "Example:\n  sequestra backup restore /mnt/backup ./site --recovery /mnt/other/recovery/sit_….recovery \\\n    \
    --ledger /mnt/old-disk/site/ledger --passphrase-file ./passphrase --token-out token\n\n\
    Role: none; whoever holds the backup, the recovery file and what unseals the site."
)]
pub struct Restore {
    /// The folder of the backup
    folder: PathBuf,
    /// The folder to make the site in
    site: PathBuf,
    /// The recovery file of the set's epoch
    #[arg(long, value_name = "FILE")]
    recovery: PathBuf,
    /// The `ledger` folder of the site that was lost, as new as there is
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
    /// Say that nothing newer than the backup's ledger is left: what was erased or taken away since is not known
    #[arg(long)]
    without_newer_ledger: bool,
    /// The set [default: the newest]
    #[arg(long, value_name = "NUMBER")]
    set: Option<u32>,
    /// A `site.toml` of your own that says how the token or key service is reached which opens the set
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Rehearse: the site that is made knows no witness, replica, stream, alarm or bucket, and is removed afterwards
    #[arg(long)]
    rehearse: bool,
    /// Whose account keeps the restored site
    #[arg(long, value_name = "NAME", default_value = "admin")]
    administrator: String,
    /// A file to write the one-time token to, readable by you alone [default: stdout]
    #[arg(long, value_name = "FILE")]
    token_out: Option<PathBuf>,
}

impl Restore {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        if let Some(file) = &self.token_out {
            forget_token(&self.site, file)?;
        }
        let mut token = self.token_out.as_deref().map(NewFile::create).transpose()?;
        let set = self.set.map(|set| self.folder.join("sets").join(format!("{set:06}")));
        let passphrase = passphrase::existing(app, set.as_deref().unwrap_or(&self.folder))?;
        let args = RestoreArgs {
            folder: PathBuf::from(absolute(&self.folder)?),
            site: self.site,
            recovery: self.recovery,
            ledger: self.ledger,
            set: self.set,
            settings: self.settings,
            rehearse: self.rehearse,
            administrator: self.administrator,
        };
        let bar = bar(app, "{bytes} of {total_bytes} {bar:30} {bytes_per_sec}, {eta} left");
        let mut say = |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        };
        let (host, console) = (app.host, &mut *app.console);
        let mut hand = |done: &RestoredSite| {
            bar.finish_and_clear();
            Ok(handed(console, token.take(), done)?)
        };
        Ok(host.restore(&args, &passphrase, &mut say, &mut hand)?)
    }
}

/// What a restore before this one had handed over: its token is worth nothing any more.
fn forget_token(site: &Path, file: &Path) -> Result<(), Failure> {
    if site.join("restoring").exists() && !site.join("site.toml").exists() && file.is_file() {
        let old = read_line(file)?;
        if old.starts_with("once_") {
            let unwritable = |source| Error::Write { path: file.to_owned(), source };
            std::fs::remove_file(file).map_err(unwritable)?;
        }
    }
    Ok(())
}

fn handed(console: &mut Console, token: Option<NewFile>, done: &RestoredSite) -> Result<(), Failure> {
    let apart = keep_token(token, &done.token)?;
    if console.is_json() {
        return json_with_token(console, done, apart);
    }
    let count = text::count;
    console.say(&format!("restored set {} of {} into {}", done.set, done.made, done.folder.display()));
    console.say(&format!(
        "applied again: {} shredded keys, {} deletions, {} holds, {} roles taken away",
        count(done.shredded),
        count(done.deleted),
        count(done.holds),
        count(done.roles)
    ));
    if done.consents > 0 {
        console.say(&format!(
            "of {} something was said since that the backup lacks: nothing of theirs is used; record it again with `consent record`",
            text::many(done.consents, "person", "people")
        ));
    }
    if done.policies > 0 {
        console.say(&format!(
            "the site's own policies are those of the backup, {} changes ago: look at `policy list`, and propose again",
            count(done.policies)
        ));
    }
    console.say(&format!("lost, as they came after the backup: {} versions of objects", count(done.lost)));
    console.say(&format!("not in the backup, as they were damaged: {}", count(done.missing)));
    console.say(&format!("`{}` signs in with the one-time token", done.administrator));
    if apart { Ok(()) } else { console.line(&done.token) }
}

/// Which folder is meant, for a process on this machine: it has mounts of its own, and may find another one there.
fn identity(client: &Client, path: &str) -> Option<Identity> {
    client.folder().ok()?;
    let there = Path::new(path).ancestors().find_map(|at| at.metadata().ok());
    there.map(|found| Identity { device: found.dev(), inode: found.ino() })
}

/// The site's process has another working folder.
fn absolute(path: &Path) -> Result<String, Failure> {
    let read = |source| Error::Read { path: path.to_owned(), source };
    let absolute = std::path::absolute(path).map_err(read)?;
    let text = absolute.to_str().map(str::to_owned);
    text.ok_or_else(|| Error::Usage("the path of a backup is UTF-8".to_owned()).into())
}

fn bar(app: &App<'_>, template: &str) -> ProgressBar {
    let bar = if app.console.is_watched() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
