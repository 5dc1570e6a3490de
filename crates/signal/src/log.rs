//! Log files: cores fill buffers, a thread of each log writes them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::marker::PhantomData;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::connection::ConnectionEvent;
use crate::journal::Journal;
use crate::line::TimeCache;
use crate::request::RequestEvent;

/// A core hands a buffer over when it holds so much, or at its next tick.
const BUFFER_BYTES: usize = 64 * 1024;
/// Buffers that wait for the disk: 4 MiB. Beyond, lines are lost and counted.
const WAITING_MAX: usize = 64;
/// How often losses are reported.
const REPORT_EVERY: Duration = Duration::from_secs(60);
/// Readable by the group, for log shippers.
const MODE: u32 = 0o640;

/// The log of requests.
pub type AccessLog = Log<Requests>;
/// The log of connections.
pub type ConnectionLog = Log<Connections>;
/// A core's end of an [`AccessLog`].
pub type CoreLog = CoreEnd<Requests>;
/// A core's end of a [`ConnectionLog`].
pub type CoreConnectionLog = CoreEnd<Connections>;

#[derive(Clone, Copy, Debug)]
pub enum Requests {}
#[derive(Clone, Copy, Debug)]
pub enum Connections {}

/// A log file and its thread. Clones are the same log.
pub struct Log<K> {
    shared: Arc<Shared>,
    kind: PhantomData<K>,
}

struct Shared {
    sender: SyncSender<Work>,
    /// Written buffers, empty, for the cores to use again.
    spare: Mutex<Vec<Vec<u8>>>,
    lost_lines: AtomicU64,
}

enum Work {
    Lines {
        bytes: Vec<u8>,
        count: u64,
    },
    Reopen,
    /// Everything before it is written when the answer comes.
    Settle(SyncSender<()>),
}

/// One core's buffer of a log.
pub struct CoreEnd<K> {
    shared: Arc<Shared>,
    buffer: Vec<u8>,
    lines: u64,
    cache: TimeCache,
    kind: PhantomData<K>,
}

// === impl Log ===

impl<K> Clone for Log<K> {
    fn clone(&self) -> Self {
        Log { shared: Arc::clone(&self.shared), kind: PhantomData }
    }
}

impl<K> Log<K> {
    /// `-` is standard output. Appends to a file that exists. The thread ends with the last clone
    /// and the last core's end.
    pub fn open(path: &Path, journal: Journal) -> io::Result<Self> {
        let sink = Sink::open(path)?;
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let shared = Arc::new(Shared {
            sender,
            spare: Mutex::new(Vec::new()),
            lost_lines: AtomicU64::new(0),
        });
        let weak = Arc::downgrade(&shared);
        let writer = Writer::new(path, sink, journal);
        std::thread::Builder::new()
            .name("log".into())
            .spawn(move || writer.run(&receiver, &weak))?;
        Ok(Log { shared, kind: PhantomData })
    }

    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// A buffer for one core.
    pub fn core(&self) -> CoreEnd<K> {
        CoreEnd {
            shared: Arc::clone(&self.shared),
            buffer: Vec::new(),
            lines: 0,
            cache: TimeCache::default(),
            kind: PhantomData,
        }
    }

    /// Lines that are in no file because the disk was full or slow.
    pub fn lost_lines(&self) -> u64 {
        self.shared.lost_lines.load(Ordering::Relaxed)
    }

    /// After the file has been renamed by a log rotation: goes on in a new one.
    pub fn reopen(&self) {
        // A log that is so far behind that it cannot be told is reopened at the next rotation.
        let _ = self.shared.sender.try_send(Work::Reopen);
    }

    /// Waits, for a little while, until what the cores have handed over is written.
    pub fn settle(&self, limit: Duration) {
        let (done, settled) = sync_channel(1);
        if self.shared.sender.try_send(Work::Settle(done)).is_ok() {
            let _ = settled.recv_timeout(limit);
        }
    }
}

// === impl CoreEnd ===

impl CoreEnd<Requests> {
    pub fn append(&mut self, event: &RequestEvent<'_>) {
        event.write(&mut self.buffer, &mut self.cache);
        self.appended();
    }
}

