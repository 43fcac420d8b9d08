//! `keys`: what the site is sealed under, and its keys.

use crate::app::App;
use crate::client::Client;
use crate::file::{self, folder_for};
use crate::init::{share_files, split};
use crate::{Error, Failure, init, login, passphrase, text};
use api::keys::{Complete, Prepare, Prepared, Provider, Report, Rotate, Rotation, Shredded, Status};
use base::{ProjectId, Sensitive, SubjectId};
use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};

/// The site's keys: how they stand, rotation, and the move to another provider
#[derive(Subcommand)]
pub enum Keys {
    Status(Show),
    Rotate(Turn),
    Migrate(Migrate),
    Shred(Shred),
}

impl Keys {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Status(args) => args.run(app),
            Self::Rotate(args) => args.run(app),
            Self::Migrate(args) => args.run(app),
            Self::Shred(args) => args.run(app),
        }
    }
}

/// Show what the site is sealed under, and for each scope of keys its generations and rows.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra keys status\n\nRole: platform-administrator on the site.")]
pub struct Show {}

impl Show {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let status: Status = app.client()?.get("keys status", &[])?;
        show(app, &status)
    }
}

fn show(app: &mut App<'_>, status: &Status) -> Result<(), Failure> {
    if app.console.is_json() {
        return app.console.json(status);
    }
    let under = match (status.needed, status.made) {
        (Some(needed), Some(made)) => format!("{needed} of {made} shares"),
        _ => status.provider.clone(),
    };
    let classes = if status.strong { "every class" } else { "sandbox and research" };
    app.console.say(&format!("sealed under {under}; projects of {classes} may be made"));
    let rows: Vec<Vec<String>> = status
        .scopes
        .iter()
        .map(|one| {
            let generations: Vec<String> = one.generations.iter().map(ToString::to_string).collect();
            let (newest, older) = (text::count(one.newest), text::count(one.older));
            vec![one.scope.clone(), generations.join(", "), newest, older]
        })
        .collect();
    app.console.table(&["SCOPE", "GENERATIONS", "ON NEWEST", "ON OLDER"], &rows)
}

/// Rotate keys: new ones are made, what the old ones wrapped is wrapped anew, the old are destroyed.
///
/// No object's body is read or written. An old key is destroyed only after every row was opened with
/// the new one. A rotation that was interrupted goes on when it is asked for again. The root takes what
/// unseals the site.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra keys rotate --project prj_…\n  sequestra keys rotate --all --share-file a \
    --share-file b\n\nRole: platform-administrator on the site."
)]
pub struct Turn {
    /// The root keys
    #[arg(long, group = "what")]
    root: bool,
    /// The key of what belongs to no project
    #[arg(long, group = "what")]
    shared: bool,
    /// A project's key
    #[arg(long, value_name = "PROJECT", group = "what")]
    project: Option<ProjectId>,
    /// A subject's key
    #[arg(long, value_name = "SUBJECT", group = "what")]
    subject: Option<SubjectId>,
    /// Every key there is, the root last
    #[arg(long, group = "what")]
    all: bool,
}

impl Turn {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let mut client = app.client()?;
        let scopes = self.scopes(&mut client)?;
        let credential = match scopes.iter().any(|scope| scope == "root") {
            true => Some(passphrase::existing(app, client.folder()?)?),
            false => None,
        };
        let mut reports = Vec::new();
        for scope in scopes {
            let secret = credential.as_ref().filter(|_| scope == "root");
            let secret = secret.map(|secret| Sensitive::new(secret.reveal().to_owned()));
            let begun = !reports.is_empty();
            reports.push(turn(app, &mut client, scope, secret, begun)?);
        }
        if app.console.is_json() {
            return app.console.json(&reports);
        }
        for report in reports {
            let destroyed: Vec<String> = report.destroyed.iter().map(ToString::to_string).collect();
            app.console.line(&format!(
                "{}  generation {} in force, {} destroyed; {} rows opened with it, 0 on an older key",
                report.scope,
                report.generation,
                destroyed.join(", "),
                text::count(report.checked)
            ))?;
        }
        Ok(())
    }

    fn scopes(&self, client: &mut Client) -> Result<Vec<String>, Failure> {
        if self.all {
            let status: Status = client.get("keys status", &[])?;
            let mut scopes: Vec<String> = status.scopes.into_iter().map(|one| one.scope).collect();
            scopes.sort_by_key(|scope| scope == "root");
            return Ok(scopes);
        }
        let named = [
            self.root.then(|| "root".to_owned()),
            self.shared.then(|| "site".to_owned()),
            self.project.as_ref().map(ToString::to_string),
            self.subject.as_ref().map(ToString::to_string),
        ];
        let named: Vec<String> = named.into_iter().flatten().collect();
        if named.is_empty() {
            let what = "say what: --root, --shared, --project, --subject or --all".to_owned();
            return Err(Error::Usage(what).into());
        }
        Ok(named)
    }
}

