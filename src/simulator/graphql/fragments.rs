//! Fragments: what a query names once and selects in several places.

use std::collections::BTreeMap;

use graphql_parser::query::{
    Definition, Document, Field, FragmentDefinition, Selection, SelectionSet, TypeCondition,
};

/// The fragments of a document by their names.
pub(super) type Fragments<'d, 'q> = BTreeMap<&'d str, &'d FragmentDefinition<'q, String>>;

pub(super) fn of<'d, 'q>(document: &'d Document<'q, String>) -> Fragments<'d, 'q> {
    let fragments = document.definitions.iter();
    let fragments = fragments.filter_map(|definition| match definition {
        Definition::Fragment(fragment) => Some((fragment.name.as_str(), fragment)),
        Definition::Operation(_) => None,
    });
    fragments.collect()
}

/// The type that a fragment is about.
pub(super) fn type_of<'f>(condition: &'f TypeCondition<'_, String>) -> &'f str {
    let TypeCondition::On(kind) = condition;
    kind
}

/// The selection with the fields of its fragments in their places. The checks have seen to it that all
/// fragments exist and none holds itself.
pub(super) fn expand<'q>(
    selection: &SelectionSet<'q, String>,
    fragments: &Fragments<'_, 'q>,
) -> SelectionSet<'q, String> {
    let mut items = Vec::with_capacity(selection.items.len());
    for item in &selection.items {
        match item {
            Selection::Field(field) => items.push(Selection::Field(Field {
                selection_set: expand(&field.selection_set, fragments),
                ..field.clone()
            })),
            Selection::InlineFragment(inline) => {
                items.extend(expand(&inline.selection_set, fragments).items);
            }
            Selection::FragmentSpread(spread) => {
                let named = fragments.get(spread.fragment_name.as_str());
                items.extend(
                    named
                        .into_iter()
                        .flat_map(|named| expand(&named.selection_set, fragments).items),
                );
            }
        }
    }
    SelectionSet {
        span: selection.span,
        items,
    }
}

/// Whether a fragment holds itself, by however many others.
pub(super) fn is_circular(name: &str, fragments: &Fragments<'_, '_>) -> bool {
    let mut seen = Vec::new();
    let mut open = vec![name];
    while let Some(next) = open.pop() {
        if let Some(fragment) = fragments.get(next) {
            for spread in spreads(&fragment.selection_set) {
                if spread == name {
                    return true;
                }
                if !seen.contains(&spread) {
                    seen.push(spread);
                    open.push(spread);
                }
            }
        }
    }
    false
}

/// The names of the fragments in a selection, at any depth.
pub(super) fn spreads<'s>(selection: &'s SelectionSet<'_, String>) -> Vec<&'s str> {
    let mut names = Vec::new();
    for item in &selection.items {
        match item {
            Selection::Field(field) => names.extend(spreads(&field.selection_set)),
            Selection::InlineFragment(inline) => names.extend(spreads(&inline.selection_set)),
            Selection::FragmentSpread(spread) => names.push(spread.fragment_name.as_str()),
        }
    }
    names
}

/// How many fields stand within each other at most. Fragments are expanded.
pub(super) fn depth(selection: &SelectionSet<'_, String>) -> u32 {
    let of = |item: &Selection<'_, String>| match item {
        Selection::Field(field) => 1 + depth(&field.selection_set),
        _ => 0,
    };
    selection.items.iter().map(of).max().unwrap_or_default()
}
