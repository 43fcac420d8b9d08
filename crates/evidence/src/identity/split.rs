//! C-ING-07: what identifies somebody is found before it comes in, and kept apart from what is learnt of them.

use crate::site::{Site, Who, below, text};
use crate::{Control, Error, Play, Result};
use serde_json::{Value, json};
use std::fs;

pub const CONTROL: Control = Control {
    id: "C-ING-07",
    statement: "A sheet with names, record numbers, dates of birth, addresses or telephone numbers is refused at the door; taken apart, \
                it leaves a sheet and a table that name nobody, and who somebody is lies sealed in a map of its own, which answers those \
                alone who hold the link, for a reason, on the record of whom it is about",
    test: "bring in a sheet with identifiers; take it apart, and search both texts, everything that was printed, and every file of the \
           site for its values; bring the clean sheet in, and one with an id that the map does not have; ask who it is as each role, \
           without a reason, and with one; find the record number; read from the record who asked",
    references: &["G 5(1)(c)", "G 25", "G 4(5)", "SA 3.1.20"],
    scenario,
};

/// The values of one person, who is invented. None may be found where it does not belong.
const NAME: &str = "Zorbina Quibbleton";
const NUMBER: &str = "QX-4471-Z";
const BORN: &str = "1931-05-03";
const PHONE: &str = "943 476 5919";
const MAIL: &str = "zq@ward.example";

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("controlled").or_else(|_| site.project("research"))?;
    let reads = site.reads(91)?;
    let manifest = reads.join("md5sums.txt");
    let sheet = reads.join("samplesheet.csv");
    let plain = fs::read_to_string(&sheet).map_err(Error::io(&sheet))?;
    let ward = reads.join("ward.csv");
    fs::write(&ward, identified(&plain)).map_err(Error::io(&ward))?;

    let done = play
        .attack("bring in a sheet with a name, a number, a date of birth, a telephone number", || {
            site.run(Who::Analyst, &Site::put(&project, text(&ward)?, text(&manifest)?)).map(Some)
        })?;
    let (refused, told) = seen(done.as_ref(), |done| done.refused("INTAKE-002"));
    play.expect("it is refused, and nothing of it is stored", refused, told);

    let apart = split(play, &site, &project, &reads)?;
    let done = play.attack("bring in a sheet with an id that the map does not have", || {
        let strange = reads.join("strange.csv");
        let other = apart.clean.replace(&apart.subject, "sub_00000000000000000000");
        fs::write(&strange, other).map_err(Error::io(&strange))?;
        site.run(Who::Analyst, &Site::put(&project, text(&strange)?, text(&manifest)?)).map(Some)
    })?;
    let (refused, told) = seen(done.as_ref(), |done| done.refused("INTAKE-001"));
    play.expect("it is refused", refused, told);
    let put =
        site.json(Who::Analyst, &Site::put(&project, text(&reads.join("clean.csv"))?, text(&manifest)?))?;
    let whose = put.pointer("/samples/0/subject").and_then(Value::as_str).unwrap_or_default();
    play.expect("what comes in by the clean sheet is that subject's", whose == apart.subject, whose);
    link(play, &site, &project, &apart)
}

/// The sheet of made reads, with what identifies one person.
fn identified(plain: &str) -> String {
    let (mut out, mut rows) = (String::new(), plain.lines());
    if let Some(head) = rows.next() {
        out.push_str(&format!("{head},patient_name,mrn,dob,phone,email\n"));
    }
    for row in rows {
        out.push_str(&format!("{row},{NAME},{NUMBER},{BORN},{PHONE},{MAIL}\n"));
    }
    out
}

fn seen(done: Option<&crate::site::Done>, held: impl Fn(&crate::site::Done) -> bool) -> (bool, String) {
    done.map_or((false, "it was not tried".to_owned()), |done| (held(done), done.told()))
}

/// What a sheet became.
struct Apart {
    subject: String,
    clean: String,
}

