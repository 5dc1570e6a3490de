//! The one timer of a connection.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::Sleep;

/// A deadline that is moved on nearly every read but hardly ever reached: moving it later costs a
/// store, and the runtime's timer is only touched when it fires early or has to fire sooner.
pub struct Timer {
    sleep: Pin<Box<Sleep>>,
    deadline: Instant,
    armed: Instant,
}

impl Timer {
    pub fn new(deadline: Instant) -> Self {
        let sleep = Box::pin(tokio::time::sleep_until(deadline.into()));
        Timer { sleep, deadline, armed: deadline }
    }

    pub fn set(&mut self, deadline: Instant) {
        self.deadline = deadline;
        if deadline < self.armed {
            self.armed = deadline;
            self.sleep.as_mut().reset(deadline.into());
        }
    }

    pub fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.sleep.as_mut().poll(cx).is_ready() {
            if self.armed >= self.deadline {
                return Poll::Ready(());
            }
            self.armed = self.deadline;
            self.sleep.as_mut().reset(self.deadline.into());
        }
        Poll::Pending
    }
}
