//! Whole-file checks of gzip and of texts.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};

use flate2::bufread::MultiGzDecoder;

pub fn rewind(file: &mut File) -> Result<(), String> {
    file.rewind().map_err(|e| e.to_string())
}

/// Decodes all of it: only the decoder sees a wrong sum or a cut. A file of whole members that was
/// cut between two of them passes; kinds with an end mark exist for that.
pub fn check_gzip(file: &File) -> Result<(), String> {
    let mut decoder = MultiGzDecoder::new(BufReader::with_capacity(256 << 10, file));
    io::copy(&mut decoder, &mut io::sink()).map_err(|e| format!("its gzip stream is broken or cut: {e}"))?;
    Ok(())
}

pub fn check_json(file: &File) -> Result<(), String> {
    let reader = BufReader::with_capacity(256 << 10, file);
    serde_json::from_reader::<_, serde::de::IgnoredAny>(reader)
        .map(drop)
        .map_err(|e| format!("it is not one JSON value (line {}, column {})", e.line(), e.column()))
}

pub fn check_text(file: &File) -> Result<(), String> {
    walk_text(file).map(drop)
}

pub fn check_html(file: &File) -> Result<(), String> {
    let start = walk_text(file)?.trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    let page = ["<!doctype html", "<html", "<!--", "<?xml"].iter().any(|begin| start.starts_with(begin));
    if page { Ok(()) } else { Err("it does not begin like an HTML page".to_owned()) }
}

/// Checks that all of it is UTF-8 without NUL, and returns the beginning.
fn walk_text(mut file: &File) -> Result<String, String> {
    let mut start = String::new();
    let mut buffer = vec![0u8; 256 << 10];
    let mut kept = 0;
    loop {
        let free = buffer.get_mut(kept..).unwrap_or_default();
        let count = file.read(free).map_err(|e| e.to_string())?;
        let filled = buffer.get(..kept + count).unwrap_or_default();
        if filled.contains(&0) {
            return Err("it holds NUL bytes".to_owned());
        }
        let good = match std::str::from_utf8(filled) {
            Ok(_) => filled.len(),
            // A character may stand across two pieces, but not across the end.
            Err(e) if e.error_len().is_none() && count > 0 => e.valid_up_to(),
            Err(_) => return Err("it is not UTF-8".to_owned()),
        };
        if start.is_empty() {
            start = String::from_utf8_lossy(filled.get(..good.min(512)).unwrap_or_default()).into_owned();
        }
        if count == 0 {
            return Ok(start);
        }
        let total = kept + count;
        buffer.copy_within(good..total, 0);
        kept = total - good;
    }
}
