//! What is said of an imported nginx configuration is what nginx does: random configurations,
//! random requests, our answer beside that of the real one.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use config::{RealEnvironment, Source, Sources};
use model::{Application, Severity};
use verdict::application::{Answer, Asked, answer};

/// `NGINX_ROUNDS` for a longer search, `NGINX_SEED` for where it begins; alone, for that round.
const ROUNDS: u64 = 30;
const REQUESTS: usize = 150;
/// Of the answers, so many must be known.
const KNOWN_SHARE: f64 = 0.95;

// === random configurations ===

/// Numbers from a seed (xorshift64*).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// One time in `times`.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

const SERVER_NAMES: &[&str] = &[
    "a.test",
    "b.test",
    ".a.test",
    "*.test",
    "*.a.test",
    "x.*",
    "mail.*",
    "_",
    "\"\"",
    "mail.org",
    "~^(.+)\\.org$",
    "~^m(.)il",
    "A.Test",
];
const HOSTS: &[&str] = &[
    "a.test",
    "b.test",
    "x.a.test",
    "y.x.a.test",
    "x.org",
    "mail.org",
    "mail.test",
    "c",
    "A.TEST",
    "a.test:99",
    "a.test.",
    "moil.org",
];
const SEGMENTS: &[&str] = &["a", "b", "ab", "x", "A", "a.gif", "b.GIF", "e", "i"];
const SENT: &[&str] = &[
    "a", "b", "ab", "x", "A", "a.gif", "b.GIF", "e", "i", "%61", "a%20b", "..", ".", "", "a+b",
    "%2e%2e", "a%2Fb", "%3F", "%26",
];
const QUERIES: &[&str] = &["", "", "q=1", "id=7", "q=%41+b&id=x", "id=7&v=9"];
const EXPRESSIONS: &[&str] =
    &["^/a", "^/(a|b)/(.*)$", "x$", "\\.gif$", "^/([a-z]+)", "/(.)/", "^/e", "b"];
const TEXTS: &[&str] = &[
    "/a",
    "/b/$1",
    "$uri",
    "http://o.test/",
    "https://$host$request_uri",
    "$scheme://o.test$uri",
    "https://$host:$server_port/$1$is_args$args",
    "/x/$2?k=$1",
    "https://$server_name/$v",
    "https://$http_host/$arg_id",
    "https://${host}/_$v",
    "x",
];
const REPLACEMENTS: &[&str] = &[
    "/a",
    "/b/$1",
    "/x?k=$1",
    "/x/$1?",
    "/e?",
    "/ab/$2?j=$arg_id?",
    "http://o.test/$1",
    "https://$host$uri",
    "$scheme://o.test$request_uri?",
    "/i/$1",
    "/",
];
const TESTS: &[&str] = &[
    "$http_x_forwarded_proto != \"https\"",
    "$scheme = http",
    "$host = a.test",
    "$host ~ ^(x)\\.",
    "$host !~* TEST",
    "$request_method = POST",
    "$args ~ id=(.)",
    "$arg_id",
    "$uri ~* ^/A",
    "$v = 1",
    "$request_uri ~ \"^/(.)\"",
    "$v",
    "$http_x_forwarded_proto = https",
];

struct Writing<'d> {
    dice: &'d mut Dice,
    text: String,
    /// Of locations, so that requests find them.
    paths: Vec<String>,
    backends: [u16; 2],
}

