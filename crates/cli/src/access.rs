//! `access`: why somebody can do something, or cannot.

use crate::Failure;
use crate::app::App;
use api::rights::{Explained, Why};
use clap::{Args, Subcommand};

/// Why somebody can do something, or cannot
#[derive(Subcommand)]
pub enum Access {
    Explain(Explain),
}

impl Access {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Explain(args) => args.run(app),
        }
    }
}

/// Say why an account can do something, or cannot: which policies decide, and what is missing.
///
/// It is decided by the policies and the roles of now, as if the person had given a reason. The question is
/// on record.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra access explain worker download-object obj_…\n  \
    sequestra access explain worker start-run prj_… --from outside\n  \
    sequestra access explain reviewer verify-ledger\n\n\
    Actions are the policies' words; a wrong one is answered with the list.\n\n\
    Role: project-administrator or data-steward in the project, or auditor; for the site as a whole\n\
    platform-administrator or auditor.")]
pub struct Explain {
    /// The sign-in name of the account
    account: String,
    /// The policy's action, such as `download-object`
    action: String,
    /// A project, sample, object or run; without it the site as a whole
    thing: Option<String>,
    /// From where they would speak: `local`, `inside` or `outside`
    #[arg(long, value_name = "NETWORK")]
    from: Option<String>,
}

impl Explain {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let body = Why { account: self.account, action: self.action, network: self.from };
        let mut client = app.client()?;
        let because: Explained = match &self.thing {
            Some(thing) => client.post("access explain", &[thing], &body)?.json()?,
            None => client.post("access explain-site", &[], &body)?.json()?,
        };
        if app.console.is_json() {
            return app.console.json(&because);
        }
        let can = if because.allowed { "can" } else { "cannot" };
        let place = self.thing.as_deref().unwrap_or("the site");
        app.console.line(&format!("{} {can} {} on {place}", body.account, body.action))?;
        let roles: Vec<&str> = because.roles.iter().map(|role| role.as_str()).collect();
        let roles = if roles.is_empty() { "none".to_owned() } else { roles.join(", ") };
        app.console.line(&format!("  roles held now that count: {roles}"))?;
        for reason in &because.reasons {
            app.console.line(&format!("  {reason}"))?;
        }
        for missing in &because.missing {
            app.console.line(&format!("  {missing}"))?;
        }
        app.console.line(&format!("  policies {}", because.policy))
    }
}
