//! Which fields and arguments GitLab's types have, as far as it tells or refuses them, and documents
//! without those that it lacks.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

/// What stands below which field of which type, and whether it is a list in pages.
const BELOW: &[(&str, &str, &str, bool)] = &[
    ("Query", "projects", "Project", true),
    ("Query", "group", "Group", false),
    ("Query", "jobs", "CiJob", true),
    ("Query", "runners", "CiRunner", true),
    ("Group", "projects", "Project", true),
    ("Group", "descendantGroups", "Group", true),
    ("Group", "runners", "CiRunner", true),
    ("Project", "environment", "Environment", false),
    ("Project", "issues", "Issue", true),
    ("Project", "mergeRequests", "MergeRequest", true),
    ("Project", "pipeline", "Pipeline", false),
    ("Project", "pipelines", "Pipeline", true),
    ("Project", "releases", "Release", true),
    ("Project", "repository", "Repository", false),
    ("Project", "statistics", "ProjectStatistics", false),
    ("Project", "userPermissions", "ProjectPermissions", false),
    ("Pipeline", "jobs", "CiJob", true),
    ("Pipeline", "testReportSummary", "TestReportSummary", false),
    ("CiJob", "stage", "CiStage", false),
    ("Environment", "lastDeployment", "Deployment", false),
    ("Deployment", "job", "CiJob", false),
];

/// What GitLab's types have. What it does not say is tried.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    known: BTreeMap<&'static str, HashSet<String>>,
    /// A type and a field that it lacks, though GitLab did not say so before.
    lost: BTreeSet<(String, String)>,
    /// A field and an argument that it does not take, whatever its type.
    lost_arguments: BTreeSet<(String, String)>,
}

/// Where a selection stands: in a type, or in a list of them, which has pages.
type Place = Option<(&'static str, bool)>;

impl Fields {
    /// Reads what the probe was told: each type that stands below another, under its own name.
    pub fn from_probe(data: &Value) -> Fields {
        let mut known = BTreeMap::new();
        for (_, _, kind, _) in BELOW {
            let fields = data[*kind]["fields"].as_array().into_iter().flatten();
            let names = fields.filter_map(|field| Some(field["name"].as_str()?.to_owned()));
            let names: HashSet<String> = names.collect();
            if !names.is_empty() {
                known.insert(*kind, names);
            }
        }
        Fields {
            known,
            ..Fields::default()
        }
    }

    /// Notes that a type lacks a field. False if that was known already.
    pub fn lose(&mut self, kind: &str, field: &str) -> bool {
        self.lost.insert((kind.to_owned(), field.to_owned()))
    }

    /// Notes that a field does not take an argument. False if that was known already.
    pub fn lose_argument(&mut self, field: &str, argument: &str) -> bool {
        let lost = (field.to_owned(), argument.to_owned());
        self.lost_arguments.insert(lost)
    }

    /// Whether a path below a type can be asked.
    pub fn has(&self, root: &'static str, path: &str) -> bool {
        let mut scanner = Scanner { text: path, at: 0 };
        let mut place: Place = Some((root, false));
        while let Some(field) = scanner.field() {
            if !self.has_field(place, &field) {
                return false;
            }
            place = below(place, field.name);
            scanner.takes('.');
        }
        true
    }

    /// A document without what GitLab lacks, and without the variables that only that needed.
    pub fn pruned(&self, document: &str) -> String {
        let Some(at) = document.find('{') else {
            return document.to_owned();
        };
        let mut scanner = Scanner {
            text: document,
            at: at + 1,
        };
        let mut lacks = false;
        let body = self.selection(&mut scanner, Some(("Query", false)), &mut lacks);
        match body {
            Some(body) if lacks && !body.is_empty() => {
                let head = head(&document[..at], &body);
                format!("{head}{{ {body} }}")
            }
            // There is nothing to leave out, or it is not written as our documents are.
            _ => document.to_owned(),
        }
    }

    /// A selection up to its closing brace; none if it is not written as ours are.
    fn selection(
        &self,
        scanner: &mut Scanner<'_>,
        place: Place,
        lacks: &mut bool,
    ) -> Option<String> {
        let mut kept: Vec<String> = Vec::new();
        while !scanner.takes('}') {
            let field = scanner.field()?;
            let mut text = field.text.to_owned();
            let mut is_kept = self.has_field(place, &field);
            if scanner.takes('{') {
                let members = self.selection(scanner, below(place, field.name), lacks)?;
                is_kept &= !members.is_empty();
                text = format!("{text} {{ {members} }}");
            }
            match is_kept {
                true => kept.push(text),
                false => *lacks = true,
            }
        }
        Some(kept.join(" "))
    }

    fn has_field(&self, place: Place, field: &Field<'_>) -> bool {
        let takes = |argument: &str| {
            let lost = self.lost_arguments.iter();
            let mut lost = lost.filter(|(of, _)| of == field.name);
            !lost.any(|(_, lost)| lost == argument)
        };
        if !argument_names(field.arguments).all(takes) {
            return false;
        }
        // A list in pages has its own fields, which all GitLabs have.
        let Some((kind, false)) = place else {
            return true;
        };
        let known = self.known.get(kind);
        known.is_none_or(|known| known.contains(field.name))
            && !self
                .lost
                .contains(&(kind.to_owned(), field.name.to_owned()))
    }
}

/// Where the members of a field stand; none if nothing is known of them.
fn below(place: Place, field: &str) -> Place {
    let (kind, is_list) = place?;
    if is_list {
        return (field == "nodes").then_some((kind, false));
    }
    let found = BELOW
        .iter()
        .find(|(of, name, ..)| *of == kind && *name == field);
    found.map(|(_, _, kind, is_list)| (*kind, *is_list))
}

/// The beginning of a document, without the variables that its body does not name.
fn head(head: &str, body: &str) -> String {
    let Some((name, declared)) = head.split_once('(') else {
        return head.to_owned();
    };
    let declared = declared.trim_end().trim_end_matches(')');
    let is_used = |variable: &&str| {
        let name = variable.split(':').next().unwrap_or_default().trim();
        body.match_indices(name).any(|(at, _)| {
            let after = body[at + name.len()..].chars().next();
            !after.is_some_and(is_of_a_name)
        })
    };
    let used: Vec<&str> = declared.split(", ").filter(is_used).collect();
    match used.is_empty() {
        true => format!("{name} "),
        false => format!("{name}({}) ", used.join(", ")),
    }
}

/// The names of arguments such as `(first: 1, state: opened)`.
fn argument_names(arguments: &str) -> impl Iterator<Item = &str> {
    let inner = arguments.trim_matches(['(', ')']);
    let names = inner.split(',').filter_map(|one| one.split_once(':'));
    names.map(|(name, _)| name.trim())
}

fn is_of_a_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// A field as it is written, with its alias and arguments.
struct Field<'a> {
    text: &'a str,
    name: &'a str,
    arguments: &'a str,
}

