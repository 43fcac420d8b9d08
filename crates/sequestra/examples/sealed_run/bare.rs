//! The workflow's own commands, taken out of its text and run by bash on plain files: no jail, no
//! encryption, no record, and the order and parallelism that the engine gives them.

use crate::case::{Case, Cases};
use crate::measure::{self, Ran};
use crate::site::Sample;
use anyhow::{Context, Result, bail, ensure};
use base::Clock;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

const GERMLINE: &str = include_str!("../../../../workflows/germline.wdl");
const INDEX: &str = include_str!("../../../../workflows/index.wdl");
/// Where the site's process looks for tools.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Processors that the tasks of a lane reserve.
const OF_A_LANE: usize = 2;

/// The files of a prepared reference, with the input that each becomes.
const REFERENCE: [(&str, &str); 7] = [
    ("fasta", "reference.fa"),
    ("fai", "reference.fa.fai"),
    ("amb", "reference.fa.amb"),
    ("ann", "reference.fa.ann"),
    ("bwt", "reference.fa.bwt"),
    ("pac", "reference.fa.pac"),
    ("sa", "reference.fa.sa"),
];

type Words = BTreeMap<String, String>;

/// A case that can be run bare.
pub struct Bare {
    /// What every task finds in its environment: the workflow's defaults and the shared files.
    shared: Words,
    /// Read group, first and second reads of each lane.
    lanes: Vec<(String, [PathBuf; 2])>,
}

/// Prepares the reference as a site does when it is registered; gives the folder of its files.
pub fn prepare_reference(work: &Path, cases: &Cases) -> Result<PathBuf> {
    let env = Words::from([("fasta".to_owned(), text_of(&cases.reference)?)]);
    let made = task(work, "prepare", INDEX, &env, &[])?;
    fs::copy(&cases.genes, made.join("genes.gff3"))?;
    Ok(made)
}

impl Bare {
    /// The same sample under the same ids, so that the results can be compared.
    pub fn new(reference: &Path, case: &Case, sample: &Sample) -> Result<Self> {
        let mut shared = defaults(GERMLINE);
        shared.insert("sample_id".to_owned(), sample.id.clone());
        for (input, name) in REFERENCE {
            shared.insert(format!("reference_{input}"), text_of(&reference.join(name))?);
        }
        shared.insert("genes".to_owned(), text_of(&reference.join("genes.gff3"))?);
        let find = |(id, lane): &(String, String)| {
            let files =
                case.lanes.iter().find(|[first, _]| first.ends_with(format!("reads_{lane}_R1.fastq.gz")));
            Ok((id.clone(), files.with_context(|| format!("no files for lane `{lane}`"))?.clone()))
        };
        Ok(Self { shared, lanes: sample.readsets.iter().map(find).collect::<Result<_>>()? })
    }

    /// Runs it in `work`, which is made and removed again outside the measured time.
    pub fn run(&self, work: &Path, clock: &dyn Clock) -> Result<Ran> {
        fs::create_dir_all(work)?;
        let stretch = measure::Stretch::begin(clock);
        let (alignment, records) = self.tasks(work)?;
        let stretch = stretch.end(clock);
        let alignment_bytes = fs::metadata(alignment)?.len();
        fs::remove_dir_all(work)?;
        Ok(Ran { stretch, alignment_bytes, records })
    }

    fn tasks(&self, work: &Path) -> Result<(PathBuf, u64)> {
        let ids = work.join("ids");
        fs::write(&ids, self.lanes.iter().map(|(id, _)| format!("{id}\n")).collect::<String>())?;
        let count = self.lanes.len().to_string();
        let lanes = [("~{lanes_1}", count.as_str()), ("~{lanes_2}", count.as_str())];
        task(work, "check", GERMLINE, &self.with(&[("ids", &ids)])?, &lanes)?;

        let done = self.lanes(work)?;
        let bams: Vec<String> = done.iter().map(|lane| text_of(&lane.aligned)).collect::<Result<_>>()?;
        let merged = task(
            work,
            "merge",
            GERMLINE,
            &self.shared,
            &[("~{sep(\" \", squote(lanes))}", &bams.join(" "))],
        )?;
        let alignment = merged.join("alignment.bam");
        let env =
            self.with(&[("alignment", &alignment), ("alignment_index", &merged.join("alignment.bam.bai"))])?;

        let join = |of: fn(&Lane) -> &str| done.iter().map(of).collect::<Vec<_>>().join(" ");
        let (before, after) = (join(|lane| &lane.before), join(|lane| &lane.after));
        let counts = [
            ("~{sep(\" \", lane_reads_before)}", before.as_str()),
            ("~{sep(\" \", lane_reads_after)}", after.as_str()),
        ];
        let called = thread::scope(|scope| {
            let measured = scope.spawn(|| task(work, "measure", GERMLINE, &env, &counts));
            let called = task(work, "call_variants", GERMLINE, &env, &[])?;
            measured.join().map_err(|_| anyhow::anyhow!("a thread ended badly"))??;
            Ok::<_, anyhow::Error>(called)
        })?;
        let annotated =
            task(work, "annotate", GERMLINE, &self.with(&[("calls", &called.join("calls.bcf"))])?, &[])?;
        let records = fs::read_to_string(called.join("records"))?.trim().to_owned();
        let mut env = self.with(&[("calls", &annotated.join("annotated.bcf"))])?;
        env.insert("called_records".to_owned(), records.clone());
        task(work, "finish", GERMLINE, &env, &[])?;
        Ok((alignment, records.parse()?))
    }

