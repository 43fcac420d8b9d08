//! C-IDN-07: a session ends, and guessing does.

use super::codes::Codes;
use super::machine::now;
use crate::audit::clock::Clocked;
use crate::site::{Site, Who};
use crate::{Control, Play, Result};

pub const CONTROL: Control = Control {
    id: "C-IDN-07",
    statement: "A session ends when it is not used for the idle limit and at the absolute limit in any case; of more than \
                may be there at once the one unused longest ends; after five wrong passwords the right one opens nothing",
    test: "set limits of an hour, two hours and two at once; sign in by a password with a second factor once too often; \
           move the clock of the site's process (libfaketime) up to and past the idle limit, with and without use, and \
           past the absolute one; try wrong passwords, and then the right one",
    references: &["H 312(a)(2)(iii)"],
    scenario,
};

const LIMITS: &str = "[sessions]\nidle_minutes = 60\nhours = 2\nparallel = 2\n";
const MINUTE: i64 = 60;
/// Wrong passwords after which the right one opens nothing.
const TRIES: usize = 5;

/// A site whose process has a clock of its own.
struct Shown<'a> {
    site: &'a Site,
    clock: Clocked<'a>,
    minutes: i64,
}

impl Shown<'_> {
    /// Moves the clock forward.
    fn forward(&mut self, minutes: i64) -> Result<()> {
        self.minutes = self.minutes.saturating_add(minutes);
        self.clock.show(&format!("+{}m", self.minutes))
    }

    fn now(&self, play: &Play) -> i64 {
        now(play).saturating_add(self.minutes.saturating_mul(MINUTE))
    }

    fn expect(&self, play: &mut Play, what: &str, token: &str, good: bool) -> Result<()> {
        let status = self.site.ask(token, "GET", "/v1/projects", "")?;
        let held = status == if good { 200 } else { 401 };
        play.expect(what, held, format!("status {status}"));
        Ok(())
    }
}

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    site.lock()?;
    site.set(LIMITS)?;
    let mut clock = Clocked::of(&site)?;
    clock.start()?;
    let mut shown = Shown { site: &site, clock, minutes: 0 };
    play.does("set a password with a second factor, in a session by a one-time token");
    let codes = Codes::set(play, &site, Who::Analyst.name(), shown.now(play))?;
    let first = site.session(Who::Analyst)?;
    shown.forward(1)?;
    let second = codes.session(&site, shown.now(play))?;
    shown.expect(play, "two sessions at once are good", &second, true)?;
    at_once(play, &mut shown, &codes, &first, &second)?;
    idle(play, &mut shown, &second)?;
    absolute(play, &mut shown, &codes)?;
    guessed(play, &mut shown, &codes)?;
    shown.clock.stop()
}

fn at_once(play: &mut Play, shown: &mut Shown<'_>, codes: &Codes, first: &str, second: &str) -> Result<()> {
    shown.forward(1)?;
    let now = shown.now(play);
    let third = play.attack("sign in a third time", || codes.session(shown.site, now))?;
    shown.expect(play, "the session that was unused longest has ended", first, false)?;
    shown.expect(play, "the other one goes on", second, true)?;
    shown.expect(play, "the new one is good", &third, true)
}

fn idle(play: &mut Play, shown: &mut Shown<'_>, token: &str) -> Result<()> {
    play.does("use a session after 50 minutes");
    shown.forward(50)?;
    shown.expect(play, "it is good", token, true)?;
    play.attack("leave it for 61 minutes", || shown.forward(61))?;
    shown.expect(play, "it has ended", token, false)
}

fn absolute(play: &mut Play, shown: &mut Shown<'_>, codes: &Codes) -> Result<()> {
    shown.forward(1)?;
    let token = codes.session(shown.site, shown.now(play))?;
    play.does("use a session every 50 minutes");
    for _ in 0..2 {
        shown.forward(50)?;
        shown.expect(play, "it is good", &token, true)?;
    }
    play.attack("use it two hours after it began", || shown.forward(21))?;
    shown.expect(play, "it has ended", &token, false)
}

fn guessed(play: &mut Play, shown: &mut Shown<'_>, codes: &Codes) -> Result<()> {
    shown.forward(1)?;
    let now = shown.now(play);
    let statuses = play.attack("try five wrong passwords", || {
        let wrong = |_| Ok(codes.sign_in_with(shown.site, "not this one at all", now)?.status);
        (0..TRIES).map(wrong).collect::<Result<Vec<u16>>>()
    })?;
    let refused = statuses.len() == TRIES && statuses.iter().all(|status| *status == 401);
    play.expect("each is refused", refused, format!("statuses {statuses:?}"));
    let answer = codes.sign_in(shown.site, now)?;
    let saw = format!("status {}: {}", answer.status, answer.body.chars().take(60).collect::<String>());
    play.expect("the right one is refused as well", answer.status == 401, saw);
    Ok(())
}
