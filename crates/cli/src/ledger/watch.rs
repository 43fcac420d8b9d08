//! `ledger watch`: the ledger's end, as it grows.

use crate::app::App;
use crate::client::Body;
use crate::{Console, Error, Failure};
use api::record;
use clap::Args;

/// Show events as they are recorded, one JSON line each, until interrupted.
///
/// Each line is the event as hashed, with its position: whoever keeps them can prove that none is missing, and go
/// on later with the position after the last. Reading is recorded; the site stays open meanwhile.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra ledger watch --from 1204\n\nRole: auditor on the site.")]
pub struct Watch {
    /// The first position to show [default: what is recorded from now on]
    #[arg(long, value_name = "POSITION")]
    from: Option<u64>,
}

impl Watch {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let body = record::Watch { from: self.from, follow: true };
        let mut client = app.client()?;
        let mut lines = Lines { held: Vec::new(), next: self.from };
        let console = &mut *app.console;
        let ended =
            client.stream("ledger watch", &[], Body::json(&body)?, |_, bytes| lines.show(bytes, console));
        let on = lines.next.map(|next| format!("; `--from {next}` goes on")).unwrap_or_default();
        match ended {
            Ok(()) => app.console.say(&format!("the site was locked{on}")),
            Err(Failure::Interrupted) => app.console.say(&format!("stopped{on}")),
            Err(_) => app.console.say(&format!("the connection ended{on}")),
        }
        ended
    }
}

/// Lines out of pieces, and the position after the last whole one.
struct Lines {
    held: Vec<u8>,
    next: Option<u64>,
}

impl Lines {
    fn show(&mut self, bytes: &[u8], console: &mut Console) -> Result<(), Failure> {
        self.held.extend_from_slice(bytes);
        while let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
            let rest = self.held.split_off(end.saturating_add(1));
            let line = std::mem::replace(&mut self.held, rest);
            let leaf = ::ledger::leaf::Leaf::parse(line.trim_ascii_end());
            let position = leaf.map(|leaf| leaf.position).ok_or(Error::Answer(200))?;
            // A gap would be taken for completeness by whoever keeps the lines.
            if self.next.is_some_and(|next| next != position) {
                return Err(Error::Answer(200).into());
            }
            console.bytes(&line)?;
            self.next = position.checked_add(1);
        }
        console.finish()
    }
}
