//! Crypt4GH key files: public keys, and secret keys unlocked or locked by a passphrase.
//!
//! A key file is base64 between a `BEGIN` and an `END` line. A secret key's bytes are `c4gh-v1`
//! and strings with a two-byte big-endian length: key derivation, its options unless it is `none`,
//! cipher, key material, and an optional comment.

use crate::segment::{Cipher, OVERHEAD};
use crate::{Error, PublicKey, Result, SecretKey};
use base::Entropy;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

const MAGIC: &[u8] = b"c4gh-v1";
const NONE: &[u8] = b"none";
const SCRYPT: &[u8] = b"scrypt";
const CHACHA: &[u8] = b"chacha20_poly1305";
const SALT: usize = 16;
/// A key file is some hundred bytes; more is something else.
const MAX_BYTES: usize = 64 << 10;

/// Reads a public key file.
///
/// Errors: [`Error::KeyFile`]; [`Error::KeyFileUnsupported`] for an SSH key.
pub fn read_public(text: &[u8]) -> Result<PublicKey> {
    if text.starts_with(b"ssh-") {
        return Err(Error::KeyFileUnsupported("an SSH public key"));
    }
    let bytes = unarmour(text, &["CRYPT4GH PUBLIC KEY"])?;
    let bytes = bytes.as_slice().try_into().map_err(|_| Error::KeyFile("a public key has 32 bytes"))?;
    Ok(PublicKey::from_bytes(bytes))
}

/// Reads a secret key file. `passphrase` is needed only when the file is locked.
///
/// Errors: [`Error::KeyFile`]; [`Error::KeyFileUnsupported`] for key derivations other than
/// scrypt and for SSH keys; [`Error::PassphraseNeeded`]; [`Error::WrongPassphrase`].
pub fn read_secret(text: &[u8], passphrase: Option<&str>) -> Result<SecretKey> {
    let bytes = unarmour(text, &["CRYPT4GH PRIVATE KEY", "CRYPT4GH ENCRYPTED PRIVATE KEY"])?;
    let rest = bytes.strip_prefix(MAGIC).ok_or(Error::KeyFile("unknown first bytes"))?;
    let (derivation, rest) = split_string(rest)?;
    let (options, rest) = if derivation == NONE { (&[][..], rest) } else { split_string(rest)? };
    let (cipher, rest) = split_string(rest)?;
    let (material, _comment) = split_string(rest)?;
    match (derivation, cipher) {
        (NONE, NONE) => secret_of(material),
        (SCRYPT, CHACHA) => {
            let salt = options.get(4..).ok_or(Error::KeyFile("the salt is cut short"))?;
            unlock(material, salt, passphrase.ok_or(Error::PassphraseNeeded)?)
        }
        (SCRYPT, _) => Err(Error::KeyFileUnsupported("a cipher other than chacha20_poly1305")),
        (b"bcrypt", _) => Err(Error::KeyFileUnsupported("bcrypt key derivation")),
        (b"pbkdf2_hmac_sha256", _) => Err(Error::KeyFileUnsupported("pbkdf2_hmac_sha256 key derivation")),
        _ => Err(Error::KeyFileUnsupported("an unknown key derivation or cipher")),
    }
}

/// Whether reading this secret key file takes a passphrase. Error: [`Error::KeyFile`].
pub fn is_locked(text: &[u8]) -> Result<bool> {
    match read_secret(text, None) {
        Ok(_) => Ok(false),
        Err(Error::PassphraseNeeded) => Ok(true),
        Err(error) => Err(error),
    }
}

/// The public key file of `key`.
pub fn write_public(key: &PublicKey) -> String {
    armour("CRYPT4GH PUBLIC KEY", key.as_bytes())
}

/// The secret key file of `key`, readable by anyone who has it.
pub fn write_secret(key: &SecretKey) -> Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(128));
    bytes.extend_from_slice(MAGIC);
    for part in [NONE, NONE, key.expose()] {
        push_string(&mut bytes, part)?;
    }
    Ok(Zeroizing::new(armour("CRYPT4GH PRIVATE KEY", &bytes)))
}

/// The secret key file of `key`, locked by `passphrase` through scrypt.
pub fn write_locked_secret(key: &SecretKey, passphrase: &str, entropy: &dyn Entropy) -> Result<String> {
    let salt: [u8; SALT] = base::entropy::bytes(entropy);
    let mut material = [0u8; 32 + OVERHEAD];
    let cipher = Cipher::from_bytes(&*derive(passphrase, &salt)?)?;
    cipher.seal(&base::entropy::bytes(entropy), key.expose(), &mut material)?;
    let mut options = vec![0u8; 4];
    options.extend_from_slice(&salt);
    let mut bytes = MAGIC.to_vec();
    for part in [SCRYPT, &options, CHACHA, &material] {
        push_string(&mut bytes, part)?;
    }
    Ok(armour("CRYPT4GH PRIVATE KEY", &bytes))
}

fn unlock(material: &[u8], salt: &[u8], passphrase: &str) -> Result<SecretKey> {
    let length = material.len().checked_sub(OVERHEAD).ok_or(Error::KeyFile("the key is cut short"))?;
    let cipher = Cipher::from_bytes(&*derive(passphrase, salt)?)?;
    let mut plain = Zeroizing::new(vec![0; length]);
    cipher.open(material, &mut plain).ok_or(Error::WrongPassphrase)?;
    secret_of(&plain)
}

