//! `completion`: the commands as a shell completes them.

use crate::app::App;
use crate::{Failure, args};
use clap::Args;
use clap_complete::Shell;

/// Print the completions for a shell.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra completion bash > ~/.local/share/bash-completion/completions/sequestra\n\nRole: none."
)]
pub struct Completion {
    /// The shell
    shell: Shell,
}

impl Completion {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut args::command(), "sequestra", &mut script);
        app.console.bytes(&script)
    }
}
