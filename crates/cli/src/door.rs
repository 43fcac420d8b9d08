//! `door`: what the site shows other machines.

use crate::Failure;
use crate::app::App;
use crate::host::CertificateArgs;
use clap::{Args, Subcommand};

/// Days that a certificate is good for, unless said: what public authorities give at most.
const DAYS: u32 = 397;

/// The site's door to other machines: the certificate that it shows
#[derive(Subcommand)]
pub enum Door {
    Certificate(Certificate),
}

impl Door {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Certificate(args) => args.run(app),
        }
    }
}

/// Make a key and a certificate that signs itself, and print the pin by which clients know the site.
///
/// They are written to `door/` in the site's folder, where `serve` looks for them unless `[door]` says otherwise; the key
/// for its owner's eyes alone. Hand the pin to people on another way than the network. A certificate of an
/// authority works as well, and has a pin too.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra door certificate --name lab.example --name 192.0.2.10\n  sequestra door \
    certificate --renew\n\nRole: none; the site's folder is its owner's."
)]
pub struct Certificate {
    /// A host name or address by which clients reach the site; once for each [default: with `--renew`
    /// those of the certificate that is there, else localhost, 127.0.0.1 and ::1]
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// Days that it is good for
    #[arg(long, default_value_t = DAYS, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// A new certificate for the key that is there, so that pins hold; the door takes it within seconds
    #[arg(long)]
    renew: bool,
}

impl Certificate {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let site = app.site()?;
        let args = CertificateArgs { names: self.names, days: self.days, renew: self.renew };
        let made = app.host.door_certificate(&site, &args)?;
        if app.console.is_json() {
            return app.console.json(&made);
        }
        app.console.line(&made.pin)?;
        app.console.say(&format!("{} is good until {}", made.certificate.display(), made.until));
        Ok(())
    }
}