/// scrypt with the parameters that Crypt4GH fixes: N = 2^14, r = 8, p = 1.
fn derive(passphrase: &str, salt: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
    let parameters = scrypt::Params::new(14, 8, 1).map_err(|_| Error::Library)?;
    let mut key = Zeroizing::new([0u8; 32]);
    scrypt::scrypt(passphrase.as_bytes(), salt, &parameters, &mut *key).map_err(|_| Error::Library)?;
    Ok(key)
}

fn secret_of(bytes: &[u8]) -> Result<SecretKey> {
    let bytes: &[u8; 32] = bytes.try_into().map_err(|_| Error::KeyFile("a secret key has 32 bytes"))?;
    Ok(SecretKey::from_bytes(*bytes))
}

fn split_string(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let short = || Error::KeyFile("cut short");
    let (length, rest) = bytes.split_first_chunk::<2>().ok_or_else(short)?;
    rest.split_at_checked(u16::from_be_bytes(*length).into()).ok_or_else(short)
}

fn push_string(out: &mut Vec<u8>, part: &[u8]) -> Result<()> {
    let length = u16::try_from(part.len()).map_err(|_| Error::TooLong)?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(part);
    Ok(())
}

fn armour(label: &str, bytes: &[u8]) -> String {
    let text = Zeroizing::new(BASE64_STANDARD.encode(bytes));
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", *text)
}

/// The bytes between the first and the last line, which must bear one of `labels`.
fn unarmour(text: &[u8], labels: &[&str]) -> Result<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= MAX_BYTES);
    let text = text.ok_or(Error::KeyFile("not a text of a key's size"))?;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let [first, body @ .., last] = lines.as_slice() else {
        return Err(Error::KeyFile("no `BEGIN` and `END` lines"));
    };
    let label = |line: &str, word: &str| {
        line.strip_prefix("-----")?.strip_prefix(word)?.strip_suffix("-----").map(str::to_owned)
    };
    match (label(first, "BEGIN "), label(last, "END ")) {
        (Some(begin), Some(end)) if begin == end && labels.contains(&begin.as_str()) => {}
        (Some(begin), _) if begin.contains("OPENSSH") => return Err(Error::KeyFileUnsupported("an SSH key")),
        _ => return Err(Error::KeyFile("not the `BEGIN` and `END` lines of such a key")),
    }
    let body = Zeroizing::new(body.concat());
    let bytes = BASE64_STANDARD.decode(body.as_bytes());
    Ok(Zeroizing::new(bytes.map_err(|_| Error::KeyFile("not base64"))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SystemEntropy;

    #[test]
    fn keys_come_back() {
        let key = SecretKey::mint(&SystemEntropy);
        let open = write_secret(&key).unwrap();
        assert!(!is_locked(open.as_bytes()).unwrap());
        assert_eq!(read_secret(open.as_bytes(), None).unwrap().expose(), key.expose());
        let locked = write_locked_secret(&key, "korrekt hést", &SystemEntropy).unwrap();
        assert!(is_locked(locked.as_bytes()).unwrap());
        assert_eq!(read_secret(locked.as_bytes(), Some("korrekt hést")).unwrap().expose(), key.expose());
        assert!(matches!(read_secret(locked.as_bytes(), Some("korrekt")), Err(Error::WrongPassphrase)));
        let public = key.public().unwrap();
        assert_eq!(read_public(write_public(&public).as_bytes()).unwrap(), public);
        let windows = write_public(&public).replace('\n', "\r\n");
        assert_eq!(read_public(windows.as_bytes()).unwrap(), public);
    }

    #[test]
    fn other_files_are_refused_by_name() {
        let secret = write_secret(&SecretKey::from_bytes([5; 32])).unwrap();
        let refused = |text: &str| read_secret(text.as_bytes(), Some("x")).unwrap_err().to_string();
        let made = |parts: &[&[u8]]| {
            let mut bytes = MAGIC.to_vec();
            parts.iter().for_each(|part| push_string(&mut bytes, part).unwrap());
            armour("CRYPT4GH PRIVATE KEY", &bytes)
        };
        assert!(refused(&made(&[b"bcrypt", &[0; 20], CHACHA, &[0; 60]])).contains("bcrypt"));
        assert!(refused(&made(&[b"pbkdf2_hmac_sha256", &[0; 20], CHACHA, &[0; 60]])).contains("pbkdf2"));
        assert!(refused(&made(&[SCRYPT, &[0; 20], b"aes", &[0; 60]])).contains("cipher"));
        assert!(refused(&made(&[SCRYPT, &[0; 3], CHACHA, &[0; 60]])).contains("salt"));
        assert!(refused(&made(&[SCRYPT, &[0; 20], CHACHA, &[0; 27]])).contains("cut short"));
        assert!(refused(&made(&[NONE, NONE, &[1; 31]])).contains("32 bytes"));
        assert!(refused(&secret.replace("PRIVATE", "PUBLIC")).contains("BEGIN"));
        assert!(refused(&secret.replace("END CRYPT4GH", "END")).contains("BEGIN"));
        assert!(
            refused("-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----").contains("SSH")
        );
        assert!(refused("").contains("BEGIN"));
        assert!(matches!(read_public(secret.as_bytes()), Err(Error::KeyFile(_))));
        assert!(matches!(read_public(b"ssh-ed25519 AAAA"), Err(Error::KeyFileUnsupported(_))));
    }

    #[test]
    fn a_cut_file_is_refused_everywhere() {
        let mut bytes = MAGIC.to_vec();
        [NONE, NONE, &[9; 32]].iter().for_each(|part| push_string(&mut bytes, part).unwrap());
        for cut in 0..bytes.len() {
            let text = armour("CRYPT4GH PRIVATE KEY", &bytes[..cut]);
            assert!(read_secret(text.as_bytes(), None).is_err(), "{cut}");
        }
    }
}