/// Asks for one step after the other until the rotation is finished. A confirmation may become stale on the way: the
/// step that is refused for it is asked for again after another, and what was done stays done. `begun` says whether
/// anything was; if nothing was, the command itself is confirmed and begun anew.
fn turn(
    app: &mut App<'_>,
    client: &mut Client,
    scope: String,
    credential: Option<Sensitive<String>>,
    mut begun: bool,
) -> Result<Report, Failure> {
    let bar = if app.console.is_watched() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} rows") {
        bar.set_style(style);
    }
    bar.set_prefix(scope.clone());
    let mut begin = true;
    loop {
        let body = Rotate { scope: scope.clone(), begin, credential: credential.clone() };
        let answer = match client.post("keys rotate", &[], &body) {
            Err(Failure::Problem(problem))
                if begun && problem.code == login::CONFIRM && app.console.can_ask() =>
            {
                bar.suspend(|| app.console.problem_for_people(&problem));
                login::Confirm::default().ask(app)?;
                continue;
            }
            answer => answer?,
        };
        let step: Rotation = answer.json()?;
        (begin, begun) = (false, true);
        bar.set_length(bar.length().unwrap_or_default().max(step.left));
        bar.set_position(bar.length().unwrap_or_default().saturating_sub(step.left));
        if let Some(report) = step.report {
            bar.finish_and_clear();
            return Ok(report);
        }
    }
}

/// What a site can be sealed under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Passphrase,
    Shares,
    Pkcs11,
    Transit,
}

/// Move the site to another provider: a passphrase, shares of several people, a PKCS#11 token, or the transit
/// engine of Vault or OpenBao.
///
/// First it is prepared, with what unseals the site now; shares are handed out then. It takes effect
/// with `--complete`, which asks for what people now hold and sees that it opens the site. Until then
/// nothing changes, so nothing is lost when it is interrupted or a share goes missing.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra keys migrate --to shares --split 2-of-3 --shares-out ./shares\n  \
    sequestra keys migrate --complete --share-file one --share-file two\n\nRole: platform-administrator on the site."
)]
pub struct Migrate {
    /// What to prepare
    #[arg(long, value_name = "PROVIDER", required_unless_present = "complete")]
    to: Option<Kind>,
    /// How many shares it takes and how many are made, such as 2-of-3
    #[arg(long, value_name = "K-of-N", value_parser = split, required_if_eq("to", "shares"))]
    split: Option<(u8, u8)>,
    /// A folder to write the shares to, one file each, readable by you alone; made if it is absent [default: stdout]
    #[arg(long, value_name = "DIR")]
    shares_out: Option<PathBuf>,
    /// The token's label
    #[arg(long, value_name = "LABEL", required_if_eq("to", "pkcs11"))]
    token: Option<String>,
    /// Where the transit engine is mounted; `site.toml` says under `[keys.transit]` how it is reached
    #[arg(long, value_name = "PATH", default_value = "transit")]
    mount: String,
    /// The key's label in the token, or its name in the engine; made there if it is absent
    #[arg(long, value_name = "LABEL", default_value = "sequestra")]
    key: String,
    /// A file whose first line is the new passphrase, the token's PIN, or the service's token or secret id
    /// [default: a prompt]
    #[arg(long, value_name = "FILE")]
    new_file: Option<PathBuf>,
    /// Put what was prepared in force
    #[arg(long, conflicts_with = "to")]
    complete: bool,
}

