//! A certificate that signs itself, for a start.

use super::names;
use crate::failure::Error;
use base::Clock;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fmt::Display;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

/// The longest that a certificate is made for.
pub const MOST_DAYS: u32 = 3650;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Host names and addresses by which clients reach the site; of none, those of the certificate that is renewed, or
    /// the machine itself.
    pub names: Vec<String>,
    /// Days that it is good for.
    pub days: u32,
    /// A new certificate for the key that is there.
    pub renew: bool,
}

/// Makes key and certificate in `folder`, as `key.pem` and `certificate.pem`, and gives the certificate's path.
///
/// 1. The key is written, alone: a crash leaves a key that `renew` takes, or that is removed by hand.
/// 2. The certificate replaces the one that was there, whole.
pub fn issue(folder: &Path, wanted: &Wanted, clock: &dyn Clock) -> Result<PathBuf, Error> {
    let (key_file, file) = (folder.join("key.pem"), folder.join("certificate.pem"));
    let failed = |file: &Path| {
        let file = file.to_owned();
        move |why: &dyn Display| Error::Certificate { file: file.clone(), why: why.to_string() }
    };
    let of_key = failed(&key_file);
    if wanted.days == 0 || wanted.days > MOST_DAYS {
        return Err(failed(&file)(&format!("it is made for 1 to {MOST_DAYS} days")));
    }
    let names = match (wanted.names.as_slice(), wanted.renew) {
        ([], true) => there(&file)?,
        ([], false) => names::usual(),
        (given, _) => given.to_vec(),
    };
    names::check(&names)?;
    let key = if wanted.renew {
        let text = std::fs::read_to_string(&key_file).map(Zeroizing::new).map_err(|error| of_key(&error))?;
        KeyPair::from_pem(&text).map_err(|error| of_key(&error))?
    } else {
        if key_file.exists() || file.exists() {
            return Err(of_key(&"there is one already"));
        }
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| of_key(&error))?
    };
    let certificate = params(names, wanted.days, clock)
        .and_then(|params| params.self_signed(&key))
        .map_err(|error| failed(&file)(&error))?;
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| of_key(&error))?;
    if !wanted.renew {
        let pem = Zeroizing::new(key.serialize_pem());
        base::durable::create_once(&key_file, pem.as_bytes()).map_err(|error| of_key(&error))?;
    }
    base::durable::replace(&file, certificate.pem().as_bytes()).map_err(|error| failed(&file)(&error))?;
    Ok(file)
}

/// The names of the certificate that is there.
fn there(file: &Path) -> Result<Vec<String>, Error> {
    let refused = |why: &dyn Display| Error::Certificate { file: file.to_owned(), why: why.to_string() };
    let certificate = CertificateDer::from_pem_file(file).map_err(|error| refused(&error))?;
    let names = names::of(&certificate).filter(|names| !names.is_empty());
    names.ok_or_else(|| refused(&"no name is found in it: say with `--name` what the new one is for"))
}

fn params(names: Vec<String>, days: u32, clock: &dyn Clock) -> Result<CertificateParams, rcgen::Error> {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, names.first().map_or("sequestra", String::as_str));
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = name;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = OffsetDateTime::from_unix_timestamp(clock.now().as_second());
    let now = now.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    // A client whose clock is a little behind.
    params.not_before = now.saturating_sub(Duration::hours(1));
    params.not_after = now.saturating_add(Duration::days(days.into()));
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SystemClock;

    #[test]
    fn a_renewal_keeps_the_names_and_a_wrong_name_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("door");
        let issued = |names: &[&str], renew| {
            let names = names.iter().map(ToString::to_string).collect();
            issue(&at, &Wanted { names, days: 30, renew }, &SystemClock::default())
        };
        for wrong in ["", "bad name", "a..b/../x"] {
            assert!(issued(&[wrong], false).is_err() && !at.exists(), "{wrong:?}");
        }
        let named = ["lab.example", "192.0.2.10"];
        let file = issued(&named, false).unwrap();
        let good = std::fs::read(&file).unwrap();
        for wrong in ["", "bad name", "a..b/../x"] {
            let refused = issued(&["lab.example", wrong], true).unwrap_err();
            assert!(matches!(refused, Error::Value { .. }), "{refused}");
        }
        assert_eq!(std::fs::read(&file).unwrap(), good);
        issued(&[], true).unwrap();
        assert_ne!(std::fs::read(&file).unwrap(), good);
        assert_eq!(there(&file).unwrap(), named);
        issued(&["other.example"], true).unwrap();
        assert_eq!(there(&file).unwrap(), ["other.example"]);
        std::fs::write(&file, "").unwrap();
        assert!(issued(&[], true).is_err(), "of nothing no name is known");
    }
}