    /// Trims and aligns; as many lanes at once as the processors are enough for.
    fn lanes(&self, work: &Path) -> Result<Vec<Lane>> {
        let workers = (thread::available_parallelism().map_or(1, usize::from) / OF_A_LANE).max(1);
        let (waiting, done) = (Mutex::new(self.lanes.iter().enumerate()), Mutex::new(BTreeMap::new()));
        thread::scope(|scope| {
            for _ in 0..workers.min(self.lanes.len()) {
                scope.spawn(|| {
                    while let Some((at, lane)) = waiting.lock().ok().and_then(|mut waiting| waiting.next()) {
                        let made = self.lane(&work.join(format!("lane-{at}")), lane);
                        done.lock().map(|mut done| done.insert(at, made)).ok();
                    }
                });
            }
        });
        done.into_inner().map_err(|_| anyhow::anyhow!("a thread ended badly"))?.into_values().collect()
    }

    fn lane(&self, work: &Path, (group, [first, second]): &(String, [PathBuf; 2])) -> Result<Lane> {
        let env = self.with(&[("fastq_1", first), ("fastq_2", second)])?;
        let trimmed = task(work, "trim", GERMLINE, &env, &[])?;
        let [first, second] = [1, 2].map(|mate| trimmed.join(format!("trimmed_{mate}.fastq.gz")));
        let mut env = self.with(&[("fastq_1", &first), ("fastq_2", &second)])?;
        env.insert("read_group_id".to_owned(), group.clone());
        let aligned = task(work, "align", GERMLINE, &env, &[])?.join("aligned.bam");
        let count =
            |name: &str| Ok::<_, anyhow::Error>(fs::read_to_string(trimmed.join(name))?.trim().to_owned());
        Ok(Lane { aligned, before: count("before")?, after: count("after")? })
    }

    fn with(&self, files: &[(&str, &Path)]) -> Result<Words> {
        let mut env = self.shared.clone();
        for (name, path) in files {
            env.insert((*name).to_owned(), text_of(path)?);
        }
        Ok(env)
    }
}

struct Lane {
    aligned: PathBuf,
    before: String,
    after: String,
}

/// Runs the command of a task in a folder of its own, which it gives.
fn task(work: &Path, name: &str, workflow: &str, env: &Words, fill: &[(&str, &str)]) -> Result<PathBuf> {
    let mut text = command_of(workflow, name)?.to_owned();
    for (hole, words) in fill {
        ensure!(text.contains(hole), "task `{name}` has no `{hole}` any more");
        text = text.replace(hole, words);
    }
    ensure!(!text.contains("~{"), "task `{name}` takes a value that this program does not know");
    let folder = work.join(name);
    let temporary = work.join("tmp");
    fs::create_dir_all(&folder)?;
    fs::create_dir_all(&temporary)?;
    let said = folder.join("stderr");
    let mut command = Command::new("bash");
    command.arg("-c").arg(text).current_dir(&folder).env_clear().envs(env);
    command.env("PATH", PATH).env("LC_ALL", "C").env("TMPDIR", &temporary);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&said)?);
    let status = command.status().context("cannot start bash")?;
    if !status.success() {
        let words = fs::read_to_string(&said).unwrap_or_default();
        let last: Vec<&str> = words.lines().rev().take(3).collect();
        bail!("task `{name}` failed bare ({status}): {}", last.join(" / "));
    }
    Ok(folder)
}

/// The text between `command <<<` and `>>>` of a task.
fn command_of<'a>(workflow: &'a str, name: &str) -> Result<&'a str> {
    let found = workflow.split_once(&format!("\ntask {name} {{")).and_then(|(_, task)| {
        let (_, command) = task.split_once("command <<<")?;
        Some(command.split_once(">>>")?.0)
    });
    found.with_context(|| format!("the workflow has no task `{name}`"))
}

/// The workflow's inputs that have a plain default.
fn defaults(workflow: &str) -> Words {
    let inputs = workflow.lines().map(str::trim).take_while(|line| !line.starts_with("call "));
    let plain = inputs.filter(|line| line.starts_with("Int ") || line.starts_with("String "));
    let pairs = plain.filter_map(|line| line.split_once(' ')?.1.split_once(" = "));
    pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect()
}

fn text_of(path: &Path) -> Result<String> {
    Ok(path.to_str().with_context(|| format!("`{}` is not text", path.display()))?.to_owned())
}
