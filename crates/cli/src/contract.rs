//! `api`: the contract, for who writes clients.

use crate::Failure;
use crate::app::App;
use clap::{Args, Subcommand};

/// The contract between sites and clients
#[derive(Subcommand)]
pub enum Api {
    Openapi(Openapi),
}

impl Api {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Openapi(args) => args.run(app),
        }
    }
}

/// Print the contract as OpenAPI 3.1, as a site gives it at `/v1/openapi.json`.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra api openapi > openapi.json\n\nRole: none; needs no site.")]
pub struct Openapi {}

impl Openapi {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        app.console.json(&api::openapi::document(env!("CARGO_PKG_VERSION")))
    }
}
