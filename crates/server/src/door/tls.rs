//! TLS 1.3 with the site's certificate: loaded, checked, and loaded again when its files change.

use super::settings::Settings;
use crate::failure::Error;
use base::{Clock, Sha256, Timestamp};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::{CertificateError, RootCertStore, ServerConfig};
use sha2::{Digest, Sha256 as Hasher};
use std::fmt::Display;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long before its end a certificate is spoken of.
pub const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// A moment after the end of every certificate: RFC 5280's last, 9999-12-31.
const NEVER: u64 = 253_402_300_799;

/// The files of a door.
#[derive(Debug, Clone)]
pub struct Files {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

/// What a door shows, and the settings with which it shows it.
#[derive(Clone)]
pub struct Identity {
    /// For new connections.
    pub config: Arc<ServerConfig>,
    /// SHA-256 of the key's SubjectPublicKeyInfo.
    pub pin: Sha256,
    /// When the certificate ends.
    pub until: Timestamp,
}

/// What the files were when they were looked at: a new content, owner or mode is a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen(Vec<Option<(u64, u64, i64, i64)>>);

impl Files {
    /// As the settings name them, from the site's folder.
    pub fn of(settings: &Settings, site: &Path) -> Self {
        Self {
            certificate: site.join(&settings.certificate),
            key: site.join(&settings.key),
            client_ca: settings.client_ca.as_ref().map(|file| site.join(file)),
        }
    }

    /// How they are now.
    pub fn look(&self) -> Seen {
        let all = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        let one = |path: &PathBuf| {
            let meta = path.metadata().ok()?;
            Some((meta.ino(), meta.size(), meta.ctime(), meta.ctime_nsec()))
        };
        Seen(all.into_iter().flatten().map(one).collect())
    }

    /// Loads and checks them: whole, a pair, the key its owner's alone, valid now.
    pub fn load(&self, clock: &dyn Clock) -> Result<Identity, Error> {
        let chain = certificates(&self.certificate)?;
        let first = chain.first().ok_or_else(|| refuse(&self.certificate, "it holds no certificate"))?;
        let (pin, until) = (pin_of(first, &self.certificate)?, self.until(first, clock)?);
        alone(&self.key)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| refuse(&self.key, &error))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| refuse(&self.key, &error))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => builder.with_client_cert_verifier(verifier(file)?),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| refuse(&self.key, &error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // Each connection proves the keys anew: what was taken away is not remembered by a ticket.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Identity { config: Arc::new(config), pin, until })
    }

    /// Why browsers would not take the certificate for a page at `host`, if so.
    pub fn distrusted_at(&self, host: &str, clock: &dyn Clock) -> Option<String> {
        let chain = certificates(&self.certificate).ok()?;
        let first = chain.first()?;
        let parsed = ParsedCertificate::try_from(first).ok()?;
        let name = ServerName::try_from(host).ok()?;
        if verify_server_name(&parsed, &name).is_err() {
            return Some(format!("the certificate is not for the name {host}"));
        }
        let mut itself = RootCertStore::empty();
        itself.add(first.clone()).ok()?;
        let by_itself =
            !matches!(found(first, &itself, seconds(clock)), Some(CertificateError::UnknownIssuer));
        by_itself.then(|| "the certificate signs itself".to_owned())
    }

    /// When the certificate ends, if it is valid now.
    fn until(&self, certificate: &CertificateDer<'_>, clock: &dyn Clock) -> Result<Timestamp, Error> {
        match dates(certificate, seconds(clock)) {
            Some(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
                return Err(refuse(&self.certificate, "the certificate has ended"));
            }
            Some(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
                return Err(refuse(&self.certificate, "the certificate is not valid yet"));
            }
            _ => {}
        }
        // Asked as of the last moment there is, the answer names the certificate's own.
        let ends = match dates(certificate, NEVER) {
            Some(CertificateError::ExpiredContext { not_after, .. }) => not_after.as_secs(),
            _ => NEVER,
        };
        Ok(Timestamp::from_second(i64::try_from(ends).unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX))
    }
}

/// What a check of dates finds. It comes before the check of the issuer, which always fails here: there is no
/// authority.
fn dates(certificate: &CertificateDer<'_>, at: u64) -> Option<CertificateError> {
    found(certificate, &RootCertStore::empty(), at)
}

/// What is wrong with a certificate in the eyes of who trusts these authorities.
fn found(certificate: &CertificateDer<'_>, trusted: &RootCertStore, at: u64) -> Option<CertificateError> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at));
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
    match verify_server_cert_signed_by_trust_anchor(&parsed, trusted, &[], at, algorithms.all) {
        Err(rustls::Error::InvalidCertificate(why)) => Some(why),
        _ => None,
    }
}

fn seconds(clock: &dyn Clock) -> u64 {
    u64::try_from(clock.now().as_second()).unwrap_or(0)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    CertificateDer::pem_file_iter(file).and_then(Iterator::collect).map_err(|error| refuse(file, &error))
}

/// SHA-256 of the SubjectPublicKeyInfo.
fn pin_of(certificate: &CertificateDer<'_>, file: &Path) -> Result<Sha256, Error> {
    let parsed = ParsedCertificate::try_from(certificate).map_err(|error| refuse(file, &error))?;
    Ok(Sha256(Hasher::digest(parsed.subject_public_key_info().as_ref()).into()))
}

fn verifier(file: &Path) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| refuse(file, &error))?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| refuse(file, &error))
}

/// The key is a plain file of this process's user, and nobody else reads it.
fn alone(key: &Path) -> Result<(), Error> {
    let meta = key.metadata().map_err(|error| refuse(key, &error))?;
    if !meta.is_file() {
        return Err(refuse(key, "it is not a plain file"));
    }
    if is_shared(&meta, rustix::process::geteuid().as_raw()) {
        return Err(refuse(key, "others than this process's user may read or change it"));
    }
    Ok(())
}

fn is_shared(meta: &Metadata, user: u32) -> bool {
    meta.mode() & 0o077 != 0 || meta.uid() != user
}

fn refuse(file: &Path, why: &(impl Display + ?Sized)) -> Error {
    Error::Certificate { file: file.to_owned(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SystemClock;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

    #[test]
    fn browsers_take_an_authoritys_certificate_for_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files {
            certificate: folder.path().join("certificate.pem"),
            key: folder.path().join("key.pem"),
            client_ca: None,
        };
        let why = |pem: String, host: &str| {
            std::fs::write(&files.certificate, pem).unwrap();
            files.distrusted_at(host, &SystemClock::default())
        };
        let (key, params) =
            (KeyPair::generate().unwrap(), CertificateParams::new(vec!["lab.example".to_owned()]).unwrap());
        let own = params.self_signed(&key).unwrap().pem();
        assert!(why(own.clone(), "lab.example").unwrap().contains("signs itself"));
        assert!(why(own, "other.example").unwrap().contains("other.example"));
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.distinguished_name.push(rcgen::DnType::CommonName, "authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = Issuer::new(authority, KeyPair::generate().unwrap());
        let issued = params.signed_by(&key, &issuer).unwrap().pem();
        assert_eq!(why(issued.clone(), "lab.example"), None);
        assert!(why(issued, "other.example").is_some());
    }
}
