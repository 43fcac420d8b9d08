//! A site for one test, and jobs on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::SystemEntropy;
use executor::{
    CancelToken, Closure, Executor, Finished, Job, Limits, Root, Scratch, ScratchKind, Settings, Stream,
};

pub struct Site {
    _folder: tempfile::TempDir,
    pub memory: PathBuf,
    pub executor: Executor,
}

impl Site {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::for_site(folder.path());
        let memory = settings.memory.clone();
        let executor = Executor::open(settings, Arc::new(SystemEntropy)).unwrap();
        Self { _folder: folder, memory, executor }
    }

    /// A shell with the usual small programs, and `more`.
    pub fn shell(&self, more: &[&str]) -> Root {
        let names = [
            "sh", "cat", "ls", "find", "sleep", "id", "dd", "touch", "ln", "mkfifo", "stat", "grep", "env",
            "chmod", "mkdir",
        ];
        let programs: Vec<(&str, PathBuf)> = names.iter().chain(more).map(|n| (*n, on_path(n))).collect();
        let closure = Closure::collect(&programs, &[]).unwrap();
        self.executor.root_here(&[&closure]).unwrap()
    }

    /// The probe as `probe`, with a shell.
    pub fn probe(&self) -> Root {
        let programs =
            [("probe", PathBuf::from(env!("CARGO_BIN_EXE_executor-probe"))), ("sh", on_path("sh"))];
        let closure = Closure::collect(&programs, &[]).unwrap();
        self.executor.root_here(&[&closure]).unwrap()
    }

    /// What the probe says inside the walls.
    pub fn ask(&self, words: &str) -> serde_json::Value {
        let (root, scratch) = (self.probe(), self.scratch());
        let (finished, said) = self.sh(&root, &scratch, &format!("exec probe {words}"));
        assert!(finished.success(), "{finished:?}");
        serde_json::from_str(&said).unwrap()
    }

    pub fn scratch(&self) -> Scratch {
        self.executor.scratch(ScratchKind::Auto, 64 << 20).unwrap()
    }

    pub fn sh(&self, root: &Root, scratch: &Scratch, script: &str) -> (Finished, String) {
        self.limited(root, scratch, script, quick())
    }

    pub fn limited(
        &self,
        root: &Root,
        scratch: &Scratch,
        script: &str,
        limits: Limits,
    ) -> (Finished, String) {
        let mut said = String::new();
        let finished = self
            .executor
            .run(Job {
                root,
                scratch,
                argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
                env: vec![],
                limits,
                cancel: CancelToken::new(),
                lease: Box::new(|| true),
                on_line: Box::new(|_: Stream, line: &str| {
                    said.push_str(line);
                    said.push('\n');
                }),
            })
            .unwrap();
        (finished, said)
    }
}

pub fn quick() -> Limits {
    Limits {
        wall: Duration::from_secs(20),
        memory_bytes: 512 << 20,
        pids: 64,
        output_bytes: 64 << 20,
        ..Limits::default()
    }
}

pub fn on_path(name: &str) -> PathBuf {
    let folders = ["/usr/bin", "/bin", "/usr/sbin"];
    folders
        .iter()
        .map(|f| Path::new(f).join(name))
        .find(|p| p.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed"))
}

/// How many processes of this machine have `word` in their command line.
pub fn processes_with(word: &str) -> usize {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter(|item| {
        item.file_name().to_str().is_some_and(|n| n.parse::<u32>().is_ok_and(|n| n != std::process::id()))
    })
    .filter_map(|item| std::fs::read(item.path().join("cmdline")).ok())
    .filter(|line| String::from_utf8_lossy(line).contains(word))
    .count()
}
