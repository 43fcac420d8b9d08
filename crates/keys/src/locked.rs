//! Keys in memory that the kernel keeps out of swap.
//!
//! Pages of slots of 32 bytes, each page locked with `mlock` when it is made. A slot is wiped when its key is
//! dropped; its page stays for the next one. Where the kernel refuses to lock more (RLIMIT_MEMLOCK), keys lie
//! in ordinary memory and [`all_locked`] says so, which `site status` tells. What a cipher makes of a key while
//! it works (its key schedule, a copy on the stack that is wiped after use) is not covered.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::{Zeroize, Zeroizing};

const PAGE: usize = 4096;
const KEY: usize = 32;

#[repr(C, align(4096))]
struct Page([[u8; KEY]; PAGE / KEY]);

struct Slab {
    page: Box<Page>,
    taken: [bool; PAGE / KEY],
    locked: bool,
}

static SLABS: Mutex<Vec<Slab>> = Mutex::new(Vec::new());

/// Thirty-two secret bytes. Wiped when dropped.
pub struct Locked {
    slab: usize,
    slot: usize,
}

/// Whether the whole process is locked into memory.
static WHOLE: AtomicBool = AtomicBool::new(false);

/// Locks all of the process into memory, present and future, where the machine sets no limit to it: session
/// keys, seeds, key schedules and what people typed then never reach swap. Where there is a limit it is not
/// tried, since a later allocation would fail at it; [`is_whole`] says which it was.
pub fn lock_process() {
    use rustix::mm::{MlockAllFlags, mlockall};
    use rustix::process::{Resource, getrlimit};
    let unlimited = getrlimit(Resource::Memlock).current.is_none() || may_lock_any();
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    let locked = unlimited && mlockall(flags).is_ok();
    WHOLE.store(locked, Ordering::Relaxed);
}

/// Whether [`lock_process`] locked everything.
pub fn is_whole() -> bool {
    WHOLE.load(Ordering::Relaxed)
}

/// Whether no limit holds for us: CAP_IPC_LOCK.
fn may_lock_any() -> bool {
    let own = rustix::thread::capabilities(None);
    own.is_ok_and(|own| own.effective.contains(rustix::thread::CapabilitySet::IPC_LOCK))
}

/// Whether every page that holds keys is locked into memory.
pub fn all_locked() -> bool {
    slabs().iter().all(|slab| slab.locked)
}

impl Locked {
    /// Keeps `bytes`, and leaves the caller's copy to the caller.
    pub fn new(bytes: &[u8; KEY]) -> Self {
        let mut slabs = slabs();
        let free = slabs.iter().position(|slab| slab.taken.contains(&false));
        let at = free.unwrap_or_else(|| {
            slabs.push(Slab::new());
            slabs.len() - 1
        });
        let mut slot = 0;
        if let Some(slab) = slabs.get_mut(at) {
            slot = slab.taken.iter().position(|taken| !taken).unwrap_or_default();
            if let (Some(taken), Some(place)) = (slab.taken.get_mut(slot), slab.page.0.get_mut(slot)) {
                *taken = true;
                place.copy_from_slice(bytes);
            }
        }
        Self { slab: at, slot }
    }

    /// A copy that is wiped when it is dropped.
    pub fn copy(&self) -> Zeroizing<[u8; KEY]> {
        let slabs = slabs();
        let mut copy = Zeroizing::new([0; KEY]);
        if let Some(place) = slabs.get(self.slab).and_then(|slab| slab.page.0.get(self.slot)) {
            copy.copy_from_slice(place);
        }
        copy
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let mut slabs = slabs();
        let Some(slab) = slabs.get_mut(self.slab) else { return };
        if let (Some(taken), Some(place)) = (slab.taken.get_mut(self.slot), slab.page.0.get_mut(self.slot)) {
            place.zeroize();
            *taken = false;
        }
    }
}

impl Slab {
    fn new() -> Self {
        let page = Box::new(Page([[0; KEY]; PAGE / KEY]));
        let locked = lock(&page);
        Self { page, taken: [false; PAGE / KEY], locked }
    }
}

#[expect(unsafe_code, reason = "locking a page is a call with an address")]
fn lock(page: &Page) -> bool {
    let address = std::ptr::from_ref(page).cast_mut().cast();
    // SAFETY: the page is ours, aligned, and lives as long as the program: slabs are never dropped. Locking
    // does not write to it.
    unsafe { rustix::mm::mlock(address, PAGE) }.is_ok()
}

fn slabs() -> MutexGuard<'static, Vec<Slab>> {
    SLABS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_and_their_places_are_wiped() {
        let keys: Vec<([u8; KEY], Locked)> = (0..300u32)
            .map(|number| {
                let mut bytes = [7; KEY];
                bytes[..4].copy_from_slice(&number.to_be_bytes());
                (bytes, Locked::new(&bytes))
            })
            .collect();
        assert!(keys.iter().all(|(bytes, key)| *key.copy() == *bytes));
        let place = (keys[7].1.slab, keys[7].1.slot);
        let wiped = |place: (usize, usize)| slabs()[place.0].page.0[place.1] == [0; KEY];
        assert!(!wiped(place));
        let (_, key) = keys.into_iter().nth(7).unwrap();
        drop(key);
        // Another test may have taken the place since: then it holds a key that is not ours.
        assert!(wiped(place) || slabs()[place.0].page.0[place.1][4..] != [7; 28]);
    }

    #[test]
    fn the_kernel_says_that_they_are_locked() {
        let _key = Locked::new(&[1; KEY]);
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmLck:")).unwrap();
        let locked: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert_eq!(all_locked(), locked > 0, "{line}");
        // Where the limit leaves room for the pages of all tests here, a refusal is no reason.
        let limit = rustix::process::getrlimit(rustix::process::Resource::Memlock).current;
        let allowed = may_lock_any() || limit.is_none_or(|bytes| bytes >= 1 << 20);
        assert!(!allowed || all_locked(), "not locked under a limit of {limit:?} bytes");
    }
}