impl CoreEnd<Connections> {
    pub fn append(&mut self, event: &ConnectionEvent<'_>) {
        event.write(&mut self.buffer, &mut self.cache);
        self.appended();
    }
}

impl<K> CoreEnd<K> {
    fn appended(&mut self) {
        self.lines += 1;
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush();
        }
    }

    /// Hands the buffer over, never waiting.
    pub fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let spare = self.shared.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = std::mem::replace(&mut self.buffer, spare.unwrap_or_default());
        let count = std::mem::take(&mut self.lines);
        if let Err(TrySendError::Full(work) | TrySendError::Disconnected(work)) =
            self.shared.sender.try_send(Work::Lines { bytes, count })
        {
            self.shared.lost_lines.fetch_add(count, Ordering::Relaxed);
            if let Work::Lines { mut bytes, .. } = work {
                bytes.clear();
                self.buffer = bytes;
            }
        }
    }
}

impl<K> Drop for CoreEnd<K> {
    fn drop(&mut self) {
        self.flush();
    }
}

// === the thread ===

struct Writer {
    path: PathBuf,
    sink: Sink,
    journal: Journal,
    /// Lost lines that the journal has not been told of.
    unreported: u64,
    reported: Option<Instant>,
    /// The rest of a line whose beginning is in the file: it goes first as soon as there is room.
    torn: Vec<u8>,
}

enum Sink {
    Stdout,
    File(File),
}

impl Sink {
    fn open(path: &Path) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Sink::Stdout);
        }
        OpenOptions::new().append(true).create(true).mode(MODE).open(path).map(Sink::File)
    }

    /// How much was written, also where not all was.
    fn write(&mut self, bytes: &[u8]) -> (usize, io::Result<()>) {
        let file = match self {
            Sink::Stdout => {
                let mut out = io::stdout().lock();
                let written = out.write_all(bytes).and_then(|()| out.flush());
                return (if written.is_ok() { bytes.len() } else { 0 }, written);
            }
            Sink::File(file) => file,
        };
        let mut done = 0;
        while done < bytes.len() {
            match file.write(&bytes[done..]) {
                Ok(0) => return (done, Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (done, Err(error)),
            }
        }
        (done, Ok(()))
    }
}

impl Writer {
    fn new(path: &Path, sink: Sink, journal: Journal) -> Self {
        let path = path.to_owned();
        Writer { path, sink, journal, unreported: 0, reported: None, torn: Vec::new() }
    }

    /// Writes `count` lines. With an error comes how many of them are lost: a line that a full disk
    /// took in part is not, because its rest will follow.
    fn write(&mut self, bytes: &[u8], count: u64) -> Result<(), (io::Error, u64)> {
        let (done, completed) = self.sink.write(&self.torn);
        self.torn.drain(..done);
        completed.map_err(|error| (error, count))?;
        let (done, written) = self.sink.write(bytes);
        written.map_err(|error| {
            let (written, rest) = bytes.split_at(done);
            let mut kept = written.iter().filter(|byte| **byte == b'\n').count() as u64;
            if written.last().is_some_and(|byte| *byte != b'\n') {
                self.torn =
                    rest.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default().to_vec();
                kept += 1;
            }
            (error, count.saturating_sub(kept))
        })
    }

