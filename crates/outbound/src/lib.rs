//! Whom the site may send to.
//!
//! The site sends to what its settings name, and to nobody else: no request and no data names an address. What is
//! named is looked up once for each connection, and the very addresses that were judged are dialled. A name of the
//! house leads into the house only where its setting says which network that is.
//! The specification is `docs/spec/outbound.md`.
//!
//! * [`place`]: an address as a setting has it
//! * [`network`]: which addresses there are, and where each leads
//! * [`dial`]: looking up and connecting
//! * [`agent`]: blocking requests, over TLS to whom an authority vouches for
//!
//! This room deliberately lacks requests and answers: who sends speaks them.

pub mod agent;
pub mod dial;
pub mod network;
pub mod place;

pub use agent::{Unknown, body, unanswered};
pub use dial::refused;
pub use network::Network;
pub use place::{Place, Refused, WEB};
