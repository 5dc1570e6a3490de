//! The demos, played to their end without anybody at the keyboard: what they say is kept, word for
//! word. `UPDATE_SNAPSHOTS=1` writes it anew.

mod support;

use std::path::Path;
use std::process::{Command, Output};

use support::PROGRAM;

/// One test for each, so that they are played at the same time.
macro_rules! played {
    ($($test:ident: $name:literal,)*) => {
        $(
            #[test]
            fn $test() {
                is_as_kept($name);
            }
        )*

        #[test]
        fn every_demo_is_played() {
            let output = Command::new(PROGRAM).arg("demo").output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let mut listed: Vec<&str> =
                text.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
            listed.retain(|name| text.contains(&format!("pointsman demo {name} ")));
            let mut here = vec![$($name),*];
            listed.sort_unstable();
            here.sort_unstable();
            assert_eq!(listed, here);
        }
    };
}

played! {
    works_on_my_machine: "works-on-my-machine",
    gateway_502: "gateway-502",
    expired_certificate: "expired-certificate",
    health_check_301: "health-check-301",
    names_and_certificates: "names-and-certificates",
    redirect_loop: "redirect-loop",
    target_group_empty: "target-group-empty",
    target_sg: "target-sg",
    wrong_host: "wrong-host",
}

fn is_as_kept(name: &str) {
    let output = Command::new(PROGRAM).args(["demo", name, "--auto"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {errors}\n{text}");
    if text.contains("allows no network namespaces") {
        let reason =
            "the networks of the story are made as root, or where user namespaces are allowed";
        assert!(std::env::var_os("CI").is_none(), "{name}: {reason}");
        eprintln!("SKIPPED in part: {reason}");
        return;
    }
    let text = timeless(&text);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/demos");
    let file = folder.join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&file, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = kept.lines().zip(text.lines()).find(|(kept, told)| kept != told);
    assert!(
        kept == text,
        "{name} is told otherwise than {} has it (UPDATE_SNAPSHOTS=1 writes it anew), first: \
         {differs:?}\n{text}",
        file.display()
    );
}

/// Without what another day or another folder would write.
fn timeless(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        // As wide as what it stands for.
        let mut line = line.replace("(observed now)", "(seen 0 s ago)");
        while let Some(at) = line.find("pointsman-demo-") {
            let folder = line[..at].rfind([' ', '(']).map_or(0, |before| before + 1);
            let end = line[at..].find('/').map_or(line.len(), |slash| at + slash + 1);
            line.replace_range(folder..end, "");
        }
        for (before, after) in [("seen ", " s ago"), (" ", " days left"), ("expired ", " days ago")]
        {
            numberless(&mut line, before, after);
        }
        out += &dateless(&line);
        out.push('\n');
    }
    out
}

/// Digits between two texts, as `N`.
fn numberless(line: &mut String, before: &str, after: &str) {
    let mut from = 0;
    while let Some(at) = line[from..].find(after).map(|at| from + at) {
        let digits = line[..at].bytes().rev().take_while(u8::is_ascii_digit).count();
        from = at + after.len();
        if digits > 0 && line[..at - digits].ends_with(before) {
            line.replace_range(at - digits..at, "N");
            from = from + 1 - digits;
        }
    }
}

/// `2026-11-28 23:32 UTC`, also where a line ends in it, as the same number of letters.
fn dateless(line: &str) -> String {
    const SHAPES: [&str; 3] = ["0000-00-00", "00:00", "00:00:00+00:00"];
    let shaped = |word: &str| {
        let core = word.trim_end_matches([')', ',']);
        let shape: String =
            core.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        match SHAPES.contains(&&*shape) {
            true => word.replace(|c: char| c.is_ascii_digit(), "N"),
            false => word.to_owned(),
        }
    };
    line.split(' ').map(shaped).collect::<Vec<_>>().join(" ")
}

/// Where the kernel allows no networks, the story is told on loopback addresses.
#[test]
fn on_loopback_they_come_to_their_end_as_well() {
    let all = String::from_utf8(Command::new(PROGRAM).arg("demo").output().unwrap().stdout);
    let all = all.unwrap();
    let names = all.lines().filter_map(|line| line.trim().strip_prefix("pointsman demo "));
    let names: Vec<&str> = names.filter_map(|rest| rest.split_whitespace().next()).collect();
    assert!(names.len() >= 8, "{all}");
    std::thread::scope(|scope| {
        let plays: Vec<_> = names
            .iter()
            .map(|name| (name, scope.spawn(move || without_namespaces(name))))
            .collect();
        for (name, play) in plays {
            let Some(output) = play.join().unwrap() else {
                eprintln!("SKIPPED: no user namespace to refuse anything in");
                return;
            };
            let text = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(text.contains("allows no network namespaces"), "{name}: {text}");
            assert!(output.status.success(), "{name}: {errors}\n{text}");
        }
    });
}

/// `None` where there is no namespace in which to refuse them.
fn without_namespaces(name: &str) -> Option<Output> {
    let script = "echo 0 > /proc/sys/user/max_net_namespaces &&
        echo 0 > /proc/sys/user/max_user_namespaces && echo limited &&
        exec \"$0\" demo \"$1\" --auto";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c", script, PROGRAM, name])
        .output()
        .ok()?;
    String::from_utf8_lossy(&output.stdout).starts_with("limited").then_some(output)
}
