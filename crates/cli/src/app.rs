//! What every command is given: the host, the console, the global options and the way to the site.

use crate::args::Global;
use crate::client::Client;
use crate::place::Place;
use crate::session::Sessions;
use crate::{Console, Error, Failure, Host, place};
use std::path::PathBuf;

/// One command's surroundings.
pub struct App<'a> {
    pub host: &'a dyn Host,
    pub console: &'a mut Console,
    pub global: Global,
}

impl<'a> App<'a> {
    pub fn new(host: &'a dyn Host, console: &'a mut Console, global: Global) -> Self {
        Self { host, console, global }
    }

    /// Where the site is.
    pub fn place(&self) -> Result<Place, Failure> {
        place::find(self.global.site.as_deref(), self.host)
    }

    /// The site's folder, for what needs it.
    pub fn site(&self) -> Result<PathBuf, Failure> {
        match self.place()? {
            Place::Folder(folder) => Ok(folder),
            Place::Door(_) => Err(Error::NeedsFolder.into()),
        }
    }

    pub fn sessions(&self) -> Sessions {
        Sessions::of(self.global.session.as_deref(), self.host)
    }

    /// A client that is signed in. Opens the site if it is locked.
    pub fn client(&mut self) -> Result<Client, Failure> {
        let mut client = self.visitor()?;
        let token = self.sessions().load(&client.health().site, &client.place())?;
        client.sign(token)?;
        Ok(client)
    }

    /// A client without a session. Opens the site if it is locked.
    pub fn visitor(&mut self) -> Result<Client, Failure> {
        let site = match self.place()? {
            Place::Folder(site) => site,
            Place::Door(address) => return Client::reach(self, &address, None),
        };
        match Client::running(&site)? {
            Some(client) => Ok(client),
            None => Client::start(&site, self),
        }
    }

    /// A failure after its answer was shown: with `--json` that is the one document.
    pub fn after_answer(&self, error: impl Into<Failure>) -> Failure {
        let failure = error.into();
        if self.console.is_json() { Failure::Told(Box::new(failure)) } else { failure }
    }

    /// A client that is signed in, if the site is open; it stays locked otherwise.
    pub fn client_if_open(&mut self) -> Result<Option<Client>, Failure> {
        let reached = match self.place()? {
            Place::Folder(site) => Client::running(&site)?,
            Place::Door(address) => Some(Client::reach(self, &address, None)?),
        };
        let Some(mut client) = reached else { return Ok(None) };
        let token = self.sessions().load(&client.health().site, &client.place())?;
        client.sign(token)?;
        Ok(Some(client))
    }
}
