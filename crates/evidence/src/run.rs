//! Plays controls and judges them.

use crate::play::{Played, World};
use crate::report::{CanFail, Program};
use crate::{Control, Error, Evidence, Play, Result, Verdict};
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
        let played = self.once(control, false);
        evidence.steps = played.steps;
        match played.stopped {
            Some(error) => evidence.error = Some(fault::chain(&error)),
            None if evidence.steps.iter().any(|step| !step.held) => evidence.verdict = Verdict::Broken,
            None => {
                evidence.verdict = Verdict::Holds;
                if prove {
                    self.prove(control, &mut evidence);
                }
            }
        }
        let took = self.world.clock.monotonic().saturating_sub(began);
        evidence.milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        evidence
    }

    /// Plays it to break. Each thing that was taken away has to break a step of its own: if one does not, the
    /// scenario would not notice that this attack succeeds, whatever the others show. A play that stops halfway
    /// broke as well: it could not go on without what was taken away. That it stopped is part of its evidence, as
    /// it shows nothing of what it did not come to.
    fn prove(&self, control: &Control, evidence: &mut Evidence) {
        let played = self.once(control, true);
        let first = played.steps.into_iter().find(|step| !step.held);
        let idle = played.taken.iter().filter(|taken| !taken.broke).map(|taken| taken.what.clone());
        let idle: Vec<String> = idle.collect();
        let stopped = played.stopped.as_ref().map(|error| fault::chain(error));
        let broke = first.is_some() && idle.is_empty();
        if !broke {
            evidence.verdict = Verdict::CannotFail;
        }
        evidence.can_fail = Some(CanFail { broke, first, taken: played.taken, idle, stopped });
    }

    fn once(&self, control: &Control, spoiled: bool) -> Played {
        let mut play = Play::new(&self.program, &self.world, spoiled);
        let ended = (control.scenario)(&mut play);
        play.finish(ended)
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

#[cfg(test)]
mod tests {
    use super::*;
    use base::{SystemClock, SystemEntropy};
    use std::sync::Arc;

    fn prove(scenario: fn(&mut Play) -> Result<()>) -> Evidence {
        let control = Control { id: "C-TST-01", statement: "s", test: "t", references: &[], scenario };
        let world = World { clock: Arc::new(SystemClock::default()), entropy: Arc::new(SystemEntropy) };
        Runner::new(Path::new("/bin/true"), "none", world).unwrap().play(&control, true)
    }

    /// An attack that is noticed when it is withheld, as a withheld one gives the default.
    fn noticed(play: &mut Play, what: &str) -> Result<()> {
        let refused = play.attack(what, || Ok(true))?;
        play.expect("refused", refused, "");
        Ok(())
    }

    #[test]
    fn each_thing_that_is_taken_away_has_to_break_a_step() {
        let judged = prove(|play| {
            noticed(play, "one")?;
            noticed(play, "other")
        });
        assert_eq!(judged.verdict, Verdict::Holds);
        let proof = judged.can_fail.unwrap();
        assert!(proof.broke && proof.idle.is_empty() && proof.taken.len() == 2, "{proof:?}");

        let judged = prove(|play| {
            noticed(play, "one")?;
            play.attack("other", || Ok(()))?;
            play.expect("seen either way", true, "");
            noticed(play, "third")
        });
        assert_eq!(judged.verdict, Verdict::CannotFail);
        assert_eq!(judged.can_fail.unwrap().idle, ["(withheld: other)"]);
    }

    #[test]
    fn what_leaves_no_trace_is_no_proof_and_where_a_play_stops_is_told() {
        let judged = prove(|play| {
            play.disturb("a crash", || Ok(()))?;
            play.expect("there as before", true, "");
            noticed(play, "one")
        });
        assert_eq!(judged.verdict, Verdict::Holds);
        let judged = prove(|play| {
            play.disturb("a crash", || Ok(()))?;
            play.expect("there as before", true, "");
            Ok(())
        });
        assert_eq!(judged.verdict, Verdict::CannotFail);
        let judged = prove(|play| {
            noticed(play, "one")?;
            match play.is_spoiled() {
                true => Err(Error::unplayable("no further")),
                false => noticed(play, "other"),
            }
        });
        let proof = judged.can_fail.unwrap();
        assert!(proof.broke && proof.stopped.is_some() && proof.taken.len() == 1, "{proof:?}");
    }
}
