//! What is doubted about how listeners speak TLS.

use super::rows::Row;

pub const ROWS: &[Row] = &[Row {
    code: "lint/post-quantum-partial",
    name: "a policy of which one group is missing",
    bad: &[(
        "    default { # forwards\n",
        "    tls_policy   = \"ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09\" # here\n\n    default { # forwards\n",
    )],
    at: "# here",
    good: &[(
        "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
        "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    )],
}];
