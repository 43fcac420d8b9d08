//! Nothing lies in clear: the whole site, scratch and logs are searched after the story.

use crate::site::{FILES, PATIENT, SAMPLE, Site, told};
use flate2::read::MultiGzDecoder;
use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Bases in a row that betray a read.
const WINDOW: usize = 20;
/// Reads that are looked for.
const READS: usize = 4000;

/// What must not be found.
struct Search {
    words: Vec<String>,
    /// Windows of reads, two bits a base.
    windows: HashSet<u64>,
}

impl Search {
    fn of(data: &Path) -> Self {
        let words = [PATIENT, SAMPLE, FILES[0], FILES[1]];
        let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        words.push(data.to_str().unwrap().to_owned());
        let sums = fs::read_to_string(data.join("md5sums.txt")).unwrap();
        words.extend(sums.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()));
        let mut windows = HashSet::new();
        for file in FILES {
            let reads = BufReader::new(MultiGzDecoder::new(fs::File::open(data.join(file)).unwrap()));
            for line in reads.lines().skip(1).step_by(4).take(READS) {
                each_window(line.unwrap().as_bytes(), |window| {
                    windows.insert(window);
                });
            }
        }
        windows.retain(|window| !(1..=3).any(|period| repeats(*window, period)));
        assert!(windows.len() > 50_000, "{}", windows.len());
        Self { words, windows }
    }

    /// Where something was found, below `folder`, in names and in content.
    fn below(&self, folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut waiting = vec![folder.to_owned()];
        while let Some(path) = waiting.pop() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path != folder {
                found.extend(
                    self.words.iter().filter(|w| name.contains(*w)).map(|w| format!("{w} names {path:?}")),
                );
            }
            let Ok(kind) = fs::symlink_metadata(&path) else { continue };
            if kind.is_dir() {
                // A scratch of another process may go while it is read.
                waiting.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|e| e.path()));
            } else if kind.is_file() {
                found.extend(
                    self.within(&fs::read(&path).unwrap_or_default())
                        .map(|what| format!("{what} in {path:?}")),
                );
            }
        }
        found
    }

    fn within(&self, bytes: &[u8]) -> Option<String> {
        let word = self.words.iter().find(|word| flat(bytes, word.as_bytes()));
        if let Some(word) = word {
            return Some(word.clone());
        }
        // Compiled programs, copied from the host as they are, know adapters by heart.
        if bytes.starts_with(b"\x7fELF") {
            return None;
        }
        let mut betrayed = None;
        each_window(bytes, |window| {
            if self.windows.contains(&window) {
                betrayed = Some("a read".to_owned());
            }
        });
        betrayed
    }
}

fn flat(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

/// Whether a window is a run of one base, or of two or three in turn: such are in any program.
fn repeats(window: u64, period: usize) -> bool {
    let kept = (1 << (2 * (WINDOW - period))) - 1;
    (window >> (2 * period)) & kept == window & kept
}

/// Each run of [`WINDOW`] bases, in either case.
fn each_window(bytes: &[u8], mut take: impl FnMut(u64)) {
    let (mut length, mut window) = (0, 0_u64);
    for byte in bytes {
        let base = match byte {
            b'A' | b'a' => 0,
            b'C' | b'c' => 1,
            b'G' | b'g' => 2,
            b'T' | b't' => 3,
            _ => {
                length = 0;
                continue;
            }
        };
        window = (window << 2 | base) & ((1 << (2 * WINDOW)) - 1);
        length += 1;
        if length >= WINDOW {
            take(window);
        }
    }
}

/// What the story left in scratch, searched before anything else is run on its reads.
pub fn left_in_scratch(data: &Path) -> Vec<String> {
    let search = Search::of(data);
    let ours =
        |path: &PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("sequestra"));
    let scratches = fs::read_dir("/dev/shm").into_iter().flatten().flatten().map(|e| e.path()).filter(ours);
    scratches.flat_map(|scratch| search.below(&scratch)).collect()
}

#[test]
fn site_scratch_and_logs_hold_no_read_label_or_file_name() {
    let told = told();
    assert_eq!(told.left, Vec::<String>::new());
    assert_eq!(Search::of(&told.data).below(&told.site), Vec::<String>::new());
    assert!(told.site.join("run/process.log").exists());
}

#[test]
fn what_is_planted_is_found() {
    let told = told();
    let search = Search::of(&told.data);
    // The reads as they came in, to begin with.
    let reads = told.data.join(FILES[0]);
    assert!(search.words.iter().any(|word| reads.to_str().unwrap().contains(word)));

    let site = Site::copy();
    let planted = site.folder.join("run").join("process.log");
    let mut lines = BufReader::new(MultiGzDecoder::new(fs::File::open(&reads).unwrap())).lines();
    let read = lines.nth(1).unwrap().unwrap();
    let bases = |count: usize| read.get(30..30 + count).unwrap();
    fs::write(&planted, format!("warn: {}\n", bases(WINDOW))).unwrap();
    assert_eq!(search.below(&site.folder).len(), 1);
    fs::write(&planted, format!("warn: {}\n", bases(WINDOW - 1))).unwrap();
    assert_eq!(search.below(&site.folder), Vec::<String>::new());
    fs::write(&planted, format!("warn: {PATIENT} is new\n")).unwrap();
    assert_eq!(search.below(&site.folder).len(), 1);
    fs::write(&planted, "").unwrap();
    fs::write(site.folder.join("objects").join(FILES[1]), "").unwrap();
    assert_eq!(search.below(&site.folder).len(), 1);
}
