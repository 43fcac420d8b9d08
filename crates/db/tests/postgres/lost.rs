//! Connections that break: of a request, of the server, between a commit and its answer.

use crate::{STEPS, cages, fresh, open};
use db::sea_orm::ConnectionTrait;
use db::{Db, Error, Server};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use testkit::Postgres;

#[tokio::test]
async fn a_crash_of_the_server_costs_requests_and_not_the_process() {
    let server = Postgres::start();
    let settings = server.settings(&server.database(Path::new("/")));
    let db = open(&settings).await.unwrap();
    let tx = db.begin(1).await.unwrap();
    tx.execute_unprepared("INSERT INTO canary_cage (id) VALUES (1)").await.unwrap();
    server.crash();
    let failed = tx.execute_unprepared("INSERT INTO canary_cage (id) VALUES (2)").await.map_err(Error::from);
    assert!(matches!(failed, Err(Error::Away(_))), "{failed:?}");
    let failed = tx.commit().await;
    assert!(matches!(failed, Err(Error::Away(_))), "{failed:?}");
    server.run_again();
    assert_eq!((cages(&db).await, db.watermark()), (0, None));
    let tx = db.begin(2).await.unwrap();
    tx.execute_unprepared("INSERT INTO canary_cage (id) VALUES (1)").await.unwrap();
    tx.commit().await.unwrap();
    // A second time, with connections that lie idle.
    server.crash();
    server.run_again();
    let tx = db.begin(3).await.unwrap();
    tx.execute_unprepared("INSERT INTO canary_cage (id) VALUES (2)").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((cages(&db).await, db.watermark()), (2, Some(3)));
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_given_up() {
    let (_, server) = fresh();
    let db = open(&Server { statement_seconds: 1, ..server }).await.unwrap();
    let failed = db.reader().execute_unprepared("SELECT pg_sleep(30)").await.map_err(Error::from);
    assert!(matches!(failed, Err(Error::Slow(_))), "{failed:?}");
    db.begin(1).await.unwrap().commit().await.unwrap();
}

/// What the relay does when it sees a commit.
const PASS: u8 = 0;
const DROP_IT: u8 = 1;
const DROP_ITS_ANSWER: u8 = 2;
const HOLD_IT: u8 = 3;

/// A socket before the server's, which loses one commit, or the answer to it, or brings it to the server long after the
/// connection broke at the client's end.
struct Relay {
    _folder: tempfile::TempDir,
    plan: Arc<AtomicU8>,
    settings: Server,
}

impl Relay {
    fn before(server: &Server) -> Self {
        let (_, query) = server.url.split_once("?host=").unwrap();
        let mut parts = query.split('&');
        let (folder, port) = (parts.next().unwrap(), parts.next().unwrap().strip_prefix("port=").unwrap());
        let name = format!(".s.PGSQL.{port}");
        let behind = Path::new(folder).join(&name);
        let own = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(own.path().join(name)).unwrap();
        let plan = Arc::new(AtomicU8::new(PASS));
        let shared = plan.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, plan) = (UnixStream::connect(&behind).unwrap(), shared.clone());
                std::thread::spawn(move || pass(client, server, &plan));
            }
        });
        let url = server.url.replace(folder, own.path().to_str().unwrap());
        Self { _folder: own, plan, settings: Server { url, ..server.clone() } }
    }
}

fn pass(mut client: UnixStream, mut server: UnixStream, plan: &AtomicU8) {
    let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let silent = Arc::new(AtomicU8::new(0));
    let muted = silent.clone();
    std::thread::spawn(move || {
        let mut bytes = [0; 65536];
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            if muted.load(Ordering::SeqCst) == 1 {
                // The server answered, so that it is done: now the connection breaks.
                break;
            }
            if to.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
    let mut bytes = [0; 65536];
    while let Ok(read @ 1..) = client.read(&mut bytes) {
        if bytes[..read].windows(6).any(|word| word == b"COMMIT") {
            match plan.swap(PASS, Ordering::SeqCst) {
                DROP_IT => break,
                HOLD_IT => {
                    let _ = client.shutdown(std::net::Shutdown::Both);
                    std::thread::sleep(Duration::from_secs(5));
                    let _ = server.write_all(&bytes[..read]);
                    std::thread::sleep(Duration::from_millis(500));
                    break;
                }
                DROP_ITS_ANSWER => silent.store(1, Ordering::SeqCst),
                _ => {}
            }
        }
        if server.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = (client.shutdown(std::net::Shutdown::Both), server.shutdown(std::net::Shutdown::Both));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_read_back() {
    let server = Postgres::shared();
    let relay = Relay::before(&server.by_socket(&server.database(Path::new("/"))));
    let db = Db::connect(&relay.settings, "sit_one", &[STEPS]).await.unwrap();
    let plans = [
        (5, PASS, true),
        (9, DROP_ITS_ANSWER, true),
        (12, DROP_IT, false),
        (11, DROP_ITS_ANSWER, true),
        (14, HOLD_IT, true),
    ];
    for (position, plan, kept) in plans {
        let before = db.watermark();
        let tx = db.begin(position).await.unwrap();
        tx.execute_unprepared(&format!("INSERT INTO canary_cage (id) VALUES ({position})")).await.unwrap();
        relay.plan.store(plan, Ordering::SeqCst);
        let done = tx.commit().await;
        assert_eq!(relay.plan.load(Ordering::SeqCst), PASS, "the relay saw the commit");
        let there =
            crate::number(&db, &format!("SELECT count(*) FROM canary_cage WHERE id = {position}")).await;
        assert_eq!(there == 1, kept, "{position}");
        match kept {
            true => done.unwrap(),
            false => assert!(matches!(done, Err(Error::Away(_))), "{done:?}"),
        }
        assert_eq!(db.watermark(), if kept { Some(position) } else { before }, "{position}");
    }
    db.begin(15).await.unwrap().commit().await.unwrap();
}

#[tokio::test]
async fn what_was_committed_does_not_wait_for_a_slow_vacuum() {
    let (name, settings) = fresh();
    // Each page that is looked at costs a pause.
    let slow = format!("ALTER ROLE sequestra IN DATABASE {name} SET vacuum_cost");
    for setting in ["limit = 1", "delay = '20ms'"] {
        Postgres::shared().ask("postgres", &format!("{slow}_{setting}"));
    }
    let db = open(&Server { statement_seconds: 1, ..settings }).await.unwrap();
    assert_eq!(db.limits().len(), 1, "{:?}", db.limits());
    let long = db.reader().execute_unprepared("VACUUM").await.map_err(Error::from);
    assert!(matches!(long, Err(Error::Slow(_))), "it takes longer than a statement may: {long:?}");
    db.forget_deleted().await.unwrap();
    assert!(db.limits()[1].contains("VACUUM"), "it goes on, and that is said");
    db.begin(1).await.unwrap().commit().await.unwrap();
    for _ in 0..900 {
        if db.limits().len() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it comes to its end");
}
