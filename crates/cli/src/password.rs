//! `password`: what somebody signs in with who cannot have a passkey.

use crate::app::App;
use crate::{Error, Failure, passphrase};
use api::passkey::Enrolled;
use api::password::{NewPassword, SecondFactor};
use clap::{Args, Subcommand};

/// The password that you sign in with where you cannot use a passkey
#[derive(Subcommand)]
pub enum Password {
    Set(Set),
    Remove(Remove),
}

impl Password {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Set(args) => args.run(app),
            Self::Remove(args) => args.run(app),
        }
    }
}

/// Set a password with a second factor; what you had of these before is no more.
///
/// Shows the secret of a second factor, once, for the program that shows its codes; then asks for a new password, twice,
/// and for a code. For sites without a controlled or clinical project. A passkey is better: a password and a code can be
/// typed into a stranger's page.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra password set\n\nRole: none.")]
pub struct Set {}

impl Set {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let mut client = app.client()?;
        let SecondFactor { ceremony, secret, url } = client.get("password begin", &[])?;
        app.console.talk("give this to the program that shows your codes; it is not shown again:");
        app.console.talk(&format!("  {secret}\n  {url}"));
        let password = passphrase::prompt_or_line(app, "New password (12 characters or more): ")?;
        if app.console.can_ask() && passphrase::prompt_for("Once more: ")? != password {
            return Err(Error::Prompt("the two passwords are not the same").into());
        }
        let code = passphrase::prompt_or_line(app, "Code: ")?;
        let body = NewPassword { ceremony, password: password.to_string(), code: code.to_string() };
        let set: Enrolled = client.post("password set", &[], &body)?.json()?;
        app.console.say(
            "the password is set; sign in with it by `sequestra login --password NAME`, and the next code",
        );
        if app.console.is_json() { app.console.json(&set) } else { Ok(()) }
    }
}

/// Remove your password. Takes a confirmation; it stays where it is all that you have.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra password remove\n\nRole: none.")]
pub struct Remove {}

impl Remove {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        app.client()?.tell("password remove", &[])?;
        app.console.say("the password is removed");
        if app.console.is_json() { app.console.json(&serde_json::json!({})) } else { Ok(()) }
    }
}
