use std::fs;

use super::*;
use crate::LocalAuthority;

const NOW: i64 = 1_790_000_000;

/// A machine in a folder: whatever is changed, is changed there.
struct Bench {
    folder: tempfile::TempDir,
    machine: Machine,
}

impl Bench {
    fn new(folders: &[&str]) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        for below in folders {
            fs::create_dir_all(root.join(below.trim_start_matches('/'))).unwrap();
        }
        let home = folder.path().join("home");
        fs::create_dir_all(&home).unwrap();
        let this = Machine::this(|name| std::env::var(name).ok());
        let machine = Machine { root, home: Some(home), programs: this.programs };
        Bench { folder, machine }
    }

    fn debian() -> Bench {
        let bench = Bench::new(&[
            "/usr/local/share/ca-certificates",
            "/usr/share/ca-certificates",
            "/etc/ssl/certs",
            "/etc/ca-certificates/update.d",
        ]);
        fs::write(bench.machine.path("/etc/ca-certificates.conf"), "\n").unwrap();
        // Somebody else's, which stays.
        let company = bench.machine.path("/usr/local/share/ca-certificates/company.crt");
        fs::write(company, bench.anchor("company").pem).unwrap();
        bench
    }

    fn anchor(&self, state: &str) -> Anchor {
        let state = self.folder.path().join(state);
        let authority = LocalAuthority::open_or_create(&state, NOW).unwrap();
        Anchor::read(&authority.certificate_path()).unwrap()
    }

    fn without(mut self, program: &str) -> Bench {
        // All but that one, by links in a folder of their own.
        let folder = self.folder.path().join("programs");
        fs::create_dir_all(&folder).unwrap();
        for name in ["update-ca-certificates", "certutil", "chromium"] {
            if let Some(path) = self.machine.program(name).filter(|_| name != program) {
                std::os::unix::fs::symlink(path, folder.join(name)).unwrap();
            }
        }
        self.machine.programs = vec![folder];
        self
    }

    fn bundle(&self) -> String {
        let path = self.machine.path("/etc/ssl/certs/ca-certificates.crt");
        fs::read_to_string(path).unwrap_or_default()
    }

    fn profile(&self, below: &str) -> PathBuf {
        let folder = self.machine.home.as_ref().unwrap().join(below);
        fs::create_dir_all(&folder).unwrap();
        let database = format!("sql:{}", folder.display());
        let certutil = self.machine.program("certutil").unwrap();
        let arguments = ["-d", &database, "-N", "--empty-password"].map(OsStr::new);
        run(&certutil, &arguments).unwrap();
        folder
    }
}

fn outcomes(steps: &[Step]) -> Vec<&'static str> {
    let word = |step: &Step| match &step.outcome {
        Outcome::Changed { undo: Some(_), .. } => "added",
        Outcome::Changed { undo: None, .. } => "removed",
        Outcome::AsItShouldBe(_) => "as it should be",
        Outcome::NeedsRoot(_) => "needs root",
        Outcome::Cannot { .. } => "cannot",
    };
    steps.iter().map(word).collect()
}

#[test]
fn the_system_trusts_it_and_no_longer() {
    let bench = Bench::debian().without("chromium");
    let anchor = bench.anchor("state");
    let body = anchor.pem.lines().nth(3).unwrap();
    let rehearsed = trust(&anchor, &bench.machine, Mode::Rehearse);
    assert_eq!(outcomes(&rehearsed), ["added"]);
    assert!(!bench.bundle().contains(body), "a rehearsal changes nothing");

    let steps = trust(&anchor, &bench.machine, Mode::Carry);
    assert_eq!(steps, rehearsed, "what was told is what was done");
    assert!(bench.bundle().contains(body));
    let Outcome::Changed { what, undo } = &steps[0].outcome else { panic!("{steps:?}") };
    let file =
        format!("/usr/local/share/ca-certificates/pointsman-development-{}.crt", anchor.id());
    let file = bench.machine.path(&file);
    assert_eq!(what[0], format!("put `{}` in its place", file.display()));
    assert!(undo.as_ref().unwrap().contains("update-ca-certificates"));
    assert_eq!(outcomes(&trust(&anchor, &bench.machine, Mode::Carry)), ["as it should be"]);

    let one = Removal::One(&anchor);
    assert_eq!(outcomes(&untrust(&one, &bench.machine, Mode::Rehearse)), ["removed"]);
    assert!(file.exists());
    assert_eq!(outcomes(&untrust(&one, &bench.machine, Mode::Carry)), ["removed"]);
    assert!(!file.exists() && !bench.bundle().contains(body));
    for entry in fs::read_dir(bench.machine.path("/etc/ssl/certs")).unwrap() {
        let path = entry.unwrap().path();
        assert!(path.exists(), "{} leads nowhere", path.display());
    }
    let company = bench.anchor("company");
    assert!(bench.bundle().contains(company.pem.lines().nth(3).unwrap()), "others' stay");
    assert_eq!(outcomes(&untrust(&one, &bench.machine, Mode::Carry)), ["as it should be"]);
}

