//! stdout for data, stderr for talk.
//!
//! INVARIANT (no escape): what goes out by [`Console::line`], [`Console::text`], [`Console::say`],
//! [`Console::table`], [`Console::json`] and [`Console::problem`] holds no control character but
//! line feeds that this program put there.

use crate::{Error, Failure, text};
use api::Problem;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// Where a command prints.
pub struct Console {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    out_is_terminal: bool,
    err_is_terminal: bool,
    json: bool,
    quiet: bool,
}

impl Console {
    /// The process's own stdout and stderr.
    pub fn standard() -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        let (out_is_terminal, err_is_terminal) = (out.is_terminal(), err.is_terminal());
        let out = Box::new(io::BufWriter::new(out));
        Self { out, err: Box::new(err), out_is_terminal, err_is_terminal, json: false, quiet: false }
    }

    /// Writers of the caller's, which are no terminals: no prompt, no bar.
    pub fn to(out: Box<dyn Write>, err: Box<dyn Write>) -> Self {
        Self { out, err, out_is_terminal: false, err_is_terminal: false, json: false, quiet: false }
    }

    pub(crate) fn configure(&mut self, json: bool, quiet: bool) {
        (self.json, self.quiet) = (json, quiet);
    }

    /// Whether stdout is to be one JSON document.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether bars and prompts have somebody to look at them.
    pub(crate) fn is_watched(&self) -> bool {
        self.err_is_terminal && !self.quiet
    }

    /// Whether a person can answer a prompt.
    pub(crate) fn can_ask(&self) -> bool {
        self.err_is_terminal
    }

    pub(crate) fn out_is_terminal(&self) -> bool {
        self.out_is_terminal
    }

    /// One line of data.
    pub fn line(&mut self, line: &str) -> Result<(), Failure> {
        let line = text::clean(line);
        self.write(&[line.as_bytes(), b"\n"])
    }

    /// Lines of data.
    pub fn text(&mut self, lines: &str) -> Result<(), Failure> {
        lines.lines().try_for_each(|line| self.line(line))
    }

    /// The one JSON document of a command.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let json = serde_json::to_string_pretty(value).map_err(|e| Error::Output(e.to_string()))?;
        let json = text::clean_json(&json);
        self.write(&[json.as_bytes(), b"\n"])
    }

    /// Rows under a head, in columns. Cells are made safe here.
    pub fn table(&mut self, head: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(head);
        if !self.out_is_terminal {
            // Programs cut lines themselves.
            table.force_no_tty().set_content_arrangement(ContentArrangement::Disabled);
        } else {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        for row in rows {
            table.add_row(row.iter().map(|cell| text::clean(cell)));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let lines = table.trim_fmt();
        self.write(&[lines.as_bytes(), b"\n"])
    }

    /// Bytes as they are, for receipts, reports and checkpoints. A terminal gets them only if they
    /// cannot drive it.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.out_is_terminal {
            let text = std::str::from_utf8(bytes).map_err(|_| Error::Control)?;
            if text.chars().any(|c| c != '\n' && text::is_unsafe(c)) {
                return Err(Error::Control.into());
            }
        }
        self.write(&[bytes])
    }

    /// Talk: what was done, what comes next. `--quiet` drops it.
    pub fn say(&mut self, line: &str) {
        if !self.quiet {
            self.talk(line);
        }
    }

    /// Talk that `--quiet` does not drop.
    pub(crate) fn talk(&mut self, lines: &str) {
        for line in lines.lines() {
            // Nobody can be told that stderr is gone.
            let _ = writeln!(self.err, "{}", text::clean(line));
        }
        let _ = self.err.flush();
    }

    /// A failure: for people on stderr, and as JSON on stdout where JSON was asked for.
    pub fn problem(&mut self, problem: &Problem) {
        if self.json {
            let _ = self.json(problem);
            let _ = self.finish();
        }
        let mut lines = format!("error: {} ({})", text::clean(&problem.message), text::clean(&problem.code));
        for finding in &problem.findings {
            lines.push_str("\n  - ");
            lines.push_str(&text::clean(finding));
        }
        if let Some(hint) = &problem.hint {
            lines.push_str("\nhint: ");
            lines.push_str(&text::clean(hint));
        }
        self.talk(&lines);
    }

    /// A failure that does not end the command: on stderr alone.
    pub(crate) fn problem_for_people(&mut self, problem: &Problem) {
        let json = std::mem::replace(&mut self.json, false);
        self.problem(problem);
        self.json = json;
    }

    /// Everything that was printed has arrived.
    pub fn finish(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|error| lost(&error))
    }

    fn write(&mut self, parts: &[&[u8]]) -> Result<(), Failure> {
        parts.iter().try_for_each(|part| self.out.write_all(part)).map_err(|error| lost(&error))
    }
}

fn lost(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::ReaderGone;
    }
    Error::Output(error.to_string()).into()
}