    fn run(mut self, work: &Receiver<Work>, shared: &std::sync::Weak<Shared>) {
        while let Ok(work) = work.recv() {
            match work {
                Work::Lines { mut bytes, count } => {
                    let written = self.write(&bytes, count);
                    if let Err((_, lost)) = &written
                        && let Some(shared) = shared.upgrade()
                    {
                        shared.lost_lines.fetch_add(*lost, Ordering::Relaxed);
                    }
                    self.report(written);
                    bytes.clear();
                    if let Some(shared) = shared.upgrade() {
                        let mut spare = shared.spare.lock().unwrap_or_else(PoisonError::into_inner);
                        if spare.len() < WAITING_MAX {
                            spare.push(bytes);
                        }
                    }
                }
                Work::Reopen => match Sink::open(&self.path) {
                    Ok(sink) => {
                        self.sink = sink;
                        // Its beginning is in another file.
                        if !std::mem::take(&mut self.torn).is_empty()
                            && let Some(shared) = shared.upgrade()
                        {
                            shared.lost_lines.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    Err(error) => {
                        let fields: [(&str, &dyn std::fmt::Display); 2] =
                            [("path", &self.path.display()), ("error", &error)];
                        self.journal.error("log/not-reopened", &fields);
                    }
                },
                Work::Settle(done) => {
                    let _ = done.send(());
                }
            }
        }
    }

    /// Tells the journal of losses at most once a minute, and of the first success after them.
    fn report(&mut self, written: Result<(), (io::Error, u64)>) {
        match written {
            Ok(()) if self.unreported == 0 && self.reported.is_none() => {}
            Ok(()) => {
                let fields: [(&str, &dyn std::fmt::Display); 2] =
                    [("path", &self.path.display()), ("lost_lines", &self.unreported)];
                self.journal.info("log/recovered", &fields);
                self.unreported = 0;
                self.reported = None;
            }
            Err((error, lost)) => {
                self.unreported += lost;
                let now = net::clock::now();
                if self.reported.is_none_or(|at| now.duration_since(at) >= REPORT_EVERY) {
                    self.reported = Some(now);
                    let fields: [(&str, &dyn std::fmt::Display); 3] = [
                        ("path", &self.path.display()),
                        ("lost_lines", &self.unreported),
                        ("error", &error),
                    ];
                    self.journal.error("log/lines-lost", &fields);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Format, Level};

    fn journal() -> Journal {
        Journal::new(Format::Text, Level::Error)
    }

    const SOON: Duration = Duration::from_secs(10);

    #[test]
    fn lines_arrive_and_files_are_reopened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let log = AccessLog::open(&path, journal()).unwrap();
        let mut core = log.core();
        core.append(&RequestEvent { uri: b"/one", ..RequestEvent::default() });
        core.flush();
        log.settle(SOON);
        let moved = folder.path().join("access.log.1");
        std::fs::rename(&path, &moved).unwrap();
        log.reopen();
        core.append(&RequestEvent { uri: b"/two", ..RequestEvent::default() });
        drop(core);
        log.settle(SOON);
        assert!(std::fs::read_to_string(&moved).unwrap().contains("/one"));
        assert!(std::fs::read_to_string(&path).unwrap().contains("/two"));
        assert_eq!(log.lost_lines(), 0);
    }

    #[test]
    fn a_full_disk_loses_lines_and_counts_them() {
        let log = AccessLog::open(Path::new("/dev/full"), journal()).unwrap();
        let mut core = log.core();
        for _ in 0..3 {
            core.append(&RequestEvent::default());
        }
        core.flush();
        log.settle(SOON);
        assert_eq!(log.lost_lines(), 3);
    }

    #[test]
    fn a_line_that_a_full_disk_took_in_part_is_completed() {
        use std::io::Read;
        // Takes what fits into its buffer, then fails, and takes more when it is read.
        let (near, mut far) = std::os::unix::net::UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let sink = Sink::File(File::from(std::os::fd::OwnedFd::from(near)));
        let mut writer = Writer::new(Path::new("socket"), sink, journal());
        let line = [vec![b'a'; 999], vec![b'\n']].concat();
        const LINES: usize = 2000;
        let (error, lost) = writer.write(&line.repeat(LINES), LINES as u64).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        let mut received = vec![0; 1 << 21];
        let count = far.read(&mut received).unwrap();
        received.truncate(count);
        writer.write(&line, 1).unwrap();
        drop(writer);
        far.read_to_end(&mut received).unwrap();
        assert!(received.chunks(line.len()).all(|chunk| chunk == line), "a line is torn");
        assert_eq!(received.len() / line.len() + lost as usize, LINES + 1);
    }

    #[test]
    fn a_disk_that_hangs_blocks_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        // A reader that does not read: the pipe takes 64 KiB, then writing hangs.
        let reader = std::thread::spawn({
            let path = path.clone();
            move || File::open(path).unwrap()
        });
        let log = AccessLog::open(&path, journal()).unwrap();
        let reader = reader.join().unwrap();
        let mut core = log.core();
        let long = vec![b'a'; 10_000];
        for _ in 0..2000 {
            core.append(&RequestEvent { user_agent: &long[..8000], ..RequestEvent::default() });
        }
        assert!(log.lost_lines() > 0);
        drop(reader);
    }
}
