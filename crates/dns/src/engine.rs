//! From the bytes of a question to the bytes of its answer: the rules of the protocol, in their
//! order. One for each core; it has buffers and no sockets.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use domain::base::Rtype;
use domain::base::iana::Class;
use signal::DnsCounters;

use crate::cookie::{Cookies, Secret, Shown};
use crate::decide::{Asking, Counts, Decided, Proofs, is_askable};
use crate::draft::Draft;
use crate::limit::{Answer, Limiter, Pace};
use crate::message::{
    Because, Code, Envelope, Options, TCP_MAX, UDP_MAX, UDP_PLAIN, Written, write, write_truncated,
};
use crate::name;
use crate::question::{Edns, Query, Question, Unheard};
use crate::sign::{Signatures, Signer};
use crate::snapshot::{Published, Snapshot};

/// An answer over UDP to a client that has not shown that it is there has at most so many times the
/// bytes of its question: whoever forges senders gains no more.
pub const AMPLIFICATION_MAX: usize = 16;

/// How long we wait for another question over TCP, in tenths of a second (RFC 7828 §3.1).
pub const KEEPALIVE_TENTHS: u16 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

/// One message that came, and the moment.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'b> {
    pub bytes: &'b [u8],
    pub from: IpAddr,
    pub transport: Transport,
    pub now: Now,
    /// Drawn at random, for choices that a policy leaves to chance.
    pub draw: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// Since 1970.
    pub seconds: u64,
    /// Of a clock that only goes forward.
    pub microseconds: u64,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The answer is in the buffer.
    Answered,
    /// Nothing is sent.
    Silence,
    /// The whole zone was asked for, by one who may have it (RFC 5936); nothing is in the buffer.
    Transfer { zone: u32 },
}

pub struct Engine {
    snapshot: Rc<Published>,
    cookies: Cookies,
    limiter: Limiter,
    signatures: Signatures,
    draft: Draft,
    text: String,
    counters: Arc<DnsCounters>,
}

/// What is settled before anything is decided.
struct Heard {
    options: Option<Options>,
    proofs: Proofs,
    limit: usize,
    /// Over TCP, with a cookie of ours, or declared.
    is_trusted: bool,
}

impl Engine {
    pub fn new(snapshot: Arc<Snapshot>, secret: Secret, counters: Arc<DnsCounters>) -> Engine {
        Engine {
            snapshot: Rc::new(Published(snapshot)),
            cookies: Cookies::new(secret),
            limiter: Limiter::default(),
            signatures: Signatures::default(),
            draft: Draft::default(),
            text: String::new(),
            counters,
        }
    }

