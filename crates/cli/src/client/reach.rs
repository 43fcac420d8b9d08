//! Which key a door is known by: what was given, what was kept, or what a person says yes to.

use super::{Client, Way, runtime, tls};
use crate::app::App;
use crate::place::Address;
use crate::remote::{Known, Papers, Remotes, parse_pin, show_pin};
use crate::{Error, Failure};
use base::Sha256;
use std::io::IsTerminal;

impl Client {
    /// A client of the site behind a door. What was not known of it is kept, under `name` if there is one.
    ///
    /// INVARIANT (pinned): nothing is sent to a door whose key is not known from elsewhere, or was not said yes to.
    pub fn reach(
        app: &mut App<'_>,
        address: &Address,
        named: Option<(&str, Option<Papers>)>,
    ) -> Result<Self, Failure> {
        let mut remotes = Remotes::of(app.host)?;
        let kept = remotes.at(address).cloned();
        let pin = expected(app, address, kept.as_ref())?;
        let papers = match &named {
            Some((_, papers)) => papers.clone(),
            None => kept.as_ref().and_then(|kept| kept.client.clone()),
        };
        let way = Way::Door { address: address.clone(), pin, papers: papers.clone() };
        let client = Self::by(way)?.ok_or(Error::Locked)?;
        let site = client.health().site.clone();
        if kept.as_ref().is_some_and(|kept| kept.site != site) {
            return Err(Error::OtherSite.into());
        }
        let name =
            named.map(|(name, _)| name.to_owned()).or(kept.as_ref().and_then(|kept| kept.name.clone()));
        let known = Known { name, address: address.to_string(), pin: show_pin(pin), site, client: papers };
        if kept.as_ref() != Some(&known) {
            remotes.keep(known)?;
        }
        Ok(client)
    }
}

/// The pin that the door has to show.
fn expected(app: &mut App<'_>, address: &Address, kept: Option<&Known>) -> Result<Sha256, Failure> {
    let given = app.global.pin.as_deref().map(parse_pin).transpose()?;
    let kept = kept.map(|kept| parse_pin(&kept.pin)).transpose()?;
    match (given, kept) {
        (Some(given), Some(kept)) if given != kept => {
            Err(Error::OtherPin { address: address.to_string(), kept }.into())
        }
        (Some(pin), _) | (None, Some(pin)) => Ok(pin),
        (None, None) => asked(app, address),
    }
}

/// Shows the pin to a person, and takes nothing for a yes but `yes`.
fn asked(app: &mut App<'_>, address: &Address) -> Result<Sha256, Failure> {
    if !app.console.can_ask() || !std::io::stdin().is_terminal() {
        return Err(Error::UnknownPin(address.to_string()).into());
    }
    let pin = runtime()?.block_on(tls::shown(address))?;
    app.console.talk(&format!(
        "The site at {address} is not known here. It shows the key\n  {}\n\
         Compare it with the pin that its administrator gave you on another way. Is it the same? Type `yes` to go on:",
        show_pin(pin)
    ));
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    if read.is_ok() && answer.trim() == "yes" {
        Ok(pin)
    } else {
        Err(Error::UnknownPin(address.to_string()).into())
    }
}
