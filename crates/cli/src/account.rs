//! `account`: people on the site.

use crate::Failure;
use crate::app::App;
use crate::ends::{self, Until, on_site};
use crate::file::NewFile;
use crate::init::{json_with_token, keep_token};
use api::passport::{IdentityLink, NewIdentity, Unlinked};
use api::people::{self, Invitation, NewAccount, NewRole};
use api::rights::{Change, Changes, Proposed};
use base::Role;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// People who can sign in to the site
#[derive(Subcommand)]
pub enum Account {
    Create(Create),
    List(List),
    Token(Token),
    Grant(Grant),
    Revoke(Revoke),
    Close(Close),
    Reopen(Reopen),
    Link(Link),
    Identities(Identities),
    Unlink(Unlink),
}

impl Account {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Create(args) => args.run(app),
            Self::List(args) => args.run(app),
            Self::Token(args) => args.run(app),
            Self::Grant(args) => args.run(app),
            Self::Revoke(args) => args.run(app),
            Self::Close(args) => args.run(app),
            Self::Reopen(args) => args.run(app),
            Self::Link(args) => args.run(app),
            Self::Identities(args) => args.run(app),
            Self::Unlink(args) => args.run(app),
        }
    }
}

/// Make an account and print the one-time token to hand to its owner.
///
/// The token is shown once and kept nowhere. Roles given here are held on the site; roles in a
/// project are given by `member add`.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra account create reviewer --role auditor --token-out token\n\n\
    Roles on the site: pipeline-approver, platform-administrator, auditor.\n\n\
    Role: platform-administrator on the site.")]
pub struct Create {
    /// The sign-in name
    name: String,
    /// A role on the site; may be given several times
    #[arg(long = "role", value_name = "ROLE", value_parser = on_site)]
    roles: Vec<Role>,
    /// Another account of the same person: what nobody may do for themselves, neither may do for the other
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// A file to write the token to, readable by you alone [default: stdout]
    #[arg(long, value_name = "FILE")]
    token_out: Option<PathBuf>,
}

impl Create {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let file = self.token_out.as_deref().map(NewFile::create).transpose()?;
        let body = NewAccount { name: self.name, roles: self.roles, person: self.person };
        let invitation = app.client()?.post("account create", &[], &body)?.json()?;
        invite(app, &invitation, file)
    }
}

/// List the accounts, with their roles on the site and when these end.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra account list\n\nRole: platform-administrator on the site.")]
pub struct List {}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let accounts: Vec<people::Listed> = app.client()?.get("account list", &[])?;
        if app.console.is_json() {
            return app.console.json(&accounts);
        }
        let mut rows = Vec::new();
        for account in accounts {
            let (id, state) = (account.id.to_string(), if account.closed { "closed" } else { "open" });
            if account.roles.is_empty() {
                let none = || "-".to_owned();
                rows.push(vec![id.clone(), account.name.clone(), state.to_owned(), none(), none(), none()]);
            }
            for given in &account.roles {
                let [until, standing] = ends::shown(given);
                let (state, role) = (state.to_owned(), given.role.to_string());
                rows.push(vec![id.clone(), account.name.clone(), state, role, until, standing]);
            }
        }
        app.console.table(&["ID", "NAME", "ACCOUNT", "ROLE", "UNTIL", "STATE"], &rows)
    }
}

/// Print a new one-time token for an account whose owner cannot sign in any more; its sessions end at once.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra account token reviewer --token-out token\n\nRole: platform-administrator on the site."
)]
pub struct Token {
    /// The sign-in name
    name: String,
    /// A file to write the token to, readable by you alone [default: stdout]
    #[arg(long, value_name = "FILE")]
    token_out: Option<PathBuf>,
}

impl Token {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let file = self.token_out.as_deref().map(NewFile::create).transpose()?;
        let invitation = app.client()?.get("account token", &[&self.name])?;
        invite(app, &invitation, file)
    }
}

/// Give an account a role on the site.
///
/// Nobody changes their own rights, nor those of another account of their own; another administrator does.
/// A role that is given again is held until the new end.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra account grant reviewer --role auditor --until 2031-12-31\n  \
    sequestra account grant reviewer --role auditor --dry-run\n\nRole: platform-administrator on the site.")]
pub struct Grant {
    /// The sign-in name
    name: String,
    /// The role
    #[arg(long, value_name = "ROLE", value_parser = on_site)]
    role: Role,
    #[command(flatten)]
    ends: Until,
    /// Show what it would give and take, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Grant {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        if self.dry_run {
            return preview(app, &self.name, Change::Give, Some(self.role));
        }
        let body = NewRole { role: self.role, ends: self.ends.ends() };
        app.client()?.post("account grant", &[&self.name], &body)?;
        app.console.say(&format!("{} is {} on the site now", self.name, self.role));
        if app.console.is_json() { app.console.json(&body) } else { Ok(()) }
    }
}

