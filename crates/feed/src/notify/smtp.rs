//! The dialog with a relay (RFC 5321): one message on one connection, under the same TLS as everything else that leaves.

use crate::Error;
use crate::notify::settings::{Mail, Speech};
use crate::tls::{Known, Peer};
use base::Sensitive;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use outbound::Place;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

/// How long one answer is waited for, the last one, after which the relay has the message (RFC 5321, 4.5.3.2.6), and a
/// whole dialog.
const PATIENCE: Duration = Duration::from_secs(30);
const TAKING: Duration = Duration::from_secs(600);
const WHOLE: Duration = Duration::from_secs(900);
/// Codes that say that the login is wrong, whatever they are an answer to: that can be mended, and the message offered again.
const LOGIN: [u16; 4] = [530, 534, 535, 538];
/// Bytes of one line of an answer, and lines of one answer.
const LINE: u64 = 1000;
const LINES: usize = 100;
/// Characters of an answer that are told.
const TOLD: usize = 200;

/// What a relay answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub code: u16,
    text: String,
}

/// Why a message was not taken.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It may be taken later.
    Away(Error),
    /// It may be taken later, says the relay.
    Later(Reply),
    /// It never will be.
    Refused(Reply),
}

impl Reply {
    /// Its numbers: the relay's own words may hold an address.
    pub fn numbers(&self) -> String {
        let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let enhanced = self.text.split(' ').next().filter(|word| {
            let parts: Vec<&str> = word.split('.').collect();
            parts.len() == 3 && parts.into_iter().all(number)
        });
        match enhanced {
            Some(enhanced) => format!("{} {enhanced}", self.code),
            None => self.code.to_string(),
        }
    }

    /// Its words, for who set it up: without addresses and without signs that a terminal would heed.
    pub fn told(&self) -> String {
        let plain = |c: char| if c.is_ascii_graphic() { c } else { ' ' };
        let text: String = self.text.chars().map(plain).collect();
        let words = text.split_whitespace().map(|word| if word.contains('@') { "[address]" } else { word });
        let text: String = words.collect::<Vec<_>>().join(" ").chars().take(TOLD).collect();
        format!("{} {text}", self.code)
    }
}

impl Failed {
    /// For the status, which more people see than the settings.
    pub fn why(&self) -> String {
        use base::Fault;
        match self {
            Self::Away(error) => format!("{} ({})", base::fault::chain(error), error.code()),
            Self::Later(reply) => format!("the receiver takes nothing now: it answers {}", reply.numbers()),
            Self::Refused(reply) => {
                format!("the receiver refused it for good: it answered {}", reply.numbers())
            }
        }
    }

    /// For who set it up.
    pub fn told(&self) -> String {
        match self {
            Self::Later(reply) | Self::Refused(reply) => reply.told(),
            Self::Away(_) => self.why(),
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Away(error)
    }
}

/// A relay, and as whom it is spoken to.
pub(crate) struct Relay {
    way: Way,
    /// As whom the site greets.
    own: String,
    login: Option<Login>,
}

struct Login {
    user: String,
    password: Sensitive<String>,
}

enum Way {
    Tls(Peer),
    StartTls(Peer),
    Clear(Place),
}

impl Relay {
    pub fn open(mail: &Mail) -> Result<Self, Error> {
        let refuse = |why: String| Error::Notify { name: "[mail]".to_owned(), why };
        let (place, speech) = mail.place()?;
        let known = Known { ca: mail.ca.as_deref(), pin: mail.pin.as_deref() };
        let peer = |place| Peer::known(place, known).map_err(refuse);
        let way = match speech {
            Speech::Tls => Way::Tls(peer(place)?),
            Speech::StartTls => Way::StartTls(peer(place)?),
            Speech::Clear => Way::Clear(place),
        };
        let own = mail.from.rsplit_once('@').map_or("localhost", |(_, domain)| domain).to_owned();
        Ok(Self { way, own, login: login(mail).map_err(refuse)? })
    }

    /// Hands over a message. What is given back is the relay's last word.
    pub async fn send(&self, from: &str, to: &str, message: &str) -> Result<Reply, Failed> {
        tokio::time::timeout(WHOLE, self.speak(from, to, message))
            .await
            .map_err(|_| Error::sink("it did not answer in time"))?
    }

