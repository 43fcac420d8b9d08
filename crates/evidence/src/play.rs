//! What a scenario is given: attacks, expectations, and the record of both.

use crate::site::Site;
use crate::{Authenticator, Error, Result};
use base::{Clock, Entropy, entropy};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Time and randomness, as a play takes them.
#[derive(Clone)]
pub struct World {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// What one play gave.
pub(crate) struct Played {
    pub(crate) steps: Vec<Step>,
    pub(crate) taken: Vec<Taken>,
    /// Why it did not come to its end.
    pub(crate) stopped: Option<Error>,
}

/// One play of a scenario.
///
/// A scenario says what it does by [`Play::attack`] and [`Play::spoil`], and what it saw by
/// [`Play::expect`]. Played plainly, attacks are carried out and nothing is spoiled. Played as a proof
/// that the control can fail, it is the other way round: attacks are withheld, so that refusals which the
/// scenario expects cannot come, and what the guard keeps is spoiled. Such a play must break, and at each of
/// them: of the steps between one and the next, at least one must not hold. [`Play::disturb`] is for what
/// the site has to bear without a sign of it; nothing is asked of the play without it.
pub struct Play {
    program: PathBuf,
    world: World,
    spoiled: bool,
    doing: String,
    steps: Vec<Step>,
    taken: Vec<Taken>,
}

/// An attack that was withheld, or a guard that was spoiled, in a play that has to break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Which.
    pub what: String,
    /// Whether a step after it, and before the next, did not hold.
    pub broke: bool,
}

/// One thing that was expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was done before.
    pub did: String,
    /// What was to be seen.
    pub expected: String,
    /// What was seen.
    pub saw: String,
    /// Whether it is the same.
    pub held: bool,
}

impl Play {
    pub(crate) fn new(program: &Path, world: &World, spoiled: bool) -> Self {
        Self {
            program: program.to_owned(),
            world: world.clone(),
            spoiled,
            doing: String::new(),
            steps: Vec::new(),
            taken: Vec::new(),
        }
    }

    /// A new site with people, open.
    pub fn site(&mut self) -> Result<Site> {
        self.does("make a throw-away site");
        Site::make(&self.program, &self.world.entropy)
    }

    /// A site in which the whole story was played, locked.
    pub fn story(&mut self) -> Result<Site> {
        self.does("make a throw-away site and play the whole story in it");
        Site::story(&self.program, &self.world.entropy)
    }

    /// The program that is tested.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Room for a site that the scenario makes itself.
    pub fn unmade(&mut self) -> Result<Site> {
        Site::unmade(&self.program, &self.world.entropy)
    }

    /// A random time below so many milliseconds.
    pub fn moment(&self, below: u32) -> Duration {
        let random = u32::from_le_bytes(entropy::bytes(&*self.world.entropy));
        Duration::from_millis(u64::from(random % below.max(1)))
    }

    /// Random bytes for a key.
    pub fn key(&self) -> [u8; 32] {
        entropy::bytes(&*self.world.entropy)
    }

    /// A passkey in a browser that shows pages at `origin`.
    pub fn passkey(&self, origin: &str) -> Result<Authenticator> {
        Authenticator::at(origin, &*self.world.entropy)
    }

    /// A random text that is looked for afterwards.
    pub fn secret(&self) -> String {
        hex::encode(entropy::bytes::<24>(&*self.world.entropy))
    }

    /// The clock, for what runs beside the scenario.
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.world.clock.clone()
    }

    /// Time since an arbitrary start.
    pub fn time(&self) -> Duration {
        self.world.clock.monotonic()
    }

    /// Says what comes next, when it is neither attack nor expectation.
    pub fn does(&mut self, what: &str) {
        what.clone_into(&mut self.doing);
    }

    /// Does what the control must withstand. Withheld from a play that has to break.
    pub fn attack<T: Default>(&mut self, what: &str, act: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.spoiled {
            self.takes(format!("(withheld: {what})"));
            return Ok(T::default());
        }
        what.clone_into(&mut self.doing);
        act()
    }

    /// Does what has to leave no trace, such as a crash after which everything is there. Withheld from a play
    /// that has to break, which need not break for it.
    pub fn disturb(&mut self, what: &str, act: impl FnOnce() -> Result<()>) -> Result<()> {
        if self.spoiled {
            self.doing = format!("(withheld: {what})");
            return Ok(());
        }
        what.clone_into(&mut self.doing);
        act()
    }

    /// Takes away what the control rests on. Done only in a play that has to break.
    pub fn spoil(&mut self, what: &str, act: impl FnOnce() -> Result<()>) -> Result<()> {
        if !self.spoiled {
            return Ok(());
        }
        self.takes(format!("(spoiled: {what})"));
        act()
    }

    fn takes(&mut self, what: String) {
        self.taken.push(Taken { what: what.clone(), broke: false });
        self.doing = what;
    }

    /// Whether this play has to break.
    pub fn is_spoiled(&self) -> bool {
        self.spoiled
    }

    /// Notes what was expected, whether it was so, and what was seen.
    pub fn expect(&mut self, expected: &str, held: bool, saw: impl Into<String>) {
        if let (false, Some(taken)) = (held, self.taken.last_mut()) {
            taken.broke = true;
        }
        let step = Step { did: self.doing.clone(), expected: expected.to_owned(), saw: saw.into(), held };
        self.steps.push(step);
    }

    /// What was seen. A scenario that looked at nothing proves nothing.
    pub(crate) fn finish(self, ended: Result<()>) -> Played {
        let looked = if self.steps.is_empty() {
            Err(Error::unplayable("the scenario expected nothing"))
        } else {
            Ok(())
        };
        Played { steps: self.steps, taken: self.taken, stopped: ended.and(looked).err() }
    }
}