impl Migrate {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let mut client = app.client()?;
        let folder = client.folder()?.to_owned();
        if self.complete {
            return self.complete(app, &mut client);
        }
        let old = passphrase::existing(app, &folder)?;
        let (to, new) = match self.to {
            Some(Kind::Shares) => {
                let (needed, made) = self.split.unwrap_or_default();
                (Provider::Shares { needed, made }, None)
            }
            Some(Kind::Pkcs11) => {
                let (token, label) = (self.token.clone().unwrap_or_default(), self.key.clone());
                let pin = passphrase::fresh(app, self.new_file.as_deref(), "PIN of the token: ", false)?;
                (Provider::Pkcs11 { token, label }, Some(pin))
            }
            Some(Kind::Transit) => {
                let (mount, name) = (self.mount.clone(), self.key.clone());
                let prompt = "Token or secret id for the key service: ";
                let secret = passphrase::fresh(app, self.new_file.as_deref(), prompt, false)?;
                (Provider::Transit { mount, name }, Some(secret))
            }
            _ => {
                let new = passphrase::fresh(app, self.new_file.as_deref(), "New passphrase: ", true)?;
                (Provider::Passphrase {}, Some(new))
            }
        };
        let split = self.split.filter(|_| self.to == Some(Kind::Shares));
        let files = share_files(self.shares_out.as_deref(), split)?;
        let secret = |text: &passphrase::Passphrase| Some(Sensitive::new(text.reveal().to_owned()));
        let body = Prepare { credential: secret(&old), to, new: new.as_ref().and_then(secret) };
        let mut prepared: Prepared = client.post("keys prepare", &[], &body)?.json()?;
        if !files.is_empty() {
            for (file, share) in files.into_iter().zip(std::mem::take(&mut prepared.shares)) {
                init::keep_token(Some(file), &share)?;
            }
        }
        app.console.say("prepared; it takes effect with `sequestra keys migrate --complete`");
        if app.console.is_json() {
            return app.console.json(&prepared);
        }
        prepared.shares.iter().try_for_each(|share| app.console.line(share))
    }

    fn complete(&self, app: &mut App<'_>, client: &mut Client) -> Result<(), Failure> {
        let prompt = "New passphrase, PIN, service's token or first share: ";
        let new = match app.global.share_file.is_empty() {
            true => passphrase::fresh(app, self.new_file.as_deref(), prompt, false)?,
            false => passphrase::shares(app, 0)?,
        };
        let new = passphrase::other_shares(app, new)?;
        let body = Complete { credential: Some(Sensitive::new(new.reveal().to_owned())) };
        let status: Status = client.post("keys complete", &[], &body)?.json()?;
        show(app, &status)
    }
}

/// Shred the keys of a project or of one subject in it: nobody can read again what they sealed.
///
/// Objects, and the words that people left in the ledger, become unreadable for ever; the events still
/// verify. A retention floor refuses it. The certificates say which objects it was, and when the last
/// older backup of the keys ends: only then is the erasure complete.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra keys shred --project prj_… --subject sub_… --yes --out ./certificates\n\n\
    Role: data-steward in the project."
)]
pub struct Shred {
    /// The project
    #[arg(long)]
    project: ProjectId,
    /// The subject [default: the whole project]
    #[arg(long)]
    subject: Option<SubjectId>,
    /// Say that it is meant: there is no way back
    #[arg(long, required = true)]
    yes: bool,
    /// A folder for the certificates, one file each, made if it is absent [default: stdout]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Shred {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let mut client = app.client()?;
        // Before the request: there is no way back from it.
        self.out.as_deref().map(folder_for).transpose()?;
        let body = api::keys::Shred { subject: self.subject };
        let done: Shredded = client.post("keys shred", &[&self.project.to_string()], &body)?.json()?;
        let complete = done.complete.as_deref().unwrap_or("now: there is no older backup of the keys");
        app.console.say(&format!(
            "shredded the keys of {}; {} cannot be read again; complete {complete}",
            done.scopes.join(", "),
            text::many(done.objects, "object", "objects")
        ));
        for one in &done.elsewhere {
            let made = text::count(one.objects);
            let were = if one.objects == 1 { "was" } else { "were" };
            app.console.say(&format!("{made} of them {were} made in {}, which was lent them", one.project));
        }
        if let Some(folder) = &self.out {
            keep(folder, &done)?;
        }
        if app.console.is_json() {
            return app.console.json(&done);
        }
        match self.out {
            Some(_) => Ok(()),
            None => done.certificates.iter().try_for_each(|one| app.console.line(&one.receipt)),
        }
    }
}

/// Writes the certificates. The keys are gone by now, whatever becomes of the files: a failure names them all.
fn keep(folder: &Path, done: &Shredded) -> Result<(), Failure> {
    let written = done.certificates.iter().try_for_each(|one| {
        file::write_new(&folder.join(format!("{}.receipt.json", one.id)), one.receipt.as_bytes())
    });
    let way = |id| {
        format!(
            "the keys are shredded; the site keeps the certificate: `sequestra receipt show {id} --out FILE`"
        )
    };
    written.map_err(|failure: Failure| {
        failure.with_findings(done.certificates.iter().map(|one| way(&one.id)).collect())
    })
}