impl Writing<'_> {
    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn step(&mut self, depth: u32) {
        let text = match self.dice.below(if depth == 0 { 10 } else { 7 }) {
            0 => {
                let status = self.dice.pick(&["200", "204", "429", "404", "410", "444", "500"]);
                format!("return {status};")
            }
            1 => {
                let status = self.dice.pick(&["301", "302", "303", "307", "308"]);
                format!("return {status} {};", self.dice.pick(TEXTS))
            }
            2 => format!("return {} \"text\";", self.dice.pick(&["200", "404", "503"])),
            3 | 4 => {
                let flag =
                    self.dice.pick(&["", "", "last", "last", "break", "redirect", "permanent"]);
                let regex = self.dice.pick(EXPRESSIONS);
                format!("rewrite {regex} {} {flag};", self.dice.pick(REPLACEMENTS))
            }
            5 => format!("set $v {};", self.dice.pick(&["1", "0", "$v$1", "$host", "\"\""])),
            6 if self.dice.once_in(3) => "break;".to_owned(),
            6 => "set $v 1;".to_owned(),
            _ => {
                let test = self.dice.pick(TESTS);
                self.line(&format!("if ({test}) {{"));
                for _ in 0..=self.dice.below(2) {
                    self.step(1);
                }
                "}".to_owned()
            }
        };
        self.line(&text);
    }

    fn settings(&mut self) {
        if self.dice.once_in(5) {
            let page = self.dice.pick(&[
                "410 /e",
                "410 =200 /e",
                "429 410 = /e",
                "500 410 = @named",
                "429 @named",
                "404 https://o.test$uri",
                "429 503 =308 https://o.test/$1",
                "301 302 = /e",
            ]);
            self.line(&format!("error_page {page};"));
        }
        if self.dice.once_in(6) {
            let form = ["absolute_redirect", "port_in_redirect", "server_name_in_redirect"];
            let (form, on) = (self.dice.pick(&form), self.dice.pick(&["on", "off"]));
            self.line(&format!("{form} {on};"));
        }
        if self.dice.once_in(6) {
            let header = self.dice.pick(&[
                "Host $host",
                "Host $http_host",
                "X-Forwarded-Proto $scheme",
                "X-Other x",
                "X-Forwarded-Proto \"\"",
            ]);
            self.line(&format!("proxy_set_header {header};"));
        }
    }

    fn content(&mut self) {
        let (address, backend) = (address(), self.backends[self.dice.below(2)]);
        match self.dice.below(5) {
            0 | 1 => self.line(&format!("proxy_pass http://{address}:{backend};")),
            2 => self.line("proxy_pass http://up;"),
            3 => self.line("try_files $uri $uri/ =404;"),
            _ => {}
        }
    }

    fn location(&mut self, outer: &str, used: &mut BTreeSet<String>, depth: u32) {
        let mut path = outer.trim_end_matches('/').to_owned();
        for _ in 0..=self.dice.below(2) {
            let _ = write!(path, "/{}", self.dice.pick(SEGMENTS));
        }
        match self.dice.below(4) {
            0 => path.push('/'),
            1 | 2 if depth == 0 => path = "/".to_owned(),
            _ => {}
        }
        let modifier = self.dice.pick(&["", "", "", "^~ ", "= ", "~ ", "~* "]);
        let is_regex = modifier.starts_with('~');
        if is_regex {
            path = self.dice.pick(EXPRESSIONS).to_owned();
        }
        let key = match modifier {
            "" | "^~ " => format!(" {path}"),
            other => format!("{other}{path}"),
        };
        if !used.insert(key) || path == outer {
            return;
        }
        self.line(&format!("location {modifier}{path} {{"));
        if !is_regex {
            self.paths.push(path.clone());
        }
        self.settings();
        if self.dice.once_in(12) {
            self.line("internal;");
        }
        for _ in 0..self.dice.below(4) {
            self.step(0);
        }
        self.content();
        if modifier != "= " && !is_regex && depth < 2 {
            let mut used = BTreeSet::new();
            for _ in 0..self.dice.below(3) {
                self.location(&path, &mut used, depth + 1);
            }
        }
        self.line("}");
    }

    fn server(&mut self, listen: &str) {
        self.line("server {");
        self.line(listen);
        if !self.dice.once_in(5) {
            let names: Vec<&str> =
                (0..=self.dice.below(3)).map(|_| self.dice.pick(SERVER_NAMES)).collect();
            self.line(&format!("server_name {};", names.join(" ")));
        }
        // A variable is known once it is set anywhere, and is empty until then.
        if listen.contains("default_server") || self.dice.once_in(2) {
            self.line("set $v \"\";");
        }
        self.settings();
        for _ in 0..self.dice.below(2) {
            self.step(0);
        }
        let mut used = BTreeSet::new();
        for _ in 0..2 + self.dice.below(7) {
            self.location("/", &mut used, 0);
        }
        self.line("location @named {");
        self.step(0);
        self.content();
        self.line("}\n}");
    }
}

/// `ports`: two that are asked, and two behind them.
fn configuration(dice: &mut Dice, ports: &[u16; 4], folder: &Path) -> (String, Vec<String>) {
    let [one, two, backends @ ..] = *ports;
    let mut writing = Writing { dice, text: String::new(), paths: Vec::new(), backends };
    let (folder, address) = (folder.display(), address());
    writing.line("daemon off; master_process off; worker_processes 1;");
    writing.line(&format!("error_log stderr notice; pid {folder}/pid;"));
    writing.line("events { worker_connections 512; }");
    writing.line("http {\naccess_log off; error_log /dev/null crit;");
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writing.line(&format!("{kind}_temp_path {folder}/{kind};"));
    }
    writing.line(&format!("root {folder}/files;"));
    writing.settings();
    writing.line(&format!("upstream up {{ server {address}:{}; }}", backends[0]));
    for port in backends {
        writing.line(&format!(
            "server {{ listen {address}:{port}; absolute_redirect on;\n\
             add_header X-Behind \"{port} $http_host $http_x_forwarded_proto\" always; return 418 \"\"; }}"
        ));
    }
    for _ in 0..=writing.dice.below(4) {
        let mut listen = format!("listen {address}:{one};");
        if writing.dice.once_in(3) {
            let _ = write!(listen, " listen {address}:{two};");
        }
        writing.server(&listen);
    }
    writing.server(&format!("listen {address}:{two} default_server;"));
    writing.line("}");
    (writing.text, writing.paths)
}

