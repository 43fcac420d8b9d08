//! Accounts, sessions, roles, and the only maker of permits.
//!
//! Promises: a [`Permit`] exists only after the decision it stands on is durable in the ledger;
//! it names a verb, things, a project and a purpose, and ends after 60 s; every question that the
//! policies answer is recorded, denials too; what an account may not see is "not found".
//!
//! * [`permit`]: the lease that functions on protected data ask for
//! * [`ask`], [`decide`], [`outcome`]: from a caller and a question to a permit, and what came of it; `action`: what an action gives;
//!   [`usable`]: what stands against a use, whoever asks
//! * [`caller`]: who asks, and the acts of one request
//! * `judge`: the policies in force, and the check of their compiled form
//! * [`proposal`]: a site's own policies, by two people
//! * [`rights`]: who may do what, before and after a change
//! * [`explain`]: why an account can do a thing, or cannot
//! * [`settings`]: what a site sets about its decisions
//! * [`facts`]: what this room needs to know and cannot vouch for itself
//! * [`account`], [`session`], [`grant`]: people, how they sign in, what they hold
//! * [`restored`]: people of a site that was restored
//! * [`signed`], [`limits`], `token`: what proved who somebody is, how long that lasts, what it is kept as
//! * [`passkey`], [`terminal`]: passkeys, and terminals that a passkey approves; `ceremony`: what waits for an answer
//! * [`password`]: a password with a second factor, where no data is strictly kept
//! * [`oidc`]: sign-in through the site's own OpenID Connect provider
//! * [`service`], [`assertion`], [`network`]: programs that act for a person, and how they prove which they are
//! * [`issuer`], [`identity`], [`mapping`], [`passport`], [`visa`]: whose word about people counts, about whom, for which role,
//!   and how a passport is taken; `condition`: what a visa depends on
//! * [`exception`], [`break_glass`], [`support`]: data that is seen by way of exception, for a few hours
//! * `proof`: how somebody must have proved who they are before they act
//! * `standing`: whether somebody whose request goes on may still ask

pub mod account;
pub mod ask;
pub mod assertion;
pub mod break_glass;
pub mod caller;
pub mod decide;
pub mod exception;
pub mod explain;
pub mod facts;
pub mod grant;
pub mod identity;
pub mod issuer;
pub mod limits;
pub mod mapping;
pub mod naming;
pub mod network;
pub mod oidc;
pub mod outcome;
mod own;
pub mod passkey;
pub mod passport;
pub mod password;
pub mod permit;
pub mod proposal;
pub mod recovered;
mod restored;
pub mod rights;
pub mod service;
pub mod session;
pub mod settings;
pub mod signed;
pub mod support;
pub mod terminal;
pub mod usable;
pub mod visa;

mod action;
mod ceremony;
mod condition;
mod error;
mod judge;
mod proof;
mod standing;
mod table;
mod token;

pub use account::Account;
pub use ask::Ask;
pub use break_glass::{BreakGlass, Review, Stands};
pub use caller::Caller;
pub use decide::Access;
pub use error::Error;
pub use exception::Exceptions;
pub use explain::Explanation;
pub use facts::{Facts, Place, Unusable, Using};
pub use grant::{Ends, Grant};
pub use issuer::Issuers;
pub use judge::Checks;
pub use limits::Limits;
pub use naming::Naming;
pub use outcome::Ended;
pub use passkey::Passkeys;
pub use permit::{Permit, thing, verb};
pub use policy::{Action, Interpreted, Network};
pub use proposal::{Proposal, Texts};
pub use rights::{Changes, Comparison, Factor, Right, RightChange, Step};
pub use session::Session;
pub use settings::Settings;
pub use signed::{Proof, SignedIn, Source};
pub use support::{Approved, Progress, Support};
pub use table::MIGRATIONS;
pub use token::{OneTimeToken, ServiceToken, SessionToken};
