use std::fmt;

use model::{DesyncClass, DesyncReason};

/// A set of [`DesyncReason`]s.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Reasons(u32);

const _: () = assert!(DesyncReason::ALL.len() <= 32);

impl Reasons {
    pub const NONE: Reasons = Reasons(0);

    pub const fn of(reasons: &[DesyncReason]) -> Self {
        let mut set = 0;
        let mut at = 0;
        while at < reasons.len() {
            set |= 1 << reasons[at] as u32;
            at += 1;
        }
        Reasons(set)
    }

    pub fn insert(&mut self, reason: DesyncReason) {
        self.0 |= 1 << reason as u32;
    }

    pub const fn contains(self, reason: DesyncReason) -> bool {
        self.0 & (1 << reason as u32) != 0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub const fn intersects(self, other: Reasons) -> bool {
        self.0 & other.0 != 0
    }

    /// In ascending severity.
    pub fn iter(self) -> impl Iterator<Item = DesyncReason> {
        DesyncReason::ALL.iter().copied().filter(move |reason| self.contains(*reason))
    }

    /// The greatest class of the reasons.
    pub fn class(self) -> DesyncClass {
        // Common, and not worth a loop.
        if self.is_empty() {
            return DesyncClass::Compliant;
        }
        self.iter().map(DesyncReason::class).max().unwrap_or_default()
    }

    /// The reason that the access log names: the first of the greatest class.
    pub fn worst(self) -> Option<DesyncReason> {
        let class = self.class();
        self.iter().find(|reason| reason.class() == class)
    }
}

impl fmt::Debug for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
