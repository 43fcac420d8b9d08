//! `login`, `logout`, `whoami`.

use crate::app::App;
use crate::{Error, Failure, file, passphrase, text};
use api::people::{Me, Redeem, Session};
use clap::Args;
use std::path::PathBuf;

/// Sign in with a one-time token and keep the session in a file that only you can read.
///
/// The token is spent: it signs in once. A session ends by `logout`, or when the site says so. Tokens come
/// from `init`, `account create` and `account token`, and are read from a prompt or a file, never
/// from the arguments, where other users of the machine could see them.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra login --token-file ./token\n\nRole: none; the token says who you are."
)]
pub struct Login {
    /// A file whose first line is the token [default: a prompt]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Login {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let token = match &self.token_file {
            Some(path) => file::read_line(path)?,
            None if app.console.can_ask() => passphrase::prompt_for("One-time token: ")?,
            None => return Err(Error::NoToken.into()),
        };
        let mut client = app.visitor()?;
        let body = Redeem { token: token.trim().to_owned() };
        let session: Session = client.post("session create", &[], &body)?.json()?;
        let path = app.sessions().store(&client.health().site, &client.place(), &session.token)?;
        app.console.say(&format!(
            "signed in as {}; session kept in {}",
            session.account.name,
            path.display()
        ));
        // The session's token stays in its file.
        if app.console.is_json() { app.console.json(&session.account) } else { Ok(()) }
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
