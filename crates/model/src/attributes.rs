use crate::Seconds;

/// ALB.md §6c: what to do with requests that are not plainly compliant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DesyncMode {
    Monitor,
    #[default]
    Defensive,
    Strictest,
}

/// ALB.md §6a, `X-Forwarded-For`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedForMode {
    #[default]
    Append,
    Preserve,
    Remove,
}

/// ALB.md §6c: header names outside `[-A-Za-z0-9]+`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InvalidHeaders {
    #[default]
    Forward,
    Drop,
}

/// ALB.md §2a, with the time limits of DECISIONS 18.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancerAttributes {
    /// `idle_timeout`, 1–4000 s.
    pub idle_timeout: Seconds,
    /// `client_keep_alive`, 60–604800 s.
    pub client_keep_alive: Seconds,
    pub desync_mitigation_mode: DesyncMode,
    pub invalid_headers: InvalidHeaders,
    pub preserve_host_header: bool,
    pub tls_version_and_cipher_headers: bool,
    pub forwarded_for_client_port: bool,
    pub forwarded_for: ForwardedForMode,
    /// TLS handshake must complete within this (DECISIONS 18).
    pub handshake_timeout: Seconds,
    /// A request head must complete within this (DECISIONS 18).
    pub head_timeout: Seconds,
    /// How long a connection to a target may take (ALB.md §6d 504: 10 s).
    pub connect_timeout: Seconds,
    /// `None`: derived from the descriptor limit.
    pub max_connections: Option<u32>,
    /// Path of the access log; `None`: no access log. `-` is standard output.
    pub access_log: Option<String>,
    pub connection_log: Option<String>,
}

impl Default for LoadBalancerAttributes {
    fn default() -> Self {
        LoadBalancerAttributes {
            idle_timeout: Seconds(60),
            client_keep_alive: Seconds(3600),
            desync_mitigation_mode: DesyncMode::default(),
            invalid_headers: InvalidHeaders::default(),
            preserve_host_header: false,
            tls_version_and_cipher_headers: false,
            forwarded_for_client_port: false,
            forwarded_for: ForwardedForMode::default(),
            handshake_timeout: Seconds(10),
            head_timeout: Seconds(10),
            connect_timeout: Seconds(10),
            max_connections: None,
            access_log: None,
            connection_log: None,
        }
    }
}

/// Response headers that a listener sets or overrides (ALB.md §2b): name and value, each ≤ 1 KB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderOverrides(pub Vec<(String, String)>);

/// ALB.md §2b.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerAttributes {
    /// `false` removes the `Server` header of generated answers and of targets' answers.
    pub server_header: bool,
    pub response_headers: HeaderOverrides,
    /// Route paths whose dot segments, `%2f`, `//`, `;` or `\` make them ambiguous (DECISIONS 17).
    pub allow_ambiguous_paths: bool,
}

impl Default for ListenerAttributes {
    fn default() -> Self {
        ListenerAttributes {
            server_header: true,
            response_headers: HeaderOverrides::default(),
            allow_ambiguous_paths: false,
        }
    }
}
