//! What sealing and opening cost a core, each beside its bound: `make bench`, or
//! `cargo run --release -p seal --example throughput [MIB] [ROUNDS]`.
//!
//! Processor time of this thread, so that what else the machine does counts little; rounds take turns over all
//! rows; least, median and most are shown. **A** is the cipher alone, **H** the hash of the tree alone.

use base::{Entropy, SystemEntropy};
use seal::{SessionKey, TreeBuilder, body, segment};
use std::error::Error;
use std::hint::black_box;
use std::io::{BufWriter, Cursor, Read, Seek, SeekFrom, Write};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const PIECE: usize = segment::PLAIN;

/// Processor seconds of this thread.
fn processor() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Gigabytes a second of `work` over `bytes` bytes.
fn rate(bytes: usize, work: impl FnOnce() -> Outcome<()>) -> Outcome<f64> {
    let began = processor();
    work()?;
    Ok(bytes as f64 / (processor() - began) / 1e9)
}

struct Row {
    name: String,
    values: Vec<f64>,
}

#[derive(Default)]
struct Table(Vec<Row>);

impl Table {
    fn add(&mut self, name: &str, value: f64) -> f64 {
        match self.0.iter_mut().find(|row| row.name == name) {
            Some(row) => row.values.push(value),
            None => self.0.push(Row { name: name.to_owned(), values: vec![value] }),
        }
        value
    }

    fn print(&mut self) {
        println!("{:<72} {:>8} {:>8} {:>8}", "", "least", "median", "most");
        for row in &mut self.0 {
            row.values.sort_by(f64::total_cmp);
            let at = |place: usize| row.values.get(place).copied().unwrap_or(f64::NAN);
            let (least, median, most) = (at(0), at(row.values.len() / 2), at(row.values.len() - 1));
            println!("{:<72} {least:>8.3} {median:>8.3} {most:>8.3}", row.name);
        }
    }
}

/// The bounds that do not depend on the provider.
struct Bounds {
    copy: f64,
    hash: f64,
}

fn bounds(table: &mut Table, plain: &[u8]) -> Outcome<Bounds> {
    // Written once before: memory that was never touched costs page faults, not copying.
    let mut to = vec![1u8; plain.len()];
    let copy = rate(plain.len(), || {
        to.copy_from_slice(black_box(plain));
        black_box(&to);
        Ok(())
    })?;
    let hash = rate(plain.len(), || {
        let mut tree = TreeBuilder::new();
        plain.chunks(segment::STORED).for_each(|block| tree.update(black_box(block)));
        black_box(tree.finish());
        Ok(())
    })?;
    let md5 = rate(plain.len(), || {
        use md5::Digest as _;
        black_box(md5::Md5::digest(black_box(plain)));
        Ok(())
    })?;
    table.add("copying memory, GB/s", copy);
    table.add("H: BLAKE3, a leaf a segment, GB/s", hash);
    table.add("MD5, what sequencers ship, GB/s", md5);
    Ok(Bounds { copy, hash })
}

/// The cipher alone, segment by segment: sealing, opening.
fn cipher_alone(provider: &dyn crypto::Provider, plain: &[u8]) -> Outcome<(f64, f64)> {
    let failed = |_| "the cipher failed";
    let key = provider.key(&[3; 32]).map_err(failed)?;
    let (mut text, mut back) = (vec![0; PIECE], vec![0; PIECE]);
    let mut tag = [0; segment::TAG];
    let seal = rate(plain.len(), || {
        for (piece, index) in plain.chunks_exact(PIECE).zip(0..) {
            key.seal(&segment::nonce(&[1; 12], index), piece, &mut text, &mut tag).map_err(failed)?;
        }
        Ok(())
    })?;
    let nonce = segment::nonce(&[1; 12], (plain.len() / PIECE) as u64 - 1);
    let open = rate(plain.len(), || {
        for _ in 0..plain.len() / PIECE {
            key.open(&nonce, &text, &tag, &mut back).map_err(failed)?;
        }
        Ok(())
    })?;
    Ok((seal, open))
}

