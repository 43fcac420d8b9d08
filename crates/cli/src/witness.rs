//! `witness`: a witness of ledgers, on another machine than theirs.

use crate::app::App;
use crate::host::Tls;
use crate::{Error, Failure, file};
use ::ledger::VerifierKey;
use ::receipt::SitePublic;
use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A witness of others' ledgers: it cosigns what only grows, and refuses what was rewritten
#[derive(Subcommand)]
pub enum Witness {
    Init(Init),
    Trust(Trust),
    Serve(Serve),
}

impl Witness {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Init(args) => args.run(app),
            Self::Trust(args) => args.run(app),
            Self::Serve(args) => args.run(app),
        }
    }
}

/// Make a witness in a folder that is absent or empty, and print its verifier key.
///
/// The folder holds the witness's signing key in clear, readable by its owner alone, and what the witness
/// remembers. It belongs on a machine that the administrators of the sites do not control.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra witness init /srv/witness --name witness.example/w1\n\nRole: none."
)]
pub struct Init {
    /// The folder
    folder: PathBuf,
    /// The witness's name, such as a host and path; without spaces and `+`
    #[arg(long)]
    name: String,
}

impl Init {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let key = app.host.witness_init(&self.folder, &self.name)?;
        if app.console.is_json() {
            return app.console.json(&serde_json::json!({"name": self.name, "key": key}));
        }
        app.console.line(&key)?;
        app.console
            .say("give this key to the sites and to their auditors; `witness trust` adds a site's ledger");
        Ok(())
    }
}

/// Have a witness know the ledger of a site, from its start.
///
/// Takes effect when the witness is started next. A ledger is known by its name and key; a second key for the same
/// name is refused.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra witness trust /srv/witness --site-key site.pub\n\nRole: none.")]
pub struct Trust {
    /// The witness's folder
    folder: PathBuf,
    /// The site's public keys
    #[arg(long, value_name = "FILE", required_unless_present = "key")]
    site_key: Option<PathBuf>,
    /// The ledger's verifier key, where there is no `site.pub`
    #[arg(long, value_name = "KEY", conflicts_with = "site_key")]
    key: Option<String>,
}

impl Trust {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let key = match (&self.site_key, &self.key) {
            (Some(path), _) => file::read_text(path)?.parse::<SitePublic>()?.ledger,
            (None, Some(key)) => key.parse::<VerifierKey>().map_err(|error| Failure::of(&error))?,
            (None, None) => return Err(Error::Usage("give --site-key or --key".to_owned()).into()),
        };
        app.host.witness_trust(&self.folder, &key.to_string())?;
        if app.console.is_json() {
            return app.console.json(&serde_json::json!({"ledger": key.name()}));
        }
        app.console.line(&format!("the witness knows {} from its next start", key.name()))
    }
}

/// Answer those who ask for cosignatures, until stopped.
///
/// Speaks C2SP tlog-witness over HTTP (`POST /add-checkpoint`), or over TLS 1.3 with a certificate; then it says by which
/// pin a site knows it. Nothing secret passes, a cosignature carries its own proof, and so does a refusal (`GET
/// /newest/…`). What was cosigned is on disk before the answer leaves.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra witness serve /srv/witness --listen 127.0.0.1:7070\n  \
    sequestra witness serve /srv/witness --listen 192.0.2.7:7070 --tls-cert cert.pem --tls-key key.pem\n\n\
    Role: none.")]
pub struct Serve {
    /// The witness's folder
    folder: PathBuf,
    /// The address; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Its certificate, with those between it and an authority, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl Serve {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let console = &mut *app.console;
        let tls = self.tls_cert.zip(self.tls_key).map(|(certificate, key)| Tls { certificate, key });
        app.host.witness_serve(&self.folder, self.listen, tls.as_ref(), &mut |address, pin| {
            let address = address.to_string();
            let told = match console.is_json() {
                true => console.json(&serde_json::json!({"listening": address, "pin": pin})),
                false => console.line(&format!("listening on {address}")),
            };
            if let Some(pin) = pin.filter(|_| !console.is_json()) {
                console.say(&format!("a site knows it by `pin = \"{pin}\"`"));
            }
            told.and_then(|()| console.finish()).map_err(anyhow::Error::new)
        })?;
        Ok(())
    }
}
