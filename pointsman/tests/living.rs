//! Reload, drain, status, admission, TLS and the one-liner of a running instance.

mod support;

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::{Instance, Origin, PROGRAM, Wire, at, free_port, simple, site, until};

#[test]
fn a_reload_is_whole_or_nothing_and_cuts_nothing() {
    let (first, second) = (Origin::answering("first"), Origin::answering("second"));
    let tunnel = Origin::start(|wire| {
        wire.head();
        wire.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
        while wire.fill() {
            let said = std::mem::take(&mut wire.buffer);
            wire.send(said);
        }
    });
    let port = free_port();
    let with = |app: &Origin| {
        let listener = "    rule \"ws\" {\n      path    = \"/ws\"\n      forward = target_group.ws\n    }\n    default {\n      forward = target_group.app\n    }\n";
        site(port, "", listener, &[app.address])
            + &format!("\ntarget_group \"ws\" {{\n  targets = [\"{}\"]\n}}\n", tunnel.address)
    };
    let instance = Instance::start(&with(&first));
    let mut socket = Wire::to(at(port));
    socket.send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    assert!(socket.head().unwrap().starts_with("HTTP/1.1 101"));
    let mut client = Wire::to(at(port));
    assert_eq!(client.get("/").text(), "first");

    instance.write(&with(&second));
    let output = instance.reload();
    assert!(output.status.success(), "{output:?}");
    // The same connections: the next request meets the new configuration, the tunnel goes on.
    assert_eq!(client.get("/").text(), "second");
    socket.send("still there");
    assert_eq!(socket.exactly(11), b"still there");

    instance.write(&with(&first).replace("target_group.ws", "target_group.wz"));
    let output = instance.reload();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("wz") && text.contains("did you mean"), "{text}");
    assert_eq!(client.get("/").text(), "second");
    assert!(instance.status()["refused_reload"].is_string());

    instance.write(&with(&first));
    instance.signal("HUP");
    until("the reload by signal", || (client.get("/").text() == "first").then_some(()));
    assert!(instance.status()["refused_reload"].is_null());
}

#[test]
fn listeners_come_and_go() {
    let origin = Origin::answering("ok");
    let (one, two) = (free_port(), free_port());
    let instance = Instance::start(&simple(one, origin.address));
    let mut old = Wire::to(at(one));
    assert_eq!(old.get("/").status, 200);
    instance.write(&simple(two, origin.address));
    assert!(instance.reload().status.success());
    until("the new listener", || {
        let mut wire = std::net::TcpStream::connect(at(two)).ok().map(|_| Wire::to(at(two)))?;
        (wire.get("/").status == 200).then_some(())
    });
    assert!(old.is_closed(), "its idle connections end with it");
    until("the old listener to be closed", || std::net::TcpStream::connect(at(one)).err());
    // A port that is taken: nothing changes.
    let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    instance.write(&simple(taken.local_addr().unwrap().port(), origin.address));
    let output = instance.reload();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("site.hcl:"), "{output:?}");
    assert_eq!(Wire::to(at(two)).get("/").status, 200);
}

#[test]
fn sigterm_drains() {
    let origin = Origin::start(|wire| {
        wire.head();
        std::thread::sleep(Duration::from_millis(400));
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
    });
    let port = free_port();
    let mut instance = Instance::start(&simple(port, origin.address));
    let mut idle = Wire::to(at(port));
    let mut busy = Wire::to(at(port));
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(idle.response().status, 200);
    busy.send("");
    assert_eq!(busy.response().status, 200);
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    std::thread::sleep(Duration::from_millis(100));
    instance.signal("TERM");
    // A client that comes now learns so at once, while others are still served.
    until("new connections to be refused", || std::net::TcpStream::connect(at(port)).err());
    assert!(instance.child.try_wait().unwrap().is_none(), "refused only because it has ended");
    let last = busy.response();
    assert_eq!(last.text(), "done");
    // Else the client would send another request, and not know what became of it.
    assert_eq!(last.header("connection"), Some("close"), "{}", last.head);
    assert!(idle.is_closed());
    let status = until("the instance to end", || instance.child.try_wait().unwrap());
    assert!(status.success(), "{status}");
    assert!(std::net::TcpStream::connect(at(port)).is_err());
}

#[test]
fn balancing_stickiness_and_weights() {
    let (a, b) = (Origin::answering("a"), Origin::answering("b"));
    let port = free_port();
    let default = "    default {\n      forward = target_group.app\n    }\n";
    let configuration = site(port, "", default, &[a.address, b.address]);
    let instance = Instance::start(&configuration);
    instance.await_target("app", "healthy");
    let counts = |n: usize| {
        let mut seen = [0; 2];
        for _ in 0..n {
            seen[usize::from(Wire::to(at(port)).get("/").text() == "b")] += 1;
        }
        seen
    };
    until("both targets to be healthy", || {
        let status = instance.status();
        status["target_groups"][0]["targets"]
            .as_array()?
            .iter()
            .all(|t| t["state"] == "healthy")
            .then_some(())
    });
    assert_eq!(counts(10), [5, 5]);
    let sticky = "  stickiness {\n    type     = \"lb_cookie\"\n    duration = \"1h\"\n  }\n\n  health_check {";
    instance.write(&configuration.replace("  health_check {", sticky));
    assert!(instance.reload().status.success());
    let response = until("a cookie", || {
        let response = Wire::to(at(port)).get("/");
        response.header("set-cookie").is_some().then_some(response)
    });
    let cookie = response.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("AWSALB="), "{cookie}");
    for _ in 0..8 {
        let mut client = Wire::to(at(port));
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: x=y; {cookie}\r\n\r\n"));
        assert_eq!(client.response().text(), response.text());
    }
}

