//! Configuration to `World` to every core: load, compile, bind, publish; probes; reload; status.
//!
//! Control runs on a thread of its own and may wait for anything; a core keeps serving from what it
//! has, whatever happens here (HOUSE.md). It must not look at a request.
//! Start at [`run`].

mod admin;
mod expectations;
mod explaining;
mod filters;
mod generation;
mod health;
mod load;
pub mod name_server;
mod packet_filter;
mod probe;
mod reach;
mod refused;
mod run;
mod sockets;
mod state;
mod status;
mod words;

pub mod client;

pub use expectations::{Broken, NOT_PROVED};
pub use explaining::{Certificates, FromFiles};
pub use load::{Examined, Rejected, Source, examine};
pub use run::{Failed, Ready, Settings, run};
pub use state::StateDirectory;
pub use status::{
    FirewallDoor, FirewallRule, FirewallStatus, ListenerStatus, LogStatus, RefusedNetwork,
    RefusedStatus, Status, TargetGroupStatus, TargetStatus,
};
pub use words::{firewall_text, status_json, status_text};
