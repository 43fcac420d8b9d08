//! `init`: makes a site.

use crate::app::App;
use crate::database::Server;
use crate::file::{NewFile, folder_for};
use crate::{Console, Error, Failure, InitArgs, passphrase};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Make a site: a folder with an encrypted database, sealed keys and an empty ledger.
///
/// The key material is sealed under a passphrase, which is asked for twice, or read from
/// `--passphrase-file` or the systemd credential. Without the passphrase nothing in the site can be
/// read again, by anybody. With `--database` the metadata goes to a PostgreSQL server. The first administrator gets a one-time token; there is no default password.
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
    /// Seal under shares of several people instead of a passphrase, such as 2-of-3
    #[arg(long, value_name = "K-of-N", value_parser = split)]
    split: Option<(u8, u8)>,
    /// A folder to write the shares to, one file each, readable by you alone; made if it is absent [default: stdout]
    #[arg(long, value_name = "DIR", requires = "split")]
    shares_out: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
}

impl Init {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        if self.split.is_some() && app.global.passphrase_file.is_some() {
            let which = "`--passphrase-file` seals the site under a passphrase, `--split` under shares: give one of them";
            return Err(Error::Usage(which.to_owned()).into());
        }
        let token = self.token_out.as_deref().map(NewFile::create).transpose()?;
        let passphrase = self.split.is_none().then(|| passphrase::new(app)).transpose()?;
        let files = share_files(self.shares_out.as_deref(), self.split)?;
        let database = self.server.settings()?;
        let args = InitArgs { site: self.site, name: self.name, split: self.split, database };
        let mut made = app.host.init(&args, passphrase.as_ref())?;
        if !files.is_empty() {
            for (file, share) in files.into_iter().zip(std::mem::take(&mut made.shares)) {
                keep_token(Some(file), &share)?;
            }
        }
        let apart = keep_token(token, &made.token)?;
        if app.console.is_json() {
            return json_with_token(app.console, &made, apart);
        }
        let folder = made.folder.display().to_string();
        app.console.say(&format!("made site {} in {folder}, ledger {}", made.site, made.ledger));
        app.console
            .say(&format!("keep {folder}/site.pub where the site cannot reach it: it checks receipts"));
        app.console.say(&format!(
            "the first administrator is `{}`; sign in with the one-time token and `sequestra --site {folder} login`",
            made.administrator
        ));
        for share in &made.shares {
            app.console.line(share)?;
        }
        if apart { Ok(()) } else { app.console.line(&made.token) }
    }
}

/// Files for shares, begun before the shares are made: a share that cannot be kept is not made.
pub fn share_files(folder: Option<&Path>, split: Option<(u8, u8)>) -> Result<Vec<NewFile>, Failure> {
    let (Some(folder), Some((_, made))) = (folder, split) else { return Ok(Vec::new()) };
    folder_for(folder)?;
    (1..=made).map(|number| NewFile::create(&folder.join(format!("share-{number}")))).collect()
}

/// Reads `2-of-3`.
pub fn split(text: &str) -> Result<(u8, u8), String> {
    let numbers = text.split_once("-of-").and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    numbers.ok_or_else(|| "two numbers, such as 2-of-3".to_owned())
}

/// Writes a one-time token to the file that was begun for it, and tells whether there was one.
pub fn keep_token(file: Option<NewFile>, token: &str) -> Result<bool, Failure> {
    let Some(mut file) = file else { return Ok(false) };
    file.write(token.as_bytes())?;
    file.write(b"\n")?;
    file.keep()?;
    Ok(true)
}

/// Prints what came with a one-time token as JSON: without it, once it is in a file of its own.
pub fn json_with_token(console: &mut Console, made: &impl Serialize, apart: bool) -> Result<(), Failure> {
    let mut value = serde_json::to_value(made).map_err(|e| Error::Output(e.to_string()))?;
    if let Some(fields) = value.as_object_mut().filter(|_| apart) {
        fields.remove("token");
    }
    console.json(&value)
}
