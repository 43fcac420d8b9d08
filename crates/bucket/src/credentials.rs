//! Who asks: an access key and its secret, from a file that nobody else can read.

use crate::Error;
use crate::error::Result;
use rustix::fs::{Mode, OFlags};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use zeroize::Zeroizing;

/// The name of the systemd credential.
pub const CREDENTIAL: &str = "sequestra-s3";
/// Most bytes of a file.
const MOST: u64 = 16 << 10;

/// An access key and its secret. Prints neither; the secret is wiped when it is dropped.
pub struct Credentials(pub(crate) rusty_s3::Credentials);

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}

impl Credentials {
    /// Reads them from `path`: lines `aws_access_key_id = …`, `aws_secret_access_key = …` and perhaps
    /// `aws_session_token = …`, in the form that the command lines of stores write.
    ///
    /// # Errors
    /// [`Error::Credentials`] also when the file is open to others, or is another user's.
    pub fn read(path: &Path) -> Result<Self> {
        let refuse = |why: String| Error::Credentials { path: path.to_owned(), why };
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| refuse(e.to_string()))?;
        let mut file = File::from(file);
        let about = file.metadata().map_err(|e| refuse(e.to_string()))?;
        let own = rustix::process::geteuid().as_raw();
        if !about.is_file() || (about.uid() != own && about.uid() != 0) {
            return Err(refuse("it is not a file of this account".to_owned()));
        }
        // systemd gives its own credentials with the mode 0440, owned by root, in a folder of the service alone.
        let given = about.uid() == 0 && about.mode() & 0o777 == 0o440 && is_given(path);
        if about.mode() & 0o077 != 0 && !given {
            return Err(refuse("others can read or write it".to_owned()));
        }
        let mut text = Zeroizing::new(String::with_capacity(MOST as usize));
        let read = (&mut file).take(MOST).read_to_string(&mut text);
        read.map_err(|_| refuse("it is not a text".to_owned()))?;
        Self::parse(&text).map_err(|why| refuse(why.to_owned()))
    }

    fn parse(text: &str) -> std::result::Result<Self, &'static str> {
        let (mut key, mut secret, mut token) = (None, None, None);
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with(['#', ';', '[']) {
                continue;
            }
            let (name, value) = line.split_once('=').ok_or("a line is not `name = value`")?;
            let place = match name.trim() {
                "aws_access_key_id" => &mut key,
                "aws_secret_access_key" => &mut secret,
                "aws_session_token" => &mut token,
                _ => return Err("a line names something else than a key, a secret or a token"),
            };
            // One profile alone: two would leave it to chance whose rights are used.
            if place.replace(value.trim()).is_some() {
                return Err("it holds more than one key, secret or token");
            }
        }
        let word = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        let key = key.filter(word).ok_or("it has no `aws_access_key_id`")?;
        let secret = secret.filter(word).ok_or("it has no `aws_secret_access_key`")?;
        Ok(Self(match token {
            Some(token) => rusty_s3::Credentials::new_with_token(key, secret, token),
            None => rusty_s3::Credentials::new(key, secret),
        }))
    }
}

/// Whether a file is the credential that systemd gives, by its name and its place.
fn is_given(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == CREDENTIAL) && path.starts_with("/run/credentials")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const GOOD: &str = "[default]\n# ours\naws_access_key_id = AKEXAMPLE\naws_secret_access_key=s3cr3t/+=x\n";

    #[test]
    fn both_are_read_and_neither_is_printed() {
        let read = Credentials::parse(GOOD).unwrap();
        assert_eq!((read.0.key(), read.0.secret(), read.0.token()), ("AKEXAMPLE", "s3cr3t/+=x", None));
        let printed = format!("{read:?}");
        assert!(!printed.contains("AKEXAMPLE") && !printed.contains("s3cr3t"), "{printed}");
        for bad in [
            "",
            "aws_access_key_id = A",
            "aws_secret_access_key = B",
            "aws_access_key_id = A\naws_secret_access_key =",
            "aws_access_key_id = A\naws_secret_access_key = B C",
            "key A",
            "region = x",
            &format!("{GOOD}{GOOD}"),
        ] {
            assert!(Credentials::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_and_its_error_holds_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s3");
        std::fs::write(&path, GOOD).unwrap();
        for (mode, good) in [(0o600, true), (0o400, true), (0o440, false), (0o640, false), (0o644, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Credentials::read(&path).is_ok(), good, "{mode:o}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "s3cr3t").unwrap();
        let error = Credentials::read(&path).unwrap_err();
        assert!(!error.to_string().contains("s3cr3t"), "{error}");
        assert!(Credentials::read(&folder.path().join("absent")).is_err());
        assert!(Credentials::read(folder.path()).is_err());
    }
}