/// Reads the fields of a document or of a path one by one.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\n', ',']).len();
    }

    fn takes(&mut self, mark: char) -> bool {
        self.skip_space();
        let there = self.text[self.at..].starts_with(mark);
        self.at += usize::from(there);
        there
    }

    fn name(&mut self) -> &'a str {
        self.skip_space();
        let rest = &self.text[self.at..];
        let end = rest.find(|letter| !is_of_a_name(letter));
        let name = &rest[..end.unwrap_or(rest.len())];
        self.at += name.len();
        name
    }

    /// The next field; none where there is none.
    fn field(&mut self) -> Option<Field<'a>> {
        self.skip_space();
        let begin = self.at;
        let mut name = self.name();
        if self.takes(':') {
            name = self.name();
        }
        let (open, mut end) = (self.at, self.at);
        if self.takes('(') {
            self.at = begin + closed(&self.text[begin..])?;
            end = self.at;
        } else {
            end = end.min(begin + self.text[begin..end].trim_end().len());
            self.at = end;
        }
        (!name.is_empty()).then_some(Field {
            text: &self.text[begin..end],
            name,
            arguments: &self.text[open.min(end)..end],
        })
    }
}

/// Behind the parenthesis that closes the first one; those in texts do not count.
fn closed(text: &str) -> Option<usize> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => in_text = !in_text,
            '(' if !in_text => depth += 1,
            ')' if !in_text && depth <= 1 => return Some(at + 1),
            ')' if !in_text => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn without(kind: &str, field: &str) -> Fields {
        let mut fields = Fields::default();
        assert!(fields.lose(kind, field));
        assert!(!fields.lose(kind, field), "known already");
        fields
    }

    #[test]
    fn a_lost_field_is_left_out_wherever_it_stands_and_takes_its_variables_along() {
        let document = "query Q($ids: [ID!], $name1: String, $name10: String) { \
            one: projects(ids: $ids, first: 2) { nodes { id \
            a: environment(name: $name1) { lastDeployment(status: FAILED) { job { duration } } } \
            b: environment(name: $name10) { id lastDeployment(status: FAILED) { finishedAt job { duration } } } \
            pipelines(x: \"a)b(\", first: 1) { nodes { id jobs { nodes { id duration } } } pageInfo { hasNextPage } } \
            } pageInfo { hasNextPage } } queryComplexity { limit score } }";
        assert_eq!(Fields::default().pruned(document), document);
        let pruned = without("CiJob", "duration").pruned(document);
        assert_eq!(
            pruned,
            "query Q($ids: [ID!], $name10: String) { \
            one: projects(ids: $ids, first: 2) { nodes { id \
            b: environment(name: $name10) { id lastDeployment(status: FAILED) { finishedAt } } \
            pipelines(x: \"a)b(\", first: 1) { nodes { id jobs { nodes { id } } } pageInfo { hasNextPage } } \
            } pageInfo { hasNextPage } } queryComplexity { limit score } }"
        );
    }

    #[test]
    fn a_path_is_asked_only_if_each_type_on_it_has_its_field() {
        let names = [json!({"name": "id"}), json!({"name": "status"})];
        let mut fields = Fields::from_probe(&json!({"Pipeline": {"fields": names}}));
        let newest = "pipelines(source: \"parent_pipeline\", first: 20)";
        assert!(fields.has("Project", &format!("{newest}.nodes.status")));
        assert!(fields.has("Project", &format!("{newest}.pageInfo.endCursor")));
        assert!(!fields.has("Project", &format!("{newest}.nodes.totalJobs")));
        assert!(
            fields.has("Project", "stars.nodes.totalJobs"),
            "of another type"
        );
        assert!(fields.lose_argument("pipelines", "source"));
        assert!(!fields.has("Project", &format!("{newest}.nodes.status")));
        assert!(fields.has("Project", "pipelines(first: 20).nodes.status"));
    }
}
