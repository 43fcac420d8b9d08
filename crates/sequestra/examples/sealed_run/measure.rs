//! Pairs, what they are held to, and the machine's state around them.

use crate::case::Case;
use anyhow::{Context, Result, ensure};
use base::{Clock, Timestamp};
use serde_json::Value as Json;
use std::fs;
use std::time::Duration;

/// A sealed run may take this many times what the bare tools take …
const TIMES: f64 = 1.05;
/// … and this many seconds more.
const FIXED: f64 = 0.5;
/// Seconds of the bare tools from which on the first bound is meant.
const LONG_ENOUGH: f64 = 60.0;

/// What a case is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Its bound is the fixed cost.
    Short,
    /// Its bound is the share.
    Long,
}

/// A measured stretch of time.
#[derive(Debug, Clone)]
pub struct Stretch {
    /// Load average just before, over one minute.
    load: String,
    /// Wall seconds.
    wall: f64,
    /// Processor seconds of the whole machine, whoever used them.
    busy: f64,
    /// Processor seconds of the programs that were started here and have ended.
    ours: f64,
    /// When it ended.
    ended: Timestamp,
}

/// A stretch that has begun.
pub struct Begun {
    load: String,
    at: Duration,
    busy: f64,
    ours: f64,
}

impl Stretch {
    /// Begins, with nothing left to be written to disks.
    pub fn begin(clock: &dyn Clock) -> Begun {
        rustix::fs::sync();
        Begun { load: load(), busy: busy(), ours: ours(), at: clock.monotonic() }
    }
}

impl Begun {
    /// Ends.
    pub fn end(self, clock: &dyn Clock) -> Stretch {
        let wall = clock.monotonic().saturating_sub(self.at).as_secs_f64();
        Stretch {
            load: self.load,
            wall,
            busy: busy() - self.busy,
            ours: ours() - self.ours,
            ended: clock.now(),
        }
    }
}

/// A run bare.
pub struct Ran {
    pub stretch: Stretch,
    /// Bytes of the alignment that it made.
    pub alignment_bytes: u64,
    /// Records that it called.
    pub records: u64,
}

/// A run in a sealed job.
pub struct Sealed {
    stretch: Stretch,
    /// Seconds of opening inputs, of the job, of checking and sealing outputs; and of what follows
    /// once the results are stored: lake, report, and the waiting command's next question.
    inputs: f64,
    job: f64,
    outputs: f64,
    after: f64,
    alignment_bytes: u64,
    records: u64,
}

impl Sealed {
    /// From what the product says of a run, its sample's objects and its variants.
    pub fn read(stretch: Stretch, run: &Json, objects: &Json, calls: &Json) -> Result<Self> {
        let tasks = run.get("tasks").and_then(Json::as_array).context("the run has no tasks")?;
        let step = |name: &str| {
            let found = tasks.iter().find(|task| task.get("name").and_then(Json::as_str) == Some(name));
            found.and_then(|task| task.get("seconds")?.as_f64()).with_context(|| format!("no step `{name}`"))
        };
        let stored = run.get("ended_at").and_then(Json::as_str).context("the run has no end")?;
        let after = stretch.ended.duration_since(stored.parse()?).as_secs_f64();
        let made = run.get("results").and_then(Json::as_array).context("the run has no results")?;
        let of_kind = |one: &&Json| one.get("kind").and_then(Json::as_str) == Some("alignment");
        let alignment =
            made.iter().find(of_kind).and_then(|one| one.get("object")).context("no alignment")?;
        let objects = objects.as_array().context("no objects")?;
        let alignment =
            objects.iter().find(|object| object.get("id") == Some(alignment)).context("no alignment")?;
        Ok(Self {
            stretch,
            inputs: step("inputs")?,
            job: run.pointer("/resources/wall_seconds").and_then(Json::as_f64).context("no wall time")?,
            outputs: step("outputs")?,
            after,
            alignment_bytes: alignment.get("plain_bytes").and_then(Json::as_u64).context("no size")?,
            records: calls.get("total").and_then(Json::as_u64).context("no count of variants")?,
        })
    }

    fn rest(&self) -> f64 {
        self.stretch.wall - self.inputs - self.job - self.outputs - self.after
    }
}

/// One run of each.
pub struct Pair {
    pub sealed: Sealed,
    pub bare: Ran,
    pub sealed_first: bool,
}

impl Pair {
    /// Both must have done the same work.
    pub fn check(&self) -> Result<()> {
        let (sealed, bare) = (&self.sealed, &self.bare);
        ensure!(
            (sealed.alignment_bytes, sealed.records) == (bare.alignment_bytes, bare.records),
            "the results differ: {} bytes of alignment and {} variants sealed, {} and {} bare",
            sealed.alignment_bytes,
            sealed.records,
            bare.alignment_bytes,
            bare.records
        );
        Ok(())
    }

    /// Prints its line of the table.
    pub fn print(&self, number: usize) {
        let (sealed, bare) = (&self.sealed, &self.bare);
        let (s, b) = (&sealed.stretch, &bare.stretch);
        println!(
            "{number:>4}  {:<6} {:>5} {:>7.2} {:>7.1} | {:>6.2} {:>7.2} {:>7.2} {:>5.2} {:>5.2} | {:>5} {:>7.2} {:>7.1} | {:>5.3} {:>+7.2}",
            if self.sealed_first { "sealed" } else { "bare" },
            s.load,
            s.wall,
            s.busy,
            sealed.inputs,
            sealed.job,
            sealed.outputs,
            sealed.after,
            sealed.rest(),
            b.load,
            b.wall,
            b.busy,
            self.ratio(),
            self.over(),
        );
    }