    async fn speak(&self, from: &str, to: &str, message: &str) -> Result<Reply, Failed> {
        match &self.way {
            Way::Clear(place) => {
                let mut dialog = Dialog::on(place.connect().await.map_err(Error::sink)?);
                dialog.heard(220).await?;
                self.hand_over(dialog, from, to, message).await
            }
            Way::Tls(peer) => {
                let mut dialog = Dialog::on(peer.connect().await?);
                dialog.heard(220).await?;
                self.hand_over(dialog, from, to, message).await
            }
            Way::StartTls(peer) => {
                let mut dialog = Dialog::on(peer.place().connect().await.map_err(Error::sink)?);
                dialog.heard(220).await?;
                dialog.said(&format!("EHLO {}", self.own), 250).await?;
                dialog.said("STARTTLS", 220).await?;
                let stream = peer.over(dialog.into_quiet()?).await?;
                self.hand_over(Dialog::on(stream), from, to, message).await
            }
        }
    }

    async fn hand_over<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut dialog: Dialog<S>,
        from: &str,
        to: &str,
        message: &str,
    ) -> Result<Reply, Failed> {
        dialog.said(&format!("EHLO {}", self.own), 250).await?;
        if let Some(Login { user, password }) = &self.login {
            let proof = STANDARD.encode(format!("\0{user}\0{}", password.reveal()));
            dialog.said(&format!("AUTH PLAIN {proof}"), 235).await?;
        }
        dialog.asked(&format!("MAIL FROM:<{from}>"), &[250], PATIENCE).await?;
        // 251: it goes on to another machine.
        dialog.asked(&format!("RCPT TO:<{to}>"), &[250, 251], PATIENCE).await?;
        dialog.asked("DATA", &[354], PATIENCE).await?;
        let taken = dialog.asked(&stuffed(message), &[250], TAKING).await?;
        // It has the message: how it says farewell changes nothing.
        let _ = dialog.write("QUIT").await;
        Ok(taken)
    }
}

fn login(mail: &Mail) -> Result<Option<Login>, String> {
    let (Some(user), Some(file)) = (&mail.user, &mail.password_file) else { return Ok(None) };
    let about = std::fs::metadata(file).map_err(|e| format!("its password: {e}"))?;
    if !about.is_file() || about.mode() & 0o077 != 0 {
        return Err("others can read or write its password: `chmod 600` the file".to_owned());
    }
    let text = std::fs::read_to_string(file).map_err(|e| format!("its password: {e}"))?;
    let password = text.lines().next().unwrap_or_default().to_owned();
    if password.is_empty() || password.contains('\0') || user.contains('\0') {
        return Err("its password is empty, or no text".to_owned());
    }
    Ok(Some(Login { user: user.clone(), password: Sensitive::new(password) }))
}

/// A message with its end: a line that begins with a dot gets another one.
fn stuffed(message: &str) -> String {
    let mut out = String::with_capacity(message.len().saturating_add(8));
    for line in message.lines() {
        if line.starts_with('.') {
            out.push('.');
        }
        out.push_str(line);
        out.push_str("\r\n");
    }
    out.push('.');
    out
}

