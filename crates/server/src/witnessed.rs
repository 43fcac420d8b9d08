//! What the site's witnesses cosigned, shared with whoever asks them, and what cannot be promised without them.

use std::time::Duration;

/// What the site's witnesses cosigned.
#[derive(Debug, Clone, Default)]
pub struct Witnessed {
    /// Each witness.
    pub each: Vec<One>,
    /// The newest checkpoint that a quorum cosigned since the start; before that, the one that was kept.
    pub note: Option<String>,
    /// The size of that checkpoint.
    pub size: u64,
    /// How many have to cosign.
    pub quorum: usize,
    /// How long what there is may lack them.
    pub patience: Duration,
    /// How long it has lacked them; none if it does not.
    pub short: Option<Duration>,
}

/// A witness.
#[derive(Debug, Clone, Default)]
pub struct One {
    /// Its name.
    pub name: String,
    /// Its key's id.
    pub id: String,
    /// Events that it cosigned since the start.
    pub size: u64,
    /// After how long it counts as silent.
    pub alarm: Duration,
    /// How long it has not cosigned what there is; none if it has.
    pub late: Option<Duration>,
    /// Whether its last answer was a refusal that it did not prove.
    pub unproven: bool,
}

impl One {
    /// Why it counts as silent, if it does.
    pub fn silent(&self) -> Option<String> {
        let late = self.late.filter(|late| *late >= self.alarm)?;
        let forged = match self.unproven {
            true => "; it refuses without a proof, so somebody may stand between",
            false => "",
        };
        Some(format!("the witness {} has not cosigned for {} s{forged}", self.name, late.as_secs()))
    }
}

impl Witnessed {
    /// Why there is no quorum, if there is none for longer than it may lack.
    pub fn lacking(&self) -> Option<String> {
        let short = self.short.filter(|short| *short >= self.patience && !self.each.is_empty())?;
        Some(format!(
            "too few witnesses cosign, for {} s: beyond event {}, a rollback of everything together would not be \
             noticed",
            short.as_secs(),
            self.size
        ))
    }

    /// What cannot be promised.
    pub fn limits(&self) -> Vec<String> {
        if self.each.is_empty() {
            return vec![
                "no witness is set: a ledger and a database rolled back together would not be noticed here; keep \
                 checkpoints elsewhere (`ledger checkpoint --out FILE`)"
                    .to_owned(),
            ];
        }
        self.each.iter().filter_map(One::silent).chain(self.lacking()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_named_after_its_time_and_a_quorum_after_its_own() {
        let seconds = Duration::from_secs;
        let one = |late| One { name: "w1".into(), alarm: seconds(60), late, ..One::default() };
        assert_eq!([None, Some(seconds(59))].map(|late| one(late).silent()), [None, None]);
        assert!(one(Some(seconds(60))).silent().unwrap().contains("has not cosigned for 60 s"));
        let forged = One { unproven: true, ..one(Some(seconds(60))) };
        assert!(forged.silent().unwrap().contains("without a proof"));
        let of = |short| Witnessed {
            each: vec![one(None)],
            size: 7,
            patience: seconds(10),
            short,
            ..Witnessed::default()
        };
        assert_eq!(of(Some(seconds(9))).limits(), Vec::<String>::new());
        assert!(of(Some(seconds(10))).limits()[0].contains("beyond event 7"));
        assert!(Witnessed::default().limits()[0].contains("no witness is set"));
    }
}