// === the real one ===

struct Nginx {
    process: Child,
    /// Kept open, since it goes on writing.
    errors: Lines<BufReader<ChildStderr>>,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns when it listens.
fn start(folder: &Path) -> Option<Nginx> {
    let child = Command::new("nginx")
        .args(["-e", "stderr", "-c"])
        .arg(folder.join("nginx.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut process = match child {
        Ok(process) => process,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "CI has nginx: {error}");
            return None;
        }
    };
    let errors = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut nginx = Nginx { process, errors };
    let mut said = String::new();
    for line in nginx.errors.by_ref().map_while(Result::ok) {
        // What it says first after opening its sockets.
        if line.contains("event method") {
            return Some(nginx);
        }
        said.push_str(&line);
    }
    panic!("nginx does not start: {said}");
}

/// An address of this process alone, so that nobody takes the ports between us and nginx.
fn address() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 + high, middle, low)
}

fn free_ports() -> [u16; 4] {
    let held: Vec<TcpListener> =
        (0..4).map(|_| TcpListener::bind((address(), 0)).unwrap()).collect();
    let port = |at: usize| held[at].local_addr().unwrap().port();
    [port(0), port(1), port(2), port(3)]
}

/// What a client sees.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    /// 444: nothing.
    status: u16,
    location: Option<String>,
    /// The backend, and what it was told.
    behind: Option<String>,
}

struct Request<'a> {
    method: &'a str,
    port: u16,
    host: &'a str,
    path: String,
    query: &'a str,
    forwarded_proto: Option<&'a str>,
}

impl Request<'_> {
    fn send(&self) -> Seen {
        let mut stream = TcpStream::connect((address(), self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let (method, path, host) = (self.method, &self.path, self.host);
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        let proto = self.forwarded_proto.map(|p| format!("X-Forwarded-Proto: {p}\r\n"));
        let head = format!(
            "{method} {path}{query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{}\r\n",
            proto.unwrap_or_default()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut seen = Seen { status: 444, ..Seen::default() };
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            if text.is_empty() {
                break;
            }
            if let Some(status) = text.strip_prefix("HTTP/1.1 ") {
                seen.status = status[..3].parse().unwrap();
            } else if let Some(location) = text.strip_prefix("Location: ") {
                seen.location = Some(location.to_owned());
            } else if let Some(behind) = text.strip_prefix("X-Behind: ") {
                seen.behind = Some(behind.trim_end().to_owned());
            }
            line.clear();
        }
        let _ = reader.read_to_end(&mut Vec::new());
        seen
    }

    fn asked(&self) -> Asked<'_> {
        Asked {
            method: self.method,
            scheme: "http",
            port: self.port,
            host: self.host,
            path: &self.path,
            query: self.query,
            forwarded_proto: self.forwarded_proto,
        }
    }
}

fn request(dice: &mut Dice, ports: &[u16; 4], paths: &[String]) -> Request<'static> {
    let mut path = String::new();
    let mut more = 1 + dice.below(3);
    if !paths.is_empty() && !dice.once_in(4) {
        path.push_str(paths[dice.below(paths.len())].trim_end_matches('/'));
        more = dice.below(2);
    }
    for _ in 0..more {
        let segments = if dice.once_in(4) { SENT } else { SEGMENTS };
        let _ = write!(path, "/{}", dice.pick(segments));
    }
    match dice.below(5) {
        0 => path.push('/'),
        _ if path.is_empty() => path.push('/'),
        _ => {}
    }
    let proto = [Some("https"), Some("http"), None];
    Request {
        method: dice.pick(&["GET", "GET", "GET", "HEAD", "POST"]),
        port: ports[dice.below(2)],
        host: dice.pick(HOSTS),
        path,
        query: dice.pick(QUERIES),
        forwarded_proto: proto[dice.below(3)],
    }
}

