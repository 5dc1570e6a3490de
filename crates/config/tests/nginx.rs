//! What an imported nginx configuration answers.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use config::{Environment, Sources};
use model::{Application, Finding, Model, Severity};
use verdict::application::{Answer, Asked, answer};

/// Files by their whole name.
struct Files(BTreeMap<&'static str, String>);

impl Environment for Files {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, folder: &Path, name: &str) -> io::Result<String> {
        let path = folder.join(name).display().to_string();
        self.0.get(path.as_str()).cloned().ok_or(io::ErrorKind::NotFound.into())
    }

    fn files(&self, _: &Path, pattern: &str) -> io::Result<Vec<String>> {
        let (start, end) = pattern.split_once('*').unwrap();
        let fits = |name: &&&str| name.starts_with(start) && name.ends_with(end);
        Ok(self.0.keys().filter(fits).map(|name| (*name).to_owned()).collect())
    }
}

const BLOCK: &str = r#"
target_group "app" {
  targets = ["10.0.0.5:80"]
  application { nginx = "nginx.conf" }
}
"#;

fn read(files: &[(&'static str, &str)]) -> (Model, Vec<Finding>) {
    let files = files.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    config::parse(&Sources::single("test.hcl", BLOCK), &Files(files))
}

fn application(nginx: &str) -> Application {
    let (model, findings) = read(&[("nginx.conf", nginx)]);
    let errors: Vec<_> = findings.iter().filter(|f| f.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{nginx}");
    model.target_groups[0].application.clone().unwrap()
}

/// `https://host:port/path?query`, and after a space the `X-Forwarded-Proto`.
fn ask(application: &Application, line: &str) -> String {
    let (url, forwarded_proto) = match line.split_once(' ') {
        Some((url, proto)) => (url, Some(proto)),
        None => (line, None),
    };
    let (scheme, rest) = url.split_once("://").unwrap();
    let (host, target) = rest.split_at(rest.find('/').unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let default = if scheme == "https" { 443 } else { 80 };
    let port = host.rsplit_once(':').map_or(default, |(_, port)| port.parse().unwrap());
    let asked = Asked { method: "GET", scheme, port, host, path, query, forwarded_proto };
    said(&answer(application, &asked))
}

/// The answer and the line that gave it.
fn said(answer: &Answer<'_>) -> String {
    match answer {
        Answer::Redirect { status, location, place } => {
            format!("{status} {location} :{}", place.line)
        }
        Answer::Status { status, place } => format!("{status} :{}", place.line),
        Answer::Forward { to, place, .. } => format!("forward {to} :{}", place.line),
        Answer::Files { place } => format!("files :{}", place.line),
        Answer::NoHandshake { place } => format!("no handshake :{}", place.line),
        Answer::NotKnown { why, place } => format!("not known: {why} :{}", place.line),
    }
}

fn table(nginx: &str, rows: &[(&str, &str)]) {
    let application = application(nginx);
    for (line, expected) in rows {
        assert_eq!(ask(&application, line), *expected, "{line}\n{nginx}");
    }
}

#[test]
fn servers() {
    table(
        r#"server { listen 80; server_name first.example; return 201; }
server { listen 80; server_name shop.example .dot.example; return 202; }
server { listen 80; server_name *.example; return 203; }
server { listen 80; server_name *.shop.example; return 204; }
server { listen 80; server_name mail.*; return 205; }
server { listen 80; server_name "~^(\d+)\.num$"; return 301 http://num/$1; }
server { listen 8080 default_server; listen 80; server_name _; return 206; }
server { listen 8080; server_name eight.example; return 207; }
server { listen 443 ssl; server_name a.example; return 208; }
server { listen 443; server_name b.example; error_page 497 https://$host$request_uri; return 209; }
server { listen 9000; return 301 /to; }
server { listen 127.0.0.1:9001; return 210; }
server { listen 9001; return 211; }
"#,
        &[
            ("http://shop.example/", "202 :2"),
            ("http://SHOP.example./", "202 :2"),
            ("http://dot.example/", "202 :2"),
            ("http://a.b.dot.example/", "202 :2"),
            ("http://x.example/", "203 :3"),
            ("http://x.shop.example/", "204 :4"),
            ("http://mail.anything/", "205 :5"),
            ("http://mail.example/", "203 :3"),
            ("http://12.num/", "301 http://num/12 :6"),
            ("http://other/", "201 :1"),
            ("http://other:8080/", "206 :7"),
            ("http://eight.example:8080/", "207 :8"),
            ("http://eight.example/", "203 :3"),
            ("http://nobody:81/", "not known: no server listens on port 81 :4"),
            ("https://a.example/", "208 :9"),
            ("https://b.example/", "209 :10"),
            ("http://b.example:443/x?y=1", "302 https://b.example/x?y=1 :10"),
            ("http://a.example:443/", "400 :9"),
            ("https://shop.example:80/", "no handshake :2"),
            ("http://h:9000/", "301 http://h:9000/to :11"),
            ("http://h:9001/", "not known: port 9001 has other servers on another address :12"),
        ],
    );
}

#[test]
fn locations() {
    table(
        r#"server { listen 80;
location / { return 201; }
location = / { return 202; }
location /docs/ { return 203; }
location ^~ /images/ { return 204; }
location ~* \.(gif|jpg)$ { return 205; }
location ~ ^/docs/(?:a|b)/(.*)$ { return 301 /got/$1; }
location /outer/ { location /outer/inner/ { return 206; } location ~ x$ { return 207; } return 208; }
location /app/ { proxy_pass http://backend; }
location = /exact { return 209; }
location "/a b" { return 210; }
location /UP { return 211; }
location /files/ { root /srv; }
}
upstream backend { server 10.0.0.1; server 10.0.0.2:81; server 10.0.0.3 backup; }
"#,
        &[
            ("http://h/", "202 :3"),
            ("http://h/x", "201 :2"),
            ("http://h/docs/x", "203 :4"),
            ("http://h/docs/1.GIF", "205 :6"),
            ("http://h/images/1.gif", "204 :5"),
            ("http://h/docs/a/z", "301 http://h/got/z :7"),
            ("http://h/outer/inner/z", "206 :8"),
            ("http://h/outer/inner/x", "207 :8"),
            ("http://h/outer/x", "207 :8"),
            ("http://h/outer/y", "208 :8"),
            ("http://h/outer/y.gif", "205 :6"),
            ("http://h/app/x", "forward 10.0.0.1:80, 10.0.0.2:81 :9"),
            ("http://h/app?q=1", "301 http://h/app/?q=1 :9"),
            ("http://h/exact", "209 :10"),
            ("http://h/exact/", "201 :2"),
            ("http://h/a%20b", "210 :11"),
            ("http://h/up", "201 :2"),
            ("http://h//docs//./y/../x", "203 :4"),
            ("http://h/../x", "400 :1"),
            ("http://h/%zz", "400 :1"),
            ("http://h/files/x", "files :13"),
        ],
    );
}

#[test]
fn rewriting() {
    table(
        r#"server { listen 80; listen 8080; server_name shop.example;
rewrite ^/moved/(.*)$ https://new.example/$1 permanent;
rewrite ^/short$ /long?from=short last;
rewrite ^/clean$ /long? last;
rewrite ^/url$ http://x.example/y;
rewrite ^/loop /loop1 last;
location /loop { rewrite ^ /loop last; }
location = /long { return 302 $uri$is_args$args; }
location /break { rewrite ^/break/(.*)$ /$1 break; return 201; }
location /next { rewrite ^/next/(.*)$ /$1; return 200 "never changed"; }
location /go { rewrite ^/go/(.*)$ /long; }
location /red { rewrite ^/red/(.*)$ /to/$1 redirect; }
location /twice { rewrite ^ https://$host$request_uri permanent; }
location /once { rewrite ^ https://$host$request_uri? permanent; }
location /if {
  if ($request_method = POST) { return 405; }
  if ($args ~* "^id=(\d+)$") { return 303 /item/$1; }
  set $mark "";
  if ($arg_debug) { set $mark "1"; }
  if ($mark = 1) { return 204; }
  if ($host !~ ^shop) { return 403; }
  if ($http_user_agent ~ bot) { return 444; }
  return 205;
}
location /err { error_page 404 =301 https://other.example/; return 404; }
location /err2 { error_page 404 /e; return 404; }
location /err3 { error_page 403 = @named; return 403; }
location @named { return 307 /named; }
location /evil { proxy_pass http://one:1; if ($arg_two) { proxy_pass http://two:2; } }
location /text { return 404 "no"; error_page 404 =301 https://other.example/; }
location /url2 { return https://$host/; }
location /quiet { absolute_redirect off; return 301 /q; }
location /noport { port_in_redirect off; return 301 /q; }
location /spa { try_files $uri $uri/ /index.html; }
location /php { try_files $uri /spa/x @named; }
location /may { try_files $uri @named; }
}
"#,
        &[
            ("http://shop.example/moved/x?q=1", "301 https://new.example/x?q=1 :2"),
            ("http://shop.example/short?q=1", "302 http://shop.example/long?from=short&q=1 :8"),
            ("http://shop.example/clean?q=1", "302 http://shop.example/long :8"),
            ("http://shop.example/url?q=1", "302 http://x.example/y?q=1 :5"),
            ("http://shop.example/loop", "500 :7"),
            ("http://shop.example/break/x", "files :9"),
            ("http://shop.example/next/x", "200 :10"),
            ("http://shop.example/go/x?k=v", "302 http://shop.example/long?k=v :8"),
            ("http://shop.example:8080/red/x", "302 http://shop.example:8080/to/x :12"),
            ("http://shop.example/twice?q=1", "301 https://shop.example/twice?q=1?q=1 :13"),
            ("http://shop.example/once?q=1", "301 https://shop.example/once?q=1 :14"),
            ("http://shop.example/if?id=42", "303 http://shop.example/item/42 :17"),
            ("http://shop.example/if?debug=1", "204 :20"),
            ("http://other.example/if", "403 :21"),
            (
                "http://shop.example/if",
                "not known: it depends on `$http_user_agent`, which is not known :22",
            ),
            ("http://shop.example/err", "301 https://other.example/ :25"),
            ("http://shop.example/err2", "404 :26"),
            ("http://shop.example/err3", "307 http://shop.example/named :28"),
            ("http://shop.example/evil", "forward one:1 :29"),
            ("http://shop.example/evil?two=1", "forward two:2 :29"),
            ("http://shop.example/text", "404 :30"),
            ("http://shop.example/url2", "302 https://shop.example/ :31"),
            ("http://shop.example:8080/quiet", "301 /q :32"),
            ("http://shop.example:8080/noport", "301 http://shop.example/q :33"),
            ("http://shop.example/spa", "files :34"),
            (
                "http://shop.example/may",
                "not known: it depends on whether there is such a file :36",
            ),
        ],
    );
}

/// What an operator met: both listeners' requests arrive on :80, which redirects whatever it hears.
#[test]
fn the_redirect_that_is_written_twice() {
    table(
        r#"http {
  server {
    listen 80 default_server;
    server_name shop.example;
    return 301 https://$host$request_uri;
  }
  server {
    listen 8080;
    server_name shop.example;
    if ($http_x_forwarded_proto != "https") { return 301 https://$host$request_uri; }
    location / { proxy_pass http://127.0.0.1:3000; proxy_set_header X-Forwarded-Proto $scheme; }
  }
  server {
    listen 443 ssl;
    ssl_certificate /etc/ssl/shop.pem;
    location / { proxy_pass http://127.0.0.1:3000; }
  }
}
"#,
        &[
            ("http://shop.example/cart?x=1", "301 https://shop.example/cart?x=1 :5"),
            ("http://shop.example/cart?x=1 https", "301 https://shop.example/cart?x=1 :5"),
            ("http://shop.example:8080/cart", "301 https://shop.example/cart :10"),
            ("http://shop.example:8080/cart https", "forward 127.0.0.1:3000 :11"),
            ("http://shop.example:443/", "400 :14"),
            ("https://shop.example/", "forward 127.0.0.1:3000 :16"),
        ],
    );
}

/// "The plain HTTP request was sent to HTTPS port"; each row was tried with nginx 1.22.
#[test]
fn plain_requests_to_a_port_with_tls() {
    table(
        r#"server { listen 443 ssl; server_name a; return 208; }
server { listen 443; server_name b; error_page 497 https://$host$request_uri; return 209; }
server { listen 443; server_name c; error_page 497 =301 https://$host:$server_port$request_uri; }
server { listen 443; server_name d; error_page 497 =200 /x; location /x { return 200 "x"; } }
server { listen 443; server_name e; error_page 497 = /x; location /x { return 302 /y; } }
server { listen 443; server_name f; error_page 497 /x; location /x { return 200 x; } }
server { listen 443; server_name g; error_page 400 /x; location /x { return 200 x; } }
"#,
        &[
            ("http://a:443/z", "400 :1"),
            ("https://a/z", "208 :1"),
            ("http://b:443/z?q=1", "302 https://b/z?q=1 :2"),
            ("https://b/z", "209 :2"),
            ("http://c:443/z?q=1", "301 https://c:443/z?q=1 :3"),
            ("http://d:443/z", "200 :4"),
            ("http://e:443/z", "302 http://e:443/y :5"),
            ("https://e/x", "302 https://e/y :5"),
            ("http://f:443/z", "400 :6"),
            ("http://g:443/z", "400 :7"),
        ],
    );
}

#[test]
fn what_a_forwarded_request_says() {
    let application = application(
        "server { proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto $scheme;\n\
         location / { proxy_pass http://app; }\n\
         location /own { proxy_pass https://app; proxy_set_header Host own.example; } }\n",
    );
    let asked = |path| Asked {
        method: "GET",
        scheme: "http",
        port: 80,
        host: "shop.example",
        path,
        query: "",
        forwarded_proto: Some("https"),
    };
    let sent = |path| match answer(&application, &asked(path)) {
        Answer::Forward { to, tls, host, forwarded_proto, .. } => (to, tls, host, forwarded_proto),
        other => panic!("{other:?}"),
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(sent("/"), ("app:80".to_owned(), false, text("shop.example"), text("http")));
    assert_eq!(sent("/own"), ("app:443".to_owned(), true, text("own.example"), text("https")));
}

#[test]
fn what_a_forwarded_request_asks_for() {
    let application = application(
        "server { location /as/ { proxy_pass http://app; }\n\
         location /own/ { proxy_pass http://app/; }\n\
         location /deep/ { proxy_pass http://app/x?y=1; }\n\
         location /request/ { proxy_pass http://app$request_uri; }\n\
         location /uri/ { proxy_pass http://app$uri; }\n\
         location /socket/ { proxy_pass http://unix:/run/app; }\n\
         location /socket-own/ { proxy_pass http://unix:/run/app:/; }\n\
         location /break/ { rewrite ^/break/(.*) /$1 break; proxy_pass http://app; } }\n",
    );
    let rows = [
        ("/as/x", true),
        ("/own/x", false),
        ("/deep/x", false),
        ("/request/x", true),
        ("/uri/x", false),
        ("/socket/x", true),
        ("/socket-own/x", false),
        ("/break/x", false),
    ];
    for (path, expected) in rows {
        let asked = Asked {
            method: "GET",
            scheme: "http",
            port: 80,
            host: "shop.example",
            path,
            query: "",
            forwarded_proto: None,
        };
        match answer(&application, &asked) {
            Answer::Forward { keeps_path, .. } => assert_eq!(keeps_path, expected, "{path}"),
            other => panic!("{path}: {other:?}"),
        }
    }
}

#[test]
fn what_is_not_understood() {
    let nginx = r#"user www-data; worker_processes auto; events { worker_connections 768; }
http { map $a $unused { default 1; } map $a $used { default 1; }
  sendfile on; gzip on; access_log /dev/null; client_max_body_size 10m; types { text/css css; }
  server {
    listen 80; add_header X-A b; proxy_set_header X-Real-IP $remote_addr;
    location /closed { auth_basic "closed"; auth_basic_user_file x; return 301 /before; }
    location /closed/really { auth_basic closed; root /srv; }
    location /closed/really/open { auth_basic off; }
    location /php { fastcgi_pass unix:/run/php.sock; fastcgi_param A b; }
    location /lua { content_by_lua_block { if x then ngx.exit("}") end } }
    location /odd { frobnicate on; return 200; }
    location /odd2 { return 200; frobnicate on; }
    location /ip { deny 10.0.0.0/8; allow all; location /ip/all { allow all; deny all; } }
    location /map { include fastcgi_params; return 301 /$used; }
    location /odd3 { if (-f $request_filename) { return 200; } }
  }
  server { listen 81; location = / { return 200; } location / { } location ~ (?!x)y$ { } }
}
"#;
    let doubt = |name: &str, line: u32| {
        format!("not known: `{name}` could change the answer and is not understood :{line}")
    };
    table(
        nginx,
        &[
            ("http://h/closed", "301 http://h/before :6"),
            ("http://h/closed/really", &doubt("auth_basic", 7)),
            ("http://h/closed/really/open", "files :8"),
            ("http://h/php", &doubt("fastcgi_pass", 9)),
            ("http://h/lua", &doubt("content_by_lua_block", 10)),
            ("http://h/odd", &doubt("frobnicate", 11)),
            ("http://h/odd2", "200 :12"),
            ("http://h/ip", &doubt("deny", 13)),
            ("http://h/ip/all", "files :13"),
            ("http://h/map", "not known: it depends on `$used`, which is not known :14"),
            ("http://h/odd3", &doubt("if", 15)),
            ("http://h:81/", "200 :17"),
            ("http://h:81/x", &doubt("location", 17)),
        ],
    );
    let (_, findings) = read(&[("nginx.conf", nginx)]);
    assert!(findings.iter().all(|f| f.code == "lint/nginx-not-understood"), "{findings:#?}");
    let kinds: Vec<_> = findings.iter().map(|f| f.message.split('`').nth(1).unwrap()).collect();
    let expected = [
        "auth_basic",
        "content_by_lua_block",
        "deny",
        "fastcgi_pass",
        "frobnicate",
        "if",
        "location",
        "map",
    ];
    assert_eq!(kinds, expected, "{findings:#?}");
    let odd = findings.iter().find(|f| f.message.contains("frobnicate")).unwrap();
    assert_eq!(
        odd.message,
        "nginx's `frobnicate` could change an answer and is not understood: nginx.conf:11, nginx.conf:12"
    );
    assert_eq!(odd.place.to_string(), "test.hcl:4");
}

#[test]
fn includes() {
    let main = "http { include mime.types; include sites/*.conf; include gone.conf; }";
    let (model, findings) = read(&[
        ("nginx.conf", main),
        ("sites/a.conf", "server {\n listen 80; include snippets/https.conf; }"),
        ("sites/b.conf", "server { listen 81; return 200; }"),
        ("snippets/https.conf", "\n\nreturn 301 https://$host$request_uri;"),
    ]);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(findings[0].message.contains("`include`"), "{findings:#?}");
    let application = model.target_groups[0].application.as_ref().unwrap();
    assert_eq!(application.servers.len(), 2);
    // What was not read may hold anything.
    assert!(ask(application, "http://h/").starts_with("not known: `include`"));

    let (model, findings) = read(&[
        ("nginx.conf", "http { include mime.types; include sites/*.conf; }"),
        ("sites/a.conf", "server {\n listen 80; include snippets/https.conf; }"),
        ("snippets/https.conf", "\n\nreturn 301 https://$host$request_uri;"),
    ]);
    assert!(findings.is_empty(), "{findings:#?}");
    let application = model.target_groups[0].application.as_ref().unwrap();
    assert_eq!(ask(application, "http://h/x"), "301 https://h/x :3");
    assert_eq!(application.servers[0].place.to_string(), "sites/a.conf:1");
}

#[test]
fn facts_of_the_file() {
    let nginx = "keepalive_timeout 65;\nserver { listen 443 ssl; ssl_certificate a.pem; keepalive_timeout 1m30s; }\nserver { listen 443; }";
    let application = application(nginx);
    assert_eq!(application.protocol, model::TargetProtocol::Https);
    assert_eq!(application.keep_alive, Some(model::Seconds(65)));
    let (path, place) = application.servers[0].certificate.clone().unwrap();
    assert_eq!((path.as_str(), place.to_string()), ("a.pem", "nginx.conf:2".to_owned()));
}

#[test]
fn errors_name_file_line_and_thing() {
    let rows = [
        ("server {\n  listen 80;\n", "nginx.conf:1: this `{` is never closed"),
        ("server { }\n}", "nginx.conf:2: this `}` closes nothing"),
        ("server {\n  return 301\n}", "nginx.conf:2: `return` does not end with `;`"),
        ("server { return 200 \"open; }", "nginx.conf:1: this quote is never closed"),
        ("server { return 200 \"a\"b; }", "nginx.conf:1: `b` follows a quote"),
        ("server {\n\n ; }", "nginx.conf:3: this `;` ends nothing"),
        ("http { }", "there is no `server` in it"),
        ("", "there is no `server` in it"),
        ("server {\n listen 80x; }", "nginx.conf:2: `80x` is nothing to listen on"),
        ("server { listen; }", "`listen` names no port"),
        ("server { return nothing; }", "`nothing` is no status"),
        ("server { return; }", "`return` takes a status, a URL, or both"),
        ("server { rewrite ^; }", "`rewrite` takes an expression"),
        ("server { rewrite ^ / lats; }", "`lats` is no flag of `rewrite`"),
        ("server { if $x { } }", "a condition is"),
        ("server { if ($x ? y) { } }", "a condition is"),
        ("server { if () { } }", "a condition is"),
        ("server { location { } }", "a `location` takes one path"),
        ("server { location ~~ /x { } }", "`~~` is no modifier of a `location`"),
        ("server { location / { proxy_pass backend; } }", "`backend` is nowhere to pass to"),
        ("server { location / { try_files $uri; } }", "`try_files` takes files and a fallback"),
        ("server { error_page 404; }", "`error_page` takes statuses and a page"),
        ("server { error_page x /404; }", "`x` is no status"),
        ("server { set x 1; }", "`set` takes a variable and a value"),
        ("server { keepalive_timeout soon; }", "`soon` is no time"),
        ("server;", "a `server` is a block"),
        ("include nginx.conf;", "files include one another more than 16 deep"),
    ];
    for (nginx, expected) in rows {
        let (_, findings) = read(&[("nginx.conf", nginx)]);
        let errors: Vec<_> = findings.iter().filter(|f| f.severity == Severity::Error).collect();
        assert_eq!(errors.len(), 1, "{nginx}: {findings:#?}");
        assert!(errors[0].message.contains(expected), "{nginx}: {:#?}", errors[0]);
        assert_eq!(errors[0].place.to_string(), "test.hcl:4", "{nginx}");
        assert!(errors[0].hint.is_some(), "{nginx}");
    }
    let (_, findings) = read(&[]);
    assert!(findings[0].message.starts_with("cannot read `nginx.conf`"), "{findings:#?}");
}

/// Whatever is written, it is read or refused.
#[test]
fn no_text_breaks_the_reader() {
    let whole = r#"http { include x*.conf; map $a $b { default "1"; }
upstream u { server 10.0.0.1; server [::1]; server unix:/s; }
server { listen [::]:80 default_server; listen 8000-8002 ssl; server_name .a "~^(x)$" $hostname "";
if ($http_x_forwarded_proto != "https") { return 301 https://${host}$request_uri?$1; }
location ~* \.(gif|jpg)$ { rewrite ^/(.*)$ /a?b=$1? last; try_files $uri @n; error_page 404 =200 /x; }
location @n { proxy_pass http://u/$uri; proxy_set_header Host "\t\"x\\"; keepalive_timeout 1m 2; } } }"#;
    let asked = Asked {
        method: "GET",
        scheme: "http",
        port: 80,
        host: "x",
        path: "/a.gif",
        query: "q",
        forwarded_proto: None,
    };
    let (mut read_well, mut refused) = (0, 0);
    let mut check = |text: &str| {
        let (model, findings) = read(&[("nginx.conf", text)]);
        let application = model.target_groups[0].application.as_ref().unwrap();
        let _ = answer(application, &asked);
        match findings.iter().any(|finding| finding.severity == Severity::Error) {
            true => refused += 1,
            false => read_well += 1,
        }
    };
    for (at, _) in whole.char_indices() {
        let (before, after) = whole.split_at(at);
        check(before);
        check(after);
        for odd in
            ["{", "}", ";", "\"", "'", "\\", "$", "${", "(", ")", " ", "#", "é", "=", "~", "\0"]
        {
            check(&format!("{before}{odd}{after}"));
            check(&format!("{before}{odd}{}", after.get(1..).unwrap_or_default()));
        }
    }
    assert!(read_well > 1000 && refused > 1000, "{read_well} read, {refused} refused");
}
