//! Telling secondaries that a zone has changed (NOTIFY, RFC 1996).

use std::net::SocketAddr;
use std::time::Duration;

use domain::base::iana::{Class, Opcode, Rcode};
use domain::base::name::Name;
use domain::base::{Message, MessageBuilder, Rtype};

/// Tries, each waiting twice as long as the one before (RFC 1996 §3.6 leaves it to us): about a
/// minute together.
const TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_secs(2);
const ANSWER_MAX: usize = 512;

/// Why a secondary does not know yet; it asks by itself when its refresh time is over.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    #[error("it did not answer")]
    Silent,
    #[error("it answered {0}")]
    Refused(Rcode),
    #[error("it cannot be reached: {0}")]
    Unreachable(std::io::Error),
}

/// Tells one secondary, again and again until it has heard. `zone` in wire form; `number` was drawn
/// at random.
pub async fn notify(zone: &[u8], server: SocketAddr, number: u16) -> Result<(), NotifyError> {
    let question = message(zone, number);
    let mut wait = FIRST_WAIT;
    let mut last = NotifyError::Silent;
    for _ in 0..TRIES {
        match tokio::time::timeout(wait, ask(&question, server, number)).await {
            Ok(Ok(Rcode::NOERROR)) => return Ok(()),
            // It knows why: asking again changes nothing.
            Ok(Ok(code)) => return Err(NotifyError::Refused(code)),
            Ok(Err(error)) => {
                last = NotifyError::Unreachable(error);
                tokio::time::sleep(wait).await;
            }
            Err(_) => last = NotifyError::Silent,
        }
        wait *= 2;
    }
    Err(last)
}

fn message(zone: &[u8], number: u16) -> Vec<u8> {
    let mut builder = MessageBuilder::new_vec();
    let header = builder.header_mut();
    header.set_id(number);
    header.set_opcode(Opcode::NOTIFY);
    header.set_aa(true);
    let mut question = builder.question();
    if let Ok(name) = Name::from_slice(zone) {
        // A vector has room for one question.
        let _ = question.push((name, Rtype::SOA, Class::IN));
    }
    question.finish()
}

async fn ask(question: &[u8], server: SocketAddr, number: u16) -> std::io::Result<Rcode> {
    let socket = net::datagram::connect(server).await?;
    socket.send(question).await?;
    let mut answer = [0; ANSWER_MAX];
    loop {
        let length = socket.recv(&mut answer).await?;
        let Ok(message) = Message::from_slice(answer.get(..length).unwrap_or_default()) else {
            continue;
        };
        let header = message.header();
        if header.qr() && header.id() == number && header.opcode() == Opcode::NOTIFY {
            return Ok(header.rcode());
        }
    }
}
