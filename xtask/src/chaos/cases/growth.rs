//! What many connections leave behind.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::addresses;
use crate::chaos::Stage;
use crate::chaos::instance::{Instance, Site};
use crate::chaos::load::{Connections, Load, Plan, Record};
use crate::chaos::process::{Usage, until_within};
use crate::chaos::row::Row;
use crate::chaos::target::{PROMPT, Seen, Target};
use crate::failed::Failed;

const FEW: u64 = 10_000;
const MANY: u64 = 100_000;
/// So many addresses are listened on: the ports of one run out while closed connections linger.
const ADDRESSES: u8 = 16;
/// Memory may grow by a twentieth, and by what an allocator happens to keep.
const GROWTH_SHARE: u64 = 20;
const GROWTH_KILOBYTES: u64 = 2048;
/// A core looks for connections that targets have closed once a second.
const SWEPT: Duration = Duration::from_secs(4);

pub fn short(stage: &Stage) -> Result<Row, Failed> {
    let mut targets = Target::several(&stage.folder, 1, PROMPT)?;
    let mut site = Site::new(addresses(&targets))?;
    site.addresses = (1..=ADDRESSES).map(|last| Ipv4Addr::new(127, 0, 0, last)).collect();
    let mut instance = Instance::start(stage, &site)?;
    let fresh = instance.usage_at_rest();
    let listened = site.addresses.iter().map(|ip| SocketAddr::from((*ip, site.port)));
    let plan = Plan {
        addresses: listened.collect(),
        workers: u64::from(ADDRESSES),
        pause: Duration::ZERO,
        connections: Connections::Short,
        requests_max: FEW / u64::from(ADDRESSES),
        ..Plan::steady(site.address())
    };
    let mut records = Load::start(&plan).finish();
    let before = without_idle(&mut instance, &mut targets[0], fresh)?;
    let many =
        Plan { first_worker: plan.workers, requests_max: MANY / u64::from(ADDRESSES), ..plan };
    records.extend(Load::start(&many).finish());
    let after = without_idle(&mut instance, &mut targets[0], before)?;
    let mut row = Row::count(&records, &Seen::by(&targets)?, |_: &Record| false);
    let limit = before.resident_kilobytes * (GROWTH_SHARE + 1) / GROWTH_SHARE + GROWTH_KILOBYTES;
    row.expect(after.resident_kilobytes <= limit, || {
        format!("memory grew from {} to {} kB", before.resident_kilobytes, after.resident_kilobytes)
    });
    row.expect(after.descriptors == before.descriptors, || {
        format!("descriptors: {:?}, then {:?}", before.descriptors, after.descriptors)
    });
    row.note(format!("{FEW} connections, then {MANY}; fresh: {} kB", fresh.resident_kilobytes));
    (row.before, row.after) = (Some(before), Some(after));
    Ok(row)
}

/// What it uses when its idle connections to the target are closed, which the target's end does.
fn without_idle(
    instance: &mut Instance,
    target: &mut Target,
    at_most: Usage,
) -> Result<Usage, Failed> {
    target.kill();
    target.start_again()?;
    // If there are more for ever, the comparison says so.
    let _ =
        until_within(SWEPT, || (instance.usage().descriptors <= at_most.descriptors).then_some(()));
    instance.await_healthy()?;
    Ok(instance.usage_at_rest())
}
