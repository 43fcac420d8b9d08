//! `init`: makes a site.

use crate::app::App;
use crate::file::NewFile;
use crate::{Failure, InitArgs, passphrase};
use clap::Args;
use std::path::PathBuf;

/// Make a site: a folder with an encrypted database, sealed keys and an empty ledger.
///
/// The key material is sealed under a passphrase, which is asked for twice, or read from
/// `--passphrase-file` or the systemd credential. Without the passphrase nothing in the site can be
/// read again, by anybody. The first administrator gets a one-time token; there is no default password.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra init ./site --passphrase-file ./passphrase --token-out token\n  \
    sequestra --site ./site login --token-file ./token\n\nRole: none; whoever may write the folder."
)]
pub struct Init {
    /// The folder to make, absent or empty
    site: PathBuf,
    /// The ledger's name, a host and a path without scheme, such as ledger.example.org/lab
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A file to write the one-time token to, readable by you alone [default: stdout]
    #[arg(long, value_name = "FILE")]
    token_out: Option<PathBuf>,
}

impl Init {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let token = self.token_out.as_deref().map(NewFile::create).transpose()?;
        let passphrase = passphrase::new(app)?;
        let made = app.host.init(&InitArgs { site: self.site, name: self.name }, &passphrase)?;
        let apart = keep_token(token, &made.token)?;
        if app.console.is_json() {
            return app.console.json(&made);
        }
        let folder = made.folder.display().to_string();
        app.console.say(&format!("made site {} in {folder}, ledger {}", made.site, made.ledger));
        app.console
            .say(&format!("keep {folder}/site.pub where the site cannot reach it: it checks receipts"));
        app.console.say(&format!(
            "the first administrator is `{}`; sign in with the one-time token and `sequestra --site {folder} login`",
            made.administrator
        ));
        if apart { Ok(()) } else { app.console.line(&made.token) }
    }
}

/// Writes a one-time token to the file that was begun for it, and tells whether there was one.
pub fn keep_token(file: Option<NewFile>, token: &str) -> Result<bool, Failure> {
    let Some(mut file) = file else { return Ok(false) };
    file.write(token.as_bytes())?;
    file.write(b"\n")?;
    file.keep()?;
    Ok(true)
}
