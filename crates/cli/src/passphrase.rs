//! The passphrase that opens a site: from a file, a systemd credential or a prompt, never from the
//! arguments.

use crate::app::App;
use crate::{Error, Failure, file};
use std::path::Path;
use zeroize::Zeroizing;

/// The name of the systemd credential.
const CREDENTIAL: &str = "sequestra-passphrase";

/// A passphrase. Wiped on drop; it has no form that prints.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes a text; its end of line does not belong to it.
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned()))
    }

    /// The text itself, for the derivation of the key.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The passphrase of a site that is to be opened.
pub fn existing(app: &App<'_>) -> Result<Passphrase, Failure> {
    match given(app)? {
        Some(passphrase) => Ok(passphrase),
        None if app.console.can_ask() => ask("Passphrase of the site: "),
        None => Err(Error::NoPassphrase.into()),
    }
}

/// The passphrase of a site that is to be made; typed twice at a prompt.
pub fn new(app: &App<'_>) -> Result<Passphrase, Failure> {
    if let Some(passphrase) = given(app)? {
        return Ok(passphrase);
    }
    if !app.console.can_ask() {
        return Err(Error::NoPassphrase.into());
    }
    let first = ask("New passphrase for the site: ")?;
    let second = ask("The same again: ")?;
    if first.reveal() != second.reveal() {
        return Err(Error::Prompt("the two passphrases differ").into());
    }
    Ok(first)
}

/// The file that was named, else the credential that systemd gave this unit. A credential goes
/// before the prompt: somebody set it for this very program.
fn given(app: &App<'_>) -> Result<Option<Passphrase>, Failure> {
    if let Some(path) = &app.global.passphrase_file {
        return from_file(path).map(Some);
    }
    let credential = app.host.environment_path("CREDENTIALS_DIRECTORY").map(|folder| folder.join(CREDENTIAL));
    credential.filter(|path| path.exists()).map(|path| from_file(&path)).transpose()
}

fn from_file(path: &Path) -> Result<Passphrase, Failure> {
    let text = file::read_secret(path)?;
    if text.is_empty() {
        return Err(Error::Prompt("the file with the passphrase is empty").into());
    }
    Ok(Passphrase::new(text))
}

fn ask(prompt: &str) -> Result<Passphrase, Failure> {
    let text = prompt_for(prompt)?;
    if text.is_empty() {
        return Err(Error::Prompt("the passphrase is empty").into());
    }
    Ok(Passphrase::new(text))
}

/// Asks without showing what is typed.
pub fn prompt_for(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .map_err(|_| Error::Prompt("nothing was typed").into())
}
