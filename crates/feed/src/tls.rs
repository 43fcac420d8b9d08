//! TLS 1.3 to a receiver that is known: by authorities, or by its very certificate.

use crate::{Error, Settings};
use outbound::Place;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// By what a receiver is known: authorities, or its very certificate.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// PEM file of the authorities.
    pub ca: Option<&'a Path>,
    /// SHA-256 of the certificate (DER) in hexadecimal.
    pub pin: Option<&'a str>,
}

/// A receiver that is known.
pub struct Peer {
    place: Place,
    name: ServerName<'static>,
    connector: TlsConnector,
}

impl Peer {
    pub(crate) fn new(settings: &Settings, place: Place) -> Result<Self, Error> {
        let known = Known { ca: settings.ca.as_deref(), pin: settings.pin.as_deref() };
        Self::known(place, known).map_err(|why| settings.refuse(why))
    }

    /// The receiver at `place`; an error says why there can be none.
    pub fn known(place: Place, known: Known<'_>) -> Result<Self, String> {
        let name = ServerName::try_from(place.host().to_owned()).map_err(|_| "the host is no name")?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|e| e.to_string())?;
        let config = match (known.pin, known.ca) {
            (Some(pin), None) => {
                // As the door's own pin is written, too.
                let pin = pin
                    .strip_prefix("sha256:")
                    .unwrap_or(pin)
                    .parse()
                    .map_err(|_| "`pin` is not a SHA-256")?;
                let verifier = Arc::new(Pinned { pin, provider });
                builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
            }
            (None, Some(ca)) => {
                let mut roots = RootCertStore::empty();
                let refuse = |e: &dyn std::fmt::Display| format!("`ca` cannot be read: {e}");
                for certificate in CertificateDer::pem_file_iter(ca).map_err(|e| refuse(&e))? {
                    roots.add(certificate.map_err(|e| refuse(&e))?).map_err(|e| refuse(&e))?;
                }
                builder.with_root_certificates(roots).with_no_client_auth()
            }
            _ => return Err("it takes either `ca` or `pin`".to_owned()),
        };
        Ok(Self { place, name, connector: TlsConnector::from(Arc::new(config)) })
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// A connection with the receiver at its other end.
    pub async fn connect(&self) -> Result<TlsStream<TcpStream>, Error> {
        self.over(self.place.connect().await.map_err(Error::sink)?).await
    }

    /// TLS on a connection that is there.
    pub(crate) async fn over(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, Error> {
        self.connector.connect(self.name.clone(), stream).await.map_err(|error| {
            // What it says of a certificate names who is spoken to, and more people see that than see the settings.
            let of_tls = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
            match of_tls {
                Some(rustls::Error::InvalidCertificate(_)) => {
                    Error::sink("its certificate is not that of who is expected")
                }
                _ => Error::sink(error),
            }
        })
    }
}

/// What a holder of this certificate is pinned by.
pub fn pin_of(certificate: &CertificateDer<'_>) -> base::Sha256 {
    base::Sha256(Sha256::digest(certificate.as_ref()).into())
}

/// Takes one certificate and no other. The handshake's signature is checked as always, so only the
/// holder of its key is taken.
#[derive(Debug)]
struct Pinned {
    pin: base::Sha256,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if pin_of(end_entity) == self.pin {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General("the receiver's certificate is not the pinned one".into()))
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
