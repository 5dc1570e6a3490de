//! `law`: explanations come true (pointsman/tests/law), for as many pairs as are wanted.

use crate::failed::Failed;
use crate::shell;

/// A run of some minutes.
const PAIRS: &str = "10000";

/// `cargo xtask law --pairs 100000 --seed 7`: prints `agreed N of N`.
pub fn carry_out(arguments: &[String]) -> Result<(), Failed> {
    let (mut pairs, mut seed) = (PAIRS.to_owned(), "1".to_owned());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let value = || format!("`{argument}` needs a number");
        let slot = match argument.as_str() {
            "--pairs" => &mut pairs,
            "--seed" => &mut seed,
            other => return Err(Failed::Usage(format!("`{other}` is not an option of `law`"))),
        };
        let number = rest.next().filter(|text| text.parse::<u64>().is_ok());
        *slot = number.ok_or_else(|| Failed::Usage(value()))?.clone();
    }
    // It waits for sockets, not for instructions: what the tests have built will do.
    let test = ["test", "--locked", "-p", "pointsman", "--test", "law"];
    shell::run(
        shell::cargo().args(test).env("LAW_PAIRS", pairs).env("LAW_SEED", seed).env("CI", "1"),
    )
}
