use std::fmt;

use model::{DesyncReason, Refusal};

use crate::FramingError;
use crate::lines::LinesError;

/// Why bytes are no request that can be routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    LineTooLong,
    HeadTooLarge,
    Method,
    /// NUL or CR in the target.
    Target,
    TargetMissing,
    /// Neither a path, nor absolute, nor `*` of OPTIONS.
    TargetForm,
    /// HTTP/0.9.
    SimpleRequest,
    Version,
    /// HTTP/2 or later.
    VersionUnsupported,
    /// NUL or CR in a header.
    Header,
    /// A header that has to be understood goes on over several lines.
    Folded,
    Host,
    HostMissing,
    Framing(FramingError),
}

impl RequestError {
    pub fn refusal(&self) -> Refusal {
        match self {
            RequestError::LineTooLong => Refusal::RequestLineTooLong,
            RequestError::HeadTooLarge => Refusal::RequestHeadTooLarge,
            RequestError::VersionUnsupported => Refusal::RequestVersion,
            RequestError::Framing(
                FramingError::CodingUnsupported | FramingError::CodingUnknown,
            ) => Refusal::RequestTransferEncoding,
            RequestError::Framing(
                FramingError::LengthMalformed
                | FramingError::LengthsDiffer
                | FramingError::CodingMalformed
                | FramingError::ChunkedTwice,
            ) => Refusal::RequestFraming,
            RequestError::Method
            | RequestError::Target
            | RequestError::TargetMissing
            | RequestError::TargetForm
            | RequestError::SimpleRequest
            | RequestError::Version
            | RequestError::Header
            | RequestError::Folded
            | RequestError::Host
            | RequestError::HostMissing => Refusal::RequestMalformed,
        }
    }

    /// For the access log; the reason knows its class. `None` where desync mitigation has no word
    /// for it.
    pub fn class_and_reason(&self) -> Option<DesyncReason> {
        match self {
            RequestError::Method => Some(DesyncReason::BadMethod),
            RequestError::Target => Some(DesyncReason::BadUri),
            RequestError::TargetMissing => Some(DesyncReason::MissingUri),
            RequestError::SimpleRequest => Some(DesyncReason::NonCompliantVersion),
            RequestError::Version => Some(DesyncReason::BadVersion),
            RequestError::Header => Some(DesyncReason::BadHeader),
            RequestError::Folded => Some(DesyncReason::MultilineHeader),
            RequestError::Framing(error) => error.reason(),
            RequestError::LineTooLong
            | RequestError::HeadTooLarge
            | RequestError::TargetForm
            | RequestError::VersionUnsupported
            | RequestError::Host
            | RequestError::HostMissing => None,
        }
    }
}

impl From<LinesError> for RequestError {
    fn from(error: LinesError) -> Self {
        match error {
            LinesError::TooLarge => RequestError::HeadTooLarge,
            LinesError::Dangerous => RequestError::Header,
            LinesError::Folded => RequestError::Folded,
        }
    }
}

impl From<FramingError> for RequestError {
    fn from(error: FramingError) -> Self {
        RequestError::Framing(error)
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RequestError::LineTooLong => "the request line is too long",
            RequestError::HeadTooLarge => "the headers are too large",
            RequestError::Method => "the method is not a token",
            RequestError::Target => "the target contains NUL or CR",
            RequestError::TargetMissing => "the request line has no target",
            RequestError::TargetForm => "the target is neither a path nor an http URL",
            RequestError::SimpleRequest => "HTTP/0.9 is not spoken here",
            RequestError::Version => "the version is not one of HTTP",
            RequestError::VersionUnsupported => "the version is not spoken here",
            RequestError::Header => "a header contains NUL or CR",
            RequestError::Folded => "a header that matters goes on over several lines",
            RequestError::Host => "the host contains characters that no host has",
            RequestError::HostMissing => "there is no host",
            RequestError::Framing(error) => error.text(),
        })
    }
}

impl std::error::Error for RequestError {}
