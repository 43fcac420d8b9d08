//! The site looks for identifiers in what it stores by itself: on record, told to those who asked, and no value anywhere.

use crate::erasure::opened;
use crate::notified::Hook;
use crate::site::{Site, until};
use ::keys::{Custody, Keys};
use base::SystemEntropy;
use db::sea_orm::{ConnectionTrait, Statement};
use db::{Cell, Db};
use serde_json::Value;
use std::fs;
use std::sync::Arc;

/// A name of a project that nobody should have typed: the door takes any.
const NAME: &str = "zorbina@ward.example";

fn set(site: &Site, lines: &str) -> String {
    let settings = site.folder.join("site.toml");
    let kept = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, kept.clone() + lines).unwrap();
    kept
}

fn project(site: &Site) -> String {
    let words = format!(
        "project create --name {NAME} --class sandbox --purpose methods --term DUO:0000042 --granularity genome \
         --framework none --incidental not-reported --basis board --region EU --retention 90-days --consent board-7 \
         --administrator manager"
    );
    let made = site.json("admin", &words.split_whitespace().collect::<Vec<_>>());
    let project = made["id"].as_str().unwrap().to_owned();
    site.json("manager", &["member", "add", &project, "steward", "--role", "data-steward"]);
    project
}

fn own(site: &Site) -> Vec<Value> {
    let by_itself = |leaf: &Value| leaf["event"]["policies"] == serde_json::json!(["the-site-by-itself"]);
    site.events().into_iter().filter(by_itself).collect()
}

fn found(site: &Site) -> Vec<Value> {
    site.events().into_iter().filter(|leaf| leaf["event"]["event"] == "identifiers-found").collect()
}

#[test]
fn the_site_looks_by_itself_once_in_its_time_and_says_what_it_found_without_a_value() {
    let site = Site::copy();
    let hook = Hook::open();
    let kept = set(&site, "\n[discovery]\nevery_hours = 0\nafter_minutes = 0\n");
    site.start();
    let project = project(&site);
    std::thread::sleep(std::time::Duration::from_secs(1));
    let never = site.json("steward", &["project", "screen", &project]);
    assert!(never["by_itself"].is_null(), "{never}");
    site.lock();
    assert!(own(&site).is_empty(), "a site that shall not look looks");

    fs::write(site.folder.join("site.toml"), kept).unwrap();
    let hooked =
        format!("\n[[notify]]\nname = \"hook\"\nto = \"http://{}/in\"\nwithin_seconds = 0\n", hook.at());
    set(&site, &format!("\n[discovery]\nevery_hours = 24\nafter_minutes = 0\n{hooked}"));
    site.start();
    let made =
        |leaf: &&Value| leaf["event"]["action"] == "create-project" && leaf["event"]["allowed"] == true;
    let projects = site.events().iter().filter(made).count();
    assert!(projects >= 2, "{projects}");
    until("it looked at every project", || own(&site).len() == projects);
    until("it found it", || found(&site).len() == 1);
    until("somebody is told", || hook.said().contains("identifiers-found") && hook.said().contains(&project));
    let event = found(&site)[0]["event"].clone();
    assert_eq!(
        (&event["project"], &event["words"], &event["labels"]),
        (&project.as_str().into(), &1.into(), &0.into())
    );
    let looks = own(&site);
    until("each look has its outcome", || {
        let events = site.events();
        let ended = |look: &Value| {
            let of = |leaf: &&Value| leaf["event"]["decision"] == look["position"];
            events.iter().filter(of).map(|leaf| leaf["event"]["result"].clone()).collect::<Vec<_>>()
                == ["done"]
        };
        looks.iter().all(ended)
    });
    let events = site.events();
    for look in &looks {
        let actor = look["event"]["actor"].as_str().unwrap();
        assert!(actor.starts_with("sit_") && look["event"]["action"] == "discover-identifiers", "{look}");
    }
    // Nothing of it in clear, and nothing opened.
    assert!(!serde_json::to_string(&events).unwrap().contains("zorbina") && !hook.said().contains("zorbina"));
    assert!(!fs::read_to_string(site.folder.join("discovery.json")).unwrap().contains("zorbina"));
    let shown = site.run("steward", &["project", "screen", &project]);
    assert!(
        shown.err.contains("the site looked by itself at") && shown.err.contains("and found 1"),
        "{}",
        shown.err
    );
    let limits = site.json("admin", &["site", "status"])["limits"].to_string();
    assert!(limits.contains("are stored in 1 project:") && !limits.contains(&project), "{limits}");

    // Not again before its time, also over a start; and what is known is not told again.
    site.lock();
    site.start();
    std::thread::sleep(std::time::Duration::from_secs(7));
    assert_eq!((own(&site).len(), found(&site).len()), (looks.len(), 1));
    site.lock();
    fs::remove_file(site.folder.join("discovery.json")).unwrap();
    site.start();
    until("what it forgot is looked at again", || own(&site).len() >= 2 * looks.len());
    site.assert_sound();
}

