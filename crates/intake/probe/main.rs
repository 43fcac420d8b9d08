//! Stands in for the product's own program in tests: the check itself, and children that fail in ways
//! that the door must survive.

use std::io::{Read, Write};

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = words.first().map_or("", String::as_str);
    let caps = words.last().map_or("", String::as_str);
    match word {
        "check" => intake::child::run(caps),
        // Reads a little and is gone, as after a kill.
        "die" => {
            let mut little = [0u8; 1 << 16];
            std::io::stdin().lock().read_exact(&mut little)?;
            std::process::exit(9)
        }
        // Says that all is well without having read anything.
        "flatter" => std::io::stdout().write_all(caps_free_praise().as_bytes()),
        // Reads everything and says nothing that can be understood.
        "babble" => {
            std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())?;
            std::io::stdout().write_all(b"{\"accepted\":true}\n")
        }
        // Puts a value where the shape of one belongs.
        "quote" => {
            std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())?;
            let finding = r#"{"place":{"at":"read","record":1,"column":1},"reason":"person-name","preview":"Quibbleton"}"#;
            let line = format!(r#"{{"refused":{{"layer":"identifier","record":1,"findings":[{finding}]}}}}"#);
            std::io::stdout().write_all(line.as_bytes())
        }
        // Takes memory until it may not.
        "hog" => {
            let mut held = Vec::new();
            loop {
                held.push(vec![1u8; 64 << 20]);
                std::hint::black_box(&held);
            }
        }
        _ => Err(std::io::ErrorKind::InvalidInput.into()),
    }
}

/// A verdict that a real check could give, of a file that it was not given.
fn caps_free_praise() -> String {
    let mut line = Vec::new();
    // The smallest gzip file: one empty stored block.
    let empty = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
    let checked = intake::check_stream(empty.as_slice(), &mut line, intake::Limits::default());
    checked.map_or_else(|e| e.to_string(), |()| String::from_utf8_lossy(&line).into_owned())
}
