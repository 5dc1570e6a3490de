//! The states, reasons and texts of ALB.md §5d.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthState {
    Initial,
    Healthy,
    Unhealthy,
    Unused,
    Draining,
    /// Health checks are disabled; traffic is sent.
    Unavailable,
}

impl HealthState {
    pub const fn name(self) -> &'static str {
        match self {
            HealthState::Initial => "initial",
            HealthState::Healthy => "healthy",
            HealthState::Unhealthy => "unhealthy",
            HealthState::Unused => "unused",
            HealthState::Draining => "draining",
            HealthState::Unavailable => "unavailable",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HealthReason {
    RegistrationInProgress,
    InitialHealthChecking,
    /// The status that did not match.
    ResponseCodeMismatch(u16),
    Timeout,
    /// Connection refused, reset, or a malformed answer.
    FailedHealthChecks,
    InternalError,
    /// Ours: the target's name has no address.
    Unresolved,
    NotRegistered,
    NotInUse,
    DeregistrationInProgress,
    HealthCheckDisabled,
}

impl HealthReason {
    pub const fn code(self) -> &'static str {
        match self {
            HealthReason::RegistrationInProgress => "Elb.RegistrationInProgress",
            HealthReason::InitialHealthChecking => "Elb.InitialHealthChecking",
            HealthReason::ResponseCodeMismatch(_) => "Target.ResponseCodeMismatch",
            HealthReason::Timeout => "Target.Timeout",
            HealthReason::FailedHealthChecks => "Target.FailedHealthChecks",
            HealthReason::InternalError => "Elb.InternalError",
            HealthReason::Unresolved => "Target.Unresolved",
            HealthReason::NotRegistered => "Target.NotRegistered",
            HealthReason::NotInUse => "Target.NotInUse",
            HealthReason::DeregistrationInProgress => "Target.DeregistrationInProgress",
            HealthReason::HealthCheckDisabled => "Target.HealthCheckDisabled",
        }
    }
}

/// The `Description` text.
impl fmt::Display for HealthReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HealthReason::RegistrationInProgress => {
                f.write_str("Target registration is in progress")
            }
            HealthReason::InitialHealthChecking => f.write_str("Initial health checks in progress"),
            HealthReason::ResponseCodeMismatch(code) => {
                write!(f, "Health checks failed with these codes: [{code}]")
            }
            HealthReason::Timeout => f.write_str("Request timed out"),
            HealthReason::FailedHealthChecks => f.write_str("Health checks failed"),
            HealthReason::InternalError => {
                f.write_str("Health checks failed due to an internal error")
            }
            HealthReason::Unresolved => f.write_str("The name of the target has no address"),
            HealthReason::NotRegistered => {
                f.write_str("Target is not registered to the target group")
            }
            HealthReason::NotInUse => f.write_str(
                "Target group is not configured to receive traffic from the load balancer",
            ),
            HealthReason::DeregistrationInProgress => {
                f.write_str("Target deregistration is in progress")
            }
            HealthReason::HealthCheckDisabled => f.write_str("Health checks are disabled"),
        }
    }
}
