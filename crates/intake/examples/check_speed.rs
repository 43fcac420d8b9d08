//! Times the FASTQ check against bare inflation of the same file, in CPU time of the thread so that other
//! load on the machine does not count: `check_speed FILE [ROUNDS]`.

use std::io::{Read as _, Write as _};

use intake::{Checker, Limits};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("usage: check_speed FILE [ROUNDS]")?;
    let rounds: usize = args.next().map_or(Ok(5), |n| n.parse())?;
    let file = std::fs::read(path)?;
    let mut out = std::io::stdout().lock();
    for _ in 0..rounds {
        let start = cpu_seconds()?;
        let mut checker = Checker::new(Limits::default());
        for piece in file.chunks(256 << 10) {
            checker.feed(piece)?;
        }
        let verdict = checker.finish()?;
        let check = cpu_seconds()? - start;
        let start = cpu_seconds()?;
        let mut decoder = flate2::read::MultiGzDecoder::new(file.as_slice());
        let mut buffer = vec![0u8; 256 << 10];
        let mut plain = 0u64;
        loop {
            match decoder.read(&mut buffer)? {
                0 => break,
                read => plain += read as u64,
            }
        }
        let inflate = cpu_seconds()? - start;
        let rate = |seconds: f64| file.len() as f64 / seconds / 1e6;
        writeln!(
            out,
            "{} reads, {} to {plain} bytes: check {:.0} MB/s, inflate alone {:.0} MB/s of compressed input",
            verdict.reads,
            file.len(),
            rate(check),
            rate(inflate)
        )?;
    }
    Ok(())
}

/// Seconds that this thread has run (Linux).
fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().ok_or("no figure in schedstat")?.parse()?;
    Ok(nanoseconds / 1e9)
}
