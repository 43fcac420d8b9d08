//! C-ING-10: nothing about data is guessed.

use crate::site::Who;
use crate::{Control, Play, Result};

pub const CONTROL: Control = Control {
    id: "C-ING-10",
    statement: "No project is made without its class, purpose, data-use terms, granularity, legal frameworks, class of incidental findings, \
                basis of consent, region, retention class and consent reference; words that are unknown are refused",
    test: "make a project with each of these left out in turn, and with a wrong word for each; incidental findings that are reported in a \
           class that is too loose",
    references: &["SA 3.1.03", "G 9"],
    scenario,
};

/// What is stated, with a word that is none.
const STATED: [(&str, &str, &str); 10] = [
    ("--class", "research", "loose"),
    ("--purpose", "research", "profit"),
    ("--term", "DUO:0000042", "DUO:0000005"),
    ("--granularity", "exome", "chromosome"),
    ("--framework", "GDPR", "gdpr"),
    ("--incidental", "not-reported", "sometimes"),
    ("--basis", "each", "nobody"),
    ("--region", "EU", "Europe"),
    ("--retention", "90-days", "forever"),
    ("--consent", "NONE-1", "two words"),
];

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    play.spoil("everything is stated, in good words", || Ok(()))?;
    let spoiled = play.is_spoiled();
    for (at, (option, _, bad)) in STATED.iter().enumerate() {
        for (what, left_out, wrong) in
            [(format!("leave out {option}"), Some(at), None), (format!("say {option} {bad}"), None, Some(at))]
        {
            play.does(&what);
            let words = if spoiled { words(None, None) } else { words(left_out, wrong) };
            let done = site.run(Who::Administrator, &words)?;
            play.expect("no project is made", !done.is_done(), done.told());
        }
    }
    play.does("have incidental findings reported in a class that is too loose");
    let told: Vec<&str> = words(None, None)
        .into_iter()
        .map(|word| if word == "not-reported" && !spoiled { "reported" } else { word })
        .collect();
    let done = site.run(Who::Administrator, &told)?;
    play.expect("no project is made", !done.is_done(), done.told());
    play.does("state everything");
    let done = site.run(Who::Administrator, &words(None, None))?;
    play.expect("a project is made", done.is_done(), done.told());
    Ok(())
}

/// The command, with one option left out, or with its wrong word.
fn words(left_out: Option<usize>, wrong: Option<usize>) -> Vec<&'static str> {
    let mut words = vec!["project", "create", "--name", "Stated"];
    for (at, (option, good, bad)) in STATED.iter().enumerate() {
        if left_out != Some(at) {
            words.extend([*option, if wrong == Some(at) { bad } else { good }]);
        }
    }
    words
}
