use super::*;
use proptest::prelude::*;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const NOW: Duration = seconds(1_000_000);

/// An authority that does what the row says of its orders.
fn steps(order: &mut Order, now: &mut Duration, statuses: &[OrderStatus]) -> Vec<(usize, Step)> {
    let mut statuses = statuses.iter().copied();
    let mut taken = Vec::new();
    while let Some((due, _)) = order.poll_timeout() {
        *now = due.max(*now);
        let Some((at, step)) = order.poll_step(*now) else { break };
        taken.push((at, step));
        let done = match step {
            Step::MakeAccountKey => Done::AccountKeyMade,
            Step::OpenAccount => Done::AccountOpened,
            Step::MakeKey => Done::KeyMade,
            Step::PlaceOrder => Done::OrderPlaced,
            Step::Look => match statuses.next() {
                Some(status) => Done::Seen(status),
                None => break,
            },
            Step::Prove => Done::Proved,
            Step::Finalize => Done::Finalized,
            Step::Download => Done::Stored,
        };
        order.handle_done(*now, done);
    }
    taken
}

#[test]
fn from_whatever_is_kept() {
    use OrderStatus::{Pending, Processing, Ready, Valid};
    use Step::{Download, Finalize, Look, MakeAccountKey, MakeKey, OpenAccount, PlaceOrder, Prove};
    let whole = [Pending, Pending, Ready, Processing, Valid];
    let rows: [(&str, Kept, &[OrderStatus], &[Step]); 9] = [
        (
            "from nothing",
            Kept::Nothing,
            &whole,
            &[
                MakeAccountKey,
                OpenAccount,
                MakeKey,
                PlaceOrder,
                Look,
                Prove,
                Look,
                Look,
                Finalize,
                Look,
                Look,
                Download,
            ],
        ),
        (
            "killed after the account's key was stored",
            Kept::AccountKey,
            &[Ready, Valid],
            &[OpenAccount, MakeKey, PlaceOrder, Look, Finalize, Look, Download],
        ),
        (
            "with an account",
            Kept::Account,
            &[Ready, Valid],
            &[MakeKey, PlaceOrder, Look, Finalize, Look, Download],
        ),
        (
            "killed before the order",
            Kept::Key,
            &[Pending, Ready, Valid],
            &[PlaceOrder, Look, Prove, Look, Finalize, Look, Download],
        ),
        (
            "killed after the order was placed",
            Kept::Order,
            &[Pending, Ready, Valid],
            &[Look, Prove, Look, Finalize, Look, Download],
        ),
        (
            "killed while the authority asked",
            Kept::Order,
            &[Pending, Pending, Ready, Valid],
            &[Look, Prove, Look, Look, Finalize, Look, Download],
        ),
        (
            "killed when all was proved",
            Kept::Order,
            &[Ready, Valid],
            &[Look, Finalize, Look, Download],
        ),
        (
            "killed after it was finalized",
            Kept::Order,
            &[Processing, Valid],
            &[Look, Look, Download],
        ),
        ("killed before the chain was stored", Kept::Order, &[Valid], &[Look, Download]),
    ];
    for (name, kept, statuses, expected) in rows {
        let mut order = Order::new(vec![Line::resumed(kept, Standing::default())]);
        let taken: Vec<Step> = steps(&mut order, &mut NOW.clone(), statuses)
            .into_iter()
            .map(|(_, step)| step)
            .collect();
        assert_eq!(taken, expected, "{name}");
        assert_eq!(order.poll_timeout(), None, "{name}: it is done");
    }
}

#[test]
fn what_a_failure_comes_to() {
    let day = seconds(86_400);
    let told = |seconds| Some(Duration::from_secs(seconds));
    let rows = [
        ("a nonce", Failure::BadNonce, Kept::Order, seconds(1), false),
        ("no answer", Failure::Unreachable { retry_after: None }, Kept::Order, seconds(60), false),
        (
            "down for an hour",
            Failure::Unreachable { retry_after: told(3600) },
            Kept::Order,
            seconds(3600),
            false,
        ),
        ("too often", Failure::RateLimited { retry_after: None }, Kept::Order, seconds(3600), true),
        (
            "too often, with a time",
            Failure::RateLimited { retry_after: told(200_000) },
            Kept::Order,
            seconds(200_000),
            true,
        ),
        (
            "too often, with a nonsense",
            Failure::RateLimited { retry_after: told(u64::MAX) },
            Kept::Order,
            7 * day,
            true,
        ),
        ("not convinced", Failure::NotProved, Kept::Account, seconds(1200), true),
        ("a lost order", Failure::OrderLost, Kept::Account, seconds(5), false),
        ("a lost account", Failure::AccountLost, Kept::AccountKey, seconds(5), false),
        ("no", Failure::Declined, Kept::Account, seconds(6 * 3600), true),
        ("slow", Failure::Slow, Kept::Order, seconds(300), true),
        ("we said no", Failure::NotReady, Kept::Order, seconds(60), true),
        ("a full disk", Failure::Ours, Kept::Order, seconds(10), false),
    ];
    for (name, failure, kept, delay, fallback) in rows {
        let lines = vec![Line::resumed(Kept::Order, Standing::default()), Line::default()];
        let mut order = Order::new(lines);
        assert_eq!(order.poll_step(NOW), Some((0, Step::Look)), "{name}");
        order.handle_failed(NOW, failure, 0);
        let line = order.lines()[0];
        assert_eq!((line.kept, line.standing.due), (kept, NOW + delay), "{name}");
        let next = order.poll_step(NOW).map(|(at, _)| at);
        assert_eq!(next, fallback.then_some(1), "{name}: the next authority");
        if !fallback {
            assert_eq!(order.poll_timeout(), Some((NOW + delay, Why::Again(failure))), "{name}");
        }
    }
}

