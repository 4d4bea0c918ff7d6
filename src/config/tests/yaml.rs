//! YAML as a tree: places and spellings.

use super::super::yaml::{Content, Node};

fn scalar(position: (u64, u64), text: &str) -> Node {
    Node {
        position,
        content: Content::Scalar(text.to_owned()),
        written: None,
    }
}

#[test]
fn every_part_knows_its_place_and_its_spelling() {
    let tree = Node::parse("f", "a:\n  - 0x1F\n  - 1.10\n  - \"1.10\"\n  - yes\nb: ~\n").unwrap();
    let Content::Map(entries) = tree.content else {
        panic!("a mapping")
    };
    let items = ["0x1F", "1.10", "1.10", "yes"];
    let items = items
        .iter()
        .zip(2..)
        .map(|(text, line)| scalar((line, 5), text));
    assert_eq!(entries[0].0, scalar((1, 1), "a"));
    assert_eq!(entries[0].1.content, Content::List(items.collect()));
    assert_eq!(entries[1].1.content, Content::Nothing);
}

#[test]
fn an_empty_document_says_nothing() {
    for text in ["", "# nothing\n", "---\n"] {
        assert_eq!(
            Node::parse("f", text).unwrap().content,
            Content::Nothing,
            "{text:?}"
        );
    }
}

#[test]
fn what_is_no_yaml_is_an_error_with_its_place() {
    let error = |text: &str| Node::parse("bridge.yaml", text).unwrap_err().to_string();
    for (text, problem) in [
        ("a: [1\n", "1:4: unclosed bracket '['"),
        ("a: \"open\n", "1:4: unclosed quote"),
        (
            "a: b: c\n",
            "1:5: mapping values are not allowed in this context",
        ),
        (
            "a:\n\tb: c\n",
            "2:2: tabs disallowed within this context (block indentation)",
        ),
        (
            "a: 1\na: 2\n",
            "2:1: duplicate mapping key `a` is not allowed here",
        ),
        (
            "a: 1\n---\na: 2\n",
            "3:1: only single YAML document expected but multiple found",
        ),
    ] {
        assert_eq!(error(text), format!("bridge.yaml:{problem}"));
    }
}
