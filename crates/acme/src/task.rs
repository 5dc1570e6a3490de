//! One certificate for as long as it is wanted: ordered, then renewed, again and again.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use instant_acme::{CertificateIdentifier, Error};
use machine::order::{Failure, Order, Step, Why};
use machine::renewal::{self, Lifetime, Renewal, Urgency, Window};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::guard::{self, Allowed};
use crate::keeper::{Shared, Wake};
use crate::kept::{Issued, Pending};
use crate::state::{LastError, Next, State, order_words, renewal_words, word};
use crate::steps::Errand;
use crate::wanted::{Asked, Wanted};
use crate::words::Trouble;

/// Clocks are stepped and machines sleep: nothing is waited for longer without a look at the time.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(60);
/// While the store cannot be read.
const STORE_PAUSE: Duration = Duration::from_secs(10);

struct Keeping {
    shared: Rc<Shared>,
    wanted: Wanted,
    wake: Rc<Wake>,
    state: Rc<RefCell<State>>,
}

/// Never ends by itself.
pub async fn keep(shared: Rc<Shared>, wanted: Wanted, wake: Rc<Wake>, state: Rc<RefCell<State>>) {
    let keeping = Keeping { shared, wanted, wake, state };
    loop {
        if let Err(trouble) = keeping.round().await {
            keeping.state.borrow_mut().error = Some(LastError::of(&trouble, 1));
            keeping.shared.journal.error(
                "certificate/records-unreadable",
                &[("certificate", &keeping.wanted.name), ("error", &trouble.words)],
            );
            tokio::time::sleep(STORE_PAUSE).await;
        }
    }
}

fn now() -> Duration {
    Duration::from_secs(u64::try_from(net::clock::unix_seconds()).unwrap_or(0))
}

fn draw() -> u64 {
    u64::from_le_bytes(net::random::os_bytes())
}

