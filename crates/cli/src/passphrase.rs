//! What opens a site: a passphrase, a PIN, or shares of several people. From files, a systemd
//! credential or a prompt, never from the arguments.

use crate::app::App;
use crate::host::Unsealing;
use crate::{Error, Failure, file};
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// Most bytes of what comes by standard input.
const MOST_TYPED: u64 = 16 << 10;

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

/// What opens the site in `folder`.
pub fn existing(app: &App<'_>, folder: &Path) -> Result<Passphrase, Failure> {
    let prompt = match app.host.unsealing(folder)? {
        Unsealing::Shares { needed, .. } => return shares(app, needed),
        Unsealing::Passphrase => "Passphrase of the site: ",
        Unsealing::Pin => "PIN of the site's token: ",
        Unsealing::Token => "Token or secret id for the site's key service: ",
    };
    match given(app)? {
        Some(passphrase) => Ok(passphrase),
        None if app.console.can_ask() => ask(prompt),
        None => Err(Error::NoPassphrase.into()),
    }
}

/// Shares, one a line: from the files that were named, else typed one by one.
pub fn shares(app: &App<'_>, needed: u8) -> Result<Passphrase, Failure> {
    let mut lines = Zeroizing::new(String::with_capacity(4096));
    let files = &app.global.share_file;
    if files.is_empty() && !app.console.can_ask() {
        return Err(Error::NoShares(needed).into());
    }
    for file in files {
        lines.push_str(&file::read_secret(file)?);
        lines.push('\n');
    }
    for number in 1..=if files.is_empty() { needed } else { 0 } {
        lines.push_str(&prompt_for(&format!("Share {number} of {needed}: "))?);
        lines.push('\n');
    }
    Ok(Passphrase(lines))
}

/// A new secret: from `file`, else typed, and where it is not yet known anywhere, typed twice.
pub fn fresh(app: &App<'_>, file: Option<&Path>, prompt: &str, twice: bool) -> Result<Passphrase, Failure> {
    if let Some(file) = file {
        return from_file(file);
    }
    if !app.console.can_ask() {
        return Err(Error::NoNew.into());
    }
    let first = ask(prompt)?;
    if twice && ask("The same again: ")?.reveal() != first.reveal() {
        return Err(Error::Prompt("the two passphrases differ").into());
    }
    Ok(first)
}

/// If `first` is a single share that was typed, those that it takes beside it.
pub fn other_shares(app: &App<'_>, first: Passphrase) -> Result<Passphrase, Failure> {
    let split = first.reveal().strip_prefix("share1.").and_then(|rest| rest.split('.').nth(1));
    let needed = split.and_then(|split| split.split_once("of")?.0.parse::<u8>().ok());
    let (Some(needed), false) = (needed, first.reveal().contains('\n')) else { return Ok(first) };
    if !app.console.can_ask() {
        return Ok(first);
    }
    let mut lines = Zeroizing::new(String::with_capacity(4096));
    lines.push_str(first.reveal());
    for number in 2..=needed {
        lines.push('\n');
        lines.push_str(&prompt_for(&format!("Share {number} of {needed}: "))?);
    }
    Ok(Passphrase(lines))
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
        return Err(Error::EmptyFile(path.to_owned()).into());
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

/// Asks without showing what is typed; where nobody can be asked, takes a line of stdin.
pub fn prompt_or_line(app: &App<'_>, prompt: &str) -> Result<Zeroizing<String>, Failure> {
    if app.console.can_ask() {
        return prompt_for(prompt);
    }
    let mut line = Zeroizing::new(String::new());
    match std::io::stdin().read_line(&mut line) {
        // Files that spreadsheets and editors wrote may begin with a mark of their encoding.
        Ok(1..) => {
            let line = line.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']);
            Ok(Zeroizing::new(line.to_owned()))
        }
        _ => Err(Error::Prompt("nothing was typed").into()),
    }
}

/// Asks twice without showing what is typed; where nobody can be asked, takes all of stdin, which is one line.
pub fn prompt_twice_or_text(app: &App<'_>, prompt: &str) -> Result<Zeroizing<String>, Failure> {
    if app.console.can_ask() {
        let first = prompt_for(prompt)?;
        return match *prompt_for("Again: ")? == *first {
            true => Ok(first),
            false => Err(Error::Prompt("the two are not the same").into()),
        };
    }
    let mut text = Zeroizing::new(String::new());
    let read = std::io::stdin().take(MOST_TYPED).read_to_string(&mut text);
    read.map_err(|_| Error::Prompt("what came by standard input is no text"))?;
    match text.trim_end().lines().count() {
        0 => Err(Error::Prompt("nothing was typed").into()),
        1 => Ok(Zeroizing::new(text.trim_end().to_owned())),
        _ => Err(Error::Prompt("more than one line came by standard input").into()),
    }
}

/// Asks without showing what is typed.
pub fn prompt_for(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .map_err(|_| Error::Prompt("nothing was typed").into())
}
