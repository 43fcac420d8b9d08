//! A proxy in front of a server of HTTP that makes things go wrong on the way: requests that are lost or cut in the
//! middle, answers that are lost, late, cut short, changed, or not the server's.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// It never reaches the server, and the connection ends.
    Lost,
    /// Half of its body reaches the server, and both connections end.
    Cut,
    /// The server does it, and its answer is lost.
    AnswerLost,
    /// It never reaches the server; the proxy answers with this status.
    Status(u16),
    /// The answer ends this many bytes early, and the connection with it.
    Truncated(usize),
    /// A bit of the answer's body changes.
    Changed,
    /// A bit of the request's body changes.
    ChangedOnTheWayIn,
    /// The first character of this header's value in the answer, quotes aside, is another; the name in lower case.
    Header(&'static str),
    /// Wherever the answer says the first, it says the second, which is as long.
    Rewritten(&'static str, &'static str),
    /// The answer comes this much later.
    Late(Duration),
}

type Plan = Box<dyn Fn(u64, &str) -> Trouble + Send>;

/// The proxy. It stops when this is dropped.
pub struct Proxy {
    address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
    count: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Proxy {
    /// A proxy in front of `server`, an address of this machine such as `http://127.0.0.1:80`.
    pub fn start(server: &str) -> Self {
        let server: SocketAddr = server.trim_start_matches("http://").parse().expect("an address");
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let plan: Arc<Mutex<Plan>> = Arc::new(Mutex::new(Box::new(|_, _| Trouble::None)));
        let (count, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let made = Self { address, plan: plan.clone(), count: count.clone(), over: over.clone() };
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (plan, count) = (plan.clone(), count.clone());
                // A connection that fails is what this is for.
                std::thread::spawn(move || {
                    let _ = exchange(&client, server, &plan, &count);
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        made
    }

    /// Its address.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What goes wrong from now on: by the number of the request from now, and its first line.
    pub fn plan(&self, plan: impl Fn(u64, &str) -> Trouble + Send + 'static) {
        self.count.store(0, Ordering::Relaxed);
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(plan);
    }

    /// Requests since the plan was made.
    pub fn requests(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

/// One request a connection: its answer says that the connection ends.
fn exchange(client: &TcpStream, server: SocketAddr, plan: &Mutex<Plan>, count: &AtomicU64) -> io::Result<()> {
    let mut reader = BufReader::new(client);
    let (mut first, mut head, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let number = count.fetch_add(1, Ordering::Relaxed);
    let trouble = plan.lock().unwrap_or_else(PoisonError::into_inner)(number, first.trim_end());
    let mut client = client;
    match trouble {
        Trouble::Lost => return Ok(()),
        Trouble::Status(status) => {
            return write!(
                client,
                "HTTP/1.1 {status} Made\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        }
        _ => {}
    }
    if trouble == Trouble::ChangedOnTheWayIn
        && let Some(last) = body.last_mut()
    {
        *last ^= 1;
    }
    if trouble == Trouble::Cut {
        body.truncate(length / 2);
        let mut upstream = TcpStream::connect(server)?;
        write!(upstream, "{first}Connection: close\r\n{head}\r\n")?;
        upstream.write_all(&body)?;
        return upstream.shutdown(Shutdown::Both);
    }
    let mut answer = ask(server, &first, &head, &body)?;
    match trouble {
        Trouble::AnswerLost => return Ok(()),
        Trouble::Truncated(by) => answer.truncate(answer.len().saturating_sub(by)),
        Trouble::Changed => {
            if let Some(last) = answer.last_mut() {
                *last ^= 1;
            }
        }
        Trouble::Header(name) => change_header(&mut answer, name),
        Trouble::Rewritten(from, to) => rewrite(&mut answer, from.as_bytes(), to.as_bytes()),
        Trouble::Late(by) => std::thread::sleep(by),
        _ => {}
    }
    client.write_all(&answer)
}

/// Another first character, of the same kind.
fn change_header(answer: &mut [u8], name: &str) {
    let head = String::from_utf8_lossy(answer).to_ascii_lowercase();
    let Some(at) = head.find(&format!("\r\n{name}:")).map(|at| at + name.len() + 3) else { return };
    let value = answer.iter_mut().skip(at).find(|byte| byte.is_ascii_alphanumeric());
    if let Some(byte) = value {
        *byte = if *byte == b'0' { b'1' } else { b'0' };
    }
}

fn rewrite(answer: &mut Vec<u8>, from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len(), "an answer keeps its length");
    let mut at = 0;
    while let Some(found) = answer.get(at..).and_then(|rest| rest.windows(from.len()).position(|w| w == from))
    {
        let begins = at + found;
        answer.splice(begins..begins + from.len(), to.iter().copied());
        at = begins + to.len();
    }
}

fn ask(server: SocketAddr, first: &str, head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut upstream = TcpStream::connect(server)?;
    write!(upstream, "{first}Connection: close\r\n{head}\r\n")?;
    upstream.write_all(body)?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    Ok(answer)
}
