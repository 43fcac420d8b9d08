//! What the processes of a job use, read from `/proc`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use rustix::process::Pid;

/// What a set of processes uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time, also of children that ended and were waited for.
    pub cpu: Duration,
    /// Resident bytes; pages that two processes share count twice.
    pub resident: u64,
}

/// One process as `/proc/N/stat` tells it.
struct Line {
    parent: i32,
    usage: Usage,
}

/// What `first` and all its descendants use at this moment.
pub fn tree(first: Pid) -> Usage {
    let mut all: BTreeMap<i32, Line> = BTreeMap::new();
    for item in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let number = item.file_name().to_str().and_then(|n| n.parse::<i32>().ok());
        if let Some((pid, line)) = number.and_then(|n| Some((n, read(n)?))) {
            all.insert(pid, line);
        }
    }
    let mut members = BTreeSet::from([first.as_raw_nonzero().get()]);
    let mut grown = true;
    while grown {
        let more: Vec<i32> = all
            .iter()
            .filter(|(pid, line)| members.contains(&line.parent) && !members.contains(pid))
            .map(|(pid, _)| *pid)
            .collect();
        grown = !more.is_empty();
        members.extend(more);
    }
    let mut total = Usage::default();
    for line in members.iter().filter_map(|pid| all.get(pid)) {
        total.cpu += line.usage.cpu;
        total.resident += line.usage.resident;
    }
    total
}

fn read(pid: i32) -> Option<Line> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The second field is the program's name in brackets and may hold anything, brackets too.
fn parse(text: &str) -> Option<Line> {
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|f| f.parse::<u64>().ok());
    let ticks = number(11)? + number(12)? + number(13)? + number(14)?;
    let page = u64::try_from(rustix::param::page_size()).ok()?;
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    let usage = Usage { cpu: Duration::from_millis(ticks * 1000 / per_second), resident: number(21)? * page };
    Some(Line { parent: fields.get(1)?.parse().ok()?, usage })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let text =
            "7 (a) b) (c) S 3 7 7 0 -1 4194560 1 2 3 4 100 50 20 30 20 0 1 0 5 1000 6 18446744073709551615 1";
        let line = parse(text).unwrap();
        assert_eq!(line.parent, 3);
        assert_eq!(line.usage.cpu, Duration::from_secs(2));
        assert_eq!(line.usage.resident, 6 * rustix::param::page_size() as u64);
    }

    #[test]
    fn our_own_tree_uses_something() {
        assert!(tree(rustix::process::getpid()).resident > 0);
    }
}
