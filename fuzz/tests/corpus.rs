//! The laws on every input that was ever interesting, and on every one that ever broke one.

use std::path::Path;

use fuzz::TARGETS;

#[test]
fn the_laws_hold_on_the_corpus() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for target in TARGETS {
        let mut count = 0;
        for folder in ["corpus", "crashes"] {
            let folder = root.join(folder).join(target.name);
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let bytes = std::fs::read(entry.path()).unwrap();
                let outcome = std::panic::catch_unwind(|| (target.check)(&bytes));
                assert!(outcome.is_ok(), "{}", entry.path().display());
                count += 1;
            }
        }
        assert!(count > 0, "the corpus of `{}` is empty", target.name);
        println!("{}: {count} inputs", target.name);
    }
}
