//! The classes and reasons of HTTP desync mitigation (ALB.md §6c). The codec classifies, `verdict`
//! decides, the access log reports.

/// In ascending severity: the class of a request is the greatest class of its reasons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DesyncClass {
    #[default]
    Compliant,
    Acceptable,
    Ambiguous,
    Severe,
}

impl DesyncClass {
    /// As in field 28 of the access log; `-` for compliant.
    pub const fn name(self) -> &'static str {
        match self {
            DesyncClass::Compliant => "-",
            DesyncClass::Acceptable => "Acceptable",
            DesyncClass::Ambiguous => "Ambiguous",
            DesyncClass::Severe => "Severe",
        }
    }
}

macro_rules! reasons {
    ($($class:ident { $($reason:ident),+ $(,)? })+) => {
        /// `classification_reason` of ALB.md §6c, spelt as in the access log.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DesyncReason { $($($reason),+),+ }

        impl DesyncReason {
            pub const ALL: &'static [DesyncReason] = &[$($(DesyncReason::$reason),+),+];

            pub const fn class(self) -> DesyncClass {
                match self { $($(DesyncReason::$reason => DesyncClass::$class),+),+ }
            }

            pub const fn name(self) -> &'static str {
                match self { $($(DesyncReason::$reason => stringify!($reason)),+),+ }
            }
        }
    };
}

reasons! {
    Acceptable {
        GetHeadZeroContentLength, NonCompliantHeader, NonCompliantVersion, SpaceInUri,
        NonCrLfLineTermination,
    }
    Ambiguous {
        AmbiguousUri, BothTeClPresent, DuplicateContentLength, EmptyHeader, SuspiciousHeader,
        UndefinedContentLengthSemantics, UndefinedTransferEncodingSemantics, MultilineHeader,
        PartialHeaderLine, MissingLastEmptyLine, MissingHeaderColon, MissingUri,
    }
    Severe {
        BadContentLength, BadHeader, BadTransferEncoding, BadUri, BadMethod, BadVersion,
        MultipleContentLength, MultipleTransferEncodingChunked, SuspiciousTeClPresent,
    }
}
