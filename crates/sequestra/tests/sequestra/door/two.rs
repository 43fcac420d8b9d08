//! HTTP/2 by hand: what one connection may ask of the door.

use super::{Door, Tls, any, connect};
use std::io::{Read, Write};

const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
/// Flags.
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// Error codes.
const REFUSED: u32 = 7;
const CANCEL: u32 = 8;
const CALM: u32 = 11;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The head of a request: literals and the static table alone.
fn head(method: u8, path: &str) -> Vec<u8> {
    let mut head = vec![method, 0x87, 0x04, u8::try_from(path.len()).unwrap()];
    head.extend(path.as_bytes());
    head.extend([0x01, 1, b'x']);
    head
}

fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &head(0x82, "/v1/health"))
}

fn two(door: &Door) -> Tls {
    let mut config = any();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut stream = connect(door.port, &config).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).unwrap();
    stream
}

/// A frame that came: its kind, its stream, its payload.
type Came = (u8, u32, Vec<u8>);

/// The frames that come until one is as wanted, or the connection ends.
fn until(stream: &mut Tls, wanted: impl Fn(&Came) -> bool) -> Vec<Came> {
    let mut all = Vec::new();
    let mut head = [0u8; 9];
    while stream.read_exact(&mut head).is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0u8; length as usize];
        if stream.read_exact(&mut payload).is_err() {
            break;
        }
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        all.push((head[3], id, payload));
        if wanted(all.last().unwrap()) {
            break;
        }
    }
    all
}

fn code(payload: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(payload[at..at + 4].try_into().unwrap())
}

#[test]
fn requests_are_answered_side_by_side() {
    let door = Door::open();
    let mut stream = two(&door);
    let all: Vec<u8> = (0..10).flat_map(|n| get(2 * n + 1)).collect();
    stream.write_all(&all).unwrap();
    let mut good = 0;
    while good < 10 {
        let came = until(&mut stream, |(kind, ..)| *kind == HEADERS);
        let (kind, _, payload) = came.last().expect("the connection ended");
        // 0x88 is `:status: 200` of the static table.
        assert_eq!((*kind, payload[0]), (HEADERS, 0x88));
        good += 1;
    }
}

#[test]
fn streams_and_resets_are_limited() {
    let door = Door::open();
    // Streams that are opened and reset again and again, so that work is begun for nobody.
    let mut stream = two(&door);
    let storm: Vec<u8> = (0..2000)
        .flat_map(|n| [get(2 * n + 1), frame(RESET, 0, 2 * n + 1, &CANCEL.to_be_bytes())].concat())
        .collect();
    let _ = stream.write_all(&storm);
    let came = until(&mut stream, |(kind, ..)| *kind == GOAWAY);
    let (kind, _, payload) = came.last().expect("the connection ended without a word");
    assert_eq!((*kind, code(payload, 4)), (GOAWAY, CALM));
    // Streams that are opened and left open.
    let mut stream = two(&door);
    let open = |n: u32| frame(HEADERS, END_HEADERS, 2 * n + 1, &head(0x83, "/v1/sessions"));
    stream.write_all(&(0..100).flat_map(open).collect::<Vec<u8>>()).unwrap();
    let came = until(&mut stream, |(kind, ..)| *kind == RESET);
    let (kind, id, payload) = came.last().unwrap();
    assert_eq!((*kind, *id, code(payload, 0)), (RESET, 2 * 64 + 1, REFUSED));
    // A head that does not end.
    let mut stream = two(&door);
    let begin = frame(HEADERS, 0, 1, &head(0x82, "/v1/health"));
    // A literal header of 100 bytes, over and over.
    let field = [&[0x00, 1, b'a', 100][..], &[b'b'; 100]].concat();
    let piece = frame(CONTINUATION, 0, 1, &field.repeat(150));
    let mut sent = stream.write_all(&begin);
    for _ in 0..200 {
        sent = sent.and_then(|()| stream.write_all(&piece));
    }
    let came = until(&mut stream, |(kind, ..)| *kind == GOAWAY);
    let ended = sent.is_err() || came.last().is_some_and(|(kind, ..)| *kind == GOAWAY);
    assert!(ended && !came.iter().any(|(kind, ..)| *kind == HEADERS));
    // None of it concerns others.
    assert_eq!(door.call(None, "GET", "/v1/health", b"").status, 200);
}

#[test]
fn who_agrees_on_http_2_and_says_nothing_is_cut() {
    let door = Door::open_with("[door.limits]\nheader_seconds = 2", "");
    let mut config = any();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut stream = connect(door.port, &config).unwrap();
    let began = std::time::Instant::now();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    assert!(began.elapsed().as_secs_f64() < 8.0);
}
