//! Plays controls and judges them.

use crate::play::World;
use crate::report::{CanFail, Program};
use crate::{Control, Error, Evidence, Play, Result, Step, Verdict};
use base::{Sha256, fault};
use sha2::Digest;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Plays controls against one program.
pub struct Runner {
    program: PathBuf,
    version: String,
    sha256: Sha256,
    world: World,
}

impl Runner {
    /// A runner that tests the program in this file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn new(program: &Path, version: &str, world: World) -> Result<Self> {
        let sha256 = digest(program).map_err(Error::io(program))?;
        Ok(Self { program: program.to_owned(), version: version.to_owned(), sha256, world })
    }

    /// Plays one control; with `prove`, also with what it rests on taken away, which must break it.
    ///
    /// Never fails: what stops a play is part of its evidence.
    pub fn play(&self, control: &Control, prove: bool) -> Evidence {
        let program = Program { version: self.version.clone(), sha256: self.sha256 };
        let mut evidence = Evidence::begin(control, program, self.world.clock.now());
        let began = self.world.clock.monotonic();
        match self.once(control, false) {
            Ok(steps) => {
                let held = steps.iter().all(|step| step.held);
                evidence.verdict = if held { Verdict::Holds } else { Verdict::Broken };
                evidence.steps = steps;
                if held && prove {
                    self.prove(control, &mut evidence);
                }
            }
            Err((steps, error)) => {
                evidence.steps = steps;
                evidence.error = Some(fault::chain(&error));
            }
        }
        let took = self.world.clock.monotonic().saturating_sub(began);
        evidence.milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        evidence
    }

    fn prove(&self, control: &Control, evidence: &mut Evidence) {
        // A play that stops halfway broke as well: it could not go on without what was taken away. But
        // only a step that was seen not to hold says why, so only that counts.
        let steps = match self.once(control, true) {
            Ok(steps) | Err((steps, _)) => steps,
        };
        let first = steps.into_iter().find(|step| !step.held);
        if first.is_none() {
            evidence.verdict = Verdict::CannotFail;
        }
        evidence.can_fail = Some(CanFail { broke: first.is_some(), first });
    }

    fn once(&self, control: &Control, spoiled: bool) -> std::result::Result<Vec<Step>, (Vec<Step>, Error)> {
        let mut play = Play::new(&self.program, &self.world, spoiled);
        match (control.scenario)(&mut play) {
            Ok(()) => play.finish(),
            Err(error) => Err((play.into_steps(), error)),
        }
    }
}

fn digest(path: &Path) -> io::Result<Sha256> {
    let mut hasher = Hasher(sha2::Sha256::new());
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(Sha256(hasher.0.finalize().into()))
}

struct Hasher(sha2::Sha256);

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
