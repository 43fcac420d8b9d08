//! `passkey`: what somebody signs in with.

use crate::Failure;
use crate::app::App;
use api::passkey::{Enrolled, Passkey as Shown};
use api::people::Invitation;
use base::CredentialId;
use clap::{Args, Subcommand};

/// The passkeys that you sign in with; new ones are enrolled in a browser
#[derive(Subcommand)]
pub enum Passkey {
    Enrol(Enrol),
    List(List),
    Remove(Remove),
}

impl Passkey {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Enrol(args) => args.run(app),
            Self::List(args) => args.run(app),
            Self::Remove(args) => args.run(app),
        }
    }
}

/// Print a one-time token to enrol a passkey with in a browser, good for ten minutes.
///
/// For those who signed in on a terminal and spent theirs there. Open the site's page `/enrol`, type the token, and press
/// the button. Takes a confirmation where you have a passkey already.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra passkey enrol\n\nRole: none.")]
pub struct Enrol {}

impl Enrol {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let invitation: Invitation = app.client()?.get("passkey invite", &[])?;
        app.console.say("type this on the site's page `/enrol` within ten minutes; tell it to nobody");
        if app.console.is_json() {
            app.console.json(&invitation)
        } else {
            app.console.line(&invitation.token)
        }
    }
}

/// List your passkeys.
///
/// One that is out of use answered with a counter that had gone back: there is a copy of it. Remove it.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra passkey list\n\nRole: none.")]
pub struct List {}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let passkeys: Vec<Shown> = app.client()?.get("passkey list", &[])?;
        if app.console.is_json() {
            return app.console.json(&passkeys);
        }
        let rows: Vec<_> = passkeys
            .into_iter()
            .map(|one| {
                let state = if one.suspended { "OUT OF USE" } else { "" };
                let times = [one.created_at, one.used_at].map(|time| time.to_string());
                let [enrolled, used] = times;
                vec![one.id.to_string(), one.label, enrolled, used, state.to_owned()]
            })
            .collect();
        app.console.table(&["PASSKEY", "NAME", "ENROLLED", "LAST USED", ""], &rows)
    }
}

/// Remove one of your passkeys. Takes a confirmation; the last one stays.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra passkey remove crd_…\n\nRole: none.")]
pub struct Remove {
    /// The passkey, crd_…
    passkey: CredentialId,
}

impl Remove {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let removed: Enrolled = app.client()?.get("passkey remove", &[&self.passkey.to_string()])?;
        app.console.say(&format!("{} is removed", removed.id));
        if app.console.is_json() { app.console.json(&removed) } else { Ok(()) }
    }
}
