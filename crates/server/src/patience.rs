//! How long the other side is waited for.

use base::Clock;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// Bytes that count as progress. One byte a minute is none.
const PROGRESS: u64 = 8 << 10;

/// Patience with one side: it ends when so much time was waited since the last progress. What this side takes
/// for itself does not count.
pub struct Patience {
    clock: Arc<dyn Clock>,
    limit: Duration,
    waited: Duration,
    moved: u64,
    /// Since when it is waited for, and what wakes at the end.
    waiting: Option<(Duration, Pin<Box<Sleep>>)>,
}

impl Patience {
    pub fn of(limit: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { clock, limit, waited: Duration::ZERO, moved: 0, waiting: None }
    }

    /// The other side moved so many bytes.
    pub fn moved(&mut self, bytes: u64) {
        if let Some((since, _)) = self.waiting.take() {
            self.waited = self.waited.saturating_add(self.clock.monotonic().saturating_sub(since));
        }
        self.moved = self.moved.saturating_add(bytes);
        if self.moved >= PROGRESS {
            (self.moved, self.waited) = (0, Duration::ZERO);
        }
    }

    /// Nothing is left that it has to move.
    pub fn done(&mut self) {
        (self.waiting, self.waited, self.moved) = (None, Duration::ZERO, 0);
    }

    /// The other side did nothing: ready when patience is at its end.
    pub fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Self { clock, limit, waited, waiting, .. } = self;
        let (_, end) = waiting
            .get_or_insert_with(|| (clock.monotonic(), Box::pin(sleep(limit.saturating_sub(*waited)))));
        end.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SystemClock;
    use std::future::poll_fn;

    const LIMIT: Duration = Duration::from_millis(60);

    fn patience() -> Patience {
        Patience::of(LIMIT, Arc::new(SystemClock::default()))
    }

    /// How many pieces of `bytes` come, each after `apart`, before patience ends; 20 at most.
    async fn pieces(bytes: u64, apart: Duration) -> usize {
        let mut patience = patience();
        for number in 0..20 {
            tokio::select! {
                () = poll_fn(|context| patience.poll_end(context)) => return number,
                () = tokio::time::sleep(apart) => {}
            }
            patience.moved(bytes);
        }
        20
    }

    #[tokio::test]
    async fn a_trickle_is_no_progress() {
        assert!(pieces(1, Duration::from_millis(10)).await < 10);
        assert_eq!(pieces(PROGRESS, Duration::from_millis(500)).await, 0);
        // Slow, and moving: each piece begins anew. A quarter of the limit, since the machine may be busy.
        assert!(pieces(PROGRESS, Duration::from_millis(1)).await > 6);
    }

    #[tokio::test]
    async fn what_this_side_takes_does_not_count() {
        let mut patience = patience();
        for _ in 0..3 {
            let ended = poll_fn(|context| Poll::Ready(patience.poll_end(context).is_ready())).await;
            assert!(!ended);
            patience.moved(1);
            tokio::time::sleep(LIMIT).await;
        }
    }
}
