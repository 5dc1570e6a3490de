//! One fuzzer for all targets: `FUZZ_TARGET` says which. libFuzzer's own `main` calls the function
//! below with one input after another.
#![no_main]

use std::sync::OnceLock;

static CHECK: OnceLock<fn(&[u8])> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let check = CHECK.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        match fuzz::target_named(&name) {
            Some(target) => target.check,
            None => {
                eprintln!("FUZZ_TARGET: there is no target `{name}`");
                std::process::exit(2);
            }
        }
    });
    check(bytes);
});
