//! Files: read without being led elsewhere, written whole or not at all.

use crate::{Error, Failure};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Most bytes of a file that is read whole.
const MOST: u64 = 16 << 20;
/// Most bytes of a recipient's key file, which has some hundred.
const RECIPIENT: usize = 4 << 10;

/// Opens a plain file, following no link at its end, and gives its length.
pub fn open_plain(path: &Path) -> Result<(File, u64), Failure> {
    // Without O_NONBLOCK, opening a pipe would wait for its writer.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(rustix::io::Errno::LOOP) => return Err(Error::NotPlain(path.to_owned()).into()),
        Err(error) => return Err(unreadable(path, error.into())),
    };
    let meta = file.metadata().map_err(|error| unreadable(path, error))?;
    if !meta.is_file() {
        return Err(Error::NotPlain(path.to_owned()).into());
    }
    Ok((file, meta.len()))
}

/// A whole text file of the caller's choice; links are followed, since the caller named it.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    let bytes = read(path)?;
    String::from_utf8(bytes).map_err(|_| {
        let source = io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8");
        Error::Read { path: path.to_owned(), source }.into()
    })
}

/// A whole file of the caller's choice.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, error))?;
    if bytes.len() as u64 > MOST {
        let source = io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 16 MiB");
        return Err(Error::Read { path: path.to_owned(), source }.into());
    }
    Ok(bytes)
}

/// A recipient's Crypt4GH public key file, and nothing else: what it was taken for by mistake, a secret key above all,
/// must not leave the machine.
pub fn read_recipient(path: &Path) -> Result<String, Failure> {
    let none = || Failure::from(Error::NotAPublicKey(path.to_owned()));
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    let mut text = Zeroizing::new(Vec::with_capacity(RECIPIENT + 1));
    file.take(RECIPIENT as u64 + 1).read_to_end(&mut text).map_err(|error| unreadable(path, error))?;
    let text = std::str::from_utf8(&text).map_err(|_| none())?;
    if text.contains("PRIVATE KEY") {
        return Err(Error::SecretKey(path.to_owned()).into());
    }
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
    match lines.as_slice() {
        ["-----BEGIN CRYPT4GH PUBLIC KEY-----", key @ .., "-----END CRYPT4GH PUBLIC KEY-----"]
            if text.len() <= RECIPIENT && key.concat().len() == 44 && key.concat().bytes().all(base64) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(none()),
    }
}

/// The first line of a file that holds a lasting secret. Refused when everyone could have read it.
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let meta = path.metadata().map_err(|error| unreadable(path, error))?;
    if meta.is_file() && meta.mode() & 0o007 != 0 {
        return Err(Error::SecretExposed(path.to_owned()).into());
    }
    read_line(path)
}

/// A whole file of at most 16 KiB that is its owner's, such as a key. Its memory is wiped.
pub fn read_secret_text(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let meta = path.metadata().map_err(|error| unreadable(path, error))?;
    if !meta.is_file() || meta.mode() & 0o077 != 0 {
        return Err(Error::SecretExposed(path.to_owned()).into());
    }
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    let mut text = Zeroizing::new(String::with_capacity(16 << 10));
    file.take(16 << 10).read_to_string(&mut text).map_err(|error| unreadable(path, error))?;
    Ok(text)
}

/// The first line of a file. Its memory is wiped.
pub fn read_line(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    let mut text = Zeroizing::new(String::with_capacity(4096));
    file.take(4096).read_to_string(&mut text).map_err(|error| unreadable(path, error))?;
    let line = text.lines().next().unwrap_or_default();
    Ok(Zeroizing::new(line.to_owned()))
}

pub fn unreadable(path: &Path, source: io::Error) -> Failure {
    Error::Read { path: path.to_owned(), source }.into()
}

/// A file on its way. It has no name until [`NewFile::keep`]; where the file system cannot do
/// that, it has its name at once and loses it again on drop.
pub struct NewFile {
    file: File,
    path: PathBuf,
    named: bool,
    kept: bool,
}