/// Everything with one provider: in memory, and a small range.
fn with(table: &mut Table, provider: &dyn crypto::Provider, plain: &[u8], bounds: &Bounds) -> Outcome<()> {
    let name = provider.name();
    let (seal, open) = cipher_alone(provider, plain)?;
    table.add(&format!("{name}: A, sealing, GB/s"), seal);
    table.add(&format!("{name}: A, opening, GB/s"), open);
    crypto::prefer(name);
    let key = SessionKey::mint(&SystemEntropy);
    let nonce = base::entropy::bytes(&SystemEntropy);
    let mut out = vec![1u8; plain.len() + plain.len() / 1_000 + 1_000];
    out.clear();
    let mut sealed = None;
    let sealing = rate(plain.len(), || {
        let mut writer = body::Writer::new(&mut out, &key, nonce)?;
        writer.write_all(plain)?;
        sealed = Some(writer.finish()?.1);
        Ok(())
    })?;
    let sealed = sealed.ok_or("nothing was sealed")?;
    let mut reader = body::Reader::new(Cursor::new(&out), &key, &sealed.expected(), sealed.tree.clone())?;
    let mut buffer = vec![0; 16 * PIECE];
    let opening = rate(plain.len(), || {
        while reader.read(&mut buffer)? > 0 {}
        Ok(())
    })?;
    let both = |cipher: f64| 1.0 / (1.0 / cipher + 1.0 / bounds.hash);
    let stored = 1.0 / (1.0 / both(seal) + 1.0 / bounds.copy);
    table.add(&format!("{name}: sealed in memory, GB/s"), sealing);
    table.add(&format!("{name}: sealed in memory, of 1/(1/A+1/H+1/copy)  [>= 0.95]"), sealing / stored);
    table.add(&format!("{name}: sealed in memory, of A alone"), sealing / seal);
    table.add(&format!("{name}: opened in memory, GB/s"), opening);
    let copied = 1.0 / (1.0 / both(open) + 1.0 / bounds.copy);
    table.add(&format!("{name}: opened in memory, of 1/(1/A+1/H+1/copy)  [>= 0.95]"), opening / copied);
    table.add(&format!("{name}: opened in memory, of A alone"), opening / open);
    drop(reader);
    to_a_file(table, name, plain, (&key, nonce), seal)?;
    let mut reader = body::Reader::new(Cursor::new(&out), &key, &sealed.expected(), sealed.tree.clone())?;
    let small = small_ranges(&mut reader, plain.len() as u64)?;
    let whole = PIECE as f64 / both(open) / 1e3;
    table.add(&format!("{name}: 4 KiB out of a segment, us"), small);
    table
        .add(&format!("{name}: 4 KiB out of a segment, of opening and hashing one  [<= 1.3]"), small / whole);
    let bare = PIECE as f64 / open / 1e3;
    table.add(&format!("{name}: 4 KiB out of a segment, of opening one, no hash"), small / bare);
    Ok(())
}

/// Sealed to a file that is in memory or written behind: what this thread does, the kernel's copying included.
fn to_a_file(
    table: &mut Table,
    name: &str,
    plain: &[u8],
    (key, nonce): (&SessionKey, [u8; segment::NONCE]),
    cipher: f64,
) -> Outcome<()> {
    const AT_ONCE: usize = 1 << 20;
    let create = || tempfile::tempfile_in("/dev/shm").or_else(|_| tempfile::tempfile());
    let mut file = create()?;
    let copy =
        rate(plain.len(), || Ok(plain.chunks(AT_ONCE).try_for_each(|piece| file.write_all(piece))?))?;
    let file = create()?;
    let sealing = rate(plain.len(), || {
        let mut writer = body::Writer::new(BufWriter::with_capacity(AT_ONCE, file), key, nonce)?;
        plain.chunks(AT_ONCE).try_for_each(|piece| writer.write_all(piece))?;
        writer.finish()?;
        Ok(())
    })?;
    let file = create()?;
    let archived = rate(plain.len(), || {
        let mut digest = blake3::Hasher::new();
        let mut writer = body::Writer::new(BufWriter::with_capacity(AT_ONCE, file), key, nonce)?;
        for piece in plain.chunks(AT_ONCE) {
            writer.write_all(piece)?;
            digest.update(piece);
        }
        writer.finish()?;
        black_box(digest.finalize());
        Ok(())
    })?;
    // The slower of the two threads bounds what one stream can do where both have a core.
    let file = create()?;
    let alone = rate(plain.len(), || {
        let mut digest = blake3::Hasher::new();
        let mut writer = body::Writer::beside(BufWriter::with_capacity(AT_ONCE, file), key, nonce)?;
        for piece in plain.chunks(AT_ONCE) {
            writer.write_all(piece)?;
            digest.update(piece);
        }
        writer.finish()?;
        black_box(digest.finalize());
        Ok(())
    })?;
    table.add(&format!("{name}: the same on two threads, by the time of the first, GB/s"), alone);
    table.add(&format!("{name}: plain text written to a file, GB/s"), copy);
    table.add(&format!("{name}: sealed to a file, GB/s"), sealing);
    table.add(
        &format!("{name}: sealed to a file, of 1/(1/A+1/copy), no tree  [>= 0.9]"),
        sealing * (1.0 / cipher + 1.0 / copy),
    );
    table.add(
        &format!("{name}: the same with the digest of the content, as the archive does, GB/s"),
        archived,
    );
    Ok(())
}

/// Microseconds for 4 KiB from a random place within a segment.
fn small_ranges<R: Read + Seek>(reader: &mut body::Reader<R>, length: u64) -> Outcome<f64> {
    const RANGES: u64 = 500;
    let mut buffer = [0; 4096];
    let began = processor();
    for _ in 0..RANGES {
        let at = u64::from_le_bytes(base::entropy::bytes(&SystemEntropy)) % (length / PIECE as u64);
        reader.seek(SeekFrom::Start(at * PIECE as u64 + 20_000))?;
        reader.read_exact(&mut buffer)?;
    }
    Ok((processor() - began) * 1e6 / RANGES as f64)
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let size: usize = arguments.next().map_or(Ok(256), |text| text.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let load = || std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load average before: {}", load().trim());
    let mut plain = vec![0; size << 20];
    SystemEntropy.fill(&mut plain);
    let clock = base::SystemClock::default();
    let mut table = Table::default();
    for _ in 0..rounds {
        let bounds = bounds(&mut table, &plain)?;
        for provider in crypto::offered() {
            with(&mut table, &**provider, &plain, &bounds)?;
        }
    }
    table.print();
    let choice = crypto::choose(&clock)?;
    println!("chosen on this host: {}", choice.name);
    for timing in choice.timings {
        println!("  {}: {:.1} us to seal and open a segment", timing.name, timing.each.as_secs_f64() * 1e6);
    }
    println!("load average after: {}", load().trim());
    Ok(())
}
