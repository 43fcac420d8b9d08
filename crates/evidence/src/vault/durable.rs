//! C-VLT-07: what was acknowledged is there.

use super::expect_whole;
use crate::site::{Site, Who, bodies, text, writable};
use crate::{Control, Error, Play, Result};
use std::fs;

pub const CONTROL: Control = Control {
    id: "C-VLT-07",
    statement: "What was acknowledged as stored is there after a crash, whole; what was not is whole or absent, \
                and can be sent again",
    test: "kill the site's process at random moments while packages come in; after each, read everything that was \
           acknowledged and send the package again",
    references: &["53 CP-10"],
    scenario,
};

/// How often the process is killed, and within how many milliseconds of the package's beginning.
const KILLS: (u32, u32) = (6, 400);

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let mut killed = 0;
    for round in 0..KILLS.0 {
        let from = site.reads(60 + round)?;
        let (sheet, manifest) = (from.join("samplesheet.csv"), from.join("md5sums.txt"));
        let words = Site::put(&project, text(&sheet)?, text(&manifest)?);
        site.open()?;
        let mut sender = site.command(Who::Analyst, &words);
        sender.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut sender = sender.spawn().map_err(Error::io(play.program()))?;
        let wait = play.moment(KILLS.1);
        std::thread::sleep(wait);
        play.disturb(&format!("kill the process {} ms after a package began", wait.as_millis()), || {
            site.kill()
        })?;
        let acknowledged = sender.wait().map_err(Error::io(play.program()))?.success();
        killed += u32::from(!acknowledged);
        let done = site.run(Who::Analyst, &words)?;
        play.expect("sent again, the package is there", done.is_done(), done.told());
        let samples = site.ids(Who::Analyst, &["sample", "list", &project])?.len();
        let once = samples == usize::try_from(round).unwrap_or(usize::MAX) + 1;
        play.expect(
            "once, not twice and not half",
            once,
            format!("{samples} samples after {} packages", round + 1),
        );
    }
    play.expect("some packages were cut short", killed > 0, format!("{killed} of {}", KILLS.0));
    play.spoil("a body is lost", || {
        let body = bodies(site.folder())?.into_iter().next().unwrap_or_default();
        writable(&body)?;
        fs::remove_file(&body).map_err(Error::io(&body))
    })?;
    play.does("after all of it");
    for sample in site.ids(Who::Analyst, &["sample", "list", &project])? {
        for object in site.ids(Who::Exporter, &["object", "list", &sample])? {
            expect_whole(play, &site, &object)?;
        }
    }
    Ok(())
}
