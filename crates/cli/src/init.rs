//! `init`: makes a site.

use crate::app::App;
use crate::{Failure, InitArgs, passphrase};
use clap::Args;
use std::path::PathBuf;

/// Make a site: a folder with an encrypted database, sealed keys and an empty ledger.
///
/// The key material is sealed under a passphrase, which is asked for twice, or read from
/// `--passphrase-file` or the systemd credential. Without the passphrase nothing in the site can be
/// read again, by anybody. The first administrator gets a one-time token; there is no default password.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra init ./site --passphrase-file ./passphrase > token\n  \
    sequestra --site ./site login --token-file ./token\n\nRole: none; whoever may write the folder.")]
pub struct Init {
    /// The folder to make, absent or empty
    site: PathBuf,
    /// The ledger's name, a host and a path without scheme, such as ledger.example.org/site-1
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Init {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let passphrase = passphrase::new(app)?;
        let made = app.host.init(&InitArgs { site: self.site, name: self.name }, &passphrase)?;
        if app.console.is_json() {
            return app.console.json(&made);
        }
        let folder = made.folder.display().to_string();
        app.console.say(&format!("made site {} in {folder}, ledger {}", made.site, made.ledger));
        app.console
            .say(&format!("keep {folder}/site.pub where the site cannot reach it: it checks receipts"));
        app.console.say(&format!(
            "the one-time token of the first administrator, `{}`, follows; sign in with `sequestra --site {folder} login`",
            made.administrator
        ));
        app.console.line(&made.token)
    }
}
