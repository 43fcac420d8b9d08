//! The end of the process, which waits for files that are being closed.
//!
//! SQLCipher and libcrypto free what they share when the process exits, also while a connection's
//! thread is still closing its file: the process then ends by SIGSEGV with its work done, and
//! whoever reads exit codes takes it for failed. A connection that is idle touches nothing, so only
//! those whose [`Db`](crate::Db) was dropped are waited for.

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The name of the threads that hold connections; the kernel keeps 15 bytes of a name.
pub const THREAD: &str = "sequestra-db";

/// Closing writes the log back and flushes, which a busy disk makes slow.
const LONGEST: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(2);

static HELD: AtomicUsize = AtomicUsize::new(0);

/// A database that somebody still holds.
pub struct Held(());

impl Held {
    pub fn new() -> Self {
        HELD.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Call it when a connection was made or refused: what registers later with the C library runs earlier
/// at exit, and this has to run before the cleaning of SQLCipher and libcrypto.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(register);
}

#[expect(unsafe_code, reason = "what runs when the process exits is given to the C library as a pointer")]
fn register() {
    // SAFETY: the function lives as long as the program, takes nothing and does not unwind. If there is no
    // room for it, the exit is as it would be without.
    unsafe { libc::atexit(wait) };
}

extern "C" fn wait() {
    let mut waited = Duration::ZERO;
    while threads() > HELD.load(Ordering::SeqCst) && waited < LONGEST {
        std::thread::sleep(LOOK);
        waited += LOOK;
    }
}

/// Threads with a connection in this process.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.trim_end() == THREAD).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Db, DbKey};
    use sea_orm::ConnectionTrait;

    const CHILD: &str = "SEQUESTRA_DB_EXIT";
    const NAME: &str = "exit::tests::a_process_that_drops_its_databases_ends_in_peace";

    /// Opens databases, drops them with much to write back, and exits; the parent looks how it ended.
    #[test]
    fn a_process_that_drops_its_databases_ends_in_peace() {
        if let Some(folder) = std::env::var_os(CHILD) {
            exit_at_once(std::path::Path::new(&folder));
        }
        let folder = tempfile::tempdir().unwrap();
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME])
            .env(CHILD, folder.path())
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(7), "{status}");
    }

    fn exit_at_once(folder: &std::path::Path) -> ! {
        linger();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let dbs: Vec<Db> = (0..4).map(|n| runtime.block_on(full(&folder.join(format!("{n}.db"))))).collect();
        assert!(threads() >= 4, "the threads carry the name that is looked for");
        drop((dbs, runtime));
        std::process::exit(7);
    }

    /// A database that has much to write back when it is closed.
    async fn full(path: &std::path::Path) -> Db {
        let db = Db::open(path, &DbKey::new([7; 32]), &[]).await.unwrap();
        let tx = db.begin(1).await.unwrap();
        let rows = "CREATE TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
                    SELECT i, randomblob(50) AS b FROM n";
        tx.execute_unprepared(rows).await.unwrap();
        tx.commit().await.unwrap();
        db
    }

    /// Keeps the process at its end for a moment after everything else ran there: what is registered first
    /// runs last. A connection's thread that works on by then meets what was freed.
    #[expect(unsafe_code, reason = "as above")]
    fn linger() {
        extern "C" fn sleep() {
            std::thread::sleep(Duration::from_millis(300));
        }
        // SAFETY: as above.
        unsafe { libc::atexit(sleep) };
    }
}
