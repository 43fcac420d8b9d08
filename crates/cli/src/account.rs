//! `account`: people on the site.

use crate::Failure;
use crate::app::App;
use crate::file::NewFile;
use crate::init::{json_with_token, keep_token};
use api::people::{self, Invitation, NewAccount, NewRole};
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
    Close(Close),
}

impl Account {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Create(args) => args.run(app),
            Self::List(args) => args.run(app),
            Self::Token(args) => args.run(app),
            Self::Grant(args) => args.run(app),
            Self::Close(args) => args.run(app),
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
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<Role>,
    /// A file to write the token to, readable by you alone [default: stdout]
    #[arg(long, value_name = "FILE")]
    token_out: Option<PathBuf>,
}

impl Create {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let file = self.token_out.as_deref().map(NewFile::create).transpose()?;
        let body = NewAccount { name: self.name, roles: self.roles };
        let invitation = app.client()?.post("account create", &[], &body)?.json()?;
        invite(app, &invitation, file)
    }
}

/// List the accounts.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra account list\n\nRole: platform-administrator on the site.")]
pub struct List {}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let accounts: Vec<people::Account> = app.client()?.get("account list", &[])?;
        if app.console.is_json() {
            return app.console.json(&accounts);
        }
        let rows: Vec<_> = accounts
            .into_iter()
            .map(|one| vec![one.id.to_string(), one.name, if one.closed { "closed" } else { "" }.to_owned()])
            .collect();
        app.console.table(&["ID", "NAME", ""], &rows)
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
/// Nobody changes their own rights; another administrator does.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra account grant reviewer --role auditor\n\nRole: platform-administrator on the site."
)]
pub struct Grant {
    /// The sign-in name
    name: String,
    /// The role
    #[arg(long, value_name = "ROLE")]
    role: Role,
}

impl Grant {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        app.client()?.post("account grant", &[&self.name], &NewRole { role: self.role })?;
        app.console.say(&format!("{} is {} on the site now", self.name, self.role));
        if app.console.is_json() { app.console.json(&NewRole { role: self.role }) } else { Ok(()) }
    }
}

/// Close an account: nobody signs in to it any more, and what it has under way ends within a minute.
///
/// Its sessions end at once. Neither its id nor its name is ever given again; what it did stays on record.
/// Nobody closes their own account; another administrator does.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra account close leaver\n\nRole: platform-administrator on the site."
)]
pub struct Close {
    /// The sign-in name
    name: String,
}

impl Close {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let closed: people::Account = app.client()?.get("account close", &[&self.name])?;
        app.console.say(&format!("{} is closed; its sessions have ended", closed.name));
        if app.console.is_json() { app.console.json(&closed) } else { Ok(()) }
    }
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
