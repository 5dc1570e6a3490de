//! What the process may do, and what it is handed by a service manager (DECISIONS 22, 23).

mod support;

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use support::{Instance, Origin, PROGRAM, Wire, at, free_port, simple, until};

#[test]
fn a_confined_instance_serves_and_reaches_nothing_else() {
    let origin = Origin::answering("mine");
    let port = free_port();
    let instance = Instance::start_with(&simple(port, origin.address), &["--confine"]);
    assert_eq!(Wire::to(at(port)).get("/").text(), "mine");
    let status = std::fs::read_to_string(format!("/proc/{}/status", instance.child.id())).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    // The folder of the configuration is readable, the state folder writable: a reload needs both.
    assert!(instance.reload().status.success());
    if instance.output().contains("instance/not-confined") {
        eprintln!("SKIPPED: this kernel has no landlock, so nothing is out of reach");
        return;
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let log = elsewhere.path().join("access.log");
    let text = simple(port, origin.address);
    instance.write(&text.replace("\"access.log\"", &format!("\"{}\"", log.display())));
    let refused = instance.reload();
    let said = String::from_utf8_lossy(&refused.stdout) + String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("access.log"), "{said}");
    assert!(!log.exists());
    assert_eq!(Wire::to(at(port)).get("/").text(), "mine", "the old configuration still serves");
}

/// A service manager that listens and hands the socket over (sd_listen_fds(3)).
struct Activated {
    listener: TcpListener,
    folder: tempfile::TempDir,
}

impl Activated {
    fn spawn(&self, cores: &str) -> Child {
        let handed_over: OwnedFd = self.listener.try_clone().unwrap().into();
        let output = std::fs::File::create(self.folder.path().join("output")).unwrap();
        Command::new("sh")
            .args(["-c", "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"", "sh"])
            .args([PROGRAM, "run", "site.hcl", "--state", "state", "--cores", cores])
            .current_dir(self.folder.path())
            .stdin(handed_over)
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .unwrap()
    }
}

#[test]
fn an_activated_socket_is_shared_by_the_cores_and_outlives_the_process() {
    let origin = Origin::answering("mine");
    // The manager listens on the very address that the configuration names.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let manager = Activated { listener, folder: tempfile::tempdir().unwrap() };
    let configuration = simple(port, origin.address);
    std::fs::write(manager.folder.path().join("site.hcl"), configuration).unwrap();
    let mut child = manager.spawn("2");
    for number in 0..100 {
        assert_eq!(Wire::to(at(port)).get("/").text(), "mine", "connection {number}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // Nobody accepts now, but the connection waits for the next process.
    let mut early = Wire::to(at(port));
    early.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut child = manager.spawn("1");
    assert_eq!(early.response().text(), "mine");
    until("a second connection", || Some(Wire::to(at(port)).get("/").text() == "mine"));
    child.kill().unwrap();
    child.wait().unwrap();
}
