//! A certificate that signs itself, for a start.

use crate::failure::Error;
use base::Clock;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
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
    /// Host names and addresses by which clients reach the site.
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
    let key = if wanted.renew {
        let text = std::fs::read_to_string(&key_file).map(Zeroizing::new).map_err(|error| of_key(&error))?;
        KeyPair::from_pem(&text).map_err(|error| of_key(&error))?
    } else {
        if key_file.exists() || file.exists() {
            return Err(of_key(&"there is one already"));
        }
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| of_key(&error))?
    };
    let certificate = params(wanted, clock)
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

fn params(wanted: &Wanted, clock: &dyn Clock) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(wanted.names.clone())?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, wanted.names.first().map_or("sequestra", String::as_str));
    params.distinguished_name = name;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = OffsetDateTime::from_unix_timestamp(clock.now().as_second());
    let now = now.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    // A client whose clock is a little behind.
    params.not_before = now.saturating_sub(Duration::hours(1));
    params.not_after = now.saturating_add(Duration::days(wanted.days.into()));
    Ok(params)
}
