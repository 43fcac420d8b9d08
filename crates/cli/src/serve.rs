//! `serve`: the site in the foreground, for other machines.

use crate::app::App;
use crate::client::Client;
use crate::{Failure, passphrase};
use clap::Args;

/// Open the site in the foreground and serve it over HTTPS, until stopped.
///
/// Listens where `[door]` in `site.toml` says, with TLS 1.3 alone, and on the socket in the site. Prints the address and
/// the pin by which command lines know the server; then one line for each request goes to stderr. SIGTERM, an interrupt or
/// `site lock` end it in good order. While it serves, the site does not lock itself.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra door certificate --name lab.example\n  sequestra serve --passphrase-file \
    ./passphrase\n\nRole: none; what opens the site."
)]
pub struct Serve {}

impl Serve {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let site = app.site()?;
        Client::must_be_locked(&site)?;
        let passphrase = passphrase::existing(app, &site)?;
        let console = &mut *app.console;
        app.host.serve(&site, &passphrase, &mut |listening| {
            let told = match console.is_json() {
                true => console.json(listening),
                false => console.line(&format!("listening on {}", listening.address)),
            };
            if !console.is_json() {
                console.say(&format!("clients know it by --pin {}", listening.pin));
            }
            told.and_then(|()| console.finish()).map_err(anyhow::Error::new)
        })?;
        Ok(())
    }
}
