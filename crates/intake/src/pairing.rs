//! Whether two FASTQ files are the two ends of the same fragments.

use serde::{Deserialize, Serialize};

use crate::fastq::{BLOCK_READS, Mate, Verdict};

/// Why two files are no pair.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum PairFault {
    /// One holds more reads.
    #[error("the first file has {first} reads and the second {second}{}", place(.differ))]
    Count {
        /// Reads of the first file.
        first: u64,
        /// Reads of the second file.
        second: u64,
        /// The records (from 1, both ends included) among which names first differ; none when one file
        /// merely goes on for longer and every shared block agrees.
        differ: Option<(u64, u64)>,
    },
    /// As many reads, other names.
    #[error("read names first differ between records {from} and {to}")]
    Names {
        /// First record of the block, from 1.
        from: u64,
        /// Last record of the block.
        to: u64,
    },
    /// The names of both say that they are the same end, or an end that their column is not for.
    #[error("by its names the {file} file does not hold the {file} reads of the pairs")]
    Mate {
        /// `first` or `second`.
        file: String,
    },
}

fn place(differ: &Option<(u64, u64)>) -> String {
    match differ {
        Some((from, to)) => format!("; names first differ between records {from} and {to}"),
        None => String::new(),
    }
}

/// Compares the verdicts of the files given as first and second reads.
///
/// # Errors
/// Another count, other names (with the block of records where they first differ), or ends swapped.
pub fn check_pair(first: &Verdict, second: &Verdict) -> Result<(), PairFault> {
    let differ = first.name_blocks.first_difference(&second.name_blocks).map(|block| {
        let from = block * BLOCK_READS + 1;
        (from, (from + BLOCK_READS - 1).min(first.reads.max(second.reads)))
    });
    if first.reads != second.reads {
        return Err(PairFault::Count { first: first.reads, second: second.reads, differ });
    }
    if first.name_digest != second.name_digest {
        let (from, to) = differ.unwrap_or((1, first.reads));
        return Err(PairFault::Names { from, to });
    }
    for (mate, wrong, file) in [(first.mate, Mate::Second, "first"), (second.mate, Mate::First, "second")] {
        if mate == wrong || mate == Mate::Mixed {
            return Err(PairFault::Mate { file: file.to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fastq::Checker, limits::Limits, testing::fastq};

    fn verdict(text: &[u8]) -> Verdict {
        let mut checker = Checker::new(Limits { accept_plain: true, ..Limits::default() });
        checker.feed(text).unwrap();
        checker.finish().unwrap()
    }

    #[test]
    fn the_two_ends_are_a_pair() {
        assert_eq!(check_pair(&verdict(&fastq(9000, 1)), &verdict(&fastq(9000, 2))), Ok(()));
    }

    #[test]
    fn a_difference_is_located() {
        let second = String::from_utf8(fastq(9000, 2)).unwrap().replace(":5000:9 ", ":5001:8 ");
        let fault = check_pair(&verdict(&fastq(9000, 1)), &verdict(second.as_bytes())).unwrap_err();
        assert_eq!(fault, PairFault::Names { from: 4097, to: 8192 });
        let shorter = check_pair(&verdict(&fastq(9000, 1)), &verdict(&fastq(8999, 2))).unwrap_err();
        assert_eq!(shorter, PairFault::Count { first: 9000, second: 8999, differ: Some((8193, 9000)) });
        let border = check_pair(&verdict(&fastq(4097, 1)), &verdict(&fastq(4096, 2))).unwrap_err();
        assert_eq!(border, PairFault::Count { first: 4097, second: 4096, differ: Some((4097, 4097)) });
    }

    #[test]
    fn one_end_twice_or_the_ends_swapped_are_no_pair() {
        let (first, second) = (verdict(&fastq(10, 1)), verdict(&fastq(10, 2)));
        assert!(matches!(check_pair(&first, &first), Err(PairFault::Mate { file }) if file == "second"));
        assert!(matches!(check_pair(&second, &first), Err(PairFault::Mate { file }) if file == "first"));
    }
}
