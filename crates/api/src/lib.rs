//! The HTTP contract between the site's process and its clients: requests, responses and the one
//! list of routes. No logic.
//!
//! Bodies are JSON in UTF-8 unless a route says otherwise. Times are RFC 3339. A request carries
//! its session as `Authorization: Bearer …`. An answer other than 2xx is a [`Problem`].
//!
//! * [`route`]: every route and its rule; [`trail`]: what it leaves in the ledger
//! * [`problem`]: how a failure is told
//! * [`people`]: sessions, accounts, members; [`rights`]: what a change of theirs would do, and why
//! * [`policy`]: a site's own policies
//! * [`passkey`]: passkeys, confirmations, terminals; [`oidc`]: sign-in through the site's provider
//! * [`password`]: passwords with a second factor
//! * [`service`]: service accounts; [`passport`]: passports and visas
//! * [`project`]: projects, packages, samples, objects
//! * [`run`]: tools, references, runs
//! * [`variant`]: questions to the lake
//! * [`record`]: the ledger and its histories
//! * [`archive`]: the store of objects: holds, deletion, checks
//! * [`backup`]: backups, step by step
//! * [`keys`]: the site's keys
//! * [`notify`]: who hears of what happens
//! * [`site`]: the process itself
//! * [`contract`]: what each route takes and gives; [`openapi`]: the same for others' tools

pub mod administrator;
pub mod archive;
pub mod backup;
pub mod consent;
pub mod contract;
pub mod exception;
pub mod identity;
pub mod incident;
pub mod keys;
pub mod notify;
pub mod oidc;
pub mod openapi;
pub mod passkey;
pub mod passport;
pub mod password;
pub mod people;
pub mod policy;
pub mod problem;
pub mod project;
pub mod record;
pub mod rights;
pub mod route;
pub mod run;
mod schema;
pub mod service;
pub mod sharing;
pub mod site;
pub mod subject;
pub mod trail;
pub mod usage;
pub mod variant;

pub use problem::Problem;
pub use route::{ROUTES, Route};
