//! The product's promises as controls, each played on a throw-away site.
//!
//! Promises: a control holds only if its scenario was played on a real site by the ordinary commands and
//! everything that was expected was seen; a scenario that cannot fail is no proof, so each can be played
//! with what it rests on taken away, and must then be seen to break; every play leaves its evidence as a
//! file, whatever it showed.
//!
//! * [`control`]: the list of controls
//! * [`vault`], [`keys`], [`identity`], [`policies`], [`network`], [`audit`], [`support`]: their scenarios, one file a control
//! * [`play`]: what a scenario is given: attacks, expectations, the record of both
//! * [`site`]: a throw-away site, made and used by the ordinary commands
//! * [`authenticator`]: a passkey in software, for those who act on it
//! * [`run`]: plays controls and judges them
//! * [`report`]: the evidence, as files and as OSCAL assessment results ([`oscal`])

mod audit;
pub mod authenticator;
pub mod control;
mod error;
mod exceptions;
mod identity;
mod keys;
mod network;
pub mod oscal;
pub mod play;
mod policies;
pub mod report;
pub mod run;
pub mod site;
mod support;
mod vault;

pub use authenticator::Authenticator;
pub use control::{CONTROLS, Control, named};
pub use error::{Error, Result};
pub use play::{Play, Step, World};
pub use report::{Evidence, Verdict};
pub use run::Runner;