#[test]
fn an_authority_that_stays_silent_is_passed_over_and_comes_back() {
    let silent = Failure::Unreachable { retry_after: None };
    let mut order = Order::new(vec![Line::default(); 2]);
    let mut now = NOW;
    let mut asked = Vec::new();
    for _ in 0..7 {
        now = order.poll_timeout().map_or(now, |(due, _)| due.max(now));
        let (at, _) = order.poll_step(now).expect("it is due");
        asked.push(at);
        order.handle_failed(now, silent, 0);
    }
    assert_eq!(asked, [0, 0, 0, 1, 1, 1, 0]);
}

#[test]
fn a_person_may_ask_again_but_not_against_a_limit() {
    let rows = [
        ("not convinced", Failure::NotProved, true),
        ("no", Failure::Declined, true),
        ("too often", Failure::RateLimited { retry_after: None }, false),
    ];
    for (name, failure, at_once) in rows {
        let mut order = Order::new(vec![Line::default()]);
        order.poll_step(NOW);
        order.handle_failed(NOW, failure, 0);
        order.handle_asked();
        assert_eq!(order.poll_step(NOW).is_some(), at_once, "{name}");
    }
}

#[test]
fn an_authority_that_is_at_work_for_ever_is_overdue() {
    let mut order = Order::new(vec![Line::resumed(Kept::Order, Standing::default())]);
    let statuses = [OrderStatus::Processing; 40];
    let mut now = NOW;
    steps(&mut order, &mut now, &statuses);
    assert!(order.is_overdue());
    assert!((seconds(240)..seconds(900)).contains(&(now - NOW)), "{:?}", now - NOW);
}

proptest! {
    /// Five failed validations of a name in an hour are what Let's Encrypt allows.
    #[test]
    fn no_window_is_burnt(draws in prop::collection::vec(any::<u64>(), 40)) {
        let mut order = Order::new(vec![Line::default()]);
        let mut failed = Vec::new();
        let mut now = NOW;
        for draw in draws {
            now = order.poll_timeout().map_or(now, |(due, _)| due.max(now));
            prop_assert!(order.poll_step(now).is_some());
            order.handle_failed(now, Failure::NotProved, draw);
            failed.push(now);
        }
        for window in failed.windows(5) {
            prop_assert!(window[4] - window[0] >= seconds(3600));
        }
    }

    /// Whatever happens, there is a next time until it is done, and it is never before it is due.
    #[test]
    fn it_never_stops(choices in prop::collection::vec((0u8..14, any::<u64>()), 1..200), lines in 1usize..4) {
        let mut order = Order::new(vec![Line::default(); lines]);
        let mut now = NOW;
        for (choice, draw) in choices {
            let Some((due, _)) = order.poll_timeout() else { break };
            if due > now {
                prop_assert!(order.poll_step(now).is_none());
            }
            now = due.max(now);
            let Some((_, step)) = order.poll_step(now) else {
                return Err(TestCaseError::fail("nothing to do when it is due"));
            };
            prop_assert!(order.poll_timeout().is_none());
            let failures = [
                Failure::BadNonce,
                Failure::Unreachable { retry_after: None },
                Failure::RateLimited { retry_after: Some(seconds(draw % 10_000)) },
                Failure::NotProved,
                Failure::OrderLost,
                Failure::AccountLost,
                Failure::Declined,
                Failure::NotReady,
                Failure::Ours,
            ];
            match failures.get(usize::from(choice)) {
                Some(failure) => {
                    order.handle_failed(now, *failure, draw);
                    let (due, _) = order.poll_timeout().expect("a next time");
                    prop_assert!(due <= now + seconds(10 * 86_400));
                }
                None => {
                    let status = [OrderStatus::Pending, OrderStatus::Ready, OrderStatus::Processing][(draw % 3) as usize];
                    let done = match step {
                        Step::MakeAccountKey => Done::AccountKeyMade,
                        Step::OpenAccount => Done::AccountOpened,
                        Step::MakeKey => Done::KeyMade,
                        Step::PlaceOrder => Done::OrderPlaced,
                        Step::Look => Done::Seen(status),
                        Step::Prove => Done::Proved,
                        Step::Finalize => Done::Finalized,
                        Step::Download => Done::Stored,
                    };
                    order.handle_done(now, done);
                }
            }
        }
    }
}
