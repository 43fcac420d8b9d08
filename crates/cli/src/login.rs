//! `login`, `confirm`, `logout`, `whoami`.

use crate::app::App;
use crate::client::Client;
use crate::{Error, Failure, file, passphrase, text};
use api::passkey::{Finish, Finished, Terminal};
use api::password::{Confirm as Again, SignIn};
use api::people::{Me, Redeem, Session};
use clap::Args;
use std::path::PathBuf;

/// The site has no pages on which passkeys are used.
const NO_PASSKEYS: &str = "ACCESS-027";
/// The page has not approved the code yet.
const NOT_APPROVED: &str = "ACCESS-037";
/// What was asked for takes a fresh confirmation.
pub const CONFIRM: &str = "ACCESS-035";

/// Sign in, and keep the session in a file that only you can read.
///
/// Where the site offers passkeys, a code and an address are printed: open the address in a browser, sign in there
/// with your passkey, type the code, and type what the page then shows back here. Approve no code that somebody
/// sent you. With a password and the code of a second factor (`--password`) where you set one. With a one-time token (`--token`, `--token-file`) no browser is needed; it is spent, it signs in
/// once, and it comes from `init`, `account create` and `account token`. Tokens are read from a prompt or a
/// file, never from the arguments, where other users of the machine could see them.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra login\n  sequestra login --token-file ./token\n  sequestra login --password lead\n\n\
    Role: none; what you sign in with says who you are."
)]
pub struct Login {
    /// Ask for a one-time token
    #[arg(long)]
    token: bool,
    /// A file whose first line is the one-time token
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
    /// Have a passkey approve this terminal, also where nobody can be asked: the answer is read from stdin
    #[arg(long, conflicts_with_all = ["token", "token_file"])]
    passkey: bool,
    /// Ask for the password of this name and a code; where nobody can be asked, each is a line of stdin
    #[arg(long, value_name = "NAME", conflicts_with_all = ["token", "token_file", "passkey"])]
    password: Option<String>,
}

impl Login {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let session = match &self.token_file {
            Some(path) => redeem(app, &file::read_line(path)?)?,
            None if let Some(name) = self.password => by_password(app, name)?,
            None if self.passkey => by_passkey(app)?,
            None if !app.console.can_ask() => return Err(Error::NoToken.into()),
            None if self.token => redeem(app, &passphrase::prompt_for("One-time token: ")?)?,
            None => match by_passkey(app) {
                Err(Failure::Problem(problem)) if problem.code == NO_PASSKEYS => {
                    redeem(app, &passphrase::prompt_for("One-time token: ")?)?
                }
                other => other?,
            },
        };
        let mut client = app.visitor()?;
        let (site, place, sessions) = (client.health().site.clone(), client.place(), app.sessions());
        // Somebody else's session that is still good: this file may be all they have.
        if let Ok(before) = sessions.load(&site, &place) {
            client.sign(before)?;
            if let Ok(Me { account, .. }) = client.get::<Me>("whoami", &[])
                && account.name != session.account.name
            {
                let kept = sessions.put_aside(&site, &place, &account.name)?;
                let (name, kept) = (account.name, kept.display());
                app.console.say(&format!("the session of {name} is kept in {kept} (`--session`)"));
            }
        }
        let path = sessions.store(&site, &place, &session.token)?;
        app.console.say(&format!(
            "signed in as {}; session kept in {}",
            session.account.name,
            path.display()
        ));
        // The session's token stays in its file.
        if app.console.is_json() { app.console.json(&session.account) } else { Ok(()) }
    }
}

fn redeem(app: &mut App<'_>, token: &str) -> Result<Session, Failure> {
    let body = Redeem { token: token.trim().to_owned() };
    app.visitor()?.post("session create", &[], &body)?.json()
}

fn by_password(app: &mut App<'_>, name: String) -> Result<Session, Failure> {
    let (password, code) = typed(app)?;
    app.visitor()?.post("password login", &[], &SignIn { name, password, code })?.json()
}

fn typed(app: &App<'_>) -> Result<(String, String), Failure> {
    let password = passphrase::prompt_or_line(app, "Password: ")?.to_string();
    let code = passphrase::prompt_or_line(app, "Code: ")?.to_string();
    Ok((password, code))
}

