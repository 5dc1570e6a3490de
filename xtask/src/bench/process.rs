//! What the kernel says a process and its children have used.

use std::fs;
use std::time::Duration;

use crate::failed::Failed;
use crate::shell;

/// How deep a tree of processes is followed; a proxy has a master and its workers.
const DEPTH_MAX: u32 = 4;

/// A process and its descendants.
#[derive(Clone, Debug)]
pub struct Tree(Vec<u32>);

impl Tree {
    pub fn of(pid: u32) -> Tree {
        let mut pids = Vec::new();
        collect(pid, DEPTH_MAX, &mut pids);
        Tree(pids)
    }

    /// User and system time of all threads.
    pub fn cpu_time(&self, ticks_per_second: u64) -> Result<Duration, Failed> {
        let mut ticks = 0;
        for pid in &self.0 {
            let stat = read(&format!("/proc/{pid}/stat"))?;
            ticks += parse_ticks(&stat)
                .ok_or_else(|| Failed::Unexpected(format!("stat of {pid}: {stat}")))?;
        }
        Ok(Duration::from_secs_f64(ticks as f64 / ticks_per_second as f64))
    }

    /// Resident memory. Socket memory of the kernel is not in it.
    pub fn resident_kilobytes(&self) -> Result<u64, Failed> {
        let mut total = 0;
        for pid in &self.0 {
            let status = read(&format!("/proc/{pid}/status"))?;
            total += parse_resident(&status).unwrap_or(0);
        }
        Ok(total)
    }
}

fn collect(pid: u32, depth: u32, pids: &mut Vec<u32>) {
    pids.push(pid);
    if depth == 0 {
        return;
    }
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return };
    for task in tasks.flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|text| text.parse().ok()) {
            collect(child, depth - 1, pids);
        }
    }
}

fn read(path: &str) -> Result<String, Failed> {
    fs::read_to_string(path).map_err(Failed::file(path))
}

/// `utime` and `stime` of proc(5): the 14th and 15th field, counted after the name, which may hold
/// blanks and brackets.
fn parse_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn parse_resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The unit of `/proc/PID/stat`.
pub fn ticks_per_second() -> u64 {
    const USUAL: u64 = 100;
    let said = shell::output(std::process::Command::new("getconf").arg("CLK_TCK"));
    said.ok().and_then(|text| text.trim().parse().ok()).filter(|ticks| *ticks > 0).unwrap_or(USUAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words() {
        let stat = "12 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 70 30 0 0 20 0 1";
        assert_eq!(parse_ticks(stat), Some(100));
        assert_eq!(parse_ticks("12 (short) S 1"), None);
        assert_eq!(parse_resident("VmSize:\t 9 kB\nVmRSS:\t  1234 kB\n"), Some(1234));
    }

    #[test]
    fn our_own_process_has_used_memory() {
        let tree = Tree::of(std::process::id());
        assert!(tree.resident_kilobytes().unwrap() > 0);
        assert!(tree.cpu_time(ticks_per_second()).is_ok());
    }
}
