//! Dialling a site's door: TLS 1.3 to the holder of one key.

use super::stream::Patient;
use crate::place::Address;
use crate::remote::Papers;
use crate::{Error, Failure};
use base::Sha256;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{AlertDescription as Alert, ClientConfig, DigitallySignedStruct, SignatureScheme};
use sha2::{Digest, Sha256 as Hasher};
use std::error::Error as StdError;
use std::iter::successors;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long it may take until the other side has proved its key.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects to `address`, if whoever answers there holds the key of `pin`.
///
/// INVARIANT (pinned): not a byte of HTTP is sent to anybody else, so a session's token is not either.
pub async fn dial(address: &Address, pin: Sha256, papers: Option<&Papers>) -> Result<Patient, Failure> {
    let verifier = Arc::new(Pinned::expecting(Some(pin)));
    match connect(address, &verifier, papers).await {
        Ok(stream) => Ok(stream),
        Err(failure) => Err(match verifier.shown() {
            Some(shown) if shown != pin => {
                Error::WrongPin { address: address.to_string(), pin, shown }.into()
            }
            _ => failure,
        }),
    }
}

/// The pin that whoever answers at `address` shows. Nothing but the begin of a handshake is sent.
pub async fn shown(address: &Address) -> Result<Sha256, Failure> {
    let verifier = Arc::new(Pinned::expecting(None));
    match connect(address, &verifier, None).await {
        // No key passes a verifier that expects none.
        Ok(_) => Err(Error::Host("a key was taken that nobody expected".to_owned()).into()),
        Err(failure) => verifier.shown().ok_or(failure),
    }
}

async fn connect(
    address: &Address,
    verifier: &Arc<Pinned>,
    papers: Option<&Papers>,
) -> Result<Patient, Failure> {
    let failed = |why: &dyn std::fmt::Display| Error::Unreached(address.to_string(), why.to_string());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&verifier.provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| failed(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(verifier) as Arc<dyn ServerCertVerifier>);
    let mut config = match papers {
        None => builder.with_no_client_auth(),
        Some(papers) => {
            let (chain, key) = load(papers)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| unfit(papers, &error))?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(address.host().to_owned()).map_err(|error| failed(&error))?;
    let connecting = async {
        let stream = TcpStream::connect((address.host(), address.port())).await?;
        stream.set_nodelay(true)?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    };
    match tokio::time::timeout(PATIENCE, connecting).await {
        Ok(Ok(stream)) => Ok(Patient::new(stream)),
        Ok(Err(error)) => Err(failed(&error).into()),
        Err(_) => Err(failed(&"it did not answer in time").into()),
    }
}

fn load(papers: &Papers) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Failure> {
    let wrong = |path: &std::path::Path, why: &dyn std::fmt::Display| {
        Failure::from(Error::Papers { path: path.to_owned(), why: why.to_string() })
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&papers.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(&papers.certificate, &error))?;
    let text = crate::file::read_secret_text(&papers.key)?;
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| wrong(&papers.key, &error))?;
    Ok((chain, key))
}

fn unfit(papers: &Papers, error: &rustls::Error) -> Error {
    let why = match error.to_string() {
        told if told.contains("UnsupportedCertVersion") => {
            "it is of X.509 version 1, and version 3 is needed".to_owned()
        }
        told => told,
    };
    Error::Papers { path: papers.certificate.clone(), why }
}

/// That a door asks for a certificate, or does not take the one that it was shown.
pub fn turned_away(error: &(dyn StdError + 'static)) -> Option<Error> {
    let cause = successors(Some(error), |error| (*error).source())
        .find_map(|error| error.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref());
    let Some(rustls::Error::AlertReceived(alert)) = cause else { return None };
    match alert {
        Alert::CertificateRequired => Some(Error::NoPapers),
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied
        | Alert::DecryptError => Some(Error::PapersRefused(format!("{alert:?}"))),
        _ => None,
    }
}

/// Takes the holder of one key and nobody else. The handshake's signature is checked as always, so who is taken
/// holds it.
#[derive(Debug)]
struct Pinned {
    pin: Option<Sha256>,
    shown: Mutex<Option<Sha256>>,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    fn expecting(pin: Option<Sha256>) -> Self {
        Self { pin, shown: Mutex::default(), provider: Arc::new(aws_lc_rs::default_provider()) }
    }

    fn shown(&self) -> Option<Sha256> {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let key = ParsedCertificate::try_from(certificate)?;
        let shown = Sha256(Hasher::digest(key.subject_public_key_info().as_ref()).into());
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        if self.pin == Some(shown) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General("the server's key is not the pinned one".into()))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("only TLS 1.3 is spoken".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
