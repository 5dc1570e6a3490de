//! Running other programs.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::failed::Failed;
use crate::tree;

/// The cargo that runs us.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(tree::root()).stdin(Stdio::null());
    command
}

/// Whether `program` answers at all.
pub fn is_there(program: &str) -> bool {
    folders().iter().any(|folder| folder.join(program).is_file())
}

/// For `PATH`: Debian keeps servers in sbin, which the path of an ordinary user may lack.
pub fn path_with_sbin() -> OsString {
    std::env::join_paths(folders()).unwrap_or_default()
}

fn folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(sbin).collect()
}

/// Announces and runs; what it prints goes to the terminal.
pub fn run(command: &mut Command) -> Result<(), Failed> {
    announce(command);
    let status = command.status().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(ended(command, &status)) }
}

/// Standard output of a program that must succeed.
pub fn output(command: &mut Command) -> Result<String, Failed> {
    let output =
        command.stderr(Stdio::inherit()).output().map_err(|error| not_started(command, &error))?;
    if !output.status.success() {
        return Err(ended(command, &output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Announces and runs; what it prints is shown as it comes, and the lines for which `keep` is true
/// are returned, whether it succeeded or not.
pub fn run_and_keep(
    command: &mut Command,
    keep: fn(&str) -> bool,
) -> (Vec<String>, Result<(), Failed>) {
    announce(command);
    let mut child = match command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return (Vec::new(), Err(not_started(command, &error))),
    };
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let kept = std::thread::scope(|scope| {
        let out = scope.spawn(move || echo(out, keep, |line| println!("{line}")));
        let mut kept = echo(err, keep, |line| eprintln!("{line}"));
        kept.extend(out.join().unwrap_or_default());
        kept
    });
    let result = match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(ended(command, &status)),
        Err(error) => Err(not_started(command, &error)),
    };
    (kept, result)
}

fn echo(stream: Option<impl Read>, keep: fn(&str) -> bool, print: fn(&str)) -> Vec<String> {
    let Some(stream) = stream else { return Vec::new() };
    let mut kept = Vec::new();
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        print(&line);
        if keep(&line) {
            kept.push(line.trim().to_owned());
        }
    }
    kept
}

fn announce(command: &Command) {
    eprintln!("$ {}", words(command));
}

fn words(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name();
    let words = program.into_iter().chain(command.get_args()).map(OsStr::to_string_lossy);
    words.collect::<Vec<_>>().join(" ")
}

fn not_started(command: &Command, error: &std::io::Error) -> Failed {
    Failed::Missing { what: format!("`{}`", words(command)), remedy: error.to_string() }
}

fn ended(command: &Command, status: &std::process::ExitStatus) -> Failed {
    Failed::Command { line: words(command), status: status.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_also_of_a_program_that_fails() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo keep 1; echo drop; echo keep 2 >&2; exit 3"]);
        let (mut kept, result) = run_and_keep(&mut command, |line| line.starts_with("keep"));
        kept.sort();
        assert_eq!(kept, ["keep 1", "keep 2"]);
        assert!(matches!(result, Err(Failed::Command { .. })), "{result:?}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let failed = run(&mut Command::new("no-such-program")).unwrap_err();
        assert!(failed.to_string().contains("no-such-program"), "{failed}");
        assert!(!is_there("no-such-program"));
        assert!(is_there("sh"));
    }
}
