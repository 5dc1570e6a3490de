//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The whole path from a domain name to an application, that can say why a request did not make it.
#[derive(Debug, Parser)]
#[command(name = "pointsman", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done (`explain`: it reaches), 1 failed, 2 bad configuration, usage or question, \
     3 blocked, or a broken expectation, 4 reaches and fails, 5 seen otherwise than foretold.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve a configuration, or put a local application behind https in one line.
    ///
    /// `pointsman run site.hcl`, `pointsman run conf.d/`, `pointsman run -`, `pointsman run :3000`.
    Run(RunArguments),
    /// Say everything that is wrong with a configuration, without serving it.
    Check(CheckArguments),
    /// Rewrite configuration files in their canonical layout.
    Fmt(FmtArguments),
    /// Show a configuration in full, with its sugar spelt out.
    Expand(Files),
    /// Have the running instance read its configuration again: whole or not at all.
    Reload(ReloadArguments),
    /// Say how far a request gets, why it stops, what the person sees and what mends it; or what a
    /// code means.
    ///
    /// `pointsman explain https://shop.example/ --from guest-wifi`, `pointsman explain admit/no-rule`.
    Explain(ExplainArguments),
    /// Say for which clients an address works: every client address, by outcome.
    Who(WhoArguments),
    /// A table of what rules mention, for every network.
    Reach(ReachArguments),
    /// Say where the ways of two networks part.
    Compare(CompareArguments),
    /// Show listeners, targets with their state and reason, and counts.
    Status(StatusArguments),
    /// Exit with 0 if the running instance serves; for containers and supervisors.
    Health(Instance),
    /// Bring certificates to an instance, and take them from it.
    Cert(crate::cert::CertArguments),
    /// Have this machine and its browsers trust the development authority; each change is told.
    Trust(crate::trust::TrustArguments),
    /// Take back what `trust` did.
    Untrust(crate::trust::UntrustArguments),
    /// Show or remove what nftables enforces for an instance.
    Firewall(crate::firewall::FirewallArguments),
    /// What zones need from others.
    Dns(crate::dns::DnsArguments),
    /// Play a story with real parts; without a name, list them.
    Demo(DemoArguments),
    /// Build the declared networks as real ones, and ask from inside.
    Lab(crate::lab::LabArguments),
    /// The application of the demos.
    #[command(hide = true)]
    DemoApp { address: std::net::SocketAddr, name: String },
}

impl Command {
    /// Serves nobody and plays nothing: its output is all there is to it.
    pub fn only_prints(&self) -> bool {
        match self {
            Command::Run(_) | Command::Demo(_) | Command::Lab(_) | Command::DemoApp { .. } => false,
            Command::Check(_)
            | Command::Fmt(_)
            | Command::Expand(_)
            | Command::Reload(_)
            | Command::Explain(_)
            | Command::Who(_)
            | Command::Reach(_)
            | Command::Compare(_)
            | Command::Status(_)
            | Command::Health(_)
            | Command::Cert(_)
            | Command::Trust(_)
            | Command::Untrust(_)
            | Command::Firewall(_)
            | Command::Dns(_) => true,
        }
    }
}