fn split(play: &mut Play, site: &Site, project: &str, reads: &std::path::Path) -> Result<Apart> {
    play.does("have a data steward take the sheet apart");
    let (ward, clean, table) = (reads.join("ward.csv"), reads.join("clean.csv"), reads.join("table.csv"));
    let words =
        ["intake", "split", text(&ward)?, "--project", project, "--issuer", "ward", "--age-at", "2026-01-01"];
    let out = ["--clean", text(&clean)?, "--table", text(&table)?];
    let done = site.run(Who::Steward, &[&words[..], &out[..]].concat())?;
    play.expect("two files come back", done.is_done(), done.told());
    let read = |path: &std::path::Path| fs::read_to_string(path).map_err(Error::io(path));
    let (sheet, table) = (read(&clean)?, read(&table)?);
    let mut texts = vec![sheet.clone(), table.clone(), done.out.clone(), done.err.clone()];
    play.spoil("the number is left in the table", || {
        texts.push(NUMBER.to_owned());
        Ok(())
    })?;
    let found = texts.iter().filter(|one| names(one.as_bytes())).count();
    play.expect("neither they nor what was printed name anybody", found == 0, format!("{found} texts do"));
    play.expect("an age over 89 is told as 90+", table.contains(",90+"), "the table has 90+");
    play.spoil("a name is written into the site's log", || {
        crate::site::change(&site.folder().join("run/process.log"), |log| log.extend(NAME.as_bytes()))
    })?;
    let mut found = Vec::new();
    for file in below(site.folder())? {
        if file.file_name().is_some_and(|name| name == "site.sock") {
            continue;
        }
        let bytes = fs::read(&file).map_err(Error::io(&file))?;
        if names(&bytes) {
            found.push(file.display().to_string());
        }
    }
    play.expect(
        "no file of the site holds a value in clear",
        found.is_empty(),
        format!("{} files do", found.len()),
    );
    let subject = sheet.lines().nth(1).and_then(|row| row.split(',').find(|cell| cell.starts_with("sub_")));
    let subject = subject.ok_or_else(|| Error::unplayable("no subject was named"))?.to_owned();
    let again = site.json(Who::Steward, &[&words[..], &["--dry-run"]].concat())?;
    let fresh = again.get("fresh").and_then(Value::as_u64);
    play.expect("the same sheet again has nobody new", fresh == Some(0), format!("{fresh:?}"));
    Ok(Apart { subject, clean: sheet })
}

fn names(bytes: &[u8]) -> bool {
    [NAME, NUMBER, BORN, PHONE, MAIL]
        .iter()
        .any(|value| bytes.windows(value.len()).any(|window| window.eq_ignore_ascii_case(value.as_bytes())))
}

/// Who may ask, and what is left of it.
fn link(play: &mut Play, site: &Site, project: &str, apart: &Apart) -> Result<()> {
    site.invite("broker", &[])?;
    site.json(Who::Manager, &["member", "add", project, "broker", "--role", "honest-broker"])?;
    let path = format!("/v1/subjects/{}/identity", apart.subject);
    let reason = json!({"reason": "control"}).to_string();
    let others = [Who::Analyst, Who::Exporter, Who::Steward, Who::Manager, Who::Auditor, Who::Administrator];
    let asked = play.attack("as everybody else, ask who the subject is", || {
        others
            .iter()
            .map(|who| site.ask(&site.session(*who)?, "POST", &path, &reason))
            .collect::<Result<Vec<u16>>>()
    })?;
    let refused = asked.len() == others.len() && asked.iter().all(|status| matches!(status, 403 | 404));
    play.expect("each is refused", refused, format!("statuses {asked:?}"));
    let token = site.session_in("broker.session")?;
    let asked = play.attack("as who holds the link, ask without a reason", || {
        site.ask(&token, "POST", &path, "{}").map(Some)
    })?;
    play.expect("it is refused", asked == Some(403), format!("{asked:?}"));
    play.does("as who holds the link, ask with a reason, and by the record number");
    let answer = site.answer(&token, "POST", &path, &reason)?;
    play.expect(
        "it says who it is",
        answer.status == 200 && names(answer.body.as_bytes()),
        "status 200 is due",
    );
    let find = json!({"number": NUMBER, "issuer": "ward", "reason": "control"}).to_string();
    let answer = site.answer(&token, "POST", &format!("/v1/projects/{project}/identities/find"), &find)?;
    play.expect(
        "the number leads to the subject",
        answer.body.contains(&apart.subject),
        format!("status {}", answer.status),
    );
    play.does("read from the record who asked");
    let seen = site.json(Who::Steward, &["audit", "who-saw", &apart.subject])?;
    let mut told = seen.to_string();
    play.spoil("what was asked is taken out of what is read", || {
        told = told.replace("re-identify", "");
        Ok(())
    })?;
    play.expect(
        "it has both, with the reason",
        told.matches("re-identify").count() >= 2,
        "who asked is on record",
    );
    Ok(())
}