impl NewFile {
    /// Begins `path`, mode 0600. Refused if it exists.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        if path.symlink_metadata().is_ok() {
            return Err(Error::Exists(path.to_owned()).into());
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
        if let Ok(fd) = rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR) {
            return Ok(Self { file: File::from(fd), path: path.to_owned(), named: false, kept: false });
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| unwritable(path, error))?;
        Ok(Self { file, path: path.to_owned(), named: true, kept: false })
    }

    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|error| unwritable(&self.path, error))
    }

    /// The file is whole: flushes it and gives it its name, which must still be free.
    pub fn keep(mut self) -> Result<(), Failure> {
        self.file.sync_all().map_err(|error| unwritable(&self.path, error))?;
        if !self.named {
            let unnamed = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            rustix::fs::linkat(CWD, unnamed, CWD, &self.path, AtFlags::SYMLINK_FOLLOW)
                .map_err(|error| unwritable(&self.path, error.into()))?;
        }
        self.kept = true;
        base::durable::flush_folder_of(&self.path).map_err(|error| unwritable(&self.path, error))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.named && !self.kept {
            // The failure that brought us here is told already.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn unwritable(path: &Path, source: io::Error) -> Failure {
    if source.kind() == io::ErrorKind::AlreadyExists {
        return Error::Exists(path.to_owned()).into();
    }
    Error::Write { path: path.to_owned(), source }.into()
}

/// A folder for files that are written once something cannot be undone: made if it is absent, its owner's alone, and
/// one in which a file can be begun.
pub fn folder_for(path: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| unwritable(path, error))?;
    NewFile::create(&path.join(format!(".{}.new", std::process::id()))).map(drop)
}

/// Writes a whole new file, mode 0600.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = NewFile::create(path)?;
    file.write(bytes)?;
    file.keep()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn code(failure: Failure) -> String {
        match failure {
            Failure::Problem(problem) => problem.code,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn only_plain_files_are_sent() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain");
        std::fs::write(&plain, b"abc").unwrap();
        assert_eq!(open_plain(&plain).unwrap().1, 3);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&plain, &link).unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        for odd in [link.as_path(), pipe.as_path(), folder.path()] {
            assert_eq!(code(open_plain(odd).unwrap_err()), "CLI-019", "{}", odd.display());
        }
        assert_eq!(code(open_plain(&folder.path().join("none")).unwrap_err()), "CLI-018");
    }

    #[test]
    fn a_recipient_is_a_public_key_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let armour =
            |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
        let body = format!("{}=", "A".repeat(43));
        let right = armour("CRYPT4GH PUBLIC KEY", &body);
        for text in [&right, &right.replace('\n', "\r\n")] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(&read_recipient(&path).unwrap(), text);
        }
        let secret = armour("CRYPT4GH PRIVATE KEY", &body);
        for (text, expected) in [
            (secret.clone(), "CLI-055"),
            (armour("CRYPT4GH ENCRYPTED PRIVATE KEY", &body), "CLI-055"),
            (armour("OPENSSH PRIVATE KEY", &body), "CLI-055"),
            (format!("{right}{secret}"), "CLI-055"),
            (secret.replace("PRIVATE", "PUBLIC").replace('=', ""), "CLI-054"),
            (format!("{right}{right}"), "CLI-054"),
            (armour("CRYPT4GH PUBLIC KEY", "name,birthday"), "CLI-054"),
            (format!("{right}{}", "\n".repeat(5000)), "CLI-054"),
            ("name,birthday\n".to_owned(), "CLI-054"),
            (String::new(), "CLI-054"),
        ] {
            std::fs::write(&path, &text).unwrap();
            assert_eq!(code(read_recipient(&path).unwrap_err()), expected, "{text}");
        }
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = NewFile::create(&path).unwrap();
        file.write(b"half").unwrap();
        drop(file);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        write_new(&path, b"whole").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(code(write_new(&path, b"other").unwrap_err()), "CLI-021");
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn a_name_taken_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = NewFile::create(&path).unwrap();
        file.write(b"mine").unwrap();
        std::fs::write(&path, b"theirs").unwrap();
        assert_eq!(code(file.keep().unwrap_err()), "CLI-021");
        assert_eq!(std::fs::read(&path).unwrap(), b"theirs");
    }

    #[test]
    fn a_folder_for_files_is_there_and_empty_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("one/two");
        folder_for(&made).unwrap();
        folder_for(&made).unwrap();
        assert_eq!(made.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(std::fs::read_dir(&made).unwrap().count(), 0);
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(code(folder_for(&file).unwrap_err()), "CLI-021");
        assert_eq!(code(folder_for(&file.join("below")).unwrap_err()), "CLI-020");
    }

    #[test]
    fn a_secret_that_everyone_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "open sesame\n").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        assert_eq!(code(read_secret(&path).unwrap_err()), "CLI-010");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        assert_eq!(read_secret(&path).unwrap().as_str(), "open sesame");
    }
}