fn unix(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

impl Keeping {
    /// From the certificate that there is, or from none, to the next one.
    async fn round(&self) -> Result<(), Trouble> {
        let issued = self.shared.records.issued(&self.wanted.name)?;
        let renewal = issued.as_ref().and_then(|issued| self.renewal(issued));
        if let (Some(issued), Some(mut renewal)) = (&issued, renewal.clone()) {
            let as_wanted =
                issued.names == self.wanted.names && issued.key_kind == self.wanted.key.name();
            // An order that was under way before a restart goes on.
            if as_wanted && !self.is_under_way()? {
                self.wait(issued, &mut renewal).await;
                if !self.may_renew(&renewal).await? {
                    return Ok(());
                }
            }
        }
        self.order(issued.as_ref(), renewal.as_ref()).await
    }

    fn is_under_way(&self) -> Result<bool, Trouble> {
        for asked in &self.wanted.asked {
            if self.shared.records.pending(&self.wanted.name, &asked.account)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    // === renewal ===

    fn renewal(&self, issued: &Issued) -> Option<Renewal> {
        let now_unix = net::clock::unix_seconds();
        let (chain, key) = (issued.chain.as_bytes(), issued.key.as_bytes());
        let loaded = tls::Identity::from_pem(&self.wanted.name, chain, key, now_unix).ok()?;
        let facts = &loaded.identity.facts;
        let since_1970 = |unix: i64| Duration::from_secs(u64::try_from(unix).unwrap_or(0));
        let lifetime = Lifetime {
            not_before: since_1970(facts.not_before),
            not_after: since_1970(facts.not_after),
        };
        let asks = self.issuer(issued).is_some();
        Some(Renewal::new(lifetime, steady_draw(&issued.chain), asks, now()))
    }

    fn issuer(&self, issued: &Issued) -> Option<&Asked> {
        self.wanted.asked.iter().find(|asked| asked.authority.name == issued.authority)
    }

    /// Returns when it is time for the next one.
    async fn wait(&self, issued: &Issued, renewal: &mut Renewal) {
        loop {
            self.tell_served(issued, renewal);
            if self.wake.renew.take() {
                return;
            }
            match renewal.due(now()) {
                // What nobody came for is not renewed.
                Some(renewal::Why::Renew) if self.is_unused(renewal) => {
                    self.sleep_until(now() + LOOK_AT_CLOCK).await;
                }
                Some(renewal::Why::Renew) => return,
                Some(renewal::Why::AskWindow) => self.ask_window(issued, renewal).await,
                None => {
                    let (due, _) = renewal.poll_timeout();
                    self.sleep_until(due).await;
                }
            }
        }
    }

    fn is_unused(&self, renewal: &Renewal) -> bool {
        let expired = renewal.urgency(now()) == Urgency::Expired;
        self.wanted.on_demand.is_some() && !expired && !self.wake.used.load(Ordering::Relaxed)
    }

    /// Of a name that a client came for: whether anybody came again, and it is still allowed.
    async fn may_renew(&self, renewal: &Renewal) -> Result<bool, Trouble> {
        let Some(declared) = &self.wanted.on_demand else { return Ok(true) };
        let expired = renewal.urgency(now()) == Urgency::Expired;
        if expired && !self.wake.used.load(Ordering::Relaxed) {
            self.shared.records.forget_issued(&self.wanted.name)?;
            self.shared.lapsed(&self.wanted.name).await;
            return std::future::pending().await;
        }
        let said = self.ask_guard(&declared.ask).await;
        if let Allowed::No(_) = said {
            // Those who come all the same do not keep its place.
            self.wake.used.store(false, Ordering::Relaxed);
        }
        let Some(trouble) = said.trouble() else {
            self.wake.allowed.set(true);
            return Ok(true);
        };
        self.state.borrow_mut().error = Some(LastError::of(&trouble, 1));
        self.shared.failed(&self.wanted.name).await;
        self.sleep_until(now() + LOOK_AT_CLOCK).await;
        Ok(false)
    }

    async fn sleep_until(&self, due: Duration) {
        let pause = due.saturating_sub(now()).min(LOOK_AT_CLOCK);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.wake.notify.notified() => {}
        }
    }

    /// RFC 9773 §4.1.
    async fn ask_window(&self, issued: &Issued, renewal: &mut Renewal) {
        let window = async {
            let asked = self.issuer(issued).ok_or(Error::Unsupported("renewal information"))?;
            let client = self.shared.client(asked).map_err(|trouble| other(&trouble))?;
            let leaf = CertificateDer::from_pem_slice(issued.chain.as_bytes())
                .map_err(|_| Error::Str("no certificate"))?;
            let id =
                CertificateIdentifier::try_from(&leaf).map_err(|_| Error::Str("no identifier"))?;
            let errand = self.errand(asked, &client, None, Pending::default());
            let account = errand.account().await.map_err(|trouble| other(&trouble))?;
            account.renewal_info(&id).await
        };
        match window.await {
            Ok((info, again)) => {
                let time = |at: i64| Duration::from_secs(u64::try_from(at).unwrap_or(0));
                let window = Window {
                    start: time(info.suggested_window.start.unix_timestamp()),
                    end: time(info.suggested_window.end.unix_timestamp()),
                };
                renewal.handle_window(now(), window, Some(again));
            }
            Err(Error::Unsupported(_)) => renewal.handle_not_offered(),
            Err(_) => renewal.handle_no_answer(now()),
        }
    }

    // === order ===

    fn errand<'e>(
        &'e self,
        asked: &'e Asked,
        client: &'e crate::client::Client,
        replaces: Option<&'e str>,
        pending: Pending,
    ) -> Errand<'e> {
        Errand { shared: &self.shared, wanted: &self.wanted, asked, client, replaces, pending }
    }

    async fn order(
        &self,
        before: Option<&Issued>,
        renewal: Option<&Renewal>,
    ) -> Result<(), Trouble> {
        let records = &self.shared.records;
        let (mut lines, mut all) = (Vec::new(), Vec::new());
        for asked in &self.wanted.asked {
            let account = records.account(&asked.account)?;
            let stored = records.pending(&self.wanted.name, &asked.account)?;
            // One for other names is of no use.
            let fits =
                |pending: &Pending| pending.names.is_empty() || pending.names == self.wanted.names;
            let pending = match stored {
                Some(pending) if fits(&pending) => pending,
                Some(_) => {
                    records.forget_pending(&self.wanted.name, &asked.account)?;
                    Pending::default()
                }
                None => Pending::default(),
            };
            lines.push(pending.line(account.as_ref()));
            if let Some(error) = pending.last_error() {
                self.state.borrow_mut().error = Some(error);
            }
            all.push(pending);
        }
        let mut order = Order::new(lines);
        while let Some((due, why)) = order.poll_timeout() {
            self.tell_ordering(renewal, due, why);
            if due > now() {
                self.sleep_until(due).await;
                // Whoever woke us wants it tried: a person, or a reload.
                if due > now() && self.woken() {
                    order.handle_asked();
                }
                continue;
            }
            let overdue = order.is_overdue();
            let Some((at, step)) = order.poll_step(now()) else { continue };
            let (Some(asked), Some(pending)) = (self.wanted.asked.get(at), all.get_mut(at)) else {
                return Err(Trouble::ours("there is no authority to ask"));
            };
            let result = self.step(asked, pending, before, step, overdue).await;
            match result {
                Ok(done) => order.handle_done(now(), done),
                Err(trouble) => {
                    order.handle_failed(now(), trouble.failure, draw());
                    if let Some(line) = order.lines().get(at) {
                        pending.stand(line, &trouble);
                        self.tell_failed(asked, &trouble, line.standing.failures, &order);
                    }
                    records.put_pending(&self.wanted.name, &asked.account, pending)?;
                    if self.wanted.on_demand.is_some() {
                        self.shared.failed(&self.wanted.name).await;
                    }
                }
            }
        }
        self.wake.renew.set(false);
        self.wake.used.store(false, Ordering::Relaxed);
        self.state.borrow_mut().error = None;
        self.shared.journal.info("order/issued", &[("certificate", &self.wanted.name)]);
        self.shared.issued(&self.wanted.name).await;
        Ok(())
    }

    async fn step(
        &self,
        asked: &Asked,
        pending: &mut Pending,
        before: Option<&Issued>,
        step: Step,
        overdue: bool,
    ) -> Result<machine::order::Done, Trouble> {
        if overdue {
            let words = format!("`{}` is at work on the order for too long", asked.authority.name);
            return Err(Trouble::new(Failure::Slow, words));
        }
        if step == Step::PlaceOrder {
            self.is_allowed().await?;
        }
        let _permit = self.shared.at_work.acquire().await;
        let client = self.shared.client(asked)?;
        let replaces = before.filter(|one| one.authority == asked.authority.name);
        let replaces = replaces.map(|one| one.chain.as_str());
        let mut errand = self.errand(asked, &client, replaces, pending.clone());
        let result = errand.carry_out(step).await;
        match &result {
            Err(trouble) if trouble.failure == Failure::AccountLost => errand.forget_account()?,
            Ok(_) | Err(_) => {}
        }
        *pending = errand.pending.clone();
        if let Err(trouble) = &result
            && !matches!(trouble.failure, Failure::Slow | Failure::BadNonce)
        {
            self.shared.withdraw(&self.wanted.name).await;
        }
        result
    }

    /// No order without the guard's word: it holds for one.
    async fn is_allowed(&self) -> Result<(), Trouble> {
        let Some(declared) = &self.wanted.on_demand else { return Ok(()) };
        if self.wake.allowed.take() {
            return Ok(());
        }
        self.ask_guard(&declared.ask).await.trouble().map_or(Ok(()), Err)
    }

    async fn ask_guard(&self, ask: &model::Url) -> Allowed {
        let host = self.wanted.names.first().map_or("", String::as_str);
        guard::ask(ask, host).await
    }

    /// Whether it was more than the clock.
    fn woken(&self) -> bool {
        self.wake.asked.take()
    }

    // === what is told ===

    fn tell_served(&self, issued: &Issued, renewal: &Renewal) {
        let plan = renewal.plan();
        let mut state = self.state.borrow_mut();
        self.tell_lifetime(&mut state, Some(renewal));
        state.state = word(true, false, renewal.urgency(now())).into();
        state.authority.clone_from(&issued.authority);
        if let Some(asked) = self.issuer(issued) {
            tell_challenge(&mut state, asked);
        }
        let action = renewal_words(plan.reason).to_owned();
        state.next = Some(Next { action, at: unix(plan.at) });
    }

    fn tell_ordering(&self, renewal: Option<&Renewal>, due: Duration, why: Why) {
        let mut state = self.state.borrow_mut();
        self.tell_lifetime(&mut state, renewal);
        let urgency = renewal.map_or(Urgency::None, |renewal| renewal.urgency(now()));
        state.state = word(renewal.is_some(), true, urgency).into();
        if let (true, Some(asked)) = (state.authority.is_empty(), self.wanted.asked.first()) {
            state.authority.clone_from(&asked.authority.name);
            tell_challenge(&mut state, asked);
        }
        let at = unix(due.max(now()));
        state.next = Some(Next { action: order_words(why).to_owned(), at });
    }

    fn tell_lifetime(&self, state: &mut State, renewal: Option<&Renewal>) {
        state.not_before = renewal.map(|renewal| unix(renewal.lifetime().not_before));
        state.not_after = renewal.map(|renewal| unix(renewal.lifetime().not_after));
    }

    fn tell_failed(&self, asked: &Asked, trouble: &Trouble, failures: u32, order: &Order) {
        self.state.borrow_mut().error = Some(LastError::of(trouble, failures));
        let next =
            order.poll_timeout().map_or(Duration::ZERO, |(due, _)| due.saturating_sub(now()));
        let hint = trouble.hint.as_deref().unwrap_or_default();
        self.shared.journal.warn(
            "certificate/not-issued",
            &[
                ("certificate", &self.wanted.name),
                ("authority", &asked.authority.name),
                ("why", &trouble.words),
                ("hint", &hint),
                ("again_in_seconds", &next.as_secs()),
            ],
        );
    }
}

fn tell_challenge(state: &mut State, asked: &Asked) {
    state.challenge = asked.challenge.name().into();
    state.challenge_reason = asked.reason.words().into();
}

fn other(trouble: &Trouble) -> Error {
    Error::Other(trouble.words.clone().into())
}

/// The same for the life of a certificate.
fn steady_draw(chain: &str) -> u64 {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, chain.as_bytes());
    let first: [u8; 8] = digest.as_ref().first_chunk().copied().unwrap_or_default();
    u64::from_le_bytes(first)
}