struct Dialog<S> {
    stream: BufReader<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Dialog<S> {
    fn on(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    /// The stream, before TLS begins on it. What was said in clear before it must not count as said under it.
    fn into_quiet(self) -> Result<S, Error> {
        match self.stream.buffer().is_empty() {
            true => Ok(self.stream.into_inner()),
            false => Err(Error::sink("it says more than it was asked before TLS begins")),
        }
    }

    async fn write(&mut self, line: &str) -> Result<(), Error> {
        let line = format!("{line}\r\n");
        self.stream.write_all(line.as_bytes()).await.map_err(Error::sink)?;
        self.stream.flush().await.map_err(Error::sink)
    }

    /// Says something of the way there: no answer to it refuses the message.
    async fn said(&mut self, line: &str, expected: u16) -> Result<(), Failed> {
        self.write(line).await?;
        self.heard(expected).await
    }

    async fn heard(&mut self, expected: u16) -> Result<(), Failed> {
        let reply = self.reply(PATIENCE).await?;
        if reply.code == expected { Ok(()) } else { Err(Failed::Later(reply)) }
    }

    /// Says something of the message itself: 5xx to that is for good.
    async fn asked(&mut self, line: &str, expected: &[u16], patience: Duration) -> Result<Reply, Failed> {
        self.write(line).await?;
        let reply = self.reply(patience).await?;
        match reply.code {
            code if expected.contains(&code) => Ok(reply),
            code if LOGIN.contains(&code) => Err(Failed::Later(reply)),
            500..=599 => Err(Failed::Refused(reply)),
            _ => Err(Failed::Later(reply)),
        }
    }

    async fn reply(&mut self, patience: Duration) -> Result<Reply, Error> {
        let late = |_| Error::sink("it did not answer in time");
        tokio::time::timeout(patience, self.lines()).await.map_err(late)?
    }

    async fn lines(&mut self) -> Result<Reply, Error> {
        let mut texts = Vec::new();
        for _ in 0..LINES {
            let line = self.line().await?;
            let split = line.split_at_checked(3).ok_or_else(|| Error::sink("it speaks no SMTP"))?;
            let code: u16 = split.0.parse().map_err(|_| Error::sink("it speaks no SMTP"))?;
            let (more, text) = match split.1.split_at_checked(1) {
                Some(("-", text)) => (true, text),
                Some((_, text)) => (false, text),
                None => (false, ""),
            };
            texts.push(text.to_owned());
            if !more {
                return Ok(Reply { code, text: texts.join(" ") });
            }
        }
        Err(Error::sink("its answer has no end"))
    }

    async fn line(&mut self) -> Result<String, Error> {
        let mut bytes = Vec::new();
        let mut some = (&mut self.stream).take(LINE);
        some.read_until(b'\n', &mut bytes).await.map_err(Error::sink)?;
        if bytes.pop() != Some(b'\n') {
            return Err(Error::sink("it ended in the middle of an answer"));
        }
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_message_ends_it() {
        assert_eq!(stuffed("a\r\n.\r\n..b\r\n"), "a\r\n..\r\n...b\r\n.");
    }

    #[test]
    fn what_a_relay_says_is_told_without_addresses() {
        let reply = |text: &str| Reply { code: 550, text: text.to_owned() };
        let refused =
            reply("5.1.1 <zorbina@ward.example>: Recipient \u{1b}[31mrejected zorbina@ward.example");
        assert_eq!(refused.numbers(), "550 5.1.1");
        assert_eq!(refused.told(), "550 5.1.1 [address] Recipient [31mrejected [address]");
        assert_eq!(reply("zorbina 5.1.1").numbers(), "550");
        assert_eq!(reply(&"x".repeat(999)).told().len(), TOLD + 4);
    }

    /// A relay that says `lines`, each as one answer, whatever it hears.
    async fn heard(lines: &'static str) -> Result<Reply, Failed> {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (mut read, mut write) = tokio::io::split(theirs);
        tokio::spawn(async move {
            let _ = write.write_all(lines.as_bytes()).await;
            let _ = tokio::io::copy(&mut read, &mut tokio::io::sink()).await;
        });
        let place = Place::parse("smtp://127.0.0.1:25", &[("smtp", 25)], None).unwrap();
        let relay = Relay { way: Way::Clear(place), own: "site.example".into(), login: None };
        relay.hand_over(Dialog::on(ours), "a@b", "c@d", "x").await
    }

    #[tokio::test]
    async fn an_answer_is_for_good_later_or_none() {
        let taken =
            heard("250-a\r\n250 b\r\n250 \r\n250\r\n354 go\r\n250 2.0.0 queued as 7\r\n").await.unwrap();
        assert_eq!(taken.told(), "250 2.0.0 queued as 7");
        let refused = heard("250 a\r\n250 \r\n550 5.1.1 nobody\r\n").await.unwrap_err();
        assert!(matches!(&refused, Failed::Refused(reply) if reply.numbers() == "550 5.1.1"));
        let later = heard("250 a\r\n250 \r\n451 4.3.0 later\r\n").await.unwrap_err();
        assert!(matches!(later, Failed::Later(_)));
        let login = heard("250 a\r\n530 5.7.0 who are you\r\n").await.unwrap_err();
        assert!(matches!(login, Failed::Later(_)), "the settings can be mended");
        let sent_on = heard("250 a\r\n250 \r\n251 elsewhere\r\n354 go\r\n250 taken\r\n").await;
        assert!(sent_on.is_ok());
        // Not of the message: it may be mended.
        assert!(matches!(heard("550 no greeting\r\n").await, Err(Failed::Later(_))));
        for none in ["25", "abc \r\n", "250-\r\n", &"x".repeat(1001)] {
            let none: &'static str = Box::leak(format!("250 a\r\n{none}").into_boxed_str());
            let failed = tokio::time::timeout(Duration::from_millis(200), heard(none)).await;
            assert!(!matches!(failed, Ok(Ok(_))), "{none}");
        }
    }

    #[tokio::test]
    async fn what_is_said_before_tls_is_not_taken_for_what_is_said_under_it() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 10);
        theirs.write_all(b"220 go\r\n250 injected\r\n").await.unwrap();
        let mut dialog = Dialog::on(ours);
        dialog.heard(220).await.unwrap();
        assert!(dialog.into_quiet().is_err());
    }
}