    fn ratio(&self) -> f64 {
        self.sealed.stretch.wall / self.bare.stretch.wall
    }

    /// Seconds above the bound.
    fn over(&self) -> f64 {
        self.sealed.stretch.wall - TIMES * self.bare.stretch.wall - FIXED
    }

    fn extra(&self) -> f64 {
        self.sealed.stretch.wall - self.bare.stretch.wall
    }
}

/// Says what is compared.
pub fn head(case: &Case, kind: Kind) {
    let what = match kind {
        Kind::Short => "what a run costs whatever its size",
        Kind::Long => "what sealing, jailing and recording cost",
    };
    let Case { reads, bytes, shape, .. } = case;
    println!(
        "\n{what}: {reads} reads, {:.1} MB of gzip, {} lane(s), {}-fold",
        *bytes as f64 / 1e6,
        shape.lanes,
        shape.coverage
    );
    println!("            sealed run               of it:                                bare tools");
    println!(
        "pair  first   load  wall s   CPU s | inputs     job outputs  lake  rest |  load  wall s   CPU s | ratio    over"
    );
}

/// Says what came of the pairs, beside what they are held to.
pub fn verdict(pairs: &[Pair], kind: Kind) {
    let spread = |of: fn(&Pair) -> f64| Spread::of(pairs.iter().map(of).collect());
    let bare = spread(|pair| pair.bare.stretch.wall);
    println!("  sealed, whole command     {}", spread(|pair| pair.sealed.stretch.wall));
    println!("  sealed, job alone         {}", spread(|pair| pair.sealed.job));
    println!("  bare tools                {bare}");
    println!(
        "  CPU, sealed less bare     {}",
        spread(|pair| pair.sealed.stretch.busy - pair.bare.stretch.busy)
    );
    println!(
        "  CPU of others beside bare {}",
        spread(|pair| pair.bare.stretch.busy - pair.bare.stretch.ours)
    );
    println!("  lake and report           {}", spread(|pair| pair.sealed.after));
    match kind {
        Kind::Short => {
            let extra = spread(Pair::extra);
            println!("  sealed less bare          {extra}");
            let without = spread(|pair| pair.extra() - pair.sealed.after);
            println!("  … less lake and report    {without}");
            bound("median", extra.median, FIXED);
            bound("median without lake and report", without.median, FIXED);
        }
        Kind::Long => {
            let share = |of: fn(&Pair) -> f64| Spread::of(pairs.iter().map(of).collect()).plain();
            println!("  whole / bare              {}", share(Pair::ratio));
            println!(
                "  job / bare                {}",
                share(|pair| pair.sealed.job / pair.bare.stretch.wall)
            );
            let over = spread(Pair::over);
            println!("  above {TIMES} × bare + {FIXED} s {over}");
            let most = TIMES * bare.median + FIXED;
            bound("median of the pairs", over.median + most, most);
            let without = spread(|pair| pair.over() - pair.sealed.after);
            bound("the same without lake and report", without.median + most, most);
            if bare.median < LONG_ENOUGH {
                println!("  the bare tools took less than {LONG_ENOUGH} s: the bound is not meant for this");
            }
        }
    }
}

/// Says whether a figure in seconds keeps its bound, and by how much.
pub fn bound(what: &str, found: f64, most: f64) {
    let verdict = if found <= most { "met with" } else { "missed by" };
    let rest = (most - found).abs();
    println!("  bound {most:.3} s, {what} {found:.3} s: {verdict} {rest:.3} s");
}

/// The least, the middle and the greatest of some figures.
pub struct Spread {
    pub min: f64,
    pub median: f64,
    pub max: f64,
}

impl Spread {
    /// Of `figures`, of which there is at least one.
    pub fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |place: usize| figures.get(place).copied().unwrap_or(f64::NAN);
        let last = figures.len().saturating_sub(1);
        Self { min: at(0), median: (at(last / 2) + at(last.div_ceil(2))) / 2.0, max: at(last) }
    }

    /// In thousandths of a second.
    pub fn milliseconds(&self) -> String {
        format!("min {:.1}  median {:.1}  max {:.1} ms", self.min * 1e3, self.median * 1e3, self.max * 1e3)
    }

    /// Without a unit.
    pub fn plain(&self) -> String {
        format!("min {:.3}  median {:.3}  max {:.3}", self.min, self.median, self.max)
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "min {:.2}  median {:.2}  max {:.2} s", self.min, self.median, self.max)
    }
}

/// The load average over the last minute.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// Processor seconds of this program's children that have ended, and of theirs.
fn ours() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program may hold anything; what follows its closing parenthesis does not.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: f64 =
        fields.split_whitespace().skip(13).take(2).filter_map(|word| word.parse::<f64>().ok()).sum();
    ticks / rustix::param::clock_ticks_per_second() as f64
}

/// Seconds for which processors of this machine worked since it started.
fn busy() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let all: Vec<f64> = text
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    // user, nice, system; idle and waiting for disks are not work; interrupts. Guests stand in user.
    let work: f64 = all.iter().take(3).chain(all.iter().skip(5).take(2)).sum();
    work / rustix::param::clock_ticks_per_second() as f64
}
