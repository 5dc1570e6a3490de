//! Every configuration that the documents show can be used as it stands.

use config::{RealEnvironment, Sources};
use model::Severity;

#[test]
fn every_example_in_the_documents_parses() {
    for file in ["README.md", "docs/configuration.md"] {
        let path = format!("{}/../../{file}", env!("CARGO_MANIFEST_DIR"));
        let document = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
        let mut examples = 0;
        for (start, _) in document.match_indices("```hcl\n") {
            let text = &document[start + "```hcl\n".len()..];
            let text = &text[..text.find("```").expect("a fence that closes")];
            let line = document[..start].matches('\n').count() + 1;
            let sources = Sources::single(file, text);
            let (_, findings) = config::parse(&sources, &RealEnvironment);
            let errors: Vec<_> =
                findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
            assert!(errors.is_empty(), "{file}, the example at line {line}: {errors:#?}");
            examples += 1;
        }
        assert!(examples > 0, "{file} shows no configuration");
    }
}
