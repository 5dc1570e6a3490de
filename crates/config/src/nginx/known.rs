//! Directives by what they can do to an answer.

/// How a directive matters that has no reader of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// None, as far as status, `Location` and destination go.
    None,
    /// It may refuse, after the rewrite phase.
    MayRefuse,
    /// It answers in the place of a file.
    Content,
    /// It defines variables, which are not known where they are used.
    Variables,
    /// It is not known what it does.
    Unknown,
}

/// Files that usually come with nginx, where they were not found: parameters of other protocols,
/// settings of TLS, types, modules.
pub fn is_harmless_include(directive: &str, path: &str) -> bool {
    directive == "include" && HARMLESS_INCLUDES.iter().any(|part| path.contains(part))
}

pub fn effect(name: &str) -> Effect {
    if MAY_REFUSE.contains(&name) {
        return Effect::MayRefuse;
    }
    if CONTENT.contains(&name) {
        return Effect::Content;
    }
    if VARIABLES.contains(&name) {
        return Effect::Variables;
    }
    if NONE.contains(&name) || NONE_BEGINNINGS.iter().any(|start| name.starts_with(start)) {
        return Effect::None;
    }
    Effect::Unknown
}

const HARMLESS_INCLUDES: [&str; 8] = [
    "fastcgi.conf",
    "fastcgi_params",
    "mime.types",
    "modules-enabled",
    "modules/",
    "options-ssl-nginx.conf",
    "scgi_params",
    "uwsgi_params",
];

const MAY_REFUSE: [&str; 11] = [
    "allow",
    "deny",
    "auth_basic",
    "auth_request",
    "auth_jwt",
    "auth_delay",
    "limit_except",
    "secure_link",
    "access_by_lua_block",
    "access_by_lua_file",
    "merge_slashes",
];

const CONTENT: [&str; 14] = [
    "fastcgi_pass",
    "uwsgi_pass",
    "scgi_pass",
    "grpc_pass",
    "memcached_pass",
    "passenger_enabled",
    "stub_status",
    "empty_gif",
    "dav_methods",
    "flv",
    "mp4",
    "js_content",
    "content_by_lua_block",
    "content_by_lua_file",
];

const VARIABLES: [&str; 8] =
    ["map", "geo", "geoip_country", "geoip_city", "split_clients", "userid", "js_set", "perl_set"];

/// Whole families: buffers, caches, times, what is sent to or taken from an upstream.
const NONE_BEGINNINGS: [&str; 25] = [
    "brotli",
    "charset",
    "client_",
    "fastcgi_",
    "grpc_",
    "gunzip",
    "gzip",
    "http2",
    "http3",
    "limit_conn",
    "limit_rate",
    "limit_req",
    "lingering_",
    "lua_",
    "open_file_cache",
    "output_",
    "proxy_",
    "quic",
    "scgi_",
    "server_names_hash",
    "ssl_",
    "sub_filter",
    "uwsgi_",
    "variables_hash",
    "worker_",
];

const NONE: [&str; 77] = [
    "absolute_redirect",
    "access_log",
    "add_header",
    "add_trailer",
    "addition_types",
    "aio",
    "alias",
    "auth_basic_user_file",
    "autoindex",
    "autoindex_exact_size",
    "autoindex_format",
    "autoindex_localtime",
    "chunked_transfer_encoding",
    "connection_pool_size",
    "daemon",
    "default_type",
    "directio",
    "directio_alignment",
    "disable_symlinks",
    "env",
    "error_log",
    "etag",
    "events",
    "expires",
    "geoip_proxy",
    "if_modified_since",
    "ignore_invalid_headers",
    "index",
    "keepalive_disable",
    "keepalive_requests",
    "keepalive_time",
    "large_client_header_buffers",
    "load_module",
    "lock_file",
    "log_format",
    "log_not_found",
    "log_subrequest",
    "map_hash_bucket_size",
    "map_hash_max_size",
    "master_process",
    "max_ranges",
    "mirror",
    "mirror_request_body",
    "more_clear_headers",
    "more_set_headers",
    "msie_padding",
    "msie_refresh",
    "pcre_jit",
    "pid",
    "postpone_output",
    "read_ahead",
    "real_ip_header",
    "real_ip_recursive",
    "request_pool_size",
    "reset_timedout_connection",
    "resolver",
    "resolver_timeout",
    "rewrite_log",
    "root",
    "satisfy",
    "send_timeout",
    "sendfile",
    "sendfile_max_chunk",
    "server_tokens",
    "set_real_ip_from",
    "tcp_nodelay",
    "tcp_nopush",
    "thread_pool",
    "timer_resolution",
    "types",
    "types_hash_bucket_size",
    "types_hash_max_size",
    "underscores_in_headers",
    "uninitialized_variable_warn",
    "user",
    "valid_referers",
    "zone",
];
