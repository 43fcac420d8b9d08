//! Handlers of the contract, one file a resource.
//!
//! Promises: every handler but the few named in `api::ROUTES` without a rule asks the door
//! before it looks; what it decided gets its outcome in the ledger when the answer is ready; an
//! answer that could not be recorded is not given.
//!
//! * [`site`]: the rooms of an open site, together
//! * [`router`]: the contract's routes and their handlers
//! * [`door`]: the contract over HTTPS; `observe`, `admit`: around every request, whatever it came by
//! * [`traffic`]: what is known of requests: [`counts`], [`log`]
//! * `attend`: who calls, and the outcome of what was decided for them
//! * [`failure`]: from any room's error to the contract's problem
//! * `finish`: what follows a run: the lake part and the report of the case
//! * one module a resource: `people`, `session`, `passkey`, `oidc`, `terminal`, `pages`, `service`, `policy`, `project`,
//!   `dataset`, `application`, `agreement`, `package`, `identity`, `consent`, `seen`, `sample`, `object`, `tool`, `storage`, `reference`, `rights`, `run`, `variant`, `history`, `export`, `incident`,
//!   `record`, `tail`, `notify`, `process`, `keys`,
//!   `erase`, `keep`, `scrub`, `backup`
//! * [`witnessed`]: what the site's witnesses cosigned
//! * [`vigil`]: what the site looks at by itself, so that somebody hears of it
//! * [`provider`]: asks what unseals the site again
//! * `break_glass`, `support_session`: data that is seen by way of exception, and who hears of it
//! * [`discovery`]: identifiers in what is stored, looked for by the site itself
//! * `usable`: whether data may be used for what its project states
//! * [`holds`]: whether a legal hold or a retention floor forbids an erasure

mod administrator;
mod admit;
mod agreement;
mod application;
mod attend;
mod backup;
mod body;
mod break_glass;
mod checkpoint;
mod consent;
pub mod counts;
mod dataset;
mod discovered;
pub mod discovery;
pub mod door;
mod erase;
mod export;
pub mod failure;
mod finish;
mod history;
pub mod holds;
mod identity;
mod incident;
mod keep;
mod keys;
mod lent_out;
pub mod log;
pub mod measured;
mod notify;
mod object;
mod observe;
mod oidc;
mod package;
mod pages;
mod passkey;
mod passport;
mod password;
mod patience;
mod people;
mod policy;
mod process;
mod project;
pub mod provider;
mod record;
mod reference;
mod rights;
pub mod router;
mod run;
mod sample;
mod scrub;
mod seen;
mod service;
mod session;
pub mod site;
pub mod storage;
mod support_session;
mod tail;
mod terminal;
mod tool;
pub mod traffic;
mod usable;
mod usage;
mod variant;
pub mod vigil;
mod volume;
pub mod witnessed;

pub use failure::Failure;
pub use reference::Uploads;
pub use router::router;
pub use site::{Parts, Places, Replicas, Replicated, Site};
pub use storage::{Care, care};
pub use traffic::Traffic;
pub use witnessed::Witnessed;