/// What the headers of results say that the site keeps: object, form and text.
pub async fn headers(db: &Db) -> Vec<[String; 3]> {
    let sql = "SELECT object, form, text FROM runs_header ORDER BY form";
    let ask = Statement::from_string(db.reader().get_database_backend(), sql);
    let columns = db.columns().unwrap();
    let rows = db.reader().query_all_raw(ask).await.unwrap();
    let read = |row: &db::sea_orm::QueryResult| {
        let [object, form, sealed] =
            ["object", "form", "text"].map(|name| row.try_get::<String>("", name).unwrap());
        assert!(!sealed.contains("CHROM") && !sealed.contains("@RG"), "a header lies in clear");
        let text = columns.open(Cell { column: "runs_header.text", row: &object }, &sealed).unwrap();
        [object, form, text]
    };
    rows.iter().map(read).collect()
}

/// Puts a name into the header of the variants, as an older workflow could have written it. The site is locked.
async fn plant(site: &Site, name: &str) -> String {
    let (secrets, db) = opened(site).await;
    let keys =
        Keys::open(db.clone(), secrets.roots, Custody::Passphrase, Arc::new(SystemEntropy)).await.unwrap();
    keys.open_columns().await.unwrap();
    let all = headers(&db).await;
    let [[_, sam, alignment], [object, vcf, variants]] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((sam.as_str(), vcf.as_str()), ("sam", "vcf"));
    assert!(alignment.contains("@RG\tID:rds_") && alignment.contains("\tSM:smp_"), "{alignment}");
    assert!(variants.contains("\tFORMAT\tsmp_") && variants.contains("##INFO="), "{variants}");
    assert!(!alignment.contains("@SQ") && !variants.contains("##contig="));
    let text = variants.replace("\tFORMAT\t", &format!("\tFORMAT\t{name}\t"));
    let sealed = db.columns().unwrap().seal(Cell { column: "runs_header.text", row: object }, &text).unwrap();
    put(&db, object, &sealed).await;
    db.close().await.unwrap();
    object.clone()
}

async fn put(db: &Db, object: &str, sealed: &str) {
    let put = format!("UPDATE runs_header SET text = '{sealed}' WHERE object = '{object}'");
    db.reader().execute_unprepared(&put).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_could_not_be_looked_at_is_not_taken_for_a_clean_one() {
    let site = Site::copy();
    let project = site.last("steward", &["project", "list"]);
    site.lock();
    let object = plant(&site, "Quibbleton_Zorbina").await;
    let (_, db) = opened(&site).await;
    put(&db, &object, "of another key").await;
    db.close().await.unwrap();
    set(&site, "\n[discovery]\nafter_minutes = 0\n");
    site.start();
    let remembered = || {
        let text = fs::read_to_string(site.folder.join("discovery.json")).unwrap_or_default();
        serde_json::from_str::<Value>(&text).unwrap_or_default()[&project].clone()
    };
    until("it tried", || remembered()["tried"].is_string());
    assert!(remembered()["last"].is_null(), "{}", remembered());
    let ended = |result: &str| {
        let events = site.events();
        let looks: Vec<Value> = own(&site).iter().map(|look| look["position"].clone()).collect();
        events
            .iter()
            .any(|leaf| leaf["event"]["result"] == result && looks.contains(&leaf["event"]["decision"]))
    };
    assert!(ended("failed") && found(&site).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_results_are_looked_at_without_opening_any() {
    let site = Site::copy();
    let project = site.last("steward", &["project", "list"]);
    let screen = ["project", "screen", &project];
    let of_headers = |told: &Value| -> Vec<Value> {
        let all = told["findings"].as_array().unwrap().iter();
        all.filter(|one| one["what"] == "header").cloned().collect()
    };
    let clean = site.json("steward", &screen);
    assert_eq!(of_headers(&clean), [] as [Value; 0]);
    site.lock();
    let object = plant(&site, "Quibbleton_Zorbina").await;
    set(&site, "\n[discovery]\nafter_minutes = 0\n");
    site.start();
    until("it found it", || found(&site).len() == 1);
    let event = found(&site)[0]["event"].clone();
    assert_eq!((&event["project"], &event["headers"]), (&project.as_str().into(), &1.into()));
    for look in own(&site) {
        let events = site.events();
        let mut ended = events.iter().filter(|leaf| leaf["event"]["decision"] == look["position"]);
        assert!(ended.all(|leaf| leaf["event"]["unwraps"].is_null()), "a key was unwrapped: {look}");
    }
    let told = site.json("steward", &screen);
    assert_eq!(told["looked"], clean["looked"]);
    let [one] = of_headers(&told).try_into().unwrap();
    assert_eq!((&one["about"], &one["looks_like"]), (&object.as_str().into(), &"a person's name".into()));
    assert!(!told.to_string().contains("Quibbleton"));
    site.assert_sound();
}
