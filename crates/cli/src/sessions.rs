//! `session`: where an account is signed in.

use crate::app::App;
use crate::{Error, Failure};
use api::people::{OpenSession, Revoked};
use base::SessionId;
use clap::{Args, Subcommand};

/// Where you are signed in, and ending that
#[derive(Subcommand)]
pub enum Session {
    List(List),
    End(End),
}

impl Session {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::List(args) => args.run(app),
            Self::End(args) => args.run(app),
        }
    }
}

/// List your sessions: how each began, from where, when it was last used and when it ends.
///
/// `*` marks the session of this command. A session ends when it is not used for a while and at the latest some
/// hours after sign-in; how long depends on the site's strictest project and on `[sessions]` in `site.toml`.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra session list\n\nRole: none; platform-administrator on the site with --account."
)]
pub struct List {
    /// The sessions of this account, not yours
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let mut client = app.client()?;
        let sessions: Vec<OpenSession> = match &self.account {
            Some(name) => client.get("account sessions", &[name])?,
            None => client.get("session list", &[])?,
        };
        if app.console.is_json() {
            return app.console.json(&sessions);
        }
        let rows: Vec<_> = sessions
            .into_iter()
            .map(|one| {
                let mark = if one.current { "*" } else { "" };
                let times = [one.created_at, one.used_at, one.ends_at].map(|time| time.to_string());
                let [began, used, ends] = times;
                vec![mark.to_owned(), one.id.to_string(), one.proof, one.source, began, used, ends]
            })
            .collect();
        app.console.table(&["", "SESSION", "SIGNED IN BY", "FROM", "BEGAN", "LAST USED", "ENDS"], &rows)
    }
}

/// End a session: nobody can use it from then on, and what it has under way ends within a minute.
///
/// Runs go on: they are the account's. `account close` ends those too.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra session end sgn_…\n  sequestra session end --account leaver\n\n\
    Role: none; platform-administrator on the site with --account."
)]
pub struct End {
    /// The session, sgn_…, one of yours
    #[arg(value_name = "SESSION", required_unless_present = "account")]
    which: Option<SessionId>,
    /// Every session of this account
    #[arg(long, value_name = "NAME", conflicts_with = "which")]
    account: Option<String>,
}

impl End {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let mut client = app.client()?;
        let ended: Revoked = match (&self.which, &self.account) {
            (Some(session), _) => client.get("session revoke", &[&session.to_string()])?,
            (None, Some(name)) => client.get("account sign-out", &[name])?,
            (None, None) => return Err(Error::Usage("name a session, or --account".to_owned()).into()),
        };
        app.console.say(&format!("sessions ended: {}", ended.sessions));
        if app.console.is_json() { app.console.json(&ended) } else { Ok(()) }
    }
}
