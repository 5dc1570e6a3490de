//! Whether a request that was read is one we serve (ALB.md §6c, §6d).

use model::{DesyncClass, DesyncMode, Refusal};

/// ALB.md §6d, 463.
pub const FORWARDED_ADDRESSES_MAX: u32 = 30;

/// What the head says, apart from where it wants to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadFacts {
    /// TRACE or CONNECT.
    pub refused_method: bool,
    pub class: DesyncClass,
    /// Addresses in all `X-Forwarded-For` headers.
    pub forwarded_addresses: u32,
}

/// What becomes of the connections of a request that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    Normal,
    /// Served, then both the client's and the target's connection close.
    CloseAfter,
}

/// The table of ALB.md §6c, then the refusals of §6d that need no rule.
pub fn hear(head: HeadFacts, mode: DesyncMode) -> Result<Handling, Refusal> {
    let handling = desync(head.class, mode)?;
    if head.refused_method {
        return Err(Refusal::RequestMethod);
    }
    if head.forwarded_addresses > FORWARDED_ADDRESSES_MAX {
        return Err(Refusal::RequestForwardedFor);
    }
    Ok(handling)
}

fn desync(class: DesyncClass, mode: DesyncMode) -> Result<Handling, Refusal> {
    match (class, mode) {
        (DesyncClass::Compliant, _)
        | (DesyncClass::Acceptable, DesyncMode::Monitor | DesyncMode::Defensive)
        | (DesyncClass::Ambiguous | DesyncClass::Severe, DesyncMode::Monitor) => {
            Ok(Handling::Normal)
        }
        (DesyncClass::Ambiguous, DesyncMode::Defensive) => Ok(Handling::CloseAfter),
        (DesyncClass::Severe, DesyncMode::Defensive)
        | (
            DesyncClass::Acceptable | DesyncClass::Ambiguous | DesyncClass::Severe,
            DesyncMode::Strictest,
        ) => Err(Refusal::RequestDesync),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn desync_table() {
        use DesyncClass::*;
        use DesyncMode::*;
        let (normal, close, block) =
            (Ok(Handling::Normal), Ok(Handling::CloseAfter), Err(Refusal::RequestDesync));
        let rows = [
            (Compliant, Monitor, normal),
            (Compliant, Defensive, normal),
            (Compliant, Strictest, normal),
            (Acceptable, Monitor, normal),
            (Acceptable, Defensive, normal),
            (Acceptable, Strictest, block),
            (Ambiguous, Monitor, normal),
            (Ambiguous, Defensive, close),
            (Ambiguous, Strictest, block),
            (Severe, Monitor, normal),
            (Severe, Defensive, block),
            (Severe, Strictest, block),
        ];
        for (class, mode, expected) in rows {
            let head = HeadFacts { refused_method: false, class, forwarded_addresses: 0 };
            assert_eq!(hear(head, mode), expected, "{class:?} {mode:?}");
        }
    }

    #[test]
    fn refusals_without_a_rule() {
        let ok = HeadFacts {
            refused_method: false,
            class: DesyncClass::Compliant,
            forwarded_addresses: 30,
        };
        assert_eq!(hear(ok, DesyncMode::Defensive), Ok(Handling::Normal));
        let many = HeadFacts { forwarded_addresses: 31, ..ok };
        assert_eq!(hear(many, DesyncMode::Defensive), Err(Refusal::RequestForwardedFor));
        let trace = HeadFacts { refused_method: true, ..ok };
        assert_eq!(hear(trace, DesyncMode::Monitor), Err(Refusal::RequestMethod));
    }
}