fn by_passkey(app: &mut App<'_>) -> Result<Session, Failure> {
    let mut client = app.visitor()?;
    let terminal: Terminal = client.get("terminal begin", &[])?;
    let finished = approved(app, &mut client, terminal)?;
    finished.session.ok_or_else(|| Error::Answer(200).into())
}

/// Shows the code and waits for what the page shows when a passkey has approved it.
pub fn approved(app: &mut App<'_>, client: &mut Client, terminal: Terminal) -> Result<Finished, Failure> {
    let Terminal { secret, code, page, seconds } = terminal;
    let minutes = seconds / 60;
    app.console.talk(&format!(
        "open {page} in a browser, sign in with your passkey, and type this code within {minutes} minutes:"
    ));
    app.console.talk(&format!("  {code}"));
    loop {
        app.console.talk("what the page shows when you approve it: ");
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer).unwrap_or_default();
        if read == 0 {
            return Err(Error::Prompt("nothing was typed").into());
        }
        let body = Finish { secret: secret.clone(), answer };
        match client.post("terminal finish", &[], &body) {
            Err(Failure::Problem(problem)) if problem.code == NOT_APPROVED => {
                app.console.talk("the code was not approved yet");
            }
            other => return other?.json(),
        }
    }
}

/// Confirm that it is still you, where something asks for that: what leaves, and what is done to keys.
///
/// As `login`: a code and an address are printed, and a passkey approves it in a browser. The session is then good
/// for such commands for five minutes. With `--password` your password and a code do it, where you have no passkey.
#[derive(Args, Default)]
#[command(after_help = "Example:\n  sequestra confirm\n\nRole: none.")]
pub struct Confirm {
    /// Ask for your password and a code; where nobody can be asked, each is a line of stdin
    #[arg(long)]
    password: bool,
}

impl Confirm {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        self.ask(app)?;
        if app.console.is_json() { app.console.json(&serde_json::json!({})) } else { Ok(()) }
    }

    /// The same for another command, whose answer is the one on stdout.
    pub(crate) fn ask(self, app: &mut App<'_>) -> Result<(), Failure> {
        let mut client = app.client()?;
        if self.password {
            let (password, code) = typed(app)?;
            client.post("confirm password", &[], &Again { password, code })?;
        } else {
            let terminal: Terminal = client.get("confirm terminal", &[])?;
            approved(app, &mut client, terminal)?;
        }
        app.console.say("confirmed for five minutes");
        Ok(())
    }
}

/// Sign out: end the session on the site and remove its file.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra logout\n\nRole: none.")]
pub struct Logout {}

impl Logout {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let mut client = app.visitor()?;
        let (sessions, site) = (app.sessions(), client.health().site.clone());
        let token = sessions.load(&site, &client.place())?;
        client.sign(token)?;
        let ended = client.tell("session end", &[]);
        // A session that the site no longer knows is over as well.
        if let Err(Failure::Problem(problem)) = ended
            && problem.kind != base::Kind::Denied
        {
            return Err(Failure::Problem(problem));
        }
        sessions.forget(&site, &client.place())?;
        app.console.say("signed out");
        if app.console.is_json() { app.console.json(&serde_json::json!({})) } else { Ok(()) }
    }
}

/// Show who you are to the site, and the roles that you hold.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra whoami\n\nRole: none.")]
pub struct Whoami {}

impl Whoami {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let me: Me = app.client()?.get("whoami", &[])?;
        if app.console.is_json() {
            return app.console.json(&me);
        }
        app.console.line(&format!("{}  {}", me.account.name, me.account.id))?;
        if me.roles.is_empty() {
            app.console.say("you hold no role yet; an administrator gives one");
            return Ok(());
        }
        let rows: Vec<Vec<String>> = me
            .roles
            .iter()
            .map(|held| {
                let place = held.project.as_ref().map_or_else(|| "the site".to_owned(), ToString::to_string);
                vec![held.role.to_string(), place, text::or_dash(held.until.as_ref())]
            })
            .collect();
        app.console.table(&["ROLE", "IN", "UNTIL"], &rows)
    }
}