#[test]
fn admission_by_security_group() {
    let origin = Origin::answering("ok");
    let office = Ipv4Addr::new(127, 10, 0, 1).into();
    let guest = Ipv4Addr::new(127, 20, 0, 1).into();
    for deny in ["drop", "reset", "page"] {
        let port = free_port();
        let configuration = simple(port, origin.address)
            .replace("[anywhere]", "[\"127.10.0.0/16\"]")
            .replace("  access_log", &format!("  deny = \"{deny}\"\n  access_log"));
        let instance = Instance::start(&configuration);
        assert_eq!(Wire::from_source(office, at(port)).get("/").status, 200, "{deny}");
        let outsider = net::stream::connect_from(guest, at(port), Duration::from_millis(700));
        let admission = instance.status()["listeners"][0]["admission"].to_string();
        match (deny, outsider) {
            ("drop", Err(error)) => {
                assert_eq!(error.kind(), std::io::ErrorKind::TimedOut, "{admission}");
                assert!(admission.contains("kernel"), "{admission}");
            }
            // Without the privilege: connected, then silence.
            ("drop", Ok(stream)) => {
                assert!(admission.contains("after accept"), "{admission}");
                stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
                let error = std::io::Read::read(&mut &stream, &mut [0]).unwrap_err();
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
            }
            ("reset", outsider) => {
                let mut byte = [0];
                let read = outsider.and_then(|s| std::io::Read::read(&mut &s, &mut byte));
                assert!(matches!(read, Err(_) | Ok(0)), "{read:?}");
            }
            (_, outsider) => {
                assert_eq!(Wire::over(outsider.unwrap()).response().status, 403);
            }
        }
    }
}

#[test]
fn tls_by_name_with_real_clients() {
    let origin = Origin::answering("secure");
    let port = free_port();
    let listener = "    default {\n      forward = target_group.app\n    }\n    protocol = \"HTTPS\"\n    certificates = [certificate.one, certificate.two]\n";
    let configuration = site(port, "", listener, &[origin.address])
        + "certificate \"one\" {\n  development = true\n  names = [\"one.example\"]\n}\ncertificate \"two\" {\n  development = true\n  names = [\"*.two.example\"]\n}\n";
    let instance = Instance::start(&configuration);
    let authority = instance.authority().display().to_string();
    let curl = |host: &str, extra: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["-sS", "-m", "10", "--cacert", &authority, "--resolve"]);
        command.arg(format!("{host}:{port}:127.0.0.1")).args(extra);
        command.arg(format!("https://{host}:{port}/")).output().unwrap()
    };
    for (host, extra) in
        [("one.example", &["--tlsv1.3"][..]), ("www.two.example", &["--tls-max", "1.2"])]
    {
        let output = curl(host, extra);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "secure", "{host} {output:?}");
    }
    let wrong = curl("three.example", &[]);
    assert!(!wrong.status.success(), "the default certificate does not cover it: {wrong:?}");
    let client = Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            &format!("127.0.0.1:{port}"),
            "-servername",
            "www.two.example",
            "-brief",
        ])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&client.stderr).into_owned();
    assert!(text.contains("TLSv1.3"), "{text}");
    let line = instance.log_line("one.example");
    assert!(line.starts_with("https ") && line.contains("TLSv1.3"), "{line}");
    assert!(line.contains("\"one.example\""), "{line}");
    // Plain HTTP to the HTTPS port.
    let response = Wire::to(at(port)).get("/");
    assert_eq!(response.status, 400);
    assert!(
        response.text().contains("The plain HTTP request was sent to HTTPS port"),
        "{}",
        response.text()
    );
}

#[test]
fn the_one_liner() {
    let origin = Origin::answering("mine");
    let folder = tempfile::tempdir().unwrap();
    let (http, https) = (free_port(), free_port());
    let mut child = Command::new(PROGRAM)
        .args(["run", &origin.address.to_string(), "--cores", "1", "--state"])
        .arg(folder.path())
        .args(["--http", &http.to_string(), "--https", &https.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("https", || std::net::TcpStream::connect(at(https)).ok());
    let response = Wire::to(at(http)).get("/a");
    assert_eq!(response.status, 301);
    assert_eq!(response.header("location"), Some(&*format!("https://test.example:{https}/a")));
    let output = Command::new("curl")
        .args(["-sS", "-m", "10", "--cacert"])
        .arg(folder.path().join("development/authority.pem"))
        .arg(format!("https://localhost:{https}/"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "mine", "{output:?}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn usage_errors_name_the_remedy() {
    let rows: [(&[&str], i32, &str); 6] = [
        (&["run", "no-such-file.hcl"], 2, "no-such-file.hcl"),
        (&["run", "--plain", "site.hcl"], 2, "--plain"),
        (&["check", "no-such-file.hcl"], 2, "no-such-file.hcl"),
        (&["demo", "gatway"], 2, "gateway-502"),
        (&["chek"], 2, "check"),
        (&["status", "--state", "/nonexistent"], 1, "no running pointsman"),
    ];
    for (arguments, code, needle) in rows {
        let output = Command::new(PROGRAM).args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(needle), "{arguments:?}: {text}");
    }
}