    pub fn publish(&mut self, snapshot: Arc<Snapshot>) {
        self.snapshot = Rc::new(Published(snapshot));
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.0)
    }

    /// Declared as one whom no limit holds.
    pub fn exempts(&self, from: IpAddr) -> bool {
        let exempt = &self.snapshot.limits.exempt;
        !exempt.is_empty() && exempt.contains(from)
    }

    /// Writes the answer to `out`, which is empty.
    pub fn answer(&mut self, asked: &Asked<'_>, out: &mut Vec<u8>) -> Outcome {
        match asked.transport {
            Transport::Udp => self.counters.udp_query(),
            Transport::Tcp => self.counters.tcp_query(),
        }
        let outcome = match Query::read(asked.bytes) {
            Ok(query) => self.answer_query(asked, &query, out),
            Err(Unheard::Silence) => Outcome::Silence,
            Err(Unheard::Error(head, code)) => {
                let (code, authoritative) = (Code(code.to_int().into()), false);
                let envelope =
                    Envelope { head, question: None, code, authoritative, options: None };
                self.without_records(asked, &envelope, Answer::Other, false, out)
            }
        };
        match outcome {
            Outcome::Silence => self.counters.silence(),
            Outcome::Answered => self.counters.answered(out.get(3).map_or(0, |octet| octet & 0xf)),
            Outcome::Transfer { .. } => self.counters.transfer(),
        }
        outcome
    }

    fn answer_query(&mut self, asked: &Asked<'_>, query: &Query<'_>, out: &mut Vec<u8>) -> Outcome {
        let heard = self.hear(asked, query.edns.as_ref());
        let question = query.question.as_ref();
        let mut envelope = Envelope {
            head: query.head,
            question,
            code: Code::OK,
            authoritative: false,
            options: heard.options,
        };
        let error = match (query.edns, question) {
            (Some(edns), _) if edns.version != 0 => Some(Code::BAD_VERSION),
            // RFC 7873 §5.4: only a cookie was asked for.
            (_, None) => Some(Code::OK),
            (_, Some(question)) => unanswerable(question, asked.transport).err(),
        };
        let (None, Some(question)) = (error, question) else {
            envelope.code = error.unwrap_or(Code::SERVER);
            return self.without_records(asked, &envelope, Answer::Other, heard.is_trusted, out);
        };
        let mut text = std::mem::take(&mut self.text);
        let wire = question.name.as_slice();
        name::write_text(wire, &mut text);
        let outcome = match question.kind {
            Rtype::AXFR | Rtype::IXFR => {
                self.transfer(asked, question, &heard, envelope, &text, out)
            }
            _ => self.decide(asked, question, &heard, envelope, &text, out),
        };
        self.text = text;
        outcome
    }

    fn hear(&mut self, asked: &Asked<'_>, edns: Option<&Edns>) -> Heard {
        let is_tcp = asked.transport == Transport::Tcp;
        let now = asked.now.seconds;
        let shown = edns.and_then(|edns| edns.cookie);
        let has_cookie = shown.is_some_and(|shown| self.cookies.is_ours(&shown, asked.from, now));
        let cookie =
            |shown: Shown| (shown.client, self.cookies.make(shown.client, asked.from, now));
        let options = edns.map(|edns| Options {
            signatures: edns.signatures,
            compact: edns.compact && edns.signatures,
            cookie: shown.map(cookie),
            keepalive: (is_tcp && edns.keepalive).then_some(KEEPALIVE_TENTHS),
            because: None,
        });
        let limit = match (asked.transport, edns) {
            (Transport::Tcp, _) => TCP_MAX,
            // RFC 6891 §6.2.3: less than 512 is 512.
            (Transport::Udp, Some(edns)) => usize::from(edns.udp_size).clamp(UDP_PLAIN, UDP_MAX),
            (Transport::Udp, None) => UDP_PLAIN,
        };
        let proofs = match edns {
            Some(edns) if edns.signatures && edns.compact => Proofs::Compact,
            Some(edns) if edns.signatures => Proofs::Signatures,
            Some(_) | None => Proofs::None,
        };
        let is_exempt = self.exempts(asked.from);
        Heard { options, proofs, limit, is_trusted: is_tcp || has_cookie || is_exempt }
    }

    fn decide(
        &mut self,
        asked: &Asked<'_>,
        question: &Question<'_>,
        heard: &Heard,
        mut envelope: Envelope<'_>,
        text: &str,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let snapshot = Rc::clone(&self.snapshot);
        let wire = question.name.as_slice();
        let asking = Asking {
            snapshot: &snapshot,
            wire,
            text,
            kind: question.kind,
            networks: snapshot.world.membership().of(asked.from),
            draw: asked.draw,
            proofs: heard.proofs,
        };
        self.draft.clear();
        let Decided { code, authoritative, because, counts } = asking.decide(&mut self.draft);
        envelope.code = code;
        envelope.authoritative = authoritative;
        if let Some(options) = &mut envelope.options {
            options.because = because;
        }
        if !heard.is_trusted {
            let mut lower = [0; name::NAME_MAX];
            let answer = match counts {
                Counts::Asked => {
                    let lower = lower.get_mut(..wire.len()).unwrap_or_default();
                    lower.copy_from_slice(wire);
                    name::lower(lower);
                    Answer::Name(lower)
                }
                Counts::Wildcard(hash) => Answer::Wildcard(hash),
                Counts::Absence(zone) => Answer::Absence(zone),
                Counts::Referral(zone) => Answer::Referral(zone),
                Counts::Other => Answer::Other,
            };
            if let Some(outcome) = self.limited(asked, &envelope, answer, out) {
                return outcome;
            }
        }
        for at in 0..self.draft.sets().len() {
            let signer = self.draft.sets().get(at).and_then(|set| set.signer);
            let Some(zone) = signer.and_then(|id| snapshot.zones.get(id as usize)) else {
                continue;
            };
            let Some(key) = &zone.key else { continue };
            let signer = Signer { key, zone: &zone.name };
            self.signatures.sign(&mut self.draft, at, &signer, asked.now.seconds);
        }
        let mut written = write(&envelope, &self.draft, heard.limit, out);
        if !heard.is_trusted && out.len() > AMPLIFICATION_MAX * asked.bytes.len() {
            write_truncated(&envelope, out);
            written = Written::Truncated;
        }
        match (written, asked.transport) {
            (Written::Whole, _) => {}
            (Written::Truncated, Transport::Udp) => self.counters.truncated(),
            // A set of more than 64 KiB cannot be sent at all.
            (Written::Truncated, Transport::Tcp) => {
                envelope.code = Code::SERVER;
                self.draft.clear();
                write(&envelope, &self.draft, heard.limit, out);
            }
        }
        Outcome::Answered
    }

    /// Who may have a whole zone, and over what (RFC 5936 §4.2, RFC 1995 §2).
    fn transfer(
        &mut self,
        asked: &Asked<'_>,
        question: &Question<'_>,
        heard: &Heard,
        mut envelope: Envelope<'_>,
        text: &str,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let snapshot = Rc::clone(&self.snapshot);
        let model = &snapshot.world.model;
        let found = verdict::answer::Names::zones(snapshot.world.names(), text).iter().find(|id| {
            let zone = snapshot.zones.get(id.0 as usize);
            zone.is_some_and(|zone| zone.transfer_to.contains(asked.from))
        });
        let refuse = |text: &'static str| Some(Because { code: 18, text });
        let because = match found {
            None => refuse("this address is not in `transfer_to` of a zone of that name"),
            // It is told the serial only, which anybody may ask for; the records are many.
            Some(_) if asked.transport == Transport::Udp => None,
            Some(id) => crate::transfer::obstacle(model, *id).and_then(refuse),
        };
        let Some(id) = found.filter(|_| because.is_none()) else {
            envelope.code = Code::REFUSED;
            if let Some(options) = &mut envelope.options {
                options.because = because;
            }
            return self.without_records(asked, &envelope, Answer::Other, heard.is_trusted, out);
        };
        let Some(zone) = snapshot.zones.get(id.0 as usize) else { return Outcome::Silence };
        let is_current = question.serial == Some(zone.serial);
        match (asked.transport, question.kind) {
            (Transport::Tcp, _) if !is_current => Outcome::Transfer { zone: id.0 },
            // The SOA says what there is: nothing newer, or that TCP brings it.
            _ => {
                // The sender of a datagram may be forged.
                if !heard.is_trusted
                    && let Some(outcome) = self.limited(asked, &envelope, Answer::Other, out)
                {
                    return outcome;
                }
                self.draft.clear();
                let section = crate::draft::Section::Answer;
                self.draft.set_of_wire(section, &zone.name, Rtype::SOA, zone.ttl, None);
                self.draft.value(|bytes| {
                    bytes.extend_from_slice(&zone.authority);
                    true
                });
                envelope.authoritative = true;
                write(&envelope, &self.draft, heard.limit, out);
                Outcome::Answered
            }
        }
    }

    /// An answer that consists of its header, and is limited as all are.
    fn without_records(
        &mut self,
        asked: &Asked<'_>,
        envelope: &Envelope<'_>,
        answer: Answer<'_>,
        is_trusted: bool,
        out: &mut Vec<u8>,
    ) -> Outcome {
        if !is_trusted
            && asked.transport == Transport::Udp
            && let Some(outcome) = self.limited(asked, envelope, answer, out)
        {
            return outcome;
        }
        self.draft.clear();
        write(envelope, &self.draft, UDP_PLAIN, out);
        Outcome::Answered
    }

    /// `None`: it may be given.
    fn limited(
        &mut self,
        asked: &Asked<'_>,
        envelope: &Envelope<'_>,
        answer: Answer<'_>,
        out: &mut Vec<u8>,
    ) -> Option<Outcome> {
        let per_second = self.snapshot.limits.per_second?;
        let pace = self.limiter.ask(asked.from, answer, per_second, asked.now.microseconds);
        match pace {
            Pace::Give => return None,
            Pace::Withhold => {
                self.counters.withheld();
                return Some(Outcome::Silence);
            }
            Pace::Slip => self.counters.slipped(),
        }
        let mut envelope = Envelope { authoritative: false, ..*envelope };
        match &mut envelope.options {
            // RFC 7873 §5.2.3: with the cookie that it gets here, it is answered next time.
            Some(options) if options.cookie.is_some() => {
                envelope.code = Code::BAD_COOKIE;
                options.because = None;
                self.draft.clear();
                write(&envelope, &self.draft, UDP_PLAIN, out);
            }
            _ => {
                envelope.code = Code::OK;
                write_truncated(&envelope, out);
            }
        }
        Some(Outcome::Answered)
    }
}

/// Questions that are errors whatever the zones say.
fn unanswerable(question: &Question<'_>, transport: Transport) -> Result<(), Code> {
    match (question.class, question.kind, transport) {
        // RFC 5936 §4.2: not over UDP.
        (Class::IN, Rtype::AXFR, Transport::Udp) => Err(Code::FORMAT),
        (Class::IN, Rtype::AXFR | Rtype::IXFR, _) => Ok(()),
        (Class::IN, kind, _) => is_askable(kind),
        // What we are, nobody needs to know: `version.bind` and its like.
        _ => Err(Code::REFUSED),
    }
}