// === the comparison ===

/// `None`: our answer is not known.
fn agrees(answer: &Answer<'_>, seen: &Seen) -> Option<bool> {
    let is_file = [200, 403, 404, 405].contains(&seen.status);
    Some(match answer {
        Answer::Redirect { status, location, .. } => {
            seen.status == *status && seen.location.as_deref().unwrap_or("") == location
        }
        Answer::Status { status, .. } => seen.status == *status,
        Answer::Forward { to, host, forwarded_proto, .. } => {
            let port = to.rsplit(':').next().unwrap();
            let host = host.as_deref().unwrap_or("");
            let told = format!("{port} {host} {}", forwarded_proto.as_deref().unwrap_or(""));
            seen.behind.as_deref() == Some(told.trim_end())
        }
        Answer::Files { .. } => is_file && seen.behind.is_none(),
        Answer::NoHandshake { .. } => false,
        Answer::NotKnown { .. } => return None,
    })
}

fn application(folder: &Path) -> Application {
    let text = "target_group \"t\" {\n  application { nginx = \"nginx.conf\" }\n}\n";
    let source =
        Source { name: "test.hcl".into(), text: text.to_owned(), folder: folder.to_owned() };
    let (model, findings) = config::parse(&Sources(vec![source]), &RealEnvironment);
    let errors: Vec<_> = findings.iter().filter(|f| f.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    model.target_groups[0].application.clone().unwrap()
}

#[derive(Default)]
struct Count {
    agreed: usize,
    not_known: usize,
    pages_missing: usize,
    redirects: usize,
    forwards: usize,
    files: usize,
}

/// `false`: there is no nginx.
fn round(seed: u64, count: &mut Count) -> bool {
    let mut dice = Dice::new(seed);
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("files")).unwrap();
    std::fs::write(folder.path().join("files/e"), "the page of an error").unwrap();
    let ports = free_ports();
    let (text, paths) = configuration(&mut dice, &ports, folder.path());
    std::fs::write(folder.path().join("nginx.conf"), &text).unwrap();
    let Some(mut nginx) = start(folder.path()) else { return false };
    let application = application(folder.path());
    for _ in 0..REQUESTS {
        let request = request(&mut dice, &ports, &paths);
        let answer = answer(&application, &request.asked());
        let seen = request.send();
        if let Ok(Some(status)) = nginx.process.try_wait() {
            panic!("seed {seed}: nginx ended: {status}\n{}", numbered(&text));
        }
        // The page of an error is taken to exist; where it does not, nginx says 404 (of a directory, 403).
        let page_missing =
            matches!(answer, Answer::Status { .. }) && [403, 404].contains(&seen.status);
        match agrees(&answer, &seen) {
            Some(true) => count.agreed += 1,
            Some(false) if page_missing && text.contains("error_page") => count.pages_missing += 1,
            None => count.not_known += 1,
            Some(false) => panic!(
                "seed {seed}: {} {}:{} {}?{} {:?}\nours: {answer:?}\nnginx: {seen:?}\n{}",
                request.method,
                request.host,
                request.port,
                request.path,
                request.query,
                request.forwarded_proto,
                numbered(&text),
            ),
        }
        match answer {
            Answer::Redirect { .. } => count.redirects += 1,
            Answer::Forward { .. } => count.forwards += 1,
            Answer::Files { .. } => count.files += 1,
            Answer::Status { .. } | Answer::NoHandshake { .. } | Answer::NotKnown { .. } => {}
        }
    }
    true
}

fn numbered(text: &str) -> String {
    text.lines().enumerate().map(|(at, line)| format!("{:3} {line}\n", at + 1)).collect()
}

#[test]
fn what_is_said_of_a_configuration_is_what_nginx_does() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (first, rounds) = match number("NGINX_SEED") {
        Some(seed) => (seed, 1),
        None => (0, ROUNDS),
    };
    let rounds = number("NGINX_ROUNDS").unwrap_or(rounds);
    let mut count = Count::default();
    for seed in first..first + rounds {
        if !round(seed, &mut count) {
            eprintln!("skipped: there is no nginx");
            return;
        }
    }
    let Count { agreed, not_known, pages_missing, redirects, forwards, files } = count;
    println!(
        "agreed {agreed}, not known {not_known}; {redirects} redirects, {forwards} forwards, {files} files"
    );
    let known = agreed as f64 / (agreed + not_known) as f64;
    assert!(known >= KNOWN_SHARE, "only {known:.3} of the answers are known");
    assert!(pages_missing * 200 <= agreed, "{pages_missing} pages of errors are missing");
}
