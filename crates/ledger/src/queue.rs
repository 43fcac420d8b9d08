//! The bounded queue before the committer. Full means wait, never drop.

use crate::entry::Entry;
use crate::log::Committed;
use crate::shared::lock;
use crate::{Error, Result};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError, mpsc};
use tokio::sync::{Notify, oneshot};

/// Who wants to hear of the commit.
pub(crate) enum Waiter {
    None,
    Task(oneshot::Sender<Result<Committed>>),
    Thread(mpsc::Sender<Result<Committed>>),
}

impl Waiter {
    pub(crate) fn answer(self, result: Result<Committed>) {
        // A caller that went away does not need the answer; the event stays committed.
        match self {
            Self::None => {}
            Self::Task(to) => drop(to.send(result)),
            Self::Thread(to) => drop(to.send(result)),
        }
    }
}

pub(crate) struct Pending {
    pub entry: Entry,
    pub waiter: Waiter,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Pending>,
    bytes: usize,
    /// Set once: why nothing more is taken.
    ended: Option<Error>,
}

pub(crate) struct Queue {
    inner: Mutex<Inner>,
    entries: usize,
    bytes: usize,
    arrived: Condvar,
    room: Condvar,
    room_for_tasks: Notify,
}

impl Queue {
    pub(crate) fn new(entries: usize, bytes: usize) -> Self {
        Self {
            inner: Mutex::default(),
            entries,
            bytes,
            arrived: Condvar::new(),
            room: Condvar::new(),
            room_for_tasks: Notify::new(),
        }
    }

    /// Puts an event into the queue; waits for room without blocking the thread.
    pub(crate) async fn push(&self, mut pending: Pending) -> Result<()> {
        loop {
            let room = self.room_for_tasks.notified();
            tokio::pin!(room);
            // Registered before looking, so that room made in between is not missed.
            room.as_mut().enable();
            match self.try_push(pending)? {
                None => return Ok(()),
                Some(back) => pending = back,
            }
            room.await;
        }
    }

    /// As [`Queue::push`], blocking the thread.
    pub(crate) fn push_blocking(&self, pending: Pending) -> Result<()> {
        let mut inner = lock(&self.inner);
        while inner.ended.is_none() && self.is_full(&inner, &pending) {
            inner = self.room.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        self.put(&mut inner, pending)
    }

    fn try_push(&self, pending: Pending) -> Result<Option<Pending>> {
        let mut inner = lock(&self.inner);
        if inner.ended.is_none() && self.is_full(&inner, &pending) {
            return Ok(Some(pending));
        }
        self.put(&mut inner, pending).map(|()| None)
    }

    fn is_full(&self, inner: &Inner, pending: &Pending) -> bool {
        let bytes = inner.bytes.saturating_add(pending.entry.longest_leaf());
        !inner.waiting.is_empty() && (inner.waiting.len() >= self.entries || bytes > self.bytes)
    }

    fn put(&self, inner: &mut Inner, pending: Pending) -> Result<()> {
        if let Some(error) = &inner.ended {
            return Err(error.clone());
        }
        inner.bytes = inner.bytes.saturating_add(pending.entry.longest_leaf());
        inner.waiting.push_back(pending);
        if inner.waiting.len() == 1 {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Moves what has arrived into `batch`, oldest first, up to the limits; waits for the first.
    /// `false`: the queue has ended and is empty.
    pub(crate) fn take(&self, batch: &mut Vec<Pending>, entries: usize, bytes: usize) -> bool {
        let mut inner = lock(&self.inner);
        while inner.waiting.is_empty() {
            if inner.ended.is_some() {
                return false;
            }
            inner = self.arrived.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        let mut taken = 0usize;
        while batch.len() < entries {
            let Some(size) = inner.waiting.front().map(|pending| pending.entry.longest_leaf()) else { break };
            if !batch.is_empty() && taken.saturating_add(size) > bytes {
                break;
            }
            batch.extend(inner.waiting.pop_front());
            taken = taken.saturating_add(size);
        }
        inner.bytes = inner.bytes.saturating_sub(taken);
        drop(inner);
        self.room.notify_all();
        self.room_for_tasks.notify_waiters();
        true
    }

    /// Takes nothing more; what waits is still committed.
    pub(crate) fn close(&self) {
        let mut inner = lock(&self.inner);
        inner.ended.get_or_insert(Error::Closed);
        drop(inner);
        self.wake_all();
    }

    /// Takes nothing more; what waits fails with `error`.
    pub(crate) fn end(&self, error: Error) {
        let mut inner = lock(&self.inner);
        inner.ended = Some(error.clone());
        let waiting = std::mem::take(&mut inner.waiting);
        inner.bytes = 0;
        drop(inner);
        for pending in waiting {
            pending.waiter.answer(Err(error.clone()));
        }
        self.wake_all();
    }

    /// Why nothing more is taken, if so.
    pub(crate) fn ended(&self) -> Option<Error> {
        lock(&self.inner).ended.clone()
    }

    fn wake_all(&self) {
        self.arrived.notify_all();
        self.room.notify_all();
        self.room_for_tasks.notify_waiters();
    }
}
