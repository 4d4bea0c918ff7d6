//! Every query we send is valid for the GitLabs we claim to support, and cheap enough.
//!
//! The schemas are real ones that lie beside the checkout in development; without them the tests
//! that need them have nothing to check against and say so.

use std::collections::BTreeSet;
use std::path::PathBuf;

use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use gitlab_metrics_bridge::demo::score;
use gitlab_metrics_bridge::metrics::{Identity, questions};
use gitlab_metrics_bridge::poll::{Capabilities, List, PROBE, Plan};
use serde_json::{Value, json};

const LISTS: [List; 5] = [
    List::Membership,
    List::All,
    List::Group,
    List::Ids,
    List::Paths,
];

/// The score that GitLab lets anonymous users have; with a token it is more.
const LIMIT: u32 = 200;

fn shared(path: &str) -> Option<String> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../shared")
        .join(path);
    let text = std::fs::read_to_string(&file).ok();
    if text.is_none() {
        eprintln!("{} is not there: not checked against it", file.display());
    }
    text
}

fn every_slot() -> BTreeSet<usize> {
    (0..questions().len()).collect()
}

/// What the probe would be answered by a GitLab with this schema.
fn probed(schema: &Valid<Schema>) -> Capabilities {
    let fields = |name: &str| -> Vec<Value> {
        let object = schema.get_object(name).unwrap();
        let fields = object.fields.iter().map(|(name, field)| {
            let arguments: Vec<_> = field
                .arguments
                .iter()
                .map(|argument| json!({"name": argument.name.as_str()}))
                .collect();
            json!({"name": name.as_str(), "args": arguments})
        });
        fields.collect()
    };
    Capabilities::from_probe(
        &json!({"project": {"fields": fields("Project")}, "query": {"fields": fields("Query")}}),
    )
}

#[test]
fn every_query_is_valid_for_every_schema_after_the_probe() {
    for (version, lacks) in [("18.8-ee", 0), ("18.4", 0), ("16.0", 0)] {
        let Some(text) = shared(&format!("gitlab/schema-{version}.graphql")) else {
            return;
        };
        let schema = Schema::parse_and_validate(text, version).unwrap_or_else(|invalid| {
            // Introspected schemas have descriptions and defaults that a strict reader minds.
            Valid::assume_valid(invalid.partial)
        });
        ExecutableDocument::parse_and_validate(&schema, PROBE, "probe").unwrap();
        let capabilities = probed(&schema);
        let plan = Plan::new(&every_slot(), &capabilities);
        assert_eq!(plan.unsupported.len(), lacks, "{version}");
        for list in LISTS {
            if list == List::Paths && !capabilities.asks_by_paths() {
                continue;
            }
            for document in [plan.document(list), plan.light_document(list)] {
                let checked = ExecutableDocument::parse_and_validate(&schema, &document, "query");
                assert!(
                    checked.is_ok(),
                    "{version} {list:?}: {}\n{document}",
                    checked.unwrap_err().errors
                );
            }
        }
    }
}

#[test]
fn a_page_of_100_projects_scores_below_the_limit() {
    let plan = Plan::new(&every_slot(), &Capabilities::default());
    for list in LISTS {
        let variables = json!({"first": 100, "path": "a", "ids": [], "paths": []});
        let scored = score(&plan.document(list), &variables).unwrap();
        assert!(scored < LIMIT, "{list:?} scores {scored}");
        assert!(plan.document(list).len() < 10_000);
    }
}

#[test]
fn the_documents_ask_what_a_reader_expects() {
    let plan = Plan::new(&every_slot(), &Capabilities::default());
    let document = plan.document(List::Membership);
    for path in Identity::ASKED {
        let name = path.split('.').next().unwrap();
        assert!(document.contains(name), "{name}");
    }
    for inner in ["mergeRequests(", "releases("] {
        for after in document.split(inner).skip(1) {
            let arguments = after.split(')').next().unwrap();
            assert!(
                arguments.contains("first: 1"),
                "{inner}{arguments}) would be charged for 100 entries"
            );
        }
    }
}