#[test]
fn browsers_trust_it_and_no_longer() {
    let bench = Bench::new(&[]);
    let (anchor, other) = (bench.anchor("state"), bench.anchor("other"));
    let chromium = bench.profile(".pki/nssdb");
    let firefox = bench.profile(".mozilla/firefox/abc.default");
    fs::create_dir_all(bench.machine.home.as_ref().unwrap().join(".mozilla/firefox/empty"))
        .unwrap();
    // A root without any known layout.
    let expected = ["cannot", "added", "added"];
    assert_eq!(outcomes(&trust(&anchor, &bench.machine, Mode::Rehearse)), expected);
    let steps = trust(&anchor, &bench.machine, Mode::Carry);
    assert_eq!(outcomes(&steps), expected);
    assert_eq!(steps[1].store, format!("Chromium `{}`", chromium.display()));
    assert_eq!(steps[2].store, format!("Firefox `{}`", firefox.display()));
    let again = trust(&anchor, &bench.machine, Mode::Carry);
    assert_eq!(outcomes(&again), ["cannot", "as it should be", "as it should be"]);
    trust(&other, &bench.machine, Mode::Carry);

    let one = Removal::One(&anchor);
    let gone = ["as it should be", "removed", "removed"];
    assert_eq!(outcomes(&untrust(&one, &bench.machine, Mode::Carry)), gone);
    let nothing = ["as it should be"; 3];
    assert_eq!(outcomes(&untrust(&one, &bench.machine, Mode::Carry)), nothing);
    let steps = untrust(&Removal::All, &bench.machine, Mode::Carry);
    assert_eq!(outcomes(&steps), gone);
    let Outcome::Changed { what, .. } = &steps[1].outcome else { panic!("{steps:?}") };
    assert_eq!(what, &[format!("removed \"{}\"", other.name())]);
}

#[test]
fn a_browser_that_was_never_started_has_its_store_made() {
    let bench = Bench::debian();
    let program = bench.folder.path().join("programs");
    fs::create_dir_all(&program).unwrap();
    fs::write(program.join("chromium"), "").unwrap();
    let mut machine = bench.machine.clone();
    machine.programs.push(program);
    let anchor = bench.anchor("state");
    assert_eq!(outcomes(&trust(&anchor, &machine, Mode::Carry)), ["added", "added"]);
    assert!(machine.home.unwrap().join(".pki/nssdb/cert9.db").is_file());
}

#[test]
fn what_cannot_be_done_is_said_with_what_helps() {
    let bench = Bench::debian().without("certutil");
    let anchor = bench.anchor("state");
    let folder = bench.machine.home.as_ref().unwrap().join(".pki/nssdb");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("cert9.db"), "").unwrap();
    let steps = trust(&anchor, &bench.machine, Mode::Carry);
    let Outcome::Cannot { what, hint } = &steps[1].outcome else { panic!("{steps:?}") };
    assert!(what.contains("`certutil` is needed"), "{what}");
    assert!(hint.contains("libnss3-tools") && hint.contains("nss-tools"), "{hint}");
}

#[test]
fn only_root_may_write_where_it_cannot_be_written() {
    let denied = refused(&io::ErrorKind::PermissionDenied.into(), "write `x`");
    assert_eq!(denied, Outcome::NeedsRoot("write `x`".into()));
    assert!(!denied.is_done());
}

#[test]
fn a_name_becomes_a_file_only_if_it_is_ours() {
    let rows = [
        ("Pointsman development authority 1a2b3c4d", true),
        ("Pointsman development authority", false),
        ("Pointsman development authority ../../x", false),
        ("Pointsman development authority 1a -D", false),
        ("Other authority 1a2b3c4d", false),
    ];
    for (name, ours) in rows {
        assert_eq!(is_ours(name), ours, "{name}");
    }
}