#[derive(Debug, Args)]
pub struct RunArguments {
    /// A file, a directory of `*.hcl`, `-` for standard input, or an application: `:PORT` or `HOST:PORT`.
    pub what: String,
    /// With an application: also listen on this address, not on loopback only.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<std::net::IpAddr>,
    /// With an application: the port for https (8443, or the next free one).
    #[arg(long, value_name = "PORT", conflicts_with = "plain")]
    pub https: Option<u16>,
    /// With an application: the port for http (8000, or the next free one).
    #[arg(long, value_name = "PORT")]
    pub http: Option<u16>,
    /// With an application: serve http without redirecting to https.
    #[arg(long)]
    pub plain: bool,
    /// Worker cores; all that the process may use, if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub cores: Option<u16>,
    /// Reload when a configuration file changes.
    #[arg(long)]
    pub watch: bool,
    /// Keep from the file system all but what the configuration names (landlock). A later
    /// configuration that names other folders needs a restart.
    #[arg(long)]
    pub confine: bool,
    /// How the control-plane log on standard error is written.
    #[arg(long, value_enum, default_value_t = LogFormat::Text, env = "POINTSMAN_LOG_FORMAT")]
    pub log_format: LogFormat,
    /// The least level of the control-plane log.
    #[arg(long, value_enum, default_value_t = LogLevel::Info, env = "POINTSMAN_LOG_LEVEL")]
    pub log_level: LogLevel,
    #[command(flatten)]
    pub instance: Instance,
    #[command(flatten)]
    pub store_key: StoreKey,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// Which instance: each has a state directory of its own.
#[derive(Debug, Args)]
pub struct Instance {
    /// The state directory [default: $STATE_DIRECTORY, else below $XDG_STATE_HOME or ~/.local/state]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// What seals the secrets of the state directory.
#[derive(Debug, Args)]
pub struct StoreKey {
    /// The file that holds the key of the stored secrets [default: the credential store-key of systemd,
    /// else $POINTSMAN_STORE_KEY, else `store.key` in the state directory, which is made]
    #[arg(long, value_name = "FILE")]
    pub store_key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Files {
    /// Files, directories of `*.hcl`, or `-`.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct CheckArguments {
    #[command(flatten)]
    pub files: Files,
    /// Ask every expectation with real packets too, for everybody whom this machine can be.
    #[arg(long)]
    pub live: bool,
    /// What was asked, for programs; the shape has a version.
    #[arg(long, requires = "live")]
    pub json: bool,
    #[command(flatten)]
    pub instance: Instance,
}

#[derive(Debug, Args)]
pub struct ReloadArguments {
    /// Also if it breaks an expectation that holds now.
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub instance: Instance,
}

/// The request that is asked about.
#[derive(Debug, Args)]
pub struct RequestArguments {
    /// The request's method.
    #[arg(long, value_name = "METHOD", default_value = "GET")]
    pub method: String,
    /// A header of the request, such as `-H 'Host: other.example'`.
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// Where no record says it: the load balancer that the name leads to.
    #[arg(long, value_name = "LOAD_BALANCER")]
    pub to: Option<String>,
}

/// Whom to ask: the running instance, or files.
#[derive(Debug, Args)]
pub struct Knowledge {
    /// Ask this configuration instead of the running instance; may be given several times.
    #[arg(short = 'c', long, value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// For programs; the shape has a version.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub instance: Instance,
}

#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// An address such as `https://shop.example/cart`, or a code such as `admit/no-rule`.
    pub what: String,
    /// A declared network, `internet`, `instance.NAME`, an address or a prefix; everybody, if not
    /// given.
    #[arg(long, value_name = "NETWORK|ADDRESS|CIDR")]
    pub from: Option<String>,
    /// Ask with real packets too, from this machine: the name, the request, and its targets.
    #[arg(long)]
    pub probe: bool,
    /// What the scripts of the page at this address call; may be given several times.
    #[arg(long, value_name = "URL")]
    pub page: Vec<String>,
    #[command(flatten)]
    pub request: RequestArguments,
    #[command(flatten)]
    pub knowledge: Knowledge,
}

#[derive(Debug, Args)]
pub struct WhoArguments {
    /// Such as `https://shop.example/cart`.
    pub url: String,
    #[command(flatten)]
    pub request: RequestArguments,
    #[command(flatten)]
    pub knowledge: Knowledge,
}

#[derive(Debug, Args)]
pub struct ReachArguments {
    #[command(flatten)]
    pub knowledge: Knowledge,
}

#[derive(Debug, Args)]
pub struct CompareArguments {
    /// Such as `https://shop.example/cart`.
    pub url: String,
    /// Two networks: `--from office --from guest-wifi`.
    #[arg(long, value_name = "NETWORK", required = true)]
    pub from: Vec<String>,
    #[command(flatten)]
    pub request: RequestArguments,
    #[command(flatten)]
    pub knowledge: Knowledge,
}

#[derive(Debug, Args)]
pub struct FmtArguments {
    /// Files, or `-` for standard input to standard output.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Change nothing; exit with 1 if a file is not in its canonical layout.
    #[arg(long)]
    pub check: bool,
}

#[derive(Debug, Args)]
pub struct StatusArguments {
    /// For programs; the shape has a version.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub instance: Instance,
}

#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Which story.
    pub name: Option<String>,
    /// Play to the end without waiting for Enter.
    #[arg(long)]
    pub auto: bool,
}