/// Take a role on the site from an account.
///
/// It holds at once: what the account is doing by that role stops at its next check, within 60 seconds.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra account revoke reviewer --role auditor\n\nRole: platform-administrator on the site."
)]
pub struct Revoke {
    /// The sign-in name
    name: String,
    /// The role
    #[arg(long, value_name = "ROLE", value_parser = on_site)]
    role: Role,
    /// Show what it would give and take, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Revoke {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        if self.dry_run {
            return preview(app, &self.name, Change::Take, Some(self.role));
        }
        app.client()?.tell("account revoke", &[&self.name, self.role.as_str()])?;
        app.console.say(&format!("{} is not {} on the site any more", self.name, self.role));
        if app.console.is_json() { app.console.json(&serde_json::json!({})) } else { Ok(()) }
    }
}

/// Close an account: nobody signs in to it any more, and its sessions and all of its roles end.
///
/// What it has under way ends within a minute. Its id and its name are never given to another; what it did
/// stays on record. Nobody closes their own account; another administrator does.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra account close worker --dry-run\n  sequestra account close worker\n\n\
    Role: platform-administrator on the site."
)]
pub struct Close {
    /// The sign-in name
    name: String,
    /// Show what it would take, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Close {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        if self.dry_run {
            return preview(app, &self.name, Change::Take, None);
        }
        let closed: people::Closed = app.client()?.get("account close", &[&self.name])?;
        app.console.say(&format!("{} is closed; its sessions and roles have ended", self.name));
        for project in &closed.without_administrator {
            app.console.say(&format!(
                "nobody administers {project} now: `sequestra administrator propose {project} NAME`, and another person approves it"
            ));
        }
        if app.console.is_json() { app.console.json(&closed) } else { Ok(()) }
    }
}

/// Open a closed account again, for the same person and without any role; print a one-time token.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra account reopen worker --token-out token\n\nRole: platform-administrator on the site."
)]
pub struct Reopen {
    /// The sign-in name
    name: String,
    /// A file to write the token to, readable by you alone [default: stdout]
    #[arg(long, value_name = "FILE")]
    token_out: Option<PathBuf>,
}

impl Reopen {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let file = self.token_out.as_deref().map(NewFile::create).transpose()?;
        let invitation = app.client()?.get("account reopen", &[&self.name])?;
        invite(app, &invitation, file)
    }
}

/// Say that a subject of an issuer is the person who has an account: visas about it then count for that account.
///
/// Make sure of it by another way than what you were sent: visas about that subject count for nobody else from then on, and a
/// subject is linked to one account alone. The subject itself is kept nowhere. Nobody links their own account.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra account link worker --issuer ega --subject 7f3a-91@visas.example.org\n\n\
    Role: platform-administrator on the site."
)]
pub struct Link {
    /// The sign-in name
    name: String,
    /// The issuer's name in `site.toml`
    #[arg(long, value_name = "NAME")]
    issuer: String,
    /// What the issuer's tokens have as `sub`; `passport present` shows it to their owner
    #[arg(long)]
    subject: String,
}

impl Link {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let body = NewIdentity { issuer: self.issuer, subject: self.subject };
        let links: Vec<IdentityLink> = app.client()?.post("account link", &[&self.name], &body)?.json()?;
        app.console.say(&format!("visas of {} about that subject count for {} now", body.issuer, self.name));
        if app.console.is_json() { app.console.json(&links) } else { Ok(()) }
    }
}

/// List the issuers that an account is linked to a subject of: for visas, or because its owner signs in there.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra account identities worker\n\nRole: platform-administrator on the site."
)]
pub struct Identities {
    /// The sign-in name
    name: String,
}

impl Identities {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let links: Vec<IdentityLink> = app.client()?.get("account identities", &[&self.name])?;
        if app.console.is_json() {
            return app.console.json(&links);
        }
        let row = |link: IdentityLink| {
            let what = if link.signs_in { "sign-in" } else { "visas" };
            vec![link.issuer, what.to_owned(), link.since.to_string()]
        };
        app.console.table(&["ISSUER", "FOR", "SINCE"], &links.into_iter().map(row).collect::<Vec<_>>())
    }
}

/// End an account's links to subjects of an issuer, the roles that visas of that issuer gave it, and its owner's sign-in there.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra account unlink worker --issuer ega\n\nRole: platform-administrator on the site."
)]
pub struct Unlink {
    /// The sign-in name
    name: String,
    /// The issuer's name in `site.toml`, or its address where that names it no more
    #[arg(long, value_name = "NAME")]
    issuer: String,
}

impl Unlink {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let gone: Unlinked = app.client()?.get("account unlink", &[&self.name, &self.issuer])?;
        app.console.say(&format!("links of {} that ended: {}", self.name, gone.links));
        if app.console.is_json() { app.console.json(&gone) } else { Ok(()) }
    }
}

fn preview(app: &mut App<'_>, name: &str, change: Change, role: Option<Role>) -> Result<(), Failure> {
    let body = Proposed { account: name.to_owned(), change, role };
    let changes: Changes = app.client()?.post("account preview", &[], &body)?.json()?;
    ends::changes(app, &changes)
}

fn invite(app: &mut App<'_>, invitation: &Invitation, file: Option<NewFile>) -> Result<(), Failure> {
    let apart = keep_token(file, &invitation.token)?;
    if app.console.is_json() {
        return json_with_token(app.console, invitation, apart);
    }
    let account = &invitation.account;
    app.console.say(&format!("{} is {}; hand the one-time token to its owner", account.name, account.id));
    if apart { Ok(()) } else { app.console.line(&invitation.token) }
}
