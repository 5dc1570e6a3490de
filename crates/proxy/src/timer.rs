//! The timers of a core's connections.
//!
//! A connection's deadline moves on nearly every read but is hardly ever reached. So it is a number
//! in a table: moving it is a store, asking for it is a load, and one task of the core looks through
//! the table when the earliest may be due. An idle connection costs it eight bytes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use net::clock::Clock;
use tokio::sync::Notify;

/// Milliseconds of the core's clock.
pub type Deadline = u64;

/// A deadline that has passed.
const PASSED: Deadline = 0;
/// A deadline that nobody waits for.
const NEVER: Deadline = Deadline::MAX;
/// The table is looked through at most so often.
const GRAIN_MILLIS: u64 = 20;
/// And at least so often: a guard against arithmetic that would wait for ages.
const LOOK_MILLIS_MAX: u64 = 60_000;

/// The table of one core.
#[derive(Default)]
pub struct Deadlines {
    slots: RefCell<Slots>,
    /// When the table will be looked through next.
    next: Cell<Deadline>,
    earlier: Notify,
}

#[derive(Default)]
struct Slots {
    due: Vec<Deadline>,
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Deadlines {
    /// Wakes whoever is due; answers the earliest deadline that is left.
    fn sweep(&self, now: Deadline) -> Deadline {
        let mut earliest = NEVER;
        let mut passed = Vec::new();
        {
            let slots = &mut *self.slots.borrow_mut();
            for (due, waker) in slots.due.iter_mut().zip(&slots.wakers) {
                if *due > now {
                    earliest = earliest.min(*due);
                } else if *due != PASSED {
                    *due = PASSED;
                    passed.extend(waker.clone());
                }
            }
        }
        passed.into_iter().for_each(Waker::wake);
        earliest
    }

    /// Looks through the table for as long as the core runs.
    pub async fn keep(&self, clock: &Clock) {
        loop {
            clock.now();
            let now = clock.recent_millis();
            let earliest = self.sweep(now);
            self.next.set(earliest.clamp(now + GRAIN_MILLIS, now + LOOK_MILLIS_MAX));
            loop {
                let next = clock.at_millis(self.next.get());
                tokio::select! {
                    () = tokio::time::sleep_until(next.into()) => break,
                    () = self.earlier.notified() => {}
                }
            }
        }
    }

    /// Wakes every connection, so that it sees what has changed.
    pub fn wake_all(&self) {
        // Waking may run nothing now, but must not be done while the table is borrowed.
        let wakers: Vec<Waker> = self.slots.borrow().wakers.iter().flatten().cloned().collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    fn insert(&self, due: Deadline) -> usize {
        let slots = &mut *self.slots.borrow_mut();
        let at = slots.free.pop().unwrap_or_else(|| {
            slots.due.push(NEVER);
            slots.wakers.push(None);
            slots.due.len() - 1
        });
        slots.due[at] = due;
        at
    }

    fn remove(&self, at: usize) {
        let slots = &mut *self.slots.borrow_mut();
        slots.due[at] = NEVER;
        slots.wakers[at] = None;
        slots.free.push(at);
    }
}

/// The one timer of a connection. It belongs to the task that polled it first.
pub struct Timer {
    deadlines: Rc<Deadlines>,
    slot: usize,
    registered: bool,
}

impl Timer {
    pub fn new(deadlines: &Rc<Deadlines>, deadline: Deadline) -> Self {
        let slot = deadlines.insert(NEVER);
        let timer = Timer { deadlines: Rc::clone(deadlines), slot, registered: false };
        timer.set(deadline);
        timer
    }

    pub fn set(&self, deadline: Deadline) {
        self.deadlines.slots.borrow_mut().due[self.slot] = deadline.max(PASSED + 1);
        if deadline < self.deadlines.next.get() {
            self.deadlines.next.set(deadline);
            self.deadlines.earlier.notify_one();
        }
    }

    /// Lets the timer and [`Deadlines::wake_all`] wake this task.
    pub fn register(&mut self, cx: &Context<'_>) {
        if !self.registered {
            self.registered = true;
            self.deadlines.slots.borrow_mut().wakers[self.slot] = Some(cx.waker().clone());
        }
    }

    pub fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.register(cx);
        match self.deadlines.slots.borrow().due[self.slot] {
            PASSED => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.deadlines.remove(self.slot);
    }
}

/// A duration in the unit of [`Deadline`], short of overflow.
pub fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_due_are_woken_once() {
        let deadlines = Rc::new(Deadlines::default());
        let mut timers: Vec<Timer> =
            [30, 10, 20].into_iter().map(|due| Timer::new(&deadlines, due)).collect();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(timers.iter_mut().all(|timer| timer.poll_expired(&mut cx).is_pending()));
        assert_eq!(deadlines.sweep(15), 20);
        let expired: Vec<bool> =
            timers.iter_mut().map(|timer| timer.poll_expired(&mut cx).is_ready()).collect();
        assert_eq!(expired, [false, true, false]);
        // Moved before it is due, and set again after it has passed.
        timers[2].set(40);
        timers[1].set(50);
        assert_eq!(deadlines.sweep(30), 40);
        assert!(timers[0].poll_expired(&mut cx).is_ready());
        assert!(timers[1].poll_expired(&mut cx).is_pending());
        drop(timers);
        assert_eq!(deadlines.sweep(1000), NEVER);
        let again = Timer::new(&deadlines, 2000);
        assert!(again.slot < 3, "slots are used again");
    }

    #[tokio::test]
    async fn an_earlier_deadline_is_kept_although_a_later_one_was_waited_for() {
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let deadlines = Rc::new(Deadlines::default());
                let clock = Clock::new();
                let mut late = Timer::new(&deadlines, 50_000);
                let keeper = Rc::clone(&deadlines);
                tokio::task::spawn_local(async move { keeper.keep(&clock).await });
                tokio::task::yield_now().await;
                let mut early = Timer::new(&deadlines, 30);
                std::future::poll_fn(|cx| early.poll_expired(cx)).await;
                let mut cx = Context::from_waker(Waker::noop());
                assert!(late.poll_expired(&mut cx).is_pending());
            })
            .await;
    }
}
