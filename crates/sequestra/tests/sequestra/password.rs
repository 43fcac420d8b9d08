//! A password with a second factor, on the command line.

use crate::site::{Done, Site};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use totp_rs::{Builder, Secret, Totp};

pub const PASSWORD: &str = "four words in a row";

fn begun(site: &Site, who: &str, args: &[&str]) -> Child {
    let mut command = site.command(who, args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Types lines into a command where nobody can be asked.
pub fn typed(site: &Site, who: &str, args: &[&str], lines: &str) -> Done {
    let mut child = begun(site, who, args);
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Done { exit: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Sets a password as its owner does, and gives the program that shows the codes.
pub fn set(site: &Site, who: &str) -> Totp {
    let mut child = begun(site, who, &["password", "set"]);
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut lines = [String::new(), String::new(), String::new()];
    for line in &mut lines {
        told.read_line(line).unwrap();
    }
    let [_, secret, url] = lines;
    assert!(url.trim().starts_with(&format!("otpauth://totp/Sequestra:{who}?secret=")), "{url}");
    let secret = Secret::try_from_base32(secret.trim()).unwrap();
    let totp = Builder::new().with_secret(secret).with_account_name(who).build().unwrap();
    let typed = format!("{PASSWORD}\n{}\n", totp.generate(base::Timestamp::now().as_second().unsigned_abs()));
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success() && rest.contains("the password is set"), "{rest}");
    totp
}

#[test]
fn somebody_sets_a_password_and_signs_in_by_it_and_by_nothing_less() {
    let site = Site::fresh(&["reader"]);
    let totp = set(&site, "reader");
    let login = ["login", "--password", "reader"];
    // The code of the setting has counted; that of the step after it counts already.
    let wrong = typed(&site, "again", &login, "another four words\n000000\n");
    assert!(
        wrong.exit == 4 && wrong.err.contains("ACCESS-046") && wrong.err.contains("hint:"),
        "{}",
        wrong.err
    );
    let nothing = typed(&site, "again", &login, "");
    assert!(nothing.exit == 2 && nothing.err.contains("nothing was typed"), "{}", nothing.err);
    let now = base::Timestamp::now().as_second().unsigned_abs();
    let next = format!("{PASSWORD}\n{}\n", totp.generate(now + 30));
    let done = typed(&site, "again", &login, &next);
    assert_eq!(done.exit, 0, "{}", done.err);
    let replayed = typed(&site, "thief", &login, &next);
    assert!(replayed.exit == 4 && replayed.err.contains("ACCESS-046"), "{}", replayed.err);
    let sessions = site.json("again", &["session", "list"]);
    let own = sessions.as_array().unwrap().iter().find(|one| one["current"] == true).unwrap();
    assert_eq!(own["proof"], "password-totp", "{sessions}");
    // It is all there is, so it stays.
    let last = site.run("again", &["password", "remove"]);
    assert!(last.exit == 5 && last.err.contains("ACCESS-032"), "{}", last.err);
}
