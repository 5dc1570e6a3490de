//! What listeners say of TLS.

use super::rows::Row;

pub const ROWS: &[Row] = &[Row {
    code: "lint/post-quantum-partial",
    name: "a policy of which one group is missing",
    bad: &[(
        "    certificates = [certificate.shop]\n",
        "    certificates = [certificate.shop]\n    tls_policy   = \"ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09\"\n",
    )],
    at: "tls_policy",
    good: &[("-Res-PQ-2025-09", "-Res-2021-06")],
}];
