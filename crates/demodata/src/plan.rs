//! What can be asked of the simulator.

use crate::error::{Error, Result};

/// How a case is made. `Plan::default()` is the case of the demonstration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How many reads cover a base on average, duplicates included: 1 to 200. The planted
    /// variants were all called down to 20; fewer reads make files of the same shape, sooner.
    pub coverage: u32,
    /// How many lanes the reads are spread over, with a pair of files and a row of the sample
    /// sheet each: 1 to 8.
    pub lanes: u32,
    /// The number in the laboratory's code for the case, `CASE-0100`: 0 to 9999.
    pub case: u32,
}

impl Default for Plan {
    fn default() -> Self {
        Self { coverage: 40, lanes: 1, case: 100 }
    }
}

impl Plan {
    /// The code of the person.
    pub fn patient(&self) -> String {
        format!("CASE-{:04}", self.case)
    }

    /// The code of the specimen.
    pub fn sample(&self) -> String {
        format!("{}-B", self.patient())
    }

    pub(crate) fn check(&self) -> Result<()> {
        for (what, given, low, high) in
            [("coverage", self.coverage, 1, 200), ("lanes", self.lanes, 1, 8), ("case", self.case, 0, 9999)]
        {
            if !(low..=high).contains(&given) {
                return Err(Error::Plan { what, given, low, high });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knobs_have_limits() {
        assert!(Plan::default().check().is_ok());
        for plan in [
            Plan { coverage: 0, ..Plan::default() },
            Plan { coverage: 201, ..Plan::default() },
            Plan { lanes: 0, ..Plan::default() },
            Plan { lanes: 9, ..Plan::default() },
            Plan { case: 10_000, ..Plan::default() },
        ] {
            assert!(matches!(plan.check(), Err(Error::Plan { .. })), "{plan:?}");
        }
    }
}
