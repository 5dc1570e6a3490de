//! Explanations, each on a thread of its own: probes, reloads and `status` do not wait for a long one.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::client::Declined;

/// So many at once: each takes a thread and, at worst, a second of it.
pub const EXPLANATIONS_MAX: usize = 4;

/// Who explains at the moment.
#[derive(Debug, Default)]
pub struct Explainers {
    /// Everybody at work has it too.
    places: Arc<()>,
}

impl Explainers {
    /// Sends what `explain` says when it says it; whoever comes when all are at work is told to come
    /// again.
    pub fn explain(
        &self,
        answer: oneshot::Sender<Vec<u8>>,
        explain: impl FnOnce() -> Vec<u8> + Send + 'static,
    ) {
        if Arc::strong_count(&self.places) > EXPLANATIONS_MAX {
            let declined = Declined { declined: "busy".to_owned() };
            let _ = answer.send(serde_json::to_vec(&declined).unwrap_or_default());
            return;
        }
        let place = Arc::clone(&self.places);
        // Without a thread the question ends without an answer, as it does when this one panics.
        let _ = net::core::yielding_alone("explains", move || {
            let said = explain();
            drop(place);
            let _ = answer.send(said);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn long_ones_are_not_waited_for_and_are_not_too_many() {
        let explainers = Explainers::default();
        let ask = |explain: Box<dyn FnOnce() -> Vec<u8> + Send>| {
            let (answer, answered) = oneshot::channel();
            explainers.explain(answer, explain);
            answered
        };
        let long: Vec<_> = (0..EXPLANATIONS_MAX)
            .map(|at| {
                let (go_on, told) = channel::<()>();
                let answered = ask(Box::new(move || {
                    let _ = told.recv();
                    vec![at as u8]
                }));
                (go_on, answered)
            })
            .collect();
        let declined = ask(Box::new(Vec::new)).blocking_recv().unwrap();
        assert_eq!(declined, br#"{"declined":"busy"}"#);
        for (at, (go_on, answered)) in long.into_iter().enumerate() {
            go_on.send(()).unwrap();
            assert_eq!(answered.blocking_recv().unwrap(), [at as u8], "{at}");
        }
        let panics = ask(Box::new(|| panic!("as the test wants it")));
        assert!(panics.blocking_recv().is_err(), "its end is nobody else's");
        for at in 0..EXPLANATIONS_MAX {
            assert_eq!(ask(Box::new(|| b"ok".to_vec())).blocking_recv().unwrap(), b"ok", "{at}");
        }
    }
}
